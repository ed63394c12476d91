//! The pool's way to connections, and why there are none.
//!
//! bb8 tries again until its time is over and then says only that it is. So the reason of the last failure is kept here;
//! it is logged once when it changes, and once when a connection can be made again.
//!
//! A connection is driven by the runtime that has opened it. So each thread that serves requests has a part of the pool: a
//! query on a connection of another thread would wake that thread, and its answer this one.

use std::{
    iter,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use super::{CONNECTION_LIMIT, ConnectError, Connection, Settings};
use crate::{error::chain, http::workers};

/// A connection while it is used.
pub(super) struct Lent<'a> {
    pub(super) connection: bb8::PooledConnection<'a, Manager>,
    _user: User<'a>,
}

/// The parts of one pool; clones share them.
#[derive(Clone)]
pub(super) struct Pools(Arc<[Part]>);

struct Part {
    pool: bb8::Pool<Manager>,
    size: u32,
    /// Who has a connection, or waits for one.
    users: AtomicU32,
}

/// Counts as a user of this part until it is dropped.
struct User<'a>(&'a Part);

/// Makes connections for the pool.
pub(super) struct Manager {
    settings: Settings,
    failure: LastFailure,
}

/// Why the last try to connect has failed, if it has; clones share it.
#[derive(Clone, Default)]
pub(super) struct LastFailure(Arc<Mutex<Option<Arc<ConnectError>>>>);

impl LastFailure {
    pub(super) fn get(&self) -> Option<Arc<ConnectError>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn replace(&self, failure: Option<Arc<ConnectError>>) -> Option<Arc<ConnectError>> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *last, failure)
    }
}

impl Pools {
    /// At most `parts`, together as large as the settings say.
    pub(super) fn new(settings: &Settings, parts: usize, failure: &LastFailure) -> Self {
        let parts = u32::try_from(parts).unwrap_or(u32::MAX);
        let parts = parts.clamp(1, settings.pool.max(1));
        let size = |part| settings.pool / parts + u32::from(part < settings.pool % parts);
        let part = |part| Part::new(size(part), settings, failure);
        Self((0..parts).map(part).collect())
    }

    pub(super) async fn get(&self) -> Result<Lent<'_>, bb8::RunError<Arc<ConnectError>>> {
        let own = &self.0[workers::current().unwrap_or(0) % self.0.len()];
        let mut parts = iter::once(own).chain(&*self.0);
        let part = parts.find(|part| part.has_room()).unwrap_or(own);
        let user = User::of(part);
        Ok(Lent {
            connection: part.pool.get().await?,
            _user: user,
        })
    }

    pub(super) fn are_empty(&self) -> bool {
        let mut parts = self.0.iter();
        parts.all(|part| part.pool.state().connections == 0)
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

    fn has_room(&self) -> bool {
        self.users.load(Ordering::Relaxed) < self.size
    }
}

impl<'a> User<'a> {
    fn of(part: &'a Part) -> Self {
        part.users.fetch_add(1, Ordering::Relaxed);
        Self(part)
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Manager {
    fn new(settings: Settings, failure: LastFailure) -> Self {
        Self { settings, failure }
    }

    fn log(&self, before: Option<&ConnectError>, now: Option<&ConnectError>) {
        let database = &self.settings.name;
        match (
            before.map(|error| chain(error)),
            now.map(|error| chain(error)),
        ) {
            (before, Some(error)) if before.as_ref() != Some(&error) => {
                tracing::warn!(
                    database,
                    error,
                    "no connection to the database; trying again"
                );
            }
            (Some(_), None) => tracing::info!(database, "the database is back"),
            _ => {}
        }
    }
}

impl bb8::ManageConnection for Manager {
    type Connection = Connection;
    type Error = Arc<ConnectError>;

    async fn connect(&self) -> Result<Connection, Arc<ConnectError>> {
        let connected = self.settings.connect().await.map_err(Arc::new);
        let now = connected.as_ref().err();
        let before = self.failure.replace(now.cloned());
        self.log(before.as_deref(), now.map(Arc::as_ref));
        connected
    }

    /// Without a round trip: asking the server on every checkout would cost one.
    async fn is_valid(&self, connection: &mut Connection) -> Result<(), Arc<ConnectError>> {
        if connection.is_broken() {
            return Err(Arc::new(ConnectError::Ended));
        }
        Ok(())
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.is_broken()
    }
}
