//! A flush ends when all that was sent before it has been handed over, and no later.
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
    ALL, Home, PATIENCE, QUIET, Transport, WIRE, expect_numbers, joined, next_of, until,
};
use zocket::{
    Dealer, Error, FlushError, FlushFailure, Message, Pair, Push, Rep, Req, Router, Socket,
    SocketType, XSub,
};

/// A message of which a few fill every buffer of the kernel's.
const LARGE: usize = 4 << 20;
const MANY_LARGE: usize = 16;

fn send_numbers(push: &Push, numbers: std::ops::Range<usize>) {
    for number in numbers {
        push.send_timeout(number.to_string(), PATIENCE).unwrap();
    }
}

#[track_caller]
fn assert_timeout(outcome: Result<(), FlushError>, messages: usize) -> FlushError {
    let error = outcome.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(error.unsent.messages, messages, "{error}");
    error
}

#[test]
fn it_ends_when_the_kernel_has_everything() {
    for &transport in WIRE {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1000);
        for round in 0..50 {
            send_numbers(&push, 20 * round..20 * (round + 1));
            push.flush(PATIENCE).unwrap();
            let stats = push.stats();
            assert_eq!(stats.send_queue.messages, 0);
            assert_eq!(stats.written.messages, 20 * (round as u64 + 1));
        }
        expect_numbers(&pull, 0..1000);
    }
}

#[test]
fn with_nothing_sent_it_ends_at_once() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().build().unwrap();
        push.flush(Duration::ZERO).unwrap();
        push.connect(home.vacant(transport)).unwrap();
        push.flush(Duration::ZERO).unwrap();
        block_on(push.flush_async()).unwrap();
    }
}

#[test]
fn it_says_what_is_left_and_for_whom() {
    for &transport in ALL {
        let home = Home::new();
        let vacant = home.vacant(transport);
        let push = home.push().linger(Duration::ZERO).build().unwrap();
        push.connect(&vacant).unwrap();
        send_numbers(&push, 100..107);
        for patience in [Duration::ZERO, Duration::from_millis(5)] {
            let error = assert_timeout(push.flush(patience), 7);
            assert_eq!(error.unsent.bytes, 21);
            let [to] = &error.unsent.endpoints[..] else {
                panic!("one endpoint: {error}");
            };
            assert_eq!((to.messages, to.bytes), (7, 21));
            assert_eq!(to.endpoint, vacant);
            assert!(matches!(Error::from(error), Error::Timeout));
        }
        assert_eq!(push.stats().send_queue.messages, 7);
    }
}

/// Over inproc a message is taken when it is received, and one by one, however credit is returned.
#[test]
fn over_inproc_it_ends_with_the_last_recv() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1000);
    send_numbers(&push, 0..10);
    // Some are received before, so that the rest is in the receiver's hands.
    expect_numbers(&pull, 0..4);
    let error = assert_timeout(push.flush(Duration::ZERO), 6);
    assert_eq!(error.unsent.bytes, 6);
    let alarm = Alarm::new();
    let mut flush = pin!(push.flush_async());
    for number in 4..10 {
        assert!(poll(flush.as_mut(), &alarm).is_pending(), "{number}");
        assert_eq!(alarm.rung(), 0);
        expect_numbers(&pull, number..number + 1);
    }
    assert_eq!(alarm.rung(), 1);
    assert!(matches!(poll(flush.as_mut(), &alarm), Poll::Ready(Ok(()))));
    assert_eq!(push.stats().written.messages, 10);

    // All of them, and nobody looks for more.
    send_numbers(&push, 10..20);
    expect_numbers(&pull, 10..20);
    push.flush(Duration::ZERO).unwrap();
}

#[test]
fn what_is_sent_later_is_not_waited_for() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1000);
    send_numbers(&push, 0..3);
    let alarm = Alarm::new();
    let mut flush = pin!(push.flush_async());
    // What is sent before it is first polled comes later, too.
    send_numbers(&push, 3..5);
    assert!(poll(flush.as_mut(), &alarm).is_pending());
    send_numbers(&push, 5..7);
    expect_numbers(&pull, 0..3);
    assert_eq!(alarm.rung(), 1);
    assert!(matches!(poll(flush.as_mut(), &alarm), Poll::Ready(Ok(()))));
    assert_timeout(push.flush(Duration::ZERO), 4);
    expect_numbers(&pull, 3..7);
    push.flush(Duration::ZERO).unwrap();
}

