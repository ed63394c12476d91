//! A peer that speaks HTTP/1.1 in bytes, and misbehaves when told to. It writes down all that it reads.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

/// What the peer does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Behavior {
    /// Sends these bytes and keeps the connection.
    Say(Vec<u8>),
    /// Sends these bytes after this time and keeps the connection.
    SayLater(Duration, Vec<u8>),
    /// Sends these bytes, then closes.
    SayAndClose(Vec<u8>),
    /// Sends these bytes, then resets the connection.
    SayAndReset(Vec<u8>),
    /// Sends these bytes, then nothing, and notes when the gateway hangs up.
    SayAndStare(Vec<u8>),
}

/// A request as it arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// The values of a header, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1);
        let pairs = lines.filter_map(|line| line.split_once(": "));
        pairs
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Notes {
    seen: Mutex<Vec<Seen>>,
    hung_up: Mutex<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Stub {
    pub(crate) port: u16,
    notes: Arc<Notes>,
}

impl Stub {
    /// A peer whose `n`th request (from 0) meets `behavior(n)`.
    pub(crate) async fn start(
        behavior: impl Fn(usize) -> Behavior + Send + Sync + 'static,
    ) -> Self {
        Self::answering(move |number, _| behavior(number)).await
    }

    /// A peer that decides what it does by the request, too.
    pub(crate) async fn answering(
        behavior: impl Fn(usize, &Seen) -> Behavior + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let notes = Arc::new(Notes::default());
        let (behavior, shared) = (Arc::new(behavior), Arc::clone(&notes));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&behavior), Arc::clone(&shared)));
            }
        });
        Self { port, notes }
    }

    /// A peer that answers every request with `200` and this JSON.
    pub(crate) async fn json(body: &str) -> Self {
        let answer = ok(body);
        Self::start(move |_| Behavior::Say(answer.clone())).await
    }

    /// A peer that always does the same.
    pub(crate) async fn always(behavior: Behavior) -> Self {
        Self::start(move |_| behavior.clone()).await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.notes.seen.lock().unwrap().clone()
    }

    /// The only request that came.
    pub(crate) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }

    /// Waits until the gateway has hung up on a connection that it was stared at.
    pub(crate) async fn hung_up(&self) -> bool {
        for _ in 0..100 {
            if *self.notes.hung_up.lock().unwrap() > 0 {
                return true;
            }
            sleep(Duration::from_millis(20)).await;
        }
        false
    }
}

/// A plain 200 with this JSON.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

async fn converse(
    mut stream: TcpStream,
    behavior: Arc<impl Fn(usize, &Seen) -> Behavior>,
    notes: Arc<Notes>,
) {
    let mut buffer = Vec::new();
    while let Some(seen) = request(&mut stream, &mut buffer).await {
        let behavior = {
            let mut all = notes.seen.lock().unwrap();
            all.push(seen.clone());
            behavior(all.len() - 1, &seen)
        };
        let (bytes, then) = match behavior {
            Behavior::Say(bytes) => (bytes, 's'),
            Behavior::SayLater(pause, bytes) => {
                sleep(pause).await;
                (bytes, 's')
            }
            Behavior::SayAndClose(bytes) => (bytes, 'c'),
            Behavior::SayAndReset(bytes) => (bytes, 'r'),
            Behavior::SayAndStare(bytes) => (bytes, 'w'),
        };
        let _ = stream.write_all(&bytes).await;
        match then {
            's' => {}
            'w' => {
                let gone = timeout(Duration::from_secs(20), stream.read(&mut [0; 1_024])).await;
                if matches!(gone, Ok(Ok(0) | Err(_))) {
                    *notes.hung_up.lock().unwrap() += 1;
                }
                return;
            }
            'r' => {
                // The bytes must have left before the reset drops what is unsent.
                sleep(Duration::from_millis(50)).await;
                let _ = stream.set_zero_linger();
                return;
            }
            _ => return,
        }
    }
}

/// Reads one request; `None` when the connection ends, wherever that is.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    let end = until(stream, buffer, b"\r\n\r\n").await?;
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end);
    let mut seen = Seen {
        head,
        body: Vec::new(),
    };
    if seen.all("transfer-encoding").is_empty() {
        let length = seen
            .all("content-length")
            .first()
            .map_or(0, |length| length.parse().unwrap());
        while buffer.len() < length {
            fill(stream, buffer).await?;
        }
        seen.body = buffer.drain(..length).collect();
    } else {
        let end = until(stream, buffer, b"0\r\n\r\n").await?;
        seen.body = buffer.drain(..end).collect();
    }
    Some(seen)
}

async fn until(stream: &mut TcpStream, buffer: &mut Vec<u8>, mark: &[u8]) -> Option<usize> {
    loop {
        if let Some(at) = buffer.windows(mark.len()).position(|window| window == mark) {
            return Some(at + mark.len());
        }
        fill(stream, buffer).await?;
    }
}

async fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 16 * 1_024];
    let count = stream
        .read(&mut chunk)
        .await
        .ok()
        .filter(|&count| count > 0)?;
    buffer.extend_from_slice(&chunk[..count]);
    Some(())
}
