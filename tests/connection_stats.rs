//! `stats()` counts connections, and `peer_stats()` what each peer had.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;

use peer::Raw;
use support::{ALL, Home, PATIENCE, Transport, WIRE, joined, next_of, until, until_alone};
use zocket::{Connections, Pair, Push};

fn of(push: &Push) -> Connections {
    push.stats().connections
}

#[test]
fn connections_are_counted_now_and_ever() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        assert_eq!(pull.stats().connections, Connections::default());
        let pushes: Vec<Push> = (0..3)
            .map(|_| {
                let push = home.push().build().unwrap();
                push.connect(&here).unwrap();
                push
            })
            .collect();
        pull.wait_for_peers(3, PATIENCE).unwrap();
        let counts = pull.stats().connections;
        assert_eq!((counts.now, counts.ever), (3, 3), "{transport:?}");
        for push in pushes {
            push.wait_for_peers(1, PATIENCE).unwrap();
            assert_eq!((of(&push).now, of(&push).ever), (1, 1));
            push.close().unwrap();
            assert_eq!((of(&push).now, of(&push).ever), (0, 1));
        }
        until_alone(|count, timeout| pull.wait_for_peers(count, timeout));
        let counts = pull.stats().connections;
        assert_eq!((counts.now, counts.ever), (0, 3), "{transport:?}");
        assert_eq!(counts.reconnected, 0);
    }
}

#[test]
fn a_peer_that_is_there_again_is_counted() {
    for &transport in WIRE {
        let home = Home::new();
        let push = home.push().build().unwrap();
        let mut here = home.endpoint(transport);
        for round in 0..3 {
            let pull = home.pull().build().unwrap();
            until("it can be bound", || match pull.bind(&here) {
                Ok(bound) => {
                    here = bound.to_string();
                    true
                }
                Err(_) => false,
            });
            if round == 0 {
                push.connect(&here).unwrap();
            }
            push.wait_for_peers(1, PATIENCE).unwrap();
            assert_eq!(of(&push).reconnected, round);
            assert_eq!(pull.stats().connections.reconnected, 0, "not by its doing");
            drop(pull);
            until_alone(|count, timeout| push.wait_for_peers(count, timeout));
        }
        assert_eq!((of(&push).now, of(&push).ever >= 3), (0, true));
    }
}

#[test]
fn handshakes_that_fail_are_counted() {
    for &transport in WIRE {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        for failed in 1..=3 {
            Raw::connect(&here)
                .say(b"this is no greeting, but it is as long as one would have been");
            until("it failed", || {
                let counts = pull.stats().connections;
                counts.handshakes_failed == failed && counts.now == 0 && counts.ever == failed
            });
        }
    }
}

#[test]
fn who_is_not_taken_in_is_counted() {
    for &transport in WIRE {
        let home = Home::new();
        let pair = home.of(Pair::builder()).build().unwrap();
        let here = pair.bind(home.endpoint(transport)).unwrap();
        let first = Raw::join(&here, "PAIR");
        pair.wait_for_peers(1, PATIENCE).unwrap();
        let _second = Raw::connect(&here);
        until("it is refused", || pair.stats().connections.refused == 1);
        assert_eq!(pair.stats().connections.now, 1);
        drop(first);
    }
}

#[test]
fn each_peer_has_its_own_counts() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1000);
        let (other, _) = joined(&home, Transport::Inproc, 1000);
        other.connect(pull.last_endpoint().unwrap()).unwrap();
        pull.wait_for_peers(2, PATIENCE).unwrap();
        for _ in 0..5 {
            push.send("12345").unwrap();
        }
        until("they are there", || {
            pull.peer_stats()
                .iter()
                .any(|it| it.recv_queue.messages == 5)
        });
        let all = pull.peer_stats();
        assert_eq!(all.len(), 2);
        for stats in all {
            let is_it = stats.recv_queue.messages == 5;
            assert_eq!(stats.arrived.bytes, if is_it { 25 } else { 0 });
            assert!(pull.peers().iter().any(|it| it.id() == stats.peer.id()));
        }
        for _ in 0..2 {
            next_of(&pull);
        }
        let all = pull.peer_stats();
        let waiting: u64 = all.iter().map(|it| it.recv_queue.messages).sum();
        assert_eq!(waiting, 3);
        (0..3).for_each(|_| drop(next_of(&pull)));
        assert!(pull.try_recv().is_err());
        let ours = push.peer_stats();
        assert_eq!(ours.len(), 1);
        until("it is written", || {
            push.peer_stats()[0].written.messages == 5
        });
        assert_eq!(push.peer_stats()[0].send_queue.messages, 0);
    }
}
