//! kill -9 of the real program, at the worst moments.

use std::process::{Child, Command, Stdio};

use testing::{
    Client, Relay,
    relay::{Ending, Protocol},
};
use tokio::net::TcpListener;

use crate::helpers::{DEAD, Ground, QUEUE, until};

/// The billing as a process of its own; killed at the latest when the test ends.
struct Process(Child);

impl Process {
    async fn start(ground: &Ground, amqp_port: u16) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = program(ground, amqp_port, port).spawn().unwrap();
        let process = Self(child);
        let client = Client::new(format!("http://127.0.0.1:{port}"));
        until(async || is_ready(&client).await, "the billing is ready").await;
        process
    }

    /// SIGKILL: no handler, no drain, no goodbye.
    fn kill(&mut self) {
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
pub(crate) fn program(ground: &Ground, amqp_port: u16, http_port: u16) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_billing-app"));
    let (database, broker) = (&ground.database, &ground.broker);
    program
        .env_clear()
        .env("BILLING_APP_HOST", "127.0.0.1")
        .env("BILLING_APP_PORT", http_port.to_string())
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

async fn is_ready(client: &Client) -> bool {
    let answer = client.request("GET", "/health/ready").send().await;
    answer.is_ok_and(|answer| answer.status() == 200)
}

/// The acknowledgement is held back on its way, so the kill falls between the commit and the ack.
#[tokio::test]
async fn a_kill_between_commit_and_ack_makes_no_second_row() {
    let ground = Ground::prepare().await;
    let relay = Relay::start(Protocol::Amqp, &ground.broker.host, ground.broker.port);
    let mut billing = Process::start(&ground, relay.port).await;
    relay.end(Ending::Mute);
    for number in 0..20 {
        ground.queue(&number.to_string()).await;
    }
    ground.until_orders(20).await;
    billing.kill();

    let again = Process::start(&ground, ground.broker.port).await;
    until(
        async || ground.broker.peek(QUEUE).await.is_empty(),
        "the queue is empty",
    )
    .await;
    ground.until_orders(20).await;
    drop(again);
    assert!(
        ground.broker.drain(QUEUE).await.is_empty(),
        "all were acknowledged"
    );
    assert!(ground.broker.drain(DEAD).await.is_empty());
}

#[tokio::test]
async fn kills_under_load_lose_nothing_and_double_nothing() {
    let ground = Ground::prepare().await;
    for round in 0..4 {
        let mut billing = Process::start(&ground, ground.broker.port).await;
        for number in 0..100 {
            ground.queue(&format!("{round}-{number}")).await;
        }
        billing.kill();
    }
    let _billing = Process::start(&ground, ground.broker.port).await;
    ground.until_orders(400).await;
}
