//! Orders whose shipping does not answer: they ask again, and are cancelled in the end.

use std::time::Duration;

use broker::outbox;
use metrics::counter;
use platform::database::{Connection, Database, DatabaseError};

use super::{
    ending,
    model::{self, Locked, Order},
    outgoing,
    status::Status,
};
use crate::{BATCH_LIMIT, metrics::QUESTIONS_REPEATED, timer::Timer};

/// How long an order waits, and how often it asks.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a shipping has to answer before it is asked for again.
    pub answer: Duration,
    /// How often it is asked for again before the order is cancelled.
    pub again: i32,
    /// The most orders of one round, which is followed at once when it was full. The longest orders have 250 kB: more of
    /// them might not be done in the time of a round, each time anew.
    pub batch: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(60),
            again: 5,
            batch: 20,
        }
    }
}

/// Asks again for the shippings of overdue orders.
pub struct Overdue {
    /// Where the orders are.
    pub database: Database,
    /// How long they wait.
    pub limits: Limits,
}

impl Timer for Overdue {
    fn name(&self) -> &'static str {
        "orders-timer"
    }

    fn answer(&self) -> Option<Duration> {
        Some(self.limits.answer)
    }

    async fn round(&self) -> Result<bool, DatabaseError> {
        let limits = self.limits;
        let round = async |c: &mut Connection| round(c, limits).await;
        let done = self.database.transaction_within(BATCH_LIMIT, round);
        let Round {
            is_full,
            asked,
            ended,
        } = done.await?;
        counter!(QUESTIONS_REPEATED, "timer" => self.name()).increment(asked);
        ending::count(&ended);
        if !ended.is_empty() {
            tracing::warn!(
                orders = ended.len(),
                "cancelled orders whose shippings were not answered; what was paid goes back"
            );
        }
        Ok(is_full)
    }
}

/// What was done.
struct Round {
    is_full: bool,
    asked: u64,
    ended: Vec<Status>,
}

async fn round(connection: &mut Connection, limits: Limits) -> Result<Round, DatabaseError> {
    let overdue = Order::lock_overdue(connection, limits.batch).await?;
    let is_full = overdue.len() == usize::from(limits.batch);
    // The first request is no repetition.
    let (again, given_up): (Vec<_>, Vec<_>) = overdue
        .into_iter()
        .partition(|order| order.asks <= limits.again);
    ask_again(connection, &again, limits.answer).await?;
    Ok(Round {
        is_full,
        asked: again.len() as u64,
        ended: give_up(connection, &given_up).await?,
    })
}

async fn ask_again(
    connection: &mut Connection,
    orders: &[Order],
    answer: Duration,
) -> Result<(), DatabaseError> {
    let ids = orders.iter().map(|order| order.id).collect();
    model::ask_again(connection, ids, answer).await?;
    let asked = orders
        .iter()
        .map(|order| outgoing::create(order, order.asks + 1));
    outbox::add_all(connection, &asked.collect::<Vec<_>>()).await
}

/// The shipping is told, too: when it answers after all it must not be on its way.
async fn give_up(
    connection: &mut Connection,
    orders: &[Order],
) -> Result<Vec<Status>, DatabaseError> {
    let ends = orders
        .iter()
        .map(|order| (Locked::from(order), Status::Cancelled));
    let ended = ending::end(connection, ends.collect()).await?;
    let told: Vec<_> = orders.iter().map(outgoing::cancel).collect();
    outbox::add_all(connection, &told).await?;
    Ok(ended)
}

impl From<&Order> for Locked {
    fn from(order: &Order) -> Self {
        Self {
            id: order.id,
            user_id: order.user_id,
            status: order.status,
            total: order.total,
        }
    }
}
