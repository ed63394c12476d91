//! A TCP relay that can hold back what one side says, so that a fault falls on one exact moment.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Relays to one address; [`Relay::mute`] holds back what clients say from now on, for ever.
pub(crate) struct Relay {
    pub(crate) port: u16,
    muted: watch::Sender<bool>,
}

impl Relay {
    pub(crate) async fn to(host: &str, port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self {
            port: listener.local_addr().unwrap().port(),
            muted: watch::Sender::new(false),
        };
        let (target, muted) = (format!("{host}:{port}"), relay.muted.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&target).await.unwrap();
                tokio::spawn(pass(client, server, muted.clone()));
            }
        });
        relay
    }

    pub(crate) fn mute(&self) {
        self.muted.send_replace(true);
    }
}

async fn pass(client: TcpStream, server: TcpStream, mut muted: watch::Receiver<bool>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let down = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut buffer = [0; 4_096];
    while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
        if *muted.borrow_and_update() {
            continue;
        }
        if to_server.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    down.abort();
}
