//! The routes of trips: one bike, one trip, seen by its user and the operator.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testing::{Answer, Client, send};

use crate::helpers::{Inventory, text};

const ANN: &str = "0198c0de-0000-7000-8000-00000000000a";
const BOB: &str = "0198c0de-0000-7000-8000-00000000000b";

/// Calls as the gateway would for a user; without one as for the operator.
async fn call(
    client: &Client,
    user: Option<&str>,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Answer {
    let request = client.request(method, path);
    let request = match user {
        None => request.header("x-caller", "operator"),
        Some(id) => request
            .header("x-caller", "user")
            .header("x-user-id", id)
            .header("x-session-id", id),
    };
    send(match body {
        None => request,
        Some(body) => request.json(&body),
    })
    .await
}

async fn start(client: &Client, user: Option<&str>, bike: &str) -> Answer {
    call(
        client,
        user,
        "POST",
        "/api/trips",
        Some(json!({ "bike_id": bike })),
    )
    .await
}

/// On a busy machine some of many wait too long for a connection, and are to come again.
async fn start_in_time(client: &Client, bike: &str) -> Answer {
    let mut answer = start(client, Some(ANN), bike).await;
    for _ in 0..20 {
        if answer.status != 503 {
            break;
        }
        answer = start(client, Some(ANN), bike).await;
    }
    answer
}

async fn end(client: &Client, user: Option<&str>, trip: &str) -> Answer {
    call(
        client,
        user,
        "POST",
        &format!("/api/trips/{trip}/end"),
        None,
    )
    .await
}

impl Inventory {
    async fn status(&self, bike: &str) -> Value {
        self.client
            .get(&format!("/api/bikes/{bike}"))
            .await
            .json(200)["status"]
            .clone()
    }

    /// So many locations of a trip, one a second.
    async fn track(&self, trip: &str, count: u32) {
        self.database.execute(&format!(
            "INSERT INTO trips.locations SELECT '{trip}', timestamptz '2026-01-01 00:00Z' + second * interval '1 s', 1, second / 1000.0
             FROM generate_series({count}, 1, -1) AS second"
        )).await;
    }
}

#[tokio::test]
async fn a_trip_takes_its_bike_and_gives_it_back() {
    let inventory = Inventory::start().await;
    let (client, bike) = (&inventory.client, inventory.park(13.0, 52.0).await);
    let answer = start(client, Some(ANN), &bike).await;
    let trip = answer.json(201);
    let id = text(&trip["id"]);
    assert_eq!(answer.header("location"), format!("/api/trips/{id}"));
    assert!(text(&trip["started_at"]).ends_with('Z'));
    let fields: Vec<_> = trip.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        fields,
        [
            "bike_id",
            "ended_at",
            "id",
            "locations",
            "started_at",
            "status"
        ]
    );
    assert_eq!(
        (&trip["status"], &trip["ended_at"], &trip["locations"]),
        (&json!("running"), &Value::Null, &json!([]))
    );
    assert_eq!(inventory.status(&bike).await, "in_use");
    inventory.track(&id, 2).await;
    let ended = end(client, Some(ANN), &id).await.json(200);
    assert_eq!(ended["status"], "ended");
    assert!(text(&ended["ended_at"]) >= text(&ended["started_at"]));
    let point = |latitude: f64| json!({ "type": "Point", "coordinates": [1.0, latitude] });
    assert_eq!(
        ended["locations"],
        json!([
            { "location": point(0.001), "recorded_at": "2026-01-01T00:00:01.000000Z" },
            { "location": point(0.002), "recorded_at": "2026-01-01T00:00:02.000000Z" },
        ])
    );
    let path = format!("/api/trips/{id}");
    assert_eq!(
        call(client, Some(ANN), "GET", &path, None).await.json(200),
        ended
    );
    assert_eq!(inventory.status(&bike).await, "available");
    start(client, Some(BOB), &bike).await.json(201);
}

