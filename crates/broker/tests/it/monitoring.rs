//! A broker that accepts and says nothing is down within 5 s, and what waits is counted.

use std::time::Duration;

use broker::{BrokerState, Monitor, Publisher};
use platform::runtime::Tasks;
use testing::{TestBroker, relay::Ending};
use tokio::time::Instant;

use crate::helpers::{eventually, metric, reach, relayed, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_broker_is_down_within_five_seconds_and_up_again_when_it_speaks() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let (relay, through) = relayed(&broker);
    let monitor = Monitor::start(through, &["quiet"], &tasks);
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
    let publisher = Publisher::start(settings(&broker), &["deep"], &tasks);
    reach(publisher.state(), BrokerState::Connected).await;
    for _ in 0..5 {
        assert!(broker.publish("deep", serde_json::json!({}), "x").await);
    }
    let monitor = Monitor::start(through, &["absent", "deep", "absent too"], &tasks);
    eventually("it is counted", || {
        metric("broker_queue_depth", "deep") == Some(5.0)
    })
    .await;
    assert_eq!(monitor.depth("deep"), 5);
    assert!(metric("broker_queue_depth", "absent").unwrap().is_nan());

    drop(relay);
    eventually("it is unknown", || {
        metric("broker_queue_depth", "deep").unwrap().is_nan()
    })
    .await;
    assert_eq!(monitor.depth("deep"), 0);
}
