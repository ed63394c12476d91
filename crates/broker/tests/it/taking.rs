//! A message that no queue takes fails alone: those beside it are confirmed, on the same connection.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use broker::{BrokerState, Destination, Outgoing, PublishError, Publisher};
use futures_util::future::join_all;
use messages::topology::Declarations;
use platform::runtime::Tasks;
use serde_json::json;
use testing::TestBroker;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::helpers::{PATIENCE, QUEUE, ids, publish, reach, settings};

/// A queue that can be full.
const FULL: &str = "full";

/// An exchange without a queue.
const UNBOUND: &str = "unbound";

/// How many messages a test sends at once, and which of them are not taken.
const MANY: usize = 600;
const NOT_TAKEN: [usize; 3] = [100, 101, 500];

/// A publisher for [`QUEUE`], [`FULL`] and [`UNBOUND`].
async fn connect(broker: &TestBroker, tasks: &Tasks) -> Publisher {
    let declarations = Declarations {
        exchanges: [UNBOUND.to_owned()].into(),
        ..Declarations::queues([QUEUE, FULL])
    };
    let publisher = Publisher::start(settings(broker), declarations, tasks);
    reach(publisher.state(), BrokerState::Connected).await;
    publisher
}

/// Sends [`MANY`] at once to [`QUEUE`], of which those of [`NOT_TAKEN`] go to `elsewhere`, and more after them. All of
/// them have to be answered by one connection, and those elsewhere with `error`.
async fn fail_alone(
    broker: &TestBroker,
    publisher: &Publisher,
    elsewhere: &Destination,
    error: PublishError,
) {
    let send = async |n: usize| {
        let to = if NOT_TAKEN.contains(&n) {
            elsewhere.clone()
        } else {
            QUEUE.into()
        };
        let id = Uuid::now_v7();
        (
            n,
            id,
            publisher
                .publish(Outgoing::new(to, id, "{}"), PATIENCE)
                .await,
        )
    };
    let sending = async {
        let sent = join_all((0..MANY).map(send)).await;
        assert!(publish(publisher, "{}").await.is_some(), "it goes on");
        sent
    };
    let sent = tokio::select! {
        sent = sending => sent,
        () = reach(publisher.state(), BrokerState::Disconnected) => panic!("the connection was given up"),
    };
    let failed: BTreeMap<_, _> = sent
        .iter()
        .filter_map(|(n, _, result)| Some((*n, result.err()?)))
        .collect();
    assert_eq!(failed, NOT_TAKEN.map(|n| (n, error)).into());
    let confirmed = sent.iter().filter(|(.., result)| result.is_ok());
    let confirmed: BTreeSet<Uuid> = confirmed.map(|(_, id, _)| *id).collect();
    let there = ids(&broker.drain(QUEUE).await);
    assert!(there.is_superset(&confirmed), "confirmed and not there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_routed_fails_alone() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let publisher = connect(&broker, &tasks).await;
    let elsewhere = Destination::Fanout(UNBOUND.into());
    fail_alone(&broker, &publisher, &elsewhere, PublishError::Unroutable).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_refused_fails_alone() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let publisher = connect(&broker, &tasks).await;
    let policy = json!({ "max-length": 1, "overflow": "reject-publish" });
    broker.set_policy("full", FULL, policy).await;
    fill(&publisher).await;
    fail_alone(&broker, &publisher, &FULL.into(), PublishError::Refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_as_not_taken_is_not_there() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let publisher = connect(&broker, &tasks).await;
    let policy = json!({ "max-length": 100, "overflow": "reject-publish" });
    broker.set_policy("full", FULL, policy).await;
    fill(&publisher).await;
    let mut refusals = 0;
    for _ in 0..5 {
        let send = async |_| {
            let id = Uuid::now_v7();
            let message = Outgoing::new(FULL, id, "{}");
            (id, publisher.publish(message, PATIENCE).await)
        };
        let sent = join_all((0..MANY).map(send)).await;
        let told = |outcome| {
            let told = sent.iter().filter(move |(_, result)| *result == outcome);
            told.map(|(id, _)| *id).collect::<BTreeSet<_>>()
        };
        let there = ids(&broker.drain(FULL).await);
        assert!(there.is_superset(&told(Ok(()))), "confirmed and not there");
        let refused = told(Err(PublishError::Refused));
        assert!(there.is_disjoint(&refused), "not taken, and there");
        refusals += refused.len();
    }
    assert!(refusals > 0, "the queue was never full");
}

/// Until [`FULL`] refuses: a policy takes effect some time after it was set.
async fn fill(publisher: &Publisher) {
    let fill = async {
        let send = || publisher.publish(Outgoing::new(FULL, Uuid::now_v7(), "{}"), PATIENCE);
        while send().await != Err(PublishError::Refused) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, fill).await.expect("it gets full");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_to_an_exchange_reaches_every_queue_behind_it() {
    let (broker, tasks) = (TestBroker::create().await, Tasks::default());
    let queues = ["left", "right"];
    let declarations = Declarations {
        exchanges: ["both".to_owned()].into(),
        bindings: queues
            .map(|queue| ("both".to_owned(), queue.to_owned()))
            .into(),
        ..Declarations::queues(queues)
    };
    let publisher = Publisher::start(settings(&broker), declarations, &tasks);
    let both = Destination::Fanout("both".into());
    let id = Uuid::now_v7();
    publisher
        .publish(Outgoing::new(both, id, "{}"), PATIENCE)
        .await
        .expect("a confirm");
    for queue in queues {
        assert_eq!(ids(&broker.drain(queue).await), [id].into(), "{queue}");
    }
}
