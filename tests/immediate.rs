//! Whether messages are queued for a peer that is not there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::time::Duration;

use support::{ALL, Home, PATIENCE, QUIET, WIRE, expect_numbers, next_of, until_alone};

#[test]
fn half_waits_for_the_peer_that_is_not_there() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().linger(Duration::ZERO).build().unwrap();
        let pull = home.pull().build().unwrap();
        push.connect(home.vacant(transport)).unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        for number in 0..10 {
            push.send(number.to_string()).unwrap();
        }
        for number in [1, 3, 5, 7, 9] {
            assert_eq!(next_of(&pull), number.to_string(), "{transport:?}");
        }
        assert!(pull.recv_timeout(QUIET).is_err());
    }
}

#[test]
fn immediate_gives_all_to_the_peer_that_is_there() {
    for &transport in WIRE {
        let home = Home::new();
        let push = home.push().immediate(true).build().unwrap();
        let pull = home.pull().build().unwrap();
        push.connect(home.vacant(transport)).unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
        for number in 0..10 {
            push.send(number.to_string()).unwrap();
        }
        expect_numbers(&pull, 0..10);
    }
}

#[test]
fn immediate_takes_nothing_before_the_peer_is_there() {
    for &transport in WIRE {
        let home = Home::new();
        let there = home.vacant(transport);
        let push = home.push().immediate(true).build().unwrap();
        push.connect(&there).unwrap();
        assert!(push.try_send("early").unwrap_err().is_full());
        assert!(push.send_timeout("early", QUIET).unwrap_err().is_timeout());
        let pull = home.pull().build().unwrap();
        pull.bind(&there).unwrap();
        push.send_timeout("late", PATIENCE).unwrap();
        assert_eq!(next_of(&pull), "late");
    }
}

#[test]
fn immediate_takes_nothing_after_the_peer_has_gone_and_goes_on_when_it_returns() {
    for &transport in WIRE {
        let home = Home::new();
        let there = home.vacant(transport);
        let push = home.push().immediate(true).build().unwrap();
        push.connect(&there).unwrap();
        for round in 0..3 {
            let pull = home.pull().build().unwrap();
            pull.bind(&there).unwrap();
            push.wait_for_peers(1, PATIENCE).unwrap();
            push.send_timeout(round.to_string(), PATIENCE).unwrap();
            assert_eq!(next_of(&pull), round.to_string());
            pull.close().unwrap();
            until_alone(|count, timeout| push.wait_for_peers(count, timeout));
            assert!(push.try_send("nobody").unwrap_err().is_full());
        }
    }
}

#[test]
fn without_it_the_queue_outlives_the_peer() {
    for &transport in WIRE {
        let home = Home::new();
        let there = home.vacant(transport);
        let push = home.push().build().unwrap();
        push.connect(&there).unwrap();
        for round in 0..3 {
            for number in 0..10 {
                push.send(format!("{round} {number}")).unwrap();
            }
            let pull = home.pull().build().unwrap();
            pull.bind(&there).unwrap();
            for number in 0..10 {
                assert_eq!(next_of(&pull), format!("{round} {number}"), "{transport:?}");
            }
            pull.close().unwrap();
            until_alone(|count, timeout| push.wait_for_peers(count, timeout));
        }
    }
}
