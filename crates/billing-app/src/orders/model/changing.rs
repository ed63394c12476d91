//! What changes an order. Each change of one that is there is made under the lock of its row.

use std::time::Duration;

use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{Array, Bool, Double, Integer, Numeric, Text, Uuid as SqlUuid},
};
use messages::orders::QUANTITY_MAX;
use platform::database::{Connection, DatabaseError, statement};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Entry, Locked, Order, Status};
use crate::{
    inventory::{Beer, Beers},
    orders::schema::orders::{order_lines, orders},
};

/// Makes the open order of a user, under the id `id`; `false` when there is one.
pub(in crate::orders) async fn insert_open(
    connection: &mut Connection,
    id: Uuid,
    user_id: Uuid,
) -> Result<bool, DatabaseError> {
    let query = statement(
        "WITH made AS (INSERT INTO orders.orders (id, user_id, customer_id, status) VALUES ($1, $2, $2, 'OPEN') \
         ON CONFLICT (user_id) WHERE status = 'OPEN' DO NOTHING RETURNING id) \
         INSERT INTO orders.order_history (order_id, status) SELECT id, 'OPEN' FROM made",
    );
    let query = query.bind::<SqlUuid, _>(id).bind::<SqlUuid, _>(user_id);
    Ok(connection.execute(query).await? > 0)
}

/// Makes an order without beers for a customer; its shipping is asked for again after `again`.
pub(in crate::orders) async fn insert_processing(
    connection: &mut Connection,
    id: Uuid,
    customer_id: Uuid,
    again: Duration,
) -> Result<(), DatabaseError> {
    let query = statement(
        "WITH made AS (INSERT INTO orders.orders (id, customer_id, status, total, asks, ask_again_at) \
         VALUES ($1, $2, 'PROCESSING', 0, 1, now() + $3 * interval '1 second') RETURNING id) \
         INSERT INTO orders.order_history (order_id, status) SELECT id, 'PROCESSING' FROM made",
    );
    let query = query
        .bind::<SqlUuid, _>(id)
        .bind::<SqlUuid, _>(customer_id)
        .bind::<Double, _>(again.as_secs_f64());
    connection.execute(query).await.map(drop)
}

/// Locks the open order of a user; its id, if there is one. The state is a literal: a plan for any state could not use the
/// index `orders_open`.
pub(in crate::orders) async fn lock_open(
    connection: &mut Connection,
    user_id: Uuid,
) -> Result<Option<Uuid>, DatabaseError> {
    let open = orders::table
        .filter(orders::user_id.eq(user_id))
        .filter(sql::<Bool>("status = 'OPEN'"))
        .select(orders::id)
        .for_update();
    connection.optional(open).await
}

/// Adds pieces of a beer; `false` when there would be too many of it.
pub(in crate::orders) async fn add_line(
    connection: &mut Connection,
    order_id: Uuid,
    beer: &Beer,
    quantity: i32,
) -> Result<bool, DatabaseError> {
    let query = statement(
        "INSERT INTO orders.order_lines AS line (order_id, sku, name, quantity, price) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (order_id, sku) DO UPDATE SET quantity = line.quantity + EXCLUDED.quantity \
         WHERE line.quantity <= $6 - EXCLUDED.quantity",
    )
    .bind::<SqlUuid, _>(order_id)
    .bind::<Text, _>(beer.sku.clone())
    .bind::<Text, _>(beer.name.clone())
    .bind::<Integer, _>(quantity)
    .bind::<Numeric, _>(beer.price)
    .bind::<Integer, _>(QUANTITY_MAX);
    Ok(connection.execute(query).await? > 0)
}

/// Removes a beer; `false` when it is not in the order.
pub(in crate::orders) async fn remove_line(
    connection: &mut Connection,
    order_id: Uuid,
    sku: String,
) -> Result<bool, DatabaseError> {
    let line = order_lines::table.find((order_id, sku));
    Ok(connection.execute(diesel::delete(line)).await? > 0)
}

