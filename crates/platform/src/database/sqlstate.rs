//! The SQLSTATE of the server's last error, read from what it sends.
//!
//! diesel tells some kinds of errors apart and calls the rest `Unknown`: a number out of range, a deadlock and a server
//! that is shutting down look the same, though one is the fault of the data and the others pass. So the stream under a
//! connection remembers the code of the last ErrorResponse. It changes no byte and keeps no text.
//!
//! Source: PostgreSQL, "Frontend/Backend Protocol", message formats and error fields.

use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A five-character code; the first two characters are its class.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// The code as text: `23505`.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The class: `23`.
    #[must_use]
    pub fn class(&self) -> &str {
        self.code().get(..2).unwrap_or_default()
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The last error of one connection; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct LastError(Arc<Mutex<Option<SqlState>>>);

impl LastError {
    pub(super) fn get(&self) -> Option<SqlState> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, state: Option<SqlState>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// A stream from a server whose messages are followed.
pub(super) struct Followed<S> {
    stream: S,
    messages: Messages,
    last: LastError,
}

impl<S> Followed<S> {
    pub(super) fn new(stream: S, last: LastError) -> Self {
        Self {
            stream,
            messages: Messages::default(),
            last,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Followed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if let Some(state) = self.messages.read(&buffer.filled()[before..]) {
            self.last.set(Some(state));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Followed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Where in the sequence of messages the bytes are. A message is a type, a length that counts itself, and a payload.
#[derive(Debug, Default)]
struct Messages {
    head: Vec<u8>,
    /// Bytes of the current payload that are still to come.
    left: usize,
    /// The payload of an ErrorResponse so far.
    error: Option<Vec<u8>>,
}

/// Bytes before the payload.
const HEAD: usize = 5;

/// The most of an error that is kept; the code is among its first fields.
const ERROR_MAX: usize = 512;

impl Messages {
    /// Follows `bytes`; the code of the last error that ends in them.
    fn read(&mut self, mut bytes: &[u8]) -> Option<SqlState> {
        let mut last = None;
        while !bytes.is_empty() {
            if self.left == 0 {
                bytes = self.read_head(bytes);
            } else {
                let (payload, rest) = bytes.split_at(self.left.min(bytes.len()));
                self.left -= payload.len();
                if let Some(error) = &mut self.error {
                    error.extend(payload.iter().take(ERROR_MAX - error.len().min(ERROR_MAX)));
                }
                bytes = rest;
            }
            if self.left == 0
                && self.head.is_empty()
                && let Some(error) = self.error.take()
            {
                last = sqlstate(&error).or(last);
            }
        }
        last
    }

    fn read_head<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (head, rest) = bytes.split_at((HEAD - self.head.len()).min(bytes.len()));
        self.head.extend_from_slice(head);
        if let &[kind, a, b, c, d] = &self.head[..] {
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            self.left = length.saturating_sub(4);
            self.error = (kind == b'E').then(Vec::new);
            self.head.clear();
        }
        rest
    }
}

/// The field `C` of an ErrorResponse: each field is a letter and a text that ends in NUL.
fn sqlstate(error: &[u8]) -> Option<SqlState> {
    let code = error
        .split(|&byte| byte == 0)
        .find_map(|field| field.strip_prefix(b"C"))?;
    Some(SqlState(code.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len() + 4).unwrap_or(0).to_be_bytes();
        [&[kind][..], &length, payload].concat()
    }

    fn error(code: &str) -> Vec<u8> {
        let payload = format!("SERROR\0VERROR\0C{code}\0Mnot C12345\0Cno, this is another\0\0");
        message(b'E', payload.as_bytes())
    }

    #[test]
    fn the_code_of_an_error_is_read() {
        let state = Messages::default().read(&error("22003"));
        assert_eq!(
            state.map(|state| (state.code().to_owned(), state.class().to_owned())),
            Some(("22003".into(), "22".into()))
        );
    }

    #[test]
    fn data_that_look_like_an_error_are_none() {
        let row = message(b'D', &error("22003"));
        assert_eq!(Messages::default().read(&row), None);
        assert_eq!(
            Messages::default()
                .read(&message(b'E', b"SERROR\0Cshort\0\0"))
                .map(|state| state.code().to_owned()),
            Some("short".into())
        );
        assert_eq!(
            Messages::default().read(&message(b'E', b"SERROR\0Cmuch too long\0\0")),
            None
        );
        assert_eq!(Messages::default().read(&message(b'E', b"")), None);
    }

    proptest! {
        #[test]
        fn messages_may_be_cut_anywhere(
            kinds in proptest::collection::vec((any::<bool>(), 0..40_usize), 1..8),
            cuts in proptest::collection::vec(1..20_usize, 0..60),
        ) {
            let mut bytes = Vec::new();
            let mut expected = None;
            for (index, (is_error, length)) in kinds.into_iter().enumerate() {
                if is_error {
                    let code = format!("{index:05}");
                    bytes.extend(error(&code));
                    expected = Some(code);
                } else {
                    bytes.extend(message(b'D', &vec![b'E'; length]));
                }
            }
            let (mut messages, mut last, mut rest) = (Messages::default(), None, &bytes[..]);
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (part, after) = rest.split_at(cut.min(rest.len()));
                last = messages.read(part).or(last);
                rest = after;
            }
            prop_assert_eq!(last.map(|state| state.code().to_owned()), expected);
        }
    }
}
