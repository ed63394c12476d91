//! Who waits for the database does not keep others from it.

use std::time::{Duration, Instant};

use billing_app::Limits;
use futures_util::future::join_all;
use serde_json::json;
use testing::Client;
use uuid::Uuid;

use crate::{
    helpers::{Servers, outcome, start},
    shop::{Shop, lines},
};

/// What an undisturbed request may take in the median, on a machine that runs other tests.
const LIMIT: Duration = Duration::from_millis(100);

/// How long it takes in the median to find that there is no such payment.
async fn median_of_a_request(client: &Client) -> Duration {
    let mut times = Vec::new();
    while times.len() < 9 {
        let asked = Instant::now();
        let path = format!("/api/billing/{}", Uuid::new_v4());
        client.get(&path).await.problem(404);
        times.push(asked.elapsed());
    }
    times.sort();
    times[4]
}

#[tokio::test]
async fn a_batch_that_waits_keeps_no_request_waiting() {
    let servers = Servers::prepare().await;
    let one = servers.config_with("orders-db-pool", "1", &["serve"]);
    let billing = start(&one, &Limits::default()).await.unwrap();
    let holder = servers.database.connect().await;
    let lock = "BEGIN; LOCK TABLE orders IN EXCLUSIVE MODE";
    holder.batch_execute(lock).await.unwrap();
    let id = servers.queue("3").await;
    servers.until_waiting(1).await;
    let median = median_of_a_request(&billing.client).await;
    holder.batch_execute("ROLLBACK").await.unwrap();
    outcome(&billing, &id.to_string()).await;
    assert!(median < LIMIT, "{median:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_changes_of_one_order_keep_no_other_user_waiting_and_none_is_lost() {
    let shop = Shop::open_http().await;
    let user = shop.user();
    let before = lines(&user.add("ipa", 1).await)[0].1;
    let holder = shop.servers.database.connect().await;
    let lock = format!(
        "BEGIN; SELECT FROM orders.orders WHERE user_id = '{}' FOR UPDATE",
        user.id
    );
    holder.batch_execute(&lock).await.unwrap();
    let changes = (0..100).map(|_| user.put("ipa", json!(1)));
    let watch = async {
        shop.servers.until_waiting(1).await;
        let median = median_of_a_request(&shop.billing.client).await;
        holder.batch_execute("ROLLBACK").await.unwrap();
        median
    };
    let (answers, median) = tokio::join!(join_all(changes), watch);
    assert!(median < LIMIT, "{median:?}");
    let done = answers.iter().filter(|answer| answer.status == 201).count();
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.problem(503);
        assert_eq!(refused.header("retry-after"), "1");
    }
    assert!(done > 0);
    let after = lines(&user.current().await)[0].1;
    assert_eq!(usize::try_from(after - before).unwrap(), done);
}
