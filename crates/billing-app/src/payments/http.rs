//! The routes that read payments: what they answer and document.

use axum::{
    Json,
    extract::State,
    http::{Uri, header},
    response::{IntoResponse, Response},
};
use platform::{
    http::{
        extract::{Path, Query},
        list::{self, Page, Rows},
    },
    problem::Problem,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::model::{self, Order, Outcome};
use crate::App;

/// A recorded payment.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PaymentBody {
    /// As it was given when the payment was queued.
    #[schema(example = "0198c0de-0000-7000-8000-000000000000")]
    id: Uuid,
    /// `processed`.
    #[schema(example = "processed", pattern = "^processed$")]
    status: &'static str,
    /// Who paid.
    #[schema(example = "3", min_length = 1, max_length = 64)]
    user_id: String,
    /// How many items.
    #[schema(example = 5, minimum = 1)]
    number_of_items: i32,
    /// What they cost together: exact, with two decimals.
    #[schema(example = "180.00", value_type = String, pattern = r"^[0-9]{1,12}\.[0-9]{2}$")]
    total_amount: Decimal,
    #[serde(skip)]
    key: i64,
}

/// A payment that could not be recorded.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RejectedBody {
    /// As it was given when the payment was queued.
    #[schema(example = "0198c0de-0000-7000-8000-000000000000")]
    id: Uuid,
    /// `rejected`.
    #[schema(example = "rejected", pattern = "^rejected$")]
    status: &'static str,
    /// Why.
    #[schema(example = "/total_amount is required")]
    reason: String,
}

/// What became of a payment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum OutcomeBody {
    /// Recorded.
    Processed(PaymentBody),
    /// Refused, and kept as a dead letter.
    Rejected(RejectedBody),
}

/// Which payments.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PaymentQuery {
    /// A page of at most so many; the next page is in the `Link` header. Everything without it.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
    /// The key after which the page begins; taken from a `Link` header.
    after: Option<i64>,
}

/// List recorded payments
///
/// Everything, streamed, in the order in which it was recorded; or a page with `limit`.
#[utoipa::path(get, path = "/api/billing", tag = "payments", params(PaymentQuery), responses(
    (status = 200, body = [PaymentBody], description = "The payments",
        headers(("Link" = Option<String>, description = "The next page, with `limit` (RFC 8288)"))),
))]
pub(super) async fn list(
    State(app): State<App>,
    Query(query): Query<PaymentQuery>,
    uri: Uri,
) -> Result<Response, Problem> {
    let page = Page::parse(
        query.limit.as_deref(),
        query.after.map(|after| after.to_string()),
    )?;
    list::answer(Recorded(app), page, &uri).await
}

/// What became of a payment
///
/// A payment that was queued a moment ago may not be recorded yet: ask again after `Retry-After` seconds.
#[utoipa::path(get, path = "/api/billing/{id}", tag = "payments",
    params(("id" = Uuid, Path, example = "0198c0de-0000-7000-8000-000000000000")), responses(
    (status = 200, body = OutcomeBody, description = "Recorded, or rejected and why"),
    (status = 404, description = "Not recorded (yet)",
        headers(("Retry-After" = u32, description = "Seconds until it is worth asking again"))),
))]
pub(super) async fn get(
    State(app): State<App>,
    Path(id): Path<Uuid>,
) -> Result<Json<OutcomeBody>, Response> {
    match model::outcome(&app.database, id)
        .await
        .map_err(|error| Problem::from(error).into_response())?
    {
        Outcome::Recorded(order) => Ok(Json(OutcomeBody::Processed(order.into()))),
        Outcome::Rejected { reason } => Ok(Json(OutcomeBody::Rejected(RejectedBody {
            id,
            status: "rejected",
            reason,
        }))),
        Outcome::Unknown => Err((
            [(header::RETRY_AFTER, "1")],
            Problem::not_found("not recorded (yet)"),
        )
            .into_response()),
    }
}

impl From<Order> for PaymentBody {
    fn from(order: Order) -> Self {
        Self {
            id: order.message_id,
            status: "processed",
            user_id: order.user_id,
            number_of_items: order.number_of_items,
            total_amount: order.total_amount,
            key: order.id,
        }
    }
}

/// The recorded payments, for [`list::answer`].
#[derive(Clone)]
struct Recorded(App);

impl Rows for Recorded {
    type Row = PaymentBody;

    async fn after(&self, last: Option<String>, count: u16) -> Result<Vec<PaymentBody>, Problem> {
        let last = last.and_then(|key| key.parse().ok()).unwrap_or(i64::MIN);
        let orders = model::after(&self.0.database, last, count).await?;
        Ok(orders.into_iter().map(PaymentBody::from).collect())
    }

    fn key(row: &PaymentBody) -> String {
        row.key.to_string()
    }
}
