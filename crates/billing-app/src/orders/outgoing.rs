//! What an order says to others. The ids of its messages are derived: a step that runs twice sends the same message.

use broker::Outgoing;
use messages::{
    Message,
    orders::{Line as Ordered, OrderCreate},
    payments::Payment,
    refunds::Refund,
};
use platform::{
    http::context::RequestContext,
    trace_context::{TRACEPARENT, X_REQUEST_ID},
};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{
    model::{Locked, Order},
    total,
};

/// Asks for the shipping of an order, for the `attempt`th time.
pub(super) fn create(order: &Order, attempt: i32) -> Outgoing {
    let create = order_create(order, false);
    message(create.message_id(attempt), &create)
}

/// Takes back that a shipping was asked for: the order is cancelled.
pub(super) fn cancel(order: &Order) -> Outgoing {
    let cancel = order_create(order, true);
    message(cancel.message_id(1), &cancel)
}

/// The payment of an order that is checked out; its id is the order's. `None` when no payment can have such values.
pub(super) fn payment(order: &Order, user_id: Uuid, total: Decimal) -> Option<Outgoing> {
    let pieces = total::pieces(&order.lines)?;
    let payment = Payment::of_order(order.id, user_id, pieces, total)?;
    Some(message(order.id, &payment))
}

/// Gives back what was paid for an order that is cancelled; `None` when it was not paid.
pub(super) fn refund(order: &Locked) -> Option<Outgoing> {
    let refund = Refund {
        order_id: order.id,
        user_id: order.user_id?,
        total_amount: order.total?,
    };
    Some(message(refund.message_id(), &refund))
}

/// With the headers that tell which request it came from.
pub(super) fn from_request(message: Outgoing, context: &RequestContext) -> Outgoing {
    message
        .with_header(X_REQUEST_ID, context.id())
        .with_header(TRACEPARENT, &context.trace.child().to_string())
}

fn order_create(order: &Order, cancelled: bool) -> OrderCreate {
    let beers = order.lines.iter().map(|line| Ordered {
        sku: line.sku.clone(),
        name: line.name.clone(),
        quantity: line.quantity,
        price: line.price,
    });
    OrderCreate {
        order_id: order.id,
        customer_id: order.customer_id,
        beers: beers.collect(),
        cancelled,
    }
}

fn message<M: Message>(id: Uuid, message: &M) -> Outgoing {
    Outgoing::new(M::ROUTE, id, message.encode())
}
