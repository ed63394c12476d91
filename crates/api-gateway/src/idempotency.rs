//! `Idempotency-Key`: the same request, however often it is sent.
//!
//! The id is a hash of caller, route and key, so every gateway gives the same one, before and after any restart; the
//! consumer records an id once. What this gateway remembers besides is bounded and may be lost at any time: it only
//! lets us say that a key was used for another body, and spare a confirmed message a second journey. A key that was
//! forgotten is published again, and dropped as known by whoever records it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::http::{HeaderMap, StatusCode};
use moka::sync::Cache;
use platform::problem::Problem;
use sha2::{Digest, Sha256};
use uuid::{Uuid, uuid};

use crate::auth::Caller;

/// The header's name.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The longest key, in bytes.
const MAX_KEY: usize = 255;

/// The namespace of our ids (RFC 9562, 5.5). It never changes: ids in the database come from it.
const NAMESPACE: Uuid = uuid!("6f0b0a52-5d0c-4f59-9d3a-8f6d6f1f2c11");

/// How many keys are remembered.
const REMEMBERED: u64 = 100_000;

/// For how long.
const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// A client's name for its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

impl Key {
    /// Reads the header.
    ///
    /// # Errors
    /// 400 unless it is 1 to 255 visible ASCII characters, once.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
        let key = match (given.next(), given.next()) {
            (None, _) => return Ok(None),
            (Some(key), None) => key.as_bytes(),
            (Some(_), Some(_)) => return Err(wrong_key()),
        };
        if !(1..=MAX_KEY).contains(&key.len()) || !key.iter().all(u8::is_ascii_graphic) {
            return Err(wrong_key());
        }
        Ok(Some(Self(key.to_vec())))
    }

    /// The id of what `caller` asks of `route` under this key.
    #[must_use]
    pub fn id(&self, caller: Caller, route: &str) -> Uuid {
        Uuid::new_v5(
            &NAMESPACE,
            &framed(&[caller.name().as_bytes(), route.as_bytes(), &self.0]),
        )
    }
}

/// Each part after its length: no two lists of parts give the same bytes.
fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let framed = |part: &&[u8]| [&(part.len() as u64).to_be_bytes(), *part].concat();
    parts.iter().flat_map(framed).collect()
}

fn wrong_key() -> Problem {
    Problem::bad_request(
        "the Idempotency-Key must be one value of 1 to 255 visible ASCII characters",
    )
}

/// The ids of recent keys, and what was sent under them.
pub struct Seen(Cache<Uuid, Arc<Entry>>);

/// What is known of one id.
pub struct Entry {
    body: [u8; 32],
    confirmed: AtomicBool,
}

impl Default for Seen {
    fn default() -> Self {
        let cache = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(REMEMBERED_FOR);
        Self(cache.build())
    }
}

impl Seen {
    /// Notes that `body` was sent under `id`; of concurrent requests, the first decides for all.
    ///
    /// # Errors
    /// 422 when another body was. Bodies are the same when their bytes are.
    pub fn enter(&self, id: Uuid, body: &[u8]) -> Result<Arc<Entry>, Problem> {
        let body: [u8; 32] = Sha256::digest(body).into();
        let entry = self.0.get_with(id, || {
            Arc::new(Entry {
                body,
                confirmed: AtomicBool::new(false),
            })
        });
        if entry.body == body {
            Ok(entry)
        } else {
            let detail = "this Idempotency-Key was used for another body";
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
        }
    }
}

impl Entry {
    /// Whether the broker has confirmed it before.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.confirmed.load(Ordering::Acquire)
    }

    /// Notes that the broker has confirmed it.
    pub fn confirm(&self) {
        self.confirmed.store(true, Ordering::Release);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(values: &[&[u8]]) -> Result<Option<Key>, StatusCode> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                IDEMPOTENCY_KEY,
                axum::http::HeaderValue::from_bytes(value).unwrap(),
            );
        }
        Key::of(&headers).map_err(|problem| problem.status())
    }

    #[test]
    fn a_key_is_1_to_255_visible_characters_once() {
        let (long, longer) = ([b'k'; 255], [b'k'; 256]);
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&[&long]), Ok(Some(Key(long.to_vec()))));
        for wrong in [
            &[&b""[..]][..],
            &[b"a b"],
            &["é".as_bytes()],
            &[&longer],
            &[b"a", b"a"],
        ] {
            assert_eq!(key(wrong), Err(StatusCode::BAD_REQUEST), "{wrong:?}");
        }
    }

    #[test]
    fn an_id_never_changes() {
        let id = Key(b"order-7".to_vec()).id(Caller::Anonymous, "POST /api/billing");
        assert_eq!(id.to_string(), "28831e6b-56a3-567e-b588-e093b71331f9");
    }

    #[test]
    fn another_caller_or_route_is_another_id() {
        let key = Key(b"k".to_vec());
        let id = key.id(Caller::Anonymous, "POST /api/billing");
        assert_ne!(id, key.id(Caller::Operator, "POST /api/billing"));
        assert_ne!(id, key.id(Caller::Anonymous, "POST /api/other"));
    }

    #[test]
    fn another_body_is_refused_whether_or_not_the_first_was_confirmed() {
        let (seen, id) = (Seen::default(), Uuid::new_v4());
        let entry = seen.enter(id, b"one").unwrap();
        assert!(seen.enter(id, b"two").is_err());
        assert!(!entry.is_confirmed());
        entry.confirm();
        assert!(seen.enter(id, b"two").is_err());
        assert!(seen.enter(id, b"one").unwrap().is_confirmed());
    }

    proptest! {
        #[test]
        fn framing_is_unambiguous(one in parts(), other in parts()) {
            prop_assert_eq!(one == other, framed(&slices(&one)) == framed(&slices(&other)));
        }
    }

    fn parts() -> impl Strategy<Value = Vec<Vec<u8>>> {
        proptest::collection::vec(proptest::collection::vec(0..3u8, 0..3), 0..4)
    }

    fn slices(parts: &[Vec<u8>]) -> Vec<&[u8]> {
        parts.iter().map(Vec::as_slice).collect()
    }
}
