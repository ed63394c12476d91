//! How long the answer to one request may take.
//!
//! Each request begins with the limit of its server. A handler with a reason to take longer (an upload of any length, a
//! report) extends its own limit; the limit of other requests stays as it is.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// The end of a request's time; handlers take it as an `Extension`. Clones share it.
#[derive(Debug, Clone)]
pub struct AnswerLimit(Arc<Mutex<Instant>>);

impl AnswerLimit {
    pub(super) fn new(limit: Duration) -> Self {
        Self(Arc::new(Mutex::new(Instant::now() + limit)))
    }

    /// Allows the answer to take `limit` from now on, unless it may take longer already.
    pub fn extend(&self, limit: Duration) {
        let mut end = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *end = (*end).max(Instant::now() + limit);
    }

    /// Waits until the time is over, however often it is extended meanwhile.
    pub(super) async fn passed(&self) {
        while self.end() > Instant::now() {
            sleep_until(self.end()).await;
        }
    }

    fn end(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_limit_that_is_extended_ends_later_and_never_earlier() {
        let (began, limit) = (Instant::now(), AnswerLimit::new(Duration::from_millis(50)));
        let extended = limit.clone();
        tokio::spawn(async move {
            extended.extend(Duration::from_millis(300));
            extended.extend(Duration::from_millis(1));
        });
        limit.passed().await;
        assert!(began.elapsed() >= Duration::from_millis(300));
    }
}
