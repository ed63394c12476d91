//! Who sees which orders.

use serde_json::{Value, json};
use testing::send;
use uuid::Uuid;

use crate::shop::{Shop, text};

fn ids(orders: &Value) -> Vec<String> {
    let orders = orders.as_array().unwrap().iter();
    orders.map(|order| text(&order["id"])).collect()
}

#[tokio::test]
async fn a_user_sees_their_own_orders_and_the_operator_all() {
    let shop = Shop::open_http().await;
    let (ann, bob) = (shop.user(), shop.user());
    let first = ann.order().await;
    let second = bob.order().await;
    let open = text(&ann.add("stout", 1).await["id"]);
    assert_eq!(
        ids(&ann.get("/api/orders").await.json(200)),
        [first.clone(), open.clone()]
    );
    assert_eq!(
        ids(&bob.get("/api/orders").await.json(200)),
        [second.as_str()]
    );
    let all = shop
        .as_operator("GET", "/api/orders", &Value::Null)
        .await
        .json(200);
    assert_eq!(ids(&all), [first.clone(), second.clone(), open]);
    assert_eq!(all[0]["history"].as_array().unwrap().len(), 2);
    assert_eq!(
        ids(&shop.user().get("/api/orders").await.json(200)),
        [""; 0]
    );
}

#[tokio::test]
async fn the_order_of_another_user_is_a_404_as_one_that_does_not_exist() {
    let shop = Shop::open_http().await;
    let (ann, bob) = (shop.user(), shop.user());
    let order = ann.order().await;
    let path = format!("/api/orders/{order}");
    let other = bob.get(&path).await.problem(404);
    let unknown = bob
        .get(&format!("/api/orders/{}", Uuid::now_v7()))
        .await
        .problem(404);
    assert_eq!(other["detail"], unknown["detail"]);
    ann.get(&path).await.json(200);
    shop.as_operator("GET", &path, &Value::Null).await.json(200);
    let body = json!({ "customer": ann.id });
    let operators = shop
        .as_operator("POST", "/api/orders", &body)
        .await
        .json(201);
    let path = format!("/api/orders/{}", text(&operators["id"]));
    ann.get(&path).await.json(200);
    bob.get(&path).await.problem(404);
}

#[tokio::test]
async fn what_the_operator_orders_for_a_user_is_theirs_and_not_their_open_order() {
    let shop = Shop::open_http().await;
    let (ann, bob) = (shop.user(), shop.user());
    let open = text(&ann.add("ipa", 1).await["id"]);
    let body = json!({ "customer": ann.id });
    let made = shop.as_operator("POST", "/api/orders", &body).await;
    let made = text(&made.json(201)["id"]);
    let seen = ids(&ann.get("/api/orders").await.json(200));
    assert_eq!(seen, [open.clone(), made]);
    assert_eq!(ids(&bob.get("/api/orders").await.json(200)), [""; 0]);
    assert_eq!(text(&ann.current().await["id"]), open);
}

#[tokio::test]
async fn each_route_has_its_callers() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    let (put, delete) = (
        json!({ "sku": "ipa", "quantity": 1 }),
        json!({ "sku": "ipa" }),
    );
    let create = json!({ "customer": user.id });
    let one = format!("/api/orders/{}", user.order().await);
    for (method, path, body, of_user, of_operator) in [
        ("GET", "/api/orders", &Value::Null, 200, 200),
        ("POST", "/api/orders", &create, 403, 201),
        ("GET", "/api/orders/current", &Value::Null, 200, 403),
        ("PUT", "/api/orders/current", &put, 201, 403),
        ("POST", "/api/orders/checkout", &Value::Null, 200, 403),
        ("PUT", "/api/orders/current", &put, 201, 403),
        ("DELETE", "/api/orders/current", &delete, 204, 403),
        ("GET", &one, &Value::Null, 200, 200),
    ] {
        assert_eq!(
            user.send(method, path, body).await.status,
            of_user,
            "{method} {path}"
        );
        let operator = shop.as_operator(method, path, body).await;
        assert_eq!(operator.status, of_operator, "{method} {path}");
        let anonymous = send(shop.billing.client.request(method, path).json(body)).await;
        let expected = if path == one { 404 } else { 401 };
        assert_eq!(anonymous.status, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn ids_and_bodies_that_mean_nothing_are_refused() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    for (id, status) in [
        ("7", 404),
        ("%27;DROP%20TABLE%20orders;--", 404),
        ("%00", 400),
    ] {
        user.get(&format!("/api/orders/{id}")).await.problem(status);
    }
    for customer in [json!(7), json!("7"), Value::Null] {
        let body = json!({ "customer": customer });
        let problem = shop
            .as_operator("POST", "/api/orders", &body)
            .await
            .problem(422);
        assert_eq!(problem["errors"][0]["pointer"], "/customer");
    }
    for query in ["limit=0", "after=x", "after=7"] {
        user.get(&format!("/api/orders?{query}")).await.problem(400);
    }
}

#[tokio::test]
async fn pages_follow_their_links_to_the_end() {
    let shop = Shop::open_http().await;
    let (ann, bob) = (shop.user(), shop.user());
    let mut wanted = Vec::new();
    for _ in 0..5 {
        wanted.push(ann.order().await);
        bob.order().await;
    }
    let (mut next, mut found) = ("/api/orders?limit=2".to_owned(), Vec::new());
    while !next.is_empty() {
        let answer = ann.get(&next).await;
        found.extend(ids(&answer.json(200)));
        next = answer.next_page();
    }
    assert_eq!(found, wanted);
}
