//! One PULL on every transport at once, and PUSHes connected to several of its endpoints.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::thread;

use support::{ALL, Home, PATIENCE, next_of};
use zocket::{Endpoint, Message, Pull};

const EACH: usize = 2000;

fn bound_everywhere(home: &Home) -> (Pull, Vec<Endpoint>) {
    let pull = home.pull().build().unwrap();
    let endpoints = ALL
        .iter()
        .map(|&transport| pull.bind(home.endpoint(transport)).unwrap())
        .collect();
    (pull, endpoints)
}

fn message(sender: usize, number: usize) -> Message {
    [sender.to_string(), number.to_string()]
        .into_iter()
        .collect()
}

/// Every message of every sender came once; `ordered` if also in its order.
fn expect_all(pull: &Pull, senders: usize, ordered: bool) {
    let mut seen: Vec<Vec<usize>> = vec![Vec::new(); senders];
    for _ in 0..senders * EACH {
        let message = next_of(pull);
        let [sender, number] =
            [0, 1].map(|frame| message[frame].to_str().unwrap().parse::<usize>().unwrap());
        seen[sender].push(number);
    }
    for (sender, mut numbers) in seen.into_iter().enumerate() {
        if !ordered {
            numbers.sort_unstable();
        }
        assert!(numbers.into_iter().eq(0..EACH), "sender {sender}");
    }
    assert!(pull.try_recv().is_err());
}

#[test]
fn four_senders_on_each_transport() {
    const SENDERS: usize = 4;
    let home = Home::new();
    let (pull, endpoints) = bound_everywhere(&home);
    thread::scope(|scope| {
        for (transport, endpoint) in endpoints.iter().enumerate() {
            for n in 0..SENDERS {
                let push = home.push().build().unwrap();
                scope.spawn(move || {
                    push.connect(endpoint).unwrap();
                    for number in 0..EACH {
                        push.send_timeout(message(transport * SENDERS + n, number), PATIENCE)
                            .unwrap();
                    }
                });
            }
        }
        expect_all(&pull, endpoints.len() * SENDERS, true);
    });
}

#[test]
fn one_sender_connected_to_all() {
    let home = Home::new();
    let (pull, endpoints) = bound_everywhere(&home);
    let push = home.push().build().unwrap();
    for endpoint in &endpoints {
        push.connect(endpoint).unwrap();
    }
    pull.wait_for_peers(endpoints.len(), PATIENCE).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..EACH {
                push.send_timeout(message(0, number), PATIENCE).unwrap();
            }
        });
        expect_all(&pull, 1, false);
    });
}

#[test]
fn threads_share_one_sender_and_one_receiver() {
    const THREADS: usize = 4;
    let home = Home::new();
    let (pull, endpoints) = bound_everywhere(&home);
    let push = home.push().build().unwrap();
    for endpoint in &endpoints {
        push.connect(endpoint).unwrap();
    }
    let mut all: Vec<usize> = thread::scope(|scope| {
        for sender in 0..THREADS {
            let push = &push;
            scope.spawn(move || {
                for number in 0..EACH {
                    push.send_timeout((sender * EACH + number).to_string(), PATIENCE)
                        .unwrap();
                }
            });
        }
        let receivers: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let number = |message: Message| message[0].to_str().unwrap().parse().unwrap();
                    (0..EACH)
                        .map(|_| number(next_of(&pull)))
                        .collect::<Vec<usize>>()
                })
            })
            .collect();
        receivers
            .into_iter()
            .flat_map(|receiver| receiver.join().unwrap())
            .collect()
    });
    all.sort_unstable();
    assert!(all.into_iter().eq(0..THREADS * EACH));
}
