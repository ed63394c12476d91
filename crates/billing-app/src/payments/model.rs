//! The rows of `orders`, `rejections` and `refunds`, and their queries.

use std::collections::{BTreeMap, BTreeSet};

use broker::Received;
use diesel::{
    pg::Pg,
    prelude::*,
    sql_types::{Array, Binary, Integer, Nullable, Numeric, Text, Uuid as SqlUuid},
};
use messages::{payments::Payment, refunds::Refund};
use platform::database::{Connection, DatabaseError, statement};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::schema::{orders, refunds, rejections};

/// A batch on its way into `orders`, column by column.
#[derive(Debug, Clone)]
pub(super) struct Recording {
    ids: Vec<Uuid>,
    user_ids: Vec<String>,
    numbers_of_items: Vec<i32>,
    total_amounts: Vec<Decimal>,
    fingerprints: Vec<Vec<u8>>,
    order_ids: Vec<Option<Uuid>>,
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
    pub(super) order_id: Option<Uuid>,
}

/// A recorded payment, and whether a refund of it is recorded.
#[derive(Debug, Queryable)]
pub(super) struct Recorded {
    pub(super) order: Order,
    pub(super) refunded: bool,
}

/// What is known of a payment.
#[derive(Debug)]
pub(super) enum Outcome {
    Recorded(Recorded),
    Rejected { reason: String },
    Unknown,
}

impl Recording {
    pub(super) fn of(batch: &[Received<Payment>]) -> Self {
        let payments = || batch.iter().map(|received| &received.message);
        let fingerprint =
            |received: &Received<Payment>| Sha256::digest(&received.delivery.body).to_vec();
        Self {
            ids: batch.iter().map(|received| received.id).collect(),
            user_ids: payments()
                .map(|payment| payment.user_id().to_owned())
                .collect(),
            numbers_of_items: payments().map(Payment::number_of_items).collect(),
            total_amounts: payments().map(Payment::total_amount).collect(),
            fingerprints: batch.iter().map(fingerprint).collect(),
            order_ids: batch.iter().map(order_of).collect(),
        }
    }

    /// All of the batch in one statement, which is one commit; what is there already stays as it is. Returns the places of
    /// those whose ids were used for other payments.
    ///
    /// The arrays have one bind each, whatever their length: a batch never meets the limit of 65,535 binds.
    pub(super) async fn record(
        self,
        connection: &mut Connection,
    ) -> Result<Vec<usize>, DatabaseError> {
        let query = statement(
            "INSERT INTO orders (message_id, user_id, number_of_items, total_amount, fingerprint, order_id) \
             SELECT * FROM unnest($1, $2, $3, $4, $5, $6) ON CONFLICT (message_id) DO NOTHING",
        )
        .bind::<Array<SqlUuid>, _>(self.ids.clone())
        .bind::<Array<Text>, _>(self.user_ids.clone())
        .bind::<Array<Integer>, _>(self.numbers_of_items.clone())
        .bind::<Array<Numeric>, _>(self.total_amounts.clone())
        .bind::<Array<Binary>, _>(self.fingerprints.clone())
        .bind::<Array<Nullable<SqlUuid>>, _>(self.order_ids.clone());
        if connection.execute(query).await? == self.ids.len() {
            return Ok(Vec::new());
        }
        let known = Known::of(connection, self.ids.clone()).await?;
        let differs = |place: &usize| {
            let known = known.get(&self.ids[*place]);
            known.is_some_and(|known| !known.is(&self, *place))
        };
        Ok((0..self.ids.len()).filter(differs).collect())
    }
}

/// The order that a checkout has paid for: its payment has the same id. A client may name an order, too, and cannot choose
/// the id.
fn order_of(received: &Received<Payment>) -> Option<Uuid> {
    let named = received.message.order_id();
    named.filter(|order_id| *order_id == received.id)
}

/// A recorded payment, as far as it tells whether another body is the same one.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = orders)]
struct Known {
    message_id: Uuid,
    user_id: String,
    number_of_items: i32,
    total_amount: Decimal,
    fingerprint: Option<Vec<u8>>,
}

impl Known {
    async fn of(
        connection: &mut Connection,
        ids: Vec<Uuid>,
    ) -> Result<BTreeMap<Uuid, Self>, DatabaseError> {
        let recorded = orders::table.filter(orders::message_id.eq_any(ids));
        let recorded = connection.load(recorded.select(Self::as_select())).await?;
        let by_id = recorded.into_iter().map(|known| (known.message_id, known));
        Ok(by_id.collect())
    }

