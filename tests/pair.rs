//! PAIR: two sockets, both ways, and nobody else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::thread;
use std::time::Duration;

use support::{ALL, Home, PATIENCE, QUIET, Transport, WIRE, until_alone};
use zocket::{Message, Pair, RecvError};

fn joined(home: &Home, transport: Transport) -> (Pair, Pair) {
    let bound = home.pair().build().unwrap();
    let connected = home.pair().build().unwrap();
    connected
        .connect(bound.bind(home.endpoint(transport)).unwrap())
        .unwrap();
    bound.wait_for_peers(1, PATIENCE).unwrap();
    connected.wait_for_peers(1, PATIENCE).unwrap();
    (bound, connected)
}

fn exchange(a: &Pair, b: &Pair) {
    a.send_timeout("ping", PATIENCE).unwrap();
    assert_eq!(b.recv_timeout(PATIENCE).unwrap(), "ping");
    b.send_timeout("pong", PATIENCE).unwrap();
    assert_eq!(a.recv_timeout(PATIENCE).unwrap(), "pong");
}

#[test]
fn both_ways_at_once() {
    const MANY: usize = 20_000;
    for &transport in ALL {
        let home = Home::new();
        let (a, b) = joined(&home, transport);
        thread::scope(|scope| {
            for (name, pair) in [("a", &a), ("b", &b)] {
                scope.spawn(move || {
                    for number in 0..MANY {
                        pair.send_timeout(format!("{name}{number}"), PATIENCE)
                            .unwrap();
                    }
                });
            }
            for (name, pair) in [("b", &a), ("a", &b)] {
                scope.spawn(move || {
                    for number in 0..MANY {
                        let message = pair.recv_timeout(PATIENCE).unwrap();
                        assert_eq!(message, format!("{name}{number}"), "{transport:?}");
                    }
                });
            }
        });
    }
}

#[test]
fn one_thread_each_and_turns() {
    for &transport in ALL {
        let home = Home::new();
        let (a, b) = joined(&home, transport);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..500 {
                    let message = b.recv_timeout(PATIENCE).unwrap();
                    b.send_timeout(message, PATIENCE).unwrap();
                }
            });
            for number in 0..500 {
                a.send_timeout(number.to_string(), PATIENCE).unwrap();
                assert_eq!(a.recv_timeout(PATIENCE).unwrap(), number.to_string());
            }
        });
    }
}

#[test]
fn multipart_stays_whole() {
    for &transport in ALL {
        let home = Home::new();
        let (a, b) = joined(&home, transport);
        let message: Message = ["", "one", "", "two", ""].into_iter().collect();
        a.send(message.clone()).unwrap();
        b.send(message.clone()).unwrap();
        assert_eq!(a.recv_timeout(PATIENCE).unwrap(), message);
        assert_eq!(b.recv_timeout(PATIENCE).unwrap(), message);
    }
}

#[test]
fn over_the_wire_the_second_waits_until_the_first_has_gone() {
    for &transport in WIRE {
        let home = Home::new();
        let (bound, first) = joined(&home, transport);
        let second = home.pair().build().unwrap();
        second.connect(bound.last_endpoint().unwrap()).unwrap();
        // It is refused again and again, and the first notices nothing.
        second.wait_for_peers(1, QUIET).ok();
        for _ in 0..50 {
            exchange(&bound, &first);
        }
        second.send("queued while refused").unwrap();
        assert_eq!(bound.recv_timeout(QUIET), Err(RecvError::Timeout));
        assert_eq!(second.try_recv().ok(), None);
        exchange(&bound, &first);

        drop(first);
        // Refused before the handshake, it has kept what it was to send.
        let heard = bound.recv_timeout(PATIENCE).unwrap();
        assert_eq!(heard, "queued while refused");
        bound.send_timeout("you", PATIENCE).unwrap();
        assert_eq!(second.recv_timeout(PATIENCE).unwrap(), "you");
    }
}

#[test]
fn over_inproc_the_second_waits_until_the_first_has_gone() {
    let home = Home::new();
    let (bound, first) = joined(&home, Transport::Inproc);
    let here = bound.last_endpoint().unwrap();
    let second = home.pair().build().unwrap();
    second.connect(&here).unwrap();
    second.send("waits").unwrap();
    exchange(&bound, &first);
    assert!(second.wait_for_peers(1, Duration::ZERO).is_err());

    drop(first);
    assert_eq!(bound.recv_timeout(PATIENCE).unwrap(), "waits");
    exchange(&bound, &second);
}

#[test]
fn a_peer_that_comes_back_is_taken_again() {
    for &transport in ALL {
        let home = Home::new();
        let bound = home.pair().build().unwrap();
        let here = bound.bind(home.endpoint(transport)).unwrap();
        for _ in 0..10 {
            let peer = home.pair().build().unwrap();
            peer.connect(&here).unwrap();
            bound.wait_for_peers(1, PATIENCE).unwrap();
            exchange(&bound, &peer);
            peer.close().unwrap();
            until_alone(|count, timeout| bound.wait_for_peers(count, timeout));
            assert!(bound.try_send("nobody").unwrap_err().is_full());
        }
    }
}

#[test]
fn what_was_sent_before_leaving_is_read_after() {
    for &transport in ALL {
        let home = Home::new();
        let (bound, peer) = joined(&home, transport);
        for number in 0..100 {
            peer.send(number.to_string()).unwrap();
        }
        peer.close().unwrap();
        for number in 0..100 {
            assert_eq!(bound.recv_timeout(PATIENCE).unwrap(), number.to_string());
        }
    }
}

#[test]
fn of_two_that_wait_for_a_name_the_second_goes_on_waiting() {
    let home = Home::new();
    let name = home.endpoint(Transport::Inproc);
    let [first, second] = [(); 2].map(|()| home.pair().linger(QUIET).build().unwrap());
    first.connect(&name).unwrap();
    second.connect(&name).unwrap();
    second.send("from the second").unwrap();
    let bound = home.pair().build().unwrap();
    bound.bind(&name).unwrap();
    exchange(&bound, &first);
    bound.unbind(&name).unwrap();
    let next = home.pair().build().unwrap();
    next.bind(&name).unwrap();
    assert_eq!(next.recv_timeout(PATIENCE).unwrap(), "from the second");
    exchange(&bound, &first);
    exchange(&next, &second);

    let third = home.pair().linger(QUIET).build().unwrap();
    let name = home.endpoint(Transport::Inproc);
    let [fourth, late] = [(); 2].map(|()| home.pair().build().unwrap());
    fourth.connect(&name).unwrap();
    third.connect(&name).unwrap();
    third.send("to nobody").unwrap();
    late.bind(&name).unwrap();
    assert_eq!(third.close().unwrap_err().messages, 1);
}

#[test]
fn who_lets_go_of_its_peer_has_its_place_free_for_who_waits() {
    for &transport in ALL {
        let home = Home::new();
        let (there, pair) = joined(&home, transport);
        let here = home.endpoint(Transport::Inproc);
        pair.bind(&*here).unwrap();
        let waits = home.pair().build().unwrap();
        waits.connect(&*here).unwrap();
        assert!(waits.wait_for_peers(1, QUIET).is_err());
        let first = pair.endpoints().swap_remove(0).endpoint;
        pair.disconnect(first).unwrap();
        waits.wait_for_peers(1, PATIENCE).unwrap();
        exchange(&waits, &pair);
        drop(there);
    }
}
