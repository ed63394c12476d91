//! The routes of beers: what they take, answer and document.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use garde::Validate;
use platform::{
    database::{Connection, DatabaseError, on_violation},
    http::{
        answer,
        escape::escaped,
        extract::{self, Path, Query, trimmed},
        list::{self, Page, PageQuery, Rows},
    },
    problem::{FieldError, Problem},
};
use rust_decimal::Decimal;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    model::{Beer, Content, Filter},
    price,
    rules::{NAME_MAX, SKU_MAX, check_image, check_name, check_sku},
};
use crate::App;

/// The most skus of one question.
const SKUS_MAX: usize = 100;

/// What a client says of a new beer. Unknown fields are ignored.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct NewBeerBody {
    /// 1 to 255 visible characters without `/` and `\`, neither `.` nor `..`; it never changes.
    #[garde(custom(rule(check_sku)))]
    #[schema(
        example = "IPA-1",
        min_length = 1,
        max_length = 255,
        pattern = r"^[!-.0-\[\]-~]+$"
    )]
    sku: String,
    /// 1 to 255 characters, one of them visible; blanks around them do not count.
    #[garde(custom(rule(check_name)))]
    #[schema(
        example = "India Pale Ale",
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
    )]
    #[serde(deserialize_with = "trimmed")]
    name: String,
    /// From 0 to 999999.99, with at most 2 decimals; a string or a number, which is kept exactly.
    #[garde(skip)]
    #[schema(schema_with = price::schema)]
    #[serde(deserialize_with = "price::deserialize")]
    price: Decimal,
    /// An http(s) URL, or a path that starts with `/`; at most 2,000 characters.
    #[garde(inner(custom(rule(check_image))))]
    #[schema(
        example = "/images/ipa.png",
        max_length = 2_000,
        pattern = r"^/([0-9A-Za-z._-]+/?)*$"
    )]
    image: Option<String>,
}

/// What a client says of a beer that is there. Unknown fields are ignored.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct BeerBody {
    /// May be left out. It is that of the path.
    #[garde(skip)]
    #[schema(example = "IPA-1", min_length = 1, max_length = 255)]
    sku: Option<String>,
    /// 1 to 255 characters, one of them visible; blanks around them do not count.
    #[garde(custom(rule(check_name)))]
    #[schema(
        example = "India Pale Ale",
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
    )]
    #[serde(deserialize_with = "trimmed")]
    name: String,
    /// From 0 to 999999.99, with at most 2 decimals; a string or a number, which is kept exactly.
    #[garde(skip)]
    #[schema(schema_with = price::schema)]
    #[serde(deserialize_with = "price::deserialize")]
    price: Decimal,
    /// An http(s) URL, or a path that starts with `/`; at most 2,000 characters.
    #[garde(inner(custom(rule(check_image))))]
    #[schema(
        example = "/images/ipa.png",
        max_length = 2_000,
        pattern = r"^/([0-9A-Za-z._-]+/?)*$"
    )]
    image: Option<String>,
}

/// Which beers; the names of its parameters, for the document.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "the document reads the names, the handler the pairs"
)]
pub(super) struct BeerQuery {
    /// Any part of the name, whatever the case; `%`, `_` and `\` stand for themselves.
    #[param(example = "ale", pattern = r"^[^\u0000]*$")]
    name: Option<String>,
    /// These skus exactly; repeated for several, up to 100.
    #[param(example = json!(["IPA-1", "STOUT-2"]), max_items = 100)]
    sku: Option<Vec<String>>,
}

/// List beers
///
/// Everything, streamed, in the order in which the beers were added; or a page with `limit`.
#[utoipa::path(get, path = "/api/beers", tag = "beers", params(BeerQuery, PageQuery), responses(
    (status = 200, body = [Beer], description = "The beers",
        headers(("Link" = Option<String>, description = "The next page, with `limit` (RFC 8288)"))),
))]
pub(super) async fn list(
    State(app): State<App>,
    Query(pairs): Query<Vec<(String, String)>>,
    page: Page<i64>,
) -> Result<Response, Problem> {
    let filter = filter(pairs)?;
    // No name is so long: the database need not look for it.
    if filter
        .name
        .as_ref()
        .is_some_and(|name| name.chars().count() > NAME_MAX)
    {
        return Ok(Json([(); 0]).into_response());
    }
    list::answer(Matching { app, filter }, page).await
}

