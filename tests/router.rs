//! ROUTER: knows every peer by its id, sends to that one and to nobody else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::TcpListener;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use peer::{COMMAND, MORE, Raw, frame, greeting, records, vector};
use support::{ALL, Home, PATIENCE, QUIET, Transport, WIRE, until, until_alone, until_it_adds_up};
use zocket::{
    ConnectError, Dealer, Endpoint, Message, Rep, Req, Router, RoutingId, SendFailure,
    TryRecvError, TrySendError,
};

fn id(text: &str) -> RoutingId {
    RoutingId::try_from(text).unwrap()
}

fn bound(home: &Home, transport: Transport) -> (Router, Endpoint) {
    let router = home.of(Router::builder()).build().unwrap();
    let here = router.bind(home.endpoint(transport)).unwrap();
    (router, here)
}

fn dealer(home: &Home, here: &Endpoint, name: &str) -> Dealer {
    let dealer = home.of(Dealer::builder().routing_id(name)).build().unwrap();
    dealer.connect(here).unwrap();
    dealer
}

#[track_caller]
fn expect_from(router: &Router, from: &RoutingId, message: impl Into<Message>) {
    let (id, got) = router.recv_from_timeout(PATIENCE).unwrap();
    assert_eq!((&id, got), (from, message.into()));
}

#[track_caller]
fn expect(dealer: &Dealer, message: impl Into<Message>) {
    assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), message.into());
}

// ---- names

#[test]
fn a_peer_is_known_by_the_id_it_announces() {
    for &transport in ALL {
        let home = Home::new();
        let (router, here) = bound(&home, transport);
        let names = ["a", "worker-7", "\u{1}\u{2}", &"x".repeat(255)];
        let dealers: Vec<_> = names.map(|name| (name, dealer(&home, &here, name))).into();
        router.wait_for_peers(dealers.len(), PATIENCE).unwrap();
        let known: BTreeSet<RoutingId> = router
            .peers()
            .iter()
            .map(|peer| peer.routing_id().unwrap().clone())
            .collect();
        assert_eq!(known, names.iter().map(|name| id(name)).collect());
        for (name, dealer) in &dealers {
            dealer.send(["hello", "from", name]).unwrap();
            expect_from(&router, &id(name), ["hello", "from", name]);
        }
        // Answered in another order, each has its own.
        for (name, _) in dealers.iter().rev() {
            router.send_to(&id(name), ["to", name]).unwrap();
        }
        for (name, dealer) in &dealers {
            expect(dealer, ["to", name]);
            assert!(dealer.try_recv().is_err());
        }
    }
}

#[test]
fn one_that_announces_none_is_given_five_bytes_of_which_the_first_is_zero() {
    for &transport in ALL {
        let home = Home::new();
        let (router, here) = bound(&home, transport);
        let dealers: Vec<Dealer> = (0..10)
            .map(|_| {
                let dealer = home.of(Dealer::builder()).build().unwrap();
                dealer.connect(&here).unwrap();
                dealer
            })
            .collect();
        let mut ids = BTreeSet::new();
        for (number, dealer) in dealers.iter().enumerate() {
            dealer.send(number.to_string()).unwrap();
            let (id, message) = router.recv_from_timeout(PATIENCE).unwrap();
            assert_eq!(message, number.to_string());
            assert_eq!((id.len(), id[0]), (5, 0), "{id:?}");
            router.send_to(&id, message).unwrap();
            expect(dealer, number.to_string());
            ids.insert(id);
        }
        assert_eq!(ids.len(), 10);
    }
}

#[test]
fn ids_that_cannot_be_are_refused_when_the_socket_is_built() {
    let home = Home::new();
    for bad in [&b""[..], b"\0abcd", &[b'x'; 256]] {
        assert!(home.of(Dealer::builder().routing_id(bad)).build().is_err());
        assert!(home.of(Router::builder().routing_id(bad)).build().is_err());
        assert!(home.of(Req::builder().routing_id(bad)).build().is_err());
    }
}

