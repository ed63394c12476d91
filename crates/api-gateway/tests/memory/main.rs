//! What remembered keys cost. It is alone in its process, so that no other test's memory is counted.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use api_gateway::idempotency::Memory;
use uuid::Uuid;

/// 100,000 keys may cost as much.
const LIMIT: usize = 16 * 1_024 * 1_024;

#[test]
fn a_hundred_thousand_remembered_keys_cost_at_most_16_mib_however_many_were_seen() {
    let before = resident();
    let memory = Memory::default();
    for number in 0..150_000 {
        let pending = memory.begin(Uuid::from_u128(number), b"body").unwrap();
        pending.unwrap().confirm();
    }
    let cost = resident() - before;
    assert!(
        memory
            .begin(Uuid::from_u128(149_999), b"body")
            .unwrap()
            .is_none()
    );
    assert!(cost < LIMIT, "{cost} bytes");
}

/// The resident memory of this process, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    1_024 * kilobytes.unwrap().parse::<usize>().unwrap()
}
