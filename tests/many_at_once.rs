//! Several messages in one call: the same messages, in the same order, counted as the others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Barrier;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use support::tasks::{Alarm, block_on, poll};
use support::{ALL, Home, PATIENCE, Transport, fill, joined, until, until_it_adds_up};
use zocket::{
    Dealer, Message, Pub, Pull, Push, RecvError, Router, SendFailure, Socket, SocketType, Sub,
    TryRecvError, XPub, XSub,
};

/// More than are moved under one lock, and not a multiple of it.
const MANY: usize = 1000;

fn numbers(range: std::ops::Range<usize>) -> VecDeque<Message> {
    range.map(|n| n.to_string().into()).collect()
}

fn unlimited(home: &Home, transport: Transport) -> (Push, Pull) {
    joined(home, transport, 0)
}

/// Receives until there are so many.
fn collect(pull: &Pull, count: usize, max: usize) -> VecDeque<Message> {
    let mut queue = VecDeque::new();
    while queue.len() < count {
        let got = pull.recv_many_timeout(&mut queue, max, PATIENCE).unwrap();
        assert!((1..=max).contains(&got));
    }
    queue
}

#[test]
fn a_forwarder_keeps_the_order_and_loses_nothing() {
    for &transport in ALL {
        for hwm in [0, 1, 100] {
            let home = Home::new();
            let (first, from) = joined(&home, transport, hwm);
            let (to, last) = joined(&home, transport, hwm);
            thread::scope(|scope| {
                scope.spawn(|| {
                    let mut queue = numbers(0..MANY);
                    assert_eq!(first.send_many_timeout(&mut queue, PATIENCE), Ok(MANY));
                    assert!(queue.is_empty());
                });
                scope.spawn(|| {
                    let mut queue = VecDeque::new();
                    let mut done = 0;
                    while done < MANY {
                        let got = from.recv_many_timeout(&mut queue, 300, PATIENCE).unwrap();
                        assert_eq!(queue.len(), got);
                        assert_eq!(to.send_many_timeout(&mut queue, PATIENCE), Ok(got));
                        done += got;
                    }
                });
                assert_eq!(collect(&last, MANY, 77), numbers(0..MANY));
            });
            for stats in [first.stats(), to.stats()] {
                assert_eq!(stats.accepted.messages, MANY as u64);
            }
            for stats in [from.stats(), last.stats()] {
                assert_eq!(stats.returned.messages, MANY as u64);
            }
            until_it_adds_up(|| first.stats());
            until_it_adds_up(|| last.stats());
        }
    }
}

#[test]
fn one_call_takes_all_that_is_there_and_no_more_than_it_may() {
    let home = Home::new();
    let (push, pull) = unlimited(&home, Transport::Inproc);
    push.send_many(&mut numbers(0..2 * MANY)).unwrap();
    let mut queue = VecDeque::from([Message::from("before")]);
    assert_eq!(pull.recv_many(&mut queue, MANY), Ok(MANY));
    assert_eq!(queue.pop_front().unwrap(), "before", "it appends");
    assert_eq!(queue, numbers(0..MANY));
    queue.clear();
    assert_eq!(pull.try_recv_many(&mut queue, 3), Ok(3));
    // Nobody has that much memory.
    assert_eq!(pull.recv_many(&mut queue, usize::MAX), Ok(MANY - 3));
    assert_eq!(queue, numbers(MANY..2 * MANY));
}

#[test]
fn one_call_ends_however_much_there_is() {
    const MORE: usize = 70_000;
    let home = Home::new();
    let (push, pull) = unlimited(&home, Transport::Inproc);
    push.send_many(&mut numbers(0..MORE)).unwrap();
    let mut queue = VecDeque::new();
    assert_eq!(pull.recv_many(&mut queue, usize::MAX), Ok(65_536));
    assert_eq!(pull.recv_many(&mut queue, usize::MAX), Ok(MORE - 65_536));
    assert_eq!(queue, numbers(0..MORE));
}

#[test]
fn nothing_asked_for_is_nothing_taken_at_once() {
    let home = Home::new();
    let (push, pull) = unlimited(&home, Transport::Inproc);
    let mut queue = VecDeque::new();
    for _ in 0..2 {
        assert_eq!(pull.recv_many(&mut queue, 0), Ok(0));
        assert_eq!(pull.try_recv_many(&mut queue, 0), Ok(0));
        assert_eq!(block_on(pull.recv_many_async(&mut queue, 0)), Ok(0));
        assert_eq!(push.send_many(&mut queue), Ok(0));
        assert_eq!(push.try_send_many(&mut queue), Ok(0));
        assert_eq!(block_on(push.send_many_async(&mut queue)), Ok(0));
        push.send("there").unwrap();
    }
    assert_eq!(pull.stats().returned.messages, 0);
    assert_eq!(push.stats().accepted.messages, 2);
}

