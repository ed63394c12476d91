//! The routes of events: what they take, answer and document.

use axum::{
    Extension, Json,
    extract::{DefaultBodyLimit, FromRequest, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use platform::{
    database::Connection,
    http::{
        answer,
        answer_limit::AnswerLimit,
        extract::{Id, OneOrMany},
        list::{self, Page, Rows, UuidPageQuery},
    },
    problem::{FieldError, Problem},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    body::{NewEvent, NewEvents},
    ingest::ingest,
    model::Event,
    summary::Summary,
};
use crate::App;

/// The largest JSON body: a thousand events with the longest texts, each character escaped, are less.
const JSON_MAX: usize = 4 * 1_024 * 1_024;

/// The media type of a stream of lines.
const NDJSON: &str = "application/x-ndjson";

/// How many events of an array were kept: all.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventsCreated {
    /// Their number.
    #[schema(example = 2)]
    created: usize,
}

/// What an added event, or an array of them, is answered with, for the document.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes two answers of one status")]
pub(super) enum Created {
    /// To one event.
    One(Event),
    /// To an array.
    Many(EventsCreated),
}

/// List events
///
/// Everything, streamed, in the order of the ids, which is that of their making; or a page with `limit`.
#[utoipa::path(get, path = "/api/events", tag = "events", params(UuidPageQuery), responses(
    (status = 200, body = [Event], description = "The events",
        headers(("Link" = Option<String>, description = "The next page, with `limit` (RFC 8288)"))),
))]
pub(super) async fn list(State(app): State<App>, page: Page<Uuid>) -> Result<Response, Problem> {
    list::answer(Events(app), page).await
}

/// Get an event
///
/// The event with this id, as it is kept.
#[utoipa::path(get, path = "/api/events/{id}", tag = "events",
    params(("id" = Uuid, Path, example = "0198c0de-0000-7849-8000-000000000002")), responses(
    (status = 200, body = Event, description = "The event"),
    (status = 404, description = "No event has this id"),
))]
pub(super) async fn get(State(app): State<App>, Id(id): Id) -> Result<Json<Event>, Problem> {
    let find = async |c: &mut Connection| Event::find(c, id).await;
    let event = app.database.run(find).await?;
    event.map(Json).ok_or_else(no_such_event)
}

/// Remove an event
///
/// Reports do not count it any more.
#[utoipa::path(delete, path = "/api/events/{id}", tag = "events",
    params(("id" = Uuid, Path, example = "0198c0de-0000-7849-8000-000000000002")), responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "No event has this id"),
))]
pub(super) async fn delete(State(app): State<App>, Id(id): Id) -> Result<StatusCode, Problem> {
    let delete = async |c: &mut Connection| Event::delete(c, id).await;
    let was_there = app.database.run(delete).await?;
    was_there
        .then_some(StatusCode::NO_CONTENT)
        .ok_or_else(no_such_event)
}

/// Add events
///
/// One event; an array of up to 1,000, of which all are kept or none; or a stream of any length as `application/x-ndjson`, one
/// event a line of at most 64 KiB. Of a stream, each 1,000 lines are kept together or not at all, and the answer tells what
/// was not kept. Blank lines do not count. What was kept stays if the stream breaks off. The client may pause for 20 s.
#[utoipa::path(post, path = "/api/events", tag = "events",
    request_body(content((NewEvents = "application/json"), (String = "application/x-ndjson", example = json!(
        "{\"timestamp\":\"2026-11-22T10:15:00Z\",\"client\":42,\"client_group\":7,\"device_type\":\"phone\",\"category\":\"purchase\",\"valid\":true,\"value\":\"12.5\"}\n"
    )))), responses(
    (status = 200, body = Summary, description = "What became of the lines of a stream"),
    (status = 201, body = Created, description = "The event with its id, or the number of events of an array",
        headers(("Location" = Option<String>, description = "Where the event is, if it is one"))),
    (status = 415, description = "The body is neither `application/json` nor `application/x-ndjson`"),
))]
pub(super) async fn create(
    State(app): State<App>,
    Extension(limit): Extension<AnswerLimit>,
    mut request: Request,
) -> Result<Response, Problem> {
    if is_ndjson(request.headers()) {
        let summary = ingest(request.into_body(), &app.events, &limit).await?;
        return Ok(Json(summary).into_response());
    }
    DefaultBodyLimit::max(JSON_MAX).apply(&mut request);
    let body = OneOrMany::from_request(request, &()).await;
    match body.map_err(name_both_types)? {
        OneOrMany::One(body) => create_one(&app, body).await,
        OneOrMany::Many(bodies) => create_many(&app, bodies).await,
    }
}

async fn create_one(app: &App, body: NewEvent) -> Result<Response, Problem> {
    let event = Event::of(body);
    app.events.write(std::slice::from_ref(&event)).await?;
    let location = format!("/api/events/{}", event.id);
    Ok(answer::created(&location, event))
}

async fn create_many(app: &App, bodies: Vec<NewEvent>) -> Result<Response, Problem> {
    if bodies.is_empty() {
        let error = FieldError::new("", "must have at least 1 item");
        return Err(Problem::unprocessable(vec![error]));
    }
    let events: Vec<_> = bodies.into_iter().map(Event::of).collect();
    app.events.write(&events).await?;
    let created = events.len();
    Ok((StatusCode::CREATED, Json(EventsCreated { created })).into_response())
}

fn is_ndjson(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(NDJSON))
}

/// The extractor knows of JSON alone.
fn name_both_types(problem: Problem) -> Problem {
    match problem.status() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(
            problem.status(),
            "the content type must be application/json or application/x-ndjson",
        ),
        _ => problem,
    }
}

fn no_such_event() -> Problem {
    Problem::not_found("no event has this id")
}

/// All events, for [`list::answer`].
#[derive(Clone)]
struct Events(App);

impl Rows for Events {
    type Row = Event;
    type Key = Uuid;

    async fn after(&self, last: Option<Uuid>, count: u16) -> Result<Vec<Event>, Problem> {
        let page = async |c: &mut Connection| Event::after(c, last, count).await;
        Ok(self.0.database.run(page).await?)
    }

    fn key(event: &Event) -> Uuid {
        event.id
    }
}
