//! Messages that no peer sends: what a ROUTER is told of those who come and go, what every new peer
//! is told first, and what a DEALER is told when its connection is lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use peer::Raw;
use support::{ALL, Home, PATIENCE, QUIET, Transport, WIRE, until, until_it_adds_up};
use zocket::{Builder, Dealer, Message, Req, Router, RouterNotify, RoutingId, Socket, SocketType};

const BOTH: [RouterNotify; 2] = [RouterNotify::CONNECT, RouterNotify::DISCONNECT];

fn id(text: &str) -> RoutingId {
    RoutingId::try_from(text).unwrap()
}

fn both() -> RouterNotify {
    BOTH[0] | BOTH[1]
}

fn router(home: &Home, set: impl FnOnce(Builder<Router>) -> Builder<Router>) -> Router {
    home.of(set(Router::builder())).build().unwrap()
}

fn dealer(home: &Home, name: &str) -> Dealer {
    home.of(Dealer::builder().routing_id(name)).build().unwrap()
}

#[track_caller]
fn expect(router: &Router, from: &str, message: impl Into<Message>) {
    let (id, got) = router.recv_from_timeout(PATIENCE).unwrap();
    assert_eq!((id.to_string().as_str(), got), (from, message.into()));
}

#[track_caller]
fn expect_nothing(router: &Router) {
    let got = router.recv_from_timeout(QUIET);
    assert!(got.is_err(), "{got:?}");
}

// ---- notify

#[test]
fn who_comes_and_goes_is_told_around_what_it_says() {
    for &transport in ALL {
        let home = Home::new();
        let router = router(&home, |it| it.notify(both()));
        let here = home.vacant(transport);
        let one = dealer(&home, "one");
        one.connect(&here).unwrap();
        // Even before what was sent earlier.
        one.send("early").unwrap();
        router.bind(&here).unwrap();
        expect(&router, "one", "");
        expect(&router, "one", "early");
        one.send("late").unwrap();
        until("all has arrived", || router.stats().arrived.messages == 3);
        drop(one);
        expect(&router, "one", "late");
        expect(&router, "one", "");
        expect_nothing(&router);
        until_it_adds_up(|| router.stats());
        assert_eq!(router.stats().returned.messages, 4);
    }
}

#[test]
fn what_was_sent_before_it_left_is_read_before_that_it_has() {
    for &transport in ALL {
        let home = Home::new();
        let router = router(&home, |it| it.notify(both()));
        let here = router.bind(home.endpoint(transport)).unwrap();
        let names = ["a", "b", "c"];
        for name in names {
            let dealer = dealer(&home, name);
            dealer.connect(&here).unwrap();
            (0..5).for_each(|n: usize| dealer.send(n.to_string()).unwrap());
        }
        until("all have left", || {
            router.stats().arrived.messages == 7 * names.len() as u64
        });
        let mut heard = std::collections::BTreeMap::<RoutingId, Vec<Message>>::new();
        for _ in 0..7 * names.len() {
            let (id, message) = router.recv_from_timeout(PATIENCE).unwrap();
            heard.entry(id).or_default().push(message);
        }
        for name in names {
            assert_eq!(heard[&id(name)], ["", "0", "1", "2", "3", "4", ""]);
        }
        expect_nothing(&router);
    }
}

#[test]
fn only_what_was_asked_for_is_told() {
    for &transport in ALL {
        for what in BOTH.into_iter().chain([RouterNotify::NONE, both()]) {
            let home = Home::new();
            let router = router(&home, |it| it.notify(what));
            let one = dealer(&home, "one");
            one.connect(router.bind(home.endpoint(transport)).unwrap())
                .unwrap();
            router.wait_for_peers(1, PATIENCE).unwrap();
            if what.contains(BOTH[0]) {
                expect(&router, "one", "");
            }
            assert!(router.try_recv_from().is_err());
            drop(one);
            if what.contains(BOTH[1]) {
                expect(&router, "one", "");
            }
            expect_nothing(&router);
        }
    }
}

