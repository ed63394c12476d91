//! Lists: a plain JSON array of everything in constant memory, or pages by key with a `Link` to the next.
//!
//! Everything is read in chunks of [`CHUNK`] rows, each in a query of its own: a client that reads slowly holds no
//! database connection. A failure after the first chunk cuts the connection: a clean end would be a lie.

use std::{io, num::NonZeroU16};

use axum::{
    Json,
    body::{Body, Bytes},
    http::{HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};
use futures_util::{Stream, stream};
use serde::Serialize;

use crate::problem::Problem;

/// Rows that are in memory at once.
pub const CHUNK: u16 = 128;

/// The most that a page may hold.
pub const MAX_PAGE: u16 = 1_000;

/// Rows of a list in the order of their key.
pub trait Rows: Clone + Send + Sync + 'static {
    /// A row as the client sees it.
    type Row: Serialize + Send + Sync + 'static;

    /// At most `count` rows whose key is after that of `last`; from the start without it.
    fn after(
        &self,
        last: Option<String>,
        count: u16,
    ) -> impl Future<Output = Result<Vec<Self::Row>, Problem>> + Send;

    /// The key of a row, as it stands in the link to the next page.
    fn key(row: &Self::Row) -> String;
}

/// Which part of the list a client wants; flattened into the query of a route.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// `None`: everything.
    pub limit: Option<NonZeroU16>,
    /// The key that the page comes after.
    pub after: Option<String>,
}

impl Page {
    /// Reads `limit` (1 to [`MAX_PAGE`]) and `after`.
    ///
    /// # Errors
    /// 400 that names the parameter.
    pub fn parse(limit: Option<&str>, after: Option<String>) -> Result<Self, Problem> {
        let limit = limit.map(|text| {
            text.parse::<NonZeroU16>()
                .ok()
                .filter(|limit| limit.get() <= MAX_PAGE)
        });
        if limit == Some(None) {
            return Err(Problem::bad_request(format!(
                "`limit` must be a number from 1 to {MAX_PAGE}"
            )));
        }
        Ok(Self {
            limit: limit.flatten(),
            after,
        })
    }
}

/// Answers with the page, or with everything. `uri` is the request's, for the link.
///
/// # Errors
/// What [`Rows::after`] gives for the first rows.
pub async fn answer<R: Rows>(rows: R, page: Page, uri: &Uri) -> Result<Response, Problem> {
    match page.limit {
        Some(limit) => one_page(rows, page.after, limit.get(), uri).await,
        None => everything(rows, page.after).await,
    }
}

/// One row more than asked for tells whether there is a next page.
async fn one_page<R: Rows>(
    rows: R,
    after: Option<String>,
    limit: u16,
    uri: &Uri,
) -> Result<Response, Problem> {
    let mut found = rows.after(after, limit + 1).await?;
    let more = found.len() > usize::from(limit);
    found.truncate(limit.into());
    let link = found
        .last()
        .filter(|_| more)
        .map(|last| next_link(uri, &R::key(last)));
    let mut answer = Json(found).into_response();
    if let Some(link) = link {
        let link = HeaderValue::try_from(link)
            .map_err(|error| Problem::bad_request("the query is wrong").because(error))?;
        answer.headers_mut().insert(header::LINK, link);
    }
    Ok(answer)
}

/// RFC 8288: the same path and query, with another `after`.
fn next_link(uri: &Uri, key: &str) -> String {
    let kept = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("after="));
    let query: String = kept.map(|pair| format!("{pair}&")).collect();
    format!("<{}?{query}after={key}>; rel=\"next\"", uri.path())
}

/// A list that fits into one chunk has a length; a longer one is streamed.
async fn everything<R: Rows>(rows: R, after: Option<String>) -> Result<Response, Problem> {
    let first = rows.after(after, CHUNK).await?;
    if first.len() < CHUNK.into() {
        return Ok(Json(first).into_response());
    }
    let json = [(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    )];
    Ok((json, Body::from_stream(array(rows, first))).into_response())
}

/// Where the stream is.
enum State<T> {
    Chunk { rows: Vec<T>, first: bool },
    Closed,
}

fn array<R: Rows>(rows: R, first: Vec<R::Row>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold(
        State::Chunk {
            rows: first,
            first: true,
        },
        move |state| {
            let source = rows.clone();
            async move {
                let State::Chunk { rows, first } = state else {
                    return Ok(None);
                };
                let mut text = elements(&rows, first)?;
                let next = match rows.last().filter(|_| rows.len() == usize::from(CHUNK)) {
                    Some(last) => source
                        .after(Some(R::key(last)), CHUNK)
                        .await
                        .map_err(|problem| cut(&problem))?,
                    None => Vec::new(),
                };
                if next.is_empty() {
                    text.push(b']');
                    return Ok(Some((text.into(), State::Closed)));
                }
                Ok(Some((
                    text.into(),
                    State::Chunk {
                        rows: next,
                        first: false,
                    },
                )))
            }
        },
    )
}

fn elements<T: Serialize>(rows: &[T], first: bool) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        text.push(if first && index == 0 { b'[' } else { b',' });
        serde_json::to_writer(&mut text, row)?;
    }
    Ok(text)
}

fn cut(problem: &Problem) -> io::Error {
    tracing::warn!(causes = problem.causes(), "a list was cut off");
    io::Error::other("the list cannot be continued")
}
