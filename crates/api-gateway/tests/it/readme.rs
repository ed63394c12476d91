//! The tables of the README, and `.env`, say what the code does.

use std::collections::BTreeSet;

use api_gateway::TABLE;
use platform::telemetry;
use testing::repository::{readme_table, settings};

#[test]
fn every_route_is_in_the_readme_and_no_other() {
    let routes = TABLE
        .iter()
        .map(|operation| format!("{} {}", operation.method, operation.path));
    assert_eq!(
        readme_table("| route | who | answer |"),
        routes.collect::<BTreeSet<_>>()
    );
}

#[test]
fn every_metric_is_in_the_readme_and_no_other() {
    let metrics = telemetry::METRICS.iter().chain(broker::metrics::METRICS);
    let names = metrics.map(|(name, _)| (*name).to_owned());
    assert_eq!(
        readme_table("| metric | counts |"),
        names.collect::<BTreeSet<_>>()
    );
}

#[test]
fn every_variable_of_dot_env_is_in_the_readme_and_no_other() {
    let mut table = readme_table("| variable | what it is |");
    // Values of LOG_FORMAT stand in backquotes too.
    table.retain(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    assert_eq!(table, settings());
}
