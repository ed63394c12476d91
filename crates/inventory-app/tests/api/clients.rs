//! Clients that hang up, and more of them than there are connections to the database.

use std::time::{Duration, Instant};

use serde_json::json;
use testing::{Client, TestDatabase, until};
use tokio::task::JoinSet;
use tokio_postgres::Client as Session;

use crate::helpers::Inventory;

/// The one movie.
const MOVIE: &str = "/api/movies/1";

/// Sessions of the inventory.
const OPEN: &str = "query LIKE '%\"movies\"%'";

/// Sessions whose statement waits for a lock.
const WAITING: &str = "wait_event_type = 'Lock'";

/// An inventory with a pool of this size, and two sessions beside it.
struct Servers {
    inventory: Inventory,
    pool: u8,
    /// Locks the row of the one movie.
    lock: Session,
    observer: Session,
}

impl Servers {
    async fn start(pool: u8) -> Self {
        let database = TestDatabase::create().await;
        let changes = [("movies-db-pool", &*pool.to_string())];
        let inventory = Inventory::start_with(database, &changes).await;
        inventory.add("x").await;
        Self {
            lock: inventory.database.connect().await,
            observer: inventory.database.connect().await,
            inventory,
            pool,
        }
    }

    /// The server's numbers for the sessions that meet a condition.
    async fn sessions(&self, condition: &str) -> Vec<i32> {
        let sessions = format!(
            "SELECT pid FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND {condition}"
        );
        let rows = self.observer.query(&sessions, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn count(&self, condition: &str) -> usize {
        self.sessions(condition).await.len()
    }

    /// 50 clients change the same movie again and again; the pool is open, and all of its statements wait for the row.
    async fn clients_that_wait(&self) -> JoinSet<()> {
        let put = async |client: Client| loop {
            client.put(MOVIE, &json!({ "title": "y" })).await;
        };
        let clients = (0..50).map(|_| put(self.inventory.client.clone()));
        let clients: JoinSet<()> = clients.collect();
        let pool = usize::from(self.pool);
        let open = async || self.count(OPEN).await == pool;
        until(open, "the pool is open").await;
        let lock = "BEGIN; SELECT FROM movies FOR UPDATE";
        self.lock.batch_execute(lock).await.unwrap();
        let waiting = async || self.count(WAITING).await == pool;
        until(waiting, "the statements wait for the row").await;
        clients
    }
}

/// The lock is held to the end: a connection whose statement still waited would answer no request.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hang_up_in_a_statement_cost_the_next_ones_nothing() {
    let servers = Servers::start(4).await;
    let clients = servers.clients_that_wait().await;
    let left = servers.sessions(WAITING).await;
    drop(clients);
    let ended = async || {
        let open = servers.sessions(OPEN).await;
        left.iter().all(|session| !open.contains(session))
    };
    until(ended, "the sessions of the clients have ended").await;
    // On a busy machine the first new connection may be late.
    let answered = async || servers.inventory.client.get(MOVIE).await.status == 200;
    until(answered, "a request is answered").await;

    let begin = Instant::now();
    for _ in 0..100 {
        servers.inventory.client.get(MOVIE).await.json(200);
    }
    let limit = Duration::from_secs(5);
    assert!(begin.elapsed() < limit, "{:?}", begin.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_is_as_large_as_it_is_set() {
    let servers = Servers::start(2).await;
    let _clients = servers.clients_that_wait().await;
    for _ in 0..50 {
        let waiting = servers.count(WAITING).await;
        assert!(waiting <= 2, "{waiting}");
    }
}
