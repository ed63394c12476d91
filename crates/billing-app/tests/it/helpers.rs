//! A billing with a database and a virtual host of its own, started as the program starts it.

use billing_app::{
    Limits, MIGRATIONS,
    config::{Command, Config},
};
use clap::Parser;
use platform::{
    config::Parts,
    database::migrate,
    runtime::{Running, Runtime},
};
use serde_json::{Value, json};
use testing::{
    Client, TestBroker, TestDatabase,
    settings::{Setting, arguments, endpoint},
    until,
};
use uuid::Uuid;

pub(crate) const QUEUE: &str = "billing_queue";
pub(crate) const DEAD: &str = "billing_queue.dead";

/// The servers of a billing, whether one runs or not.
pub(crate) struct Servers {
    pub(crate) database: TestDatabase,
    pub(crate) broker: TestBroker,
    /// Where the inventory is; nobody listens at the port that is there at first.
    pub(crate) inventory_port: u16,
}

/// A running billing.
pub(crate) struct Billing {
    pub(crate) client: Client,
    running: Running,
}

impl Servers {
    pub(crate) async fn prepare() -> Self {
        let servers = Self::without_queues().await;
        let queue = json!({ "x-queue-type": "quorum" });
        servers.broker.declare_queue(QUEUE, queue.clone()).await;
        servers.broker.declare_queue(DEAD, queue).await;
        servers
    }

    pub(crate) async fn without_queues() -> Self {
        let servers = Self {
            database: TestDatabase::create().await,
            broker: TestBroker::create().await,
            inventory_port: 1,
        };
        migrate(&servers.config(&[]).database, MIGRATIONS)
            .await
            .unwrap();
        servers
    }

    /// The settings of a billing at a free port, and its command line after them.
    pub(crate) fn config(&self, command: &[&str]) -> Config {
        self.config_at(self.broker.port, command)
    }

    /// [`Self::config`] with a broker at another port.
    fn config_at(&self, amqp_port: u16, command: &[&str]) -> Config {
        self.config_of(amqp_port, None, command)
    }

    /// [`Self::config`] with one more setting.
    pub(crate) fn config_with(&self, name: &str, value: &str, command: &[&str]) -> Config {
        let more = (name.to_owned(), value.to_owned());
        self.config_of(self.broker.port, Some(more), command)
    }

    fn config_of(&self, amqp_port: u16, more: Option<Setting>, command: &[&str]) -> Config {
        let settings = self.settings(amqp_port, 0).chain(more);
        Config::try_parse_from(arguments(settings, command)).unwrap()
    }

    /// The settings of a billing that listens at `http_port`, with its broker at `amqp_port`.
    pub(crate) fn settings(
        &self,
        amqp_port: u16,
        http_port: u16,
    ) -> impl Iterator<Item = Setting> + use<> {
        endpoint("billing-app", http_port)
            .into_iter()
            .chain(endpoint("inventory-app", self.inventory_port))
            .chain(self.database.settings("orders-db"))
            .chain(self.broker.settings("billing-amqp", amqp_port))
    }

    pub(crate) async fn start(&self) -> Billing {
        self.start_parts(&[]).await.unwrap()
    }

    /// Starts what `serve` with these arguments would.
    pub(crate) async fn start_parts(&self, arguments: &[&str]) -> anyhow::Result<Billing> {
        self.start_within(arguments, &Limits::default()).await
    }

    /// [`Self::start_parts`] with limits of the test's own.
    pub(crate) async fn start_within(
        &self,
        arguments: &[&str],
        limits: &Limits,
    ) -> anyhow::Result<Billing> {
        let config = self.config(&[&["serve"], arguments].concat());
        start(&config, limits).await
    }

    /// [`Self::start_within`] with a broker at another port.
    pub(crate) async fn start_at(
        &self,
        amqp_port: u16,
        arguments: &[&str],
        limits: &Limits,
    ) -> Billing {
        let config = self.config_at(amqp_port, &[&["serve"], arguments].concat());
        start(&config, limits).await.unwrap()
    }

    /// Queues a payment of user `user_id` under a new id.
    pub(crate) async fn queue(&self, user_id: &str) -> Uuid {
        let id = Uuid::new_v4();
        self.queue_body(&id.to_string(), &payment(user_id)).await;
        id
    }

    pub(crate) async fn queue_body(&self, id: &str, body: &str) {
        self.publish(QUEUE, id, body).await;
    }

    pub(crate) async fn publish(&self, queue: &str, id: &str, body: &str) {
        let properties = json!({ "message_id": id, "delivery_mode": 2 });
        assert!(
            self.broker.publish(queue, properties, body).await,
            "not routed"
        );
    }

    pub(crate) async fn count(&self, condition: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM orders WHERE {condition}");
        self.database.value(&sql).await.parse().unwrap()
    }

    /// Waits until as many orders as `wanted` are there.
    pub(crate) async fn until_orders(&self, wanted: i64) {
        until(
            async || self.count("true").await >= wanted,
            "the orders are recorded",
        )
        .await;
        assert_eq!(self.count("true").await, wanted);
    }

    /// Waits until so many queries at least wait for locks.
    pub(crate) async fn until_waiting(&self, wanted: i64) {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let waiting = async || self.database.value(sql).await.parse::<i64>().unwrap() >= wanted;
        until(waiting, "queries wait for locks").await;
    }

    /// Waits until as many dead letters as `wanted` are there; gives them back as `(id, reason, body)`.
    pub(crate) async fn until_dead(&self, wanted: usize) -> Vec<(String, String, String)> {
        self.until_dead_in(DEAD, wanted).await
    }

    /// [`Self::until_dead`] in another queue of dead letters.
    pub(crate) async fn until_dead_in(
        &self,
        queue: &str,
        wanted: usize,
    ) -> Vec<(String, String, String)> {
        until(
            async || self.broker.peek(queue).await.len() >= wanted,
            "the dead letters are there",
        )
        .await;
        let letters = self.broker.peek(queue).await;
        letters
            .iter()
            .map(|letter| {
                let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
                (
                    text(letter.id()),
                    text(letter.header("x-reason")),
                    letter.body.clone(),
                )
            })
            .collect()
    }
}

impl Billing {
    /// Host and port.
    pub(crate) fn address(&self) -> String {
        self.running.address().to_string()
    }

    /// Stops as a signal would.
    pub(crate) async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}

pub(crate) async fn start(config: &Config, limits: &Limits) -> anyhow::Result<Billing> {
    let parts = match &config.command {
        Some(Command::Serve(parts)) => parts.clone(),
        _ => Parts::default(),
    };
    let running = billing_app::start_within(config, &parts, limits, Runtime::embedded()?).await?;
    Ok(Billing {
        client: Client::new(format!("http://{}", running.address())),
        running,
    })
}

pub(crate) fn payment(user_id: &str) -> String {
    json!({ "user_id": user_id, "number_of_items": "5", "total_amount": "180" }).to_string()
}

/// The answer of GET /api/billing/{id} once there is one.
pub(crate) async fn outcome(billing: &Billing, id: &str) -> Value {
    let path = format!("/api/billing/{id}");
    until(
        async || billing.client.get(&path).await.status == 200,
        "the outcome is known",
    )
    .await;
    billing.client.get(&path).await.json(200)
}
