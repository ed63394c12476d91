//! The tables of README.md and docs/, `.env` and the Postman collection say what the code does.

use std::collections::BTreeSet;

use api_gateway::{metrics::METRICS, table::TABLE};
use messages::topology::{EXCHANGES, QUEUES, Queue};
use platform::telemetry;
use serde_json::Value;
use testing::repository::{read, settings, table};

#[test]
fn every_route_is_in_the_readme_and_no_other() {
    let routes = TABLE
        .iter()
        .map(|operation| format!("{} {}", operation.method, operation.path));
    assert_eq!(
        table("README.md", "| route | who | answer |"),
        routes.collect::<BTreeSet<_>>()
    );
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let common = telemetry::METRICS.iter().chain(broker::metrics::METRICS);
    let names = |metrics: &mut dyn Iterator<Item = &(&str, &str)>| {
        let names = metrics.map(|(name, _)| (*name).to_owned());
        names.collect::<BTreeSet<_>>()
    };
    for (header, metrics) in [
        ("| metric | counts |", names(&mut common.into_iter())),
        (
            "| metric of the gateway | counts |",
            names(&mut METRICS.iter()),
        ),
    ] {
        assert_eq!(table("docs/operations.md", header), metrics, "{header}");
    }
}

#[test]
fn every_variable_of_dot_env_is_documented_and_no_other() {
    let mut variables = table("docs/settings.md", "| variable | what it is |");
    // Values of LOG_FORMAT stand in backquotes too.
    variables.retain(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    assert_eq!(variables, settings());
}

#[test]
fn every_queue_is_in_the_readme_as_the_topology_has_it() {
    let names = QUEUES.iter().map(|queue| queue.name.to_owned());
    assert_eq!(
        table("README.md", "| queue | carries | written by | read by |"),
        names.collect::<BTreeSet<_>>()
    );
    let readme = read("README.md");
    for row in QUEUES.iter().map(row) {
        assert!(readme.contains(&row), "the README lacks {row}");
    }
}

/// The row of a queue; what feeds it is the exchange, if it has one.
fn row(queue: &Queue) -> String {
    let exchange = EXCHANGES
        .iter()
        .find(|exchange| queue.fed_by == Some(exchange.name));
    let through = exchange.map_or(String::new(), |exchange| {
        format!(" through `{}`", exchange.name)
    });
    let writers = exchange.map_or(queue.writers, |exchange| exchange.writers);
    let writers: Vec<_> = writers
        .iter()
        .map(|writer| format!("`{}`", writer.name()))
        .collect();
    format!(
        "| `{}` | `{}` | {}{through} | `{}` |",
        queue.name,
        queue.carries,
        writers.join(", "),
        queue.reader.name()
    )
}

#[test]
fn every_route_is_in_the_postman_collection() {
    let collection: Value =
        serde_json::from_str(&read("postman/crud-master.postman_collection.json")).unwrap();
    let mut requests = BTreeSet::new();
    collect_requests(&collection["item"], &mut requests);
    for operation in TABLE {
        let wanted = (operation.method.to_string(), pattern(operation.path));
        assert!(requests.contains(&wanted), "Postman lacks {wanted:?}");
    }
}

fn collect_requests(items: &Value, requests: &mut BTreeSet<(String, String)>) {
    for item in items.as_array().into_iter().flatten() {
        collect_requests(&item["item"], requests);
        let request = &item["request"];
        let url = &request["url"];
        let url = url.as_str().or(url["raw"].as_str());
        if let (Some(method), Some(url)) = (request["method"].as_str(), url) {
            let path = url.trim_start_matches("{{base_url}}");
            let path = path.split('?').next().unwrap_or_default();
            requests.insert((method.to_owned(), pattern(path.trim_end_matches('/'))));
        }
    }
}

/// The path with a star in the place of each variable, whatever its name.
fn pattern(path: &str) -> String {
    let segments = path.split('/');
    let segments = segments.map(|segment| {
        if segment.starts_with('{') {
            "*"
        } else {
            segment
        }
    });
    segments.collect::<Vec<_>>().join("/")
}
