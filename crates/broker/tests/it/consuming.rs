//! Batches, redelivery, and holding while the store is away.

use std::{collections::BTreeSet, time::Duration};

use broker::{
    DeadLetters, Outgoing, PublishError, Settings, consumer::Limits, dead_letters::Which,
};
use platform::runtime::Tasks;
use testing::TestBroker;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::{
    helpers::{PATIENCE, QUEUE, eventually, publish, publish_all, publisher, settings, stop},
    recorder::Recorder,
};

fn bodies(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("good {n}"))
}

fn distinct(stored: Vec<String>) -> BTreeSet<String> {
    stored.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_stored_once_and_in_order_in_batches() {
    let broker = TestBroker::create().await;
    let (intake, output) = (Tasks::default(), Tasks::default());
    let publisher = publisher(settings(&broker), &output).await;
    for body in bodies(20) {
        publish(&publisher, &body).await.unwrap();
    }
    publish_all(&publisher, bodies(1300).skip(20)).await;
    let recorder = Recorder::default();
    recorder
        .start(settings(&broker), &publisher, Limits::default(), &intake)
        .await;
    eventually("all are stored", || recorder.stored().len() >= 1300).await;
    stop(&intake).await;

    assert_eq!(recorder.stored()[..20], bodies(20).collect::<Vec<_>>());
    assert_eq!(recorder.stored().len(), 1300);
    assert_eq!(distinct(recorder.stored()).len(), 1300);
    let sizes: Vec<_> = recorder.batches().iter().map(Vec::len).collect();
    assert!(sizes.iter().all(|size| *size <= 500), "{sizes:?}");
    assert!(sizes.len() < 100, "in batches, not one by one: {sizes:?}");
    assert_eq!(broker.drain(QUEUE).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_message_does_not_wait_for_company() {
    let broker = TestBroker::create().await;
    let tasks = Tasks::default();
    let publisher = publisher(settings(&broker), &tasks).await;
    let hour = Duration::from_secs(3_600);
    let (window, lull) = (Limits::default().window, Limits::default().lull);
    for (round, (window, lull)) in [(hour, lull), (window, hour)].into_iter().enumerate() {
        let intake = Tasks::default();
        let recorder = Recorder::default();
        let limits = Limits {
            window,
            lull,
            ..Limits::default()
        };
        recorder
            .start(settings(&broker), &publisher, limits, &intake)
            .await;
        for n in 1..=3 {
            publish(&publisher, &format!("alone {round}"))
                .await
                .unwrap();
            eventually("it is stored", || recorder.stored().len() == n).await;
        }
        stop(&intake).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_acknowledged_is_delivered_again() {
    let broker = TestBroker::create().await;
    let (intake, output) = (Tasks::default(), Tasks::default());
    let publisher = publisher(settings(&broker), &output).await;
    publish_all(&publisher, bodies(3000)).await;
    let recorder = Recorder::default();
    recorder.set_delay(Duration::from_millis(100));
    let limits = Limits {
        batch: 20,
        ..Limits::default()
    };
    recorder
        .start(settings(&broker), &publisher, limits, &intake)
        .await;
    for _ in 0..2 {
        broker.close_connections().await;
    }
    recorder.set_delay(Duration::ZERO);
    eventually("all are stored", || {
        distinct(recorder.stored()).len() == 3000
    })
    .await;
    let again = recorder
        .batches()
        .iter()
        .flatten()
        .any(|message| message.redelivered);
    assert!(
        again,
        "the connection was closed while messages were in hand"
    );
    stop(&intake).await;
    assert_eq!(broker.drain(QUEUE).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_held_in_place_while_the_store_is_away() {
    let broker = TestBroker::create().await;
    let (intake, output) = (Tasks::default(), Tasks::default());
    let publisher = publisher(settings(&broker), &output).await;
    publish_all(&publisher, bodies(300)).await;
    let recorder = Recorder::default();
    recorder.set_away(true);
    recorder
        .start(settings(&broker), &publisher, Limits::default(), &intake)
        .await;
    sleep(Duration::from_secs(2)).await;
    assert!(
        (3..20).contains(&recorder.tries()),
        "{} tries: a pause between them",
        recorder.tries()
    );
    recorder.set_away(false);
    let begin = Instant::now();
    eventually("all are stored", || recorder.stored().len() == 300).await;
    assert!(
        begin.elapsed() < Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
    let again = recorder
        .batches()
        .iter()
        .flatten()
        .any(|message| message.redelivered);
    assert!(!again, "held, not given back");
    stop(&intake).await;
    assert_eq!(broker.drain(QUEUE).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_held_too_long_goes_back_and_comes_again() {
    let broker = TestBroker::create().await;
    let tasks = Tasks::default();
    let publisher = publisher(settings(&broker), &tasks).await;
    publish_all(&publisher, bodies(50)).await;
    let recorder = Recorder::default();
    recorder.set_away(true);
    let limits = Limits {
        hold: Duration::from_millis(300),
        ..Limits::default()
    };
    recorder
        .start(settings(&broker), &publisher, limits, &tasks)
        .await;
    sleep(Duration::from_millis(1500)).await;
    recorder.set_away(false);
    eventually("all are stored", || recorder.stored().len() == 50).await;
    let again = recorder
        .batches()
        .iter()
        .flatten()
        .all(|message| message.redelivered);
    assert!(again, "let go in between");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_two_batches_are_fetched_ahead() {
    let broker = TestBroker::create().await;
    let (intake, output) = (Tasks::default(), Tasks::default());
    let publisher = publisher(settings(&broker), &output).await;
    publish_all(&publisher, bodies(1500)).await;
    let recorder = Recorder::default();
    recorder.set_away(true);
    let limits = Limits {
        batch: 200,
        ..Limits::default()
    };
    recorder
        .start(settings(&broker), &publisher, limits, &intake)
        .await;
    eventually("a batch is tried", || recorder.tries() > 0).await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!(broker.drain(QUEUE).await.len(), 1500 - 400);
}

/// Also when the broker has not cancelled the consumer, or has delivered the message to what it knows of the old queue:
/// both happen when the monitor declares the queue while it is being deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_is_made_again_and_consumed() {
    let broker = TestBroker::create().await;
    let tasks = Tasks::default();
    let publisher = publisher(settings(&broker), &tasks).await;
    let recorder = Recorder::default();
    recorder
        .start(settings(&broker), &publisher, Limits::default(), &tasks)
        .await;
    broker.delete_queue(QUEUE).await;
    let after = || Outgoing::new(QUEUE, Uuid::now_v7(), "after".to_owned());
    let published = async {
        while let Err(error) = publisher.publish(after(), PATIENCE).await {
            // A quorum queue refuses messages while it is being deleted (rabbitmq-server#15333).
            let not_taken = [PublishError::Refused, PublishError::Unroutable];
            assert!(not_taken.contains(&error), "{error}");
        }
    };
    timeout(PATIENCE, published).await.expect("it is taken");
    eventually("it is stored", || recorder.stored() == ["after"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_two_queues_are_all_that_it_needs_rights_for() {
    let broker = TestBroker::create().await;
    let tasks = Tasks::default();
    let (own, write) = (r"^tested(\.dead)?$", r"^(amq\.default|tested(\.dead)?)$");
    let user = broker.add_user("reader", own, write, own).await;
    let settings = Settings {
        user: user.clone(),
        password: user.into(),
        ..settings(&broker)
    };
    let publisher = publisher(settings.clone(), &tasks).await;
    let recorder = Recorder::default();
    recorder
        .start(settings.clone(), &publisher, Limits::default(), &tasks)
        .await;
    publish_all(&publisher, ["good".into(), "bad".into()]).await;
    eventually("one is refused", || recorder.refusals().len() == 1).await;
    let dead = DeadLetters::new(settings, QUEUE);
    let listed = async {
        while dead.list(9).await.unwrap().is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, listed).await.expect("its dead letter");
    assert_eq!(dead.replay(Which::All, &publisher).await.unwrap(), 1);
    eventually("it is refused again", || recorder.refusals().len() == 2).await;
}
