//! The last step of the conversation: a shipping says how it ended.

use serde::{Deserialize, Serialize};
use uuid::{Uuid, uuid};

use crate::{Message, Rejection, Route, ids, json};

/// The queue of ends.
pub const QUEUE: &str = "shippings_update";

/// One message as it lies on the queue.
pub const EXAMPLE: &str = r#"{"order_id":"0198c0de-0000-7000-8000-000000000001","shipping_id":"0198c0de-0000-7000-8000-000000000003","status":"SUCCESS"}"#;

/// The step of saying that all is well, for [`ShippingUpdate::message_id`].
const SUCCEEDED: Uuid = uuid!("e741e34a-2678-4317-8ffd-0bd890daf7cf");

/// The step of saying that it failed.
const FAILED: Uuid = uuid!("4fe7567d-b8d7-494e-a310-3435602b7f67");

/// How the shipping of an order ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingUpdate {
    /// The order.
    pub order_id: Uuid,
    /// Its shipping.
    pub shipping_id: Uuid,
    /// How it ended.
    pub status: Outcome,
}

/// The end of a shipping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    /// It is on its way.
    Success,
    /// It never will be.
    Fail,
}

impl ShippingUpdate {
    /// The id of this message. An end that is said again, because the order did not hear it, is the same message.
    #[must_use]
    pub fn message_id(&self) -> Uuid {
        let step = match self.status {
            Outcome::Success => SUCCEEDED,
            Outcome::Fail => FAILED,
        };
        ids::derived(step, self.shipping_id, 1)
    }
}

impl Message for ShippingUpdate {
    const ROUTE: Route = Route::Queue(QUEUE);

    type Rejection = Rejection;

    fn parse(body: &[u8]) -> Result<Self, Rejection> {
        json::read(body)
    }

    fn encode(&self) -> Vec<u8> {
        json::write(self)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn example() -> ShippingUpdate {
        ShippingUpdate::parse(EXAMPLE.as_bytes()).unwrap()
    }

    #[test]
    fn the_example_is_read_and_written() {
        assert_eq!(example().status, Outcome::Success);
        assert_eq!(example().encode(), EXAMPLE.as_bytes());
    }

    #[test]
    fn only_ends_are_taken() {
        for (status, is_taken) in [
            ("SUCCESS", true),
            ("FAIL", true),
            ("PROCESSING", false),
            ("success", false),
        ] {
            let body = EXAMPLE.replace("SUCCESS", status);
            let parsed = ShippingUpdate::parse(body.as_bytes());
            assert_eq!(parsed.is_ok(), is_taken, "{status}");
        }
    }

    #[test]
    fn bodies_that_are_no_object_of_ours_are_refused() {
        let array = r#"["0198c0de-0000-7000-8000-000000000001","0198c0de-0000-7000-8000-000000000003","FAIL"]"#;
        let twice = EXAMPLE.replacen('{', r#"{"status":"FAIL","#, 1);
        let id = EXAMPLE.replace("0198c0de", "x");
        let trailing = format!("{EXAMPLE} {{}}");
        for body in [
            "",
            "{}",
            "null",
            "\u{feff}{}",
            array,
            &twice,
            &id,
            &trailing,
        ] {
            assert!(ShippingUpdate::parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(ShippingUpdate::parse(b"{\"order_id\":\"\xff\"}").is_err());
    }

    #[test]
    fn unknown_fields_are_ignored() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let body = EXAMPLE.replacen('{', &format!(r#"{{"note":{deep},"#), 1);
        assert_eq!(ShippingUpdate::parse(body.as_bytes()), Ok(example()));
    }

    #[test]
    fn an_end_has_one_id_and_the_other_end_another() {
        let failed = ShippingUpdate {
            status: Outcome::Fail,
            ..example()
        };
        assert_eq!(example().message_id(), example().message_id());
        assert_ne!(example().message_id(), failed.message_id());
    }
}
