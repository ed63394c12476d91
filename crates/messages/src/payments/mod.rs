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
use uuid::Uuid;

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

/// A payment whose values are known to be possible; the only ways to get one are [`Payment::parse`] and
/// [`Payment::of_order`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    user_id: String,
    number_of_items: i32,
    total_amount: Decimal,
    order_id: Option<Uuid>,
}

/// The most that a payment can amount to.
pub const AMOUNT_MAX: Decimal = Decimal::from_parts(276_447_231, 23_283, 0, false, 2);

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
        let mut body = serde_json::json!({
            "user_id": self.user_id,
            "number_of_items": self.number_of_items.to_string(),
            "total_amount": self.total_amount.to_string(),
        });
        if let Some(order_id) = self.order_id {
            body["order_id"] = order_id.to_string().into();
        }
        body.to_string().into_bytes()
    }
}

impl Payment {
    /// The payment of an order at its checkout; `None` when no payment can have such values. The message's id is that of
    /// the order.
    #[must_use]
    pub fn of_order(
        order_id: Uuid,
        user_id: Uuid,
        number_of_items: i32,
        total_amount: Decimal,
    ) -> Option<Self> {
        let is_exact = total_amount.round_dp(2) == total_amount;
        let fits = is_exact && (Decimal::ZERO..=AMOUNT_MAX).contains(&total_amount);
        (fits && number_of_items >= 1).then(|| Self {
            user_id: user_id.to_string(),
            number_of_items,
            total_amount,
            order_id: Some(order_id),
        })
    }

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

    /// The order that it says it pays for. It is true only when the message's id is the same: a client may write any order
    /// into the body, and no client can choose the id.
    #[must_use]
    pub fn order_id(&self) -> Option<Uuid> {
        self.order_id
    }
}
