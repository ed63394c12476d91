//! The rows of `sessions`: who is logged in, and until when.
//!
//! A session ends 7 days after its last use and 30 days after its beginning, whichever is first. A use is written at most
//! once an hour. Times are the database's, so that all billing-apps agree.

use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{BigInt, Binary, Bool, Uuid as SqlUuid},
};
use platform::database::{Connection, DatabaseError, statement};
use time::OffsetDateTime;
use uuid::Uuid;

use super::User;
use crate::{
    accounts::token::TokenHash,
    schema::accounts::{sessions, users},
};

/// A session that has not ended.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub(in crate::accounts) struct Session {
    pub(in crate::accounts) id: Uuid,
    pub(in crate::accounts) expires_at: OffsetDateTime,
}

/// Which session a logout names.
#[derive(Debug, Clone, Copy)]
pub(in crate::accounts) enum Ending {
    /// The one with this token.
    Token(TokenHash),
    /// The one that the gateway has named, with its user.
    Session { id: Uuid, user: Uuid },
}

/// Whether a use of the session has to be written: it would move the end by an hour or more.
const IS_DUE: &str = "sessions.expires_at <= \
    least(now() + interval '7 days', sessions.created_at + interval '30 days') - interval '1 hour'";

/// A use of the session.
const USE: &str = "UPDATE accounts.sessions SET expires_at = \
    least(now() + interval '7 days', created_at + interval '30 days') WHERE id = $1 AND expires_at > now() \
    RETURNING expires_at";

/// Makes room for one more of at most 50 sessions of a user: those that have expired end, and then the oldest.
const MAKE_ROOM: &str = "DELETE FROM accounts.sessions WHERE user_id = $1 AND (expires_at <= now() OR id IN \
    (SELECT id FROM accounts.sessions WHERE user_id = $1 AND expires_at > now() \
     ORDER BY created_at DESC, id DESC OFFSET 49))";

/// Removes up to so many sessions that have expired. It waits for no lock, so that it is in no deadlock.
const REMOVE_EXPIRED: &str = "DELETE FROM accounts.sessions WHERE id IN (SELECT id FROM accounts.sessions \
    WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)";

const START: &str = "INSERT INTO accounts.sessions (id, user_id, token_hash, expires_at) \
    VALUES ($1, $2, $3, now() + interval '7 days')";

/// Begins a session of `user`, in a transaction.
pub(super) async fn start(
    connection: &mut Connection,
    user: Uuid,
    token_hash: TokenHash,
) -> Result<(), DatabaseError> {
    lock(connection, user).await?;
    let make_room = statement(MAKE_ROOM).bind::<SqlUuid, _>(user);
    connection.execute(make_room).await?;
    let start = statement(START)
        .bind::<SqlUuid, _>(Uuid::now_v7())
        .bind::<SqlUuid, _>(user)
        .bind::<Binary, _>(token_hash.to_vec());
    connection.execute(start).await.map(drop)
}

/// The session with this token, and its user; this is a use of it.
pub(in crate::accounts) async fn find(
    connection: &mut Connection,
    token_hash: TokenHash,
) -> Result<Option<(Session, User)>, DatabaseError> {
    let found = alive(token_hash).inner_join(users::table).select((
        Session::as_select(),
        User::as_select(),
        sql::<Bool>(IS_DUE),
    ));
    let found: Option<(Session, User, bool)> = connection.optional(found).await?;
    match found {
        Some((session, user, true)) => {
            let expires_at = keep(connection, session.id).await?;
            Ok(expires_at.map(|expires_at| {
                (
                    Session {
                        expires_at,
                        ..session
                    },
                    user,
                )
            }))
        }
        found => Ok(found.map(|(session, user, _)| (session, user))),
    }
}

/// Ends a session, or all of the same user, in a transaction; tells how many there were. One that has ended already is no
/// error.
pub(in crate::accounts) async fn end(
    connection: &mut Connection,
    ending: Ending,
    all: bool,
) -> Result<usize, DatabaseError> {
    if all {
        return end_all(connection, ending).await;
    }
    match ending {
        Ending::Token(hash) => {
            let one = sessions::table.filter(sessions::token_hash.eq(hash.to_vec()));
            connection.execute(diesel::delete(one)).await
        }
        Ending::Session { id, user } => {
            let one = sessions::table.find(id).filter(sessions::user_id.eq(user));
            connection.execute(diesel::delete(one)).await
        }
    }
}

async fn end_all(connection: &mut Connection, ending: Ending) -> Result<usize, DatabaseError> {
    let user = match ending {
        Ending::Session { user, .. } => Some(user),
        Ending::Token(hash) => {
            let user = alive(hash).select(sessions::user_id);
            connection.optional(user).await?
        }
    };
    let Some(user) = user else {
        return Ok(0);
    };
    lock(connection, user).await?;
    let all = sessions::table.filter(sessions::user_id.eq(user));
    connection.execute(diesel::delete(all)).await
}

/// Removes up to `count` sessions that have expired; returns how many there were.
pub(in crate::accounts) async fn remove_expired(
    connection: &mut Connection,
    count: u16,
) -> Result<usize, DatabaseError> {
    let remove = statement(REMOVE_EXPIRED).bind::<BigInt, _>(i64::from(count));
    connection.execute(remove).await
}

/// What deletes several sessions of a user does so alone: two of them could wait for each other, and two logins would
/// both count 49.
async fn lock(connection: &mut Connection, user: Uuid) -> Result<(), DatabaseError> {
    let row = users::table.find(user).select(users::id);
    // A user that is gone has no sessions, and the table refuses a new one.
    let locked = connection.optional::<Uuid, _>(row.for_no_key_update());
    locked.await.map(|_| ())
}

/// Writes the use of a session; its new end, unless it has ended meanwhile.
async fn keep(
    connection: &mut Connection,
    id: Uuid,
) -> Result<Option<OffsetDateTime>, DatabaseError> {
    #[derive(QueryableByName)]
    struct End {
        #[diesel(sql_type = diesel::sql_types::Timestamptz)]
        expires_at: OffsetDateTime,
    }
    let used = statement(USE).bind::<SqlUuid, _>(id);
    let end: Option<End> = connection.optional(used).await?;
    Ok(end.map(|end| end.expires_at))
}

/// The session with this token, if it has not expired.
#[diesel::dsl::auto_type]
fn alive(token_hash: TokenHash) -> _ {
    let hash: Vec<u8> = token_hash.to_vec();
    sessions::table
        .filter(sessions::token_hash.eq(hash))
        .filter(sessions::expires_at.gt(diesel::dsl::now))
}
