//! However little, or much, is read and written at once, messages arrive as they were sent.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod support;

use support::{Home, PATIENCE, WIRE};
use zocket::{BuildError, Message};

#[test]
fn messages_of_all_sizes_arrive_whole_with_reads_and_writes_of_any() {
    for &transport in WIRE {
        for (read, written) in [
            (256, 256),
            (1000, 1 << 20),
            (1 << 20, 1000),
            (64 << 20, 300),
        ] {
            let home = Home::new();
            let pull = home.pull().in_batch_size(read).build().unwrap();
            let push = home.push().out_batch_size(written).build().unwrap();
            assert_eq!(pull.options().in_batch_size(), Some(read));
            assert_eq!(push.options().out_batch_size(), Some(written));
            push.connect(pull.bind(home.endpoint(transport)).unwrap())
                .unwrap();
            let message = |n: usize| {
                let sizes = [0, 1, 250, 256, 1000, 4096, 33_000, 70_000];
                let frame = |k: usize| vec![n as u8; sizes[(n + k) % sizes.len()]];
                Message::from_iter((0..=n % 3).map(frame))
            };
            // A few at a time, so that both sides see bursts and single ones.
            for burst in 0..20 {
                let numbers = burst * 16..(burst + 1) * 16;
                numbers.clone().for_each(|n| push.send(message(n)).unwrap());
                for n in numbers {
                    let got = pull.recv_timeout(PATIENCE).unwrap();
                    assert_eq!(got, message(n), "{transport:?} {read} {written}: {n}");
                }
            }
        }
    }
}

#[test]
fn what_is_no_batch_is_refused() {
    let home = Home::new();
    for wrong in [0, 255, (64 << 20) + 1] {
        let reads = home.pull().in_batch_size(wrong).build().map(drop);
        let writes = home.pull().out_batch_size(wrong).build().map(drop);
        for built in [reads, writes] {
            assert!(
                matches!(built, Err(BuildError::Invalid(why)) if why[0].contains("_batch_size"))
            );
        }
    }
    let pull = home.pull().in_batch_size(256).build().unwrap();
    pull.options().set_in_batch_size(None).unwrap();
    assert_eq!(pull.options().in_batch_size(), None);
    assert!(pull.options().set_out_batch_size(1).is_err());
}
