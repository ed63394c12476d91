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

/// Fills a [`Socket`]; the client library keeps it as long as its thread runs, so it does not own the handle's end.
pub(super) struct Keeper(Arc<OnceLock<TcpStream>>);

impl Keeper {
    /// Keeps a second handle to `stream`.
    pub(super) fn keep(&self, stream: &impl AsFd) -> io::Result<()> {
        let twin = stream.as_fd().try_clone_to_owned()?;
        self.0.get_or_init(|| TcpStream::from(twin));
        Ok(())
    }
}

impl Socket {
    pub(super) fn keeper(&self) -> Keeper {
        Keeper(Arc::clone(&self.0))
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
