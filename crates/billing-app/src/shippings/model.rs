//! The rows of `shippings.shippings` and their queries.
//!
//! A query that changes many rows locks them in the order of their orders' ids, so that two consumers with
//! the same messages wait for each other and seldom meet in a deadlock; one that happens is tried again.

use std::collections::BTreeSet;

use diesel::{
    deserialize::FromSqlRow,
    prelude::*,
    sql_types::{Array, BigInt, Bool, Double, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid},
};
use messages::{
    customers::{Customer, CustomerDetail, CustomerRequest},
    orders::OrderCreate,
    shippings::{Outcome, ShippingUpdate},
};
use platform::database::{Connection, DatabaseError, statement};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Limits;
use crate::schema::shippings::shippings;

/// Where a shipping is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromSqlRow)]
pub(super) enum Status {
    Processing,
    Success,
    Fail,
}

/// A shipping.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = shippings)]
pub(super) struct Shipping {
    pub(super) id: Uuid,
    pub(super) order_id: Uuid,
    pub(super) status: Status,
    pub(super) email: Option<String>,
    pub(super) address: Option<String>,
    pub(super) beers: Value,
}

/// A shipping that has just changed, or that its order asks about: as much of it as the conversation needs.
#[derive(Debug, QueryableByName)]
pub(super) struct Step {
    #[diesel(sql_type = SqlUuid)]
    pub(super) id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    pub(super) order_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    customer_id: Uuid,
    #[diesel(sql_type = Text)]
    status: Status,
    #[diesel(sql_type = Integer)]
    pub(super) asks: i32,
}

impl Shipping {
    pub(super) async fn find(
        connection: &mut Connection,
        id: Uuid,
    ) -> Result<Option<Self>, DatabaseError> {
        let shipping = shippings::table.find(id).select(Self::as_select());
        connection.optional(shipping).await
    }

    /// In the order of their ids, which is that of their making, from after `last`.
    pub(super) async fn after(
        connection: &mut Connection,
        last: Option<Uuid>,
        count: u16,
    ) -> Result<Vec<Self>, DatabaseError> {
        let page = shippings::table
            .filter(shippings::id.gt(last.unwrap_or(Uuid::nil())))
            .order(shippings::id)
            .limit(count.into());
        connection.load(page.select(Self::as_select())).await
    }
}

impl Step {
    /// What it asks its customer's context, while it is `PROCESSING`.
    pub(super) fn request(&self) -> Option<CustomerRequest> {
        (self.status == Status::Processing).then_some(CustomerRequest {
            shipping_id: self.id,
            customer_id: self.customer_id,
        })
    }

    /// What it tells its order, once it has ended.
    pub(super) fn update(&self) -> Option<ShippingUpdate> {
        Some(ShippingUpdate {
            order_id: self.order_id,
            shipping_id: self.id,
            status: self.status.outcome()?,
        })
    }
}

