//! Questions that were not answered: they are asked again, and end as `FAIL` when that did not help.

use broker::{Outgoing, outbox};
use platform::database::{Connection, Database, DatabaseError};

use super::{Limits, consumer::said, model};
use crate::{BATCH_LIMIT, timer::Timer};

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

    async fn round(&self) -> Result<bool, DatabaseError> {
        let ask = async |c: &mut Connection| ask_again(c, &self.limits).await;
        let done = self.database.transaction_within(BATCH_LIMIT, ask).await?;
        Ok(done == usize::from(self.limits.batch))
    }
}

/// Returns how many shippings were overdue.
async fn ask_again(transaction: &mut Connection, limits: &Limits) -> Result<usize, DatabaseError> {
    let steps = model::next_attempts(transaction, limits).await?;
    let messages = steps.iter().filter_map(|step| match step.request() {
        Some(request) => Some(Outgoing::of(&request, request.message_id(step.asks))),
        None => said(step),
    });
    outbox::add_all(transaction, &messages.collect::<Vec<_>>()).await?;
    Ok(steps.len())
}