#[test]
fn two_routers_talk_by_the_ids_they_announce() {
    for &transport in ALL {
        let home = Home::new();
        let one = home
            .of(Router::builder().routing_id("one"))
            .build()
            .unwrap();
        let two = home
            .of(Router::builder().routing_id("two"))
            .build()
            .unwrap();
        two.connect(one.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        one.wait_for_peers(1, PATIENCE).unwrap();
        two.wait_for_peers(1, PATIENCE).unwrap();
        one.send_to(&id("two"), "ping").unwrap();
        expect_from(&two, &id("one"), "ping");
        two.send_to(&id("one"), "pong").unwrap();
        expect_from(&one, &id("two"), "pong");
    }
}

#[test]
fn the_second_with_an_id_is_refused_and_the_first_goes_on() {
    records::collect();
    for &transport in ALL {
        let home = Home::new();
        let (router, here) = bound(&home, transport);
        let first = dealer(&home, &here, "same");
        first.send("first").unwrap();
        expect_from(&router, &id("same"), "first");
        let second = dealer(&home, &here, "same");
        second.send("second").unwrap();
        for round in 0..20 {
            router.send_to(&id("same"), round.to_string()).unwrap();
            expect(&first, round.to_string());
            first.send(round.to_string()).unwrap();
            expect_from(&router, &id("same"), round.to_string());
        }
        assert!(router.recv_from_timeout(QUIET).is_err());
        assert!(second.try_recv().is_err());
        assert_eq!(router.peers().len(), 1);
        // It goes on trying, and has the id when that is free. (What it sent on a connection that
        // was refused is lost with that.)
        if transport != Transport::Inproc {
            let taken = format!("another peer has the routing id {:?}", id("same"));
            records::await_line(&["WARN", &here.to_string(), &taken]);
        }
        drop(first);
        until("the second is heard", || {
            second.try_send("me now").unwrap();
            router.recv_from_timeout(QUIET).is_ok()
        });
        router.send_to(&id("same"), "yours now").unwrap();
        assert_eq!(
            second.recv_timeout(PATIENCE).ok(),
            Some("yours now".into()),
            "{transport:?} {:?} {:?}",
            router.stats(),
            second.stats()
        );
        until_it_adds_up(|| router.stats());
        until_it_adds_up(|| second.stats());
    }
}

#[test]
fn with_handover_the_second_with_an_id_takes_it_over() {
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder().handover(true)).build().unwrap();
        let here = router.bind(home.endpoint(transport)).unwrap();
        let first = home
            .of(Dealer::builder().routing_id("same"))
            .reconnect_interval(None)
            .build()
            .unwrap();
        first.connect(&here).unwrap();
        first.send("first").unwrap();
        expect_from(&router, &id("same"), "first");
        first.send("left behind").unwrap();
        until("it is there", || router.stats().recv_queue.messages == 1);

        let second = dealer(&home, &here, "same");
        second.send("second").unwrap();
        // What the first one brought is still read.
        expect_from(&router, &id("same"), "left behind");
        expect_from(&router, &id("same"), "second");
        router.send_to(&id("same"), "for the second").unwrap();
        expect(&second, "for the second");
        until_alone(|count, timeout| first.wait_for_peers(count, timeout));
        assert!(first.try_recv().is_err());
        assert_eq!(router.peers().len(), 1, "{transport:?}");
    }
}

#[test]
fn the_endpoint_of_a_peer_whose_id_was_taken_over_is_connected_to_again() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let router = home.of(Router::builder().handover(true)).build().unwrap();
    let here = router.bind(home.endpoint(Transport::Tcp)).unwrap();
    router
        .connect(format!("tcp://{}", listener.local_addr().unwrap()))
        .unwrap();
    let mut raw = Raw::Tcp(listener.accept().unwrap().0);
    for round in 0..30 {
        join_as(&mut raw, b"same");
        raw.say(&frame(0, b"hello"));
        expect_from(&router, &id("same"), "hello");
        let mut other = Raw::connect(&here);
        join_as(&mut other, b"same");
        // So that it is busy with the connection that is to end.
        for _ in 0..round {
            raw.say(&frame(0, b"busy"));
        }
        other.say(&frame(0, b"me"));
        while router.recv_from_timeout(PATIENCE).unwrap().1 != "me" {}
        router.send_to(&id("same"), "you").unwrap();
        assert_eq!(other.listen(5), b"\0\x03you");
        assert!(raw.is_closed_within(PATIENCE));
        drop(other);
        raw = Raw::Tcp(listener.accept().unwrap().0);
    }
}

