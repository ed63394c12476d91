//! The events of one client: first those since the last one that it has seen, from the table, then those of now.
//!
//! It subscribes before it reads the table, and drops of the live events those that it had from there: none is missing,
//! none comes twice.

use std::{collections::VecDeque, convert::Infallible};

use axum::{
    http::{HeaderValue, header},
    response::sse,
};
use futures_util::{Stream, stream};
use platform::{
    database::{Connection, DatabaseError},
    problem::Problem,
};
use tokio::sync::{OwnedSemaphorePermit, broadcast::Receiver};

use super::{Event, Feed, LISTENERS};
use crate::bikes::model::Change;

/// Seconds after which a place may be free.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// One open stream.
pub(super) struct Listener {
    feed: Feed,
    live: Receiver<Event>,
    /// The sequence of the last event.
    last: Option<i64>,
    /// What was read from the table and is not sent yet.
    backlog: VecDeque<Event>,
    /// Whether the table may have more of what is before the live events.
    resuming: bool,
    _place: Place,
}

/// One of the places for listeners; it is free again when this is dropped.
struct Place(#[expect(dead_code, reason = "held, never read")] OwnedSemaphorePermit);

impl Feed {
    /// A listener that has seen the event `last`, or none.
    ///
    /// # Errors
    /// 503 when all places are taken, or the database does not answer.
    pub(super) async fn listen(&self, last: Option<i64>) -> Result<Listener, Problem> {
        let mut listener = Listener {
            _place: self.place()?,
            feed: self.clone(),
            live: self.0.events.subscribe(),
            last,
            backlog: VecDeque::new(),
            resuming: last.is_some(),
        };
        listener.resume().await?;
        Ok(listener)
    }

    fn place(&self) -> Result<Place, Problem> {
        let permit = self.0.places.clone().try_acquire_owned();
        let permit = permit.map_err(|_| {
            Problem::unavailable("there are too many listeners")
                .with_header(header::RETRY_AFTER, RETRY_AFTER)
        })?;
        metrics::gauge!(LISTENERS).increment(1);
        Ok(Place(permit))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!(LISTENERS).decrement(1);
    }
}

impl Listener {
    /// Its events, until the process stops or the listener has fallen behind.
    pub(super) fn events(self) -> impl Stream<Item = Result<sse::Event, Infallible>> + Send {
        stream::unfold(self, |mut listener| async {
            let event = listener.next().await?;
            Some((Ok(event.text), listener))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.backlog.pop_front() {
                self.last = event.sequence.or(self.last);
                return Some(event);
            }
            if self.resuming {
                // An error ends the stream: the client connects again and resumes.
                self.resume().await.ok()?;
            } else {
                let event = self.live.recv().await.ok()?;
                if self.is_new(&event) {
                    self.last = event.sequence.or(self.last);
                    return Some(event);
                }
            }
        }
    }

    /// A gap that the reader has met is passed on to every listener, also to one that had those changes from the table.
    fn is_new(&self, event: &Event) -> bool {
        event.sequence.is_none() || event.sequence > self.last
    }

    /// Reads the next page of what it has missed. When the oldest of it is gone, a gap is followed by all that is there.
    async fn resume(&mut self) -> Result<(), DatabaseError> {
        let Some(last) = self.last.filter(|_| self.resuming) else {
            return Ok(());
        };
        let count = self.feed.0.limits.page;
        let read = async |c: &mut Connection| {
            let page = Change::after(c, last, count).await?;
            if Change::all_kept_since(c, last).await? {
                return Ok::<_, DatabaseError>((page, true));
            }
            Ok((Change::after(c, 0, count).await?, false))
        };
        let (page, complete) = self.feed.0.database.run(read).await?;
        self.resuming = page.len() == usize::from(count);
        if !complete {
            // Also for an event of another history, as after a restored backup: whatever comes is new.
            self.last = None;
            self.backlog.push_back(Event::gap());
        }
        self.backlog.extend(page.into_iter().map(Event::from));
        Ok(())
    }
}
