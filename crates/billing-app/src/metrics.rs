//! Every metric of the billing: name and meaning. Nothing is recorded under a name that is not here.

/// Orders that have ended, by `status`.
pub const ORDERS_ENDED: &str = "billing_orders_ended_total";
/// Questions that were asked again because no answer had come in time, by `timer`.
pub const QUESTIONS_REPEATED: &str = "billing_questions_repeated_total";
/// 1 while a `timer` does nothing because messages are not sent.
pub const TIMER_PAUSED: &str = "billing_timer_paused";
/// Logins, by `result`.
pub const LOGINS: &str = "billing_logins_total";

/// The metrics of this module, `(name, what it counts)`; a test holds docs/operations.md to it.
pub const METRICS: &[(&str, &str)] = &[
    (
        ORDERS_ENDED,
        "orders that have ended, by status: `SHIPPED` or `CANCELLED`",
    ),
    (
        QUESTIONS_REPEATED,
        "questions asked again because no answer had come in time, by timer",
    ),
    (
        TIMER_PAUSED,
        "1 while a timer does nothing because messages are not sent, by timer",
    ),
    (
        LOGINS,
        "logins, by result: `done`, `refused`, `limited` or `failed`",
    ),
];
