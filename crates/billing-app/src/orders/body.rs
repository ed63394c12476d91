//! What the routes of orders take and answer.

use garde::Validate;
use messages::orders::{QUANTITY_MAX, SKU_MAX};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, Serializer};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    model::{Entry, Line, Order},
    status::Status,
    total,
};

/// Which beer, and how many more of it. Unknown fields are ignored.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct AddBody {
    /// As the inventory knows it.
    #[garde(length(chars, min = 1, max = SKU_MAX))]
    #[schema(example = "IPA-1", min_length = 1, max_length = 255)]
    pub(super) sku: String,
    /// A whole number; it is added to what is there, up to 1,000,000 in all.
    #[garde(range(min = 1, max = QUANTITY_MAX))]
    #[schema(example = 2, minimum = 1, maximum = 1_000_000)]
    pub(super) quantity: i32,
}

/// Which beer to remove. Unknown fields are ignored.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct RemoveBody {
    /// As it is in the order.
    #[garde(length(chars, min = 1, max = SKU_MAX))]
    #[schema(example = "IPA-1", min_length = 1, max_length = 255)]
    pub(super) sku: String,
}

/// Which order to check out. Unknown fields are ignored.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct CheckoutBody {
    /// The id of the open order, as it was shown. Without it the open order is meant, whichever it is.
    #[garde(skip)]
    #[schema(example = "0198c0de-0000-7000-8000-000000000001")]
    pub(super) order: Option<Uuid>,
}

/// For whom the operator orders. Unknown fields are ignored.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(super) struct NewOrderBody {
    /// The customer's id.
    #[garde(skip)]
    #[schema(example = "0198c0de-0000-7000-8000-000000000002")]
    pub(super) customer: Uuid,
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(super) struct OrderBody {
    /// Also the id of its payment.
    #[schema(example = "0198c0de-0000-7000-8000-000000000001")]
    pub(super) id: Uuid,
    /// Where it is.
    status: Status,
    /// In the order in which they were added.
    beers: Vec<LineBody>,
    /// What all cost together: exact, with two decimals. It is fixed at checkout; until then it is what they cost now.
    #[schema(example = "6.20", value_type = String, pattern = r"^[0-9]{1,15}\.[0-9]{2}$")]
    #[serde(serialize_with = "money")]
    total: Decimal,
    /// When it was made.
    #[schema(example = "2026-12-01T12:00:00.000000Z")]
    #[serde(with = "platform::timestamp")]
    created_at: OffsetDateTime,
    /// Each state that it was in, the oldest first.
    history: Vec<EntryBody>,
}

/// A beer of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderedBeer)]
struct LineBody {
    /// Names it in the inventory.
    #[schema(example = "IPA-1")]
    sku: String,
    /// As it was called then.
    #[schema(example = "India Pale Ale")]
    name: String,
    /// How many.
    #[schema(example = 2, minimum = 1, maximum = 1_000_000)]
    quantity: i32,
    /// What one costs. It is fixed at checkout; until then it is what it costs now, or did when it was last sold.
    #[schema(example = "3.10", value_type = String, pattern = r"^[0-9]{1,6}\.[0-9]{2}$")]
    #[serde(serialize_with = "money")]
    price: Decimal,
}

/// A state, and when it began.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderState)]
struct EntryBody {
    status: Status,
    #[schema(example = "2026-12-01T12:00:00.000000Z")]
    #[serde(with = "platform::timestamp")]
    at: OffsetDateTime,
}

impl From<Order> for OrderBody {
    fn from(order: Order) -> Self {
        // Lines are bounded by the tables: the sum of an open order always is a decimal.
        let total = order.total.or_else(|| total::sum(&order.lines));
        Self {
            id: order.id,
            status: order.status,
            total: total.unwrap_or(Decimal::MAX),
            created_at: order.created_at,
            beers: order.lines.into_iter().map(LineBody::from).collect(),
            history: order.history.into_iter().map(EntryBody::from).collect(),
        }
    }
}

impl From<Line> for LineBody {
    fn from(line: Line) -> Self {
        let Line {
            sku,
            name,
            quantity,
            price,
        } = line;
        Self {
            sku,
            name,
            quantity,
            price,
        }
    }
}

impl From<Entry> for EntryBody {
    fn from(Entry { status, at }: Entry) -> Self {
        Self { status, at }
    }
}

/// With two decimals, whatever it was computed from.
fn money<S: Serializer>(amount: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{amount:.2}"))
}
