//! The rows of `bikes.position_changes`: what the live feed sends. They get visible in the order of their sequence, and
//! the oldest are removed first; so what is after a row that is still there is all there.

use diesel::{
    prelude::*,
    sql_types::{BigInt, Bool},
};
use platform::database::{Connection, DatabaseError, statement};
use time::OffsetDateTime;

use crate::{place::Place, schema::bikes::position_changes};

/// A bike was somewhere else.
#[derive(Debug, Queryable)]
pub(in crate::bikes) struct Change {
    pub(in crate::bikes) sequence: i64,
    pub(in crate::bikes) bike_id: String,
    pub(in crate::bikes) place: Place,
    pub(in crate::bikes) recorded_at: OffsetDateTime,
}

/// Whether the row of this sequence or the one after it is there, or no later one was ever made. A sequence that was
/// lost with its transaction may make it `false` without need.
const FOLLOWED: &str = "
    SELECT EXISTS (SELECT FROM bikes.position_changes WHERE sequence IN ($1, $2))
        OR (SELECT last_value FROM bikes.position_changes_sequence_seq) = $1 AS followed";

#[derive(QueryableByName)]
struct Followed {
    #[diesel(sql_type = Bool)]
    followed: bool,
}

impl Change {
    /// At most `count` after `last`, in order.
    pub(in crate::bikes) async fn after(
        connection: &mut Connection,
        last: i64,
        count: u16,
    ) -> Result<Vec<Self>, DatabaseError> {
        let page = position_changes::table
            .filter(position_changes::sequence.gt(last))
            .order(position_changes::sequence)
            .limit(count.into())
            .select((
                position_changes::sequence,
                position_changes::bike_id,
                (position_changes::longitude, position_changes::latitude),
                position_changes::recorded_at,
            ));
        connection.load(page).await
    }

    /// The sequence of the newest.
    pub(in crate::bikes) async fn newest(
        connection: &mut Connection,
    ) -> Result<Option<i64>, DatabaseError> {
        let newest = position_changes::table.select(diesel::dsl::max(position_changes::sequence));
        connection.one(newest).await
    }

    /// Whether all that came after `last` is still there.
    pub(in crate::bikes) async fn all_kept_since(
        connection: &mut Connection,
        last: i64,
    ) -> Result<bool, DatabaseError> {
        let followed = statement(FOLLOWED)
            .bind::<BigInt, _>(last)
            .bind::<BigInt, _>(last.saturating_add(1));
        let answer: Followed = connection.one(followed).await?;
        Ok(answer.followed)
    }
}
