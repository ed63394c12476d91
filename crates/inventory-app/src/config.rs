//! The settings of the inventory. Each is named like its variable; `--help` is their reference.

use std::path::PathBuf;

use broker::dead_letters;
use clap::{Parser, Subcommand};
use platform::{
    config::{
        Parts,
        prefixed::{Endpoint, Prefix, Prefixed},
    },
    database, telemetry,
};

/// Movies, beers, bikes and trips over HTTP; locations of bikes from queues; kept in PostgreSQL.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Config {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Where to listen.
    #[command(flatten)]
    pub listen: Prefixed<Endpoint, InventoryApp>,
    /// Where all of it is kept.
    #[command(flatten)]
    pub database: Prefixed<database::Settings, MoviesDb>,
    /// Where the messages are.
    #[command(flatten)]
    pub broker: Prefixed<broker::Settings, InventoryAmqp>,
    /// How to log.
    #[command(flatten)]
    pub telemetry: telemetry::Args,
}

/// `INVENTORY_APP_...`
#[derive(Debug, Clone, Copy)]
pub struct InventoryApp;

impl Prefix for InventoryApp {
    const PREFIX: &'static str = "INVENTORY_APP";
    const ABOUT: &'static str = "the inventory";
}

/// `MOVIES_DB_...`
#[derive(Debug, Clone, Copy)]
pub struct MoviesDb;

impl Prefix for MoviesDb {
    const PREFIX: &'static str = "MOVIES_DB";
    const ABOUT: &'static str = "the inventory's database";
}

/// `INVENTORY_AMQP_...`
#[derive(Debug, Clone, Copy)]
pub struct InventoryAmqp;

impl Prefix for InventoryAmqp {
    const PREFIX: &'static str = "INVENTORY_AMQP";
    const ABOUT: &'static str = "The inventory's user";
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
    /// Look at the messages that could not be processed, and decide what becomes of them.
    DeadLetters(dead_letters::Command),
    /// Add the bikes of a file that are not there yet.
    ///
    /// Migrates the database first. What is wrong is told with its place, counted from 0, and skipped; a bike whose id is
    /// there is left as it is. Ends with 0 when all bikes are there, and with 1 when some were wrong, or the file or the
    /// database failed: what is right can be imported again.
    ImportBikes {
        /// A JSON array of bikes: {"id", "location", "status"?}, or as MongoDB exports them.
        file: PathBuf,
    },
}
