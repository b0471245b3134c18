//! Room that is kept for a message to come.
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
use std::thread;
use std::time::Duration;

use peer::Raw;
use support::tasks::{Alarm, block_on, poll};
use support::{
    ALL, Home, PATIENCE, Transport, WIRE, expect_numbers, fill, joined, next_of, until,
    until_alone, until_it_adds_up,
};
use zocket::{Dealer, Error, Pair, Permit, Pull, ReserveError, Router, RoutingId, SendFailure};

#[test]
fn a_permit_sends_its_message() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1);
        push.reserve().unwrap().send("0").unwrap();
        expect_numbers(&pull, 0..1);
        push.reserve_timeout(PATIENCE).unwrap().send("1").unwrap();
        expect_numbers(&pull, 1..2);
        block_on(push.reserve_async()).unwrap().send("2").unwrap();
        expect_numbers(&pull, 2..3);
        until("there is room again", || match push.try_reserve() {
            Ok(permit) => permit.send("3").is_ok(),
            Err(error) => {
                assert_eq!(error, ReserveError::Full);
                false
            }
        });
        expect_numbers(&pull, 3..4);
        until_it_adds_up(|| push.stats());
        assert_eq!(push.stats().accepted.messages, 4);
    }
}

#[test]
fn what_is_reserved_is_nobody_elses() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1);
    let first = push.try_reserve().unwrap();
    let second = push.try_reserve().unwrap();
    assert!(matches!(push.try_reserve(), Err(ReserveError::Full)));
    assert!(push.try_send("no").unwrap_err().is_full());
    let timeout = push.reserve_timeout(Duration::from_millis(5)).unwrap_err();
    assert_eq!(timeout, ReserveError::Timeout);
    assert!(matches!(Error::from(timeout), Error::Timeout));

    // Nothing is sent yet.
    let stats = push.stats();
    assert_eq!((stats.accepted.messages, stats.send_queue.messages), (0, 0));
    push.flush(Duration::ZERO).unwrap();

    first.send("0").unwrap();
    assert!(push.try_send("no").unwrap_err().is_full());
    expect_numbers(&pull, 0..1);
    until("room for one", || push.try_send("1").is_ok());
    assert!(push.try_send("no").unwrap_err().is_full());
    drop(second);
    push.try_send("2").unwrap();
    assert!(push.try_send("no").unwrap_err().is_full());
    expect_numbers(&pull, 1..3);
}

#[test]
fn a_dropped_permit_wakes_the_next_who_waits() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1);
    let permits = [push.reserve().unwrap(), push.reserve().unwrap()];
    let (first, second) = (Alarm::new(), Alarm::new());
    let mut sends = pin!(push.send_async("0"));
    let mut reserves = pin!(push.reserve_async());
    assert!(poll(sends.as_mut(), &first).is_pending());
    assert!(poll(reserves.as_mut(), &second).is_pending());
    let [one, other] = permits;
    drop(one);
    assert_eq!((first.rung(), second.rung()), (1, 0), "room for one");
    assert!(matches!(poll(sends.as_mut(), &first), Poll::Ready(Ok(()))));
    drop(other);
    assert_eq!(second.rung(), 1);
    let Poll::Ready(Ok(permit)) = poll(reserves.as_mut(), &second) else {
        panic!("woken for nothing");
    };
    permit.send("1").unwrap();
    expect_numbers(&pull, 0..2);
}

#[test]
fn a_dropped_reservation_passes_its_wake_up_on() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1);
    assert_eq!(fill(&push, 0), 2);
    let (first, second) = (Alarm::new(), Alarm::new());
    let mut dropped = Box::pin(push.reserve_async());
    let mut waits = pin!(push.reserve_async());
    assert!(poll(dropped.as_mut(), &first).is_pending());
    assert!(poll(waits.as_mut(), &second).is_pending());
    expect_numbers(&pull, 0..1);
    until("the first wake-up", || first.rung() == 1);
    assert_eq!(second.rung(), 0);
    drop(dropped);
    assert_eq!(second.rung(), 1);
    let Poll::Ready(Ok(permit)) = poll(waits.as_mut(), &second) else {
        panic!("woken for nothing");
    };
    permit.send("2").unwrap();
    expect_numbers(&pull, 1..3);
}