/// Get a beer
///
/// The beer with this sku.
#[utoipa::path(get, path = "/api/beers/{sku}", tag = "beers", params(("sku" = String, Path, example = "IPA-1")), responses(
    (status = 200, body = Beer, description = "The beer"),
    (status = 404, description = "No beer has this sku"),
))]
pub(super) async fn get(
    State(app): State<App>,
    Path(sku): Path<String>,
) -> Result<Json<Beer>, Problem> {
    if sku.chars().count() > SKU_MAX {
        return Err(no_such_beer());
    }
    let beer = app.beers.find(sku).await?;
    beer.map(Json).ok_or_else(no_such_beer)
}

/// Add a beer
///
/// The name is kept without blanks around it; unknown fields are ignored.
#[utoipa::path(post, path = "/api/beers", tag = "beers", request_body = NewBeerBody, responses(
    (status = 201, body = Beer, description = "The beer",
        headers(("Location" = String, description = "Where it is"))),
    (status = 409, description = "Another beer has this sku"),
))]
pub(super) async fn create(
    State(app): State<App>,
    extract::Json(NewBeerBody {
        sku,
        name,
        price,
        image,
    }): extract::Json<NewBeerBody>,
) -> Result<Response, Problem> {
    let content = Content { name, price, image };
    let taken = || Problem::conflict("another beer has this sku");
    let insert = async |c: &mut Connection| Beer::insert(c, sku, content).await;
    let beer: Result<Beer, DatabaseError> = app.database.run(insert).await;
    let beer = beer.map_err(on_violation("beers_sku_key", taken))?;
    let location = format!("/api/beers/{}", escaped(&beer.sku));
    Ok(answer::created(&location, beer))
}

/// Replace a beer
///
/// All is replaced but the sku: an image that is left out is gone.
#[utoipa::path(put, path = "/api/beers/{sku}", tag = "beers", params(("sku" = String, Path, example = "IPA-1")),
    request_body = BeerBody, responses(
    (status = 200, body = Beer, description = "The beer as it is now"),
    (status = 404, description = "No beer has this sku"),
))]
pub(super) async fn update(
    State(app): State<App>,
    Path(sku): Path<String>,
    extract::Json(body): extract::Json<BeerBody>,
) -> Result<Json<Beer>, Problem> {
    if body.sku.as_ref().is_some_and(|other| *other != sku) {
        let error = FieldError::new("/sku", "must be the sku of the path, which never changes");
        return Err(Problem::unprocessable(vec![error]));
    }
    let BeerBody {
        name, price, image, ..
    } = body;
    let content = Content { name, price, image };
    let update = async |c: &mut Connection| Beer::update(c, sku, content).await;
    let beer: Option<Beer> = app.database.run(update).await?;
    beer.map(Json).ok_or_else(no_such_beer)
}

/// Delete a beer
///
/// It is gone for good. An order that was checked out keeps its name and price.
#[utoipa::path(delete, path = "/api/beers/{sku}", tag = "beers", params(("sku" = String, Path, example = "IPA-1")), responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "No beer has this sku"),
))]
pub(super) async fn delete(
    State(app): State<App>,
    Path(sku): Path<String>,
) -> Result<StatusCode, Problem> {
    let delete = async |c: &mut Connection| Beer::delete(c, sku).await;
    if app.database.run(delete).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_such_beer())
    }
}

/// The beers of a search, for [`list::answer`].
#[derive(Clone)]
struct Matching {
    app: App,
    filter: Filter,
}

impl Rows for Matching {
    type Row = Beer;
    type Key = i64;

    async fn after(&self, last: Option<i64>, count: u16) -> Result<Vec<Beer>, Problem> {
        let filter = self.filter.clone();
        let page = async |c: &mut Connection| Beer::after(c, filter, last, count).await;
        Ok(self.app.database.run(page).await?)
    }

    fn key(beer: &Beer) -> i64 {
        beer.id
    }
}

/// What the pairs of a query ask for; a struct could not take a repeated name.
fn filter(pairs: Vec<(String, String)>) -> Result<Filter, Problem> {
    let mut filter = Filter::default();
    for (name, value) in pairs {
        match name.as_str() {
            "name" if filter.name.is_some() => {
                return Err(Problem::bad_request("`name` must be given once"));
            }
            "name" => filter.name = Some(value),
            "sku" => filter.skus.get_or_insert_default().push(value),
            _ => {}
        }
    }
    if filter
        .skus
        .as_ref()
        .is_some_and(|skus| skus.len() > SKUS_MAX)
    {
        let detail = format!("`sku` must be given at most {SKUS_MAX} times");
        return Err(Problem::bad_request(detail));
    }
    Ok(filter)
}

/// A rule of [`super::rules`], for garde.
fn rule(check: fn(&str) -> Result<(), &'static str>) -> impl FnOnce(&String, &()) -> garde::Result {
    move |text, _: &()| check(text).map_err(garde::Error::new)
}

fn no_such_beer() -> Problem {
    Problem::not_found("no beer has this sku")
}
