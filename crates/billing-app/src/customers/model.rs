//! The rows of `customers`, and their queries.

use diesel::prelude::*;
use platform::database::{Connection, DatabaseError};
use uuid::Uuid;

use crate::schema::customers::customers;

pub(super) async fn insert(
    connection: &mut Connection,
    id: Uuid,
    email: &str,
    address: &str,
) -> Result<(), DatabaseError> {
    let row = (
        customers::id.eq(id),
        customers::email.eq(email),
        customers::address.eq(address),
    );
    let insert = diesel::insert_into(customers::table).values(row);
    connection.execute(insert).await.map(drop)
}
