//! Users who log in all at once: `logins COUNT`, for `scripts/bench shop`; the billing is at `BILLING`, as the gateway limits what one
//! client may do. Prints how many logins were answered 200, how many a second, and what another route took meanwhile: the
//! median and the longest, in microseconds.
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
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const PASSWORD: &str = "a long enough secret";

#[tokio::main]
async fn main() {
    let count: usize = env::args().nth(1).unwrap().parse().unwrap();
    let billing = Client::new(env::var("BILLING").unwrap());
    let mut names = Vec::new();
    for _ in 0..count {
        names.push(register(&billing).await);
    }
    let done = CancellationToken::new();
    let other = tokio::spawn(ask_another_route(billing.clone(), done.clone()));
    let began = Instant::now();
    let mut logins = JoinSet::new();
    for name in names {
        logins.spawn(log_in(billing.clone(), name));
    }
    let worked = logins.join_all().await.into_iter().filter(|worked| *worked);
    let (worked, took) = (worked.count(), began.elapsed());
    done.cancel();
    let mut times = other.await.unwrap();
    times.sort_unstable();
    let rate = u128::try_from(worked).unwrap() * 1_000 / took.as_millis();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "{worked} {rate} {} {}",
        median.as_micros(),
        longest.as_micros()
    );
}

async fn register(billing: &Client) -> String {
    let name = format!("login-{}", Uuid::new_v4().simple());
    let user =
        json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
    billing.post("/api/users/register", &user).await.json(201);
    name
}

async fn log_in(billing: Client, name: String) -> bool {
    let body = json!({ "username": name, "password": PASSWORD });
    billing.post("/api/users/login", &body).await.status == 200
}

/// What each request took, one after the other, until it is told to stop.
async fn ask_another_route(billing: Client, done: CancellationToken) -> Vec<Duration> {
    let path = format!("/api/billing/{}", Uuid::new_v4());
    let mut times = Vec::new();
    while !done.is_cancelled() {
        let began = Instant::now();
        billing.get(&path).await;
        times.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    times
}
