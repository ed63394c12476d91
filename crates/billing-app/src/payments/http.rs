//! The routes that read payments: what they answer and document.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::Response,
};
use platform::{
    database::Connection,
    http::{
        extract::Id,
        list::{self, Page, PageQuery, Rows},
    },
    problem::Problem,
};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Outcome, Recorded};
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
    /// The order that a checkout paid for; absent for every other payment.
    #[schema(example = "0198c0de-0000-7000-8000-000000000000")]
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<Uuid>,
    /// `true` when the order was cancelled and its refund is recorded; else absent.
    #[schema(example = true, required = false)]
    #[serde(skip_serializing_if = "is_false")]
    refunded: bool,
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

/// List recorded payments
///
/// Everything, streamed, in the order in which it was recorded; or a page with `limit`.
#[utoipa::path(get, path = "/api/billing", tag = "payments", params(PageQuery), responses(
    (status = 200, body = [PaymentBody], description = "The payments",
        headers(("Link" = Option<String>, description = "The next page, with `limit` (RFC 8288)"))),
))]
pub(super) async fn list(State(app): State<App>, page: Page<i64>) -> Result<Response, Problem> {
    list::answer(Payments(app), page).await
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
pub(super) async fn get(State(app): State<App>, Id(id): Id) -> Result<Json<OutcomeBody>, Problem> {
    match app.database.run(async |c| Outcome::of(c, id).await).await? {
        Outcome::Recorded(recorded) => Ok(Json(OutcomeBody::Processed(recorded.into()))),
        Outcome::Rejected { reason } => Ok(Json(OutcomeBody::Rejected(RejectedBody {
            id,
            status: "rejected",
            reason,
        }))),
        Outcome::Unknown => Err(Problem::not_found("not recorded (yet)")
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))),
    }
}

impl From<Recorded> for PaymentBody {
    fn from(Recorded { order, refunded }: Recorded) -> Self {
        Self {
            id: order.message_id,
            status: "processed",
            user_id: order.user_id,
            number_of_items: order.number_of_items,
            total_amount: order.total_amount,
            order_id: order.order_id,
            refunded,
            key: order.id,
        }
    }
}

/// Whether to leave it out.
fn is_false(value: &bool) -> bool {
    !value
}

/// The recorded payments, for [`list::answer`].
#[derive(Clone)]
struct Payments(App);

impl Rows for Payments {
    type Row = PaymentBody;
    type Key = i64;

    async fn after(&self, last: Option<i64>, count: u16) -> Result<Vec<PaymentBody>, Problem> {
        let page = async |c: &mut Connection| Recorded::after(c, last, count).await;
        let payments = self.0.database.run(page).await?;
        Ok(payments.into_iter().map(PaymentBody::from).collect())
    }

    fn key(row: &PaymentBody) -> i64 {
        row.key
    }
}
