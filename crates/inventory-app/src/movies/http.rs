//! The routes of movies: what they take, answer and document.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use garde::Validate;
use platform::{
    database::Connection,
    http::{
        answer,
        extract::{self, Path, Query, trimmed},
        list::{self, Page, PageQuery, Rows},
    },
    problem::Problem,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::model::{Content, Movie};
use crate::App;

/// Deleting everything may touch many rows.
const DELETE_LIMIT: Duration = Duration::from_secs(4);

/// The longest title, in characters.
const MAX_TITLE: usize = 255;

/// What a client says of a movie. Unknown fields are ignored.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct MovieBody {
    /// 1 to 255 characters; blanks around them do not count.
    #[garde(length(chars, min = 1, max = MAX_TITLE))]
    #[schema(
        example = "A new movie",
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
    )]
    #[serde(deserialize_with = "trimmed")]
    title: String,
    /// At most 10,000 characters.
    #[garde(length(chars, max = 10_000))]
    #[schema(
        example = "Very short description",
        max_length = 10_000,
        pattern = r"^[^\u0000]*$"
    )]
    description: Option<String>,
}

/// Which movies.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MovieQuery {
    /// Any part of the title, whatever the case; `%`, `_` and `\` stand for themselves.
    #[param(example = "new", pattern = r"^[^\u0000]*$")]
    title: Option<String>,
}

/// How many movies are gone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Deleted {
    #[schema(example = 1, minimum = 0)]
    deleted: usize,
}

/// List movies
///
/// Everything, streamed, in the order of the ids; or a page with `limit`.
#[utoipa::path(get, path = "/api/movies", tag = "movies", params(MovieQuery, PageQuery), responses(
    (status = 200, body = [Movie], description = "The movies",
        headers(("Link" = Option<String>, description = "The next page, with `limit` (RFC 8288)"))),
))]
pub(super) async fn list(
    State(app): State<App>,
    Query(MovieQuery { title }): Query<MovieQuery>,
    page: Page<i64>,
) -> Result<Response, Problem> {
    // No title is so long: the database need not look for it.
    if title
        .as_ref()
        .is_some_and(|title| title.chars().count() > MAX_TITLE)
    {
        return Ok(Json([(); 0]).into_response());
    }
    list::answer(Matching { app, title }, page).await
}

/// Get a movie
///
/// The movie with this id.
#[utoipa::path(get, path = "/api/movies/{id}", tag = "movies", params(("id" = i64, Path, example = 1)), responses(
    (status = 200, body = Movie, description = "The movie"),
    (status = 404, description = "No movie has this id"),
))]
pub(super) async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Movie>, Problem> {
    let id = movie_id(&id)?;
    let movie = app.movies.find(id).await?;
    movie.map(Json).ok_or_else(no_such_movie)
}

/// Add a movie
///
/// The title is kept without blanks around it; unknown fields are ignored.
#[utoipa::path(post, path = "/api/movies", tag = "movies", request_body = MovieBody, responses(
    (status = 200, body = Movie, description = "The movie, with its id",
        headers(("Location" = String, description = "Where it is"))),
))]
pub(super) async fn create(
    State(app): State<App>,
    extract::Json(body): extract::Json<MovieBody>,
) -> Result<Response, Problem> {
    let content = Content::from(body);
    let movie = app
        .database
        .run(async |c| Movie::insert(c, content).await)
        .await?;
    let location = format!("/api/movies/{}", movie.id);
    Ok(answer::located(StatusCode::OK, &location, movie))
}

/// Replace a movie
///
/// Both fields are replaced: a description that is left out is gone.
#[utoipa::path(put, path = "/api/movies/{id}", tag = "movies", params(("id" = i64, Path, example = 1)),
    request_body = MovieBody, responses(
    (status = 200, body = Movie, description = "The movie as it is now"),
    (status = 404, description = "No movie has this id"),
))]
pub(super) async fn update(
    State(app): State<App>,
    Path(id): Path<String>,
    extract::Json(body): extract::Json<MovieBody>,
) -> Result<Json<Movie>, Problem> {
    let (id, content) = (movie_id(&id)?, Content::from(body));
    let movie = app
        .database
        .run(async |c| Movie::update(c, id, content).await)
        .await?;
    movie.map(Json).ok_or_else(no_such_movie)
}

/// Delete a movie
///
/// It is gone for good; its id is not given again.
#[utoipa::path(delete, path = "/api/movies/{id}", tag = "movies", params(("id" = i64, Path, example = 1)), responses(
    (status = 200, body = Deleted, description = "It is gone"),
    (status = 404, description = "No movie has this id"),
))]
pub(super) async fn delete(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Deleted>, Problem> {
    let id = movie_id(&id)?;
    let found = app
        .database
        .run(async |c| Movie::delete(c, id).await)
        .await?;
    if found {
        Ok(Json(Deleted { deleted: 1 }))
    } else {
        Err(no_such_movie())
    }
}

/// Delete every movie
///
/// All are gone for good; their ids are not given again.
#[utoipa::path(delete, path = "/api/movies", tag = "movies", responses(
    (status = 200, body = Deleted, description = "How many there were"),
))]
pub(super) async fn delete_all(State(app): State<App>) -> Result<Json<Deleted>, Problem> {
    let delete = async |c: &mut Connection| Movie::delete_all(c).await;
    let deleted = app.database.run_within(DELETE_LIMIT, delete).await?;
    Ok(Json(Deleted { deleted }))
}

/// The movies of a search, for [`list::answer`].
#[derive(Clone)]
struct Matching {
    app: App,
    title: Option<String>,
}

impl Rows for Matching {
    type Row = Movie;
    type Key = i64;

    async fn after(&self, last: Option<i64>, count: u16) -> Result<Vec<Movie>, Problem> {
        let title = self.title.clone();
        let page = async |c: &mut Connection| Movie::after(c, title, last, count).await;
        Ok(self.app.database.run(page).await?)
    }

    fn key(movie: &Movie) -> i64 {
        movie.id
    }
}

impl From<MovieBody> for Content {
    fn from(MovieBody { title, description }: MovieBody) -> Self {
        Self { title, description }
    }
}

/// Ids are opaque to clients: a number that no movie can have is as unknown as one that none has.
fn movie_id(text: &str) -> Result<i64, Problem> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::bad_request("the id of a movie is a whole number"));
    }
    text.parse().map_err(|_| no_such_movie())
}

fn no_such_movie() -> Problem {
    Problem::not_found("no movie has this id")
}
