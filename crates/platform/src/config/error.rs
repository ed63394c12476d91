//! Why settings are refused, in one line that names the variable.

use std::{error::Error, path::PathBuf};

use clap::error::{ContextKind, ErrorKind};

/// Why a service cannot start with the settings that it was given.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `.env` is there, but is not a list of `NAME=value`. The line is not shown: it may hold a secret.
    #[error(".env has a line that is not NAME=value")]
    DotEnvLine,
    /// `.env` is there and cannot be read.
    #[error(".env cannot be read")]
    DotEnv(#[source] dotenvy::Error),
    /// A variable is set to bytes that are no text; `.env` would silently win over it.
    #[error("{0} is set, but not to UTF-8 text")]
    NotText(String),
    /// A secret that is not there yet must not look like one that is empty on purpose.
    #[error("{0} names a file that is empty")]
    EmptyFile(String),
    /// The file that `NAME_FILE` names cannot be read.
    #[error("{variable}={path} cannot be read", path = path.display())]
    SecretFile {
        /// The variable, with its `_FILE`.
        variable: String,
        /// What it named.
        path: PathBuf,
        /// Why it could not be read.
        source: std::io::Error,
    },
    /// Variables that have no default are absent.
    #[error("not set in the environment or .env: {0}")]
    Missing(String),
    /// A value does not parse.
    #[error("{variable} has a wrong value{value}: {reason}")]
    Invalid {
        /// The variable (or the argument).
        variable: String,
        /// The value in quotes, after a blank.
        value: String,
        /// What was expected.
        reason: String,
    },
    /// A wrong command line, or a call for help; clap explains it best.
    #[error(transparent)]
    Usage(clap::Error),
}

/// Turns clap's page into the one line that an operator needs. A missing argument that is no setting keeps the page: it
/// tells how the command is called.
pub(super) fn explain(error: clap::Error, settings: &[String]) -> ConfigError {
    let names = error
        .get(ContextKind::InvalidArg)
        .map(|names| variables(&names.to_string()));
    match (error.kind(), names) {
        (ErrorKind::MissingRequiredArgument, Some(names)) if names_any(&names, settings) => {
            ConfigError::Missing(names)
        }
        (ErrorKind::InvalidValue | ErrorKind::ValueValidation, Some(variable)) => {
            let value = error
                .get(ContextKind::InvalidValue)
                .map(|value| format!(" `{value}`"));
            let reason =
                Error::source(&error).map_or_else(|| expected(&error), ToString::to_string);
            ConfigError::Invalid {
                variable,
                value: value.unwrap_or_default(),
                reason,
            }
        }
        _ => ConfigError::Usage(error),
    }
}

fn names_any(names: &str, settings: &[String]) -> bool {
    names
        .split(", ")
        .any(|name| settings.iter().any(|setting| setting == name))
}

/// What clap does not say as a cause: an empty value, or one that is not in a list.
fn expected(error: &clap::Error) -> String {
    match error.get(ContextKind::ValidValue) {
        Some(values) if !values.to_string().is_empty() => format!("it must be one of {values}"),
        _ => "it is empty".into(),
    }
}

/// `--movies-db-host <MOVIES_DB_HOST>` is known to an operator as `MOVIES_DB_HOST`.
fn variables(arguments: &str) -> String {
    let names: Vec<_> = arguments
        .split(['<', '>'])
        .filter(|part| !part.trim().is_empty() && !part.contains("--"))
        .collect();
    if names.is_empty() {
        arguments.to_owned()
    } else {
        names.join(", ")
    }
}
