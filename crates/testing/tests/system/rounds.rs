//! The broker is killed under load and started again, round after round, on busy CPUs, with the billing frozen at that
//! moment in every second round: recording goes on each time.
//!
//! `SYSTEM_ROUNDS` says how often (`scripts/soak`).

use std::time::{Duration, Instant};

use testing::Busy;

use crate::{
    ledger::Load,
    parts::{billing, service, signal, until, until_all_ready},
    report::Explain,
};

/// How often, when nothing else is said.
const ROUNDS: u32 = 2;

#[tokio::test]
async fn recording_goes_on_after_every_kill_of_the_broker() {
    let _explain = Explain;
    let rounds = std::env::var("SYSTEM_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let _busy = Busy::start();
    let load = Load::start().await;
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        let frozen = round % 2 == 1;
        let recorded = kill_and_start_the_broker(&load, frozen, round).await;
        longest = longest.max(recorded);
        println!(
            "round {round}: billing {}, recorded {recorded:?} after the broker's return",
            if frozen { "frozen" } else { "busy" }
        );
    }
    let stalls = stalls().await;
    println!("{rounds} rounds, {stalls} stalls, longest time to recorded {longest:?}");
    until_all_ready().await;
    load.judge(&[]).await;
    assert_eq!(stalls, 0, "the watchdog had to help");
}

/// Tells how long after the broker's return everything that was accepted before was recorded.
async fn kill_and_start_the_broker(load: &Load, frozen: bool, round: u32) -> Duration {
    load.phase("a round").await;
    if frozen {
        signal("-STOP", "billing-app");
    }
    // The kill falls on another moment of the traffic in each round.
    tokio::time::sleep(Duration::from_millis(u64::from(round * 37 % 400))).await;
    service("kill", "rabbitmq").await;
    if frozen {
        signal("-CONT", "billing-app");
    }
    service("start", "rabbitmq").await;
    let back = Instant::now();
    let accepted = load.accepted().await;
    until(
        async || load.recorded(&accepted).await,
        "what was accepted is recorded",
    )
    .await;
    back.elapsed()
}

async fn stalls() -> u64 {
    let metrics = billing().get("/metrics").await;
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    let value = |line: &str| {
        line.starts_with("broker_stalls_total")
            .then(|| line.split_whitespace().last()?.parse().ok())?
    };
    text.lines().find_map(value).unwrap_or(0)
}
