//! One client's connection: what was read of the current request, and a close that lets the answer arrive.
//!
//! hyper repairs a head that carries both `content-length` and `transfer-encoding`; to refuse it one has to
//! look at the bytes ([`Tape`]). And a socket that is closed with unread bytes resets the connection, which can
//! destroy an answer that the client has not read yet (a 413 in the middle of an upload): so after our last byte we
//! go on reading, for a while, and throw away what comes.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};
use tokio_io_timeout::TimeoutStream;

/// How long the client may be silent after our last byte.
const LINGER_SILENCE: Duration = Duration::from_millis(500);

/// How long it may go on sending.
const LINGER_LIMIT: Duration = Duration::from_secs(5);

/// The heads that were read lately: that of the current request, and of those that were sent right behind it.
#[derive(Debug, Clone, Default)]
pub(super) struct Tape(Arc<Mutex<Recording>>);

#[derive(Debug, Default)]
struct Recording {
    bytes: Vec<u8>,
    answered: bool,
    is_cut: bool,
}

impl Tape {
    fn record(&self, read: &[u8]) {
        let mut recording = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recording.record(read);
    }

    /// An answer is being written, so what is read next begins another request; or goes on with its head.
    fn answered(&self) {
        let mut recording = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recording.answered = true;
    }

    /// Whether a head on the tape has both `transfer-encoding` and `content-length`, or may have: the tape was too short.
    pub(super) fn has_two_lengths(&self) -> bool {
        let recording = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recording.is_cut || has_two_lengths(&recording.bytes)
    }
}

impl Recording {
    /// The most that is kept. A chunked request with a longer head is refused, as what it says cannot be seen.
    const LIMIT: usize = super::server::MAX_HEAD + Self::CARRIED;

    /// The most that is kept over an answer: the beginning of a head, not the end of a body.
    const CARRIED: usize = 8 * 1_024;

    fn record(&mut self, read: &[u8]) {
        if std::mem::take(&mut self.answered) {
            self.forget();
        }
        self.bytes.extend_from_slice(read);
        let excess = self.bytes.len().saturating_sub(Self::LIMIT);
        self.bytes.drain(..excess);
        self.is_cut |= excess > 0;
    }

    /// Keeps what comes after the last blank line: a client may send its next head before it has its answer.
    fn forget(&mut self) {
        self.is_cut = false;
        let end = self
            .bytes
            .windows(4)
            .rposition(|bytes| bytes == b"\r\n\r\n");
        self.bytes.drain(..end.map_or(0, |end| end + 4));
        if self.bytes.len() > Self::CARRIED {
            self.bytes.clear();
        }
        // A connection that once had a long head does not keep its memory.
        self.bytes.shrink_to(Self::CARRIED);
    }
}

fn has_two_lengths(bytes: &[u8]) -> bool {
    let (mut chunked, mut counted) = (false, false);
    for line in bytes.split(|&byte| byte == b'\n') {
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
        chunked |= name.eq_ignore_ascii_case(b"transfer-encoding");
        counted |= name.eq_ignore_ascii_case(b"content-length");
        if chunked && counted {
            return true;
        }
        if line.trim_ascii().is_empty() {
            (chunked, counted) = (false, false);
        }
    }
    false
}

/// The stream under one connection.
pub(super) struct Wire {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    tape: Tape,
    linger: Option<Linger>,
}

struct Linger {
    end: Instant,
    silence: Pin<Box<Sleep>>,
}

impl Wire {
    /// `write_stall` bounds each write.
    pub(super) fn new(stream: TcpStream, write_stall: Duration) -> Self {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(write_stall));
        Self {
            stream: Box::pin(stream),
            tape: Tape::default(),
            linger: None,
        }
    }

    /// The heads that are read from it.
    pub(super) fn tape(&self) -> Tape {
        self.tape.clone()
    }

    /// Reads and forgets until the client closes, falls silent, or has had its time.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let linger = self.linger.get_or_insert_with(|| Linger {
            end: Instant::now() + LINGER_LIMIT,
            silence: Box::pin(sleep(LINGER_SILENCE)),
        });
        let mut scratch = [std::mem::MaybeUninit::uninit(); 16 * 1_024];
        loop {
            let mut buffer = ReadBuf::uninit(&mut scratch);
            let now = Instant::now();
            match self.stream.as_mut().poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() && now < linger.end => {
                    linger.silence.as_mut().reset(now + LINGER_SILENCE);
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return linger.silence.as_mut().poll(cx),
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.stream.as_mut().poll_read(cx, buffer))?;
        self.tape.record(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.tape.answered();
        self.stream.as_mut().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.tape.answered();
        self.stream.as_mut().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(self.stream.as_mut().poll_shutdown(cx))?;
        }
        self.poll_linger(cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::{Recording, has_two_lengths};

    #[test]
    fn a_head_with_both_is_found_in_any_order_and_case() {
        for head in [
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 3\r\nTRANSFER-ENCODING: chunked\r\n\r\n",
            "POST / HTTP/1.1\ncontent-length: 3\ntransfer-encoding: chunked\n\n",
            "GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
        ] {
            assert!(has_two_lengths(head.as_bytes()), "{head}");
        }
    }

    #[test]
    fn what_a_body_or_another_head_says_does_not_count() {
        for bytes in [
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n14\r\ncontent-length: 3\r\n\r\n",
            "GET / HTTP/1.1\r\ncontent-length: 0\r\n\r\nPOST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
            "",
        ] {
            assert!(!has_two_lengths(bytes.as_bytes()), "{bytes}");
        }
    }

    #[test]
    fn a_head_that_began_before_an_answer_is_kept_and_bodies_are_not() {
        let mut recording = Recording::default();
        recording.record(b"GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\ncontent-length: 3\r\n");
        recording.answered = true;
        recording.record(b"transfer-encoding: chunked\r\n\r\n");
        assert!(has_two_lengths(&recording.bytes));
        recording.record(&vec![b'x'; 2 * Recording::LIMIT]);
        assert_eq!(recording.bytes.len(), Recording::LIMIT);
        recording.answered = true;
        recording.record(b"GET");
        assert_eq!(recording.bytes, b"GET");
    }
}
