//! How much is queued, and what happens when no more is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::thread;
use std::time::Duration;

use support::{ALL, Home, PATIENCE, QUIET, Transport, WIRE, expect_numbers, fill, next_of};
use zocket::{Pull, Push};

fn joined(home: &Home, send_hwm: usize, recv_hwm: usize) -> (Push, Pull) {
    let name = home.endpoint(Transport::Inproc);
    let push = home.push().send_hwm(send_hwm).build().unwrap();
    let pull = home.pull().recv_hwm(recv_hwm).build().unwrap();
    pull.bind(&name).unwrap();
    push.connect(&name).unwrap();
    (push, pull)
}

fn joined_the_other_way(home: &Home, send_hwm: usize, recv_hwm: usize) -> (Push, Pull) {
    let name = home.endpoint(Transport::Inproc);
    let push = home.push().send_hwm(send_hwm).build().unwrap();
    let pull = home.pull().recv_hwm(recv_hwm).build().unwrap();
    push.bind(&name).unwrap();
    pull.connect(&name).unwrap();
    (push, pull)
}

/// The sender connects, the receiver binds later.
fn joined_late(home: &Home, send_hwm: usize, recv_hwm: usize) -> (Push, Pull) {
    let name = home.endpoint(Transport::Inproc);
    let push = home.push().send_hwm(send_hwm).build().unwrap();
    let pull = home.pull().recv_hwm(recv_hwm).build().unwrap();
    push.connect(&name).unwrap();
    pull.bind(&name).unwrap();
    (push, pull)
}

/// The receiver connects, the sender binds later.
fn joined_late_the_other_way(home: &Home, send_hwm: usize, recv_hwm: usize) -> (Push, Pull) {
    let name = home.endpoint(Transport::Inproc);
    let push = home.push().send_hwm(send_hwm).build().unwrap();
    let pull = home.pull().recv_hwm(recv_hwm).build().unwrap();
    pull.connect(&name).unwrap();
    push.bind(&name).unwrap();
    (push, pull)
}

type Join = fn(&Home, usize, usize) -> (Push, Pull);
const WAYS: [Join; 4] = [
    joined,
    joined_the_other_way,
    joined_late,
    joined_late_the_other_way,
];

#[test]
fn inproc_by_default_takes_2000() {
    for join in WAYS {
        let home = Home::new();
        let name = home.endpoint(Transport::Inproc);
        let push = home.push().build().unwrap();
        let pull = home.pull().build().unwrap();
        pull.bind(&name).unwrap();
        push.connect(&name).unwrap();
        assert_eq!(fill(&push, 0), 2000);
        expect_numbers(&pull, 0..2000);

        let (push, pull) = join(&home, 1000, 1000);
        assert_eq!(fill(&push, 0), 2000);
        expect_numbers(&pull, 0..2000);
        assert!(pull.try_recv().is_err());
    }
}

#[test]
fn inproc_takes_the_senders_part_before_anybody_is_bound() {
    let home = Home::new();
    let name = home.endpoint(Transport::Inproc);
    let push = home.push().build().unwrap();
    push.connect(&name).unwrap();
    assert_eq!(fill(&push, 0), 1000);
    let pull = home.pull().build().unwrap();
    pull.bind(&name).unwrap();
    assert_eq!(fill(&push, 1000), 1000);
    expect_numbers(&pull, 0..2000);
}

#[test]
fn a_sender_that_was_full_before_the_bind_goes_on_after_it() {
    for recv_hwm in [1, 2, 10, 100, 0] {
        let home = Home::new();
        let name = home.endpoint(Transport::Inproc);
        let push = home.push().send_hwm(10).build().unwrap();
        push.connect(&name).unwrap();
        assert_eq!(fill(&push, 0), 10);
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 10..100 {
                    push.send_timeout(number.to_string(), PATIENCE).unwrap();
                }
            });
            let pull = home.pull().recv_hwm(recv_hwm).build().unwrap();
            pull.bind(&name).unwrap();
            expect_numbers(&pull, 0..100);
        });
    }
}

#[test]
fn inproc_takes_the_sum_of_both_limits() {
    for (send_hwm, recv_hwm) in [(1, 1), (1, 2), (2, 1), (3, 7), (100, 1)] {
        for join in WAYS {
            let home = Home::new();
            let (push, pull) = join(&home, send_hwm, recv_hwm);
            let sum = send_hwm + recv_hwm;
            assert_eq!(fill(&push, 0), sum);
            expect_numbers(&pull, 0..sum);
            // Room is given back in halves, and all of it by a receiver that found nothing.
            assert!(pull.try_recv().is_err());
            assert_eq!(fill(&push, sum), sum);
            expect_numbers(&pull, sum..2 * sum);
        }
    }
}

