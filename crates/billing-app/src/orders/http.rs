//! The routes of orders: what they take, answer and document.

use std::slice;

use axum::{Extension, Json, extract::State, http::StatusCode, response::Response};
use broker::outbox;
use platform::{
    database::Connection,
    http::{
        answer,
        caller::Caller,
        context::RequestContext,
        extract::{self, Id},
        list::{self, Page, Rows, UuidPageQuery},
    },
    problem::Problem,
};
use uuid::Uuid;

use super::{
    body::{AddBody, CheckoutBody, NewOrderBody, OrderBody, RemoveBody},
    checkout,
    model::{self, Order},
    open, outgoing,
};
use crate::App;

/// List orders
///
/// A user's own, the open one and what the operator has ordered for them too; all of them for the operator. Everything, streamed, in the order in which they were made;
/// or a page with `limit`. An open order has the prices of now, which do not count as shown: `/api/orders/current` shows them.
/// While the prices cannot be read, a list with an open order is a 503.
#[utoipa::path(get, path = "/api/orders", tag = "orders", params(UuidPageQuery), responses(
    (status = 200, body = [OrderBody], description = "The orders",
        headers(("Link" = Option<String>, description = "The next page, with `limit` (RFC 8288)"))),
))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Extension(context): Extension<RequestContext>,
    page: Page<Uuid>,
) -> Result<Response, Problem> {
    // A user is the customer with the user's id.
    let customer_id = match caller {
        Caller::Operator => None,
        Caller::User { .. } | Caller::Anonymous => Some(user(caller)?),
    };
    let orders = OrdersOf {
        app,
        context,
        customer_id,
    };
    list::answer(orders, page).await
}

/// Get an order
///
/// With its history, for its user and for the operator. An open one has the prices of now, which do not count as shown:
/// `/api/orders/current` shows them.
#[utoipa::path(get, path = "/api/orders/{id}", tag = "orders",
    params(("id" = Uuid, Path, example = "0198c0de-0000-7000-8000-000000000001")), responses(
    (status = 200, body = OrderBody, description = "The order"),
    (status = 404, description = "The caller has no order with this id"),
))]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Extension(context): Extension<RequestContext>,
    Id(id): Id,
) -> Result<Json<OrderBody>, Problem> {
    let find = async |c: &mut Connection| Order::find(c, id).await;
    let order: Option<Order> = app.database.run(find).await?;
    let order = order.filter(|order| may_see(caller, order));
    let mut order = order.ok_or_else(|| Problem::not_found("no order has this id"))?;
    open::price(&app, slice::from_mut(&mut order), &context).await?;
    Ok(Json(order.into()))
}

/// Order for a customer
///
/// An order without beers, which costs nothing. It is taken for an unknown customer, too: the shipping finds out, and the
/// order is cancelled.
#[utoipa::path(post, path = "/api/orders", tag = "orders", request_body = NewOrderBody, responses(
    (status = 201, body = OrderBody, description = "The order, `PROCESSING`",
        headers(("Location" = String, description = "Where it is"))),
))]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Extension(context): Extension<RequestContext>,
    extract::Json(body): extract::Json<NewOrderBody>,
) -> Result<Response, Problem> {
    operator(caller)?;
    let (id, again) = (Uuid::now_v7(), app.limits.orders.answer);
    let create = async |c: &mut Connection| {
        model::insert_processing(c, id, body.customer, again).await?;
        let order = Order::find(c, id).await?;
        if let Some(order) = &order {
            let message = outgoing::from_request(outgoing::create(order, 1), &context);
            outbox::add(c, &message).await?;
        }
        Ok::<_, Problem>(order)
    };
    let order = app.database.transaction(create).await?;
    Ok(located(
        StatusCode::CREATED,
        order.ok_or_else(open::changed)?,
    ))
}

/// Get the open order
///
/// It is made when there is none. Its prices are those of now, and count as shown to the user. A beer that is not sold any
/// more keeps its last price until it is removed; a checkout names it.
#[utoipa::path(get, path = "/api/orders/current", tag = "orders", responses(
    (status = 200, body = OrderBody, description = "The open order"),
    (status = 409, description = "The order was changed meanwhile"),
))]
pub(super) async fn current(
    State(app): State<App>,
    caller: Caller,
    Extension(context): Extension<RequestContext>,
) -> Result<Json<OrderBody>, Problem> {
    let order = open::current(&app, user(caller)?, &context).await?;
    Ok(Json(order.into()))
}

