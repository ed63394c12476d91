//! What a message on `customers_request` means: a shipping asks who its customer is.
//!
//! The answer is written to the outbox in the transaction that has looked the customer up. Its id is derived from that of
//! the question: a question that is delivered twice has one answer, or the same answer twice.

use broker::{Consumer, Failure, Outgoing, Received, Refused, outbox};
use messages::customers::{self, CustomerDetail, CustomerRequest, REQUEST_QUEUE};
use platform::database::{Connection, Database, DatabaseError};

use super::model::Customer;
use crate::BATCH_LIMIT;

/// Answers who a customer is.
pub struct Answer {
    /// Where the customers are.
    pub database: Database,
}

impl Consumer for Answer {
    type Message = CustomerRequest;

    fn name(&self) -> &'static str {
        "customers"
    }

    fn noun(&self) -> &'static str {
        "answer about a customer"
    }

    fn queue(&self) -> &str {
        REQUEST_QUEUE
    }

    async fn store(&self, batch: &[Received<CustomerRequest>]) -> Result<Vec<Refused>, Failure> {
        let answer = async |c: &mut Connection| answer(c, batch).await;
        self.database
            .transaction_within(BATCH_LIMIT, answer)
            .await?;
        Ok(Vec::new())
    }

    async fn store_answers(&self) -> bool {
        self.database.ping().await.is_ok()
    }
}

async fn answer(
    transaction: &mut Connection,
    batch: &[Received<CustomerRequest>],
) -> Result<(), DatabaseError> {
    let ids = batch.iter().map(|asked| asked.message.customer_id);
    let known = Customer::find_all(transaction, ids.collect()).await?;
    let answers = batch.iter().map(|asked| {
        let customer = known.get(&asked.message.customer_id);
        let detail = CustomerDetail {
            shipping_id: asked.message.shipping_id,
            customer: customer.map(Into::into),
        };
        Outgoing::of(&detail, CustomerDetail::message_id(asked.id)).with_origin_of(&asked.delivery)
    });
    outbox::add_all(transaction, &answers.collect::<Vec<_>>()).await
}

/// As a shipping is told.
impl From<&Customer> for customers::Customer {
    fn from(customer: &Customer) -> Self {
        Self {
            email: customer.email.clone(),
            address: customer.address.clone(),
        }
    }
}
