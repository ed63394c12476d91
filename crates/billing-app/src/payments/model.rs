//! The rows of `orders` and `rejections`, and their queries.

use std::time::Duration;

use diesel::{
    prelude::*,
    sql_types::{Array, Integer, Numeric, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use messages::payments::Payment;
use platform::database::{Database, DatabaseError};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::schema::{orders, rejections};

/// A batch may take longer than a reader would wait: nobody but the queue is waiting.
const RECORD_LIMIT: Duration = Duration::from_secs(4);

/// A payment as it came from the queue.
#[derive(Debug, Clone)]
pub(super) struct Received {
    /// The id of the message: one id, one row.
    pub(super) id: Uuid,
    /// What is paid.
    pub(super) payment: Payment,
}

/// A recorded payment.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = orders)]
pub(super) struct Order {
    pub(super) id: i64,
    pub(super) user_id: String,
    pub(super) number_of_items: i32,
    pub(super) total_amount: Decimal,
    pub(super) message_id: Uuid,
}

/// What is known of a payment.
#[derive(Debug)]
pub(super) enum Outcome {
    Recorded(Order),
    Rejected { reason: String },
    Unknown,
}

/// All of the batch in one statement, which is one commit; what is there already stays as it is.
///
/// The arrays have one bind each, whatever their length: a batch never meets the limit of 65,535 binds.
pub(super) async fn record(database: &Database, batch: &[Received]) -> Result<(), DatabaseError> {
    let payments = || batch.iter().map(|received| &received.payment);
    let query = diesel::sql_query(
        "INSERT INTO orders (message_id, user_id, number_of_items, total_amount) \
         SELECT * FROM unnest($1, $2, $3, $4) ON CONFLICT (message_id) DO NOTHING",
    )
    .bind::<Array<SqlUuid>, Vec<_>>(batch.iter().map(|received| received.id).collect())
    .bind::<Array<Text>, Vec<_>>(
        payments()
            .map(|payment| payment.user_id().to_owned())
            .collect(),
    )
    .bind::<Array<Integer>, Vec<_>>(payments().map(Payment::number_of_items).collect())
    .bind::<Array<Numeric>, Vec<_>>(payments().map(Payment::total_amount).collect());
    database
        .run_within(RECORD_LIMIT, |connection| query.execute(connection).boxed())
        .await?;
    Ok(())
}

/// Remembers why messages were refused. The last reason counts: a message may be replayed and refused again.
pub(super) async fn record_rejections(
    database: &Database,
    refused: Vec<(Uuid, String)>,
) -> Result<(), DatabaseError> {
    // One id may be in a batch twice, and one statement cannot touch a row twice.
    let unique: std::collections::BTreeMap<_, _> = refused.into_iter().collect();
    let (ids, reasons): (Vec<_>, Vec<_>) = unique.into_iter().unzip();
    let query = diesel::sql_query(
        "INSERT INTO rejections (message_id, reason) SELECT * FROM unnest($1, $2) \
         ON CONFLICT (message_id) DO UPDATE SET reason = EXCLUDED.reason, rejected_at = now()",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Text>, _>(reasons);
    database
        .run_within(RECORD_LIMIT, |connection| query.execute(connection).boxed())
        .await?;
    Ok(())
}

/// In the order in which they were recorded, from after `last`.
pub(super) async fn after(
    database: &Database,
    last: i64,
    count: u16,
) -> Result<Vec<Order>, DatabaseError> {
    let page = orders::table
        .filter(orders::id.gt(last))
        .order(orders::id)
        .limit(count.into());
    let query = page.select(Order::as_select());
    database
        .run(|connection| query.load(connection).boxed())
        .await
}

/// What became of a payment. A recorded one is recorded, whatever was refused before it.
pub(super) async fn outcome(database: &Database, id: Uuid) -> Result<Outcome, DatabaseError> {
    let order = orders::table
        .filter(orders::message_id.eq(id))
        .select(Order::as_select());
    let found = database
        .run(|connection| {
            order
                .first(connection)
                .map(OptionalExtension::optional)
                .boxed()
        })
        .await?;
    if let Some(order) = found {
        return Ok(Outcome::Recorded(order));
    }
    let reason = rejections::table.find(id).select(rejections::reason);
    let found = database
        .run(|connection| {
            reason
                .first(connection)
                .map(OptionalExtension::optional)
                .boxed()
        })
        .await?;
    Ok(found.map_or(Outcome::Unknown, |reason| Outcome::Rejected { reason }))
}
