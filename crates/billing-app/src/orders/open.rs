//! The open order of a user, with the prices of now.
//!
//! The inventory is asked before the transaction; the transaction then locks the order, and nothing of it is done when the
//! order is another one by then.

use messages::orders::LINES_MAX;
use platform::{
    database::{Connection, DatabaseError},
    http::context::RequestContext,
    problem::{FieldError, Problem},
};
use uuid::Uuid;

use super::{
    body::AddBody,
    model::{self, Order},
    status::Status,
    total,
};
use crate::{
    App,
    inventory::{Beer, Beers},
};

/// How often a request starts over when others change the same order, before its client is told.
pub(super) const ATTEMPTS: usize = 3;

/// The open order of a user, shown with the prices of now; made when there is none.
pub(super) async fn current(
    app: &App,
    user_id: Uuid,
    context: &RequestContext,
) -> Result<Order, Problem> {
    for _ in 0..ATTEMPTS {
        let Some(order) = find_or_make(app, user_id).await? else {
            continue;
        };
        let beers = app.inventory.beers(order.skus(), context).await?;
        if let Some(shown) = show(app, user_id, order, &beers).await? {
            return Ok(shown);
        }
    }
    Err(changed())
}

/// Gives those of `orders` that are open the names and prices of now, which do not count as shown. A beer that is gone keeps
/// what was shown last. Without an open order the inventory is not asked.
pub(super) async fn price(
    app: &App,
    orders: &mut [Order],
    context: &RequestContext,
) -> Result<(), Problem> {
    let open = orders.iter().filter(|order| order.status == Status::Open);
    let beers = app.inventory.beers(open.flat_map(Order::skus), context);
    let beers = beers.await?;
    let open = orders.iter_mut();
    for order in open.filter(|order| order.status == Status::Open) {
        order.price(&beers);
    }
    Ok(())
}

/// Adds pieces of a beer to the open order of a user; the order is shown with the prices of now.
pub(super) async fn add(
    app: &App,
    user_id: Uuid,
    added: &AddBody,
    context: &RequestContext,
) -> Result<Order, Problem> {
    for _ in 0..ATTEMPTS {
        let find = async |c: &mut Connection| Order::find_open(c, user_id).await;
        let seen: Option<Order> = app.database.run(find).await?;
        let others = seen.iter().flat_map(Order::skus);
        let others = others.filter(|sku| *sku != added.sku);
        let skus = others.chain([added.sku.as_str()]);
        let beers = app.inventory.beers(skus, context).await?;
        let beer = beers.get(&added.sku).ok_or_else(no_such_beer)?;
        let add = async |c: &mut Connection| {
            let Some(order_id) = lock_or_make(c, user_id, seen.as_ref()).await? else {
                return Ok(None);
            };
            // What others have added meanwhile they were shown at the prices of now.
            if !seen.as_ref().is_none_or(|seen| is_shown(seen, &beers)) {
                model::show(c, order_id, &beers).await?;
            }
            add_checked(c, order_id, beer, added.quantity).await
        };
        let _lock = app.user_locks.lock(user_id).await?;
        let order: Result<Option<Order>, Problem> = app.database.transaction(add).await;
        if let Some(order) = order? {
            return Ok(order);
        }
    }
    Err(changed())
}

/// Removes a beer from the open order of a user.
pub(super) async fn remove(app: &App, user_id: Uuid, sku: String) -> Result<(), Problem> {
    let remove = async |c: &mut Connection| match model::lock_open(c, user_id).await? {
        Some(order_id) => model::remove_line(c, order_id, sku).await,
        None => Ok(false),
    };
    let _lock = app.user_locks.lock(user_id).await?;
    let removed: Result<bool, DatabaseError> = app.database.transaction(remove).await;
    if removed? {
        Ok(())
    } else {
        Err(Problem::not_found("this beer is not in the open order"))
    }
}

/// What a client is told that races with itself.
pub(super) fn changed() -> Problem {
    Problem::conflict("the order was changed meanwhile; read it again")
}

/// `None` when it was checked out between two statements.
async fn find_or_make(app: &App, user_id: Uuid) -> Result<Option<Order>, DatabaseError> {
    let find = async |c: &mut Connection| {
        if let Some(order) = Order::find_open(c, user_id).await? {
            return Ok(Some(order));
        }
        model::insert_open(c, Uuid::now_v7(), user_id).await?;
        Order::find_open(c, user_id).await
    };
    app.database.run(find).await
}

/// Locks the order that was `seen`, or makes one where none was; `None` when the open order is another one by now.
async fn lock_or_make(
    connection: &mut Connection,
    user_id: Uuid,
    seen: Option<&Order>,
) -> Result<Option<Uuid>, DatabaseError> {
    let Some(seen) = seen else {
        let id = Uuid::now_v7();
        let made = model::insert_open(connection, id, user_id).await?;
        return Ok(made.then_some(id));
    };
    let locked = model::lock_open(connection, user_id).await?;
    Ok(locked.filter(|id| *id == seen.id))
}

/// The order with these names and prices, which are kept as shown. A beer that is gone keeps what was shown last: the
/// checkout names it. `None` when the order is open no more.
async fn show(
    app: &App,
    user_id: Uuid,
    order: Order,
    beers: &Beers,
) -> Result<Option<Order>, Problem> {
    if is_shown(&order, beers) {
        return Ok(Some(order));
    }
    let show = async |c: &mut Connection| {
        if model::lock_open(c, user_id).await? != Some(order.id) {
            return Ok(None);
        }
        model::show(c, order.id, beers).await?;
        Order::find(c, order.id).await
    };
    let _lock = app.user_locks.lock(user_id).await?;
    let shown: Result<_, DatabaseError> = app.database.transaction(show).await;
    Ok(shown?)
}

fn is_shown(order: &Order, beers: &Beers) -> bool {
    order.lines.iter().all(|line| {
        let beer = beers.get(&line.sku);
        beer.is_none_or(|beer| (&beer.name, beer.price) == (&line.name, line.price))
    })
}

/// Adds to a locked order, unless it would be too large.
async fn add_checked(
    connection: &mut Connection,
    order_id: Uuid,
    beer: &Beer,
    quantity: i32,
) -> Result<Option<Order>, Problem> {
    if !model::add_line(connection, order_id, beer, quantity).await? {
        let detail = "must be at most 1000000 with what is in the order";
        return Err(refused("/quantity", detail));
    }
    let order = Order::find(connection, order_id).await?;
    if let Some(order) = &order {
        if order.lines.len() > LINES_MAX {
            return Err(refused(
                "/sku",
                "must be one of the 100 in the order, which is full",
            ));
        }
        total::payable(&order.lines)?;
    }
    Ok(order)
}

fn refused(pointer: &str, detail: &str) -> Problem {
    Problem::unprocessable(vec![FieldError::new(pointer, detail)])
}

fn no_such_beer() -> Problem {
    Problem::not_found("no beer has this sku")
}
