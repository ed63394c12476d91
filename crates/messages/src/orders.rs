//! The first step of the conversation: an order asks for its shipping, or takes that back.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::{Uuid, uuid};

use crate::{Message, Rejection, Route, ids, json, money};

/// The queue of orders that want to be shipped.
pub const QUEUE: &str = "orders_create";

/// One message as it lies on the queue.
pub const EXAMPLE: &str = r#"{"order_id":"0198c0de-0000-7000-8000-000000000001","customer_id":"0198c0de-0000-7000-8000-000000000002","beers":[{"sku":"ipa-1","name":"India Pale Ale","quantity":2,"price":"3.10"}],"cancelled":false}"#;

/// The most lines of an order. With the longest texts they fit below the limit of the outbox.
pub const LINES_MAX: usize = 100;

/// The longest `sku`, in characters.
pub const SKU_MAX: usize = 255;

/// The longest `name` of a beer, in characters.
pub const NAME_MAX: usize = 255;

/// The most pieces of one beer.
pub const QUANTITY_MAX: i32 = 1_000_000;

/// The highest price of one beer.
pub const PRICE_MAX: Decimal = Decimal::from_parts(99_999_999, 0, 0, false, 2);

/// The step of an order that wants to be shipped, for [`OrderCreate::message_id`].
const CREATED: Uuid = uuid!("6dc53b85-5a14-4a1d-b958-2b6b92ddd513");

/// The step of an order that is cancelled.
const CANCELLED: Uuid = uuid!("3f3938f1-7b44-4d9f-8fa8-7c560b312293");

/// An order that wants to be shipped, or one that no longer does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCreate {
    /// The order; it has one shipping at most.
    pub order_id: Uuid,
    /// Who gets it.
    pub customer_id: Uuid,
    /// What is in it: up to [`LINES_MAX`], perhaps none.
    pub beers: Vec<Line>,
    /// The order is cancelled: its shipping fails, whatever it was, and nothing is asked or said.
    #[serde(default)]
    pub cancelled: bool,
}

/// One beer of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which: 1..=[`SKU_MAX`] characters, none of them a control character.
    pub sku: String,
    /// What it was called at checkout: 1..=[`NAME_MAX`] characters.
    pub name: String,
    /// How many: 1..=[`QUANTITY_MAX`].
    pub quantity: i32,
    /// What one cost at checkout: up to [`PRICE_MAX`].
    #[serde(with = "money")]
    pub price: Decimal,
}

impl OrderCreate {
    /// The id of this message when it is sent for the `attempt`th time.
    #[must_use]
    pub fn message_id(&self, attempt: i32) -> Uuid {
        let step = if self.cancelled { CANCELLED } else { CREATED };
        ids::derived(step, self.order_id, attempt)
    }
}

impl Message for OrderCreate {
    const ROUTE: Route = Route::Queue(QUEUE);

    type Rejection = Rejection;

    fn parse(body: &[u8]) -> Result<Self, Rejection> {
        let message: Self = json::read(body)?;
        if message.beers.len() > LINES_MAX {
            return Err(Rejection::new("beers", "must have at most 100 items"));
        }
        message.beers.iter().try_for_each(Line::check)?;
        Ok(message)
    }

    fn encode(&self) -> Vec<u8> {
        json::write(self)
    }
}

