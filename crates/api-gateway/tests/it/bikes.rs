//! `POST /api/bikes/{id}/events` against a real RabbitMQ, and without one.

use std::time::Duration;

use messages::{
    Message,
    locations::{EXCHANGE, Location, POSITION_QUEUE, TRACK_QUEUE},
    topology::{QUEUES, dead_letter_queue, definitions},
};
use serde_json::{Value, json};
use testing::{Answer, TestBroker, send, until};
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::datetime};
use tokio::time::Instant;

use crate::{
    helpers::{Served, Setup, TOKEN, before, broker_arguments, publishing_to, serve, settings},
    payments::{QUEUE, pay, payment},
};

const PATH: &str = "/api/bikes/b-7/events";

fn event() -> Value {
    at(&json!("2026-11-01T12:00:00.25+01:00"))
}

fn at(recorded_at: &Value) -> Value {
    let location = json!({ "type": "Point", "coordinates": [2.3522, 48.8566] });
    json!({ "location": location, "recorded_at": recorded_at })
}

fn in_minutes(minutes: i64) -> Value {
    let time = OffsetDateTime::now_utc() + time::Duration::minutes(minutes);
    json!(time.format(&Rfc3339).unwrap())
}

/// A gateway that is connected to this broker.
async fn connected(broker: &TestBroker) -> Served {
    let gateway = publishing_to(broker).await;
    pay(&gateway, &payment()).await.json(200);
    gateway
}

async fn keyed(gateway: &Served, path: &str, key: &str, body: &Value) -> Answer {
    let request = gateway.client.request("POST", path);
    send(request.header("idempotency-key", key).json(body)).await
}

/// The bodies of both queues, which hold the same ones.
async fn published(broker: &TestBroker) -> Vec<String> {
    let bodies = async |queue| {
        let messages = broker.drain(queue).await.into_iter();
        messages.map(|message| message.body).collect::<Vec<_>>()
    };
    let (position, track) = (bodies(POSITION_QUEUE).await, bodies(TRACK_QUEUE).await);
    assert_eq!(position, track);
    position
}

#[tokio::test]
async fn an_event_lies_on_both_queues_with_its_bike_and_its_time_in_utc() {
    let broker = TestBroker::create().await;
    let gateway = connected(&broker).await;
    let answer = gateway.client.post(PATH, &event()).await.json(200);
    assert_eq!(answer, json!({ "message": "Event published" }));
    let body = published(&broker).await.remove(0);
    let expected = r#"{"bike_id":"b-7","location":{"type":"Point","coordinates":[2.3522,48.8566]},"recorded_at":"2026-11-01T11:00:00.250000Z"}"#;
    assert_eq!(body, expected);
}

/// "Try it out" sends it as it is.
#[tokio::test]
async fn the_example_of_the_document_is_accepted() {
    let gateway = before(1).await;
    let document = gateway.client.get("/api-docs/openapi.json").await.json(200);
    let body = &document["paths"]["/api/bikes/{id}/events"]["post"]["requestBody"];
    let example = &body["content"]["application/json"]["example"];
    // It is right, and there is no broker.
    gateway.client.post(PATH, example).await.problem(503);
}

#[tokio::test]
async fn without_a_time_it_is_now() {
    let broker = TestBroker::create().await;
    let gateway = connected(&broker).await;
    let began = OffsetDateTime::now_utc() - time::Duration::microseconds(1);
    for time in [json!({}), json!({ "recorded_at": null })] {
        let mut body = event();
        body.as_object_mut().unwrap().remove("recorded_at");
        body.as_object_mut()
            .unwrap()
            .extend(time.as_object().unwrap().clone());
        gateway.client.post(PATH, &body).await.json(200);
        let body = published(&broker).await.remove(0);
        let recorded_at = Location::parse(body.as_bytes()).unwrap().recorded_at();
        assert!((began..=OffsetDateTime::now_utc()).contains(&recorded_at));
    }
}

