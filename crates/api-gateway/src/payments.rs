//! `POST /api/billing`: how a posted payment is published, and what its client reads.

use axum::{http::StatusCode, response::Response};
use messages::{
    Message,
    payments::{Payment, PostedPayment, Rejection},
};
use platform::{
    http::answer,
    problem::{FieldError, Problem},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::publish::Publication;

/// A payment: the message is the posted body, byte for byte.
pub static PAYMENT: Publication = Publication {
    noun: "payment",
    route: Payment::ROUTE,
    message: |posted| {
        Payment::parse(&posted.body).map_err(refused)?;
        Ok(posted.body.clone())
    },
    location: Some(location),
    answer: queued,
};

/// What a client reads when its payment is safe.
#[derive(Debug, Serialize, ToSchema)]
struct Queued {
    /// The payment's id: its message's, and its row's.
    #[schema(example = "0198c0de-0000-7000-8000-000000000000")]
    id: Uuid,
    /// Always `queued`.
    #[schema(example = "queued", pattern = "^queued$")]
    status: &'static str,
}

/// Pay
///
/// Puts the payment on the queue and answers when the broker has confirmed that it keeps it; works while the billing
/// is down. The row appears under the id of the answer. Unknown fields are kept in the message. With an
/// `Idempotency-Key` a retry gives the same id, and one row.
#[utoipa::path(post, path = "/api/billing", tag = "payments", operation_id = "pay",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = r"^[!-~]{1,255}$",
        description = "Names the payment to its caller: the same key with the same body is the same payment",
        example = "3f1c9f0e-order-7")),
    request_body(content = PostedPayment, content_type = "application/json",
        example = json!({"user_id": "3", "number_of_items": "5", "total_amount": "180"})),
    responses(
        (status = 200, body = Queued, description = "The broker keeps the payment",
            headers(("Location" = String, description = "Where the recorded payment will be")),
            example = json!({"id": "0198c0de-0000-7000-8000-000000000000", "status": "queued"})),
    ))]
pub(crate) fn queued(id: Uuid) -> Response {
    let status = "queued";
    answer::located(StatusCode::OK, &location(id), Queued { id, status })
}

fn location(id: Uuid) -> String {
    format!("/api/billing/{id}")
}

fn refused(rejection: Rejection) -> Problem {
    match rejection {
        Rejection::Malformed(detail) => {
            Problem::bad_request(format!("the body is not JSON: {detail}"))
        }
        Rejection::Invalid(errors) => {
            let errors = errors.into_iter();
            let errors = errors.map(|error| FieldError::new(error.pointer, error.detail));
            Problem::unprocessable(errors.collect())
        }
    }
}
