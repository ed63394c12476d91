//! The routes of movies: what they take, answer and document.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};
use platform::{
    http::{
        extract::{self, Path, Query},
        list::{self, Page, Rows},
    },
    problem::{FieldError, Problem},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::model::{Content, Movie};
use crate::App;

const MAX_TITLE: usize = 255;
const MAX_DESCRIPTION: usize = 10_000;

/// What a client says of a movie. Unknown fields are ignored.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct MovieBody {
    /// 1 to 255 characters after trimming.
    #[schema(
        example = "A new movie",
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
    )]
    title: String,
    /// At most 10,000 characters.
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
    /// A page of at most so many; the next page is in the `Link` header. Everything without it.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
    /// The id after which the page begins; taken from a `Link` header.
    after: Option<i64>,
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
#[utoipa::path(get, path = "/api/movies", tag = "movies", params(MovieQuery), responses(
    (status = 200, body = [Movie], description = "The movies",
        headers(("Link" = Option<String>, description = "The next page, with `limit` (RFC 8288)"))),
))]
pub(super) async fn list(
    State(app): State<App>,
    Query(query): Query<MovieQuery>,
    uri: Uri,
) -> Result<Response, Problem> {
    if query
        .title
        .as_ref()
        .is_some_and(|title| title.contains('\0'))
    {
        return Err(Problem::bad_request("`title` must not contain NUL"));
    }
    // No title is so long: the database need not look for it.
    if query
        .title
        .as_ref()
        .is_some_and(|title| title.chars().count() > MAX_TITLE)
    {
        return Ok(Json([(); 0]).into_response());
    }
    let page = Page::parse(
        query.limit.as_deref(),
        query.after.map(|after| after.to_string()),
    )?;
    list::answer(
        Matching {
            app,
            title: query.title,
        },
        page,
        &uri,
    )
    .await
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
    Movie::find(&app.database, movie_id(&id)?)
        .await?
        .map(Json)
        .ok_or_else(no_such_movie)
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
    let movie = Movie::insert(&app.database, body.checked()?).await?;
    let location = HeaderValue::try_from(format!("/api/movies/{}", movie.id)).ok();
    let mut answer = Json(movie).into_response();
    answer
        .headers_mut()
        .extend(location.map(|location| (header::LOCATION, location)));
    Ok(answer)
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
    let movie = Movie::update(&app.database, movie_id(&id)?, body.checked()?).await?;
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
    let found = Movie::delete(&app.database, movie_id(&id)?).await?;
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
    Ok(Json(Deleted {
        deleted: Movie::delete_all(&app.database).await?,
    }))
}

/// The movies of a search, for [`list::answer`].
#[derive(Clone)]
struct Matching {
    app: App,
    title: Option<String>,
}

impl Rows for Matching {
    type Row = Movie;

    async fn after(&self, last: Option<String>, count: u16) -> Result<Vec<Movie>, Problem> {
        let last = last.and_then(|key| key.parse().ok()).unwrap_or(i64::MIN);
        Ok(Movie::after(&self.app.database, self.title.as_deref(), last, count).await?)
    }

    fn key(movie: &Movie) -> String {
        movie.id.to_string()
    }
}

impl MovieBody {
    /// The content in its rules, or every field that breaks them.
    fn checked(self) -> Result<Content, Problem> {
        let title = self.title.trim().to_owned();
        let mut errors = Vec::new();
        if !(1..=MAX_TITLE).contains(&title.chars().count()) {
            errors.push(FieldError::new(
                "/title",
                "must have 1 to 255 characters, blanks around them not counted",
            ));
        }
        if self
            .description
            .as_ref()
            .is_some_and(|text| text.chars().count() > MAX_DESCRIPTION)
        {
            errors.push(FieldError::new(
                "/description",
                "must have at most 10,000 characters",
            ));
        }
        for (pointer, text) in [
            ("/title", Some(&title)),
            ("/description", self.description.as_ref()),
        ] {
            if text.is_some_and(|text| text.contains('\0')) {
                errors.push(FieldError::new(pointer, "must not contain NUL"));
            }
        }
        if errors.is_empty() {
            Ok(Content {
                title,
                description: self.description,
            })
        } else {
            Err(Problem::unprocessable(errors))
        }
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
