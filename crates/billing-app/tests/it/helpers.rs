//! A billing with a database and a virtual host of its own.

use std::time::Duration;

use billing_app::{App, MIGRATIONS, payments};
use platform::{
    database::{Database, Settings, migrate},
    http::{self, Limits, server},
    runtime::Tasks,
};
use serde_json::{Value, json};
use testing::{Client, TestBroker, TestDatabase};
use tokio::{net::TcpListener, time::Instant};
use uuid::Uuid;

pub(crate) const QUEUE: &str = "billing_queue";
pub(crate) const DEAD: &str = "billing_queue.dead";

/// The longest that anything here may take; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// The servers of a billing, whether one runs or not.
pub(crate) struct Ground {
    pub(crate) database: TestDatabase,
    pub(crate) broker: TestBroker,
}

/// A running billing; dropping it stops it without waiting.
pub(crate) struct Billing {
    pub(crate) client: Client,
    intake: Tasks,
    output: Tasks,
}

impl Ground {
    pub(crate) async fn prepare() -> Self {
        let ground = Self {
            database: TestDatabase::create().await,
            broker: TestBroker::create().await,
        };
        let queue = json!({ "x-queue-type": "quorum" });
        ground.broker.declare_queue(QUEUE, queue.clone()).await;
        ground.broker.declare_queue(DEAD, queue).await;
        migrate(&ground.database_settings(), MIGRATIONS)
            .await
            .unwrap();
        ground
    }

    pub(crate) fn database_settings(&self) -> Settings {
        Settings {
            variables: "ORDERS_DB",
            host: self.database.host.clone(),
            port: self.database.port,
            name: self.database.name.clone(),
            user: self.database.user.clone(),
            password: self.database.password.clone().into(),
        }
    }

    pub(crate) fn broker_settings(&self) -> broker::Settings {
        broker::Settings {
            variables: "BILLING_AMQP",
            host: self.broker.host.clone(),
            port: self.broker.port,
            vhost: self.broker.vhost.clone(),
            user: self.broker.user.clone(),
            password: self.broker.password.clone().into(),
        }
    }

    pub(crate) async fn start(&self) -> Billing {
        let (intake, output) = (Tasks::default(), Tasks::default());
        let database = Database::new(&self.database_settings(), 4);
        let _ = payments::record(database.clone(), &self.broker_settings(), &intake, &output);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(format!("http://{}", listener.local_addr().unwrap()));
        let routes = billing_app::routes().0.with_state(App { database });
        let app = http::app(routes, Limits::default());
        tokio::spawn(server::serve(
            listener,
            app,
            Limits::default(),
            intake.stop.clone(),
            server::Accepting::default(),
        ));
        Billing {
            client,
            intake,
            output,
        }
    }

    /// Queues a payment of user `user_id` under a new id.
    pub(crate) async fn queue(&self, user_id: &str) -> Uuid {
        let id = Uuid::new_v4();
        self.queue_body(&id.to_string(), &payment(user_id)).await;
        id
    }

    pub(crate) async fn queue_body(&self, id: &str, body: &str) {
        let properties = json!({ "message_id": id, "delivery_mode": 2 });
        assert!(
            self.broker.publish(QUEUE, properties, body).await,
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

    /// Waits until as many dead letters as `wanted` are there; gives them back as `(id, reason, body)`.
    pub(crate) async fn until_dead(&self, wanted: usize) -> Vec<(String, String, String)> {
        until(
            async || self.broker.peek(DEAD).await.len() >= wanted,
            "the dead letters are there",
        )
        .await;
        let letters = self.broker.peek(DEAD).await;
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
    /// Stops as the runtime does: intake first, output after it.
    pub(crate) async fn stop(self) {
        for tasks in [&self.intake, &self.output] {
            tasks.stop.cancel();
            tasks.tracker.close();
            tokio::time::timeout(PATIENCE, tasks.tracker.wait())
                .await
                .unwrap();
        }
    }
}

impl Drop for Billing {
    fn drop(&mut self) {
        self.intake.stop.cancel();
        self.output.stop.cancel();
    }
}

pub(crate) fn payment(user_id: &str) -> String {
    json!({ "user_id": user_id, "number_of_items": "5", "total_amount": "180" }).to_string()
}

/// Asks every 20 ms until it is so.
pub(crate) async fn until(condition: impl AsyncFn() -> bool, what: &str) {
    let begin = Instant::now();
    while !condition().await {
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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
