//! With `conflate` only the newest message is kept for each peer: whole, and counted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;
mod topics;

use std::thread;

use peer::Raw;
use support::{ALL, Home, PATIENCE, WIRE, until};
use topics::{expect, frame, publisher, settle, subscribe, subscriber};
use zocket::{BuildError, Message, SocketType};

/// Of several frames that all say which it is, and of many sizes.
fn message(number: usize) -> Message {
    let frames = number % 4;
    let text = format!("n{number}.");
    let mut message = Message::from(text.as_str());
    for _ in 0..frames {
        message.push_back(text.repeat(number % 700).into_bytes());
    }
    message
}

fn number_of(heard: &Message) -> usize {
    let text = std::str::from_utf8(heard.first()).unwrap();
    let number = text[1..text.len() - 1].parse().unwrap();
    assert_eq!(heard, &message(number), "whole");
    number
}

const MANY: usize = 2000;

#[test]
fn a_pull_receives_the_newest() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().conflate(true).build().unwrap();
        let push = home.push().build().unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        pull.wait_for_peers(1, PATIENCE).unwrap();
        for round in 0..3 {
            for number in 0..MANY {
                push.send_timeout(message(number), PATIENCE).unwrap();
            }
            let sent = ((round + 1) * MANY) as u64;
            until("all has arrived", || pull.stats().arrived.messages == sent);
            assert_eq!(number_of(&pull.recv_timeout(PATIENCE).unwrap()), MANY - 1);
            assert!(pull.try_recv().is_err());
        }
        let stats = pull.stats();
        assert_eq!(stats.returned.messages, 3);
        assert_eq!(
            stats.arrived.messages,
            stats.returned.messages + stats.recv_queue.messages + stats.discarded.total(),
            "{stats:?}"
        );
    }
}

#[test]
fn a_push_keeps_the_newest_for_a_peer_that_comes_later() {
    for &transport in ALL {
        let home = Home::new();
        let here = home.vacant(transport);
        let push = home.push().conflate(true).build().unwrap();
        push.connect(&here).unwrap();
        for number in 0..MANY {
            push.try_send(message(number)).unwrap();
        }
        let stats = push.stats();
        assert_eq!(stats.send_queue.messages, 1, "{stats:?}");
        assert_eq!(stats.dropped.with_peer, MANY as u64 - 1, "{stats:?}");
        let pull = home.pull().build().unwrap();
        pull.bind(&here).unwrap();
        assert_eq!(number_of(&pull.recv_timeout(PATIENCE).unwrap()), MANY - 1);
        // And it goes on.
        push.send(message(7)).unwrap();
        assert_eq!(number_of(&pull.recv_timeout(PATIENCE).unwrap()), 7);
    }
}

/// Numbers only go up, each message is whole, and the last always arrives.
fn goes_up(mut send: impl FnMut(Message) + Send, mut recv: impl FnMut() -> Message) {
    thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..MANY {
                send(message(number));
            }
        });
        let mut last = None;
        while last != Some(MANY - 1) {
            let number = number_of(&recv());
            assert!(last < Some(number), "{number} after {last:?}");
            last = Some(number);
        }
    });
}

#[test]
fn while_both_are_at_it_numbers_only_go_up() {
    for &transport in ALL {
        for (here_too, there_too) in [(true, false), (false, true), (true, true)] {
            let home = Home::new();
            let pull = home.pull().conflate(there_too).build().unwrap();
            let push = home.push().conflate(here_too).build().unwrap();
            push.connect(pull.bind(home.endpoint(transport)).unwrap())
                .unwrap();
            goes_up(
                |message| push.send_timeout(message, PATIENCE).unwrap(),
                || pull.recv_timeout(PATIENCE).unwrap(),
            );

            let publisher = publisher(&home)
                .conflate(here_too)
                .send_hwm(0)
                .build()
                .unwrap();
            let subscriber = subscriber(&home)
                .conflate(there_too)
                .recv_hwm(0)
                .build()
                .unwrap();
            subscriber.subscribe("n").unwrap();
            subscriber
                .connect(publisher.bind(home.endpoint(transport)).unwrap())
                .unwrap();
            publisher.wait_for_subscribers(1, PATIENCE).unwrap();
            goes_up(
                |message| publisher.send(message).unwrap(),
                || subscriber.recv_timeout(PATIENCE).unwrap(),
            );

            let [one, two] = [here_too, there_too].map(|conflate| {
                zocket::Dealer::builder()
                    .context(&home.context)
                    .conflate(conflate)
                    .build()
                    .unwrap()
            });
            two.connect(one.bind(home.endpoint(transport)).unwrap())
                .unwrap();
            one.wait_for_peers(1, PATIENCE).unwrap();
            for (from, to) in [(&one, &two), (&two, &one)] {
                goes_up(
                    |message| from.send_timeout(message, PATIENCE).unwrap(),
                    || to.recv_timeout(PATIENCE).unwrap(),
                );
            }
        }
    }
}

