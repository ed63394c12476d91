#![doc = include_str!("../README.md")]

pub mod config;
pub mod movies;
mod schema;

use std::time::Duration;

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

/// Connections to the database: movies are single quick statements, and the machine has few cores.
const POOL_SIZE: u32 = 10;

/// How long a start waits for a database that is still starting.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the handlers share.
#[derive(Clone)]
pub struct App {
    /// The movies' database.
    pub database: Database,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "crud-master inventory", description = "Movies, kept in PostgreSQL."),
    tags((name = "movies", description = "The inventory of movies"))
)]
struct Api;

/// Every route of the inventory, and its document.
pub fn routes() -> (axum::Router<App>, Document) {
    let (routes, document) = OpenApiRouter::with_openapi(Api::openapi())
        .merge(movies::router())
        .split_for_parts();
    (routes, openapi::complete(document))
}

/// Does what the command line says.
///
/// # Errors
/// When the database or the address cannot be had; the text names what.
pub async fn run(config: Config) -> anyhow::Result<()> {
    match config.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(config).await,
        Command::Migrate => Ok(database::migrate(&config.database(), MIGRATIONS).await?),
        Command::Openapi => Ok(openapi::print(&routes().1)?),
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
    let health = Health::default().with("database", app.database.checker());
    let address = Address {
        variables: "INVENTORY_APP",
        host: &config.inventory_app_host,
        port: config.inventory_app_port,
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
