//! Sessions: kept by their use, up to a limit, and ended one by one or all at once.

use serde_json::{Value, json};
use testing::{Answer, Client, send};

use crate::{
    accounts::{PASSWORD, check, login, register, token},
    helpers::{Billing, Servers},
};

async fn logout_with(client: &Client, body: &Value) -> Answer {
    client.post("/api/users/logout", body).await
}

/// What the gateway sends for the user of `token`, without a body unless there is one.
async fn logout_as(billing: &Billing, token: &str, body: Option<Value>) -> Answer {
    let checked = check(&billing.client, token).await.json(200);
    let request = billing.client.request("POST", "/api/users/logout");
    let request = request
        .header("x-caller", "user")
        .header("x-user-id", checked["id"].as_str().unwrap())
        .header("x-session-id", checked["session_id"].as_str().unwrap());
    send(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

async fn is_alive(billing: &Billing, token: &str) -> bool {
    check(&billing.client, token).await.status == 200
}

#[tokio::test]
async fn a_logout_ends_one_session_at_once() {
    let servers = Servers::prepare().await;
    let (billing, other) = (servers.start().await, servers.start().await);
    register(&billing.client, "ann").await;
    let [first, second, third] = [
        token(&billing.client, "ann").await,
        token(&billing.client, "ann").await,
        token(&billing.client, "ann").await,
    ];
    assert_eq!(logout_as(&billing, &first, None).await.status, 204);
    let body = json!({ "token": second });
    assert_eq!(logout_with(&billing.client, &body).await.status, 204);
    assert_eq!(
        logout_with(&billing.client, &body).await.status,
        204,
        "again"
    );
    for billing in [&billing, &other] {
        check(&billing.client, &first).await.problem(404);
        check(&billing.client, &second).await.problem(404);
        assert!(is_alive(billing, &third).await);
    }
}

#[tokio::test]
async fn a_logout_tells_the_gateway_how_many_sessions_have_ended() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    register(&billing.client, "ann").await;
    let [one, other] = [
        token(&billing.client, "ann").await,
        token(&billing.client, "ann").await,
    ];
    let ended = async |body: Value| {
        let answer = logout_with(&billing.client, &body).await;
        assert_eq!(answer.status, 204);
        answer.header("x-sessions-ended").to_owned()
    };
    for junk in ["", "junk"] {
        assert_eq!(ended(json!({ "token": junk })).await, "0");
        assert_eq!(ended(json!({ "token": junk, "all": true })).await, "0");
    }
    assert_eq!(ended(json!({ "token": one })).await, "1");
    assert_eq!(ended(json!({ "token": one })).await, "0");
    // The first session began with the registration.
    assert_eq!(ended(json!({ "token": other, "all": true })).await, "2");
}

#[tokio::test]
async fn the_token_in_the_body_is_the_one_that_ends() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    register(&billing.client, "ann").await;
    let (caller, named) = (
        token(&billing.client, "ann").await,
        token(&billing.client, "ann").await,
    );
    let answer = logout_as(&billing, &caller, Some(json!({ "token": named }))).await;
    assert_eq!(answer.status, 204);
    assert!(is_alive(&billing, &caller).await && !is_alive(&billing, &named).await);
}

#[tokio::test]
async fn a_logout_of_all_ends_every_session_of_that_user_alone() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    register(&billing.client, "ann").await;
    register(&billing.client, "bob").await;
    let bobs = token(&billing.client, "bob").await;
    let sessions = "SELECT string_agg(username, ' ' ORDER BY username) FROM accounts.sessions \
        JOIN accounts.users ON users.id = user_id";
    for by_caller in [true, false] {
        let one = token(&billing.client, "ann").await;
        let other = token(&billing.client, "ann").await;
        let answer = if by_caller {
            logout_as(&billing, &one, Some(json!({ "all": true }))).await
        } else {
            logout_with(&billing.client, &json!({ "token": one, "all": true })).await
        };
        assert_eq!(answer.status, 204);
        assert!(!is_alive(&billing, &one).await && !is_alive(&billing, &other).await);
        assert_eq!(servers.database.value(sessions).await, "bob bob");
    }
    assert!(is_alive(&billing, &bobs).await);
}

#[tokio::test]
async fn a_logout_needs_a_token_and_ends_no_session_of_another_user() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    register(&billing.client, "ann").await;
    let bob = register(&billing.client, "bob").await;
    let anns = token(&billing.client, "ann").await;
    for caller in ["anonymous", "operator"] {
        let request = billing.client.request("POST", "/api/users/logout");
        let answer = send(
            request
                .header("x-caller", caller)
                .json(&json!({ "all": true })),
        )
        .await;
        answer.problem(401);
    }
    let anns_session = check(&billing.client, &anns).await.json(200);
    let request = billing.client.request("POST", "/api/users/logout");
    let request = request
        .header("x-caller", "user")
        .header("x-user-id", bob["id"].as_str().unwrap())
        .header("x-session-id", anns_session["session_id"].as_str().unwrap());
    assert_eq!(send(request).await.status, 204);
    assert!(is_alive(&billing, &anns).await);
}

