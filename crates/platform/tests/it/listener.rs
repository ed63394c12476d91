//! A listener that does not accept is known to those whose connections are kept alive.

use std::time::Duration;

use axum::{Router, routing::get};
use platform::http::{
    App, Limits, Options,
    server::{Accepting, serve},
    workers::Workers,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn when_as_many_connections_are_open_as_may_be_it_is_not_ready() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let (accepting, stop) = (Accepting::default(), CancellationToken::new());
    let _stop = stop.clone().drop_guard();
    let options = Options {
        limits,
        ..Options::default()
    };
    let app = App::new(Router::new().route("/", get(async || "")), options);
    let workers = Workers::start().unwrap();
    let serving = serve(listener, app, limits, workers, stop, accepting.clone());
    tokio::spawn(serving);
    let until = async |wanted: bool| {
        let reached = async {
            while accepting.ready().is_ok() != wanted {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(5), reached)
            .await
            .expect("in time");
    };
    let first = TcpStream::connect(address).await.unwrap();
    until(true).await;
    let _second = TcpStream::connect(address).await.unwrap();
    until(false).await;
    let told = accepting.ready().unwrap_err();
    assert_eq!(told, "as many connections are open as may be");
    drop(first);
    until(true).await;
}
