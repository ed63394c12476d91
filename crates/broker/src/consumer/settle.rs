//! What happens to one batch: decode, store, refuse, acknowledge; in this order, for a reason.
//!
//! Stored is committed before anything is acknowledged. A refusal is first recorded, then confirmed by the broker
//! in the dead-letter queue, then acknowledged with its batch: a crash in between repeats a step and loses nothing.

use std::{ops::Range, time::Duration};

use futures_util::future::join_all;
use lapin::options::BasicAckOptions;
use metrics::{counter, histogram};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::{
    Consumer, Failure, Limits, Refusal, batch::Batch, bisection::Bisection, progress::Progress,
    retry::Retry,
};
use crate::{
    BrokerError, Incoming, Outgoing, PublishError, Publisher, connection::acknowledge,
    metrics as names,
};

/// A batch on its way.
pub(super) struct Settling<'a, C> {
    pub(super) consumer: &'a C,
    pub(super) dead_letters: &'a Publisher,
    pub(super) limits: &'a Limits,
    pub(super) progress: &'a Progress,
    pub(super) retry: Retry<'a>,
}

/// The parsed messages with their places in the batch, and the refused ones.
struct Sorted<M> {
    messages: Vec<M>,
    places: Vec<usize>,
    refused: Vec<(usize, String)>,
}

impl<C: Consumer> Settling<'_, C> {
    /// Takes the messages of a batch to their end, and acknowledges them.
    pub(super) async fn settle(mut self, batch: &Batch) -> Result<(), BrokerError> {
        let deliveries = &batch.messages[..];
        let sorted = self.sort(deliveries);
        let refused = self.store(sorted).await?;
        let refusals: Vec<_> = refused
            .into_iter()
            .map(|(place, reason)| Refusal::new(deliveries[place].clone(), &reason))
            .collect();
        self.refuse(&refusals).await?;
        // One for the whole batch, through its last delivery.
        let acknowledging = batch.last.ack(BasicAckOptions { multiple: true });
        acknowledge(acknowledging, self.limits.acknowledge).await?;
        self.progress.record_settled(deliveries);
        self.count(deliveries, refusals.len());
        self.log_acknowledged(deliveries);
        Ok(())
    }

    fn sort(&self, deliveries: &[Incoming]) -> Sorted<C::Message> {
        let mut sorted = Sorted {
            messages: Vec::with_capacity(deliveries.len()),
            places: Vec::with_capacity(deliveries.len()),
            refused: Vec::new(),
        };
        for (place, delivery) in deliveries.iter().enumerate() {
            match self.consumer.decode(delivery) {
                Ok(message) => {
                    sorted.messages.push(message);
                    sorted.places.push(place);
                }
                Err(reason) => sorted.refused.push((place, reason)),
            }
        }
        sorted
    }

    /// Stores what can be stored; returns all that is refused, in the order of delivery.
    async fn store(
        &mut self,
        sorted: Sorted<C::Message>,
    ) -> Result<Vec<(usize, String)>, BrokerError> {
        let Sorted {
            messages,
            places,
            mut refused,
        } = sorted;
        let consumer = self.consumer;
        let step = |part: Range<usize>| timed(consumer, &messages[part]);
        let bad = divide(&mut self.retry, messages.len(), step).await?;
        refused.extend(bad.into_iter().map(|(at, reason)| (places[at], reason)));
        refused.sort_by_key(|(place, _)| *place);
        Ok(refused)
    }

    async fn refuse(&mut self, refusals: &[Refusal]) -> Result<(), BrokerError> {
        let consumer = self.consumer;
        let record = |part: Range<usize>| consumer.refused(&refusals[part]);
        for (at, error) in divide(&mut self.retry, refusals.len(), record).await? {
            let id = &refusals[at].message.message_id;
            tracing::warn!(
                ?id,
                error,
                "a refusal could not be recorded; its dead letter tells the reason"
            );
        }
        for refusal in refusals {
            let (message, reason) = (&refusal.message, &refusal.reason);
            tracing::warn!(
                queue = consumer.queue(),
                id = message.message_id,
                request_id = message.request_id(),
                trace_id = message.trace_id(),
                reason,
                "refused a message"
            );
        }
        self.publish_dead_letters(refusals).await
    }

    /// Returns when the broker has confirmed every dead letter.
    async fn publish_dead_letters(&mut self, refusals: &[Refusal]) -> Result<(), BrokerError> {
        let (source, at) = (self.consumer.queue(), OffsetDateTime::now_utc());
        let letters = refusals
            .iter()
            .map(|refusal| refusal.dead_letter(source, at));
        let mut letters: Vec<_> = letters.collect();
        while !letters.is_empty() {
            let sends = letters
                .into_iter()
                .map(|letter| send(self.dead_letters, letter, self.limits.confirm));
            let failed: Vec<_> = join_all(sends).await.into_iter().flatten().collect();
            if let Some((_, error)) = failed.first() {
                self.retry.pause(error).await?;
            }
            letters = failed.into_iter().map(|(letter, _)| letter).collect();
        }
        self.retry.succeeded();
        Ok(())
    }

    /// A request can be followed to here; at the level of `debug`, as these are many.
    fn log_acknowledged(&self, deliveries: &[Incoming]) {
        for message in deliveries {
            tracing::debug!(
                queue = self.consumer.queue(),
                id = message.message_id,
                request_id = message.request_id(),
                trace_id = message.trace_id(),
                "acknowledged a message"
            );
        }
    }

    fn count(&self, deliveries: &[Incoming], refused: usize) {
        let queue = || self.consumer.queue().to_owned();
        let redelivered = deliveries
            .iter()
            .filter(|delivery| delivery.redelivered)
            .count();
        for (name, amount) in [
            (names::CONSUMED, deliveries.len() - refused),
            (names::REFUSED, refused),
            (names::REDELIVERED, redelivered),
            (names::BATCHES, 1),
        ] {
            counter!(name, "queue" => queue()).increment(amount as u64);
        }
    }
}

/// One try to store, with its time.
async fn timed<C: Consumer>(consumer: &C, messages: &[C::Message]) -> Result<(), Failure> {
    let begin = Instant::now();
    let result = consumer.store(messages).await;
    histogram!(names::STORE_SECONDS, "queue" => consumer.queue().to_owned())
        .record(begin.elapsed());
    result
}

/// Runs `step` over all of `0..len`, halving what fails for good; returns the single places that did.
async fn divide<F>(
    retry: &mut Retry<'_>,
    len: usize,
    step: impl Fn(Range<usize>) -> F,
) -> Result<Vec<(usize, String)>, BrokerError>
where
    F: Future<Output = Result<(), Failure>> + Send,
{
    let mut bisection = Bisection::new(len);
    while let Some(part) = bisection.next() {
        if let Err(reason) = retry.run(|| step(part.clone())).await? {
            bisection.failed(part, reason);
        }
    }
    Ok(bisection.into_refused())
}

/// Gives the letter back when it was not confirmed.
async fn send(
    publisher: &Publisher,
    letter: Outgoing,
    limit: Duration,
) -> Option<(Outgoing, PublishError)> {
    let result = publisher.publish(letter.clone(), limit).await;
    result.err().map(|error| (letter, error))
}
