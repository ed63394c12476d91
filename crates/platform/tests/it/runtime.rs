//! A process whose part has ended ends as a whole, in order and with an error.

use std::time::Duration;

use axum::Router;
use platform::{
    health::Health,
    http::Limits,
    runtime::{Address, Runtime, Tasks},
    telemetry::{Args, LogFormat},
};
use tokio::time::{sleep, timeout};

const SOON: Duration = Duration::from_secs(5);

/// The only test that may start a runtime: it takes the process's logs, metrics and signals.
#[tokio::test]
async fn a_task_that_has_ended_ends_the_service() {
    let args = Args {
        log: "off".into(),
        log_format: LogFormat::Text,
    };
    let runtime = Runtime::start(&args).unwrap();
    runtime.intake.spawn(
        "the part that is missing",
        sleep(Duration::from_millis(100)),
    );
    let finished = runtime.output.stop.clone();
    let address = Address {
        variables: "TEST",
        host: "127.0.0.1",
        port: 0,
    };
    let serving = runtime.serve(address, Router::new(), Health::default(), Limits::default());
    let ended = timeout(SOON, serving).await.expect("it ends").unwrap_err();
    assert_eq!(
        ended.to_string(),
        "the part that is missing has ended; ending, so that the supervisor of this process starts it again"
    );
    assert!(finished.is_cancelled(), "the others were stopped");
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
