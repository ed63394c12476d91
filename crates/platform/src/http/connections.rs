//! Connections to one service: HTTP/1.1, one request at a time on each.
//!
//! Promises: a connection stays on the thread that has opened it. It is used again when its answer was read to the end, if that
//! is not long ago. A request that could not be written, for its connection had ended, goes to another; one that was written
//! is never sent again here. An answer that is given up closes its connection. Only connecting is bounded here: who sends a
//! request bounds the rest.

use std::{
    error::Error,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use axum::{
    body::Bytes,
    http::{Request, Response},
};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::workers::PerThread;

/// How long a connection to a service may take: the 503 for an absent service is due within a second.
const CONNECT_LIMIT: Duration = Duration::from_millis(500);

/// How long a connection may have idled when it is used again: less than the 10 s after which the services close it.
const IDLE_LIMIT: Duration = Duration::from_secs(5);

/// The connections to one service; clones share them.
pub struct Connections<B> {
    host: Arc<str>,
    port: u16,
    idle: PerThread<Arc<Idle<B>>>,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// No connection could be made in time.
    #[error("no connection")]
    Connect(#[source] io::Error),
    /// The connection, or the body of the request, failed before the head of an answer.
    #[error("no answer")]
    Exchange(#[source] hyper::Error),
}

/// Connections of one thread that wait for their next request, with the time of their last answer; the newest at the end.
struct Idle<B> {
    most: usize,
    senders: Mutex<Vec<(Instant, SendRequest<B>)>>,
}

/// The body of an answer. Read to its end, it gives its connection back.
pub struct AnswerBody<B> {
    body: Incoming,
    has_ended: bool,
    connection: Option<(SendRequest<B>, Arc<Idle<B>>)>,
}

impl<B> Connections<B>
where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    /// To `host:port`, made when they are needed; each thread keeps at most `idle`.
    #[must_use]
    pub fn new(host: &str, port: u16, idle: usize) -> Self {
        Self {
            host: host.trim_matches(['[', ']']).into(),
            port,
            idle: PerThread::new(|| Arc::new(Idle::new(idle))),
        }
    }

    /// Sends a request, whose target is a path and which has its `host`.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn request(
        &self,
        mut request: Request<B>,
    ) -> Result<Response<AnswerBody<B>>, RequestError> {
        let idle = self.idle.get();
        loop {
            let kept = idle.take();
            let is_kept = kept.is_some();
            let mut sender = match kept {
                Some(sender) => sender,
                None => self.connect().await?,
            };
            match sender.try_send_request(request).await {
                Ok(answer) => {
                    let connection = Some((sender, Arc::clone(idle)));
                    return Ok(answer.map(|body| AnswerBody::new(body, connection)));
                }
                Err(mut error) => match error.take_message() {
                    // There are only so many.
                    Some(unsent) if is_kept => request = unsent,
                    _ => return Err(RequestError::Exchange(error.into_error())),
                },
            }
        }
    }

    async fn connect(&self) -> Result<SendRequest<B>, RequestError> {
        let connecting = TcpStream::connect((&*self.host, self.port));
        let stream = timeout(CONNECT_LIMIT, connecting).await;
        let stream = stream
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(RequestError::Connect)?;
        // Nagle's algorithm would only delay. If this fails, the first write fails too.
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(RequestError::Exchange)?;
        // It ends when the service closes it or its sender is dropped. Who has sent a request is told of its errors.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }
}

impl<B> Clone for Connections<B> {
    fn clone(&self) -> Self {
        Self {
            host: Arc::clone(&self.host),
            port: self.port,
            idle: self.idle.clone(),
        }
    }
}

impl RequestError {
    /// Whether there was no connection.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(self, Self::Connect(_))
    }

    /// Whether the body of the request failed, not the service.
    #[must_use]
    pub fn is_own_body(&self) -> bool {
        matches!(self, Self::Exchange(error) if error.is_user())
    }
}

impl<B> Idle<B> {
    fn new(most: usize) -> Self {
        Self {
            most,
            senders: Mutex::default(),
        }
    }

    /// The one that was used last: the others grow old and are dropped.
    fn take(&self) -> Option<SendRequest<B>> {
        let mut senders = self.lock();
        let (since, sender) = senders.pop()?;
        if since.elapsed() < IDLE_LIMIT && sender.is_ready() {
            return Some(sender);
        }
        // Those before it are older. One that has ended says that the service has gone, or restarts.
        senders.retain(|(since, sender)| since.elapsed() < IDLE_LIMIT && sender.is_ready());
        senders.pop().map(|(_, sender)| sender)
    }

    fn give_back(&self, sender: SendRequest<B>) {
        let mut senders = self.lock();
        // It is not ready while the request is still being sent: after an early answer.
        if senders.len() < self.most && sender.is_ready() {
            senders.push((Instant::now(), sender));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Instant, SendRequest<B>)>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> AnswerBody<B> {
    fn new(body: Incoming, connection: Option<(SendRequest<B>, Arc<Idle<B>>)>) -> Self {
        Self {
            body,
            has_ended: false,
            connection,
        }
    }
}

impl<B> Body for AnswerBody<B>
where
    SendRequest<B>: Unpin,
{
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.has_ended = frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for AnswerBody<B> {
    fn drop(&mut self) {
        if let Some((sender, idle)) = self.connection.take()
            && (self.has_ended || self.body.is_end_stream())
        {
            idle.give_back(sender);
        }
    }
}
