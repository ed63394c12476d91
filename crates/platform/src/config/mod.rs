//! Settings: command line, then environment, then the nearest `.env` above the current folder.
//!
//! Each concern declares its own arguments with clap; this module only feeds them. Every variable `NAME` may be
//! replaced by `NAME_FILE`, which names a file that holds the value: so no secret has to be in an environment.
//! A wrong setting is one line that names the variable. No value of a secret is ever printed.

mod error;
mod parts;
pub mod prefixed;

use std::{error::Error, ffi::OsString, path::PathBuf};

use clap::{CommandFactory, FromArgMatches};
use secrecy::SecretString;

use crate::error::chain;
use error::explain;

pub use error::ConfigError;
pub use parts::{Parts, UnknownPart};

/// Reads the settings of a program from its command line, the environment and `.env`.
///
/// # Errors
/// [`ConfigError`], whose text is one line that names the variable.
pub fn parse<T: CommandFactory + FromArgMatches>() -> Result<T, ConfigError> {
    reject_non_utf8_env::<T>()?;
    load_dot_env()?;
    match parse_from(std::env::args_os(), |name| std::env::var_os(name)) {
        // A page for people, on the stream and with the status that clap knows best.
        Err(ConfigError::Usage(page)) => page.exit(),
        parsed => parsed,
    }
}

/// The end of `main`: the process ends here, with one line and code 1 after an error. It does not wait for threads that
/// block.
pub fn end_process<E: AsRef<dyn Error>>(result: Result<(), E>) -> ! {
    let code = match result {
        Ok(()) => 0,
        Err(error) => {
            print_last_line(error.as_ref());
            1
        }
    };
    std::process::exit(code)
}

/// In one piece: several processes may share the terminal or the log.
#[expect(
    clippy::print_stderr,
    reason = "the last word of a process goes to its terminal, logs or not"
)]
fn print_last_line(error: &(dyn Error + 'static)) {
    let line = format!("{}: {}\n", program_name(), chain(error));
    eprint!("{line}");
}

/// A clap parser for secrets: never fails, never prints.
///
/// # Errors
/// None; the signature is clap's.
pub fn secret(value: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(value))
}

fn program_name() -> String {
    let path = std::env::args_os()
        .next()
        .map(PathBuf::from)
        .unwrap_or_default();
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn load_dot_env() -> Result<(), ConfigError> {
    match dotenvy::dotenv() {
        Err(error) if error.not_found() => Ok(()),
        Err(dotenvy::Error::LineParse(..)) => Err(ConfigError::DotEnvLine),
        Err(error) => Err(ConfigError::DotEnv(error)),
        Ok(_) => Ok(()),
    }
}

fn reject_non_utf8_env<T: CommandFactory>() -> Result<(), ConfigError> {
    let command = T::command();
    let mut names = command
        .get_arguments()
        .filter_map(|arg| arg.get_env()?.to_str());
    let is_not_utf8 =
        |name: &&str| std::env::var_os(name).is_some_and(|value| value.to_str().is_none());
    names
        .find(is_not_utf8)
        .map_or(Ok(()), |name| Err(ConfigError::NotText(name.to_owned())))
}

fn parse_from<T: CommandFactory + FromArgMatches>(
    args: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<T, ConfigError> {
    let command = with_files(T::command(), &environment)?;
    let settings: Vec<_> = command
        .get_arguments()
        .filter_map(|arg| Some(arg.get_env()?.to_str()?.to_owned()))
        .collect();
    let explain = |error| explain(error, &settings);
    let mut matches = command.try_get_matches_from(args).map_err(explain)?;
    T::from_arg_matches_mut(&mut matches).map_err(explain)
}

/// Where `NAME_FILE` is set, the argument takes the file's content instead of `NAME`.
fn with_files(
    mut command: clap::Command,
    environment: &impl Fn(&str) -> Option<OsString>,
) -> Result<clap::Command, ConfigError> {
    let named: Vec<_> = command
        .get_arguments()
        .filter_map(|arg| Some((arg.get_id().clone(), arg.get_env()?.to_str()?.to_owned())))
        .collect();
    for (id, name) in named {
        let variable = format!("{name}_FILE");
        if let Some(path) = environment(&variable).filter(|path| !path.is_empty()) {
            let content = read_secret(variable, path.into())?;
            command = command.mut_arg(id, |arg| {
                arg.env(None::<&str>)
                    .default_value(content)
                    .hide_default_value(true)
                    .required(false)
            });
        }
    }
    Ok(command)
}

fn read_secret(variable: String, path: PathBuf) -> Result<String, ConfigError> {
    match std::fs::read_to_string(&path) {
        Ok(content) if content.trim().is_empty() => Err(ConfigError::EmptyFile(variable)),
        Ok(content) => Ok(content.trim_end_matches(['\r', '\n']).to_owned()),
        Err(source) => Err(ConfigError::SecretFile {
            variable,
            path,
            source,
        }),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[derive(Debug, clap::Parser)]
    struct Sample {
        #[arg(long, env = "SAMPLE_PORT_OF_TEST", default_value = "1")]
        sample_port_of_test: u16,
        #[arg(long, env = "SAMPLE_PASSWORD_OF_TEST", hide_env_values = true, value_parser = secret)]
        sample_password_of_test: SecretString,
    }

    fn sample(args: &[&str], file: Option<&std::path::Path>) -> Result<Sample, ConfigError> {
        let args = std::iter::once("sample")
            .chain(args.iter().copied())
            .map(OsString::from);
        parse_from(args, |name| {
            (name == "SAMPLE_PASSWORD_OF_TEST_FILE")
                .then(|| file.map(Into::into))
                .flatten()
        })
    }

    #[test]
    fn a_missing_variable_is_named_in_one_line() {
        let error = sample(&[], None).unwrap_err().to_string();
        assert_eq!(
            error,
            "not set in the environment or .env: SAMPLE_PASSWORD_OF_TEST"
        );
    }

    /// It is not a setting, so no variable would help.
    #[test]
    fn a_missing_argument_is_told_with_the_usage() {
        #[derive(Debug, clap::Parser)]
        struct Import {
            file: String,
        }
        let error = parse_from::<Import>(["import".into()], |_| None).unwrap_err();
        assert!(matches!(error, ConfigError::Usage(_)), "{error}");
    }

    #[test]
    fn a_wrong_value_names_variable_value_and_reason() {
        let error = sample(&["--sample-port-of-test", "x"], None)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "SAMPLE_PORT_OF_TEST has a wrong value `x`: invalid digit found in string"
        );
    }

    #[test]
    fn a_secret_comes_from_its_file_and_never_prints() {
        let path = std::env::temp_dir().join(format!("secret-{}", uuid::Uuid::new_v4()));
        std::fs::write(&path, "s3cret\n").unwrap();
        let settings = sample(&[], Some(&path)).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(settings.sample_password_of_test.expose_secret(), "s3cret");
        assert!(!format!("{settings:?}").contains("s3cret"));
    }

    #[test]
    fn an_unreadable_secret_file_is_named() {
        let error = sample(&[], Some(std::path::Path::new("/does/not/exist")))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("SAMPLE_PASSWORD_OF_TEST_FILE=/does/not/exist cannot be read"),
            "{error}"
        );
    }
}