#[test]
fn what_is_told_changes_on_a_living_socket() {
    for &transport in ALL {
        let home = Home::new();
        let router = router(&home, |it| it);
        let here = router.bind(home.endpoint(transport)).unwrap();
        let [one, two] = ["one", "two"].map(|name| {
            let dealer = dealer(&home, name);
            dealer.connect(&here).unwrap();
            dealer
        });
        router.wait_for_peers(2, PATIENCE).unwrap();
        let options = router.options();
        assert_eq!(options.notify(), RouterNotify::NONE);
        options.set_notify(RouterNotify::DISCONNECT).unwrap();
        options.set_disconnect_message("bye").unwrap();
        assert_eq!(options.notify(), RouterNotify::DISCONNECT);
        drop(one);
        expect(&router, "one", "");
        expect(&router, "one", "bye");
        options.set_notify(both()).unwrap();
        options.set_disconnect_message("").unwrap();
        options.set_hello_message("hi").unwrap();
        assert_eq!(options.disconnect_message(), None);
        let three = dealer(&home, "three");
        three.connect(&here).unwrap();
        expect(&router, "three", "");
        assert_eq!(three.recv_timeout(PATIENCE).unwrap(), "hi");
        drop(two);
        expect(&router, "two", "");
        expect_nothing(&router);
    }
}

#[test]
fn a_peer_that_is_connected_to_is_told_of_each_time_it_comes() {
    for &transport in WIRE {
        let home = Home::new();
        let router = router(&home, |it| it.notify(both()));
        let here = home.vacant(transport);
        router.connect(&*here).unwrap();
        for round in ["first", "second", "third"] {
            let server = dealer(&home, round);
            server.bind(&*here).unwrap();
            expect(&router, round, "");
            server.send("hello").unwrap();
            expect(&router, round, "hello");
            server.close().unwrap();
            expect(&router, round, "");
        }
    }
}

#[test]
fn over_inproc_who_connects_is_told_of_who_is_bound() {
    let home = Home::new();
    let router = router(&home, |it| it.notify(both()));
    let here = home.endpoint(Transport::Inproc);
    router.connect(&*here).unwrap();
    let bound = dealer(&home, "bound");
    bound.bind(&*here).unwrap();
    bound.send("hello").unwrap();
    expect(&router, "bound", "");
    expect(&router, "bound", "hello");
    drop(bound);
    expect(&router, "bound", "");
    expect_nothing(&router);
}

#[test]
fn one_that_is_refused_is_not_told_of() {
    for &transport in ALL {
        let home = Home::new();
        let router = router(&home, |it| it.notify(both()));
        let here = router.bind(home.endpoint(transport)).unwrap();
        let first = dealer(&home, "same");
        first.connect(&here).unwrap();
        expect(&router, "same", "");
        let monitor = router.monitor();
        let second = dealer(&home, "same");
        second.connect(&here).unwrap();
        let refused = monitor.iter().find_map(|event| match event {
            zocket::MonitorEvent::HandshakeFailed { .. } => Some(()),
            _ => None,
        });
        assert_eq!(refused, Some(()));
        expect_nothing(&router);
        drop(second);
        drop(first);
        expect(&router, "same", "");
        expect_nothing(&router);
    }
}

#[test]
fn a_router_that_is_refused_over_inproc_is_told_nothing() {
    let home = Home::new();
    let bound = router(&home, |it| it);
    let here = bound.bind(home.endpoint(Transport::Inproc)).unwrap();
    let first = dealer(&home, "same");
    first.connect(&here).unwrap();
    bound.wait_for_peers(1, PATIENCE).unwrap();
    let refused = router(&home, |it| it.routing_id("same").notify(both()));
    refused.connect(&here).unwrap();
    expect_nothing(&refused);
    until_it_adds_up(|| refused.stats());
    drop(first);
    // The place is free.
    let (_, message) = refused.recv_from_timeout(PATIENCE).unwrap();
    assert_eq!(message, "");
    assert_eq!(refused.peers().len(), 1);
    drop(bound);
    assert_eq!(refused.recv_from_timeout(PATIENCE).unwrap().1, "");
    expect_nothing(&refused);
}

