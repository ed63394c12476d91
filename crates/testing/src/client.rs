//! An HTTP client for tests: sends anything, reads everything, says what it got when a check fails.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::Value;

use crate::until;

/// Speaks to one server.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Client {
    /// A client for the server at `base` (`http://host:port`).
    ///
    /// # Panics
    /// When no HTTP client can be built.
    #[must_use]
    pub fn new(base: impl Into<String>) -> Self {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(15))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("an HTTP client");
        Self {
            http,
            base: base.into(),
        }
    }

    /// Any request, for [`send`].
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.request("GET", path)).await
    }

    /// The pages of a list, from `path` on along their links.
    ///
    /// # Panics
    /// When one is no 200 with an array.
    pub async fn pages(&self, path: &str) -> Vec<Vec<Value>> {
        let (mut next, mut pages) = (path.to_owned(), Vec::new());
        while !next.is_empty() {
            let answer = self.get(&next).await;
            pages.push(serde_json::from_value(answer.json(200)).expect("an array"));
            next = answer.next_page();
        }
        pages
    }

    /// The names of what a service says of its health, once all of it is well.
    ///
    /// # Panics
    /// When it is not well in time.
    pub async fn checks_when_ready(&self) -> Vec<String> {
        let is_ready = async || self.get("/health/ready").await.status == 200;
        until(is_ready, "it is ready").await;
        let health = self.get("/health/ready").await.json(200);
        let checks = health["checks"].as_object().expect("checks");
        checks.keys().cloned().collect()
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request("DELETE", path)).await
    }

    /// POST of a JSON value.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request("POST", path).json(body)).await
    }

    /// PUT of a JSON value.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        send(self.request("PUT", path).json(body)).await
    }

    /// POST of any text as `application/json`.
    pub async fn post_text(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        send(
            self.request("POST", path)
                .header("content-type", "application/json")
                .body(body),
        )
        .await
    }
}

/// Sends a request and reads its whole answer.
///
/// # Panics
/// When there is no answer.
pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer {
        status,
        headers,
        body: response.bytes().await.expect("a whole body"),
    }
}

impl Answer {
    /// The JSON of an answer with this status.
    ///
    /// # Panics
    /// When the status is another, or the body is not JSON.
    pub fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The problem of an answer with this status, complete as RFC 9457 and the contract want it.
    ///
    /// # Panics
    /// When anything of that is missing.
    pub fn problem(&self, status: u16) -> Value {
        let problem = self.json(status);
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(
            problem["request_id"],
            self.header("x-request-id"),
            "{problem}"
        );
        for member in ["type", "title", "detail", "instance"] {
            assert!(
                problem[member].is_string(),
                "{member} is missing: {problem}"
            );
        }
        problem
    }

    /// Where the next page of a list is; empty after the last one.
    ///
    /// # Panics
    /// When its link is another.
    #[must_use]
    pub fn next_page(&self) -> String {
        let link = self.header("link");
        let next = |link: &str| {
            let link = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
            Some(link.to_owned())
        };
        match link {
            "" => String::new(),
            link => next(link).expect("a link to the next page"),
        }
    }

    /// A header as text; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}
