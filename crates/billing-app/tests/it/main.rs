//! The billing on a real broker and a real database. One module per promise.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod accounts;
mod accounts_load;
mod accounts_secrets;
mod accounts_sessions;
mod accounts_throttle;
mod conversation;
mod conversation_faults;
mod conversation_helpers;
mod crash;
mod customers;
mod dead_letters;
mod events;
mod events_partitions;
mod events_stream;
mod helpers;
mod identities;
mod logs;
mod metrics;
mod openapi;
mod orders_checkout;
mod orders_ending;
mod orders_inventory;
mod orders_open;
mod orders_overdue;
mod orders_prices;
mod orders_repeated;
mod orders_seen;
mod orders_shipped;
mod outages;
mod parts;
mod pools;
mod reads;
mod recording;
mod refusals;
mod reports;
mod reports_reference;
mod settings;
mod shippings;
mod shop;
mod start;
