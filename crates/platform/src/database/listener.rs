//! Notifications of the database (`LISTEN`), over a connection of their own.
//!
//! A notification may be missed while there is no connection: what is woken by one has to look by itself as well, after
//! each connection that was made and now and then.

use std::{future::poll_fn, pin::pin};

use tokio::{net::TcpStream, time::timeout};
use tokio_postgres::{AsyncMessage, Client, Connection, tls::NoTlsStream};

use super::{ConnectError, Database, Settings, connect::LIMIT};

/// A session that listens to one channel, until it is dropped.
pub struct Listener {
    connection: Connection<TcpStream, NoTlsStream>,
    _client: Client,
}

impl Database {
    /// Listens to `channel`; bounded in time. It takes no connection of the pool.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn listen(&self, channel: &'static str) -> Result<Listener, ConnectError> {
        let listening = timeout(LIMIT, Listener::open(&self.settings, channel)).await;
        listening.unwrap_or(Err(ConnectError::Silent(LIMIT)))
    }
}

impl Listener {
    async fn open(settings: &Settings, channel: &str) -> Result<Self, ConnectError> {
        let (client, mut connection) = settings.connect_driver().await?;
        listen(&client, &mut connection, channel).await?;
        Ok(Self {
            connection,
            _client: client,
        })
    }

    /// Waits for the next notification. Safe to cancel.
    ///
    /// # Errors
    /// [`ConnectError`] when the session has ended.
    pub async fn notified(&mut self) -> Result<(), ConnectError> {
        while !matches!(
            next_message(&mut self.connection).await?,
            AsyncMessage::Notification(_)
        ) {}
        Ok(())
    }
}

async fn listen(
    client: &Client,
    connection: &mut Connection<TcpStream, NoTlsStream>,
    channel: &str,
) -> Result<(), ConnectError> {
    let listen = format!("LISTEN \"{channel}\"");
    let mut listening = pin!(client.batch_execute(&listen));
    loop {
        tokio::select! {
            listened = &mut listening => return listened.map_err(ConnectError::Absent),
            // A notification that comes already is no loss: the caller looks after this.
            message = next_message(connection) => drop(message?),
        }
    }
}

async fn next_message(
    connection: &mut Connection<TcpStream, NoTlsStream>,
) -> Result<AsyncMessage, ConnectError> {
    match poll_fn(|cx| connection.poll_message(cx)).await {
        Some(message) => message.map_err(ConnectError::Absent),
        None => Err(ConnectError::Ended),
    }
}
