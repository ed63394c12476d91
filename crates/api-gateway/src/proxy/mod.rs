//! Forwards a request to the service behind, and returns its exact answer.
//!
//! Bytes stream both ways; status, end-to-end headers and body come back as they were. Every wait is bounded. A request
//! is sent again only when it is a GET or HEAD without a body and not one byte of an answer was heard. An upload that
//! is cut off never looks complete to the service, nor a download to the client. No body is ever parsed here.

mod connector;
mod download;
mod headers;
mod upload;

use std::{error::Error, pin::pin, time::Duration};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode, Uri, header,
        request::Parts,
        uri::{Authority, InvalidUri, PathAndQuery, Scheme},
    },
    response::Response,
};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{self, Client},
    rt::{TokioExecutor, TokioTimer},
};
use platform::{
    error::{causes, chain},
    problem::Problem,
};
use tokio::time::{timeout, timeout_at};

use crate::auth::Caller;
use connector::Connector;
use download::Download;
use upload::{TooLarge, Upload, Uploaded};

/// The largest body that is forwarded, in bytes.
pub const BODY_LIMIT: u64 = 1_024 * 1_024;

/// How long a connection to a service may take; together with one answer it stays below a second when it is absent.
const CONNECT_LIMIT: Duration = Duration::from_millis(500);

/// How long a connection waits for its next request: less than the services' 10 s, so that we are the one who closes.
const IDLE_LIMIT: Duration = Duration::from_secs(5);

/// Idle connections that are kept for each service.
const IDLE_CONNECTIONS: usize = 256;

/// How long each party may take. None is a knob that an operator should need.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// The client, to send a body.
    pub upload: Duration,
    /// A service, from the request's end to the answer's head.
    pub answer: Duration,
    /// A service, between two parts of a body.
    pub silence: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            upload: Duration::from_secs(5),
            answer: Duration::from_secs(5),
            silence: Duration::from_secs(30),
        }
    }
}

/// A service behind the gateway; clones share its connections.
#[derive(Clone)]
pub struct Upstream {
    name: &'static str,
    authority: Authority,
    host: HeaderValue,
    client: Client<Connector, Body>,
    waits: Waits,
}

impl Upstream {
    /// The service `name` at `host:port`; connects when it is first needed.
    ///
    /// # Errors
    /// When `host` is no host.
    pub fn new(name: &'static str, host: &str, port: u16) -> Result<Self, InvalidUri> {
        let bare = host.trim_matches(['[', ']']);
        let authority: Authority = if bare.contains(':') {
            format!("[{bare}]:{port}").parse()?
        } else {
            format!("{bare}:{port}").parse()?
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_LIMIT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .set_host(false)
            .build(connector::connector(CONNECT_LIMIT));
        Ok(Self {
            name,
            host: headers::text(authority.as_str()),
            authority,
            client,
            waits: Waits::default(),
        })
    }

    /// The same service with other waits.
    #[must_use]
    pub fn with_waits(self, waits: Waits) -> Self {
        Self { waits, ..self }
    }

    /// Forwards `request` as `caller`'s, and returns the answer as it comes.
    ///
    /// # Errors
    /// 408 and 413 for the client's body; 502, 503 and 504 when the service is broken, absent or late.
    pub async fn forward(&self, request: Request, caller: Caller) -> Result<Response, Problem> {
        let (mut head, body) = request.into_parts();
        head.uri = self.target(head.uri)?;
        headers::forwarded(&mut head, caller, &self.host);
        let answer = if is_repeatable(&head.method, &body) {
            self.fetch(head).await
        } else {
            self.send(head, body).await
        }?;
        self.returned(answer)
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

    /// The same path and query there: exactly what was routed.
    fn target(&self, uri: Uri) -> Result<Uri, Problem> {
        let path = uri.into_parts().path_and_query;
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(path.unwrap_or(PathAndQuery::from_static("/")))
            .build()
            .map_err(|error| Problem::bad_request("the request target is wrong").because(error))
    }

    /// Sends what may be sent twice. A connection that was closed while it idled is the usual reason to.
    async fn fetch(&self, head: Parts) -> Result<Response<Incoming>, Problem> {
        let twice = async {
            let first = Request::from_parts(head.clone(), Body::empty());
            match self.client.request(first).await {
                Err(error) if !error.is_connect() && !connector::was_heard(&error) => {
                    tracing::debug!(service = self.name, error = chain(&error), "asking again");
                    let again = Request::from_parts(head, Body::empty());
                    self.client.request(again).await
                }
                answer => answer,
            }
        };
        match timeout(self.waits.answer, twice).await {
            Ok(answer) => answer.map_err(|error| self.failed(error)),
            Err(_) => Err(self.late()),
        }
    }

    /// Sends what must not be sent twice. The service's time begins when the client has sent its body.
    async fn send(&self, head: Parts, body: Body) -> Result<Response<Incoming>, Problem> {
        if declared_length(&head.headers) > BODY_LIMIT {
            return Err(too_large());
        }
        let uploaded = Uploaded::default();
        let body = Body::new(Upload::new(body, BODY_LIMIT, uploaded.clone()));
        let mut answer = pin!(self.client.request(Request::from_parts(head, body)));
        if let Ok(answer) = timeout(self.waits.upload, &mut answer).await {
            return answer.map_err(|error| self.failed(error));
        }
        let Some(end) = uploaded.at() else {
            return Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not arrive in time",
            ));
        };
        match timeout_at(end + self.waits.answer, answer).await {
            Ok(answer) => answer.map_err(|error| self.failed(error)),
            Err(_) => Err(self.late()),
        }
    }

    fn returned(&self, answer: Response<Incoming>) -> Result<Response, Problem> {
        if answer.status().is_informational() {
            return Err(self.broken());
        }
        let mut answer =
            answer.map(|body| Body::new(Download::new(body, self.name, self.waits.silence)));
        headers::returned(answer.headers_mut());
        Ok(answer)
    }

    fn failed(&self, error: legacy::Error) -> Problem {
        if caused_by::<TooLarge>(&error) {
            return too_large();
        }
        let is_the_clients = error
            .source()
            .and_then(|source| source.downcast_ref::<hyper::Error>())
            .is_some_and(hyper::Error::is_user);
        if is_the_clients {
            Problem::bad_request("the body broke off").because(error)
        } else if error.is_connect() {
            Problem::unavailable(format!("{} is not there", self.name)).because(error)
        } else {
            self.broken().because(error)
        }
    }

    fn broken(&self) -> Problem {
        let detail = format!("{} broke off or did not speak HTTP", self.name);
        Problem::new(StatusCode::BAD_GATEWAY, detail)
    }

    fn late(&self) -> Problem {
        let detail = format!("{} did not answer in time", self.name);
        Problem::new(StatusCode::GATEWAY_TIMEOUT, detail)
    }
}

fn is_repeatable(method: &Method, body: &Body) -> bool {
    matches!(*method, Method::GET | Method::HEAD) && body.is_end_stream()
}

/// 0 when it is not declared: then it is counted while it streams. hyper has checked that it is a number.
fn declared_length(headers: &HeaderMap) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH);
    length
        .and_then(|length| length.to_str().ok()?.parse().ok())
        .unwrap_or(0)
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "the body is larger than 1 MiB",
    )
}

fn caused_by<E: Error + 'static>(error: &legacy::Error) -> bool {
    causes(error).any(<dyn Error>::is::<E>)
}
