//! Options that are changed on a living socket: what takes effect at once does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::mpsc;
use std::thread;

use support::{ALL, Home, PATIENCE, QUIET, Transport, WIRE, expect_numbers, fill, joined, until};

// ---- high-water marks

/// A sender who waits at the mark goes on if there is room under the new one, though not half of it.
#[test]
fn a_send_hwm_that_grows_wakes_who_waits() {
    for &transport in ALL {
        let home = Home::new();
        let there = home.vacant(transport);
        let push = home.push().send_hwm(10).build().unwrap();
        push.connect(&there).unwrap();
        assert_eq!(fill(&push, 0), 10, "{transport:?}");
        let (done, is_done) = mpsc::channel();
        thread::scope(|scope| {
            let push = &push;
            scope.spawn(move || {
                done.send(push.send_timeout("10", PATIENCE).is_ok())
                    .unwrap();
            });
            assert!(
                is_done.recv_timeout(QUIET).is_err(),
                "{transport:?}: it waits"
            );
            push.options().set_send_hwm(11).unwrap();
            assert_eq!(is_done.recv_timeout(PATIENCE), Ok(true), "{transport:?}");
        });
        assert!(push.try_send("11").is_err());
        push.options().set_send_hwm(0).unwrap();
        assert!(push.try_send("11").is_ok(), "{transport:?}: no limit");
        let pull = home.pull().build().unwrap();
        pull.bind(&there).unwrap();
        expect_numbers(&pull, 0..12);
    }
}

/// What is queued stays, and nothing is added while that is more than the new mark.
#[test]
fn a_send_hwm_that_shrinks_keeps_what_is_queued() {
    for &transport in ALL {
        let home = Home::new();
        let there = home.vacant(transport);
        let push = home.push().build().unwrap();
        push.connect(&there).unwrap();
        for number in 0..100 {
            push.try_send(number.to_string()).unwrap();
        }
        push.options().set_send_hwm(50).unwrap();
        assert!(push.try_send("refused").unwrap_err().is_full());
        assert_eq!(push.stats().send_queue.messages, 100, "{transport:?}");
        let pull = home.pull().recv_hwm(1).build().unwrap();
        pull.bind(&there).unwrap();
        expect_numbers(&pull, 0..100);
        // The next pipe has the new mark, too.
        let elsewhere = home.vacant(transport);
        let two = home.push().build().unwrap();
        two.options().set_send_hwm(7).unwrap();
        two.connect(&elsewhere).unwrap();
        assert_eq!(fill(&two, 0), 7, "{transport:?}");
    }
}

/// Over inproc both sides' marks count, whoever changes his, whichever side has bound.
#[test]
fn both_marks_of_an_inproc_pipe_can_be_changed() {
    for push_binds in [true, false] {
        let home = Home::new();
        let name = home.endpoint(Transport::Inproc);
        let push = home.push().send_hwm(3).build().unwrap();
        let pull = home.pull().recv_hwm(4).build().unwrap();
        if push_binds {
            push.bind(&name).unwrap();
            pull.connect(&name).unwrap();
        } else {
            pull.bind(&name).unwrap();
            push.connect(&name).unwrap();
        }
        assert_eq!(fill(&push, 0), 7);
        push.options().set_send_hwm(13).unwrap();
        assert_eq!(fill(&push, 7), 10);
        pull.options().set_recv_hwm(24).unwrap();
        assert_eq!(fill(&push, 17), 20);
        pull.options().set_recv_hwm(2).unwrap();
        push.options().set_send_hwm(1).unwrap();
        assert_eq!(fill(&push, 37), 0);
        expect_numbers(&pull, 0..37);
        assert!(pull.try_recv().is_err());
        assert_eq!(fill(&push, 37), 3);
        pull.options().set_recv_hwm(0).unwrap();
        for number in 40..5000 {
            push.try_send(number.to_string()).unwrap();
        }
        expect_numbers(&pull, 37..5000);
    }
}

/// A receiver's mark wakes the sender of an inproc pipe, as his own does.
#[test]
fn a_recv_hwm_that_grows_wakes_an_inproc_sender() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 5);
    assert_eq!(fill(&push, 0), 10);
    let (done, is_done) = mpsc::channel();
    thread::scope(|scope| {
        let push = &push;
        scope.spawn(move || {
            done.send(push.send_timeout("10", PATIENCE).is_ok())
                .unwrap();
        });
        assert!(is_done.recv_timeout(QUIET).is_err(), "it waits");
        pull.options().set_recv_hwm(6).unwrap();
        assert_eq!(is_done.recv_timeout(PATIENCE), Ok(true));
    });
    expect_numbers(&pull, 0..11);
}

/// A connection that is not read, as the queue is full, is read on when that may hold more.
#[test]
fn a_recv_hwm_that_grows_has_the_connection_read_on() {
    const COUNT: u64 = 400;
    for &transport in WIRE {
        let home = Home::new();
        let push = home.push().send_hwm(0).build().unwrap();
        let pull = home.pull().recv_hwm(2).build().unwrap();
        meet!(home, transport, pull, push);
        for _ in 0..COUNT {
            push.send(vec![0; 64 << 10]).unwrap();
        }
        assert!(push.flush(QUIET).is_err(), "{transport:?}: it is not read");
        assert!(pull.stats().recv_queue.messages < COUNT / 2);
        pull.options().set_recv_hwm(1000).unwrap();
        push.flush(PATIENCE).unwrap();
        until("all is read", || pull.stats().recv_queue.messages == COUNT);
    }
}

/// And one that was read is not, when it may hold less.
#[test]
fn a_recv_hwm_that_shrinks_has_the_connection_read_no_more() {
    const COUNT: u64 = 400;
    for &transport in WIRE {
        let home = Home::new();
        let push = home.push().send_hwm(0).build().unwrap();
        let pull = home.pull().recv_hwm(0).build().unwrap();
        meet!(home, transport, pull, push);
        for _ in 0..10 {
            push.send(vec![0; 64 << 10]).unwrap();
        }
        until("all is read", || pull.stats().recv_queue.messages == 10);
        pull.options().set_recv_hwm(5).unwrap();
        for _ in 0..COUNT {
            push.send(vec![0; 64 << 10]).unwrap();
        }
        assert!(push.flush(QUIET).is_err(), "{transport:?}: it is not read");
        assert!(pull.stats().recv_queue.messages < COUNT / 2);
        for _ in 0..COUNT + 10 {
            assert_eq!(pull.recv_timeout(PATIENCE).unwrap().byte_len(), 64 << 10);
        }
    }
}

/// Both marks may be changed at any time while messages run: none is lost, and nobody is left waiting.
#[test]
fn marks_change_under_traffic_and_nothing_is_lost() {
    const COUNT: usize = 20_000;
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 3);
        thread::scope(|scope| {
            let (push, pull) = (&push, &pull);
            scope.spawn(move || {
                for number in 0..COUNT {
                    push.send_timeout(number.to_string(), PATIENCE).unwrap();
                }
            });
            let (over, is_over) = mpsc::channel::<()>();
            scope.spawn(move || {
                let mut hwm = 1;
                while is_over.try_recv() != Err(mpsc::TryRecvError::Disconnected) {
                    hwm = hwm * 7 % 1009;
                    push.options().set_send_hwm(hwm).unwrap();
                    pull.options().set_recv_hwm(1010 - hwm).unwrap();
                    thread::yield_now();
                }
            });
            expect_numbers(pull, 0..COUNT);
            drop(over);
        });
    }
}
