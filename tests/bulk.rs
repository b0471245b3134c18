//! Large messages, which the thread that sends them may write by itself: each arrives whole, once and in
//! its place, whoever wrote it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod peer;
mod support;

use std::thread;
use std::time::Duration;

use peer::{COMMAND, Raw, frame};
use support::{ALL, Home, PATIENCE, QUIET, WIRE, next_of};
use zocket::{Message, TrySendError};

/// Sizes around those from which on something else happens.
const SIZES: [usize; 8] = [
    20,
    16 << 10,
    4096,
    (16 << 10) - 1,
    300_000,
    64 << 10,
    33,
    1 << 20,
];

/// Message `n` of this sender.
fn message(sender: usize, n: usize) -> Vec<u8> {
    let size = SIZES[(n + sender) % SIZES.len()];
    let mut bytes = vec![(31 * sender + n) as u8; size];
    bytes[0] = sender as u8;
    bytes[1..9].copy_from_slice(&(n as u64).to_be_bytes());
    bytes
}

fn sender_of(message: &Message) -> usize {
    usize::from(message.first()[0])
}

#[test]
fn threads_that_send_at_the_same_time_are_each_heard_in_order() {
    const EACH: usize = 60;
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let push = home.push().send_hwm(10).build().unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        thread::scope(|scope| {
            for sender in 0..3 {
                let push = &push;
                scope.spawn(move || {
                    for n in 0..EACH {
                        push.send(message(sender, n)).unwrap();
                    }
                });
            }
            let mut next = [0; 3];
            for _ in 0..3 * EACH {
                let got = next_of(&pull);
                let sender = sender_of(&got);
                assert!(got == message(sender, next[sender]), "{transport:?}");
                next[sender] += 1;
            }
            assert_eq!(next, [EACH; 3]);
        });
        push.flush(PATIENCE).unwrap();
        let stats = push.stats();
        assert_eq!(stats.send_queue.messages, 0);
    }
}

/// What a peer does not read yet waits in the queue, up to its limit, and all of it goes when it does.
#[test]
fn a_peer_that_reads_late_gets_all() {
    for &transport in WIRE {
        let home = Home::new();
        let pull = home.pull().recv_hwm(1).build().unwrap();
        let push = home.push().send_hwm(5).build().unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
        let mut sent = 0;
        // Until nothing has gone any further for a while.
        while push.send_timeout(message(0, sent), QUIET).is_ok() {
            sent += 1;
        }
        assert!(sent >= 5, "{transport:?}");
        assert!(matches!(push.try_send("more"), Err(TrySendError::Full(_))));
        for n in 0..sent {
            assert!(next_of(&pull) == message(0, n), "{transport:?}: {n}");
        }
        push.send(message(0, sent)).unwrap();
        assert!(next_of(&pull) == message(0, sent));
    }
}

/// The next connection begins with a whole message, and loses none that the last one had not taken whole.
#[test]
fn a_connection_that_breaks_in_the_middle_is_taken_up_at_a_message() {
    for &transport in WIRE {
        let home = Home::new();
        let push = home.push().build().unwrap();
        let endpoint = home.vacant(transport);
        let first = home.pull().recv_hwm(1).build().unwrap();
        first.bind(endpoint.as_str()).unwrap();
        push.connect(endpoint.as_str()).unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
        const COUNT: usize = 100;
        (0..COUNT).for_each(|n| push.send(message(0, n)).unwrap());
        assert!(next_of(&first) == message(0, 0));
        first.close().unwrap();
        drop(first);
        let second = home.pull().build().unwrap();
        second.bind(endpoint.as_str()).unwrap();
        let mut next = None;
        loop {
            let got = next_of(&second);
            let n = got.first()[1..9]
                .iter()
                .fold(0, |n, b| n << 8 | usize::from(*b));
            assert!(got == message(0, n), "{transport:?}: {n}");
            assert!(next.is_none_or(|next| next == n), "{transport:?}: {n}");
            next = Some(n + 1);
            if n + 1 == COUNT {
                break;
            }
        }
    }
}

/// What the connection has to say for itself stands between two frames, and is not put off for ever.
#[test]
fn a_ping_is_answered_while_large_messages_go_out() {
    let home = Home::new();
    let push = home.push().linger(Duration::ZERO).build().unwrap();
    let here = push.bind("tcp://127.0.0.1:*").unwrap();
    let mut peer = Raw::join(&here, "PULL");
    push.wait_for_peers(1, PATIENCE).unwrap();
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            (0..)
                .take_while(|n| push.send(message(0, *n)).is_ok())
                .count()
        });
        let (_, body) = peer.next_frame();
        assert!(body == message(0, 0));
        assert!(peer.say(&frame(COMMAND, b"\x04PING\0\0here")));
        let mut next = 1;
        loop {
            let (flags, body) = peer.next_frame();
            if flags & COMMAND != 0 {
                assert_eq!(body, b"\x04PONGhere");
                break;
            }
            assert!(body == message(0, next), "{next}");
            next += 1;
        }
        let _ = push.close();
        assert!(sending.join().unwrap() >= next);
    });
}
