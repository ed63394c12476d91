//! The steps of a shipping, one part at a time: what it becomes, and what it says.

use messages::{
    customers::{Customer, CustomerDetail, CustomerRequest},
    orders::OrderCreate,
    shippings::{Outcome, ShippingUpdate},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    conversation_helpers::{cancelled, order},
    helpers::{Billing, Servers},
};

const SHIPPINGS: &str = "http,shippings,shippings-detail,outbox";

/// Servers without anybody who knows customers: the test answers.
async fn without_customers() -> (Servers, Billing) {
    let servers = Servers::prepare_shop().await;
    let billing = servers.start_parts(&["--only", SHIPPINGS]).await.unwrap();
    (servers, billing)
}

fn answer(shipping_id: Uuid, email: Option<&str>) -> CustomerDetail {
    CustomerDetail {
        shipping_id,
        customer: email.map(|email| Customer {
            email: email.into(),
            address: "1 Mill Lane".into(),
        }),
    }
}

impl Servers {
    async fn answer(&self, shipping_id: Uuid, email: Option<&str>) {
        self.send(&answer(shipping_id, email), Uuid::new_v4()).await;
    }

    /// Waits until this shipping is so.
    async fn until_status(&self, order: &OrderCreate, status: &str) {
        let is_so = format!("order_id = '{}' AND status = '{status}'", order.order_id);
        testing::until(
            async || self.count_shippings(&is_so).await == 1,
            &format!("the shipping is {status}"),
        )
        .await;
    }
}

#[tokio::test]
async fn an_order_opens_one_shipping_which_asks_once_however_often_it_comes() {
    let (servers, _billing) = without_customers().await;
    let order = order(Uuid::new_v4());
    for attempt in [1, 1, 2, 3, 1] {
        servers.send(&order, order.message_id(attempt)).await;
    }
    servers.until_settled(&["orders_create"]).await;
    let (id, status, asks) = servers.shipping(&order).await;
    assert_eq!((status.as_str(), asks), ("PROCESSING", 1));
    let request = CustomerRequest {
        shipping_id: id,
        customer_id: order.customer_id,
    };
    let asked = servers.take_all::<CustomerRequest>().await;
    assert_eq!(asked, [(request.message_id(1), request)]);
    assert_eq!(servers.count_shippings("true").await, 1);
}

#[tokio::test]
async fn the_first_answer_ends_a_shipping_and_is_said_once() {
    let (servers, billing) = without_customers().await;
    for (first, later, status, outcome) in [
        (Some("ann@example.org"), None, "SUCCESS", Outcome::Success),
        (None, Some("eve@example.org"), "FAIL", Outcome::Fail),
    ] {
        let order = order(Uuid::new_v4());
        servers.send_order(&order).await;
        servers.until_status(&order, "PROCESSING").await;
        let (id, ..) = servers.shipping(&order).await;
        for email in [first, first, later, Some("bob@example.org")] {
            servers.answer(id, email).await;
        }
        servers.until_status(&order, status).await;
        servers.until_settled(&["customers_detail"]).await;
        let update = ShippingUpdate {
            order_id: order.order_id,
            shipping_id: id,
            status: outcome,
        };
        let said = servers.take_all::<ShippingUpdate>().await;
        assert_eq!(said, [(update.message_id(), update)]);
        let path = format!("/api/shippings/{id}");
        let shipping = billing.client.get(&path).await.json(200);
        let address = first.map(|_| "1 Mill Lane");
        let expected = json!({
            "id": id, "order_id": order.order_id, "status": status, "email": first, "address": address,
            "beers": [{ "sku": "IPA-1", "name": "India Pale Ale", "quantity": 2, "price": "3.10" }],
        });
        assert_eq!(shipping, expected);
    }
}

