//! The open order: one for each user, with the prices of now.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::shop::{Shop, line, lines, text};

#[tokio::test]
async fn an_open_order_is_made_when_it_is_asked_for_and_is_the_same_afterwards() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    let order = user.current().await;
    let fields: Vec<_> = order.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        fields,
        ["beers", "created_at", "history", "id", "status", "total"]
    );
    assert_eq!(
        (&order["status"], &order["beers"], &order["total"]),
        (&json!("OPEN"), &json!([]), &json!("0.00"))
    );
    assert_eq!(order["history"][0]["status"], "OPEN");
    assert_eq!(user.current().await, order);
    assert_ne!(shop.user().current().await["id"], order["id"]);
}

#[tokio::test]
async fn beers_are_added_and_removed_and_their_sum_is_exact() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    user.add("ipa", 1).await;
    user.add("ipa", 2).await;
    let order = user.add("stout", 1).await;
    assert_eq!(
        lines(&order),
        [line("ipa", 3, "3.10"), line("stout", 1, "4.00")]
    );
    assert_eq!(order["total"], "13.30");
    assert_eq!(order["beers"][0]["name"], "Beer ipa");
    assert_eq!(user.current().await, order);
    assert_eq!(user.remove("ipa").await.status, 204);
    let order = user.current().await;
    assert_eq!(
        (lines(&order), &order["total"]),
        (vec![line("stout", 1, "4.00")], &json!("4.00"))
    );
    user.remove("ipa").await.problem(404);
    shop.user().remove("stout").await.problem(404);
}

#[tokio::test]
async fn an_added_beer_is_answered_with_201_and_the_place_of_the_order() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    let answer = user.put("ipa", json!(1)).await;
    let order = answer.json(201);
    let place = answer.header("location").to_owned();
    assert_eq!(place, format!("/api/orders/{}", text(&order["id"])));
    assert_eq!(user.get(&place).await.json(200), order);
}

#[tokio::test]
async fn a_quantity_is_a_positive_whole_number() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    for quantity in [
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1_000_001),
        json!(4_294_967_297_i64),
        json!("2"),
        Value::Null,
    ] {
        let problem = user.put("ipa", quantity.clone()).await.problem(422);
        assert_eq!(problem["errors"][0]["pointer"], "/quantity", "{quantity}");
    }
    user.add("ipa", 1_000_000).await;
    let problem = user.put("ipa", json!(1)).await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/quantity");
    assert_eq!(
        lines(&user.current().await),
        [line("ipa", 1_000_000, "3.10")]
    );
}

#[tokio::test]
async fn an_unknown_sku_is_a_404_and_an_impossible_one_a_422() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    for sku in [
        "nothing",
        "a&sku=ipa",
        "%",
        "' OR 1=1 --",
        "\u{1F37A}",
        "a\r\nx-caller: operator",
    ] {
        user.put(sku, json!(1)).await.problem(404);
    }
    for sku in ["", "a\0", &"x".repeat(256)] {
        let problem = user.put(sku, json!(1)).await.problem(422);
        assert_eq!(problem["errors"][0]["pointer"], "/sku");
    }
    assert_eq!(user.current().await["beers"], json!([]));
}

#[tokio::test]
async fn an_order_has_at_most_a_hundred_beers() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    for number in 0..100 {
        let sku = format!("beer-{number}");
        shop.inventory.brew(&sku, "0.01").await;
        user.add(&sku, 1).await;
    }
    let problem = user.put("ipa", json!(1)).await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/sku");
    let order = user.add("beer-0", 1).await;
    assert_eq!(
        (lines(&order).len(), &order["total"]),
        (100, &json!("1.01"))
    );
    user.check_out().await.json(200);
}

#[tokio::test]
async fn an_order_that_costs_too_much_is_a_422_and_stays_as_it_was() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    let order = user.add("gold", 10_000).await;
    assert_eq!(order["total"], "9999999900.00");
    let problem = user.put("gold", json!(1)).await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/total");
    assert_eq!(user.current().await, order);
    shop.inventory.reprice("ipa", "100").await;
    user.put("ipa", json!(1)).await.problem(422);
    shop.inventory.reprice("ipa", "99.99").await;
    assert_eq!(user.add("ipa", 1).await["total"], "9999999999.99");
    assert_eq!(user.check_out().await.json(200)["total"], "9999999999.99");
}

#[tokio::test]
async fn the_open_order_shows_the_prices_and_names_of_now() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    user.add("ipa", 2).await;
    shop.inventory.reprice("ipa", "5").await;
    let order = user.current().await;
    assert_eq!(
        (lines(&order), &order["total"]),
        (vec![line("ipa", 2, "5.00")], &json!("10.00"))
    );
    shop.inventory.reprice("ipa", "6").await;
    let path = format!("/api/orders/{}", text(&order["id"]));
    assert_eq!(user.get(&path).await.json(200)["total"], "12.00");
    shop.inventory.reprice("ipa", "7").await;
    assert_eq!(user.add("stout", 1).await["total"], "18.00");
}

#[tokio::test]
async fn fifty_requests_at_once_make_one_open_order() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    let orders = join_all((0..50).map(|_| user.current())).await;
    assert!(orders.iter().all(|order| order["id"] == orders[0]["id"]));
    assert_eq!(shop.number("SELECT count(*) FROM orders.orders").await, 1);
    assert_eq!(
        shop.number("SELECT count(*) FROM orders.order_history")
            .await,
        1
    );
}

/// A busy billing may refuse some; what it took is there, and nothing else.
#[tokio::test]
async fn of_fifty_additions_at_once_each_that_was_taken_counts() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    let answers = join_all((0..50).map(|_| user.put("ipa", json!(2)))).await;
    let mut added = 0;
    for answer in &answers {
        match answer.status {
            201 => added += 2,
            _ => assert_eq!(answer.problem(503)["status"], 503),
        }
    }
    assert!(added > 0);
    assert_eq!(lines(&user.current().await), [line("ipa", added, "3.10")]);
    assert_eq!(shop.number("SELECT count(*) FROM orders.orders").await, 1);
}
