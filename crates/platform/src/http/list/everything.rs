//! A whole list, streamed in constant memory: the next chunk is read while one is written.

use std::io;

use axum::{
    Json,
    body::{Body, Bytes},
    response::{IntoResponse, Response},
};
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::task::yield_now;
use tokio_util::task::AbortOnDropHandle;

use super::{JSON, Rows};
use crate::problem::Problem;

/// Rows whose text has fewer bytes are short.
const SHORT_BYTES: usize = 64 * 1_024;

/// A list that fits into one chunk has a length; a longer one is streamed.
pub(super) async fn answer<R: Rows>(rows: R, after: Option<R::Key>) -> Result<Response, Problem> {
    let first = rows.after(after, R::CHUNK).await?;
    if first.len() < R::CHUNK.into() {
        return Ok(Json(first).into_response());
    }
    Ok((JSON, Body::from_stream(array(rows, first))).into_response())
}

/// Rows that are being read. A task does it, so that no connection waits for a client that reads slowly.
struct Reading<T> {
    rows: AbortOnDropHandle<Result<Vec<T>, Problem>>,
    /// How many there may be.
    asked: u16,
    /// How many may be after them.
    next: u16,
}

/// The state of the stream.
enum State<T> {
    Read { rows: Vec<T> },
    Reading(Reading<T>),
    Closed,
}

fn array<R: Rows>(rows: R, first: Vec<R::Row>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold(State::Read { rows: first }, move |state| {
        let source = rows.clone();
        async move {
            match state {
                State::Read { rows } => chunk(source, rows, b'[', R::CHUNK, R::CHUNK).await,
                State::Reading(reading) => {
                    let rows = reading.rows.await.map_err(io::Error::other)?;
                    let rows = rows.map_err(|problem| cut(&problem))?;
                    chunk(source, rows, b',', reading.asked, reading.next).await
                }
                State::Closed => Ok(None),
            }
        }
    })
}

/// The text of `rows`, of which `asked` were asked for; while it is made, the `next` ones are read.
async fn chunk<R: Rows>(
    source: R,
    rows: Vec<R::Row>,
    begin: u8,
    asked: u16,
    next: u16,
) -> io::Result<Option<(Bytes, State<R::Row>)>> {
    let last = rows.last().filter(|_| rows.len() == usize::from(asked));
    let Some(last) = last.map(R::key) else {
        let mut text = elements(&rows, begin)?;
        text.push(b']');
        return Ok(Some((text.into(), State::Closed)));
    };
    let read = tokio::spawn(async move { source.after(Some(last), next).await });
    // It sends its query first.
    yield_now().await;
    let text = elements(&rows, begin)?;
    let reading = Reading {
        rows: AbortOnDropHandle::new(read),
        asked: next,
        next: count_after::<R>(next, text.len()),
    };
    Ok(Some((text.into(), State::Reading(reading))))
}

/// Short rows are read twice as many at once as before, up to four times the usual number: each query has its price.
fn count_after<R: Rows>(count: u16, bytes: usize) -> u16 {
    if bytes < SHORT_BYTES {
        count.saturating_mul(2).min(R::CHUNK.saturating_mul(4))
    } else {
        R::CHUNK
    }
}

/// Each row after a comma, the first after `begin`.
fn elements<T: Serialize>(rows: &[T], begin: u8) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        text.push(if index == 0 { begin } else { b',' });
        serde_json::to_writer(&mut text, row)?;
    }
    Ok(text)
}

fn cut(problem: &Problem) -> io::Error {
    tracing::warn!(causes = problem.causes(), "a list was cut off");
    io::Error::other("the list cannot be continued")
}
