//! The whole way of an order, with every part of the billing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testing::until;
use uuid::Uuid;

use crate::{
    helpers::Servers,
    shop::{Inventory, Shop, User, text},
};

impl Shop {
    /// With the real shippings in place of the test.
    async fn open_whole() -> Self {
        let inventory = Inventory::start().await;
        inventory.brew("ipa", "3.10").await;
        let mut servers = Servers::prepare_shop().await;
        servers.inventory_port = inventory.port();
        let billing = servers.start().await;
        Self {
            billing,
            servers,
            inventory,
        }
    }

    /// A user who is a customer, as every registered one is.
    async fn customer(&self) -> User {
        let id = self.servers.add_customer().await;
        self.user().with_id(id)
    }

    async fn shipping_of(&self, order: &str) -> String {
        let sql = format!("SELECT status FROM shippings.shippings WHERE order_id = '{order}'");
        self.servers.database.value(&sql).await
    }
}

#[tokio::test]
async fn an_order_of_a_customer_is_shipped_within_a_second() {
    let shop = Shop::open_whole().await;
    let user = shop.customer().await;
    // One of some tries: the machine of a test may be busy with others.
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        user.add("ipa", 2).await;
        let begin = Instant::now();
        let id = text(&user.check_out().await.json(200)["id"]);
        shop.until_state(&id, "SHIPPED").await;
        fastest = fastest.min(begin.elapsed());
        assert_eq!(shop.shipping_of(&id).await, "SUCCESS");
    }
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
    assert_eq!(shop.number("SELECT count(*) FROM refunds").await, 0);
}

#[tokio::test]
async fn an_order_of_an_unknown_customer_is_cancelled_and_refunded() {
    let shop = Shop::open_whole().await;
    let id = shop.user().order().await;
    shop.until_state(&id, "CANCELLED").await;
    assert_eq!(shop.shipping_of(&id).await, "FAIL");
    let refunded = async || shop.number("SELECT count(*) FROM refunds").await == 1;
    until(refunded, "the refund is recorded").await;
}

#[tokio::test]
async fn the_operator_orders_for_a_customer_and_for_none() {
    let shop = Shop::open_whole().await;
    let known = shop.customer().await.id;
    for (customer, end) in [(known, "SHIPPED"), (Uuid::new_v4(), "CANCELLED")] {
        let body = json!({ "customer": customer });
        let order = shop
            .as_operator("POST", "/api/orders", &body)
            .await
            .json(201);
        let id = text(&order["id"]);
        assert_eq!(shop.until_state(&id, end).await, ["PROCESSING", end]);
    }
    let payments = shop.as_operator("GET", "/api/billing", &Value::Null).await;
    assert_eq!(payments.json(200), json!([]));
}

#[tokio::test]
async fn every_one_of_many_orders_ends_once_with_one_payment() {
    let shop = Shop::open_whole().await;
    let (known, unknown) = (shop.customer().await, shop.user());
    for user in [&known, &unknown].into_iter().cycle().take(40) {
        user.order().await;
    }
    let ended =
        "SELECT count(*) FROM orders.order_history WHERE status IN ('SHIPPED', 'CANCELLED')";
    until(async || shop.number(ended).await == 40, "all have ended").await;
    shop.servers.until_orders(40).await;
    let refunds = async || shop.number("SELECT count(*) FROM refunds").await == 20;
    until(refunds, "the refunds are recorded").await;
    let shipped = "SELECT count(*) FROM orders.orders WHERE status = 'SHIPPED'";
    assert_eq!(shop.number(shipped).await, 20);
}