#[test]
fn peers_take_turns_message_by_message() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let here = pull.bind("inproc://turns").unwrap();
    let pushes = ["a", "b", "c"].map(|name| {
        let push = home.push().build().unwrap();
        push.connect(&here).unwrap();
        for _ in 0..4 {
            push.send(name).unwrap();
        }
        push
    });
    let mut queue = VecDeque::new();
    assert_eq!(pull.recv_many(&mut queue, 5), Ok(5));
    assert_eq!(pull.recv_many(&mut queue, 100), Ok(7));
    for round in queue.make_contiguous().chunks(3) {
        let mut round: Vec<_> = round.iter().map(|m| m[0].to_str().unwrap()).collect();
        round.sort_unstable();
        assert_eq!(round, ["a", "b", "c"]);
    }
    drop(pushes);

    let push = home.push().build().unwrap();
    let pulls = [(); 2].map(|()| {
        let pull = home.pull().build().unwrap();
        push.connect(pull.bind(home.endpoint(Transport::Inproc)).unwrap())
            .unwrap();
        pull
    });
    push.send_many(&mut numbers(0..100)).unwrap();
    for pull in &pulls {
        let got = collect(pull, 50, 100);
        let numbers = got
            .iter()
            .map(|m| m[0].to_str().unwrap().parse::<usize>().unwrap());
        let parity = numbers.clone().next().unwrap();
        assert!(numbers.eq((parity..100).step_by(2)));
    }
}

#[test]
fn nobody_sleeps_while_a_message_is_there() {
    const RECEIVERS: usize = 8;
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = unlimited(&home, transport);
        for round in 0..20 {
            let start = Barrier::new(RECEIVERS + 1);
            thread::scope(|scope| {
                for receiver in 0..RECEIVERS {
                    let (pull, start) = (&pull, &start);
                    scope.spawn(move || {
                        let mut queue = VecDeque::new();
                        let max = 1 + (receiver + round) % 2;
                        start.wait();
                        match receiver % 3 {
                            0 => drop(block_on(pull.recv_many_async(&mut queue, max)).unwrap()),
                            1 => drop(pull.recv_timeout(PATIENCE).unwrap()),
                            _ => {
                                pull.recv_many_timeout(&mut queue, max, PATIENCE).unwrap();
                            }
                        }
                        assert!(queue.len() <= max);
                    });
                }
                start.wait();
                // One batch, of which some take two and leave enough for everybody.
                push.send_many(&mut numbers(0..2 * RECEIVERS)).unwrap();
            });
            while pull.try_recv().is_ok() {}
        }
    }
}

#[test]
fn what_finds_no_room_stays_in_its_order() {
    for &transport in ALL {
        let home = Home::new();
        let here = home.vacant(transport);
        let push = home.push().send_hwm(1).build().unwrap();
        push.connect(&here).unwrap();
        let full = fill(&push, 0);
        let mut queue = numbers(full..full + 3);
        assert_eq!(push.try_send_many(&mut queue), Ok(0));
        let in_vain = push.send_many_timeout(&mut queue, Duration::from_millis(20));
        assert_eq!(in_vain, Err(SendFailure::Timeout));
        let in_vain = push.send_many_timeout(&mut queue, Duration::ZERO);
        assert_eq!(in_vain, Err(SendFailure::Timeout));
        assert_eq!(queue, numbers(full..full + 3));
        assert_eq!(push.stats().accepted.messages, full as u64);
        let pull = home.pull().recv_hwm(1).build().unwrap();
        pull.bind(&here).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(push.send_many(&mut queue), Ok(3)));
            support::expect_numbers(&pull, 0..full + 3);
        });
    }
}

#[test]
fn some_are_sent_before_the_time_is_over() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1);
    let mut queue = numbers(0..5);
    assert_eq!(push.try_send_many(&mut queue), Ok(2));
    assert_eq!(queue, numbers(2..5));
    support::expect_numbers(&pull, 0..1);
    let out = push.send_many_timeout(&mut queue, Duration::from_millis(20));
    assert_eq!(out, Err(SendFailure::Timeout));
    assert!(queue.len() < 3, "there was room for one");
    let left = queue.len();
    assert_eq!(queue, numbers(5 - left..5));
    support::expect_numbers(&pull, 1..5 - left);
}

