//! JSON bodies: parsed, and refused with the place of what is wrong.
//!
//! 400 is no JSON, 422 is JSON of another shape or against the rules of its fields, with a JSON pointer (RFC 6901) to each
//! wrong place. No text that gets through has a NUL, which PostgreSQL cannot keep (`nul`).

mod nul;

use garde::Validate;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{error::Category, value::RawValue};

use crate::problem::{FieldError, Problem};
use nul::reject_nul;

/// The most objects of an array.
pub const OBJECTS_MAX: usize = 1_000;

/// Parses an object and checks the rules of its fields; the problem names the line and column, or the pointer.
///
/// # Errors
/// 400 when it is not JSON, 422 when it is JSON of another shape.
pub fn parse_object<T>(bytes: &[u8]) -> Result<T, Problem>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    check_syntax(bytes)?;
    // serde would read an array as a struct, field after field.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::unprocessable(vec![not_an_object("")]));
    }
    parse_checked(bytes)
}

/// Parses an array of up to [`OBJECTS_MAX`] objects, each as [`parse_object`] does; a pointer begins with the index.
///
/// # Errors
/// As [`parse_object`].
pub(super) fn parse_objects<T>(bytes: &[u8]) -> Result<Vec<T>, Problem>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    check_syntax(bytes)?;
    let items: Vec<Box<RawValue>> = parse(bytes)?;
    if items.len() > OBJECTS_MAX {
        let detail = format!("must have at most {OBJECTS_MAX} items");
        return Err(Problem::unprocessable(vec![FieldError::new("", detail)]));
    }
    let others = items.iter().enumerate();
    let others = others.filter(|(_, item)| !item.get().starts_with('{'));
    let errors: Vec<_> = others
        .map(|(index, _)| not_an_object(&format!("/{index}")))
        .collect();
    if !errors.is_empty() {
        return Err(Problem::unprocessable(errors));
    }
    parse_checked(bytes)
}

fn parse_checked<T>(bytes: &[u8]) -> Result<T, Problem>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    let body = parse(bytes)?;
    reject_nul::<T>(bytes)?;
    check_rules(&body)?;
    Ok(body)
}

fn not_an_object(pointer: &str) -> FieldError {
    FieldError::new(pointer, "must be a JSON object")
}

/// Refuses what is no JSON. Checked before the shape: otherwise `{"title":[` would be refused because a list is not a title.
fn check_syntax(bytes: &[u8]) -> Result<(), Problem> {
    if bytes.is_empty() {
        return Err(Problem::bad_request("the body is empty"));
    }
    let checked = serde_json::from_slice::<IgnoredAny>(bytes);
    checked.map(drop).map_err(|error| not_json(&error))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| wrong_json(&error))?;
    json.end().map_err(|error| not_json(&error))?;
    Ok(parsed)
}

/// Names every field that breaks its rules.
fn check_rules(body: &impl Validate<Context = ()>) -> Result<(), Problem> {
    let Err(report) = body.validate() else {
        return Ok(());
    };
    let errors = report
        .iter()
        .map(|(path, error)| FieldError::new(field_pointer(&path.to_string()), error.message()));
    Err(Problem::unprocessable(errors.collect()))
}

/// `beers[0].name` is `/beers/0/name`.
fn field_pointer(path: &str) -> String {
    let steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty());
    steps.map(|step| format!("/{step}")).collect()
}

/// The longest detail that is made from the parser's words, in characters.
const MAX_DETAIL: usize = 200;

fn wrong_json(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    match error.inner().classify() {
        // serde has no category for a duplicate key. JSON leaves its meaning open, so the body is malformed.
        Category::Data if error.inner().to_string().starts_with("duplicate field") => {
            not_json(error.inner())
        }
        Category::Data => Problem::unprocessable(vec![wrong_field(error)]),
        Category::Syntax | Category::Eof | Category::Io => not_json(error.inner()),
    }
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::bad_request(format!("the body is not JSON: {error}"))
}

/// What is wrong with a field, without the value that was found there: it may be a secret, or as long as the body.
fn wrong_field(error: &serde_path_to_error::Error<serde_json::Error>) -> FieldError {
    let (text, place) = (error.inner().to_string(), pointer(error.path()));
    let missing = text.strip_prefix("missing field `");
    if let Some((name, _)) = missing.and_then(|rest| rest.split_once('`')) {
        return FieldError::new(format!("{place}/{}", step(name)), "is missing".to_owned());
    }
    let text = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(text, _)| text);
    let detail = match text.rsplit_once(", expected ") {
        Some((_, expected)) if expected.starts_with("struct ") => "must be an object".to_owned(),
        Some((_, expected)) if is_integer_type(expected) => "must be an integer".to_owned(),
        Some((_, expected)) => format!("must be {expected}"),
        None => text.to_owned(),
    };
    let detail: String = detail.chars().take(MAX_DETAIL).collect();
    FieldError::new(place, detail)
}

