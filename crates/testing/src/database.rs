//! A PostgreSQL database of its own for each test, dropped when the test ends.
//!
//! The server is the one that `TEST_POSTGRES_URL` names; `scripts/test` starts it. No server is a failing test.

use std::env;

use tokio_postgres::{Client, Config, NoTls, Row, SimpleQueryMessage};
use uuid::Uuid;

use crate::{bound::Bound, cleanup};

/// A database that nobody else uses.
#[derive(Debug)]
pub struct TestDatabase {
    /// Host of the server.
    pub host: String,
    /// Port of the server.
    pub port: u16,
    /// Name of the database.
    pub name: String,
    /// A role that may do everything.
    pub user: String,
    /// The role's password.
    pub password: String,
    server: Config,
    _bound: Bound,
}

impl TestDatabase {
    /// Creates an empty database.
    ///
    /// # Panics
    /// When `TEST_POSTGRES_URL` is not set or its server does not answer.
    pub async fn create() -> Self {
        let url =
            env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL is not set: run scripts/test");
        let server: Config = url.parse().expect("TEST_POSTGRES_URL is a PostgreSQL URL");
        let name = format!("test_{}", Uuid::new_v4().simple());
        connect(&server)
            .await
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .expect("a new database");
        let Some(tokio_postgres::config::Host::Tcp(host)) = server.get_hosts().first() else {
            panic!("TEST_POSTGRES_URL names no host")
        };
        Self {
            host: host.clone(),
            port: server.get_ports().first().copied().unwrap_or(5432),
            name,
            user: server.get_user().unwrap_or_default().to_owned(),
            password: String::from_utf8_lossy(server.get_password().unwrap_or_default())
                .into_owned(),
            server,
            _bound: Bound::of_this_test(),
        }
    }

    /// Runs statements that answer nothing.
    ///
    /// # Panics
    /// When the server refuses them.
    pub async fn execute(&self, sql: &str) {
        self.connect()
            .await
            .batch_execute(sql)
            .await
            .expect("the statements run");
    }

    /// The rows of a query.
    ///
    /// # Panics
    /// When the server refuses it.
    pub async fn rows(&self, sql: &str) -> Vec<Row> {
        self.connect()
            .await
            .query(sql, &[])
            .await
            .expect("the query runs")
    }

    /// The first column of the first row, as text.
    ///
    /// # Panics
    /// When the server refuses the query, or there is no such value.
    pub async fn value(&self, sql: &str) -> String {
        let messages = self
            .connect()
            .await
            .simple_query(sql)
            .await
            .expect("the query runs");
        let row = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        row.expect("one value").to_owned()
    }

    /// Runs statements beside the database: what closes or opens it, for one.
    ///
    /// # Panics
    /// When the server refuses them.
    pub async fn at_the_server(&self, sql: &str) {
        connect(&self.server)
            .await
            .batch_execute(sql)
            .await
            .expect("the statements run");
    }

    /// From now on `user` is a role that only this test uses, with a password that the test may change.
    ///
    /// # Panics
    /// When the server refuses it.
    pub async fn use_own_role(&mut self) {
        self.user.clone_from(&self.name);
        let role = &self.user;
        self.at_the_server(&format!("CREATE ROLE {role} SUPERUSER LOGIN"))
            .await;
        self.set_password("first").await;
        "first".clone_into(&mut self.password);
    }

    /// Sets another password for the role of [`Self::use_own_role`]. Sessions that are open stay so.
    ///
    /// # Panics
    /// When the server refuses it.
    pub async fn set_password(&self, password: &str) {
        let role = &self.user;
        self.at_the_server(&format!("ALTER ROLE {role} PASSWORD '{password}'"))
            .await;
    }

    /// Ends every session in this database, as an operator would.
    ///
    /// # Panics
    /// When the server refuses it.
    pub async fn end_sessions(&self) {
        let name = &self.name;
        self.at_the_server(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ))
        .await;
    }

    /// A session of its own, for what a test must hold: a lock, a transaction.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn connect(&self) -> Client {
        connect(self.server.clone().dbname(&self.name)).await
    }
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config
        .connect(NoTls)
        .await
        .expect("PostgreSQL answers at TEST_POSTGRES_URL");
    tokio::spawn(connection);
    client
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        cleanup::start(remove(self.server.clone(), self.name.clone()));
    }
}

async fn remove(server: Config, name: String) {
    let Ok((client, connection)) = server.connect(NoTls).await else {
        return;
    };
    tokio::spawn(connection);
    // Each is a statement of its own: a database cannot be dropped in a transaction.
    for what in ["DATABASE IF EXISTS {} WITH (FORCE)", "ROLE IF EXISTS {}"] {
        let sql = format!("DROP {}", what.replace("{}", &name));
        let _ = client.batch_execute(&sql).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    /// The first packet of a login: its length, the protocol 3.0, then names and values.
    fn startup(user: &str) -> Vec<u8> {
        let parameters = format!("user\0{user}\0database\0postgres\0\0");
        let length = u32::try_from(parameters.len() + 8).expect("a short packet");
        let head = [length.to_be_bytes(), [0, 3, 0, 0]].concat();
        [head.as_slice(), parameters.as_bytes()].concat()
    }

    #[tokio::test]
    async fn a_login_that_never_ends_holds_up_no_test() {
        let database = TestDatabase::create().await;
        let server = (database.host.as_str(), database.port);
        let mut login = TcpStream::connect(server).await.expect("the server");
        let packet = startup(&database.user);
        login.write_all(&packet).await.expect("a login begins");
        login
            .read_u8()
            .await
            .expect("the server asks for the password");
        let began = Instant::now();
        drop(database);
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}
