//! What a confirm means, and what is refused without one.

use std::{collections::BTreeSet, time::Duration};

use broker::{BrokerState, Destination, Outgoing, PublishError, Publisher, Settings};
use futures_util::future::join_all;
use messages::topology::Declarations;
use platform::runtime::Tasks;
use serde_json::json;
use testing::TestBroker;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::helpers::{PATIENCE, QUEUE, ids, publish, publisher, reach, settings};

#[tokio::test]
async fn a_confirmed_message_is_in_the_queue_as_it_was_given() {
    let broker = TestBroker::create().await;
    let publisher = publisher(settings(&broker), &Tasks::default()).await;
    let id = Uuid::now_v7();
    let message =
        Outgoing::new(QUEUE, id, r#"{"a": 1 }"#).with_header("traceparent", "00-ab-cd-01");
    publisher.publish(message, PATIENCE).await.unwrap();

    let messages = broker.drain(QUEUE).await;
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].body, r#"{"a": 1 }"#);
    assert_eq!(messages[0].id(), Some(id.to_string().as_str()));
    assert_eq!(messages[0].header("traceparent"), Some("00-ab-cd-01"));
    assert_eq!(messages[0].properties["delivery_mode"], 2);
    assert_eq!(messages[0].properties["content_type"], "application/json");
    let queue = broker.queue(QUEUE).await;
    assert_eq!(queue["durable"], true);
    assert_eq!(queue["arguments"], json!({ "x-queue-type": "quorum" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_from_many_callers_arrive_once_each() {
    let broker = TestBroker::create().await;
    let publisher = publisher(settings(&broker), &Tasks::default()).await;
    let caller = async || {
        let mut confirmed = BTreeSet::new();
        for _ in 0..50 {
            confirmed.extend(publish(&publisher, "{}").await);
        }
        confirmed
    };
    let confirmed: BTreeSet<Uuid> = join_all((0..64).map(|_| caller()))
        .await
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(confirmed.len(), 64 * 50);
    let messages = broker.drain(QUEUE).await;
    assert_eq!(messages.len(), confirmed.len());
    assert_eq!(ids(&messages), confirmed);
}

#[tokio::test]
async fn a_body_above_one_frame_arrives_whole() {
    let broker = TestBroker::create().await;
    let publisher = publisher(settings(&broker), &Tasks::default()).await;
    let body = "x".repeat(300_000);
    publish(&publisher, &body).await.unwrap();
    publish(&publisher, "").await.unwrap();
    let bodies: Vec<_> = broker
        .drain(QUEUE)
        .await
        .into_iter()
        .map(|message| message.body)
        .collect();
    assert_eq!(bodies, [body, String::new()]);
}

#[tokio::test]
async fn a_queue_that_was_not_declared_is_refused_at_once() {
    let broker = TestBroker::create().await;
    let publisher = publisher(settings(&broker), &Tasks::default()).await;
    for other in ["other".into(), Destination::Fanout(QUEUE.into())] {
        let message = Outgoing::new(other, Uuid::now_v7(), "{}");
        let result = publisher.publish(message, PATIENCE).await;
        assert_eq!(result, Err(PublishError::Undeclared));
    }
}

#[tokio::test]
async fn without_a_broker_the_answer_comes_at_the_deadline() {
    let publisher = Publisher::start(nowhere(), Declarations::queues([QUEUE]), &Tasks::default());
    let begin = Instant::now();
    let message = Outgoing::new(QUEUE, Uuid::now_v7(), "{}");
    let result = publisher.publish(message, Duration::from_millis(300)).await;
    assert_eq!(result, Err(PublishError::Unconfirmed));
    assert!(
        (300..1500).contains(&begin.elapsed().as_millis()),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(*publisher.state().borrow(), BrokerState::Disconnected);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let publisher = Publisher::start(nowhere(), Declarations::queues([QUEUE]), &Tasks::default());
    let send = |body: &'static str| {
        let message = Outgoing::new(QUEUE, Uuid::now_v7(), body);
        publisher.publish(message, Duration::from_secs(1))
    };
    let results = join_all((0..5000).map(|_| send("{}"))).await;
    let overloaded = results
        .iter()
        .filter(|result| **result == Err(PublishError::Overloaded));
    assert_eq!(overloaded.count(), 5000 - 4096);
}

#[tokio::test]
async fn too_many_bytes_are_refused_at_once() {
    let publisher = Publisher::start(nowhere(), Declarations::queues([QUEUE]), &Tasks::default());
    let send = || {
        let message = Outgoing::new(QUEUE, Uuid::now_v7(), vec![b'x'; 1024 * 1024]);
        publisher.publish(message, Duration::from_secs(1))
    };
    let results = join_all((0..40).map(|_| send())).await;
    let overloaded = results
        .iter()
        .filter(|result| **result == Err(PublishError::Overloaded));
    assert_eq!(overloaded.count(), 40 - 32);
}

#[tokio::test]
async fn writing_and_configuring_its_queue_is_all_that_it_needs() {
    let broker = TestBroker::create().await;
    let user = broker
        .add_user("writer", "^tested$", r"^(amq\.default|tested)$", "^$")
        .await;
    let settings = Settings {
        user: user.clone(),
        password: user.into(),
        ..settings(&broker)
    };
    let publisher = Publisher::start(settings, Declarations::queues([QUEUE]), &Tasks::default());
    let id = publish(&publisher, "{}").await.unwrap();
    assert!(ids(&broker.drain(QUEUE).await).contains(&id));
}

#[tokio::test]
async fn a_wrong_password_never_connects_and_never_ends() {
    let broker = TestBroker::create().await;
    let tasks = Tasks::default();
    let settings = Settings {
        password: "wrong".into(),
        ..settings(&broker)
    };
    let publisher = Publisher::start(settings, Declarations::queues([QUEUE]), &tasks);
    let message = Outgoing::new(QUEUE, Uuid::now_v7(), "{}");
    let result = publisher.publish(message, Duration::from_secs(1)).await;
    assert_eq!(result, Err(PublishError::Unconfirmed));
    assert_eq!(tasks.tracker.len(), 1);
}

#[tokio::test]
async fn a_queue_of_another_kind_is_left_alone_until_somebody_removes_it() {
    let broker = TestBroker::create().await;
    broker.declare_queue(QUEUE, json!({})).await;
    let publisher = Publisher::start(
        settings(&broker),
        Declarations::queues([QUEUE]),
        &Tasks::default(),
    );
    let message = Outgoing::new(QUEUE, Uuid::now_v7(), "{}");
    let result = publisher.publish(message, Duration::from_secs(1)).await;
    assert_eq!(result, Err(PublishError::Unconfirmed));
    assert_eq!(*publisher.state().borrow(), BrokerState::Disconnected);

    broker.delete_queue(QUEUE).await;
    reach(publisher.state(), BrokerState::Connected).await;
    assert!(publish(&publisher, "{}").await.is_some());
}

/// A port where nobody listens.
fn nowhere() -> Settings {
    Settings {
        variables: "TEST_AMQP",
        host: "127.0.0.1".into(),
        port: 1,
        vhost: "/".into(),
        user: "nobody".into(),
        password: "nothing".into(),
    }
}

/// While a service stops, the last who can publish may be gone before the publisher is told to stop.
#[tokio::test]
async fn a_publisher_without_a_handle_lives_until_the_stop() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    drop(publisher(settings(&broker), &tasks).await);
    tasks.tracker.close();
    let ended = timeout(Duration::from_secs(1), tasks.tracker.wait()).await;
    assert!(ended.is_err(), "it has ended");
    tasks.stop.cancel();
    timeout(PATIENCE, tasks.tracker.wait()).await.unwrap();
    assert_eq!(tasks.failure(), None);
}