#[test]
fn the_end_is_told_and_hands_everything_back() {
    for terminate in [false, true] {
        let home = Home::new();
        let push = home.push().build().unwrap();
        let pull = home.pull().build().unwrap();
        let (failure, error) = if terminate {
            (SendFailure::Terminated, RecvError::Terminated)
        } else {
            (SendFailure::Closed, RecvError::Closed)
        };
        thread::scope(|scope| {
            let blocked = [
                scope.spawn(|| {
                    let mut queue = numbers(0..3);
                    assert_eq!(push.send_many(&mut queue), Err(failure));
                    assert_eq!(queue, numbers(0..3));
                }),
                scope.spawn(|| {
                    let mut queue = numbers(0..3);
                    assert_eq!(block_on(push.send_many_async(&mut queue)), Err(failure));
                    assert_eq!(queue, numbers(0..3));
                }),
                scope.spawn(|| {
                    let mut queue = VecDeque::new();
                    assert_eq!(pull.recv_many(&mut queue, 10), Err(error));
                    assert!(queue.is_empty());
                }),
                scope.spawn(|| {
                    let mut queue = VecDeque::new();
                    assert_eq!(block_on(pull.recv_many_async(&mut queue, 10)), Err(error));
                }),
            ];
            if terminate {
                home.context.shutdown();
            } else {
                push.close().unwrap();
                pull.close().unwrap();
            }
            for thread in blocked {
                thread.join().unwrap();
            }
        });
        let mut queue = numbers(0..1);
        assert_eq!(push.try_send_many(&mut queue), Err(failure));
        assert_eq!(queue.len(), 1);
        let error = TryRecvError::from(error);
        assert_eq!(pull.try_recv_many(&mut queue, 10), Err(error));
    }
}

#[test]
fn a_receiver_times_out_without_anything() {
    let home = Home::new();
    let (_push, pull) = unlimited(&home, Transport::Inproc);
    let mut queue = VecDeque::new();
    assert_eq!(
        pull.recv_many_timeout(&mut queue, 9, Duration::from_millis(5)),
        Err(RecvError::Timeout)
    );
    assert_eq!(pull.try_recv_many(&mut queue, 9), Err(TryRecvError::Empty));
}

#[test]
fn tasks_pass_many_on() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 10);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut queue = numbers(0..MANY);
                assert_eq!(block_on(push.send_many_async(&mut queue)), Ok(MANY));
            });
            let mut queue = VecDeque::new();
            while queue.len() < MANY {
                block_on(pull.recv_many_async(&mut queue, 300)).unwrap();
            }
            assert_eq!(queue, numbers(0..MANY));
        });
    }
}

#[test]
fn a_dropped_receiver_passes_its_wake_up_on() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = unlimited(&home, transport);
        let (first, second) = (Alarm::new(), Alarm::new());
        let (mut dropped_queue, mut queue) = (VecDeque::new(), VecDeque::new());
        let mut dropped = Box::pin(pull.recv_many_async(&mut dropped_queue, 10));
        let mut waits = Box::pin(pull.recv_many_async(&mut queue, 10));
        assert!(poll(dropped.as_mut(), &first).is_pending());
        assert!(poll(waits.as_mut(), &second).is_pending());
        push.send("hello").unwrap();
        until("the first wake-up", || first.rung() == 1);
        assert_eq!(second.rung(), 0, "one message, one wake-up");
        drop(dropped);
        assert!(dropped_queue.is_empty());
        assert_eq!(second.rung(), 1);
        assert_eq!(poll(waits.as_mut(), &second), Poll::Ready(Ok(1)));
        drop(waits);
        assert_eq!(queue, [Message::from("hello")]);
    }
}

#[test]
fn who_leaves_some_wakes_the_next() {
    let home = Home::new();
    let (push, pull) = unlimited(&home, Transport::Inproc);
    let (first, second) = (Alarm::new(), Alarm::new());
    let (mut one, mut other) = (VecDeque::new(), VecDeque::new());
    let mut takes = pin!(pull.recv_many_async(&mut one, 2));
    let mut waits = pin!(pull.recv_many_async(&mut other, 2));
    assert!(poll(takes.as_mut(), &first).is_pending());
    assert!(poll(waits.as_mut(), &second).is_pending());
    push.send_many(&mut numbers(0..3)).unwrap();
    assert_eq!(first.rung(), 1);
    assert_eq!(poll(takes.as_mut(), &first), Poll::Ready(Ok(2)));
    assert_eq!(second.rung(), 1);
    assert_eq!(poll(waits.as_mut(), &second), Poll::Ready(Ok(1)));
}

