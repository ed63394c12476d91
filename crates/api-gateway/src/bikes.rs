//! `POST /api/bikes/{id}/events`: how a location of a bike is published, and what its client reads.
//!
//! The gateway does not ask whether there is such a bike: what names none becomes a dead letter where it is consumed.

use axum::{
    Json,
    body::Bytes,
    response::{IntoResponse, Response},
};
use garde::Validate;
use messages::{
    Message,
    geo::Point,
    locations::{Location, is_bike_id},
};
use platform::{
    http::json,
    problem::{FieldError, Problem},
};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::publish::{Posted, Publication};

/// How far a client's clock may be ahead.
const AHEAD_MAX: Duration = Duration::minutes(5);

/// An event: the message has the bike of the path, and a time.
pub static LOCATION: Publication = Publication {
    noun: "event",
    route: Location::ROUTE,
    message,
    location: None,
    answer: published,
};

/// Where a bike was, and when. Unknown fields are ignored.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(crate) struct PostedEvent {
    /// Longitude first.
    #[garde(skip)]
    location: Point,
    /// RFC 3339, from 1970 on, at most 5 minutes in the future; kept in microseconds. When the event comes, if it is left out.
    #[garde(skip)]
    #[serde(default, deserialize_with = "recorded_at")]
    #[schema(example = "2026-11-01T12:00:00.250Z")]
    recorded_at: Option<OffsetDateTime>,
}

/// What a client reads when its event is safe.
#[derive(Debug, Serialize, ToSchema)]
struct Published {
    /// Always `Event published`.
    #[schema(example = "Event published", pattern = "^Event published$")]
    message: &'static str,
}

/// Publish a location event
///
/// Says where a bike was at a moment, and answers when the broker has confirmed that it keeps that; works while the
/// inventory is down. The newest event moves the bike; each is a place on the track of the trip that ran then. An event is
/// known by its bike and its `recorded_at`, so one that is sent twice counts once; without `recorded_at` an
/// `Idempotency-Key` lets this gateway know a retry for a day, and another gateway takes it for a later event. Whether
/// there is such a bike is not asked here.
#[utoipa::path(post, path = "/api/bikes/{id}/events", tag = "bikes", operation_id = "publish_event",
    params(
        ("id" = String, Path, description = "The id of the bike", example = "5f0a1c2e9b1e8a0017c3d2f1",
            min_length = 1, max_length = 64),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = r"^[!-~]{1,255}$",
            description = "Names the event of this bike to its caller: the same key with the same body is the same event",
            example = "3f1c9f0e-event-7"),
    ),
    request_body(content = PostedEvent, content_type = "application/json",
        example = json!({"location": {"type": "Point", "coordinates": [2.3522, 48.8566]}, "recorded_at": "2026-11-01T12:00:00.250Z"})),
    responses(
        (status = 200, body = Published, description = "The broker keeps the event",
            example = json!({"message": "Event published"})),
        (status = 404, description = "No bike can have this id"),
    ))]
pub(crate) fn published(_: Uuid) -> Response {
    let message = "Event published";
    Json(Published { message }).into_response()
}

fn message(posted: &Posted) -> Result<Bytes, Problem> {
    let bike_id = posted.parameters.first().filter(|id| is_bike_id(id));
    let bike_id = bike_id.ok_or_else(|| Problem::not_found("no bike can have this id"))?;
    let event: PostedEvent = json::parse_object(&posted.body)?;
    let recorded_at = event.recorded_at.unwrap_or(posted.at);
    if recorded_at - posted.at > AHEAD_MAX {
        return Err(wrong_time("must not be more than 5 minutes in the future"));
    }
    // The id and the place are right, so it is the time that is not.
    let location = Location::new(bike_id, event.location, recorded_at)
        .map_err(|_| wrong_time("must be in the years 1970 to 9999"))?;
    Ok(location.encode().into())
}

/// The parser's own words are those of its parts.
fn recorded_at<'de, D: Deserializer<'de>>(time: D) -> Result<Option<OffsetDateTime>, D::Error> {
    time::serde::rfc3339::option::deserialize(time)
        .map_err(|_| D::Error::custom("must be a time as in RFC 3339 with its offset"))
}

fn wrong_time(detail: &str) -> Problem {
    Problem::unprocessable(vec![FieldError::new("/recorded_at", detail)])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_time_is_told_in_the_words_of_a_client() {
        for time in [r#""now""#, r#""""#, r#""2026-11-22T10:15:00""#, "1", "{}"] {
            let body = format!(
                r#"{{"location":{{"type":"Point","coordinates":[1,2]}},"recorded_at":{time}}}"#
            );
            let refused = json::parse_object::<PostedEvent>(body.as_bytes()).unwrap_err();
            let told = "/recorded_at must be a time as in RFC 3339 with its offset";
            assert_eq!(refused.summary(), told, "{time}");
        }
    }
}
