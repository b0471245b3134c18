//! What becomes of a subscriber that is too slow, as its publisher has it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;
mod topics;

use std::pin::pin;
use std::task::{Context, Waker};

use peer::Raw;
use support::{ALL, Home, PATIENCE, Transport, WIRE, until, until_it_adds_up};
use topics::{Publishes, publisher, subscribe, subscriber, xpub};
use zocket::SlowSubscriber::{Disconnect, DropNewest, DropOldest};
use zocket::{Builder, Eviction, Monitor, MonitorEvent, Stats, Sub};

const KIB: usize = 1 << 10;

/// A number, large enough that the kernel's buffers hold only some.
fn text(number: usize) -> String {
    format!("n{number} {}", "x".repeat(4 * KIB))
}

fn number_of(message: &[u8]) -> usize {
    let text = std::str::from_utf8(message).unwrap();
    text[1..].split(' ').next().unwrap().parse().unwrap()
}

/// Reads the messages that come until one has this number; theirs.
fn listen_until(raw: &mut Raw, last: usize) -> Vec<usize> {
    let mut numbers = Vec::new();
    while numbers.last() != Some(&last) {
        let header = raw.listen(9);
        assert_eq!(header[0], 2, "one frame, and a long one");
        let size = u64::from_be_bytes(header[1..].try_into().unwrap());
        numbers.push(number_of(&raw.listen(size as usize)));
    }
    numbers
}

fn event<T>(monitor: &Monitor, pick: impl Fn(MonitorEvent) -> Option<T>) -> T {
    loop {
        if let Some(it) = pick(monitor.recv_timeout(PATIENCE).expect("an event")) {
            return it;
        }
    }
}

fn adds_up(stats: &Stats) -> bool {
    stats.accepted.messages
        == stats.written.messages + stats.send_queue.messages + stats.dropped.total()
}

/// The newest is always there, whatever waits before it, and what was dropped is counted and told.
#[test]
fn the_oldest_make_place_for_the_newest() {
    const MANY: usize = 5000;
    for &transport in WIRE {
        let home = Home::new();
        let publisher = xpub(&home).send_hwm(10).slow_subscriber(DropOldest);
        let publisher = publisher.build().unwrap();
        assert_eq!(publisher.options().slow_subscriber(), DropOldest);
        let monitor = publisher.monitor();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let mut slow = Raw::join(&here, "SUB");
        slow.say(&subscribe("n"));
        publisher.subscribers(1, PATIENCE).unwrap();
        for number in 0..MANY {
            publisher.send(text(number)).unwrap();
        }
        event(&monitor, |it| {
            matches!(it, MonitorEvent::DroppingStarted { .. }).then_some(())
        });
        let stats = publisher.stats();
        assert!(adds_up(&stats), "{stats:?}");
        assert!(stats.dropped.displaced > 0, "{stats:?}");
        assert_eq!(stats.dropped.total(), stats.dropped.displaced, "{stats:?}");
        assert!(stats.send_queue.messages <= 11, "{stats:?}");

        let numbers = listen_until(&mut slow, MANY - 1);
        assert!(numbers.is_sorted(), "in order");
        assert_eq!(numbers.len() as u64 + stats.dropped.displaced, MANY as u64);
        // Those that waited are the newest.
        let newest = &numbers[numbers.len() - 5..];
        assert_eq!(newest, (MANY - 5..MANY).collect::<Vec<_>>());
        let mut missed = 0;
        while missed < stats.dropped.displaced {
            missed += event(&monitor, |it| match it {
                MonitorEvent::DroppingEnded { messages, .. } => Some(messages),
                _ => None,
            });
        }
        assert_eq!(missed, stats.dropped.displaced);
        assert_eq!(publisher.peer_stats()[0].missed, missed);
        until("all is written", || {
            publisher.stats().send_queue.messages == 0
        });
        assert!(adds_up(&publisher.stats()));
    }
}

#[test]
fn over_inproc_the_oldest_make_place_exactly() {
    for (limit, size) in [(None, 10), (Some(1000), 100)] {
        let home = Home::new();
        let publisher = publisher(&home)
            .send_hwm(10)
            .send_limit_bytes(limit)
            .slow_subscriber(DropOldest)
            .build()
            .unwrap();
        let sub = subscriber(&home)
            .recv_hwm(5)
            .recv_limit_bytes(limit.map(|it| it / 2));
        let sub = sub.build().unwrap();
        sub.subscribe("").unwrap();
        meet!(home, Transport::Inproc, publisher, sub);
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        let text = |number: usize| format!("{number:0size$}");
        for number in 0..100 {
            publisher.send(text(number)).unwrap();
        }
        assert_eq!(publisher.stats().dropped.displaced, 85);
        for number in 85..100 {
            assert_eq!(sub.recv_timeout(PATIENCE).unwrap(), text(number));
        }
        assert!(sub.try_recv().is_err());
        for number in 100..115 {
            publisher.send(text(number)).unwrap();
        }
        assert_eq!(publisher.stats().dropped.displaced, 85);
        until_it_adds_up(|| publisher.stats());
        until_it_adds_up(|| sub.stats());
    }
}

