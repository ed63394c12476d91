//! What is published, in which order, and how often.

use broker::{Outgoing, outbox};
use platform::{
    database::{Connection, DatabaseError},
    trace_context::{TRACEPARENT, X_REQUEST_ID},
};
use uuid::Uuid;

use crate::helpers::{LIMITS, Moment, QUEUE, Servers, messages, new_ids, set, write};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn what_a_transaction_has_committed_is_published_as_it_was_written() {
    let servers = Servers::prepare().await;
    let id = Uuid::new_v4();
    let written = Outgoing::new(QUEUE, id, "{\"é\":1}")
        .with_header(X_REQUEST_ID, "r-1")
        .with_header(TRACEPARENT, TRACE);
    let process = servers.start(LIMITS);
    write(&process.database, &[written]).await.unwrap();

    servers.until_left(0).await;
    let messages = servers.broker.drain(QUEUE).await;
    let [message] = &messages[..] else {
        panic!("one message, not {messages:?}")
    };
    assert_eq!(message.id(), Some(id.to_string().as_str()));
    assert_eq!(message.body, "{\"é\":1}");
    assert_eq!(message.header(X_REQUEST_ID), Some("r-1"));
    assert_eq!(message.header(TRACEPARENT), Some(TRACE));
    assert_eq!(message.properties["delivery_mode"], 2);
    process.stop().await;
}

#[tokio::test]
async fn what_was_rolled_back_is_never_published() {
    let servers = Servers::prepare().await;
    let process = servers.start(LIMITS);
    let rolled_back = async |transaction: &mut Connection| {
        outbox::add(transaction, &messages(&new_ids(1))[0]).await?;
        Err::<(), _>(DatabaseError::Late(LIMITS.poll))
    };
    process.database.transaction(rolled_back).await.unwrap_err();
    let later = new_ids(1);
    write(&process.database, &messages(&later)).await.unwrap();

    servers.until_left(0).await;
    assert_eq!(servers.take_ids().await, later);
}

#[tokio::test]
async fn an_id_that_was_written_twice_is_one_message() {
    let servers = Servers::prepare().await;
    let ids = new_ids(1);
    let database = servers.database();
    for _ in 0..2 {
        write(&database, &messages(&ids)).await.unwrap();
    }
    let _process = servers.start(LIMITS);
    servers.until_left(0).await;
    assert_eq!(servers.take_ids().await, ids);
}

#[tokio::test]
async fn many_messages_are_written_at_once_and_keep_their_order() {
    let servers = Servers::prepare().await;
    let ids = new_ids(300);
    let database = servers.database();
    for count in [0, 200, 300] {
        let many = messages(&ids[..count]);
        let write = async |transaction: &mut Connection| {
            outbox::add_all(transaction, &[&many[..], &many[..]].concat()).await
        };
        database.transaction(write).await.unwrap();
    }
    let one_by_one = outbox::Limits { batch: 1, ..LIMITS };
    let _process = servers.start(one_by_one);
    servers.until_left(0).await;
    assert_eq!(servers.take_ids().await, ids);
}

#[tokio::test]
async fn the_oldest_goes_first_and_of_one_age_the_one_that_was_written_first() {
    let servers = Servers::prepare().await;
    let ids = new_ids(30);
    // Seven ages, written in an order that is not theirs.
    let age = |place: usize| (place * 5) % 7;
    for (place, id) in ids.iter().enumerate() {
        let age = age(place);
        let row = format!(
            "INSERT INTO outbox (id, route, body, created_at) \
             VALUES ('{id}', 'queue:{QUEUE}', '{{}}', timestamptz '2026-01-01' - {age} * interval '1 hour')"
        );
        servers.database.execute(&row).await;
    }
    let one_by_one = outbox::Limits { batch: 1, ..LIMITS };
    let _process = servers.start(one_by_one);

    servers.until_left(0).await;
    let mut places: Vec<usize> = (0..ids.len()).collect();
    places.sort_by_key(|&place| std::cmp::Reverse(age(place)));
    let expected: Vec<_> = places.into_iter().map(|place| ids[place]).collect();
    assert_eq!(servers.take_ids().await, expected);
}

#[tokio::test]
async fn a_transaction_that_commits_after_younger_ones_is_not_overlooked() {
    let servers = Servers::prepare().await;
    let process = servers.start(LIMITS);
    let [old, young] = [Uuid::new_v4(), Uuid::new_v4()];
    let late = servers.database.connect().await;
    let insert = format!(
        "BEGIN; INSERT INTO outbox (id, route, body) VALUES ('{old}', 'queue:{QUEUE}', '{{}}')"
    );
    late.batch_execute(&insert).await.unwrap();
    write(&process.database, &messages(&[young])).await.unwrap();
    servers.until_left(0).await;
    late.batch_execute("COMMIT").await.unwrap();
    servers.until_left(0).await;
    assert_eq!(servers.take_ids().await, [young, old]);
}

#[tokio::test]
async fn two_relays_publish_each_message_once() {
    let servers = Servers::prepare().await;
    let ids = new_ids(2_000);
    servers.fill(&ids).await;
    let processes = [servers.start(LIMITS), servers.start(LIMITS)];
    servers.until_left(0).await;
    let taken = servers.take_ids().await;
    assert_eq!(set(&taken), set(&ids));
    assert_eq!(taken.len(), ids.len());
    for process in processes {
        process.stop().await;
    }
}

#[tokio::test]
async fn what_another_relay_holds_is_left_to_it_and_does_not_stop_the_others() {
    let servers = Servers::prepare().await;
    let ids = new_ids(150);
    servers.fill(&ids).await;
    let other = servers.database.connect().await;
    let hold = "BEGIN; SELECT FROM outbox ORDER BY created_at, position LIMIT 100 FOR UPDATE";
    other.batch_execute(hold).await.unwrap();

    let _process = servers.start(LIMITS);
    servers.until_left(100).await;
    assert_eq!(set(&servers.take_ids().await), set(&ids[100..]));
    other.batch_execute("ROLLBACK").await.unwrap();
    servers.until_left(0).await;
    assert_eq!(set(&servers.take_ids().await), set(&ids[..100]));
}

#[tokio::test]
async fn a_stop_finishes_the_batch_in_hand_and_leaves_the_rest() {
    let servers = Servers::prepare().await;
    let ids = new_ids(3);
    servers.fill(&ids).await;
    let stopped = servers.stop_before(Moment::Delete).await;
    let process = servers.start(outbox::Limits { batch: 1, ..LIMITS });
    servers.until_stopped().await;

    process.begin_stop();
    stopped.go_on().await;
    process.stop().await;
    assert_eq!(servers.rows("true").await, 2);
    assert_eq!(servers.take_ids().await, ids[..1]);
    let _next = servers.start(LIMITS);
    servers.until_left(0).await;
    assert_eq!(set(&servers.take_ids().await), set(&ids[1..]));
}
