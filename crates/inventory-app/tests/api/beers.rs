//! The five routes of beers.

use serde_json::{Value, json};

use crate::helpers::{Inventory, text};

impl Inventory {
    /// Adds a beer that costs 3.10.
    async fn brew(&self, sku: &str, name: &str) -> Value {
        let body = json!({ "sku": sku, "name": name, "price": "3.10" });
        self.client.post("/api/beers", &body).await.json(201)
    }

    /// The skus that a GET of `path` lists.
    async fn skus(&self, path: &str) -> Vec<String> {
        let beers = self.client.get(path).await.json(200);
        let beers = beers.as_array().unwrap().iter();
        beers.map(|beer| text(&beer["sku"])).collect()
    }

    /// The pointers of the 422 that answers a POST of a beer with this field.
    async fn refused(&self, field: &str, value: Value) -> Value {
        let mut body = json!({ "sku": "x", "name": "x", "price": 1 });
        body[field] = value;
        let problem = self.client.post("/api/beers", &body).await.problem(422);
        problem["errors"][0]["pointer"].clone()
    }
}

fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap();
    text.len() == "2026-12-01T00:00:00.000000Z".len() && text.ends_with('Z')
}

#[tokio::test]
async fn a_posted_beer_is_answered_with_its_place_and_found_there() {
    let inventory = Inventory::start().await;
    let body =
        json!({ "sku": "IPA-1", "name": " India Pale Ale ", "price": 3.1, "image": "/ipa.png" });
    let answer = inventory.client.post("/api/beers/", &body).await;
    let beer = answer.json(201);
    assert_eq!(answer.header("location"), "/api/beers/IPA-1");
    let fields: Vec<_> = beer.as_object().unwrap().keys().cloned().collect();
    let expected = [
        "image",
        "name",
        "price",
        "sku",
        "time_created",
        "time_modified",
    ];
    assert_eq!(fields, expected);
    assert_eq!(
        (&beer["name"], &beer["price"], &beer["image"]),
        (&json!("India Pale Ale"), &json!("3.10"), &json!("/ipa.png"))
    );
    assert!(
        is_time(&beer["time_created"]) && is_time(&beer["time_modified"]),
        "{beer}"
    );
    assert_eq!(
        inventory.client.get("/api/beers/IPA-1").await.json(200),
        beer
    );
}

