//! Forwards a request to the service behind, and returns its exact answer.
//!
//! Bytes stream both ways; status, end-to-end headers and body come back as they were. Every wait is bounded. Only a GET
//! or HEAD without a body is sent again, once, after a failure before the head of the answer: both are idempotent
//! (RFC 9110, 9.2.2). An upload that is cut off never looks complete to the service, nor a download to the client. No
//! body is ever parsed here.

mod ask;
mod body;
mod headers;
mod stream;

use std::{error::Error, pin::pin, time::Duration};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    http::{
        self, HeaderMap, HeaderValue, Method, StatusCode, Uri, header,
        request::Parts,
        uri::{Authority, InvalidUri, PathAndQuery, Scheme},
    },
    response::Response,
};
use http_body_util::LengthLimitError;
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client, connect::HttpConnector};
use platform::{
    error::{causes, chain},
    http::{answer_limit::AnswerLimit, caller::Caller, client},
    problem::Problem,
};
use tokio::{
    select,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::table::LimitClass;
use stream::{Party, Progress};

pub(crate) use ask::AskError;

/// Idle connections that are kept for each service.
const IDLE_CONNECTIONS: usize = 256;

/// By how much the limit of a request's answer is longer than the waits within it: so its client is told who was late.
const MARGIN: Duration = Duration::from_secs(1);

/// How long each party may take. These are constants of the gateway, not settings.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// The client, to send a body.
    pub upload: Duration,
    /// A service, from the request's end to the answer's head.
    pub answer: Duration,
    /// A service, between two parts of a body; client and service, between two parts of a stream.
    pub silence: Duration,
    /// A service, to answer a report, or a stream after its end.
    pub report: Duration,
    /// A service, between two parts of a stream, whose heartbeats come every 15 s.
    pub heartbeat: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            upload: Duration::from_secs(5),
            answer: Duration::from_secs(5),
            silence: Duration::from_secs(30),
            report: Duration::from_secs(30),
            heartbeat: Duration::from_secs(45),
        }
    }
}

/// A service behind the gateway; clones share its connections.
#[derive(Clone)]
pub struct Upstream {
    name: &'static str,
    authority: Authority,
    host: HeaderValue,
    client: Client<HttpConnector, Body>,
    waits: Waits,
}

impl Upstream {
    /// The service `name` at `host:port`; connects when it is first needed.
    ///
    /// # Errors
    /// When `host` is no host.
    pub fn new(name: &'static str, host: &str, port: u16) -> Result<Self, InvalidUri> {
        let authority = client::authority(host, port)?;
        Ok(Self {
            name,
            host: headers::text(authority.to_string()),
            authority,
            client: client::connections(IDLE_CONNECTIONS),
            waits: Waits::default(),
        })
    }

    /// The same service with other waits.
    #[must_use]
    pub fn with_waits(self, waits: Waits) -> Self {
        Self { waits, ..self }
    }

    /// Forwards `request` as `caller`'s, within the bounds of `limit`, and returns the answer as it comes.
    ///
    /// # Errors
    /// 408 and 413 for the client's body; 502, 503 and 504 when the service is broken, absent or late.
    pub async fn forward(
        &self,
        request: Request,
        caller: Caller,
        limit: LimitClass,
    ) -> Result<Response, Problem> {
        let answer = self.exchange(request, caller, limit).await?;
        self.pass_back(answer, self.waits.silence)
    }

