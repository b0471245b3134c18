//! A subscriber that does not keep up costs itself messages, which are counted, and nobody else
//! anything.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;
mod topics;

use std::time::{Duration, Instant};

use peer::Raw;
use support::{ALL, Home, PATIENCE, Transport, WIRE, until};
use topics::{Publishes, expect, publisher, settle, subscribe, subscriber, xpub, xsub};
use zocket::{Pub, Sub};

const KIB: usize = 1 << 10;

fn text(number: usize) -> String {
    format!("n{number} {}", "x".repeat(4 * KIB))
}

/// Sends one at a time, each received by the good one before the next.
fn keeps_up(publisher: &Pub, good: &Sub, numbers: std::ops::Range<usize>) {
    for number in numbers {
        publisher.send(text(number)).unwrap();
        expect(good, &text(number));
    }
}

#[test]
fn who_stops_reading_misses_messages_and_others_miss_none() {
    const MANY: usize = 5000;
    for &transport in WIRE {
        let home = Home::new();
        let publisher = publisher(&home).send_hwm(10).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let good = subscriber(&home).build().unwrap();
        good.subscribe("n").unwrap();
        good.connect(&here).unwrap();
        let mut slow = Raw::join(&here, "SUB");
        slow.say(&subscribe("n"));
        publisher.wait_for_subscribers(2, PATIENCE).unwrap();
        keeps_up(&publisher, &good, 0..MANY);
        let stats = publisher.stats();
        assert!(stats.dropped.full > 0, "{transport:?}: {stats:?}");
        assert_eq!(stats.dropped.full, stats.dropped.total());
        assert_eq!(stats.accepted.messages, 2 * MANY as u64);
        assert!(stats.send_queue.messages <= 10 + 1, "{stats:?}");
        let written = stats.written.messages - MANY as u64;
        assert_eq!(
            written + stats.send_queue.messages + stats.dropped.full,
            MANY as u64,
            "{stats:?}"
        );

        // Once it reads again it gets what had been queued, and then what is new.
        for number in 0..written as usize {
            let expected = topics::frame(0, text(number).as_bytes());
            assert_eq!(slow.listen(expected.len()), expected, "whole, and in order");
        }
        for number in written as usize..(written + stats.send_queue.messages) as usize {
            let expected = topics::frame(0, text(number).as_bytes());
            assert_eq!(slow.listen(expected.len()), expected, "whole, and in order");
        }
        until("it is written", || {
            publisher.stats().send_queue.messages == 0
        });
        let dropped = publisher.stats().dropped.full;
        keeps_up(&publisher, &good, MANY..MANY + 5);
        for number in MANY..MANY + 5 {
            let expected = topics::frame(0, text(number).as_bytes());
            assert_eq!(slow.listen(expected.len()), expected);
        }
        assert_eq!(publisher.stats().dropped.full, dropped);
    }
}

#[test]
fn over_inproc_a_slow_one_gets_both_queues_full() {
    for (send_hwm, recv_hwm) in [(1000, 1000), (1, 1), (10, 3), (3, 10)] {
        let home = Home::new();
        let publisher = publisher(&home).send_hwm(send_hwm).build().unwrap();
        let here = publisher.bind(home.endpoint(Transport::Inproc)).unwrap();
        let slow = subscriber(&home).recv_hwm(recv_hwm).build().unwrap();
        slow.subscribe("n").unwrap();
        slow.connect(&here).unwrap();
        let good = subscriber(&home).build().unwrap();
        good.subscribe("n").unwrap();
        good.connect(&here).unwrap();
        publisher.wait_for_subscribers(2, PATIENCE).unwrap();
        let room = send_hwm + recv_hwm;
        keeps_up(&publisher, &good, 0..room + 100);
        assert_eq!(publisher.stats().dropped.full, 100);
        for number in 0..room {
            expect(&slow, &text(number));
        }
        assert!(slow.try_recv().is_err());
        keeps_up(&publisher, &good, 0..1);
        expect(&slow, &text(0));
    }
}

