//! Checkout: the open order of a user, at the prices that the user was shown, becomes one to be shipped and paid.
//!
//! Everything or nothing: the order's state and history, the payment and the request for a shipping are one transaction.
//! A refusal changes nothing, not even the prices that count as shown. A client that names the order may ask again: an order
//! is checked out once, and no other in its place.

use broker::outbox;
use platform::{
    database::Connection,
    http::context::RequestContext,
    problem::{FieldError, Problem},
};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{
    model::{self, Line, Order},
    open::{ATTEMPTS, changed},
    outgoing,
    status::Status,
    total,
};
use crate::{App, inventory::Beers};

/// Checks out the open order of a user, or the one that is `named`; one that was checked out before is returned as it is.
///
/// # Errors
/// 404 when the user has no such order, 409 when a beer is gone, or has another price or name, 422 when there is nothing to check out or it costs too much, 503 when the
/// inventory does not answer.
pub(super) async fn check_out(
    app: &App,
    user_id: Uuid,
    named: Option<Uuid>,
    context: &RequestContext,
) -> Result<Order, Problem> {
    for _ in 0..ATTEMPTS {
        let order = find(app, user_id, named).await?;
        if order.status != Status::Open {
            return Ok(order);
        }
        if order.lines.is_empty() {
            return Err(empty());
        }
        let beers = app.inventory.beers(order.skus(), context).await?;
        compare(&order.lines, &beers)?;
        let total = total::payable(&order.lines)?;
        let fix = async |c: &mut Connection| fix(c, app, user_id, &order, total, context).await;
        let _lock = app.user_locks.lock(user_id).await?;
        let fixed: Result<Option<Order>, Problem> = app.database.transaction(fix).await;
        if let Some(order) = fixed? {
            return Ok(order);
        }
    }
    Err(changed())
}

/// The order that is meant, whatever its state; without a name the open one.
async fn find(app: &App, user_id: Uuid, named: Option<Uuid>) -> Result<Order, Problem> {
    let find = async |c: &mut Connection| match named {
        Some(id) => Order::find(c, id).await,
        None => Order::find_open(c, user_id).await,
    };
    let order: Option<Order> = app.database.run(find).await?;
    let order = order.filter(|order| order.user_id == Some(user_id));
    order.ok_or_else(|| match named {
        Some(_) => Problem::not_found("no order has this id"),
        None => empty(),
    })
}

/// `None` when the order is not the one any more that was compared.
async fn fix(
    connection: &mut Connection,
    app: &App,
    user_id: Uuid,
    seen: &Order,
    total: Decimal,
    context: &RequestContext,
) -> Result<Option<Order>, Problem> {
    if model::lock_open(connection, user_id).await? != Some(seen.id) {
        return Ok(None);
    }
    let order = Order::find(connection, seen.id).await?;
    let Some(order) = order.filter(|order| order.lines == seen.lines) else {
        return Ok(None);
    };
    let payment = outgoing::payment(&order, user_id, total).ok_or_else(total::too_high)?;
    let messages = [payment, outgoing::create(&order, 1)];
    let messages = messages.map(|message| outgoing::from_request(message, context));
    outbox::add_all(connection, &messages).await?;
    let order = model::check_out(connection, order, total, app.limits.orders.answer).await?;
    Ok(Some(order))
}

/// Every line is, and costs, what its user was shown.
fn compare(lines: &[Line], beers: &Beers) -> Result<(), Problem> {
    let wrong = lines.iter().enumerate().filter_map(|(index, line)| {
        let detail = match beers.get(&line.sku) {
            None => format!("{} is not sold any more", line.sku),
            Some(beer) if beer.price != line.price => {
                let Line { sku, price, .. } = line;
                format!("{sku} costs {:.2} now, not {price:.2}", beer.price)
            }
            // It was deleted, and another one has its sku; or it was renamed.
            Some(beer) if beer.name != line.name => {
                let Line { sku, name, .. } = line;
                format!("{sku} is {} now, not {name}", beer.name)
            }
            Some(_) => return None,
        };
        Some(FieldError::new(format!("/beers/{index}"), detail))
    });
    let wrong: Vec<_> = wrong.collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let detail =
        "the beers named in `errors` are gone or have another price; read the current order again";
    Err(Problem::conflict(detail).with_errors(wrong))
}

fn empty() -> Problem {
    Problem::unprocessable(vec![FieldError::new("/beers", "must not be empty")])
}
