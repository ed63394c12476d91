//! Exact decimals as clients write them: a JSON string or number, never a floating-point number.

use std::borrow::Cow;

use rust_decimal::Decimal;

/// The text of a JSON string or number; `None` for any other value.
#[must_use]
pub fn text(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok().map(Cow::Owned),
        b'-' | b'0'..=b'9' => Some(json.into()),
        _ => None,
    }
}

/// Reads a decimal of at most `digits` digits before the decimal point and `decimals` after it; no sign, no exponent, no
/// leading zero.
#[must_use]
pub fn parse(text: &str, digits: usize, decimals: usize) -> Option<Decimal> {
    let (whole, after) = text.split_once('.').unwrap_or((text, "0"));
    let fits =
        is_whole(whole) && whole.len() <= digits && is_digits(after) && after.len() <= decimals;
    fits.then(|| Decimal::from_str_exact(text).ok()).flatten()
}

/// Digits as JSON writes a whole number: no sign, no leading zero.
pub(crate) fn is_whole(text: &str) -> bool {
    is_digits(text) && (text == "0" || !text.starts_with('0'))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<Decimal> {
        text(json).and_then(|text| parse(&text, 6, 2))
    }

    #[test]
    fn strings_and_numbers_are_exact() {
        for (json, cents) in [
            ("0", 0),
            ("\"0.00\"", 0),
            ("0.1", 10),
            ("\"3.1\"", 310),
            ("3.10", 310),
            ("\"\\u0033\"", 300),
            ("999999.99", 99_999_999),
        ] {
            assert_eq!(read(json), Some(Decimal::new(cents, 2)), "{json}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for json in [
            "-1",
            "\"-0\"",
            "\"+1\"",
            "1e2",
            "\"1e2\"",
            "1.001",
            "1000000",
            "\"01\"",
            "\"\"",
            "\" 1\"",
            "\"1.\"",
            "\".5\"",
            "\"1,5\"",
            "\"1.2.3\"",
            "\"NaN\"",
            "\"٣\"",
            "null",
            "true",
            "[1]",
            "{}",
            "1e400",
        ] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
