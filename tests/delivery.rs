//! What `docs/delivery.md` says of messages that get lost, and no other test shows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use peer::Raw;
use support::parts::{self, Part};
use support::{ALL, Home, PATIENCE, QUIET, Transport, WIRE, next_of, until, until_alone};
use zocket::{Dealer, Pair, Push, Router, TryRecvError};

/// Numbers, until it is killed.
#[test]
#[ignore = "a part, played in a process of its own"]
fn sends_until_it_is_killed() {
    let Some(arguments) = parts::arguments() else {
        return;
    };
    let push = Push::new();
    push.connect(arguments[0].as_str()).unwrap();
    for number in 0.. {
        push.send([number.to_string(), "x".repeat(number % 5000)])
            .unwrap();
    }
}

#[test]
fn a_sender_that_is_killed_takes_its_queue_along_and_leaves_whole_messages_in_order() {
    for &transport in WIRE {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap().to_string();
        let mut sender = Part::play("sends_until_it_is_killed", &[&here]);
        let expect = |number: usize, message: zocket::Message| {
            assert_eq!(message.len(), 2);
            assert_eq!(message[0], *number.to_string().as_bytes());
            assert_eq!(message[1].len(), number % 5000);
        };
        for number in 0..2000 {
            expect(number, next_of(&pull));
        }
        sender.stop();
        let mut number = 2000;
        while !pull.peers().is_empty() {
            if let Ok(message) = pull.recv_timeout(Duration::from_millis(1)) {
                expect(number, message);
                number += 1;
            }
        }
        // What arrived before its end stays readable.
        while let Ok(message) = pull.try_recv() {
            expect(number, message);
            number += 1;
        }
    }
}

/// Sends to nobody and ends without a return.
#[test]
#[ignore = "a part, played in a process of its own"]
fn sends_and_exits() {
    let Some(arguments) = parts::arguments() else {
        return;
    };
    parts::log_to_stderr();
    let push = Push::builder().linger(None).build().unwrap();
    push.connect(arguments[0].as_str()).unwrap();
    push.send("in vain").unwrap();
    std::process::exit(7);
}

#[test]
fn process_exit_waits_for_nothing_and_says_nothing() {
    let home = Home::new();
    let there = home.vacant(Transport::Tcp);
    let (status, log) = Part::play("sends_and_exits", &[&there]).end();
    assert_eq!(status.code(), Some(7));
    assert!(!log.contains("not sent"), "{log}");
}

/// A listener that takes a connection, and lets the sender believe that all is well.
#[test]
fn what_the_kernel_had_is_lost_with_the_connection_and_nothing_is_sent_twice() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let push = home.push().build().unwrap();
    let there = format!("tcp://{}", listener.local_addr().unwrap());
    push.connect(&there).unwrap();
    let mut taken = Raw::Tcp(listener.accept().unwrap().0);
    taken.handshake("PULL");
    push.wait_for_peers(1, PATIENCE).unwrap();
    for number in 0..100 {
        push.send(number.to_string()).unwrap();
    }
    push.flush(PATIENCE).unwrap();
    assert_eq!(push.stats().written.messages, 100);
    // It reads nothing of that.
    taken.reset();
    until_alone(|count, timeout| push.wait_for_peers(count, timeout));
    for number in 100..110 {
        push.send(number.to_string()).unwrap();
    }
    let mut again = Raw::Tcp(listener.accept().unwrap().0);
    again.handshake("PULL");
    for number in 100..110 {
        assert_eq!(again.next_frame().1, number.to_string().as_bytes());
    }
    let stats = push.stats();
    assert_eq!(stats.accepted.messages, 110);
    assert_eq!(stats.dropped.total(), 0, "as far as the sender can know");
}