#[test]
fn a_dropped_sender_has_sent_what_is_gone_and_passes_its_wake_up_on() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1);
    let (first, second) = (Alarm::new(), Alarm::new());
    let mut queue = numbers(0..5);
    let mut dropped = Box::pin(push.send_many_async(&mut queue));
    assert!(poll(dropped.as_mut(), &first).is_pending());
    let mut waits = pin!(push.send_async("2"));
    assert!(poll(waits.as_mut(), &second).is_pending());
    support::expect_numbers(&pull, 0..1);
    until("the first wake-up", || first.rung() == 1);
    assert_eq!(second.rung(), 0);
    drop(dropped);
    assert_eq!(queue, numbers(2..5), "what is not sent is still there");
    assert_eq!(second.rung(), 1);
    assert!(matches!(poll(waits.as_mut(), &second), Poll::Ready(Ok(()))));
    support::expect_numbers(&pull, 1..3);
    assert!(pull.try_recv().is_err());
    assert_eq!(push.stats().accepted.messages, 3);
}

#[test]
fn a_router_says_whose_they_are() {
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder()).build().unwrap();
        let here = router.bind(home.endpoint(transport)).unwrap();
        let dealers = ["left", "right"].map(|name| {
            let dealer = home.of(Dealer::builder().routing_id(name)).build().unwrap();
            dealer.connect(&here).unwrap();
            dealer.send_many(&mut numbers(0..10)).unwrap();
            dealer
        });
        let mut queue = VecDeque::new();
        assert_eq!(router.recv_many_from(&mut queue, 0), Ok(0));
        while queue.len() < 10 {
            let left = 10 - queue.len();
            router
                .recv_many_from_timeout(&mut queue, left, PATIENCE)
                .unwrap();
        }
        while queue.len() < 20 {
            block_on(router.recv_many_from_async(&mut queue, 100)).unwrap();
        }
        assert_eq!(
            router.try_recv_many_from(&mut queue, 1),
            Err(TryRecvError::Empty)
        );
        for name in ["left", "right"] {
            let of_it = queue.iter().filter(|(id, _)| **id == *name.as_bytes());
            assert!(of_it.map(|(_, message)| message).eq(&numbers(0..10)));
        }
        assert_eq!(router.stats().returned.messages, 20);
        for (id, message) in queue {
            router.send_to(&id, message).unwrap();
        }
        for dealer in &dealers {
            let mut back = VecDeque::new();
            while back.len() < 10 {
                dealer.recv_many_timeout(&mut back, 100, PATIENCE).unwrap();
            }
            assert_eq!(back, numbers(0..10));
        }
    }
}

#[test]
fn a_subscriber_gets_what_it_wants() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = home.of(Pub::builder()).send_hwm(0).build().unwrap();
        let subscriber = home.of(Sub::builder()).recv_hwm(0).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        subscriber.connect(&here).unwrap();
        subscriber.subscribe("7").unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        publisher.send_many(&mut numbers(0..MANY)).unwrap();
        let wanted = (0..MANY).filter(|n| n.to_string().starts_with('7'));
        let wanted: VecDeque<Message> = wanted.map(|n| n.to_string().into()).collect();
        let mut queue = VecDeque::new();
        while queue.len() < wanted.len() {
            subscriber
                .recv_many_timeout(&mut queue, 50, PATIENCE)
                .unwrap();
        }
        assert_eq!(queue, wanted);
    }
}

/// More than is passed over under one lock, and the wanted one behind it.
#[test]
fn what_nobody_wants_is_passed_over() {
    let home = Home::new();
    let publisher = home.of(XPub::builder()).send_hwm(0).build().unwrap();
    let subscriber = home.of(Sub::builder()).recv_hwm(0).build().unwrap();
    publisher.bind("inproc://unwanted").unwrap();
    subscriber.connect("inproc://unwanted").unwrap();
    for topic in ["", "wanted"] {
        subscriber.subscribe(topic).unwrap();
    }
    publisher.wait_for_subscribers(1, PATIENCE).unwrap();
    let mut queue: VecDeque<Message> = (0..MANY)
        .map(|n| if n % 400 == 399 { "wanted" } else { "not" }.into())
        .collect();
    publisher.send_many(&mut queue).unwrap();
    subscriber.unsubscribe("").unwrap();
    let mut got = VecDeque::new();
    while got.len() < 2 {
        subscriber.try_recv_many(&mut got, 10).unwrap();
    }
    assert_eq!(got, ["wanted", "wanted"].map(Message::from));
    let nothing = subscriber.try_recv_many(&mut got, 10);
    assert_eq!(nothing, Err(TryRecvError::Empty));
    assert_eq!(subscriber.stats().discarded.filtered, MANY as u64 - 2);
}

