//! Every metric of the broker's side: name and meaning. Nothing is recorded under a name that is not here.

/// Messages that the broker confirmed, by `queue`.
pub const PUBLISHED: &str = "broker_published_total";
/// Calls of publish that did not end in a confirm, by `reason`.
pub const PUBLISH_FAILURES: &str = "broker_publish_failures_total";
/// Seconds from the call of publish to the confirm.
pub const PUBLISH_SECONDS: &str = "broker_publish_duration_seconds";
/// Messages sent again under their id because a generation ended before their confirm.
pub const REPUBLISHED: &str = "broker_republished_total";
/// Usable connections made, by `role`.
pub const GENERATIONS: &str = "broker_generations_total";
/// 1 while the connection of a `role` is usable.
pub const CONNECTED: &str = "broker_connected";
/// Messages stored and acknowledged, by `queue`.
pub const CONSUMED: &str = "broker_consumed_total";
/// Messages delivered more than once, by `queue`.
pub const REDELIVERED: &str = "broker_redelivered_total";
/// Batches acknowledged, by `queue`.
pub const BATCHES: &str = "broker_batches_total";
/// Seconds that one try to store took, by `queue`.
pub const STORE_SECONDS: &str = "broker_store_duration_seconds";
/// Messages moved to the dead-letter queue, by `queue`.
pub const REFUSED: &str = "broker_refused_total";
/// Batches that had to be held because of a transient failure, by `queue`.
pub const HELD: &str = "broker_held_batches_total";
/// 1 while a batch is held, by `queue`.
pub const HOLDING: &str = "broker_holding";

/// Messages ready in a `queue`, at the last poll; NaN while it is unknown.
pub const DEPTH: &str = "broker_queue_depth";
/// Seconds since the oldest message was sent that a `queue`'s consumer has not settled.
pub const OLDEST_AGE: &str = "broker_oldest_message_age_seconds";
/// Times that a consumer could settle messages and did not, by `queue`.
pub const STALLS: &str = "broker_stalls_total";

/// Messages in the outbox of the database, those that failed included; NaN while it is unknown.
pub const OUTBOX_DEPTH: &str = "broker_outbox_depth";
/// Seconds since the oldest message of the outbox was written that has not failed; NaN while it is unknown.
pub const OUTBOX_OLDEST_AGE: &str = "broker_outbox_oldest_message_age_seconds";
/// Messages in the outbox that the broker did not take when they were tried; NaN while it is unknown.
pub const OUTBOX_FAILED: &str = "broker_outbox_failed";

/// The metrics of this module, `(name, what it counts)`; a test holds docs/operations.md to it.
pub const METRICS: &[(&str, &str)] = &[
    (PUBLISHED, "messages that the broker confirmed, by queue"),
    (
        PUBLISH_FAILURES,
        "publishes that did not end in a confirm, by reason",
    ),
    (
        PUBLISH_SECONDS,
        "time from the publish to the broker's confirm",
    ),
    (
        REPUBLISHED,
        "messages sent again because a connection ended before their confirm",
    ),
    (GENERATIONS, "usable broker connections made, by role"),
    (CONNECTED, "1 while the connection of a role is usable"),
    (CONSUMED, "messages stored and acknowledged, by queue"),
    (REDELIVERED, "messages delivered more than once, by queue"),
    (BATCHES, "batches acknowledged, by queue"),
    (STORE_SECONDS, "time of one try to store a batch, by queue"),
    (REFUSED, "messages moved to the dead-letter queue, by queue"),
    (
        HELD,
        "batches held because of a transient failure, by queue",
    ),
    (HOLDING, "1 while a batch is held, by queue"),
    (
        DEPTH,
        "messages ready in the queue, by queue; NaN while the broker does not answer",
    ),
    (
        OLDEST_AGE,
        "time since the oldest message was sent that is not recorded yet, by queue; NaN while it is unknown whether one waits",
    ),
    (
        STALLS,
        "times that a consumer could settle messages and did not for 15 s, by queue",
    ),
    (
        OUTBOX_DEPTH,
        "messages in the outbox; NaN while the database does not answer",
    ),
    (
        OUTBOX_OLDEST_AGE,
        "time since the oldest message of the outbox was written that has not failed; NaN while the database does not answer",
    ),
    (
        OUTBOX_FAILED,
        "messages in the outbox that the broker did not take; tried again; NaN while the database does not answer",
    ),
];
