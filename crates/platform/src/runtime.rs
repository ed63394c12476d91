//! One order of start, one order of stop.
//!
//! Start: logs, then what the service needs, then bind, then serve. Stop, at SIGTERM or SIGINT: not ready any more;
//! *intake* ends (HTTP drains, consumers finish what they hold); then *output* ends (publishers settle what they
//! sent); all within [`DRAIN_LIMIT`]. A second signal ends the process at once. No service writes a signal handler.

use std::{future::ready, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    health::{self, Health},
    heartbeat::{self, Heartbeat},
    http::{self, server},
    tasks::Failure,
    telemetry::{self, TelemetryError},
};

pub use crate::tasks::Tasks;

/// How long a stop may take in all; pm2's `kill_timeout` and systemd's `TimeoutStopSec` are above it.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// Output has the rest of [`DRAIN_LIMIT`].
const INTAKE_LIMIT: Duration = Duration::from_secs(7);

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
    /// The process cannot receive signals.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// Something that the service lives from has ended.
    #[error("{0}; ending, so that the supervisor of this process starts it again")]
    Failed(String),
}

/// Where to listen.
#[derive(Debug, Clone, Copy)]
pub struct Address<'a> {
    /// What its variables begin with, for messages: `API_GATEWAY`.
    pub variables: &'static str,
    /// Host name or address.
    pub host: &'a str,
    /// TCP port; 0 takes any that is free.
    pub port: u16,
}

/// What a running process owns.
pub struct Runtime {
    /// Takes work in: HTTP and consumers. Ends first.
    pub intake: Tasks,
    /// Sends work on: publishers. Ends when no intake is left.
    pub output: Tasks,
    /// Sees each request before it is routed; takes all unless a service sets it.
    pub guard: http::Guard,
    failure: Failure,
    metrics: PrometheusHandle,
    _heartbeat: Heartbeat,
    _signals: AbortOnDropHandle<()>,
}

impl Runtime {
    /// Sets up logs and metrics, and from here on listens for signals.
    ///
    /// # Errors
    /// [`RuntimeError`] when the log filter is wrong or signals cannot be received.
    pub fn start(args: &telemetry::Args) -> Result<Self, RuntimeError> {
        let metrics = telemetry::start(args)?;
        let failure = Failure::default();
        let intake = Tasks::reporting(&failure);
        let output = Tasks::reporting(&failure);
        let signals = watch_signals(intake.stop.clone()).map_err(RuntimeError::Signals)?;
        output.spawn(
            "the upkeep of the metrics",
            keep_metrics(metrics.clone(), output.stop.clone()),
        );
        Ok(Self {
            intake,
            output,
            guard: Arc::new(|_| Ok(())),
            _heartbeat: heartbeat::start(&failure),
            failure,
            metrics,
            _signals: AbortOnDropHandle::new(tokio::spawn(signals)),
        })
    }

    /// Binds `address`, serves `routes` and the health routes until a signal, then stops in order.
    ///
    /// # Errors
    /// [`RuntimeError::Bind`] when the address is not free or not ours, and [`RuntimeError::Failed`] when a task that
    /// the service lives from has ended; both after what was running already has stopped.
    pub async fn serve(
        self,
        address: Address<'_>,
        routes: Router,
        health: Health,
        limits: http::Limits,
    ) -> Result<(), RuntimeError> {
        let listener = match bind(address).await {
            Ok(listener) => listener,
            Err(error) => {
                self.stop().await;
                return Err(error);
            }
        };
        let accepting = server::Accepting::default();
        let listener_health = accepting.clone();
        let health = health.with("listener", move || ready(listener_health.ready()));
        let health = health::router(health, self.metrics.clone(), self.intake.stop.clone());
        let app = http::guarded_app(routes.merge(health), limits, self.guard.clone());
        let stop = self.intake.stop.clone();
        let serving = server::serve(listener, app, limits, stop.clone(), accepting);
        self.intake.spawn("the HTTP server", serving);
        let failure = self.failure.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = failure.happened() => {}
        }
        self.stop().await;
        match failure.reason() {
            None => Ok(()),
            Some(reason) => Err(RuntimeError::Failed(reason.to_owned())),
        }
    }

    async fn stop(self) {
        for (name, tasks, limit) in [
            ("intake", self.intake, INTAKE_LIMIT),
            ("output", self.output, DRAIN_LIMIT - INTAKE_LIMIT),
        ] {
            tasks.stop.cancel();
            tasks.tracker.close();
            if tokio::time::timeout(limit, tasks.tracker.wait())
                .await
                .is_err()
            {
                tracing::warn!(
                    stage = name,
                    left = tasks.tracker.len(),
                    "stopped before all was finished"
                );
            }
        }
        tracing::info!("stopped");
    }
}

async fn bind(address: Address<'_>) -> Result<TcpListener, RuntimeError> {
    let bound = TcpListener::bind((address.host, address.port)).await;
    let listener = bound.map_err(|source| RuntimeError::Bind {
        variables: address.variables,
        host: address.host.to_owned(),
        port: address.port,
        source,
    })?;
    let address = listener
        .local_addr()
        .map(|address: SocketAddr| address.to_string())
        .unwrap_or_default();
    tracing::info!(address, "listening");
    Ok(listener)
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
