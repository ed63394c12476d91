#![doc = include_str!("../README.md")]

pub mod beers;
pub mod config;
pub mod movies;
mod schema;
mod search;

use std::time::Duration;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use platform::{
    database::{Database, migrate, migrate_when_ready},
    health::Health,
    http, openapi,
    runtime::{self, Running, Runtime},
};
use utoipa::{OpenApi, openapi::OpenApi as Document};
use utoipa_axum::router::OpenApiRouter;

use config::{Command, Config};

/// The history of the schema.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// How long a start waits for a database that is still starting.
const DATABASE_LIMIT: Duration = Duration::from_secs(30);

/// What the handlers share.
#[derive(Clone)]
pub struct App {
    /// The database of movies and beers.
    pub database: Database,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "crud-master inventory", description = "Movies and beers, kept in PostgreSQL."),
    tags(
        (name = "movies", description = "The inventory of movies"),
        (name = "beers", description = "The inventory of beers, with their prices")
    )
)]
struct Api;

/// Every route of the inventory, and its document.
pub fn routes() -> (axum::Router<App>, Document) {
    let (routes, document) = OpenApiRouter::with_openapi(Api::openapi())
        .merge(movies::router())
        .merge(beers::router())
        .split_for_parts();
    (routes, openapi::complete(document))
}

/// Does what the command line says.
///
/// # Errors
/// When the database or the address cannot be had; the text names what.
pub async fn run(config: Config) -> anyhow::Result<()> {
    match config.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            let runtime = Runtime::start(&config.telemetry)?;
            runtime::serve(start(&config, runtime).await).await
        }
        Command::Migrate => Ok(migrate(&config.database, MIGRATIONS).await?),
        Command::Openapi => Ok(openapi::print(&routes().1)?),
    }
}

/// Starts the service; it runs until the returned value is stopped, or a signal comes.
///
/// # Errors
/// When the database or the address cannot be had; the text names what.
pub async fn start(config: &Config, runtime: Runtime) -> anyhow::Result<Running> {
    let app = App {
        database: Database::new(&config.database),
    };
    let bound = runtime.bind(&config.listen).await?;
    let migrating = migrate_when_ready(&config.database, || MIGRATIONS, DATABASE_LIMIT);
    bound.prepare(migrating).await?;
    let health = Health::default().with("database", app.database.checker());
    let routes = routes().0.with_state(app);
    Ok(bound.run(routes, health, http::Options::default()).await?)
}
