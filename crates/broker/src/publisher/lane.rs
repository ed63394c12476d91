//! One lane: the only user of one channel, sending batch after batch behind a barrier.
//!
//! A batch is looked at when the broker has answered for every message of it: then every message that it returned is known
//! by its id (see `answers`). What is kept is settled at once. What is not goes once more, over a new channel and after
//! declaring. A message may be kept although the broker refused it later, when an earlier send of it had no answer; then
//! its outcome is unknown, never "not taken".
//! `held` outlives the lane: whatever happens to this future, even its being dropped half-way, no request is lost with
//! it.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use lapin::{
    Channel,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::ShortString,
};
use messages::topology::Declarations;
use tokio::time::{sleep, timeout};

use super::{
    answers::{self, Answer, Confirmed},
    inbox::{Inbox, Request, drop_abandoned},
};
use crate::{
    BrokerError, Destination, Outgoing,
    connection::{Connection, within},
    status::Status,
    topology,
};

/// Without any confirm for so long, while not blocked, the connection counts as dead.
const CONFIRM_LIMIT: Duration = Duration::from_secs(5);

/// How often silence is looked at.
const TICK: Duration = Duration::from_millis(250);

/// Before a deleted queue is declared again: this gives the broker time to cancel its consumers. One that it has not
/// cancelled by then is not served until it subscribes anew.
const BEFORE_DECLARING: Duration = Duration::from_millis(250);

/// For the answers to a new channel and its declarations.
const RENEW_LIMIT: Duration = Duration::from_secs(5);

/// One channel, and what is known of its connection.
pub(super) struct Lane<'a> {
    pub(super) channel: Channel,
    pub(super) connection: &'a Connection,
    pub(super) declarations: &'a Declarations,
    pub(super) inbox: &'a Inbox,
    pub(super) status: &'a Status,
}

/// A channel in confirm mode.
pub(super) async fn channel(connection: &Connection) -> Result<Channel, BrokerError> {
    let channel = connection.channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    Ok(channel)
}

impl Lane<'_> {
    /// Sends until the inbox is closed and empty, or until something is odd.
    pub(super) async fn run(&mut self, held: &mut Vec<Request>) -> Result<(), BrokerError> {
        loop {
            if held.is_empty() && !self.inbox.take(held).await {
                return Ok(());
            }
            self.send_held(held, Answer::is_kept).await?;
            if !held.is_empty() {
                self.renew().await?;
                self.send_held(held, |_| true).await?;
            }
        }
    }

    /// Sends all as one batch, and settles those whose answer is `last`. A request stays in `held` until its answer.
    async fn send_held(
        &self,
        held: &mut Vec<Request>,
        last: impl Fn(Answer) -> bool,
    ) -> Result<(), BrokerError> {
        drop_abandoned(held);
        if held.is_empty() {
            return Ok(());
        }
        held.iter_mut().for_each(Request::begin_send);
        let messages: Vec<_> = held.iter().map(|request| &request.message).collect();
        let answers = self.send(&messages).await?;
        for (mut request, answer) in std::mem::take(held).into_iter().zip(answers) {
            request.end_send(answer);
            if last(answer) {
                self.settle(request, answer);
            } else {
                held.push(request);
            }
        }
        Ok(())
    }

    fn settle(&self, request: Request, answer: Answer) {
        let outcome = request.outcome_of(answer);
        if let Err(error) = outcome {
            self.status.doubt();
            let destination = request.message.destination.name();
            tracing::warn!(destination, %error, "a message was not taken");
        } else {
            self.status.prove();
        }
        request.settle(outcome);
    }

    /// Declares everything anew. A channel that was refused once may go on being refused when there is room again, so
    /// this takes another one.
    async fn renew(&mut self) -> Result<(), BrokerError> {
        sleep(BEFORE_DECLARING).await;
        let renewing = async {
            self.channel.close(200, "renewed".into()).await?;
            let channel = channel(self.connection).await?;
            topology::declare_all(&channel, self.declarations).await?;
            Ok::<_, BrokerError>(channel)
        };
        self.channel = within(RENEW_LIMIT, "answer to declarations", renewing).await?;
        Ok(())
    }

    /// The barrier: returns when the broker has answered for every message, in the order of the messages.
    async fn send(&self, messages: &[&Outgoing]) -> Result<Vec<Answer>, BrokerError> {
        let sends = messages.iter().enumerate();
        let sends =
            sends.map(async |(place, message)| (place, send_one(&self.channel, message).await));
        let mut confirms: FuturesUnordered<_> = sends.collect();
        let (mut confirmed, mut silent) = (BTreeMap::new(), Duration::ZERO);
        while silent < CONFIRM_LIMIT {
            match timeout(TICK, confirms.next()).await {
                Ok(None) => return Ok(answers::assign(messages, confirmed.into_values())),
                Ok(Some((place, confirmation))) => {
                    confirmed.insert(place, confirmation?);
                    silent = Duration::ZERO;
                }
                Err(_) if self.connection.status().blocked() => silent = Duration::ZERO,
                Err(_) => silent += TICK,
            }
        }
        Err(BrokerError::Unconfirmed(CONFIRM_LIMIT))
    }
}

async fn send_one(channel: &Channel, message: &Outgoing) -> Result<Confirmed, BrokerError> {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let (exchange, key) = match &message.destination {
        Destination::Queue(queue) => (ShortString::default(), topology::name(queue)?),
        Destination::Fanout(exchange) => (topology::name(exchange)?, ShortString::default()),
    };
    let (body, properties) = (&message.body, message.properties());
    let sent = channel.basic_publish(exchange, key, options, body, properties);
    Confirmed::read(sent.await?.await?)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use std::sync::Arc;

    use testing::TestBroker;
    use tokio::sync::{Semaphore, mpsc};
    use tokio_util::sync::CancellationToken;
    use uuid::Uuid;

    use super::*;
    use crate::PublishError;
    use crate::{connection::Connection, tests::settings};

    #[tokio::test]
    async fn one_that_cannot_be_routed_is_told_apart_from_those_beside_it() {
        let broker = TestBroker::create().await;
        let connection = Connection::open(&settings(&broker), "test").await.unwrap();
        let channel = channel(&connection).await.unwrap();
        let declarations = Declarations::queues(["there"]);
        topology::declare_all(&channel, &declarations)
            .await
            .unwrap();
        let room = Arc::new(Semaphore::new(10));
        let (mut held, callers): (Vec<_>, Vec<_>) = ["there", "nowhere", "there"]
            .into_iter()
            .map(|queue| {
                let permit = Arc::clone(&room).try_acquire_owned().unwrap();
                Request::new(Outgoing::new(queue, Uuid::now_v7(), "{}"), permit)
            })
            .unzip();
        let (sender, receiver) = mpsc::channel(1);
        let inbox = Inbox::new(receiver, CancellationToken::new());
        drop(sender);
        let (status, _state) = Status::new("test".into());
        let mut lane = Lane {
            channel,
            connection: &connection,
            declarations: &declarations,
            inbox: &inbox,
            status: &status,
        };
        let running = timeout(Duration::from_secs(10), lane.run(&mut held));
        running.await.unwrap().unwrap();
        let outcomes = futures_util::future::join_all(callers).await;
        let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
        assert_eq!(outcomes, [Ok(()), Err(PublishError::Unroutable), Ok(())]);
    }
}
