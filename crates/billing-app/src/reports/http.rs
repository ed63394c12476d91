//! The route of reports: what it takes, answers and documents.

use std::time::Duration;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use platform::{
    http::{answer_limit::AnswerLimit, extract::Query},
    problem::Problem,
};
use utoipa::IntoParams;

use super::{
    LIMIT, WAIT,
    csv::{self, CSV},
    page::Page,
    query::ReportQuery,
    sql,
};
use crate::App;

/// To wait, to run, and to write the answer.
const ANSWER: Duration = Duration::from_secs(LIMIT.as_secs() + WAIT.as_secs() + 1);

/// The answer depends on what the client accepts.
const VARY: (HeaderName, HeaderValue) = (header::VARY, HeaderValue::from_static("accept"));

/// The parameters of a report, for its document. Lists are separated by commas; a value that has one cannot be asked for.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what `ReportQuery` reads")]
pub(super) struct ReportParameters {
    /// Which of `client`, `client_group`, `device_type`, `category`, `valid` and `date` (in UTC) make the groups; all without
    /// it. Their order is that of columns and of ties.
    #[param(example = "client,date")]
    group_by: Option<String>,
    /// Grouped dimensions, `mean`, `sum` or `count`; `-` before it for descending. Ties are in the order of the dimensions.
    #[param(example = "-sum,date")]
    order_by: Option<String>,
    /// So many groups are left out at the start.
    #[param(value_type = Option<i64>, minimum = 0, maximum = 4294967295_i64, example = 0)]
    offset: Option<u32>,
    /// At most so many groups; 100 without it.
    #[param(minimum = 1, maximum = 1000, example = 100)]
    limit: Option<u16>,
    /// Of these clients only: integers.
    #[param(example = "42,43")]
    clients: Option<String>,
    /// Of these groups of clients only: integers.
    #[param(example = "7")]
    client_groups: Option<String>,
    /// Of these types of devices only.
    #[param(example = "phone,tablet")]
    device_types: Option<String>,
    /// Of these categories only.
    #[param(example = "purchase")]
    categories: Option<String>,
    /// `true`, `false`, or both.
    #[param(example = "true")]
    valid: Option<String>,
    /// From this day in UTC on, or from this time (RFC 3339) on.
    #[param(example = "2026-11-01")]
    start_date: Option<String>,
    /// Until this day in UTC, or until this time (RFC 3339); both are included.
    #[param(example = "2026-11-30")]
    end_date: Option<String>,
}

/// Report on the events
///
/// Groups the events, and tells of each group how many there are, the exact sum of their values, and their mean, rounded half
/// away from zero to six decimals. With `Accept: text/csv` the page is CSV with a line of names; texts that look like formulas
/// are not escaped. An unknown parameter or value is a 400 that names it. Two reports run at once; others wait for up to 5 s.
#[utoipa::path(get, path = "/api/reports", tag = "events", params(ReportParameters), responses(
    (status = 200, description = "A page of the groups", content(
        (Page = "application/json"),
        (String = "text/csv", example = "client,date,mean,sum,count\r\n42,2026-11-22,6.250000,12.500000,2\r\n"),
    )),
    (status = 503, description = "The database is absent, or too many reports run; try again after `Retry-After` seconds"),
))]
pub(super) async fn report(
    State(app): State<App>,
    Extension(limit): Extension<AnswerLimit>,
    headers: HeaderMap,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let query = ReportQuery::parse(parameters)?;
    limit.extend(ANSWER);
    let permits = app.reports.admit().await?;
    let rows = sql::run(&app.reports.database, &query).await?;
    drop(permits);
    let page = Page::of(rows, &query);
    if !csv::is_preferred(&headers) {
        return Ok(([VARY], Json(page)).into_response());
    }
    let written = csv::write(&page.data, &query.group_by).map_err(|error| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the report cannot be written",
        )
        .because(error)
    })?;
    let csv = (header::CONTENT_TYPE, HeaderValue::from_static(CSV));
    Ok(([VARY, csv], written).into_response())
}
