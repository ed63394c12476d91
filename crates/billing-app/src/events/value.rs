//! The values of events as clients write them, and as they are answered.

use messages::decimal;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serializer, de::Error};
use serde_json::value::RawValue;
use utoipa::openapi::{
    ObjectBuilder, OneOfBuilder, Schema,
    schema::{SchemaType, Type},
};

/// The most digits before the decimal point.
const DIGITS_MAX: usize = 14;

/// The most digits after it; answers have as many.
pub(super) const DECIMALS: usize = 6;

/// What a refused value is told.
const RULE: &str = "must be a decimal number with at most 14 digits before and 6 after the decimal point, without exponent";

/// Reads a value from a JSON string or number, from its own text: a float could not keep 0.1. An exponent, a plus or a leading
/// zero is refused, not interpreted, as in prices.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let json = <&RawValue>::deserialize(deserializer)?;
    parse(json.get()).ok_or_else(|| D::Error::custom(RULE))
}

/// With six decimals.
pub(super) fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{value:.DECIMALS$}"))
}

/// What the document says of a value in a body.
pub(super) fn schema() -> Schema {
    let typed = |kind| ObjectBuilder::new().schema_type(SchemaType::new(kind));
    let text = typed(Type::String)
        .pattern(Some(r"^-?(0|[1-9][0-9]{0,13})(\.[0-9]{1,6})?$"))
        .examples(["12.5"]);
    // No generated number of this range is written with an exponent.
    let number = typed(Type::Integer)
        .minimum(Some(-99_999_999_999_999_i64))
        .maximum(Some(99_999_999_999_999_i64))
        .examples([12]);
    let number = number.description(Some("Any decimal number within the rules of the text"));
    OneOfBuilder::new().item(text).item(number).build().into()
}

fn parse(json: &str) -> Option<Decimal> {
    let text = decimal::text(json)?;
    let without_sign = text.strip_prefix('-');
    let value = decimal::parse(without_sign.unwrap_or(&text), DIGITS_MAX, DECIMALS)?;
    Some(match without_sign {
        // There is one zero: `-0` would be answered as it was written.
        _ if value.is_zero() => Decimal::ZERO,
        Some(_) => -value,
        None => value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_numbers_are_exact() {
        for (json, millionths) in [
            ("0", 0),
            ("-0", 0),
            ("\"-0.000\"", 0),
            ("0.1", 100_000),
            ("\"-3.100001\"", -3_100_001),
            ("\"\\u0033\"", 3_000_000),
            ("99999999999999.999999", 99_999_999_999_999_999_999),
        ] {
            let expected = Decimal::from_i128_with_scale(millionths, 6);
            assert_eq!(parse(json), Some(expected), "{json}");
        }
    }

    #[test]
    fn beyond_the_bounds_or_with_another_sign_it_is_refused() {
        for json in [
            "100000000000000",
            "0.0000001",
            "\"+1\"",
            "\"-\"",
            "\"--1\"",
            "\"-01\"",
        ] {
            assert_eq!(parse(json), None, "{json}");
        }
    }
}
