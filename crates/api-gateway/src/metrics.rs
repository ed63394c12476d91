//! Every metric of the gateway: name and meaning. Nothing is recorded under a name that is not here.

/// Tokens that the gateway did not remember, by `result`.
pub const TOKEN_CHECKS: &str = "gateway_token_checks_total";

/// The metrics of this module, `(name, what it counts)`; a test holds docs/operations.md to it.
pub const METRICS: &[(&str, &str)] = &[(
    TOKEN_CHECKS,
    "tokens that the gateway did not remember, by result: `known`, `unknown`, `limited` or `failed`",
)];