/// Remembers that the lines were shown with the names and prices of `beers`.
pub(in crate::orders) async fn show(
    connection: &mut Connection,
    order_id: Uuid,
    beers: &Beers,
) -> Result<(), DatabaseError> {
    let texts = |text: fn(&Beer) -> &String| beers.values().map(text).cloned().collect::<Vec<_>>();
    let prices: Vec<Decimal> = beers.values().map(|beer| beer.price).collect();
    let query = statement(
        "UPDATE orders.order_lines SET name = beer.name, price = beer.price \
         FROM unnest($2, $3, $4) AS beer (sku, name, price) \
         WHERE order_id = $1 AND order_lines.sku = beer.sku \
         AND (order_lines.name, order_lines.price) IS DISTINCT FROM (beer.name, beer.price)",
    )
    .bind::<SqlUuid, _>(order_id)
    .bind::<Array<Text>, _>(texts(|beer| &beer.sku))
    .bind::<Array<Text>, _>(texts(|beer| &beer.name))
    .bind::<Array<Numeric>, _>(prices);
    connection.execute(query).await.map(drop)
}

/// Fixes the total of an open order, whose row is locked: it is `PROCESSING` from now on, and returned as that. Its shipping
/// is asked for again after `again`.
pub(in crate::orders) async fn check_out(
    connection: &mut Connection,
    order: Order,
    total: Decimal,
    again: Duration,
) -> Result<Order, DatabaseError> {
    let query = statement(
        "WITH fixed AS (UPDATE orders.orders SET status = 'PROCESSING', total = $2, asks = 1, \
         ask_again_at = now() + $3 * interval '1 second' WHERE id = $1 AND status = 'OPEN' RETURNING id) \
         INSERT INTO orders.order_history (order_id, status) SELECT id, 'PROCESSING' FROM fixed RETURNING status, at",
    )
    .bind::<SqlUuid, _>(order.id)
    .bind::<Numeric, _>(total)
    .bind::<Double, _>(again.as_secs_f64());
    let entry: Entry = connection.one(query).await?;
    Ok(order.checked_out(total, entry))
}

/// Locks these orders, in one order everywhere: two that lock some of them at once never wait for each other in a circle.
pub(in crate::orders) async fn lock(
    connection: &mut Connection,
    ids: Vec<Uuid>,
) -> Result<Vec<Locked>, DatabaseError> {
    let locked = orders::table
        .filter(orders::id.eq_any(ids))
        .order(orders::id)
        .select(Locked::as_select())
        .for_update();
    connection.load(locked).await
}

/// Ends these orders, each as told beside it, if they are `PROCESSING`.
pub(in crate::orders) async fn end(
    connection: &mut Connection,
    ends: &[(Uuid, Status)],
) -> Result<(), DatabaseError> {
    let (ids, states): (Vec<Uuid>, Vec<Status>) = ends.iter().copied().unzip();
    let query = statement(
        "WITH ended AS (UPDATE orders.orders SET status = told.status, ask_again_at = NULL \
         FROM unnest($1, $2) AS told (id, status) \
         WHERE orders.id = told.id AND orders.status = 'PROCESSING' RETURNING orders.id, orders.status) \
         INSERT INTO orders.order_history (order_id, status) SELECT id, status FROM ended",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Text>, _>(states);
    connection.execute(query).await.map(drop)
}

/// Counts one more request for the shippings of these orders; the next one is due after `again`.
pub(in crate::orders) async fn ask_again(
    connection: &mut Connection,
    ids: Vec<Uuid>,
    again: Duration,
) -> Result<(), DatabaseError> {
    let query = statement(
        "UPDATE orders.orders SET asks = asks + 1, ask_again_at = now() + $2 * interval '1 second' \
         WHERE id = ANY($1) AND status = 'PROCESSING'",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Double, _>(again.as_secs_f64());
    connection.execute(query).await.map(drop)
}
