//! Orders as they are read: whole, each by one statement.

use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Integer, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid},
};
use platform::database::{Connection, DatabaseError, statement};
use rust_decimal::Decimal;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Entry, Line, Order, Status};
use crate::inventory::Beers;

/// An order as the statement gives it: lines and history column by column.
#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    user_id: Option<Uuid>,
    #[diesel(sql_type = SqlUuid)]
    customer_id: Uuid,
    #[diesel(sql_type = Text)]
    status: Status,
    #[diesel(sql_type = Nullable<Numeric>)]
    total: Option<Decimal>,
    #[diesel(sql_type = Timestamptz)]
    created_at: OffsetDateTime,
    #[diesel(sql_type = Integer)]
    asks: i32,
    #[diesel(sql_type = Array<Text>)]
    skus: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    names: Vec<String>,
    #[diesel(sql_type = Array<Integer>)]
    quantities: Vec<i32>,
    #[diesel(sql_type = Array<Numeric>)]
    prices: Vec<Decimal>,
    #[diesel(sql_type = Array<Text>)]
    states: Vec<Status>,
    #[diesel(sql_type = Array<Timestamptz>)]
    times: Vec<OffsetDateTime>,
}

/// The statement that reads whole orders, with the condition that ends it.
macro_rules! select {
    ($condition:literal) => {
        statement(concat!(
            "SELECT o.id, o.user_id, o.customer_id, o.status, o.total, o.created_at, o.asks, \
             l.skus, l.names, l.quantities, l.prices, h.states, h.times \
             FROM orders.orders o \
             CROSS JOIN LATERAL (SELECT \
             coalesce(array_agg(sku ORDER BY position), '{}') AS skus, \
             coalesce(array_agg(name ORDER BY position), '{}') AS names, \
             coalesce(array_agg(quantity ORDER BY position), '{}') AS quantities, \
             coalesce(array_agg(price ORDER BY position), '{}') AS prices \
             FROM orders.order_lines WHERE order_id = o.id) l \
             CROSS JOIN LATERAL (SELECT \
             coalesce(array_agg(status ORDER BY at), '{}') AS states, \
             coalesce(array_agg(at ORDER BY at), '{}') AS times \
             FROM orders.order_history WHERE order_id = o.id) h ",
            $condition
        ))
    };
}

impl Order {
    pub(in crate::orders) async fn find(
        connection: &mut Connection,
        id: Uuid,
    ) -> Result<Option<Self>, DatabaseError> {
        let query = select!("WHERE o.id = $1").bind::<SqlUuid, _>(id);
        let row: Option<Row> = connection.optional(query).await?;
        Ok(row.map(Self::from))
    }

    pub(in crate::orders) async fn find_open(
        connection: &mut Connection,
        user_id: Uuid,
    ) -> Result<Option<Self>, DatabaseError> {
        let query = select!("WHERE o.user_id = $1 AND o.status = 'OPEN'");
        let row: Option<Row> = connection
            .optional(query.bind::<SqlUuid, _>(user_id))
            .await?;
        Ok(row.map(Self::from))
    }

    /// By their ids, which follow the time, from after `last`; those for one customer or for all.
    pub(in crate::orders) async fn after(
        connection: &mut Connection,
        customer_id: Option<Uuid>,
        last: Option<Uuid>,
        count: u16,
    ) -> Result<Vec<Self>, DatabaseError> {
        let (last, count) = (last.unwrap_or(Uuid::nil()), i64::from(count));
        let rows: Vec<Row> = match customer_id {
            Some(customer_id) => {
                let query =
                    select!("WHERE o.customer_id = $3 AND o.id > $1 ORDER BY o.id LIMIT $2")
                        .bind::<SqlUuid, _>(last)
                        .bind::<BigInt, _>(count)
                        .bind::<SqlUuid, _>(customer_id);
                connection.load(query).await?
            }
            None => {
                let query = select!("WHERE o.id > $1 ORDER BY o.id LIMIT $2")
                    .bind::<SqlUuid, _>(last)
                    .bind::<BigInt, _>(count);
                connection.load(query).await?
            }
        };
        Ok(rows.into_iter().map(Self::from).collect())
    }

    /// Locks those whose shipping has not answered in time, at most `count`; those that another timer holds are left to it.
    pub(in crate::orders) async fn lock_overdue(
        connection: &mut Connection,
        count: u16,
    ) -> Result<Vec<Self>, DatabaseError> {
        let query = select!(
            "WHERE o.status = 'PROCESSING' AND o.ask_again_at <= now() \
             ORDER BY o.ask_again_at LIMIT $1 FOR UPDATE OF o SKIP LOCKED"
        );
        let rows: Vec<Row> = connection
            .load(query.bind::<BigInt, _>(i64::from(count)))
            .await?;
        Ok(rows.into_iter().map(Self::from).collect())
    }

    /// Gives its lines the names and prices of `beers`; one that is not there keeps its own.
    pub(in crate::orders) fn price(&mut self, beers: &Beers) {
        for line in &mut self.lines {
            if let Some(beer) = beers.get(&line.sku) {
                line.name.clone_from(&beer.name);
                line.price = beer.price;
            }
        }
    }

    /// The order once it is checked out, as `entry` of its history tells.
    pub(super) fn checked_out(mut self, total: Decimal, entry: Entry) -> Self {
        self.status = entry.status;
        self.total = Some(total);
        self.asks = 1;
        self.history.push(entry);
        self
    }

    /// The skus of its lines.
    pub(in crate::orders) fn skus(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|line| line.sku.as_str())
    }
}

impl From<Row> for Order {
    fn from(row: Row) -> Self {
        let goods = row.skus.into_iter().zip(row.names);
        let counts = row.quantities.into_iter().zip(row.prices);
        let line = |((sku, name), (quantity, price))| Line {
            sku,
            name,
            quantity,
            price,
        };
        let states = row.states.into_iter().zip(row.times);
        Self {
            id: row.id,
            user_id: row.user_id,
            customer_id: row.customer_id,
            status: row.status,
            total: row.total,
            created_at: row.created_at,
            asks: row.asks,
            lines: goods.zip(counts).map(line).collect(),
            history: states.map(|(status, at)| Entry { status, at }).collect(),
        }
    }
}
