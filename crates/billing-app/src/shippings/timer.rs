//! Questions that were not answered: they are asked again, and end as `FAIL` when that did not help.

use std::time::Duration;

use broker::{Outgoing, outbox};
use metrics::counter;
use platform::database::{Connection, Database, DatabaseError};

use super::{
    Limits,
    consumer::said,
    model::{self, Step},
};
use crate::{BATCH_LIMIT, metrics::QUESTIONS_REPEATED, timer::Timer};

/// Asks again for customers, or gives up.
pub struct AskAgain {
    /// Where the shippings are.
    pub database: Database,
    /// How long a shipping waits, and how often.
    pub limits: Limits,
}

impl Timer for AskAgain {
    fn name(&self) -> &'static str {
        "shippings-timer"
    }

    fn answer(&self) -> Option<Duration> {
        Some(self.limits.answer)
    }

    async fn round(&self) -> Result<bool, DatabaseError> {
        let ask = async |c: &mut Connection| ask_again(c, &self.limits).await;
        let steps = self.database.transaction_within(BATCH_LIMIT, ask).await?;
        let failed = steps.iter().filter(|step| step.update().is_some()).count();
        let asked = (steps.len() - failed) as u64;
        counter!(QUESTIONS_REPEATED, "timer" => self.name()).increment(asked);
        if failed > 0 {
            tracing::warn!(
                shippings = failed,
                "failed shippings whose customers were not told"
            );
        }
        Ok(steps.len() == usize::from(self.limits.batch))
    }
}

/// Returns the shippings that were overdue.
async fn ask_again(
    transaction: &mut Connection,
    limits: &Limits,
) -> Result<Vec<Step>, DatabaseError> {
    let steps = model::next_attempts(transaction, limits).await?;
    let messages = steps.iter().filter_map(|step| match step.request() {
        Some(request) => Some(Outgoing::of(&request, request.message_id(step.asks))),
        None => said(step),
    });
    outbox::add_all(transaction, &messages.collect::<Vec<_>>()).await?;
    Ok(steps)
}
