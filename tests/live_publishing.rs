//! What a publisher or a subscriber is told to do differently while it lives, it does from then on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;
mod topics;

use std::sync::mpsc;
use std::thread;

use support::{ALL, Home, PATIENCE, QUIET, Transport, WIRE, until};
use topics::{
    Publishes, expect, expect_nothing, publisher, settle, subscriber, told, told_nothing, xpub,
    xsub,
};
use zocket::{Endpoint, Message, Sub, Upstream, XPub, XSub};

/// An XPUB and two XSUBs that tell it everything.
fn scene(home: &Home, transport: Transport) -> (XPub, Endpoint, [XSub; 2]) {
    let publisher = xpub(home).build().unwrap();
    let here = publisher.bind(home.endpoint(transport)).unwrap();
    let peers = [(); 2].map(|()| {
        let peer = xsub(home).verbose_unsubscribe(true).build().unwrap();
        peer.connect(&here).unwrap();
        peer.wait_for_peers(1, PATIENCE).unwrap();
        peer
    });
    publisher.wait_for_peers(2, PATIENCE).unwrap();
    (publisher, here, peers)
}

fn subscription(publisher: &XPub) -> zocket::Subscription {
    match publisher.recv_timeout(PATIENCE).unwrap() {
        Upstream::Subscribe(topic) => topic,
        other => panic!("not a subscription: {other:?}"),
    }
}

#[test]
fn an_xpub_tells_as_much_as_it_is_to() {
    for &transport in ALL {
        let home = Home::new();
        let (publisher, _, [a, b]) = scene(&home, transport);
        let options = publisher.options();
        a.subscribe("1").unwrap();
        assert_eq!(told(&publisher), "+1");
        b.subscribe("1").unwrap();
        b.subscribe("marker").unwrap();
        assert_eq!(told(&publisher), "+marker");

        options.set_verbose(true).unwrap();
        b.subscribe("1").unwrap();
        assert_eq!(told(&publisher), "+1");
        b.unsubscribe("1").unwrap();
        b.unsubscribe("1").unwrap();
        b.unsubscribe("marker").unwrap();
        assert_eq!(told(&publisher), "-marker");

        options.set_verboser(true).unwrap();
        b.subscribe("1").unwrap();
        assert_eq!(told(&publisher), "+1");
        b.unsubscribe("1").unwrap();
        assert_eq!(told(&publisher), "-1");

        options.set_verboser(false).unwrap();
        b.subscribe("1").unwrap();
        b.subscribe("marker").unwrap();
        assert_eq!(told(&publisher), "+marker");
        told_nothing(&publisher);
    }
}

#[test]
fn an_xpub_becomes_manual_and_stops_to_be() {
    for &transport in ALL {
        let home = Home::new();
        let (publisher, here, [a, b]) = scene(&home, transport);
        a.subscribe("A").unwrap();
        assert_eq!(told(&publisher), "+A");
        publisher.options().set_manual(true).unwrap();
        assert!(publisher.options().manual());
        // What was applied stays; what comes is only told.
        b.subscribe("A").unwrap();
        let wanted = subscription(&publisher);
        publisher.send("A1").unwrap();
        assert_eq!(a.recv_timeout(PATIENCE).unwrap(), "A1");
        assert!(wanted.accept(["A"]));
        publisher.send("A2").unwrap();
        assert_eq!(a.recv_timeout(PATIENCE).unwrap(), "A2");
        assert_eq!(b.recv_timeout(PATIENCE).unwrap(), "A2");
        publisher.options().set_manual(false).unwrap();
        b.subscribe("B").unwrap();
        assert_eq!(told(&publisher), "+B");
        publisher.send("B1").unwrap();
        assert_eq!(b.recv_timeout(PATIENCE).unwrap(), "B1");
        // With the peer all of it goes, whoever had applied it.
        b.disconnect(&here).unwrap();
        assert_eq!(told(&publisher), "-B");
        publisher.until_subscribers(1);
        a.unsubscribe("A").unwrap();
        assert_eq!(told(&publisher), "-A");
        publisher.until_subscribers(0);
    }
}

