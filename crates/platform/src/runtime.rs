//! One order of start, one order of stop; the same for a program and for a test.
//!
//! Start: logs, then bind ([`Bound`]), then what the service needs, then serve ([`Running`]). Stop, at SIGTERM or SIGINT:
//! not ready any more; *intake* ends (HTTP drains, consumers finish what they hold); then *output* ends (publishers
//! settle what they sent); all within [`DRAIN_LIMIT`]. A second signal ends the process at once. No service writes a
//! signal handler.

use std::{future::ready, io, net::SocketAddr, time::Duration};

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    net::{TcpListener, TcpSocket, lookup_host},
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    config::prefixed::Endpoint,
    health::{self, Health},
    heartbeat::{self, Heartbeat},
    http::{self, server},
    open_files,
    tasks::Failure,
    telemetry::{self, TelemetryError},
};

pub use crate::tasks::Tasks;

/// How long a stop may take in all; pm2's `kill_timeout` and systemd's `TimeoutStopSec` are above it.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// Output has the rest of [`DRAIN_LIMIT`].
const INTAKE_LIMIT: Duration = Duration::from_secs(7);

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 1_024;

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
    /// The address was had and cannot be listened on.
    #[error("cannot listen on the address")]
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
}

impl Runtime {
    /// The runtime of a program: sets up logs and metrics, raises the limit of open files, listens for signals, and ends the
    /// process when it is stuck.
    ///
    /// # Errors
    /// [`RuntimeError`] when the log filter is wrong or signals cannot be received.
    pub fn start(args: &telemetry::Args) -> Result<Self, RuntimeError> {
        telemetry::start_logs(args)?;
        open_files::raise_limit();
        let mut runtime = Self::embedded()?;
        runtime.heartbeat = Some(heartbeat::start(&runtime.failure));
        let signals = watch_signals(runtime.intake.stop.clone()).map_err(RuntimeError::Signals)?;
        runtime.signals = Some(AbortOnDropHandle::new(tokio::spawn(signals)));
        Ok(runtime)
    }

    /// The runtime of a service inside another program, a test for instance: without logs and signals.
    ///
    /// # Errors
    /// [`RuntimeError::Telemetry`] when metrics cannot be recorded.
    pub fn embedded() -> Result<Self, RuntimeError> {
        let metrics = telemetry::metrics()?;
        let failure = Failure::default();
        let (intake, output) = (Tasks::reporting(&failure), Tasks::reporting(&failure));
        output.spawn(
            "the upkeep of the metrics",
            keep_metrics(metrics.clone(), output.stop.clone()),
        );
        Ok(Self {
            intake,
            output,
            failure,
            metrics,
            heartbeat: None,
            signals: None,
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

/// A process with an address, which does not serve yet.
pub struct Bound {
    runtime: Runtime,
    socket: TcpSocket,
    address: SocketAddr,
}

impl Bound {
    /// The tasks that take work in; they end first.
    #[must_use]
    pub fn intake(&self) -> &Tasks {
        &self.runtime.intake
    }

    /// The tasks that send work on; they end when no intake is left.
    #[must_use]
    pub fn output(&self) -> &Tasks {
        &self.runtime.output
    }

    /// Waits for what the service needs before it can serve, unless a signal comes first.
    ///
    /// # Errors
    /// What `work` gives, and [`RuntimeError::Stopped`].
    pub async fn prepare<T, E: Into<anyhow::Error>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> anyhow::Result<T> {
        match self.runtime.intake.stop.run_until_cancelled(work).await {
            Some(prepared) => prepared.map_err(Into::into),
            None => Err(RuntimeError::Stopped.into()),
        }
    }

    /// Serves `routes` and the health routes from now on.
    ///
    /// # Errors
    /// [`RuntimeError::Listen`], after what was running already has stopped.
    pub async fn run(
        self,
        routes: Router,
        health: Health,
        options: http::Options,
    ) -> Result<Running, RuntimeError> {
        let Self {
            runtime,
            socket,
            address,
        } = self;
        let running = Running { runtime, address };
        match socket.listen(BACKLOG) {
            Ok(listener) => running.serve(listener, routes, health, options),
            Err(error) => {
                // Its own failures do not matter any more.
                let _ = running.stop().await;
                return Err(RuntimeError::Listen(error));
            }
        }
        Ok(running)
    }
}

/// A process that serves.
pub struct Running {
    runtime: Runtime,
    address: SocketAddr,
}

impl Running {
    fn serve(
        &self,
        listener: TcpListener,
        routes: Router,
        health: Health,
        mut options: http::Options,
    ) {
        let Runtime {
            intake, metrics, ..
        } = &self.runtime;
        let accepting = server::Accepting::default();
        let listener_health = accepting.clone();
        let health = health.with("listener", move || ready(listener_health.ready()));
        let health = health::router(health, metrics.clone(), intake.stop.clone());
        options.limits.connections = open_files::fitting_connections(options.limits.connections);
        let limits = options.limits;
        let app = http::app(routes.merge(health), options);
        let serving = server::serve(listener, app, limits, intake.stop.clone(), accepting);
        intake.spawn("the HTTP server", serving);
        tracing::info!(address = %self.address, "listening");
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until a signal, then stops in order.
    ///
    /// # Errors
    /// [`RuntimeError::Failed`] when something that the service lives from has ended; after the stop.
    pub async fn until_stopped(self) -> Result<(), RuntimeError> {
        tokio::select! {
            () = self.runtime.intake.stop.cancelled() => {}
            () = self.runtime.failure.happened() => {}
        }
        self.stop().await
    }

    /// Stops in order.
    ///
    /// # Errors
    /// As [`Self::until_stopped`].
    pub async fn stop(self) -> Result<(), RuntimeError> {
        let Runtime {
            intake,
            output,
            failure,
            heartbeat,
            signals,
            ..
        } = self.runtime;
        for (stage, tasks, limit) in [
            ("intake", intake, INTAKE_LIMIT),
            ("output", output, DRAIN_LIMIT - INTAKE_LIMIT),
        ] {
            tasks.stop.cancel();
            tasks.tracker.close();
            let ended = tokio::time::timeout(limit, tasks.tracker.wait()).await;
            if ended.is_err() {
                let left = tasks.tracker.len();
                tracing::warn!(stage, left, "stopped before all was finished");
            }
        }
        tracing::info!("stopped");
        drop((heartbeat, signals));
        match failure.reason() {
            None => Ok(()),
            Some(reason) => Err(RuntimeError::Failed(reason.to_owned())),
        }
    }
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

/// Listens from now on; the first signal cancels `stop`, the second ends the process.
fn watch_signals(stop: CancellationToken) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        for again in [false, true] {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            if again {
                tracing::warn!("a second signal: ending at once");
                std::process::exit(130);
            }
            tracing::info!("stopping: finishing what is under way");
            stop.cancel();
        }
    })
}

async fn keep_metrics(metrics: PrometheusHandle, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(METRICS_UPKEEP))
        .await
        .is_some()
    {
        metrics.run_upkeep();
    }
}
