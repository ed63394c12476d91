//! Bikes that say where they are for some seconds: `locations CONNECTIONS SECONDS BIKES`, for `scripts/bench locations`; the
//! gateway is at `GATEWAY`. The bikes are called `bench-1` to `bench-BIKES`. Prints how many events were answered 200, how many
//! that is a second, how many were not, and what one took: the median and the 99th percentile, in microseconds.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on should stop"
)]
#![expect(clippy::print_stdout, reason = "it prints what it has measured")]

use std::{
    env,
    time::{Duration, Instant},
};

use serde_json::json;
use testing::Client;
use tokio::task::JoinSet;

/// What one connection has measured.
#[derive(Default)]
struct Measured {
    times: Vec<Duration>,
    failures: u64,
}

#[tokio::main]
async fn main() {
    let [connections, seconds, bikes] =
        [1, 2, 3].map(|place| env::args().nth(place).unwrap().parse::<u64>().unwrap());
    let gateway = Client::new(env::var("GATEWAY").unwrap());
    let began = Instant::now();
    let end = began + Duration::from_secs(seconds);
    let mut riding = JoinSet::new();
    for connection in 0..connections {
        riding.spawn(ride_until(gateway.clone(), connection, bikes, end));
    }
    let all = riding.join_all().await;
    let took = began.elapsed().as_secs_f64();
    let failures: u64 = all.iter().map(|measured| measured.failures).sum();
    let mut times: Vec<_> = all
        .into_iter()
        .flat_map(|measured| measured.times)
        .collect();
    times.sort_unstable();
    let percentile = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
    let accepted = u32::try_from(times.len()).unwrap();
    let rate = f64::from(accepted) / took;
    println!(
        "{accepted} {rate:.0} {failures} {} {}",
        percentile(50),
        percentile(99)
    );
}

/// Each event is of another bike than the one before it, and of now: the gateway tells the time.
async fn ride_until(gateway: Client, connection: u64, bikes: u64, end: Instant) -> Measured {
    let mut measured = Measured::default();
    let mut number = connection * 7_919;
    while Instant::now() < end {
        number += 1;
        let (path, body) = event(number, bikes);
        let began = Instant::now();
        let sent = gateway.request("POST", &path).json(&body).send().await;
        if sent.is_ok_and(|answer| answer.status() == 200) {
            measured.times.push(began.elapsed());
        } else {
            measured.failures += 1;
        }
    }
    measured
}

fn event(number: u64, bikes: u64) -> (String, serde_json::Value) {
    let path = format!("/api/bikes/bench-{}/events", number % bikes + 1);
    let degrees = |bound: u32| f64::from(u32::try_from(number % 1_000).unwrap() % bound);
    let coordinates = [degrees(180), degrees(90)];
    let body = json!({ "location": { "type": "Point", "coordinates": coordinates } });
    (path, body)
}