#[test]
fn a_thread_waits_for_room_and_for_a_peer() {
    for &transport in ALL {
        let home = Home::new();
        // No pipe before there is a connection.
        let push = home.push().send_hwm(1).immediate(true).build().unwrap();
        let here = push.bind(home.endpoint(transport)).unwrap();
        assert!(matches!(push.try_reserve(), Err(ReserveError::Full)));
        thread::scope(|scope| {
            let waits = scope.spawn(|| {
                push.reserve_timeout(PATIENCE)?
                    .send("0")
                    .map_err(Error::from)
            });
            let pull = home.pull().build().unwrap();
            pull.connect(&here).unwrap();
            waits.join().unwrap().unwrap();
            expect_numbers(&pull, 0..1);
        });
    }
}

#[test]
fn a_reservation_is_a_turn() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().build().unwrap();
        let pulls: Vec<Pull> = (0..3)
            .map(|_| {
                let pull = home.pull().build().unwrap();
                push.connect(pull.bind(home.endpoint(transport)).unwrap())
                    .unwrap();
                pull
            })
            .collect();
        for round in 0..10 {
            let permit = push.reserve().unwrap();
            push.send(format!("{round} sent")).unwrap();
            let other = push.reserve().unwrap();
            // Whichever is used first: each has its peer.
            other.send(format!("{round} other")).unwrap();
            permit.send(format!("{round} permit")).unwrap();
        }
        for round in 0..10 {
            for (pull, what) in pulls.iter().zip(["permit", "sent", "other"]) {
                assert_eq!(next_of(pull), format!("{round} {what}"), "{transport:?}");
            }
        }
    }
}

#[test]
fn another_takes_it_where_the_peer_is_gone() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().send_hwm(2).build().unwrap();
        let here = push.bind(home.endpoint(transport)).unwrap();
        let goes = home.pull().recv_hwm(1).build().unwrap();
        goes.connect(&here).unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
        let permits = [push.reserve().unwrap(), push.reserve().unwrap()];
        goes.close().unwrap();
        until_alone(|count, timeout| push.wait_for_peers(count, timeout));

        let [first, second] = permits;
        // Nobody at all.
        let error = first.send("comes back").unwrap_err();
        assert_eq!(error.reason, SendFailure::NoPeer);
        assert_eq!(error.message, "comes back");
        assert!(matches!(Error::from(error), Error::NoPeer));

        let stays = home.pull().recv_hwm(1).build().unwrap();
        stays.connect(&here).unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
        second.send("0").unwrap();
        expect_numbers(&stays, 0..1);
        until_it_adds_up(|| push.stats());
    }
}

#[test]
fn another_takes_it_beyond_its_limit() {
    let home = Home::new();
    let push = home.push().send_hwm(1).build().unwrap();
    let name = home.endpoint(Transport::Inproc);
    push.bind(&name).unwrap();
    let goes = home.pull().recv_hwm(1).build().unwrap();
    goes.connect(&name).unwrap();
    let permits = [push.reserve().unwrap(), push.reserve().unwrap()];
    let stays = home.pull().recv_hwm(1).build().unwrap();
    stays.connect(&name).unwrap();
    assert_eq!(fill(&push, 0), 2);
    goes.close().unwrap();
    for (number, permit) in permits.into_iter().enumerate() {
        permit.send((2 + number).to_string()).unwrap();
        assert_eq!(push.stats().send_queue.messages, 3 + number as u64);
        assert!(push.try_send("no").unwrap_err().is_full());
    }
    expect_numbers(&stays, 0..4);
    assert_eq!(fill(&push, 4), 2);
    expect_numbers(&stays, 4..6);
}

