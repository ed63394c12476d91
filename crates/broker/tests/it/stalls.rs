//! Recording that stops for no reason is noticed from outside of what records, told, and ended.

use std::time::Duration;

use broker::{BrokerState, Consuming, Monitor, Publisher, consumer::Limits};
use messages::topology::Declarations;
use platform::runtime::Tasks;
use testing::{
    TestBroker,
    relay::{Cue, Cut, Ending, Side},
};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    helpers::{PATIENCE, eventually, metric, reach, relayed, relayed_at, settings, stop},
    recorder::Recorder,
};

/// A watchdog that acts early, and batches of one.
pub(crate) const LIMITS: Limits = Limits {
    batch: 1,
    window: Duration::ZERO,
    lull: Duration::ZERO,
    hold: Duration::from_secs(60),
    drain: Duration::from_millis(100),
    confirm: Duration::from_millis(300),
    acknowledge: Duration::from_secs(5),
    renew: Duration::from_secs(300),
    stall: Duration::from_secs(3),
};

/// Consumes a queue of this name, for a metric of its own.
async fn consume(
    broker: &TestBroker,
    queue: &str,
    recorder: &Recorder,
    tasks: &Tasks,
) -> Consuming {
    let publisher = Publisher::start(settings(broker), Declarations::queues([queue]), tasks);
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
    assert!(metric("broker_stalls_total", "given_up") >= Some(1.0));
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
    let failed = async {
        while tasks.failure().is_none() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(3 * PATIENCE, failed)
        .await
        .expect("the process has to end");
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
    for round in 1..=3 {
        recorder.interrupt(hang);
        send(&broker, "recovering").await;
        eventually("it is stored", || recorder.stored().len() == round).await;
        // It was redelivered, which is no progress by itself; that nothing waits is.
        sleep(LIMITS.stall + Duration::from_secs(2)).await;
    }
    assert!(metric("broker_stalls_total", "recovering") >= Some(3.0));
    assert_eq!(tasks.failure(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_held_is_told_by_health_and_is_no_stall() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let recorder = Recorder::of("held");
    let consuming = consume(&broker, "held", &recorder, &tasks).await;
    assert_eq!(consuming.progress(), Ok(()));
    recorder.set_failing(true);
    send(&broker, "held").await;
    send(&broker, "held").await;
    eventually("health tells", || consuming.progress().is_err()).await;
    let told = consuming.progress().unwrap_err();
    assert!(
        told.time >= LIMITS.stall && told.waiting == Some(2),
        "{told:?}"
    );
    sleep(2 * LIMITS.stall).await;
    let age = metric("broker_oldest_message_age_seconds", "held").unwrap();
    assert!((6.0..30.0).contains(&age), "{age}");
    assert_eq!(metric("broker_stalls_total", "held"), Some(0.0));

    recorder.set_failing(false);
    eventually("health is well again", || consuming.progress().is_ok()).await;
    eventually("nothing waits", || age_of("held") == Some(0.0)).await;
}

/// A refused message whose record or dead letter cannot be had yet holds its batch, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_is_held_is_no_stall() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let recorder = Recorder::of("refusing");
    recorder.set_refusals_away(true);
    consume(&broker, "refusing", &recorder, &tasks).await;
    assert!(
        broker
            .publish("refusing", serde_json::json!({}), "bad")
            .await
    );

    let (relay, through) = relayed(&broker);
    let declarations = Declarations::queues(["undead", "undead.dead"]);
    let dead = Publisher::start(through, declarations, &tasks);
    reach(dead.state(), BrokerState::Connected).await;
    let undead = Recorder::of("undead");
    undead.start(settings(&broker), &dead, LIMITS, &tasks).await;
    drop(relay);
    assert!(broker.publish("undead", serde_json::json!({}), "bad").await);

    sleep(4 * LIMITS.stall).await;
    for queue in ["refusing", "undead"] {
        assert_eq!(metric("broker_stalls_total", queue), Some(0.0), "{queue}");
    }
    assert_eq!(tasks.failure(), None);
}

/// The loop turns, and every acknowledgement is lost with its connection: nothing is ever settled. That is told by
/// health; to connect anew is what happens already.
#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_that_are_lost_again_and_again_are_told_by_health() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let (relay, through) = relayed(&broker);
    let declarations = Declarations::queues(["unsettled"]);
    let monitor = Monitor::start(settings(&broker), &declarations, &tasks);
    let direct = Publisher::start(settings(&broker), declarations, &tasks);
    let recorder = Recorder::of("unsettled");
    let consuming = recorder
        .start_with(monitor, through, &direct, LIMITS, &tasks)
        .await;
    let ack = Cue {
        side: Side::Client,
        method: (60, 80), // basic.ack
        cut: Cut::Before,
        delay: Duration::ZERO,
    };
    send(&broker, "unsettled").await;
    let begin = Instant::now();
    while consuming.progress().is_ok() {
        relay.end_at(ack, Ending::Reset);
        sleep(Duration::from_millis(10)).await;
        assert!(begin.elapsed() < PATIENCE, "{} tries", recorder.tries());
    }
    assert!(recorder.tries() > 1, "{}", recorder.tries());
}

fn age_of(queue: &str) -> Option<f64> {
    metric("broker_oldest_message_age_seconds", queue)
}

/// What waited before the outage waits during and after it.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_neither_calm_nor_young() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let (relay, through) = relayed(&broker);
    let recorder = Recorder::of("outage");
    let dead = Publisher::start(settings(&broker), Declarations::queues(["outage"]), &tasks);
    let consuming = recorder.start(through.clone(), &dead, LIMITS, &tasks).await;
    recorder.set_failing(true);
    send(&broker, "outage").await;
    eventually("health tells", || consuming.progress().is_err()).await;
    drop(relay);
    for _ in 0..50 {
        sleep(Duration::from_millis(100)).await;
        assert!(consuming.progress().is_err());
        assert!(
            age_of("outage") >= Some(LIMITS.stall.as_secs_f64()),
            "{:?}",
            age_of("outage")
        );
    }
    let (_relay, _) = relayed_at(through.port, &broker);
    reach(consuming.state(), BrokerState::Connected).await;
    for _ in 0..30 {
        sleep(Duration::from_millis(100)).await;
        assert!(consuming.progress().is_err());
        assert!(
            age_of("outage") >= Some(LIMITS.stall.as_secs_f64()),
            "{:?}",
            age_of("outage")
        );
    }
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
    assert_eq!(metric("broker_stalls_total", "silent"), Some(0.0));
}

/// A queue without a leader says that it is empty and has no consumer. Here the monitor looks at another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_knows_no_consumer_is_not_ready_and_its_depth_not_believed() {
    let (broker, elsewhere, tasks) = (
        TestBroker::create().await,
        TestBroker::create().await,
        Tasks::default(),
    );
    let declarations = Declarations::queues(["forgotten"]);
    let monitor = Monitor::start(settings(&elsewhere), &declarations, &tasks);
    let publisher = Publisher::start(settings(&broker), declarations, &tasks);
    let recorder = Recorder::of("forgotten");
    let consuming = recorder
        .start_with(monitor, settings(&broker), &publisher, LIMITS, &tasks)
        .await;
    assert_eq!(consuming.ready(), Ok(()));
    eventually("it is not ready", || consuming.ready().is_err()).await;
    eventually("its depth is unknown", || {
        age_of("forgotten").is_some_and(f64::is_nan)
    })
    .await;
}
