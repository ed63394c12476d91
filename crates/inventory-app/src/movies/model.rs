//! The rows of `movies` and their queries. Each query is one statement: it is done whole or not at all.

use diesel::{PgTextExpressionMethods, prelude::*};
use futures_util::{FutureExt, future::BoxFuture};
use platform::database::{Connection, DatabaseError, ReadByKey};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{schema::movies, search::anywhere};

/// A movie, as it is kept and as it is answered.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, ToSchema)]
#[diesel(table_name = movies)]
pub(crate) struct Movie {
    /// Given by the inventory.
    #[schema(example = 1, minimum = 1)]
    pub(super) id: i64,
    /// Trimmed.
    #[schema(example = "A new movie", min_length = 1, max_length = 255)]
    title: String,
    /// What it is about.
    #[schema(required, example = "Very short description", max_length = 10_000)]
    description: Option<String>,
}

/// A movie's content, already checked.
#[derive(Debug, Clone, Insertable, AsChangeset)]
#[diesel(table_name = movies, treat_none_as_null = true)]
pub(super) struct Content {
    pub(super) title: String,
    pub(super) description: Option<String>,
}

impl ReadByKey for Movie {
    type Key = i64;

    fn key(&self) -> &i64 {
        &self.id
    }

    async fn read(connection: &mut Connection, ids: Vec<i64>) -> Result<Vec<Self>, DatabaseError> {
        let movies = movies::table.filter(movies::id.eq_any(ids));
        connection.load(movies.select(Self::as_select())).await
    }
}

impl Movie {
    pub(super) async fn insert(
        connection: &mut Connection,
        content: Content,
    ) -> Result<Self, DatabaseError> {
        let insert = diesel::insert_into(movies::table).values(content);
        connection.one(insert.returning(Self::as_returning())).await
    }

    pub(super) async fn update(
        connection: &mut Connection,
        id: i64,
        content: Content,
    ) -> Result<Option<Self>, DatabaseError> {
        let update = diesel::update(movies::table.find(id)).set(content);
        connection
            .optional(update.returning(Self::as_returning()))
            .await
    }

    /// Whether there was one.
    pub(super) async fn delete(
        connection: &mut Connection,
        id: i64,
    ) -> Result<bool, DatabaseError> {
        let deleted = connection
            .execute(diesel::delete(movies::table.find(id)))
            .await?;
        Ok(deleted > 0)
    }

    /// How many there were.
    pub(super) async fn delete_all(connection: &mut Connection) -> Result<usize, DatabaseError> {
        connection.execute(diesel::delete(movies::table)).await
    }

    /// In the order of their ids, from after `last`; those whose title has `title` in it.
    pub(super) fn after(
        connection: &mut Connection,
        title: Option<String>,
        last: Option<i64>,
        count: u16,
    ) -> BoxFuture<'_, Result<Vec<Self>, DatabaseError>> {
        let mut page = movies::table
            .order(movies::id)
            .limit(count.into())
            .select(Self::as_select())
            .into_boxed();
        if let Some(last) = last {
            page = page.filter(movies::id.gt(last));
        }
        if let Some(title) = title {
            page = page.filter(movies::title.ilike(anywhere(&title)));
        }
        // Boxed, as the query is: the compiler cannot prove a boxed query `Send` through an async closure.
        connection.load(page).boxed()
    }
}
