//! How a router is served: limits, the request's context, one error shape, slashes.
//!
//! [`App`] is what a service serves; [`server::serve`] runs it, on the threads of [`workers`]. What a handler takes is in [`extract`], what it
//! gives in [`answer`] and [`list`]; what it asks of another service in [`client`], over
//! its [`connections`].

pub mod answer;
pub mod answer_limit;
mod app;
pub mod caller;
pub mod client;
mod client_stream;
pub mod connections;
pub mod context;
pub mod escape;
pub mod extract;
pub mod json;
pub mod list;
mod meters;
pub mod server;
pub mod workers;

use std::time::Duration;

pub use app::{App, Front, Fronted, Options};

/// The bounds of a server. They are constants of each service, not settings.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open connections; more wait in the kernel's backlog.
    pub connections: usize,
    /// From the first byte of a request's head to its last; also how long a connection may idle.
    pub header: Duration,
    /// From the request's head to the answer's head; a handler may extend its own ([`answer_limit`]).
    pub answer: Duration,
    /// Headers of one request. The services take more than the gateway, which adds some of its own.
    pub headers: usize,
    /// Bytes of a body that an extractor reads.
    pub body: usize,
    /// How long one write may stall on a client that does not read.
    pub write_stall: Duration,
    /// How long open requests may go on after the stop signal.
    pub drain: Duration,
}

impl Limits {
    /// What fits a service.
    pub const DEFAULT: Self = Self {
        connections: 4_096,
        header: Duration::from_secs(10),
        answer: Duration::from_secs(10),
        headers: 128,
        body: 256 * 1_024,
        write_stall: Duration::from_secs(30),
        drain: Duration::from_secs(5),
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