#[test]
fn whom_the_socket_disconnects_is_told_of_too() {
    for &transport in ALL {
        let home = Home::new();
        let router = router(&home, |it| it.notify(both()));
        let one = dealer(&home, "one");
        one.connect(router.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        expect(&router, "one", "");
        router.disconnect_peer(&id("one")).unwrap();
        // It goes, and comes again.
        expect(&router, "one", "");
        expect(&router, "one", "");
        one.send("here").unwrap();
        expect(&router, "one", "here");
    }
}

/// Between the two, in a waker of the bound socket's, which is told of it first.
#[test]
fn over_inproc_one_that_is_let_go_of_as_it_comes_has_gone_too() {
    struct LetsGo(Router, zocket::Endpoint);

    impl Wake for LetsGo {
        fn wake(self: Arc<Self>) {
            let _ = self.0.disconnect(&self.1);
        }
    }

    let home = Home::new();
    let bound = dealer(&home, "bound");
    let here = bound.bind(home.endpoint(Transport::Inproc)).unwrap();
    let monitor = bound.monitor();
    let lets_go = Arc::new(LetsGo(router(&home, |it| it.notify(both())), here));
    let waker = Waker::from(lets_go.clone());
    let mut comes = pin!(monitor.recv_async());
    let mut context = Context::from_waker(&waker);
    assert!(comes.as_mut().poll(&mut context).is_pending());
    let LetsGo(router, here) = &*lets_go;
    router.connect(here).unwrap();
    assert!(router.endpoints().is_empty() && router.peers().is_empty());
    expect(router, "bound", "");
    expect(router, "bound", "");
    expect_nothing(router);
    until_it_adds_up(|| router.stats());
}

#[test]
fn a_raw_router_and_a_waiting_task_are_told() {
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Socket::builder(SocketType::Router)).notify(both());
        let router = router.build().unwrap();
        let here = router.bind(home.endpoint(transport)).unwrap();
        let waiting = std::thread::spawn(move || {
            support::tasks::block_on(async move {
                let first = router.recv_async().await;
                let last = router.recv_async().await;
                (first.unwrap(), last.unwrap())
            })
        });
        let one = dealer(&home, "one");
        one.connect(&here).unwrap();
        one.wait_for_peers(1, PATIENCE).unwrap();
        drop(one);
        let (first, last) = waiting.join().unwrap();
        let told = Message::from(["one", ""]);
        assert_eq!((&first, &last), (&told, &told));
    }
}

#[test]
fn a_queue_at_its_limit_takes_them_all_the_same() {
    for &transport in ALL {
        let home = Home::new();
        let router = router(&home, |it| it.recv_hwm(1).notify(both()));
        let here = router.bind(home.endpoint(transport)).unwrap();
        let one = dealer(&home, "one");
        one.connect(&here).unwrap();
        until("it is told of", || router.stats().arrived.messages == 1);
        one.send("only").unwrap();
        // Not dropped: that would wait for it to be read.
        one.detach();
        for message in ["", "only", ""] {
            expect(&router, "one", message);
        }
    }
}

/// Who connects and who is bound have one queue between them: what the one puts into it for itself is
/// none of what the other has sent, nor waited for by it.
#[test]
fn what_one_tells_itself_is_not_counted_as_sent_by_the_other() {
    for &transport in ALL {
        let home = Home::new();
        let router = router(&home, |it| it.notify(both()));
        let dealer = home.of(Dealer::builder().routing_id("one").hiccup_message("hic"));
        let dealer = dealer.build().unwrap();
        dealer
            .connect(router.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        until("it is told of", || router.stats().arrived.messages == 1);
        assert_eq!(dealer.stats().send_queue.messages, 0);
        dealer.flush(Duration::ZERO).unwrap();
        for round in 1..=3 {
            expect(&router, "one", "");
            dealer.send("hello").unwrap();
            expect(&router, "one", "hello");
            dealer.flush(PATIENCE).unwrap();
            router.disconnect_peer(&id("one")).unwrap();
            expect(&router, "one", "");
            assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), "hic");
            for stats in [dealer.stats(), router.stats()] {
                let (sent, accepted) = (stats.written.messages, stats.accepted.messages);
                assert_eq!((sent, stats.send_queue.messages), (accepted, 0));
            }
            assert_eq!(dealer.stats().accepted.messages, round);
            until_it_adds_up(|| dealer.stats());
            until_it_adds_up(|| router.stats());
        }
    }
}

