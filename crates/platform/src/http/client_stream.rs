//! The TCP stream of one client: bounded writes and a lingering close.
//!
//! A write that makes no progress ends with an error. A socket that is closed with unread bytes resets the connection,
//! which can destroy an answer that the client has not read yet (a 413 in the middle of an upload). So the close reads
//! and discards what the client still sends, for a bounded time. It never looks at the bytes.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};
use tokio_io_timeout::TimeoutStream;

/// The lingering close ends when the client has sent nothing for this long.
const LINGER_IDLE: Duration = Duration::from_millis(500);

/// The lingering close lasts at most this long.
const LINGER_LIMIT: Duration = Duration::from_secs(5);

/// The stream under one HTTP connection.
pub(super) struct ClientStream {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    linger: Option<Linger>,
}

/// The timers of a lingering close.
struct Linger {
    deadline: Instant,
    idle: Pin<Box<Sleep>>,
}

impl ClientStream {
    /// `write_stall` bounds each write.
    pub(super) fn new(stream: TcpStream, write_stall: Duration) -> Self {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(write_stall));
        Self {
            stream: Box::pin(stream),
            linger: None,
        }
    }

    /// Reads and discards until the client closes or one of the two timers ends.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let linger = self.linger.get_or_insert_with(|| Linger {
            deadline: Instant::now() + LINGER_LIMIT,
            idle: Box::pin(sleep(LINGER_IDLE)),
        });
        let mut discarded = [MaybeUninit::uninit(); 16 * 1_024];
        loop {
            let mut buffer = ReadBuf::uninit(&mut discarded);
            let now = Instant::now();
            match self.stream.as_mut().poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() && now < linger.deadline => {
                    linger.idle.as_mut().reset(now + LINGER_IDLE);
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return linger.idle.as_mut().poll(cx),
            }
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_read(cx, buffer)
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(cx)
    }

    /// Closes the sending half, then lingers.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(self.stream.as_mut().poll_shutdown(cx))?;
        }
        self.poll_linger(cx).map(Ok)
    }
}
