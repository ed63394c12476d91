//! Customers: who gets an order, by email and postal address.
//!
//! A registered user is a customer with the user's id; the operator may add others. A customer never changes. A shipping
//! that asks for one (`customers_request`) is answered on `customers_detail`, once for each question: with the customer, or
//! with none.

mod consumer;
mod http;
mod model;

use platform::database::{Connection, DatabaseError};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::App;
use model::Customer;

pub use consumer::Answer;

/// Adds a customer within the caller's transaction. The values are already checked; the address may be empty.
///
/// # Errors
/// [`DatabaseError`], also when there is a customer with this id.
pub(crate) async fn add(
    connection: &mut Connection,
    id: Uuid,
    email: &str,
    address: &str,
) -> Result<(), DatabaseError> {
    let customer = Customer {
        id,
        email: email.to_owned(),
        address: address.to_owned(),
    };
    customer.insert(connection).await
}

/// The routes under `/api/customers`.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(http::list, http::create))
        .routes(routes!(http::get))
}
