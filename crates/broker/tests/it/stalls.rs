//! Recording that stops for no reason is noticed from outside of what records, told, and ended.

use std::time::Duration;

use broker::{Consuming, Monitor, consumer::Limits};
use platform::runtime::Tasks;
use testing::TestBroker;
use tokio::time::sleep;

use crate::{
    helpers::{QUEUE, eventually, metric, publish, publisher, settings, stop},
    recorder::Recorder,
};

/// A watchdog that loses its patience early, and batches of one.
const LIMITS: Limits = Limits {
    batch: 1,
    window: Duration::ZERO,
    hold: Duration::from_secs(60),
    drain: Duration::from_millis(100),
    confirm: Duration::from_secs(5),
    stall: Duration::from_secs(2),
};

/// Consumes a queue of this name, for a metric of its own.
async fn consume(
    broker: &TestBroker,
    queue: &str,
    recorder: &Recorder,
    tasks: &Tasks,
) -> Consuming {
    let publisher = broker::Publisher::start(settings(broker), &[queue], tasks);
    recorder
        .start(settings(broker), &publisher, LIMITS, tasks)
        .await
}

async fn send(broker: &TestBroker, queue: &str) {
    assert!(broker.publish(queue, serde_json::json!({}), "waits").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_never_returns_is_given_up_and_the_message_comes_again() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let recorder = Recorder::of("given_up");
    recorder.interrupt(async || sleep(Duration::from_secs(3_600)).await);
    consume(&broker, "given_up", &recorder, &tasks).await;
    send(&broker, "given_up").await;
    eventually("it is stored at the second try", || {
        recorder.stored().len() == 1
    })
    .await;
    assert_eq!(metric("broker_stalls_total", "given_up"), Some(1.0));
    stop(&tasks).await;
    assert_eq!(tasks.failure(), None);
    assert_eq!(broker.drain("given_up").await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_connecting_anew_does_not_help_the_process_ends() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let recorder = Recorder::of("hopeless");
    recorder.set_delay(Duration::from_secs(3_600));
    consume(&broker, "hopeless", &recorder, &tasks).await;
    send(&broker, "hopeless").await;
    sleep(Duration::from_secs(5)).await;
    eventually("the process has to end", || tasks.failure().is_some()).await;
    assert_eq!(metric("broker_stalls_total", "hopeless"), Some(3.0));
    let told = "no message of hopeless is settled, 1 wait, and connecting anew has not helped";
    assert_eq!(tasks.failure(), Some(told));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_settles_in_between_begins_the_count_anew() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let recorder = Recorder::of("recovering");
    let hang = async || sleep(Duration::from_secs(3_600)).await;
    consume(&broker, "recovering", &recorder, &tasks).await;
    for round in 1..=4 {
        recorder.interrupt(hang);
        send(&broker, "recovering").await;
        eventually("it is stored", || recorder.stored().len() == round).await;
    }
    assert_eq!(metric("broker_stalls_total", "recovering"), Some(4.0));
    assert_eq!(tasks.failure(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_is_told_by_health_and_is_no_stall() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let recorder = Recorder::of("failing");
    let consuming = consume(&broker, "failing", &recorder, &tasks).await;
    assert_eq!(consuming.progress(), Ok(()));
    recorder.set_away(true);
    send(&broker, "failing").await;
    send(&broker, "failing").await;
    let told = || {
        consuming
            .progress()
            .is_err_and(|told| told.starts_with("no message recorded for 3 s"))
    };
    eventually("health tells", told).await;
    let told = consuming.progress().unwrap_err();
    assert!(
        told.ends_with("1 waiting") || told.ends_with("2 waiting"),
        "{told}"
    );
    sleep(Duration::from_secs(4)).await;
    let age = metric("broker_oldest_message_age_seconds", "failing").unwrap();
    assert!((5.0..15.0).contains(&age), "{age}");
    assert_eq!(metric("broker_stalls_total", "failing"), None);

    recorder.set_away(false);
    eventually("health is well again", || consuming.progress().is_ok()).await;
    eventually("nothing waits", || {
        metric("broker_oldest_message_age_seconds", "failing") == Some(0.0)
    })
    .await;
}

/// The store is away for as long as nothing is settled, and does not even say so.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_does_not_answer_there_is_nothing_to_give_up() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let recorder = Recorder::of("silent");
    recorder.set_away(true);
    recorder.set_delay(Duration::from_secs(3_600));
    let consuming = consume(&broker, "silent", &recorder, &tasks).await;
    send(&broker, "silent").await;
    eventually("health tells", || consuming.progress().is_err()).await;
    sleep(Duration::from_secs(4)).await;
    assert_eq!(metric("broker_stalls_total", "silent"), None);
}

/// Nothing of the consumer is asked: it does not exist for the monitor.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_known_without_a_consumer() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let publisher = publisher(settings(&broker), &tasks).await;
    let monitor = Monitor::start(settings(&broker), &[QUEUE], &tasks);
    for _ in 0..3 {
        publish(&publisher, "waits").await.unwrap();
    }
    eventually("they are counted", || monitor.depth(QUEUE) == 3).await;
}
