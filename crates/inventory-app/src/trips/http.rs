//! The routes of trips: what they take, answer and document.

use axum::{Json, extract::State, response::Response};
use garde::Validate;
use platform::{
    database::{Connection, on_violation},
    http::{
        answer,
        caller::Caller,
        extract::{self, Id},
        list::{self, Page, Rows, UuidPageQuery},
    },
    problem::Problem,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{self, Location, Rider, Trip};
use crate::{App, bikes};

/// The most locations of one trip in an answer about it: the last ones. 10,000 are 2.8 hours with one a second.
const TRACK_MAX: u16 = 10_000;

/// The most locations of each trip of a list, so that the longest page, with 1,000 trips, stays within some megabytes.
const LISTED_TRACK_MAX: u16 = 100;

/// A trip, as it is answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Trip)]
pub(super) struct TripBody {
    /// Names it, and never changes.
    #[schema(example = "0198c0de-0000-7000-8000-000000000006")]
    id: Uuid,
    /// The bike that it took.
    #[schema(
        example = "0198c0de-0000-7000-8000-000000000005",
        min_length = 1,
        max_length = 64
    )]
    bike_id: String,
    status: Status,
    /// When the bike was taken.
    #[schema(example = "2026-12-01T12:00:00.000000Z")]
    #[serde(with = "platform::timestamp")]
    started_at: OffsetDateTime,
    /// When it was given back.
    #[schema(required, example = "2026-12-01T12:30:00.000000Z")]
    #[serde(serialize_with = "ended_at")]
    ended_at: Option<OffsetDateTime>,
    /// Where it was, in the order of time: the last 10,000, in a list the last 100.
    #[schema(max_items = 10_000)]
    locations: Vec<Location>,
}

/// Whether a trip goes on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TripStatus, example = "running")]
pub(super) enum Status {
    Running,
    Ended,
}

/// Which bike is taken. Unknown fields are ignored.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct NewTripBody {
    /// The id of the bike.
    #[garde(skip)]
    #[schema(
        example = "0198c0de-0000-7000-8000-000000000005",
        pattern = r"^[^\u0000]*$"
    )]
    bike_id: String,
}

/// List trips
///
/// A user's own; all of them for the operator. Everything, streamed, in the order in which they were started; or a page with
/// `limit`. Each with its last 100 locations: a trip by itself has more of them.
#[utoipa::path(get, path = "/api/trips", tag = "trips", params(UuidPageQuery), responses(
    (status = 200, body = [TripBody], description = "The trips",
        headers(("Link" = Option<String>, description = "The next page, with `limit` (RFC 8288)"))),
))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    page: Page<Uuid>,
) -> Result<Response, Problem> {
    let rider = rider(caller)?;
    list::answer(TripsOf { app, rider }, page).await
}

/// Get a trip
///
/// With its track so far, in the order of time: the last 10,000 locations of a long one.
#[utoipa::path(get, path = "/api/trips/{id}", tag = "trips",
    params(("id" = Uuid, Path, example = "0198c0de-0000-7000-8000-000000000006")), responses(
    (status = 200, body = TripBody, description = "The trip"),
    (status = 404, description = "The caller has no trip with this id"),
))]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<TripBody>, Problem> {
    let rider = rider(caller)?;
    let trip = async |c: &mut Connection| found(c, id, rider).await;
    app.database.run(trip).await.map(Json)
}

/// Start a trip
///
/// The bike is in use from now on.
#[utoipa::path(post, path = "/api/trips", tag = "trips", request_body = NewTripBody, responses(
    (status = 201, body = TripBody, description = "The trip",
        headers(("Location" = String, description = "Where it is"))),
    (status = 404, description = "No bike has this id"),
    (status = 409, description = "The bike is in use"),
))]
pub(super) async fn start(
    State(app): State<App>,
    caller: Caller,
    extract::Json(NewTripBody { bike_id }): extract::Json<NewTripBody>,
) -> Result<Response, Problem> {
    let (rider, id) = (rider(caller)?, Uuid::now_v7());
    let start = async |c: &mut Connection| {
        if !bikes::take(c, bike_id.clone()).await? {
            return Err(not_taken(bikes::exists(c, bike_id).await?));
        }
        let started = Trip::start(c, id, bike_id, rider).await;
        started.map_err(on_violation("trips_one_running", || not_taken(true)))?;
        found(c, id, rider).await
    };
    let trip = app.database.transaction(start).await?;
    let location = format!("/api/trips/{}", trip.id);
    Ok(answer::created(&location, trip))
}

