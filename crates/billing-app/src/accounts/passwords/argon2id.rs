//! One hash of a password with argon2id, in memory that is used again.

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        phc::{Output, ParamsString, PasswordHash, Salt},
        try_generate_salt,
    },
};
use secrecy::{ExposeSecret, SecretString};

use super::PasswordError;

pub(super) use argon2::password_hash::Error;

/// What a hash costs: one of the equally strong choices of OWASP's cheat sheet.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What a hash works on; it grows to what the first hash needs.
pub(super) type Memory = Vec<Block>;

/// The hash of a new password, as a PHC string with its salt and cost.
pub(super) fn hash(password: &SecretString, memory: &mut Memory) -> Result<String, PasswordError> {
    new_hash(password, memory).map_err(PasswordError::Hash)
}

/// Whether `password` is the one that was hashed, at the cost that its hash names.
pub(super) fn matches(
    password: &SecretString,
    hashed: &str,
    memory: &mut Memory,
) -> Result<bool, PasswordError> {
    same(password, hashed, memory).map_err(PasswordError::Hash)
}

fn new_hash(password: &SecretString, memory: &mut Memory) -> Result<String, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    let salt = Salt::new(&try_generate_salt()?)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params)?,
        salt: Some(salt),
        hash: Some(output(password, &salt, params, memory)?),
    };
    Ok(hash.to_string())
}

/// Compared in constant time, as `Output` is.
fn same(password: &SecretString, hashed: &str, memory: &mut Memory) -> Result<bool, Error> {
    let hashed = PasswordHash::new(hashed)?;
    let salt = hashed.salt.ok_or(Error::SaltInvalid)?;
    let computed = output(password, &salt, Params::try_from(&hashed)?, memory)?;
    Ok(hashed.hash.is_some_and(|hash| hash == computed))
}

fn output(
    password: &SecretString,
    salt: &Salt,
    params: Params,
    memory: &mut Memory,
) -> Result<Output, Error> {
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    memory.resize(params.block_count(), Block::default());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let password = password.expose_secret().as_bytes();
    let mut out = vec![0; length];
    argon2.hash_password_into_with_memory(password, salt, &mut out, memory)?;
    Ok(Output::new(&out)?)
}
