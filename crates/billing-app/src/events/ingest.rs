//! A stream of events, one JSON object a line (NDJSON), of any length.
//!
//! A thousand lines are one transaction: all of them are kept, or none if one is wrong. Memory holds at most one thousand and
//! one line. No connection of the database is held while the client is waited for. There is a limit to each pause of the client
//! and none to the whole: what was kept when a client breaks off stays.

use std::{ops::RangeInclusive, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::StatusCode,
};
use futures_util::{Stream, StreamExt};
use platform::{http::answer_limit::AnswerLimit, problem::Problem};
use tokio::time::timeout;

use super::{
    body::NewEvent,
    lines::{LINE_MAX, Line, Lines},
    model::Event,
    summary::Summary,
    writer::Writer,
};

/// Lines of one transaction; blank ones do not count.
const THOUSAND: usize = 1_000;

/// How long the client may send nothing. The gateway waits longer: its answer could not tell what is kept.
const SILENCE: Duration = Duration::from_secs(20);

/// How long the answer may take after the last bytes: longer than [`SILENCE`] and the writing of what came with them.
const ANSWER: Duration = Duration::from_secs(60);

/// Reads the stream to its end.
///
/// # Errors
/// 400 when it breaks off, 408 when the client is silent, 503 when the database does not answer; the detail tells what is kept.
pub(super) async fn ingest(
    body: Body,
    writer: &Writer,
    limit: &AnswerLimit,
) -> Result<Summary, Problem> {
    let mut chunks = body.into_data_stream();
    let mut ingest = Ingest::new(writer);
    while let Some(chunk) = ingest.next_chunk(&mut chunks).await? {
        limit.extend(ANSWER);
        let mut rest = &chunk[..];
        while let Some(line) = ingest.lines.next(&mut rest) {
            ingest.take(line).await?;
        }
    }
    ingest.finish().await
}

/// A stream that is being read.
struct Ingest<'w> {
    writer: &'w Writer,
    lines: Lines,
    /// The number of the last line that is complete.
    line: u64,
    thousand: Thousand,
    summary: Summary,
}

/// The lines of the next transaction.
#[derive(Default)]
struct Thousand {
    /// The good ones.
    events: Vec<Event>,
    /// All of them.
    count: usize,
    range: Option<RangeInclusive<u64>>,
}

impl<'w> Ingest<'w> {
    fn new(writer: &'w Writer) -> Self {
        Self {
            writer,
            lines: Lines::default(),
            line: 0,
            thousand: Thousand::default(),
            summary: Summary::default(),
        }
    }

    async fn next_chunk(
        &self,
        chunks: &mut (impl Stream<Item = Result<Bytes, axum::Error>> + Unpin),
    ) -> Result<Option<Bytes>, Problem> {
        let broken = match timeout(SILENCE, chunks.next()).await {
            Ok(None) => return Ok(None),
            Ok(Some(Ok(chunk))) => return Ok(Some(chunk)),
            Ok(Some(Err(error))) => Problem::bad_request("the body broke off").because(error),
            Err(_) => Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not go on in time",
            ),
        };
        let unfinished = self.thousand.range.as_ref().map(|range| *range.start());
        Err(self.stopped(broken, unfinished.unwrap_or(self.line + 1)))
    }

    async fn take(&mut self, line: Line) -> Result<(), Problem> {
        self.line += 1;
        if line.is_blank() {
            return Ok(());
        }
        match read(&line) {
            Ok(event) => self.thousand.events.push(event),
            Err(detail) => self.summary.add_error(self.line, detail),
        }
        self.thousand.add_line(self.line);
        if self.thousand.count == THOUSAND {
            self.write().await?;
        }
        Ok(())
    }

    /// Writes the thousand, unless one of its lines is wrong, and begins the next one.
    async fn write(&mut self) -> Result<(), Problem> {
        let Some(range) = self.thousand.range.take() else {
            return Ok(());
        };
        let Thousand { events, count, .. } = std::mem::take(&mut self.thousand);
        if events.len() < count {
            self.summary.add_failed(count, &range);
            return Ok(());
        }
        let written = self.writer.write(&events).await;
        written.map_err(|error| self.stopped(error.into(), *range.start()))?;
        self.summary.created += count as u64;
        Ok(())
    }

    async fn finish(mut self) -> Result<Summary, Problem> {
        let last = std::mem::take(&mut self.lines).last();
        self.take(last).await?;
        self.write().await?;
        Ok(self.summary)
    }

    /// A stream that ends early has no summary: the problem tells what became of the lines before `next`.
    fn stopped(&self, problem: Problem, next: u64) -> Problem {
        let Summary {
            created, failed, ..
        } = self.summary;
        problem.adding(&format!(
            "before line {next}, {created} events were kept and {failed} lines were not; send again from line {next}"
        ))
    }
}

impl Thousand {
    fn add_line(&mut self, line: u64) {
        self.count += 1;
        let first = self.range.as_ref().map_or(line, |range| *range.start());
        self.range = Some(first..=line);
    }
}

/// The event, or what is wrong.
fn read(line: &Line) -> Result<Event, String> {
    match line {
        Line::Text(text) => NewEvent::of_line(text)
            .map(Event::of)
            .map_err(|problem| problem.summary()),
        Line::TooLong => Err(format!("must have at most {LINE_MAX} bytes")),
    }
}
