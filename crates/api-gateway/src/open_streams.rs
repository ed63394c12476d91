//! How many answers that go on and on one client may have at once.
//!
//! A service has places for a bounded number of listeners. Without a bound for each client, one of them could take all. A client
//! is who `rates::client` says it is. A place is free as soon as its answer is dropped, whoever has ended it. The memory
//! grows with the open streams only.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::http::Extensions;
use platform::problem::Problem;

use crate::rates;

/// The most that one client may have at once: many people may share an address.
pub const STREAMS_OF_CLIENT: usize = 100;

/// Seconds after which a client with too many streams may come again.
const RETRY_AFTER: u64 = 5;

/// The open streams of each client.
#[derive(Default)]
pub(crate) struct OpenStreams(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One open stream; it counts until it is dropped.
pub(crate) struct OpenStream {
    client: IpAddr,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl OpenStreams {
    /// Counts a stream of the client that these extensions of its request name.
    ///
    /// # Errors
    /// 429 when it is one too many.
    pub(crate) fn open(&self, extensions: &Extensions) -> Result<OpenStream, Problem> {
        let client = rates::client(extensions);
        let mut counts = lock(&self.0);
        let count = counts.entry(client).or_default();
        if *count >= STREAMS_OF_CLIENT {
            let detail = "too many open streams of one client";
            return Err(Problem::too_many(detail, RETRY_AFTER));
        }
        *count += 1;
        let counts = Arc::clone(&self.0);
        Ok(OpenStream { client, counts })
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.client);
            }
        }
    }
}

fn lock(counts: &Mutex<HashMap<IpAddr, usize>>) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use axum::extract::ConnectInfo;
    use std::net::SocketAddr;

    fn of(last: u8) -> Extensions {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::from(([10, 0, 0, last], 1))));
        extensions
    }

    #[test]
    fn one_client_has_its_places_and_leaves_those_of_others() {
        let streams = OpenStreams::default();
        let open = || streams.open(&of(1));
        let mut all: Vec<_> = (0..STREAMS_OF_CLIENT).map(|_| open().unwrap()).collect();
        assert_eq!(open().err().unwrap().status(), 429);
        assert!(streams.open(&of(2)).is_ok());
        all.pop();
        all.push(open().unwrap());
        assert!(open().is_err());
        all.clear();
        assert!(lock(&streams.0).is_empty());
    }
}
