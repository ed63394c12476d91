//! One order of start, one order of stop.
//!
//! Start: logs, then what the service needs, then bind, then serve. Stop, at SIGTERM or SIGINT: not ready any more;
//! *intake* ends (HTTP drains, consumers finish what they hold); then *output* ends (publishers settle what they
//! sent); all within [`DRAIN_LIMIT`]. A second signal ends the process at once. No service writes a signal handler.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    health::{self, Health},
    http::{self, server},
    telemetry::{self, TelemetryError},
};

/// How long a stop may take in all; pm2's `kill_timeout` and systemd's `TimeoutStopSec` are above it.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// Output has the rest of [`DRAIN_LIMIT`].
const INTAKE_LIMIT: Duration = Duration::from_secs(7);

/// Histograms are folded into their buckets this often, so that they do not grow while nobody asks.
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

/// Tasks with one owner and one signal to stop.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    /// Cancelled when the tasks should finish what they hold and end.
    pub stop: CancellationToken,
    /// Knows them all.
    pub tracker: TaskTracker,
}

/// What a running process owns.
pub struct Runtime {
    /// Takes work in: HTTP and consumers. Ends first.
    pub intake: Tasks,
    /// Sends work on: publishers. Ends when no intake is left.
    pub output: Tasks,
    /// Sees each request before it is routed; takes all unless a service sets it.
    pub guard: http::Guard,
    metrics: PrometheusHandle,
}

impl Runtime {
    /// Sets up logs and metrics, and from here on listens for signals.
    ///
    /// # Errors
    /// [`RuntimeError`] when the log filter is wrong or signals cannot be received.
    pub fn start(args: &telemetry::Args) -> Result<Self, RuntimeError> {
        let runtime = Self {
            intake: Tasks::default(),
            output: Tasks::default(),
            guard: Arc::new(|_| Ok(())),
            metrics: telemetry::start(args)?,
        };
        let [terminate, interrupt] = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
        let (terminate, interrupt) = (
            terminate.map_err(RuntimeError::Signals)?,
            interrupt.map_err(RuntimeError::Signals)?,
        );
        tokio::spawn(watch_signals(
            terminate,
            interrupt,
            runtime.intake.stop.clone(),
        ));
        runtime.output.tracker.spawn(keep_metrics(
            runtime.metrics.clone(),
            runtime.output.stop.clone(),
        ));
        Ok(runtime)
    }

    /// Binds `address`, serves `routes` and the health routes until a signal, then stops in order.
    ///
    /// # Errors
    /// [`RuntimeError::Bind`] when the address is not free or not ours, after what was running already has stopped.
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
        let health = health::router(health, self.metrics.clone(), self.intake.stop.clone());
        let app = http::guarded_app(routes.merge(health), limits, self.guard.clone());
        let stop = self.intake.stop.clone();
        self.intake
            .tracker
            .spawn(server::serve(listener, app, limits, stop.clone()));
        stop.cancelled().await;
        self.stop().await;
        Ok(())
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

async fn watch_signals(mut terminate: Signal, mut interrupt: Signal, stop: CancellationToken) {
    for again in [false, true] {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        if again {
            tracing::warn!("a second signal: ending at once");
            std::process::exit(130);
        }
        tracing::info!("stopping: finishing what is under way");
        stop.cancel();
    }
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