/// The end of the only session, in whole hours from now.
async fn hours_left(servers: &Servers) -> i64 {
    let left = "SELECT round(extract(epoch FROM expires_at - now()) / 3600)::bigint FROM accounts.sessions";
    servers.database.value(left).await.parse().unwrap()
}

#[tokio::test]
async fn a_session_is_kept_by_its_use_up_to_thirty_days() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let user = register(&billing.client, "ann").await;
    let token = user["token"].as_str().unwrap();
    let week = 7 * 24;
    for (created_days_ago, left_hours, expected) in [
        (0, week, week),
        (1, 1, week),
        (1, week - 2, week),
        (29, 1, 24),
        (29, 24, 24),
    ] {
        let set = format!(
            "UPDATE accounts.sessions SET created_at = now() - interval '{created_days_ago} days', \
             expires_at = now() + interval '{left_hours} hours'"
        );
        servers.database.execute(&set).await;
        assert!(is_alive(&billing, token).await);
        assert_eq!(hours_left(&servers).await, expected, "{set}");
    }
    servers
        .database
        .execute("UPDATE accounts.sessions SET expires_at = now()")
        .await;
    check(&billing.client, token).await.problem(404);
    let body = json!({ "token": token, "all": true });
    assert_eq!(logout_with(&billing.client, &body).await.status, 204);
    let left = "SELECT count(*) FROM accounts.sessions";
    assert_eq!(
        servers.database.value(left).await,
        "1",
        "a dead token ends nothing"
    );
}

#[tokio::test]
async fn a_use_is_written_at_most_once_an_hour() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let user = register(&billing.client, "ann").await;
    let token = user["token"].as_str().unwrap();
    let version = "SELECT xmin::text FROM accounts.sessions";
    servers
        .database
        .execute("UPDATE accounts.sessions SET expires_at = expires_at - interval '59 minutes'")
        .await;
    let before = servers.database.value(version).await;
    assert!(is_alive(&billing, token).await);
    assert_eq!(servers.database.value(version).await, before);
    servers
        .database
        .execute("UPDATE accounts.sessions SET expires_at = expires_at - interval '2 minutes'")
        .await;
    let before = servers.database.value(version).await;
    assert!(is_alive(&billing, token).await);
    assert_ne!(servers.database.value(version).await, before);
}

#[tokio::test]
async fn of_more_than_fifty_sessions_the_oldest_ends() {
    let servers = Servers::prepare().await;
    let (one, other) = (servers.start().await, servers.start().await);
    let oldest = register(&one.client, "ann").await;
    let oldest = oldest["token"].as_str().unwrap();
    servers
        .database
        .execute(
            "INSERT INTO accounts.sessions (id, user_id, token_hash, created_at, expires_at) \
             SELECT gen_random_uuid(), id, sha256(number::text::bytea), now() + number * interval '1 second', \
             now() + interval '1 day' FROM accounts.users, generate_series(1, 49) AS number",
        )
        .await;
    assert!(is_alive(&one, oldest).await);
    let newest = token(&one.client, "ann").await;
    assert!(!is_alive(&one, oldest).await && is_alive(&one, &newest).await);
    let mut logins = tokio::task::JoinSet::new();
    for number in 0..10 {
        let client = [&one, &other][number % 2].client.clone();
        logins.spawn(async move { login(&client, "ann", PASSWORD).await.status });
    }
    assert_eq!(logins.join_all().await, [200; 10]);
    let count = "SELECT count(*) FROM accounts.sessions";
    assert_eq!(servers.database.value(count).await, "50");
}

#[tokio::test]
async fn sessions_that_have_expired_are_removed_and_others_stay() {
    let servers = Servers::prepare().await;
    let billing = servers.start_parts(&["--only", "http"]).await.unwrap();
    let user = register(&billing.client, "ann").await;
    servers
        .database
        .execute(
            "INSERT INTO accounts.sessions (id, user_id, token_hash, expires_at) \
             SELECT gen_random_uuid(), id, sha256(number::text::bytea), now() - number * interval '1 second' \
             FROM accounts.users, generate_series(0, 2500) AS number",
        )
        .await;
    let only = ["--only", "accounts-timer"];
    let _timer = servers.start_parts(&only).await.unwrap();
    let count = "SELECT count(*) FROM accounts.sessions";
    let one = async || servers.database.value(count).await == "1";
    testing::until(one, "the expired sessions are removed").await;
    assert!(is_alive(&billing, user["token"].as_str().unwrap()).await);
}
