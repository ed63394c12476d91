//! The settings of the billing. Each is named like its variable; `--help` is their reference.

use broker::dead_letters;
use clap::{Parser, Subcommand};
use platform::{
    config::{
        Parts,
        prefixed::{Endpoint, Prefix, Prefixed},
    },
    database, telemetry,
};

use crate::events;

/// Payments from the queue, kept in PostgreSQL, each exactly once.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Config {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Where to listen.
    #[command(flatten)]
    pub listen: Prefixed<Endpoint, BillingApp>,
    /// Where the inventory is.
    #[command(flatten)]
    pub inventory: Prefixed<Endpoint, InventoryApp>,
    /// Where the payments and orders are.
    #[command(flatten)]
    pub database: Prefixed<database::Settings, OrdersDb>,
    /// Where the messages are.
    #[command(flatten)]
    pub broker: Prefixed<broker::Settings, BillingAmqp>,
    /// How to log.
    #[command(flatten)]
    pub telemetry: telemetry::Args,
}

/// `BILLING_APP_...`
#[derive(Debug, Clone, Copy)]
pub struct BillingApp;

impl Prefix for BillingApp {
    const PREFIX: &'static str = "BILLING_APP";
    const ABOUT: &'static str = "the billing";
}

/// `INVENTORY_APP_...`
#[derive(Debug, Clone, Copy)]
pub struct InventoryApp;

impl Prefix for InventoryApp {
    const PREFIX: &'static str = "INVENTORY_APP";
    const ABOUT: &'static str = "the inventory";
}

/// `ORDERS_DB_...`
#[derive(Debug, Clone, Copy)]
pub struct OrdersDb;

impl Prefix for OrdersDb {
    const PREFIX: &'static str = "ORDERS_DB";
    const ABOUT: &'static str = "the billing's database";
}

/// `BILLING_AMQP_...`
#[derive(Debug, Clone, Copy)]
pub struct BillingAmqp;

impl Prefix for BillingAmqp {
    const PREFIX: &'static str = "BILLING_AMQP";
    const ABOUT: &'static str = "The billing's user";
}

/// What the program can do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Migrate the database, then consume and serve HTTP until a signal.
    Serve(Parts),
    /// Migrate the database.
    Migrate,
    /// Print the OpenAPI document.
    Openapi,
    /// Add believable events, for a measurement: the same ones for the same seed.
    GenerateEvents(events::Command),
    /// Look at the messages that could not be processed, and decide what becomes of them.
    DeadLetters(dead_letters::Command),
}
