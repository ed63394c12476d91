//! The verbs of these tests.

use std::{collections::BTreeSet, sync::LazyLock, time::Duration};

use broker::{BrokerState, Outgoing, Publisher, Settings};
use messages::topology::Declarations;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use platform::runtime::Tasks;
use testing::{Relay, TestBroker, broker::Message, relay::Protocol};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use uuid::Uuid;

/// The queue of most tests, and its dead letters.
pub(crate) const QUEUE: &str = "tested";
pub(crate) const DEAD: &str = "tested.dead";

/// Long enough for anything that works; what does not work fails after it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn settings(broker: &TestBroker) -> Settings {
    Settings {
        variables: "TEST_AMQP",
        host: broker.host.clone(),
        port: broker.port,
        vhost: broker.vhost.clone(),
        user: broker.user.clone(),
        password: broker.password.clone().into(),
    }
}

/// The way to the broker through a relay.
pub(crate) fn relayed(broker: &TestBroker) -> (Relay, Settings) {
    relayed_at(0, broker)
}

/// [`relayed`], at a port that was free a moment ago.
pub(crate) fn relayed_at(at: u16, broker: &TestBroker) -> (Relay, Settings) {
    let relay = Relay::start_at(at, Protocol::Amqp, &broker.host, broker.port);
    let settings = Settings {
        host: "127.0.0.1".into(),
        port: relay.port,
        ..settings(broker)
    };
    (relay, settings)
}

/// A publisher for both queues that is connected.
pub(crate) async fn publisher(settings: Settings, tasks: &Tasks) -> Publisher {
    let publisher = Publisher::start(settings, Declarations::queues([QUEUE, DEAD]), tasks);
    reach(publisher.state(), BrokerState::Connected).await;
    publisher
}

pub(crate) async fn reach(mut state: watch::Receiver<BrokerState>, wanted: BrokerState) {
    let reached = timeout(PATIENCE, state.wait_for(|state| *state == wanted)).await;
    reached
        .expect("the state in time")
        .expect("a live supervisor");
}

/// Publishes to [`QUEUE`] under a new id; the id when it was confirmed.
pub(crate) async fn publish(publisher: &Publisher, body: &str) -> Option<Uuid> {
    let id = Uuid::now_v7();
    let message = Outgoing::new(QUEUE, id, body.to_owned());
    let result = publisher.publish(message, PATIENCE).await;
    result.is_ok().then_some(id)
}

/// Publishes `bodies` to [`QUEUE`], each confirmed.
pub(crate) async fn publish_all(publisher: &Publisher, bodies: impl IntoIterator<Item = String>) {
    let bodies: Vec<_> = bodies.into_iter().collect();
    for chunk in bodies.chunks(1000) {
        let sends = chunk.iter().map(|body| publish(publisher, body));
        let ids = futures_util::future::join_all(sends).await;
        assert!(ids.iter().all(Option::is_some), "all are confirmed");
    }
}

pub(crate) fn ids(messages: &[Message]) -> BTreeSet<Uuid> {
    let id = |message: &Message| message.id().and_then(|id| id.parse().ok());
    messages.iter().filter_map(id).collect()
}

/// Waits until `done`.
pub(crate) async fn eventually(what: &str, done: impl Fn() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < PATIENCE, "not in time: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Stops `tasks` as the runtime does; returns how long it took.
pub(crate) async fn stop(tasks: &Tasks) -> Duration {
    let begin = Instant::now();
    tasks.stop.cancel();
    tasks.tracker.close();
    let ended = timeout(PATIENCE, tasks.tracker.wait()).await;
    ended.expect("the tasks end");
    begin.elapsed()
}

/// The value of a metric of one queue, as Prometheus would read it.
pub(crate) fn metric(name: &str, queue: &str) -> Option<f64> {
    static METRICS: LazyLock<PrometheusHandle> =
        LazyLock::new(|| PrometheusBuilder::new().install_recorder().unwrap());
    let wanted = format!("{name}{{queue=\"{queue}\"}} ");
    let text = METRICS.render();
    let value = text.lines().find_map(|line| line.strip_prefix(&wanted))?;
    value.parse().ok()
}
