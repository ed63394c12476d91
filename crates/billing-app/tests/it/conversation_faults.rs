//! The conversation when something dies in the middle of it.

use std::time::Duration;

use messages::{customers::CustomerRequest, orders::OrderCreate, shippings::Outcome};
use testing::{
    Process, Relay, free_port,
    relay::{Ending, Protocol},
};

use crate::{
    conversation_helpers::{PARTS, order, short},
    crash::program,
    helpers::Servers,
};

/// Some parts as a process of their own.
async fn start(servers: &Servers, amqp_port: u16, parts: &str) -> Process {
    let only = |port| {
        let mut program = program(servers, amqp_port, port);
        program.args(["serve", "--only", parts]);
        program
    };
    Process::start(only).await
}

/// A consumer is killed after its commit, while its acknowledgement is held back on the way; the others go on,
/// so that every shipping ends before the consumer is back.
async fn killed_before_its_acknowledgement(part: &str) {
    let servers = Servers::prepare_shop().await;
    let customer = servers.add_customer().await;
    let others: Vec<_> = PARTS.split(',').filter(|other| *other != part).collect();
    let others = others.join(",");
    let _others = servers.start_parts(&["--only", &others]).await.unwrap();
    let relay = Relay::start(Protocol::Amqp, &servers.broker.host, servers.broker.port);
    let mut consumer = start(&servers, relay.port, part).await;
    relay.end(Ending::Mute);
    let orders: Vec<_> = (0..20).map(|_| order(customer)).collect();
    for order in &orders {
        servers.send_order(order).await;
    }
    servers.until_shippings("SUCCESS", 20).await;
    consumer.kill();

    let again = start(&servers, servers.broker.port, part).await;
    servers
        .until_settled(&["orders_create", "customers_request", "customers_detail"])
        .await;
    let told = servers.told().await;
    assert_eq!(told.len(), 20);
    for ends in told.values() {
        // An order that asks again hears the end again; nothing else is repeated.
        let most = if part == "shippings" { 2 } else { 1 };
        assert!(ends.len() <= most, "{ends:?}");
        assert!(ends.iter().all(|end| *end == Outcome::Success), "{ends:?}");
    }
    for queue in ["orders_create", "customers_request", "customers_detail"] {
        assert_eq!(servers.dead_letters(queue).await, [], "{queue}");
    }
    drop(again);
}

#[tokio::test]
async fn a_kill_of_the_shippings_between_commit_and_ack_opens_nothing_twice() {
    killed_before_its_acknowledgement("shippings").await;
}

#[tokio::test]
async fn a_kill_of_the_customers_between_commit_and_ack_ends_nothing_twice() {
    killed_before_its_acknowledgement("customers").await;
}

#[tokio::test]
async fn a_kill_of_the_details_between_commit_and_ack_says_nothing_twice() {
    killed_before_its_acknowledgement("shippings-detail").await;
}

#[tokio::test]
async fn kills_of_everything_under_load_end_each_order_once() {
    let servers = Servers::prepare_shop().await;
    let customer = servers.add_customer().await;
    let mut orders = Vec::new();
    for _ in 0..4 {
        let mut billing = start(&servers, servers.broker.port, PARTS).await;
        for _ in 0..40 {
            let order = order(customer);
            servers.send_order(&order).await;
            orders.push(order);
        }
        billing.kill();
    }
    let _billing = start(&servers, servers.broker.port, PARTS).await;
    servers.until_shippings("SUCCESS", 160).await;
    servers
        .until_settled(&["orders_create", "customers_request", "customers_detail"])
        .await;
    let told = servers.told().await;
    for OrderCreate { order_id, .. } in &orders {
        assert!(told[order_id].iter().all(|end| *end == Outcome::Success));
    }
    assert_eq!(told.len(), orders.len());
}

/// An outage of the broker must not fail what could not be asked.
#[tokio::test]
async fn while_the_broker_is_away_no_time_is_counted() {
    let servers = Servers::prepare_shop().await;
    let amqp_port = free_port();
    let customer = servers.add_customer().await;
    let order = order(customer);
    let parts = ["--only", "outbox,shippings"];
    let opening = servers.start_parts(&parts).await.unwrap();
    servers.send_order(&order).await;
    let asked = servers.take::<CustomerRequest>(1).await;
    opening.stop().await;

    let only = ["--only", "outbox,shippings-timer"];
    let mut limits = short();
    limits.shippings.answer = Duration::from_secs(3);
    let timer = servers.start_at(amqp_port, &only, &limits).await;
    let overdue = "UPDATE shippings.shippings SET ask_again_at = now() - interval '1 hour'";
    servers.database.execute(overdue).await;
    // Long enough for many rounds.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(servers.shipping(&order).await.2, 1);

    let relay = Relay::start_at(
        amqp_port,
        Protocol::Amqp,
        &servers.broker.host,
        servers.broker.port,
    );
    let again = servers.take::<CustomerRequest>(1).await;
    assert_eq!(asked[0].1, again[0].1);
    assert_ne!(asked[0].0, again[0].0);
    assert_eq!(servers.shipping(&order).await.2, 2);
    timer.stop().await;
    drop(relay);
}

/// A shipping that was asked for by these parts; its last question is not answered yet, and overdue.
async fn asked_for_the_last_time(servers: &Servers, parts: &str) -> OrderCreate {
    let order = order(servers.add_customer().await);
    let opening = servers.start_parts(&["--only", parts]).await.unwrap();
    servers.send_order(&order).await;
    servers.until_shippings("PROCESSING", 1).await;
    if parts.contains("outbox") {
        servers.until_settled(&["orders_create"]).await;
    }
    opening.stop().await;
    let last = "UPDATE shippings.shippings SET asks = 3, ask_again_at = now() - interval '1 hour', \
        created_at = now() - interval '1 hour'";
    servers.database.execute(last).await;
    order
}

/// Timers that give an answer so much time.
fn lenient() -> billing_app::Limits {
    let mut limits = short();
    limits.shippings.answer = Duration::from_secs(3);
    limits.timers.outbox = Duration::from_millis(100);
    limits
}

/// The question is in the broker, and nobody can read it there.
#[tokio::test]
async fn after_an_outage_of_the_broker_the_last_question_can_still_be_answered() {
    let servers = Servers::prepare_shop().await;
    asked_for_the_last_time(&servers, "outbox,shippings").await;
    let amqp_port = free_port();
    let only = ["--only", PARTS];
    let billing = servers.start_at(amqp_port, &only, &lenient()).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let (host, port) = (&servers.broker.host, servers.broker.port);
    let _relay = Relay::start_at(amqp_port, Protocol::Amqp, host, port);
    servers.until_shippings("SUCCESS", 1).await;
    billing.stop().await;
}

/// The question is in the outbox, and nobody sends it.
#[tokio::test]
async fn what_was_never_sent_is_not_given_up() {
    let servers = Servers::prepare_shop().await;
    asked_for_the_last_time(&servers, "shippings").await;
    let others = ["--only", "customers,shippings-detail,shippings-timer"];
    let _others = servers.start_within(&others, &lenient()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(servers.count_shippings("status = 'PROCESSING'").await, 1);
    let _outbox = servers.start_parts(&["--only", "outbox"]).await.unwrap();
    servers.until_shippings("SUCCESS", 1).await;
}
