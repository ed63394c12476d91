//! Checkout: everything or nothing, once.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testing::until;

use crate::{
    helpers::outcome,
    shop::{CREATE, Shop, line, lines, text},
};

#[tokio::test]
async fn a_checkout_fixes_the_order_pays_it_and_asks_for_its_shipping() {
    let shop = Shop::open().await;
    let user = shop.user();
    user.add("ipa", 2).await;
    user.add("stout", 1).await;
    let answer = user.check_out().await;
    let order = answer.json(200);
    let id = text(&order["id"]);
    assert_eq!(answer.header("location"), format!("/api/orders/{id}"));
    assert_eq!(
        (&order["status"], &order["total"]),
        (&json!("PROCESSING"), &json!("10.20"))
    );
    assert_eq!(
        lines(&order),
        [line("ipa", 2, "3.10"), line("stout", 1, "4.00")]
    );

    let payment = outcome(&shop.billing, &id).await;
    assert_eq!(
        payment,
        json!({ "id": id, "status": "processed", "user_id": user.id, "number_of_items": 3, "total_amount": "10.20", "order_id": id })
    );
    until(
        async || shop.asked().await.len() == 1,
        "the shipping is asked for",
    )
    .await;
    let beer = |sku: &str, quantity, price: &str| json!({ "sku": sku, "name": format!("Beer {sku}"), "quantity": quantity, "price": price });
    assert_eq!(
        shop.asked().await,
        [
            json!({ "order_id": id, "customer_id": user.id, "cancelled": false,
            "beers": [beer("ipa", 2, "3.10"), beer("stout", 1, "4.00")] })
        ]
    );
    assert_eq!(
        shop.until_state(&id, "PROCESSING").await,
        ["OPEN", "PROCESSING"]
    );
}

#[tokio::test]
async fn what_was_fixed_does_not_change_with_the_inventory() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    let id = user.order().await;
    shop.inventory.reprice("ipa", "100").await;
    shop.inventory.remove("ipa").await;
    let order = user.get(&format!("/api/orders/{id}")).await.json(200);
    assert_eq!(
        (lines(&order), &order["total"]),
        (vec![line("ipa", 2, "3.10")], &json!("6.20"))
    );
    assert_ne!(text(&user.current().await["id"]), id);
}

#[tokio::test]
async fn messages_of_a_checkout_tell_the_request_that_it_came_from() {
    let shop = Shop::open().await;
    let user = shop.user();
    user.add("ipa", 1).await;
    let request = user.check_out().await;
    until(
        async || shop.asked().await.len() == 1,
        "the shipping is asked for",
    )
    .await;
    let message = &shop.servers.broker.peek(CREATE).await[0];
    assert_eq!(
        message.header("x-request-id"),
        Some(request.header("x-request-id"))
    );
    assert!(message.header("traceparent").is_some());
}

#[tokio::test]
async fn an_empty_order_cannot_be_checked_out() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    user.check_out().await.problem(422);
    user.current().await;
    let problem = user.check_out().await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/beers");
    user.add("ipa", 1).await;
    user.remove("ipa").await;
    user.check_out().await.problem(422);
    assert_eq!(shop.number("SELECT count(*) FROM outbox").await, 0);
}

/// All that a checkout could have done.
async fn traces(shop: &Shop) -> i64 {
    shop.number(
        "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM orders) \
         + (SELECT count(*) FROM orders.orders WHERE status <> 'OPEN') \
         + (SELECT count(*) FROM orders.order_history WHERE status <> 'OPEN')",
    )
    .await
}

#[tokio::test]
async fn beers_that_are_gone_or_cost_something_else_are_named_and_nothing_is_done() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    for sku in ["ipa", "stout", "gold"] {
        user.add(sku, 1).await;
    }
    shop.inventory.reprice("ipa", "3.20").await;
    shop.inventory.remove("gold").await;
    for _ in 0..2 {
        let problem = user.check_out().await.problem(409);
        assert_eq!(
            problem["errors"],
            json!([
                { "pointer": "/beers/0", "detail": "ipa costs 3.20 now, not 3.10" },
                { "pointer": "/beers/2", "detail": "gold is not sold any more" },
            ])
        );
    }
    assert_eq!(traces(&shop).await, 0);
    let order = user.current().await;
    assert_eq!(
        lines(&order),
        [
            line("ipa", 1, "3.20"),
            line("stout", 1, "4.00"),
            line("gold", 1, "999999.99")
        ]
    );
    user.check_out().await.problem(409);
    user.remove("gold").await;
    assert_eq!(user.check_out().await.json(200)["total"], "7.20");
}

