//! What a message on `shippings_update` means: the end of an order.
//!
//! The first one counts. One that comes again, or late, or after the order was cancelled for want of an answer, changes
//! nothing. One about an order that does not exist, or was not checked out, is refused.

use std::collections::BTreeMap;

use broker::{Consumer, Failure, Received, Refused};
use messages::shippings::{Outcome, QUEUE, ShippingUpdate};
use platform::database::{Connection, Database, DatabaseError};
use uuid::Uuid;

use super::{
    ending,
    model::{self, Locked},
    status::Status,
};
use crate::BATCH_LIMIT;

/// Ends orders as their shippings say.
pub struct Updates {
    /// Where the orders are.
    pub database: Database,
}

impl Consumer for Updates {
    type Message = ShippingUpdate;

    fn name(&self) -> &'static str {
        "orders"
    }

    fn noun(&self) -> &'static str {
        "end of a shipping"
    }

    fn queue(&self) -> &str {
        QUEUE
    }

    async fn store(&self, batch: &[Received<ShippingUpdate>]) -> Result<Vec<Refused>, Failure> {
        let store = async |c: &mut Connection| store(c, batch).await;
        let stored: Result<_, DatabaseError> =
            self.database.transaction_within(BATCH_LIMIT, store).await;
        let (refused, ended) = stored?;
        ending::count(&ended);
        Ok(refused)
    }

    async fn store_answers(&self) -> bool {
        self.database.ping().await.is_ok()
    }
}

/// Returns what is refused, and how orders have ended.
async fn store(
    connection: &mut Connection,
    batch: &[Received<ShippingUpdate>],
) -> Result<(Vec<Refused>, Vec<Status>), DatabaseError> {
    let ids = batch.iter().map(|received| received.message.order_id);
    let locked = model::lock(connection, ids.collect()).await?;
    let orders: BTreeMap<Uuid, Locked> =
        locked.into_iter().map(|order| (order.id, order)).collect();
    let mut ends = BTreeMap::new();
    let mut refused = Vec::new();
    for (place, received) in batch.iter().enumerate() {
        let update = &received.message;
        match orders.get(&update.order_id) {
            None => refused.push(refusal(place, "no order has its order_id")),
            Some(order) if order.status == Status::Open => {
                refused.push(refusal(place, "its order was not checked out"));
            }
            Some(order) => {
                let end = (order.clone(), end_of(update.status));
                ends.entry(order.id).or_insert(end);
            }
        }
    }
    let ended = ending::end(connection, ends.into_values().collect()).await?;
    Ok((refused, ended))
}

fn end_of(outcome: Outcome) -> Status {
    match outcome {
        Outcome::Success => Status::Shipped,
        Outcome::Fail => Status::Cancelled,
    }
}

fn refusal(place: usize, reason: &str) -> Refused {
    Refused {
        place,
        reason: reason.into(),
    }
}
