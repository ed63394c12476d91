//! The limit of open files (`ulimit -n`), and how many client connections fit under it.
//!
//! A program raises its soft limit to the hard one at the start. Client connections get a share of it that leaves enough
//! for the connections to services, database and broker, however many clients come.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::http::workers;

/// Files that a process needs beside connections of clients and the connections that these cause: listener, database,
/// broker, logs, the runtime's own.
const RESERVED: u64 = 64;

/// Those of a thread that serves: its runtime's own.
const FILES_PER_WORKER: u64 = 4;

/// Files for one client connection: itself, and one connection to each of the two services behind the gateway.
const FILES_PER_CLIENT: u64 = 3;

/// Raises the soft limit to the hard one. When the kernel refuses, the limit stays as it is.
pub(crate) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// How many of `wanted` client connections fit under the limit.
pub(crate) fn fitting_connections(wanted: usize) -> usize {
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return wanted; // no limit
    };
    let workers = workers::count().try_into().unwrap_or(0);
    let fitting = fitting_under(limit, workers, wanted);
    if fitting < wanted {
        tracing::warn!(
            limit,
            connections = fitting,
            "the limit of open files bounds the client connections"
        );
    }
    fitting
}

fn fitting_under(limit: u64, workers: u64, wanted: usize) -> usize {
    let reserved = RESERVED + FILES_PER_WORKER * workers;
    let fitting = limit.saturating_sub(reserved) / FILES_PER_CLIENT;
    usize::try_from(fitting).unwrap_or(wanted).clamp(1, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_never_take_what_the_rest_needs() {
        assert_eq!(fitting_under(1_048_576, 4, 4_096), 4_096);
        assert_eq!(fitting_under(1_024, 0, 4_096), 320);
        assert_eq!(fitting_under(1_024, 15, 4_096), 300);
        assert_eq!(fitting_under(256, 0, 4_096), 64);
        assert_eq!(fitting_under(16, 4, 4_096), 1);
    }
}