/// serde calls an integer by the name of its type in Rust: `i64`.
fn is_integer_type(expected: &str) -> bool {
    let bits = expected.strip_prefix(['i', 'u']);
    bits.is_some_and(|bits| ["8", "16", "32", "64", "128", "size"].contains(&bits))
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let written = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", step(key)),
        Segment::Enum { variant } => format!("/{variant}"),
        Segment::Unknown => String::new(),
    };
    path.iter().map(written).collect()
}

/// One step of a pointer: RFC 6901, `/` before it, `~` and `/` escaped.
fn step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, Validate)]
    struct Beer {
        #[garde(length(chars, min = 1))]
        name: String,
    }

    /// The names, or status and pointers of the problem.
    fn names(body: &str) -> Result<Vec<String>, (u16, Vec<String>)> {
        match parse_objects::<Beer>(body.as_bytes()) {
            Ok(beers) => Ok(beers.into_iter().map(|beer| beer.name).collect()),
            Err(problem) => Err((problem.status().as_u16(), problem.pointers())),
        }
    }

    #[test]
    fn a_wrong_value_is_not_repeated_and_a_missing_field_is_named() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "it is only parsed")]
        struct Login {
            password: String,
        }
        let wrong = |body: &str| {
            let mut json = serde_json::Deserializer::from_str(body);
            let error = serde_path_to_error::deserialize::<_, Login>(&mut json).unwrap_err();
            serde_json::to_string(&wrong_field(&error)).unwrap()
        };
        assert_eq!(
            wrong(r#"{"password": 99887766}"#),
            r#"{"pointer":"/password","detail":"must be a string"}"#
        );
        assert_eq!(
            wrong("{}"),
            r#"{"pointer":"/password","detail":"is missing"}"#
        );
    }

    /// The names of Rust's types are not the client's.
    #[test]
    fn an_integer_is_called_by_that_name() {
        #[derive(Debug, Deserialize, Validate)]
        #[garde(allow_unvalidated)]
        #[expect(dead_code, reason = "only read")]
        struct Numbers {
            small: i32,
            large: Option<u64>,
        }
        for body in [
            r#"{"small":1.5}"#,
            r#"{"small":"1"}"#,
            r#"{"small":1,"large":-1}"#,
        ] {
            let refused = parse_object::<Numbers>(body.as_bytes()).unwrap_err();
            let told = refused.summary();
            assert!(told.ends_with(" must be an integer"), "{body}: {told}");
        }
    }

    #[test]
    fn an_array_of_objects_is_taken() {
        assert_eq!(names(r#"[{"name":"a"},{"name":"b"}]"#).unwrap(), ["a", "b"]);
        assert_eq!(names("[]").unwrap(), [""; 0]);
    }

    #[test]
    fn each_wrong_item_is_named_by_its_index() {
        let pointers = |body| names(body).unwrap_err();
        let wrong = |status, pointer: &str| (status, vec![pointer.to_owned()]);
        assert_eq!(pointers(r#"[{"name":"a"},["b"]]"#), wrong(422, "/1"));
        assert_eq!(
            pointers(r#"[{"name":"a"},{"name":7}]"#),
            wrong(422, "/1/name")
        );
        assert_eq!(
            pointers(r#"[{"name":"a"},{"name":""}]"#),
            wrong(422, "/1/name")
        );
        assert_eq!(pointers(r#"[{"name":"\u0000"}]"#), wrong(422, "/0/name"));
        assert_eq!(pointers(r#"[{"name":["#), (400, Vec::new()));
    }

    #[test]
    fn a_nul_is_refused_whatever_stands_beside_it() {
        let refused = |body: &str| names(body).unwrap_err().0;
        assert_eq!(refused(r#"[{"name":"a\u0000b","x":"\ud800"}]"#), 400);
        assert_eq!(refused(r#"[{"name":"a\u0000b","x":1e999}]"#), 400);
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let body = format!(r#"[{{"name":"a\u0000b","x":{deep}}}]"#);
        assert_eq!(refused(&body), 400);
    }

    #[test]
    fn a_nul_in_an_ignored_field_is_ignored() {
        let key = "k".repeat(100_000);
        let nuls = vec![r#""\u0000""#; 10_000].join(",");
        let body = format!(r#"[{{"name":"a","{key}":[{nuls}],"\u0000":0}}]"#);
        assert_eq!(names(&body).unwrap(), ["a"]);
    }

    #[test]
    fn of_many_nuls_the_first_is_told() {
        let body = format!("[{}]", vec![r#"{"name":"\u0000"}"#; OBJECTS_MAX].join(","));
        assert_eq!(names(&body).unwrap_err(), (422, vec!["/0/name".to_owned()]));
    }

    #[test]
    fn an_array_has_a_limit() {
        let body = |count| format!("[{}]", vec![r#"{"name":"a"}"#; count].join(","));
        assert_eq!(names(&body(OBJECTS_MAX)).unwrap().len(), OBJECTS_MAX);
        assert_eq!(
            names(&body(OBJECTS_MAX + 1)).unwrap_err(),
            (422, vec![String::new()])
        );
    }
}
