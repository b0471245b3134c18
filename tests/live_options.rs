//! Options that are changed on a living socket: what takes effect at once does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use support::{ALL, Home, PATIENCE, QUIET, Transport, WIRE, expect_numbers, fill, joined, until};
use zocket::{Dealer, Endpoint, Interest, Poller, RecvError, Req, Router, RoutingId, TrySendError};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

// ---- high-water marks

/// A sender who waits at the mark goes on if there is room under the new one, though not half of it.
#[test]
fn a_send_hwm_that_grows_wakes_who_waits() {
    for &transport in ALL {
        let home = Home::new();
        let there = home.vacant(transport);
        let push = home.push().send_hwm(10).build().unwrap();
        push.connect(&there).unwrap();
        assert_eq!(fill(&push, 0), 10, "{transport:?}");
        let (done, is_done) = mpsc::channel();
        thread::scope(|scope| {
            let push = &push;
            scope.spawn(move || {
                done.send(push.send_timeout("10", 2 * PATIENCE).is_ok())
                    .unwrap();
            });
            assert!(
                is_done.recv_timeout(QUIET).is_err(),
                "{transport:?}: it waits"
            );
            push.options().set_send_hwm(11).unwrap();
            assert_eq!(is_done.recv_timeout(PATIENCE), Ok(true), "{transport:?}");
        });
        assert!(push.try_send("11").is_err());
        push.options().set_send_hwm(0).unwrap();
        assert!(push.try_send("11").is_ok(), "{transport:?}: no limit");
        let pull = home.pull().build().unwrap();
        pull.bind(&there).unwrap();
        expect_numbers(&pull, 0..12);
    }
}

/// What is queued stays, and nothing is added while that is more than the new mark.
#[test]
fn a_send_hwm_that_shrinks_keeps_what_is_queued() {
    for &transport in ALL {
        let home = Home::new();
        let there = home.vacant(transport);
        let push = home.push().build().unwrap();
        push.connect(&there).unwrap();
        for number in 0..100 {
            push.try_send(number.to_string()).unwrap();
        }
        push.options().set_send_hwm(50).unwrap();
        assert!(push.try_send("refused").unwrap_err().is_full());
        assert_eq!(push.stats().send_queue.messages, 100, "{transport:?}");
        let pull = home.pull().recv_hwm(1).build().unwrap();
        pull.bind(&there).unwrap();
        expect_numbers(&pull, 0..100);
        // The next pipe has the new mark, too.
        let elsewhere = home.vacant(transport);
        let two = home.push().linger(Duration::ZERO).build().unwrap();
        two.options().set_send_hwm(7).unwrap();
        two.connect(&elsewhere).unwrap();
        assert_eq!(fill(&two, 0), 7, "{transport:?}");
    }
}

/// Over inproc both sides' marks count, whoever changes his, whichever side has bound.
#[test]
fn both_marks_of_an_inproc_pipe_can_be_changed() {
    for push_binds in [true, false] {
        let home = Home::new();
        let name = home.endpoint(Transport::Inproc);
        let push = home.push().send_hwm(3).build().unwrap();
        let pull = home.pull().recv_hwm(4).build().unwrap();
        if push_binds {
            push.bind(&name).unwrap();
            pull.connect(&name).unwrap();
        } else {
            pull.bind(&name).unwrap();
            push.connect(&name).unwrap();
        }
        assert_eq!(fill(&push, 0), 7);
        push.options().set_send_hwm(13).unwrap();
        assert_eq!(fill(&push, 7), 10);
        pull.options().set_recv_hwm(24).unwrap();
        assert_eq!(fill(&push, 17), 20);
        pull.options().set_recv_hwm(2).unwrap();
        push.options().set_send_hwm(1).unwrap();
        assert_eq!(fill(&push, 37), 0);
        expect_numbers(&pull, 0..37);
        assert!(pull.try_recv().is_err());
        assert_eq!(fill(&push, 37), 3);
        pull.options().set_recv_hwm(0).unwrap();
        for number in 40..5000 {
            push.try_send(number.to_string()).unwrap();
        }
        expect_numbers(&pull, 37..5000);
    }
}