/// Add to the open order
///
/// The quantity is added to what is there. The prices of the answer are those of now, and count as shown to the user. An
/// order has up to 100 beers, up to 1,000,000 pieces of each, and costs up to 9999999999.99.
#[utoipa::path(put, path = "/api/orders/current", tag = "orders", request_body = AddBody, responses(
    (status = 201, body = OrderBody, description = "The open order as it is now",
        headers(("Location" = String, description = "Where it is"))),
    (status = 404, description = "No beer has this sku"),
    (status = 409, description = "The order was changed meanwhile"),
))]
pub(super) async fn add(
    State(app): State<App>,
    caller: Caller,
    Extension(context): Extension<RequestContext>,
    extract::Json(body): extract::Json<AddBody>,
) -> Result<Response, Problem> {
    let order = open::add(&app, user(caller)?, &body, &context).await?;
    Ok(located(StatusCode::CREATED, order))
}

/// Remove from the open order
///
/// All pieces of the beer.
#[utoipa::path(delete, path = "/api/orders/current", tag = "orders", request_body = RemoveBody, responses(
    (status = 204, description = "It is not in the order any more"),
    (status = 404, description = "It was not in the order"),
))]
pub(super) async fn remove(
    State(app): State<App>,
    caller: Caller,
    extract::Json(body): extract::Json<RemoveBody>,
) -> Result<StatusCode, Problem> {
    open::remove(&app, user(caller)?, body.sku).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Check out the open order
///
/// At the prices that the user was shown last. The order is `PROCESSING` then: it is paid, and its shipping was asked for. A
/// refusal changes nothing.
///
/// A body may name the order, which makes a repetition safe: one that was checked out before is answered as it is, and no
/// other is checked out in its place.
#[utoipa::path(post, path = "/api/orders/checkout", tag = "orders",
    request_body(content = Option<CheckoutBody>, content_type = "application/json", example = json!({})), responses(
    (status = 200, body = OrderBody, description = "The order, `PROCESSING`, with its total; or as it is, when it was checked out before",
        headers(("Location" = String, description = "Where it is"))),
    (status = 404, description = "The caller has no order with this id"),
    (status = 409, description = "Beers are gone or have another price: `errors` names them; or the order was changed meanwhile"),
    (status = 422, description = "There is nothing in it, or it costs too much"),
))]
pub(super) async fn check_out(
    State(app): State<App>,
    caller: Caller,
    Extension(context): Extension<RequestContext>,
    body: Option<extract::Json<CheckoutBody>>,
) -> Result<Response, Problem> {
    let named = body.and_then(|extract::Json(body)| body.order);
    let order = checkout::check_out(&app, user(caller)?, named, &context).await?;
    Ok(located(StatusCode::OK, order))
}

/// The orders for a user, or for all, for [`list::answer`].
#[derive(Clone)]
struct OrdersOf {
    app: App,
    context: RequestContext,
    customer_id: Option<Uuid>,
}

impl Rows for OrdersOf {
    type Row = OrderBody;
    type Key = Uuid;

    /// The longest order has 250 kB.
    const CHUNK: u16 = 16;

    async fn after(&self, last: Option<Uuid>, count: u16) -> Result<Vec<OrderBody>, Problem> {
        let customer_id = self.customer_id;
        let page = async |c: &mut Connection| Order::after(c, customer_id, last, count).await;
        let mut orders: Vec<Order> = self.app.database.run(page).await?;
        open::price(&self.app, &mut orders, &self.context).await?;
        Ok(orders.into_iter().map(OrderBody::from).collect())
    }

    fn key(order: &OrderBody) -> Uuid {
        order.id
    }
}

fn located(status: StatusCode, order: Order) -> Response {
    let location = format!("/api/orders/{}", order.id);
    answer::located(status, &location, OrderBody::from(order))
}

fn may_see(caller: Caller, order: &Order) -> bool {
    match caller {
        Caller::Operator => true,
        Caller::User { id, .. } => order.customer_id == id,
        Caller::Anonymous => false,
    }
}

fn user(caller: Caller) -> Result<Uuid, Problem> {
    let wanted = "this route needs the token of a user";
    match caller {
        Caller::User { id, .. } => Ok(id),
        Caller::Operator => Err(Problem::forbidden(wanted)),
        Caller::Anonymous => Err(Problem::unauthorized(wanted)),
    }
}

fn operator(caller: Caller) -> Result<(), Problem> {
    let wanted = "this route needs the operator's token";
    match caller {
        Caller::Operator => Ok(()),
        Caller::User { .. } => Err(Problem::forbidden(wanted)),
        Caller::Anonymous => Err(Problem::unauthorized(wanted)),
    }
}
