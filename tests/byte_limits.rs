//! How many bytes may be queued, and what happens when no more may be.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use peer::{Raw, frame, long_header};
use support::{ALL, Home, PATIENCE, QUIET, Transport, WIRE, next_of, until};
use zocket::{BuildError, Pub, Pull, Push, Sub, Upstream, XPub, XSub};

/// Sends messages of so many bytes until there is no room; how many went in.
fn fill(push: &Push, bytes: usize) -> usize {
    (0..)
        .take_while(|_| push.try_send(vec![0; bytes]).is_ok())
        .count()
}

/// One who leaves at once, whatever it has queued.
fn hasty(home: &Home) -> zocket::Builder<Push> {
    home.push().linger(Duration::ZERO)
}

fn expect(pull: &Pull, count: usize, bytes: usize) {
    for _ in 0..count {
        assert_eq!(next_of(pull).byte_len(), bytes);
    }
}

#[test]
fn a_queue_is_full_when_its_bytes_have_reached_the_limit() {
    for &transport in ALL {
        let home = Home::new();
        let push = hasty(&home).send_limit_bytes(1000).build().unwrap();
        push.connect(home.vacant(transport)).unwrap();
        // The fourth is let in at 900.
        assert_eq!(fill(&push, 300), 4);
        assert_eq!(push.stats().send_queue.bytes, 1200);
        // Nor is there room for what would be nothing.
        assert_eq!(fill(&push, 0), 0);
        assert!(push.try_reserve().is_err());
    }
}

#[test]
fn the_limit_in_messages_holds_beside_it() {
    let home = Home::new();
    let push = hasty(&home);
    let push = push.send_hwm(3).send_limit_bytes(1000).build().unwrap();
    push.connect(home.vacant(Transport::Inproc)).unwrap();
    assert_eq!(fill(&push, 1), 3);
}

#[test]
fn inproc_takes_the_sum_of_both_limits_and_none_is_unlimited() {
    for (send, recv, fits) in [
        (Some(100), Some(50), 15),
        (Some(1), Some(1), 1),
        (None, Some(50), 2000),
        (Some(50), None, 2000),
    ] {
        let home = Home::new();
        let name = home.endpoint(Transport::Inproc);
        let push = home.push().send_limit_bytes(send).build().unwrap();
        let pull = home.pull().recv_limit_bytes(recv).build().unwrap();
        pull.bind(&name).unwrap();
        push.connect(&name).unwrap();
        assert_eq!(fill(&push, 10), fits);
        expect(&pull, fits, 10);
        assert!(pull.try_recv().is_err());
        assert_eq!(fill(&push, 10), fits, "all of it is given back");
        expect(&pull, fits, 10);
    }
}

#[test]
fn room_comes_back_when_half_of_the_bytes_is_read() {
    let home = Home::new();
    let name = home.endpoint(Transport::Inproc);
    let push = home.push().send_limit_bytes(500).build().unwrap();
    let pull = home.pull().recv_limit_bytes(500).build().unwrap();
    pull.bind(&name).unwrap();
    push.connect(&name).unwrap();
    assert_eq!(fill(&push, 10), 100);
    expect(&pull, 49, 10);
    assert_eq!(fill(&push, 10), 0, "half is not read yet");
    expect(&pull, 1, 10);
    assert_eq!(fill(&push, 10), 50);
}

#[test]
fn who_waits_for_bytes_is_woken() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().send_limit_bytes(10_000).build().unwrap();
        let pull = home.pull().recv_limit_bytes(10_000).build().unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                for size in 0..3000 {
                    push.send_timeout(vec![0; size], PATIENCE).unwrap();
                }
            });
            for size in 0..3000 {
                assert_eq!(next_of(&pull).byte_len(), size);
            }
        });
    }
}

#[test]
fn a_message_over_the_limit_goes_through_by_itself() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().send_limit_bytes(100).build().unwrap();
        let pull = home.pull().recv_limit_bytes(100).build().unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..20 {
                    push.send_timeout(vec![0; 300_000], PATIENCE).unwrap();
                }
            });
            expect(&pull, 20, 300_000);
        });
    }
}

/// What one read brings at most.
const ONE_READ: u64 = 64 << 10;

#[test]
fn a_peer_is_not_read_while_the_bytes_are_there() {
    for &transport in WIRE {
        const COUNT: usize = 30_000;
        let home = Home::new();
        let pull = home.pull().recv_hwm(0).recv_limit_bytes(100_000);
        let pull = pull.build().unwrap();
        let push = home.push().send_hwm(0).build().unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        for _ in 0..COUNT {
            push.send(vec![0; 1000]).unwrap();
        }
        until("the limit is reached", || {
            pull.stats().recv_queue.bytes >= 100_000
        });
        thread::sleep(QUIET);
        let queued = pull.stats().recv_queue.bytes;
        assert!(queued <= 100_000 + ONE_READ, "{queued}");
        expect(&pull, COUNT, 1000);
    }
}