#[tokio::test]
async fn the_id_of_the_path_is_decoded() {
    let broker = TestBroker::create().await;
    let gateway = connected(&broker).await;
    let path = "/api/bikes/v%C3%A9lo-%22/events/";
    gateway.client.post(path, &event()).await.json(200);
    let body = published(&broker).await.remove(0);
    let location = Location::parse(body.as_bytes()).unwrap();
    assert_eq!(location.bike_id(), "vélo-\"");
}

#[tokio::test]
async fn what_no_bike_can_be_called_is_a_404() {
    let gateway = before(1).await;
    for id in ["x".repeat(65).as_str(), "a%20b", "%C2%85", "a%09"] {
        let path = format!("/api/bikes/{id}/events");
        let status = gateway.client.post(&path, &event()).await.status;
        // What the edge refuses already is a 400.
        let expected = if id.contains("%09") || id.contains("%C2%85") {
            [400, 404]
        } else {
            [404, 404]
        };
        assert!(expected.contains(&status), "{id}: {status}");
    }
    let longest = format!("/api/bikes/{}/events", "x".repeat(64));
    gateway.client.post(&longest, &event()).await.problem(503);
}

#[tokio::test]
async fn an_event_against_the_rules_is_a_422_that_points_at_the_field() {
    let gateway = before(1).await;
    let point =
        |coordinates: Value| json!({ "location": { "type": "Point", "coordinates": coordinates } });
    for (pointer, body) in [
        ("/location", json!({})),
        ("/location", json!({ "location": null })),
        ("/location", json!({ "location": [2.3, 48.8] })),
        (
            "/location/type",
            json!({ "location": { "type": "Polygon", "coordinates": [1, 2] } }),
        ),
        ("/location/coordinates", point(json!([180.001, 0]))),
        ("/location/coordinates", point(json!([0, -90.001]))),
        ("/location/coordinates", point(json!([48.8, 102.3]))),
        ("/location/coordinates", point(json!([1, 2, 3]))),
        ("/location/coordinates", point(json!([1]))),
        ("/recorded_at", at(&json!("yesterday"))),
        ("/recorded_at", at(&json!(1_764_590_400))),
        ("/recorded_at", at(&json!("2026-11-01T12:00:00"))),
        ("/recorded_at", at(&json!("1969-12-31T23:59:59Z"))),
        ("/recorded_at", at(&in_minutes(6))),
    ] {
        let problem = gateway.client.post(PATH, &body).await.problem(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    for body in ["[]", "null", "7"] {
        gateway.client.post_text(PATH, body).await.problem(422);
    }
}

/// The broker is absent, so 503 says that it passed.
#[tokio::test]
async fn the_edges_of_the_globe_and_of_the_future_are_taken() {
    let gateway = before(1).await;
    for coordinates in [[180.0, 90.0], [-180.0, -90.0], [0.0, 0.0]] {
        let body = json!({ "location": { "type": "Point", "coordinates": coordinates } });
        gateway.client.post(PATH, &body).await.problem(503);
    }
    for time in [
        in_minutes(4),
        in_minutes(-60 * 24 * 365),
        json!("1970-01-01T00:00:00Z"),
    ] {
        gateway.client.post(PATH, &at(&time)).await.problem(503);
    }
}

#[tokio::test]
async fn a_malformed_event_is_a_400_and_one_of_another_type_a_415() {
    let gateway = before(1).await;
    for body in [
        "",
        "{",
        "NaN",
        r#"{"location":{"type":"Point","coordinates":[NaN,1]}}"#,
        r#"{"location":{"type":"Point","coordinates":[1,2],"coordinates":[3,4]}}"#,
    ] {
        gateway.client.post_text(PATH, body).await.problem(400);
    }
    let request = gateway.client.request("POST", PATH);
    let request = request.header("content-type", "text/plain");
    send(request.body(event().to_string())).await.problem(415);
}

#[tokio::test]
async fn without_a_broker_it_is_a_503_within_two_seconds() {
    let gateway = before(1).await;
    let began = Instant::now();
    let answer = gateway.client.post(PATH, &event()).await;
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), "1");
    assert!(began.elapsed() < Duration::from_secs(2));
}

