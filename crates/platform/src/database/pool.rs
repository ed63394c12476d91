//! The pool's connections, and who has them.
//!
//! A connection is driven by the runtime that has opened it. So each thread that serves requests has a part of the pool: a
//! query on a connection of another thread would wake that thread, and its answer this one. Whose part is in use takes a
//! place of another; who waits, waits for all parts.

use std::{
    iter,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::{
    CONNECTION_LIMIT, ConnectError, Settings,
    manager::{LastFailure, Manager},
};
use crate::http::workers;

/// Why there is no connection.
pub(super) type Unlent = bb8::RunError<Arc<ConnectError>>;

/// A connection while it is used.
pub(super) struct Lent<'a> {
    pub(super) connection: bb8::PooledConnection<'a, Manager>,
    _user: User<'a>,
    _permit: Option<SemaphorePermit<'a>>,
}

/// The parts of one pool; clones share them.
#[derive(Clone)]
pub(super) struct Pools(Arc<Inner>);

struct Inner {
    parts: Vec<Part>,
    /// As many as connections in all: who has one waits for no other user of the pool.
    permits: Semaphore,
    failure: LastFailure,
}

struct Part {
    pool: bb8::Pool<Manager>,
    size: u32,
    /// Who has one of its connections.
    users: AtomicU32,
}

/// Counts as a user of this part until it is dropped.
struct User<'a>(&'a Part);

impl Pools {
    /// At most `parts`, together as large as the settings say.
    pub(super) fn new(settings: &Settings, parts: usize, failure: &LastFailure) -> Self {
        let parts = u32::try_from(parts).unwrap_or(u32::MAX);
        let parts = parts.clamp(1, settings.pool.max(1));
        let size = |part| settings.pool / parts + u32::from(part < settings.pool % parts);
        let part = |part| Part::new(size(part), settings, failure);
        Self(Arc::new(Inner {
            parts: (0..parts).map(part).collect(),
            permits: Semaphore::new(settings.pool.try_into().unwrap_or(Semaphore::MAX_PERMITS)),
            failure: failure.clone(),
        }))
    }

    /// A connection, of this thread's part if there can be one, within [`CONNECTION_LIMIT`].
    pub(super) async fn get(&self) -> Result<Lent<'_>, Unlent> {
        let lent = timeout(CONNECTION_LIMIT, self.lend()).await;
        lent.unwrap_or(Err(Unlent::TimedOut))
    }

    async fn lend(&self) -> Result<Lent<'_>, Unlent> {
        // The semaphore is never closed.
        let permit = self.0.permits.acquire().await.ok();
        let user = self.choose();
        Ok(Lent {
            connection: user.0.pool.get().await?,
            _user: user,
            _permit: permit,
        })
    }

    pub(super) fn are_empty(&self) -> bool {
        let mut parts = self.0.parts.iter();
        parts.all(|part| part.pool.state().connections == 0)
    }

    /// A place in this thread's part, or in another. While no connection can be made, one where a connection is idle.
    fn choose(&self) -> User<'_> {
        let parts = &self.0.parts;
        let own = &parts[workers::current().unwrap_or(0) % parts.len()];
        let own_first = || iter::once(own).chain(parts);
        let is_failing = self.0.failure.get().is_some();
        let idle = own_first().filter(|part| is_failing && part.is_idle());
        // With a permit there is a place: there are as many of both.
        let mut places = idle.chain(own_first()).filter_map(User::take);
        places.next().unwrap_or_else(|| User::crowd(own))
    }
}

impl Part {
    fn new(size: u32, settings: &Settings, failure: &LastFailure) -> Self {
        let manager = Manager::new(settings.clone(), failure.clone());
        let builder = bb8::Pool::builder()
            .max_size(size)
            .connection_timeout(CONNECTION_LIMIT);
        Self {
            pool: builder.build_unchecked(manager),
            size,
            users: AtomicU32::new(0),
        }
    }

    fn is_idle(&self) -> bool {
        self.pool.state().idle_connections > 0
    }
}

