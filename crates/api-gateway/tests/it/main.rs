//! The gateway over real HTTP: before a peer that misbehaves on purpose, and a real RabbitMQ.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod auth;
mod bikes;
mod docs;
mod documents;
mod edge;
mod exact;
mod failures;
mod helpers;
mod idempotency;
mod logouts;
mod long_bodies;
mod payments;
mod process;
mod rates;
mod routes;
mod settings;
mod streams;
mod stub;
mod uploads;
mod users;