#[test]
fn a_peer_that_does_not_read_holds_it_up() {
    for &transport in WIRE {
        let home = Home::new();
        let push = home.push().build().unwrap();
        let here = push.bind(home.endpoint(transport)).unwrap();
        let mut raw = Raw::join(&here, "PULL");
        push.wait_for_peers(1, PATIENCE).unwrap();
        for _ in 0..MANY_LARGE {
            push.send(vec![0; LARGE]).unwrap();
        }
        let error = push.flush(QUIET).unwrap_err();
        assert!(error.is_timeout());
        assert!((1..=MANY_LARGE).contains(&error.unsent.messages), "{error}");
        assert_eq!(error.unsent.bytes, error.unsent.messages * LARGE);
        assert_eq!(error.unsent.endpoints.len(), 1);
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                // A long header each.
                raw.listen(MANY_LARGE * (LARGE + 9));
                raw
            });
            push.flush(PATIENCE).unwrap();
            assert_eq!(push.stats().written.messages, MANY_LARGE as u64);
            reader.join().unwrap();
        });
    }
}

#[test]
fn a_peer_that_goes_is_not_waited_for() {
    for &transport in WIRE {
        let home = Home::new();
        let push = home.push().build().unwrap();
        let here = push.bind(home.endpoint(transport)).unwrap();
        let raw = Raw::join(&here, "PULL");
        push.wait_for_peers(1, PATIENCE).unwrap();
        for _ in 0..MANY_LARGE {
            push.send(vec![0; LARGE]).unwrap();
        }
        let alarm = Alarm::new();
        let mut flush = pin!(push.flush_async());
        assert!(poll(flush.as_mut(), &alarm).is_pending());
        drop(raw);
        block_on(flush.as_mut()).unwrap();
        let stats = push.stats();
        assert!(stats.dropped.with_peer > 0);
        assert_eq!(
            stats.written.messages + stats.dropped.with_peer,
            MANY_LARGE as u64
        );
    }
}

#[test]
fn an_inproc_peer_that_goes_is_not_waited_for() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1000);
    send_numbers(&push, 0..3);
    let alarm = Alarm::new();
    let mut flush = pin!(push.flush_async());
    assert!(poll(flush.as_mut(), &alarm).is_pending());
    expect_numbers(&pull, 0..1);
    pull.close().unwrap();
    block_on(flush.as_mut()).unwrap();
    let stats = push.stats();
    assert_eq!((stats.written.messages, stats.dropped.with_peer), (1, 2));
}

#[test]
fn it_lasts_until_the_peer_is_there() {
    for &transport in ALL {
        let home = Home::new();
        let vacant = home.vacant(transport);
        let push = home.push().build().unwrap();
        push.connect(&vacant).unwrap();
        send_numbers(&push, 0..5);
        thread::scope(|scope| {
            let flush = scope.spawn(|| push.flush(PATIENCE));
            let pull = home.pull().build().unwrap();
            pull.bind(&vacant).unwrap();
            expect_numbers(&pull, 0..5);
            flush.join().unwrap().unwrap();
        });
        assert_eq!(push.stats().written.messages, 5);
    }
}

#[test]
fn it_survives_a_new_connection() {
    for &transport in WIRE {
        let home = Home::new();
        let vacant = home.vacant(transport);
        let push = home.push().build().unwrap();
        push.connect(&vacant).unwrap();
        let first = home.pull().build().unwrap();
        first.bind(&vacant).unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
        send_numbers(&push, 0..5);
        expect_numbers(&first, 0..5);
        first.close().unwrap();
        support::until_alone(|count, timeout| push.wait_for_peers(count, timeout));
        send_numbers(&push, 5..10);
        let alarm = Alarm::new();
        let mut flush = pin!(push.flush_async());
        assert!(poll(flush.as_mut(), &alarm).is_pending());
        let second = home.pull().build().unwrap();
        second.bind(&vacant).unwrap();
        block_on(flush.as_mut()).unwrap();
        expect_numbers(&second, 5..10);
    }
}