/// A receiver's mark wakes the sender of an inproc pipe, as his own does.
#[test]
fn a_recv_hwm_that_grows_wakes_an_inproc_sender() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 5);
    assert_eq!(fill(&push, 0), 10);
    let (done, is_done) = mpsc::channel();
    thread::scope(|scope| {
        let push = &push;
        scope.spawn(move || {
            done.send(push.send_timeout("10", 2 * PATIENCE).is_ok())
                .unwrap();
        });
        assert!(is_done.recv_timeout(QUIET).is_err(), "it waits");
        pull.options().set_recv_hwm(6).unwrap();
        assert_eq!(is_done.recv_timeout(PATIENCE), Ok(true));
    });
    expect_numbers(&pull, 0..11);
}

/// A connection that is not read, as the queue is full, is read on when that may hold more.
#[test]
fn a_recv_hwm_that_grows_has_the_connection_read_on() {
    const COUNT: u64 = 400;
    for &transport in WIRE {
        let home = Home::new();
        let push = home.push().send_hwm(0).build().unwrap();
        let pull = home.pull().recv_hwm(2).build().unwrap();
        meet!(home, transport, pull, push);
        for _ in 0..COUNT {
            push.send(vec![0; 64 << 10]).unwrap();
        }
        assert!(push.flush(QUIET).is_err(), "{transport:?}: it is not read");
        assert!(pull.stats().recv_queue.messages < COUNT / 2);
        pull.options().set_recv_hwm(1000).unwrap();
        push.flush(PATIENCE).unwrap();
        until("all is read", || pull.stats().recv_queue.messages == COUNT);
    }
}

/// And one that was read is not, when it may hold less.
#[test]
fn a_recv_hwm_that_shrinks_has_the_connection_read_no_more() {
    const COUNT: u64 = 400;
    for &transport in WIRE {
        let home = Home::new();
        let push = home.push().send_hwm(0).build().unwrap();
        let pull = home.pull().recv_hwm(0).build().unwrap();
        meet!(home, transport, pull, push);
        for _ in 0..10 {
            push.send(vec![0; 64 << 10]).unwrap();
        }
        until("all is read", || pull.stats().recv_queue.messages == 10);
        pull.options().set_recv_hwm(5).unwrap();
        for _ in 0..COUNT {
            push.send(vec![0; 64 << 10]).unwrap();
        }
        assert!(push.flush(QUIET).is_err(), "{transport:?}: it is not read");
        assert!(pull.stats().recv_queue.messages < COUNT / 2);
        for _ in 0..COUNT + 10 {
            assert_eq!(pull.recv_timeout(PATIENCE).unwrap().byte_len(), 64 << 10);
        }
    }
}

/// Both marks may be changed at any time while messages run: none is lost, and nobody is left waiting.
#[test]
fn marks_change_under_traffic_and_nothing_is_lost() {
    const COUNT: usize = 20_000;
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 3);
        thread::scope(|scope| {
            let (push, pull) = (&push, &pull);
            scope.spawn(move || {
                for number in 0..COUNT {
                    push.send_timeout(number.to_string(), PATIENCE).unwrap();
                }
            });
            let (over, is_over) = mpsc::channel::<()>();
            scope.spawn(move || {
                let mut hwm = 1;
                while is_over.try_recv() != Err(mpsc::TryRecvError::Disconnected) {
                    hwm = hwm * 7 % 1009;
                    push.options().set_send_hwm(hwm).unwrap();
                    pull.options().set_recv_hwm(1010 - hwm).unwrap();
                    thread::yield_now();
                }
            });
            expect_numbers(pull, 0..COUNT);
            drop(over);
        });
    }
}

// ---- how long a call waits

