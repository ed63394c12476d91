//! The routes of customers: what they take, answer and document.

use axum::{Json, extract::State, response::Response};
use garde::Validate;
use platform::{
    database::Connection,
    http::{
        answer,
        extract::{self, Id, trimmed},
        list::{self, Page, Rows, UuidPageQuery},
    },
    problem::Problem,
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{add, model::Customer};
use crate::App;

/// What the operator says of a customer. Unknown fields are ignored.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct NewCustomerBody {
    /// An email address of at most 254 characters; blanks around it do not count.
    #[garde(email, length(chars, max = 254))]
    #[schema(
        example = "ann@example.org",
        min_length = 3,
        max_length = 254,
        pattern = r"^[a-z0-9._-]{1,64}@[a-z0-9]{1,60}(\.[a-z0-9]{1,60}){0,2}$"
    )]
    #[serde(deserialize_with = "trimmed")]
    email: String,
    /// 1 to 500 characters; blanks around them do not count.
    #[garde(length(chars, min = 1, max = 500))]
    #[schema(
        example = "1 Mill Lane, Oxford",
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
    )]
    #[serde(deserialize_with = "trimmed")]
    address: String,
}

/// List customers
///
/// Everything, streamed, in the order of the ids; or a page with `limit`.
#[utoipa::path(get, path = "/api/customers", tag = "customers", params(UuidPageQuery), responses(
    (status = 200, body = [Customer], description = "The customers",
        headers(("Link" = Option<String>, description = "The next page, with `limit` (RFC 8288)"))),
))]
pub(super) async fn list(State(app): State<App>, page: Page<Uuid>) -> Result<Response, Problem> {
    list::answer(Customers(app), page).await
}

/// Get a customer
///
/// The customer with this id. A registered user is a customer with the user's id.
#[utoipa::path(get, path = "/api/customers/{id}", tag = "customers",
    params(("id" = Uuid, Path, example = "0198c0de-0000-7000-8000-000000000002")), responses(
    (status = 200, body = Customer, description = "The customer"),
    (status = 404, description = "No customer has this id"),
))]
pub(super) async fn get(State(app): State<App>, Id(id): Id) -> Result<Json<Customer>, Problem> {
    let find = async |c: &mut Connection| Customer::find(c, id).await;
    let customer = app.database.run(find).await?;
    customer
        .map(Json)
        .ok_or_else(|| Problem::not_found("no customer has this id"))
}

/// Add a customer
///
/// Several customers may have the same email. Unknown fields are ignored.
#[utoipa::path(post, path = "/api/customers", tag = "customers", request_body = NewCustomerBody, responses(
    (status = 201, body = Customer, description = "The customer, with its id",
        headers(("Location" = String, description = "Where it is"))),
))]
pub(super) async fn create(
    State(app): State<App>,
    extract::Json(body): extract::Json<NewCustomerBody>,
) -> Result<Response, Problem> {
    let customer = Customer {
        id: Uuid::now_v7(),
        email: body.email,
        address: body.address,
    };
    let Customer { id, email, address } = &customer;
    let add = async |c: &mut Connection| add(c, *id, email, address).await;
    app.database.run(add).await?;
    let location = format!("/api/customers/{id}");
    Ok(answer::created(&location, &customer))
}

/// All customers, for [`list::answer`].
#[derive(Clone)]
struct Customers(App);

impl Rows for Customers {
    type Row = Customer;
    type Key = Uuid;

    async fn after(&self, last: Option<Uuid>, count: u16) -> Result<Vec<Customer>, Problem> {
        let page = async |c: &mut Connection| Customer::after(c, last, count).await;
        Ok(self.0.database.run(page).await?)
    }

    fn key(customer: &Customer) -> Uuid {
        customer.id
    }
}
