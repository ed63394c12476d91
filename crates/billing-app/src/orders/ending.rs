//! The end of orders, whatever the reason. It comes once, and what was paid for a cancelled one is given back with it.

use broker::outbox;
use metrics::counter;
use platform::database::{Connection, DatabaseError};

use super::{
    model::{self, Locked},
    outgoing,
    status::Status,
};
use crate::metrics::ORDERS_ENDED;

/// Ends those of these locked orders that are `PROCESSING`; the others have ended before. Returns how each has ended, to be
/// counted after the commit.
pub(super) async fn end(
    connection: &mut Connection,
    ends: Vec<(Locked, Status)>,
) -> Result<Vec<Status>, DatabaseError> {
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
    outbox::add_all(connection, &refunds).await?;
    Ok(states.into_iter().map(|(_, end)| end).collect())
}

/// Counts ends that were committed.
pub(super) fn count(ends: &[Status]) {
    for end in ends {
        counter!(ORDERS_ENDED, "status" => end.name()).increment(1);
    }
}
