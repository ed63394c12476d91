//! Logs on standard error, and the metrics that every service has.
//!
//! Each line that belongs to a request carries its request id and its trace id. Secrets are redacted types, so a
//! log cannot hold one by accident. Metrics are described where they are recorded and listed in [`METRICS`].

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::log_writer::{self, LogWriter};

/// The metrics of this module, `(name, what it counts)`; a test holds docs/operations.md to it.
pub const METRICS: &[(&str, &str)] = &[
    (
        "http_requests_total",
        "answered requests, by method, route and status",
    ),
    (
        "http_request_duration_seconds",
        "time from the request's head to the answer's head, by method and route",
    ),
    ("http_connections", "open client connections"),
    (
        "log_lines_dropped_total",
        "log lines that were not written, because standard error took them too slowly",
    ),
];

/// Bounds of the duration histograms, in seconds: half a millisecond to the longest wait that we allow.
const BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The AMQP library logs each try to connect as an error, and the bodies of returned messages; `broker` tells what
/// matters of it. `LOG=info,lapin=warn` has it back.
const QUIET: &str = "lapin=off";

/// How to log.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which lines: a level, or a filter such as `info,billing_app=debug`.
    #[arg(long, env = "LOG", default_value = "info")]
    pub log: String,
    /// For whom: people or machines.
    #[arg(long, env = "LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// The shape of a line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum LogFormat {
    /// One readable line.
    Text,
    /// One JSON object.
    Json,
}

/// Logs or metrics could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `LOG` is not a filter.
    #[error("LOG is not a log filter")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// There can be no thread for the log.
    #[error("the log cannot be written")]
    Thread(#[source] io::Error),
    /// A logger is set already.
    #[error("logs are set up already")]
    Twice,
    /// The metrics recorder refused its settings.
    #[error("metrics cannot be set up")]
    Metrics(#[source] BuildError),
}

/// Sets up the logs of the whole process; lines go through a [`LogWriter`], which the process keeps to its end.
///
/// # Errors
/// [`TelemetryError`] when `LOG` is wrong or when it is called twice.
pub(crate) fn start_logs(args: &Args) -> Result<LogWriter, TelemetryError> {
    let filter = format!("{QUIET},{}", args.log);
    let filter = EnvFilter::try_new(filter).map_err(TelemetryError::Filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    let (lines, writer) = log_writer::start().map_err(TelemetryError::Thread)?;
    // Also where another crate turns on colours.
    let layer = fmt::layer().with_writer(lines).with_ansi(false);
    match args.log_format {
        LogFormat::Text => registry.with(layer).try_init(),
        LogFormat::Json => registry
            .with(layer.json().flatten_event(true).with_span_list(false))
            .try_init(),
    }
    .map_err(|_| TelemetryError::Twice)?;
    Ok(writer)
}

/// Counts the lines that were dropped for `/metrics`, until now; also when `writer` is gone.
pub(crate) fn count_dropped(writer: &LogWriter) -> impl Fn() + Send + use<> {
    let dropped = writer.dropped_lines();
    move || metrics::counter!("log_lines_dropped_total").absolute(dropped())
}

/// The metrics of the whole process, recorded from the first call on; the handle renders `/metrics`.
///
/// # Errors
/// [`TelemetryError::Metrics`] when another recorder was installed.
pub fn metrics() -> Result<PrometheusHandle, TelemetryError> {
    static METRICS: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
    let mut metrics = METRICS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*metrics {
        return Ok(handle.clone());
    }
    let builder = PrometheusBuilder::new()
        .set_buckets(BUCKETS)
        .map_err(TelemetryError::Metrics)?;
    let handle = builder
        .install_recorder()
        .map_err(TelemetryError::Metrics)?;
    Ok(metrics.insert(handle).clone())
}