#[test]
fn an_unlimited_queue_drops_nothing() {
    const MANY: usize = 3000;
    for &transport in ALL {
        let home = Home::new();
        let publisher = publisher(&home).send_hwm(0).build().unwrap();
        let slow = subscriber(&home).recv_hwm(0).build().unwrap();
        slow.subscribe("n").unwrap();
        slow.connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        for number in 0..MANY {
            publisher.send(text(number)).unwrap();
        }
        for number in 0..MANY {
            expect(&slow, &text(number));
        }
        assert_eq!(publisher.stats().dropped.total(), 0);
    }
}

/// Bursts that fit are never dropped: what was read gives its room back.
#[test]
fn bursts_within_the_limit_arrive_whole_one_after_the_other() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = publisher(&home).send_hwm(100).build().unwrap();
        let subscriber = subscriber(&home).recv_hwm(100).build().unwrap();
        subscriber.subscribe("n").unwrap();
        subscriber
            .connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        for burst in 0..20 {
            for number in 0..100 {
                publisher.send(text(100 * burst + number)).unwrap();
            }
            for number in 0..100 {
                expect(&subscriber, &text(100 * burst + number));
            }
            // Read, but its room may not be known of yet.
            until("there is room", || {
                publisher.stats().send_queue.messages == 0
            });
        }
        assert_eq!(publisher.stats().dropped.total(), 0);
    }
}

#[test]
fn a_send_never_waits() {
    for &transport in WIRE {
        let home = Home::new();
        let publisher = publisher(&home).send_hwm(10).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let mut slow: Vec<Raw> = (0..5).map(|_| Raw::join(&here, "SUB")).collect();
        for raw in &mut slow {
            raw.say(&subscribe(""));
        }
        publisher.wait_for_subscribers(5, PATIENCE).unwrap();
        let began = Instant::now();
        for number in 0..2000 {
            publisher.send(text(number)).unwrap();
            publisher.try_send("small").unwrap();
            publisher.send_timeout("small", Duration::ZERO).unwrap();
        }
        assert!(began.elapsed() < PATIENCE);
        until("they are full", || publisher.stats().dropped.full > 0);
        // One that goes away takes what was queued for it along, counted.
        drop(slow);
        publisher.until_subscribers(0);
        until("all is accounted for", || {
            let stats = publisher.stats();
            stats.send_queue.messages == 0
                && stats.accepted.messages == stats.written.messages + stats.dropped.total()
        });
    }
}

#[test]
fn a_slow_one_does_not_hold_up_subscriptions() {
    for &transport in WIRE {
        let home = Home::new();
        let publisher = publisher(&home).send_hwm(1).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let mut slow = Raw::join(&here, "SUB");
        slow.say(&subscribe("n"));
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        while publisher.stats().dropped.full == 0 {
            publisher.send(text(0)).unwrap();
        }
        // What it says while it does not read is heard.
        slow.say(&topics::cancel("n"));
        publisher.until_subscribers(0);
        let unwanted = publisher.stats().dropped.unwanted;
        publisher.send(text(0)).unwrap();
        assert_eq!(publisher.stats().dropped.unwanted, unwanted + 1);
        let good = subscriber(&home).build().unwrap();
        good.connect(&here).unwrap();
        good.subscribe("n").unwrap();
        settle(&publisher, &good);
        keeps_up(&publisher, &good, 0..100);
    }
}

#[test]
fn an_xpub_and_an_xsub_do_the_same() {
    let home = Home::new();
    let publisher = xpub(&home).send_hwm(2).build().unwrap();
    let here = publisher.bind(home.endpoint(Transport::Inproc)).unwrap();
    let slow = xsub(&home).recv_hwm(2).build().unwrap();
    slow.subscribe("n").unwrap();
    slow.connect(&here).unwrap();
    publisher.wait_for_subscribers(1, PATIENCE).unwrap();
    for number in 0..10 {
        publisher.send(text(number)).unwrap();
    }
    assert_eq!(publisher.stats().dropped.full, 6);
    for number in 0..4 {
        assert_eq!(slow.recv_timeout(PATIENCE).unwrap(), text(number));
    }
}
