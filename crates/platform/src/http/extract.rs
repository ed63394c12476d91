//! Extractors of handlers: bodies, paths and queries, whose rejections are [`Problem`]s.
//!
//! 415 is not JSON, 413 too large, 408 too slow, 400 malformed, 422 well-formed but of another shape or against the
//! rules of its fields, with a JSON pointer to the place. No extracted text has a NUL, which PostgreSQL cannot
//! store. No input ever gives a 500.

use std::time::Duration;

use axum::{
    body::{Bytes, HttpBody},
    extract::{
        FromRequest, FromRequestParts, OptionalFromRequest, Request,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use garde::Validate;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use uuid::Uuid;

use super::json;
use crate::problem::Problem;

/// How long a client may take to send a body.
const BODY_LIMIT: Duration = Duration::from_secs(5);

/// A JSON object whose fields are valid.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// A JSON object, or an array of up to [`json::OBJECTS_MAX`] of them, whose fields are valid.
#[derive(Debug, Clone)]
pub enum OneOrMany<T> {
    /// An object.
    One(T),
    /// An array.
    Many(Vec<T>),
}

/// A JSON body as it was sent, not parsed: for a body that is passed on byte for byte.
#[derive(Debug, Clone)]
pub struct RawJson(pub Bytes);

/// The parameters of the path.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

/// The id in a path whose only parameter it is. Ids are opaque to those outside: what is no uuid is a 404, as any other id
/// that names nothing.
#[derive(Debug, Clone, Copy)]
pub struct Id(pub Uuid);

/// The parameters of the query.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if parts.uri.path().contains("%00") {
            return Err(Problem::bad_request("the path must not contain NUL"));
        }
        let path = axum::extract::Path::from_request_parts(parts, state).await?;
        Ok(Self(path.0))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path::<String>(id) = Path::from_request_parts(parts, state).await?;
        let id = id.parse();
        id.map(Self)
            .map_err(|_| Problem::not_found("nothing has this id"))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(Problem::bad_request("the query must not contain NUL"));
        }
        // The parser would replace such bytes by other characters.
        let query = percent_decode_str(parts.uri.query().unwrap_or_default());
        if query.decode_utf8().is_err() {
            return Err(Problem::bad_request("the query must be UTF-8"));
        }
        let axum::extract::Query(query) = axum::extract::Query::try_from_uri(&parts.uri)?;
        Ok(Self(query))
    }
}

impl<S, T> FromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let RawJson(bytes) = RawJson::from_request(request, state).await?;
        json::parse_object(&bytes).map(Self)
    }
}

/// For a route that can do without a body: `None` when there is none, or `null`.
impl<S, T> OptionalFromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if request.body().is_end_stream() {
            return Ok(None);
        }
        let RawJson(bytes) = RawJson::from_request(request, state).await?;
        match bytes.trim_ascii() {
            b"" | b"null" => Ok(None),
            _ => json::parse_object(&bytes).map(|body| Some(Self(body))),
        }
    }
}

impl<S, T> FromRequest<S> for OneOrMany<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let RawJson(bytes) = RawJson::from_request(request, state).await?;
        if bytes.trim_ascii_start().starts_with(b"[") {
            json::parse_objects(&bytes).map(Self::Many)
        } else {
            json::parse_object(&bytes).map(Self::One)
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for RawJson {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the content type must be application/json",
            ));
        }
        match tokio::time::timeout(BODY_LIMIT, Bytes::from_request(request, state)).await {
            Ok(bytes) => Ok(Self(bytes?)),
            Err(_) => Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not arrive in time",
            )),
        }
    }
}

/// For a text field: without the whitespace around it.
///
/// # Errors
/// When it is not a text.
pub fn trimmed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|text| text.trim().to_owned())
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")
            }
            _ => Self::bad_request("the body broke off"),
        }
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_request(format!("the path is wrong: {}", rejection.body_text()))
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(format!("the query is wrong: {}", rejection.body_text()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use axum::{Router, body::Body, routing::get};
    use tower::ServiceExt;

    async fn status(uri: &str) -> u16 {
        let path = get(async |Path(_): Path<String>| ());
        let id = get(async |Id(_): Id| ());
        let query = get(async |Query(_): Query<Vec<(String, String)>>| ());
        let router = Router::new()
            .route("/path/{name}", path)
            .route("/id/{id}", id)
            .route("/query", query);
        let request = Request::builder().uri(uri).body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap().status().as_u16()
    }

    #[derive(Debug, Deserialize, Validate)]
    struct Note {
        #[garde(skip)]
        text: String,
    }

    /// The text of an optional body, or the status of the problem.
    async fn optional(body: &'static str, content_type: &str) -> Result<Option<String>, u16> {
        let request = Request::builder().header("content-type", content_type);
        let request = request.body(Body::from(body)).unwrap();
        let note = Option::<Json<Note>>::from_request(request, &()).await;
        note.map(|note| note.map(|Json(note)| note.text))
            .map_err(|problem| problem.status().as_u16())
    }

    #[tokio::test]
    async fn a_query_that_is_not_utf8_is_a_400() {
        for wrong in ["/query?a=%ff", "/query?%c3=a", "/query?a=1&b=%ed%a0%80"] {
            assert_eq!(status(wrong).await, 400, "{wrong}");
        }
        for right in ["/query?a=%c3%a9&b=%", "/query?a=%zz", "/query"] {
            assert_eq!(status(right).await, 200, "{right}");
        }
    }

    #[tokio::test]
    async fn a_body_that_may_be_left_out_is_checked_when_it_is_there() {
        let json = "application/json";
        assert_eq!(optional("", json).await, Ok(None));
        assert_eq!(optional("", "text/plain").await, Ok(None));
        assert_eq!(optional("null", json).await, Ok(None));
        assert_eq!(
            optional(r#"{"text":"a"}"#, json).await,
            Ok(Some("a".into()))
        );
        assert_eq!(optional(r#"{"text":"a"}"#, "text/plain").await, Err(415));
        assert_eq!(optional("{", json).await, Err(400));
        assert_eq!(optional("{}", json).await, Err(422));
    }

    #[tokio::test]
    async fn an_id_that_is_no_uuid_names_nothing() {
        let uuid = "/id/0198c0de-0000-7000-8000-000000000000";
        assert_eq!(status(uuid).await, 200);
        for id in ["7", "%27--", "0198c0de-0000-7000-8000-00000000000g"] {
            assert_eq!(status(&format!("/id/{id}")).await, 404, "{id}");
        }
        for id in ["a%00b", "%FF"] {
            assert_eq!(status(&format!("/id/{id}")).await, 400, "{id}");
        }
    }

    #[tokio::test]
    async fn a_nul_in_path_or_query_is_refused() {
        assert_eq!(status("/path/a").await, 200);
        assert_eq!(status("/path/a%00b").await, 400);
        assert_eq!(status("/query?name=a").await, 200);
        assert_eq!(status("/query?name=%00").await, 400);
    }
}