impl<'a> User<'a> {
    /// Takes a place, if one is free.
    fn take(part: &'a Part) -> Option<Self> {
        let more = |users| (users < part.size).then_some(users + 1);
        let taken = part
            .users
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.ok().map(|_| Self(part))
    }

    /// Waits with the others of this part.
    fn crowd(part: &'a Part) -> Self {
        part.users.fetch_add(1, Ordering::Relaxed);
        Self(part)
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use testing::TestDatabase;

    use super::*;
    use crate::http::workers::Workers;

    fn pools(server: &TestDatabase, pool: u32, parts: usize) -> Pools {
        let settings = Settings {
            variables: "TEST_DB",
            host: server.host.clone(),
            port: server.port,
            name: server.name.clone(),
            user: server.user.clone(),
            password: server.password.clone().into(),
            pool,
        };
        Pools::new(&settings, parts, &LastFailure::default())
    }

    fn users(pools: &Pools) -> Vec<u32> {
        let parts = pools.0.parts.iter();
        parts
            .map(|part| part.users.load(Ordering::Relaxed))
            .collect()
    }

    #[tokio::test]
    async fn whose_part_is_in_use_takes_a_place_of_another() {
        let server = TestDatabase::create().await;
        let pools = pools(&server, 3, 2);
        let mut lent = Vec::new();
        for expected in [[1, 0], [2, 0], [2, 1]] {
            lent.push(pools.get().await.unwrap_or_else(|error| panic!("{error}")));
            assert_eq!(users(&pools), expected);
        }
        let refused = pools.get().await.err().unwrap();
        assert!(matches!(refused, Unlent::TimedOut), "{refused}");
        let (waiting, ()) = tokio::join!(pools.get(), async { drop(lent.pop()) });
        assert!(waiting.is_ok(), "the place of the other part");
        drop((waiting, lent));
        assert_eq!(users(&pools), [0, 0]);
    }

    #[tokio::test]
    async fn each_thread_that_serves_uses_its_own_part() {
        let server = TestDatabase::create().await;
        let (workers, count) = (Workers::start().unwrap(), workers::count());
        let pools = pools(&server, count.try_into().unwrap(), count);
        let places: Vec<_> = (0..count).map(|_| workers.place()).collect();
        for place in &places {
            let pools = pools.clone();
            let own = async move {
                let lent = pools.get().await.unwrap_or_else(|error| panic!("{error}"));
                let used = users(&pools);
                drop(lent);
                (
                    workers::current(),
                    used.iter().position(|&users| users == 1),
                )
            };
            let (number, used) = place.handle.spawn(own).await.unwrap();
            assert_eq!((number, number.is_some()), (used, true));
        }
    }

    #[tokio::test]
    async fn while_no_connection_can_be_made_an_idle_one_of_another_part_is_used() {
        let mut server = TestDatabase::create().await;
        server.use_own_role().await;
        let pools = pools(&server, 3, 2);
        let _of_own = pools.get().await.unwrap_or_else(|error| panic!("{error}"));
        drop(pools.0.parts[1].pool.get().await);
        server.set_password("another").await;
        assert!(
            pools.get().await.is_err(),
            "the own part has room, but no more"
        );
        assert!(pools.get().await.is_ok(), "the idle one");
    }

    /// The wait for a place and that for its connection are one wait.
    #[tokio::test]
    async fn a_place_that_comes_late_leaves_less_time_for_its_connection() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut server = TestDatabase::create().await;
        server.port = silent.local_addr().unwrap().port();
        let pools = pools(&server, 1, 1);
        let begin = tokio::time::Instant::now();
        let held = async {
            let _permit = pools.0.permits.acquire().await;
            tokio::time::sleep(CONNECTION_LIMIT * 9 / 10).await;
        };
        let (lent, ()) = tokio::join!(biased; async {
            tokio::task::yield_now().await;
            pools.get().await
        }, held);
        assert!(lent.is_err());
        assert!(
            begin.elapsed() < CONNECTION_LIMIT * 17 / 10,
            "{:?}",
            begin.elapsed()
        );
    }
}
