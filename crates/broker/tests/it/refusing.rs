//! Bad messages: found, explained, moved aside, and in nobody's way.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use broker::{Outgoing, consumer::Limits};
use platform::runtime::Tasks;
use serde_json::json;
use testing::{TestBroker, broker::Message, relay::Ending};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    helpers::{DEAD, PATIENCE, QUEUE, eventually, publish_all, publisher, relayed, settings, stop},
    recorder::Recorder,
};

#[tokio::test(flavor = "multi_thread")]
async fn one_poison_message_among_199_good_ones() {
    let broker = TestBroker::create().await;
    let (intake, output) = (Tasks::default(), Tasks::default());
    let publisher = publisher(settings(&broker), &output).await;
    publish_all(&publisher, (0..120).map(|n| format!("good {n}"))).await;
    let id = Uuid::now_v7();
    let poison = Outgoing::new(QUEUE, id, "bad\0one").with_header("traceparent", "00-11-22-01");
    publisher.publish(poison, PATIENCE).await.unwrap();
    publish_all(&publisher, (120..199).map(|n| format!("good {n}"))).await;
    let recorder = Recorder::default();
    recorder
        .start(settings(&broker), &publisher, Limits::default(), &intake)
        .await;
    eventually("the good are stored", || recorder.stored().len() == 199).await;
    eventually("the bad one is refused", || recorder.refusals().len() == 1).await;
    stop(&intake).await;

    let good: BTreeSet<_> = recorder.stored().into_iter().collect();
    assert_eq!(good, (0..199).map(|n| format!("good {n}")).collect());
    assert!(recorder.tries() <= 25, "{} tries", recorder.tries());
    assert_eq!(broker.drain(QUEUE).await, []);
    let dead = broker.drain(DEAD).await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].body, "bad\0one");
    assert_eq!(dead[0].id(), Some(id.to_string().as_str()));
    assert_eq!(dead[0].header("x-reason"), Some("not storable: bad one"));
    assert_eq!(dead[0].header("x-source-queue"), Some(QUEUE));
    assert_eq!(dead[0].header("traceparent"), Some("00-11-22-01"));
    assert!(
        dead[0]
            .header("x-refused-at")
            .is_some_and(|at| at.ends_with('Z'))
    );
    assert_eq!(dead[0].properties["delivery_mode"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_full_of_poison_is_worked_off() {
    let broker = TestBroker::create().await;
    let tasks = Tasks::default();
    let publisher = publisher(settings(&broker), &tasks).await;
    let kind = |n: usize| ["undecodable", "bad", "good"][n % 3];
    publish_all(&publisher, (0..900).map(|n| format!("{} {n}", kind(n)))).await;
    let recorder = Recorder::default();
    recorder
        .start(settings(&broker), &publisher, Limits::default(), &tasks)
        .await;
    eventually("all are settled", || {
        recorder.stored().len() == 300 && recorder.refusals().len() == 600
    })
    .await;
    let reasons: Vec<_> = recorder
        .refusals()
        .iter()
        .map(|refusal| refusal.reason.clone())
        .collect();
    assert_eq!(
        reasons
            .iter()
            .filter(|reason| *reason == "cannot be decoded")
            .count(),
        300
    );
    sleep(Duration::from_millis(300)).await;
    assert_eq!(broker.drain(DEAD).await.len(), 600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_refuses_its_message_alone() {
    let broker = TestBroker::create().await;
    let (intake, output) = (Tasks::default(), Tasks::default());
    let publisher = publisher(settings(&broker), &output).await;
    let kind = |n: usize| match n {
        30 => "panics in parse",
        60 => "panics in store",
        90 => "bad, and panics",
        _ => "good",
    };
    publish_all(&publisher, (0..100).map(|n| format!("{} {n}", kind(n)))).await;
    let recorder = Recorder::default();
    recorder
        .start(settings(&broker), &publisher, Limits::default(), &intake)
        .await;
    eventually("the good are stored", || recorder.stored().len() == 97).await;
    eventually("two are refused", || recorder.refusals().len() == 2).await;
    publish_all(&publisher, ["good at last".into()]).await;
    eventually("it goes on", || recorder.stored().len() == 98).await;
    stop(&intake).await;

    assert_eq!(intake.failure(), None);
    assert_eq!(broker.drain(QUEUE).await, []);
    let dead = broker.drain(DEAD).await;
    // Two lanes publish them: they have no order.
    let told: BTreeMap<_, _> = dead
        .iter()
        .map(|letter| (letter.body.as_str(), letter.header("x-reason")))
        .collect();
    assert_eq!(dead.len(), told.len());
    let parsing = "reading it panicked: parsing panics in parse 30";
    let storing = "storing it panicked: storing";
    let recording = "not storable: bad, and panics 90";
    assert_eq!(
        told,
        BTreeMap::from([
            ("panics in parse 30", Some(parsing)),
            ("panics in store 60", Some(storing)),
            ("bad, and panics 90", Some(recording))
        ])
    );
}

/// The places that the store gives are those of its part of the batch, in which the undecodable have none.
#[tokio::test(flavor = "multi_thread")]
async fn the_store_refuses_some_of_a_batch_and_keeps_the_others() {
    let broker = TestBroker::create().await;
    let (intake, output) = (Tasks::default(), Tasks::default());
    let publisher = publisher(settings(&broker), &output).await;
    let kind = |n: usize| match n {
        70 => "bad",
        _ => ["good", "undecodable", "unwanted"][n % 3],
    };
    for n in 0..90 {
        publish_all(&publisher, [format!("{} {n}", kind(n))]).await;
    }
    let recorder = Recorder::default();
    recorder
        .start(settings(&broker), &publisher, Limits::default(), &intake)
        .await;
    eventually("all are settled", || {
        recorder.stored().len() == 30 && recorder.refusals().len() == 60
    })
    .await;
    stop(&intake).await;
    for letter in broker.drain(DEAD).await {
        let reason = match letter.body.split(' ').next() {
            Some("undecodable") => "cannot be decoded".to_owned(),
            Some("unwanted") => format!("nothing for us: {}", letter.body),
            _ => format!("not storable: {}", letter.body),
        };
        assert_eq!(letter.header("x-reason"), Some(reason.as_str()));
    }
    let places = recorder.refusals();
    let places = places.iter().map(|refusal| refusal.message.body.clone());
    let all = (0..90).filter(|n| kind(*n) != "good");
    assert!(
        places.eq(all.map(|n| format!("{} {n}", kind(n)))),
        "in their order"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn any_message_id_is_passed_on_as_it_came() {
    let broker = TestBroker::create().await;
    let tasks = Tasks::default();
    let publisher = publisher(settings(&broker), &tasks).await;
    let longest = "é".repeat(127) + "x";
    let odd = [Some("not a uuid"), Some(""), Some(longest.as_str()), None];
    for id in odd {
        let properties = id.map_or(json!({}), |id| json!({ "message_id": id }));
        assert!(broker.publish(QUEUE, properties, "undecodable").await);
    }
    let recorder = Recorder::default();
    recorder
        .start(settings(&broker), &publisher, Limits::default(), &tasks)
        .await;
    eventually("all are refused", || recorder.refusals().len() == 4).await;
    sleep(Duration::from_millis(200)).await;
    let dead = broker.drain(DEAD).await;
    let got: BTreeSet<_> = dead.iter().map(Message::id).collect();
    assert_eq!(got, odd.into_iter().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_headers_disturb_nobody() {
    let broker = TestBroker::create().await;
    let tasks = Tasks::default();
    let publisher = publisher(settings(&broker), &tasks).await;
    let headers =
        json!({ "traceparent": "x".repeat(100_000), "n": 1, "deep": { "a": [true, 1.5] } });
    assert!(
        broker
            .publish(QUEUE, json!({ "headers": headers }), "undecodable")
            .await
    );
    let recorder = Recorder::default();
    recorder
        .start(settings(&broker), &publisher, Limits::default(), &tasks)
        .await;
    eventually("it is refused", || recorder.refusals().len() == 1).await;
    sleep(Duration::from_millis(200)).await;
    let dead = broker.drain(DEAD).await;
    assert_eq!(dead[0].header("traceparent").map(str::len), Some(1024));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_cannot_be_recorded_yet_is_held() {
    let broker = TestBroker::create().await;
    let (intake, output) = (Tasks::default(), Tasks::default());
    let publisher = publisher(settings(&broker), &output).await;
    publish_all(&publisher, ["bad".into()]).await;
    let recorder = Recorder::default();
    recorder.set_refusals_away(true);
    recorder
        .start(settings(&broker), &publisher, Limits::default(), &intake)
        .await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(broker.drain(DEAD).await, []);
    recorder.set_refusals_away(false);
    eventually("it is recorded", || recorder.refusals().len() == 1).await;
    stop(&intake).await;
    assert_eq!(broker.drain(DEAD).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_can_never_be_recorded_becomes_a_dead_letter_all_the_same() {
    let broker = TestBroker::create().await;
    let (intake, output) = (Tasks::default(), Tasks::default());
    let publisher = publisher(settings(&broker), &output).await;
    let recorder = Recorder::default();
    recorder.set_refusals_bad();
    recorder
        .start(settings(&broker), &publisher, Limits::default(), &intake)
        .await;
    publish_all(&publisher, ["bad 1".into(), "bad 2".into(), "good".into()]).await;
    eventually("the good one is stored", || recorder.stored() == ["good"]).await;
    sleep(Duration::from_millis(300)).await;
    stop(&intake).await;
    assert_eq!(broker.drain(QUEUE).await, []);
    assert_eq!(broker.drain(DEAD).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_dead_letter_nothing_is_acknowledged() {
    let broker = TestBroker::create().await;
    let (intake, output) = (Tasks::default(), Tasks::default());
    let direct = publisher(settings(&broker), &output).await;
    let (relay, through) = relayed(&broker);
    let broken = publisher(through, &output).await;
    relay.end(Ending::Silence);
    publish_all(&direct, ["bad".into()]).await;
    let limits = Limits {
        confirm: Duration::from_millis(300),
        ..Limits::default()
    };
    let recorder = Recorder::default();
    recorder
        .start(settings(&broker), &broken, limits, &intake)
        .await;
    eventually("it is refused", || recorder.refusals().len() == 1).await;
    // Several confirms are missed meanwhile, and the publisher has not yet lost its patience with the connection.
    sleep(Duration::from_secs(2)).await;
    stop(&intake).await;
    assert_eq!(broker.drain(DEAD).await, []);
    assert_eq!(
        broker.drain(QUEUE).await.len(),
        1,
        "acknowledged without a dead letter: lost"
    );
}
