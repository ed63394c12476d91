//! A crash between the confirm and the commit: all is sent again, under the same ids.

use std::future::pending;

use tokio::runtime::Runtime;

use crate::helpers::{LIMITS, Moment, Process, Servers, new_ids, set};

/// A process in a runtime of its own: it ends at once, as with SIGKILL, and its connections are closed.
struct Killable(Runtime);

impl Killable {
    fn start(servers: &Servers) -> Self {
        let runtime = Runtime::new().unwrap();
        let (database, broker) = (servers.database_settings(), servers.broker_settings());
        runtime.spawn(async move {
            let _process = Process::start(&database, broker, LIMITS);
            pending::<()>().await;
        });
        Self(runtime)
    }

    fn kill(self) {
        self.0.shutdown_background();
    }
}

#[tokio::test]
async fn a_process_that_is_killed_between_confirm_and_delete_loses_nothing() {
    killed_before(Moment::Delete).await;
}

#[tokio::test]
async fn a_process_that_is_killed_between_delete_and_commit_loses_nothing() {
    killed_before(Moment::Commit).await;
}

async fn killed_before(moment: Moment) {
    let servers = Servers::prepare().await;
    let ids = new_ids(10);
    servers.fill(&ids).await;
    let stopped = servers.stop_before(moment).await;
    let process = Killable::start(&servers);
    servers.until_stopped().await;
    process.kill();
    servers.end_stopped().await;
    stopped.go_on().await;

    let _next = servers.start(LIMITS);
    servers.until_left(0).await;
    let taken = servers.take_ids().await;
    assert_eq!(set(&taken), set(&ids));
    assert_eq!(taken.len(), 2 * ids.len(), "each twice");
}

#[tokio::test]
async fn a_session_that_ends_between_confirm_and_delete_loses_nothing() {
    session_ends_before(Moment::Delete).await;
}

#[tokio::test]
async fn a_session_that_ends_between_delete_and_commit_loses_nothing() {
    session_ends_before(Moment::Commit).await;
}

/// The same process goes on.
async fn session_ends_before(moment: Moment) {
    let servers = Servers::prepare().await;
    let ids = new_ids(10);
    servers.fill(&ids).await;
    let stopped = servers.stop_before(moment).await;
    let process = servers.start(LIMITS);
    servers.until_stopped().await;
    servers.end_stopped().await;
    stopped.go_on().await;

    servers.until_left(0).await;
    let taken = servers.take_ids().await;
    assert_eq!(set(&taken), set(&ids));
    assert_eq!(taken.len(), 2 * ids.len(), "each twice");
    process.stop().await;
}
