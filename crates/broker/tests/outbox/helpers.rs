//! The verbs of these tests.

use std::{collections::BTreeSet, time::Duration};

use broker::{
    Outgoing, Publisher,
    outbox::{self, Limits, Relaying, TABLE},
};
use messages::topology::Declarations;
use platform::{
    database::{Connection, Database, DatabaseError, Settings},
    runtime::Tasks,
};
use serde_json::json;
use testing::{TestBroker, TestDatabase, until};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;
use uuid::Uuid;

/// The queue of most tests.
pub(crate) const QUEUE: &str = "tested";

/// An exchange that feeds no queue, unless a test binds one.
pub(crate) const FANOUT: &str = "spread";

/// A poll that does not come within a test: only a notification wakes the relay.
pub(crate) const WITHOUT_POLL: Limits = Limits {
    poll: Duration::from_secs(3_600),
    ..LIMITS
};

/// What a service has, with room for the tests of health.
pub(crate) const LIMITS: Limits = Limits {
    batch: 100,
    confirm: Duration::from_secs(4),
    poll: Duration::from_secs(1),
    measure: Duration::from_millis(50),
    stall: Duration::from_secs(15),
};

/// Long enough for anything that works, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// The servers of a test.
pub(crate) struct Servers {
    pub(crate) database: TestDatabase,
    pub(crate) broker: TestBroker,
}

/// Where a transaction of the relay stops.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Moment {
    /// The broker has confirmed, nothing is deleted.
    Delete,
    /// The rows are deleted, and the deletion is not committed.
    Commit,
}

/// Holds what [`Servers::stop_before`] stops.
pub(crate) struct Stopped(Client);

/// The sessions that wait for it.
const STOPPED: &str = "pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database \
                       WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()";

/// What one process of a service runs; dropping it stops it without waiting.
pub(crate) struct Process {
    pub(crate) database: Database,
    pub(crate) relaying: Relaying,
    intake: Tasks,
    output: Tasks,
}

impl Servers {
    pub(crate) async fn prepare() -> Self {
        let (database, broker) = (TestDatabase::create().await, TestBroker::create().await);
        database.execute(TABLE).await;
        let quorum = json!({ "x-queue-type": "quorum" });
        broker.declare_queue(QUEUE, quorum).await;
        Self { database, broker }
    }

    pub(crate) fn database_settings(&self) -> Settings {
        Settings {
            variables: "TEST_DB",
            host: self.database.host.clone(),
            port: self.database.port,
            name: self.database.name.clone(),
            user: self.database.user.clone(),
            password: self.database.password.clone().into(),
            pool: 4,
        }
    }

    pub(crate) fn broker_settings(&self) -> broker::Settings {
        broker::Settings {
            variables: "TEST_AMQP",
            host: self.broker.host.clone(),
            port: self.broker.port,
            vhost: self.broker.vhost.clone(),
            user: self.broker.user.clone(),
            password: self.broker.password.clone().into(),
        }
    }

    pub(crate) fn database(&self) -> Database {
        Database::new(&self.database_settings())
    }

    pub(crate) fn start(&self, limits: Limits) -> Process {
        Process::start(&self.database_settings(), self.broker_settings(), limits)
    }

    /// Writes rows for `ids` in one statement, each a little younger than the one before. It notifies no relay.
    pub(crate) async fn fill(&self, ids: &[Uuid]) {
        let ids: Vec<_> = ids.iter().map(|id| format!("'{id}'::uuid")).collect();
        let rows = format!(
            "INSERT INTO outbox (id, route, body, created_at) \
             SELECT id, 'queue:{QUEUE}', '{{}}', now() - interval '1 hour' + place * interval '1 second' \
             FROM unnest(ARRAY[{}]) WITH ORDINALITY AS ids (id, place)",
            ids.join(",")
        );
        self.database.execute(&rows).await;
    }

