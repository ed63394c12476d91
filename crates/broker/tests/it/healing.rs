//! Nothing that was confirmed is lost while queues and connections vanish, and the way back is short.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use broker::{BrokerState, Monitor, Outgoing, PublishError, consumer::Limits};
use futures_util::future::join_all;
use messages::topology::Declarations;
use platform::runtime::Tasks;
use testing::{TestBroker, relay::Ending};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::{
    client_library::reset_while_the_runtime_is_busy,
    helpers::{
        DEAD, PATIENCE, QUEUE, eventually, ids, publish, publisher, reach, relayed, relayed_at,
        settings, stop,
    },
    recorder::Recorder,
};

/// Only the watch on the connection helps so early: an acknowledgement has 5 s, a stall 15 s.
const BEFORE_ANY_LIMIT: Duration = Duration::from_secs(4);

/// Routable and unroutable messages alternate on one channel: the client library puts returns on wrong confirms.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_for_a_deleted_queue_is_no_success_and_is_taken_when_the_queue_is_back() {
    let broker = TestBroker::create().await;
    let publisher = publisher(settings(&broker), &Tasks::default()).await;
    let send = async |queue| {
        let id = Uuid::now_v7();
        let send = || publisher.publish(Outgoing::new(queue, id, "{}"), PATIENCE);
        let sending = async {
            // A queue that is being deleted refuses what it does not keep any more.
            loop {
                match send().await {
                    Err(PublishError::Refused) => {}
                    sent => return sent.map(|()| id).expect("confirmed"),
                }
            }
        };
        timeout(PATIENCE, sending).await.expect("healed in time")
    };
    for _ in 0..5 {
        broker.delete_queue(DEAD).await;
        let sends = (0..600).map(|n| send(if n % 2 == 0 { QUEUE } else { DEAD }));
        let confirmed: BTreeSet<Uuid> = join_all(sends).await.into_iter().collect();
        let mut there = ids(&broker.drain(QUEUE).await);
        there.extend(ids(&broker.drain(DEAD).await));
        assert_eq!(
            confirmed.difference(&there).count(),
            0,
            "confirmed and not there"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_and_cut_connections_under_load_lose_nothing() {
    let broker = TestBroker::create().await;
    let (relay, through) = relayed(&broker);
    let publisher = publisher(through, &Tasks::default()).await;
    let (phase, confirmed) = (AtomicUsize::new(0), Mutex::new(vec![BTreeSet::new(); 4]));
    let caller = async || {
        while let began @ 0..4 = phase.load(Ordering::SeqCst) {
            if let Some(id) = publish(&publisher, "{}").await {
                confirmed.lock().unwrap()[began].insert(id);
            }
            sleep(Duration::from_millis(3)).await;
        }
    };
    let chaos = async {
        for next in 1..=4 {
            sleep(Duration::from_millis(300)).await;
            let accepted = || !confirmed.lock().unwrap()[next - 1].is_empty();
            eventually("something is accepted in each phase", accepted).await;
            match next {
                2 => assert!(broker.close_connections().await > 0),
                _ => relay.end(Ending::Fin),
            }
            phase.store(next, Ordering::SeqCst);
        }
    };
    tokio::join!(join_all((0..16).map(|_| caller())), chaos);
    let confirmed = confirmed.into_inner().unwrap();
    let confirmed: BTreeSet<Uuid> = confirmed.into_iter().flatten().collect();
    let there = ids(&broker.drain(QUEUE).await);
    assert_eq!(
        confirmed.difference(&there).count(),
        0,
        "of {} confirmed",
        confirmed.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_the_first_call_is_confirmed_within_a_second() {
    let broker = TestBroker::create().await;
    let (relay, through) = relayed(&broker);
    let publisher = publisher(through.clone(), &Tasks::default()).await;
    relay.end(Ending::Fin);
    drop(relay);
    reach(publisher.state(), BrokerState::Disconnected).await;
    let abandoned = (0..3000).map(|_| {
        let message = Outgoing::new(QUEUE, Uuid::now_v7(), "abandoned");
        publisher.publish(message, Duration::from_secs(2))
    });
    assert!(join_all(abandoned).await.iter().all(Result::is_err));

    let (_relay, _) = relayed_at(through.port, &broker);
    let begin = Instant::now();
    let id = publish(&publisher, "alive").await.expect("a confirm");
    assert!(
        begin.elapsed() < Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
    let messages = broker.drain(QUEUE).await;
    assert_eq!(
        ids(&messages),
        BTreeSet::from([id]),
        "the abandoned are not sent"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_falls_silent_is_replaced() {
    let broker = TestBroker::create().await;
    let (relay, through) = relayed(&broker);
    let publisher = publisher(through, &Tasks::default()).await;
    publish(&publisher, "before").await.unwrap();
    relay.end(Ending::Silence);
    let begin = Instant::now();
    let id = publish(&publisher, "during")
        .await
        .expect("confirmed on the next connection");
    assert!(
        (4..8).contains(&begin.elapsed().as_secs()),
        "{:?}",
        begin.elapsed()
    );
    assert!(ids(&broker.drain(QUEUE).await).contains(&id));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_publisher_notices_that_its_connection_is_gone() {
    let broker = TestBroker::create().await;
    let publisher = publisher(settings(&broker), &Tasks::default()).await;
    let mut state = publisher.state();
    state.mark_unchanged();
    assert_eq!(broker.close_connections().await, 1);
    tokio::time::timeout(PATIENCE, state.changed())
        .await
        .expect("noticed in time")
        .unwrap();
    reach(publisher.state(), BrokerState::Connected).await;
}

/// The reset falls exactly where the client library misses it: see `client_library.rs`.
#[tokio::test]
async fn an_end_that_the_client_library_misses_is_noticed() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let publisher = publisher(settings(&broker), &tasks).await;
    let monitor = Monitor::start(settings(&broker), &Declarations::queues([QUEUE]), &tasks);
    let (relay, through) = relayed(&broker);
    let (relay, recorder) = (Arc::new(relay), Recorder::default());
    let resetting = Arc::clone(&relay);
    recorder.interrupt(async move || reset_while_the_runtime_is_busy(&resetting).await);
    let (limits, intake) = (Limits::default(), Tasks::default());
    recorder
        .start_with(monitor, through, &publisher, limits, &intake)
        .await;
    publish(&publisher, "missed").await.unwrap();
    let begin = Instant::now();
    // The first store is not always recorded: the watch may end it while it yields.
    eventually("it is delivered again", || recorder.tries() == 2).await;
    assert!(begin.elapsed() < BEFORE_ANY_LIMIT, "{:?}", begin.elapsed());
    stop(&intake).await;
    assert_eq!(broker.drain(QUEUE).await, []);
}

/// A queue that refuses every message: the connection is there each time, and is not what counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_after_a_refusal_is_not_ready_before_a_confirm() {
    let broker = TestBroker::create().await;
    let publisher = publisher(settings(&broker), &Tasks::default()).await;
    for _ in 0..3 {
        publish(&publisher, "fills").await.unwrap();
    }
    let full = serde_json::json!({ "max-length": 1, "overflow": "reject-publish" });
    broker.set_policy("full", QUEUE, full).await;
    let id = Uuid::now_v7();
    let message = Outgoing::new(QUEUE, id, "{}");
    let refused = publisher.publish(message, Duration::from_secs(2)).await;
    assert!(refused.is_err());
    let not_ready = || *publisher.state().borrow() != BrokerState::Connected;
    assert!(not_ready());
    for _ in 0..10 {
        let message = Outgoing::new(QUEUE, id, "{}");
        let refused = publisher.publish(message, Duration::from_millis(100)).await;
        assert!(refused.is_err());
        assert!(not_ready(), "ready while nothing is taken");
    }
    broker.remove_policy("full").await;
    let taken = async {
        while publish(&publisher, "taken").await.is_none() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, taken).await.expect("it is taken again");
    reach(publisher.state(), BrokerState::Connected).await;
}
