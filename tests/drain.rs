//! What a closing socket has handed to the kernel is not lost there: the peer reads it to the end,
//! whatever it sends meanwhile and however slow it is, within the linger.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use support::{Home, PATIENCE, Transport, WIRE};
use zocket::{Endpoint, Pair};

/// More than the kernel takes for somebody who does not read.
const LARGE: usize = 64 << 10;

/// Two who know each other; the first does not mind how long it takes.
fn two(home: &Home, transport: Transport, closing_binds: bool) -> (Pair, Pair) {
    let closing = home.pair().linger(PATIENCE).build().unwrap();
    let other = home.pair().recv_hwm(1).send_hwm(10);
    let other = other.linger(Duration::ZERO).build().unwrap();
    if closing_binds {
        meet!(home, transport, closing, other);
    } else {
        meet!(home, transport, other, closing);
    }
    (closing, other)
}

/// Sends as long as the other does something else, so that the one that closes always has input that
/// nobody reads: enough to have the kernel reset the connection, were it closed as it is.
fn sending_all_the_while<T>(pair: &Pair, doing: impl FnOnce() -> T) -> T {
    /// A test that fails is over, too.
    struct Done<'a>(&'a AtomicBool);

    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let _ = pair.send_timeout("unwanted", Duration::from_millis(1));
            }
        });
        let _done = Done(&done);
        doing()
    })
}

#[test]
fn a_peer_that_sends_all_the_while_gets_everything() {
    const MESSAGES: usize = 2000;
    for &transport in WIRE {
        for closing_binds in [true, false] {
            let home = Home::new();
            let (closing, other) = two(&home, transport, closing_binds);
            thread::scope(|scope| {
                let closer = scope.spawn(|| {
                    for number in 0..MESSAGES {
                        closing.send(number.to_string()).unwrap();
                    }
                    closing.close()
                });
                sending_all_the_while(&other, || {
                    for number in 0..MESSAGES {
                        let message = other.recv_timeout(PATIENCE).expect("it arrives");
                        assert_eq!(message, number.to_string());
                    }
                });
                assert_eq!(closer.join().unwrap(), Ok(()));
            });
        }
    }
}

/// The buffers of the kernel are full, and stay so for longer than anybody who hurries would wait.
#[test]
fn a_peer_that_reads_late_and_sends_all_the_while_gets_everything() {
    const STALL: Duration = Duration::from_millis(2500);
    thread::scope(|scope| {
        for &transport in WIRE {
            for closing_binds in [true, false] {
                scope.spawn(move || {
                    let home = Home::new();
                    let (closing, other) = two(&home, transport, closing_binds);
                    let mut sent = 0_u32;
                    while closing.flush(Duration::from_millis(100)).is_ok() {
                        let mut body = vec![0; LARGE];
                        body[..4].copy_from_slice(&sent.to_le_bytes());
                        closing.send(body).unwrap();
                        sent += 1;
                    }
                    let expect = |number: u32| {
                        let message = other.recv_timeout(PATIENCE).expect("it arrives");
                        assert_eq!(message.byte_len(), LARGE);
                        assert_eq!(message.first()[..4], number.to_le_bytes());
                    };
                    // Just so many that the kernel has taken all the others, and no more.
                    let mut got = 0;
                    while closing.flush(Duration::from_millis(20)).is_err() {
                        expect(got);
                        got += 1;
                    }
                    assert!(got < sent);
                    let (tell, told) = mpsc::channel();
                    thread::scope(|scope| {
                        scope.spawn(|| tell.send(closing.close()).unwrap());
                        sending_all_the_while(&other, || {
                            let early = told.recv_timeout(STALL);
                            for number in got..sent {
                                expect(number);
                            }
                            let outcome = early.or_else(|_| told.recv_timeout(PATIENCE));
                            assert_eq!(outcome.expect("the close ends"), Ok(()));
                        });
                    });
                });
            }
        }
    });
}

/// However long it does not read.
#[test]
fn a_peer_that_never_reads_holds_a_close_up_for_the_linger_only() {
    for &transport in WIRE {
        let home = Home::new();
        let linger = Duration::from_millis(300);
        let closing = home.pair().linger(linger).build().unwrap();
        let other = home.pair().recv_hwm(1).build().unwrap();
        meet!(home, transport, closing, other);
        for number in 0..100 {
            closing.send(number.to_string()).unwrap();
        }
        closing.flush(PATIENCE).unwrap();
        let began = Instant::now();
        assert_eq!(closing.close(), Ok(()), "the kernel has all of it");
        let took = began.elapsed();
        assert!(took < linger + Duration::from_secs(5), "{took:?}");
        for number in 0..100 {
            let message = other.recv_timeout(PATIENCE).expect("it arrives");
            assert_eq!(message, number.to_string());
        }
    }
}

/// One that closes in turn is not waited for any longer.
#[test]
fn a_peer_that_reads_ends_the_close_at_once() {
    for &transport in WIRE {
        let home = Home::new();
        let closing = home.pair().linger(None).build().unwrap();
        let other = home.pair().build().unwrap();
        meet!(home, transport, closing, other);
        closing.send("the last").unwrap();
        let began = Instant::now();
        closing.close().unwrap();
        assert!(began.elapsed() < Duration::from_secs(10));
        assert_eq!(other.recv_timeout(PATIENCE).unwrap(), "the last");
    }
}

/// Letting go of one endpoint is the same, in the background.
#[test]
fn an_endpoint_that_is_let_go_of_is_drained_too() {
    const MESSAGES: usize = 2000;
    for &transport in WIRE {
        for closing_binds in [true, false] {
            let home = Home::new();
            let (closing, other) = two(&home, transport, closing_binds);
            let here: Endpoint = closing.last_endpoint().unwrap();
            sending_all_the_while(&other, || {
                thread::scope(|scope| {
                    scope.spawn(|| {
                        for number in 0..MESSAGES {
                            closing.send(number.to_string()).unwrap();
                        }
                        if closing_binds {
                            closing.unbind(here).unwrap();
                        } else {
                            closing.disconnect(here).unwrap();
                        }
                    });
                    for number in 0..MESSAGES {
                        let message = other.recv_timeout(PATIENCE).expect("it arrives");
                        assert_eq!(message, number.to_string());
                    }
                });
            });
        }
    }
}
