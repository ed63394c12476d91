//! A question of the gateway itself: small, asked twice if need be, its answer read whole.

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy;

use super::Upstream;

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 64 * 1_024;

/// A question had no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// It has no address.
    #[error("the service has no address")]
    Address(#[source] axum::http::Error),
    /// Absent, or broke off before the head of its answer.
    #[error("the service does not answer")]
    Request(#[source] legacy::Error),
    /// Broke off later, or said too much.
    #[error("the answer of the service cannot be read")]
    Answer(#[source] axum::BoxError),
}

impl Upstream {
    /// Posts JSON to `path` and reads the answer. What is asked must be harmless when it is asked twice: the service may
    /// close a connection just as the request arrives. The caller bounds the time.
    pub(crate) async fn ask(
        &self,
        path: &'static str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), AskError> {
        let uri = self
            .uri(Uri::from_static(path))
            .map_err(AskError::Address)?;
        let request = || self.question(uri.clone(), headers.clone(), body.clone());
        let answer = match self.client.request(request()).await {
            Err(error) if !error.is_connect() => self.client.request(request()).await,
            answer => answer,
        };
        let (head, body) = answer.map_err(AskError::Request)?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        Ok((head.status, body.map_err(AskError::Answer)?.to_bytes()))
    }

    fn question(&self, uri: Uri, headers: HeaderMap, body: Bytes) -> Request {
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, json);
        let host = self.host.clone();
        request.headers_mut().insert(header::HOST, host);
        request
    }
}