/// A raw DEALER of this name.
fn ready_as(name: &[u8]) -> Vec<u8> {
    let mut body = b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER\x08Identity".to_vec();
    body.extend_from_slice(&(name.len() as u32).to_be_bytes());
    body.extend_from_slice(name);
    frame(COMMAND, &body)
}

fn join_as(raw: &mut Raw, name: &[u8]) {
    raw.say(&greeting());
    raw.say(&ready_as(name));
    raw.listen(64);
    let header = raw.listen(2);
    raw.listen(header[1].into());
}

#[test]
fn a_peer_that_comes_back_with_another_id_is_known_by_that() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let router = home.of(Router::builder().mandatory(true)).build().unwrap();
    router
        .connect(format!("tcp://{}", listener.local_addr().unwrap()))
        .unwrap();
    let mut last: Option<RoutingId> = None;
    for name in ["one", "two", "", "", "three", "one", "one"] {
        let mut raw = Raw::Tcp(listener.accept().unwrap().0);
        join_as(&mut raw, name.as_bytes());
        raw.say(&frame(0, b"hello"));
        let (id, message) = router.recv_from_timeout(PATIENCE).unwrap();
        assert_eq!(message, "hello");
        if name.is_empty() {
            assert_eq!((id.len(), id[0]), (5, 0));
        } else {
            assert_eq!(*id, *name.as_bytes());
        }
        router.send_to(&id, "by the new one").unwrap();
        assert_eq!(raw.listen(16), b"\0\x0eby the new one");
        if let Some(last) = last.replace(id.clone())
            && last != id
        {
            let error = router.send_to(&last, "by the old one").unwrap_err();
            assert_eq!(error.reason, SendFailure::Unroutable);
        }
    }
}

#[test]
fn what_was_queued_for_the_peer_before_is_not_given_to_another() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let router = home.of(Router::builder()).build().unwrap();
    router
        .connect(format!("tcp://{}", listener.local_addr().unwrap()))
        .unwrap();
    let mut raw = Raw::Tcp(listener.accept().unwrap().0);
    join_as(&mut raw, b"one");
    router.wait_for_peers(1, PATIENCE).unwrap();
    drop(raw);
    until_alone(|count, timeout| router.wait_for_peers(count, timeout));
    // Kept for its return.
    router.send_to(&id("one"), "for one").unwrap();
    let mut raw = Raw::Tcp(listener.accept().unwrap().0);
    join_as(&mut raw, b"two");
    router.wait_for_peers(1, PATIENCE).unwrap();
    router.send_to(&id("two"), "for two").unwrap();
    assert_eq!(raw.listen(9), b"\0\x07for two");
    let stats = router.stats();
    assert_eq!(stats.dropped.with_peer, 1, "{stats:?}");
}

// ---- names given here

#[test]
fn a_peer_that_is_connected_to_can_be_named() {
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder().mandatory(true)).build().unwrap();
        let mut dealers = BTreeMap::new();
        for name in ["first", "second", "third"] {
            // What it calls itself does not matter then.
            let dealer = home.of(Dealer::builder().routing_id("me")).build().unwrap();
            let here = dealer.bind(home.endpoint(transport)).unwrap();
            assert_eq!(router.connect_routing_id(&here, &id(name)).unwrap(), here);
            // At once, though the handshake may not be done.
            router.send_to(&id(name), ["you are", name]).unwrap();
            dealers.insert(name, dealer);
        }
        // One without a name announces its own, another gets one.
        let myself = home.of(Dealer::builder().routing_id("me")).build().unwrap();
        router
            .connect(myself.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        let nobody = home.of(Dealer::builder()).build().unwrap();
        router
            .connect(nobody.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        for (name, dealer) in &dealers {
            expect(dealer, ["you are", name]);
            dealer.send(*name).unwrap();
            expect_from(&router, &id(name), *name);
        }
        myself.send_timeout("me", PATIENCE).unwrap();
        expect_from(&router, &id("me"), "me");
        nobody.send_timeout("nobody", PATIENCE).unwrap();
        let (given, message) = router.recv_from_timeout(PATIENCE).unwrap();
        assert_eq!((given.len(), message), (5, "nobody".into()));
        router.send_to(&given, "you").unwrap();
        expect(&nobody, "you");
    }
}

