//! A service as a process of its own, for what only a process shows: SIGKILL, its log, its memory.
//!
//! Promises: it is ready when [`Process::start`] hands it out, and killed at the latest when it is dropped.

use std::{
    fs, io,
    net::TcpListener,
    process::{Child, Command},
    time::Duration,
};

use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

use crate::{Client, until};

/// How long an orderly stop may take.
const END_LIMIT: Duration = Duration::from_secs(30);

/// A running program.
#[derive(Debug)]
pub struct Process {
    /// Asks it.
    pub client: Client,
    /// Where it listens, at 127.0.0.1.
    pub port: u16,
    child: Child,
    log: Option<JoinHandle<io::Result<String>>>,
}

/// A port that was free a moment ago.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// SIGTERM: an orderly stop, as an operator asks for it.
///
/// # Panics
/// When it cannot be sent.
pub fn stop(child: &Child) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").arg(pid).status();
    assert!(sent.expect("the program kill").success(), "a SIGTERM");
}

impl Process {
    /// Starts the program that listens at the port it is given, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not start, or is not ready in time.
    pub async fn start(program: impl FnOnce(u16) -> Command) -> Self {
        let process = Self::spawn(program);
        process.until_ready().await;
        process
    }

    /// Starts the program that listens at the port it is given, and waits for nothing.
    ///
    /// # Panics
    /// When it does not start.
    pub fn spawn(program: impl FnOnce(u16) -> Command) -> Self {
        let port = free_port();
        let mut child = program(port).spawn().expect("the program starts");
        // Read at once: a full pipe would stop the program.
        let log = child.stderr.take();
        Self {
            client: Client::new(format!("http://127.0.0.1:{port}")),
            port,
            child,
            log: log.map(|log| spawn_blocking(|| io::read_to_string(log))),
        }
    }

    /// Waits until it is ready.
    ///
    /// # Panics
    /// When it is not in time.
    pub async fn until_ready(&self) {
        until(async || self.is_ready().await, "the process is ready").await;
    }

    async fn is_ready(&self) -> bool {
        let answer = self.client.request("GET", "/health/ready").send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    /// SIGKILL: no handler, no drain.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("a SIGKILL");
        self.child.wait().expect("its end");
    }

    /// Stops it, so that every line is written; gives all of its standard error, which must be a pipe.
    ///
    /// # Panics
    /// When its standard error is no pipe, or is not UTF-8, or when it does not end well.
    pub async fn into_log(mut self) -> String {
        stop(&self.child);
        let log = self.log.take().expect("a pipe");
        let log = timeout(END_LIMIT, log).await.expect("its end");
        // Its standard error is closed: it has ended.
        let status = self.child.wait().expect("its end");
        assert!(status.success(), "{status}");
        log.expect("the reader ends").expect("a log in UTF-8")
    }

    /// The most memory that it has had so far, in KiB.
    ///
    /// # Panics
    /// When it does not run any more.
    #[must_use]
    pub fn peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a running process");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.expect("its peak").trim().trim_end_matches(" kB");
        kib.parse().expect("a number")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
