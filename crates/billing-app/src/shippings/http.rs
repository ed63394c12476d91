//! The routes of shippings: what they answer and document.

use axum::{Json, extract::State, response::Response};
use platform::{
    database::Connection,
    http::{
        extract::Id,
        list::{self, Page, Rows, UuidPageQuery},
    },
    problem::Problem,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::Shipping;
use crate::App;

/// A shipping.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Shipping)]
pub(super) struct ShippingBody {
    /// Given by the billing.
    #[schema(example = "0198c0de-0000-7000-8000-000000000003")]
    id: Uuid,
    /// The order that is shipped.
    #[schema(example = "0198c0de-0000-7000-8000-000000000001")]
    order_id: Uuid,
    /// `PROCESSING`, then `SUCCESS` or `FAIL`.
    #[schema(example = "SUCCESS", pattern = "^(PROCESSING|SUCCESS|FAIL)$")]
    status: &'static str,
    /// Of the customer, once it is known.
    #[schema(required, example = "ann@example.org")]
    email: Option<String>,
    /// Of the customer, once it is known; empty for a user who has given none.
    #[schema(required, example = "1 Mill Lane, Oxford")]
    address: Option<String>,
    /// What is in it; perhaps nothing.
    #[schema(value_type = Vec<ShippedBeer>)]
    beers: Value,
}

/// One beer of a shipping, as the order has fixed it at checkout.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes what the order has sent")]
pub(super) struct ShippedBeer {
    /// Which.
    #[schema(example = "IPA-1", min_length = 1, max_length = 255)]
    sku: String,
    /// What it is called.
    #[schema(example = "India Pale Ale", min_length = 1, max_length = 255)]
    name: String,
    /// How many.
    #[schema(example = 2, minimum = 1, maximum = 1_000_000)]
    quantity: i32,
    /// What one cost: exact, with two decimals.
    #[schema(example = "3.10", pattern = r"^[0-9]{1,6}\.[0-9]{2}$")]
    price: String,
}

/// List shippings
///
/// Everything, streamed, in the order of the ids; or a page with `limit`.
#[utoipa::path(get, path = "/api/shippings", tag = "shippings", params(UuidPageQuery), responses(
    (status = 200, body = [ShippingBody], description = "The shippings",
        headers(("Link" = Option<String>, description = "The next page, with `limit` (RFC 8288)"))),
))]
pub(super) async fn list(State(app): State<App>, page: Page<Uuid>) -> Result<Response, Problem> {
    list::answer(Shippings(app), page).await
}

/// Get a shipping
///
/// The shipping with this id.
#[utoipa::path(get, path = "/api/shippings/{id}", tag = "shippings",
    params(("id" = Uuid, Path, example = "0198c0de-0000-7000-8000-000000000003")), responses(
    (status = 200, body = ShippingBody, description = "The shipping"),
    (status = 404, description = "No shipping has this id"),
))]
pub(super) async fn get(State(app): State<App>, Id(id): Id) -> Result<Json<ShippingBody>, Problem> {
    let find = async |c: &mut Connection| Shipping::find(c, id).await;
    let shipping = app.database.run(find).await?;
    shipping
        .map(|shipping| Json(shipping.into()))
        .ok_or_else(|| Problem::not_found("no shipping has this id"))
}

impl From<Shipping> for ShippingBody {
    fn from(shipping: Shipping) -> Self {
        Self {
            id: shipping.id,
            order_id: shipping.order_id,
            status: shipping.status.name(),
            email: shipping.email,
            address: shipping.address,
            beers: shipping.beers,
        }
    }
}

/// All shippings, for [`list::answer`].
#[derive(Clone)]
struct Shippings(App);

impl Rows for Shippings {
    type Row = ShippingBody;
    type Key = Uuid;

    /// The longest shipping has 250 kB.
    const CHUNK: u16 = 16;

    async fn after(&self, last: Option<Uuid>, count: u16) -> Result<Vec<ShippingBody>, Problem> {
        let page = async |c: &mut Connection| Shipping::after(c, last, count).await;
        let shippings = self.0.database.run(page).await?;
        Ok(shippings.into_iter().map(ShippingBody::from).collect())
    }

    fn key(shipping: &ShippingBody) -> Uuid {
        shipping.id
    }
}
