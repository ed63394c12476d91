//! Every setting of the program has its value for development.

use billing_app::config::Config;
use clap::CommandFactory;
use testing::repository::settings;

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