/// End a trip
///
/// By its user or the operator. The bike is available again where it was last.
#[utoipa::path(post, path = "/api/trips/{id}/end", tag = "trips",
    params(("id" = Uuid, Path, example = "0198c0de-0000-7000-8000-000000000006")), responses(
    (status = 200, body = TripBody, description = "The trip with its track"),
    (status = 404, description = "The caller has no trip with this id"),
    (status = 409, description = "It has ended before"),
))]
pub(super) async fn end(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<TripBody>, Problem> {
    let rider = rider(caller)?;
    let end = async |c: &mut Connection| {
        let trip = Trip::find(c, id, rider).await?.ok_or_else(no_such_trip)?;
        if !Trip::end(c, id).await? {
            return Err(Problem::conflict("this trip has ended before"));
        }
        bikes::release(c, trip.bike_id).await?;
        found(c, id, rider).await
    };
    app.database.transaction(end).await.map(Json)
}

/// The trips of a rider, for [`list::answer`].
#[derive(Clone)]
struct TripsOf {
    app: App,
    rider: Rider,
}

impl Rows for TripsOf {
    type Row = TripBody;
    type Key = Uuid;

    async fn after(&self, last: Option<Uuid>, count: u16) -> Result<Vec<TripBody>, Problem> {
        let rider = self.rider;
        let page = async |c: &mut Connection| {
            let trips = Trip::after(c, rider, last, count).await?;
            with_tracks(c, trips, LISTED_TRACK_MAX).await
        };
        self.app.database.run(page).await
    }

    fn key(trip: &TripBody) -> Uuid {
        trip.id
    }
}

async fn found(c: &mut Connection, id: Uuid, rider: Rider) -> Result<TripBody, Problem> {
    let trip = Trip::find(c, id, rider).await?;
    let trips = with_tracks(c, trip.into_iter().collect(), TRACK_MAX).await?;
    trips.into_iter().next().ok_or_else(no_such_trip)
}

async fn with_tracks(
    connection: &mut Connection,
    trips: Vec<Trip>,
    count: u16,
) -> Result<Vec<TripBody>, Problem> {
    let mut tracks = model::tracks(connection, &trips, count).await?;
    let trips = trips.into_iter().map(|trip| TripBody {
        locations: tracks.remove(&trip.id).unwrap_or_default(),
        status: match trip.ended_at {
            None => Status::Running,
            Some(_) => Status::Ended,
        },
        id: trip.id,
        bike_id: trip.bike_id,
        started_at: trip.started_at,
        ended_at: trip.ended_at,
    });
    Ok(trips.collect())
}

fn rider(caller: Caller) -> Result<Rider, Problem> {
    match caller {
        Caller::Operator => Ok(Rider::Operator),
        Caller::User { id, .. } => Ok(Rider::User(id)),
        Caller::Anonymous => Err(Problem::unauthorized(
            "this route needs the token of a user or of the operator",
        )),
    }
}

fn not_taken(exists: bool) -> Problem {
    if exists {
        Problem::conflict("the bike is in use")
    } else {
        Problem::not_found("no bike has this id")
    }
}

fn no_such_trip() -> Problem {
    Problem::not_found("no trip has this id")
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn ended_at<S: serde::Serializer>(
    time: &Option<OffsetDateTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        None => serializer.serialize_none(),
        Some(time) => platform::timestamp::serialize(time, serializer),
    }
}