// ---- hello

#[test]
fn every_new_peer_is_told_hello_before_all_else() {
    for &transport in ALL {
        let home = Home::new();
        let router = router(&home, |it| it.hello_message(["hello", "from the router"]));
        for name in ["one", "two"] {
            let hello = Dealer::builder().routing_id(name).hello_message("hi");
            let dealer = home.of(hello).build().unwrap();
            let here = home.vacant(transport);
            dealer.connect(&here).unwrap();
            dealer.send("queued before").unwrap();
            router.bind(&here).unwrap();
            expect(&router, name, "hi");
            router.send_to(&id(name), "more").unwrap();
            expect(&router, name, "queued before");
            assert_eq!(
                dealer.recv_timeout(PATIENCE).unwrap(),
                Message::from(["hello", "from the router"])
            );
            assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), "more");
            assert!(dealer.recv_timeout(QUIET).is_err());
            until_it_adds_up(|| dealer.stats());
        }
        until_it_adds_up(|| router.stats());
    }
}

#[test]
fn who_was_there_before_is_told_hello_with_each_connection() {
    for &transport in ALL {
        let home = Home::new();
        let hello = Dealer::builder().routing_id("one").hello_message("hi");
        let dealer = home.of(hello).build().unwrap();
        let router = router(&home, |it| it);
        let here = router.bind(home.endpoint(transport)).unwrap();
        dealer.connect(&here).unwrap();
        for _ in 0..3 {
            expect(&router, "one", "hi");
            dealer.send("other").unwrap();
            expect(&router, "one", "other");
            router.disconnect_peer(&id("one")).unwrap();
        }
    }
}

#[test]
fn a_large_hello_of_many_frames_is_whole_and_goes_before_a_probe() {
    for &transport in ALL {
        let home = Home::new();
        let frames = [vec![1; 300], vec![], vec![2; 3 << 20], vec![3]];
        let hello: Message = frames.iter().map(|frame| frame.as_slice()).collect();
        let router = router(&home, |it| it);
        let here = router.bind(home.endpoint(transport)).unwrap();
        let dealer = Dealer::builder()
            .routing_id("one")
            .probe_router(true)
            .hello_message(hello.clone());
        let dealer = home.of(dealer).build().unwrap();
        dealer.connect(&here).unwrap();
        expect(&router, "one", hello);
        expect(&router, "one", "");
    }
}

