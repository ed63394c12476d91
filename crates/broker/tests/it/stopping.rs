//! A stop finishes what is in hand, gives back the rest, and never takes longer than it may.

use std::{collections::BTreeSet, time::Duration};

use broker::{BrokerState, Outgoing, PublishError, consumer::Limits};
use futures_util::future::join_all;
use messages::topology::Declarations;
use platform::runtime::Tasks;
use testing::{TestBroker, relay::Ending};
use uuid::Uuid;

use crate::{
    helpers::{
        PATIENCE, QUEUE, eventually, ids, publish, publish_all, publisher, relayed, settings, stop,
    },
    recorder::Recorder,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_batch_in_hand_is_finished_and_the_rest_stays() {
    let broker = TestBroker::create().await;
    let (intake, output) = (Tasks::default(), Tasks::default());
    let publisher = publisher(settings(&broker), &output).await;
    publish_all(&publisher, (0..600).map(|n| format!("good {n}"))).await;
    let recorder = Recorder::default();
    recorder.set_delay(Duration::from_millis(300));
    let limits = Limits {
        batch: 100,
        ..Limits::default()
    };
    let consuming = recorder
        .start(settings(&broker), &publisher, limits, &intake)
        .await;
    eventually("the second batch is in hand", || recorder.tries() == 2).await;
    stop(&intake).await;

    let stored: usize = recorder.batches().iter().map(Vec::len).sum();
    assert_eq!((recorder.tries(), recorder.batches().len()), (2, 2));
    let left: Vec<_> = broker
        .drain(QUEUE)
        .await
        .into_iter()
        .map(|message| message.body)
        .collect();
    let all: BTreeSet<_> = recorder.stored().into_iter().chain(left.clone()).collect();
    assert_eq!(
        (left.len(), all.len()),
        (600 - stored, 600),
        "stored or left, none both, none lost"
    );
    assert_eq!(*consuming.state().borrow(), BrokerState::Disconnected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_batch_is_let_go_at_once() {
    let broker = TestBroker::create().await;
    let (intake, output) = (Tasks::default(), Tasks::default());
    let publisher = publisher(settings(&broker), &output).await;
    publish_all(&publisher, (0..30).map(|n| format!("good {n}"))).await;
    let recorder = Recorder::default();
    recorder.set_away(true);
    recorder
        .start(settings(&broker), &publisher, Limits::default(), &intake)
        .await;
    eventually("it is held", || recorder.tries() > 2).await;
    let took = stop(&intake).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(broker.drain(QUEUE).await.len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_hangs_is_not_waited_for_beyond_the_limit() {
    let broker = TestBroker::create().await;
    let (intake, output) = (Tasks::default(), Tasks::default());
    let publisher = publisher(settings(&broker), &output).await;
    publish(&publisher, "stuck").await.unwrap();
    let recorder = Recorder::default();
    recorder.set_delay(Duration::from_secs(3600));
    let limits = Limits {
        drain: Duration::from_millis(500),
        ..Limits::default()
    };
    recorder
        .start(settings(&broker), &publisher, limits, &intake)
        .await;
    eventually("it is tried", || recorder.tries() == 1).await;
    let took = stop(&intake).await;
    assert!((500..1500).contains(&took.as_millis()), "{took:?}");
    assert_eq!(broker.drain(QUEUE).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_settles_what_it_accepted_and_then_accepts_no_more() {
    let broker = TestBroker::create().await;
    let tasks = Tasks::default();
    let publisher = publisher(settings(&broker), &tasks).await;
    let sends = (0..2000).map(|_| publish(&publisher, "{}"));
    let stopping = async {
        tokio::task::yield_now().await;
        stop(&tasks).await
    };
    let (confirmed, took) = tokio::join!(join_all(sends), stopping);
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(
        confirmed.iter().all(Option::is_some),
        "accepted before the stop, so settled"
    );
    let confirmed: BTreeSet<Uuid> = confirmed.into_iter().flatten().collect();
    assert_eq!(ids(&broker.drain(QUEUE).await), confirmed);
    let late = publisher
        .publish(Outgoing::new(QUEUE, Uuid::now_v7(), "{}"), PATIENCE)
        .await;
    assert_eq!(late, Err(PublishError::Stopped));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_a_stop_waits_for_nobody() {
    let broker = TestBroker::create().await;
    let (relay, through) = relayed(&broker);
    drop(relay);
    let tasks = Tasks::default();
    let publisher = broker::Publisher::start(through, Declarations::queues([QUEUE]), &tasks);
    let message = Outgoing::new(QUEUE, Uuid::now_v7(), "{}");
    let result = publisher.publish(message, Duration::from_millis(200)).await;
    assert_eq!(result, Err(PublishError::Unconfirmed));
    let took = stop(&tasks).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// The client library keeps the socket of a silent broker for as long as its heartbeat allows: 20 s.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_connection_is_cut_at_once() {
    let broker = TestBroker::create().await;
    let tasks = Tasks::default();
    let (relay, through) = relayed(&broker);
    let _publisher = publisher(through, &tasks).await;
    assert_eq!(relay.open(), 1);
    relay.end(Ending::Silence);
    stop(&tasks).await;
    eventually("it is cut", || relay.open() == 0).await;
}
