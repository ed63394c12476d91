//! The threads that serve connections: one for each processor, each with a runtime of its own.
//!
//! Promises: a connection stays on its thread, and goes to the one with the fewest. What a handler starts runs there, too.
//! What is kept [`PerThread`] is not shared, so a request wakes another thread only for what has one owner: a publisher, the
//! hashing of passwords, the small pools of the database. The price: a handler that computes for long delays all connections
//! of its thread. One that blocks it ends the process, as the heartbeat stops. The threads end when this is dropped.

use std::{
    cell::Cell,
    io,
    sync::{Arc, OnceLock},
    thread::{self, available_parallelism},
};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    heartbeat::{self, Heartbeat},
    tasks::Failure,
};

thread_local! {
    static WORKER: Cell<Option<usize>> = const { Cell::new(None) };
}

/// How many threads serve: the same for the whole life of the process.
#[must_use]
pub fn count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| available_parallelism().map_or(1, Into::into))
}

/// The number of the serving thread that this is, below [`count`]; `None` elsewhere.
#[must_use]
pub fn current() -> Option<usize> {
    WORKER.get()
}

/// One of each for every thread that serves, and one for all other threads; clones share them.
#[derive(Debug, Clone)]
pub struct PerThread<T>(Arc<[T]>);

impl<T> PerThread<T> {
    /// As many as are needed.
    pub fn new(mut make: impl FnMut() -> T) -> Self {
        Self((0..=count()).map(|_| make()).collect())
    }

    /// That of this thread.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.0[current().unwrap_or(count())]
    }
}

/// The threads.
pub struct Workers {
    workers: Vec<Worker>,
    _ended_at_drop: DropGuard,
}

struct Worker {
    handle: Handle,
    /// As many clones as connections.
    connections: Arc<()>,
    _heartbeat: Option<Heartbeat>,
}

/// A place on a thread, until it is dropped.
pub(crate) struct Place {
    pub(crate) handle: Handle,
    _connection: Arc<()>,
}

impl Workers {
    /// Starts them.
    ///
    /// # Errors
    /// When there can be no more threads.
    pub fn start() -> io::Result<Self> {
        Self::start_with(None)
    }

    /// Starts them; with `failure`, each has a heartbeat.
    pub(crate) fn start_with(failure: Option<&Failure>) -> io::Result<Self> {
        let stop = CancellationToken::new();
        // Also those that are there when the next cannot be had.
        let ended_at_drop = stop.clone().drop_guard();
        let workers = (0..count()).map(|number| Worker::start(number, failure, &stop));
        Ok(Self {
            workers: workers.collect::<io::Result<_>>()?,
            _ended_at_drop: ended_at_drop,
        })
    }

    /// A place on the thread with the fewest connections.
    pub(crate) fn place(&self) -> Place {
        let connections = |worker: &&Worker| Arc::strong_count(&worker.connections);
        let emptiest = self.workers.iter().min_by_key(connections);
        // There is always one: see `count`.
        let worker = emptiest.unwrap_or(&self.workers[0]);
        Place {
            handle: worker.handle.clone(),
            _connection: Arc::clone(&worker.connections),
        }
    }
}

impl Worker {
    fn start(
        number: usize,
        failure: Option<&Failure>,
        stop: &CancellationToken,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let heartbeat = failure.map(|failure| {
            let _entered = handle.enter();
            heartbeat::start(failure)
        });
        let stop = stop.clone();
        let serve = move || {
            WORKER.set(Some(number));
            runtime.block_on(stop.cancelled());
        };
        let name = format!("http-{number}");
        // Not joined: a thread that a handler blocks must not keep the process from its end.
        thread::Builder::new().name(name).spawn(serve)?;
        Ok(Self {
            handle,
            connections: Arc::default(),
            _heartbeat: heartbeat,
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_are_spread_and_what_they_start_stays_on_their_thread() {
        let workers = Workers::start().unwrap();
        let places: Vec<_> = (0..2 * count()).map(|_| workers.place()).collect();
        let mut seen = vec![0; count()];
        for place in &places {
            let started = async { tokio::spawn(async { current() }).await };
            let number = place.handle.spawn(started).await.unwrap().unwrap();
            seen[number.unwrap()] += 1;
        }
        assert_eq!(seen, vec![2; count()]);
        assert_eq!(current(), None, "this thread serves no connection");
    }
}
