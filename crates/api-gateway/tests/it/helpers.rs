//! A served gateway, and a client that speaks in bytes.

use std::{net::SocketAddr, time::Duration};

use api_gateway::{
    Gateway, LIMITS,
    auth::Auth,
    proxy::{Upstream, Waits},
    publish::Payments,
};
use platform::{
    http::{self, Limits, server},
    runtime::Tasks,
};
use testing::{Client, TestBroker};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Nothing listens there: port 1 needs a privilege and has no service.
pub(crate) const NOBODY: u16 = 1;

pub(crate) const TOKEN: &str = "the-operators-token";

/// What a gateway is started with.
pub(crate) struct Setup {
    pub(crate) inventory: u16,
    pub(crate) billing: u16,
    pub(crate) token: &'static str,
    pub(crate) waits: Waits,
    pub(crate) limits: Limits,
    pub(crate) broker: broker::Settings,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            inventory: NOBODY,
            billing: NOBODY,
            token: "",
            waits: Waits::default(),
            limits: LIMITS,
            broker: broker::Settings {
                variables: "GATEWAY_AMQP",
                host: "127.0.0.1".into(),
                port: NOBODY,
                vhost: "/".into(),
                user: "nobody".into(),
                password: "".into(),
            },
        }
    }
}

/// A running gateway; it stops when it is dropped.
pub(crate) struct Served {
    pub(crate) client: Client,
    pub(crate) address: SocketAddr,
    _http: DropGuard,
    _publisher: DropGuard,
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

pub(crate) fn settings(broker: &TestBroker) -> broker::Settings {
    broker::Settings {
        variables: "GATEWAY_AMQP",
        host: broker.host.clone(),
        port: broker.port,
        vhost: broker.vhost.clone(),
        user: broker.user.clone(),
        password: broker.password.clone().into(),
    }
}

pub(crate) async fn serve(setup: Setup) -> Served {
    let output = Tasks::default();
    let upstream = |name, port| {
        Upstream::new(name, "127.0.0.1", port)
            .unwrap()
            .with_waits(setup.waits)
    };
    let gateway = Gateway {
        auth: Auth::new(&setup.token.into()),
        inventory: upstream("inventory-app", setup.inventory),
        billing: upstream("billing-app", setup.billing),
        payments: Payments::start(setup.broker, &output),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let guard = gateway.guard();
    let app = http::guarded_app(gateway.routes(), setup.limits, guard);
    tokio::spawn(server::serve(
        listener,
        app,
        setup.limits,
        stop.clone(),
        server::Accepting::default(),
    ));
    Served {
        client: Client::new(format!("http://{address}")),
        address,
        _http: stop.drop_guard(),
        _publisher: output.stop.drop_guard(),
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

/// The status of an answer in bytes; 0 when there is none.
pub(crate) fn status(answer: &str) -> u16 {
    let code = answer.split(' ').nth(1);
    code.and_then(|code| code.parse().ok()).unwrap_or(0)
}
