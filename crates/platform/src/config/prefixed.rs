//! Settings that several services have under names of their own: `MOVIES_DB_HOST`, `ORDERS_DB_HOST`.
//!
//! The type that uses the settings declares and reads them ([`Variables`]); a service says only what they begin with
//! ([`Prefix`]) and flattens [`Prefixed`] into its arguments.

use std::{fmt, marker::PhantomData, ops::Deref};

use clap::{
    Arg, ArgMatches, Command, FromArgMatches, builder::NonEmptyStringValueParser, value_parser,
};

/// What the variables of some settings begin with.
pub trait Prefix {
    /// In capitals, without the last underscore: `MOVIES_DB`.
    const PREFIX: &'static str;
    /// What they are about, for `--help`: `the inventory's database`.
    const ABOUT: &'static str;
}

/// Settings that can be read from arguments and environment.
pub trait Variables: Sized {
    /// Adds the arguments.
    fn declare(command: Command, prefix: &'static str, about: &str) -> Command;

    /// Reads them again.
    ///
    /// # Errors
    /// When one of them is missing.
    fn read(matches: &mut ArgMatches, prefix: &'static str) -> Result<Self, clap::Error>;
}

/// Settings of the type `T` whose variables begin as `P` says.
pub struct Prefixed<T, P> {
    settings: T,
    prefix: PhantomData<fn() -> P>,
}

impl<T, P> Deref for Prefixed<T, P> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.settings
    }
}

impl<T: fmt::Debug, P> fmt::Debug for Prefixed<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

impl<T: Variables, P: Prefix> clap::Args for Prefixed<T, P> {
    fn augment_args(command: Command) -> Command {
        T::declare(command, P::PREFIX, P::ABOUT)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<T: Variables, P: Prefix> FromArgMatches for Prefixed<T, P> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        let settings = T::read(matches, P::PREFIX)?;
        Ok(Self {
            settings,
            prefix: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// A required argument for the variable `name`; its value must not be empty.
#[must_use]
pub fn text(name: &str, help: String) -> Arg {
    argument(name, help).value_parser(NonEmptyStringValueParser::new())
}

/// A required argument for a TCP port.
#[must_use]
pub fn port(name: &str, help: String) -> Arg {
    argument(name, help).value_parser(value_parser!(u16))
}

/// A required argument for a secret, which no help shows.
#[must_use]
pub fn secret(name: &str, help: String) -> Arg {
    argument(name, help)
        .hide_env_values(true)
        .value_parser(super::secret)
}

/// The argument that goes with a variable: `--movies-db-host` with `MOVIES_DB_HOST`.
#[must_use]
pub fn argument(name: &str, help: String) -> Arg {
    Arg::new(name.to_owned())
        .long(name.to_lowercase().replace('_', "-"))
        .env(name.to_owned())
        .required(true)
        .help(help)
}

/// Takes the value of a required argument.
///
/// # Errors
/// When it is missing, which clap has prevented.
pub fn take<T: Clone + Send + Sync + 'static>(
    matches: &mut ArgMatches,
    name: &str,
) -> Result<T, clap::Error> {
    matches
        .remove_one(name)
        .ok_or_else(|| clap::Error::new(clap::error::ErrorKind::MissingRequiredArgument))
}

/// A host and a port: where a service listens, and where the others find it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// What its variables begin with, for messages: `API_GATEWAY`.
    pub variables: &'static str,
    /// Host name or address.
    pub host: String,
    /// TCP port; 0 takes any that is free.
    pub port: u16,
}

impl Variables for Endpoint {
    fn declare(command: Command, prefix: &'static str, about: &str) -> Command {
        command
            .arg(text(&format!("{prefix}_HOST"), format!("Host of {about}")))
            .arg(port(&format!("{prefix}_PORT"), format!("Port of {about}")))
    }

    fn read(matches: &mut ArgMatches, prefix: &'static str) -> Result<Self, clap::Error> {
        Ok(Self {
            variables: prefix,
            host: take(matches, &format!("{prefix}_HOST"))?,
            port: take(matches, &format!("{prefix}_PORT"))?,
        })
    }
}
