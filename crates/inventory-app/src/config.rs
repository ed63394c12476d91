//! The settings of the inventory. Each is named like its variable; `--help` is their reference.

use clap::{Parser, Subcommand};
use platform::{
    config::prefixed::{Endpoint, Prefix, Prefixed},
    database, telemetry,
};

/// Movies and beers over HTTP, kept in PostgreSQL.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Config {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Where to listen.
    #[command(flatten)]
    pub listen: Prefixed<Endpoint, InventoryApp>,
    /// Where the movies and beers are.
    #[command(flatten)]
    pub database: Prefixed<database::Settings, MoviesDb>,
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
