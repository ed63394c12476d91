//! kill -9 of the real program, at the worst moments.

use std::process::{Child, Command, Stdio};

use testing::{
    Client, Relay,
    relay::{Ending, Protocol},
    until,
};
use tokio::net::TcpListener;

use crate::helpers::{DEAD, QUEUE, Servers};

/// The billing as a process of its own; killed at the latest when the test ends.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    async fn start(servers: &Servers, amqp_port: u16) -> Self {
        let port = free_port().await;
        let child = program(servers, amqp_port, port).spawn().unwrap();
        let process = Self(child);
        let client = Client::new(format!("http://127.0.0.1:{port}"));
        until(async || is_ready(&client).await, "the billing is ready").await;
        process
    }

    /// SIGKILL: no handler, no drain, no goodbye.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program with its settings in the environment, as pm2 or systemd would start it.
pub(crate) fn program(servers: &Servers, amqp_port: u16, http_port: u16) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_billing-app"));
    let (database, broker) = (&servers.database, &servers.broker);
    program
        .env_clear()
        .env("BILLING_APP_HOST", "127.0.0.1")
        .env("BILLING_APP_PORT", http_port.to_string())
        .env("INVENTORY_APP_HOST", "127.0.0.1")
        .env("INVENTORY_APP_PORT", servers.inventory_port.to_string())
        .env("ORDERS_DB_HOST", &database.host)
        .env("ORDERS_DB_PORT", database.port.to_string())
        .env("ORDERS_DB_NAME", &database.name)
        .env("ORDERS_DB_USER", &database.user)
        .env("ORDERS_DB_PASSWORD", &database.password)
        .env("AMQP_HOST", &broker.host)
        .env("AMQP_PORT", amqp_port.to_string())
        .env("AMQP_VHOST", &broker.vhost)
        .env("BILLING_AMQP_USER", &broker.user)
        .env("BILLING_AMQP_PASSWORD", &broker.password)
        .stderr(Stdio::null());
    program
}

/// A port that was free a moment ago.
pub(crate) async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

pub(crate) async fn is_ready(client: &Client) -> bool {
    let answer = client.request("GET", "/health/ready").send().await;
    answer.is_ok_and(|answer| answer.status() == 200)
}

/// The acknowledgement is held back on its way, so the kill falls between the commit and the ack.
#[tokio::test]
async fn a_kill_between_commit_and_ack_makes_no_second_row() {
    let servers = Servers::prepare().await;
    let relay = Relay::start(Protocol::Amqp, &servers.broker.host, servers.broker.port);
    let mut billing = Process::start(&servers, relay.port).await;
    relay.end(Ending::Mute);
    for number in 0..20 {
        servers.queue(&number.to_string()).await;
    }
    servers.until_orders(20).await;
    billing.kill();

    let again = Process::start(&servers, servers.broker.port).await;
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
        let mut billing = Process::start(&servers, servers.broker.port).await;
        for number in 0..100 {
            servers.queue(&format!("{round}-{number}")).await;
        }
        billing.kill();
    }
    let _billing = Process::start(&servers, servers.broker.port).await;
    servers.until_orders(400).await;
}
