//! The rows of `outbox`, and their queries.

use std::{collections::BTreeMap, time::Duration};

use diesel::{
    prelude::QueryableByName,
    sql_query,
    sql_types::{Array, BigInt, Binary, Bool, Double, Integer, Jsonb, Nullable, Text, Timestamptz},
};
use platform::database::{Connection, DatabaseError, statement};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::gauge::Depth;
use crate::{Destination, Outgoing};

/// What wakes the relays.
pub(super) const CHANNEL: &str = "outbox";

/// A message that waits.
#[derive(Debug, QueryableByName)]
pub(super) struct Row {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    pub(super) id: Uuid,
    #[diesel(sql_type = Text)]
    pub(super) route: String,
    #[diesel(sql_type = Binary)]
    body: Vec<u8>,
    #[diesel(sql_type = Jsonb)]
    headers: Value,
    #[diesel(sql_type = Timestamptz)]
    created_at: OffsetDateTime,
    #[diesel(sql_type = Integer)]
    pub(super) attempts: i32,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) last_error: Option<String>,
}

/// The answer of [`measure`].
#[derive(QueryableByName)]
struct Measured {
    #[diesel(sql_type = BigInt)]
    waiting: i64,
    #[diesel(sql_type = BigInt)]
    failed: i64,
    #[diesel(sql_type = Double)]
    age: f64,
}

/// Writes messages in their order, and wakes the relays once they are committed. The arrays have one bind each, whatever
/// their length.
pub(super) async fn insert(
    connection: &mut Connection,
    messages: &[Outgoing],
) -> Result<(), DatabaseError> {
    // A message that was made for the outbox always has an id.
    let ids = messages
        .iter()
        .map(|message| message.id().unwrap_or_else(Uuid::now_v7));
    let routes = messages.iter().map(|message| route(&message.destination));
    let bodies = messages.iter().map(|message| message.body.to_vec());
    let headers = messages
        .iter()
        .map(|message| Value::from_iter(message.headers()));
    let query = statement(
        "INSERT INTO outbox (id, route, body, headers) \
         SELECT id, route, body, headers FROM unnest($1, $2, $3, $4) \
         WITH ORDINALITY AS message (id, route, body, headers, place) ORDER BY place \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind::<Array<diesel::sql_types::Uuid>, _>(ids.collect::<Vec<_>>())
    .bind::<Array<Text>, _>(routes.collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(bodies.collect::<Vec<_>>())
    .bind::<Array<Jsonb>, _>(headers.collect::<Vec<_>>());
    if connection.execute(query).await? > 0 {
        connection.notify_when_committed(CHANNEL);
    }
    Ok(())
}

impl Row {
    /// Locks the next `count` rows until the end of the transaction; those that another relay holds are left to it.
    pub(super) async fn lock_next(
        connection: &mut Connection,
        count: u16,
    ) -> Result<Vec<Self>, DatabaseError> {
        // Planned anew each time, as in `delete`: a plan for the table that is nearly empty would read and sort it whole when
        // an outage of the broker has filled it.
        let query = sql_query(
            "SELECT id, route, body, headers, created_at, attempts, last_error FROM outbox \
             WHERE retry_at IS NULL OR retry_at <= now() \
             ORDER BY attempts, created_at, position LIMIT $1 FOR UPDATE SKIP LOCKED",
        );
        connection
            .load(query.bind::<BigInt, _>(i64::from(count)))
            .await
    }

    /// The message, as it was written; `None` when its route cannot be read.
    pub(super) fn message(&self) -> Option<Outgoing> {
        let destination = destination(&self.route)?;
        let (body, headers) = (self.body.clone(), text_headers(&self.headers));
        Some(Outgoing::restored(
            destination,
            self.id,
            body,
            &headers,
            self.created_at,
        ))
    }
}

/// Deletes what the broker has confirmed.
pub(super) async fn delete(
    connection: &mut Connection,
    ids: Vec<Uuid>,
) -> Result<(), DatabaseError> {
    let query = sql_query("DELETE FROM outbox WHERE id = ANY($1)");
    let query = query.bind::<Array<diesel::sql_types::Uuid>, _>(ids);
    connection.execute(query).await.map(drop)
}

/// Keeps what the broker did not take, and puts it off: for a second, then for twice as long each time, up to some four
/// minutes.
pub(super) async fn put_off(
    connection: &mut Connection,
    failed: Vec<(Uuid, String)>,
) -> Result<(), DatabaseError> {
    let (ids, errors): (Vec<_>, Vec<_>) = failed.into_iter().unzip();
    let query = statement(
        "UPDATE outbox SET attempts = attempts + 1, last_error = failed.error, \
         retry_at = clock_timestamp() + power(2, least(attempts, 8)) * interval '1 second' \
         FROM unnest($1, $2) AS failed (id, error) WHERE outbox.id = failed.id",
    );
    let query = query
        .bind::<Array<diesel::sql_types::Uuid>, _>(ids)
        .bind::<Array<Text>, _>(errors);
    connection.execute(query).await.map(drop)
}

/// Depth and age, by the clock of the database, which wrote the times.
pub(super) async fn measure(connection: &mut Connection) -> Result<Depth, DatabaseError> {
    let query = statement(
        "SELECT count(*) AS waiting, count(*) FILTER (WHERE attempts > 0) AS failed, \
         coalesce(extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE attempts = 0)), 0)::float8 AS age \
         FROM outbox",
    );
    let Measured {
        waiting,
        failed,
        age,
    } = connection.one(query).await?;
    Ok(Depth {
        waiting,
        failed,
        age,
    })
}

/// Whether a message was written more than `limit` ago.
pub(super) async fn is_behind(
    connection: &mut Connection,
    limit: Duration,
) -> Result<bool, DatabaseError> {
    #[derive(QueryableByName)]
    struct Behind {
        #[diesel(sql_type = Bool)]
        is_behind: bool,
    }
    let query = statement(
        "SELECT EXISTS (SELECT FROM outbox WHERE created_at < clock_timestamp() - make_interval(secs => $1)) AS is_behind",
    );
    let behind: Behind = connection
        .one(query.bind::<Double, _>(limit.as_secs_f64()))
        .await?;
    Ok(behind.is_behind)
}

/// A destination as the table keeps it: `queue:billing_queue`, `fanout:bike_locations`.
fn route(destination: &Destination) -> String {
    match destination {
        Destination::Queue(name) => format!("queue:{name}"),
        Destination::Fanout(name) => format!("fanout:{name}"),
    }
}

/// The reverse of [`route`].
fn destination(route: &str) -> Option<Destination> {
    match route.split_once(':')? {
        ("queue", name) => Some(Destination::Queue(name.into())),
        ("fanout", name) => Some(Destination::Fanout(name.into())),
        _ => None,
    }
}

/// The headers that are text; [`insert`] writes no others.
fn text_headers(headers: &Value) -> BTreeMap<String, String> {
    let headers = headers.as_object().into_iter().flatten();
    headers
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_read_as_it_was_written() {
        for there in [
            Destination::Queue("a:b".into()),
            Destination::Fanout("c".into()),
        ] {
            assert_eq!(destination(&route(&there)), Some(there));
        }
        assert_eq!(destination("topic:x"), None);
        assert_eq!(destination("queue"), None);
    }
}
