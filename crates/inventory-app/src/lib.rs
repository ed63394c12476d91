#![doc = include_str!("../README.md")]

pub mod beers;
pub mod bikes;
pub mod config;
pub mod movies;
mod place;
mod schema;
mod search;
mod segment;
pub mod trips;
mod visible;

use std::{fs::File, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use broker::{Broker, Consumers};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use messages::topology::Service;
use platform::{
    config::Parts,
    database::{self, BatchedReads, Database, migrate, migrate_when_ready},
    health::Health,
    http, openapi,
    runtime::{self, Bound, Running, Runtime},
};
use tokio::time::timeout;
use utoipa::{OpenApi, openapi::OpenApi as Document};
use utoipa_axum::router::OpenApiRouter;

use beers::Beer;
use bikes::{
    Bike,
    feed::{self, Feed},
};
use config::{Command, Config};
use movies::Movie;

/// The history of the schema.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// How long a start waits for a database that is still starting.
const DATABASE_LIMIT: Duration = Duration::from_secs(30);

/// A batch may take longer than a reader would wait: only the queue waits.
const BATCH_LIMIT: Duration = Duration::from_secs(4);

/// The most connections of the consumers.
const BACKGROUND_POOL: u32 = 4;

/// What the handlers share.
pub type App = Arc<Shared>;

/// See [`App`].
pub struct Shared {
    /// The database of all contexts, by a pool that is for HTTP alone: a batch that takes long keeps no request waiting.
    pub database: Database,
    /// Where bikes are now.
    pub feed: Feed,
    movies: BatchedReads<Movie>,
    beers: BatchedReads<Beer>,
    bikes: BatchedReads<Bike>,
}

impl Shared {
    fn new(database: Database, feed: Feed) -> Self {
        Self {
            movies: BatchedReads::new(&database),
            beers: BatchedReads::new(&database),
            bikes: BatchedReads::new(&database),
            database,
            feed,
        }
    }
}

/// How the inventory is bounded. These are constants of the program; tests change them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// The live feed.
    pub feed: feed::Limits,
    /// The server.
    pub http: http::Limits,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "crud-master inventory", description = "Movies, beers, bikes and trips, kept in PostgreSQL."),
    tags(
        (name = "movies", description = "The inventory of movies"),
        (name = "beers", description = "The inventory of beers, with their prices"),
        (name = "bikes", description = "The fleet of bikes: where they are, and which are free"),
        (name = "trips", description = "Trips: who took a bike, and where it went")
    )
)]
struct Api;

/// Every route of the inventory, and its document.
pub fn routes() -> (axum::Router<App>, Document) {
    let (routes, document) = OpenApiRouter::with_openapi(Api::openapi())
        .merge(movies::router())
        .merge(beers::router())
        .merge(bikes::router())
        .merge(trips::router())
        .split_for_parts();
    (routes, openapi::complete(document))
}

/// Every consumer of the inventory.
fn consumers(database: &Database) -> Consumers {
    let database = || database.clone();
    Consumers::default()
        .on(bikes::Position::new(database()))
        .on(trips::Track {
            database: database(),
        })
}

/// Does what the command line says.
///
/// # Errors
/// When the database, the broker or the address cannot be had; the text names what.
pub async fn run(mut config: Config) -> anyhow::Result<()> {
    match config
        .command
        .take()
        .unwrap_or(Command::Serve(Parts::default()))
    {
        Command::Serve(parts) => {
            let runtime = Runtime::start(&config.telemetry)?;
            runtime::serve(start(&config, &parts, runtime).await).await
        }
        Command::Migrate => Ok(migrate(&config.database, MIGRATIONS).await?),
        Command::Openapi => Ok(openapi::print(&routes().1)?),
        Command::DeadLetters(command) => {
            let settings = config.broker.clone();
            Ok(command.run(Service::Inventory, settings).await?)
        }
        Command::ImportBikes { file } => import_bikes(&config.database, &file).await,
    }
}

/// Starts the service, or the chosen parts of it; it runs until the returned value is stopped, or a signal comes.
///
/// The broker is connected in the background: what needs none is served without it.
///
/// # Errors
/// When the database or the address cannot be had, or a part is unknown; the text names what.
pub async fn start(config: &Config, parts: &Parts, runtime: Runtime) -> anyhow::Result<Running> {
    start_within(config, parts, &Limits::default(), runtime).await
}

/// [`start`] with other limits than those of the program.
///
/// # Errors
/// As [`start`].
pub async fn start_within(
    config: &Config,
    parts: &Parts,
    limits: &Limits,
    runtime: Runtime,
) -> anyhow::Result<Running> {
    let database = Database::new(&config.database);
    let consumers = consumers(&database.another_pool(BACKGROUND_POOL));
    parts.check(consumers.names())?;
    let bound = runtime.bind(&config.listen).await?;
    let migrating = migrate_when_ready(&config.database, || MIGRATIONS, DATABASE_LIMIT);
    bound.prepare(migrating).await?;
    let broker = Broker::start(
        &config.broker,
        Service::Inventory.declarations(),
        bound.output(),
    );
    let consuming = consumers.start(|name| parts.has(name), &broker, bound.intake());
    let feed = Feed::new(&database, limits.feed, bound.intake().stop.clone());
    if parts.has(Parts::HTTP) {
        follow_positions(&feed, &bound).await?;
    }
    let health = Health::default().with("database", database.checker());
    let health = broker::health(health, &broker, &consuming);
    let app = App::new(Shared::new(database, feed));
    let routes = parts.routes(routes().0.with_state(app));
    let options = http::Options {
        limits: limits.http,
        front: None,
    };
    Ok(bound.run(routes, health, options).await?)
}

/// Starts the reader of the live feed, which begins at the newest change.
async fn follow_positions(feed: &Feed, bound: &Bound) -> anyhow::Result<()> {
    let reader = bound.prepare(timeout(DATABASE_LIMIT, feed.reader())).await;
    let reader = reader.context("the positions of bikes cannot be read")?;
    let tasks = bound.intake();
    tasks.spawn("the reader of positions", reader.run());
    Ok(())
}

/// Migrates the database, then imports the bikes of a file.
#[expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a command tells its user what it does"
)]
async fn import_bikes(settings: &database::Settings, file: &Path) -> anyhow::Result<()> {
    let open = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    migrate(settings, MIGRATIONS).await?;
    let database = Database::new(settings);
    let summary = bikes::import::import(open, &database, |line| eprintln!("{line}")).await?;
    println!("{summary}");
    anyhow::ensure!(summary.wrong == 0, "not all bikes were imported");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::database;
    use std::collections::BTreeSet;

    /// A queue that the topology gives to the inventory and that has no consumer would only grow.
    #[tokio::test]
    async fn every_queue_of_the_inventory_has_its_consumer() {
        let settings = database::Settings {
            variables: "MOVIES_DB",
            host: "127.0.0.1".into(),
            port: 1,
            name: "movies_db".into(),
            user: "inventory_app".into(),
            password: "".into(),
            pool: 1,
        };
        let consumers = consumers(&Database::new(&settings));
        let read = Service::Inventory.reads().map(|queue| queue.name);
        assert_eq!(
            consumers.queues().collect::<BTreeSet<_>>(),
            read.collect::<BTreeSet<_>>()
        );
    }
}
