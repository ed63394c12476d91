//! A gateway, started as the program starts it, and a client that speaks in bytes.

use std::{net::SocketAddr, time::Duration};

use api_gateway::{LIMITS, config::Config, proxy::Waits, rates::Allowances};
use clap::Parser;
use platform::{
    http::Limits,
    runtime::{Running, Runtime},
};
use testing::{Client, TestBroker};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Nothing listens there: port 1 needs a privilege and has no service.
pub(crate) const NOBODY: u16 = 1;

pub(crate) const TOKEN: &str = "the-operators-token";

/// The key of derived ids.
pub(crate) const SECRET: &str = "the-idempotency-secret";

/// What a gateway is started with.
pub(crate) struct Setup {
    pub(crate) inventory: u16,
    pub(crate) billing: u16,
    pub(crate) token: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) waits: Waits,
    pub(crate) limits: Limits,
    pub(crate) allowances: Allowances,
    pub(crate) broker: BrokerArguments,
}

/// The arguments that name a broker.
pub(crate) struct BrokerArguments(Vec<String>);

impl Default for Setup {
    fn default() -> Self {
        Self {
            inventory: NOBODY,
            billing: NOBODY,
            token: "",
            secret: SECRET,
            waits: Waits::default(),
            limits: LIMITS,
            allowances: Allowances::default(),
            broker: broker_arguments("127.0.0.1", NOBODY, "/", "nobody", "nothing"),
        }
    }
}

/// A running gateway.
pub(crate) struct Served {
    pub(crate) client: Client,
    pub(crate) address: SocketAddr,
    pub(crate) running: Running,
}

/// In front of an inventory at this port.
pub(crate) async fn before(inventory: u16) -> Served {
    serve(Setup {
        inventory,
        ..Setup::default()
    })
    .await
}

/// Publishing to this broker, once it is connected.
pub(crate) async fn publishing_to(broker: &TestBroker) -> Served {
    serve(Setup {
        broker: settings(broker),
        ..Setup::default()
    })
    .await
}

pub(crate) fn settings(broker: &TestBroker) -> BrokerArguments {
    let TestBroker { host, vhost, .. } = broker;
    broker_arguments(host, broker.port, vhost, &broker.user, &broker.password)
}

pub(crate) fn broker_arguments(
    host: &str,
    port: u16,
    vhost: &str,
    user: &str,
    password: &str,
) -> BrokerArguments {
    BrokerArguments(vec![
        format!("--amqp-host={host}"),
        format!("--amqp-port={port}"),
        format!("--amqp-vhost={vhost}"),
        format!("--gateway-amqp-user={user}"),
        format!("--gateway-amqp-password={password}"),
    ])
}

pub(crate) async fn serve(setup: Setup) -> Served {
    let arguments = [
        "api-gateway".to_owned(),
        "--api-gateway-host=127.0.0.1".to_owned(),
        "--api-gateway-port=0".to_owned(),
        "--inventory-app-host=127.0.0.1".to_owned(),
        format!("--inventory-app-port={}", setup.inventory),
        "--billing-app-host=127.0.0.1".to_owned(),
        format!("--billing-app-port={}", setup.billing),
        format!("--operator-token={}", setup.token),
        format!("--idempotency-secret={}", setup.secret),
    ];
    let arguments = arguments.into_iter().chain(setup.broker.0);
    let config = Config {
        waits: setup.waits,
        limits: setup.limits,
        allowances: setup.allowances,
        ..Config::try_parse_from(arguments).unwrap()
    };
    let runtime = Runtime::embedded().unwrap();
    let running = api_gateway::start(&config, runtime).await.unwrap();
    let address = running.address();
    Served {
        client: Client::new(format!("http://{address}")),
        address,
        running,
    }
}

/// Sends bytes on a connection of their own and reads until the gateway closes it.
pub(crate) async fn raw(gateway: &Served, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(bytes.as_ref()).await.unwrap();
    rest(&mut stream).await
}

/// What comes until the end of the connection, within 10 s.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    assert!(
        read.is_ok(),
        "still open after {:?}",
        String::from_utf8_lossy(&answer)
    );
    String::from_utf8_lossy(&answer).into_owned()
}

/// A path of the table with 7 for each `{...}`.
pub(crate) fn concrete(path: &str) -> String {
    let segments = path.split('/');
    let concrete = segments.map(|segment| {
        if segment.starts_with('{') {
            "7"
        } else {
            segment
        }
    });
    concrete.collect::<Vec<_>>().join("/")
}

/// The status of an answer in bytes; 0 when there is none.
pub(crate) fn status(answer: &str) -> u16 {
    let code = answer.split(' ').nth(1);
    code.and_then(|code| code.parse().ok()).unwrap_or(0)
}
