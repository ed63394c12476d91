//! A checkout that names its order, and is sent again.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testing::Answer;
use uuid::Uuid;

use crate::shop::{Shop, User, text};

const PAYMENTS: &str = "SELECT count(*) FROM outbox WHERE route = 'queue:billing_queue'";

async fn check_out(user: &User, body: &Value) -> Answer {
    user.send("POST", "/api/orders/checkout", body).await
}

#[tokio::test]
async fn a_checkout_that_names_its_order_is_done_once_and_touches_no_other() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    let named = json!({ "order": user.add("ipa", 2).await["id"] });
    let first = check_out(&user, &named).await.json(200);
    let next = user.add("ipa", 1).await;
    let again = check_out(&user, &named).await;
    assert_eq!(again.json(200), first);
    assert_eq!(
        again.header("location"),
        format!("/api/orders/{}", text(&first["id"]))
    );
    assert_eq!(user.current().await, next);
    assert_eq!(shop.number(PAYMENTS).await, 1);
}

/// A busy billing may refuse some.
#[tokio::test]
async fn of_many_at_once_all_are_answered_with_the_one_order() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    let id = user.add("ipa", 2).await["id"].clone();
    let named = json!({ "order": id });
    let answers = join_all((0..10).map(|_| check_out(&user, &named))).await;
    for answer in answers.iter().filter(|answer| answer.status != 503) {
        assert_eq!(answer.json(200)["id"], id);
    }
    assert_eq!(check_out(&user, &named).await.json(200)["id"], id);
    assert_eq!(shop.number(PAYMENTS).await, 1);
}

#[tokio::test]
async fn only_an_order_of_the_caller_can_be_named() {
    let shop = Shop::open_http().await;
    let (ann, bob) = (shop.user(), shop.user());
    let anns = ann.add("ipa", 1).await;
    bob.add("ipa", 1).await;
    let ordered = json!({ "customer": bob.id });
    let operators = shop.as_operator("POST", "/api/orders", &ordered).await;
    for id in [
        anns["id"].clone(),
        operators.json(201)["id"].clone(),
        json!(Uuid::now_v7()),
    ] {
        check_out(&bob, &json!({ "order": id })).await.problem(404);
    }
    for body in [json!({ "order": 7 }), json!({ "order": "7" })] {
        check_out(&bob, &body).await.problem(422);
    }
    assert_eq!(ann.current().await, anns);
    assert_eq!(shop.number(PAYMENTS).await, 0);
}
