//! Users who check out orders for some seconds: `checkouts USERS SECONDS`, for `scripts/bench shop`; the gateway is at `GATEWAY`.
//! Prints how many checkouts a second were answered 200, and what a purchase (a line and the checkout) took: the median and
//! the 99th percentile, in microseconds.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on should stop"
)]
#![expect(clippy::print_stdout, reason = "it prints what it has measured")]

use std::{
    env,
    time::{Duration, Instant},
};

use testing::{Client, Shopper};
use tokio::task::JoinSet;

#[tokio::main]
async fn main() {
    let [users, seconds] = [1, 2].map(|place| env::args().nth(place).unwrap().parse().unwrap());
    let gateway = Client::new(env::var("GATEWAY").unwrap());
    let mut shoppers = Vec::new();
    for _ in 0..users {
        shoppers.push(Shopper::register(gateway.clone()).await);
    }
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut buying = JoinSet::new();
    for shopper in shoppers {
        buying.spawn(buy_until(shopper, end));
    }
    let mut times = buying.join_all().await.concat();
    times.sort_unstable();
    let rate = u64::try_from(times.len()).unwrap() / seconds;
    let percentile = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
    println!("{rate} {} {}", percentile(50), percentile(99));
}

/// What each purchase took.
async fn buy_until(shopper: Shopper, end: Instant) -> Vec<Duration> {
    let mut times = Vec::new();
    while Instant::now() < end {
        let began = Instant::now();
        if shopper.buy().await.is_some() {
            times.push(began.elapsed());
        }
    }
    times
}
