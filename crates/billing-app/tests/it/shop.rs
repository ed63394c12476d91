//! A billing beside a real inventory, and users who order there.

use billing_app::Limits;
use clap::Parser;
use platform::{
    config::Parts,
    runtime::{Running, Runtime},
};
use serde_json::{Value, json};
use testing::{
    Answer, Client, TestDatabase, send,
    settings::{arguments, endpoint, without_broker},
    until,
};
use uuid::Uuid;

use crate::helpers::{Billing, Servers};

/// All parts that orders need, but nobody who answers `orders_create`: a test does.
pub(crate) const PARTS: &str = "http,outbox,payments,refunds,orders,orders-timer";

/// A port at which nobody listens.
const NOBODY: u16 = 1;

/// The queue that a test reads in place of the shippings.
pub(crate) const CREATE: &str = "orders_create";

/// The queue that a test writes in place of the shippings.
pub(crate) const UPDATE: &str = "shippings_update";

/// A shop with three beers.
pub(crate) struct Shop {
    pub(crate) billing: Billing,
    pub(crate) servers: Servers,
    pub(crate) inventory: Inventory,
}

/// A running inventory with a database of its own.
pub(crate) struct Inventory {
    pub(crate) client: Client,
    running: Running,
    _database: TestDatabase,
}

/// Who orders.
pub(crate) struct User {
    client: Client,
    pub(crate) id: Uuid,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::open_within(&Limits::default()).await
    }

    pub(crate) async fn open_within(limits: &Limits) -> Self {
        let inventory = Inventory::with_beers().await;
        let mut servers = Servers::prepare_shop().await;
        servers.inventory_port = inventory.port();
        let billing = servers.start_within(&["--only", PARTS], limits).await;
        Self {
            billing: billing.unwrap(),
            servers,
            inventory,
        }
    }

    /// One that answers HTTP and has no broker: what it would send waits in the outbox.
    pub(crate) async fn open_http() -> Self {
        let inventory = Inventory::with_beers().await;
        let mut servers = Servers::without_queues().await;
        servers.inventory_port = inventory.port();
        let billing = start_http(&servers).await;
        Self {
            billing,
            servers,
            inventory,
        }
    }

    pub(crate) fn user(&self) -> User {
        User::of(&self.billing)
    }

    pub(crate) async fn as_operator(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = self.billing.client.request(method, path);
        let request = request.header("x-caller", "operator");
        match body {
            Value::Null => send(request).await,
            body => send(request.json(body)).await,
        }
    }

    /// Says that the shipping of an order ended like this.
    pub(crate) async fn update(&self, order: &str, status: &str) {
        let body = json!({ "order_id": order, "shipping_id": Uuid::new_v4(), "status": status });
        let properties = json!({ "message_id": Uuid::new_v4().to_string(), "delivery_mode": 2 });
        let broker = &self.servers.broker;
        assert!(broker.publish(UPDATE, properties, &body.to_string()).await);
    }

    /// The bodies of what was asked of the shippings so far.
    pub(crate) async fn asked(&self) -> Vec<Value> {
        let messages = self.servers.broker.peek(CREATE).await;
        let bodies = messages.iter().map(|message| message.body.as_str());
        bodies
            .map(|body| serde_json::from_str(body).unwrap())
            .collect()
    }

    /// The states of an order, once the last one is `end`.
    pub(crate) async fn until_state(&self, order: &str, end: &str) -> Vec<String> {
        let path = format!("/api/orders/{order}");
        let states = async || {
            let order = self.as_operator("GET", &path, &Value::Null).await.json(200);
            let entries = order["history"].as_array().unwrap().clone();
            let states = entries.iter().map(|entry| text(&entry["status"]));
            assert_eq!(order["status"], entries.last().unwrap()["status"]);
            states.collect::<Vec<_>>()
        };
        until(
            async || states().await.last().unwrap() == end,
            "the order has ended",
        )
        .await;
        states().await
    }

    /// A number that the billing's database has.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.servers.database.value(sql).await.parse().unwrap()
    }
}

/// The routes of a billing whose broker is away.
pub(crate) async fn start_http(servers: &Servers) -> Billing {
    let only = ["--only", "http"];
    servers.start_at(NOBODY, &only, &Limits::default()).await
}

