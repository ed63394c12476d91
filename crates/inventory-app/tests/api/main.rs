//! The inventory over real HTTP, on a real database. One module per context.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod bad_input;
mod beers;
mod bikes;
mod bikes_import;
mod bikes_search;
mod bikes_stream;
mod clients;
mod events;
mod helpers;
mod lists;
mod movies;
mod openapi;
mod outages;
mod settings;
mod trips;
