//! No input gives a 500, and each wrong body is told what is wrong with it.

use serde_json::json;
use testing::send;

use crate::helpers::Inventory;

#[tokio::test]
async fn a_body_that_is_not_json_is_malformed() {
    let inventory = Inventory::start().await;
    let nested = "[".repeat(100_000);
    let nested_title = format!("{{\"title\":{nested}");
    for body in [
        "",
        "{",
        "title=x",
        "{\"title\":\"x\"} x",
        "{\"title\":NaN}",
        "{\"title\":\"x\",\"title\":\"y\"}",
        "{\"title\":\"\\ud800\"}",
        &nested_title,
    ] {
        inventory
            .client
            .post_text("/api/movies", body.to_owned())
            .await
            .problem(400);
    }
    inventory
        .client
        .post_text("/api/movies", b"{\"title\":\"\xff\"}".to_vec())
        .await
        .problem(400);
}

#[tokio::test]
async fn json_of_another_shape_is_a_422_with_a_pointer() {
    let inventory = Inventory::start().await;
    let cases = [
        ("[]", ""),
        ("null", ""),
        ("{}", "/title"),
        ("{\"title\":5}", "/title"),
        ("{\"title\":null}", "/title"),
        ("{\"title\":\"x\",\"description\":[]}", "/description"),
        ("[\"x\",\"y\"]", ""),
        ("\"x\"", ""),
    ];
    for (body, pointer) in cases {
        let problem = inventory
            .client
            .post_text("/api/movies", body)
            .await
            .problem(422);
        assert_eq!(
            problem["errors"][0]["pointer"], pointer,
            "{body}: {problem}"
        );
    }
}

#[tokio::test]
async fn titles_and_descriptions_have_bounds() {
    let inventory = Inventory::start().await;
    for title in [
        String::new(),
        " \t\u{3000}".into(),
        "x".repeat(256),
        "a\0b".into(),
    ] {
        let problem = inventory
            .client
            .post("/api/movies", &json!({ "title": title }))
            .await
            .problem(422);
        assert_eq!(problem["errors"][0]["pointer"], "/title");
    }
    let too_long = json!({ "title": "x", "description": "é".repeat(10_001) });
    let problem = inventory
        .client
        .post("/api/movies", &too_long)
        .await
        .problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/description");
    let longest = json!({ "title": "é".repeat(255), "description": "é".repeat(10_000) });
    inventory
        .client
        .post("/api/movies", &longest)
        .await
        .json(200);
}

#[tokio::test]
async fn another_content_type_is_a_415_and_a_large_body_a_413() {
    let inventory = Inventory::start().await;
    let form = inventory
        .client
        .request("POST", "/api/movies")
        .header("content-type", "text/plain")
        .body("{}");
    send(form).await.problem(415);
    let large = json!({ "title": "x", "unknown": "y".repeat(300_000) });
    inventory
        .client
        .post("/api/movies", &large)
        .await
        .problem(413);
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let inventory = Inventory::start().await;
    let body = json!({ "title": "x", "id": 99, "rating": { "stars": [1, 2] } });
    assert_eq!(
        inventory.client.post("/api/movies", &body).await.json(200)["id"],
        1
    );
}

#[tokio::test]
async fn a_refused_body_leaves_no_row() {
    let inventory = Inventory::start().await;
    inventory
        .client
        .post("/api/movies", &json!({ "title": "" }))
        .await
        .problem(422);
    assert_eq!(
        inventory
            .database
            .value("SELECT count(*) FROM movies")
            .await,
        "0"
    );
}
