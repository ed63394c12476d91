//! The wire form of a payment, and its description for the API's document.
//!
//! It holds the JSON text of the three fields as it was posted; nothing is converted here.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use utoipa::{
    ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat,
        schema::{SchemaType, Type},
    },
};

use super::USER_ID_MAX;

/// Text without control characters.
pub(super) const USER_ID_PATTERN: &str = r"^[^\u0000-\u001F\u007F-\u009F]+$";

/// It stays below the true limit of 2147483647: a pattern that ends exactly there would be unreadable.
pub(super) const ITEMS_PATTERN: &str = "^[1-9][0-9]{0,8}$";

/// As JSON writes a number, without sign and exponent.
pub(super) const AMOUNT_PATTERN: &str = r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,2})?$";

/// A payment as it is posted: each value a string or a number. Unknown fields are kept in the queued message and ignored.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(examples(json!({"user_id": "3", "number_of_items": "5", "total_amount": "180"})))]
pub struct PostedPayment<'a> {
    /// Who pays: 1 to 64 characters without control characters; a whole number is read as its digits.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(required = true, schema_with = user_id)]
    pub(super) user_id: Option<&'a RawValue>,
    /// How many items, at least 1 and at most 2147483647.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(required = true, schema_with = number_of_items)]
    pub(super) number_of_items: Option<&'a RawValue>,
    /// What they cost together: not negative, at most 2 decimals and at most 12 digits before them.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(required = true, schema_with = total_amount)]
    pub(super) total_amount: Option<&'a RawValue>,
    /// The order that a checkout pays for; of a client it is a field like any other that is ignored.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(ignore)]
    pub(super) order_id: Option<&'a RawValue>,
}

/// Keeps `null` apart from "not there": `Option` alone would take both for the same.
fn present<'de, D: Deserializer<'de>>(field: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(field).map(Some)
}

fn user_id() -> Schema {
    let text = typed(Type::String)
        .min_length(Some(1))
        .max_length(Some(USER_ID_MAX))
        .pattern(Some(USER_ID_PATTERN));
    either(text, typed(Type::Integer).minimum(Some(0)))
}

fn number_of_items() -> Schema {
    let text = typed(Type::String).pattern(Some(ITEMS_PATTERN));
    let number = typed(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(1))
        .maximum(Some(i32::MAX));
    either(text, number)
}

fn total_amount() -> Schema {
    let text = typed(Type::String).pattern(Some(AMOUNT_PATTERN));
    let number = typed(Type::Number)
        .minimum(Some(0))
        .maximum(Some(999_999_999_999.99))
        .multiple_of(Some(0.01));
    either(text, number)
}

fn typed(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(kind))
}

fn either(text: ObjectBuilder, number: ObjectBuilder) -> Schema {
    OneOfBuilder::new().item(text).item(number).build().into()
}