#[test]
fn the_last_value_is_for_one_alone_when_it_is_to_be() {
    for &transport in ALL {
        let home = Home::new();
        let (publisher, _, [a, b]) = scene(&home, transport);
        a.subscribe("A").unwrap();
        assert_eq!(told(&publisher), "+A");
        publisher.options().set_manual_last_value(true).unwrap();
        b.subscribe("A").unwrap();
        assert!(subscription(&publisher).accept(["A"]));
        publisher.send("A for b").unwrap();
        publisher.send("A for all").unwrap();
        assert_eq!(b.recv_timeout(PATIENCE).unwrap(), "A for b");
        assert_eq!(b.recv_timeout(PATIENCE).unwrap(), "A for all");
        assert_eq!(a.recv_timeout(PATIENCE).unwrap(), "A for all");
    }
}

#[test]
fn who_comes_next_has_the_new_welcome() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = xpub(&home).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let join = |connect: &Sub| {
            connect.subscribe("").unwrap();
            connect.connect(&here).unwrap();
        };
        let [none, first, second, last] = [(); 4].map(|()| subscriber(&home).build().unwrap());
        join(&none);
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        publisher.options().set_welcome_message("hello").unwrap();
        join(&first);
        expect(&first, "hello");
        publisher.options().set_welcome_message("good day").unwrap();
        join(&second);
        expect(&second, "good day");
        // An empty one is none.
        publisher.options().set_welcome_message("").unwrap();
        join(&last);
        publisher.wait_for_subscribers(4, PATIENCE).unwrap();
        publisher.send("all").unwrap();
        for subscriber in [&none, &first, &second, &last] {
            expect(subscriber, "all");
        }
    }
}

/// From the change on nothing is dropped, not even for one who was missing messages just then.
#[test]
fn a_publisher_stops_to_drop() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = publisher(&home).send_hwm(100).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let slow = subscriber(&home).recv_hwm(100).build().unwrap();
        slow.subscribe("").unwrap();
        slow.connect(&here).unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        let text = |number: usize| format!("{number} {}", "x".repeat(10_000));
        let mut sent = 0;
        while publisher.stats().dropped.full == 0 {
            publisher.try_send(text(sent)).unwrap();
            sent += 1;
        }
        let dropped = publisher.stats().dropped.full;
        publisher.options().set_nodrop(true).unwrap();
        // All but the one that was dropped before the change.
        let mut numbers = (0..sent + 1000).filter(|number| *number != sent - 1);
        // There is some room, though it is not yet one of those that have some again.
        while publisher.stats().send_queue.messages >= 100 {
            expect(&slow, &text(numbers.next().unwrap()));
        }
        let first = sent + usize::from(publisher.try_send(text(sent)).is_ok());
        assert_eq!(publisher.stats().dropped.full, dropped, "{transport:?}");
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in first..sent + 1000 {
                    publisher.send_timeout(text(number), PATIENCE).unwrap();
                }
            });
            for number in numbers {
                expect(&slow, &text(number));
            }
        });
        assert_eq!(publisher.stats().dropped.full, dropped, "{transport:?}");
    }
}

/// Who waits, as nothing is to be dropped, goes on when it may be.
#[test]
fn a_publisher_that_waits_begins_to_drop() {
    let home = Home::new();
    let publisher = publisher(&home).send_hwm(1).nodrop(true).build().unwrap();
    let here = publisher.bind(home.endpoint(Transport::Inproc)).unwrap();
    let slow = subscriber(&home).recv_hwm(1).build().unwrap();
    slow.subscribe("").unwrap();
    slow.connect(&here).unwrap();
    publisher.wait_for_subscribers(1, PATIENCE).unwrap();
    while publisher.try_send("fills").is_ok() {}
    let (done, is_done) = mpsc::channel();
    thread::scope(|scope| {
        let publisher = &publisher;
        scope.spawn(move || {
            done.send(publisher.send_timeout("dropped", 2 * PATIENCE).is_ok())
                .unwrap()
        });
        assert!(is_done.recv_timeout(QUIET).is_err(), "it waits");
        publisher.options().set_nodrop(false).unwrap();
        assert_eq!(is_done.recv_timeout(PATIENCE), Ok(true));
    });
    assert_eq!(publisher.stats().dropped.full, 1);
}

#[test]
fn matching_is_turned_round_on_both_sides() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = publisher(&home).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let sub = subscriber(&home).build().unwrap();
        sub.subscribe("a").unwrap();
        sub.connect(&here).unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        publisher.options().set_invert_matching(true).unwrap();
        sub.options().set_invert_matching(true).unwrap();
        for text in ["a1", "b1", "a2", "c1"] {
            publisher.send(text).unwrap();
        }
        expect(&sub, "b1");
        expect(&sub, "c1");
        assert_eq!(publisher.stats().dropped.unwanted, 2);
        // Of what is there already the subscriber lets through what it wants when it looks.
        publisher.send("d1").unwrap();
        sub.options().set_invert_matching(false).unwrap();
        expect_nothing(&sub);
        publisher.options().set_invert_matching(false).unwrap();
        publisher.send("a3").unwrap();
        expect(&sub, "a3");
    }
}

