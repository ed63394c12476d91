//! What a message on `billing_queue` means: a payment with an id.
//!
//! The id is the message's own, so that a payment that comes twice is one payment. A `message_id` that is no uuid is
//! turned into one, always the same; a message without any gets a new one, and its twin cannot be recognised.

use broker::{Consumer, Failure, Incoming, Refusal};
use messages::{Message, payments::Payment};
use platform::{
    database::{Database, DatabaseError},
    error::chain,
};
use uuid::Uuid;

use super::model::{self, Received};

/// Names ids that are no uuids (RFC 9562, section 5.5).
const FOREIGN_IDS: Uuid = Uuid::from_u128(0x6f0c_3a52_95a1_4c5e_9d42_0d4b_7e1f_8a37);

/// Records payments.
pub(super) struct PaymentConsumer {
    /// Where they are kept.
    pub(super) database: Database,
}

impl Consumer for PaymentConsumer {
    type Message = Received;

    fn queue(&self) -> &str {
        Payment::QUEUE
    }

    fn decode(&self, delivery: &Incoming) -> Result<Received, String> {
        let payment = Payment::parse(&delivery.body).map_err(|rejection| rejection.to_string())?;
        Ok(Received {
            id: known_id(delivery).unwrap_or_else(Uuid::now_v7),
            payment,
        })
    }

    async fn store(&self, batch: &[Received]) -> Result<(), Failure> {
        model::record(&self.database, batch).await.map_err(failure)
    }

    async fn refused(&self, refusals: &[Refusal]) -> Result<(), Failure> {
        let known = refusals
            .iter()
            .filter_map(|refusal| Some((known_id(&refusal.message)?, refusal.reason.clone())));
        model::record_rejections(&self.database, known.collect())
            .await
            .map_err(failure)
    }

    async fn store_answers(&self) -> bool {
        self.database.ping().await.is_ok()
    }
}

fn known_id(delivery: &Incoming) -> Option<Uuid> {
    let id = delivery.message_id.as_deref()?;
    Some(
        id.parse()
            .unwrap_or_else(|_| Uuid::new_v5(&FOREIGN_IDS, id.as_bytes())),
    )
}

fn failure(error: DatabaseError) -> Failure {
    if error.is_transient() {
        Failure::transient(error)
    } else {
        Failure::Permanent(chain(&error))
    }
}
