//! What a message on `refunds_queue` means: a payment that goes back. One order has one refund, however often it is told.

use broker::{Consumer, Failure, Received, Refused};
use messages::refunds::{QUEUE, Refund};
use platform::database::{Connection, Database};

use super::model;
use crate::BATCH_LIMIT;

/// Records refunds.
pub struct Refunds {
    /// Where they are kept.
    pub database: Database,
}

impl Consumer for Refunds {
    type Message = Refund;

    fn name(&self) -> &'static str {
        "refunds"
    }

    fn noun(&self) -> &'static str {
        "refund"
    }

    fn queue(&self) -> &str {
        QUEUE
    }

    async fn store(&self, batch: &[Received<Refund>]) -> Result<Vec<Refused>, Failure> {
        let record = async |c: &mut Connection| model::record_refunds(c, batch).await;
        let refused = self
            .database
            .transaction_within(BATCH_LIMIT, record)
            .await?;
        let refused = refused.into_iter().map(|place| Refused {
            place,
            reason: "another refund of its order is recorded".into(),
        });
        Ok(refused.collect())
    }

    async fn store_answers(&self) -> bool {
        self.database.ping().await.is_ok()
    }
}
