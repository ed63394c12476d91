//! The whole system, as `scripts/up` starts it: what the exercise's audit does, and what a bad day does.
//!
//! The tests stop and kill parts of one running system, so they run one after the other (`--test-threads=1`).
//! `scripts/test` starts that system on ports and a data folder of its own and tells where in the environment.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(
    clippy::print_stdout,
    reason = "the figures of a run are worth reading"
)]

mod audit;
mod faults;
mod keys;
mod ledger;
mod outages;
mod parts;
mod report;
mod rides;
mod rounds;
mod shop;
mod users;
