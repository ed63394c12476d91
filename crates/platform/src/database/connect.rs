//! One connection: to whom, with which limits of the server's own, and why it failed.
//!
//! The password is handed to the driver as it is: no URL is made of it, and no error shows it.

use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::AsyncPgConnection;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::{Config, NoTls, config::SslMode, error::SqlState};

use crate::error::chain;

/// How long opening a connection may take, from the first packet to a session that can be used.
const LIMIT: Duration = Duration::from_secs(1);

/// The server's own limits stand behind ours: a query that we gave up must end there, too.
const SESSION: &str = "-c statement_timeout=5000 -c lock_timeout=2000 \
                       -c idle_in_transaction_session_timeout=10000 -c timezone=UTC";

/// How long a connection idles before the kernel asks whether the other side is still there. With [`UNANSWERED_LIMIT`] one
/// that died silently is gone after 20 s; a query that meets it earlier has its own limit.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// How long what was sent may stay without the other kernel's answer.
const UNANSWERED_LIMIT: Duration = Duration::from_secs(10);

/// Where a database is. `Debug` shows no password.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the variables of these settings begin with, for messages: `MOVIES_DB`.
    pub variables: &'static str,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Name of the database.
    pub name: String,
    /// Role.
    pub user: String,
    /// The role's password.
    pub password: SecretString,
}

/// A connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server answered that these settings are wrong; waiting does not help.
    #[error("the database refuses {0}")]
    Refused(String, #[source] tokio_postgres::Error),
    /// The server is not there, or not ready.
    #[error("no connection to the database")]
    Absent(#[source] tokio_postgres::Error),
    /// Something accepts connections and says nothing.
    #[error("the database says nothing within {0:?}")]
    Silent(Duration),
    /// The server is there, and the session could not be set up.
    #[error("no session in the database")]
    Session(#[source] ConnectionError),
}

impl Settings {
    fn config(&self) -> Config {
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .dbname(&self.name)
            .user(&self.user)
            .password(self.password.expose_secret())
            .options(SESSION)
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE)
            .tcp_user_timeout(UNANSWERED_LIMIT)
            .ssl_mode(SslMode::Disable);
        config
    }

    /// Opens a connection.
    pub(super) async fn connect(&self) -> Result<AsyncPgConnection, ConnectError> {
        let opened = tokio::time::timeout(LIMIT, self.open()).await;
        opened.unwrap_or(Err(ConnectError::Silent(LIMIT)))
    }

    async fn open(&self) -> Result<AsyncPgConnection, ConnectError> {
        let connected = self.config().connect(NoTls).await;
        let (client, connection) = connected.map_err(|error| self.explain(error))?;
        AsyncPgConnection::try_from_client_and_connection(client, connection)
            .await
            .map_err(ConnectError::Session)
    }

    /// [`Self::connect`] as the pool wants it.
    pub(super) async fn establish(self) -> ConnectionResult<AsyncPgConnection> {
        let connected = self.connect().await;
        connected.map_err(|error| ConnectionError::BadConnection(chain(&error)))
    }

    fn explain(&self, error: tokio_postgres::Error) -> ConnectError {
        let variables = self.variables;
        match error.code() {
            Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
                let role = &self.user;
                let what =
                    format!("the role {role}: check {variables}_USER and {variables}_PASSWORD");
                ConnectError::Refused(what, error)
            }
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                let what = format!(
                    "the role {}: it may not connect to {}",
                    self.user, self.name
                );
                ConnectError::Refused(what, error)
            }
            Some(&SqlState::INVALID_CATALOG_NAME) => ConnectError::Refused(
                format!("the name {}: check {variables}_NAME", self.name),
                error,
            ),
            _ => ConnectError::Absent(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_prints() {
        let settings = Settings {
            variables: "X_DB",
            host: "db".into(),
            port: 1,
            name: "x".into(),
            user: "u".into(),
            password: "s3cret".into(),
        };
        assert!(!format!("{settings:?}").contains("s3cret"));
    }
}
