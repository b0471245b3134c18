//! PULL takes from every peer in turn, message by message, and in order from each.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use support::{ALL, Home, PATIENCE, next_of, until_alone};
use zocket::{Message, Pull};

fn sender_and_number(message: &Message) -> (usize, usize) {
    let number = |frame: usize| message[frame].to_str().unwrap().parse().unwrap();
    (number(0), number(1))
}

fn message(sender: usize, number: usize) -> Message {
    [sender.to_string(), number.to_string()]
        .into_iter()
        .collect()
}

/// Receives `counts[sender]` messages of each sender, in order; a round takes one of each that has
/// some left.
fn expect_turns(pull: &Pull, counts: &[usize]) {
    for round in 0..counts.iter().copied().max().unwrap() {
        let here: BTreeSet<usize> = (0..counts.len())
            .filter(|&sender| counts[sender] > round)
            .collect();
        let mut had = BTreeSet::new();
        for _ in &here {
            let (sender, number) = sender_and_number(&next_of(pull));
            assert_eq!(number, round, "sender {sender}");
            assert!(had.insert(sender), "twice in a round: {sender}");
        }
        assert_eq!(had, here);
    }
}

#[test]
fn peers_with_something_take_turns() {
    for &transport in ALL {
        for counts in [vec![10; 3], vec![50; 7], vec![1, 30, 5]] {
            let home = Home::new();
            let pull = home.pull().build().unwrap();
            let here = pull.bind(home.endpoint(transport)).unwrap();
            let pushes: Vec<_> = counts
                .iter()
                .map(|_| home.push().build().unwrap())
                .collect();
            for push in &pushes {
                push.connect(&here).unwrap();
            }
            pull.wait_for_peers(counts.len(), PATIENCE).unwrap();
            for (sender, push) in pushes.iter().enumerate() {
                for number in 0..counts[sender] {
                    push.send(message(sender, number)).unwrap();
                }
                push.close().unwrap();
            }
            // Gone, and so all that they sent is there.
            until_alone(|count, timeout| pull.wait_for_peers(count, timeout));
            expect_turns(&pull, &counts);
            assert!(pull.try_recv().is_err());
        }
    }
}

#[test]
fn each_peer_is_in_order_whatever_the_others_do() {
    const SENDERS: usize = 4;
    const EACH: usize = 3000;
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().recv_hwm(10).build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        thread::scope(|scope| {
            for sender in 0..SENDERS {
                let push = home.push().send_hwm(10).build().unwrap();
                push.connect(&here).unwrap();
                scope.spawn(move || {
                    for number in 0..EACH {
                        push.send_timeout(message(sender, number), PATIENCE)
                            .unwrap();
                    }
                });
            }
            let mut next = BTreeMap::new();
            for _ in 0..SENDERS * EACH {
                let (sender, number) = sender_and_number(&next_of(&pull));
                let expected = next.entry(sender).or_insert(0);
                assert_eq!(number, *expected, "{transport:?}, sender {sender}");
                *expected += 1;
            }
        });
    }
}
