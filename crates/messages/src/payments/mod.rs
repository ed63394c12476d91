//! A payment, from the gateway's door to the billing's table.
//!
//! The queue carries the posted JSON byte for byte, unknown fields included; both ends read it with
//! [`Message::parse`], so that what passed the door is never refused at the table for its form.
//! Values may be strings or numbers. A number is taken from its own text and never becomes a float; a sign,
//! an exponent or a leading zero is refused rather than interpreted.

mod parse;
mod posted;
#[cfg(test)]
mod tests;

use rust_decimal::Decimal;

pub use parse::{FieldError, Rejection};
pub use posted::PostedPayment;

use crate::{Message, Route};

/// The queue of payments.
pub const QUEUE: &str = "billing_queue";

/// One message as it lies on the queue: the contract between the two sides.
pub const EXAMPLE: &str = r#"{"user_id":"3","number_of_items":"5","total_amount":"180"}"#;

/// The longest `user_id`, in characters.
pub const USER_ID_MAX: usize = 64;

/// The most digits that `total_amount` may have before its decimal point.
pub const AMOUNT_DIGITS_MAX: usize = 12;

/// A payment whose values are known to be possible; the only way to get one is [`Payment::parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    user_id: String,
    number_of_items: i32,
    total_amount: Decimal,
}

impl Message for Payment {
    const ROUTE: Route = Route::Queue(QUEUE);

    type Rejection = Rejection;

    /// Reads a posted body.
    ///
    /// # Errors
    /// [`Rejection::Malformed`] when it is no JSON text or an ambiguous one, else [`Rejection::Invalid`] with every wrong field.
    fn parse(body: &[u8]) -> Result<Self, Rejection> {
        parse::payment(body)
    }

    fn encode(&self) -> Vec<u8> {
        let body = serde_json::json!({
            "user_id": self.user_id,
            "number_of_items": self.number_of_items.to_string(),
            "total_amount": self.total_amount.to_string(),
        });
        body.to_string().into_bytes()
    }
}

impl Payment {
    /// Who pays: 1..=[`USER_ID_MAX`] characters, none of them a control character.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// How many items were bought; at least 1.
    #[must_use]
    pub fn number_of_items(&self) -> i32 {
        self.number_of_items
    }

    /// What they cost together: not negative, at most 2 decimals, at most [`AMOUNT_DIGITS_MAX`] digits before them.
    #[must_use]
    pub fn total_amount(&self) -> Decimal {
        self.total_amount
    }
}