/// An endpoint that is connected to keeps its pipe, and what is kept there, over its connections.
#[test]
fn a_permit_outlives_a_connection() {
    for &transport in WIRE {
        let home = Home::new();
        let vacant = home.vacant(transport);
        let push = home.push().send_hwm(1).build().unwrap();
        push.connect(&vacant).unwrap();
        let before = push.reserve().unwrap();
        assert!(matches!(push.try_reserve(), Err(ReserveError::Full)));
        let pull = home.pull().build().unwrap();
        pull.bind(&vacant).unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
        assert!(matches!(push.try_reserve(), Err(ReserveError::Full)));
        pull.close().unwrap();
        until_alone(|count, timeout| push.wait_for_peers(count, timeout));
        before.send("0").unwrap();
        let pull = home.pull().build().unwrap();
        pull.bind(&vacant).unwrap();
        expect_numbers(&pull, 0..1);
    }
}

#[test]
fn an_unused_permit_holds_up_no_close() {
    for &transport in ALL {
        for shutdown in [false, true] {
            let home = Home::new();
            let push = home.push().linger(PATIENCE * 10).build().unwrap();
            push.connect(home.vacant(transport)).unwrap();
            let (dropped, used) = (push.reserve().unwrap(), push.reserve().unwrap());
            let alarm = Alarm::new();
            let full = home.push().build().unwrap();
            let mut waits = pin!(full.reserve_async());
            assert!(poll(waits.as_mut(), &alarm).is_pending());
            let (reason, refused) = if shutdown {
                home.context.shutdown();
                (SendFailure::Terminated, ReserveError::Terminated)
            } else {
                push.close().unwrap();
                full.close().unwrap();
                (SendFailure::Closed, ReserveError::Closed)
            };
            let error = used.send("comes back").unwrap_err();
            assert_eq!(error.reason, reason);
            assert_eq!(error.into_message(), "comes back");
            drop(dropped);
            assert_eq!(push.try_reserve().unwrap_err(), refused);
            assert_eq!(alarm.rung(), 1);
            let Poll::Ready(Err(error)) = poll(waits.as_mut(), &alarm) else {
                panic!("it goes on");
            };
            assert_eq!(error, refused);
            push.close().unwrap();
        }
    }
}

#[test]
fn many_threads_keep_to_the_limit() {
    const THREADS: usize = 4;
    const EACH: usize = 1000;
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1);
        let mut got: Vec<usize> = thread::scope(|scope| {
            for n in 0..THREADS {
                let push = &push;
                scope.spawn(move || {
                    for number in n * EACH..(n + 1) * EACH {
                        // Some are given back.
                        if number % 3 == 0 {
                            drop(push.reserve_timeout(PATIENCE).unwrap());
                        }
                        let permit = match number % 2 {
                            0 => push.reserve_timeout(PATIENCE).unwrap(),
                            _ => block_on(push.reserve_async()).unwrap(),
                        };
                        assert!(push.stats().send_queue.messages <= 2);
                        permit.send(number.to_string()).unwrap();
                    }
                });
            }
            (0..THREADS * EACH)
                .map(|_| next_of(&pull)[0].to_str().unwrap().parse().unwrap())
                .collect()
        });
        got.sort_unstable();
        assert!(got.into_iter().eq(0..THREADS * EACH));
        until_it_adds_up(|| push.stats());
        // Nothing is kept for anybody any more.
        push.flush(PATIENCE).unwrap();
        let _room = push.reserve_timeout(PATIENCE).unwrap();
    }
}

/// A sender waits for one place of many that are kept, and whose message the peer has read.
#[test]
fn a_place_among_many_that_are_kept_is_found() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().send_hwm(100).build().unwrap();
        let pull = home.pull().recv_hwm(100).build().unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
        let mut permits = Vec::new();
        while let Ok(permit) = push.try_reserve() {
            permits.push(permit);
        }
        permits.pop().unwrap().send("0").unwrap();
        thread::scope(|scope| {
            let waits = scope.spawn(|| push.send_timeout("1", PATIENCE));
            expect_numbers(&pull, 0..2);
            waits.join().unwrap().unwrap();
        });
    }
}

