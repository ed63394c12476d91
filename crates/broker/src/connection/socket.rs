//! A second handle to a connection's socket: it tells whether the socket has ended, and cuts it when dropped.
//!
//! The client library hands its socket to a thread that may end, hang or wait for a frozen broker without telling us.
//! The kernel does tell, whatever state the library is in. This handle never reads and never writes.

use std::{
    io,
    net::{Shutdown, TcpStream},
    os::fd::AsFd,
    sync::{Arc, OnceLock},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

/// Empty until TCP is connected.
#[derive(Default)]
pub(super) struct Socket(Arc<OnceLock<TcpStream>>);

/// Fills a [`Socket`]. The client library keeps it for as long as its thread runs, so it does not cut the socket.
pub(super) struct SocketSlot(Arc<OnceLock<TcpStream>>);

impl SocketSlot {
    /// Keeps a second handle to `stream`.
    pub(super) fn fill(&self, stream: &impl AsFd) -> io::Result<()> {
        let duplicate = stream.as_fd().try_clone_to_owned()?;
        self.0.get_or_init(|| TcpStream::from(duplicate));
        Ok(())
    }
}

impl Socket {
    pub(super) fn slot(&self) -> SocketSlot {
        SocketSlot(Arc::clone(&self.0))
    }

    /// Whether the other side has closed or reset it, even when unread bytes are left.
    pub(super) fn has_ended(&self) -> bool {
        let Some(socket) = self.0.get() else {
            return false;
        };
        let ends = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        let mut polled = [PollFd::new(socket, PollFlags::RDHUP)];
        let now = Timespec::default();
        match poll(&mut polled, Some(&now)) {
            Ok(_) => polled[0].revents().intersects(ends),
            Err(error) => error != Errno::INTR,
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(socket) = self.0.get() {
            // An error means that it is closed already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use std::{
        io::Write,
        net::TcpListener,
        thread::sleep,
        time::{Duration, Instant},
    };

    use super::*;

    /// A socket of ours, its other side, and the handle of the client library, which reads nothing.
    fn connected() -> (Socket, TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let library = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut other, _) = listener.accept().unwrap();
        let socket = Socket::default();
        socket.slot().fill(&library).unwrap();
        other.write_all(b"unread").unwrap();
        (socket, other, library)
    }

    fn ends(socket: &Socket) -> bool {
        let until = Instant::now() + Duration::from_secs(5);
        while !socket.has_ended() && Instant::now() < until {
            sleep(Duration::from_millis(5));
        }
        socket.has_ended()
    }

    #[test]
    fn an_open_socket_has_not_ended_and_an_empty_one_neither() {
        let (socket, _other, _library) = connected();
        sleep(Duration::from_millis(50));
        assert!(!socket.has_ended());
        assert!(!Socket::default().has_ended());
    }

    #[test]
    fn a_close_a_half_close_and_a_reset_are_seen_behind_unread_bytes() {
        let (socket, other, _library) = connected();
        drop(other);
        assert!(ends(&socket), "closed");

        let (socket, other, _library) = connected();
        other.shutdown(Shutdown::Write).unwrap();
        assert!(ends(&socket), "half-closed");

        let (socket, other, mut library) = connected();
        library
            .write_all(b"unread there, so that its close is a reset")
            .unwrap();
        sleep(Duration::from_millis(50));
        drop(other);
        assert!(ends(&socket), "reset");
    }

    #[test]
    fn a_dropped_socket_is_cut_for_the_library_too() {
        let (socket, mut other, _library) = connected();
        drop(socket);
        let told = other.write_all(b"x").and_then(|()| {
            sleep(Duration::from_millis(50));
            other.write_all(b"x")
        });
        assert!(told.is_err(), "the library's handle is still open");
    }
}
