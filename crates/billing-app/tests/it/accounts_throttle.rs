//! Who tries a name too often has to wait, on every billing, whether there is such a user or not.

use serde_json::json;
use testing::until;

use crate::{
    accounts::{PASSWORD, login, register, registration},
    helpers::{Billing, Servers},
};

/// How often a login may fail before the next one has to wait.
const FREE: usize = 5;

/// The statuses of logins, in turn on each billing.
async fn statuses(billings: &[Billing; 2], name: &str, passwords: &[&str]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for (number, password) in passwords.iter().enumerate() {
        let client = &billings[number % 2].client;
        statuses.push(login(client, name, password).await.status);
    }
    statuses
}

/// As if so much time had passed.
async fn pass(servers: &Servers, interval: &str) {
    let set = format!(
        "UPDATE accounts.failed_logins SET failed_at = failed_at - interval '{interval}', \
         blocked_until = blocked_until - interval '{interval}'"
    );
    servers.database.execute(&set).await;
}

/// For how many seconds the last failure has blocked its name. Blocks it for longer, so that a slow test sees it blocked.
async fn delay(servers: &Servers) -> String {
    let delay = "SELECT extract(epoch FROM blocked_until - failed_at)::int FROM accounts.failed_logins \
        ORDER BY failed_at DESC LIMIT 1";
    let delay = servers.database.value(delay).await;
    let block = "UPDATE accounts.failed_logins SET blocked_until = now() + interval '9 minutes'";
    servers.database.execute(block).await;
    delay
}

/// Lets the next failure of a login as this name block it for a minute.
async fn tried_before(servers: &Servers, name: &str) {
    let insert = format!(
        "INSERT INTO accounts.failed_logins VALUES (sha256('login\\000{name}'), 99, now(), now())"
    );
    servers.database.execute(&insert).await;
}

#[tokio::test]
async fn a_name_that_is_tried_too_often_has_to_wait_longer_each_time_on_every_billing() {
    let servers = Servers::prepare().await;
    let billings = [servers.start().await, servers.start().await];
    register(&billings[0].client, "ann").await;
    for name in ["ann", "nobody"] {
        let failed = statuses(&billings, name, &["wrong"; FREE]).await;
        assert_eq!(failed, [401; FREE], "{name}");
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(delay(&servers).await, seconds.to_string(), "{name}");
            let blocked = login(&billings[1].client, name, PASSWORD).await;
            let problem = blocked.problem(429);
            assert_eq!(problem["detail"], "too many attempts for this name");
            let retry: u64 = blocked.header("retry-after").parse().unwrap();
            assert!((1..=540).contains(&retry), "{retry}");
            pass(&servers, "10 minutes").await;
            let failed = login(&billings[0].client, name, "wrong").await;
            failed.problem(401);
        }
        pass(&servers, "1 hour").await;
    }
}

#[tokio::test]
async fn a_right_password_is_refused_while_its_name_has_to_wait_and_resets_it_after() {
    let servers = Servers::prepare().await;
    let billings = [servers.start().await, servers.start().await];
    register(&billings[0].client, "ann").await;
    statuses(&billings, "Ann", &["wrong"; FREE]).await;
    assert_eq!(delay(&servers).await, "1");
    assert_eq!(statuses(&billings, "ann", &[PASSWORD; 2]).await, [429; 2]);
    let other = statuses(&billings, "bob", &["wrong"]).await;
    assert_eq!(other, [401], "another name");
    pass(&servers, "10 minutes").await;
    assert_eq!(statuses(&billings, "ann", &[PASSWORD; 2]).await, [200; 2]);
    let failed = statuses(&billings, "ann", &["wrong"; FREE]).await;
    assert_eq!(failed, [401; FREE], "from the beginning");
}

/// The first failure blocks the name for longer than all of them take.
#[tokio::test]
async fn of_many_guesses_at_once_only_the_first_learns_anything() {
    let servers = Servers::prepare().await;
    let billings = [servers.start().await, servers.start().await];
    register(&billings[0].client, "ann").await;
    tried_before(&servers, "ann").await;
    let mut guesses = tokio::task::JoinSet::new();
    for number in 0..60 {
        let client = billings[number % 2].client.clone();
        guesses.spawn(async move { login(&client, "ann", "wrong").await.status });
    }
    let statuses = guesses.join_all().await;
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!(count(401), 1, "{statuses:?}");
    assert_eq!(count(429) + count(503), 59, "{statuses:?}");
    let failures = "SELECT failures FROM accounts.failed_logins";
    assert_eq!(servers.database.value(failures).await, "100");
}

/// The name is blocked after the login was admitted, and before its password is found right.
#[tokio::test]
async fn a_right_password_is_refused_when_its_name_was_blocked_meanwhile() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    register(&billing.client, "ann").await;
    tried_before(&servers, "ann").await;
    let mut session = servers.database.connect().await;
    let transaction = session.transaction().await.unwrap();
    let lock = "UPDATE accounts.failed_logins SET failures = 100";
    transaction.execute(lock, &[]).await.unwrap();
    let client = billing.client.clone();
    let admitted = tokio::spawn(async move { login(&client, "ann", PASSWORD).await });
    let waits = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waiting = async || servers.database.value(waits).await == "1";
    until(waiting, "the login waits for the row").await;
    let block = "UPDATE accounts.failed_logins SET blocked_until = now() + interval '1 minute'";
    transaction.execute(block, &[]).await.unwrap();
    transaction.commit().await.unwrap();
    admitted.await.unwrap().problem(429);
}

#[tokio::test]
async fn failures_are_forgotten_after_a_day_and_their_rows_are_removed() {
    let servers = Servers::prepare().await;
    let http = async || servers.start_parts(&["--only", "http"]).await.unwrap();
    let billings = [http().await, http().await];
    statuses(&billings, "ann", &["wrong"; FREE]).await;
    statuses(&billings, "bob", &["wrong"]).await;
    let rows = "SELECT count(*) FROM accounts.failed_logins";
    assert_eq!(servers.database.value(rows).await, "2");
    pass(&servers, "1 day").await;
    assert_eq!(
        statuses(&billings, "ann", &["wrong"; FREE]).await,
        [401; FREE]
    );
    assert_eq!(servers.database.value(rows).await, "2");
    let only = ["--only", "accounts-timer"];
    let _timer = servers.start_parts(&only).await.unwrap();
    let one = async || servers.database.value(rows).await == "1";
    until(one, "the other name is forgotten").await;
}

#[tokio::test]
async fn a_taken_name_that_is_registered_over_and_over_has_to_wait_too() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    register(&billing.client, "ann").await;
    servers
        .database
        .execute(
            r"INSERT INTO accounts.failed_logins VALUES (sha256('registration\000ann'), 99, now(), now())",
        )
        .await;
    let again = async || {
        let body = registration("ann");
        billing.client.post("/api/users/register", &body).await
    };
    again().await.problem(409);
    assert_eq!(again().await.problem(429)["status"], 429);
    login(&billing.client, "ann", PASSWORD).await.json(200);
}

/// People type their passwords into the wrong field.
#[tokio::test]
async fn a_name_that_was_tried_is_not_kept_as_text() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let body = json!({ "username": PASSWORD, "password": "wrong" });
    billing
        .client
        .post("/api/users/login", &body)
        .await
        .problem(401);
    let row = servers
        .database
        .value("SELECT failed_logins::text FROM accounts.failed_logins")
        .await;
    assert!(!row.contains(PASSWORD), "{row}");
}
