//! Answers of handlers beside plain JSON.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// 201: a resource was created; `location` is its path.
pub fn created(location: &str, body: impl Serialize) -> Response {
    located(StatusCode::CREATED, location, body)
}

/// An answer about the resource at the path `location`. A path that is no header value is left out.
pub fn located(status: StatusCode, location: &str, body: impl Serialize) -> Response {
    let mut answer = (status, Json(body)).into_response();
    let location = HeaderValue::try_from(location).ok();
    let location = location.map(|location| (header::LOCATION, location));
    answer.headers_mut().extend(location);
    answer
}
