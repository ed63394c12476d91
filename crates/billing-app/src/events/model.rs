//! The rows of `events.events` and their queries.

use diesel::{
    prelude::*,
    sql_types::{
        Array, BigInt, Bool, Date as SqlDate, Numeric, Text, Timestamptz, Uuid as SqlUuid,
    },
};
use platform::database::{Connection, DatabaseError};
use rust_decimal::Decimal;
use serde::Serialize;
use time::{Date, OffsetDateTime};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{body::NewEvent, id, value};
use crate::schema::events::events;

/// An event, as it is kept and as it is answered.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, ToSchema)]
#[diesel(table_name = events)]
pub(super) struct Event {
    /// Given by the billing.
    #[schema(example = "0198c0de-0000-7849-8000-000000000002")]
    pub(super) id: Uuid,
    /// In UTC.
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T10:15:00.000000Z")]
    #[serde(with = "platform::timestamp")]
    pub(super) timestamp: OffsetDateTime,
    /// The client whose device it is.
    #[schema(example = 42)]
    pub(super) client: i64,
    /// The group of the client.
    #[schema(example = 7)]
    pub(super) client_group: i64,
    /// What kind of device it is.
    #[schema(example = "phone", min_length = 1, max_length = 100)]
    pub(super) device_type: String,
    /// What kind of event it is.
    #[schema(example = "purchase", min_length = 1, max_length = 100)]
    pub(super) category: String,
    /// Whether it counts.
    #[schema(example = true)]
    pub(super) valid: bool,
    /// Exact, with six decimals.
    #[schema(value_type = String, example = "12.500000", pattern = r"^-?[0-9]+\.[0-9]{6}$")]
    #[serde(serialize_with = "value::serialize")]
    pub(super) value: Decimal,
}

impl Event {
    /// A posted event, with an id from now on.
    pub(super) fn of(body: NewEvent) -> Self {
        Self {
            id: id::new(body.timestamp),
            timestamp: body.timestamp,
            client: body.client,
            client_group: body.client_group,
            device_type: body.device_type,
            category: body.category,
            valid: body.valid,
            value: body.value,
        }
    }

    pub(super) async fn find(
        connection: &mut Connection,
        id: Uuid,
    ) -> Result<Option<Self>, DatabaseError> {
        let times = id::times(id).into_inner();
        let event = events::table
            .filter(events::id.eq(id))
            .filter(events::timestamp.between(times.0, times.1));
        connection.optional(event.select(Self::as_select())).await
    }

    /// Whether there was one.
    pub(super) async fn delete(
        connection: &mut Connection,
        id: Uuid,
    ) -> Result<bool, DatabaseError> {
        let times = id::times(id).into_inner();
        let event = events::table
            .filter(events::id.eq(id))
            .filter(events::timestamp.between(times.0, times.1));
        Ok(connection.execute(diesel::delete(event)).await? > 0)
    }

    /// In the order of their ids, which is that of their making, from after `last`.
    pub(super) async fn after(
        connection: &mut Connection,
        last: Option<Uuid>,
        count: u16,
    ) -> Result<Vec<Self>, DatabaseError> {
        let page = events::table
            .filter(events::id.gt(last.unwrap_or(Uuid::nil())))
            .order(events::id)
            .limit(count.into());
        connection.load(page.select(Self::as_select())).await
    }
}

/// Adds all of `events` or none. The arrays have one bind each: a batch never meets the limit of 65,535 binds.
pub(super) async fn insert(
    connection: &mut Connection,
    events: &[Event],
) -> Result<(), DatabaseError> {
    let query = diesel::sql_query(
        "INSERT INTO events.events (id, \"timestamp\", client, client_group, device_type, category, valid, value) \
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind::<Array<SqlUuid>, _>(column(events, |event| event.id))
    .bind::<Array<Timestamptz>, _>(column(events, |event| event.timestamp))
    .bind::<Array<BigInt>, _>(column(events, |event| event.client))
    .bind::<Array<BigInt>, _>(column(events, |event| event.client_group))
    .bind::<Array<Text>, _>(column(events, |event| event.device_type.as_str()))
    .bind::<Array<Text>, _>(column(events, |event| event.category.as_str()))
    .bind::<Array<Bool>, _>(column(events, |event| event.valid))
    .bind::<Array<Numeric>, _>(column(events, |event| event.value));
    connection.execute(query).await.map(drop)
}

fn column<'e, T>(events: &'e [Event], field: impl Fn(&'e Event) -> T) -> Vec<T> {
    events.iter().map(field).collect()
}

/// Makes the partition of the month that begins with `month`, unless it is there.
pub(super) async fn add_month(
    connection: &mut Connection,
    month: Date,
) -> Result<(), DatabaseError> {
    let query = diesel::sql_query("SELECT events.add_month($1)").bind::<SqlDate, _>(month);
    connection.execute(query).await.map(drop)
}

/// Whether an event was refused because its month has no partition. The table's other rules were checked before.
pub(super) fn has_no_partition(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Query { code: Some(code), .. } if code.code() == "23514")
}
