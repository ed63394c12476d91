//! Every setting of the program has its value for development; every metric is documented.

use std::collections::BTreeSet;

use clap::CommandFactory;
use inventory_app::{bikes::feed, config::Config};
use testing::repository::{settings, table};

#[test]
fn every_setting_is_in_dot_env() {
    let command = Config::command();
    let names = command
        .get_arguments()
        .filter_map(|argument| argument.get_env());
    let missing: Vec<_> = names
        .filter(|name| !settings().contains(&*name.to_string_lossy()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let names = feed::METRICS.iter().map(|(name, _)| (*name).to_owned());
    assert_eq!(
        table("docs/operations.md", "| metric of the inventory | counts |"),
        names.collect::<BTreeSet<_>>()
    );
}
