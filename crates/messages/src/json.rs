//! Reading and writing the messages of the shop, which are plain JSON objects.
//!
//! A body is read into its struct, then the struct is checked against the bounds of its message. Unknown fields are
//! ignored: a newer writer may add some. No text that gets through has a NUL, which PostgreSQL cannot keep.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

/// Why a body is not the message that it should be; for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Rejection(String);

impl Rejection {
    /// `field` breaks the rule `detail`.
    pub(crate) fn new(field: &str, detail: &str) -> Self {
        Self(format!("{field} {detail}"))
    }
}

/// Reads one JSON object. serde alone would read an array as a struct, too.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Rejection> {
    let malformed = |error: serde_json::Error| Rejection(format!("malformed JSON: {error}"));
    let value: &RawValue = serde_json::from_slice(body).map_err(malformed)?;
    if !value.get().starts_with('{') {
        return Err(Rejection("must be a JSON object".into()));
    }
    serde_json::from_str(value.get()).map_err(malformed)
}

/// Writes what [`read`] reads.
#[expect(
    clippy::expect_used,
    reason = "only a map with keys that are no texts cannot be written, and no message has one"
)]
pub(crate) fn write(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).expect("a struct of texts and numbers is JSON")
}

/// A text of `min..=max` characters without NUL.
pub(crate) fn check_text(field: &str, text: &str, min: usize, max: usize) -> Result<(), Rejection> {
    if text.contains('\0') {
        return Err(Rejection::new(field, "must not contain NUL"));
    }
    if !(min..=max).contains(&text.chars().count()) {
        let detail = format!("must have {min} to {max} characters");
        return Err(Rejection::new(field, &detail));
    }
    Ok(())
}
