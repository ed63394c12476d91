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
use uuid::Uuid;

use crate::{
    idempotency::{Ids, Key, Memory},
    table::Operation,
};

/// How long the broker may take to confirm, so that the client has its answer within 2 s.
const CONFIRM_LIMIT: Duration = Duration::from_millis(1_900);

/// What a posted body becomes.
pub struct Publication {
    /// What it is, for messages: `payment`.
    pub noun: &'static str,
    /// Where it goes.
    pub route: Route,
    /// Refuses what its reader would refuse.
    pub check: fn(&[u8]) -> Result<(), Problem>,
    /// Where it can be looked up later.
    pub location: fn(Uuid) -> String,
    /// What the client reads when the broker keeps it.
    pub answer: fn(Uuid) -> Response,
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
        operation: &Operation,
        publication: &Publication,
        request: Request,
        caller: Caller,
    ) -> Result<Response, Problem> {
        let key = Key::of(request.headers())?;
        let context = request.extensions().get::<RequestContext>().cloned();
        let RawJson(body) = RawJson::from_request(request, &()).await?;
        (publication.check)(&body)?;
        let Some(key) = key else {
            let id = Uuid::now_v7();
            self.publish(publication, id, body, context).await?;
            return Ok((publication.answer)(id));
        };
        let id = self.ids.derive(caller, operation, &key);
        let Some(pending) = self.memory.begin(id, &body)? else {
            return Ok((publication.answer)(id));
        };
        self.publish(publication, id, body, context).await?;
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
        PublishError::Unconfirmed => format!(
            "the broker has not confirmed in time: the {noun} may still be recorded, as {}",
            (publication.location)(id)
        ),
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
