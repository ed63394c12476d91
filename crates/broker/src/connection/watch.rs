//! The end of a connection, found out by ourselves.
//!
//! # Why: calls of the client library that may never return
//!
//! Read in lapin 4.12.3 and shown by `tests/it/client_library.rs`. When a socket ends, the library's I/O thread
//! queues two commands for its command task, which runs on our runtime: "connection error", then "stop". The task
//! ends at "stop". The queue (flume) keeps what is behind it for as long as any handle can still send, and every
//! `Acker`, `Channel` and `Connection` is such a handle. So what is queued between the end of the socket and the next
//! turn of that task is never looked at and never dropped, and its promise is never kept:
//!
//! - `Acker::ack`, `nack` and `reject`: the delivery is poisoned by "connection error", which has not run yet;
//! - `Connection::create_channel`, `close` and `update_secret`.
//!
//! A runtime that is short of CPU makes that window long: the task waits for its turn while our code goes on.
//!
//! Calls that are frames (declare, qos, consume, cancel, publish and its confirm) are not queued there. "connection
//! error" fails those under way and refuses those that come later. Two waits are left out by it:
//!
//! - `basic_get`, between the answer's method frame and the last frame of its body;
//! - `connect`, which has no heartbeat until it is done.
//!
//! While a connection lives and the broker is silent, only the heartbeat ends a wait, after 20 to 25 s.
//!
//! Hence: every wait is inside `Connection::run`, and acknowledgements and `basic_get` have a bound besides.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::Event;
use tokio::time::timeout;

use super::socket::Socket;
use crate::BrokerError;

/// How often the connection is looked at while nothing happens; two looks find a socket that has ended.
const TICK: Duration = Duration::from_millis(200);

/// Returns when the connection has ended, and why. It counts as ended when the library says so, and when its socket
/// was closed or reset, whatever the library says.
pub(super) async fn ended(
    connection: &lapin::Connection,
    socket: &Socket,
    alarm: impl Fn(Option<&str>),
) -> BrokerError {
    let mut events = std::pin::pin!(connection.events_listener());
    let mut socket_had_ended = false;
    loop {
        match timeout(TICK, events.next()).await {
            Ok(Some(Event::ConnectionBlocked(reason))) => alarm(Some(&reason)),
            Ok(Some(Event::ConnectionUnblocked)) => alarm(None),
            // The error of a channel is no end of the connection: the call on that channel fails.
            Ok(Some(Event::Error(error))) if !connection.status().connected() => {
                return error.into();
            }
            Ok(None) => return BrokerError::Ended,
            Ok(Some(_)) | Err(_) => {}
        }
        // The library may know why a socket has ended: it has one more tick to say so.
        if !connection.status().connected() || socket_had_ended {
            return BrokerError::Ended;
        }
        socket_had_ended = socket.has_ended();
    }
}
