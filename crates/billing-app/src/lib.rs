#![doc = include_str!("../README.md")]

pub mod accounts;
pub mod config;
pub mod customers;
pub mod events;
pub mod inventory;
pub mod metrics;
pub mod orders;
pub mod payments;
pub mod reports;
#[expect(
    unreachable_pub,
    reason = "diesel writes it, each schema as a `pub mod`"
)]
mod schema;
pub mod shippings;
pub mod timer;

use std::time::Duration;

use broker::{Broker, Consumers, outbox};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use messages::topology::Service;
use platform::{
    config::Parts,
    database::{Database, migrate, migrate_when_ready},
    health::Health,
    http, openapi,
    runtime::{self, Running, Runtime},
};
use utoipa::{OpenApi, openapi::OpenApi as Document};
use utoipa_axum::router::OpenApiRouter;

use config::{Command, Config};
use inventory::Inventory;
use timer::Timers;

/// The history of the schema.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// How long a start waits for a database that is still starting.
const DATABASE_LIMIT: Duration = Duration::from_secs(30);

/// A batch may take longer than a reader would wait: only the queue waits.
const BATCH_LIMIT: Duration = Duration::from_secs(4);

/// The most connections of what works in the background: consumers, timers and the outbox. Few of them work at once.
const BACKGROUND_POOL: u32 = 8;

/// What the handlers share.
#[derive(Clone)]
pub struct App {
    /// The database of all contexts, by a pool that is for HTTP alone: a batch that takes long keeps no request waiting.
    pub database: Database,
    /// Writes events.
    pub events: events::Writer,
    /// Knows the beers.
    pub inventory: Inventory,
    /// How long what waits.
    pub limits: Limits,
    /// Hashes the passwords of users.
    pub passwords: accounts::Passwords,
    /// Runs reports.
    pub reports: reports::Reports,
    /// Keep requests of one user from taking all connections.
    pub user_locks: orders::UserLocks,
}

/// How long the billing waits, and how often it tries, where that is not a matter of one request. These are constants of
/// the program; tests shorten them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// How often the timers look.
    pub timers: timer::Limits,
    /// How long an order waits for its shipping.
    pub orders: orders::Limits,
    /// How long a shipping waits for its customer.
    pub shippings: shippings::Limits,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "crud-master billing", description = "Payments, accounts, orders, shippings and events, kept in PostgreSQL."),
    tags(
        (name = "payments", description = "Payments: queued by the gateway, recorded by the billing"),
        (name = "users", description = "Accounts: users and their sessions"),
        (name = "customers", description = "Customers: who gets an order"),
        (name = "orders", description = "Orders: collected, checked out, shipped or cancelled"),
        (name = "shippings", description = "Shippings: what becomes of an order that was checked out"),
        (name = "events", description = "Events of devices, and reports on them"),
    )
)]
struct Api;

/// Every route of the billing, and its document.
pub fn routes() -> (axum::Router<App>, Document) {
    let (routes, document) = OpenApiRouter::with_openapi(Api::openapi())
        .merge(payments::router())
        .merge(accounts::router())
        .merge(customers::router())
        .merge(orders::router())
        .merge(shippings::router())
        .merge(events::router())
        .merge(reports::router())
        .split_for_parts();
    (routes, openapi::complete(document))
}

/// Every consumer of the billing.
fn consumers(database: &Database, limits: &Limits) -> Consumers {
    let database = || database.clone();
    Consumers::default()
        .on(payments::Record {
            database: database(),
        })
        .on(payments::Refunds {
            database: database(),
        })
        .on(customers::Answer {
            database: database(),
        })
        .on(orders::Updates {
            database: database(),
        })
        .on(shippings::Open {
            database: database(),
            limits: limits.shippings,
        })
        .on(shippings::Conclude {
            database: database(),
        })
}

/// Every timer of the billing.
fn timers(database: &Database, limits: &Limits) -> Timers {
    let database = || database.clone();
    Timers::default()
        .on(orders::Overdue {
            database: database(),
            limits: limits.orders,
        })
        .on(shippings::AskAgain {
            database: database(),
            limits: limits.shippings,
        })
        .on(accounts::CleanUp {
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
        Command::GenerateEvents(command) => {
            migrate(&config.database, MIGRATIONS).await?;
            Ok(events::generate(command, &Database::new(&config.database)).await?)
        }
        Command::DeadLetters(command) => {
            let settings = config.broker.clone();
            Ok(command.run(Service::Billing, settings).await?)
        }
    }
}

/// Starts the service, or the chosen parts of it; it runs until the returned value is stopped, or a signal comes.
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
    let app = App {
        events: events::Writer::new(&database),
        reports: reports::Reports::new(&database),
        database,
        inventory: Inventory::new(&config.inventory)?,
        limits: *limits,
        passwords: accounts::Passwords::default(),
        user_locks: orders::UserLocks::default(),
    };
    let background = app.database.another_pool(BACKGROUND_POOL);
    let (consumers, timers) = (consumers(&background, limits), timers(&background, limits));
    let names = consumers.names().chain([outbox::NAME]);
    parts.check(names.chain(timers.names()))?;
    let bound = runtime.bind(&config.listen).await?;
    let migrating = migrate_when_ready(&config.database, || MIGRATIONS, DATABASE_LIMIT);
    bound.prepare(migrating).await?;
    let broker = Broker::start(
        &config.broker,
        Service::Billing.declarations(),
        bound.output(),
    );
    let has = |name: &str| parts.has(name);
    let consuming = consumers.start(has, &broker, bound.intake());
    let sends = timer::sends(&broker, &background, limits.timers.outbox);
    let timing = timers.start(has, limits.timers, &sends, bound.intake());
    let health = Health::default().with("database", app.database.checker());
    let health = broker::health(health, &broker, &consuming);
    let health = timer::health(health, &timing);
    let health = if parts.has(outbox::NAME) {
        let limits = outbox::Limits::default();
        outbox::start(&background, broker.publisher(), limits, bound.intake()).health(health)
    } else {
        health
    };
    let routes = parts.routes(routes().0.with_state(app));
    Ok(bound.run(routes, health, http::Options::default()).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::database;
    use std::collections::BTreeSet;

    /// A queue that the topology gives to the billing and that has no consumer would only grow.
    #[tokio::test]
    async fn every_queue_of_the_billing_has_its_consumer() {
        let settings = database::Settings {
            variables: "ORDERS_DB",
            host: "127.0.0.1".into(),
            port: 1,
            name: "orders_db".into(),
            user: "billing_app".into(),
            password: "".into(),
            pool: 1,
        };
        let consumers = consumers(&Database::new(&settings), &Limits::default());
        let read = Service::Billing.reads().map(|queue| queue.name);
        assert_eq!(
            consumers.queues().collect::<BTreeSet<_>>(),
            read.collect::<BTreeSet<_>>()
        );
    }
}
