//! The settings of the gateway. Each is named like its variable; `--help` is their reference.

use clap::{
    Parser, Subcommand,
    builder::{NonEmptyStringValueParser, TypedValueParser},
};
use platform::{
    config::{
        prefixed::{Endpoint, Prefix, Prefixed},
        secret,
    },
    http::Limits,
    telemetry,
};
use secrecy::SecretString;

use crate::{LIMITS, proxy::Waits, rates::Allowances};

/// The one door: routes, forwards, publishes, and refuses what is malformed.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Config {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Where to listen.
    #[command(flatten)]
    pub listen: Prefixed<Endpoint, ApiGateway>,
    /// Where the inventory is.
    #[command(flatten)]
    pub inventory: Prefixed<Endpoint, InventoryApp>,
    /// Where the billing is.
    #[command(flatten)]
    pub billing: Prefixed<Endpoint, BillingApp>,
    /// The operator's token; empty makes every caller without a token the operator.
    #[arg(long, env, default_value = "", hide_env_values = true, value_parser = secret)]
    pub operator_token: SecretString,
    /// The key of the ids that come from an Idempotency-Key: the same on all gateways, and unknown to clients.
    #[arg(long, env, hide_env_values = true,
        value_parser = NonEmptyStringValueParser::new().map(SecretString::from))]
    pub idempotency_secret: SecretString,
    /// Where messages go.
    #[command(flatten)]
    pub broker: Prefixed<broker::Settings, GatewayAmqp>,
    /// How to log.
    #[command(flatten)]
    pub telemetry: telemetry::Args,
    /// How long the parties may take; no setting of an operator.
    #[arg(skip)]
    pub waits: Waits,
    /// The bounds of the server; no setting of an operator.
    #[arg(skip = LIMITS)]
    pub limits: Limits,
    /// What one client may do; no setting of an operator.
    #[arg(skip)]
    pub allowances: Allowances,
}

/// `API_GATEWAY_...`
#[derive(Debug, Clone, Copy)]
pub struct ApiGateway;

impl Prefix for ApiGateway {
    const PREFIX: &'static str = "API_GATEWAY";
    const ABOUT: &'static str = "the gateway";
}

/// `INVENTORY_APP_...`
#[derive(Debug, Clone, Copy)]
pub struct InventoryApp;

impl Prefix for InventoryApp {
    const PREFIX: &'static str = "INVENTORY_APP";
    const ABOUT: &'static str = "the inventory";
}

/// `BILLING_APP_...`
#[derive(Debug, Clone, Copy)]
pub struct BillingApp;

impl Prefix for BillingApp {
    const PREFIX: &'static str = "BILLING_APP";
    const ABOUT: &'static str = "the billing";
}

/// `GATEWAY_AMQP_...`
#[derive(Debug, Clone, Copy)]
pub struct GatewayAmqp;

impl Prefix for GatewayAmqp {
    const PREFIX: &'static str = "GATEWAY_AMQP";
    const ABOUT: &'static str = "The gateway's user, which may only publish,";
}

/// What the program can do.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Command {
    /// Serve HTTP until a signal.
    Serve,
    /// Print the OpenAPI document of what the gateway answers itself.
    Openapi {
        /// Print the document of all routes instead, as it is served while there is an operator's token.
        #[arg(long)]
        merged: bool,
    },
}