/// More than the kernel takes: each side reads what the other says while it still says its own.
#[test]
fn large_hellos_of_both_sides_cross() {
    for &transport in WIRE {
        let home = Home::new();
        let hello = vec![7; 32 << 20];
        let router = router(&home, |it| it.hello_message(hello.clone()));
        let dealer = Dealer::builder()
            .routing_id("one")
            .hello_message(hello.clone());
        let dealer = home.of(dealer).build().unwrap();
        dealer
            .connect(router.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        let (_, message) = router.recv_from_timeout(PATIENCE).unwrap();
        assert!(message == *hello);
        assert!(dealer.recv_timeout(PATIENCE).unwrap() == *hello);
    }
}

#[test]
fn a_bound_dealer_says_hello_before_what_somebody_waits_to_send() {
    for &transport in ALL {
        let home = Home::new();
        let dealer = home.of(Dealer::builder().hello_message("hi"));
        let dealer = std::sync::Arc::new(dealer.build().unwrap());
        let here = dealer.bind(home.endpoint(transport)).unwrap();
        let sends = dealer.clone();
        let waiting = std::thread::spawn(move || sends.send("waited").unwrap());
        let router = router(&home, |it| it);
        router.connect(&here).unwrap();
        for message in ["hi", "waited"] {
            assert_eq!(router.recv_from_timeout(PATIENCE).unwrap().1, message);
        }
        waiting.join().unwrap();
    }
}

/// Nothing is left of it: nobody would ever take it.
#[test]
fn a_hello_for_a_peer_whose_name_is_taken_is_not_waited_for() {
    for &transport in ALL {
        let home = Home::new();
        let router = router(&home, |it| it.hello_message("hi").probe_router(true));
        let first = dealer(&home, "first");
        let there = first.bind(home.endpoint(transport)).unwrap();
        router.connect_routing_id(&there, &id("same")).unwrap();
        for message in ["hi", ""] {
            assert_eq!(first.recv_timeout(PATIENCE).unwrap(), message);
        }
        let again = router.connect_routing_id(home.vacant(transport), &id("same"));
        assert!(again.is_err());
        router.flush(PATIENCE).unwrap();
        until_it_adds_up(|| router.stats());
        assert_eq!(router.stats().send_queue.messages, 0);
    }
}

// ---- goodbye

#[test]
fn one_that_had_connected_says_goodbye_even_if_it_died() {
    for &transport in WIRE {
        let home = Home::new();
        let router = router(&home, |it| it.disconnect_message(["bye", "bye"]));
        let here = router.bind(home.endpoint(transport)).unwrap();
        let mut raw = Raw::join(&here, "DEALER");
        raw.say(&[0, 2, b'h', b'i']);
        let (peer, message) = router.recv_from_timeout(PATIENCE).unwrap();
        assert_eq!(message, "hi");
        // In the middle of a message.
        raw.say(&[1, 1, b'x']);
        drop(raw);
        let (gone, message) = router.recv_from_timeout(PATIENCE).unwrap();
        assert_eq!((gone, message), (peer, ["bye", "bye"].into()));
        // One that never was a peer has nothing to say.
        drop(Raw::connect(&here));
        expect_nothing(&router);
    }
}

#[test]
fn goodbye_comes_behind_the_notice_and_from_whoever_leaves_for_good() {
    for &transport in ALL {
        let home = Home::new();
        let told = |it: Builder<Router>| it.notify(BOTH[1]).disconnect_message("bye");
        let bound = router(&home, told);
        let here = bound.bind(home.endpoint(transport)).unwrap();
        let connects = router(&home, |it| told(it).routing_id("connects"));
        connects.connect(&here).unwrap();
        connects.wait_for_peers(1, PATIENCE).unwrap();
        bound.wait_for_peers(1, PATIENCE).unwrap();
        let probe = router(&home, |it| it.routing_id("early").probe_router(true));
        probe.connect(&here).unwrap();
        expect(&bound, "early", "");
        drop(probe);
        expect(&bound, "early", "");
        expect(&bound, "early", "bye");
        bound.close().unwrap();
        assert_eq!(connects.recv_from_timeout(PATIENCE).unwrap().1, "");
        if transport == Transport::Inproc {
            assert_eq!(connects.recv_from_timeout(PATIENCE).unwrap().1, "bye");
        }
        // Over tcp and ipc it is connected to again.
        expect_nothing(&connects);
    }
}

#[test]
fn what_the_socket_itself_closes_tells_nobody() {
    for &transport in ALL {
        let home = Home::new();
        let router = router(&home, |it| it.notify(both()).disconnect_message("bye"));
        let one = dealer(&home, "one");
        one.connect(router.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        expect(&router, "one", "");
        router.close().unwrap();
        assert!(router.try_recv_from().is_err());
        until_it_adds_up(|| router.stats());
    }
}

// ---- hiccup

#[test]
fn a_dealer_is_told_of_each_connection_of_its_own_that_is_lost() {
    for &transport in WIRE {
        let home = Home::new();
        let dealer = Dealer::builder().routing_id("one").hiccup_message("hic");
        let dealer = home.of(dealer).build().unwrap();
        let here = home.vacant(transport);
        // That nobody is there yet is none.
        dealer.connect(&here).unwrap();
        for round in 0..3 {
            let router = router(&home, |it| it);
            router.bind(&*here).unwrap();
            dealer.send("hello").unwrap();
            expect(&router, "one", "hello");
            router.send_to(&id("one"), round.to_string()).unwrap();
            router.flush(PATIENCE).unwrap();
            drop(router);
            assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), round.to_string());
            assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), "hic");
        }
        assert!(dealer.recv_timeout(QUIET).is_err());
        dealer.disconnect(&here).unwrap();
        assert!(dealer.recv_timeout(QUIET).is_err());
    }
}

