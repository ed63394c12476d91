//! The ids of messages that a step may send more than once.
//!
//! They are derived (UUID v5): a step that is repeated after a crash sends the id that it has sent before, so the outbox
//! and the logs know it as the same message. Another attempt is another message.

use uuid::Uuid;

/// The id of the message that `step` sends about `thing`, for the `attempt`th time. `step` is a constant of the message.
pub(crate) fn derived(step: Uuid, thing: Uuid, attempt: i32) -> Uuid {
    let mut name = thing.as_bytes().to_vec();
    name.extend(attempt.to_be_bytes());
    Uuid::new_v5(&step, &name)
}
