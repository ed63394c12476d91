//! The committed document is what the code says.

#[test]
fn openapi_json_is_up_to_date() {
    let (_, document) = billing_app::routes();
    let committed = include_str!("../../openapi.json");
    let current = document.to_pretty_json().unwrap();
    assert_eq!(
        committed.trim_end(),
        current,
        "refresh it: cargo run -p billing-app -- openapi > crates/billing-app/openapi.json"
    );
}