#[tokio::test]
async fn of_50_that_take_one_bike_at_once_one_does() {
    let inventory = Inventory::start().await;
    let (second, _running) = inventory.another().await;
    let bike = inventory.park(0.0, 0.0).await;
    let starting = (0..50).map(|number| {
        let client = if number % 2 == 0 {
            &inventory.client
        } else {
            &second
        };
        start_in_time(client, &bike)
    });
    let answers = join_all(starting).await;
    let (taken, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((taken.len(), refused.len()), (1, 49));
    for answer in refused {
        answer.problem(409);
    }
    assert_eq!(
        inventory
            .database
            .value("SELECT count(*) FROM trips.trips")
            .await,
        "1"
    );
    let trip = text(&taken[0].json(201)["id"]);
    let ending = (0..10).map(|_| end(&second, None, &trip));
    let statuses = join_all(ending)
        .await
        .into_iter()
        .map(|answer| answer.status);
    assert_eq!(statuses.filter(|status| *status == 200).count(), 1);
}

#[tokio::test]
async fn what_cannot_be_taken_says_why() {
    let inventory = Inventory::start().await;
    let client = &inventory.client;
    let bike = inventory.park(0.0, 0.0).await;
    start(client, Some(ANN), "nowhere").await.problem(404);
    start(client, None, &"x".repeat(1_000)).await.problem(404);
    start(client, Some(ANN), "a\0").await.problem(422);
    start(client, None, &bike).await.json(201);
    start(client, None, &bike).await.problem(409);
    send(
        client
            .request("POST", "/api/trips")
            .json(&json!({ "bike_id": bike })),
    )
    .await
    .problem(401);
    client.get("/api/trips").await.problem(401);
    let none = call(client, Some(ANN), "POST", "/api/trips", Some(json!({}))).await;
    assert_eq!(none.problem(422)["errors"][0]["pointer"], "/bike_id");
}

#[tokio::test]
async fn a_trip_is_that_of_its_user_and_of_the_operator() {
    let inventory = Inventory::start().await;
    let client = &inventory.client;
    let mut trips = Vec::new();
    for rider in [Some(ANN), Some(BOB), None] {
        let bike = inventory.park(0.0, 0.0).await;
        trips.push(text(&start(client, rider, &bike).await.json(201)["id"]));
    }
    let path = format!("/api/trips/{}", trips[0]);
    call(client, Some(BOB), "GET", &path, None)
        .await
        .problem(404);
    end(client, Some(BOB), &trips[0]).await.problem(404);
    end(client, Some(BOB), &trips[2]).await.problem(404);
    call(client, None, "GET", &path, None).await.json(200);
    let listed = async |rider| {
        let list = call(client, rider, "GET", "/api/trips", None)
            .await
            .json(200);
        list.as_array()
            .unwrap()
            .iter()
            .map(|trip| text(&trip["id"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(Some(ANN)).await, [trips[0].clone()]);
    assert_eq!(listed(Some(BOB)).await, [trips[1].clone()]);
    assert_eq!(listed(None).await, trips);
    end(client, None, &trips[0]).await.json(200);
    end(client, Some(ANN), &trips[0]).await.problem(409);
    end(client, Some(BOB), &trips[0]).await.problem(404);
    end(client, None, "0198c0de-0000-7000-8000-00000000000f")
        .await
        .problem(404);
    end(client, None, "x").await.problem(404);
}

/// Its event was recorded ahead of the clock, and came while the trip was running.
#[tokio::test]
async fn a_place_from_after_the_end_is_not_shown() {
    let inventory = Inventory::start().await;
    let bike = inventory.park(0.0, 0.0).await;
    let trip = text(&start(&inventory.client, Some(ANN), &bike).await.json(201)["id"]);
    let locate = format!(
        "INSERT INTO trips.locations SELECT '{trip}', now() + ahead * interval '1 minute', ahead, 0 FROM generate_series(0, 4) AS ahead"
    );
    inventory.database.execute(&locate).await;
    let places = |trip: &Value| trip["locations"].as_array().unwrap().len();
    let path = format!("/api/trips/{trip}");
    let running = call(&inventory.client, None, "GET", &path, None).await;
    assert_eq!(places(&running.json(200)), 5);
    let ended = end(&inventory.client, None, &trip).await.json(200);
    assert_eq!(places(&ended), 1);
    let listed = call(&inventory.client, None, "GET", "/api/trips", None).await;
    assert_eq!(places(&listed.json(200)[0]), 1);
}

#[tokio::test]
async fn of_a_long_track_the_end_is_shown() {
    let inventory = Inventory::start().await;
    let bike = inventory.park(0.0, 0.0).await;
    let trip = text(&start(&inventory.client, None, &bike).await.json(201)["id"]);
    inventory.track(&trip, 10_001).await;
    let path = format!("/api/trips/{trip}");
    let one = call(&inventory.client, None, "GET", &path, None)
        .await
        .json(200);
    let locations = one["locations"].as_array().unwrap();
    assert_eq!(locations.len(), 10_000);
    assert_eq!(locations[0]["recorded_at"], "2026-01-01T00:00:02.000000Z");
    let list = call(
        &inventory.client,
        None,
        "GET",
        "/api/trips?limit=1000",
        None,
    )
    .await
    .json(200);
    let listed = list[0]["locations"].as_array().unwrap();
    assert_eq!(listed[..], locations[9_900..]);
}

#[tokio::test]
async fn trips_are_listed_in_pages_and_as_a_stream() {
    let inventory = Inventory::start().await;
    inventory.database.execute(
        "INSERT INTO trips.trips (id, bike_id, started_at, ended_at) SELECT gen_random_uuid(), number, now(), now() FROM generate_series(1, 300) AS number",
    ).await;
    let all = call(&inventory.client, None, "GET", "/api/trips", None)
        .await
        .json(200);
    assert_eq!(all.as_array().unwrap().len(), 300);
    let page = call(&inventory.client, None, "GET", "/api/trips?limit=299", None).await;
    assert_eq!(page.json(200).as_array().unwrap().len(), 299);
    assert!(page.header("link").ends_with("rel=\"next\""));
    call(&inventory.client, None, "GET", "/api/trips?after=x", None)
        .await
        .problem(400);
}
