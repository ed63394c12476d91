//! The inventory over real HTTP, on a real database and a real broker. One module per context.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod bad_input;
mod beers;
mod bikes;
mod bikes_import;
mod bikes_search;
mod bikes_stream;
mod clients;
mod dead_letters;
mod events;
mod fleet;
mod helpers;
mod lists;
mod location_faults;
mod movies;
mod openapi;
mod outages;
mod parts;
mod positions;
mod rights;
mod settings;
mod tracks;
mod trips;
