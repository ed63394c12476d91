//! The rows of `movies` and their queries. Each query is one statement: it is done whole or not at all.

use std::time::Duration;

use diesel::{PgTextExpressionMethods, prelude::*};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt;
use platform::database::{Database, DatabaseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::schema::movies;

/// Deleting everything may touch many rows.
const DELETE_LIMIT: Duration = Duration::from_secs(4);

/// A movie, as it is kept and as it is answered.
#[derive(Debug, Serialize, Queryable, Selectable, ToSchema)]
#[diesel(table_name = movies)]
pub(super) struct Movie {
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

impl Movie {
    pub(super) async fn insert(
        database: &Database,
        content: Content,
    ) -> Result<Self, DatabaseError> {
        let query = diesel::insert_into(movies::table)
            .values(content)
            .returning(Self::as_returning());
        database
            .run(|connection| query.get_result(connection).boxed())
            .await
    }

    pub(super) async fn find(database: &Database, id: i64) -> Result<Option<Self>, DatabaseError> {
        let query = movies::table.find(id).select(Self::as_select());
        database
            .run(|connection| {
                query
                    .first(connection)
                    .map(OptionalExtension::optional)
                    .boxed()
            })
            .await
    }

    pub(super) async fn update(
        database: &Database,
        id: i64,
        content: Content,
    ) -> Result<Option<Self>, DatabaseError> {
        let query = diesel::update(movies::table.find(id))
            .set(content)
            .returning(Self::as_returning());
        database
            .run(|connection| {
                query
                    .get_result(connection)
                    .map(OptionalExtension::optional)
                    .boxed()
            })
            .await
    }

    /// Whether there was one.
    pub(super) async fn delete(database: &Database, id: i64) -> Result<bool, DatabaseError> {
        let query = diesel::delete(movies::table.find(id));
        Ok(database
            .run(|connection| query.execute(connection).boxed())
            .await?
            > 0)
    }

    /// How many there were.
    pub(super) async fn delete_all(database: &Database) -> Result<usize, DatabaseError> {
        let query = diesel::delete(movies::table);
        database
            .run_within(DELETE_LIMIT, |connection| query.execute(connection).boxed())
            .await
    }

    /// In the order of their ids, from after `last`; those whose title has `title` in it.
    pub(super) async fn after(
        database: &Database,
        title: Option<&str>,
        last: i64,
        count: u16,
    ) -> Result<Vec<Self>, DatabaseError> {
        let page = movies::table
            .filter(movies::id.gt(last))
            .order(movies::id)
            .limit(count.into());
        let page = page.select(Self::as_select()).into_boxed();
        let query = match title {
            Some(title) => page.filter(movies::title.ilike(anywhere(title))),
            None => page,
        };
        database
            .run(|connection| query.load(connection).boxed())
            .await
    }
}

/// A LIKE pattern in which every character of `text` stands for itself.
fn anywhere(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::anywhere;
    use proptest::prelude::*;

    /// PostgreSQL's LIKE, restricted to what `anywhere` may write: literals, escapes, one `%` at each end.
    fn literal(pattern: &str) -> Option<String> {
        let inner = pattern.strip_prefix('%')?.strip_suffix('%')?;
        let mut characters = inner.chars();
        let mut text = String::new();
        while let Some(character) = characters.next() {
            match character {
                '\\' => text.push(characters.next()?),
                '%' | '_' => return None,
                other => text.push(other),
            }
        }
        Some(text)
    }

    proptest! {
        #[test]
        fn every_character_stands_for_itself(text in r"[%_\\a-c'\u{e9}]{0,12}") {
            prop_assert_eq!(literal(&anywhere(&text)), Some(text));
        }
    }
}