#[test]
fn what_was_queued_for_an_accepted_peer_is_dropped_with_it_and_counted() {
    for &transport in WIRE {
        let home = Home::new();
        let push = home.push().build().unwrap();
        let here = push.bind(home.endpoint(transport)).unwrap();
        let raw = Raw::join(&here, "PULL");
        push.wait_for_peers(1, PATIENCE).unwrap();
        let mut sent = 0;
        while push.try_send(vec![0; 1 << 16]).is_ok() {
            sent += 1;
        }
        drop(raw);
        until_alone(|count, timeout| push.wait_for_peers(count, timeout));
        until("it is counted", || {
            let stats = push.stats();
            stats.dropped.with_peer > 0 && stats.written.messages + stats.dropped.total() == sent
        });
        // The next gets none of it.
        let pull = home.pull().build().unwrap();
        pull.connect(&here).unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
        push.send("the first for the next").unwrap();
        assert_eq!(next_of(&pull), "the first for the next");
    }
}

#[test]
fn what_was_not_received_when_a_receiver_closes_is_discarded_and_counted() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().build().unwrap();
        let pull = home.pull().build().unwrap();
        meet!(home, transport, pull, push);
        for number in 0..10 {
            push.send(number.to_string()).unwrap();
        }
        assert_eq!(next_of(&pull), "0");
        until("all have arrived", || pull.stats().arrived.messages == 10);
        pull.close().unwrap();
        let stats = pull.stats();
        assert_eq!(stats.returned.messages, 1);
        assert_eq!(stats.discarded.unread, 9, "{transport:?}");
        // Over inproc the sender knows.
        if transport == Transport::Inproc {
            assert_eq!(push.stats().dropped.with_peer, 9);
        }
    }
}

/// The peer sends all the while, so that the connection is reset.
#[test]
fn without_a_linger_what_arrives_is_a_beginning_of_what_was_sent() {
    for &transport in WIRE {
        let home = Home::new();
        let closing = home.pair().linger(Duration::ZERO).build().unwrap();
        let other: Pair = home.pair().linger(Duration::ZERO).build().unwrap();
        meet!(home, transport, closing, other);
        let mut sent = 0;
        while sent < 5000 && closing.send_timeout(sent.to_string(), QUIET).is_ok() {
            let _ = other.try_send("unwanted");
            sent += 1;
        }
        let unsent = closing.close().err().map_or(0, |unsent| unsent.messages);
        let mut got = 0;
        loop {
            match other.recv_timeout(Duration::from_millis(1)) {
                Ok(message) => {
                    assert_eq!(message, got.to_string());
                    got += 1;
                }
                Err(_) if other.peers().is_empty() => break,
                Err(_) => {}
            }
        }
        while let Ok(message) = other.try_recv() {
            assert_eq!(message, got.to_string());
            got += 1;
        }
        assert!(got + unsent <= sent, "{got} + {unsent} of {sent}");
    }
}

/// A DEALER with two peers keeps what is queued for the one that is gone for when that comes back.
#[test]
fn what_is_queued_for_a_peer_is_not_given_to_another() {
    for &transport in WIRE {
        let home = Home::new();
        let there = home.vacant(transport);
        let dealer = home.of(Dealer::builder()).build().unwrap();
        let stays = home.of(Router::builder()).build().unwrap();
        dealer
            .connect(stays.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        dealer.connect(&there).unwrap();
        dealer.wait_for_peers(1, PATIENCE).unwrap();
        for number in 0..10 {
            dealer.send(number.to_string()).unwrap();
        }
        for _ in 0..5 {
            stays.recv_from_timeout(PATIENCE).unwrap();
        }
        assert!(matches!(stays.try_recv_from(), Err(TryRecvError::Empty)));
        let comes = home.of(Router::builder()).build().unwrap();
        comes.bind(&there).unwrap();
        for _ in 0..5 {
            comes.recv_from_timeout(PATIENCE).unwrap();
        }
        assert!(matches!(stays.try_recv_from(), Err(TryRecvError::Empty)));
    }
}

/// `Ok` of a send says nothing about a peer: there need not be one, ever.
#[test]
fn a_send_is_ok_before_anybody_is_there() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().linger(Duration::ZERO).build().unwrap();
        push.connect(home.vacant(transport)).unwrap();
        let began = Instant::now();
        push.send("to whom it may concern").unwrap();
        assert!(began.elapsed() < PATIENCE);
        assert_eq!(push.stats().send_queue.messages, 1);
        assert!(push.peers().is_empty());
        assert_eq!(push.close().unwrap_err().messages, 1);
    }
}
