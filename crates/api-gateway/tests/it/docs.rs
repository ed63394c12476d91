//! The documentation is complete, true, and works without anybody behind.

use std::collections::BTreeSet;

use api_gateway::{auth::Access, docs, table::TABLE};
use serde_json::{Value, json};
use testing::repository::read;

use crate::helpers::{NOBODY, Setup, TOKEN, before, serve};

#[test]
fn openapi_json_is_up_to_date() {
    let current = docs::own().to_pretty_json().unwrap();
    assert_eq!(
        include_str!("../../openapi.json").trim_end(),
        current,
        "refresh it: cargo run -p api-gateway -- openapi > crates/api-gateway/openapi.json"
    );
}

/// What is committed is read by people and tools that never ask the gateway.
#[test]
fn the_committed_document_of_all_routes_is_up_to_date() {
    let committed: Value = serde_json::from_str(&read("docs/openapi.json")).unwrap();
    assert_eq!(
        committed,
        docs::merged(false),
        "refresh it: cargo run -p api-gateway -- openapi --merged > docs/openapi.json"
    );
}

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let methods = |(path, item): (&String, &'_ Value)| (path.clone(), item.clone());
    let mut all = Vec::new();
    for (path, item) in paths.map(methods) {
        for method in item.as_object().unwrap().keys() {
            all.push((
                method.to_uppercase(),
                path.clone(),
                &document["paths"][&path][method],
            ));
        }
    }
    all
}

#[test]
fn the_document_has_every_operation_of_the_table_and_no_other() {
    let document = docs::merged(false);
    let documented: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(method, path, _)| (method, path))
        .collect();
    let table: BTreeSet<_> = TABLE
        .iter()
        .map(|operation| (operation.method.to_string(), operation.path.to_owned()))
        .collect();
    assert_eq!(documented, table);
}

#[test]
fn every_operation_says_what_it_does_takes_and_answers() {
    let document = docs::merged(false);
    for (method, path, operation) in operations(&document) {
        for member in ["summary", "description", "operationId"] {
            assert!(
                operation[member]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{method} {path}: no {member}"
            );
        }
        assert!(operation["tags"][0].is_string(), "{method} {path}: no tag");
        let body = &operation["requestBody"]["content"]["application/json"];
        assert!(
            body.is_null() || has_example(&document, body),
            "{method} {path}: no example of a request"
        );
        let responses = operation["responses"].as_object().unwrap();
        for (status, response) in responses.iter().filter(|(status, _)| *status != "204") {
            let content = response["content"]
                .as_object()
                .unwrap_or_else(|| panic!("{method} {path} {status}: no content"));
            assert!(
                content
                    .values()
                    .all(|content| has_example(&document, content)),
                "{method} {path} {status}: no example"
            );
        }
        let statuses = operation["responses"].as_object().unwrap().keys();
        assert!(
            statuses.into_iter().any(|status| status.starts_with('2')),
            "{method} {path}: no success"
        );
        for status in ["400", "401", "405", "503"] {
            assert!(
                operation["responses"][status].is_object(),
                "{method} {path}: no {status}"
            );
        }
    }
}

/// An example of its own, or of its schema, or of all that its schema is made of.
fn has_example(document: &Value, content: &Value) -> bool {
    !content["example"].is_null()
        || !content["examples"].is_null()
        || schema_has_example(document, &content["schema"])
}

fn schema_has_example(document: &Value, schema: &Value) -> bool {
    if let Some(reference) = schema["$ref"].as_str() {
        return schema_has_example(document, document.pointer(&reference[1..]).unwrap());
    }
    if !schema["example"].is_null() || !schema["examples"].is_null() {
        return true;
    }
    if let Some(kinds) = schema["oneOf"].as_array() {
        return kinds.iter().all(|kind| schema_has_example(document, kind));
    }
    match (schema["properties"].as_object(), &schema["items"]) {
        (Some(properties), _) => properties
            .values()
            .any(|property| schema_has_example(document, property)),
        (None, items) if items.is_object() => schema_has_example(document, items),
        _ => false,
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_id_is_its_own() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members
                    .values()
                    .for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = docs::merged(false);
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(
            document.pointer(&reference[1..]).is_some(),
            "{reference} leads nowhere"
        );
    }
    let ids: Vec<_> = operations(&document)
        .into_iter()
        .map(|(.., operation)| operation["operationId"].to_string())
        .collect();
    assert_eq!(
        ids.iter().collect::<BTreeSet<_>>().len(),
        ids.len(),
        "{ids:?}"
    );
}

