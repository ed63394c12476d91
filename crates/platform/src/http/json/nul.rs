//! NUL in the texts of a body. It is looked for only where the bytes have one, and never in a field that is ignored.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{not_json, step};
use crate::problem::{FieldError, Problem};

/// How JSON writes NUL.
const ESCAPED_NUL: &[u8] = b"\\u0000";

/// A place in a body: the names and indices on the way to it.
type Place = Vec<String>;

/// Refuses a NUL in any text that `T` takes from the body. JSON can write one only as an escape.
pub(super) fn reject_nul<T: DeserializeOwned>(bytes: &[u8]) -> Result<(), Problem> {
    let mut windows = bytes.windows(ESCAPED_NUL.len());
    if !windows.any(|window| window == ESCAPED_NUL) {
        return Ok(());
    }
    // What serde skips in ignored fields, half a surrogate pair for instance, it does not take here.
    let body = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
    match find_nul(&body, &mut Vec::new(), &ignored_places::<T>(bytes)) {
        Some(place) => {
            let error = FieldError::new(place, "must not contain NUL");
            Err(Problem::unprocessable(vec![error]))
        }
        None => Ok(()),
    }
}

/// The fields that `T` does not know.
fn ignored_places<T: DeserializeOwned>(bytes: &[u8]) -> HashSet<Place> {
    let mut ignored = HashSet::new();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let mut note = |path: serde_ignored::Path<'_>| {
        ignored.insert(place_of(&path));
    };
    // The body was parsed before.
    let _ = serde_ignored::deserialize::<_, _, T>(&mut json, &mut note);
    ignored
}

fn place_of(path: &serde_ignored::Path<'_>) -> Place {
    use serde_ignored::Path;
    let (parent, step) = match path {
        Path::Root => return Place::new(),
        Path::Seq { parent, index } => (parent, Some(index.to_string())),
        Path::Map { parent, key } => (parent, Some(key.clone())),
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => (parent, None),
    };
    let mut place = place_of(parent);
    place.extend(step);
    place
}

/// The pointer to the first one outside of `ignored`: a body may hold thousands, and each pointer is as long as the names on
/// the way to it.
fn find_nul(value: &Value, place: &mut Place, ignored: &HashSet<Place>) -> Option<String> {
    if ignored.contains(place) {
        return None;
    }
    let mut inside = |name: String, value| {
        place.push(name);
        let found = find_nul(value, place, ignored);
        place.pop();
        found
    };
    match value {
        Value::String(text) => text.contains('\0').then(|| pointer_to(place)),
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| inside(index.to_string(), item))
        }
        Value::Object(fields) => fields
            .iter()
            .find_map(|(name, field)| inside(name.clone(), field)),
        _ => None,
    }
}

fn pointer_to(place: &Place) -> String {
    place
        .iter()
        .map(|name| format!("/{}", step(name)))
        .collect()
}
