//! The document: merged from the committed documents of the services, so that it is complete while they are down.
//!
//! Who may call an operation, and how the gateway refuses a client, comes from [`TABLE`], so that it cannot differ from what
//! is enforced.

use serde_json::{Value, json};
use utoipa::OpenApi;

use crate::{
    auth::Access,
    bikes, payments,
    table::{Operation, TABLE},
};

/// The committed documents, in the order of the page.
const PARTS: [&str; 3] = [
    include_str!("../../../inventory-app/openapi.json"),
    include_str!("../../openapi.json"),
    include_str!("../../../billing-app/openapi.json"),
];

/// The names of the security schemes.
const OPERATOR: &str = "operator";
const USER: &str = "user";

/// What the gateway answers itself.
#[derive(OpenApi)]
#[openapi(
    info(title = "crud-master gateway", description = "What the gateway answers itself."),
    paths(payments::queued, bikes::published),
    tags(
        (name = "payments", description = "Payments: queued by the gateway, recorded by the billing"),
        (name = "bikes", description = "The fleet of bikes: where they are, and which are free"),
    )
)]
struct Own;

/// The gateway's own document, as it is committed.
#[must_use]
pub fn own() -> utoipa::openapi::OpenApi {
    platform::openapi::complete(Own::openapi())
}

/// The document of all routes, as it is committed in `docs/openapi.json`: with the tokens that `OPERATOR_TOKEN` makes
/// necessary.
///
/// # Errors
/// When what is merged is no OpenAPI document.
pub fn whole() -> serde_json::Result<utoipa::openapi::OpenApi> {
    serde_json::from_value(merged(false))
}

/// The document of all routes.
#[must_use]
pub fn merged(open: bool) -> Value {
    let mut whole = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "crud-master",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Movies, users, beers, bikes, trips, orders and payments, through one gateway. Errors are `application/problem+json` (RFC 9457).",
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/" }],
        "tags": [],
        "paths": {},
        "components": { "schemas": {}, "securitySchemes": {
            OPERATOR: {
                "type": "http", "scheme": "bearer", "description": "The token in `OPERATOR_TOKEN`; the bare token is accepted too.",
            },
            USER: { "type": "http", "scheme": "bearer", "description": "The token of a user, as a login gives it." },
        }},
    });
    for part in PARTS {
        // A committed file that is not JSON shows as a gap, and in the test that compares it with the table.
        let part: Value = serde_json::from_str(part).unwrap_or_default();
        merge(&mut whole, &part);
    }
    secure(&mut whole, open);
    whole
}

