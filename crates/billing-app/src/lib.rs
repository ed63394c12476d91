#![doc = include_str!("../README.md")]

pub mod config;
pub mod payments;
mod schema;

use std::{future::ready, sync::Arc, time::Duration};

use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use platform::{
    database::{self, Database},
    health::Health,
    http, openapi,
    runtime::{Address, Runtime},
};
use utoipa::{OpenApi, openapi::OpenApi as Document};
use utoipa_axum::router::OpenApiRouter;

use config::{Command, Config};

/// The history of the schema.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// Connections to the database: one for the batches, the rest for readers.
const POOL_SIZE: u32 = 8;

/// How long a start waits for a database that is still starting.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the handlers and the consumers share.
#[derive(Clone)]
pub struct App {
    /// The payments' database.
    pub database: Database,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "crud-master billing", description = "Payments, kept in PostgreSQL."),
    tags((name = "payments", description = "Payments: queued by the gateway, recorded by the billing"))
)]
struct Api;

/// Every route of the billing, and its document.
pub fn routes() -> (axum::Router<App>, Document) {
    let (routes, document) = OpenApiRouter::with_openapi(Api::openapi())
        .merge(payments::router())
        .split_for_parts();
    (routes, openapi::complete(document))
}

/// Does what the command line says.
///
/// # Errors
/// When the database, the broker or the address cannot be had; the text names what.
pub async fn run(config: Config) -> anyhow::Result<()> {
    match config.command.clone().unwrap_or(Command::Serve) {
        Command::Serve => serve(config).await,
        Command::Migrate => Ok(database::migrate(&config.database(), MIGRATIONS).await?),
        Command::Openapi => Ok(openapi::print(&routes().1)?),
        Command::DeadLetters(command) => {
            payments::dead_letters::run(command, config.broker()).await
        }
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let runtime = Runtime::start(&config.telemetry)?;
    let settings = config.database();
    let migrating = database::migrate_when_ready(&settings, || MIGRATIONS, PATIENCE);
    let Some(migrated) = runtime.intake.stop.run_until_cancelled(migrating).await else {
        return Ok(());
    };
    migrated?;
    let app = App {
        database: Database::new(&settings, POOL_SIZE),
    };
    let recording = Arc::new(payments::record(
        app.database.clone(),
        &config.broker(),
        &runtime.intake,
        &runtime.output,
    ));
    let progress = Arc::clone(&recording);
    let health = Health::default()
        .with("database", app.database.checker())
        .with("broker", move || ready(recording.broker()))
        .with("payments", move || ready(progress.progress()));
    let address = Address {
        variables: "BILLING_APP",
        host: &config.billing_app_host,
        port: config.billing_app_port,
    };
    let (routes, _) = routes();
    Ok(runtime
        .serve(
            address,
            routes.with_state(app),
            health,
            http::Limits::default(),
        )
        .await?)
}
