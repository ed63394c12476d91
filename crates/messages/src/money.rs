//! Amounts of money as messages and clients write them: exact decimals, never floating point.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

use crate::decimal;

/// Reads an amount: at most 2 decimals, at most `digits` digits before them; else as [`decimal::parse`].
#[must_use]
pub fn parse(text: &str, digits: usize) -> Option<Decimal> {
    decimal::parse(text, digits, 2)
}

/// For `#[serde(with)]`: written with two decimals.
pub(crate) fn serialize<S: Serializer>(amount: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{amount:.2}"))
}

/// For `#[serde(with)]`: a text of at most [`crate::payments::AMOUNT_DIGITS_MAX`] digits before the decimal point.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text, crate::payments::AMOUNT_DIGITS_MAX).ok_or_else(|| {
        D::Error::custom("an amount is a text with a decimal number that is not negative, with at most 2 decimals and 12 digits before them")
    })
}