#[test]
fn an_xsub_subscribes_by_many() {
    let home = Home::new();
    let publisher = home.of(XPub::builder()).build().unwrap();
    let subscriber = home.of(XSub::builder()).build().unwrap();
    publisher.bind("inproc://many-subscriptions").unwrap();
    subscriber.connect("inproc://many-subscriptions").unwrap();
    let mut queue: VecDeque<Message> = ["\x01a", "\x01b", "said"].map(Message::from).into();
    assert_eq!(subscriber.send_many(&mut queue), Ok(3));
    publisher.wait_for_subscribers(1, PATIENCE).unwrap();
    let mut out: VecDeque<Message> = ["a1", "c", "b1"].map(Message::from).into();
    assert_eq!(publisher.try_send_many(&mut out), Ok(3));
    let mut got = VecDeque::new();
    while got.len() < 2 {
        subscriber.recv_many_timeout(&mut got, 9, PATIENCE).unwrap();
    }
    assert_eq!(got, ["a1", "b1"].map(Message::from));
    let mut queue: VecDeque<Message> = ["\x00a", "more"].map(Message::from).into();
    assert_eq!(block_on(subscriber.send_many_async(&mut queue)), Ok(2));
    assert!(queue.is_empty());
    subscriber.close().unwrap();
    let mut queue: VecDeque<Message> = ["\x01a", "b"].map(Message::from).into();
    assert_eq!(subscriber.send_many(&mut queue), Err(SendFailure::Closed));
    assert_eq!(queue, ["\x01a", "b"].map(Message::from));
}

#[test]
fn in_raw_form_as_in_the_typed_one() {
    let home = Home::new();
    let of = |socket_type| {
        let socket = home.of(Socket::builder(socket_type)).build().unwrap();
        let _ = socket.bind(format!("inproc://raw-{socket_type}"));
        socket
    };
    let connect = |socket: &Socket, to: &Socket| {
        socket.connect(to.last_endpoint().unwrap()).unwrap();
    };
    let mut queue = VecDeque::new();

    // A ROUTER with the id in front, both ways.
    let (router, dealer) = (of(SocketType::Router), of(SocketType::Dealer));
    connect(&dealer, &router);
    dealer.send_many(&mut numbers(0..3)).unwrap();
    while queue.len() < 3 {
        router.recv_many(&mut queue, 10).unwrap();
    }
    assert_eq!(queue[0].len(), 2);
    assert_eq!(router.send_many(&mut queue), Ok(3));
    while queue.len() < 3 {
        block_on(dealer.recv_many_async(&mut queue, 10)).unwrap();
    }
    assert_eq!(queue, numbers(0..3));
    queue.clear();

    // A REP takes one, and owes a reply then; a REQ asks one thing at a time.
    let (rep, req) = (of(SocketType::Rep), of(SocketType::Req));
    connect(&req, &rep);
    let mut requests = numbers(0..2);
    assert_eq!(req.send_many(&mut requests), Err(SendFailure::WrongState));
    assert_eq!(requests, numbers(1..2));
    assert_eq!(rep.recv_many(&mut queue, 10), Ok(1));
    assert_eq!(rep.recv_many(&mut queue, 10), Err(RecvError::WrongState));
    assert_eq!(block_on(rep.send_many_async(&mut queue)), Ok(1));
    assert_eq!(req.recv_many(&mut queue, 10), Ok(1));
    assert_eq!(queue, numbers(0..1));
    queue.clear();

    // An XPUB hears of subscriptions.
    let (publisher, subscriber) = (of(SocketType::XPub), of(SocketType::XSub));
    connect(&subscriber, &publisher);
    let mut topics: VecDeque<Message> = ["\x01a", "\x01b"].map(Message::from).into();
    subscriber.send_many(&mut topics).unwrap();
    while queue.len() < 2 {
        publisher
            .recv_many_timeout(&mut queue, 10, PATIENCE)
            .unwrap();
    }
    assert_eq!(queue, ["\x01a", "\x01b"].map(Message::from));

    // What has no use for it says so.
    let (push, pull) = (of(SocketType::Push), of(SocketType::Pull));
    assert_eq!(push.recv_many(&mut queue, 1), Err(RecvError::WrongState));
    assert_eq!(pull.send_many(&mut queue), Err(SendFailure::WrongState));
    assert_eq!(queue.len(), 2);
}
