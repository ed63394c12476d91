//! The accept loop: HTTP/1.1 with a bound on every wait and every buffer.
//!
//! axum's own loop has no header timeout and drains without a bound (half a head was seen to stay open for 40 s), so this
//! one is ours. It never reads a body and knows no route.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{
    Request, body::Incoming, header::TRANSFER_ENCODING, server::conn::http1, service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use super::{Limits, wire::Wire};

/// Bytes of one request's head, and of what is buffered for one connection.
pub(super) const MAX_HEAD: usize = 64 * 1_024;

/// The pause after a failed accept: out of file descriptors, most likely, and trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Marks a request whose head had `content-length` beside `transfer-encoding`: hyper drops the former silently,
/// and a peer that believes the other one sees another request.
#[derive(Debug, Clone, Copy)]
pub struct TwoLengths;

/// Why new connections are not accepted right now, if they are not; clones share it. A client whose connection is kept
/// alive would not notice.
#[derive(Debug, Clone, Default)]
pub struct Accepting(Arc<Mutex<Option<String>>>);

impl Accepting {
    /// Whether connections are accepted; the error is a short reason.
    ///
    /// # Errors
    /// When they are not.
    pub fn ready(&self) -> Result<(), String> {
        self.obstacle().clone().map_or(Ok(()), Err)
    }

    fn set(&self, obstacle: Option<String>) {
        *self.obstacle() = obstacle;
    }

    fn obstacle(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves `app` until `stop`, then lets open requests finish for `limits.drain`, then cuts them.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    stop: CancellationToken,
    accepting: Accepting,
) {
    let server = Server {
        app,
        limits,
        cut: CancellationToken::new(),
        connections: TaskTracker::new(),
    };
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(limits.connections));
    while let Some((permit, (stream, peer))) = stop
        .run_until_cancelled(next(&listener, &permits, &accepting))
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

async fn next(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
    accepting: &Accepting,
) -> (Option<OwnedSemaphorePermit>, (TcpStream, SocketAddr)) {
    if permits.available_permits() == 0 {
        accepting.set(Some("as many connections are open as may be".into()));
    }
    // The semaphore is never closed; a permit is always had.
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
    app: Router,
    limits: Limits,
    cut: CancellationToken,
    connections: TaskTracker,
}

impl Server {
    fn connect(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        permit: Option<OwnedSemaphorePermit>,
        graceful: &GracefulShutdown,
    ) {
        // Answers are small: waiting to fill a segment only adds delay. A failure here is the connection's end anyway.
        let _ = stream.set_nodelay(true);
        let app = self.app.clone();
        let wire = Wire::new(stream, self.limits.write_stall);
        let tape = wire.tape();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            if request.headers().contains_key(TRANSFER_ENCODING) && tape.has_two_lengths() {
                request.extensions_mut().insert(TwoLengths);
            }
            app.clone().oneshot(request.map(Body::new))
        });
        let connection = graceful.watch(self.http().serve_connection(TokioIo::new(wire), service));
        let cut = self.cut.clone();
        self.connections.spawn(async move {
            let open = metrics::gauge!("http_connections");
            open.increment(1);
            // A client that breaks off is its own business; what it asked for is in the request's log line.
            let _ = cut.run_until_cancelled(connection).await;
            open.decrement(1);
            drop(permit);
        });
    }

    fn http(&self) -> http1::Builder {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.limits.header)
            .max_headers(self.limits.headers)
            .max_buf_size(MAX_HEAD)
            .half_close(false);
        http
    }
}
