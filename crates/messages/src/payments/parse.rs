//! The one parser of payments: posted bytes in, a [`Payment`] or everything that is wrong with it out.
//!
//! It reports all wrong fields at once, never panics and never guesses.

use std::{fmt, str::FromStr};

use rust_decimal::Decimal;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{AMOUNT_DIGITS_MAX, Payment, PostedPayment, USER_ID_MAX};
use crate::{decimal::is_whole, money};

/// Why a body is no payment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Not one JSON value in UTF-8, or one whose meaning is open (a key twice, half a surrogate pair).
    #[error("malformed JSON: {0}")]
    Malformed(String),
    /// Good JSON against our rules, with at least one error.
    #[error("{}", Listed(.0))]
    Invalid(Vec<FieldError>),
}

/// One field, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// A JSON pointer (RFC 6901) into the body; empty for the body itself.
    pub pointer: &'static str,
    /// What the value must be; it never repeats the value.
    pub detail: String,
}

struct Listed<'a>(&'a [FieldError]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{} {}", error.pointer, error.detail)?;
        }
        Ok(())
    }
}

/// Reads a posted body.
pub(super) fn payment(body: &[u8]) -> Result<Payment, Rejection> {
    let posted = wire(body)?;
    let user_id = field("/user_id", posted.user_id, user_id)?;
    let number_of_items = field("/number_of_items", posted.number_of_items, number_of_items)?;
    let total_amount = field("/total_amount", posted.total_amount, total_amount)?;
    let order_id = posted.order_id.and_then(order_id);
    match (user_id, number_of_items, total_amount) {
        (Ok(user_id), Ok(number_of_items), Ok(total_amount)) => Ok(Payment {
            user_id,
            number_of_items,
            total_amount,
            order_id,
        }),
        (a, b, c) => Err(Rejection::Invalid(
            [a.err(), b.err(), c.err()].into_iter().flatten().collect(),
        )),
    }
}

/// The JSON text of the three fields. The checks come in this order because serde would read an array as a struct too.
fn wire(body: &[u8]) -> Result<PostedPayment<'_>, Rejection> {
    let malformed = |error: &dyn fmt::Display| Rejection::Malformed(error.to_string());
    let text = std::str::from_utf8(body).map_err(|error| malformed(&error))?;
    let value: &RawValue = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    if !value.get().starts_with('{') {
        return Err(Rejection::Invalid(vec![FieldError {
            pointer: "",
            detail: "must be a JSON object".into(),
        }]));
    }
    serde_json::from_str(value.get()).map_err(|error| malformed(&error))
}

/// The id of an order; anything else is ignored, as every field that a client adds.
fn order_id(value: &RawValue) -> Option<Uuid> {
    serde_json::from_str(value.get()).ok()
}

/// What a JSON value says, as text.
enum Scalar {
    Text(String),
    Number(String),
}

/// Outer error: the whole body is malformed. Inner error: this field breaks a rule.
fn field<T>(
    pointer: &'static str,
    value: Option<&RawValue>,
    rule: fn(Scalar) -> Result<T, &'static str>,
) -> Result<Result<T, FieldError>, Rejection> {
    let result = match value.map(|value| scalar(value.get())).transpose()? {
        None => Err("is required"),
        Some(None) => Err("must be a string or a number"),
        Some(Some(scalar)) => rule(scalar),
    };
    Ok(result.map_err(|detail| FieldError {
        pointer,
        detail: detail.into(),
    }))
}

/// `None` for null, a boolean, an array or an object.
fn scalar(json: &str) -> Result<Option<Scalar>, Rejection> {
    match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str(json)
            .map(|text| Some(Scalar::Text(text)))
            .map_err(|error| Rejection::Malformed(error.to_string())),
        Some(b'-' | b'0'..=b'9') => Ok(Some(Scalar::Number(json.into()))),
        _ => Ok(None),
    }
}

fn user_id(value: Scalar) -> Result<String, &'static str> {
    let text = match value {
        Scalar::Text(text) => text,
        Scalar::Number(number) if is_whole(&number) => number,
        Scalar::Number(_) => {
            return Err("must be a string or a whole number without sign and exponent");
        }
    };
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters");
    }
    match text.chars().count() {
        1..=USER_ID_MAX => Ok(text),
        _ => Err("must have 1 to 64 characters"),
    }
}

fn number_of_items(value: Scalar) -> Result<i32, &'static str> {
    let (Scalar::Text(text) | Scalar::Number(text)) = value;
    let number = is_whole(&text).then(|| i32::from_str(&text).ok()).flatten();
    number
        .filter(|&number| number >= 1)
        .ok_or("must be a whole number from 1 to 2147483647")
}

fn total_amount(value: Scalar) -> Result<Decimal, &'static str> {
    const RULE: &str = "must be a decimal number that is not negative, with at most 2 decimals and 12 digits before them";
    let (Scalar::Text(text) | Scalar::Number(text)) = value;
    money::parse(&text, AMOUNT_DIGITS_MAX).ok_or(RULE)
}
