//! PUSH spreads whole messages over its peers, one after the other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::thread;

use support::{ALL, Home, PATIENCE, QUIET, Transport, expect_numbers, fill, next_of, until};
use zocket::{Message, Pull, TryRecvError};

const PEERS: usize = 5;
const ROUNDS: usize = 20;

fn message(number: usize) -> Message {
    let frames = [number.to_string(), String::new(), "x".repeat(number)];
    frames.into_iter().collect()
}

#[test]
fn connected_peers_take_turns_in_the_order_of_connecting() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().build().unwrap();
        let pulls: Vec<Pull> = (0..PEERS).map(|_| home.pull().build().unwrap()).collect();
        for pull in &pulls {
            push.connect(pull.bind(home.endpoint(transport)).unwrap())
                .unwrap();
        }
        for number in 0..PEERS * ROUNDS {
            push.send(message(number)).unwrap();
        }
        for (peer, pull) in pulls.iter().enumerate() {
            for round in 0..ROUNDS {
                assert_eq!(
                    next_of(pull),
                    message(round * PEERS + peer),
                    "{transport:?}"
                );
            }
        }
        for pull in &pulls {
            assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
        }
    }
}

#[test]
fn accepted_peers_get_the_same_share() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().build().unwrap();
        let here = push.bind(home.endpoint(transport)).unwrap();
        let pulls: Vec<Pull> = (0..PEERS).map(|_| home.pull().build().unwrap()).collect();
        for pull in &pulls {
            pull.connect(&here).unwrap();
        }
        push.wait_for_peers(PEERS, PATIENCE).unwrap();
        for number in 0..PEERS * ROUNDS {
            push.send(number.to_string()).unwrap();
        }
        for pull in &pulls {
            let first: usize = next_of(pull).first().to_str().unwrap().parse().unwrap();
            assert!(first < PEERS);
            for round in 1..ROUNDS {
                assert_eq!(next_of(pull), (first + round * PEERS).to_string());
            }
            assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
        }
    }
}

#[test]
fn a_full_peer_is_left_out_and_returns() {
    let home = Home::new();
    let push = home.push().send_hwm(1).build().unwrap();
    let pulls: Vec<Pull> = (0..3)
        .map(|_| home.pull().recv_hwm(1).build().unwrap())
        .collect();
    for pull in &pulls {
        push.connect(pull.bind(home.endpoint(Transport::Inproc)).unwrap())
            .unwrap();
    }
    // Two in each: 0 and 3, 1 and 4, 2 and 5.
    assert_eq!(fill(&push, 0), 6);
    for number in [1, 4] {
        assert_eq!(next_of(&pulls[1]), number.to_string());
    }
    assert_eq!(fill(&push, 6), 2, "only one has room");
    expect_numbers(&pulls[1], 6..8);
    for (pull, numbers) in [(&pulls[0], [0, 3]), (&pulls[2], [2, 5])] {
        for number in numbers {
            assert_eq!(next_of(pull), number.to_string());
        }
    }
    assert_eq!(fill(&push, 8), 6, "all have room again");
    for pull in &pulls {
        for _ in 0..2 {
            next_of(pull);
        }
        assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn a_peer_that_is_not_there_is_left_out_once_full_and_returns() {
    for &transport in ALL {
        let home = Home::new();
        let absent = home.vacant(transport);
        let push = home.push().send_hwm(3).build().unwrap();
        let there = home.pull().recv_hwm(0).build().unwrap();
        push.connect(&absent).unwrap();
        push.connect(there.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        for number in 0..100 {
            push.send_timeout(number.to_string(), PATIENCE).unwrap();
        }
        let missing = [0, 2, 4];
        for number in (0..100).filter(|number| !missing.contains(number)) {
            assert_eq!(next_of(&there), number.to_string(), "{transport:?}");
        }
        let late = home.pull().build().unwrap();
        late.bind(&absent).unwrap();
        for number in missing {
            assert_eq!(next_of(&late), number.to_string(), "{transport:?}");
        }
        until("it has its turns again", || {
            push.send_timeout("more", PATIENCE).unwrap();
            late.try_recv().is_ok()
        });
    }
}

#[test]
fn send_waits_for_the_first_peer() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().build().unwrap();
        let here = push.bind(home.endpoint(transport)).unwrap();
        let error = push.send_timeout("nobody", QUIET).unwrap_err();
        assert!(error.is_timeout());
        assert_eq!(error.into_message(), "nobody");
        thread::scope(|scope| {
            let sender = scope.spawn(|| push.send("somebody"));
            let pull = home.pull().build().unwrap();
            pull.connect(&here).unwrap();
            assert_eq!(next_of(&pull), "somebody");
            sender.join().unwrap().unwrap();
        });
    }
}