    /// [`Self::forward`] for an answer that goes on and on: it has time until the next heartbeat, and ends in order at `stop`,
    /// which must not wait for it.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub async fn forward_stream(
        &self,
        request: Request,
        caller: Caller,
        limit: LimitClass,
        stop: &CancellationToken,
    ) -> Result<Response, Problem> {
        let answer = self.exchange(request, caller, limit).await?;
        let answer = self.pass_back(answer, self.waits.heartbeat)?;
        Ok(answer.map(|body| body::until(body, stop)))
    }

    async fn exchange(
        &self,
        request: Request,
        caller: Caller,
        limit: LimitClass,
    ) -> Result<Response<Incoming>, Problem> {
        let (mut head, body) = request.into_parts();
        head.uri = self.target(head.uri)?;
        headers::rewrite_request(&mut head, caller, &self.host);
        if is_repeatable(&head.method, &body) {
            self.send_repeatable(head, limit).await
        } else if limit == LimitClass::Stream {
            self.send_stream(head, body).await
        } else {
            self.send_once(head, body, limit.body()).await
        }
    }

    /// Asks the service whether it is ready.
    ///
    /// # Errors
    /// A short reason, when it is not.
    pub async fn ready(self) -> Result<(), String> {
        let uri = self.target(Uri::from_static("/health/ready"));
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.map_err(|_| "it has no address")?;
        request
            .headers_mut()
            .insert(header::HOST, self.host.clone());
        match self.client.request(request).await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("it answers {}", answer.status().as_u16())),
            Err(_) => Err("it does not answer".into()),
        }
    }

    /// The same path and query at the service: exactly what was routed.
    fn target(&self, uri: Uri) -> Result<Uri, Problem> {
        self.uri(uri)
            .map_err(|error| Problem::bad_request("the request target is wrong").because(error))
    }

    fn uri(&self, uri: Uri) -> Result<Uri, http::Error> {
        let path = uri.into_parts().path_and_query;
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(path.unwrap_or(PathAndQuery::from_static("/")))
            .build()
    }

    /// Sends a request that may be sent twice. The usual failure is a connection that the service closes just as the
    /// request arrives. A failed connect is not repeated: the service is absent, and the client waits for its 503.
    async fn send_repeatable(
        &self,
        head: Parts,
        limit: LimitClass,
    ) -> Result<Response<Incoming>, Problem> {
        let wait = self.answer_wait(&head, limit);
        let request = || Request::from_parts(head.clone(), Body::empty());
        let attempts = async {
            match self.client.request(request()).await {
                Err(error) if !error.is_connect() => {
                    tracing::debug!(service = self.name, error = chain(&error), "sent again");
                    self.client.request(request()).await
                }
                answer => answer,
            }
        };
        match timeout(wait, attempts).await {
            Ok(answer) => answer.map_err(|error| self.failure(error)),
            Err(_) => Err(self.gateway_timeout()),
        }
    }

    /// Sends a request that must not be sent twice. The service's time begins when the client has sent its body.
    async fn send_once(
        &self,
        head: Parts,
        body: Body,
        limit: usize,
    ) -> Result<Response<Incoming>, Problem> {
        if declared_length(&head.headers) > limit as u64 {
            return Err(too_large());
        }
        let (body, sent) = body::upload(body, limit);
        let mut answer = pin!(self.client.request(Request::from_parts(head, body)));
        let answer = select! {
            biased;
            answer = &mut answer => Ok(answer),
            () = sent.cancelled() => timeout(self.waits.answer, answer)
                .await
                .map_err(|_| self.gateway_timeout()),
            () = sleep(self.waits.upload) => Err(request_timeout()),
        };
        answer?.map_err(|error| self.failure(error))
    }

    /// Sends a body of any length. Neither party may let it stand still for longer than [`Waits::silence`].
    async fn send_stream(&self, head: Parts, body: Body) -> Result<Response<Incoming>, Problem> {
        let Waits {
            silence, report, ..
        } = self.waits;
        let progress = Progress::start(answer_limit(&head), silence + report + MARGIN);
        let (body, sent) = stream::follow(body, &progress);
        let mut answer = pin!(self.client.request(Request::from_parts(head, body)));
        let answer = select! {
            biased;
            answer = &mut answer => Ok(answer),
            () = sent.cancelled() => timeout(report, answer)
                .await
                .map_err(|_| self.gateway_timeout()),
            party = progress.stalled(silence) => Err(match party {
                Party::Client => request_timeout(),
                Party::Service => self.gateway_timeout(),
            }),
        };
        answer?.map_err(|error| self.failure(error))
    }

    /// How long the service may take to answer; the request's own limit is extended to it.
    fn answer_wait(&self, head: &Parts, limit: LimitClass) -> Duration {
        if limit != LimitClass::Report {
            return self.waits.answer;
        }
        if let Some(limit) = answer_limit(head) {
            limit.extend(self.waits.report + MARGIN);
        }
        self.waits.report
    }

    fn pass_back(&self, answer: Response<Incoming>, idle: Duration) -> Result<Response, Problem> {
        if answer.status().is_informational() {
            return Err(self.bad_gateway());
        }
        let mut answer = answer.map(|body| body::download(body, self.name, idle));
        headers::rewrite_response(answer.headers_mut());
        Ok(answer)
    }

    fn failure(&self, error: legacy::Error) -> Problem {
        if causes(&error).any(<dyn Error>::is::<LengthLimitError>) {
            return too_large();
        }
        if is_client_error(&error) {
            Problem::bad_request("the body broke off").because(error)
        } else if error.is_connect() {
            Problem::unavailable(format!("{} is not there", self.name)).because(error)
        } else {
            self.bad_gateway().because(error)
        }
    }

    fn bad_gateway(&self) -> Problem {
        let detail = format!("{} broke off or did not speak HTTP", self.name);
        Problem::new(StatusCode::BAD_GATEWAY, detail)
    }

    fn gateway_timeout(&self) -> Problem {
        let detail = format!("{} did not answer in time", self.name);
        Problem::new(StatusCode::GATEWAY_TIMEOUT, detail)
    }
}

fn answer_limit(head: &Parts) -> Option<AnswerLimit> {
    head.extensions.get().cloned()
}

/// Whether the body of the request failed, not the service.
fn is_client_error(error: &legacy::Error) -> bool {
    let source = error.source().and_then(<dyn Error>::downcast_ref);
    source.is_some_and(hyper::Error::is_user)
}

fn is_repeatable(method: &Method, body: &Body) -> bool {
    matches!(*method, Method::GET | Method::HEAD) && body.is_end_stream()
}

/// 0 when it is not declared; the body is counted while it streams in any case. hyper has checked that it is a number.
fn declared_length(headers: &HeaderMap) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH);
    length
        .and_then(|length| length.to_str().ok()?.parse().ok())
        .unwrap_or(0)
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "the body is too large for this route",
    )
}

fn request_timeout() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "the body did not arrive in time",
    )
}
