//! The settings of the billing. Each is named like its variable; `--help` is their reference.

use clap::{Parser, Subcommand, builder::NonEmptyStringValueParser};
use platform::{config::secret, database, telemetry};
use secrecy::SecretString;

use crate::payments::dead_letters;

/// Payments from the queue, kept in PostgreSQL, each exactly once.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Config {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Address to listen on.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub billing_app_host: String,
    /// Port to listen on.
    #[arg(long, env)]
    pub billing_app_port: u16,
    /// Host of the database.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub orders_db_host: String,
    /// Port of the database.
    #[arg(long, env)]
    pub orders_db_port: u16,
    /// Name of the database.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub orders_db_name: String,
    /// Role that owns the database.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub orders_db_user: String,
    /// Password of the role.
    #[arg(long, env, hide_env_values = true, value_parser = secret)]
    pub orders_db_password: SecretString,
    /// Host of the broker.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub amqp_host: String,
    /// Port of the broker.
    #[arg(long, env)]
    pub amqp_port: u16,
    /// Virtual host, as the broker names it.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub amqp_vhost: String,
    /// The billing's user at the broker.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub billing_amqp_user: String,
    /// Password of the user.
    #[arg(long, env, hide_env_values = true, value_parser = secret)]
    pub billing_amqp_password: SecretString,
    /// How to log.
    #[command(flatten)]
    pub telemetry: telemetry::Args,
}

/// What the program can do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Migrate the database, then consume and serve HTTP until a signal.
    Serve,
    /// Migrate the database.
    Migrate,
    /// Print the OpenAPI document.
    Openapi,
    /// Look at the messages that could not be processed, and decide what becomes of them.
    #[command(subcommand)]
    DeadLetters(dead_letters::Command),
}

impl Config {
    /// Where the payments are.
    #[must_use]
    pub fn database(&self) -> database::Settings {
        database::Settings {
            variables: "ORDERS_DB",
            host: self.orders_db_host.clone(),
            port: self.orders_db_port,
            name: self.orders_db_name.clone(),
            user: self.orders_db_user.clone(),
            password: self.orders_db_password.clone(),
        }
    }

    /// Where the messages are.
    #[must_use]
    pub fn broker(&self) -> broker::Settings {
        broker::Settings {
            variables: "BILLING_AMQP",
            host: self.amqp_host.clone(),
            port: self.amqp_port,
            vhost: self.amqp_vhost.clone(),
            user: self.billing_amqp_user.clone(),
            password: self.billing_amqp_password.clone(),
        }
    }
}