#[test]
fn each_operation_names_the_tokens_that_it_needs() {
    for (open, operators, of_both) in [
        (
            false,
            json!([{ "operator": [] }]),
            json!([{ "user": [] }, { "operator": [] }]),
        ),
        (
            true,
            json!([{}, { "operator": [] }]),
            json!([{}, { "user": [] }, { "operator": [] }]),
        ),
    ] {
        let document = docs::merged(open);
        for operation in TABLE {
            let method = operation.method.as_str().to_lowercase();
            let security = &document["paths"][operation.path][method]["security"];
            let expected = match operation.access {
                // A logout may carry its token in the body.
                Access::Anyone if operation.ends_sessions => &json!([{}, { "user": [] }]),
                Access::Anyone => &Value::Null,
                Access::User => &json!([{ "user": [] }]),
                Access::Operator => &operators,
                Access::UserOrOperator => &of_both,
            };
            assert_eq!(security, expected, "{operation:?}");
        }
    }
    assert_eq!(
        docs::merged(false)["components"]["securitySchemes"]["operator"]["scheme"],
        "bearer"
    );
}

#[test]
fn every_operation_of_one_kind_of_caller_documents_that_the_other_is_refused() {
    let document = docs::merged(false);
    for operation in TABLE {
        let method = operation.method.as_str().to_lowercase();
        let refused = &document["paths"][operation.path][method]["responses"]["403"];
        let is_of_one_kind = matches!(operation.access, Access::User | Access::Operator);
        assert_eq!(
            refused["content"].is_object(),
            is_of_one_kind,
            "{operation:?}"
        );
    }
}

/// Any route refuses a client with too many tokens.
#[test]
fn every_operation_documents_what_is_too_often() {
    let document = docs::merged(false);
    for operation in TABLE {
        let method = operation.method.as_str().to_lowercase();
        let refused = &document["paths"][operation.path][method]["responses"]["429"];
        assert!(
            refused["headers"]["Retry-After"].is_object(),
            "{operation:?}"
        );
        assert!(refused["content"].is_object(), "{operation:?}");
    }
}

#[tokio::test]
async fn the_document_is_served_while_everything_behind_is_down() {
    let gateway = serve(Setup {
        token: TOKEN,
        ..Setup::default()
    })
    .await;
    let document = gateway.client.get("/api-docs/openapi.json").await.json(200);
    assert_eq!(document, docs::merged(false));
    assert_eq!(
        (&document["openapi"], &document["servers"][0]["url"]),
        (&json!("3.1.0"), &json!("/"))
    );
}

#[tokio::test]
async fn the_page_and_all_that_it_names_are_there() {
    let gateway = before(NOBODY).await;
    let page = gateway.client.get("/docs").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(gateway.client.get("/docs/").await.body, page.body);
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    let named: Vec<_> = html
        .split(['"'])
        .filter(|part| part.ends_with(".css") || part.ends_with(".js") || part.ends_with(".png"))
        .collect();
    assert!(named.len() >= 5, "{html}");
    for name in named {
        assert!(name.starts_with("/docs/"), "{name} is not found from /docs");
        let file = gateway.client.get(name).await;
        assert_eq!(file.status, 200, "{name}");
        assert!(!file.body.is_empty(), "{name}");
    }
    let start = gateway.client.get("/docs/swagger-initializer.js").await;
    let start = String::from_utf8(start.body.to_vec()).unwrap();
    assert!(
        start.contains("/api-docs/openapi.json") && start.contains("tryItOutEnabled"),
        "{start}"
    );
}