#[test]
fn a_name_that_is_taken_is_refused() {
    for &transport in ALL {
        for immediate in [false, true] {
            let home = Home::new();
            let router = home
                .of(Router::builder().immediate(immediate))
                .build()
                .unwrap();
            let here = router.bind(home.endpoint(transport)).unwrap();
            let announced = dealer(&home, &here, "taken");
            announced.send("hello").unwrap();
            expect_from(&router, &id("taken"), "hello");

            let other = home.of(Dealer::builder()).build().unwrap();
            let there = other.bind(home.endpoint(transport)).unwrap();
            let error = router.connect_routing_id(&there, &id("taken")).unwrap_err();
            assert!(
                matches!(&error, ConnectError::RoutingIdTaken(endpoint) if *endpoint == there),
                "{error}"
            );
            // Nothing was connected, and the name that is free can be had.
            assert!(router.disconnect(&there).is_err());
            router.connect_routing_id(&there, &id("free")).unwrap();
            other.send_timeout("here", PATIENCE).unwrap();
            expect_from(&router, &id("free"), "here");
            router.send_to(&id("taken"), "still you").unwrap();
            expect(&announced, "still you");
        }
    }
}

#[test]
fn who_announces_a_name_that_was_given_here_is_refused() {
    for &transport in ALL {
        let home = Home::new();
        let (router, here) = bound(&home, transport);
        let named = home.of(Dealer::builder()).build().unwrap();
        router
            .connect_routing_id(named.bind(home.endpoint(transport)).unwrap(), &id("name"))
            .unwrap();
        named.send_timeout("here", PATIENCE).unwrap();
        expect_from(&router, &id("name"), "here");
        let late = home
            .of(Dealer::builder().routing_id("name").linger(QUIET))
            .build()
            .unwrap();
        late.connect(&here).unwrap();
        late.send("me too").unwrap();
        assert!(router.recv_from_timeout(QUIET).is_err());
        router.send_to(&id("name"), "still you").unwrap();
        expect(&named, "still you");
    }
}

#[test]
fn a_name_given_here_survives_the_connection() {
    for &transport in WIRE {
        for immediate in [false, true] {
            let home = Home::new();
            let router = home
                .of(Router::builder().immediate(immediate))
                .build()
                .unwrap();
            let there = home.vacant(transport);
            router
                .connect_routing_id(there.as_str(), &id("name"))
                .unwrap();
            for round in 0..3 {
                let dealer = home
                    .of(Dealer::builder().routing_id(format!("incarnation {round}")))
                    .build()
                    .unwrap();
                dealer.bind(there.as_str()).unwrap();
                dealer.send_timeout("here", PATIENCE).unwrap();
                expect_from(&router, &id("name"), "here");
                router.send_to(&id("name"), "you").unwrap();
                expect(&dealer, "you");
                dealer.close().unwrap();
                until_alone(|count, timeout| router.wait_for_peers(count, timeout));
            }
        }
    }
}

#[test]
fn a_name_given_here_survives_a_peer_that_begins_anew() {
    for &transport in ALL {
        let home = Home::new();
        let req = home.of(Req::builder()).build().unwrap();
        let router = home.of(Router::builder()).build().unwrap();
        let here = req.bind(home.endpoint(transport)).unwrap();
        router.connect_routing_id(&here, &id("asker")).unwrap();
        for round in 0..20 {
            thread::scope(|scope| {
                let asking = scope.spawn(|| {
                    req.wait_for_peers(1, PATIENCE).unwrap();
                    req.request_timeout("in vain", QUIET / 20)
                });
                assert!(asking.join().unwrap().unwrap_err().is_timeout());
                let asking = scope.spawn(|| req.request_timeout("again", PATIENCE));
                loop {
                    let (from, message) = router.recv_from_timeout(PATIENCE).unwrap();
                    assert_eq!(from, id("asker"), "{transport:?} {round}");
                    if message.last() == "again" {
                        router.send_to(&from, ["", "yes"]).unwrap();
                        break;
                    }
                }
                assert_eq!(asking.join().unwrap().unwrap(), "yes");
            });
        }
    }
}

