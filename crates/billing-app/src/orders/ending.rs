//! The end of orders, whatever the reason. It comes once, and what was paid for a cancelled one is given back with it.

use broker::outbox;
use platform::database::{Connection, DatabaseError};

use super::{
    model::{self, Locked},
    outgoing,
    status::Status,
};

/// Ends those of these locked orders that are `PROCESSING`; the others have ended before.
pub(super) async fn end(
    connection: &mut Connection,
    ends: Vec<(Locked, Status)>,
) -> Result<(), DatabaseError> {
    let due = ends.into_iter();
    let due: Vec<_> = due
        .filter(|(order, _)| order.status == Status::Processing)
        .collect();
    let states: Vec<_> = due.iter().map(|(order, end)| (order.id, *end)).collect();
    model::end(connection, &states).await?;
    let cancelled = due.iter().filter(|(_, end)| *end == Status::Cancelled);
    let refunds: Vec<_> = cancelled
        .filter_map(|(order, _)| outgoing::refund(order))
        .collect();
    outbox::add_all(connection, &refunds).await
}
