//! A process whose part has ended ends as a whole, in order and with an error.

use std::time::Duration;

use axum::Router;
use platform::{
    config::prefixed::Endpoint,
    health::Health,
    http::Options,
    runtime::{Bound, Runtime, RuntimeError, Tasks},
    telemetry::{Args, LogFormat},
};
use testing::Client;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

const SOON: Duration = Duration::from_secs(5);

async fn bind(runtime: Runtime) -> Bound {
    let endpoint = Endpoint {
        variables: "TEST",
        host: "127.0.0.1".into(),
        port: 0,
    };
    runtime.bind(&endpoint).await.unwrap()
}

/// The only test that may start a runtime: it takes the process's logs and signals.
#[tokio::test]
async fn a_task_that_has_ended_ends_the_service() {
    let args = Args {
        log: "off".into(),
        log_format: LogFormat::Text,
    };
    let bound = bind(Runtime::start(&args).unwrap()).await;
    bound.intake().spawn(
        "the part that is missing",
        sleep(Duration::from_millis(100)),
    );
    let finished = bound.output().stop.clone();
    let serving = bound.run(Router::new(), Health::default(), Options::default());
    let ended = timeout(SOON, serving.await.unwrap().until_stopped()).await;
    assert_eq!(
        ended.expect("it ends").unwrap_err().to_string(),
        "the part that is missing has ended; ending, so that the supervisor of this process starts it again"
    );
    assert!(finished.is_cancelled(), "the others were stopped");
}

#[tokio::test]
async fn a_service_answers_from_its_start_to_its_stop() {
    let running = bind(Runtime::embedded().unwrap())
        .await
        .run(Router::new(), Health::default(), Options::default())
        .await
        .unwrap();
    let address = running.address();
    let client = Client::new(format!("http://{address}"));
    let ready = client.get("/health/ready").await.json(200);
    assert_eq!(ready["status"], "ready", "{ready}");
    timeout(SOON, running.stop()).await.unwrap().unwrap();
    TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test]
async fn a_stop_ends_the_intake_before_the_output() {
    let bound = bind(Runtime::embedded().unwrap()).await;
    let (intake, output) = (bound.intake().clone(), bound.output().stop.clone());
    let stop = intake.stop.clone();
    let (told, order) = tokio::sync::oneshot::channel();
    intake.spawn("the last message", async move {
        stop.cancelled().await;
        sleep(Duration::from_millis(100)).await;
        let _ = told.send(output.is_cancelled());
    });
    let running = bound
        .run(Router::new(), Health::default(), Options::default())
        .await
        .unwrap();
    timeout(SOON, running.stop()).await.unwrap().unwrap();
    assert!(!order.await.unwrap(), "the output was stopped too early");
}

#[tokio::test]
async fn a_stop_ends_the_wait_for_what_is_needed() {
    let bound = bind(Runtime::embedded().unwrap()).await;
    bound.intake().stop.cancel();
    let waiting = std::future::pending::<Result<(), RuntimeError>>();
    let stopped = timeout(SOON, bound.prepare(waiting)).await.unwrap();
    assert!(matches!(
        stopped.unwrap_err().downcast_ref(),
        Some(RuntimeError::Stopped)
    ));
}

#[tokio::test]
async fn a_panic_is_a_failure_and_an_end_after_the_stop_is_none() {
    let tasks = Tasks::default();
    tasks.spawn("the orderly", {
        let stop = tasks.stop.clone();
        async move { stop.cancelled().await }
    });
    tasks.stop.cancel();
    tasks.tracker.close();
    timeout(SOON, tasks.tracker.wait()).await.unwrap();
    assert_eq!(tasks.failure(), None);

    let tasks = Tasks::default();
    tasks.spawn("the clumsy", async { panic!("a mistake") });
    tasks.tracker.close();
    timeout(SOON, tasks.tracker.wait()).await.unwrap();
    assert_eq!(tasks.failure(), Some("the clumsy panicked"));
}
