//! Forwards a request to the service behind, and returns its exact answer.
//!
//! Bytes stream both ways; status, end-to-end headers and body come back as they were. Every wait is bounded. Only a GET
//! or HEAD without a body is sent again, once, after a failure before the head of the answer: both are idempotent
//! (RFC 9110, 9.2.2). An upload that is cut off never looks complete to the service, nor a download to the client. No
//! body is ever parsed here.
//!
//! - `send`: one exchange with the service, by what the request is; `stream`: a body of any length.
//! - `body`: the bounds of bodies; `headers`: what of a head goes on.

mod body;
mod headers;
mod send;
mod stream;

pub(crate) use body::holding;

use std::{error::Error, time::Duration};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, Uri, header, uri::InvalidUri},
    response::Response,
};
use http_body_util::LengthLimitError;
use platform::{
    error::causes,
    http::{
        caller::Caller,
        client,
        connections::{AnswerBody, Connections, RequestError},
    },
    problem::Problem,
};
use tokio_util::sync::CancellationToken;

use crate::table::LimitClass;

/// What a service has answered.
type Answer = Response<AnswerBody<Body>>;

/// Idle connections to each service that a thread keeps.
const IDLE_CONNECTIONS: usize = 256;

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
    host: HeaderValue,
    connections: Connections<Body>,
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
            connections: Connections::new(host, port, IDLE_CONNECTIONS),
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
    ) -> Result<Answer, Problem> {
        let (mut head, body) = request.into_parts();
        head.uri = target(head.uri);
        headers::rewrite_request(&mut head, caller, &self.host);
        self.send(head, body, limit).await
    }

    /// Asks the service whether it is ready.
    ///
    /// # Errors
    /// A short reason, when it is not.
    pub async fn ready(self) -> Result<(), String> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = Uri::from_static("/health/ready");
        request
            .headers_mut()
            .insert(header::HOST, self.host.clone());
        match self.connections.request(request).await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("it answers {}", answer.status().as_u16())),
            Err(_) => Err("it does not answer".into()),
        }
    }

    fn pass_back(&self, answer: Answer, idle: Duration) -> Result<Response, Problem> {
        if answer.status().is_informational() {
            return Err(self.bad_gateway());
        }
        let mut answer = answer.map(|body| body::download(body, self.name, idle));
        headers::rewrite_response(answer.headers_mut());
        Ok(answer)
    }

    fn failure(&self, error: RequestError) -> Problem {
        if causes(&error).any(<dyn Error>::is::<LengthLimitError>) {
            return too_large();
        }
        if error.is_own_body() {
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

/// The path and the query alone, exactly what was routed: an absolute target is for the gateway.
fn target(uri: Uri) -> Uri {
    let path = uri.into_parts().path_and_query;
    path.map_or(Uri::from_static("/"), Uri::from)
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
