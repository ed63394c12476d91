//! The second step of the conversation: a shipping asks who its customer is, and is told.

use serde::{Deserialize, Deserializer, Serialize};
use uuid::{Uuid, uuid};

use crate::{Message, Rejection, Route, ids, json};

/// The queue of questions.
pub const REQUEST_QUEUE: &str = "customers_request";

/// The queue of answers.
pub const DETAIL_QUEUE: &str = "customers_detail";

/// A question as it lies on the queue.
pub const REQUEST_EXAMPLE: &str = r#"{"shipping_id":"0198c0de-0000-7000-8000-000000000003","customer_id":"0198c0de-0000-7000-8000-000000000002"}"#;

/// An answer as it lies on the queue.
pub const DETAIL_EXAMPLE: &str = r#"{"shipping_id":"0198c0de-0000-7000-8000-000000000003","customer":{"email":"ann@example.org","address":"1 Mill Lane"}}"#;

/// The longest email address, in characters.
pub const EMAIL_MAX: usize = 254;

/// The longest postal address, in characters.
pub const ADDRESS_MAX: usize = 1_000;

/// The step of asking, for [`CustomerRequest::message_id`].
const REQUESTED: Uuid = uuid!("83e859f8-572e-48f4-8c32-508d17895d50");

/// The step of answering.
const ANSWERED: Uuid = uuid!("025c7310-4c0e-44a4-acfa-3e8ebd26e53c");

/// Who is this customer?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerRequest {
    /// The shipping that asks.
    pub shipping_id: Uuid,
    /// Whom it asks about.
    pub customer_id: Uuid,
}

/// What is known of the customer of a shipping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerDetail {
    /// The shipping that asked.
    pub shipping_id: Uuid,
    /// The customer; `None` when there is no such customer. A message has to say which.
    #[serde(deserialize_with = "present")]
    pub customer: Option<Customer>,
}

/// Where an order goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// 1..=[`EMAIL_MAX`] characters.
    pub email: String,
    /// At most [`ADDRESS_MAX`] characters; a registered user may have none.
    pub address: String,
}

/// serde alone would read a field that is missing as `None`.
fn present<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Customer>, D::Error> {
    Option::deserialize(field)
}

impl CustomerRequest {
    /// The id of this message when it is sent for the `attempt`th time.
    #[must_use]
    pub fn message_id(&self, attempt: i32) -> Uuid {
        ids::derived(REQUESTED, self.shipping_id, attempt)
    }
}

impl CustomerDetail {
    /// The id of the answer to the question with the message id `request`.
    #[must_use]
    pub fn message_id(request: Uuid) -> Uuid {
        ids::derived(ANSWERED, request, 1)
    }
}

impl Message for CustomerRequest {
    const ROUTE: Route = Route::Queue(REQUEST_QUEUE);

    type Rejection = Rejection;

    fn parse(body: &[u8]) -> Result<Self, Rejection> {
        json::read(body)
    }

    fn encode(&self) -> Vec<u8> {
        json::write(self)
    }
}

impl Message for CustomerDetail {
    const ROUTE: Route = Route::Queue(DETAIL_QUEUE);

    type Rejection = Rejection;

    fn parse(body: &[u8]) -> Result<Self, Rejection> {
        let message: Self = json::read(body)?;
        if let Some(Customer { email, address }) = &message.customer {
            json::check_text("email", email, 1, EMAIL_MAX)?;
            json::check_text("address", address, 0, ADDRESS_MAX)?;
        }
        Ok(message)
    }

    fn encode(&self) -> Vec<u8> {
        json::write(self)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn detail(email: &str, address: &str) -> CustomerDetail {
        CustomerDetail {
            shipping_id: Uuid::nil(),
            customer: Some(Customer {
                email: email.into(),
                address: address.into(),
            }),
        }
    }

    #[test]
    fn the_examples_are_read_and_written() {
        let request = CustomerRequest::parse(REQUEST_EXAMPLE.as_bytes()).unwrap();
        assert_eq!(request.encode(), REQUEST_EXAMPLE.as_bytes());
        let detail = CustomerDetail::parse(DETAIL_EXAMPLE.as_bytes()).unwrap();
        assert_eq!(detail.encode(), DETAIL_EXAMPLE.as_bytes());
    }

    #[test]
    fn an_answer_says_whether_there_is_a_customer() {
        let unknown = r#"{"shipping_id":"0198c0de-0000-7000-8000-000000000003","customer":null}"#;
        let detail = CustomerDetail::parse(unknown.as_bytes()).unwrap();
        assert_eq!(detail.customer, None);
        let silent = r#"{"shipping_id":"0198c0de-0000-7000-8000-000000000003"}"#;
        assert!(CustomerDetail::parse(silent.as_bytes()).is_err());
    }

    #[test]
    fn a_customer_has_bounds() {
        let parse = |email: &str, address: &str| {
            let message = detail(email, address);
            CustomerDetail::parse(&message.encode()).map(|read| assert_eq!(read, message))
        };
        assert!(parse("a@b", "").is_ok());
        assert!(parse(&"é".repeat(EMAIL_MAX), &"é\n".repeat(ADDRESS_MAX / 2)).is_ok());
        assert!(parse("", "x").is_err());
        assert!(parse(&"x".repeat(EMAIL_MAX + 1), "x").is_err());
        assert!(parse("a@b", &"x".repeat(ADDRESS_MAX + 1)).is_err());
        assert!(parse("a@b", "a\0b").is_err());
    }

    #[test]
    fn ids_tell_attempts_and_questions_apart() {
        let request = CustomerRequest::parse(REQUEST_EXAMPLE.as_bytes()).unwrap();
        let (first, second) = (request.message_id(1), request.message_id(2));
        assert_eq!(first, request.message_id(1));
        assert_ne!(first, second);
        assert_ne!(
            CustomerDetail::message_id(first),
            CustomerDetail::message_id(second)
        );
        assert_ne!(CustomerDetail::message_id(first), first);
    }
}
