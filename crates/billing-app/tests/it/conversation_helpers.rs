//! The conversation of the shop as an order sees it: it asks on one queue, and hears the end on another.

use std::{collections::BTreeMap, time::Duration};

use billing_app::{Limits, shippings, timer};
use messages::{
    Message, Route,
    orders::{Line, OrderCreate},
    shippings::{Outcome, ShippingUpdate},
    topology::{Service, dead_letter_queue},
};
use serde_json::json;
use testing::until;
use uuid::Uuid;

use crate::helpers::Servers;

/// All that takes part in the conversation, but for the orders: what they hear is left for the test.
pub(crate) const PARTS: &str = "outbox,customers,shippings,shippings-detail,shippings-timer";

/// A message that no queue takes.
const MARKER: &str = "a marker";

/// Timers that do not wait long.
pub(crate) fn short() -> Limits {
    Limits {
        timers: timer::Limits {
            every: Duration::from_millis(20),
            ..timer::Limits::default()
        },
        shippings: shippings::Limits {
            answer: Duration::from_millis(200),
            repetitions: 2,
            batch: 7,
        },
        ..Limits::default()
    }
}

/// Timers that ask soon, and that hardly ever give up: for what has to succeed on a busy machine.
pub(crate) fn patient() -> Limits {
    let mut limits = short();
    limits.shippings.repetitions = 1_000;
    limits
}

/// An order of one beer for this customer.
pub(crate) fn order(customer_id: Uuid) -> OrderCreate {
    OrderCreate {
        order_id: Uuid::now_v7(),
        customer_id,
        beers: vec![Line {
            sku: "IPA-1".into(),
            name: "India Pale Ale".into(),
            quantity: 2,
            price: "3.10".parse().unwrap(),
        }],
        cancelled: false,
    }
}

/// What an order says when it is cancelled.
pub(crate) fn cancelled(order: &OrderCreate) -> OrderCreate {
    OrderCreate {
        cancelled: true,
        ..order.clone()
    }
}

pub(crate) fn queue_of<M: Message>() -> &'static str {
    match M::ROUTE {
        Route::Queue(name) | Route::Fanout(name) => name,
    }
}

impl Servers {
    /// [`Self::prepare`], with every queue of the billing declared.
    pub(crate) async fn prepare_shop() -> Self {
        let servers = Self::prepare().await;
        for queue in Service::Billing.declarations().queues {
            let quorum = json!({ "x-queue-type": "quorum" });
            servers.broker.declare_queue(&queue, quorum).await;
        }
        servers
    }

    pub(crate) async fn send<M: Message>(&self, message: &M, id: Uuid) {
        let body = String::from_utf8(message.encode()).unwrap();
        self.publish(queue_of::<M>(), &id.to_string(), &body).await;
    }

    /// Sends an order for the first time.
    pub(crate) async fn send_order(&self, order: &OrderCreate) {
        self.send(order, order.message_id(1)).await;
    }

    /// A customer of its own.
    pub(crate) async fn add_customer(&self) -> Uuid {
        let id = Uuid::now_v7();
        let insert = format!(
            "INSERT INTO customers.customers (id, email, address) VALUES ('{id}', 'ann@example.org', '1 Mill Lane')"
        );
        self.database.execute(&insert).await;
        id
    }

    /// The shipping of an order, as `(id, status, asks)`; the test has to know that there is one.
    pub(crate) async fn shipping(&self, order: &OrderCreate) -> (Uuid, String, i32) {
        let sql = format!(
            "SELECT id::text, status, asks FROM shippings.shippings WHERE order_id = '{}'",
            order.order_id
        );
        let rows = self.database.rows(&sql).await;
        let id: String = rows[0].get(0);
        (id.parse().unwrap(), rows[0].get(1), rows[0].get(2))
    }

    pub(crate) async fn count_shippings(&self, condition: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM shippings.shippings WHERE {condition}");
        self.database.value(&sql).await.parse().unwrap()
    }

    /// Waits until so many shippings have this status.
    pub(crate) async fn until_shippings(&self, status: &str, wanted: i64) {
        let condition = format!("status = '{status}'");
        let enough = async || self.count_shippings(&condition).await >= wanted;
        until(enough, &format!("{wanted} shippings are {status}")).await;
        assert_eq!(self.count_shippings(&condition).await, wanted);
    }

    /// Waits until `count` messages are in the queue of `M`; takes them, by their ids.
    pub(crate) async fn take<M: Message<Rejection: std::fmt::Debug>>(
        &self,
        count: usize,
    ) -> Vec<(Uuid, M)> {
        let queue = queue_of::<M>();
        let there = async || self.broker.peek(queue).await.len() >= count;
        until(there, &format!("{count} messages are in {queue}")).await;
        let taken = self.take_all().await;
        assert_eq!(taken.len(), count, "{queue}");
        taken
    }

    /// Takes what is in the queue of `M`, by its ids.
    pub(crate) async fn take_all<M: Message<Rejection: std::fmt::Debug>>(&self) -> Vec<(Uuid, M)> {
        let taken = self.broker.drain(queue_of::<M>()).await;
        let read = taken.iter().map(|message| {
            let id = message.id().unwrap().parse().unwrap();
            (id, M::parse(message.body.as_bytes()).unwrap())
        });
        read.collect()
    }

    /// Waits until the one consumer of each of these queues has stored all that was sent to it, and what that has caused is
    /// published. A message that cannot be read is sent behind the others; it becomes a dead letter after they are stored.
    pub(crate) async fn until_settled(&self, queues: &[&str]) {
        for queue in queues {
            let marker = Uuid::new_v4().to_string();
            self.publish(queue, &marker, MARKER).await;
            let (dead, id) = (dead_letter_queue(queue), Some(marker.as_str()));
            let passed = async || {
                let letters = self.broker.peek(&dead).await;
                letters.iter().any(|letter| letter.id() == id)
            };
            until(passed, &format!("{queue} is consumed")).await;
        }
        let waiting = "SELECT count(*) FROM outbox";
        let published = async || self.database.value(waiting).await == "0";
        until(published, "the outbox is empty").await;
    }

    /// The dead letters of a queue, without those of [`Self::until_settled`].
    pub(crate) async fn dead_letters(&self, queue: &str) -> Vec<testing::broker::Message> {
        let mut letters = self.broker.drain(&dead_letter_queue(queue)).await;
        letters.retain(|letter| letter.body != MARKER);
        letters
    }

    /// The ends that each order was told, by the ids of the orders.
    pub(crate) async fn told(&self) -> BTreeMap<Uuid, Vec<Outcome>> {
        let mut told: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for message in self.broker.drain(queue_of::<ShippingUpdate>()).await {
            let update = ShippingUpdate::parse(message.body.as_bytes()).unwrap();
            assert_eq!(
                message.id(),
                Some(update.message_id().to_string().as_str()),
                "{update:?}"
            );
            told.entry(update.order_id).or_default().push(update.status);
        }
        told
    }
}
