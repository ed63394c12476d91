//! What handlers take: bodies, paths and queries that are refused as [`Problem`]s.
//!
//! 415 is not JSON, 413 too large, 408 too slow, 400 malformed, 422 well-formed but of another shape, with a JSON
//! pointer to the place. No input ever gives a 500.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header},
};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;

use crate::problem::{FieldError, Problem};

/// How long a client may take to send a body.
const BODY_LIMIT: Duration = Duration::from_secs(5);

/// A JSON body.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// A JSON body as it was sent, not parsed: for what is handed on byte for byte.
#[derive(Debug, Clone)]
pub struct RawJson(pub Bytes);

/// The parameters of the path.
#[derive(Debug, Clone, Copy, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);

/// The parameters of the query.
#[derive(Debug, Clone, Copy, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let RawJson(bytes) = RawJson::from_request(request, state).await?;
        parse_json(&bytes).map(Self)
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

/// Parses a body; what is wrong is said with line and column, or with a pointer.
///
/// # Errors
/// 400 when it is not JSON, 422 when it is JSON of another shape.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.is_empty() {
        return Err(Problem::bad_request("the body is empty"));
    }
    // Whether it is JSON at all comes first: else `{"title":[` would be told that a list is no title.
    serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| not_json(&error))?;
    // serde would read an array as a struct, field after field.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::unprocessable(vec![FieldError::new(
            "",
            "must be a JSON object",
        )]));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut json).map_err(|error| wrong_json(&error))
}

fn wrong_json(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    match error.inner().classify() {
        // serde has no category for it: what a key means that is given twice is open.
        Category::Data if error.inner().to_string().starts_with("duplicate field") => {
            not_json(error.inner())
        }
        Category::Data => {
            let detail = error.inner().to_string();
            Problem::unprocessable(vec![FieldError::new(pointer(error.path()), detail)])
        }
        Category::Syntax | Category::Eof | Category::Io => not_json(error.inner()),
    }
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::bad_request(format!("the body is not JSON: {error}"))
}

/// RFC 6901: `/` before each step, `~` and `/` escaped.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { variant } => format!("/{variant}"),
        Segment::Unknown => String::new(),
    };
    path.iter().map(step).collect()
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
