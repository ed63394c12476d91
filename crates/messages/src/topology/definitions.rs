//! The topology as RabbitMQ's definitions file, with places for what only an installation knows.
//!
//! `"@AMQP_VHOST@"` and the like stand where names and password hashes go; scripts/lib/definitions.sh fills them in. The
//! policies have a name of their own: RabbitMQ before 4.0 has no limit of deliveries, and would read -1 as one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{QUEUES, Service, dead_letter_queue};

/// The definitions, as they are committed in `topology.json`.
#[must_use]
pub fn definitions() -> Value {
    let users = Service::ALL.map(|service| {
        let user = service.variables();
        json!({
            "name": format!("@{user}_USER@"),
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "password_hash": format!("@{user}_PASSWORD_HASH@"),
            "tags": "",
        })
    });
    json!({
        "vhosts": [{ "name": "@AMQP_VHOST@" }],
        "users": users,
        "permissions": Service::ALL.map(permissions),
        "policies_of_rabbitmq_4": [{
            "vhost": "@AMQP_VHOST@",
            "name": "keep-every-message",
            "pattern": pattern(all_queues()),
            "apply-to": "quorum_queues",
            "definition": { "delivery-limit": -1 },
        }],
    })
}

/// Exactly what a service needs: to declare asks for `configure`, to bind for `write` on the queue and `read` on the
/// exchange, to publish for `write` on the exchange, the default one included, to consume for `read`.
fn permissions(service: Service) -> Value {
    let declared = service.declarations();
    let bound = declared.bindings.iter().map(|(_, queue)| queue.clone());
    let reads = || {
        service
            .reads()
            .flat_map(|queue| [queue.name.to_owned(), dead_letter_queue(queue.name)])
    };
    // Dead letters and replays are written by the reader of their queue.
    let uses_default = service.writes().next().is_some() || service.reads().next().is_some();
    let default = uses_default.then(|| "amq.default".to_owned());
    let write = default
        .into_iter()
        .chain(declared.exchanges.clone())
        .chain(bound);
    json!({
        "user": format!("@{}_USER@", service.variables()),
        "vhost": "@AMQP_VHOST@",
        "configure": pattern(declared.queues.iter().chain(&declared.exchanges).cloned()),
        "write": pattern(write),
        "read": pattern(reads().chain(declared.exchanges.clone())),
    })
}

fn all_queues() -> impl Iterator<Item = String> {
    QUEUES
        .iter()
        .flat_map(|queue| [queue.name.to_owned(), dead_letter_queue(queue.name)])
}

/// A regular expression for these names and no others. In a name only the dot has a meaning to it.
fn pattern(names: impl IntoIterator<Item = String>) -> String {
    let names: BTreeSet<String> = names
        .into_iter()
        .map(|name| name.replace('.', "\\."))
        .collect();
    let names: Vec<String> = names.into_iter().collect();
    if names.is_empty() {
        return "^$".into();
    }
    format!("^({})$", names.join("|"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    /// `cargo run -p messages --example topology > crates/messages/topology.json` brings the file up to date.
    #[test]
    fn the_committed_file_is_up_to_date() {
        let committed: Value = serde_json::from_str(include_str!("../../topology.json")).unwrap();
        assert_eq!(committed, definitions());
    }

    #[test]
    fn names_are_plain_and_no_queue_is_named_twice() {
        let names: BTreeSet<String> = all_queues().collect();
        assert_eq!(names.len(), 2 * QUEUES.len());
        let plain = |c: char| c.is_ascii_lowercase() || matches!(c, '_' | '.');
        assert!(
            names.iter().all(|name| name.chars().all(plain)),
            "{names:?}"
        );
    }

    #[test]
    fn a_user_without_a_name_to_match_may_do_nothing() {
        assert_eq!(pattern([]), "^$");
        assert_eq!(pattern(["a.b".into(), "a".into()]), "^(a|a\\.b)$");
    }
}
