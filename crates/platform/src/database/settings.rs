//! Where a database is, and how many connections to it a service keeps.

use std::num::NonZeroU32;

use clap::{ArgMatches, Command, value_parser};
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
        let pool = argument(&name("POOL"), format!("The most connections to {about}"));
        command
            .arg(text(&name("HOST"), format!("Host of {about}")))
            .arg(port(&name("PORT"), format!("Port of {about}")))
            .arg(text(&name("NAME"), format!("Name of {about}")))
            .arg(text(&name("USER"), format!("Role that owns {about}")))
            .arg(secret(&name("PASSWORD"), "Password of the role".into()))
            .arg(
                pool.value_parser(value_parser!(NonZeroU32))
                    .required(false)
                    .default_value(default_pool().to_string()),
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
            pool: take::<NonZeroU32>(matches, &name("POOL"))?.get(),
        })
    }
}

/// Fits the machine.
#[must_use]
pub fn default_pool() -> u32 {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpus = u32::try_from(cpus).unwrap_or(1);
    (POOL_PER_CPU * cpus).clamp(POOL_MIN, POOL_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

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
