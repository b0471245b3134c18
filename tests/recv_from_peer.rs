//! A message and whom it is from.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;
mod topics;

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use peer::{Raw, frame};
use support::tasks::{Alarm, poll};
use support::{ALL, Home, PATIENCE, Transport, WIRE, until, until_alone};
use zocket::{Dealer, Pair, Pub, Router, SocketType, Sub, TryRecvError, XPub, XSub};

#[test]
fn every_message_says_whose_it_is() {
    for &transport in ALL {
        let home = Home::new();
        let server = home.of(Dealer::builder()).build().unwrap();
        let here = server.bind(home.endpoint(transport)).unwrap();
        let clients: Vec<Dealer> = (0..3)
            .map(|n| {
                let client = home.of(Dealer::builder()).routing_id(format!("client-{n}"));
                let client = client.build().unwrap();
                client.connect(&here).unwrap();
                for number in 0..10 {
                    client.send(format!("client-{n} says {number}")).unwrap();
                }
                client
            })
            .collect();
        let mut next = [0; 3];
        for _ in 0..30 {
            let (from, message) = server.recv_from_peer_timeout(PATIENCE).unwrap();
            let id = from.routing_id().unwrap().to_string();
            let n: usize = id["client-".len()..].parse().unwrap();
            assert_eq!(message, format!("{id} says {}", next[n]), "{transport:?}");
            assert_eq!(from.socket_type(), SocketType::Dealer);
            assert!(!from.address().is_empty());
            next[n] += 1;
        }
        assert_eq!(next, [10; 3]);
        assert_eq!(
            server.try_recv_from_peer().unwrap_err(),
            TryRecvError::Empty
        );
        drop(clients);
    }
}

#[test]
fn the_address_is_that_of_the_connection() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let here = pull.bind(home.endpoint(Transport::Tcp)).unwrap();
    let mut peers: Vec<Raw> = (0..3).map(|_| Raw::join(&here, "PUSH")).collect();
    for raw in &mut peers {
        let address = raw.local_addr().unwrap().to_string();
        raw.say(&frame(0, address.as_bytes()));
    }
    for _ in &peers {
        let (from, message) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
        assert!(
            from.address().ends_with(message.first().to_str().unwrap()),
            "{message:?} from {from:?}"
        );
    }
}

#[test]
fn every_plain_receiver_has_it() {
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder()).build().unwrap();
        let dealer = home.of(Dealer::builder()).routing_id("it").build().unwrap();
        dealer
            .connect(router.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        dealer.send("to a router").unwrap();
        let (from, message) = router.recv_from_peer_timeout(PATIENCE).unwrap();
        assert_eq!(message, "to a router");
        assert_eq!(from.routing_id().unwrap().to_string(), "it");
        router.send_to(from.routing_id().unwrap(), "back").unwrap();
        let (from, message) = dealer.recv_from_peer_timeout(PATIENCE).unwrap();
        assert_eq!(
            (from.socket_type(), message),
            (SocketType::Router, "back".into())
        );

        let [a, b] = [(); 2].map(|()| home.of(Pair::builder()).build().unwrap());
        a.connect(b.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        a.send("to a pair").unwrap();
        let (from, message) = b.recv_from_peer_timeout(PATIENCE).unwrap();
        assert_eq!(
            (from.socket_type(), message),
            (SocketType::Pair, "to a pair".into())
        );

        let publisher = home.of(XPub::builder()).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let xsub = home.of(XSub::builder()).build().unwrap();
        xsub.subscribe("topic").unwrap();
        xsub.connect(&here).unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        publisher.send("topic: news").unwrap();
        let (from, message) = xsub.recv_from_peer_timeout(PATIENCE).unwrap();
        assert_eq!(
            (from.socket_type(), message),
            (SocketType::XPub, "topic: news".into())
        );
    }
}

#[test]
fn a_filter_is_kept() {
    for &transport in ALL {
        let home = Home::new();
        let publisher: Pub = topics::publisher(&home).build().unwrap();
        let subscriber: Sub = topics::subscriber(&home).build().unwrap();
        subscriber
            .connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        subscriber.subscribe("keep").unwrap();
        subscriber.subscribe("gone").unwrap();
        topics::settle(&publisher, &subscriber);
        publisher.send("gone").unwrap();
        publisher.send("keep").unwrap();
        let before = subscriber.stats().arrived.messages;
        until("both have arrived", || {
            subscriber.stats().arrived.messages >= before.max(3)
                && subscriber.stats().recv_queue.messages >= 2
        });
        subscriber.unsubscribe("gone").unwrap();
        let filtered = subscriber.stats().discarded.filtered;
        let (from, message) = subscriber.recv_from_peer_timeout(PATIENCE).unwrap();
        assert_eq!(
            (from.socket_type(), message),
            (SocketType::Pub, "keep".into())
        );
        assert!(subscriber.stats().discarded.filtered > filtered);
    }
}