#[test]
fn timeouts_count_for_calls_from_then_on() {
    let home = Home::new();
    let push = home.push().send_timeout(2 * PATIENCE).build().unwrap();
    let pull = home.pull().recv_timeout(2 * PATIENCE).build().unwrap();
    push.options().set_send_timeout(ms(1)).unwrap();
    pull.options().set_recv_timeout(ms(1)).unwrap();
    let began = Instant::now();
    assert!(push.send("nobody is there").unwrap_err().is_timeout());
    assert_eq!(pull.recv(), Err(RecvError::Timeout));
    assert!(push.reserve().is_err());
    assert!(began.elapsed() < PATIENCE);
    push.options().set_send_timeout(None).unwrap();
    pull.options().set_recv_timeout(PATIENCE).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| push.send("somebody comes").unwrap());
        meet!(home, Transport::Inproc, pull, push);
        assert_eq!(pull.recv().unwrap(), "somebody comes");
    });
}

/// A call that waits already has the time that it began with.
#[test]
fn a_call_that_waits_keeps_its_time() {
    let home = Home::new();
    let pull = home.pull().recv_timeout(None).build().unwrap();
    let (done, is_done) = mpsc::channel();
    thread::scope(|scope| {
        let pull = &pull;
        scope.spawn(move || done.send(pull.recv()).unwrap());
        assert!(is_done.recv_timeout(QUIET).is_err());
        pull.options().set_recv_timeout(ms(1)).unwrap();
        assert!(is_done.recv_timeout(QUIET).is_err(), "it still waits");
        pull.close().unwrap();
        let outcome = is_done.recv_timeout(PATIENCE).unwrap();
        assert_eq!(outcome, Err(RecvError::Closed));
    });
}

#[test]
fn linger_counts_for_the_close_that_comes() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().linger(None).build().unwrap();
        push.connect(home.vacant(transport)).unwrap();
        push.send("for nobody").unwrap();
        push.options().set_linger(Duration::ZERO).unwrap();
        assert_eq!(push.close().unwrap_err().messages, 1, "{transport:?}");

        let there = home.vacant(transport);
        let push = home.push().linger(Duration::ZERO).build().unwrap();
        push.connect(&there).unwrap();
        push.send("for one who comes").unwrap();
        push.options().set_linger(PATIENCE).unwrap();
        thread::scope(|scope| {
            let closes = scope.spawn(|| push.close());
            let pull = home.pull().build().unwrap();
            pull.bind(&there).unwrap();
            assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "for one who comes");
            closes.join().unwrap().unwrap();
        });
    }
}

// ---- what a ROUTER does

fn dealer(home: &Home, here: &Endpoint, name: &str) -> Dealer {
    let dealer = home.of(Dealer::builder().routing_id(name)).build().unwrap();
    dealer.connect(here).unwrap();
    dealer
}

#[test]
fn mandatory_is_changed_at_once() {
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder().send_hwm(1)).build().unwrap();
        router.bind(home.endpoint(transport)).unwrap();
        let nobody = RoutingId::try_from("nobody").unwrap();
        router.try_send_to(&nobody, "dropped").unwrap();
        assert_eq!(router.stats().dropped.unroutable, 1);
        router.options().set_mandatory(true).unwrap();
        router.try_send_to(&nobody, "said").unwrap_err();
        router.options().set_mandatory(false).unwrap();
        router.try_send_to(&nobody, "dropped").unwrap();
        assert_eq!(router.stats().dropped.unroutable, 2);
    }
}

/// Who waits for the room of a peer is not left waiting when that is not what is done any more.
#[test]
fn who_waits_as_it_is_mandatory_goes_on_when_it_is_not() {
    let home = Home::new();
    let router = home
        .of(Router::builder().send_hwm(1).mandatory(true))
        .build()
        .unwrap();
    let here = router.bind(home.endpoint(Transport::Inproc)).unwrap();
    let dealer = home
        .of(Dealer::builder().routing_id("d").recv_hwm(1))
        .build()
        .unwrap();
    dealer.connect(&here).unwrap();
    let id = RoutingId::try_from("d").unwrap();
    while router.try_send_to(&id, "fills").is_ok() {}
    let (done, is_done) = mpsc::channel();
    thread::scope(|scope| {
        let (router, id) = (&router, &id);
        scope.spawn(move || {
            done.send(router.send_to_timeout(id, "dropped", 2 * PATIENCE).is_ok())
                .unwrap()
        });
        assert!(is_done.recv_timeout(QUIET).is_err(), "it waits");
        router.options().set_mandatory(false).unwrap();
        assert_eq!(is_done.recv_timeout(PATIENCE), Ok(true));
    });
    assert_eq!(router.stats().dropped.full, 1);
}

