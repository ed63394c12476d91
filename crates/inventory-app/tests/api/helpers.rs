//! An inventory with a database of its own, started as the program starts it.

use clap::Parser;
use inventory_app::{Limits, config::Config};
use platform::{
    config::Parts,
    runtime::{Running, Runtime},
};
use serde_json::{Value, json};
use testing::{
    Client, TestDatabase,
    settings::{arguments, endpoint, without_broker},
};

pub(crate) struct Inventory {
    pub(crate) client: Client,
    pub(crate) database: TestDatabase,
    pub(crate) running: Running,
}

impl Inventory {
    pub(crate) async fn start() -> Self {
        Self::start_with(TestDatabase::create().await, &[]).await
    }

    /// Starts one with other settings than usual.
    pub(crate) async fn start_with(database: TestDatabase, changes: &[(&str, &str)]) -> Self {
        let config = config(&database, changes);
        let runtime = Runtime::embedded().unwrap();
        let running = inventory_app::start(&config, &Parts::default(), runtime)
            .await
            .unwrap();
        Self {
            client: client(&running),
            database,
            running,
        }
    }

    /// Starts one with other limits than usual.
    pub(crate) async fn start_within(limits: &Limits) -> Self {
        let database = TestDatabase::create().await;
        let running = serve(&database, limits).await;
        Self {
            client: client(&running),
            database,
            running,
        }
    }

    /// Another process on the same database.
    pub(crate) async fn another(&self) -> (Client, Running) {
        let running = serve(&self.database, &Limits::default()).await;
        (client(&running), running)
    }

    /// Adds a bike and gives its id.
    pub(crate) async fn park(&self, longitude: f64, latitude: f64) -> String {
        let point = json!({ "type": "Point", "coordinates": [longitude, latitude] });
        let body = json!({ "location": point });
        let bike = self.client.post("/api/bikes", &body).await.json(201);
        text(&bike["id"])
    }

    /// Adds a movie and gives its id.
    pub(crate) async fn add(&self, title: &str) -> i64 {
        let movie = self
            .client
            .post("/api/movies", &json!({ "title": title }))
            .await
            .json(200);
        movie["id"].as_i64().unwrap()
    }

    /// The titles that a GET of `path` lists.
    pub(crate) async fn titles(&self, path: &str) -> Vec<String> {
        let movies = self.client.get(path).await.json(200);
        movies
            .as_array()
            .unwrap()
            .iter()
            .map(|movie| text(&movie["title"]))
            .collect()
    }
}

async fn serve(database: &TestDatabase, limits: &Limits) -> Running {
    let (config, runtime) = (config(database, &[]), Runtime::embedded().unwrap());
    let running = inventory_app::start_within(&config, &Parts::default(), limits, runtime).await;
    running.unwrap()
}

fn client(running: &Running) -> Client {
    Client::new(format!("http://{}", running.address()))
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The settings of an inventory on `database`, at a free port and without a broker, from arguments; `changes` replace some.
pub(crate) fn config(database: &TestDatabase, changes: &[(&str, &str)]) -> Config {
    let changes = changes.iter();
    let changes = changes.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let settings = endpoint("inventory-app", 0)
        .into_iter()
        .chain(database.settings("movies-db"))
        .chain(without_broker("inventory-amqp"))
        .chain(changes);
    Config::try_parse_from(arguments(settings, &[])).unwrap()
}