/// A whole message waits, and of the next one more and more comes: it is not read for ever.
#[test]
fn what_is_not_whole_counts_too() {
    for &transport in WIRE {
        const LARGE: usize = 64 << 20;
        const LIMIT: usize = 1 << 20;
        let home = Home::new();
        let pull = home.pull().recv_limit_bytes(LIMIT).build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        let mut raw = Raw::join(&here, "PUSH");
        let said = AtomicUsize::new(0);
        let (used, sent) = thread::scope(|scope| {
            scope.spawn(|| {
                raw.say(&frame(0, b"small"));
                raw.say(&long_header(0, LARGE as u64));
                for _ in 0..LARGE / 4096 {
                    raw.say(&[7; 4096]);
                    said.fetch_add(4096, Ordering::SeqCst);
                }
            });
            until("the limit is reached", || {
                home.context.memory_used() >= LIMIT
            });
            thread::sleep(QUIET);
            let stopped_at = (home.context.memory_used(), said.load(Ordering::SeqCst));
            // With nothing else in the queue it is read to its end.
            expect(&pull, 1, 5);
            expect(&pull, 1, LARGE);
            stopped_at
        });
        // A large frame is read in ever larger steps: up to as much again as there is.
        assert!(used <= 2 * LIMIT + ONE_READ as usize, "{used}");
        assert!(sent < LARGE);
        assert!(pull.try_recv().is_err());
        assert_eq!(home.context.memory_used(), 0);
    }
}

#[test]
fn a_subscriber_over_its_bytes_misses_what_is_counted() {
    let home = Home::new();
    let publisher = home.of(Pub::builder()).send_limit_bytes(1000);
    let publisher = publisher.build().unwrap();
    let sub = home.of(Sub::builder()).recv_limit_bytes(1000);
    let sub = sub.build().unwrap();
    sub.subscribe("").unwrap();
    meet!(home, Transport::Inproc, publisher, sub);
    publisher.wait_for_subscribers(1, PATIENCE).unwrap();
    for _ in 0..10 {
        publisher.send(vec![0; 400]).unwrap();
    }
    assert_eq!(publisher.stats().dropped.full, 5);
    for _ in 0..5 {
        assert_eq!(sub.recv_timeout(PATIENCE).unwrap().byte_len(), 400);
    }
}

#[test]
fn what_xsubs_say_to_an_xpub_is_limited_in_bytes() {
    for &transport in ALL {
        let home = Home::new();
        let xpub = home.of(XPub::builder()).recv_limit_bytes(1000);
        let xpub = xpub.build().unwrap();
        let xsub = home.of(XSub::builder()).send_hwm(0).build().unwrap();
        meet!(home, transport, xpub, xsub);
        for _ in 0..5000 {
            xsub.send(vec![7; 300]).unwrap();
        }
        for _ in 0..5000 {
            match xpub.recv_timeout(PATIENCE).unwrap() {
                Upstream::Message(message) => assert_eq!(message.byte_len(), 300),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_permit_keeps_room_for_a_message_of_any_size() {
    let home = Home::new();
    let push = hasty(&home).send_limit_bytes(1000).build().unwrap();
    push.connect(home.vacant(Transport::Inproc)).unwrap();
    let permits: Vec<_> = (0..3).map(|_| push.try_reserve().unwrap()).collect();
    assert_eq!(fill(&push, 1000), 1);
    for permit in permits {
        permit.send(vec![0; 5000]).unwrap();
    }
    assert_eq!(push.stats().send_queue.bytes, 16_000);
    assert!(push.try_reserve().is_err());
}

#[test]
fn limits_are_changed_on_a_living_socket() {
    for &transport in ALL {
        let home = Home::new();
        let push = hasty(&home).send_limit_bytes(1000).build().unwrap();
        assert_eq!(push.options().send_limit_bytes(), Some(1000));
        push.connect(home.vacant(transport)).unwrap();
        assert_eq!(fill(&push, 100), 10);
        thread::scope(|scope| {
            let waits = scope.spawn(|| push.send_timeout("more", PATIENCE).is_ok());
            thread::sleep(QUIET);
            assert!(!waits.is_finished());
            push.options().set_send_limit_bytes(1001).unwrap();
            assert!(waits.join().unwrap());
        });
        push.options().set_send_limit_bytes(500).unwrap();
        assert_eq!(fill(&push, 1), 0, "what is queued stays");
        push.options().set_send_limit_bytes(None).unwrap();
        assert_eq!(fill(&push, 1), 1000 - 11);
        assert!(push.options().set_send_limit_bytes(0).is_err());
    }
}

/// A connection that was not read any further is read again.
#[test]
fn a_recv_limit_that_grows_lets_more_in() {
    for &transport in WIRE {
        let home = Home::new();
        let pull = home.pull().recv_hwm(0).recv_limit_bytes(10_000);
        let pull = pull.build().unwrap();
        let push = home.push().send_hwm(0).build().unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        for _ in 0..2000 {
            push.send(vec![0; 1000]).unwrap();
        }
        until("the limit is reached", || {
            pull.stats().recv_queue.bytes >= 10_000
        });
        thread::sleep(QUIET);
        assert!(pull.stats().recv_queue.bytes <= 10_000 + ONE_READ);
        pull.options().set_recv_limit_bytes(None).unwrap();
        until("all is read", || pull.stats().recv_queue.bytes == 2_000_000);
        assert_eq!(pull.options().recv_limit_bytes(), None);
    }
}

#[test]
fn no_bytes_at_all_cannot_be() {
    let said = |error| match error {
        BuildError::Invalid(wrong) => wrong.join("\n"),
        other => panic!("{other}"),
    };
    let push = Push::builder().send_limit_bytes(0).build();
    assert!(said(push.unwrap_err()).starts_with("send_limit_bytes"));
    let pull = Pull::builder().recv_limit_bytes(0).build();
    assert!(said(pull.unwrap_err()).starts_with("recv_limit_bytes"));
}
