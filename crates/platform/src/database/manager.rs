//! Makes connections for the pool, and keeps why there are none.
//!
//! bb8 tries again until its time is over and then says only that it is. So the reason of the last failure is kept here;
//! it is logged once when it changes, and once when a connection can be made again.

use std::sync::{Arc, Mutex, PoisonError};

use super::{ConnectError, Connection, Settings};
use crate::error::chain;

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

impl Manager {
    pub(super) fn new(settings: Settings, failure: LastFailure) -> Self {
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
