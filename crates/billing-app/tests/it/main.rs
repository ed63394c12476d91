//! The billing on a real broker and a real database. One module per promise.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod accounts;
mod accounts_load;
mod accounts_secrets;
mod accounts_sessions;
mod accounts_throttle;
mod crash;
mod dead_letters;
mod helpers;
mod identities;
mod logs;
mod openapi;
mod outages;
mod parts;
mod reads;
mod recording;
mod refusals;
mod settings;
mod start;
