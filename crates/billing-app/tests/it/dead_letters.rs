//! `billing-app dead-letters`, run as an operator runs it.

use std::process::Output;

use messages::topology::Service;
use serde_json::json;
use uuid::Uuid;

use crate::{
    crash::program,
    helpers::{DEAD, QUEUE, Servers},
};

async fn dead_letters(servers: &Servers, args: &[&str]) -> Output {
    let mut command = program(servers, servers.broker.port, 0);
    command
        .arg("dead-letters")
        .args(args)
        .stderr(std::process::Stdio::piped());
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Servers whose queue had these bodies, all of them refused; gives their ids.
async fn with_refused(bodies: &[&str]) -> (Servers, Vec<String>) {
    let servers = Servers::prepare().await;
    let ids: Vec<_> = bodies.iter().map(|_| Uuid::new_v4().to_string()).collect();
    for (id, body) in ids.iter().zip(bodies) {
        servers.queue_body(id, body).await;
    }
    let billing = servers.start().await;
    servers.until_dead(bodies.len()).await;
    billing.stop().await;
    (servers, ids)
}

#[tokio::test]
async fn a_list_shows_id_time_reason_and_body_and_takes_nothing() {
    let (servers, ids) = with_refused(&["{}", "non\tsense"]).await;
    for _ in 0..2 {
        let list = text(&dead_letters(&servers, &["list"]).await);
        let lines: Vec<Vec<&str>> = list
            .lines()
            .map(|line| line.split('\t').collect())
            .collect();
        assert_eq!(lines.iter().map(|line| line[0]).collect::<Vec<_>>(), ids);
        assert!(
            lines[0][1].ends_with('Z') && lines[0][2].contains("is required"),
            "{list}"
        );
        assert_eq!(lines[1][3], "non sense");
    }
    assert_eq!(
        text(&dead_letters(&servers, &["list", "--limit", "1"]).await)
            .lines()
            .count(),
        1
    );
}

#[tokio::test]
async fn a_replay_that_is_refused_again_ends() {
    let (servers, ids) = with_refused(&["{}", "[]", "null"]).await;
    let _billing = servers.start().await;
    assert_eq!(
        text(&dead_letters(&servers, &["replay", "--all"]).await),
        "replayed 3\n"
    );
    let mut dead: Vec<_> = servers
        .until_dead(3)
        .await
        .into_iter()
        .map(|letter| letter.0)
        .collect();
    let mut sent = ids.clone();
    dead.sort();
    sent.sort();
    assert_eq!(dead, sent);
}

#[tokio::test]
async fn one_can_be_replayed_and_another_discarded() {
    let (servers, ids) = with_refused(&["{}", "[]", "null"]).await;
    assert_eq!(
        text(&dead_letters(&servers, &["replay", &ids[1]]).await),
        "replayed 1\n"
    );
    assert_eq!(
        text(&dead_letters(&servers, &["discard", &ids[0]]).await),
        "discarded 1\n"
    );
    let queued = servers.broker.drain(QUEUE).await;
    assert_eq!(
        (queued.len(), queued[0].id(), queued[0].body.as_str()),
        (1, Some(ids[1].as_str()), "[]")
    );
    let dead = servers.broker.drain(DEAD).await;
    assert_eq!((dead.len(), dead[0].id()), (1, Some(ids[2].as_str())));
}

#[tokio::test]
async fn an_unknown_id_is_told_and_fails() {
    let (servers, _) = with_refused(&["{}"]).await;
    let output = dead_letters(&servers, &["discard", "nobody"]).await;
    assert!(!output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("no dead letter has the id nobody"),
        "{output:?}"
    );
    assert_eq!(servers.broker.drain(DEAD).await.len(), 1);
}

#[tokio::test]
async fn all_or_ids_must_be_said() {
    let servers = Servers::prepare().await;
    for args in [&["discard"][..], &["replay"], &["discard", "--all", "x"]] {
        assert!(!dead_letters(&servers, args).await.status.success());
    }
}

#[tokio::test]
async fn every_queue_that_the_billing_reads_has_its_own() {
    let (servers, _) = with_refused(&["{}"]).await;
    for queue in Service::Billing.reads().map(|queue| queue.name) {
        let list = text(&dead_letters(&servers, &["--queue", queue, "list"]).await);
        let expected = usize::from(queue == QUEUE);
        assert_eq!(list.lines().count(), expected, "{queue}");
    }
    let properties = json!({ "message_id": "x", "headers": { "x-reason": "why" } });
    let dead = "orders_create.dead";
    for body in ["1", "2"] {
        assert!(servers.broker.publish(dead, properties.clone(), body).await);
    }
    let list = text(&dead_letters(&servers, &["list", "--queue=orders_create"]).await);
    assert_eq!(list, "x\t-\twhy\t1\nx\t-\twhy\t2\n");
    let replay = ["--queue", "orders_create", "replay", "x"];
    assert_eq!(text(&dead_letters(&servers, &replay).await), "replayed 2\n");
    let replayed = servers.broker.drain("orders_create").await;
    assert_eq!(replayed.len(), 2);
    assert_eq!(replayed[0].body, "1");
    assert_eq!(servers.broker.drain(DEAD).await.len(), 1);
}

#[tokio::test]
async fn a_queue_that_the_billing_does_not_read_is_told_with_those_that_it_reads() {
    let servers = Servers::prepare().await;
    for queue in ["orders", "billing_queue.dead", ""] {
        let output = dead_letters(&servers, &["--queue", queue, "list"]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success());
        assert!(said.contains("billing_queue, orders_create"), "{said}");
    }
}
