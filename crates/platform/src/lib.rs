//! How a service of crud-master runs.
//!
//! Start and stop, settings, logs, HTTP, health, errors and database: written once, for every service.
//! It knows no movie and no payment; arrows point down only, so it imports no service.
//!
//! # Layout
//!
//! - [`config`]: settings from arguments, environment, `.env` and `NAME_FILE` secrets; errors name the variable.
//! - [`telemetry`]: the log subscriber, and the metrics that every service has; `log_writer`: where lines go.
//! - [`trace_context`]: W3C `traceparent`, in and out.
//! - [`runtime`]: one order of start, one order of stop; `tasks`: what a service lives
//!   from; `heartbeat`: the end of a process that is stuck.
//! - `open_files`: how many client connections the process can have.
//! - [`http`]: the accept loop, the request's context, extractors, lists that stream.
//! - [`health`]: `/health/live`, `/health/ready`, `/metrics`; each dependency by name.
//! - [`error`]: an error and its causes, for the log.
//! - [`problem`]: the one error shape, RFC 9457, logged once.
//! - [`openapi`]: what every operation of the documents says.
//! - [`timestamp`]: times as clients see them.
//! - `database` (feature `database`): pool, bounded queries, migrations under a lock.

pub mod config;
#[cfg(feature = "database")]
pub mod database;
pub mod error;
pub mod health;
mod heartbeat;
pub mod http;
mod log_writer;
mod open_files;
pub mod openapi;
pub mod problem;
pub mod runtime;
mod tasks;
pub mod telemetry;
pub mod timestamp;
pub mod trace_context;
