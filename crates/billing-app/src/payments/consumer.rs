//! What a message on `billing_queue` means: a payment with an id.
//!
//! The id is the message's own, so that a payment that comes twice is one payment. Another body under a known id is no
//! payment: it is refused, and waits among the dead letters with that reason.

use broker::{Consumer, Failure, Received, Refusal, Refused};
use messages::payments::{Payment, QUEUE};
use platform::database::{Connection, Database};

use super::model::{self, Recording};
use crate::BATCH_LIMIT;

/// Records payments.
pub struct Record {
    /// Where they are kept.
    pub database: Database,
}

impl Consumer for Record {
    type Message = Payment;

    fn name(&self) -> &'static str {
        "payments"
    }

    fn noun(&self) -> &'static str {
        "payment"
    }

    fn queue(&self) -> &str {
        QUEUE
    }

    async fn store(&self, batch: &[Received<Payment>]) -> Result<Vec<Refused>, Failure> {
        let recording = Recording::of(batch);
        let record = async move |c: &mut Connection| recording.record(c).await;
        let refused = self.database.run_within(BATCH_LIMIT, record).await?;
        let reason = "its id was used for another payment";
        let refused = refused.into_iter().map(|place| Refused {
            place,
            reason: reason.into(),
        });
        Ok(refused.collect())
    }

    async fn refused(&self, refusals: &[Refusal]) -> Result<(), Failure> {
        let known = refusals
            .iter()
            .filter_map(|refusal| Some((refusal.message.id()?, refusal.reason.clone())));
        let known = known.collect();
        let record = async move |c: &mut Connection| model::record_rejections(c, known).await;
        Ok(self.database.run_within(BATCH_LIMIT, record).await?)
    }

    async fn store_answers(&self) -> bool {
        self.database.ping().await.is_ok()
    }
}
