//! Many logins at once leave the rest of the billing in peace.

use std::{
    fs,
    time::{Duration, Instant},
};

use testing::{Client, until};

use crate::{
    accounts::{PASSWORD, login, register},
    crash::{free_port, is_ready, program},
    helpers::Servers,
};

/// Logins at once.
const LOGINS: usize = 200;

/// An unoptimised build on a machine that runs other tests beside this one takes longer than the 100 ms of a release.
const LIMIT: Duration = Duration::from_millis(500);

/// 19 MiB for each hash that may run, and room for the rest; one hash for each login would take 3,800 MiB.
const MEMORY_MIB: u64 = 256;

/// The most memory that the process has had.
fn peak_mib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() / 1_024
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_logins_at_once_slow_nothing_else_down() {
    let servers = Servers::prepare().await;
    let port = free_port().await;
    let mut child = program(&servers, servers.broker.port, port)
        .spawn()
        .unwrap();
    let client = Client::new(format!("http://127.0.0.1:{port}"));
    until(async || is_ready(&client).await, "the billing is ready").await;
    add_users(&servers, &client).await;

    let began = Instant::now();
    let mut logins = tokio::task::JoinSet::new();
    for number in 0..LOGINS {
        let client = client.clone();
        logins.spawn(async move {
            let answer = login(&client, &format!("user{number}"), PASSWORD).await;
            (answer.status, Instant::now())
        });
    }
    let mut times = Vec::new();
    while times.len() < 40 {
        let asked = Instant::now();
        client.get("/api/billing?limit=1").await.json(200);
        times.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let measured = began.elapsed();
    let logins = logins.join_all().await;
    let peak = peak_mib(child.id());
    child.kill().unwrap();
    child.wait().unwrap();

    let done: Vec<_> = logins.iter().filter(|(status, _)| *status == 200).collect();
    let busy = done.iter().filter(|(_, end)| *end > began + measured / 2);
    assert!(
        busy.count() > 0,
        "the logins were over before the measurement: {logins:?}"
    );
    assert!(
        logins.iter().all(|(status, _)| matches!(status, 200 | 503)),
        "{logins:?}"
    );
    let last = done.iter().map(|(_, end)| *end - began).max().unwrap();
    times.sort();
    println!(
        "{} of {LOGINS} logins in {last:?}; another route: median {:?}, slowest {:?}; {peak} MiB",
        done.len(),
        times[times.len() / 2],
        times[times.len() - 1]
    );
    assert!(times[times.len() / 2] < LIMIT / 5, "{times:?}");
    assert!(times[times.len() - 1] < LIMIT, "{times:?}");
    assert!(peak < MEMORY_MIB, "{peak} MiB");
}
