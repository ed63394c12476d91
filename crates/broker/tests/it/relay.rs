//! A TCP relay in front of the broker that can be absent, cut its connections, or fall silent.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use broker::Settings;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    task::{JoinHandle, JoinSet},
};

/// Forwards to a broker.
pub(crate) struct Relay {
    listening: JoinHandle<()>,
    silent: Arc<AtomicBool>,
    directions: Arc<Mutex<JoinSet<()>>>,
}

impl Relay {
    /// A relay at a free port, and the settings that lead through it.
    pub(crate) async fn start(behind: &Settings) -> (Self, Settings) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        Self::serve(listener, behind)
    }

    /// A relay at a port that was free a moment ago.
    pub(crate) async fn start_at(port: u16, behind: &Settings) -> (Self, Settings) {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        Self::serve(listener, behind)
    }

    /// From now on every byte of the connections that exist is swallowed; new connections work.
    pub(crate) fn silence(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    /// Ends every connection without a word; new ones work.
    pub(crate) fn cut(&self) {
        self.directions.lock().unwrap().abort_all();
    }

    fn serve(listener: TcpListener, behind: &Settings) -> (Self, Settings) {
        let port = listener.local_addr().unwrap().port();
        let settings = Settings {
            host: "127.0.0.1".into(),
            port,
            ..behind.clone()
        };
        let (host, port) = (behind.host.clone(), behind.port);
        let silent = Arc::new(AtomicBool::new(false));
        let switch = Arc::clone(&silent);
        let directions = Arc::new(Mutex::new(JoinSet::new()));
        let set = Arc::clone(&directions);
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect((host.as_str(), port)).await.unwrap();
                let silenced_at_birth = switch.load(Ordering::SeqCst);
                let switch = (!silenced_at_birth).then(|| Arc::clone(&switch));
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let mut set = set.lock().unwrap();
                set.spawn(forward(from_client, to_server, switch.clone()));
                set.spawn(forward(from_server, to_client, switch));
            }
        });
        (
            Self {
                listening,
                silent,
                directions,
            },
            settings,
        )
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// A connection made after the silence began has no switch and is never silent.
async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, silent: Option<Arc<AtomicBool>>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let swallow = silent
            .as_ref()
            .is_some_and(|silent| silent.load(Ordering::SeqCst));
        if !swallow && to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
}