#[test]
fn handover_counts_for_who_comes_next() {
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder()).build().unwrap();
        let here = router.bind(home.endpoint(transport)).unwrap();
        let id = RoutingId::try_from("one").unwrap();
        let first = dealer(&home, &here, "one");
        first.send("first").unwrap();
        assert_eq!(router.recv_from_timeout(PATIENCE).unwrap().1, "first");
        // Refused, over and over.
        let second = dealer(&home, &here, "one");
        second.send("second").unwrap();
        assert!(router.recv_from_timeout(QUIET).is_err());
        second.options().set_linger(Duration::ZERO).unwrap();
        second.options().set_linger(Duration::ZERO).unwrap();
        // (It may take the message for sent: it is refused only once it has said who it is.)
        let _ = second.close();
        router.options().set_handover(true).unwrap();
        let third = dealer(&home, &here, "one");
        third.send("third").unwrap();
        let (from, message) = router.recv_from_timeout(PATIENCE).unwrap();
        assert_eq!(
            (from, message),
            (id.clone(), "third".into()),
            "{transport:?}"
        );
        router.send_to(&id, "for the third").unwrap();
        assert_eq!(third.recv_timeout(PATIENCE).unwrap(), "for the third");
    }
}

#[test]
fn probe_router_counts_for_who_comes_next() {
    for &transport in ALL {
        let home = Home::new();
        let dealer = home.of(Dealer::builder()).build().unwrap();
        dealer.options().set_routing_id("late name").unwrap();
        dealer.options().set_probe_router(true).unwrap();
        let router = home.of(Router::builder()).build().unwrap();
        dealer
            .connect(router.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        let (id, message) = router.recv_from_timeout(PATIENCE).unwrap();
        assert_eq!((&*id, message), (&b"late name"[..], "".into()));
    }
}

// ---- what a REQ does

#[test]
fn relaxed_goes_for_the_request_that_is_under_way() {
    let home = Home::new();
    let rep = home.of(Router::builder()).build().unwrap();
    let req = home.of(Req::builder()).build().unwrap();
    meet!(home, Transport::Tcp, rep, req);
    req.send("one").unwrap();
    let poller = Poller::new();
    poller.add(&req, 7, Interest::WRITABLE).unwrap();
    let mut events = Vec::new();
    assert_eq!(poller.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
    assert!(matches!(
        req.try_send("no").unwrap_err(),
        TrySendError::WrongState(_)
    ));
    req.options().set_relaxed(true).unwrap();
    assert_eq!(poller.wait(&mut events, Some(PATIENCE)).unwrap(), 1);
    req.send_timeout("two", PATIENCE).unwrap();
    req.options().set_relaxed(false).unwrap();
    assert!(matches!(
        req.try_send("no").unwrap_err(),
        TrySendError::WrongState(_)
    ));
}

#[test]
fn correlate_goes_for_the_next_request_and_its_reply() {
    let home = Home::new();
    let router = home.of(Router::builder()).build().unwrap();
    let req = home.of(Req::builder()).build().unwrap();
    meet!(home, Transport::Tcp, router, req);
    for correlate in [false, true, false] {
        req.options().set_correlate(correlate).unwrap();
        req.send("question").unwrap();
        let (id, request) = router.recv_from_timeout(PATIENCE).unwrap();
        assert_eq!(request.len(), if correlate { 3 } else { 2 });
        // What is changed meanwhile is not for the reply to this one.
        req.options().set_correlate(!correlate).unwrap();
        router.send_to(&id, request).unwrap();
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "question");
    }
}
