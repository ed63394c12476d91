//! Settings of a service: listed once, and given as arguments to its parser or as variables to its program.
//!
//! They are named as on the command line; a later value of a name replaces the earlier one.

use std::{collections::BTreeMap, iter::once};

use crate::{TestBroker, TestDatabase};

/// A name and its value.
pub type Setting = (String, String);

/// A command line: the program's name, these settings, and what follows them.
pub fn arguments(settings: impl IntoIterator<Item = Setting>, command: &[&str]) -> Vec<String> {
    let settings: BTreeMap<_, _> = settings.into_iter().collect();
    let settings = settings.iter();
    let settings = settings.map(|(name, value)| format!("--{name}={value}"));
    let command = command.iter().map(ToString::to_string);
    let program = once("service".to_owned());
    program.chain(settings).chain(command).collect()
}

/// The settings as variables, as pm2 or systemd would give them.
pub fn variables(settings: impl IntoIterator<Item = Setting>) -> impl Iterator<Item = Setting> {
    let variable = |name: String| name.to_uppercase().replace('-', "_");
    let settings = settings.into_iter();
    settings.map(move |(name, value)| (variable(name), value))
}

/// Where a service that is called `name` listens, or is found.
#[must_use]
pub fn endpoint(name: &str, port: u16) -> [Setting; 2] {
    [
        (format!("{name}-host"), "127.0.0.1".to_owned()),
        (format!("{name}-port"), port.to_string()),
    ]
}

/// The settings of a service whose broker is away; those of its user begin with `user`.
#[must_use]
pub fn without_broker(user: &str) -> [Setting; 5] {
    broker(user, ["127.0.0.1", "1", "/", "nobody", "nothing"])
}

fn broker(user: &str, values: [&str; 5]) -> [Setting; 5] {
    let [host, port, vhost, name, password] = values.map(ToOwned::to_owned);
    [
        ("amqp-host".to_owned(), host),
        ("amqp-port".to_owned(), port),
        ("amqp-vhost".to_owned(), vhost),
        (format!("{user}-user"), name),
        (format!("{user}-password"), password),
    ]
}

impl TestDatabase {
    /// The settings that begin with `prefix`.
    #[must_use]
    pub fn settings(&self, prefix: &str) -> [Setting; 5] {
        let port = self.port.to_string();
        [
            ("host", &self.host),
            ("port", &port),
            ("name", &self.name),
            ("user", &self.user),
            ("password", &self.password),
        ]
        .map(|(name, value)| (format!("{prefix}-{name}"), value.clone()))
    }
}

impl TestBroker {
    /// The settings of a service whose broker is at `port`; those of its user begin with `user`.
    #[must_use]
    pub fn settings(&self, user: &str, port: u16) -> [Setting; 5] {
        let port = port.to_string();
        let values = [&self.host, &port, &self.vhost, &self.user, &self.password];
        broker(user, values.map(String::as_str))
    }
}
