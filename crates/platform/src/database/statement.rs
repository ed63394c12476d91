//! A statement that we have written ourselves, prepared once for each connection.
//!
//! diesel prepares what its query builder makes once, and `sql_query` anew for each use: its text may be another one each
//! time. That costs a second round trip, and the server parses and plans again. The text of a [`Statement`] is fixed in the
//! program, so there are never more prepared statements than are written in it.
//!
//! It never takes a text that is made while the program runs.

use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, BoxedSqlQuery, Query, QueryFragment, QueryId, SqlQuery},
    serialize::ToSql,
    sql_query,
    sql_types::{HasSqlType, Untyped},
};

/// A statement with its values. It owns them, and has no lifetime: with one the compiler cannot see that the future of a query
/// may move between threads.
pub struct Statement(BoxedSqlQuery<'static, Pg, SqlQuery>);

/// A statement with this text, to which its values are bound one after the other: `$1`, `$2` and so on.
#[must_use]
pub fn statement(text: &'static str) -> Statement {
    Statement(sql_query(text).into_boxed())
}

impl Statement {
    /// Binds the next value, as one of the SQL type `T`.
    #[must_use]
    pub fn bind<T, V>(self, value: V) -> Self
    where
        Pg: HasSqlType<T>,
        T: Send + 'static,
        V: ToSql<T, Pg> + Send + 'static,
    {
        Self(self.0.bind::<T, V>(value))
    }
}

impl QueryFragment<Pg> for Statement {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

/// It is known by its text and the types of its values.
impl QueryId for Statement {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement {
    type SqlType = Untyped;
}
