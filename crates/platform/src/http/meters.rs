//! The metrics of answered requests.
//!
//! The recorder finds a metric by all its labels, which costs more than the metric itself. So each thread keeps the handles
//! that it has used. There is one for each route, method and status that were answered: none of them is made up by a client.

use std::{cell::RefCell, time::Duration};

use axum::http::{Method, StatusCode};
use hashbrown::HashMap;
use metrics::{Counter, Histogram};

/// What is recorded of the answers of one route to one method with one status.
struct Meters {
    requests: Counter,
    duration: Histogram,
}

/// Of one route, by method and status.
type RouteMeters = HashMap<(&'static str, u16), Meters>;

thread_local! {
    static METERS: RefCell<HashMap<String, RouteMeters>> = RefCell::default();
}

/// Records one answer.
pub(super) fn record(method: &Method, route: &str, status: StatusCode, took: Duration) {
    let key = (label(method), status.as_u16());
    METERS.with_borrow_mut(|meters| {
        let meters = meters.entry_ref(route).or_default();
        let meters = meters.entry(key).or_insert_with(|| Meters::of(route, key));
        meters.requests.increment(1);
        meters.duration.record(took.as_secs_f64());
    });
}

impl Meters {
    fn of(route: &str, (method, status): (&'static str, u16)) -> Self {
        let (method, route) = (("method", method.to_owned()), ("route", route.to_owned()));
        let labels = [method.clone(), route.clone()];
        let duration = metrics::histogram!("http_request_duration_seconds", &labels);
        let labels = [method, route, ("status", status.to_string())];
        let requests = metrics::counter!("http_requests_total", &labels);
        Self { requests, duration }
    }
}

/// Any other method could be made up by a client, and would be a label of its own.
fn label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}
