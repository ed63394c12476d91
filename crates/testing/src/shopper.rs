//! A user of the shop: registers, adds a beer, fills the open order and checks it out, through the gateway.

use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Client;

/// A registered user with a beer to buy.
#[derive(Debug)]
pub struct Shopper {
    /// The user's id, which is the customer's, too.
    pub id: String,
    gateway: Client,
    token: String,
    sku: String,
}

impl Shopper {
    /// Registers a new user, and adds a beer that nobody else buys.
    ///
    /// # Panics
    /// When either is refused.
    pub async fn register(gateway: Client) -> Self {
        let name = format!("shopper-{}", Uuid::new_v4().simple());
        let user = json!({
            "username": name, "email": format!("{name}@example.org"), "password": "a long enough secret",
            "address": "1 Long Street",
        });
        let user = gateway.post("/api/users/register", &user).await.json(201);
        let text = |name: &str| user[name].as_str().expect("a text").to_owned();
        let shopper = Self {
            id: text("id"),
            token: text("token"),
            sku: format!("sku-{name}"),
            gateway,
        };
        let beer = json!({ "sku": shopper.sku, "name": "Beer", "price": "2.50" });
        let added = shopper.request("POST", "/api/beers", Some(&beer)).await;
        added.expect("the beer is added");
        shopper
    }

    /// Adds two of the beer to the open order and checks it out; the order's id, or nothing when either was refused.
    pub async fn buy(&self) -> Option<String> {
        let line = json!({ "sku": self.sku, "quantity": 2 });
        self.request("PUT", "/api/orders/current", Some(&line))
            .await?;
        let order = self.request("POST", "/api/orders/checkout", None).await?;
        order["id"].as_str().map(ToOwned::to_owned)
    }

    /// The answer of a success; nothing otherwise: who tests faults expects errors, and these promise nothing.
    async fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Value> {
        let request = self.gateway.request(method, path).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = request.send().await.ok()?;
        match answer.status() {
            StatusCode::OK | StatusCode::CREATED => answer.json().await.ok(),
            _ => None,
        }
    }
}