#[tokio::test]
async fn answers_of_one_batch_do_not_meet_each_other() {
    let servers = Servers::prepare_shop().await;
    let opening = ["--only", "shippings"];
    let opens = servers.start_parts(&opening).await.unwrap();
    let orders: Vec<_> = (0..4).map(|_| order(Uuid::new_v4())).collect();
    for order in &orders {
        servers.send_order(order).await;
    }
    servers.until_shippings("PROCESSING", 4).await;
    opens.stop().await;
    // All of these are waiting when the consumer starts, so they are one batch.
    for (number, order) in orders.iter().enumerate() {
        let (id, ..) = servers.shipping(order).await;
        let email = (number % 2 == 0).then_some("ann@example.org");
        servers.answer(id, email).await;
        servers.answer(id, Some("eve@example.org")).await;
        servers.answer(Uuid::new_v4(), None).await;
    }
    let concluding = ["--only", "shippings-detail,outbox"];
    let _billing = servers.start_parts(&concluding).await.unwrap();
    servers.until_shippings("SUCCESS", 2).await;
    servers.until_shippings("FAIL", 2).await;
    let eve = servers.count_shippings("email = 'eve@example.org'").await;
    assert_eq!(eve, 0, "the second answer counted");
    let dead = servers.until_dead_in("customers_detail.dead", 4).await;
    assert_eq!(dead.len(), 4);
    for (_, reason, _) in dead {
        assert_eq!(reason, "no shipping has this id");
    }
    servers.until_settled(&["customers_detail"]).await;
    let told = servers.told().await;
    assert_eq!(told.len(), 4);
    assert!(told.values().all(|ends| ends.len() == 1), "{told:?}");
}

#[tokio::test]
async fn an_order_that_asks_for_what_has_ended_is_told_again() {
    let (servers, _billing) = without_customers().await;
    let order = order(Uuid::new_v4());
    servers.send_order(&order).await;
    servers.until_status(&order, "PROCESSING").await;
    let (id, ..) = servers.shipping(&order).await;
    servers.answer(id, Some("ann@example.org")).await;
    let first = servers.take::<ShippingUpdate>(1).await;
    servers.send(&order, order.message_id(2)).await;
    let again = servers.take::<ShippingUpdate>(1).await;
    assert_eq!(first, again);
    // An end asks nothing.
    servers.until_settled(&["orders_create"]).await;
    assert_eq!(servers.take_all::<CustomerRequest>().await.len(), 1);
}

#[tokio::test]
async fn a_cancelled_order_fails_its_shipping_whatever_it_was() {
    let (servers, _billing) = without_customers().await;
    let (absent, waiting, shipped) = (order(Uuid::nil()), order(Uuid::nil()), order(Uuid::nil()));
    for order in [&waiting, &shipped] {
        servers.send_order(order).await;
        servers.until_status(order, "PROCESSING").await;
    }
    let (id, ..) = servers.shipping(&shipped).await;
    servers.answer(id, Some("ann@example.org")).await;
    servers.until_status(&shipped, "SUCCESS").await;
    servers.take::<ShippingUpdate>(1).await;
    servers.take::<CustomerRequest>(2).await;

    for order in [&absent, &waiting, &shipped] {
        for _ in 0..2 {
            let cancelled = cancelled(order);
            servers.send(&cancelled, cancelled.message_id(1)).await;
        }
        servers.until_status(order, "FAIL").await;
    }
    // Late answers and late orders do not bring it back; the late order hears the end.
    let (id, ..) = servers.shipping(&waiting).await;
    servers.answer(id, Some("ann@example.org")).await;
    servers
        .until_settled(&["orders_create", "customers_detail"])
        .await;
    assert_eq!(servers.take_all::<ShippingUpdate>().await, []);
    servers.send_order(&absent).await;
    let said = servers.take::<ShippingUpdate>(1).await;
    assert_eq!(said[0].1.order_id, absent.order_id);
    assert_eq!(said[0].1.status, Outcome::Fail);
    assert_eq!(servers.count_shippings("status = 'FAIL'").await, 3);
    assert_eq!(servers.take_all::<CustomerRequest>().await, []);
}

