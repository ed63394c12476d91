//! Connections to one service: HTTP/1.1, one request at a time on each.
//!
//! Promises: a connection that one of the serving threads has opened stays there. It is used again when its answer has arrived
//! whole, if that is not long ago. A request for which a kept connection turns out to have ended goes to another, as it was not
//! written; one that was written is never sent again here. An answer that is given up before its end closes its connection.
//! Only connecting is bounded here: who sends a request bounds the rest.

use std::{
    collections::VecDeque,
    error::Error,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
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
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::workers::PerThread;

/// How long a connection to a service may take: the 503 for an absent service is due within a second.
const CONNECT_LIMIT: Duration = Duration::from_millis(500);

/// Of each connection, for what is read ahead; the head of an answer may not be much longer. hyper's own limit is 408 KiB.
const BUFFER_MAX: usize = 128 * 1_024;

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

/// Connections of one thread that wait for their next request.
struct Idle<B> {
    most: usize,
    senders: Mutex<Senders<B>>,
}

/// With the time of their last answer; the newest at the end.
type Senders<B> = VecDeque<(Instant, SendRequest<B>)>;

/// The body of an answer. At its end it gives the connection back.
pub struct AnswerBody<B> {
    body: Incoming,
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
                    return Ok(answer.map(|body| AnswerBody { body, connection }));
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
        let stream = timeout(CONNECT_LIMIT, self.open()).await;
        let stream = stream.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let stream = stream.map_err(RequestError::Connect)?;
        // Nagle's algorithm would only delay. If this fails, the first write fails too.
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(BUFFER_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(RequestError::Exchange)?;
        // It ends when the service closes it or its sender is dropped. Who has sent a request is told of its errors.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    /// At the first address of the service that answers; each of them has its share of the time.
    async fn open(&self) -> io::Result<TcpStream> {
        let addresses: Vec<_> = lookup_host((&*self.host, self.port)).await?.collect();
        let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut failure = io::ErrorKind::NotFound.into();
        for address in addresses {
            match timeout(CONNECT_LIMIT / count, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = error,
                Err(_) => failure = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(failure)
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

    /// The one that was used last: the others may grow old. It may have ended.
    fn take(&self) -> Option<SendRequest<B>> {
        let (_, sender) = self.fresh().pop_back()?;
        Some(sender)
    }

    /// It is ready when the answer has arrived whole, and the request was sent to its end.
    fn give_back(&self, sender: SendRequest<B>) {
        let mut senders = self.fresh();
        if senders.len() < self.most && sender.is_ready() {
            senders.push_back((Instant::now(), sender));
        }
    }

    /// Without those that have idled for too long.
    fn fresh(&self) -> MutexGuard<'_, Senders<B>> {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((since, _)) = senders.front()
            && since.elapsed() >= IDLE_LIMIT
        {
            senders.pop_front();
        }
        senders
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
        Pin::new(&mut self.body).poll_frame(cx)
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
        if let Some((sender, idle)) = self.connection.take() {
            idle.give_back(sender);
        }
    }
}
