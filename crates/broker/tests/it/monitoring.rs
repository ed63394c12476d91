//! A broker that accepts and says nothing is down within 5 s, and what waits is counted.

use std::time::Duration;

use broker::{BrokerState, Monitor, Publisher};
use messages::topology::Declarations;
use platform::runtime::Tasks;
use testing::{TestBroker, relay::Ending};
use tokio::time::{Instant, sleep, timeout};

use crate::helpers::{
    PATIENCE, QUEUE, eventually, metric, publish, publisher, reach, relayed, settings,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_broker_is_down_within_five_seconds_and_up_again_when_it_speaks() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let (relay, through) = relayed(&broker);
    let monitor = Monitor::start(through, &Declarations::queues(["quiet"]), &tasks);
    eventually("it is up", || monitor.ready().is_ok()).await;
    relay.end(Ending::Silence);
    let begin = Instant::now();
    eventually("it is down", || monitor.ready().is_err()).await;
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    // New connections pass.
    eventually("it is up again", || monitor.ready().is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_depth_of_each_queue_is_a_metric_and_unknown_when_it_is() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let (relay, through) = relayed(&broker);
    let publisher = Publisher::start(settings(&broker), Declarations::queues(["deep"]), &tasks);
    reach(publisher.state(), BrokerState::Connected).await;
    for _ in 0..5 {
        assert!(broker.publish("deep", serde_json::json!({}), "x").await);
    }
    let monitor = Monitor::start(through, &Declarations::queues(["deep", "empty"]), &tasks);
    eventually("it is counted", || {
        metric("broker_queue_depth", "deep") == Some(5.0)
    })
    .await;
    assert_eq!(
        (monitor.depth("deep"), monitor.depth("empty")),
        (Some(5), Some(0))
    );

    drop(relay);
    eventually("it is unknown", || {
        metric("broker_queue_depth", "deep").unwrap().is_nan()
    })
    .await;
    assert_eq!(monitor.depth("deep"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_known_without_a_consumer() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let publisher = publisher(settings(&broker), &tasks).await;
    let monitor = Monitor::start(settings(&broker), &Declarations::queues([QUEUE]), &tasks);
    for _ in 0..3 {
        publish(&publisher, "waits").await.unwrap();
    }
    eventually("they are counted", || monitor.depth(QUEUE) == Some(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_is_there_again() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let monitor = Monitor::start(
        settings(&broker),
        &Declarations::queues(["deleted"]),
        &tasks,
    );
    eventually("it is up", || monitor.ready().is_ok()).await;
    broker.delete_queue("deleted").await;
    eventually("it is there again", || monitor.depth("deleted") == Some(0)).await;
    let declared = async {
        while broker.queue("deleted").await.is_null() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, declared).await.expect("it is declared");
    assert_eq!(monitor.ready(), Ok(()));
}
