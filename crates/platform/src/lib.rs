//! How a service of crud-master runs.
//!
//! Start and stop, settings, logs, HTTP, health, errors, database and broker: written once, for every
//! service. It knows no movie and no payment; arrows point down only, so it imports no service.
//!
//! # Layout

#[cfg(feature = "broker")]
pub mod broker;
