//! The tokens of users: 256 random bits, shown once. Only their SHA-256 is kept.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// What a token is known by. It is as secret as nothing: a token cannot be computed from it.
pub(super) type TokenHash = [u8; 32];

/// A new token.
///
/// # Errors
/// When the system has no random bits.
pub(super) fn draw() -> Result<SecretString, getrandom::Error> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits)?;
    Ok(URL_SAFE_NO_PAD.encode(bits).into())
}

/// What `token` is known by; any text has one.
pub(super) fn hash(token: &SecretString) -> TokenHash {
    Sha256::digest(token.expose_secret()).into()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_256_bits_of_its_own_and_fits_into_a_header() {
        let [one, other] = [(); 2].map(|()| draw().unwrap());
        assert_ne!(one.expose_secret(), other.expose_secret());
        let text = one.expose_secret();
        assert_eq!(URL_SAFE_NO_PAD.decode(text).unwrap().len(), 32);
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
        assert_eq!(hash(&one), hash(&one.clone()));
        assert_ne!(hash(&one), hash(&other));
    }
}
