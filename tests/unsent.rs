//! What could not be handed over when a linger ended is named, to the message and the byte: the rest
//! arrives, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use support::{ALL, Home, PATIENCE, QUIET, Transport, WIRE, expect_numbers, joined, next_of};
use zocket::{Push, TryRecvError, Unsent};

/// Messages of very different sizes, in one frame or several; the number comes first.
fn send(push: &Push, number: usize) -> Result<(), zocket::SendError> {
    let size = (number * 7919) % 150_000;
    let body = vec![b'x'; size];
    if number.is_multiple_of(3) {
        push.send_timeout([number.to_string().into_bytes(), body], QUIET)
    } else {
        let mut one = number.to_string().into_bytes();
        one.push(b' ');
        one.extend(body);
        push.send_timeout(one, QUIET)
    }
}

fn total(unsent: &Unsent) -> (usize, usize) {
    let of_each = unsent.endpoints.iter();
    of_each.fold((0, 0), |(messages, bytes), to| {
        (messages + to.messages, bytes + to.bytes)
    })
}

/// A peer that does not read: the kernel's buffers are full, and one message is handed over in part.
#[test]
fn what_a_peer_does_not_read_is_named_and_all_the_rest_arrives() {
    for &transport in WIRE {
        for binds in [true, false] {
            for terminates in [true, false] {
                let home = Home::new();
                let far = Home::new();
                let push = home.push().linger(QUIET).build().unwrap();
                let pull = far.pull().recv_hwm(1).build().unwrap();
                if binds {
                    meet!(home, transport, push, pull);
                } else {
                    meet!(home, transport, pull, push);
                }
                let mut sent = 0;
                while send(&push, sent).is_ok() {
                    sent += 1;
                }
                let accepted = push.stats().accepted;
                assert_eq!(accepted.messages, sent as u64);
                let unsent = if terminates {
                    home.context.terminate(PATIENCE).unwrap_err()
                } else {
                    push.close().unwrap_err()
                };
                assert_eq!(total(&unsent), (unsent.messages, unsent.bytes));
                assert_eq!(unsent.endpoints.len(), 1);
                // Bound or connected to.
                let here = push.last_endpoint().unwrap().to_string();
                assert_eq!(unsent.endpoints[0].endpoint, here);
                let (mut got, mut bytes) = (0, 0);
                for number in 0..sent - unsent.messages {
                    let message = next_of(&pull);
                    let first = message.first().to_vec();
                    let text = number.to_string().into_bytes();
                    assert!(first.starts_with(&text), "{transport:?}: number {number}");
                    got += 1;
                    bytes += message.byte_len();
                }
                assert_eq!(got + unsent.messages, sent);
                assert_eq!(bytes + unsent.bytes, accepted.bytes as usize);
                support::until_alone(|count, timeout| pull.wait_for_peers(count, timeout));
                assert_eq!(pull.try_recv(), Err(TryRecvError::Empty), "{transport:?}");
            }
        }
    }
}

/// Peers that never come, on every transport, of one socket and of several.
#[test]
fn what_was_for_peers_that_never_came_is_named_for_each() {
    for terminates in [true, false] {
        let home = Home::new();
        let pushes: Vec<(Push, String, usize)> = ALL
            .iter()
            .enumerate()
            .map(|(number, &transport)| {
                let push = home.push().linger(QUIET).build().unwrap();
                let there = home.vacant(transport);
                push.connect(&there).unwrap();
                for _ in 0..=number {
                    push.send(["three", "frames", ""]).unwrap();
                }
                (push, there, number + 1)
            })
            .collect();
        let named = |unsent: &Unsent, there: &str, messages: usize| {
            let mut of_it = unsent.endpoints.iter().filter(|it| it.endpoint == there);
            let it = of_it.next().expect("it is named");
            assert_eq!((it.messages, it.bytes), (messages, 11 * messages));
            assert!(of_it.next().is_none());
        };
        if terminates {
            let began = Instant::now();
            let unsent = home.context.terminate(PATIENCE).unwrap_err();
            assert!(
                began.elapsed() < PATIENCE,
                "each socket's linger is shorter"
            );
            assert_eq!(unsent.endpoints.len(), ALL.len());
            assert_eq!(total(&unsent), (unsent.messages, unsent.bytes));
            for (_, there, messages) in &pushes {
                named(&unsent, there, *messages);
            }
        } else {
            for (push, there, messages) in &pushes {
                let unsent = push.close().unwrap_err();
                assert_eq!((unsent.messages, unsent.bytes), (*messages, 11 * messages));
                named(&unsent, there, *messages);
            }
        }
    }
}

