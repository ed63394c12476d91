//! One order of start, one order of stop; the same for a program and for a test.
//!
//! Start: logs, then bind ([`Bound`]), then what the service needs, then serve ([`Running`]). Stop, at SIGTERM or SIGINT:
//! not ready any more; *intake* ends (HTTP drains, consumers finish what they hold); then *output* ends (publishers
//! settle what they sent); all within [`DRAIN_LIMIT`]. A second signal ends the process at once. No service writes a
//! signal handler.

mod running;
mod signals;

use std::{io, net::SocketAddr, time::Duration};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpSocket, lookup_host};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    config::prefixed::Endpoint,
    heartbeat::{self, Heartbeat},
    log_writer::LogWriter,
    open_files,
    tasks::Failure,
    telemetry::{self, TelemetryError},
};

pub use crate::tasks::Tasks;
pub use running::{Bound, Running};

/// How long a stop may take in all; pm2's `kill_timeout` and systemd's `TimeoutStopSec` are above it.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// Histograms are folded into their buckets this often, so that they do not grow between two requests for them.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// The service could not start, or not serve.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// Logs or metrics could not be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The address cannot be listened on.
    #[error("cannot listen on {host}:{port}: check {variables}_HOST and {variables}_PORT")]
    Bind {
        /// What the variables of the address begin with.
        variables: &'static str,
        /// As it was set.
        host: String,
        /// As it was set.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// The address was had and cannot be listened on, or there can be no threads that do.
    #[error("cannot listen on the address, or serve it")]
    Listen(#[source] io::Error),
    /// The process cannot receive signals.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// A signal came before the service was ready; there is nothing to stop.
    #[error("stopped before it was ready")]
    Stopped,
    /// Something that the service lives from has ended.
    #[error("{0}; ending, so that the supervisor of this process starts it again")]
    Failed(String),
}

/// What a process owns before it has an address.
pub struct Runtime {
    /// Takes work in: HTTP and consumers. Ends first.
    intake: Tasks,
    /// Sends work on: publishers. Ends when no intake is left.
    output: Tasks,
    failure: Failure,
    metrics: PrometheusHandle,
    heartbeat: Option<Heartbeat>,
    signals: Option<AbortOnDropHandle<()>>,
    /// Dropped last: the lines of the stop are written, too.
    log: Option<LogWriter>,
}

impl Runtime {
    /// The runtime of a program: sets up logs and metrics, raises the limit of open files, listens for signals, and ends the
    /// process when it is stuck.
    ///
    /// # Errors
    /// [`RuntimeError`] when the log filter is wrong or signals cannot be received.
    pub fn start(args: &telemetry::Args) -> Result<Self, RuntimeError> {
        let log = telemetry::start_logs(args)?;
        open_files::raise_limit();
        let mut runtime = Self::with_metrics(telemetry::count_dropped(&log))?;
        runtime.log = Some(log);
        runtime.heartbeat = Some(heartbeat::start(&runtime.failure));
        let signals = signals::watch(runtime.intake.stop.clone()).map_err(RuntimeError::Signals)?;
        runtime.signals = Some(AbortOnDropHandle::new(tokio::spawn(signals)));
        Ok(runtime)
    }

    /// The runtime of a service inside another program, a test for instance: without logs and signals.
    ///
    /// # Errors
    /// [`RuntimeError::Telemetry`] when metrics cannot be recorded.
    pub fn embedded() -> Result<Self, RuntimeError> {
        Self::with_metrics(|| {})
    }

    /// `count` is called now and then, to record what is counted elsewhere.
    fn with_metrics(count: impl Fn() + Send + 'static) -> Result<Self, RuntimeError> {
        let metrics = telemetry::metrics()?;
        let failure = Failure::default();
        let (intake, output) = (Tasks::reporting(&failure), Tasks::reporting(&failure));
        output.spawn(
            "the upkeep of the metrics",
            keep_metrics(metrics.clone(), count, output.stop.clone()),
        );
        Ok(Self {
            intake,
            output,
            failure,
            metrics,
            heartbeat: None,
            signals: None,
            log: None,
        })
    }

    /// Takes the address. Connections are refused until [`Bound::run`], so that clients do not wait for a service that is
    /// not ready yet.
    ///
    /// # Errors
    /// [`RuntimeError::Bind`] when the address is not free or not ours.
    pub async fn bind(self, endpoint: &Endpoint) -> Result<Bound, RuntimeError> {
        let bound = bind(&endpoint.host, endpoint.port).await;
        let (address, socket) = bound.map_err(|source| RuntimeError::Bind {
            variables: endpoint.variables,
            host: endpoint.host.clone(),
            port: endpoint.port,
            source,
        })?;
        Ok(Bound {
            runtime: self,
            socket,
            address,
        })
    }
}

async fn bind(host: &str, port: u16) -> io::Result<(SocketAddr, TcpSocket)> {
    let mut addresses = lookup_host((host, port)).await?;
    let address = addresses.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restart must not wait for connections of the process before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok((socket.local_addr()?, socket))
}

/// What a program does after its service could not start, or has stopped: a signal before it was ready is no error.
///
/// # Errors
/// What went wrong.
pub async fn serve(started: anyhow::Result<Running>) -> anyhow::Result<()> {
    match started {
        Ok(running) => Ok(running.until_stopped().await?),
        Err(error) if matches!(error.downcast_ref(), Some(RuntimeError::Stopped)) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn keep_metrics(metrics: PrometheusHandle, count: impl Fn(), stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(METRICS_UPKEEP))
        .await
        .is_some()
    {
        count();
        metrics.run_upkeep();
    }
}
