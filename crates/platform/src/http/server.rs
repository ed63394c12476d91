//! The accept loop: HTTP/1.1 with a bound on every wait and every buffer.
//!
//! axum's own loop has no header timeout and drains without a bound (half a head was seen to stay open for 40 s), so this
//! crate has its own. hyper refuses a request whose length is malformed. One with `content-length` beside
//! `transfer-encoding` is read as chunked and is the last of its connection (RFC 9112, 6.1). This module never reads a
//! body and knows no route.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use std::convert::Infallible;

use axum::{body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{App, Limits, client_stream::ClientStream, workers::Workers};

/// Bytes of one request's head, and of what is buffered for one connection.
const MAX_HEAD: usize = 64 * 1_024;

/// The headers of one request that hyper takes when it is not told how many.
const HYPER_HEADERS: usize = 100;

/// The pause after a failed accept. The usual cause is a lack of file descriptors; a retry at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why new connections are not accepted at the moment, if they are not; clones share it. Health checks report it,
/// because requests on connections that are already open still succeed.
#[derive(Debug, Clone, Default)]
pub struct Accepting(Arc<Mutex<Option<String>>>);

impl Accepting {
    /// Whether connections are accepted; the error is a short reason.
    ///
    /// # Errors
    /// When they are not.
    pub fn ready(&self) -> Result<(), String> {
        self.reason().clone().map_or(Ok(()), Err)
    }

    fn set(&self, reason: Option<String>) {
        *self.reason() = reason;
    }

    fn reason(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves `app` until `stop`, then lets open requests finish for `limits.drain`, then cuts them.
pub async fn serve(
    listener: TcpListener,
    app: App,
    limits: Limits,
    workers: Workers,
    stop: CancellationToken,
    accepting: Accepting,
) {
    let server = Server {
        app,
        limits,
        cut: CancellationToken::new(),
        connections: TaskTracker::new(),
        workers,
    };
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(limits.connections));
    while let Some((permit, (stream, peer))) = stop
        .run_until_cancelled(accept(&listener, &permits, &accepting))
        .await
    {
        server.connect(stream, peer, permit, &graceful);
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            left = server.connections.len(),
            "cut the connections that were still open"
        );
    }
    server.cut.cancel();
    server.connections.close();
    server.connections.wait().await;
}

/// The next connection, with its permit.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
    accepting: &Accepting,
) -> (Option<OwnedSemaphorePermit>, (TcpStream, SocketAddr)) {
    if permits.available_permits() == 0 {
        accepting.set(Some("as many connections are open as may be".into()));
    }
    // The semaphore is never closed, so this never fails.
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    accepting.set(None);
    loop {
        match listener.accept().await {
            Ok(accepted) => return (permit, accepted),
            Err(error) if is_client_error(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                accepting.set(Some(format!("cannot accept a connection: {error}")));
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_client_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

struct Server {
    app: App,
    limits: Limits,
    cut: CancellationToken,
    connections: TaskTracker,
    workers: Workers,
}

impl Server {
    fn connect(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        permit: Option<OwnedSemaphorePermit>,
        graceful: &GracefulShutdown,
    ) {
        // Answers are small: Nagle's algorithm would only delay them. If this fails, the next write fails too.
        let _ = stream.set_nodelay(true);
        // It leaves the runtime that has accepted it. A stream that cannot is of no use.
        let Ok(stream) = stream.into_std() else {
            return;
        };
        let (app, write_stall) = (self.app.clone(), self.limits.write_stall);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let answer = app.clone().answer(request.map(Body::new));
            async { Ok::<_, Infallible>(answer.await) }
        });
        let (http, watcher, cut) = (self.http(), graceful.watcher(), self.cut.clone());
        let place = self.workers.place();
        let thread = place.handle.clone();
        let connection = async move {
            let Ok(stream) = TcpStream::from_std(stream) else {
                return;
            };
            let stream = TokioIo::new(ClientStream::new(stream, write_stall));
            let connection = watcher.watch(http.serve_connection(stream, service));
            let open = metrics::gauge!("http_connections");
            open.increment(1);
            // A client that disconnects is no error of the server; the request has its own log line.
            let _ = cut.run_until_cancelled(connection).await;
            open.decrement(1);
            drop((place, permit));
        };
        self.connections.spawn_on(connection, &thread);
    }

    fn http(&self) -> http1::Builder {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.limits.header)
            .max_buf_size(MAX_HEAD)
            .half_close(false);
        // hyper reads up to its own limit into an array on the stack; with another it allocates for each request.
        if self.limits.headers != HYPER_HEADERS {
            http.max_headers(self.limits.headers);
        }
        http
    }
}
