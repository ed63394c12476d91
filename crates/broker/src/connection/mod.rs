//! One connection, with bounds on opening, using and closing it.
//!
//! Promises: [`Connection::run`] ends with the connection, whatever its work waits for (see `watch` for the calls of
//! the client library that may wait indefinitely); dropping a [`Connection`] cuts its socket, so that no thread and
//! no unacknowledged delivery outlives its generation. Every call of the client library elsewhere in this crate is
//! awaited inside `run` or `set_up`.

mod socket;
mod watch;

use std::{io, time::Duration};

use lapin::{
    AsyncTcpStream, Channel, ConnectionProperties, ConnectionStatus,
    runtime::default_runtime,
    tcp::AMQPUriTcpExt,
    uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo},
};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use crate::{BrokerError, Settings};
use socket::Socket;

/// For the TCP connection and for the handshake; the URI's own timeout is ignored by the library.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// For opening channels and declaring queues on a new connection.
const SETUP_LIMIT: Duration = Duration::from_secs(5);

/// For an orderly close: the broker answers it when it has processed what was sent before. After it the socket is cut.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Seconds; two missed ones end a connection whose other side has vanished.
const HEARTBEAT: u16 = 10;

/// Bytes; RabbitMQ's limit, unless it was given another. The library has two buffers of 32 frames. It grows and so fills them
/// (8 MiB) when it is told of larger frames after it has connected; with this size they need memory as they are used.
const FRAME_MAX: u32 = 128 * 1_024;

/// A connection that ends with this value.
pub(crate) struct Connection {
    library: lapin::Connection,
    socket: Socket,
}

impl Connection {
    /// Connects; `role` is how the broker's list of connections shows us.
    pub(crate) async fn open(settings: &Settings, role: &str) -> Result<Self, BrokerError> {
        let socket = Socket::default();
        let slot = socket.slot();
        let connecting = lapin::Connection::connector(
            uri(settings),
            default_runtime()?,
            async move |uri: AMQPUri, runtime| {
                let stream = timeout(CONNECT_LIMIT, uri.connect_async(&runtime)).await;
                let stream = stream.map_err(io::Error::from)??;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    slot.fill(plain.get_ref())?;
                }
                Ok(stream)
            },
            properties(&format!("{} {role}", settings.user)),
        );
        match timeout(CONNECT_LIMIT, connecting).await {
            Ok(Ok(library)) => Ok(Self { library, socket }),
            Ok(Err(error)) => Err(not_connected(settings, error)),
            Err(_) => Err(unreachable(settings, None)),
        }
    }

    /// Runs `work` until it ends or this connection does, whichever comes first.
    pub(crate) async fn run<T, E: From<BrokerError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.run_with_alarms(|_| {}, work).await
    }

    /// [`Self::run`], which tells `alarm` when the broker announces that it takes no messages (with its reason),
    /// and when it takes them again.
    pub(crate) async fn run_with_alarms<T, E: From<BrokerError>>(
        &self,
        alarm: impl Fn(Option<&str>),
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::select! {
            biased;
            done = work => done,
            error = watch::ended(&self.library, &self.socket, alarm) => Err(error.into()),
        }
    }

    /// Runs the steps that make a new connection usable, within a bound.
    pub(crate) async fn set_up<T>(
        &self,
        steps: impl Future<Output = Result<T, BrokerError>>,
    ) -> Result<T, BrokerError> {
        self.run(within(SETUP_LIMIT, "answer to declarations", steps))
            .await
    }

    /// Opens a channel. To be awaited inside [`Self::run`] or [`Self::set_up`].
    pub(crate) async fn channel(&self) -> Result<Channel, BrokerError> {
        Ok(self.library.create_channel().await?)
    }

    pub(crate) fn status(&self) -> &ConnectionStatus {
        self.library.status()
    }

    /// Closes in order: `Ok` means that the broker has processed everything that was sent before.
    pub(crate) async fn close(self) -> Result<(), BrokerError> {
        let closing = self.library.close(200, "OK".into());
        within(CLOSE_LIMIT, "answer to an orderly close", closing).await
    }
}

/// Awaits one call of the client library for at most `limit`; `what` names the missing answer in the error.
pub(crate) async fn within<T, E>(
    limit: Duration,
    what: &'static str,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, BrokerError>
where
    BrokerError: From<E>,
{
    match timeout(limit, call).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(BrokerError::Silent { what, limit }),
    }
}

/// Awaits an acknowledgement that is under way, within a bound: the client library may keep it without an end (see
/// `watch`).
pub(crate) async fn acknowledge(
    acknowledging: impl Future<Output = lapin::Result<bool>>,
    limit: Duration,
) -> Result<(), BrokerError> {
    if within(limit, "written acknowledgement", acknowledging).await? {
        Ok(())
    } else {
        Err(BrokerError::Stale)
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
            frame_max: Some(FRAME_MAX),
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use testing::TestBroker;
    use tokio::time::Instant;

    use super::*;
    use crate::tests::settings;

    /// The client library's own socket is well, so only the kernel tells of the end.
    #[tokio::test]
    async fn the_end_of_the_socket_is_the_end_whatever_the_library_says() {
        let broker = TestBroker::create().await;
        let mut connection = Connection::open(&settings(&broker), "test").await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let theirs = listener.accept().unwrap().0;
        let socket = Socket::default();
        socket.slot().fill(&theirs).unwrap();
        let library_socket = std::mem::replace(&mut connection.socket, socket);
        drop(other);
        let work = std::future::pending::<Result<(), BrokerError>>();
        let ended = timeout(Duration::from_secs(5), connection.run(work)).await;
        assert!(matches!(ended, Ok(Err(BrokerError::Ended))), "{ended:?}");
        assert!(connection.status().connected());
        drop(library_socket);
    }

    #[tokio::test]
    async fn an_acknowledgement_that_is_never_written_fails_within_its_limit() {
        let begin = Instant::now();
        let never = std::future::pending::<lapin::Result<bool>>();
        let failed = acknowledge(never, Duration::from_millis(200)).await;
        assert!(
            matches!(failed, Err(BrokerError::Silent { .. })),
            "{failed:?}"
        );
        assert!(begin.elapsed() < Duration::from_secs(2));
        let stale = acknowledge(async { Ok(false) }, Duration::from_secs(1)).await;
        assert!(matches!(stale, Err(BrokerError::Stale)), "{stale:?}");
    }
}