#[test]
fn subscriptions_are_looked_for_where_they_are_to_be() {
    for &transport in ALL {
        let home = Home::new();
        let (publisher, _, [a, _b]) = scene(&home, transport);
        let tricky = || Message::from_iter([&b"x"[..], b"\x01A"]);
        // An XSUB looks through what it sends, and an XPUB through what it receives.
        a.send(tricky()).unwrap();
        assert_eq!(told(&publisher), "+A");
        assert_eq!(told(&publisher), "=x");
        a.options().set_only_first_subscribe(true).unwrap();
        publisher.options().set_only_first_subscribe(true).unwrap();
        a.send(tricky()).unwrap();
        assert_eq!(told(&publisher), "=x|\u{1}A");
        a.options().set_only_first_subscribe(false).unwrap();
        publisher.options().set_only_first_subscribe(false).unwrap();
        a.send(b"\x00A").unwrap();
        assert_eq!(told(&publisher), "-A");
    }
}

#[test]
fn an_xsub_tells_of_all_that_is_taken_back_when_it_is_to() {
    for &transport in ALL {
        let home = Home::new();
        let (publisher, _, [a, _b]) = scene(&home, transport);
        publisher.options().set_verboser(true).unwrap();
        for _ in 0..4 {
            a.subscribe("A").unwrap();
            assert_eq!(told(&publisher), "+A");
        }
        a.unsubscribe("A").unwrap();
        assert_eq!(told(&publisher), "-A");
        a.options().set_verbose_unsubscribe(false).unwrap();
        a.unsubscribe("A").unwrap();
        told_nothing(&publisher);
        a.unsubscribe("A").unwrap();
        a.options().set_verbose_unsubscribe(true).unwrap();
        a.unsubscribe("A").unwrap();
        assert_eq!(told(&publisher), "-A");
    }
}

/// Nobody loses what he has; who wants one more is disconnected.
#[test]
fn the_number_of_subscriptions_is_limited_from_then_on() {
    for &transport in WIRE {
        let home = Home::new();
        let publisher = publisher(&home).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let sub = subscriber(&home).build().unwrap();
        for topic in ["a", "b", "c"] {
            sub.subscribe(topic).unwrap();
        }
        sub.connect(&here).unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        settle(&publisher, &sub);
        publisher.options().set_max_subscriptions(1).unwrap();
        publisher.send("c").unwrap();
        expect(&sub, "c");
        let monitor = publisher.monitor();
        sub.subscribe("d").unwrap();
        until("it is disconnected", || {
            let event = monitor.recv_timeout(PATIENCE).unwrap();
            matches!(event, zocket::MonitorEvent::Disconnected { .. })
        });
        sub.disconnect(&here).unwrap();

        publisher.options().set_max_subscriptions(1000).unwrap();
        publisher.options().set_max_subscription_bytes(3).unwrap();
        let sub = subscriber(&home).build().unwrap();
        sub.subscribe("1234").unwrap();
        sub.connect(&here).unwrap();
        until("it is disconnected", || {
            let event = monitor.recv_timeout(PATIENCE).unwrap();
            matches!(event, zocket::MonitorEvent::Disconnected { .. })
        });
    }
}

/// Messages that nobody asks an XPUB for fill its queue; one that may hold more takes more.
#[test]
fn the_mark_of_what_an_xpub_is_sent_is_changed_at_once() {
    const COUNT: usize = 400;
    for &transport in ALL {
        let home = Home::new();
        let publisher = xpub(&home).recv_hwm(2).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let peer = xsub(&home).send_hwm(0).build().unwrap();
        peer.connect(&here).unwrap();
        publisher.wait_for_peers(1, PATIENCE).unwrap();
        for _ in 0..COUNT {
            peer.send(vec![b'x'; 64 << 10]).unwrap();
        }
        assert!(peer.flush(QUIET).is_err(), "{transport:?}: it is not read");
        publisher.options().set_recv_hwm(0).unwrap();
        peer.flush(PATIENCE).unwrap();
        for _ in 0..COUNT {
            assert_eq!(told(&publisher).len(), 1 + (64 << 10));
        }
    }
}
