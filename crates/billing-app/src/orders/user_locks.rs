//! Requests of one user that change their open order wait for each other here, before they take a connection.
//!
//! They would wait for the row's lock anyway, each with a connection of the pool in its hand: one user could take all of
//! them. The row's lock stays what keeps the order right, also between processes.

use std::{sync::Arc, time::Duration};

use platform::problem::Problem;
use tokio::{
    sync::{Mutex, MutexGuard},
    time::timeout,
};
use uuid::Uuid;

/// How many users can change their orders at the same time. Two that share a lock wait for each other now and then.
const LOCKS: usize = 64;

/// How long a request waits for others of its user.
const LIMIT: Duration = Duration::from_secs(1);

/// A lock for each user; clones share them.
#[derive(Debug, Clone)]
pub struct UserLocks(Arc<[Mutex<()>; LOCKS]>);

impl Default for UserLocks {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| Mutex::default())))
    }
}

impl UserLocks {
    /// Waits for the lock of a user.
    ///
    /// # Errors
    /// 503 when others have it for too long.
    pub(super) async fn lock(&self, user_id: Uuid) -> Result<MutexGuard<'_, ()>, Problem> {
        let lock = timeout(LIMIT, self.of(user_id).lock()).await;
        lock.map_err(|_| {
            Problem::unavailable("too many requests change this order; try again in a moment")
        })
    }

    /// The last bits of a user's id are random.
    fn of(&self, user_id: Uuid) -> &Mutex<()> {
        let [.., last] = user_id.into_bytes();
        &self.0[usize::from(last) % LOCKS]
    }
}
