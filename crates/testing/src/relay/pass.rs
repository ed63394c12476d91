//! One connection through the relay, from its beginning to its end.

use std::{io, sync::atomic::Ordering, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};

use super::{
    Ending, Protocol, Shared, Side,
    cue::{Frames, Passed},
};

/// A write that nobody takes ends the connection; a relay must not hang where it stands in for a network.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// Both ends of a relayed connection.
struct Pair {
    client: TcpStream,
    server: TcpStream,
}

/// Forwards both ways until one side closes, the relay is told to end it, or its cue is met.
pub(super) async fn connection(
    client: TcpStream,
    server: TcpStream,
    shared: &Shared,
    mut ending: watch::Receiver<Option<Ending>>,
) {
    let mut pair = Pair { client, server };
    // What was said before this connection was made is not about it.
    ending.mark_unchanged();
    let ended = tokio::select! {
        ended = pair.forward(shared) => ended,
        Ok(()) = ending.changed() => Ok(*ending.borrow()),
    };
    if let Ok(Some(ending)) = ended {
        shared.ended.store(true, Ordering::SeqCst);
        // Whatever goes wrong from here on is the end of the connection, too.
        let _ = pair.end(ending).await;
    }
}

impl Pair {
    /// Forwards until a side closes, or until a cue is met, and then returns what it asks for.
    async fn forward(&mut self, shared: &Shared) -> io::Result<Option<Ending>> {
        let (mut from_client, mut from_server) =
            (Frames::of(Side::Client), Frames::of(Side::Server));
        let (mut client_read, mut server_read) = (vec![0; 64 * 1_024], vec![0; 64 * 1_024]);
        loop {
            let met = tokio::select! {
                read = self.client.read(&mut client_read) => {
                    let Some(read) = some(read?) else { return Ok(None) };
                    forward(&client_read[..read], &mut from_client, &mut self.server, shared).await?
                }
                read = self.server.read(&mut server_read) => {
                    let Some(read) = some(read?) else { return Ok(None) };
                    forward(&server_read[..read], &mut from_server, &mut self.client, shared).await?
                }
            };
            if met.is_some() {
                return Ok(met);
            }
        }
    }

    async fn end(mut self, ending: Ending) -> io::Result<()> {
        match ending {
            Ending::Fin | Ending::Lost => {}
            Ending::Reset => {
                self.client.set_zero_linger()?;
                self.server.set_zero_linger()?;
            }
            Ending::HalfClosed => {
                self.client.shutdown().await?;
                tokio::io::copy(&mut self.client, &mut self.server).await?;
            }
            Ending::Mute => {
                let (mut client, mut to_client) = self.client.split();
                let answers = tokio::io::copy(&mut self.server, &mut to_client);
                tokio::try_join!(swallow(&mut client), answers)?;
            }
            Ending::Silence => {
                tokio::try_join!(swallow(&mut self.client), swallow(&mut self.server))?;
            }
        }
        Ok(())
    }
}

async fn forward(
    read: &[u8],
    frames: &mut Frames,
    to: &mut TcpStream,
    shared: &Shared,
) -> io::Result<Option<Ending>> {
    let Passed { bytes, met } = match shared.protocol {
        Protocol::Amqp => frames.pass(read, shared.waiting_cue()),
        Protocol::Other => Passed {
            bytes: read.to_vec(),
            met: false,
        },
    };
    tokio::time::timeout(WRITE_LIMIT, to.write_all(&bytes)).await??;
    // The first connection that meets the cue takes it.
    let taken = if met { shared.cue().take() } else { None };
    let Some((cue, ending)) = taken else {
        return Ok(None);
    };
    tokio::time::sleep(cue.delay).await;
    if ending != Ending::Lost {
        return Ok(Some(ending));
    }
    frames.lose();
    let Passed { bytes, .. } = frames.pass(&[], None);
    to.write_all(&bytes).await?;
    Ok(None)
}

fn some(read: usize) -> Option<usize> {
    (read > 0).then_some(read)
}

/// Reads until the other side closes, and then fails, so that what is joined with it ends, too.
async fn swallow(from: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    tokio::io::copy(from, &mut tokio::io::sink()).await?;
    Err(io::ErrorKind::UnexpectedEof.into())
}
