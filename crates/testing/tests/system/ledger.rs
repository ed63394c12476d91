//! Payments under load with a ledger of what was promised, and the arithmetic that judges the system by it.
//!
//! Every payment has a user id of its own, written down before it is sent. What was answered 200 must be one row; what
//! was not answered 200 may be one row or none; nothing else may be there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use testing::Client;
use tokio::{sync::Mutex, task::JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    parts::{gateway, psql, until},
    rides::Rides,
    shop::Shop,
};

/// Clients that pay at the same time.
const CLIENTS: usize = 8;

/// The pause of a client between two payments: some hundred payments a second, which one core carries.
const PAUSE: Duration = Duration::from_millis(20);

/// What was promised of each payment, in the phase in which it was sent.
#[derive(Default)]
struct Book {
    phase: String,
    attempts: BTreeSet<String>,
    accepted: BTreeMap<String, String>,
}

/// Clients that pay, users who shop and bikes that are ridden, until they are told to stop.
pub(crate) struct Load {
    run: String,
    book: Arc<Mutex<Book>>,
    stop: CancellationToken,
    clients: JoinSet<()>,
    shop: Shop,
    rides: Rides,
}

impl Load {
    pub(crate) async fn start() -> Self {
        let run = Uuid::new_v4().simple().to_string()[..8].to_owned();
        let (book, stop) = (Arc::default(), CancellationToken::new());
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(pay(gateway(), run.clone(), Arc::clone(&book), stop.clone()));
        }
        let shop = Shop::open(&stop).await;
        let rides = Rides::start(&stop).await;
        Self {
            run,
            book,
            stop,
            clients,
            shop,
            rides,
        }
    }

    /// Whatever is sent from here on counts for the phase `name`.
    pub(crate) async fn phase(&self, name: &str) {
        name.clone_into(&mut self.book.lock().await.phase);
        self.shop.phase(name).await;
        self.rides.phase(name).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }

    /// The users whose payments were accepted so far.
    pub(crate) async fn accepted(&self) -> BTreeSet<String> {
        self.book.lock().await.accepted.keys().cloned().collect()
    }

    /// Whether each of these users' payments is a row.
    pub(crate) async fn recorded(&self, users: &BTreeSet<String>) -> bool {
        let rows: BTreeSet<String> = self.rows().await.into_iter().collect();
        users.is_subset(&rows)
    }

    /// Stops paying, waits until the queue is empty, and judges: 0 lost, 0 double, 0 unexpected, and something was
    /// accepted in every phase of `phases`.
    pub(crate) async fn judge(mut self, phases: &[&str]) {
        self.stop.cancel();
        while self.clients.join_next().await.is_some() {}
        let book = self.book.lock().await;
        let settled = async || self.rows().await.len() >= book.accepted.len();
        until(settled, "every accepted payment is a row").await;
        // A moment more: a double row would come last.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let rows = self.rows().await;
        let distinct: BTreeSet<&String> = rows.iter().collect();
        let lost: Vec<_> = book
            .accepted
            .keys()
            .filter(|user| !distinct.contains(user))
            .collect();
        let unexpected: Vec<_> = distinct
            .iter()
            .filter(|user| !book.attempts.contains(**user))
            .collect();
        println!(
            "attempts {}, accepted {}, rows {}",
            book.attempts.len(),
            book.accepted.len(),
            rows.len()
        );
        assert!(
            lost.is_empty(),
            "{} lost, first {:?}",
            lost.len(),
            lost.first()
        );
        assert_eq!(rows.len(), distinct.len(), "double rows");
        assert!(unexpected.is_empty(), "{unexpected:?}");
        for phase in phases {
            assert!(
                book.accepted.values().any(|accepted| accepted == phase),
                "nothing was accepted in {phase}"
            );
        }
        drop(book);
        self.shop.judge(phases).await;
        self.rides.judge(phases).await;
    }

    async fn rows(&self) -> Vec<String> {
        let sql = format!(
            "SELECT user_id FROM orders WHERE user_id LIKE '{}-%'",
            self.run
        );
        psql("billing", &sql)
            .await
            .lines()
            .map(ToOwned::to_owned)
            .collect()
    }
}

async fn pay(gateway: Client, run: String, book: Arc<Mutex<Book>>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let user = format!("{run}-{}", Uuid::new_v4().simple());
        book.lock().await.attempts.insert(user.clone());
        let body = json!({ "user_id": user, "number_of_items": 1, "total_amount": "9.99" });
        let sent = gateway
            .request("POST", "/api/billing")
            .json(&body)
            .send()
            .await;
        if sent.is_ok_and(|answer| answer.status() == 200) {
            let mut book = book.lock().await;
            let phase = book.phase.clone();
            book.accepted.insert(user, phase);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
