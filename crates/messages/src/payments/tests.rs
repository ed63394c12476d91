#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;

use super::*;

fn parse(body: &str) -> Result<Payment, Rejection> {
    Payment::parse(body.as_bytes())
}

/// The example with one field replaced by other JSON text.
fn with(field: &str, value: &str) -> String {
    let mut fields = [
        ("user_id", "\"3\""),
        ("number_of_items", "\"5\""),
        ("total_amount", "\"180\""),
    ];
    fields
        .iter_mut()
        .filter(|(name, _)| *name == field)
        .for_each(|slot| slot.1 = value);
    let members: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

fn pointers(result: Result<Payment, Rejection>) -> Vec<&'static str> {
    match result {
        Err(Rejection::Invalid(errors)) => errors.iter().map(|error| error.pointer).collect(),
        other => panic!("expected field errors, got {other:?}"),
    }
}

fn assert_refused(field: &'static str, values: &[&str]) {
    for value in values {
        let pointer = format!("/{field}");
        assert_eq!(
            pointers(parse(&with(field, value))),
            [pointer.as_str()],
            "{field}: {value}"
        );
    }
}

fn assert_malformed(body: &[u8]) {
    let result = Payment::parse(body);
    assert!(
        matches!(result, Err(Rejection::Malformed(_))),
        "{:?} gave {result:?}",
        String::from_utf8_lossy(body)
    );
}

#[test]
fn the_example_is_a_payment() {
    let payment = parse(EXAMPLE).unwrap();
    assert_eq!(payment.user_id(), "3");
    assert_eq!(payment.number_of_items(), 5);
    assert_eq!(payment.total_amount(), Decimal::from(180));
}

#[test]
fn numbers_mean_the_same_as_strings() {
    let numbers = r#"{"user_id":3,"number_of_items":5,"total_amount":180}"#;
    assert_eq!(parse(numbers).unwrap(), parse(EXAMPLE).unwrap());
}