#[test]
fn over_inproc_a_dealer_is_told_too() {
    let home = Home::new();
    let dealer = Dealer::builder().routing_id("one").hiccup_message("hic");
    let dealer = home.of(dealer).build().unwrap();
    let router = router(&home, |it| it);
    let here = router.bind(home.endpoint(Transport::Inproc)).unwrap();
    dealer.connect(&here).unwrap();
    router.wait_for_peers(1, PATIENCE).unwrap();
    // It comes again at once.
    router.disconnect_peer(&id("one")).unwrap();
    assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), "hic");
    dealer.send("again").unwrap();
    expect(&router, "one", "again");
    drop(router);
    assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), "hic");
    assert!(dealer.recv_timeout(QUIET).is_err());
}

#[test]
fn one_that_is_let_go_of_and_one_that_was_accepted_are_no_hiccups() {
    for &transport in ALL {
        let home = Home::new();
        let hiccups = || home.of(Dealer::builder().hiccup_message("hic"));
        let (bound, connects) = (hiccups().build().unwrap(), hiccups().build().unwrap());
        let here = bound.bind(home.endpoint(transport)).unwrap();
        connects.connect(&here).unwrap();
        bound.wait_for_peers(1, PATIENCE).unwrap();
        connects.wait_for_peers(1, PATIENCE).unwrap();
        connects.disconnect(&here).unwrap();
        support::until_alone(|count, time| bound.wait_for_peers(count, time));
        assert!(bound.recv_timeout(QUIET).is_err());
        assert!(connects.recv_timeout(QUIET).is_err());
    }
}

// ---- what cannot be

#[test]
fn they_are_for_those_they_are_for() {
    let home = Home::new();
    let raw = |socket_type| home.of(Socket::builder(socket_type));
    assert!(raw(SocketType::Dealer).notify(both()).build().is_err());
    assert!(
        raw(SocketType::Dealer)
            .disconnect_message("x")
            .build()
            .is_err()
    );
    assert!(raw(SocketType::Router).hiccup_message("x").build().is_err());
    assert!(raw(SocketType::Req).hello_message("x").build().is_err());
    assert!(raw(SocketType::Dealer).hello_message("x").build().is_ok());
    assert_eq!(RouterNotify::default(), RouterNotify::NONE);
    assert_eq!(format!("{:?}", both()), "CONNECT | DISCONNECT");
    // A REQ at a ROUTER that notifies goes on as ever.
    let router = router(&home, |it| it.notify(both()));
    let req = home.of(Req::builder()).build().unwrap();
    req.connect(router.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    let (id, notice) = router.recv_from_timeout(PATIENCE).unwrap();
    assert_eq!(notice, "");
    req.send("question").unwrap();
    let (asks, question) = router.recv_from_timeout(PATIENCE).unwrap();
    assert_eq!((&asks, question), (&id, ["", "question"].into()));
    router.send_to(&id, ["", "answer"]).unwrap();
    assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "answer");
    assert_eq!(req.close(), Ok(()));
    let (gone, _) = router.recv_from_timeout(PATIENCE).unwrap();
    assert_eq!(gone, id);
}

/// What a ROUTER tells itself is no matter of a flush of the peer that it is about.
#[test]
fn a_flush_waits_for_all_that_was_sent_and_for_nothing_else() {
    for &transport in ALL {
        let home = Home::new();
        let router = router(&home, |it| it.notify(both()));
        let here = router.bind(home.endpoint(transport)).unwrap();
        let one = dealer(&home, "one");
        one.connect(&here).unwrap();
        until("it is told", || router.stats().recv_queue.messages == 1);
        one.flush(PATIENCE).unwrap();
        one.send("a").unwrap();
        one.send("b").unwrap();
        if transport == Transport::Inproc {
            for (message, left) in [("", 2), ("a", 1)] {
                expect(&router, "one", message);
                let unsent = one.flush(QUIET).unwrap_err().unsent;
                assert_eq!(unsent.messages, left);
            }
            expect(&router, "one", "b");
        }
        one.flush(PATIENCE).unwrap();
    }
}
