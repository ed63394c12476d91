//! Reads the payment of the contract, `parse_payments COUNT` times, for `scripts/lib/instructions`: what the gateway and the billing
//! do with each.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on should stop"
)]

use std::{env, hint::black_box};

use messages::{
    Message,
    payments::{EXAMPLE, Payment},
};

fn main() {
    let count: u32 = env::args().nth(1).unwrap().parse().unwrap();
    for _ in 0..count {
        let payment = Payment::parse(black_box(EXAMPLE.as_bytes()));
        assert!(black_box(payment).is_ok());
    }
}
