//! A TCP relay in front of a server: it can be absent, and ends connections in every way that a network knows.
//!
//! It runs on a thread of its own, so that it acts while the runtime of the test is busy. A [`Cue`] lets a fault fall
//! on one exact frame of AMQP.

mod cue;
mod pass;

use std::{
    net::TcpListener,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use tokio::{net::TcpStream, sync::watch};
use tokio_util::sync::CancellationToken;

pub use cue::{Cue, Cut, Side};

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Closed in order: FIN.
    Fin,
    /// Reset: RST.
    Reset,
    /// The server says FIN, and still takes what the client says.
    HalfClosed,
    /// Nothing arrives any more, in either direction.
    Silence,
    /// What the client says does not arrive any more; what the server says does.
    Mute,
    /// No end at all: at a cue the message is lost, with its header and body, and everything else passes.
    Lost,
}

/// Forwards to a server until it is dropped.
#[derive(Debug)]
pub struct Relay {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    server: (String, u16),
    protocol: Protocol,
    /// The cue that waits, and what happens then.
    cue: Mutex<Option<(Cue, Ending)>>,
    /// Ends the connections that exist at that moment.
    ending: watch::Sender<Option<Ending>>,
    open: AtomicUsize,
    ended: AtomicBool,
}

/// What passes, as far as the relay understands it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// AMQP 0-9-1: it may wait for a cue.
    Amqp,
    /// Bytes.
    Other,
}

impl Relay {
    /// A relay at a free port, in front of the server at `host` and `port`.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn start(protocol: Protocol, host: &str, port: u16) -> Self {
        Self::start_at(0, protocol, host, port)
    }

    /// A relay at a port that was free a moment ago.
    ///
    /// # Panics
    /// When it cannot listen there.
    #[must_use]
    pub fn start_at(at: u16, protocol: Protocol, host: &str, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", at)).expect("a free port");
        let relay = Self {
            port: listener.local_addr().expect("an address").port(),
            shared: Arc::new(Shared {
                server: (host.to_owned(), port),
                protocol,
                cue: Mutex::default(),
                ending: watch::Sender::new(None),
                open: AtomicUsize::new(0),
                ended: AtomicBool::new(false),
            }),
            stop: CancellationToken::new(),
        };
        let (shared, stop) = (Arc::clone(&relay.shared), relay.stop.clone());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(stop.run_until_cancelled(serve(listener, shared)));
        });
        relay
    }

    /// Ends the connections that exist; new ones work.
    pub fn end(&self, ending: Ending) {
        self.shared.ending.send_replace(Some(ending));
    }

    /// Ends the first connection that meets `cue`; those after it work.
    pub fn end_at(&self, cue: Cue, ending: Ending) {
        *self.shared.cue() = Some((cue, ending));
    }

    /// How many connections its clients have not closed.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Whether it was asked to end connections, and has begun to.
    #[must_use]
    pub fn has_ended_one(&self) -> bool {
        self.shared.ended.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Shared {
    fn waiting_cue(&self) -> Option<Cue> {
        self.cue().as_ref().map(|(cue, _)| *cue)
    }

    fn cue(&self) -> std::sync::MutexGuard<'_, Option<(Cue, Ending)>> {
        self.cue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    listener.set_nonblocking(true).expect("a listener");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
    while let Ok((client, _)) = listener.accept().await {
        let ending = shared.ending.subscribe();
        let (host, port) = &shared.server;
        // A server that is absent is a connection that is closed at once.
        if let Ok(server) = TcpStream::connect((host.as_str(), *port)).await {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                shared.open.fetch_add(1, Ordering::SeqCst);
                pass::connection(client, server, &shared, ending).await;
                shared.open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    }
}
