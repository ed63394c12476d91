//! The statement of a report.
//!
//! Its text is made of the names of enums and of numbers that count its binds. The caller's values are bound.

use diesel::{
    QueryableByName,
    pg::Pg,
    query_builder::{BoxedSqlQuery, SqlQuery},
    sql_query,
    sql_types::{Array, BigInt, Bool, Date as SqlDate, Nullable, Text, Timestamptz},
};
use futures_util::{FutureExt, future::BoxFuture};
use platform::database::{Connection, Database, DatabaseError};
use time::Date;

use super::{
    LIMIT,
    query::{Filter, ReportQuery},
    values::{Dimension, Order},
};
use crate::events;

/// For one transaction: time for a report, memory for its groups, and no compiling of a statement that runs once. The time is
/// that of [`LIMIT`], which ends the wait for it.
const SETTINGS: &str = "SELECT set_config('statement_timeout', '20000', true), set_config('work_mem', '64MB', true), \
                        set_config('jit', 'off', true)";

/// The sum by the count, rounded half away from zero to six decimals. It is a division of integers: `avg` has rounded already,
/// and what is rounded twice may be wrong.
const MEAN: &str = "sign(sum) * div(abs(sum) * 2000000 + count, 2 * count) * 0.000001";

/// A group, or none beside the number of all. The dimensions that are not grouped are absent.
#[derive(Debug, QueryableByName)]
pub(super) struct Row {
    #[diesel(sql_type = BigInt)]
    pub(super) total_count: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(super) client: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(super) client_group: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) device_type: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) category: Option<String>,
    #[diesel(sql_type = Nullable<Bool>)]
    pub(super) valid: Option<bool>,
    #[diesel(sql_type = Nullable<SqlDate>)]
    pub(super) date: Option<Date>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) mean: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) sum: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(super) count: Option<i64>,
}

/// Runs the report. There is at least one row: it tells the number of groups.
pub(super) async fn run(
    database: &Database,
    query: &ReportQuery,
) -> Result<Vec<Row>, DatabaseError> {
    let rows = async |c: &mut Connection| {
        c.execute(sql_query(SETTINGS)).await?;
        load(c, query).await
    };
    database.transaction_within(LIMIT, rows).await
}

/// Boxed: the compiler cannot see that the future of a boxed query may move between threads.
fn load<'c>(
    connection: &'c mut Connection,
    query: &ReportQuery,
) -> BoxFuture<'c, Result<Vec<Row>, DatabaseError>> {
    connection.load(statement(query)).boxed()
}

fn statement(query: &ReportQuery) -> BoxedSqlQuery<'static, Pg, SqlQuery> {
    let boxed = sql_query(text(query)).into_boxed();
    query
        .filters
        .iter()
        .fold(boxed, |boxed, filter| filter.bind(boxed))
}

/// The groups are made once, counted, and ordered. The page is joined to their number, which is told beside no group, too.
fn text(query: &ReportQuery) -> String {
    let (table, offset, limit) = (events::TABLE, query.offset, query.limit);
    let grouped: Vec<_> = query.group_by.iter().map(|d| grouped(*d)).collect();
    let places: Vec<_> = (1..=grouped.len()).map(|place| place.to_string()).collect();
    let columns: Vec<_> = Dimension::ALL.iter().map(|d| column(*d, query)).collect();
    let (grouped, places, columns) = (grouped.join(", "), places.join(", "), columns.join(", "));
    let condition = condition(&query.filters);
    let (order, outer) = (order(&query.order_by, ""), order(&query.order_by, "page."));
    format!(
        "WITH groups AS MATERIALIZED (\
           SELECT {grouped}, sum(value) AS sum, count(*) AS count FROM {table} WHERE {condition} GROUP BY {places}\
         ), page AS (\
           SELECT *, {MEAN} AS mean FROM groups ORDER BY {order} OFFSET {offset} LIMIT {limit}\
         ) \
         SELECT total.total_count, {columns}, page.mean::text AS mean, page.sum::text AS sum, page.count \
         FROM (SELECT count(*) AS total_count FROM groups) total LEFT JOIN page ON true ORDER BY {outer}",
    )
}

/// A dimension as the groups have it.
const fn grouped(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Date => "(\"timestamp\" AT TIME ZONE 'UTC')::date AS date",
        other => other.name(),
    }
}

/// A dimension as the answer has it.
fn column(dimension: Dimension, query: &ReportQuery) -> String {
    let name = dimension.name();
    if query.group_by.contains(&dimension) {
        return format!("page.{name}");
    }
    let kind = match dimension {
        Dimension::Client | Dimension::ClientGroup => "bigint",
        Dimension::DeviceType | Dimension::Category => "text",
        Dimension::Valid => "boolean",
        Dimension::Date => "date",
    };
    format!("NULL::{kind} AS {name}")
}

/// The columns that `of` has; the names alone would mean the texts of the answer.
fn order(orders: &[Order], of: &str) -> String {
    let terms = orders.iter().map(|Order { key, descending }| {
        let direction = if *descending { "DESC" } else { "ASC" };
        format!("{of}{} {direction}", key.name())
    });
    terms.collect::<Vec<_>>().join(", ")
}

fn condition(filters: &[Filter]) -> String {
    let numbered = filters.iter().zip(1..);
    let conditions = numbered.map(|(filter, number): (_, u8)| filter.condition(number));
    let conditions: Vec<_> = conditions.collect();
    if conditions.is_empty() {
        return "true".to_owned();
    }
    conditions.join(" AND ")
}

impl Filter {
    /// With the number of its bind.
    fn condition(&self, number: u8) -> String {
        let test = match self {
            Self::Clients(_) => "client = ANY",
            Self::ClientGroups(_) => "client_group = ANY",
            Self::DeviceTypes(_) => "device_type = ANY",
            Self::Categories(_) => "category = ANY",
            Self::Valid(_) => "valid = ANY",
            Self::From(_) => "\"timestamp\" >= ",
            Self::Until(_) => "\"timestamp\" <= ",
        };
        format!("{test}(${number})")
    }

    fn bind(
        &self,
        query: BoxedSqlQuery<'static, Pg, SqlQuery>,
    ) -> BoxedSqlQuery<'static, Pg, SqlQuery> {
        match self.clone() {
            Self::Clients(values) | Self::ClientGroups(values) => {
                query.bind::<Array<BigInt>, _>(values)
            }
            Self::DeviceTypes(values) | Self::Categories(values) => {
                query.bind::<Array<Text>, _>(values)
            }
            Self::Valid(values) => query.bind::<Array<Bool>, _>(values),
            Self::From(time) | Self::Until(time) => query.bind::<Timestamptz, _>(time),
        }
    }
}
