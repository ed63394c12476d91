//! Whether messages are sent, which is what a timer has to know before it asks again or gives up.

use std::{sync::Arc, time::Duration};

use broker::{Broker, outbox};
use futures_util::{FutureExt, future::BoxFuture};
use platform::database::{Connection, Database, DatabaseError};

/// Why messages are not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// The broker is away, which its own check tells.
    Broker,
    /// A message waits in the outbox for too long, perhaps one that the broker does not take.
    Outbox,
}

/// Asks whether messages are sent; `None`: the broker takes them, and none waits for long.
pub(crate) type Sends =
    Arc<dyn Fn() -> BoxFuture<'static, Result<Option<Break>, DatabaseError>> + Send + Sync>;

/// Asks `broker` and the outbox in `database`, where no message may wait for longer than `limit`.
pub(crate) fn sends(broker: &Broker, database: &Database, limit: Duration) -> Sends {
    let (broker, database) = (broker.clone(), database.clone());
    Arc::new(move || {
        let (is_ready, database) = (broker.ready().is_ok(), database.clone());
        async move {
            if !is_ready {
                return Ok(Some(Break::Broker));
            }
            let is_behind = is_behind(&database, limit).await?;
            Ok(is_behind.then_some(Break::Outbox))
        }
        .boxed()
    })
}

async fn is_behind(database: &Database, limit: Duration) -> Result<bool, DatabaseError> {
    let is_behind = async |c: &mut Connection| outbox::is_behind(c, limit).await;
    database.run(is_behind).await
}
