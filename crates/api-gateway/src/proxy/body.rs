//! Bodies on their way through the gateway: bounded in size and in time, streamed, never parsed.
//!
//! An error in a body cuts the connection that it goes to, so a part is never taken for the whole.

use std::time::Duration;

use axum::{BoxError, body::Body};
use futures_util::StreamExt;
use http_body_util::{BodyExt, Limited};
use platform::{error::chain, http::connections::AnswerBody};
use tokio_util::sync::CancellationToken;
use tower_http::timeout::TimeoutBody;

/// The body of a request, which fails after `limit` bytes. The token is cancelled when the body has been sent to its end
/// or given up.
pub(super) fn upload(body: Body, limit: usize) -> (Body, CancellationToken) {
    let sent = CancellationToken::new();
    let guard = sent.clone().drop_guard();
    // hyper drops a body after its last byte, often without polling for the end. The guard is dropped with it.
    let body = Limited::new(body, limit).map_err(move |error| {
        let _ = &guard;
        error
    });
    (Body::new(body), sent)
}

/// The body of an answer, which fails when `service` closes too early or sends nothing for `idle`.
///
/// Its length is unknown: axum would write the length of an empty body into an answer to HEAD. The headers of the service
/// carry the true one.
pub(super) fn download(body: AnswerBody<Body>, service: &'static str, idle: Duration) -> Body {
    let body = TimeoutBody::new(idle, body).map_err(move |error: BoxError| {
        tracing::warn!(service, error = chain(&*error), "an answer was cut off");
        error
    });
    Body::new(body)
}

/// The body of an answer until `stop`, where it ends in order.
pub(super) fn until(body: Body, stop: &CancellationToken) -> Body {
    let stop = stop.clone().cancelled_owned();
    Body::from_stream(body.into_data_stream().take_until(stop))
}

/// The body of an answer, which keeps `guard` until it is sent to its end or given up.
pub(crate) fn holding(body: Body, guard: impl Send + 'static) -> Body {
    Body::new(body.map_err(move |error| {
        let _ = &guard;
        error
    }))
}
