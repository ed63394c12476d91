//! One exchange with a service: a request is sent, and the head of its answer awaited.
//!
//! What the request is decides how: one that may be sent twice, one that must not, or a body of any length. Each way bounds
//! every wait, and tells who was late.

use std::{pin::pin, time::Duration};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    http::{HeaderMap, Method, header, request::Parts},
};
use platform::{error::chain, http::answer_limit::AnswerLimit, problem::Problem};
use tokio::{
    select,
    time::{sleep, timeout},
};

use super::{
    Answer, Upstream, Waits, body, request_timeout,
    stream::{self, Party, Progress},
    too_large,
};
use crate::table::LimitClass;

/// By how much the limit of a request's answer is longer than the waits within it: so its client is told who was late.
const MARGIN: Duration = Duration::from_secs(1);

impl Upstream {
    /// Sends a request whose head is the service's already, within the bounds of `limit`. What few requests need is
    /// boxed, here and elsewhere on the way: each request moves room for all of it.
    pub(super) async fn send(
        &self,
        mut head: Parts,
        body: Body,
        limit: LimitClass,
    ) -> Result<Answer, Problem> {
        // They are for this process, and a copy of them would cost more than one of the headers.
        let answer_limit = std::mem::take(&mut head.extensions).remove();
        if is_repeatable(&head.method, &body) {
            let wait = self.answer_wait(answer_limit, limit);
            self.send_repeatable(head, wait).await
        } else if limit == LimitClass::Stream {
            Box::pin(self.send_stream(head, body, answer_limit)).await
        } else {
            Box::pin(self.send_once(head, body, limit.body())).await
        }
    }

    /// Sends a request that may be sent twice. The usual failure is a connection that the service closes just as the
    /// request arrives. A failed connect is not repeated: the service is absent, and the client waits for its 503.
    async fn send_repeatable(&self, head: Parts, wait: Duration) -> Result<Answer, Problem> {
        let request = || Request::from_parts(head.clone(), Body::empty());
        let attempts = async {
            match self.connections.request(request()).await {
                Err(error) if !error.is_connect() => {
                    tracing::debug!(service = self.name, error = chain(&error), "sent again");
                    self.connections.request(request()).await
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
    async fn send_once(&self, head: Parts, body: Body, limit: usize) -> Result<Answer, Problem> {
        if declared_length(&head.headers) > limit as u64 {
            return Err(too_large());
        }
        let (body, sent) = body::upload(body, limit);
        let mut answer = pin!(self.connections.request(Request::from_parts(head, body)));
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
    async fn send_stream(
        &self,
        head: Parts,
        body: Body,
        answer_limit: Option<AnswerLimit>,
    ) -> Result<Answer, Problem> {
        let Waits {
            silence, report, ..
        } = self.waits;
        let progress = Progress::start(answer_limit, silence + report + MARGIN);
        let (body, sent) = stream::follow(body, &progress);
        let mut answer = pin!(self.connections.request(Request::from_parts(head, body)));
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
    fn answer_wait(&self, answer_limit: Option<AnswerLimit>, limit: LimitClass) -> Duration {
        if limit != LimitClass::Report {
            return self.waits.answer;
        }
        if let Some(answer_limit) = answer_limit {
            answer_limit.extend(self.waits.report + MARGIN);
        }
        self.waits.report
    }
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
