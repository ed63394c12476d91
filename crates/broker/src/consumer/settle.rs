//! What happens to one batch: decode, store, refuse, acknowledge; in this order, for a reason.
//!
//! Stored is committed before anything is acknowledged. A refusal is first recorded, then confirmed by the broker
//! in the dead-letter queue, then acknowledged with its batch: a crash in between repeats a step and loses nothing.

use std::{
    any::Any,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use futures_util::{FutureExt, future::join_all};
use lapin::options::BasicAckOptions;
use messages::Message;
use metrics::{counter, histogram};
use platform::error::panic_text;
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Consumer, Failure, Limits, Received, Refusal, Refused, batch::Batch, bisection::Bisection,
    progress::Progress, retry::Retry,
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

/// The parsed messages with their places, and the refused ones.
struct Sorted<M> {
    messages: Vec<Received<M>>,
    places: Vec<usize>,
    refused: Vec<Refused>,
}

impl<C: Consumer> Settling<'_, C> {
    /// Takes the messages of a batch to their end, and acknowledges them.
    pub(super) async fn settle(mut self, batch: &Batch) -> Result<(), BrokerError> {
        let deliveries = &batch.messages[..];
        let refused = self.store(sort(deliveries)).await?;
        let refusals: Vec<_> = refused
            .into_iter()
            .map(|refused| Refusal::new(deliveries[refused.place].clone(), &refused.reason))
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

    /// Stores what can be stored; returns all that is refused, in the order of delivery.
    async fn store(&mut self, sorted: Sorted<C::Message>) -> Result<Vec<Refused>, BrokerError> {
        let Sorted {
            messages,
            places,
            mut refused,
        } = sorted;
        let consumer = self.consumer;
        let step = |part: Range<usize>| store_timed(consumer, &messages[part]);
        let found = divide(&mut self.retry, messages.len(), step).await?;
        refused.extend(found.into_iter().map(|Refused { place, reason }| Refused {
            place: places[place],
            reason,
        }));
        refused.sort_by_key(|refused| refused.place);
        Ok(refused)
    }

    async fn refuse(&mut self, refusals: &[Refusal]) -> Result<(), BrokerError> {
        let consumer = self.consumer;
        let record = |part: Range<usize>| {
            let recording = async move {
                consumer.refused(&refusals[part]).await?;
                Ok(Vec::new())
            };
            catch("recording it", recording)
        };
        for Refused { place, reason } in divide(&mut self.retry, refusals.len(), record).await? {
            let id = &refusals[place].message.message_id;
            tracing::warn!(
                ?id,
                reason,
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

fn sort<M: Message>(deliveries: &[Incoming]) -> Sorted<M> {
    let mut sorted = Sorted {
        messages: Vec::with_capacity(deliveries.len()),
        places: Vec::with_capacity(deliveries.len()),
        refused: Vec::new(),
    };
    for (place, delivery) in deliveries.iter().enumerate() {
        match parse(delivery) {
            Ok(message) => {
                sorted.messages.push(message);
                sorted.places.push(place);
            }
            Err(reason) => sorted.refused.push(Refused { place, reason }),
        }
    }
    sorted
}

/// A panic in the parser is a refusal, too: the message would cause it each time.
fn parse<M: Message>(delivery: &Incoming) -> Result<Received<M>, String> {
    let read = || M::parse(&delivery.body).map_err(|rejection| rejection.to_string());
    let message = catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|panic| Err(panicked("reading it", &*panic)))?;
    Ok(Received {
        id: delivery.id().unwrap_or_else(Uuid::now_v7),
        message,
        delivery: delivery.clone(),
    })
}

/// One try to store, with its time.
async fn store_timed<C: Consumer>(
    consumer: &C,
    messages: &[Received<C::Message>],
) -> Result<Vec<Refused>, Failure> {
    let begin = Instant::now();
    let result = catch("storing it", async { consumer.store(messages).await }).await;
    histogram!(names::STORE_SECONDS, "queue" => consumer.queue().to_owned())
        .record(begin.elapsed());
    result
}

/// A panic of a consumer counts as a permanent failure, so that its message is found.
async fn catch<T>(
    doing: &str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended.unwrap_or_else(|panic| Err(Failure::Permanent(panicked(doing, &*panic))))
}

fn panicked(doing: &str, panic: &(dyn Any + Send)) -> String {
    format!("{doing} panicked: {}", panic_text(panic))
}

/// Runs `step` over all of `0..len`, halving what fails for good; returns what is refused, with places in `0..len`.
async fn divide<F>(
    retry: &mut Retry<'_>,
    len: usize,
    step: impl Fn(Range<usize>) -> F,
) -> Result<Vec<Refused>, BrokerError>
where
    F: Future<Output = Result<Vec<Refused>, Failure>> + Send,
{
    let (mut bisection, mut refused) = (Bisection::new(len), Vec::new());
    while let Some(part) = bisection.next() {
        match retry.run(|| step(part.clone())).await? {
            Ok(found) => refused.extend(found.into_iter().map(|found| Refused {
                place: part.start + found.place,
                ..found
            })),
            Err(reason) => bisection.failed(part, reason),
        }
    }
    let single = bisection.into_refused().into_iter();
    refused.extend(single.map(|(place, reason)| Refused { place, reason }));
    Ok(refused)
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
