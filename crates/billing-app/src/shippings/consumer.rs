//! What the messages on `orders_create` and `customers_detail` mean: the first and the last step of a shipping.

use std::collections::BTreeMap;

use broker::{Consumer, Failure, Outgoing, Received, Refused, outbox};
use messages::{
    customers::{CustomerDetail, DETAIL_QUEUE},
    orders::{OrderCreate, QUEUE},
};
use platform::database::{Connection, Database, DatabaseError};
use uuid::Uuid;

use super::{
    Limits,
    model::{self, Step},
};
use crate::BATCH_LIMIT;

/// The most bytes of orders that are stored in one transaction. A batch of the largest orders has 100 MiB: stored at once it
/// would take longer than [`BATCH_LIMIT`], each time that it is tried.
const PART_SIZE: usize = 4 * 1_024 * 1_024;

/// Opens a shipping for each order that asks for one, and fails those of orders that were cancelled.
pub struct Open {
    /// Where the shippings are.
    pub database: Database,
    /// How long a shipping waits for its customer.
    pub limits: Limits,
}

/// Ends a shipping once its customer is known, or known not to exist.
pub struct Conclude {
    /// Where the shippings are.
    pub database: Database,
}

impl Consumer for Open {
    type Message = OrderCreate;

    fn name(&self) -> &'static str {
        "shippings"
    }

    fn noun(&self) -> &'static str {
        "shipping"
    }

    fn queue(&self) -> &str {
        QUEUE
    }

    /// One transaction for each part of the batch. A part that is stored again, because a later one failed, changes nothing.
    async fn store(&self, batch: &[Received<OrderCreate>]) -> Result<Vec<Refused>, Failure> {
        let mut rest = batch;
        while !rest.is_empty() {
            let (part, later) = rest.split_at(part_length(rest));
            let open = async |c: &mut Connection| open(c, part, &self.limits).await;
            self.database.transaction_within(BATCH_LIMIT, open).await?;
            rest = later;
        }
        Ok(Vec::new())
    }

    async fn store_answers(&self) -> bool {
        self.database.ping().await.is_ok()
    }
}

impl Consumer for Conclude {
    type Message = CustomerDetail;

    fn name(&self) -> &'static str {
        "shippings-detail"
    }

    fn noun(&self) -> &'static str {
        "end of a shipping"
    }

    fn queue(&self) -> &str {
        DETAIL_QUEUE
    }

    async fn store(&self, batch: &[Received<CustomerDetail>]) -> Result<Vec<Refused>, Failure> {
        let conclude = async |c: &mut Connection| conclude(c, batch).await;
        let refused = self.database.transaction_within(BATCH_LIMIT, conclude);
        Ok(refused.await?)
    }

    async fn store_answers(&self) -> bool {
        self.database.ping().await.is_ok()
    }
}

/// How many messages from the first one are stored in one transaction: as many as [`PART_SIZE`] holds, and one at least.
fn part_length(batch: &[Received<OrderCreate>]) -> usize {
    let mut size = 0;
    let fits = |received: &&Received<OrderCreate>| {
        size += received.delivery.body.len();
        size <= PART_SIZE
    };
    batch.iter().take_while(fits).count().max(1)
}

/// One message of each order, in the order of the ids. An order that is cancelled stays so, whatever else it says.
fn one_of_each(batch: &[Received<OrderCreate>]) -> BTreeMap<Uuid, &Received<OrderCreate>> {
    let mut orders = BTreeMap::new();
    for received in batch {
        let kept = orders.entry(received.message.order_id).or_insert(received);
        if received.message.cancelled {
            *kept = received;
        }
    }
    orders
}

/// Asks for the customers of what was opened; says the end again to those who ask for what has ended.
async fn open(
    transaction: &mut Connection,
    batch: &[Received<OrderCreate>],
    limits: &Limits,
) -> Result<(), DatabaseError> {
    let mut orders = one_of_each(batch);
    let asked: Vec<_> = orders.values().map(|order| &order.message).collect();
    let opened = model::open(transaction, &asked, limits).await?;
    let mut messages = Vec::new();
    for step in opened {
        let order = orders.remove(&step.order_id);
        let request = step
            .request()
            .map(|asks| Outgoing::of(&asks, asks.message_id(step.asks)));
        messages.extend(with_origin(request, order));
    }
    orders.retain(|_, order| !order.message.cancelled);
    if !orders.is_empty() {
        for step in model::ended(transaction, orders.keys().copied().collect()).await? {
            let order = orders.remove(&step.order_id);
            messages.extend(with_origin(said(&step), order));
        }
    }
    outbox::add_all(transaction, &messages).await
}

/// Says the end of what has ended; refuses answers to shippings that there are not. Of two answers the first one counts.
async fn conclude(
    transaction: &mut Connection,
    batch: &[Received<CustomerDetail>],
) -> Result<Vec<Refused>, DatabaseError> {
    let ids = batch.iter().map(|told| told.message.shipping_id);
    let known = model::lock(transaction, ids.collect()).await?;
    let mut details = BTreeMap::new();
    let mut refused = Vec::new();
    for (place, told) in batch.iter().enumerate() {
        if known.contains(&told.message.shipping_id) {
            details.entry(told.message.shipping_id).or_insert(told);
        } else {
            let reason = "no shipping has this id".into();
            refused.push(Refused { place, reason });
        }
    }
    let told: Vec<_> = details.values().map(|told| &told.message).collect();
    let ended = model::conclude(transaction, &told).await?;
    let messages = ended.iter().filter_map(|step| {
        let told = details.get(&step.id).copied();
        with_origin(said(step), told)
    });
    outbox::add_all(transaction, &messages.collect::<Vec<_>>()).await?;
    Ok(refused)
}

/// The end of a shipping, for its order.
pub(super) fn said(step: &Step) -> Option<Outgoing> {
    let update = step.update()?;
    Some(Outgoing::of(&update, update.message_id()))
}

/// The same message, as one that `cause` has caused.
fn with_origin<M>(message: Option<Outgoing>, cause: Option<&Received<M>>) -> Option<Outgoing> {
    let message = message?;
    Some(match cause {
        Some(cause) => message.with_origin_of(&cause.delivery),
        None => message,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use broker::Incoming;
    use messages::{Message, orders::EXAMPLE};

    use super::*;

    /// Orders whose bodies have these sizes.
    fn batch(sizes: &[usize]) -> Vec<Received<OrderCreate>> {
        let received = |size: &usize| Received {
            id: Uuid::nil(),
            message: OrderCreate::parse(EXAMPLE.as_bytes()).unwrap(),
            delivery: Incoming::new(None, vec![b' '; *size]),
        };
        sizes.iter().map(received).collect()
    }

    #[test]
    fn a_part_has_as_many_orders_as_fit_and_one_at_least() {
        for (sizes, expected) in [
            (&[1; 500][..], 500),
            (&[PART_SIZE / 2, PART_SIZE / 2, 1], 2),
            (&[PART_SIZE + 1, 1], 1),
            (&[1, PART_SIZE], 1),
        ] {
            assert_eq!(part_length(&batch(sizes)), expected, "{:?}", sizes.len());
        }
    }
}