    /// Waits until no more than `left` rows are in the table.
    pub(crate) async fn until_left(&self, left: usize) {
        let begin = Instant::now();
        while self.rows("true").await > left {
            let rows = self.rows("true").await;
            assert!(begin.elapsed() < PATIENCE, "{rows} rows are not published");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// How many rows of the table meet `condition`.
    pub(crate) async fn rows(&self, condition: &str) -> usize {
        let count = format!("SELECT count(*) FROM outbox WHERE {condition}");
        self.database.value(&count).await.parse().unwrap()
    }

    /// From now on a transaction that deletes from the outbox stops at `moment`.
    pub(crate) async fn stop_before(&self, moment: Moment) -> Stopped {
        let (kind, deferred) = match moment {
            Moment::Delete => ("TRIGGER stop BEFORE DELETE", ""),
            Moment::Commit => (
                "CONSTRAINT TRIGGER stop AFTER DELETE",
                "DEFERRABLE INITIALLY DEFERRED",
            ),
        };
        let trigger = format!(
            "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN OLD; END'; \
             CREATE {kind} ON outbox {deferred} FOR EACH ROW EXECUTE FUNCTION stop()"
        );
        self.database.execute(&trigger).await;
        let lock = self.database.connect().await;
        let take = "SELECT pg_advisory_lock(1)";
        lock.batch_execute(take).await.unwrap();
        Stopped(lock)
    }

    /// Waits until a transaction has stopped.
    pub(crate) async fn until_stopped(&self) {
        let count = format!("SELECT count(pid) FROM {STOPPED}");
        let stopped = async || self.database.value(&count).await != "0";
        until(stopped, "a transaction has stopped").await;
    }

    /// Ends the sessions that have stopped.
    pub(crate) async fn end_stopped(&self) {
        let end = format!("SELECT pg_terminate_backend(pid) FROM {STOPPED}");
        self.database.execute(&end).await;
    }

    /// The ids of the messages on [`QUEUE`], which are taken, in their order.
    pub(crate) async fn take_ids(&self) -> Vec<Uuid> {
        let messages = self.broker.drain(QUEUE).await;
        messages
            .iter()
            .map(|message| message.id().unwrap().parse().unwrap())
            .collect()
    }
}

impl Stopped {
    /// Whatever has stopped goes on, and nothing stops any more.
    pub(crate) async fn go_on(self) {
        let release = "SELECT pg_advisory_unlock(1)";
        self.0.batch_execute(release).await.unwrap();
    }
}

impl Process {
    pub(crate) fn start(database: &Settings, broker: broker::Settings, limits: Limits) -> Self {
        let (intake, output) = (Tasks::default(), Tasks::default());
        let database = Database::new(database);
        let mut declarations = Declarations::queues([QUEUE]);
        declarations.exchanges.insert(FANOUT.into());
        let publisher = Publisher::start(broker, declarations, &output);
        Self {
            relaying: outbox::start(&database, &publisher, limits, &intake),
            database,
            intake,
            output,
        }
    }

    /// Asks the relay to end, as a stop does first.
    pub(crate) fn begin_stop(&self) {
        self.intake.stop.cancel();
        self.intake.tracker.close();
    }

    /// Stops as the runtime does: intake first, output after it.
    pub(crate) async fn stop(self) {
        for tasks in [&self.intake, &self.output] {
            tasks.stop.cancel();
            tasks.tracker.close();
            let ended = timeout(PATIENCE, tasks.tracker.wait()).await;
            ended.expect("the tasks end");
            assert_eq!(tasks.failure(), None);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.intake.stop.cancel();
        self.output.stop.cancel();
    }
}

pub(crate) fn new_ids(count: usize) -> Vec<Uuid> {
    std::iter::repeat_with(Uuid::new_v4).take(count).collect()
}

/// A message for [`QUEUE`] under each of `ids`.
pub(crate) fn messages(ids: &[Uuid]) -> Vec<Outgoing> {
    let message = |id: &Uuid| Outgoing::new(QUEUE, *id, format!("{{\"says\":\"{id}\"}}"));
    ids.iter().map(message).collect()
}

/// Writes `messages` in one transaction.
pub(crate) async fn try_write(
    database: &Database,
    messages: &[Outgoing],
) -> Result<(), DatabaseError> {
    let work = async |transaction: &mut Connection| {
        for message in messages {
            outbox::add(transaction, message).await?;
        }
        Ok(())
    };
    database.transaction(work).await
}

/// [`try_write`], again while the machine is too busy to do it in time: what is written twice counts once.
pub(crate) async fn write(database: &Database, messages: &[Outgoing]) -> Result<(), DatabaseError> {
    let begin = Instant::now();
    loop {
        match try_write(database, messages).await {
            Err(error) if error.is_transient() && begin.elapsed() < PATIENCE => {}
            written => return written,
        }
    }
}

pub(crate) fn set(ids: &[Uuid]) -> BTreeSet<Uuid> {
    ids.iter().copied().collect()
}
