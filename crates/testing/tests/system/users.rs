//! Users of the whole system: a token works until it ends, nobody is let in while it cannot be checked, and no secret of
//! theirs is in a log.

use serde_json::json;
use testing::{Client, send};
use uuid::Uuid;

use crate::{
    parts::{data, gateway, service, until_all_ready},
    report::Explain,
};

struct User {
    name: String,
    password: String,
    token: String,
}

impl User {
    async fn register(gateway: &Client) -> Self {
        let name = format!("user-{}", Uuid::new_v4().simple());
        let password = format!("secret {}", Uuid::new_v4());
        let body = json!({ "username": name, "email": format!("{name}@example.org"), "password": password });
        let user = gateway.post("/api/users/register", &body).await.json(201);
        let token = user["token"].as_str().unwrap().to_owned();
        Self {
            name,
            password,
            token,
        }
    }

    /// The status that this token gets where a user is needed.
    async fn status(&self, gateway: &Client) -> u16 {
        let request = gateway.request("GET", "/api/orders/current");
        send(request.bearer_auth(&self.token)).await.status
    }

    async fn log_out(&self, gateway: &Client) {
        let request = gateway.request("POST", "/api/users/logout");
        assert_eq!(send(request.bearer_auth(&self.token)).await.status, 204);
    }
}

#[tokio::test]
async fn a_token_ends_with_its_logout_at_once() {
    let _explain = Explain;
    let gateway = gateway();
    let user = User::register(&gateway).await;
    assert_eq!(user.status(&gateway).await, 200);
    user.log_out(&gateway).await;
    assert_eq!(user.status(&gateway).await, 401);
}

#[tokio::test]
async fn while_the_billing_is_away_nobody_is_let_in_with_a_token_or_taken_for_nobody() {
    let _explain = Explain;
    let gateway = gateway();
    let user = User::register(&gateway).await;
    service("stop", "billing-app").await;
    for path in ["/api/orders/current", "/api/movies"] {
        let request = gateway.request("GET", path);
        let answer = send(request.bearer_auth(&user.token)).await;
        answer.problem(503);
        assert_ne!(answer.header("retry-after"), "", "{path}");
    }
    assert_eq!(gateway.get("/api/movies").await.status, 200);
    service("start", "billing-app").await;
    until_all_ready().await;
    assert_eq!(user.status(&gateway).await, 200);
}

#[tokio::test]
async fn no_password_and_no_token_is_in_a_log() {
    let _explain = Explain;
    let gateway = gateway();
    let user = User::register(&gateway).await;
    let wrong = format!("wrong {}", Uuid::new_v4());
    for (password, status) in [(&wrong, 401), (&user.password, 200)] {
        let body = json!({ "username": user.name, "password": password });
        let answer = gateway.post("/api/users/login", &body).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let foreign = format!("foreign-{}", Uuid::new_v4().simple());
    let request = gateway.request("GET", "/api/movies").bearer_auth(&foreign);
    assert_eq!(send(request).await.status, 401);
    assert_eq!(user.status(&gateway).await, 200);
    let token = json!({ "token": user.token });
    gateway
        .post("/api/users/check_token", &token)
        .await
        .json(200);
    assert_eq!(gateway.post("/api/users/logout", &token).await.status, 204);

    let logs = logs();
    assert!(logs.contains("/api/users/login"), "these are not the logs");
    for secret in [user.password, user.token, wrong, foreign] {
        assert!(!logs.contains(&secret), "{secret} is in a log");
    }
}

/// What every part has written since the system was started.
fn logs() -> String {
    let files = std::fs::read_dir(format!("{}/log", data())).unwrap();
    let texts = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    texts
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .collect()
}
