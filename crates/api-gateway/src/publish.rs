//! Operations that the gateway answers by publishing a message.
//!
//! Success means that RabbitMQ has confirmed that it keeps the message, and nothing less. With an `Idempotency-Key` the
//! id is derived, not drawn (see [`crate::idempotency`]), so a retry is the same message through any gateway; what is
//! known to be confirmed is not published again.

use std::{fmt, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    response::Response,
};
use broker::{Broker, Outgoing, PublishError};
use messages::Route;
use platform::{
    http::{caller::Caller, context::RequestContext, extract::RawJson},
    problem::Problem,
    trace_context::{TRACEPARENT, X_REQUEST_ID},
};
use secrecy::SecretString;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    idempotency::{Ids, Key, Memory},
    routes::Found,
};

/// How long the broker may take to confirm, so that the client has its answer within 2 s.
const CONFIRM_LIMIT: Duration = Duration::from_millis(1_900);

/// What a posted body becomes.
pub struct Publication {
    /// What it is, for messages: `payment`.
    pub noun: &'static str,
    /// Where it goes.
    pub route: Route,
    /// The body of its message; refuses what its reader would refuse.
    pub message: fn(&Posted) -> Result<Bytes, Problem>,
    /// Where it can be looked up later, if it can.
    pub location: Option<fn(Uuid) -> String>,
    /// What the client reads when the broker keeps it.
    pub answer: fn(Uuid) -> Response,
}

/// What was posted.
pub struct Posted {
    /// The parameters of the path, decoded, in their order.
    pub parameters: Vec<String>,
    /// The body, byte for byte.
    pub body: Bytes,
    /// When it came.
    pub at: OffsetDateTime,
}

impl Posted {
    async fn new(parameters: Vec<String>, request: Request) -> Result<Self, Problem> {
        let RawJson(body) = RawJson::from_request(request, &()).await?;
        Ok(Self {
            parameters,
            body,
            at: OffsetDateTime::now_utc(),
        })
    }
}

impl fmt::Debug for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publication({})", self.noun)
    }
}

/// What publishing needs.
pub struct Publishing {
    broker: Broker,
    ids: Ids,
    memory: Memory,
}

impl Publishing {
    /// Publishes through `broker`; `secret` is the key of derived ids. Remembers no Idempotency-Key yet.
    #[must_use]
    pub fn new(broker: Broker, secret: SecretString) -> Self {
        Self {
            broker,
            ids: Ids::new(secret),
            memory: Memory::default(),
        }
    }

    /// Publishes the body of `request` as `caller`'s.
    ///
    /// # Errors
    /// 4xx when the body or the key is refused, 503 when the broker did not confirm.
    pub(crate) async fn accept(
        &self,
        found: Found,
        publication: &Publication,
        request: Request,
        caller: Caller,
    ) -> Result<Response, Problem> {
        let key = Key::of(request.headers())?;
        let context = request.extensions().get::<RequestContext>().cloned();
        let posted = Posted::new(found.parameters, request).await?;
        let message = (publication.message)(&posted)?;
        let Some(key) = key else {
            let id = Uuid::now_v7();
            self.publish(publication, id, message, context).await?;
            return Ok((publication.answer)(id));
        };
        let id = self
            .ids
            .derive(caller, found.operation, &posted.parameters, &key);
        let Some(pending) = self.memory.begin(id, &posted.body)? else {
            return Ok((publication.answer)(id));
        };
        self.publish(publication, id, message, context).await?;
        pending.confirm();
        Ok((publication.answer)(id))
    }

    async fn publish(
        &self,
        publication: &Publication,
        id: Uuid,
        body: Bytes,
        context: Option<RequestContext>,
    ) -> Result<(), Problem> {
        let mut message = Outgoing::new(publication.route, id, body);
        if let Some(context) = context {
            message = message
                .with_header(X_REQUEST_ID, context.id())
                .with_header(TRACEPARENT, &context.trace.child().to_string());
        }
        let publisher = self.broker.publisher();
        let published = publisher.publish(message, CONFIRM_LIMIT).await;
        published.map_err(|error| unavailable(publication, id, error))
    }
}

fn unavailable(publication: &Publication, id: Uuid, error: PublishError) -> Problem {
    let noun = publication.noun;
    let detail = match error {
        PublishError::Unconfirmed => {
            let place = publication.location.map(|location| location(id));
            let place = place.map_or(String::new(), |place| format!(", as {place}"));
            format!("the broker has not confirmed in time: the {noun} may still be recorded{place}")
        }
        PublishError::Overloaded
        | PublishError::Stopped
        | PublishError::Undeclared
        | PublishError::Unroutable
        | PublishError::Refused => {
            format!("the {noun} cannot be queued now; it was not taken")
        }
    };
    Problem::unavailable(detail).because(error)
}