#[test]
fn an_endpoint_that_was_let_go_of_counts() {
    let home = Home::new();
    let name = home.endpoint(Transport::Inproc);
    let push = home.push().build().unwrap();
    let pull = home.pull().build().unwrap();
    pull.bind(&name).unwrap();
    push.connect(&name).unwrap();
    send_numbers(&push, 0..3);
    push.disconnect(&name).unwrap();
    assert_timeout(push.flush(Duration::ZERO), 3);
    let alarm = Alarm::new();
    let mut flush = pin!(push.flush_async());
    assert!(poll(flush.as_mut(), &alarm).is_pending());
    expect_numbers(&pull, 0..3);
    block_on(flush.as_mut()).unwrap();
}

/// Each flush covers what its own thread has sent, whatever the others do.
#[test]
fn several_threads_flush_at_once() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 200;
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1000);
        thread::scope(|scope| {
            for n in 0..THREADS {
                let push = &push;
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        push.send_timeout(round.to_string(), PATIENCE).unwrap();
                        if n % 2 == 0 {
                            push.flush(PATIENCE).unwrap();
                        } else {
                            block_on(push.flush_async()).unwrap();
                        }
                        let written = push.stats().written.messages;
                        assert!(written > round as u64, "{written} after {round} of my own");
                    }
                });
            }
            for _ in 0..THREADS * ROUNDS {
                next_of(&pull);
            }
        });
        push.flush(Duration::ZERO).unwrap();
    }
}

#[test]
fn those_who_wait_for_less_end_first() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1000);
    let (early, late) = (Alarm::new(), Alarm::new());
    send_numbers(&push, 0..2);
    let mut first = pin!(push.flush_async());
    send_numbers(&push, 2..4);
    let mut second = pin!(push.flush_async());
    let mut third = pin!(push.flush_async());
    assert!(poll(second.as_mut(), &late).is_pending());
    assert!(poll(first.as_mut(), &early).is_pending());
    assert!(poll(third.as_mut(), &late).is_pending());
    expect_numbers(&pull, 0..2);
    assert_eq!(early.rung(), 1);
    assert!(poll(first.as_mut(), &early).is_ready());
    // They were woken to look again.
    assert!(poll(second.as_mut(), &late).is_pending());
    assert!(poll(third.as_mut(), &late).is_pending());
    let before = late.rung();
    expect_numbers(&pull, 2..4);
    assert_eq!(late.rung(), before + 2);
    assert!(poll(second.as_mut(), &late).is_ready());
    assert!(poll(third.as_mut(), &late).is_ready());
}

#[test]
fn a_dropped_flush_leaves_nothing_behind() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1000);
    send_numbers(&push, 0..3);
    drop(push.flush_async());
    let (gone, stays) = (Alarm::new(), Alarm::new());
    let mut dropped = Box::pin(push.flush_async());
    let mut waits = pin!(push.flush_async());
    assert!(poll(dropped.as_mut(), &gone).is_pending());
    assert!(poll(waits.as_mut(), &stays).is_pending());
    drop(dropped);
    expect_numbers(&pull, 0..3);
    assert_eq!((gone.rung(), stays.rung()), (0, 1));
    assert!(poll(waits.as_mut(), &stays).is_ready());

    // One that was woken and dropped has taken nothing from the other.
    send_numbers(&push, 3..4);
    let mut dropped = Box::pin(push.flush_async());
    let mut waits = pin!(push.flush_async());
    assert!(poll(dropped.as_mut(), &gone).is_pending());
    assert!(poll(waits.as_mut(), &stays).is_pending());
    expect_numbers(&pull, 3..4);
    drop(dropped);
    assert_eq!((gone.rung(), stays.rung()), (1, 2));
    assert!(poll(waits.as_mut(), &stays).is_ready());
}

#[test]
fn close_and_shutdown_end_it() {
    for &transport in ALL {
        for shutdown in [false, true] {
            let home = Home::new();
            let push = home.push().linger(Duration::ZERO).build().unwrap();
            push.connect(home.vacant(transport)).unwrap();
            send_numbers(&push, 0..3);
            let reason = if shutdown {
                FlushFailure::Terminated
            } else {
                FlushFailure::Closed
            };
            let alarm = Alarm::new();
            let mut task = pin!(push.flush_async());
            assert!(poll(task.as_mut(), &alarm).is_pending());
            thread::scope(|scope| {
                let flush = scope.spawn(|| push.flush(PATIENCE));
                if shutdown {
                    home.context.shutdown();
                } else {
                    let _ = push.close();
                }
                // What is dropped by a close is not waited for: that may come first.
                if let Err(error) = flush.join().unwrap() {
                    assert_eq!(error.reason, reason);
                }
            });
            assert!(alarm.rung() > 0);
            let Poll::Ready(_) = poll(task.as_mut(), &alarm) else {
                panic!("it goes on");
            };
            assert_eq!(push.flush(PATIENCE).unwrap_err().reason, reason);
            assert_eq!(block_on(push.flush_async()).unwrap_err().reason, reason);
        }
    }
}