// ---- nobody there, no room

#[test]
fn for_nobody_is_dropped_and_counted() {
    for &transport in ALL {
        let home = Home::new();
        let (router, here) = bound(&home, transport);
        for count in 1..=10 {
            router.send_to(&id("nobody"), "lost").unwrap();
            router.try_send_to(&id("nobody"), "lost").unwrap();
            assert_eq!(router.stats().dropped.unroutable, 2 * count);
        }
        // Nothing of it waits for one who comes.
        let dealer = dealer(&home, &here, "nobody");
        dealer.send("here").unwrap();
        expect_from(&router, &id("nobody"), "here");
        router.send_to(&id("nobody"), "first").unwrap();
        expect(&dealer, "first");
        drop(dealer);
        until_alone(|count, timeout| router.wait_for_peers(count, timeout));
        router.send_to(&id("nobody"), "lost again").unwrap();
        let stats = router.stats();
        assert_eq!(stats.dropped.unroutable, 21);
        assert_eq!(stats.accepted.messages, 22);
    }
}

#[test]
fn with_mandatory_for_nobody_is_an_error_that_hands_the_message_back() {
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder().mandatory(true)).build().unwrap();
        let here = router.bind(home.endpoint(transport)).unwrap();
        let message = Message::from(["a", "b"]);
        let nobody = id("nobody");
        let check = |error: zocket::SendError| {
            assert_eq!(error.reason, SendFailure::Unroutable);
            assert_eq!(error.into_message(), message);
        };
        check(router.send_to(&nobody, message.clone()).unwrap_err());
        check(
            router
                .send_to_timeout(&nobody, message.clone(), PATIENCE)
                .unwrap_err(),
        );
        assert!(matches!(
            router.try_send_to(&nobody, message.clone()),
            Err(TrySendError::Unroutable(back)) if back == message
        ));
        let dealer = dealer(&home, &here, "nobody");
        router.wait_for_peers(1, PATIENCE).unwrap();
        router.send_to(&nobody, message.clone()).unwrap();
        expect(&dealer, message.clone());
        drop(dealer);
        until_alone(|count, timeout| router.wait_for_peers(count, timeout));
        check(router.send_to(&nobody, message.clone()).unwrap_err());
        assert_eq!(router.stats().dropped.total(), 0);
    }
}

/// Sends until there is no room; how many went in.
fn fill(router: &Router, id: &RoutingId) -> usize {
    let mut count = 0;
    loop {
        match router.try_send_to(id, count.to_string()) {
            Ok(()) => count += 1,
            Err(error) => {
                assert!(error.is_full(), "{error}");
                assert_eq!(error.into_message(), count.to_string());
                return count;
            }
        }
    }
}

#[test]
fn with_mandatory_a_full_peer_is_full_exactly_at_the_high_water_mark() {
    // Over inproc the two limits are one queue.
    for (send_hwm, recv_hwm) in [(1, 1), (2, 3), (10, 100)] {
        let home = Home::new();
        let router = home
            .of(Router::builder().mandatory(true).send_hwm(send_hwm))
            .build()
            .unwrap();
        let here = router.bind(home.endpoint(Transport::Inproc)).unwrap();
        let dealer = home
            .of(Dealer::builder().routing_id("x").recv_hwm(recv_hwm))
            .build()
            .unwrap();
        dealer.connect(&here).unwrap();
        router.wait_for_peers(1, PATIENCE).unwrap();
        assert_eq!(fill(&router, &id("x")), send_hwm + recv_hwm);
        for number in 0..send_hwm + recv_hwm {
            expect(&dealer, number.to_string());
        }
        router.send_to_timeout(&id("x"), "more", PATIENCE).unwrap();
        expect(&dealer, "more");
    }
    // Over the wire it is as exact as long as nobody is there to read: the queue of a named peer.
    for &transport in WIRE {
        for hwm in [1, 7, 100] {
            let home = Home::new();
            let router = home
                .of(Router::builder().mandatory(true).send_hwm(hwm))
                .build()
                .unwrap();
            let there = home.vacant(transport);
            router.connect_routing_id(there.as_str(), &id("x")).unwrap();
            assert_eq!(fill(&router, &id("x")), hwm);
            let dealer = home.of(Dealer::builder()).build().unwrap();
            dealer.bind(there.as_str()).unwrap();
            for number in 0..hwm {
                expect(&dealer, number.to_string());
            }
        }
    }
}