/// The writer of an exchange binds its queues on each connection; without a queue behind it nothing would be kept.
#[tokio::test]
async fn a_queue_that_was_deleted_is_there_again_before_an_event_is_accepted() {
    let broker = TestBroker::create().await;
    let gateway = connected(&broker).await;
    for queue in [POSITION_QUEUE, TRACK_QUEUE] {
        broker.delete_queue(queue).await;
    }
    let taken = async || gateway.client.post(PATH, &event()).await.status == 200;
    until(taken, "an event is accepted").await;
    assert!(!published(&broker).await.is_empty());
}

#[tokio::test]
async fn a_key_names_one_event_of_one_bike() {
    let broker = TestBroker::create().await;
    let gateway = connected(&broker).await;
    let now = json!({ "location": event()["location"] });
    for _ in 0..2 {
        keyed(&gateway, PATH, "k", &now).await.json(200);
    }
    assert_eq!(published(&broker).await.len(), 1, "a retry is not sent");
    let problem = keyed(&gateway, PATH, "k", &event()).await.problem(422);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("Idempotency-Key"), "{detail}");
    keyed(&gateway, "/api/bikes/b-8/events", "k", &event())
        .await
        .json(200);
    assert_eq!(published(&broker).await.len(), 1, "another bike's event");
}

#[tokio::test]
async fn only_the_operator_may_say_where_a_bike_is() {
    let gateway = serve(Setup {
        token: TOKEN,
        ..Setup::default()
    })
    .await;
    gateway.client.post(PATH, &event()).await.problem(401);
    let request = gateway.client.request("POST", PATH);
    let request = request.header("authorization", TOKEN);
    send(request.json(&event())).await.problem(503);
}

/// The permissions of `topology.json`: enough to publish, to the exchange as to the queue of payments, and to read nothing.
#[tokio::test]
async fn the_gateways_user_may_publish_events_and_read_no_queue() {
    let broker = TestBroker::create().await;
    let definitions = definitions();
    let permissions = definitions["permissions"].as_array().unwrap();
    let own = |rights: &&Value| rights["user"] == "@GATEWAY_AMQP_USER@";
    let rights = permissions.iter().find(own).unwrap();
    let [configure, write, read] =
        ["configure", "write", "read"].map(|right| rights[right].as_str().unwrap());
    // Whoever binds has to read the exchange; no queue is in the pattern.
    assert_eq!(read, format!("^({EXCHANGE})$"));
    for queue in QUEUES {
        let dead = dead_letter_queue(queue.name);
        assert!(!read.contains(queue.name) && !write.contains(&dead));
    }
    let user = broker.add_user("gateway", configure, write, read).await;
    let arguments = broker_arguments(&broker.host, broker.port, &broker.vhost, &user, &user);
    let gateway = serve(Setup {
        broker: arguments,
        ..Setup::default()
    })
    .await;
    pay(&gateway, &payment()).await.json(200);
    gateway.client.post(PATH, &event()).await.json(200);
    assert_eq!(published(&broker).await.len(), 1);
    assert_eq!(broker.drain(QUEUE).await.len(), 1);
}

#[tokio::test]
async fn an_event_accepted_while_the_connection_breaks_is_on_both_queues() {
    let broker = TestBroker::create().await;
    let gateway = serve(Setup {
        broker: settings(&broker),
        ..Setup::default()
    })
    .await;
    pay(&gateway, &payment()).await.json(200);
    broker.close_connections().await;
    let mut accepted = Vec::new();
    for second in 0..30 {
        let time = datetime!(2026-11-01 12:00 UTC) + time::Duration::seconds(second);
        let text = json!(time.format(&Rfc3339).unwrap());
        if gateway.client.post(PATH, &at(&text)).await.status == 200 {
            accepted.push(time);
        }
    }
    assert!(!accepted.is_empty());
    for queue in [POSITION_QUEUE, TRACK_QUEUE] {
        let kept = broker.drain(queue).await.into_iter();
        let kept: Vec<_> = kept
            .map(|message| Location::parse(message.body.as_bytes()).unwrap())
            .map(|location| location.recorded_at())
            .collect();
        for time in &accepted {
            assert!(kept.contains(time), "{queue}: {time} was accepted");
        }
    }
}
