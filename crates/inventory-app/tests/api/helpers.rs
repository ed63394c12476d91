//! A served inventory with a database of its own.

use inventory_app::{App, MIGRATIONS};
use platform::{
    database::{Database, Settings, migrate},
    http::{self, Limits, server},
};
use serde_json::{Value, json};
use testing::{Client, TestDatabase};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) struct Inventory {
    pub(crate) client: Client,
    pub(crate) database: TestDatabase,
    _stop: DropGuard,
}

impl Inventory {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create().await;
        let settings = settings(&database);
        migrate(&settings, MIGRATIONS).await.unwrap();
        let (client, stop) = serve(&settings).await;
        Self {
            client,
            database,
            _stop: stop,
        }
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

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

pub(crate) fn settings(database: &TestDatabase) -> Settings {
    Settings {
        variables: "MOVIES_DB",
        host: database.host.clone(),
        port: database.port,
        name: database.name.clone(),
        user: database.user.clone(),
        password: database.password.clone().into(),
    }
}

/// Serves what uses the database of `settings`, until the guard is dropped.
pub(crate) async fn serve(settings: &Settings) -> (Client, DropGuard) {
    let app = App {
        database: Database::new(settings, 4),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(format!("http://{}", listener.local_addr().unwrap()));
    let stop = CancellationToken::new();
    let routes = http::app(inventory_app::routes().0.with_state(app), Limits::default());
    tokio::spawn(server::serve(
        listener,
        routes,
        Limits::default(),
        stop.clone(),
        server::Accepting::default(),
    ));
    (client, stop.drop_guard())
}
