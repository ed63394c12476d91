//! The one error shape for clients: `application/problem+json`, RFC 9457.
//!
//! A handler answers with a [`Problem`]; the context layer ([`crate::http::context`]) adds `instance` and
//! `request_id`, and logs it once. A cause is for the log alone: no client ever reads the text of a database error.

use std::{error::Error, sync::Arc};

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::chain;

/// The media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// One wrong field of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the field.
    #[schema(example = "/title")]
    pub pointer: String,
    /// What is wrong with it.
    #[schema(example = "must have 1 to 255 characters")]
    pub detail: String,
}

impl FieldError {
    /// The field at `pointer` is wrong because of `detail`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

/// An error on its way to the client.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    errors: Vec<FieldError>,
    /// Boxed, as few problems have any and every handler's result has room for them.
    headers: Option<Box<HeaderMap>>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

/// What the client reads.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// A URI that names the kind of problem; `about:blank` says that the status says it all.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The status in words.
    #[schema(example = "Not Found")]
    title: &'a str,
    /// The HTTP status code.
    #[schema(example = 404)]
    status: u16,
    /// What happened, for a person.
    #[schema(example = "no movie has this id")]
    detail: &'a str,
    /// The path that was asked for.
    #[schema(example = "/api/movies/7")]
    instance: &'a str,
    /// The `x-request-id` of the request, to find it in the logs.
    #[schema(example = "0198c0de-0000-7000-8000-000000000000")]
    request_id: &'a str,
    /// The wrong fields, if fields are wrong.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [FieldError],
}

impl Problem {
    /// A problem of any status; the named constructors below are for the usual ones.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            errors: Vec::new(),
            headers: None,
            cause: None,
        }
    }

    /// 400: malformed, or a value that cannot be read.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401: no token where one is needed, or an unknown one.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// 403: we know who calls, and they may not.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404: there is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 405: the path is there for other methods; the answer's `Allow` lists them.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        let detail = "this path does not take this method; `Allow` lists those it takes";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, detail)
    }

    /// 409: it collides with what is there.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 429: too many; worth another try after so many seconds.
    pub fn too_many(detail: impl Into<String>, retry_after: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail)
            .with_header(header::RETRY_AFTER, retry_after.into())
    }

    /// 422: well-formed, but against the rules; every wrong field is named.
    pub fn unprocessable(errors: Vec<FieldError>) -> Self {
        let detail = "the body breaks the rules named in `errors`";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with_errors(errors)
    }

    /// 503: something behind us is absent or late; worth another try after a second.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// Adds a header to the answer, in place of one that goes with its status.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.get_or_insert_default().insert(name, value);
        self
    }

    /// Says more in the detail.
    #[must_use]
    pub fn adding(mut self, more: &str) -> Self {
        self.detail = format!("{}; {more}", self.detail);
        self
    }

    /// Names the places that are wrong, of the body or of what the request is about.
    #[must_use]
    pub fn with_errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    /// Keeps the cause, for the log only.
    #[must_use]
    pub fn because(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    /// The status that the client will see.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong, in one line: the first wrong field, if fields are wrong.
    #[must_use]
    pub fn summary(&self) -> String {
        match self.errors.first() {
            Some(FieldError { pointer, detail }) if pointer.is_empty() => detail.clone(),
            Some(FieldError { pointer, detail }) => format!("{pointer} {detail}"),
            None => self.detail.clone(),
        }
    }

    /// The places of wrong fields.
    #[cfg(test)]
    pub(crate) fn pointers(&self) -> Vec<String> {
        let pointers = self.errors.iter().map(|error| error.pointer.clone());
        pointers.collect()
    }

    /// The causes, outermost first, as one line for the log.
    pub(crate) fn causes(&self) -> String {
        self.cause
            .as_deref()
            .map_or_else(String::new, |cause| chain(cause))
    }

    /// The answer, with what only the request knows.
    pub(crate) fn render(&self, instance: &str, request_id: &str) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = ProblemBody {
            kind: "about:blank",
            title,
            status: self.status.as_u16(),
            detail: &self.detail,
            instance,
            request_id,
            errors: &self.errors,
        };
        let mut response = (self.status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some((name, value)) = companion(self.status) {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Some(own) = &self.headers {
            headers.extend((**own).clone());
        }
        response
    }
}

/// The header without which a status is half an answer. 408 and 413 leave a body unread, so the connection ends.
fn companion(status: StatusCode) -> Option<(HeaderName, &'static str)> {
    match status {
        StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
        StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, "1")),
        StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE => {
            Some((header::CONNECTION, "close"))
        }
        _ => None,
    }
}

/// The problem travels as an extension until the context layer renders it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
