//! Where no secret of a user may be: in a log, and in the database.

use std::process::Stdio;

use serde_json::json;
use testing::{Client, Process, send};

use crate::{
    accounts::{PASSWORD, check, login, register, registration},
    crash::program,
    helpers::Servers,
};

/// Everything that a client can do with a password or a token, right and wrong. Gives every secret that was used.
async fn use_secrets(client: &Client) -> Vec<String> {
    let user = register(client, "ann").await;
    let first = user["token"].as_str().unwrap().to_owned();
    let wrong = "a wrong password of somebody";
    let second = login(client, "ann", PASSWORD).await.json(200);
    let second = second["token"].as_str().unwrap().to_owned();
    register_again_and_wrong(client).await;
    for _ in 0..7 {
        login(client, "ann", wrong).await;
    }
    check(client, &first).await.json(200);
    check(client, "an-unknown-token").await.problem(404);
    let request = client.request("POST", "/api/users/logout");
    send(request.header("authorization", format!("Bearer {second}"))).await;
    for body in [
        json!({ "token": second }),
        json!({ "token": first, "all": true }),
        json!({ "token": [first] }),
    ] {
        client.post("/api/users/logout", &body).await;
    }
    [
        &first,
        &second,
        "an-unknown-token",
        PASSWORD,
        wrong,
        "7654321",
    ]
    .map(ToOwned::to_owned)
    .to_vec()
}

async fn register_again_and_wrong(client: &Client) {
    let taken = registration("ann");
    client
        .post("/api/users/register", &taken)
        .await
        .problem(409);
    for password in [
        json!("7654321"),
        json!([PASSWORD]),
        json!({ "is": PASSWORD }),
    ] {
        let mut body = registration("bob");
        body["password"] = password;
        client.post("/api/users/register", &body).await.problem(422);
    }
    let broken = format!(r#"{{"username":"ann","password":"{PASSWORD}""#);
    client
        .post_text("/api/users/login", broken)
        .await
        .problem(400);
}

/// At the most talkative level, libraries too.
#[tokio::test]
async fn no_log_line_has_a_password_or_a_token() {
    let servers = Servers::prepare().await;
    let process = Process::start(|port| {
        let mut program = program(&servers, servers.broker.port, port);
        program.env("LOG", "debug,hyper=trace,billing_app=trace,platform=trace");
        program.stderr(Stdio::piped());
        program
    })
    .await;
    let secrets = use_secrets(&process.client).await;
    let log = process.into_log().await;
    assert!(log.contains("/api/users/login"), "{log}");
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(&secret));
        assert_eq!(line, None, "{secret}");
    }
}

#[tokio::test]
async fn no_row_has_a_password_or_a_token() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let user = register(&billing.client, "ann").await;
    let token = user["token"].as_str().unwrap();
    for table in ["accounts.users", "accounts.sessions", "customers.customers"] {
        let rows = format!("SELECT string_agg(t::text, ' ') FROM {table} AS t");
        let rows = servers.database.value(&rows).await;
        assert!(!rows.contains(token) && !rows.contains(PASSWORD), "{rows}");
    }
    let hash = servers
        .database
        .value("SELECT password_hash FROM accounts.users")
        .await;
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{hash}"
    );
}