impl Line {
    fn check(&self) -> Result<(), Rejection> {
        json::check_text("sku", &self.sku, 1, SKU_MAX)?;
        if self.sku.chars().any(char::is_control) {
            let detail = "must not contain control characters";
            return Err(Rejection::new("sku", detail));
        }
        json::check_text("name", &self.name, 1, NAME_MAX)?;
        if !(1..=QUANTITY_MAX).contains(&self.quantity) {
            return Err(Rejection::new("quantity", "must be from 1 to 1000000"));
        }
        if self.price > PRICE_MAX {
            return Err(Rejection::new("price", "must be at most 999999.99"));
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn example() -> OrderCreate {
        OrderCreate::parse(EXAMPLE.as_bytes()).unwrap()
    }

    fn with_line(change: impl FnOnce(&mut Line)) -> Result<OrderCreate, Rejection> {
        let mut message = example();
        change(&mut message.beers[0]);
        OrderCreate::parse(&message.encode())
    }

    #[test]
    fn the_example_is_read_and_written() {
        let message = example();
        assert_eq!(message.beers[0].price, Decimal::new(310, 2));
        assert_eq!(message.encode(), EXAMPLE.as_bytes());
    }

    #[test]
    fn an_order_is_not_cancelled_unless_it_says_so() {
        let body = EXAMPLE.replace(r#","cancelled":false"#, "");
        assert_eq!(OrderCreate::parse(body.as_bytes()).unwrap(), example());
    }

    #[test]
    fn an_order_may_be_empty() {
        let message = OrderCreate {
            beers: Vec::new(),
            ..example()
        };
        assert_eq!(OrderCreate::parse(&message.encode()).unwrap(), message);
    }

    #[test]
    fn lines_have_bounds() {
        assert!(with_line(|line| line.sku = "é".repeat(SKU_MAX)).is_ok());
        assert!(with_line(|line| line.sku = "é".repeat(SKU_MAX + 1)).is_err());
        assert!(with_line(|line| line.sku = String::new()).is_err());
        assert!(with_line(|line| line.sku = "a\nb".into()).is_err());
        assert!(with_line(|line| line.name = "a\tb".into()).is_ok());
        assert!(with_line(|line| line.name = "a\0b".into()).is_err());
        assert!(with_line(|line| line.name = "x".repeat(NAME_MAX + 1)).is_err());
        assert!(with_line(|line| line.quantity = QUANTITY_MAX).is_ok());
        assert!(with_line(|line| line.quantity = QUANTITY_MAX + 1).is_err());
        assert!(with_line(|line| line.quantity = 0).is_err());
        assert!(with_line(|line| line.price = PRICE_MAX).is_ok());
        assert!(with_line(|line| line.price = PRICE_MAX + Decimal::new(1, 2)).is_err());
    }

    #[test]
    fn a_price_is_a_text_with_an_exact_amount() {
        for price in [r#""-1""#, r#""1e3""#, r#""1.234""#, "3.10", "null", r#""""#] {
            let body = EXAMPLE.replace(r#""3.10""#, price);
            assert!(OrderCreate::parse(body.as_bytes()).is_err(), "{price}");
        }
    }

    #[test]
    fn an_order_has_at_most_so_many_lines() {
        let lines = |count| {
            let beers = vec![example().beers[0].clone(); count];
            let message = OrderCreate { beers, ..example() };
            OrderCreate::parse(&message.encode())
        };
        assert!(lines(LINES_MAX).is_ok());
        assert!(lines(LINES_MAX + 1).is_err());
    }

    /// The outbox takes 256 KiB. A control character takes six bytes in JSON, any other at most four.
    #[test]
    fn the_largest_order_fits_into_the_outbox() {
        let line = Line {
            sku: "\u{10ffff}".repeat(SKU_MAX),
            name: "\u{1}".repeat(NAME_MAX),
            quantity: QUANTITY_MAX,
            price: PRICE_MAX,
        };
        let message = OrderCreate {
            beers: vec![line; LINES_MAX],
            ..example()
        };
        let body = message.encode();
        assert!(body.len() <= 256 * 1_024, "{} bytes", body.len());
        assert_eq!(OrderCreate::parse(&body).unwrap(), message);
    }

    #[test]
    fn an_id_tells_order_attempt_and_step_apart() {
        let message = example();
        let other = OrderCreate {
            order_id: Uuid::nil(),
            ..example()
        };
        let cancelled = OrderCreate {
            cancelled: true,
            ..example()
        };
        assert_eq!(message.message_id(1), example().message_id(1));
        for different in [
            message.message_id(2),
            other.message_id(1),
            cancelled.message_id(1),
        ] {
            assert_ne!(message.message_id(1), different);
        }
    }
}
