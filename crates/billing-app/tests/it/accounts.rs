//! Users: registered once, whatever is sent, and told apart by nobody who does not know their password.

use serde_json::{Value, json};
use testing::{Answer, Client};

use crate::helpers::Servers;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// What registers `name`.
pub(crate) fn registration(name: &str) -> Value {
    json!({ "username": name, "email": format!("{name}@example.com"), "password": PASSWORD })
}

pub(crate) async fn register(client: &Client, name: &str) -> Value {
    let body = registration(name);
    client.post("/api/users/register", &body).await.json(201)
}

pub(crate) async fn login(client: &Client, name: &str, password: &str) -> Answer {
    let body = json!({ "username": name, "password": password });
    client.post("/api/users/login", &body).await
}

/// The token of a new session.
pub(crate) async fn token(client: &Client, name: &str) -> String {
    let answer = login(client, name, PASSWORD).await.json(200);
    answer["token"].as_str().unwrap().to_owned()
}

pub(crate) async fn check(client: &Client, token: &str) -> Answer {
    let body = json!({ "token": token });
    client.post("/api/users/check_token", &body).await
}

#[tokio::test]
async fn a_registered_user_is_logged_in_and_a_customer_with_the_same_id() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let mut body = registration("Sylvia");
    body["address"] = "3 Chalcot Square".into();
    body["first_name"] = "Sylvia".into();
    let answer = billing.client.post("/api/users/register", &body).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let mut user = answer.json(201);
    let token = user.as_object_mut().unwrap().remove("token").unwrap();
    let expected = json!({
        "id": user["id"], "username": "Sylvia", "email": "Sylvia@example.com", "first_name": "Sylvia",
        "last_name": null, "address": "3 Chalcot Square", "time_registered": user["time_registered"],
    });
    assert_eq!(user, expected);
    let mut checked = check(&billing.client, token.as_str().unwrap())
        .await
        .json(200);
    let checked = checked.as_object_mut().unwrap();
    assert!(checked.remove("session_id").is_some() && checked.remove("expires_at").is_some());
    assert_eq!(Value::from(checked.clone()), user);
    let customer = "SELECT concat_ws('|', id, email, address) FROM customers.customers";
    let id = user["id"].as_str().unwrap();
    let expected = format!("{id}|Sylvia@example.com|3 Chalcot Square");
    assert_eq!(servers.database.value(customer).await, expected);
}

#[tokio::test]
async fn a_customer_without_an_address_has_an_empty_one() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let user = register(&billing.client, "ann").await;
    assert_eq!(user["address"], Value::Null);
    let address = "SELECT address FROM customers.customers";
    assert_eq!(servers.database.value(address).await, "");
}

#[tokio::test]
async fn a_name_or_an_email_is_taken_in_any_case_and_nothing_is_left_of_the_second_user() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    register(&billing.client, "ann").await;
    let mut same_name = registration("ANN");
    same_name["email"] = "other@example.com".into();
    let mut same_email = registration("other");
    same_email["email"] = "Ann@Example.com".into();
    for (body, detail) in [
        (same_name, "this username is taken"),
        (same_email, "this email is taken"),
    ] {
        let refused = billing.client.post("/api/users/register", &body).await;
        assert_eq!(refused.problem(409)["detail"], detail);
    }
    let rows = "SELECT concat_ws(' ', (SELECT count(*) FROM accounts.users), \
        (SELECT count(*) FROM accounts.sessions), (SELECT count(*) FROM customers.customers))";
    assert_eq!(servers.database.value(rows).await, "1 1 1");
}

#[tokio::test]
async fn fifty_registrations_of_a_name_at_once_make_one_user() {
    let servers = Servers::prepare().await;
    let (one, other) = (servers.start().await, servers.start().await);
    let mut registering = tokio::task::JoinSet::new();
    for number in 0..50 {
        let client = [&one, &other][number % 2].client.clone();
        let mut body = registration("ann");
        body["email"] = format!("ann{number}@example.com").into();
        registering.spawn(async move { client.post("/api/users/register", &body).await.status });
    }
    let statuses = registering.join_all().await;
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    // On a busy machine some of them wait too long for their turn.
    assert_eq!(
        (count(201), count(409) + count(503)),
        (1, 49),
        "{statuses:?}"
    );
    assert!(count(409) > 0, "{statuses:?}");
    let users = "SELECT count(*) FROM accounts.users";
    assert_eq!(servers.database.value(users).await, "1");
}