#[tokio::test]
async fn prices_are_exact_to_both_ends() {
    let inventory = Inventory::start().await;
    for (index, (price, kept)) in [
        (json!(0), "0.00"),
        (json!("0.1"), "0.10"),
        (json!("999999.99"), "999999.99"),
        (json!("1234.5"), "1234.50"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({ "sku": index.to_string(), "name": "x", "price": price });
        let beer = inventory.client.post("/api/beers", &body).await.json(201);
        assert_eq!(beer["price"], kept);
    }
    let body = r#"{"sku":"number","name":"x","price":999999.99}"#;
    let beer = inventory
        .client
        .post_text("/api/beers", body)
        .await
        .json(201);
    assert_eq!(beer["price"], "999999.99");
}

#[tokio::test]
async fn a_price_that_is_none_is_a_422() {
    let inventory = Inventory::start().await;
    for price in [
        "-1", "-0.01", "1000000", "1.001", "1e2", "\"1e2\"", "null", "\"\"", "[]", "true", "1e400",
    ] {
        let body = format!(r#"{{"sku":"x","name":"x","price":{price}}}"#);
        let problem = inventory
            .client
            .post_text("/api/beers", body)
            .await
            .problem(422);
        assert_eq!(problem["errors"][0]["pointer"], "/price", "{price}");
    }
    assert!(inventory.skus("/api/beers").await.is_empty());
}

#[tokio::test]
async fn other_fields_have_their_rules() {
    let inventory = Inventory::start().await;
    for sku in [
        "",
        "a b",
        "a/b",
        "a\\b",
        ".",
        "..",
        "..;x",
        "a\u{7}",
        "\u{200b}",
        &"x".repeat(256),
    ] {
        assert_eq!(
            inventory.refused("sku", json!(sku)).await,
            "/sku",
            "{sku:?}"
        );
    }
    for name in ["", " \t", "\u{200b}\u{200b}", &"x".repeat(256), "a\0"] {
        assert_eq!(
            inventory.refused("name", json!(name)).await,
            "/name",
            "{name:?}"
        );
    }
    for image in [
        "a.png",
        "javascript:alert(1)",
        "//host/a",
        "/\\host/a",
        "/a\"b",
        &format!("/{}", "x".repeat(2_000)),
    ] {
        assert_eq!(
            inventory.refused("image", json!(image)).await,
            "/image",
            "{image}"
        );
    }
}

#[tokio::test]
async fn a_taken_sku_is_a_409_and_changes_nothing() {
    let inventory = Inventory::start().await;
    let first = inventory.brew("A", "first").await;
    let second = json!({ "sku": "A", "name": "second", "price": "1" });
    inventory
        .client
        .post("/api/beers", &second)
        .await
        .problem(409);
    assert_eq!(
        inventory.client.get("/api/beers").await.json(200),
        json!([first])
    );
}

#[tokio::test]
async fn of_many_that_add_one_sku_at_once_one_does() {
    let inventory = Inventory::start().await;
    let body = json!({ "sku": "A", "name": "x", "price": "1" });
    let adding = (0..20).map(|_| inventory.client.post("/api/beers", &body));
    let answers = futures_util::future::join_all(adding).await;
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    let taken = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((created, taken), (1, 19));
}

#[tokio::test]
async fn any_sku_that_is_taken_can_be_reached_at_its_location() {
    let inventory = Inventory::start().await;
    for sku in [
        "%",
        "%2e",
        "a?b#c&d=e+f",
        "é\u{1F37A}",
        "...",
        "a;b",
        &"\u{1F37A}".repeat(255),
    ] {
        let body = json!({ "sku": sku, "name": "x", "price": 1 });
        let answer = inventory.client.post("/api/beers", &body).await;
        answer.json(201);
        let location = answer.header("location");
        assert_eq!(inventory.client.get(location).await.json(200)["sku"], sku);
        assert_eq!(inventory.client.delete(location).await.status, 204);
    }
}

#[tokio::test]
async fn a_put_replaces_all_but_the_sku() {
    let inventory = Inventory::start().await;
    let body = json!({ "sku": "A", "name": "old", "price": "1", "image": "https://a/b.png" });
    let old = inventory.client.post("/api/beers", &body).await.json(201);
    let body = json!({ "name": "new", "price": "2.5" });
    let new = inventory.client.put("/api/beers/A", &body).await.json(200);
    assert_eq!(
        (&new["sku"], &new["name"], &new["price"], &new["image"]),
        (&json!("A"), &json!("new"), &json!("2.50"), &Value::Null)
    );
    assert_eq!(new["time_created"], old["time_created"]);
    assert!(text(&new["time_modified"]) > text(&old["time_modified"]));
    assert_eq!(inventory.client.get("/api/beers/A").await.json(200), new);
    let same = json!({ "sku": "A", "name": "new", "price": 2 });
    inventory.client.put("/api/beers/A", &same).await.json(200);
    let other = json!({ "sku": "B", "name": "new", "price": 2 });
    let problem = inventory
        .client
        .put("/api/beers/A", &other)
        .await
        .problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/sku");
}

#[tokio::test]
async fn what_is_not_there_is_a_404_for_every_method() {
    let inventory = Inventory::start().await;
    inventory.brew("A", "x").await;
    assert_eq!(inventory.client.delete("/api/beers/A").await.status, 204);
    for path in [
        "/api/beers/A",
        "/api/beers/a%20b",
        "/api/beers/%27;DROP%20TABLE%20beers.beers;--",
    ] {
        inventory.client.get(path).await.problem(404);
        inventory.client.delete(path).await.problem(404);
        let body = json!({ "name": "x", "price": 1 });
        inventory.client.put(path, &body).await.problem(404);
    }
    inventory.client.get("/api/beers/%00").await.problem(400);
}

#[tokio::test]
async fn a_list_is_searched_by_name_and_by_skus() {
    let inventory = Inventory::start().await;
    for (sku, name) in [
        ("A", "India Pale Ale"),
        ("B", "Stout"),
        ("C", "Brown ALE"),
        ("D", "100% malt"),
    ] {
        inventory.brew(sku, name).await;
    }
    assert_eq!(inventory.skus("/api/beers").await, ["A", "B", "C", "D"]);
    assert_eq!(inventory.skus("/api/beers?name=ale").await, ["A", "C"]);
    assert_eq!(inventory.skus("/api/beers?name=0%25").await, ["D"]);
    assert_eq!(
        inventory
            .skus("/api/beers?sku=C&sku=A&sku=nowhere&sku=A")
            .await,
        ["A", "C"]
    );
    assert_eq!(
        inventory.skus("/api/beers?sku=A&sku=B&name=ale").await,
        ["A"]
    );
    assert!(inventory.skus("/api/beers?sku=").await.is_empty());
    let long = "x".repeat(10_000);
    assert!(
        inventory
            .skus(&format!("/api/beers?name={long}"))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_query_that_means_nothing_is_a_400() {
    let inventory = Inventory::start().await;
    let hundred = vec!["sku=x"; 100].join("&");
    inventory
        .client
        .get(&format!("/api/beers?{hundred}"))
        .await
        .json(200);
    for query in [
        &*format!("{hundred}&sku=y"),
        "name=a&name=b",
        "limit=0",
        "after=x",
        "name=%00",
    ] {
        inventory
            .client
            .get(&format!("/api/beers?{query}"))
            .await
            .problem(400);
    }
}

#[tokio::test]
async fn pages_keep_their_filters() {
    let inventory = Inventory::start().await;
    for number in 0..5 {
        inventory.brew(&number.to_string(), "ale").await;
    }
    let skus = (0..5)
        .map(|number| format!("sku={number}"))
        .collect::<Vec<_>>()
        .join("&");
    let path = format!("/api/beers?limit=2&name=al&{skus}");
    let pages = inventory.client.pages(&path).await;
    let lengths: Vec<_> = pages.iter().map(Vec::len).collect();
    assert_eq!(lengths, [2, 2, 1]);
}
