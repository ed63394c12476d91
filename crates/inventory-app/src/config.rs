//! The settings of the inventory. Each is named like its variable; `--help` is their reference.

use clap::{Parser, Subcommand, builder::NonEmptyStringValueParser};
use platform::{config::secret, database, telemetry};
use secrecy::SecretString;

/// Movies over HTTP, kept in PostgreSQL.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Config {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Address to listen on.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub inventory_app_host: String,
    /// Port to listen on.
    #[arg(long, env)]
    pub inventory_app_port: u16,
    /// Host of the database.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub movies_db_host: String,
    /// Port of the database.
    #[arg(long, env)]
    pub movies_db_port: u16,
    /// Name of the database.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub movies_db_name: String,
    /// Role that owns the database.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub movies_db_user: String,
    /// Password of the role.
    #[arg(long, env, hide_env_values = true, value_parser = secret)]
    pub movies_db_password: SecretString,
    /// How to log.
    #[command(flatten)]
    pub telemetry: telemetry::Args,
}

/// What the program can do.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Command {
    /// Migrate the database, then serve HTTP until a signal.
    Serve,
    /// Migrate the database.
    Migrate,
    /// Print the OpenAPI document.
    Openapi,
}

impl Config {
    /// Where the movies are.
    #[must_use]
    pub fn database(&self) -> database::Settings {
        database::Settings {
            variables: "MOVIES_DB",
            host: self.movies_db_host.clone(),
            port: self.movies_db_port,
            name: self.movies_db_name.clone(),
            user: self.movies_db_user.clone(),
            password: self.movies_db_password.clone(),
        }
    }
}