#[test]
fn with_mandatory_sending_waits_for_room_at_that_peer() {
    for &transport in ALL {
        let home = Home::new();
        let router = home
            .of(Router::builder().mandatory(true).send_hwm(1))
            .build()
            .unwrap();
        let here = router.bind(home.endpoint(transport)).unwrap();
        let slow = home
            .of(Dealer::builder().routing_id("slow").recv_hwm(1))
            .build()
            .unwrap();
        slow.connect(&here).unwrap();
        let quick = dealer(&home, &here, "quick");
        router.wait_for_peers(2, PATIENCE).unwrap();
        // Large ones, so that the kernel's buffers are full soon.
        let large = vec![0_u8; 1 << 20];
        let mut sent = 0;
        while router
            .send_to_timeout(&id("slow"), large.as_slice(), QUIET)
            .is_ok()
        {
            sent += 1;
        }
        // Nobody else has to wait for it.
        router
            .send_to_timeout(&id("quick"), "hi", PATIENCE)
            .unwrap();
        expect(&quick, "hi");
        thread::scope(|scope| {
            let sending = scope.spawn(|| router.send_to_timeout(&id("slow"), "last", PATIENCE));
            for _ in 0..sent {
                assert_eq!(slow.recv_timeout(PATIENCE).unwrap().byte_len(), 1 << 20);
            }
            expect(&slow, "last");
            sending.join().unwrap().unwrap();
        });

        // And who waits is told when the peer leaves instead.
        while router
            .send_to_timeout(&id("slow"), large.as_slice(), QUIET)
            .is_ok()
        {}
        thread::scope(|scope| {
            let sending = scope.spawn(|| router.send_to_timeout(&id("slow"), "last", PATIENCE));
            slow.close().unwrap();
            let error = sending.join().unwrap().unwrap_err();
            assert_eq!(error.reason, SendFailure::Unroutable, "{transport:?}");
            assert_eq!(error.into_message(), "last");
        });
    }
}

#[test]
fn without_mandatory_what_is_for_a_full_peer_is_dropped_and_counted() {
    let home = Home::new();
    let router = home.of(Router::builder().send_hwm(2)).build().unwrap();
    let here = router.bind(home.endpoint(Transport::Inproc)).unwrap();
    let dealer = home
        .of(Dealer::builder().routing_id("x").recv_hwm(1))
        .build()
        .unwrap();
    dealer.connect(&here).unwrap();
    for number in 0..10 {
        router.send_to(&id("x"), number.to_string()).unwrap();
    }
    assert_eq!(router.stats().dropped.full, 7);
    for number in 0..3 {
        expect(&dealer, number.to_string());
    }
    assert!(dealer.try_recv().is_err());
}

// ---- who is heard

#[test]
fn peers_that_have_something_take_turns() {
    for &transport in ALL {
        let home = Home::new();
        let (router, here) = bound(&home, transport);
        let names = ["a", "b", "c"];
        let dealers = names.map(|name| dealer(&home, &here, name));
        for dealer in &dealers {
            for number in 0..20 {
                dealer.send(number.to_string()).unwrap();
            }
        }
        until("all is there", || router.stats().recv_queue.messages == 60);
        for number in 0..20 {
            let mut heard = BTreeSet::new();
            for _ in 0..3 {
                let (id, message) = router.try_recv_from().unwrap();
                assert_eq!(message, number.to_string(), "{transport:?}");
                heard.insert(id);
            }
            assert_eq!(heard, names.iter().map(|name| id(name)).collect());
        }
        assert_eq!(router.try_recv_from(), Err(TryRecvError::Empty));
    }
}

