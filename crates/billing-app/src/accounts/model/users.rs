//! The rows of `users`. Names and emails are looked up by their keys, which have no case.

use diesel::{dsl::exists, prelude::*, select};
use platform::database::{Connection, DatabaseError};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::schema::accounts::users;

/// What a user says of themselves, already checked.
#[derive(Debug, Insertable)]
#[diesel(table_name = users)]
pub(in crate::accounts) struct Profile {
    pub(in crate::accounts) username: String,
    pub(in crate::accounts) email: String,
    pub(in crate::accounts) first_name: Option<String>,
    pub(in crate::accounts) last_name: Option<String>,
    pub(in crate::accounts) address: Option<String>,
}

/// A user. The hash of the password is not part of it, so that no answer can hold it.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = users)]
pub(in crate::accounts) struct User {
    pub(in crate::accounts) id: Uuid,
    pub(in crate::accounts) username: String,
    pub(in crate::accounts) email: String,
    pub(in crate::accounts) first_name: Option<String>,
    pub(in crate::accounts) last_name: Option<String>,
    pub(in crate::accounts) address: Option<String>,
    pub(in crate::accounts) registered_at: OffsetDateTime,
}

/// What a login is checked against.
#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub(in crate::accounts) struct Known {
    pub(in crate::accounts) id: Uuid,
    pub(in crate::accounts) password_hash: String,
}

impl User {
    pub(super) async fn insert(
        connection: &mut Connection,
        profile: Profile,
        password_hash: String,
    ) -> Result<Self, DatabaseError> {
        let row = (
            users::id.eq(Uuid::now_v7()),
            users::password_hash.eq(password_hash),
            profile,
        );
        let insert = diesel::insert_into(users::table).values(row);
        connection.one(insert.returning(Self::as_returning())).await
    }

    pub(in crate::accounts) async fn exists(
        connection: &mut Connection,
        username: &str,
    ) -> Result<bool, DatabaseError> {
        let named = users::table.filter(users::username_key.eq(key(username)));
        connection.one(select(exists(named))).await
    }
}

impl Known {
    pub(in crate::accounts) async fn by_name(
        connection: &mut Connection,
        username: &str,
    ) -> Result<Option<Self>, DatabaseError> {
        let named = users::table.filter(users::username_key.eq(key(username)));
        connection.optional(named.select(Self::as_select())).await
    }
}

/// As PostgreSQL computes it: `lower(... COLLATE "C")`.
pub(super) fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}
