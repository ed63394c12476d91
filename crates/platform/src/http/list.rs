//! Lists: a plain JSON array of everything in constant memory, or pages by key with a `Link` to the next.
//!
//! Everything is read in chunks of [`CHUNK`] rows, each in a query of its own: a client that reads slowly holds no
//! database connection. A failure after the first chunk cuts the connection, so that a part is never
//! taken for the whole.

use std::{fmt::Display, io, num::NonZeroU16, str::FromStr};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::FromRequestParts,
    http::{HeaderValue, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{escape::escaped, extract::Query};
use crate::problem::Problem;

/// Rows that are in memory at once.
pub const CHUNK: u16 = 128;

/// The most that a page may hold.
pub const MAX_PAGE: u16 = 1_000;

/// Rows of a list in the order of their key.
pub trait Rows: Clone + Send + Sync + 'static {
    /// A row as the client sees it.
    type Row: Serialize + Send + Sync + 'static;
    /// What the rows are ordered by; the link to the next page carries it.
    type Key: Display + FromStr + Send + 'static;

    /// At most `count` rows whose key is after `last`; from the start without it.
    fn after(
        &self,
        last: Option<Self::Key>,
        count: u16,
    ) -> impl Future<Output = Result<Vec<Self::Row>, Problem>> + Send;

    /// The key of a row.
    fn key(row: &Self::Row) -> Self::Key;
}

/// The parameters of every list, for its document.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// A page of at most so many; the next page is in the `Link` header. Everything without it.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
    /// The key after which the page begins; taken from a `Link` header.
    // The key of a list that is ordered by uuids is described by `UuidPageQuery`.
    #[param(value_type = Option<i64>)]
    after: Option<String>,
}

/// [`PageQuery`] for the document of a list that is ordered by uuids.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what `PageQuery` reads")]
pub struct UuidPageQuery {
    /// A page of at most so many; the next page is in the `Link` header. Everything without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
    /// The key after which the page begins; taken from a `Link` header.
    after: Option<Uuid>,
}

/// The part of the list that a client asks for: an extractor, which refuses malformed parameters.
#[derive(Debug, Clone)]
pub struct Page<K> {
    /// `None`: everything.
    limit: Option<NonZeroU16>,
    after: Option<K>,
    /// The request's, for the link.
    uri: Uri,
}

impl<K> Page<K> {
    /// For a list that cannot be streamed: without a limit, a page of [`MAX_PAGE`] in place of everything.
    #[must_use]
    pub fn bounded(self) -> Self {
        Self {
            limit: self.limit.or(NonZeroU16::new(MAX_PAGE)),
            ..self
        }
    }
}

impl<S: Send + Sync, K: FromStr> FromRequestParts<S> for Page<K> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(PageQuery { limit, after }) = Query::from_request_parts(parts, state).await?;
        Ok(Self {
            limit: limit.map(|text| page_size(&text)).transpose()?,
            after: after.map(|text| page_key(&text)).transpose()?,
            uri: parts.uri.clone(),
        })
    }
}

fn page_size(text: &str) -> Result<NonZeroU16, Problem> {
    let size = text.parse().ok();
    size.filter(|size: &NonZeroU16| size.get() <= MAX_PAGE)
        .ok_or_else(|| {
            Problem::bad_request(format!("`limit` must be a number from 1 to {MAX_PAGE}"))
        })
}

fn page_key<K: FromStr>(text: &str) -> Result<K, Problem> {
    text.parse().map_err(|_| {
        Problem::bad_request("`after` is no key of this list; take it from a `Link` header")
    })
}

/// Answers with the page, or with everything.
///
/// # Errors
/// What [`Rows::after`] gives for the first rows.
pub async fn answer<R: Rows>(rows: R, page: Page<R::Key>) -> Result<Response, Problem> {
    match page.limit {
        Some(limit) => one_page(rows, page.after, limit.get(), &page.uri).await,
        None => everything(rows, page.after).await,
    }
}

/// Reads one row more than asked for, which shows whether there is a next page.
async fn one_page<R: Rows>(
    rows: R,
    after: Option<R::Key>,
    limit: u16,
    uri: &Uri,
) -> Result<Response, Problem> {
    let mut found = rows.after(after, limit + 1).await?;
    let more = found.len() > usize::from(limit);
    found.truncate(limit.into());
    let last = found.last().filter(|_| more);
    let link = last.map(|last| next_link(uri, &R::key(last).to_string()));
    let mut answer = Json(found).into_response();
    if let Some(link) = link {
        let link = HeaderValue::try_from(link)
            .map_err(|error| Problem::bad_request("the query is wrong").because(error))?;
        answer.headers_mut().insert(header::LINK, link);
    }
    Ok(answer)
}

/// RFC 8288: the same path and query, with another `after`. The key may have any characters.
fn next_link(uri: &Uri, key: &str) -> String {
    let kept = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("after="));
    let query: String = kept.map(|pair| format!("{pair}&")).collect();
    let key = escaped(key);
    format!("<{}?{query}after={key}>; rel=\"next\"", uri.path())
}

/// A list that fits into one chunk has a length; a longer one is streamed.
async fn everything<R: Rows>(rows: R, after: Option<R::Key>) -> Result<Response, Problem> {
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

/// The state of the stream.
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
