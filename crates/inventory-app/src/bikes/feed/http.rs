//! The route of the live feed.

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderMap, HeaderName, HeaderValue, request::Parts},
    response::{IntoResponse, Response, sse},
};
use futures_util::StreamExt;
use platform::problem::Problem;

use crate::App;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Browsers send it when they connect again: the `id` of the last event that they have seen.
pub(super) struct LastEventId(Option<i64>);

/// Follow the bikes
///
/// Server-sent events, as they happen: `position`, with `{"bike_id", "location", "recorded_at"}`. With the `Last-Event-ID` of
/// one that was seen, those since then come first; when the oldest of them are not kept any more, an event `gap` comes
/// before those that are: read the list anew. A comment comes at least every 15 s. A listener that does not keep up is cut
/// off; it comes back with its `Last-Event-ID`.
#[utoipa::path(get, path = "/api/bikes/stream", tag = "bikes",
    params(("Last-Event-ID" = Option<i64>, Header, minimum = 0, description = "The `id` of the last event that was seen")), responses(
    (status = 200, body = String, content_type = "text/event-stream", description = "The events, without end",
        example = "id: 42\nevent: position\ndata: {\"bike_id\":\"b-7\",\"location\":{\"type\":\"Point\",\"coordinates\":[13.4,52.52]},\"recorded_at\":\"2026-12-01T12:00:00.000000Z\"}\n\n"),
    (status = 503, description = "There are too many listeners, or the database does not answer"),
))]
pub(super) async fn stream(
    State(app): State<App>,
    LastEventId(last): LastEventId,
) -> Result<Response, Problem> {
    let feed = &app.feed.0;
    let listener = app.feed.listen(last).await?;
    let stop = feed.stop.clone().cancelled_owned();
    let events = listener.events().take_until(stop);
    let alive = sse::KeepAlive::new().interval(feed.limits.heartbeat);
    Ok(sse::Sse::new(events).keep_alive(alive).into_response())
}

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        last_event_id(&parts.headers).map(Self)
    }
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let mut given = headers.get_all(LAST_EVENT_ID).iter();
    let (Some(id), None) = (given.next(), given.next()) else {
        return if headers.contains_key(LAST_EVENT_ID) {
            Err(no_event())
        } else {
            Ok(None)
        };
    };
    sequence(id).map(Some).ok_or_else(no_event)
}

/// Digits: a number could have a sign.
fn sequence(id: &HeaderValue) -> Option<i64> {
    let text = id.to_str().ok()?;
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

fn no_event() -> Problem {
    Problem::bad_request("`Last-Event-ID` must be the id of an event of this stream")
}
