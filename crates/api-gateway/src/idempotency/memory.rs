//! What was sent under recent ids: bounded, lost at a restart, and never needed for a payment to be one row.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use lru::LruCache;
use platform::problem::Problem;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How many keys are remembered; the least recently used one is forgotten first.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

/// For how long.
const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

type Fingerprint = [u8; 32];

/// What was sent under recent ids. Bodies are the same when their bytes are.
pub struct Memory(Mutex<Entries>);

struct Entries {
    /// Confirmed bodies. Only these are remembered: a corrected body may follow one that was not taken.
    confirmed: LruCache<Uuid, (Fingerprint, Instant)>,
    /// Bodies on their way, and how many requests carry each; as many as there are open requests.
    pending: HashMap<Uuid, (Fingerprint, usize)>,
}

/// A body on its way; until it is dropped, no other body is taken under its id.
pub struct Pending<'a> {
    memory: &'a Memory,
    id: Uuid,
    fingerprint: Fingerprint,
}

impl Default for Memory {
    fn default() -> Self {
        Self(Mutex::new(Entries {
            confirmed: LruCache::new(REMEMBERED),
            pending: HashMap::new(),
        }))
    }
}

impl Memory {
    /// Notes that `body` is about to be sent under `id`; `None` when it is known to be confirmed.
    ///
    /// # Errors
    /// 422 when another body was confirmed under this id, or is on its way.
    pub fn begin(&self, id: Uuid, body: &[u8]) -> Result<Option<Pending<'_>>, Problem> {
        let fingerprint: Fingerprint = Sha256::digest(body).into();
        let mut entries = self.entries();
        if let Some(known) = entries.confirmed(id) {
            return same(known, fingerprint).map(|()| None);
        }
        let (known, requests) = entries.pending.entry(id).or_insert((fingerprint, 0));
        same(*known, fingerprint)?;
        *requests += 1;
        Ok(Some(Pending {
            memory: self,
            id,
            fingerprint,
        }))
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn confirmed(&mut self, id: Uuid) -> Option<Fingerprint> {
        let (fingerprint, since) = *self.confirmed.get(&id)?;
        if since.elapsed() < REMEMBERED_FOR {
            return Some(fingerprint);
        }
        self.confirmed.pop(&id);
        None
    }
}

impl Pending<'_> {
    /// Remembers that the broker keeps the message.
    pub fn confirm(self) {
        let noted = (self.fingerprint, Instant::now());
        self.memory.entries().confirmed.put(self.id, noted);
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let mut entries = self.memory.entries();
        if let Some((_, requests)) = entries.pending.get_mut(&self.id) {
            *requests -= 1;
            if *requests == 0 {
                entries.pending.remove(&self.id);
            }
        }
    }
}

fn same(known: Fingerprint, given: Fingerprint) -> Result<(), Problem> {
    if known == given {
        return Ok(());
    }
    let detail = "this Idempotency-Key was used for another body";
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn a_confirmed_body_is_remembered_and_another_is_refused() {
        let (memory, id) = (Memory::default(), Uuid::new_v4());
        memory.begin(id, b"one").unwrap().unwrap().confirm();
        assert!(memory.begin(id, b"one").unwrap().is_none());
        assert!(memory.begin(id, b"two").is_err());
    }

    #[test]
    fn a_corrected_body_may_follow_one_that_was_not_taken() {
        let (memory, id) = (Memory::default(), Uuid::new_v4());
        drop(memory.begin(id, b"one").unwrap());
        assert!(memory.begin(id, b"two").unwrap().is_some());
    }

    #[test]
    fn of_concurrent_bodies_the_first_decides() {
        let (memory, id) = (Memory::default(), Uuid::new_v4());
        let first = memory.begin(id, b"one").unwrap().unwrap();
        let again = memory.begin(id, b"one").unwrap().unwrap();
        drop(first);
        assert!(memory.begin(id, b"two").is_err());
        drop(again);
        assert!(memory.begin(id, b"two").is_ok());
    }

    #[test]
    fn the_least_recently_used_key_is_forgotten_first() {
        let memory = Memory::default();
        let id = |number: usize| Uuid::from_u128(number as u128);
        let confirm = |number| {
            if let Some(pending) = memory.begin(id(number), b"body").unwrap() {
                pending.confirm();
            }
        };
        (0..REMEMBERED.get()).for_each(confirm);
        confirm(0);
        confirm(REMEMBERED.get());
        let known = |number| memory.begin(id(number), b"body").unwrap().is_none();
        assert!(known(0) && known(REMEMBERED.get()));
        assert!(!known(1));
    }
}
