//! Prices as clients write them.

use messages::{decimal, money};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::value::RawValue;
use utoipa::openapi::{
    ObjectBuilder, OneOfBuilder, Schema,
    schema::{SchemaType, Type},
};

/// The most digits before the decimal point: prices go up to 999,999.99.
const DIGITS_MAX: usize = 6;

/// What a refused price is told.
const RULE: &str = "must be a decimal number from 0 to 999999.99 with at most 2 decimals, without sign and exponent";

/// Reads a price from a JSON string or number.
///
/// The number is read from its own text: a float could not keep 0.1. A sign, an exponent or a leading zero is refused, not
/// interpreted, as in payments.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let json = Box::<RawValue>::deserialize(deserializer)?;
    parse(json.get()).ok_or_else(|| D::Error::custom(RULE))
}

fn parse(json: &str) -> Option<Decimal> {
    money::parse(&decimal::text(json)?, DIGITS_MAX)
}

/// What the document says of a price.
pub(super) fn schema() -> Schema {
    let typed = |kind| ObjectBuilder::new().schema_type(SchemaType::new(kind));
    let text = typed(Type::String)
        .pattern(Some(r"^(0|[1-9][0-9]{0,5})(\.[0-9]{1,2})?$"))
        .examples(["3.10"]);
    let number = typed(Type::Number)
        .minimum(Some(0))
        .maximum(Some(999_999.99))
        .multiple_of(Some(0.01))
        .examples([3.1]);
    OneOfBuilder::new().item(text).item(number).build().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_those_of_prices() {
        for (json, cents) in [("0", 0), ("\"999999.99\"", 99_999_999)] {
            assert_eq!(parse(json), Some(Decimal::new(cents, 2)), "{json}");
        }
        for json in ["1000000", "1.001", "-1", "\"-0\""] {
            assert_eq!(parse(json), None, "{json}");
        }
    }
}