#[test]
fn unknown_fields_are_ignored() {
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let body = EXAMPLE.replacen('{', &format!(r#"{{"note":{deep},"x":null,"#), 1);
    assert_eq!(parse(&body), parse(EXAMPLE));
}

#[test]
fn amounts_are_exact() {
    for text in ["0", "0.1", "0.10", "19.99", "999999999999.99"] {
        let expected = Decimal::from_str_exact(text).unwrap();
        assert_eq!(
            parse(&with("total_amount", text)).unwrap().total_amount(),
            expected
        );
        let quoted = with("total_amount", &format!("\"{text}\""));
        assert_eq!(parse(&quoted).unwrap().total_amount(), expected);
    }
}

#[test]
fn impossible_amounts_are_refused() {
    assert_refused(
        "total_amount",
        &[
            "-1",
            "1.005",
            "1e400",
            "1e2",
            "1E2",
            "-0",
            "1000000000000",
            "\"-1\"",
            "\"1.005\"",
            "\"NaN\"",
            "\"Infinity\"",
            "\"\"",
            "\" 1\"",
            "\"1 \"",
            "\"+1\"",
            "\"1.\"",
            "\".5\"",
            "\"1,5\"",
            "\"1e2\"",
            "\"0x10\"",
            "\"01\"",
            "\"1_000\"",
            "\"٣\"",
            "\"1.2.3\"",
            "null",
            "true",
            "[]",
            "[1]",
            "{}",
        ],
    );
    let endless = "9".repeat(100_000);
    assert_refused(
        "total_amount",
        &[&endless, &format!("\"{endless}\""), &format!("0.{endless}")],
    );
}

#[test]
fn impossible_numbers_of_items_are_refused() {
    assert_refused(
        "number_of_items",
        &[
            "0",
            "-1",
            "1.0",
            "1.5",
            "1e1",
            "2147483648",
            "9223372036854775808",
            "\"0\"",
            "\"-1\"",
            "\"+1\"",
            "\"05\"",
            "\"five\"",
            "\"\"",
            "\" 5\"",
            "\"5\\u0000\"",
            "null",
            "false",
            "[]",
            "{}",
        ],
    );
    let most = parse(&with("number_of_items", "2147483647")).unwrap();
    assert_eq!(most.number_of_items(), i32::MAX);
}

#[test]
fn impossible_user_ids_are_refused() {
    assert_refused(
        "user_id",
        &[
            "\"\"",
            "\"a\\u0000b\"",
            "\"a\\nb\"",
            "\"\\u007f\"",
            "\"\\u0085\"",
            "-1",
            "1.5",
            "1e3",
            "null",
            "true",
            "[]",
            "{}",
        ],
    );
    let longest = "é".repeat(USER_ID_MAX);
    let payment = parse(&with("user_id", &format!("\"{longest}\""))).unwrap();
    assert_eq!(payment.user_id(), longest);
    assert_refused("user_id", &[&format!("\"{longest}e\"")]);
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let all = ["/user_id", "/number_of_items", "/total_amount"];
    assert_eq!(pointers(parse("{}")), all);
    let body = r#"{"user_id":null,"number_of_items":"0","total_amount":[]}"#;
    assert_eq!(pointers(parse(body)), all);
    let told = parse(body).unwrap_err().to_string();
    assert!(
        told.starts_with("/user_id must be a string or a number; /number_of_items must"),
        "{told}"
    );
}

#[test]
fn json_that_is_no_object_is_refused_as_a_whole() {
    for body in ["null", "true", "3", "\"3\"", "[]", r#"["3","5","180"]"#] {
        assert_eq!(pointers(parse(body)), [""], "{body}");
    }
}

#[test]
fn malformed_bodies_are_told_apart() {
    let nested = "[".repeat(100_000);
    for body in [
        "",
        " ",
        "{",
        "nonsense",
        "{'user_id':1}",
        "{}{}",
        "[1,]",
        "NaN",
        &nested,
    ] {
        assert_malformed(body.as_bytes());
    }
    assert_malformed(b"{\"user_id\":\"\xff\"}");
    for value in [
        "NaN",
        "+1",
        "01",
        ".5",
        "1.",
        "0x10",
        "\"\\ud800\"",
        "\"\\ud800x\"",
        "\"a\tb\"",
    ] {
        assert_malformed(with("user_id", value).as_bytes());
    }
}

#[test]
fn a_key_given_twice_is_malformed() {
    for twice in ["\"user_id\":\"4\"", "\"user\\u005fid\":\"4\""] {
        let body = EXAMPLE.replacen('{', &format!("{{{twice},"), 1);
        assert_malformed(body.as_bytes());
    }
}

#[test]
fn the_document_names_what_is_required() {
    let document =
        serde_json::to_value(<PostedPayment as utoipa::PartialSchema>::schema()).unwrap();
    assert_eq!(
        document["required"],
        json!(["user_id", "number_of_items", "total_amount"])
    );
    for (field, number) in [
        ("user_id", "integer"),
        ("number_of_items", "integer"),
        ("total_amount", "number"),
    ] {
        let forms = &document["properties"][field]["oneOf"];
        assert_eq!(
            [&forms[0]["type"], &forms[1]["type"]],
            [&json!("string"), &json!(number)]
        );
    }
}

/// Texts that match a documented pattern.
fn documented(pattern: &str) -> impl Strategy<Value = String> {
    let inner = pattern.trim_start_matches('^').trim_end_matches('$');
    proptest::string::string_regex(inner).unwrap()
}

#[test]
fn the_order_of_a_body_is_read_and_anything_else_there_is_ignored() {
    let order = "0198c0de-0000-7000-8000-000000000001";
    let of = |order_id: &str| {
        let body = EXAMPLE.replace('}', &format!(r#","order_id":{order_id}}}"#));
        parse(&body).unwrap().order_id()
    };
    assert_eq!(of(&format!("\"{order}\"")), order.parse().ok());
    for other in ["7", "null", "\"7\"", "{}", "\"\\ud800\"", "[1,[2]]"] {
        assert_eq!(of(other), None, "{other}");
    }
    assert_eq!(parse(EXAMPLE).unwrap().order_id(), None);
}

#[test]
fn the_payment_of_an_order_comes_through_unchanged() {
    let (order, user) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let payment = Payment::of_order(order, user, 3, Decimal::new(620, 2)).unwrap();
    assert_eq!(Payment::parse(&payment.encode()).unwrap(), payment);
    assert_eq!(payment.order_id(), Some(order));
    assert_eq!(AMOUNT_MAX.to_string(), "999999999999.99");
    for (items, cents, scale) in [
        (0, 1, 2),
        (1, -1, 2),
        (1, 100_000_000_000_000, 2),
        (1, 1, 3),
    ] {
        let amount = Decimal::new(cents, scale);
        assert_eq!(Payment::of_order(order, user, items, amount), None);
    }
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Payment::parse(&body);
    }

    #[test]
    fn any_text_in_any_field_gives_a_payment_or_that_field(text in any::<String>(), field in 0..3_usize) {
        let field = ["user_id", "number_of_items", "total_amount"][field];
        let pointer = format!("/{field}");
        match parse(&with(field, &json!(text).to_string())) {
            Ok(_) => {}
            Err(Rejection::Invalid(errors)) => prop_assert_eq!(errors[0].pointer, pointer.as_str()),
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn every_possible_payment_comes_through_unchanged(
        user_id in r"\PC{1,64}",
        number_of_items in 1..=i32::MAX,
        cents in 0..=99_999_999_999_999_i64,
    ) {
        let amount = Decimal::new(cents, 2);
        let body = json!({
            "user_id": user_id,
            "number_of_items": number_of_items.to_string(),
            "total_amount": amount.to_string(),
        });
        let payment = parse(&body.to_string()).unwrap();
        prop_assert_eq!(payment.user_id(), user_id);
        prop_assert_eq!(payment.number_of_items(), number_of_items);
        prop_assert_eq!(payment.total_amount(), amount);
    }

    #[test]
    fn a_documented_amount_is_accepted(text in documented(posted::AMOUNT_PATTERN)) {
        let quoted = format!("\"{text}\"");
        prop_assert!(parse(&with("total_amount", &text)).is_ok());
        prop_assert!(parse(&with("total_amount", &quoted)).is_ok());
    }

    #[test]
    fn a_documented_number_of_items_is_accepted(text in documented(posted::ITEMS_PATTERN)) {
        prop_assert!(parse(&with("number_of_items", &text)).is_ok());
    }

    #[test]
    fn a_documented_user_id_is_accepted(text in documented(posted::USER_ID_PATTERN)) {
        let short: String = text.chars().take(USER_ID_MAX).collect();
        prop_assert!(parse(&with("user_id", &json!(short).to_string())).is_ok());
    }
}