    /// Whether the payment at `place` is this one. A row from before there were fingerprints is compared by its values.
    fn is(&self, recording: &Recording, place: usize) -> bool {
        match &self.fingerprint {
            Some(fingerprint) => *fingerprint == recording.fingerprints[place],
            None => {
                self.user_id == recording.user_ids[place]
                    && self.number_of_items == recording.numbers_of_items[place]
                    && self.total_amount == recording.total_amounts[place]
            }
        }
    }
}

/// Remembers why messages were refused. The last reason counts: a message may be replayed and refused again.
pub(super) async fn record_rejections(
    connection: &mut Connection,
    refused: Vec<(Uuid, String)>,
) -> Result<(), DatabaseError> {
    // One id may be in a batch twice, and one statement cannot touch a row twice.
    let unique: BTreeMap<_, _> = refused.into_iter().collect();
    let (ids, reasons): (Vec<_>, Vec<_>) = unique.into_iter().unzip();
    let query = statement(
        "INSERT INTO rejections (message_id, reason) SELECT * FROM unnest($1, $2) \
         ON CONFLICT (message_id) DO UPDATE SET reason = EXCLUDED.reason, rejected_at = now()",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Text>, _>(reasons);
    connection.execute(query).await.map(drop)
}

/// Records refunds, each order's once. Returns the places of those that contradict the one that is recorded.
pub(super) async fn record_refunds(
    connection: &mut Connection,
    batch: &[Received<Refund>],
) -> Result<Vec<usize>, DatabaseError> {
    let refunds = || batch.iter().map(|received| &received.message);
    let query = statement(
        "INSERT INTO refunds (order_id, user_id, total_amount) SELECT * FROM unnest($1, $2, $3) \
         ON CONFLICT (order_id) DO NOTHING",
    )
    .bind::<Array<SqlUuid>, _>(refunds().map(|refund| refund.order_id).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(refunds().map(|refund| refund.user_id).collect::<Vec<_>>())
    .bind::<Array<Numeric>, _>(
        refunds()
            .map(|refund| refund.total_amount)
            .collect::<Vec<_>>(),
    );
    connection.execute(query).await?;
    let ids: Vec<_> = refunds().map(|refund| refund.order_id).collect();
    let recorded = refunds::table
        .filter(refunds::order_id.eq_any(ids))
        .select((refunds::order_id, refunds::user_id, refunds::total_amount));
    let recorded: BTreeSet<(Uuid, Uuid, Decimal)> =
        connection.load(recorded).await?.into_iter().collect();
    let contradicts = |(place, refund): (usize, &Refund)| {
        let row = (refund.order_id, refund.user_id, refund.total_amount);
        (!recorded.contains(&row)).then_some(place)
    };
    Ok(refunds().enumerate().filter_map(contradicts).collect())
}

impl Recorded {
    /// In the order in which they were recorded, from after `last`.
    pub(super) async fn after(
        connection: &mut Connection,
        last: Option<i64>,
        count: u16,
    ) -> Result<Vec<Self>, DatabaseError> {
        let page = recorded()
            .filter(orders::id.gt(last.unwrap_or(i64::MIN)))
            .order(orders::id)
            .limit(count.into());
        connection.load(page).await
    }
}

/// Every payment with its refund.
#[diesel::dsl::auto_type]
fn recorded() -> _ {
    let order: diesel::dsl::AsSelect<Order, Pg> = Order::as_select();
    let refund = refunds::table.on(orders::order_id.eq(refunds::order_id.nullable()));
    let refunded = refunds::order_id.nullable().is_not_null();
    orders::table.left_join(refund).select((order, refunded))
}

impl Outcome {
    /// What became of a payment. A recorded one is recorded, whatever was refused before it.
    pub(super) async fn of(connection: &mut Connection, id: Uuid) -> Result<Self, DatabaseError> {
        let one = recorded().filter(orders::message_id.eq(id));
        if let Some(recorded) = connection.optional(one).await? {
            return Ok(Self::Recorded(recorded));
        }
        let reason = rejections::table.find(id).select(rejections::reason);
        let reason = connection.optional(reason).await?;
        Ok(reason.map_or(Self::Unknown, |reason| Self::Rejected { reason }))
    }
}
