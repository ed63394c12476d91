//! One lane: the only user of one channel, sending batch after batch behind a barrier.
//!
//! The client library cannot be trusted to put a returned message on its own confirm while more are under way, so
//! a batch counts as a whole: only when every confirm is a plain ack are its callers told. Anything else ends
//! the generation, and the whole batch goes again under the same ids. `held` outlives the lane: whatever happens
//! to this future, even its being dropped half-way, no request is lost with it.

use std::time::Duration;

use futures_util::{StreamExt, stream::FuturesUnordered};
use lapin::{
    Channel, Confirmation, ConnectionStatus, options::BasicPublishOptions, types::ShortString,
};
use tokio::time::timeout;

use super::inbox::{Inbox, Request, drop_abandoned};
use crate::{BrokerError, Outgoing, topology};

/// Without any confirm for so long, while not blocked, the connection counts as dead.
const CONFIRM_LIMIT: Duration = Duration::from_secs(5);

/// How often silence is looked at.
const TICK: Duration = Duration::from_millis(250);

/// Sends until the inbox is closed and empty, or until something is odd; `confirmed` is called after each batch.
pub(super) async fn run(
    channel: &Channel,
    connection: &ConnectionStatus,
    inbox: &Inbox,
    held: &mut Vec<Request>,
    confirmed: impl Fn(),
) -> Result<(), BrokerError> {
    loop {
        if held.is_empty() && !inbox.take(held).await {
            return Ok(());
        }
        drop_abandoned(held);
        held.iter_mut().for_each(Request::count_send);
        send(channel, connection, held).await?;
        confirmed();
        held.drain(..).for_each(Request::settle);
    }
}

/// The barrier: `Ok` only when the broker has plainly confirmed each message of the batch.
async fn send(
    channel: &Channel,
    connection: &ConnectionStatus,
    batch: &[Request],
) -> Result<(), BrokerError> {
    let sends = batch
        .iter()
        .map(|request| send_one(channel, &request.message));
    let mut confirms: FuturesUnordered<_> = sends.collect();
    let mut silent = Duration::ZERO;
    while silent < CONFIRM_LIMIT {
        match timeout(TICK, confirms.next()).await {
            Ok(None) => return Ok(()),
            Ok(Some(confirmed)) => {
                confirmed?;
                silent = Duration::ZERO;
            }
            Err(_) if connection.blocked() => silent = Duration::ZERO,
            Err(_) => silent += TICK,
        }
    }
    Err(BrokerError::Unconfirmed(CONFIRM_LIMIT))
}

async fn send_one(channel: &Channel, message: &Outgoing) -> Result<(), BrokerError> {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let queue = topology::name(&message.queue)?;
    let sent = channel.basic_publish(
        ShortString::default(),
        queue,
        options,
        &message.body,
        message.properties(),
    );
    match sent.await?.await? {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned)) => Err(
            BrokerError::NotTaken(format!("{} ({})", returned.reply_text, returned.reply_code)),
        ),
        Confirmation::Nack(None) => Err(BrokerError::NotTaken("refused".into())),
        Confirmation::NotRequested => Err(BrokerError::NotTaken("confirms are off".into())),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use std::sync::Arc;

    use lapin::options::ConfirmSelectOptions;
    use testing::TestBroker;
    use tokio::sync::{Semaphore, mpsc};
    use tokio_util::sync::CancellationToken;
    use uuid::Uuid;

    use super::*;
    use crate::{connection::Connection, tests::settings};

    #[tokio::test]
    async fn one_returned_message_keeps_its_whole_batch_unsettled() {
        let broker = TestBroker::create().await;
        let connection = Connection::open(&settings(&broker), "test").await.unwrap();
        let channel = connection.channel().await.unwrap();
        let there = topology::name("there").unwrap();
        topology::declare(&channel, &there).await.unwrap();
        let confirms = ConfirmSelectOptions::default();
        channel.confirm_select(confirms).await.unwrap();

        let room = Arc::new(Semaphore::new(10));
        let (mut held, mut callers): (Vec<_>, Vec<_>) = ["there", "nowhere", "there"]
            .into_iter()
            .map(|queue| {
                let permit = Arc::clone(&room).try_acquire_owned().unwrap();
                Request::new(Outgoing::new(queue, Uuid::now_v7(), "{}"), permit)
            })
            .unzip();
        let (_sender, receiver) = mpsc::channel(1);
        let inbox = Inbox::new(receiver, CancellationToken::new());
        let running = run(&channel, connection.status(), &inbox, &mut held, || ());
        let ended = timeout(Duration::from_secs(10), running).await.unwrap();

        assert!(matches!(ended, Err(BrokerError::NotTaken(_))), "{ended:?}");
        assert_eq!(held.len(), 3);
        assert!(callers.iter_mut().all(|caller| caller.try_recv().is_err()));
    }
}
