//! The rows of accounts, and their queries: a file for each table. What takes more than one table is here.

pub(super) mod sessions;
pub(super) mod throttle;
pub(super) mod users;

use platform::{
    database::{Connection, DatabaseError, on_violation},
    problem::Problem,
};
use uuid::Uuid;

pub(super) use throttle::Throttle;
pub(super) use users::User;

use super::token::TokenHash;
use crate::customers;

/// What became of a login.
#[derive(Debug)]
pub(super) enum Login {
    /// The session has begun.
    Done,
    /// The name or the password was wrong.
    Refused,
    /// The name is blocked for so many seconds, whether the password was right or not.
    Blocked(u64),
}

/// Makes a user, who is a customer, with a first session.
///
/// # Errors
/// 409 when the username or the email is taken.
pub(super) async fn register(
    connection: &mut Connection,
    profile: users::Profile,
    password_hash: String,
    token_hash: TokenHash,
) -> Result<User, Problem> {
    let user = User::insert(connection, profile, password_hash).await;
    let user = user.map_err(taken)?;
    let address = user.address.as_deref().unwrap_or_default();
    customers::add(connection, user.id, &user.email, address).await?;
    sessions::start(connection, user.id, token_hash).await?;
    Ok(user)
}

/// Begins a session of `user`; without one, the name or the password was wrong, and that is counted.
pub(super) async fn log_in(
    connection: &mut Connection,
    throttle: Throttle,
    user: Option<Uuid>,
    token_hash: TokenHash,
) -> Result<Login, DatabaseError> {
    let Some(user) = user else {
        let blocked = throttle.fail(connection).await?;
        return Ok(blocked.map_or(Login::Refused, Login::Blocked));
    };
    if let Some(seconds) = throttle.succeed(connection).await? {
        return Ok(Login::Blocked(seconds));
    }
    sessions::start(connection, user, token_hash).await?;
    Ok(Login::Done)
}

fn taken(error: DatabaseError) -> Problem {
    if error.violates("users_username_taken") {
        return Problem::conflict("this username is taken").because(error);
    }
    let email = || Problem::conflict("this email is taken");
    on_violation("users_email_taken", email)(error)
}
