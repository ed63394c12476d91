//! The settings of the gateway. Each is named like its variable; `--help` is their reference.

use clap::{Parser, Subcommand, builder::NonEmptyStringValueParser};
use platform::{config::secret, telemetry};
use secrecy::SecretString;

/// The one door: routes, forwards, publishes, and refuses what is malformed.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Config {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Address to listen on.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub api_gateway_host: String,
    /// Port to listen on.
    #[arg(long, env)]
    pub api_gateway_port: u16,
    /// Where the inventory is.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub inventory_app_host: String,
    /// Its port.
    #[arg(long, env)]
    pub inventory_app_port: u16,
    /// Where the billing is.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub billing_app_host: String,
    /// Its port.
    #[arg(long, env)]
    pub billing_app_port: u16,
    /// The operator's token; empty leaves the operator's routes open.
    #[arg(long, env, default_value = "", hide_env_values = true, value_parser = secret)]
    pub operator_token: SecretString,
    /// Where RabbitMQ is.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub amqp_host: String,
    /// Its port.
    #[arg(long, env)]
    pub amqp_port: u16,
    /// Its virtual host.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub amqp_vhost: String,
    /// Who we are to it: a user that may only publish.
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub gateway_amqp_user: String,
    /// Password of that user.
    #[arg(long, env, hide_env_values = true, value_parser = secret)]
    pub gateway_amqp_password: SecretString,
    /// How to log.
    #[command(flatten)]
    pub telemetry: telemetry::Args,
}

/// What the program can do.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Command {
    /// Serve HTTP until a signal.
    Serve,
    /// Print the OpenAPI document of what the gateway answers itself.
    Openapi,
}

impl Config {
    /// Where the broker is.
    #[must_use]
    pub fn broker(&self) -> broker::Settings {
        broker::Settings {
            variables: "GATEWAY_AMQP",
            host: self.amqp_host.clone(),
            port: self.amqp_port,
            vhost: self.amqp_vhost.clone(),
            user: self.gateway_amqp_user.clone(),
            password: self.gateway_amqp_password.clone(),
        }
    }
}
