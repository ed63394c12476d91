//! `POST /api/billing`: a posted payment becomes a message on `billing_queue`.
//!
//! 200 means that RabbitMQ has confirmed that it keeps the message, and nothing less. The message is the posted body,
//! byte for byte. With an `Idempotency-Key` the id is derived, not drawn (see [`crate::idempotency`]), so a retry
//! reaches the same row through any gateway; what was confirmed once is not published again.

use std::time::Duration;

use axum::{
    Json,
    extract::{FromRequest, Request},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use broker::{Monitor, Outgoing, PublishError, Publisher, Settings};
use messages::{
    Message,
    payments::{Payment, PostedPayment, Rejection},
};
use platform::{
    http::{context::RequestContext, extract::RawJson},
    problem::{FieldError, Problem},
    runtime::Tasks,
    trace_context::{TRACEPARENT, X_REQUEST_ID},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    auth::Caller,
    idempotency::{Key, Seen},
};

/// The largest payment, in bytes.
pub const BODY_LIMIT: usize = 64 * 1_024;

/// How long the broker may take to confirm, so that the client has its answer within 2 s.
const CONFIRM_LIMIT: Duration = Duration::from_millis(1_900);

/// The way of payments onto the queue.
pub struct Payments {
    publisher: Publisher,
    monitor: Monitor,
    seen: Seen,
}

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

impl Payments {
    /// Publishes to the broker of `settings` as one of `tasks`, and remembers no key yet.
    #[must_use]
    pub fn start(settings: Settings, tasks: &Tasks) -> Self {
        let queues = [Payment::QUEUE];
        Self {
            monitor: Monitor::start(settings.clone(), &queues, tasks),
            publisher: Publisher::start(settings, &queues, tasks),
            seen: Seen::default(),
        }
    }

    /// Whether the broker takes messages and answers.
    pub(crate) fn broker(&self) -> impl Fn() -> Result<(), String> + use<> {
        let (publisher, monitor) = (self.publisher.state(), self.monitor.clone());
        move || publisher.borrow().ready().and_then(|()| monitor.ready())
    }

    async fn publish(
        &self,
        id: Uuid,
        body: axum::body::Bytes,
        context: Option<RequestContext>,
    ) -> Result<(), Problem> {
        let mut message = Outgoing::new(Payment::QUEUE, id, body);
        if let Some(context) = context {
            message = message
                .with_header(X_REQUEST_ID, context.id())
                .with_header(TRACEPARENT, &context.trace.child().to_string());
        }
        let published = self.publisher.publish(message, CONFIRM_LIMIT).await;
        published.map_err(|error| unavailable(id, error))
    }
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
pub(crate) async fn accept(
    payments: &Payments,
    request: Request,
    caller: Caller,
) -> Result<Response, Problem> {
    let key = Key::of(request.headers())?;
    let context = request.extensions().get::<RequestContext>().cloned();
    let RawJson(body) = RawJson::from_request(request, &()).await?;
    Payment::parse(&body).map_err(refused)?;
    let Some(key) = key else {
        let id = Uuid::now_v7();
        payments.publish(id, body, context).await?;
        return Ok(queued(id));
    };
    let id = key.id(caller, "POST /api/billing");
    let entry = payments.seen.enter(id, &body)?;
    if !entry.is_confirmed() {
        payments.publish(id, body, context).await?;
        entry.confirm();
    }
    Ok(queued(id))
}

fn queued(id: Uuid) -> Response {
    let body = Queued {
        id,
        status: "queued",
    };
    let location = HeaderValue::try_from(format!("/api/billing/{id}")).ok();
    let mut answer = Json(body).into_response();
    answer
        .headers_mut()
        .extend(location.map(|location| (header::LOCATION, location)));
    answer
}

fn refused(rejection: Rejection) -> Problem {
    match rejection {
        Rejection::Malformed(detail) => {
            Problem::bad_request(format!("the body is not JSON: {detail}"))
        }
        Rejection::Invalid(errors) => {
            let errors = errors.into_iter();
            Problem::unprocessable(
                errors
                    .map(|error| FieldError::new(error.pointer, error.detail))
                    .collect(),
            )
        }
    }
}

fn unavailable(id: Uuid, error: PublishError) -> Problem {
    let detail = match error {
        PublishError::Unconfirmed => format!(
            "the broker has not confirmed in time: the payment may still be recorded, as /api/billing/{id}"
        ),
        PublishError::Overloaded | PublishError::Stopped | PublishError::Undeclared => {
            "the payment cannot be queued now; it was not taken".into()
        }
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).because(error)
}