#[test]
fn a_slow_subscriber_of_a_pub_that_conflates_gets_the_newest_in_the_end() {
    for &transport in WIRE {
        let home = Home::new();
        let publisher = publisher(&home).conflate(true).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let mut slow = Raw::join(&here, "SUB");
        slow.say(&subscribe("n"));
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        let mut sent = 0;
        while publisher.stats().dropped.with_peer < 100 {
            publisher
                .send(format!("n{sent:09}{}", "x".repeat(20_000)))
                .unwrap();
            sent += 1;
        }
        publisher.send("n the newest").unwrap();
        assert!(publisher.stats().send_queue.messages <= 2);
        let large = frame(0, &[b'x'; 20_010]).len();
        let end = frame(0, b"n the newest");
        loop {
            let start = slow.listen(end.len());
            if start == end {
                break;
            }
            slow.listen(large - start.len());
        }
        assert_eq!(publisher.stats().dropped.full, 0);
    }
}

#[test]
fn each_subscriber_has_a_newest_of_its_own() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = publisher(&home).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let [a, b] = ["a", "b"].map(|topic| {
            let subscriber = subscriber(&home).conflate(true).build().unwrap();
            subscriber.connect(&here).unwrap();
            subscriber.subscribe(topic).unwrap();
            settle(&publisher, &subscriber);
            subscriber
        });
        publisher.wait_for_subscribers(2, PATIENCE).unwrap();
        let [before_a, before_b] = [&a, &b].map(|it| it.stats().arrived.messages);
        for number in 0..100 {
            publisher.send(format!("a{number}")).unwrap();
            publisher.send(format!("b{number}")).unwrap();
        }
        until("all has arrived", || {
            a.stats().arrived.messages >= before_a + 100
                && b.stats().arrived.messages >= before_b + 100
        });
        expect(&a, "a99");
        expect(&b, "b99");
        assert!(a.try_recv().is_err() && b.try_recv().is_err());
    }
}

/// What is kept of subscriptions has nothing to do with it.
#[test]
fn subscriptions_are_not_conflated() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = publisher(&home).conflate(true).build().unwrap();
        let subscriber = subscriber(&home).conflate(true).build().unwrap();
        subscriber
            .connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        for number in 0..1000 {
            subscriber.subscribe(format!("{number}.")).unwrap();
        }
        settle(&publisher, &subscriber);
        for number in [0, 500, 999] {
            publisher.send(format!("{number}.")).unwrap();
            expect(&subscriber, &format!("{number}."));
        }
    }
}

#[test]
fn it_is_for_those_only_who_can_do_without_the_others() {
    use SocketType::{Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Sub, XPub, XSub};
    let home = Home::new();
    for socket_type in [Push, Pull, Pub, Sub, Dealer] {
        let built = topics::raw(&home, socket_type).conflate(true).build();
        assert!(built.is_ok(), "{socket_type}");
    }
    for socket_type in [Req, Rep, Router, Pair, XPub, XSub] {
        let built = topics::raw(&home, socket_type).conflate(true).build();
        assert!(
            matches!(built, Err(BuildError::Invalid(_))),
            "{socket_type}"
        );
    }
}
