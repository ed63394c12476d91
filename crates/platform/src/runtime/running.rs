//! A process with an address: it prepares, serves, and stops in order.

use std::{future::ready, io, net::SocketAddr, time::Duration};

use axum::Router;
use tokio::net::{TcpListener, TcpSocket};

use super::{DRAIN_LIMIT, Runtime, RuntimeError, Tasks};
use crate::{
    health::{self, Health},
    http::{self, server, workers::Workers},
    open_files,
};

/// Output has the rest of [`DRAIN_LIMIT`].
const INTAKE_LIMIT: Duration = Duration::from_secs(7);

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 1_024;

/// A process with an address, which does not serve yet.
pub struct Bound {
    pub(super) runtime: Runtime,
    pub(super) socket: TcpSocket,
    pub(super) address: SocketAddr,
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
        let workers = running.start_workers();
        match workers.and_then(|workers| Ok((workers, socket.listen(BACKLOG)?))) {
            Ok((workers, listener)) => running.serve(listener, workers, routes, health, options),
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
    /// Its threads have heartbeats where the runtime has one.
    fn start_workers(&self) -> io::Result<Workers> {
        let Runtime {
            heartbeat, failure, ..
        } = &self.runtime;
        Workers::start_with(heartbeat.is_some().then_some(failure))
    }

    fn serve(
        &self,
        listener: TcpListener,
        workers: Workers,
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
        let app = http::App::new(routes.merge(health), options);
        let serving = server::serve(
            listener,
            app,
            limits,
            workers,
            intake.stop.clone(),
            accepting,
        );
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
            log,
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
        drop((heartbeat, signals, log));
        match failure.reason() {
            None => Ok(()),
            Some(reason) => Err(RuntimeError::Failed(reason.to_owned())),
        }
    }
}
