//! A page of a report, as it is answered.

use serde::{Serialize, Serializer};
use time::{Date, macros::format_description};
use utoipa::ToSchema;

use super::{query::ReportQuery, sql::Row};

/// A page of a report.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Report)]
pub(super) struct Page {
    /// The groups of this page.
    pub(super) data: Vec<Group>,
    /// Which page it is.
    pagination: Pagination,
}

/// One group: the dimensions that are grouped, and what the events of the group have together.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReportGroup)]
pub(super) struct Group {
    /// If it is grouped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 42, nullable = false)]
    pub(super) client: Option<i64>,
    /// If it is grouped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 7, nullable = false)]
    pub(super) client_group: Option<i64>,
    /// If it is grouped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "phone", nullable = false)]
    pub(super) device_type: Option<String>,
    /// If it is grouped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "purchase", nullable = false)]
    pub(super) category: Option<String>,
    /// If it is grouped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = true, nullable = false)]
    pub(super) valid: Option<bool>,
    /// The day in UTC, if it is grouped.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "day")]
    #[schema(value_type = Option<String>, format = Date, example = "2026-11-22", nullable = false)]
    pub(super) date: Option<Date>,
    /// The sum by the count, rounded half away from zero to six decimals.
    #[schema(example = "6.250000", pattern = r"^-?[0-9]+\.[0-9]{6}$")]
    pub(super) mean: String,
    /// Exact, with six decimals.
    #[schema(example = "12.500000", pattern = r"^-?[0-9]+\.[0-9]{6}$")]
    pub(super) sum: String,
    /// How many events there are.
    #[schema(example = 2, minimum = 1)]
    pub(super) count: i64,
}

/// Which page of a report it is.
#[derive(Debug, Serialize, ToSchema)]
struct Pagination {
    /// Groups before the page.
    #[schema(example = 0)]
    offset: u32,
    /// The most groups that it could have.
    #[schema(example = 100)]
    page_size: u16,
    /// The groups of all pages.
    #[schema(example = 1, minimum = 0)]
    total_count: i64,
}

impl Page {
    pub(super) fn of(rows: Vec<Row>, query: &ReportQuery) -> Self {
        let total_count = rows.first().map_or(0, |row| row.total_count);
        Self {
            data: rows.into_iter().filter_map(Group::of).collect(),
            pagination: Pagination {
                offset: query.offset,
                page_size: query.limit,
                total_count,
            },
        }
    }
}

impl Group {
    /// `None` for the row that tells of no group.
    fn of(row: Row) -> Option<Self> {
        Some(Self {
            client: row.client,
            client_group: row.client_group,
            device_type: row.device_type,
            category: row.category,
            valid: row.valid,
            date: row.date,
            mean: row.mean?,
            sum: row.sum?,
            count: row.count?,
        })
    }
}

/// A day as ISO 8601 writes it.
pub(super) fn day_text(day: Date) -> Result<String, time::error::Format> {
    day.format(format_description!("[year]-[month]-[day]"))
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn day<S: Serializer>(day: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
    match day.map(day_text).transpose() {
        Ok(text) => text.serialize(serializer),
        Err(error) => Err(serde::ser::Error::custom(error)),
    }
}
