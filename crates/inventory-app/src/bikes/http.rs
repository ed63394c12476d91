//! The routes of bikes: what they take, answer and document.

use axum::{Json, extract::State, response::Response};
use garde::Validate;
use messages::{geo::Point, locations::BIKE_ID_MAX};
use platform::{
    database::Connection,
    http::{
        answer,
        escape::escaped,
        extract::{self, Path, Query},
        list::{self, Page, PageQuery, Rows},
    },
    problem::Problem,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    model::{Bike, Filter},
    search::{Key, SearchQuery},
    status::Status,
};
use crate::{App, place::Place};

/// A bike, as it is answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Bike)]
pub(super) struct BikeBody {
    #[serde(skip)]
    key: Key,
    /// Names it, and never changes.
    #[schema(
        example = "0198c0de-0000-7000-8000-000000000005",
        min_length = 1,
        max_length = 64
    )]
    id: String,
    status: Status,
    #[schema(value_type = Point)]
    location: Place,
    /// Its distance from `near`, in metres with one decimal; only in a list with `near`.
    #[schema(example = 12.5, minimum = 0)]
    #[serde(skip_serializing_if = "Option::is_none")]
    distance_m: Option<f64>,
}

/// What the operator says of a new bike. Unknown fields are ignored.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct NewBikeBody {
    /// Where it stands.
    #[garde(skip)]
    location: Point,
}

/// List bikes
///
/// Everything, streamed, in the order in which the bikes were added; or a page with `limit`. With `near` nearest first, each
/// with its distance, and a page of 1,000 without `limit`.
#[utoipa::path(get, path = "/api/bikes", tag = "bikes", params(SearchQuery, PageQuery), responses(
    (status = 200, body = [BikeBody], description = "The bikes",
        headers(("Link" = Option<String>, description = "The next page, with `limit` or `near` (RFC 8288)"))),
))]
pub(super) async fn list(
    State(app): State<App>,
    Query(query): Query<SearchQuery>,
    page: Page<Key>,
) -> Result<Response, Problem> {
    let filter = query.filter()?;
    // Each page by distance computes all distances.
    let page = match filter.near {
        Some(_) => page.bounded(),
        None => page,
    };
    list::answer(Matching { app, filter }, page).await
}

/// Get a bike
///
/// The bike with this id, where it was last.
#[utoipa::path(get, path = "/api/bikes/{id}", tag = "bikes",
    params(("id" = String, Path, example = "0198c0de-0000-7000-8000-000000000005")), responses(
    (status = 200, body = BikeBody, description = "The bike"),
    (status = 404, description = "No bike has this id"),
))]
pub(super) async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<BikeBody>, Problem> {
    let no_such_bike = || Problem::not_found("no bike has this id");
    if id.chars().count() > BIKE_ID_MAX {
        return Err(no_such_bike());
    }
    let bike = app.bikes.find(id).await?.ok_or_else(no_such_bike)?;
    Ok(Json((bike, None).into()))
}

/// Add a bike
///
/// It is available, and gets its id here.
#[utoipa::path(post, path = "/api/bikes", tag = "bikes", request_body = NewBikeBody, responses(
    (status = 201, body = BikeBody, description = "The bike",
        headers(("Location" = String, description = "Where it is"))),
))]
pub(super) async fn create(
    State(app): State<App>,
    extract::Json(NewBikeBody { location }): extract::Json<NewBikeBody>,
) -> Result<Response, Problem> {
    let id = Uuid::now_v7().to_string();
    let insert = async |c: &mut Connection| Bike::insert(c, id, location).await;
    let bike: Bike = app.database.run(insert).await?;
    let location = format!("/api/bikes/{}", escaped(&bike.id));
    Ok(answer::created(&location, BikeBody::from((bike, None))))
}

/// The bikes of a search, for [`list::answer`].
#[derive(Clone)]
struct Matching {
    app: App,
    filter: Filter,
}

impl Rows for Matching {
    type Row = BikeBody;
    type Key = Key;

    /// A page is one query: each query by place looks at all bikes of its area, and a bike is short.
    const CHUNK: u16 = list::MAX_PAGE + 1;

    async fn after(&self, last: Option<Key>, count: u16) -> Result<Vec<BikeBody>, Problem> {
        let filter = self.filter.clone();
        if last.is_some_and(|last| last.distance.is_some() != filter.near.is_some()) {
            return Err(Problem::bad_request(
                "`after` is no key of this list; take it from a `Link` header",
            ));
        }
        let page = async |c: &mut Connection| filter.after(c, last, count).await;
        let bikes: Vec<(Bike, Option<f64>)> = self.app.database.run(page).await?;
        Ok(bikes.into_iter().map(BikeBody::from).collect())
    }

    fn key(bike: &BikeBody) -> Key {
        bike.key
    }
}

impl From<(Bike, Option<f64>)> for BikeBody {
    fn from((bike, distance): (Bike, Option<f64>)) -> Self {
        Self {
            key: Key {
                distance,
                number: bike.number,
            },
            id: bike.id,
            status: bike.status,
            location: bike.place,
            distance_m: distance.map(|metres| (metres * 10.0).round() / 10.0),
        }
    }
}
