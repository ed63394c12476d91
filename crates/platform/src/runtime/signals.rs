//! SIGTERM and SIGINT: the first asks for an orderly stop, the second ends the process.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Listens from now on; the first signal cancels `stop`, the second ends the process.
pub(super) fn watch(stop: CancellationToken) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        for again in [false, true] {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            if again {
                say_end();
                std::process::exit(130);
            }
            tracing::info!("stopping: finishing what is under way");
            stop.cancel();
        }
    })
}

/// Not to the log, which is written a moment later.
#[expect(clippy::print_stderr, reason = "the last word of this process")]
fn say_end() {
    eprintln!("a second signal; ending at once");
}
