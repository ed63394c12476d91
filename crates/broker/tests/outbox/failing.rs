//! What the broker does not take, and what is told of it.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use broker::{Outgoing, Publisher, metrics as names, outbox};
use messages::{Route, topology::Declarations};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use platform::{database::Database, runtime::Tasks};
use testing::until;
use tracing::Level;
use uuid::Uuid;

use crate::helpers::{FANOUT, LIMITS, Process, QUEUE, Servers, messages, new_ids, set, write};

/// The lines that were logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Logs of this thread go here while the guard lives; all tasks of a test run on its thread.
    fn record() -> (Self, tracing::subscriber::DefaultGuard) {
        let lines = Self::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::INFO)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        (lines, tracing::subscriber::set_default(subscriber))
    }

    /// The levels of the lines that name `id`.
    fn levels_of(&self, id: Uuid) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().filter(|line| line.contains(&id.to_string()));
        let level = |line: &str| line.split_whitespace().next().unwrap().to_owned();
        lines.map(level).collect()
    }
}

/// The value of a metric without labels.
fn value(metrics: &PrometheusHandle, name: &str) -> f64 {
    let text = metrics.render();
    let mut values = text
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    values
        .next()
        .map_or(f64::NAN, |value| value.parse().unwrap())
}

/// Writes a message for `route`; its id.
async fn write_to(database: &Database, route: Route) -> Uuid {
    let id = Uuid::new_v4();
    let message = Outgoing::new(route, id, "{}");
    write(database, &[message]).await.unwrap();
    id
}

#[tokio::test]
async fn messages_that_are_not_taken_stay_and_do_not_stop_the_others() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _metrics = metrics::set_default_local_recorder(&recorder);
    let metrics = recorder.handle();
    let servers = Servers::prepare().await;
    let database = servers.database();
    let undeclared = write_to(&database, Route::Queue("unknown")).await;
    let unroutable = write_to(&database, Route::Fanout(FANOUT)).await;
    let older = "UPDATE outbox SET created_at = now() - interval '1 day'";
    servers.database.execute(older).await;
    let ids = new_ids(250);
    servers.fill(&ids).await;

    let process = servers.start(LIMITS);
    servers.until_left(2).await;
    assert_eq!(set(&servers.take_ids().await), set(&ids));
    for (id, reason) in [(undeclared, "declared"), (unroutable, "no queue for it")] {
        let condition = format!("id = '{id}' AND attempts > 0 AND last_error LIKE '%{reason}%'");
        let kept = async || servers.rows(&condition).await == 1;
        until(kept, "the message is kept with its reason").await;
    }
    let told = async || {
        value(&metrics, names::OUTBOX_DEPTH) == 2.0
            && value(&metrics, names::OUTBOX_FAILED) == 2.0
            && value(&metrics, names::OUTBOX_OLDEST_AGE) == 0.0
    };
    until(told, "the metrics tell of them").await;
    assert_eq!(process.relaying.ready(), Ok(()));
    process.stop().await;
}

#[tokio::test]
async fn a_message_that_failed_is_sent_once_it_can_be_and_each_is_told_once() {
    let (lines, _guard) = Lines::record();
    let servers = Servers::prepare().await;
    let id = write_to(&servers.database(), Route::Fanout(FANOUT)).await;
    let _process = servers.start(LIMITS);
    let tried_again = async || servers.rows("attempts > 1").await == 1;
    until(tried_again, "it was tried again").await;
    assert_eq!(lines.levels_of(id), ["WARN"]);

    let mut declarations = Declarations::queues([QUEUE]);
    declarations.exchanges.insert(FANOUT.into());
    declarations.bindings.insert((FANOUT.into(), QUEUE.into()));
    let binds = Tasks::default();
    let _binder = Publisher::start(servers.broker_settings(), declarations, &binds);
    servers.until_left(0).await;
    assert_eq!(servers.take_ids().await, [id]);
    until(async || lines.levels_of(id).len() > 1, "it is told").await;
    assert_eq!(lines.levels_of(id), ["WARN", "INFO"]);
}

#[tokio::test]
async fn while_the_broker_is_away_writing_goes_on_and_the_outbox_is_not_ready() {
    let servers = Servers::prepare().await;
    let nowhere = broker::Settings {
        port: 1,
        ..servers.broker_settings()
    };
    let limits = outbox::Limits {
        stall: Duration::from_millis(200),
        ..LIMITS
    };
    let process = Process::start(&servers.database_settings(), nowhere, limits);
    let ready = async || process.relaying.ready().is_ok();
    until(ready, "an empty outbox is ready").await;

    let ids = new_ids(3);
    write(&process.database, &messages(&ids)).await.unwrap();
    until(async || !ready().await, "it is not ready").await;
    let reason = process.relaying.ready().unwrap_err();
    assert!(
        reason.starts_with("3 messages wait in the outbox"),
        "{reason}"
    );
    let in_transaction = "SELECT count(*) FROM pg_stat_activity \
                          WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    assert_eq!(servers.database.value(in_transaction).await, "0");
    process.stop().await;
    assert_eq!(servers.rows("attempts = 0").await, 3);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_to_its_writer() {
    let servers = Servers::prepare().await;
    for (length, fits) in [(256 * 1_024, true), (256 * 1_024 + 1, false)] {
        let message = Outgoing::new(QUEUE, Uuid::new_v4(), vec![b' '; length]);
        let written = write(&servers.database(), &[message]).await;
        assert_eq!(written.is_ok(), fits, "{length}");
    }
}