/// Who receives gives room back after half of what there is; how much that is was said to it before
/// most of it was reserved.
#[test]
fn room_beside_what_is_reserved_is_told_of() {
    let home = Home::new();
    let push = home.push().send_hwm(5).build().unwrap();
    let pull = home.pull().recv_hwm(5).build().unwrap();
    meet!(home, Transport::Inproc, pull, push);
    for number in 0..4 {
        push.send(number.to_string()).unwrap();
    }
    expect_numbers(&pull, 0..1);
    let permits = [(); 6].map(|()| push.try_reserve().unwrap());
    let alarm = Alarm::new();
    let mut waits = pin!(push.send_async("4"));
    assert!(poll(waits.as_mut(), &alarm).is_pending());
    expect_numbers(&pull, 1..4);
    assert!(alarm.rung() > 0, "there is room for four");
    block_on(waits).unwrap();
    drop(permits);
    expect_numbers(&pull, 4..5);
}

/// The same where room is reserved while somebody waits for more.
#[test]
fn room_beside_what_is_reserved_meanwhile_is_told_of() {
    let home = Home::new();
    let router = home.of(Router::builder()).mandatory(true).send_hwm(5);
    let router = router.build().unwrap();
    let dealer = home.of(Dealer::builder()).recv_hwm(5);
    let dealer = dealer.routing_id("dealer").build().unwrap();
    meet!(home, Transport::Inproc, router, dealer);
    let id = RoutingId::try_from("dealer").unwrap();
    let expect = |count| (0..count).for_each(|_| drop(dealer.try_recv().unwrap()));
    let alarm = Alarm::new();
    (0..3).for_each(|_| router.try_send_to(&id, "early").unwrap());
    // Until that is done, room is given back one by one.
    let mut flush = pin!(router.flush_async());
    assert!(poll(flush.as_mut(), &Alarm::new()).is_pending());
    (0..7).for_each(|_| router.try_send_to(&id, "late").unwrap());
    let mut waits = pin!(router.send_to_async(&id, "waits"));
    assert!(poll(waits.as_mut(), &alarm).is_pending());
    expect(3);
    block_on(flush).unwrap();
    let permit = router.try_reserve_to(&id).unwrap();
    assert_eq!(alarm.rung(), 0);
    expect(3);
    assert!(alarm.rung() > 0, "half of what is not reserved is free");
    block_on(waits).unwrap();
    drop(permit);
    expect(5);
}

#[test]
fn a_permit_can_travel_and_be_shown() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1);
    let permit: Permit<'_> = push.reserve().unwrap();
    assert!(
        format!("{permit:?}").starts_with("Permit(PUSH"),
        "{permit:?}"
    );
    thread::scope(|scope| {
        scope.spawn(move || permit.send("0").unwrap());
    });
    expect_numbers(&pull, 0..1);
}

#[test]
fn with_conflate_there_is_always_room() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().send_hwm(1).conflate(true).build().unwrap();
        let vacant = home.vacant(transport);
        push.connect(&vacant).unwrap();
        let permits: Vec<_> = (0..10).map(|_| push.try_reserve().unwrap()).collect();
        for (number, permit) in permits.into_iter().enumerate() {
            permit.send(number.to_string()).unwrap();
        }
        assert_eq!(push.stats().send_queue.messages, 1);
        let pull = home.pull().build().unwrap();
        pull.bind(&vacant).unwrap();
        expect_numbers(&pull, 9..10);
    }
}