/// One socket with several endpoints, of which one is answered.
#[test]
fn only_what_is_left_is_named() {
    for &transport in WIRE {
        let home = Home::new();
        let push = home.push().linger(QUIET).build().unwrap();
        let pull = home.pull().build().unwrap();
        let vacant: Vec<String> = ALL.iter().map(|&it| home.vacant(it)).collect();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        for there in &vacant {
            push.connect(there).unwrap();
        }
        push.wait_for_peers(1, PATIENCE).unwrap();
        let each = 5;
        for _ in 0..each * (1 + vacant.len()) {
            push.send("1234").unwrap();
        }
        let unsent = push.close().unwrap_err();
        assert_eq!(unsent.messages, each * vacant.len());
        assert_eq!(unsent.bytes, 4 * unsent.messages);
        for there in &vacant {
            let of_it = unsent.endpoints.iter().find(|it| it.endpoint == *there);
            assert_eq!(of_it.map(|it| it.messages), Some(each), "{there}");
        }
        assert_eq!(unsent.endpoints.len(), vacant.len());
        for _ in 0..each {
            assert_eq!(next_of(&pull), "1234");
        }
        assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
    }
}

/// Over inproc a receiver has what was sent to it, and may read it when the sender has closed, even
/// one that does not linger.
#[test]
fn over_inproc_what_has_a_receiver_is_not_unsent() {
    for linger in [Duration::ZERO, PATIENCE] {
        let home = Home::new();
        let (push, pull) = joined(&home, Transport::Inproc, 1000);
        drop(push);
        let push = home.push().linger(linger).build().unwrap();
        push.connect(pull.last_endpoint().unwrap()).unwrap();
        for number in 0..100 {
            push.send(number.to_string()).unwrap();
        }
        let began = Instant::now();
        assert_eq!(push.close(), Ok(()));
        assert!(began.elapsed() < PATIENCE);
        expect_numbers(&pull, 0..100);
        assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
    }
}

/// A waker that holds up the thread it runs on.
struct HoldsUp {
    until: Mutex<mpsc::Receiver<()>>,
    holds: mpsc::Sender<()>,
}

impl Wake for HoldsUp {
    fn wake(self: Arc<Self>) {
        self.holds.send(()).unwrap();
        let _ = self.until.lock().unwrap().recv_timeout(PATIENCE);
    }
}

/// Nothing can be sent while foreign code holds the I/O thread up: that is not said to be sent.
#[test]
fn what_an_io_thread_that_is_held_up_has_not_sent_is_unsent() {
    for &transport in WIRE {
        let home = Home::new();
        let far = Home::new();
        let push = home.push().linger(QUIET).build().unwrap();
        let pull = far.pull().build().unwrap();
        meet!(home, transport, pull, push);
        let (go_on, until) = mpsc::channel();
        let (holds, held) = mpsc::channel();
        let waker = Waker::from(Arc::new(HoldsUp {
            until: Mutex::new(until),
            holds,
        }));
        let other = home.pull().build().unwrap();
        let here = other.bind(home.endpoint(transport)).unwrap();
        let mut receiving = Box::pin(other.recv_async());
        let mut cx = Context::from_waker(&waker);
        assert!(receiving.as_mut().poll(&mut cx).is_pending());
        let wakes = far.push().build().unwrap();
        wakes.connect(&here).unwrap();
        wakes.send("hold up").unwrap();
        held.recv_timeout(PATIENCE).unwrap();

        for _ in 0..10 {
            push.send("12345").unwrap();
        }
        let unsent = push.close().unwrap_err();
        assert_eq!((unsent.messages, unsent.bytes), (10, 50), "{transport:?}");
        assert_eq!(total(&unsent), (10, 50));
        go_on.send(()).unwrap();
        // It has not to be said again, or differently, when the thread comes to it.
        support::until_alone(|count, timeout| pull.wait_for_peers(count, timeout));
        assert_eq!(push.close().unwrap_err(), unsent);
    }
}
