//! The rows of `failed_logins`: how long a name has to wait after it was tried too often.
//!
//! The rows are in the database, so that they hold over all billing-apps. A name has a row whether there is such a user
//! or not. An attempt is judged twice: before its password is hashed, to spare the work, and with the row locked after
//! it. So of many attempts at once only the first few count; the rest learn nothing, not even from a right password.

use diesel::{
    prelude::*,
    sql_types::{BigInt, Binary, Double, Integer},
};
use platform::database::{Connection, DatabaseError};
use sha2::{Digest, Sha256};

use super::users;
use crate::schema::accounts::failed_logins;

/// The longest delay: the owner of a name that someone else tries is not locked out for longer.
const MAX_DELAY: f64 = 60.0;

/// How often a name may be registered again before it is slowed down: the answer says no more than `exists` does.
const FREE_REGISTRATIONS: i32 = 100;

/// How often a login may fail before the next one is delayed.
const FREE_LOGINS: i32 = 5;

/// A count that is as good as any higher one.
const MAX_FAILURES: i32 = 1_000_000;

/// Removes up to so many names that have not failed for a day. It waits for no lock, so that it is in no deadlock.
const FORGET: &str = "DELETE FROM accounts.failed_logins WHERE name_hash IN (SELECT name_hash FROM \
    accounts.failed_logins WHERE failed_at < now() - interval '1 day' ORDER BY failed_at LIMIT $1 \
    FOR UPDATE SKIP LOCKED)";

const BEGIN: &str = "INSERT INTO accounts.failed_logins (name_hash, failures, failed_at, blocked_until) \
    VALUES ($1, 0, now(), now()) ON CONFLICT DO NOTHING";

const COUNT: &str = "UPDATE accounts.failed_logins SET failures = $2, failed_at = now(), \
    blocked_until = now() + make_interval(secs => $3) WHERE name_hash = $1";

/// What has failed is forgotten after a day without a failure, whether its row is still there or not.
const BLOCKED: &str = "SELECT CASE WHEN failed_at < now() - interval '1 day' THEN 0 ELSE failures END AS failures, CASE WHEN blocked_until > now() \
    THEN ceil(extract(epoch FROM blocked_until - now())) ELSE 0 END::int AS seconds \
    FROM accounts.failed_logins WHERE name_hash = $1";

/// A name that somebody tries.
#[derive(Debug, Clone, Copy)]
pub(in crate::accounts) struct Throttle {
    name_hash: [u8; 32],
    free: i32,
}

/// What is known of a name.
#[derive(QueryableByName)]
struct Tried {
    #[diesel(sql_type = Integer)]
    failures: i32,
    #[diesel(sql_type = Integer)]
    seconds: i32,
}

impl Tried {
    /// For how many seconds more it is blocked.
    fn blocked(&self) -> Option<u64> {
        u64::try_from(self.seconds)
            .ok()
            .filter(|seconds| *seconds > 0)
    }
}

impl Throttle {
    /// Of logins under a name.
    pub(in crate::accounts) fn login(username: &str) -> Self {
        Self::of("login", username, FREE_LOGINS)
    }

    /// Of registrations of a name that is taken.
    pub(in crate::accounts) fn registration(username: &str) -> Self {
        Self::of("registration", username, FREE_REGISTRATIONS)
    }

    fn of(kind: &str, username: &str, free: i32) -> Self {
        let name = format!("{kind}\0{}", users::key(username));
        Self {
            name_hash: Sha256::digest(name).into(),
            free,
        }
    }

    /// For how many seconds more the name is blocked.
    pub(in crate::accounts) async fn blocked(
        &self,
        connection: &mut Connection,
    ) -> Result<Option<u64>, DatabaseError> {
        let tried = self.tried(connection, BLOCKED).await?;
        Ok(tried.and_then(|tried| tried.blocked()))
    }

    /// Counts a failure, in a transaction, unless the name is blocked: then for how many seconds more.
    pub(in crate::accounts) async fn fail(
        &self,
        connection: &mut Connection,
    ) -> Result<Option<u64>, DatabaseError> {
        let begin = diesel::sql_query(BEGIN).bind::<Binary, _>(self.name_hash.to_vec());
        connection.execute(begin).await?;
        let tried = self.lock(connection).await?;
        let blocked = tried.as_ref().and_then(Tried::blocked);
        if blocked.is_none() {
            let failures = tried.map_or(0, |tried| tried.failures).min(MAX_FAILURES) + 1;
            let count = diesel::sql_query(COUNT)
                .bind::<Binary, _>(self.name_hash.to_vec())
                .bind::<Integer, _>(failures)
                .bind::<Double, _>(delay(failures - self.free));
            connection.execute(count).await?;
        }
        Ok(blocked)
    }

    /// Forgets all failures, in a transaction, unless the name is blocked: then for how many seconds more.
    pub(in crate::accounts) async fn succeed(
        &self,
        connection: &mut Connection,
    ) -> Result<Option<u64>, DatabaseError> {
        let Some(tried) = self.lock(connection).await? else {
            return Ok(None);
        };
        if tried.blocked().is_none() {
            let row = failed_logins::table.find(self.name_hash.to_vec());
            connection.execute(diesel::delete(row)).await?;
        }
        Ok(tried.blocked())
    }

    async fn lock(&self, connection: &mut Connection) -> Result<Option<Tried>, DatabaseError> {
        self.tried(connection, &format!("{BLOCKED} FOR UPDATE"))
            .await
    }

    async fn tried(
        &self,
        connection: &mut Connection,
        sql: &str,
    ) -> Result<Option<Tried>, DatabaseError> {
        let query = diesel::sql_query(sql).bind::<Binary, _>(self.name_hash.to_vec());
        connection.optional(query).await
    }
}

/// Removes up to `count` names that have not failed for a day; returns how many there were.
pub(in crate::accounts) async fn forget(
    connection: &mut Connection,
    count: u16,
) -> Result<usize, DatabaseError> {
    let forget = diesel::sql_query(FORGET).bind::<BigInt, _>(i64::from(count));
    connection.execute(forget).await
}

/// How many seconds to wait after so many failures beyond the free ones: 1, 2, 4 and so on.
fn delay(beyond: i32) -> f64 {
    if beyond < 0 {
        return 0.0;
    }
    2_f64.powi(beyond.min(30)).min(MAX_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_to_a_minute() {
        let delays = [-4, -1, 0, 1, 2, 5, 6, 7, i32::MAX].map(delay);
        let expected = [0.0, 0.0, 1.0, 2.0, 4.0, 32.0, 60.0, 60.0, 60.0];
        assert_eq!(delays, expected);
    }

    #[test]
    fn a_name_is_throttled_in_any_case_and_for_each_route_by_itself() {
        let hash = |throttle: Throttle| throttle.name_hash;
        assert_eq!(hash(Throttle::login("Ann")), hash(Throttle::login("aNN")));
        assert_ne!(hash(Throttle::login("ann")), hash(Throttle::login("bob")));
        let registration = Throttle::registration("ann");
        assert_ne!(hash(Throttle::login("ann")), hash(registration));
    }
}
