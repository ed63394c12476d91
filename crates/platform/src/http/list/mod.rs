//! Lists: a plain JSON array of everything in constant memory, or pages by key with a `Link` to the next.
//!
//! Everything is read in chunks, each in a query of its own, one ahead of what is sent: [`Rows::CHUNK`] rows, up to four
//! times as many where they are short. A client that reads slowly holds no database connection. A failure after the first
//! chunk cuts the connection, so that a part is never taken for the whole. A page is read whole before it is sent, and ends
//! early when its rows are long.

mod everything;

use std::{fmt::Display, num::NonZeroU16, str::FromStr};

use axum::{
    extract::FromRequestParts,
    http::{HeaderName, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{escape::escaped, extract::Query};
use crate::problem::Problem;

/// Rows of a list that are read at once, unless they are longer or shorter than usual.
pub const CHUNK: u16 = 128;

/// A page of so many bytes takes no further row.
const PAGE_BYTES: usize = 4 * 1_024 * 1_024;

/// The most that a page may hold.
pub const MAX_PAGE: u16 = 1_000;

/// Rows of a list in the order of their key.
pub trait Rows: Clone + Send + Sync + 'static {
    /// A row as the client sees it.
    type Row: Serialize + Send + Sync + 'static;
    /// What the rows are ordered by; the link to the next page carries it.
    type Key: Display + FromStr + Send + 'static;

    /// Rows that are read at once: fewer than usual where a row may be long.
    const CHUNK: u16 = CHUNK;

    /// At most `count` rows whose key is after `last`; from the start without it.
    fn after(
        &self,
        last: Option<Self::Key>,
        count: u16,
    ) -> impl Future<Output = Result<Vec<Self::Row>, Problem>> + Send;

    /// The key of a row.
    fn key(row: &Self::Row) -> Self::Key;
}

/// The header of a body that is written here.
const JSON: [(HeaderName, HeaderValue); 1] = [(
    header::CONTENT_TYPE,
    HeaderValue::from_static("application/json"),
)];

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
        None => everything::answer(rows, page.after).await,
    }
}

/// Chunk after chunk until the page is full.
async fn one_page<R: Rows>(
    rows: R,
    mut after: Option<R::Key>,
    limit: u16,
    uri: &Uri,
) -> Result<Response, Problem> {
    let mut page = PageText::new(limit);
    loop {
        // One row more than asked for shows whether there is a next page.
        let count = R::CHUNK.min(page.left + 1);
        let found = rows.after(after, count).await?;
        if !page.add::<R>(&found)? || found.len() < count.into() {
            return page.answer(uri);
        }
        after = found.last().map(R::key);
    }
}

/// A page that is being made.
struct PageText {
    json: Vec<u8>,
    /// Rows that it may still take.
    left: u16,
    /// The key of its last row.
    last: Option<String>,
    /// Whether a row had no room.
    has_next: bool,
}

impl PageText {
    fn new(limit: u16) -> Self {
        Self {
            json: vec![b'['],
            left: limit,
            last: None,
            has_next: false,
        }
    }

    /// Adds rows as long as there is room; tells whether all had.
    fn add<R: Rows>(&mut self, rows: &[R::Row]) -> Result<bool, Problem> {
        for row in rows {
            if self.left == 0 || self.json.len() >= PAGE_BYTES {
                self.has_next = true;
                break;
            }
            if self.last.is_some() {
                self.json.push(b',');
            }
            serde_json::to_writer(&mut self.json, row)
                .map_err(|error| unwritable().because(error))?;
            self.left -= 1;
            self.last = Some(R::key(row).to_string());
        }
        Ok(!self.has_next)
    }

    fn answer(mut self, uri: &Uri) -> Result<Response, Problem> {
        self.json.push(b']');
        let mut answer = (JSON, self.json).into_response();
        if let Some(last) = self.last.filter(|_| self.has_next) {
            let link = HeaderValue::try_from(next_link(uri, &last))
                .map_err(|error| Problem::bad_request("the query is wrong").because(error))?;
            answer.headers_mut().insert(header::LINK, link);
        }
        Ok(answer)
    }
}

/// No row of this project is one: its types are written without conditions.
fn unwritable() -> Problem {
    let detail = "the list cannot be written";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
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