/// With `conflate` the newest counts, and who sent that.
#[test]
fn the_newest_is_from_who_sent_it() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().conflate(true).build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        let push = home.push().build().unwrap();
        push.connect(&here).unwrap();
        pull.wait_for_peers(1, PATIENCE).unwrap();
        for number in 0..100 {
            push.send(number.to_string()).unwrap();
        }
        until("all has arrived", || pull.stats().arrived.messages == 100);
        let (from, message) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
        assert_eq!(
            (from.socket_type(), message),
            (SocketType::Push, "99".into())
        );
        assert_eq!(
            pull.stats().discarded.conflated + pull.stats().discarded.unread,
            99
        );
    }
}

/// A dealer that connects, to peers that are there one after the other; each says one thing.
fn visited_by(home: &Home, transport: Transport, conflate: bool, visitors: &[&str]) -> Dealer {
    let vacant = home.vacant(transport);
    let dealer = home.of(Dealer::builder()).conflate(conflate);
    let dealer = dealer.build().unwrap();
    dealer.connect(&vacant).unwrap();
    for visitor in visitors {
        let arrived = dealer.stats().arrived.messages;
        let peer = home.of(Dealer::builder()).routing_id(*visitor);
        let peer = peer.build().unwrap();
        peer.bind(&vacant).unwrap();
        dealer.wait_for_peers(1, PATIENCE).unwrap();
        if *visitor != "silent" {
            peer.send(format!("from {visitor}")).unwrap();
            until("it has arrived", || {
                dealer.stats().arrived.messages == arrived + 1
            });
        }
        peer.close().unwrap();
        until_alone(|count, timeout| dealer.wait_for_peers(count, timeout));
    }
    dealer
}

/// A pipe that outlives its connections: what came before is from who was there then.
#[test]
fn what_is_unread_keeps_its_name_when_another_peer_comes() {
    for &transport in WIRE {
        let home = Home::new();
        let visitors = ["first", "silent", "second", "third", "silent"];
        let dealer = visited_by(&home, transport, false, &visitors);
        for visitor in ["first", "second", "third"] {
            let (from, message) = dealer.recv_from_peer_timeout(PATIENCE).unwrap();
            assert_eq!(message, format!("from {visitor}"));
            assert_eq!(from.routing_id().unwrap().to_string(), visitor);
        }
    }
}

#[test]
fn the_newest_keeps_its_name_when_a_silent_peer_comes() {
    for &transport in WIRE {
        let home = Home::new();
        let dealer = visited_by(&home, transport, true, &["first", "second", "silent"]);
        let (from, message) = dealer.recv_from_peer_timeout(PATIENCE).unwrap();
        assert_eq!(message, "from second");
        assert_eq!(from.routing_id().unwrap().to_string(), "second");
    }
}

#[test]
fn it_waits_and_is_woken_and_a_dropped_one_passes_its_wake_up_on() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let push = home.push().build().unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        // That the peer is there is news, too: it must have been heard.
        push.send("first").unwrap();
        pull.recv_from_peer_timeout(PATIENCE).unwrap();
        assert!(pull.recv_from_peer_timeout(Duration::ZERO).is_err());
        let (first, second) = (Alarm::new(), Alarm::new());
        let mut dropped = Box::pin(pull.recv_from_peer_async());
        let mut waits = pin!(pull.recv_from_peer_async());
        assert!(poll(dropped.as_mut(), &first).is_pending());
        assert!(poll(waits.as_mut(), &second).is_pending());
        push.send("hello").unwrap();
        until("the first wake-up", || first.rung() == 1);
        assert_eq!(second.rung(), 0, "one message, one wake-up");
        drop(dropped);
        assert_eq!(second.rung(), 1);
        let Poll::Ready(Ok((from, message))) = poll(waits.as_mut(), &second) else {
            panic!("the message is gone");
        };
        assert_eq!(
            (from.socket_type(), message),
            (SocketType::Push, "hello".into())
        );
        pull.close().unwrap();
        assert_eq!(pull.try_recv_from_peer().unwrap_err(), TryRecvError::Closed);
    }
}