#[tokio::test]
async fn what_breaks_the_rules_is_named() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let long = |length| Value::from("a".repeat(length));
    for (field, value) in [
        ("username", "".into()),
        ("username", "a b".into()),
        ("username", "a\r\nx-user-id: 1".into()),
        ("username", "ann\u{0}".into()),
        ("username", long(65)),
        ("username", json!(7)),
        ("email", "ann".into()),
        ("email", "ann@example.com\r\nbcc: all@example.com".into()),
        ("email", "".into()),
        ("password", "1234567".into()),
        ("password", "\u{e9}".repeat(7).into()),
        ("password", long(129)),
        ("password", "Password1".into()),
        ("password", json!(12_345_678)),
        ("first_name", long(101)),
        ("last_name", long(101)),
        ("address", long(501)),
    ] {
        let mut body = registration("ann");
        body[field] = value;
        let refused = billing.client.post("/api/users/register", &body).await;
        let problem = refused.problem(422);
        let pointer = &problem["errors"][0]["pointer"];
        assert_eq!(pointer, &format!("/{field}"), "{body}");
    }
    for field in ["username", "email", "password"] {
        let mut body = registration("ann");
        body.as_object_mut().unwrap().remove(field);
        let refused = billing.client.post("/api/users/register", &body).await;
        refused.problem(422);
    }
    let users = "SELECT count(*) FROM accounts.users";
    assert_eq!(servers.database.value(users).await, "0");
}

#[tokio::test]
async fn a_long_password_of_any_characters_is_a_password() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let mut body = registration("ann");
    let password = "\u{1f37a}'".repeat(64);
    body["password"] = password.clone().into();
    let registered = billing.client.post("/api/users/register", &body).await;
    registered.json(201);
    login(&billing.client, "Ann", &password).await.json(200);
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_have_the_same_answer() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    register(&billing.client, "ann").await;
    let mut answers = Vec::new();
    for (name, password) in [
        ("ann", "wrong"),
        ("bob", "wrong"),
        ("", ""),
        ("bob", PASSWORD),
    ] {
        let answer = login(&billing.client, name, password).await;
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        let mut problem = answer.problem(401);
        problem.as_object_mut().unwrap().remove("request_id");
        answers.push((problem, answer.headers.len()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn whether_a_name_is_taken_is_told_in_any_case() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    register(&billing.client, "ann").await;
    let exists = async |query| {
        let path = format!("/api/users/exists{query}");
        billing.client.get(&path).await
    };
    assert_eq!(
        exists("?username=Ann").await.json(200),
        json!({ "exists": true })
    );
    exists("?username=bob").await.problem(404);
    exists("?username=").await.problem(404);
    exists("?username=ann%00").await.problem(400);
    exists("").await.problem(400);
}

/// Texts that would be statements or headers if anything took them for that.
const INJECTIONS: [&str; 5] = [
    "'; DROP SCHEMA accounts CASCADE; --",
    "' OR '1'='1",
    "ann' --",
    "$1; SELECT pg_sleep(10)",
    "x\r\nx-caller: operator\r\nx-user-id: 1",
];

#[tokio::test]
async fn a_statement_in_a_field_is_a_text() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    register(&billing.client, "ann").await;
    for (number, text) in INJECTIONS.into_iter().enumerate() {
        let mut body = registration(&format!("user{number}"));
        for field in ["password", "first_name", "last_name", "address"] {
            body[field] = format!("{text} {PASSWORD}").into();
        }
        let user = billing.client.post("/api/users/register", &body).await;
        assert_eq!(user.json(201)["address"], body["address"]);
        for name in [text, "ann"] {
            login(&billing.client, name, text).await.problem(401);
        }
        check(&billing.client, text).await.problem(404);
        let body = json!({ "token": text, "all": true });
        let logout = billing.client.post("/api/users/logout", &body).await;
        assert_eq!(logout.status, 204);
        let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let exists = format!("/api/users/exists?username={escaped}");
        billing.client.get(&exists).await.problem(404);
    }
    let left = "SELECT concat_ws(' ', (SELECT count(*) FROM accounts.users), \
        (SELECT count(*) FROM accounts.sessions))";
    assert_eq!(servers.database.value(left).await, "6 6");
}
