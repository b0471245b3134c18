//! How much a publisher lets subscribers want, one by one and together; who wants more is disconnected,
//! and that is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;
mod topics;

use support::{ALL, Home, PATIENCE, Transport, WIRE, until};
use topics::{Publishes, publisher, subscriber, xpub};
use zocket::{Eviction, Monitor, MonitorEvent, PeerInfo, Sub};

/// Whom the next event of this kind is about, and why.
fn evicted(monitor: &Monitor) -> (PeerInfo, Eviction) {
    loop {
        if let MonitorEvent::Evicted { peer, cause } =
            monitor.recv_timeout(PATIENCE).expect("an eviction")
        {
            let next = monitor.recv_timeout(PATIENCE).unwrap();
            let MonitorEvent::Disconnected { peer: gone, .. } = next else {
                panic!("{next:?}");
            };
            assert_eq!(gone.id(), peer.id());
            return (peer, cause);
        }
    }
}

fn joined(home: &Home, here: &zocket::Endpoint, topics: &[&str]) -> Sub {
    let sub = subscriber(home).build().unwrap();
    for topic in topics {
        sub.subscribe(topic).unwrap();
    }
    sub.connect(here).unwrap();
    sub
}

#[test]
fn one_that_wants_too_much_is_told_of() {
    for &transport in ALL {
        for by_bytes in [false, true] {
            let home = Home::new();
            let publisher = if by_bytes {
                publisher(&home).max_subscription_bytes(5)
            } else {
                publisher(&home).max_subscriptions(2)
            };
            let publisher = publisher.build().unwrap();
            let monitor = publisher.monitor();
            let here = publisher.bind(home.endpoint(transport)).unwrap();
            let good = joined(&home, &here, &["aa", "bb"]);
            publisher.wait_for_subscribers(1, PATIENCE).unwrap();
            let greedy = joined(&home, &here, &["aa", "bb"]);
            publisher.wait_for_subscribers(2, PATIENCE).unwrap();
            greedy.subscribe("cc").unwrap();
            assert_eq!(evicted(&monitor).1, Eviction::Subscriptions);
            assert!(publisher.stats().connections.evicted >= 1);
            until("the good one stays", || {
                publisher.send("aa").unwrap();
                good.try_recv().is_ok()
            });
        }
    }
}

#[test]
fn those_of_one_address_are_counted_together() {
    for &transport in WIRE {
        for manual in [false, true] {
            let home = Home::new();
            let publisher = xpub(&home)
                .manual(manual)
                .max_subscriptions_per_address(5)
                .build()
                .unwrap();
            let options = publisher.options();
            assert_eq!(options.max_subscriptions_per_address(), Some(5));
            let monitor = publisher.monitor();
            let here = publisher.bind(home.endpoint(transport)).unwrap();
            let told = |count: usize| {
                for _ in 0..count {
                    publisher.recv_timeout(PATIENCE).unwrap();
                }
            };
            let one = joined(&home, &here, &["a", "b", "c"]);
            told(3);
            let other = joined(&home, &here, &["d", "e"]);
            told(2);
            // What is asked for again is not more.
            other.subscribe("d").unwrap();
            one.subscribe("f").unwrap();
            let (peer, cause) = evicted(&monitor);
            assert_eq!(cause, Eviction::SubscriptionsOfAddress);
            assert!(one.endpoints()[0].endpoint == here && !peer.address().is_empty());
            // What it had is free again.
            drop(one);
            let _next = joined(&home, &here, &["g", "h", "i"]);
            until("the next one has its topics", || {
                publisher.try_recv().is_ok_and(|event| match event {
                    zocket::Upstream::Subscribe(it) => it.topic() == b"i",
                    _ => false,
                })
            });
            publisher
                .options()
                .set_max_subscriptions_per_address(None)
                .unwrap();
            other.subscribe("j").unwrap();
            until("there is no limit any more", || {
                publisher.try_recv().is_ok_and(|event| match event {
                    zocket::Upstream::Subscribe(it) => it.topic() == b"j",
                    _ => false,
                })
            });
        }
    }
}

/// One that has gone counts no more, however subscriptions were taken meanwhile.
#[test]
fn who_left_while_the_manner_was_another_is_not_counted() {
    for &transport in WIRE {
        let home = Home::new();
        let publisher = xpub(&home)
            .manual(true)
            .max_subscriptions_per_address(2)
            .build()
            .unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let one = joined(&home, &here, &["a", "b"]);
        for _ in 0..2 {
            publisher.recv_timeout(PATIENCE).unwrap();
        }
        publisher.options().set_manual(false).unwrap();
        drop(one);
        until("it has gone", || publisher.peers().is_empty());
        publisher.options().set_manual(true).unwrap();
        let _next = joined(&home, &here, &["c", "d"]);
        until("the next one has its topics", || {
            publisher.try_recv().is_ok_and(|event| match event {
                zocket::Upstream::Subscribe(it) => it.topic() == b"d",
                _ => false,
            })
        });
        assert_eq!(publisher.stats().connections.evicted, 0);
    }
}

#[test]
fn inproc_subscribers_have_no_address() {
    let home = Home::new();
    let publisher = publisher(&home).max_subscriptions_per_address(1);
    let publisher = publisher.build().unwrap();
    let here = publisher.bind(home.endpoint(Transport::Inproc)).unwrap();
    let subs: Vec<Sub> = (0..3)
        .map(|_| joined(&home, &here, &["a", "b", "c"]))
        .collect();
    publisher.until_subscribers(3);
    assert_eq!(publisher.stats().connections.evicted, 0);
    drop(subs);
}
