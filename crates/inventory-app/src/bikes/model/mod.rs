//! The rows of `bikes.bikes` and their queries; `search`: those by place; `changes`: those of the live feed.

mod changes;
mod search;

use diesel::prelude::*;
use futures_util::{FutureExt, future::BoxFuture};
use messages::geo::Point;
use platform::database::{Connection, DatabaseError, ReadByKey};

use super::status::Status;
use crate::{place::Place, schema::bikes::bikes};

pub(super) use changes::Change;
pub(super) use search::{Filter, Near};

/// A bike.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct Bike {
    pub(super) number: i64,
    pub(super) id: String,
    pub(super) status: Status,
    pub(super) place: Place,
}

/// A bike that is there already, outside: to be taken over.
#[derive(Debug, Insertable)]
#[diesel(table_name = bikes)]
pub(super) struct Import {
    pub(super) id: String,
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

type Columns = (
    bikes::number,
    bikes::id,
    bikes::status,
    (bikes::longitude, bikes::latitude),
);

const COLUMNS: Columns = (
    bikes::number,
    bikes::id,
    bikes::status,
    (bikes::longitude, bikes::latitude),
);

impl ReadByKey for Bike {
    type Key = String;

    fn key(&self) -> &String {
        &self.id
    }

    async fn read(
        connection: &mut Connection,
        ids: Vec<String>,
    ) -> Result<Vec<Self>, DatabaseError> {
        let bikes = bikes::table.filter(bikes::id.eq_any(ids));
        connection.load(bikes.select(COLUMNS)).await
    }
}

impl Bike {
    pub(super) async fn insert(
        connection: &mut Connection,
        id: String,
        location: Point,
    ) -> Result<Self, DatabaseError> {
        let insert = diesel::insert_into(bikes::table).values((
            bikes::id.eq(id),
            bikes::longitude.eq(location.longitude()),
            bikes::latitude.eq(location.latitude()),
        ));
        connection.one(insert.returning(COLUMNS)).await
    }

    /// In the order in which they were added, from after `last`; those with `status`.
    pub(super) fn after(
        connection: &mut Connection,
        status: Option<Status>,
        last: i64,
        count: u16,
    ) -> BoxFuture<'_, Result<Vec<Self>, DatabaseError>> {
        let mut page = bikes::table
            .filter(bikes::number.gt(last))
            .order(bikes::number)
            .limit(count.into())
            .select(COLUMNS)
            .into_boxed();
        if let Some(status) = status {
            page = page.filter(bikes::status.eq(status));
        }
        // Boxed, as the query is: the compiler cannot prove a boxed query `Send` through an async closure.
        connection.load(page).boxed()
    }
}

/// Makes an available bike one in use; `false` when it is not available.
pub(super) async fn take(connection: &mut Connection, id: String) -> Result<bool, DatabaseError> {
    let available = bikes::id.eq(id).and(bikes::status.eq(Status::Available));
    let take = diesel::update(bikes::table.filter(available));
    let taken = connection.execute(take.set(bikes::status.eq(Status::InUse)));
    Ok(taken.await? > 0)
}

/// Makes a bike available, where it is.
pub(super) async fn release(connection: &mut Connection, id: String) -> Result<(), DatabaseError> {
    let release = diesel::update(bikes::table.filter(bikes::id.eq(id)));
    let released = connection.execute(release.set(bikes::status.eq(Status::Available)));
    released.await.map(drop)
}

/// Whether there is a bike with this id.
pub(super) async fn exists(connection: &mut Connection, id: String) -> Result<bool, DatabaseError> {
    let bike = bikes::table.filter(bikes::id.eq(id));
    connection
        .one(diesel::select(diesel::dsl::exists(bike)))
        .await
}

/// Adds those whose ids are not there yet, as available; returns how many.
pub(super) async fn import(
    connection: &mut Connection,
    bikes: Vec<Import>,
) -> Result<usize, DatabaseError> {
    let import = diesel::insert_into(bikes::table).values(bikes);
    connection
        .execute(import.on_conflict(bikes::id).do_nothing())
        .await
}
