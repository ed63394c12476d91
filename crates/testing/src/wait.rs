//! Waiting for a condition: bounded, and without a guess of how long it takes.

use std::time::{Duration, Instant};

use tokio::time::sleep;

/// The longest that a condition may take; a test that waits so long has failed.
const LIMIT: Duration = Duration::from_secs(20);

/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(10);

/// Asks until the condition holds; `what` completes "waited in vain until".
///
/// # Panics
/// When it does not hold in time.
pub async fn until(condition: impl AsyncFn() -> bool, what: &str) {
    let begin = Instant::now();
    while !condition().await {
        assert!(begin.elapsed() < LIMIT, "waited in vain until {what}");
        sleep(PAUSE).await;
    }
}
