//! Amounts of money as messages and clients write them: exact decimals, never floating point.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Reads an amount: not negative, at most 2 decimals, at most `digits` digits before them; no sign, no exponent, no
/// leading zero.
#[must_use]
pub fn parse(text: &str, digits: usize) -> Option<Decimal> {
    let (whole, decimals) = match text.split_once('.') {
        None => (text, None),
        Some((whole, decimals)) => (whole, Some(decimals)),
    };
    let decimals_fit =
        decimals.is_none_or(|digits| matches!(digits.len(), 1 | 2) && is_digits(digits));
    if !is_whole(whole) || whole.len() > digits || !decimals_fit {
        return None;
    }
    Decimal::from_str_exact(text).ok()
}

/// Digits as JSON writes a whole number: no sign, no leading zero.
pub(crate) fn is_whole(text: &str) -> bool {
    is_digits(text) && (text == "0" || !text.starts_with('0'))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
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