#[tokio::test]
async fn another_beer_under_the_sku_of_one_that_is_gone_is_named_and_not_sold() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    user.add("ipa", 1).await;
    shop.inventory.remove("ipa").await;
    shop.inventory.sell("ipa", "Another", "3.10").await;
    let problem = user.check_out().await.problem(409);
    let detail = "ipa is Another now, not Beer ipa";
    assert_eq!(problem["errors"][0]["detail"], detail);
    assert_eq!(traces(&shop).await, 0);
    user.current().await;
    user.check_out().await.json(200);
}

#[tokio::test]
async fn a_price_that_went_there_and_back_is_the_one_that_was_shown() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    user.add("ipa", 1).await;
    shop.inventory.reprice("ipa", "9").await;
    shop.inventory.reprice("ipa", "3.1").await;
    user.check_out().await.json(200);
}

#[tokio::test]
async fn a_total_that_has_become_too_high_is_a_422_and_nothing_is_done() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    shop.inventory.brew("cheap", "0").await;
    user.add("cheap", 1_000_000).await;
    shop.inventory.reprice("cheap", "999999.99").await;
    assert_eq!(user.current().await["total"], "999999990000.00");
    let problem = user.check_out().await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/total");
    assert_eq!(traces(&shop).await, 0);
}

#[tokio::test]
async fn of_many_checkouts_at_once_one_does() {
    let shop = Shop::open().await;
    let user = shop.user();
    user.add("ipa", 2).await;
    let answers = join_all((0..20).map(|_| user.check_out())).await;
    let done: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .collect();
    assert_eq!(done.len(), 1, "{answers:?}");
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer.status, 200 | 409 | 422 | 503))
    );
    let id = text(&done[0].json(200)["id"]);
    outcome(&shop.billing, &id).await;
    until(
        async || shop.asked().await.len() == 1,
        "the shipping is asked for",
    )
    .await;
    assert_eq!(shop.servers.count("true").await, 1);
    assert_eq!(
        shop.until_state(&id, "PROCESSING").await,
        ["OPEN", "PROCESSING"]
    );
}

#[tokio::test]
async fn what_is_added_during_a_checkout_is_in_this_order_or_in_the_next() {
    let shop = Shop::open().await;
    let user = shop.user();
    user.add("ipa", 1).await;
    let additions = join_all((0..20).map(|_| user.put("ipa", json!(1))));
    let checkouts = join_all((0..5).map(|_| user.check_out()));
    let (additions, checkouts) = tokio::join!(additions, checkouts);
    let added = additions
        .iter()
        .filter(|answer| answer.status == 201)
        .count();
    let sum = shop
        .number("SELECT coalesce(sum(quantity), 0) FROM orders.order_lines")
        .await;
    assert_eq!(sum, i64::try_from(added).unwrap() + 1);
    for order in checkouts.iter().filter(|answer| answer.status == 200) {
        let order = order.json(200);
        let id = text(&order["id"]);
        let cents = 310 * lines(&order)[0].1;
        assert_eq!(
            order["total"],
            format!("{}.{:02}", cents / 100, cents % 100)
        );
        let payment = outcome(&shop.billing, &id).await;
        assert_eq!(payment["total_amount"], order["total"]);
    }
}

#[tokio::test]
async fn a_payment_that_names_an_order_and_is_not_its_own_is_no_payment_of_it() {
    let shop = Shop::open().await;
    let id = shop.user().order().await;
    let forged =
        json!({ "user_id": "3", "number_of_items": 1, "total_amount": "0", "order_id": id });
    let other = uuid::Uuid::new_v4().to_string();
    shop.servers.queue_body(&other, &forged.to_string()).await;
    let recorded = outcome(&shop.billing, &other).await;
    assert_eq!(recorded["order_id"], Value::Null);
    outcome(&shop.billing, &id).await;
    assert_eq!(
        shop.number("SELECT count(*) FROM orders WHERE order_id IS NOT NULL")
            .await,
        1
    );
    let listed = shop.billing.client.get("/api/billing").await.json(200);
    let named = listed
        .as_array()
        .unwrap()
        .iter()
        .filter(|payment| payment["order_id"] == id.as_str());
    assert_eq!(named.count(), 1);
}
