//! Another service, as a service asks it: over connections of its own, and bounded.
//!
//! Promises: an answer or an error comes within [`Limits::time`], whatever the other does; no answer above
//! [`Limits::bytes`] is read; at most [`Limits::in_flight`] questions are open, and the others wait within their time. A
//! question is sent again, once, when it failed before the head of its answer: asking twice must do no harm. The id and the
//! trace of the request that needs the answer travel with it.

use std::{sync::Arc, time::Duration};

use axum::{
    BoxError,
    body::Bytes,
    http::{
        HeaderValue, Method, Request, Response, StatusCode, header,
        uri::{Authority, InvalidUri},
    },
};
use http_body_util::{BodyExt, Full, Limited};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{sync::Semaphore, time::timeout};

use super::{
    connections::{AnswerBody, Connections, RequestError},
    context::RequestContext,
};
use crate::{
    config::prefixed::Endpoint,
    error::chain,
    problem::Problem,
    trace_context::{REQUEST_ID_HEADER, TRACEPARENT_HEADER},
};

/// The bounds of the questions to one service.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the question to the last byte of its answer, a wait for the others included.
    pub time: Duration,
    /// Bytes of an answer.
    pub bytes: usize,
    /// Questions at once.
    pub in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(1),
            bytes: 1_024 * 1_024,
            in_flight: 64,
        }
    }
}

/// A service that answers JSON; clones share its connections and its bounds.
#[derive(Clone)]
pub struct JsonClient {
    name: &'static str,
    authority: Authority,
    connections: Connections<Full<Bytes>>,
    limits: Limits,
    permits: Arc<Semaphore>,
}

/// Why there is no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The request cannot be made.
    #[error("the request cannot be made")]
    Request(#[from] axum::http::Error),
    /// The body of the question cannot be written.
    #[error("the question cannot be written")]
    Question(#[source] serde_json::Error),
    /// No whole answer in time.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// No connection, or none that lasted to the head of the answer.
    #[error("no answer")]
    Failed(#[from] RequestError),
    /// The answer broke off, or is too large.
    #[error("no whole answer")]
    Body(#[source] BoxError),
    /// The service answered, but not with a success.
    #[error("the answer is {0}")]
    Status(StatusCode),
    /// The answer is not what was asked for.
    #[error("the answer cannot be read")]
    Unreadable(#[from] serde_json::Error),
    /// The answer can be read, and says what cannot be.
    #[error("the answer says what cannot be")]
    Impossible,
}

/// `host:port` as part of a URI; an IPv6 address gets its brackets.
///
/// # Errors
/// When `host` is no host.
pub fn authority(host: &str, port: u16) -> Result<Authority, InvalidUri> {
    let bare = host.trim_matches(['[', ']']);
    if bare.contains(':') {
        format!("[{bare}]:{port}").parse()
    } else {
        format!("{bare}:{port}").parse()
    }
}

impl JsonClient {
    /// The service `name` at `endpoint`; connects when it is first needed.
    ///
    /// # Errors
    /// When the host of `endpoint` is no host.
    pub fn new(
        name: &'static str,
        endpoint: &Endpoint,
        limits: Limits,
    ) -> Result<Self, InvalidUri> {
        Ok(Self {
            name,
            authority: authority(&endpoint.host, endpoint.port)?,
            connections: Connections::new(&endpoint.host, endpoint.port, limits.in_flight),
            limits,
            permits: Arc::new(Semaphore::new(limits.in_flight)),
        })
    }

    /// The JSON that answers a GET of `path`, for the request `context`.
    ///
    /// # Errors
    /// [`AskError`], also for an answer that is no 2xx.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        context: &RequestContext,
    ) -> Result<T, AskError> {
        self.ask(&self.request(Method::GET, path, Bytes::new(), Some(context))?)
            .await
    }

    /// The JSON that answers a POST of `body` to `path`, for the request `context` if there is one.
    ///
    /// # Errors
    /// [`AskError`], also for an answer that is no 2xx.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        context: Option<&RequestContext>,
    ) -> Result<T, AskError> {
        let body = serde_json::to_vec(body).map_err(AskError::Question)?;
        let mut request = self.request(Method::POST, path, body.into(), context)?;
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, json);
        self.ask(&request).await
    }

    /// The 503 for a question that got no answer.
    #[must_use]
    pub fn unavailable(&self, error: AskError) -> Problem {
        let detail = format!("{} does not answer; try again in a moment", self.name);
        Problem::unavailable(detail).because(error)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        request: &Request<Full<Bytes>>,
    ) -> Result<T, AskError> {
        let answer = timeout(self.limits.time, self.fetch(request)).await;
        let answer = answer.unwrap_or(Err(AskError::Late(self.limits.time)))?;
        Ok(serde_json::from_slice(&answer)?)
    }

    async fn fetch(&self, request: &Request<Full<Bytes>>) -> Result<Bytes, AskError> {
        // The semaphore is never closed; without a permit the question would only be one more.
        let _permit = self.permits.acquire().await;
        let answer = self.send(request).await?;
        let status = answer.status();
        // Read whole whatever the status is, so that the connection is kept.
        let body = Limited::new(answer.into_body(), self.limits.bytes)
            .collect()
            .await;
        if !status.is_success() {
            return Err(AskError::Status(status));
        }
        body.map(|body| body.to_bytes()).map_err(AskError::Body)
    }

    /// The usual failure is a connection that the service closes just as the request arrives, so it is sent again. A failed
    /// connect is not repeated: the service is absent.
    async fn send(
        &self,
        request: &Request<Full<Bytes>>,
    ) -> Result<Response<AnswerBody<Full<Bytes>>>, RequestError> {
        match self.connections.request(request.clone()).await {
            Err(error) if !error.is_connect() => {
                tracing::debug!(service = self.name, error = chain(&error), "sent again");
                self.connections.request(request.clone()).await
            }
            answer => answer,
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        context: Option<&RequestContext>,
    ) -> Result<Request<Full<Bytes>>, axum::http::Error> {
        let host = HeaderValue::try_from(self.authority.as_str())?;
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::HOST, host);
        if let Some(context) = context {
            request = request
                .header(REQUEST_ID_HEADER, context.id.clone())
                .header(TRACEPARENT_HEADER, context.trace.child().header());
        }
        request.body(Full::new(body))
    }
}
