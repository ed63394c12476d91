//! One part is down: a clear answer in time, and back by itself.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testing::Answer;

use crate::{
    parts::{billing, gateway, inventory, pid, service, signal, until, until_all_ready},
    report::Explain,
};

const ABSENT: &[u16] = &[502, 503];

fn payment() -> Value {
    json!({ "user_id": "outage", "number_of_items": 1, "total_amount": "0.01" })
}

/// The answer is one of `statuses`, a complete problem, and came within `limit`.
async fn fails_within(limit: Duration, statuses: &[u16], request: impl Future<Output = Answer>) {
    let begin = Instant::now();
    let answer = request.await;
    assert!(begin.elapsed() < limit, "{:?}: {answer:?}", begin.elapsed());
    assert!(statuses.contains(&answer.status), "{answer:?}");
    answer.problem(answer.status);
}

#[tokio::test]
async fn without_the_inventory_movies_fail_fast_and_payments_go_on() {
    let _explain = Explain;
    let gateway = gateway();
    service("kill", "inventory-app").await;
    fails_within(Duration::from_secs(1), ABSENT, gateway.get("/api/movies")).await;
    gateway.post("/api/billing", &payment()).await.json(200);
    service("start", "inventory-app").await;
    gateway.get("/api/movies").await.json(200);
    until_all_ready().await;
}

#[tokio::test]
async fn without_the_broker_payments_fail_in_time_and_are_taken_soon_after_its_return() {
    let _explain = Explain;
    let gateway = gateway();
    service("kill", "rabbitmq").await;
    let limit = Duration::from_millis(2_200);
    fails_within(limit, &[503], gateway.post("/api/billing", &payment())).await;
    gateway.get("/api/movies").await.json(200);
    service("start", "rabbitmq").await;
    let back = until(
        async || gateway.post("/api/billing", &payment()).await.status == 200,
        "it is taken again",
    )
    .await;
    assert!(
        back < Duration::from_secs(2),
        "{back:?} after the broker's return"
    );
    until_all_ready().await;
}

#[tokio::test]
async fn without_the_database_reads_fail_in_time_and_come_back_by_themselves() {
    let _explain = Explain;
    let gateway = gateway();
    service("kill", "postgres").await;
    for path in ["/api/movies", "/api/billing"] {
        fails_within(Duration::from_secs(2), &[503], gateway.get(path)).await;
    }
    gateway.post("/api/billing", &payment()).await.json(200);
    service("start", "postgres").await;
    for path in ["/api/movies", "/api/billing"] {
        let back = until(
            async || gateway.get(path).await.status == 200,
            "it reads again",
        )
        .await;
        assert!(back < Duration::from_secs(2), "{path}: {back:?}");
    }
    until_all_ready().await;
}

/// A frozen server is worse than a dead one: it accepts and says nothing, and its own timers stand still.
#[tokio::test]
async fn a_frozen_database_is_a_503_in_time_and_forgotten_when_it_thaws() {
    let _explain = Explain;
    let gateway = gateway();
    gateway.get("/api/movies").await.json(200);
    signal("-STOP", "postgres");
    for _ in 0..3 {
        fails_within(Duration::from_secs(2), &[503], gateway.get("/api/movies")).await;
    }
    signal("-CONT", "postgres");
    let back = until(
        async || gateway.get("/api/movies").await.status == 200,
        "it reads again",
    )
    .await;
    assert!(back < Duration::from_secs(2), "{back:?}");
    until_all_ready().await;
}

/// Its connections stay open; only the missing answer to a look tells.
#[tokio::test]
async fn a_frozen_broker_is_down_within_five_seconds_everywhere() {
    let _explain = Explain;
    until_all_ready().await;
    signal("-STOP", "rabbitmq");
    let begin = Instant::now();
    for (name, service) in [
        ("the billing", billing()),
        ("the inventory", inventory()),
        ("the gateway", gateway()),
    ] {
        let down = async || {
            let health = service.get("/health/ready").await;
            let health: Value = serde_json::from_slice(&health.body).unwrap();
            health["checks"]["broker"]["status"] == "down"
        };
        until(down, "the broker is down").await;
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "{name}: {:?}",
            begin.elapsed()
        );
    }
    signal("-CONT", "rabbitmq");
    until_all_ready().await;
    gateway().post("/api/billing", &payment()).await.json(200);
}

/// The billing's memory after lost connections is measured in its own tests.
#[tokio::test]
async fn services_run_with_what_makes_glibc_give_memory_back() {
    for name in ["api-gateway", "inventory-app", "billing-app"] {
        let environment = format!("/proc/{}/environ", pid(name).trim());
        let environment = std::fs::read_to_string(environment).unwrap();
        assert!(environment.contains("MALLOC_MMAP_THRESHOLD_="), "{name}");
    }
}