#[test]
fn zero_on_either_side_is_unlimited() {
    const MANY: usize = 100_000;
    for (send_hwm, recv_hwm) in [(0, 0), (0, 1), (1, 0)] {
        for join in WAYS {
            let home = Home::new();
            let (push, pull) = join(&home, send_hwm, recv_hwm);
            for number in 0..MANY {
                push.try_send(number.to_string()).expect("no limit");
            }
            expect_numbers(&pull, 0..MANY);
        }
    }
}

#[test]
fn room_comes_back_when_half_is_read() {
    for (send_hwm, recv_hwm) in [(1000, 1000), (5, 5), (1, 1)] {
        for join in WAYS {
            let home = Home::new();
            let (push, pull) = join(&home, send_hwm, recv_hwm);
            let sum = send_hwm + recv_hwm;
            assert_eq!(fill(&push, 0), sum);
            expect_numbers(&pull, 0..sum / 2 - 1);
            assert_eq!(fill(&push, sum), 0, "half is not read yet");
            expect_numbers(&pull, sum / 2 - 1..sum / 2);
            assert_eq!(fill(&push, sum), sum / 2);
            expect_numbers(&pull, sum / 2..sum + sum / 2);
        }
    }
}

#[test]
fn a_blocked_sender_goes_on_when_half_is_read() {
    let home = Home::new();
    for join in WAYS {
        let (push, pull) = join(&home, 5, 5);
        assert_eq!(fill(&push, 0), 10);
        thread::scope(|scope| {
            scope.spawn(|| push.send_timeout("10", PATIENCE).unwrap());
            expect_numbers(&pull, 0..11);
        });
    }
}

#[test]
fn a_sender_connected_to_nobody_stops_at_its_limit() {
    for &transport in ALL {
        for send_hwm in [1, 7, 1000] {
            let home = Home::new();
            let push = home
                .push()
                .send_hwm(send_hwm)
                .linger(Duration::ZERO)
                .build()
                .unwrap();
            push.connect(home.vacant(transport)).unwrap();
            assert_eq!(fill(&push, 0), send_hwm, "{transport:?}");
        }
    }
}

#[test]
fn a_bound_sender_without_peers_takes_nothing() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().build().unwrap();
        push.bind(home.endpoint(transport)).unwrap();
        assert_eq!(fill(&push, 0), 0, "{transport:?}");
    }
}

/// What the kernel may hold of one connection whose buffers are set to [`BUFFER`] on both sides:
/// systems double what is asked for, have a minimum, and count overhead.
const KERNEL: usize = 512 << 10;
const BUFFER: usize = 16 << 10;
/// What one read brings.
const READ: usize = 64 << 10;
const HWM: usize = 10;

fn numbered(number: usize, size: usize) -> Vec<u8> {
    let mut body = vec![number as u8; size];
    body[..8].copy_from_slice(&(number as u64).to_be_bytes());
    body
}

/// A peer that does not read: queued is the sender's part, the receiver's, and what the kernel and
/// one read hold. Then nothing more goes in, until the peer reads.
fn stall(transport: Transport, size: usize) {
    let home = Home::new();
    let pull = home
        .pull()
        .recv_hwm(HWM)
        .recv_buffer(BUFFER)
        .send_buffer(BUFFER)
        .build()
        .unwrap();
    let push = home
        .push()
        .send_hwm(HWM)
        .recv_buffer(BUFFER)
        .send_buffer(BUFFER)
        .send_timeout(Duration::from_secs(1))
        .build()
        .unwrap();
    push.connect(pull.bind(home.endpoint(transport)).unwrap())
        .unwrap();
    push.wait_for_peers(1, PATIENCE).unwrap();

    let mut sent = 0;
    let back = loop {
        match push.send(numbered(sent, size)) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert!(back.is_timeout(), "{back}");
    assert_eq!(back.into_message(), numbered(sent, size));
    // A sender that was refused is let in again when half of its queue is gone.
    let least = HWM + HWM / 2;
    let most = 2 * HWM + 1 + (KERNEL + READ).div_ceil(size);
    assert!(
        (least..=most).contains(&sent),
        "{transport:?}, {size} bytes: {sent} went in, not {least} to {most}"
    );
    let full = push.try_send(numbered(sent, size)).unwrap_err();
    assert!(full.is_full(), "{full}");
    assert_eq!(full.into_message(), numbered(sent, size));

    let all = sent + 3 * HWM;
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in sent..all {
                push.send_timeout(numbered(number, size), PATIENCE).unwrap();
            }
        });
        for number in 0..all {
            assert!(next_of(&pull) == numbered(number, size), "message {number}");
        }
    });
    assert!(pull.recv_timeout(QUIET).is_err());
}

#[test]
fn a_peer_that_does_not_read_stops_the_sender_of_large_messages() {
    for &transport in WIRE {
        stall(transport, 1 << 20);
    }
}

#[test]
fn a_peer_that_does_not_read_stops_the_sender_of_small_messages() {
    for &transport in WIRE {
        stall(transport, 1 << 10);
    }
}
