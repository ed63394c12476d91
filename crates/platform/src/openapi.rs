//! What every operation of the documents says, written once.
//!
//! A handler's notes name what only it can answer; [`complete`] adds what every route of the platform may answer, so
//! that no document forgets an error. It changes nothing that a handler said.

use serde_json::json;
use utoipa::{
    PartialSchema,
    openapi::{
        ContentBuilder, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder, path::Operation,
    },
};

use crate::problem::{FieldError, PROBLEM_JSON, ProblemBody};

/// What any operation may answer.
const ALWAYS: &[(u16, &str)] = &[
    (
        400,
        "Malformed: the path, the query or the request itself cannot be read",
    ),
    (401, "The token is unknown"),
    (
        405,
        "Another method is meant; `Allow` lists those that are taken",
    ),
    (502, "What lies behind is broken"),
    (
        503,
        "What lies behind is absent; try again after `Retry-After` seconds",
    ),
    (504, "What lies behind is late"),
];

/// What an operation with a body may answer besides.
const WITH_BODY: &[(u16, &str)] = &[
    (408, "The body did not arrive in time"),
    (413, "The body is too large"),
    (415, "The body is not `application/json`"),
    (
        422,
        "Well-formed, but against the rules; `errors` names the fields",
    ),
];

/// Adds the errors of the platform, and their schema, to each operation.
#[must_use]
pub fn complete(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            let body = if operation.request_body.is_some() {
                WITH_BODY
            } else {
                &[]
            };
            for (status, description) in ALWAYS.iter().chain(body) {
                let status = status.to_string();
                let described = problem(&status, description);
                operation
                    .responses
                    .responses
                    .entry(status)
                    .or_insert_with(|| RefOr::T(described));
            }
        }
    }
    let schemas = &mut document.components.get_or_insert_default().schemas;
    schemas.insert("Problem".into(), ProblemBody::schema());
    schemas.insert("FieldError".into(), FieldError::schema());
    document
}

/// Prints a document as it is committed: what `NAME openapi` is for.
///
/// # Errors
/// When it cannot be written as JSON.
#[expect(
    clippy::print_stdout,
    reason = "the document is what the command is for"
)]
pub fn print(document: &OpenApi) -> serde_json::Result<()> {
    println!("{}", document.to_pretty_json()?);
    Ok(())
}

/// A response of `application/problem+json` with an example of its status.
#[must_use]
pub fn problem(status: &str, description: &str) -> Response {
    let code = status
        .parse()
        .ok()
        .and_then(|code| axum::http::StatusCode::from_u16(code).ok())
        .unwrap_or_default();
    let example = json!({
        "type": "about:blank",
        "title": code.canonical_reason(),
        "status": code.as_u16(),
        "detail": description,
        "instance": "/api/movies",
        "request_id": "0198c0de-0000-7000-8000-000000000000",
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .example(Some(example))
        .build();
    ResponseBuilder::new()
        .description(description)
        .content(PROBLEM_JSON, content)
        .build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}
