//! Faults under load, single and in pairs. After each, the ledger must balance to the last payment.
//!
//! Pairs are here because an acknowledgement before the commit survives every single fault: it takes a killed
//! consumer while the database is away to lose what it took too early.

use testing::Busy;

use crate::{
    ledger::Load,
    parts::{service, signal, until_all_ready},
    report::Explain,
};

#[tokio::test]
async fn a_broker_restart_under_load_loses_nothing() {
    let _explain = Explain;
    let load = Load::start().await;
    load.phase("before").await;
    service("restart", "rabbitmq").await;
    until_all_ready().await;
    load.phase("after").await;
    load.judge(&["before", "after"]).await;
}

#[tokio::test]
async fn a_killed_broker_under_load_loses_nothing() {
    let _explain = Explain;
    kill_the_broker().await;
}

#[tokio::test]
async fn a_killed_broker_under_load_on_busy_cpus_loses_nothing() {
    let _explain = Explain;
    let _busy = Busy::start();
    kill_the_broker().await;
}

async fn kill_the_broker() {
    let load = Load::start().await;
    load.phase("before").await;
    service("kill", "rabbitmq").await;
    service("start", "rabbitmq").await;
    until_all_ready().await;
    load.phase("after").await;
    load.judge(&["before", "after"]).await;
}

#[tokio::test]
async fn a_database_restart_under_load_loses_nothing() {
    let _explain = Explain;
    let load = Load::start().await;
    load.phase("before").await;
    service("stop", "postgres").await;
    load.phase("without the database").await;
    service("start", "postgres").await;
    until_all_ready().await;
    load.phase("after").await;
    load.judge(&["before", "without the database", "after"])
        .await;
}

#[tokio::test]
async fn a_billing_killed_while_the_database_is_killed_loses_nothing() {
    let _explain = Explain;
    kill_the_billing_without_a_database().await;
}

#[tokio::test]
async fn a_billing_killed_while_the_database_is_killed_on_busy_cpus_loses_nothing() {
    let _explain = Explain;
    let _busy = Busy::start();
    kill_the_billing_without_a_database().await;
}

async fn kill_the_billing_without_a_database() {
    let load = Load::start().await;
    load.phase("before").await;
    service("kill", "postgres").await;
    load.phase("without the database").await;
    service("kill", "billing-app").await;
    load.phase("without both").await;
    service("start", "postgres").await;
    service("start", "billing-app").await;
    until_all_ready().await;
    load.phase("after").await;
    load.judge(&["before", "without the database", "without both", "after"])
        .await;
}

#[tokio::test]
async fn a_frozen_billing_and_then_a_killed_broker_lose_nothing() {
    let _explain = Explain;
    freeze_the_billing_and_kill_the_broker().await;
}

#[tokio::test]
async fn a_frozen_billing_and_then_a_killed_broker_on_busy_cpus_lose_nothing() {
    let _explain = Explain;
    let _busy = Busy::start();
    freeze_the_billing_and_kill_the_broker().await;
}

async fn freeze_the_billing_and_kill_the_broker() {
    let load = Load::start().await;
    load.phase("before").await;
    signal("-STOP", "billing-app");
    load.phase("billing frozen").await;
    service("kill", "rabbitmq").await;
    signal("-CONT", "billing-app");
    service("start", "rabbitmq").await;
    until_all_ready().await;
    load.phase("after").await;
    load.judge(&["before", "billing frozen", "after"]).await;
}

#[tokio::test]
async fn an_inventory_killed_while_the_database_is_killed_loses_nothing() {
    let _explain = Explain;
    let load = Load::start().await;
    load.phase("before").await;
    service("kill", "postgres").await;
    load.phase("without the database").await;
    service("kill", "inventory-app").await;
    load.phase("without both").await;
    service("start", "postgres").await;
    service("start", "inventory-app").await;
    until_all_ready().await;
    load.phase("after").await;
    load.judge(&["before", "without the database", "without both", "after"])
        .await;
}

#[tokio::test]
async fn a_frozen_inventory_and_then_a_killed_broker_lose_nothing() {
    let _explain = Explain;
    let load = Load::start().await;
    load.phase("before").await;
    signal("-STOP", "inventory-app");
    load.phase("inventory frozen").await;
    service("kill", "rabbitmq").await;
    signal("-CONT", "inventory-app");
    service("start", "rabbitmq").await;
    until_all_ready().await;
    load.phase("after").await;
    load.judge(&["before", "inventory frozen", "after"]).await;
}

#[tokio::test]
async fn a_killed_gateway_under_load_loses_nothing_that_it_promised() {
    let _explain = Explain;
    let load = Load::start().await;
    load.phase("before").await;
    service("kill", "api-gateway").await;
    service("start", "api-gateway").await;
    load.phase("after").await;
    load.judge(&["before", "after"]).await;
}