impl Inventory {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create().await;
        let settings = endpoint("inventory-app", 0)
            .into_iter()
            .chain(database.settings("movies-db"))
            .chain(without_broker("inventory-amqp"));
        let line = arguments(settings, &[]);
        let config = inventory_app::config::Config::try_parse_from(line).unwrap();
        let runtime = Runtime::embedded().unwrap();
        let parts = Parts::default();
        let running = inventory_app::start(&config, &parts, runtime);
        let running = running.await.unwrap();
        Self {
            client: Client::new(format!("http://{}", running.address())),
            running,
            _database: database,
        }
    }

    async fn with_beers() -> Self {
        let inventory = Self::start().await;
        for (sku, price) in [("ipa", "3.10"), ("stout", "4.00"), ("gold", "999999.99")] {
            inventory.brew(sku, price).await;
        }
        inventory
    }

    pub(crate) fn port(&self) -> u16 {
        self.running.address().port()
    }

    pub(crate) async fn brew(&self, sku: &str, price: &str) {
        let body = json!({ "sku": sku, "name": format!("Beer {sku}"), "price": price });
        self.client.post("/api/beers", &body).await.json(201);
    }

    /// Changes the price of a beer.
    pub(crate) async fn reprice(&self, sku: &str, price: &str) {
        let body = json!({ "name": format!("Beer {sku}"), "price": price });
        let path = format!("/api/beers/{sku}");
        self.client.put(&path, &body).await.json(200);
    }

    pub(crate) async fn remove(&self, sku: &str) {
        let path = format!("/api/beers/{sku}");
        assert_eq!(self.client.delete(&path).await.status, 204);
    }

    pub(crate) async fn sell(&self, sku: &str, name: &str, price: &str) {
        let body = json!({ "sku": sku, "name": name, "price": price });
        self.client.post("/api/beers", &body).await.json(201);
    }

    /// From now on nobody listens at its port.
    pub(crate) async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}

impl User {
    /// A new user of this billing.
    pub(crate) fn of(billing: &Billing) -> Self {
        Self {
            client: billing.client.clone(),
            id: Uuid::now_v7(),
        }
    }

    pub(crate) fn with_id(self, id: Uuid) -> Self {
        Self { id, ..self }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = self.client.request(method, path);
        let request = request
            .header("x-caller", "user")
            .header("x-user-id", self.id.to_string())
            .header("x-session-id", Uuid::nil().to_string());
        match body {
            Value::Null => send(request).await,
            body => send(request.json(body)).await,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &Value::Null).await
    }

    pub(crate) async fn current(&self) -> Value {
        self.get("/api/orders/current").await.json(200)
    }

    pub(crate) async fn put(&self, sku: &str, quantity: Value) -> Answer {
        let body = json!({ "sku": sku, "quantity": quantity });
        self.send("PUT", "/api/orders/current", &body).await
    }

    pub(crate) async fn add(&self, sku: &str, quantity: i32) -> Value {
        self.put(sku, quantity.into()).await.json(201)
    }

    pub(crate) async fn remove(&self, sku: &str) -> Answer {
        let body = json!({ "sku": sku });
        self.send("DELETE", "/api/orders/current", &body).await
    }

    pub(crate) async fn check_out(&self) -> Answer {
        self.send("POST", "/api/orders/checkout", &Value::Null)
            .await
    }

    /// Orders two of `ipa` and checks out; the order's id.
    pub(crate) async fn order(&self) -> String {
        self.add("ipa", 2).await;
        text(&self.check_out().await.json(200)["id"])
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// `(sku, quantity, price)` of the lines of an order.
pub(crate) fn lines(order: &Value) -> Vec<(String, i64, String)> {
    let lines = order["beers"].as_array().unwrap().iter();
    lines
        .map(|line| {
            let quantity = line["quantity"].as_i64().unwrap();
            (text(&line["sku"]), quantity, text(&line["price"]))
        })
        .collect()
}

/// Such a line.
pub(crate) fn line(sku: &str, quantity: i64, price: &str) -> (String, i64, String) {
    (sku.into(), quantity, price.into())
}
