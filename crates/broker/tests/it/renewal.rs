//! A consumer that is no longer served, on a connection that is sound, subscribes anew.

use std::time::Duration;

use broker::consumer::Limits;
use platform::runtime::Tasks;
use testing::{
    TestBroker,
    relay::{Cue, Cut, Ending, Side},
};

use crate::{
    helpers::{QUEUE, eventually, publish, publisher, relayed, settings},
    recorder::Recorder,
    stalls::LIMITS,
};

/// One that subscribes anew after a second without a delivery.
const RENEWED: Limits = Limits {
    renew: Duration::from_secs(1),
    ..LIMITS
};

/// A method of `basic` that the server sends, just before it arrives.
fn before_basic(method: u16) -> Cue {
    Cue {
        side: Side::Server,
        method: (60, method),
        cut: Cut::Before,
        delay: Duration::ZERO,
    }
}

/// The broker may not cancel the consumer of a queue that is there again at once. Here the cancel is lost on its way.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_the_broker_does_not_know_subscribes_anew() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let (relay, through) = relayed(&broker);
    let publisher = publisher(settings(&broker), &tasks).await;
    let recorder = Recorder::default();
    recorder.start(through, &publisher, RENEWED, &tasks).await;
    let cancel = 30;
    relay.end_at(before_basic(cancel), Ending::Lost);
    broker.delete_queue(QUEUE).await;
    publish(&publisher, "after").await.unwrap();
    eventually("it is stored", || recorder.stored() == ["after"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_was_lost_on_its_way_comes_again() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let (relay, through) = relayed(&broker);
    let publisher = publisher(settings(&broker), &tasks).await;
    let recorder = Recorder::default();
    let consuming = recorder.start(through, &publisher, RENEWED, &tasks).await;
    let deliver = 60;
    let mut state = consuming.state();
    state.mark_unchanged();
    relay.end_at(before_basic(deliver), Ending::Lost);
    publish(&publisher, "lost").await.unwrap();
    eventually("it comes again", || recorder.stored() == ["lost"]).await;
    publish(&publisher, "after").await.unwrap();
    eventually("it goes on", || recorder.stored() == ["lost", "after"]).await;
    assert!(!state.has_changed().unwrap(), "the connection is the same");
}
