//! Customers: who receives what is ordered. A registered user is one, with the same id.

mod model;

use platform::database::{Connection, DatabaseError};
use uuid::Uuid;

/// Adds a customer, within the transaction of what makes it one.
///
/// # Errors
/// [`DatabaseError`].
pub(crate) async fn add(
    connection: &mut Connection,
    id: Uuid,
    email: &str,
    address: &str,
) -> Result<(), DatabaseError> {
    model::insert(connection, id, email, address).await
}
