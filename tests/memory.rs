//! What waits for a peer that does not read takes no more memory than the limits allow.
//!
//! Alone in its file: it measures the whole process.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::time::Duration;
use std::{fs, thread};

use support::{Home, PATIENCE, WIRE, next_of};

const MIB: usize = 1 << 20;
const HWM: usize = 10;

/// Memory in use, in pages of 4 KiB.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn memory_is_bounded_by_the_limits() {
    // Both queues, one message in each hand, the kernel's share, and what the allocator keeps.
    const BOUND: usize = 3 * 2 * HWM * MIB;
    for &transport in WIRE {
        let home = Home::new();
        let pull = home.pull().recv_hwm(HWM).build().unwrap();
        let push = home.push().send_hwm(HWM).build().unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        let before = resident();
        let mut sent = 0;
        while push
            .send_timeout(vec![sent as u8; MIB], Duration::from_secs(1))
            .is_ok()
        {
            sent += 1;
            assert!(sent < 1000, "it never stops");
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < BOUND, "{transport:?}: {grown} for {sent} MiB");

        let all = sent + 200;
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in sent..all {
                    push.send_timeout(vec![number as u8; MIB], PATIENCE)
                        .unwrap();
                }
            });
            for number in 0..all {
                let message = next_of(&pull);
                assert_eq!(message.byte_len(), MIB);
                assert_eq!(message[0][0], number as u8);
            }
        });
        let grown = resident().saturating_sub(before);
        assert!(grown < BOUND, "{transport:?}: {grown} after {all} MiB");
    }
}
