//! The broker and the database fail under load: lost and unexpected stay 0.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use broker::outbox::Limits;
use futures_util::future::join_all;
use platform::database::{Database, Settings};
use testing::{
    Relay,
    relay::{Ending, Protocol},
};
use tokio::time::sleep;
use uuid::Uuid;

use crate::helpers::{LIMITS, Process, Servers, messages, new_ids, set, try_write, write};

/// Transactions that are under way at the same time.
const WRITERS: usize = 3;

/// Messages of one transaction.
const MESSAGES: usize = 5;

/// Messages that each writer commits at least, however busy the machine is.
const COMMITTED_MIN: usize = 50;

/// From one fault to the next.
const PACE: Duration = Duration::from_millis(400);

/// What was written, and what of it was surely committed.
#[derive(Default)]
struct Ledger {
    tried: BTreeSet<Uuid>,
    committed: BTreeSet<Uuid>,
}

impl Ledger {
    /// Writes while `faults` happen, and a little longer.
    async fn under_load<T>(database: &Database, faults: impl Future<Output = T>) -> (Self, T) {
        let over = AtomicBool::new(false);
        let writers = (0..WRITERS).map(|_| Self::write_until(database, &over));
        let faults = async {
            sleep(PACE).await;
            let left = faults.await;
            sleep(PACE).await;
            over.store(true, Ordering::SeqCst);
            left
        };
        let (parts, left) = tokio::join!(join_all(writers), faults);
        (parts.into_iter().fold(Self::default(), Self::and), left)
    }

    async fn write_until(database: &Database, over: &AtomicBool) -> Self {
        let mut ledger = Self::default();
        while !over.load(Ordering::SeqCst) || ledger.committed.len() < COMMITTED_MIN {
            let ids = new_ids(MESSAGES);
            ledger.tried.extend(&ids);
            // An error means unknown: the connection may have been lost after the commit.
            if try_write(database, &messages(&ids)).await.is_ok() {
                ledger.committed.extend(&ids);
            }
            sleep(Duration::from_millis(2)).await;
        }
        ledger
    }

    fn and(mut self, other: Self) -> Self {
        self.tried.extend(other.tried);
        self.committed.extend(other.committed);
        self
    }

    /// Everything that was committed arrives, and nothing else.
    async fn check(self, servers: &Servers) {
        servers.until_left(0).await;
        let taken = set(&servers.take_ids().await);
        assert_eq!(self.committed.difference(&taken).count(), 0, "lost");
        assert_eq!(taken.difference(&self.tried).count(), 0, "unexpected");
    }
}

/// The way to a server through a relay.
fn relayed(host: &str, port: u16) -> Relay {
    Relay::start(Protocol::Other, host, port)
}

#[tokio::test]
async fn nothing_is_lost_while_the_broker_goes_and_comes() {
    let servers = Servers::prepare().await;
    let settings = servers.broker_settings();
    let mut relay = relayed(&settings.host, settings.port);
    let port = relay.port;
    let through = broker::Settings {
        host: "127.0.0.1".into(),
        port,
        ..settings.clone()
    };
    let process = Process::start(&servers.database_settings(), through, LIMITS);
    let faults = async {
        for ending in [Ending::Fin, Ending::Reset, Ending::Fin] {
            relay.end(ending);
            sleep(PACE).await;
        }
        for _ in 0..2 {
            drop(relay);
            sleep(PACE).await;
            relay = Relay::start_at(port, Protocol::Other, &settings.host, settings.port);
            sleep(2 * PACE).await;
        }
        relay
    };
    let (ledger, _relay) = Ledger::under_load(&process.database, faults).await;
    ledger.check(&servers).await;
    process.stop().await;
}

#[tokio::test]
async fn nothing_is_lost_while_sessions_of_the_database_end() {
    let servers = Servers::prepare().await;
    let settings = servers.database_settings();
    let relay = relayed(&settings.host, settings.port);
    let through = Settings {
        host: "127.0.0.1".into(),
        port: relay.port,
        ..settings
    };
    let process = Process::start(&through, servers.broker_settings(), LIMITS);
    let faults = async {
        for ending in [Ending::Fin, Ending::Reset, Ending::Silence] {
            servers.database.end_sessions().await;
            sleep(PACE).await;
            relay.end(ending);
            sleep(PACE).await;
        }
        servers.database.end_sessions().await;
    };
    let (ledger, ()) = Ledger::under_load(&process.database, faults).await;
    ledger.check(&servers).await;
    process.stop().await;
}

#[tokio::test]
async fn nothing_is_lost_by_two_relays_while_both_servers_fail() {
    let servers = Servers::prepare().await;
    let settings = servers.broker_settings();
    let relay = relayed(&settings.host, settings.port);
    let through = broker::Settings {
        host: "127.0.0.1".into(),
        port: relay.port,
        ..settings
    };
    let database = servers.database_settings();
    let processes = [(); 2].map(|()| Process::start(&database, through.clone(), LIMITS));
    let faults = async {
        for _ in 0..5 {
            relay.end(Ending::Reset);
            servers.database.end_sessions().await;
            sleep(PACE).await;
        }
    };
    let (ledger, ()) = Ledger::under_load(&processes[0].database, faults).await;
    ledger.check(&servers).await;
    for process in processes {
        process.stop().await;
    }
}

#[tokio::test]
async fn what_is_not_confirmed_in_time_stays_and_is_sent_again() {
    let servers = Servers::prepare().await;
    let settings = servers.broker_settings();
    let relay = relayed(&settings.host, settings.port);
    let through = broker::Settings {
        host: "127.0.0.1".into(),
        port: relay.port,
        ..settings
    };
    let limits = Limits {
        confirm: Duration::from_secs(1),
        ..LIMITS
    };
    let process = Process::start(&servers.database_settings(), through, limits);
    let ids = new_ids(2);
    write(&process.database, &messages(&ids[..1]))
        .await
        .unwrap();
    servers.until_left(0).await;
    // The publisher has a connection, and does not know yet that nothing arrives over it.
    relay.end(Ending::Silence);
    write(&process.database, &messages(&ids[1..]))
        .await
        .unwrap();
    servers.until_left(0).await;
    assert_eq!(set(&servers.take_ids().await), set(&ids));
    process.stop().await;
}
