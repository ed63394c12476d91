//! `Idempotency-Key`: the same request, however often it is sent.
//!
//! The id is a keyed hash of caller, route, its parameters and key, so every gateway with the same secret gives the same one, before and
//! after any restart, and no client can compute the id of another's key. The consumer records an id once, and refuses
//! another body under it. What this gateway remembers besides is bounded and may be lost at any time: it only tells that
//! a key was used for another body, and spares a confirmed message a second journey.

mod memory;

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use platform::{http::caller::Caller, problem::Problem};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use uuid::{Builder, Uuid};

use crate::table::Operation;

pub use memory::{Memory, Pending};

/// The header's name.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The longest key, in bytes.
const MAX_KEY: usize = 255;

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
}

fn wrong_key() -> Problem {
    Problem::bad_request(
        "the Idempotency-Key must be one value of 1 to 255 visible ASCII characters",
    )
}

/// Derives ids from keys.
pub struct Ids(SecretString);

impl Ids {
    /// `secret` is the same on all gateways. When it changes, a key that was used before names another request.
    #[must_use]
    pub fn new(secret: SecretString) -> Self {
        Self(secret)
    }

    /// The id of what `caller` asks of `operation`, with these parameters of its path, under this key: HMAC-SHA-256 (RFC
    /// 2104), of which a UUID of version 8 (RFC 9562, 5.8) keeps 122 bits.
    #[must_use]
    pub fn derive(
        &self,
        caller: Caller,
        operation: &Operation,
        parameters: &[String],
        key: &Key,
    ) -> Uuid {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut hash = Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes())
            .expect("a key of any length");
        let user = match caller {
            Caller::User { id, .. } => id.into_bytes().to_vec(),
            Caller::Anonymous | Caller::Operator => Vec::new(),
        };
        let mut parts = vec![
            caller.name().as_bytes(),
            &user,
            operation.method.as_str().as_bytes(),
            operation.path.as_bytes(),
            &key.0,
        ];
        parts.extend(parameters.iter().map(String::as_bytes));
        hash.update(&framed(&parts));
        let hash = hash.finalize().into_bytes();
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        Builder::from_custom_bytes(id).into_uuid()
    }
}

/// Each part after its length: no two lists of parts give the same bytes.
fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let framed = |part: &&[u8]| [&(part.len() as u64).to_be_bytes(), *part].concat();
    parts.iter().flat_map(framed).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use crate::table::TABLE;
    use axum::http::StatusCode;
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

    fn operation(path: &str) -> &'static Operation {
        let posts = TABLE.iter().filter(|operation| operation.method == "POST");
        posts
            .clone()
            .find(|operation| operation.path == path)
            .unwrap()
    }

    fn ids(secret: &str) -> Ids {
        Ids::new(secret.into())
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

    /// Computed with another program from the RFCs: ids in the database depend on it.
    #[test]
    fn an_id_never_changes() {
        let id = ids("s3cret").derive(
            Caller::Anonymous,
            operation("/api/billing"),
            &[],
            &Key(b"order-7".to_vec()),
        );
        assert_eq!(id.to_string(), "568e2cd2-0650-803b-8895-c6aad793db63");
        assert_eq!(id.get_version_num(), 8);
    }

    #[test]
    fn another_secret_caller_route_parameter_or_key_is_another_id() {
        let (one, key) = (ids("one"), Key(b"k".to_vec()));
        let user = |id| Caller::User {
            id: Uuid::from_u128(id),
            session: Uuid::nil(),
        };
        let bikes = operation("/api/bikes/{id}/events");
        let all = [
            one.derive(Caller::Anonymous, operation("/api/billing"), &[], &key),
            ids("other").derive(Caller::Anonymous, operation("/api/billing"), &[], &key),
            one.derive(Caller::Operator, operation("/api/billing"), &[], &key),
            one.derive(user(1), operation("/api/billing"), &[], &key),
            one.derive(user(2), operation("/api/billing"), &[], &key),
            one.derive(Caller::Anonymous, operation("/api/movies"), &[], &key),
            one.derive(Caller::Operator, bikes, &["a".into()], &key),
            one.derive(Caller::Operator, bikes, &["b".into()], &key),
            one.derive(
                Caller::Anonymous,
                operation("/api/billing"),
                &[],
                &Key(b"l".to_vec()),
            ),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    /// A retry may come after another login.
    #[test]
    fn the_same_user_in_another_session_has_the_same_id() {
        let derive = |session| {
            let id = Uuid::from_u128(1);
            let session = Uuid::from_u128(session);
            let user = Caller::User { id, session };
            let key = Key(b"k".to_vec());
            ids("one").derive(user, operation("/api/billing"), &[], &key)
        };
        assert_eq!(derive(1), derive(2));
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
