//! Many logins at once leave the rest of the billing in peace.

use std::time::{Duration, Instant};

use testing::{Client, Process};

use crate::{
    accounts::{PASSWORD, login, register},
    crash::program,
    helpers::Servers,
};

/// Logins at once.
const LOGINS: usize = 200;

/// What another route may take meanwhile, in the median. One in ten may take five times as long: the machine runs other tests
/// beside this one, and an unoptimised build takes a while to accept 200 connections.
const LIMIT: Duration = Duration::from_millis(100);

/// 19 MiB for each hash that may run, and room for the rest; one hash for each login would take 3,800 MiB.
const MEMORY_MIB: u64 = 256;

/// `LOGINS` users with the password of one.
async fn add_users(servers: &Servers, client: &Client) {
    register(client, "user0").await;
    let copy = format!(
        "INSERT INTO accounts.users (id, username, email, password_hash) \
         SELECT gen_random_uuid(), 'user' || number, number || '@example.com', password_hash \
         FROM accounts.users, generate_series(1, {}) AS number",
        LOGINS - 1
    );
    servers.database.execute(&copy).await;
}

/// How long another route takes, each of 40 times, the shortest first.
async fn times_of_another_route(client: &Client) -> Vec<Duration> {
    let mut times = Vec::new();
    while times.len() < 40 {
        let asked = Instant::now();
        client.get("/api/billing?limit=1").await.json(200);
        times.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    times.sort();
    times
}

/// The statuses of the logins, and when each was answered.
async fn log_in_all(client: Client) -> Vec<(u16, Instant)> {
    let mut logins = tokio::task::JoinSet::new();
    for number in 0..LOGINS {
        let client = client.clone();
        logins.spawn(async move {
            let answer = login(&client, &format!("user{number}"), PASSWORD).await;
            (answer.status, Instant::now())
        });
    }
    logins.join_all().await
}

#[expect(clippy::print_stdout, reason = "what was measured, for those who ask")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_logins_at_once_slow_nothing_else_down() {
    let servers = Servers::prepare().await;
    let mut process = Process::start(|port| program(&servers, servers.broker.port, port)).await;
    let client = process.client.clone();
    add_users(&servers, &client).await;

    let began = Instant::now();
    let logins = tokio::spawn(log_in_all(client.clone()));
    let times = times_of_another_route(&client).await;
    let measured = began.elapsed();
    let logins = logins.await.unwrap();
    let peak = process.peak_kib() / 1_024;
    process.kill();

    let done = |(status, end): &(u16, Instant)| (*status == 200).then(|| *end - began);
    let done: Vec<_> = logins.iter().filter_map(done).collect();
    let last = done.iter().max().copied().unwrap_or_default();
    let (median, ninth, slowest) = (times[20], times[36], times[39]);
    println!(
        "{} of {LOGINS} logins in {last:?}; another route: median {median:?}, nine of ten {ninth:?}, slowest {slowest:?}; \
         {peak} MiB",
        done.len()
    );
    let served = |(status, _): &(u16, Instant)| matches!(status, 200 | 503);
    assert!(logins.iter().all(served), "{logins:?}");
    assert!(last > measured / 2, "the logins were over before: {last:?}");
    assert!(median < LIMIT && ninth < 5 * LIMIT, "{times:?}");
    assert!(peak < MEMORY_MIB, "{peak} MiB");
}