#[test]
fn dealer_and_pair_have_it() {
    for &transport in ALL {
        let home = Home::new();
        let [a, b] = [(); 2].map(|()| home.of(Dealer::builder()).build().unwrap());
        a.connect(b.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        a.reserve().unwrap().send("hello").unwrap();
        assert_eq!(b.recv_timeout(PATIENCE).unwrap(), "hello");
        let [a, b] = [(); 2].map(|()| home.of(Pair::builder()).build().unwrap());
        a.connect(b.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        a.reserve().unwrap().send("hello").unwrap();
        assert_eq!(b.recv_timeout(PATIENCE).unwrap(), "hello");
    }
}

// ---- ROUTER

fn router_and_dealer(
    home: &Home,
    transport: Transport,
    mandatory: bool,
) -> (Router, Dealer, RoutingId) {
    let router = home.of(Router::builder()).send_hwm(1).mandatory(mandatory);
    let router = router.build().unwrap();
    let here = router.bind(home.endpoint(transport)).unwrap();
    let dealer = named(home, "it");
    dealer.connect(&here).unwrap();
    router.wait_for_peers(1, PATIENCE).unwrap();
    (router, dealer, RoutingId::try_from("it").unwrap())
}

fn named(home: &Home, id: &str) -> Dealer {
    let dealer = home.of(Dealer::builder()).routing_id(id).recv_hwm(1);
    dealer.build().unwrap()
}

#[test]
fn a_router_keeps_room_at_one_peer() {
    for &transport in ALL {
        for mandatory in [false, true] {
            let home = Home::new();
            let (router, dealer, it) = router_and_dealer(&home, transport, mandatory);
            let nobody = RoutingId::try_from("nobody").unwrap();
            assert_eq!(
                router.reserve_to(&nobody).unwrap_err(),
                ReserveError::Unroutable
            );
            let expect = |text: &str| assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), text);
            router.reserve_to(&it).unwrap().send("0").unwrap();
            expect("0");
            let bounded = router.reserve_to_timeout(&it, PATIENCE).unwrap();
            bounded.send("1").unwrap();
            expect("1");
            let task = block_on(router.reserve_to_async(&it)).unwrap();
            task.send("2").unwrap();
            expect("2");
        }
    }
}

#[test]
fn a_router_waits_for_the_room_of_that_peer() {
    let home = Home::new();
    let (router, dealer, it) = router_and_dealer(&home, Transport::Inproc, false);
    let permits = [(); 2].map(|()| router.try_reserve_to(&it).unwrap());
    assert!(matches!(
        router.try_reserve_to(&it),
        Err(ReserveError::Full)
    ));
    let alarm = Alarm::new();
    let mut waits = pin!(router.reserve_to_async(&it));
    assert!(poll(waits.as_mut(), &alarm).is_pending());
    let [one, other] = permits;
    one.send("0").unwrap();
    assert_eq!(alarm.rung(), 0);
    drop(other);
    assert_eq!(alarm.rung(), 1);
    let Poll::Ready(Ok(permit)) = poll(waits.as_mut(), &alarm) else {
        panic!("woken for nothing");
    };
    permit.send("1").unwrap();
    for number in 0..2 {
        assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), number.to_string());
    }
}

#[test]
fn a_routers_permit_is_for_whoever_has_the_id() {
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder()).send_hwm(2).build().unwrap();
        let here = router.bind(home.endpoint(transport)).unwrap();
        let (it, other) = (named(&home, "it"), named(&home, "other"));
        it.connect(&here).unwrap();
        other.connect(&here).unwrap();
        router.wait_for_peers(2, PATIENCE).unwrap();
        let id = RoutingId::try_from("it").unwrap();
        let [nobody, again] = [(); 2].map(|()| router.reserve_to(&id).unwrap());
        it.close().unwrap();
        until("it is gone", || {
            matches!(router.try_reserve_to(&id), Err(ReserveError::Unroutable))
        });
        // The other one does not get it.
        let error = nobody.send("comes back").unwrap_err();
        assert_eq!(error.reason, SendFailure::Unroutable);
        assert_eq!(error.into_message(), "comes back");

        let it = named(&home, "it");
        it.connect(&here).unwrap();
        until("it is back", || {
            !matches!(router.try_reserve_to(&id), Err(ReserveError::Unroutable))
        });
        again.send("for the one that is back").unwrap();
        assert_eq!(
            it.recv_timeout(PATIENCE).unwrap(),
            "for the one that is back"
        );
        assert!(other.try_recv().is_err());
        until_it_adds_up(|| router.stats());
    }
}

// ---- publishers