#[test]
fn many_that_send_one_message_and_leave_are_all_heard() {
    for &transport in ALL {
        let home = Home::new();
        let (router, here) = bound(&home, transport);
        thread::scope(|scope| {
            for thread in 0..4 {
                let (home, here) = (&home, &here);
                scope.spawn(move || {
                    for number in 0..50 {
                        let dealer = home.of(Dealer::builder()).build().unwrap();
                        dealer.connect(here).unwrap();
                        dealer.send(format!("{thread}.{number}")).unwrap();
                    }
                });
            }
            let mut heard = BTreeSet::new();
            let mut ids = BTreeSet::new();
            for _ in 0..200 {
                let (id, message) = router.recv_from_timeout(PATIENCE).unwrap();
                assert!(ids.insert(id), "an id is given once");
                heard.insert(message.first().to_str().unwrap().to_owned());
            }
            assert_eq!(heard.len(), 200, "{transport:?}");
        });
        until_alone(|count, timeout| router.wait_for_peers(count, timeout));
        assert!(router.peers().is_empty());
    }
}

#[test]
fn many_that_are_connected_to_and_answer_once() {
    // The other way round: the ROUTER speaks first, by a name of its own choice.
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder().mandatory(true)).build().unwrap();
        for number in 0..100 {
            let dealer = home.of(Dealer::builder()).build().unwrap();
            let here = dealer.bind(home.endpoint(transport)).unwrap();
            let name = id(&format!("peer {number}"));
            router.connect_routing_id(&here, &name).unwrap();
            router.send_to(&name, "hello").unwrap();
            expect(&dealer, "hello");
            dealer.send_timeout("bye", PATIENCE).unwrap();
            expect_from(&router, &name, "bye");
            router.disconnect(&here).unwrap();
            let error = router.send_to(&name, "gone").unwrap_err();
            assert_eq!(error.reason, SendFailure::Unroutable);
        }
    }
}

#[test]
fn tasks_wait_for_a_message_and_for_room() {
    for &transport in ALL {
        let home = Home::new();
        let router = home
            .of(Router::builder().mandatory(true).send_hwm(1))
            .build()
            .unwrap();
        let there = home.vacant(transport);
        router.connect_routing_id(there.as_str(), &id("x")).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        {
            let mut first = pin!(router.send_to_async(&id("x"), "first"));
            assert!(matches!(first.as_mut().poll(&mut cx), Poll::Ready(Ok(()))));
        }
        // One that is dropped while it waits has sent nothing.
        {
            let mut dropped = pin!(router.send_to_async(&id("x"), "dropped"));
            assert!(dropped.as_mut().poll(&mut cx).is_pending());
        }
        let mut second = pin!(router.send_to_async(&id("x"), "second"));
        assert!(second.as_mut().poll(&mut cx).is_pending());
        let mut receiving = pin!(router.recv_from_async());
        assert!(receiving.as_mut().poll(&mut cx).is_pending());
        let dealer = home.of(Dealer::builder().recv_hwm(1)).build().unwrap();
        dealer.bind(there.as_str()).unwrap();
        expect(&dealer, "first");
        until("there is room", || {
            matches!(second.as_mut().poll(&mut cx), Poll::Ready(Ok(())))
        });
        expect(&dealer, "second");
        assert!(dealer.try_recv().is_err());
        dealer.send_timeout("hello", PATIENCE).unwrap();
        let mut got = None;
        until("it arrives", || match receiving.as_mut().poll(&mut cx) {
            Poll::Ready(received) => {
                got = Some(received);
                true
            }
            Poll::Pending => false,
        });
        assert_eq!(got, Some(Ok((id("x"), "hello".into()))));
    }
}

// ---- probes, READY, and what peers do wrong

#[test]
fn a_probe_tells_a_router_who_is_there() {
    for &transport in ALL {
        let home = Home::new();
        let (router, here) = bound(&home, transport);
        let dealer = home
            .of(Dealer::builder().routing_id("dealer").probe_router(true))
            .build()
            .unwrap();
        dealer.connect(&here).unwrap();
        expect_from(&router, &id("dealer"), "");
        router.send_to(&id("dealer"), "hello").unwrap();
        expect(&dealer, "hello");

        let other = home
            .of(Router::builder().routing_id("router").probe_router(true))
            .build()
            .unwrap();
        other.connect(&here).unwrap();
        expect_from(&router, &id("router"), "");
        router.send_to(&id("router"), "hello").unwrap();
        let (_, message) = other.recv_from_timeout(PATIENCE).unwrap();
        assert_eq!(message, "hello");

        let req = home
            .of(Req::builder().routing_id("req").probe_router(true))
            .build()
            .unwrap();
        req.connect(&here).unwrap();
        expect_from(&router, &id("req"), "");
        req.send("question").unwrap();
        expect_from(&router, &id("req"), ["", "question"]);
        router.send_to(&id("req"), ["", "answer"]).unwrap();
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "answer");
    }
}