fn merge(whole: &mut Value, part: &Value) {
    for (path, item) in members(&part["paths"]) {
        for (method, operation) in members(item) {
            whole["paths"][path][method] = described(operation);
        }
    }
    for (name, schema) in members(&part["components"]["schemas"]) {
        whole["components"]["schemas"][name] = schema.clone();
    }
    if let (Some(tags), Some(more)) = (whole["tags"].as_array_mut(), part["tags"].as_array()) {
        let new = more
            .iter()
            .filter(|tag| !tags.iter().any(|known| known["name"] == tag["name"]));
        let new: Vec<_> = new.cloned().collect();
        tags.extend(new);
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// The operation with an id that no other service has, and with what every error carries.
fn described(operation: &Value) -> Value {
    let mut operation = operation.clone();
    if let (Some(tag), Some(id)) = (
        operation["tags"][0].as_str(),
        operation["operationId"].as_str(),
    ) {
        operation["operationId"] = format!("{tag}_{id}").into();
    }
    for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        complete(status, response);
    }
    operation
}

/// Adds the header that goes with the status, and the shape of an error.
fn complete(status: &str, response: &mut Value) {
    if let Some((name, text, example)) = header_of(status) {
        response["headers"][name] =
            json!({ "description": text, "schema": { "type": "string", "example": example } });
    }
    if status.starts_with(['4', '5']) && response["content"].is_null() {
        let said = response["description"].as_str().unwrap_or_default();
        let problem = platform::openapi::problem(status, said);
        response["content"] = serde_json::to_value(problem)
            .map(|problem| problem["content"].clone())
            .unwrap_or_default();
    }
}

fn header_of(status: &str) -> Option<(&'static str, &'static str, &'static str)> {
    match status {
        "401" => Some(("WWW-Authenticate", "How to say who calls", "Bearer")),
        "405" => Some(("Allow", "The methods that are taken", "GET,HEAD")),
        "429" => Some(("Retry-After", "When to try again, in seconds", "1")),
        "503" => Some(("Retry-After", "When to try again, in seconds", "1")),
        _ => None,
    }
}

fn secure(whole: &mut Value, open: bool) {
    for operation in TABLE {
        let method = operation.method.as_str().to_ascii_lowercase();
        let documented = &mut whole["paths"][operation.path][method];
        if !documented.is_object() {
            continue;
        }
        let token = operation.ends_sessions.then(|| json!([{}, { USER: [] }]));
        if let Some(security) = token.or_else(|| security(operation.access, open)) {
            documented["security"] = security;
        }
        for (status, said) in refusals(operation) {
            let response = &mut documented["responses"][status];
            if response.is_null() {
                *response = json!({ "description": said });
                complete(status, response);
            }
        }
    }
}

/// What the gateway answers before it asks a service. Every route checks the token that comes with a request.
fn refusals(operation: &Operation) -> impl Iterator<Item = (&'static str, &'static str)> {
    let too_many = match operation.rate {
        Some(_) => "Too many requests of this kind, or too many tokens, from this client",
        None if operation.streams => "Too many open streams, or too many tokens, of this client",
        None => "Too many tokens from this client that have to be checked",
    };
    let forbidden = match operation.access {
        Access::Anyone | Access::UserOrOperator => None,
        Access::User => Some("The operator's token, where a user's is needed"),
        Access::Operator => Some("A user's token, where the operator's is needed"),
    };
    let forbidden = forbidden.map(|said| ("403", said));
    forbidden.into_iter().chain([("429", too_many)])
}

/// The tokens that an operation takes; an empty entry says that it needs none.
fn security(access: Access, open: bool) -> Option<Value> {
    let schemes = match access {
        Access::Anyone => return None,
        Access::User => return Some(json!([{ USER: [] }])),
        Access::Operator => json!([{ OPERATOR: [] }]),
        Access::UserOrOperator => json!([{ USER: [] }, { OPERATOR: [] }]),
    };
    let needless = open.then(|| json!({}));
    let schemes = needless
        .into_iter()
        .chain(schemes.as_array().cloned().into_iter().flatten());
    Some(schemes.collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    /// The later one would take the place of the earlier one in the merged document.
    #[test]
    fn schemas_of_the_same_name_are_the_same() {
        let mut merged = std::collections::BTreeMap::new();
        for part in PARTS {
            let part: Value = serde_json::from_str(part).unwrap();
            for (name, schema) in members(&part["components"]["schemas"]) {
                let known = merged.entry(name.clone()).or_insert_with(|| schema.clone());
                assert_eq!(known, schema, "two services have a schema {name}");
            }
        }
    }

    #[test]
    fn every_scheme_that_an_operation_may_name_is_declared() {
        let declared = &merged(false)["components"]["securitySchemes"];
        for access in [Access::User, Access::Operator, Access::UserOrOperator] {
            for scheme in security(access, false).unwrap().as_array().unwrap() {
                let name = scheme.as_object().unwrap().keys().next().unwrap();
                assert!(declared[name].is_object(), "{name} is not declared");
            }
        }
    }

    #[test]
    fn what_a_token_is_needed_for_is_documented() {
        let schemes = |access, open| security(access, open).map(|security| security.to_string());
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(schemes(Access::Anyone, false), None);
        assert_eq!(schemes(Access::User, true), text(r#"[{"user":[]}]"#));
        assert_eq!(
            schemes(Access::Operator, true),
            text(r#"[{},{"operator":[]}]"#)
        );
        assert_eq!(
            schemes(Access::UserOrOperator, false),
            text(r#"[{"user":[]},{"operator":[]}]"#)
        );
    }
}