#[test]
fn a_publishers_permit_is_to_be_had_at_once() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = topics::publisher(&home).send_hwm(1).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        publisher.reserve().unwrap().send("for nobody").unwrap();
        assert_eq!(publisher.stats().dropped.unwanted, 1);
        let subscriber = topics::subscriber(&home).build().unwrap();
        subscriber.subscribe("n").unwrap();
        subscriber.connect(&here).unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        let permits: Vec<_> = (0..10).map(|_| publisher.try_reserve().unwrap()).collect();
        drop(permits);
        publisher.reserve().unwrap().send("news").unwrap();
        topics::expect(&subscriber, "news");

        let xpub = topics::xpub(&home).build().unwrap();
        let xsub = topics::xsub(&home).build().unwrap();
        xsub.connect(xpub.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        xsub.reserve().unwrap().send("\x01n").unwrap();
        xpub.wait_for_subscribers(1, PATIENCE).unwrap();
        assert_eq!(topics::told(&xpub), "+n");
        xpub.reserve().unwrap().send("news").unwrap();
        assert_eq!(xsub.recv_timeout(PATIENCE).unwrap(), "news");
        block_on(xsub.reserve_async()).unwrap().send("up").unwrap();
        assert_eq!(topics::told(&xpub), "=up");
    }
}

/// With `nodrop` nobody is to miss anything: a place is kept at every subscriber, as the topic is not
/// known yet.
#[test]
fn with_nodrop_room_is_kept_at_every_subscriber() {
    let home = Home::new();
    let publisher = topics::publisher(&home).send_hwm(1).nodrop(true);
    let publisher = publisher.build().unwrap();
    let here = publisher.bind(home.endpoint(Transport::Inproc)).unwrap();
    let subscribe = |topic: &str| {
        let subscriber = topics::subscriber(&home).recv_hwm(1).build().unwrap();
        subscriber.subscribe(topic).unwrap();
        subscriber.connect(&here).unwrap();
        subscriber
    };
    let (a, b) = (subscribe("a"), subscribe("b"));
    publisher.wait_for_subscribers(2, PATIENCE).unwrap();
    // Two places at each.
    let permits = [(); 2].map(|()| publisher.try_reserve().unwrap());
    assert!(matches!(publisher.try_reserve(), Err(ReserveError::Full)));
    assert!(publisher.try_send("a").unwrap_err().is_full());
    let alarm = Alarm::new();
    let mut waits = pin!(publisher.reserve_async());
    assert!(poll(waits.as_mut(), &alarm).is_pending());

    let [one, other] = permits;
    one.send("a one").unwrap();
    // B has room again, A has not; what is for B alone can be sent.
    assert!(publisher.try_send("a").unwrap_err().is_full());
    publisher.try_send("b sent").unwrap();
    drop(other);
    publisher.try_send("a sent").unwrap();
    assert!(publisher.try_send("a").unwrap_err().is_full());
    topics::expect(&a, "a one");
    topics::expect(&a, "a sent");
    topics::expect(&b, "b sent");
    until("the wake-up", || alarm.rung() >= 1);
    let permit = block_on(waits.as_mut()).unwrap();

    // One that comes later, and is full, gets the message beyond its limit.
    let late = subscribe("a");
    publisher.wait_for_subscribers(3, PATIENCE).unwrap();
    publisher.try_send("a 1").unwrap();
    let more = publisher.try_send("a 2");
    permit.send("a 3").unwrap();
    topics::expect(&late, "a 1");
    if more.is_ok() {
        topics::expect(&late, "a 2");
    }
    topics::expect(&late, "a 3");
    assert_eq!(publisher.stats().dropped.full, 0);
}

/// A peer of the old kind that never reads: the room kept for it goes with it.
#[test]
fn who_waits_for_room_at_a_peer_that_goes_is_woken() {
    for &transport in WIRE {
        let home = Home::new();
        let push = home.push().send_hwm(1).build().unwrap();
        let here = push.bind(home.endpoint(transport)).unwrap();
        let raw = Raw::join(&here, "PULL");
        push.wait_for_peers(1, PATIENCE).unwrap();
        let permit = push.reserve().unwrap();
        let alarm = Alarm::new();
        let mut waits = pin!(push.reserve_async());
        assert!(poll(waits.as_mut(), &alarm).is_pending());
        drop(raw);
        until_alone(|count, timeout| push.wait_for_peers(count, timeout));
        let pull = home.pull().build().unwrap();
        pull.connect(&here).unwrap();
        block_on(waits.as_mut()).unwrap().send("0").unwrap();
        permit.send("1").unwrap();
        expect_numbers(&pull, 0..2);
    }
}
