//! kill -9 of the real program, at the worst moments.

use std::process::{Command, Stdio};

use testing::{
    Process, Relay,
    relay::{Ending, Protocol},
    settings::variables,
    until,
};

use crate::helpers::{DEAD, QUEUE, Servers};

async fn start(servers: &Servers, amqp_port: u16) -> Process {
    Process::start(|port| program(servers, amqp_port, port)).await
}

/// The program with its settings in the environment.
pub(crate) fn program(servers: &Servers, amqp_port: u16, http_port: u16) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_billing-app"));
    let settings = servers.settings(amqp_port, http_port);
    program
        .env_clear()
        .envs(variables(settings))
        .stderr(Stdio::null());
    program
}

/// The acknowledgement is held back on its way, so the kill falls between the commit and the ack.
#[tokio::test]
async fn a_kill_between_commit_and_ack_makes_no_second_row() {
    let servers = Servers::prepare().await;
    let relay = Relay::start(Protocol::Amqp, &servers.broker.host, servers.broker.port);
    let mut billing = start(&servers, relay.port).await;
    relay.end(Ending::Mute);
    for number in 0..20 {
        servers.queue(&number.to_string()).await;
    }
    servers.until_orders(20).await;
    billing.kill();

    let again = start(&servers, servers.broker.port).await;
    until(
        async || servers.broker.peek(QUEUE).await.is_empty(),
        "the queue is empty",
    )
    .await;
    servers.until_orders(20).await;
    drop(again);
    assert!(
        servers.broker.drain(QUEUE).await.is_empty(),
        "all were acknowledged"
    );
    assert!(servers.broker.drain(DEAD).await.is_empty());
}

#[tokio::test]
async fn kills_under_load_lose_nothing_and_double_nothing() {
    let servers = Servers::prepare().await;
    for round in 0..4 {
        let mut billing = start(&servers, servers.broker.port).await;
        for number in 0..100 {
            servers.queue(&format!("{round}-{number}")).await;
        }
        billing.kill();
    }
    let _billing = start(&servers, servers.broker.port).await;
    servers.until_orders(400).await;
}
