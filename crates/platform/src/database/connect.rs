//! One connection: with which limits of the server's own, and why it failed.
//!
//! The password is handed to the driver as it is: no URL is made of it, and no error shows it.

use std::{io, time::Duration};

use diesel::ConnectionError;
use diesel_async::AsyncPgConnection;
use secrecy::ExposeSecret;
use socket2::{SockRef, TcpKeepalive};
use tokio::{net::TcpStream, time::timeout};
use tokio_postgres::{
    CancelToken, Client, Config, NoTls, config::SslMode, error::SqlState as Code, tls::NoTlsStream,
};

use super::{
    Connection, Settings,
    sqlstate::{Followed, LastError},
};

/// How long opening a connection may take, from the first packet to a session that can be used. It is longer than a caller
/// waits: on a busy machine the callers after it have the connection.
pub(super) const LIMIT: Duration = Duration::from_secs(3);

/// The server's own limits stand behind ours: a query that we gave up must end there, too.
const SESSION: &str = "-c statement_timeout=5000 -c lock_timeout=2000 \
                       -c idle_in_transaction_session_timeout=10000 -c timezone=UTC";

/// How long a connection idles before the kernel asks whether the other side is still there. With [`UNANSWERED_LIMIT`] one
/// that died silently is gone after 20 s; a query that meets it earlier has its own limit.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// How long what was sent may stay without the other kernel's answer.
const UNANSWERED_LIMIT: Duration = Duration::from_secs(10);

/// A session of the driver: its client, and the connection that moves the bytes when it is polled.
pub(super) type Driver = (Client, tokio_postgres::Connection<TcpStream, NoTlsStream>);

/// A connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server answered that these settings are wrong; waiting does not help.
    #[error("the database refuses {0}")]
    Refused(String, #[source] tokio_postgres::Error),
    /// The server cannot be reached.
    #[error("no connection to the database")]
    Unreachable(#[source] io::Error),
    /// The server is not ready.
    #[error("no connection to the database")]
    Absent(#[source] tokio_postgres::Error),
    /// Something accepts connections and says nothing.
    #[error("the database says nothing within {0:?}")]
    Silent(Duration),
    /// The server is there, and the session could not be set up.
    #[error("no session in the database")]
    Session(#[source] ConnectionError),
    /// It has ended while it was in the pool.
    #[error("the connection has ended")]
    Ended,
}

impl ConnectError {
    /// Whether the database may be there later, with the same settings.
    pub(super) fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Absent(_) | Self::Unreachable(_) | Self::Silent(_)
        )
    }
}

impl Settings {
    fn config(&self) -> Config {
        let mut config = Config::new();
        config
            .dbname(&self.name)
            .user(&self.user)
            .password(self.password.expose_secret())
            .options(SESSION)
            .ssl_mode(SslMode::Disable);
        config
    }

    /// Opens a connection.
    pub(super) async fn connect(&self) -> Result<Connection, ConnectError> {
        let opened = timeout(LIMIT, self.open()).await;
        opened.unwrap_or(Err(ConnectError::Silent(LIMIT)))
    }

    async fn open(&self) -> Result<Connection, ConnectError> {
        let (stream, last_error) = (self.dial().await?, LastError::default());
        let followed = Followed::new(stream, last_error.clone());
        let connected = self.config().connect_raw(followed, NoTls).await;
        let (client, connection) = connected.map_err(|error| self.explain(error))?;
        // It ends with its client, which the session owns.
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the database has ended");
            }
        });
        let session = AsyncPgConnection::try_from(client).await;
        let session = session.map_err(ConnectError::Session)?;
        Ok(Connection::new(session, last_error, driver))
    }

    /// A session of the driver alone, for what is no query; the caller bounds it in time.
    pub(super) async fn connect_driver(&self) -> Result<Driver, ConnectError> {
        let stream = self.dial().await?;
        let connected = self.config().connect_raw(stream, NoTls).await;
        connected.map_err(|error| self.explain(error))
    }

    /// Asks the server to stop what it does for a session; bounded, and without an answer.
    pub(super) async fn cancel(&self, token: &CancelToken) {
        let cancelling = async {
            let stream = self.dial().await.ok()?;
            token.cancel_query_raw(stream, NoTls).await.ok()
        };
        if !matches!(timeout(LIMIT, cancelling).await, Ok(Some(()))) {
            tracing::debug!("the database could not be asked to stop a query");
        }
    }

    async fn dial(&self) -> Result<TcpStream, ConnectError> {
        let connected = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = connected.map_err(ConnectError::Unreachable)?;
        let socket = SockRef::from(&stream);
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE)
            .with_interval(KEEPALIVE);
        socket
            .set_tcp_nodelay(true)
            .and_then(|()| socket.set_tcp_keepalive(&keepalive))
            .and_then(|()| socket.set_tcp_user_timeout(Some(UNANSWERED_LIMIT)))
            .map_err(ConnectError::Unreachable)?;
        Ok(stream)
    }

    fn explain(&self, error: tokio_postgres::Error) -> ConnectError {
        let variables = self.variables;
        match error.code() {
            Some(&Code::INVALID_PASSWORD | &Code::INVALID_AUTHORIZATION_SPECIFICATION) => {
                let role = &self.user;
                let what =
                    format!("the role {role}: check {variables}_USER and {variables}_PASSWORD");
                ConnectError::Refused(what, error)
            }
            Some(&Code::INSUFFICIENT_PRIVILEGE) => {
                let what = format!(
                    "the role {}: it may not connect to {}",
                    self.user, self.name
                );
                ConnectError::Refused(what, error)
            }
            Some(&Code::INVALID_CATALOG_NAME) => ConnectError::Refused(
                format!("the name {}: check {variables}_NAME", self.name),
                error,
            ),
            _ => ConnectError::Absent(error),
        }
    }
}
