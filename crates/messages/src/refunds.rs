//! The end of a paid order that is not shipped: its money goes back.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::{Uuid, uuid};

use crate::{Message, Rejection, Route, ids, json, money};

/// The queue of refunds.
pub const QUEUE: &str = "refunds_queue";

/// One message as it lies on the queue.
pub const EXAMPLE: &str = r#"{"order_id":"0198c0de-0000-7000-8000-000000000001","user_id":"0198c0de-0000-7000-8000-000000000002","total_amount":"6.20"}"#;

/// The step of giving it back, for [`Refund::message_id`].
const REFUNDED: Uuid = uuid!("bfce9474-c704-45da-bf52-6f3d78136a61");

/// The payment of an order that was cancelled, to be given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The order; it is refunded once.
    pub order_id: Uuid,
    /// Who paid.
    pub user_id: Uuid,
    /// What was paid: at most 12 digits before the decimal point, at most 2 after it.
    #[serde(with = "money")]
    pub total_amount: Decimal,
}

impl Refund {
    /// The id of this message: an order has one refund.
    #[must_use]
    pub fn message_id(&self) -> Uuid {
        ids::derived(REFUNDED, self.order_id, 1)
    }
}

impl Message for Refund {
    const ROUTE: Route = Route::Queue(QUEUE);

    type Rejection = Rejection;

    fn parse(body: &[u8]) -> Result<Self, Rejection> {
        json::read(body)
    }

    fn encode(&self) -> Vec<u8> {
        json::write(self)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn example() -> Refund {
        Refund::parse(EXAMPLE.as_bytes()).unwrap()
    }

    #[test]
    fn the_example_is_read_and_written() {
        assert_eq!(example().total_amount, Decimal::new(620, 2));
        assert_eq!(example().encode(), EXAMPLE.as_bytes());
    }

    #[test]
    fn an_amount_is_exact_and_has_two_decimals_when_written() {
        let refund = |amount: &str| {
            let body = EXAMPLE.replace("6.20", amount);
            Refund::parse(body.as_bytes()).map(|refund| refund.encode())
        };
        let written = |amount: &str| EXAMPLE.replace("6.20", amount).into_bytes();
        assert_eq!(refund("0"), Ok(written("0.00")));
        assert_eq!(refund("999999999999.9"), Ok(written("999999999999.90")));
        for wrong in [
            "-6.20",
            "6.201",
            "1000000000000",
            "06",
            "6.",
            ".5",
            "1e2",
            "NaN",
            "",
        ] {
            assert!(refund(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_order_has_one_refund() {
        let other = Refund {
            order_id: Uuid::nil(),
            ..example()
        };
        assert_eq!(example().message_id(), example().message_id());
        assert_ne!(example().message_id(), other.message_id());
    }
}