#[test]
fn what_was_replaced_is_not_waited_for() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().conflate(true).linger(Duration::ZERO);
        let push = push.build().unwrap();
        push.connect(home.vacant(transport)).unwrap();
        push.send("old").unwrap();
        let alarm = Alarm::new();
        let mut flush = pin!(push.flush_async());
        assert!(poll(flush.as_mut(), &alarm).is_pending());
        push.send("new").unwrap();
        assert_eq!(alarm.rung(), 1);
        assert!(matches!(poll(flush.as_mut(), &alarm), Poll::Ready(Ok(()))));
        let error = assert_timeout(push.flush(Duration::ZERO), 1);
        assert_eq!(error.unsent.bytes, 3);
    }
}

/// The slowest of several subscribers is waited for.
#[test]
fn a_publisher_waits_for_every_subscriber() {
    let home = Home::new();
    let publisher = topics::publisher(&home).build().unwrap();
    let here = publisher.bind(home.endpoint(Transport::Inproc)).unwrap();
    let subscribers: Vec<_> = (0..3)
        .map(|_| {
            let subscriber = topics::subscriber(&home).build().unwrap();
            subscriber.subscribe("n").unwrap();
            subscriber.connect(&here).unwrap();
            subscriber
        })
        .collect();
    publisher.wait_for_subscribers(3, PATIENCE).unwrap();
    publisher.send("news").unwrap();
    for (read, subscriber) in subscribers.iter().enumerate() {
        assert_timeout(publisher.flush(Duration::ZERO), 3 - read);
        topics::expect(subscriber, "news");
    }
    publisher.flush(Duration::ZERO).unwrap();
}

#[test]
fn every_sender_has_it() {
    for &transport in ALL {
        let home = Home::new();
        let here = || home.endpoint(transport);

        let req = home.of(Req::builder()).build().unwrap();
        let rep = home.of(Rep::builder()).build().unwrap();
        req.connect(rep.bind(here()).unwrap()).unwrap();
        req.send("request").unwrap();
        let request = rep.recv_timeout(PATIENCE).unwrap();
        req.flush(PATIENCE).unwrap();
        request.reply("reply").unwrap();
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "reply");
        rep.flush(PATIENCE).unwrap();

        let router = home.of(Router::builder()).build().unwrap();
        let dealer = home.of(Dealer::builder()).routing_id("it").build().unwrap();
        dealer.connect(router.bind(here()).unwrap()).unwrap();
        dealer.send("hello").unwrap();
        let (id, _) = router.recv_from_timeout(PATIENCE).unwrap();
        dealer.flush(PATIENCE).unwrap();
        router.send_to(&id, "hello").unwrap();
        assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), "hello");
        router.flush(PATIENCE).unwrap();

        let [a, b] = [(); 2].map(|()| home.of(Pair::builder()).build().unwrap());
        a.connect(b.bind(here()).unwrap()).unwrap();
        a.send("hello").unwrap();
        b.recv_timeout(PATIENCE).unwrap();
        a.flush(PATIENCE).unwrap();

        let xpub = topics::xpub(&home).build().unwrap();
        let xsub: XSub = topics::xsub(&home).build().unwrap();
        xsub.connect(xpub.bind(here()).unwrap()).unwrap();
        xsub.subscribe("").unwrap();
        xpub.wait_for_subscribers(1, PATIENCE).unwrap();
        xpub.send("news").unwrap();
        xsub.recv_timeout(PATIENCE).unwrap();
        xpub.flush(PATIENCE).unwrap();
        xsub.send("upstream").unwrap();
        until("it is heard", || topics::told(&xpub) == "=upstream");
        xsub.flush(PATIENCE).unwrap();

        let raw: Socket = topics::raw(&home, SocketType::Push).build().unwrap();
        let pull = home.pull().build().unwrap();
        raw.connect(pull.bind(here()).unwrap()).unwrap();
        raw.send(Message::from("hello")).unwrap();
        next_of(&pull);
        raw.flush(PATIENCE).unwrap();
        Socket::from(pull).flush(Duration::ZERO).unwrap();
    }
}
