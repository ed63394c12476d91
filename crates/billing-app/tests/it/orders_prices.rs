//! The prices of open orders, where they are looked at and not shown to their users.

use serde_json::{Value, json};

use crate::shop::{Shop, line, lines, text};

/// Open orders of as many users, each of them with 100 long lines of beers that are not sold any more: about 53 kB.
const MANY: usize = 400;

async fn open_many(shop: &Shop) {
    let orders = format!(
        "INSERT INTO orders.orders (id, user_id, customer_id, status)
         SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'OPEN' FROM generate_series(1, {MANY});
         INSERT INTO orders.order_lines (order_id, sku, name, quantity, price)
         SELECT id, lpad(n::text, 200, 'x'), lpad(n::text, 255, 'y'), 1, 1 FROM orders.orders, generate_series(1, 100) AS n"
    );
    shop.servers.database.execute(&orders).await;
}

#[tokio::test]
async fn whoever_looks_at_an_open_order_sees_the_prices_of_now() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    user.add("ipa", 2).await;
    let order = user.add("stout", 1).await;
    shop.inventory.reprice("ipa", "5").await;
    shop.inventory.remove("stout").await;
    let path = format!("/api/orders/{}", text(&order["id"]));
    let operators = shop.as_operator("GET", "/api/orders", &Value::Null).await;
    for seen in [
        user.get("/api/orders").await.json(200)[0].clone(),
        user.get("/api/orders?limit=1").await.json(200)[0].clone(),
        user.get(&path).await.json(200),
        operators.json(200)[0].clone(),
        shop.as_operator("GET", &path, &Value::Null).await.json(200),
    ] {
        let wanted = vec![line("ipa", 2, "5.00"), line("stout", 1, "4.00")];
        assert_eq!((lines(&seen), &seen["total"]), (wanted, &json!("14.00")));
    }
}

#[tokio::test]
async fn what_was_looked_at_does_not_count_as_shown() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    let order = user.add("ipa", 2).await;
    shop.inventory.reprice("ipa", "5").await;
    let path = format!("/api/orders/{}", text(&order["id"]));
    user.get("/api/orders").await.json(200);
    user.get(&path).await.json(200);
    shop.as_operator("GET", &path, &Value::Null).await.json(200);
    let problem = user.check_out().await.problem(409);
    assert_eq!(problem["errors"][0]["pointer"], "/beers/0");
    user.current().await;
    assert_eq!(user.check_out().await.json(200)["total"], "10.00");
}

#[tokio::test]
async fn a_list_is_cut_and_not_closed_when_the_inventory_goes_away_in_the_middle() {
    let shop = Shop::open_http().await;
    open_many(&shop).await;
    let request = shop.billing.client.request("GET", "/api/orders");
    let request = request.header("x-caller", "operator");
    let mut response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.chunk().await.unwrap();
    shop.inventory.stop().await;
    assert!(
        response.bytes().await.is_err(),
        "a clean end would be a lie"
    );
}

#[tokio::test]
async fn a_page_of_long_orders_ends_early_and_leads_to_the_rest() {
    let shop = Shop::open_http().await;
    open_many(&shop).await;
    let (mut next, mut found) = ("/api/orders?limit=1000".to_owned(), 0);
    while !next.is_empty() {
        let page = shop.as_operator("GET", &next, &Value::Null).await;
        assert!(page.body.len() < 5 * 1_024 * 1_024, "{}", page.body.len());
        found += page.json(200).as_array().unwrap().len();
        next = page.next_page();
    }
    assert_eq!(found, MANY);
}
