//! Where a database is, and how many connections to it a service keeps.

use std::num::{NonZeroU32, ParseIntError};

use clap::{ArgMatches, Command};
use secrecy::SecretString;

use crate::config::prefixed::{Variables, argument, port, secret, take, text};

/// Connections for each CPU, when nothing else is set. Queries are short: more would only wait for the same CPUs.
const POOL_PER_CPU: u32 = 4;

/// The largest one: PostgreSQL takes 100 connections unless it is told otherwise, and other processes need some.
const POOL_MAX: u32 = 32;

/// The smallest pool that is chosen by itself: a few slow queries must not keep all others waiting.
const POOL_MIN: u32 = 8;

/// Where a database is. `Debug` shows no password.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the variables of these settings begin with, for messages: `MOVIES_DB`.
    pub variables: &'static str,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Name of the database.
    pub name: String,
    /// Role.
    pub user: String,
    /// The role's password.
    pub password: SecretString,
    /// The most connections at once. With more the server is busier, with less requests wait for one another.
    pub pool: u32,
}

impl Variables for Settings {
    fn declare(command: Command, prefix: &'static str, about: &str) -> Command {
        let name = |suffix: &str| format!("{prefix}_{suffix}");
        let pool = argument(
            &name("POOL"),
            format!("The most connections to {about}; empty: four for each CPU"),
        );
        command
            .arg(text(&name("HOST"), format!("Host of {about}")))
            .arg(port(&name("PORT"), format!("Port of {about}")))
            .arg(text(&name("NAME"), format!("Name of {about}")))
            .arg(text(&name("USER"), format!("Role that owns {about}")))
            .arg(secret(&name("PASSWORD"), "Password of the role".into()))
            .arg(
                pool.value_parser(pool_size)
                    .required(false)
                    .default_value(""),
            )
    }

    fn read(matches: &mut ArgMatches, prefix: &'static str) -> Result<Self, clap::Error> {
        let name = |suffix: &str| format!("{prefix}_{suffix}");
        Ok(Self {
            variables: prefix,
            host: take(matches, &name("HOST"))?,
            port: take(matches, &name("PORT"))?,
            name: take(matches, &name("NAME"))?,
            user: take(matches, &name("USER"))?,
            password: take(matches, &name("PASSWORD"))?,
            pool: take(matches, &name("POOL"))?,
        })
    }
}

/// A number of connections; nothing stands for what fits the machine.
fn pool_size(text: &str) -> Result<u32, ParseIntError> {
    if text.is_empty() {
        return Ok(default_pool());
    }
    text.parse().map(NonZeroU32::get)
}

fn default_pool() -> u32 {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpus = u32::try_from(cpus).unwrap_or(1);
    (POOL_PER_CPU * cpus).clamp(POOL_MIN, POOL_MAX)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_a_number_or_what_fits_the_machine() {
        assert_eq!(pool_size("3"), Ok(3));
        assert!((POOL_MIN..=POOL_MAX).contains(&pool_size("").unwrap()));
        assert!(pool_size("0").is_err() && pool_size("x").is_err());
    }

    #[test]
    fn a_password_never_prints() {
        let settings = Settings {
            variables: "X_DB",
            host: "db".into(),
            port: 1,
            name: "x".into(),
            user: "u".into(),
            password: "s3cret".into(),
            pool: 1,
        };
        assert!(!format!("{settings:?}").contains("s3cret"));
    }
}