/// What was taken already is not displaced, and the newest is there beside it.
#[test]
fn what_the_other_side_has_in_hand_stays() {
    let home = Home::new();
    let publisher = publisher(&home).send_hwm(5).slow_subscriber(DropOldest);
    let publisher = publisher.build().unwrap();
    let sub = subscriber(&home).recv_hwm(5).build().unwrap();
    sub.subscribe("").unwrap();
    meet!(home, Transport::Inproc, publisher, sub);
    publisher.wait_for_subscribers(1, PATIENCE).unwrap();
    for number in 0..10 {
        publisher.send(number.to_string()).unwrap();
    }
    // All ten are taken with the first.
    assert_eq!(sub.recv_timeout(PATIENCE).unwrap(), "0");
    let mut flush = pin!(publisher.flush_async());
    let mut flushed = || {
        let mut context = Context::from_waker(Waker::noop());
        flush.as_mut().poll(&mut context).is_ready()
    };
    assert!(!flushed());
    for number in 10..40 {
        publisher.send(number.to_string()).unwrap();
    }
    assert_eq!(publisher.stats().dropped.displaced, 29);
    // A flush waits for those in hand, however many behind them are gone.
    assert!(!flushed());
    for number in (1..10).chain([39]) {
        assert_eq!(sub.recv_timeout(PATIENCE).unwrap(), number.to_string());
    }
    assert!(sub.try_recv().is_err());
    assert!(flushed());
}

/// It is told, loses what waits for it, and comes back; nobody else notices.
#[test]
fn a_slow_one_is_disconnected_and_comes_back() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = publisher(&home).send_hwm(10).slow_subscriber(Disconnect);
        let publisher = publisher.build().unwrap();
        let monitor = publisher.monitor();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let join = |builder: Builder<Sub>| {
            let sub = builder.build().unwrap();
            sub.subscribe("n").unwrap();
            sub.connect(&here).unwrap();
            sub
        };
        let good = join(subscriber(&home));
        let slow = join(subscriber(&home).recv_hwm(10));
        publisher.wait_for_subscribers(2, PATIENCE).unwrap();
        let theirs = slow.monitor();
        let mut number = 0;
        while publisher.stats().connections.evicted == 0 {
            publisher.send(text(number)).unwrap();
            assert_eq!(good.recv_timeout(PATIENCE).unwrap(), text(number));
            number += 1;
        }
        let evicted = event(&monitor, |it| match it {
            MonitorEvent::Evicted { peer, cause } => Some((peer, cause)),
            _ => None,
        });
        assert_eq!(evicted.1, Eviction::SlowSubscriber);
        let gone = event(&monitor, |it| match it {
            MonitorEvent::Disconnected { peer, .. } => Some(peer),
            _ => None,
        });
        assert_eq!(gone.id(), evicted.0.id());
        // It learns of it when it reads on; what had arrived stays readable.
        let is_back = || loop {
            match theirs.try_recv() {
                Ok(MonitorEvent::HandshakeSucceeded { .. }) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        };
        until("it comes back", || {
            let _ = slow.try_recv();
            is_back()
        });
        publisher.until_subscribers(2);
        let stats = publisher.stats();
        assert!(stats.dropped.full >= 1, "{stats:?}");
        assert!(adds_up(&stats), "{stats:?}");
        publisher.send(text(number)).unwrap();
        let last = std::iter::from_fn(|| slow.recv_timeout(PATIENCE).ok())
            .map(|message| number_of(message.first()))
            .find(|it| *it == number);
        assert_eq!(last, Some(number), "{transport:?}");
        assert_eq!(good.recv_timeout(PATIENCE).unwrap(), text(number));
    }
}

#[test]
fn the_policy_can_be_changed() {
    let home = Home::new();
    let publisher = publisher(&home).send_hwm(1).build().unwrap();
    assert_eq!(publisher.options().slow_subscriber(), DropNewest);
    let sub = subscriber(&home).recv_hwm(1).build().unwrap();
    sub.subscribe("").unwrap();
    meet!(home, Transport::Inproc, publisher, sub);
    publisher.wait_for_subscribers(1, PATIENCE).unwrap();
    for number in 0..4 {
        publisher.send(number.to_string()).unwrap();
    }
    publisher.options().set_slow_subscriber(DropOldest).unwrap();
    publisher.send("4").unwrap();
    let stats = publisher.stats();
    assert_eq!((stats.dropped.full, stats.dropped.displaced), (2, 1));
    for expected in ["1", "4"] {
        assert_eq!(sub.recv_timeout(PATIENCE).unwrap(), expected);
    }
}

/// One that was full before is disconnected by the next message that it would get.
#[test]
fn one_that_is_full_already_can_be_disconnected_later() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = publisher(&home).send_hwm(1).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let sub = subscriber(&home).recv_hwm(1).build().unwrap();
        sub.subscribe("").unwrap();
        sub.connect(&here).unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        while publisher.stats().dropped.full == 0 {
            publisher.send(text(0)).unwrap();
        }
        publisher.options().set_slow_subscriber(Disconnect).unwrap();
        // By the first of these, unless the kernel has found room for some more.
        until("it is disconnected", || {
            publisher.send(text(1)).unwrap();
            publisher.stats().connections.evicted > 0
        });
    }
}

/// With nodrop nothing is dropped, whatever else is said.
#[test]
fn nodrop_comes_first() {
    for policy in [DropNewest, DropOldest, Disconnect] {
        let home = Home::new();
        let publisher = publisher(&home)
            .send_hwm(1)
            .nodrop(true)
            .slow_subscriber(policy)
            .build()
            .unwrap();
        let sub = subscriber(&home).recv_hwm(1).build().unwrap();
        sub.subscribe("").unwrap();
        meet!(home, Transport::Inproc, publisher, sub);
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        for number in 0..2 {
            publisher.try_send(number.to_string()).unwrap();
        }
        assert!(publisher.try_send("2").unwrap_err().is_full());
        assert_eq!(publisher.stats().dropped.total(), 0);
    }
}
