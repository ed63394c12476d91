//! Listing, replaying and discarding what could not be processed.

use std::time::Duration;

use broker::{
    DeadLetters, Incoming, Outgoing, PublishError, Publisher,
    consumer::Limits,
    dead_letters::{DeadLetterError, Which},
};
use messages::topology::Declarations;
use platform::runtime::Tasks;
use testing::TestBroker;
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    helpers::{DEAD, PATIENCE, QUEUE, eventually, publisher, settings, stop},
    recorder::Recorder,
};

/// A broker with dead letters `1`, `2` and `3`.
async fn three_dead() -> (TestBroker, Publisher, DeadLetters, [Uuid; 3]) {
    let broker = TestBroker::create().await;
    let publisher = publisher(settings(&broker), &Tasks::default()).await;
    let ids = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
    for (id, body) in ids.iter().zip(["1", "2", "3"]) {
        let letter = Outgoing::new(DEAD, *id, body)
            .with_header("x-reason", &format!("reason {body}"))
            .with_header("x-refused-at", "2026-11-21T01:02:03Z")
            .with_header("traceparent", "00-11-22-01");
        publisher.publish(letter, PATIENCE).await.unwrap();
    }
    let dead = DeadLetters::new(settings(&broker), QUEUE);
    (broker, publisher, dead, ids)
}

fn text(message: &Incoming) -> &str {
    std::str::from_utf8(&message.body).unwrap()
}

#[tokio::test]
async fn listing_changes_nothing() {
    let (broker, _publisher, dead, ids) = three_dead().await;
    for _ in 0..3 {
        let letters = dead.list(10).await.unwrap();
        let bodies: Vec<_> = letters.iter().map(|letter| text(&letter.message)).collect();
        assert_eq!(bodies, ["1", "2", "3"]);
        assert_eq!(letters[1].message.id(), Some(ids[1]));
        assert_eq!(letters[1].reason(), Some("reason 2"));
        assert_eq!(letters[1].refused_at(), Some("2026-11-21T01:02:03Z"));
    }
    assert_eq!(dead.list(2).await.unwrap().len(), 2);
    assert_eq!(broker.drain(DEAD).await.len(), 3);
}

#[tokio::test]
async fn an_empty_or_missing_queue_lists_nothing() {
    let broker = TestBroker::create().await;
    let dead = DeadLetters::new(settings(&broker), QUEUE);
    assert!(dead.list(10).await.unwrap().is_empty());
    assert_eq!(dead.discard(Which::All).await.unwrap(), 0);
}

#[tokio::test]
async fn a_replay_goes_to_the_queue_under_the_same_id() {
    let (broker, publisher, dead, ids) = three_dead().await;
    let wanted = ids[1].to_string();
    assert_eq!(
        dead.replay(Which::WithId(&wanted), &publisher)
            .await
            .unwrap(),
        1
    );
    let replayed = broker.drain(QUEUE).await;
    assert_eq!(replayed.len(), 1);
    assert_eq!(
        (replayed[0].body.as_str(), replayed[0].id()),
        ("2", Some(wanted.as_str()))
    );
    assert_eq!(replayed[0].header("traceparent"), Some("00-11-22-01"));
    assert_eq!(replayed[0].header("x-reason"), None);
    let left: Vec<_> = broker
        .drain(DEAD)
        .await
        .into_iter()
        .map(|message| message.body)
        .collect();
    assert_eq!(left, ["1", "3"]);
}

/// From the first sender over the consumer and the dead letter to the queue again.
#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_message_belongs_to_the_request_that_sent_it() {
    let broker = TestBroker::create().await;
    let (intake, output) = (Tasks::default(), Tasks::default());
    let publisher = publisher(settings(&broker), &output).await;
    let origin = [
        ("x-request-id", "request 7"),
        ("traceparent", "00-11-22-01"),
    ];
    let message = Outgoing::new(QUEUE, Uuid::now_v7(), "bad")
        .with_header(origin[0].0, origin[0].1)
        .with_header(origin[1].0, origin[1].1);
    publisher.publish(message, PATIENCE).await.unwrap();
    let recorder = Recorder::default();
    recorder
        .start(settings(&broker), &publisher, Limits::default(), &intake)
        .await;
    eventually("it is refused", || recorder.refusals().len() == 1).await;
    stop(&intake).await;

    let dead = DeadLetters::new(settings(&broker), QUEUE);
    let letters = dead.list(9).await.unwrap();
    assert_eq!(letters[0].message.request_id(), Some("request 7"));
    assert_eq!(dead.replay(Which::All, &publisher).await.unwrap(), 1);
    let replayed = broker.drain(QUEUE).await;
    for (name, value) in origin {
        assert_eq!(replayed[0].header(name), Some(value));
    }
    assert_eq!(replayed[0].header("x-reason"), None);
}

#[tokio::test]
async fn all_can_be_replayed() {
    let (broker, publisher, dead, _) = three_dead().await;
    assert_eq!(dead.replay(Which::All, &publisher).await.unwrap(), 3);
    assert_eq!(broker.drain(QUEUE).await.len(), 3);
    assert!(broker.drain(DEAD).await.is_empty());
}

#[tokio::test]
async fn one_or_all_can_be_discarded() {
    let (broker, _publisher, dead, ids) = three_dead().await;
    assert_eq!(dead.discard(Which::WithId("unknown")).await.unwrap(), 0);
    assert_eq!(
        dead.discard(Which::WithId(&ids[0].to_string()))
            .await
            .unwrap(),
        1
    );
    assert_eq!(dead.list(10).await.unwrap().len(), 2);
    assert_eq!(dead.discard(Which::All).await.unwrap(), 2);
    assert!(broker.drain(DEAD).await.is_empty());
    assert!(broker.drain(QUEUE).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_refused_again_ends() {
    let broker = TestBroker::create().await;
    let tasks = Tasks::default();
    let publisher = publisher(settings(&broker), &tasks).await;
    for n in 0..20 {
        let letter = Outgoing::new(DEAD, Uuid::now_v7(), format!("bad {n}"));
        publisher.publish(letter, PATIENCE).await.unwrap();
    }
    let recorder = Recorder::default();
    recorder
        .start(settings(&broker), &publisher, Limits::default(), &tasks)
        .await;
    let dead = DeadLetters::new(settings(&broker), QUEUE);
    let replaying = timeout(PATIENCE, dead.replay(Which::All, &publisher)).await;
    assert_eq!(replaying.expect("it ends").unwrap(), 20);
    eventually("all are refused again", || recorder.refusals().len() == 20).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(broker.drain(DEAD).await.len(), 20);
}

#[tokio::test]
async fn a_replay_without_a_confirm_keeps_the_dead_letter() {
    let (broker, _publisher, dead, _) = three_dead().await;
    let elsewhere = Publisher::start(
        settings(&broker),
        Declarations::queues(["other"]),
        &Tasks::default(),
    );
    let error = dead.replay(Which::All, &elsewhere).await.unwrap_err();
    assert!(matches!(
        error,
        DeadLetterError::Replay {
            done: 0,
            source: PublishError::Undeclared
        }
    ));
    assert_eq!(broker.drain(DEAD).await.len(), 3);
}
