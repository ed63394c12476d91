//! One connection, with bounds on opening and closing.
//!
//! The client library runs a thread for each connection and never gives up on a broker that accepts and then
//! says nothing (a frozen process). So a second handle to the socket is kept here, and dropping a [`Link`] always
//! cuts it: no thread, no socket and no unacknowledged delivery outlives its generation.

use std::{
    io,
    net::{Shutdown, TcpStream},
    os::fd::AsFd,
    sync::{Arc, OnceLock},
    time::Duration,
};

use lapin::{
    AsyncTcpStream, Channel, Connection, ConnectionProperties,
    runtime::default_runtime,
    tcp::AMQPUriTcpExt,
    uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo},
};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use crate::{BrokerError, Settings};

/// For the TCP connection and for the handshake; the URI's own timeout is ignored by the library.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// For opening channels and declaring queues on a new connection.
const SETUP_LIMIT: Duration = Duration::from_secs(5);

/// For a clean goodbye; after it the socket is cut.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// Seconds; two missed ones end a connection whose other side has vanished.
const HEARTBEAT: u16 = 10;

/// A connection that ends with this value.
pub(super) struct Link {
    connection: Connection,
    _cut: CutOnDrop,
}

/// The second handle to the socket, there once TCP is connected.
#[derive(Clone, Default)]
struct Socket(Arc<OnceLock<TcpStream>>);

struct CutOnDrop(Socket);

impl Link {
    /// Connects; `role` is how the broker's list of connections shows us.
    pub(super) async fn open(settings: &Settings, role: &str) -> Result<Self, BrokerError> {
        let cut = CutOnDrop(Socket::default());
        let socket = cut.0.clone();
        let connecting = Connection::connector(
            uri(settings),
            default_runtime()?,
            async move |uri: AMQPUri, runtime| {
                let stream = timeout(CONNECT_LIMIT, uri.connect_async(&runtime)).await;
                let stream = stream.map_err(io::Error::from)??;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    socket.keep(plain.get_ref())?;
                }
                Ok(stream)
            },
            properties(&format!("{} {role}", settings.user)),
        );
        match timeout(CONNECT_LIMIT, connecting).await {
            Ok(Ok(connection)) => Ok(Self {
                connection,
                _cut: cut,
            }),
            Ok(Err(error)) => Err(not_connected(settings, error)),
            Err(_) => Err(unreachable(settings, None)),
        }
    }

    /// Runs the steps that make a new connection usable, within a bound.
    pub(super) async fn set_up<T>(
        &self,
        steps: impl Future<Output = Result<T, BrokerError>>,
    ) -> Result<T, BrokerError> {
        timeout(SETUP_LIMIT, steps).await.unwrap_or_else(|_| {
            Err(BrokerError::Silent {
                what: "answer to declarations",
                limit: SETUP_LIMIT,
            })
        })
    }

    pub(super) async fn channel(&self) -> Result<Channel, BrokerError> {
        Ok(self.connection.create_channel().await?)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Says goodbye, so that everything sent before it is processed; bounded.
    pub(super) async fn close(self) {
        let goodbye = self.connection.close(200, "OK".into());
        if !matches!(timeout(CLOSE_LIMIT, goodbye).await, Ok(Ok(()))) {
            tracing::debug!("the broker did not say goodbye");
        }
    }
}

impl Socket {
    fn keep(&self, stream: &impl AsFd) -> io::Result<()> {
        let twin = stream.as_fd().try_clone_to_owned()?;
        self.0.get_or_init(|| TcpStream::from(twin));
        Ok(())
    }
}

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        if let Some(socket) = self.0.0.get() {
            // An error means that it is closed already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// Built from its parts, so that no character of a password or a virtual host needs escaping.
fn uri(settings: &Settings) -> AMQPUri {
    AMQPUri {
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: settings.user.clone(),
                password: settings.password.expose_secret().to_owned(),
            },
            host: settings.host.clone(),
            port: settings.port,
        },
        vhost: settings.vhost.clone(),
        query: AMQPQueryString {
            heartbeat: Some(HEARTBEAT),
            ..AMQPQueryString::default()
        },
    }
}

fn properties(name: &str) -> ConnectionProperties {
    ConnectionProperties::default().with_connection_name(name.into())
}

fn not_connected(settings: &Settings, error: lapin::Error) -> BrokerError {
    match BrokerError::from(error) {
        BrokerError::Lost(source) => unreachable(settings, Some(source)),
        BrokerError::Refused(source) => BrokerError::Login {
            user: settings.user.clone(),
            variables: settings.variables,
            source,
        },
        other => other,
    }
}

fn unreachable(settings: &Settings, source: Option<lapin::Error>) -> BrokerError {
    BrokerError::Unreachable {
        address: format!("{}:{}", settings.host, settings.port),
        source,
    }
}