#[test]
fn a_probe_is_two_bytes_right_after_the_handshake() {
    let home = Home::new();
    let router = home
        .of(Router::builder().probe_router(true))
        .build()
        .unwrap();
    let here = router.bind(home.endpoint(Transport::Tcp)).unwrap();
    let mut raw = Raw::connect(&here);
    join_as(&mut raw, b"me");
    assert_eq!(raw.listen(2), [0, 0]);
    router.wait_for_peers(1, PATIENCE).unwrap();
    router.send_to(&id("me"), ["a", ""]).unwrap();
    assert_eq!(raw.listen(5), [MORE, 1, b'a', 0, 0]);
}

#[test]
fn ready_tells_the_identity() {
    for name in ["", "router-1"] {
        let home = Home::new();
        let builder = home.of(Router::builder());
        let builder = match name {
            "" => builder,
            name => builder.routing_id(name),
        };
        let router = builder.build().unwrap();
        let mut raw = Raw::connect(&router.bind(home.endpoint(Transport::Tcp)).unwrap());
        raw.say(&greeting());
        raw.say(&ready_as(b""));
        raw.listen(64);
        let header = raw.listen(2);
        let ready = raw.listen(header[1].into());
        let identity = [
            &b"\x08Identity\0\0\0"[..],
            &[name.len() as u8],
            name.as_bytes(),
        ]
        .concat();
        assert!(ready.windows(identity.len()).any(|part| part == identity));
    }
}

#[test]
fn recorded_identities_that_cannot_be_are_refused() {
    records::collect();
    for &transport in WIRE {
        let home = Home::new();
        let (router, here) = bound(&home, transport);
        let good = dealer(&home, &here, "good");
        for name in ["viol_identity_300", "viol_identity_leading_zero"] {
            let mut raw = Raw::connect(&here);
            raw.say(&vector(name));
            assert!(raw.is_closed_within(PATIENCE), "{name}");
            good.send(name).unwrap();
            expect_from(&router, &id("good"), name);
            router.send_to(&id("good"), name).unwrap();
            expect(&good, name);
        }
        assert_eq!(router.stats().arrived.messages, 2);
    }
}

#[test]
fn a_recorded_command_that_means_nothing_to_it_is_passed_over() {
    let home = Home::new();
    let (router, here) = bound(&home, Transport::Tcp);
    let mut raw = Raw::join(&here, "DEALER");
    raw.say(&vector("viol_cancel_cmd_to_router"));
    let (id, message) = router.recv_from_timeout(PATIENCE).unwrap();
    assert_eq!(message, "hi");
    router.send_to(&id, "you").unwrap();
    assert_eq!(raw.listen(5), b"\0\x03you");
}

#[test]
fn a_rep_is_no_peer_of_a_router() {
    let home = Home::new();
    let router = home.of(Router::builder()).build().unwrap();
    let rep = home.of(Rep::builder()).build().unwrap();
    let here = rep.bind(home.endpoint(Transport::Inproc)).unwrap();
    let error = router.connect_routing_id(&here, &id("rep")).unwrap_err();
    assert!(matches!(error, ConnectError::Incompatible { .. }));
}

#[test]
fn what_arrives_can_be_iterated_over() {
    let home = Home::new();
    let (router, here) = bound(&home, Transport::Inproc);
    let peer = dealer(&home, &here, "it");
    for number in 0..3 {
        peer.send(number.to_string()).unwrap();
    }
    for (number, (from, message)) in router.iter().take(3).enumerate() {
        assert_eq!((from, message), (id("it"), number.to_string().into()));
    }
    router.close().unwrap();
    assert!((&router).into_iter().next().is_none());
}
