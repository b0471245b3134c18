//! A poller tells of every socket and descriptor that something can be done with, and of no other.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod support;

use std::time::Duration;

use support::{ALL, Home, PATIENCE};
use zocket::{Event, Interest, Poller};

/// What is ready now, as keys.
fn keys(poller: &Poller, timeout: Duration) -> Vec<usize> {
    let mut events = Vec::new();
    poller.wait(&mut events, timeout).unwrap();
    let mut keys: Vec<usize> = events.iter().map(Event::key).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_socket_is_told_for_as_long_as_a_message_can_be_received() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let push = home.push().build().unwrap();
        let poller = Poller::new();
        poller.add(&pull, 7, Interest::READABLE).unwrap();
        assert_eq!(keys(&poller, Duration::ZERO), []);
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        assert_eq!(keys(&poller, Duration::ZERO), []);
        for text in ["a", "b"] {
            push.send(text).unwrap();
        }
        for text in ["a", "b"] {
            // Told at every wait until the message is taken.
            for _ in 0..3 {
                assert_eq!(keys(&poller, PATIENCE), [7]);
            }
            assert_eq!(support::next_of(&pull), text);
        }
        assert_eq!(keys(&poller, Duration::ZERO), []);
    }
}
