//! A fleet whose events lie on the queues: a database and a virtual host, and inventories that consume.

use std::process::{Command, Stdio};

use inventory_app::{MIGRATIONS, config};
use messages::{
    Message,
    geo::Point,
    locations::{Location, POSITION_QUEUE, TRACK_QUEUE},
    topology::dead_letter_queue,
};
use platform::{
    config::Parts,
    database::migrate,
    runtime::{Running, Runtime},
};
use serde_json::json;
use testing::{
    Client, Process, TestBroker, TestDatabase,
    settings::{Setting, arguments, endpoint, variables},
    until,
};
use time::{Duration, OffsetDateTime, macros::datetime};
use uuid::Uuid;

/// Second 0 of the events of tests.
const BEGIN: OffsetDateTime = datetime!(2026-11-01 12:00 UTC);

/// The servers of inventories, whether one runs or not.
pub(crate) struct Fleet {
    pub(crate) database: TestDatabase,
    pub(crate) broker: TestBroker,
}

/// A running inventory.
pub(crate) struct Consuming {
    pub(crate) client: Client,
    running: Running,
}

/// Where a bike was: the longitude tells events of one time apart.
pub(crate) fn event(bike: &str, second: i64, longitude: f64) -> Location {
    let point = Point::new(longitude, 50.0).unwrap();
    Location::new(bike, point, BEGIN + Duration::seconds(second)).unwrap()
}

/// Second `second`, as SQL writes it.
pub(crate) fn at(second: i64) -> String {
    format!("timestamptz '2026-11-01T12:00:00Z' + interval '{second} s'")
}

impl Fleet {
    /// A fleet of these bikes, which stand at 0° 0°.
    pub(crate) async fn of(bikes: &[&str]) -> Self {
        let fleet = Self {
            database: TestDatabase::create().await,
            broker: TestBroker::create().await,
        };
        let config = fleet.config(fleet.broker.port, &[]);
        migrate(&config.database, MIGRATIONS).await.unwrap();
        for queue in [POSITION_QUEUE, TRACK_QUEUE] {
            let quorum = json!({ "x-queue-type": "quorum" });
            let dead = dead_letter_queue(queue);
            fleet.broker.declare_queue(queue, quorum.clone()).await;
            fleet.broker.declare_queue(&dead, quorum).await;
        }
        for bike in bikes {
            let sql = "INSERT INTO bikes.bikes (id, longitude, latitude) VALUES";
            fleet
                .database
                .execute(&format!("{sql} ('{bike}', 0, 0)"))
                .await;
        }
        fleet
    }

    /// A trip of `bike` from one second to another, if it has ended.
    pub(crate) async fn trip(&self, bike: &str, from: i64, to: Option<i64>) -> Uuid {
        let (id, from) = (Uuid::now_v7(), at(from));
        let to = to.map_or("NULL".to_owned(), at);
        let sql = format!(
            "INSERT INTO trips.trips (id, bike_id, started_at, ended_at) VALUES ('{id}', '{bike}', {from}, {to})"
        );
        self.database.execute(&sql).await;
        id
    }

    /// The settings of an inventory that listens at `http_port`, with its broker at `amqp_port`.
    fn settings(&self, amqp_port: u16, http_port: u16) -> impl Iterator<Item = Setting> + use<> {
        endpoint("inventory-app", http_port)
            .into_iter()
            .chain(self.database.settings("movies-db"))
            .chain(self.broker.settings("inventory-amqp", amqp_port))
    }

    /// The settings of an inventory at a free port, and its command line after them.
    fn config(&self, amqp_port: u16, command: &[&str]) -> config::Config {
        let line = arguments(self.settings(amqp_port, 0), command);
        clap::Parser::try_parse_from(line).unwrap()
    }

    /// An inventory as a process of its own.
    pub(crate) async fn start_process(&self, amqp_port: u16) -> Process {
        Process::start(|port| program(self, amqp_port, port)).await
    }

    pub(crate) async fn start(&self) -> Consuming {
        self.start_at(self.broker.port, &[]).await.unwrap()
    }

    /// What `serve` with these arguments starts, with its broker at `amqp_port`.
    pub(crate) async fn start_at(
        &self,
        amqp_port: u16,
        arguments: &[&str],
    ) -> anyhow::Result<Consuming> {
        let config = self.config(amqp_port, &[&["serve"], arguments].concat());
        let parts = match &config.command {
            Some(config::Command::Serve(parts)) => parts.clone(),
            _ => Parts::default(),
        };
        let running = inventory_app::start(&config, &parts, Runtime::embedded()?).await?;
        Ok(Consuming {
            client: Client::new(format!("http://{}", running.address())),
            running,
        })
    }

    /// Puts an event onto one of the queues; as the exchange would onto both.
    pub(crate) async fn queue(&self, queue: &str, event: &Location) {
        self.queue_body(queue, &String::from_utf8(event.encode()).unwrap())
            .await;
    }

    pub(crate) async fn queue_body(&self, queue: &str, body: &str) {
        let properties = json!({ "message_id": Uuid::now_v7().to_string(), "delivery_mode": 2 });
        assert!(self.broker.publish(queue, properties, body).await);
    }

    /// Waits until a value of the database is this.
    pub(crate) async fn until_value(&self, sql: &str, wanted: &str) {
        let is_wanted = async || self.database.value(sql).await == wanted;
        until(is_wanted, &format!("{sql} is {wanted}")).await;
    }

    /// Waits until nothing waits or is in hand: all was acknowledged.
    pub(crate) async fn until_settled(&self, consuming: Consuming, queue: &str) {
        let is_empty = async || self.broker.peek(queue).await.is_empty();
        until(is_empty, "the queue is empty").await;
        consuming.stop().await;
        assert!(self.broker.drain(queue).await.is_empty());
    }

    /// Waits until so many dead letters are there; gives their reasons and bodies.
    pub(crate) async fn until_dead(&self, queue: &str, wanted: usize) -> Vec<(String, String)> {
        let dead = dead_letter_queue(queue);
        let are_there = async || self.broker.peek(&dead).await.len() >= wanted;
        until(are_there, "the dead letters are there").await;
        let letters = self.broker.peek(&dead).await.into_iter();
        letters
            .map(|letter| (letter.header("x-reason").unwrap().to_owned(), letter.body))
            .collect()
    }
}

impl Consuming {
    /// Stops as a signal would.
    pub(crate) async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}

/// The program with its settings in the environment.
pub(crate) fn program(fleet: &Fleet, amqp_port: u16, http_port: u16) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_inventory-app"));
    let settings = fleet.settings(amqp_port, http_port);
    program
        .env_clear()
        .envs(variables(settings))
        .stderr(Stdio::null());
    program
}