#[tokio::test]
async fn in_one_batch_the_cancellation_counts_before_and_after_its_order() {
    let servers = Servers::prepare_shop().await;
    let (before, after, other) = (order(Uuid::nil()), order(Uuid::nil()), order(Uuid::nil()));
    let batch = [
        cancelled(&before),
        before.clone(),
        after.clone(),
        cancelled(&after),
        other.clone(),
        other.clone(),
    ];
    for message in &batch {
        servers.send(message, message.message_id(1)).await;
    }
    let _billing = servers.start_parts(&["--only", SHIPPINGS]).await.unwrap();
    servers.until_shippings("FAIL", 2).await;
    servers.until_shippings("PROCESSING", 1).await;
    servers.until_settled(&["orders_create"]).await;
    let asked = servers.take_all::<CustomerRequest>().await;
    let (id, ..) = servers.shipping(&other).await;
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].1.shipping_id, id);
    assert_eq!(servers.dead_letters("orders_create").await, []);
}

#[tokio::test]
async fn what_cannot_be_read_is_a_dead_letter_and_the_others_go_on() {
    let servers = Servers::prepare_shop().await;
    let good = order(Uuid::nil());
    let many = OrderCreate {
        beers: vec![good.beers[0].clone(); 101],
        ..good.clone()
    };
    for (id, body) in [("a", "\u{0}"), ("b", "{}"), ("c", r#"{"order_id":7}"#)] {
        servers.publish("orders_create", id, body).await;
        servers.publish("customers_detail", id, body).await;
    }
    servers.send(&many, many.message_id(1)).await;
    servers.send_order(&good).await;
    let _billing = servers.start_parts(&["--only", SHIPPINGS]).await.unwrap();
    servers.until_shippings("PROCESSING", 1).await;
    let dead = servers.until_dead_in("orders_create.dead", 4).await;
    assert_eq!(dead[3].1, "beers must have at most 100 items");
    assert_eq!(dead[3].0, many.message_id(1).to_string());
    assert_eq!(dead.len(), 4);
    let dead = servers.until_dead_in("customers_detail.dead", 3).await;
    assert_eq!(dead.len(), 3);
}

#[tokio::test]
async fn the_largest_order_is_shipped() {
    let (servers, billing) = without_customers().await;
    let mut order = order(Uuid::nil());
    order.beers[0].sku = "x".repeat(255);
    order.beers[0].name = "\u{1}\u{10ffff}".repeat(127);
    order.beers = vec![order.beers[0].clone(); 100];
    servers.send_order(&order).await;
    servers.until_status(&order, "PROCESSING").await;
    let listed = billing.client.get("/api/shippings").await.json(200);
    assert_eq!(listed[0]["beers"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn shippings_are_listed_page_by_page() {
    let (servers, billing) = without_customers().await;
    let mut orders: Vec<_> = (0..5).map(|_| order(Uuid::nil())).collect();
    orders[0].beers.clear();
    for order in &orders {
        servers.send_order(order).await;
    }
    servers.until_shippings("PROCESSING", 5).await;
    let all = billing.client.get("/api/shippings/").await.json(200);
    let empty = |shipping: &&Value| shipping["beers"] == json!([]);
    assert_eq!(all.as_array().unwrap().iter().filter(empty).count(), 1);
    for shipping in all.as_array().unwrap() {
        assert_eq!(shipping["status"], "PROCESSING");
        assert_eq!(
            (&shipping["email"], &shipping["address"]),
            (&json!(null), &json!(null))
        );
    }
    let seen = billing
        .client
        .pages("/api/shippings?limit=2")
        .await
        .concat();
    assert_eq!(json!(seen), all);
}

#[tokio::test]
async fn an_unknown_shipping_is_a_404_and_so_is_no_uuid() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let unknown = format!("/api/shippings/{}", Uuid::new_v4());
    billing.client.get(&unknown).await.problem(404);
    for id in ["7", "x"] {
        let path = format!("/api/shippings/{id}");
        billing.client.get(&path).await.problem(404);
    }
    let made = billing.client.post("/api/shippings", &json!({})).await;
    made.problem(405);
}