/// Makes the shippings of orders that have none, `PROCESSING` with one question asked, and those of cancelled orders `FAIL`;
/// a cancelled order fails the shipping that it has. `orders` has each order once. Returns what was made, and what has failed.
pub(super) async fn open(
    connection: &mut Connection,
    orders: &[&OrderCreate],
    limits: &Limits,
) -> Result<Vec<Step>, DatabaseError> {
    let column = |value: fn(&OrderCreate) -> Uuid| orders.iter().map(move |order| value(order));
    let ids = orders.iter().map(|_| Uuid::now_v7());
    let beers = orders.iter().map(|order| json!(order.beers));
    let cancelled = orders.iter().map(|order| order.cancelled);
    let query = statement(
        "INSERT INTO shippings.shippings AS known \
         (id, order_id, customer_id, beers, status, asks, ask_again_at) \
         SELECT id, order_id, customer_id, beers, \
         CASE WHEN cancelled THEN 'FAIL' ELSE 'PROCESSING' END, CASE WHEN cancelled THEN 0 ELSE 1 END, \
         CASE WHEN NOT cancelled THEN now() + make_interval(secs => $6) END \
         FROM unnest($1, $2, $3, $4, $5) AS new (id, order_id, customer_id, beers, cancelled) ORDER BY order_id \
         ON CONFLICT (order_id) DO UPDATE SET status = 'FAIL', ask_again_at = NULL \
         WHERE excluded.status = 'FAIL' AND known.status <> 'FAIL' \
         RETURNING id, order_id, customer_id, status, asks",
    )
    .bind::<Array<SqlUuid>, _>(ids.collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(column(|order| order.order_id).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(column(|order| order.customer_id).collect::<Vec<_>>())
    .bind::<Array<Jsonb>, _>(beers.collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(cancelled.collect::<Vec<_>>())
    .bind::<Double, _>(limits.answer.as_secs_f64());
    connection.load(query).await
}

/// The shippings of these orders that have ended.
pub(super) async fn ended(
    connection: &mut Connection,
    orders: Vec<Uuid>,
) -> Result<Vec<Step>, DatabaseError> {
    let query = statement(
        "SELECT id, order_id, customer_id, status, asks FROM shippings.shippings \
         WHERE order_id = ANY($1) AND status <> 'PROCESSING'",
    );
    connection
        .load(query.bind::<Array<SqlUuid>, _>(orders))
        .await
}

/// Locks these shippings until the end of the transaction; tells which there are.
pub(super) async fn lock(
    connection: &mut Connection,
    ids: Vec<Uuid>,
) -> Result<BTreeSet<Uuid>, DatabaseError> {
    let known = shippings::table
        .filter(shippings::id.eq_any(ids))
        .order(shippings::order_id)
        .select(shippings::id)
        .for_update();
    let known: Vec<Uuid> = connection.load(known).await?;
    Ok(known.into_iter().collect())
}

/// Ends those that are `PROCESSING`, with their customers or without. `details` has each shipping once.
pub(super) async fn conclude(
    connection: &mut Connection,
    details: &[&CustomerDetail],
) -> Result<Vec<Step>, DatabaseError> {
    let ids = details.iter().map(|detail| detail.shipping_id);
    let column = |value: fn(&Customer) -> &str| {
        let customers = details.iter().map(|detail| detail.customer.as_ref());
        customers
            .map(|customer| customer.map(|customer| value(customer).to_owned()))
            .collect::<Vec<_>>()
    };
    let query = statement(
        "UPDATE shippings.shippings AS known \
         SET status = CASE WHEN told.email IS NULL THEN 'FAIL' ELSE 'SUCCESS' END, \
         email = told.email, address = told.address, ask_again_at = NULL \
         FROM unnest($1, $2, $3) AS told (id, email, address) \
         WHERE known.id = told.id AND known.status = 'PROCESSING' \
         RETURNING known.id, order_id, customer_id, status, asks",
    )
    .bind::<Array<SqlUuid>, _>(ids.collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(column(|customer| &customer.email))
    .bind::<Array<Nullable<Text>>, _>(column(|customer| &customer.address));
    connection.load(query).await
}

/// Counts one more question for those whose answer is overdue, and fails those that have asked often enough. What another
/// process holds is left to it.
pub(super) async fn next_attempts(
    connection: &mut Connection,
    limits: &Limits,
) -> Result<Vec<Step>, DatabaseError> {
    let query = statement(
        "WITH overdue AS (SELECT id, asks > $2 AS is_last FROM shippings.shippings \
         WHERE status = 'PROCESSING' AND ask_again_at <= now() \
         ORDER BY ask_again_at LIMIT $1 FOR UPDATE SKIP LOCKED) \
         UPDATE shippings.shippings AS known \
         SET status = CASE WHEN is_last THEN 'FAIL' ELSE status END, \
         asks = CASE WHEN is_last THEN asks ELSE asks + 1 END, \
         ask_again_at = CASE WHEN NOT is_last THEN now() + make_interval(secs => $3) END \
         FROM overdue WHERE known.id = overdue.id \
         RETURNING known.id, order_id, customer_id, status, asks",
    )
    .bind::<BigInt, _>(i64::from(limits.batch))
    .bind::<Integer, _>(limits.repetitions)
    .bind::<Double, _>(limits.answer.as_secs_f64());
    connection.load(query).await
}

impl Status {
    /// As the table and the API have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Success => "SUCCESS",
            Self::Fail => "FAIL",
        }
    }

    fn of(name: &str) -> Option<Self> {
        let all = [Self::Processing, Self::Success, Self::Fail];
        all.into_iter().find(|status| status.name() == name)
    }

    fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Processing => None,
            Self::Success => Some(Outcome::Success),
            Self::Fail => Some(Outcome::Fail),
        }
    }
}

platform::text_column!(Status);
