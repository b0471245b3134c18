//! A poller tells of every socket that something can be done with, and of no other: what it says, the
//! next call does without waiting.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use support::polling::{told, told_now};
use support::{ALL, Home, PATIENCE, QUIET, Transport, WIRE, next_of, until};
use zocket::{
    Context, Dealer, Event, Interest, PollError, Poller, Pub, Pull, Push, RecvError, Rep, Req,
    Router, RoutingId, Socket, SocketType, Sub, TryRecvError, Upstream, XPub, XSub,
};

const READABLE: Interest = Interest::READABLE;
const WRITABLE: Interest = Interest::WRITABLE;

fn both() -> Interest {
    READABLE | WRITABLE
}

fn events(poller: &Poller, timeout: Duration) -> Vec<Event> {
    let mut events = Vec::new();
    let count = poller.wait(&mut events, timeout).unwrap();
    assert_eq!(count, events.len());
    events.sort_unstable_by_key(Event::key);
    events
}

/// Waits until just this is told.
fn until_told(poller: &Poller, expected: &str) {
    until(expected, || told_now(poller) == expected);
}

#[test]
fn a_socket_is_told_for_as_long_as_a_message_can_be_received() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let push = home.push().build().unwrap();
        let poller = Poller::new();
        poller.add(&pull, 7, READABLE).unwrap();
        assert_eq!(told_now(&poller), "");
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        // That a peer has come is nothing to receive.
        pull.wait_for_peers(1, PATIENCE).unwrap();
        assert_eq!(told_now(&poller), "");
        for text in ["a", "b"] {
            push.send(text).unwrap();
        }
        for text in ["a", "b"] {
            // Told at every wait until the message is taken.
            for _ in 0..3 {
                assert_eq!(told(&poller, PATIENCE), "7:r");
            }
            assert_eq!(support::next_of(&pull), text);
        }
        assert_eq!(told_now(&poller), "");
        assert_eq!(pull.try_recv().unwrap_err(), TryRecvError::Empty);
    }
}

#[test]
fn what_was_there_before_it_was_added_is_told() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let push = home.push().build().unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        push.send("early").unwrap();
        until("it arrives", || pull.stats().arrived.messages == 1);
        let poller = Poller::new();
        poller.add(&pull, 1, READABLE).unwrap();
        poller.add(&push, 2, WRITABLE).unwrap();
        until_told(&poller, "1:r 2:w");
        assert_eq!(pull.try_recv().unwrap(), "early");
        // Taken without the poller having been asked.
        assert_eq!(told_now(&poller), "2:w");
    }
}

#[test]
fn a_push_is_writable_from_its_first_peer_on_while_any_has_room() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().send_hwm(2).build().unwrap();
        let poller = Poller::new();
        poller.add(&push, 1, WRITABLE).unwrap();
        let here = push.bind(home.endpoint(transport)).unwrap();
        assert_eq!(told_now(&poller), "");
        assert!(push.try_send("nobody is there").unwrap_err().is_full());

        let pulls = [(); 2].map(|()| {
            let pull = home.pull().recv_hwm(2).build().unwrap();
            pull.connect(&here).unwrap();
            pull
        });
        assert_eq!(told(&poller, PATIENCE), "1:w");
        push.wait_for_peers(2, PATIENCE).unwrap();

        // While it says so, there is room. Large, so that the kernel's buffers are soon full.
        let large = vec![1; 256 << 10];
        let mut sent = 0;
        while told(&poller, QUIET) == "1:w" {
            push.try_send(&large[..]).unwrap();
            sent += 1;
        }
        assert!(sent >= 4, "{sent}");
        assert!(push.try_send(&large[..]).unwrap_err().is_full());

        // Each has something: one that reads makes room.
        let waiter = thread::spawn({
            move || {
                let said = told(&poller, PATIENCE);
                (poller, said)
            }
        });
        let got = (0..sent)
            .take_while(|_| pulls[0].recv_timeout(QUIET).is_ok())
            .count();
        assert!(got > 0);
        let (poller, said) = waiter.join().unwrap();
        assert_eq!(said, "1:w");
        push.try_send("room").unwrap();
        drop(pulls);
        until("the last peer leaves", || {
            push.wait_for_peers(1, Duration::ZERO).is_err()
        });
        until_told(&poller, "");
    }
}

#[test]
fn a_connecting_socket_is_writable_before_its_peer_is_there() {
    for &transport in ALL {
        let home = Home::new();
        let poller = Poller::new();
        let push = home
            .push()
            .send_hwm(1)
            .linger(Duration::ZERO)
            .build()
            .unwrap();
        poller.add(&push, 1, WRITABLE).unwrap();
        push.connect(home.vacant(transport)).unwrap();
        assert_eq!(told_now(&poller), "1:w");
        push.try_send("waits there").unwrap();
        assert_eq!(told_now(&poller), "");
    }
    for &transport in WIRE {
        // With `immediate` it is the connection that counts.
        let home = Home::new();
        let poller = Poller::new();
        let push = home.push().immediate(true).build().unwrap();
        poller.add(&push, 1, WRITABLE).unwrap();
        let vacant = home.vacant(transport);
        push.connect(&vacant).unwrap();
        assert_eq!(told(&poller, QUIET), "");
        let pull = home.pull().build().unwrap();
        pull.bind(&vacant).unwrap();
        assert_eq!(told(&poller, PATIENCE), "1:w");
        push.try_send("now").unwrap();
        assert_eq!(next_of(&pull), "now");
    }
}

#[test]
fn pair_and_dealer_are_told_both_ways() {
    for &transport in ALL {
        let home = Home::new();
        let poller = Poller::new();
        let (pair, peer) = (home.pair().build().unwrap(), home.pair().build().unwrap());
        let dealer = home.of(Dealer::builder()).build().unwrap();
        let other = home.of(Dealer::builder()).build().unwrap();
        poller.add(&pair, 1, both()).unwrap();
        poller.add(&dealer, 2, both()).unwrap();
        assert_eq!(told_now(&poller), "");
        peer.connect(pair.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        other
            .connect(dealer.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        until_told(&poller, "1:w 2:w");
        peer.send("x").unwrap();
        until_told(&poller, "1:rw 2:w");
        other.send("y").unwrap();
        until_told(&poller, "1:rw 2:rw");
        assert_eq!(pair.try_recv().unwrap(), "x");
        assert_eq!(told_now(&poller), "1:w 2:rw");
        assert_eq!(dealer.try_recv().unwrap(), "y");
        assert_eq!(told_now(&poller), "1:w 2:w");
        // Only what was asked for is told.
        peer.send("x").unwrap();
        poller.modify(&dealer, Interest::NONE).unwrap();
        poller.modify(&pair, READABLE).unwrap();
        assert_eq!(told(&poller, PATIENCE), "1:r");
        poller.modify(&pair, WRITABLE).unwrap();
        assert_eq!(told_now(&poller), "1:w");
        poller.modify(&dealer, WRITABLE).unwrap();
        assert_eq!(told_now(&poller), "1:w 2:w");
    }
}

/// A publisher that sends what its subscriber filters out: the application may accept anything.
fn careless_publisher(home: &Home, transport: Transport, sub: &Sub) -> XPub {
    let publisher = home.of(XPub::builder()).manual(true).send_hwm(0);
    let publisher = publisher.build().unwrap();
    sub.connect(publisher.bind(home.endpoint(transport)).unwrap())
        .unwrap();
    match publisher.recv_timeout(PATIENCE).unwrap() {
        Upstream::Subscribe(subscription) => assert!(subscription.accept([""])),
        other => panic!("not a subscription: {other:?}"),
    }
    publisher
}

fn until_arrived(sub: &Sub, messages: u64) {
    until("they arrive", || sub.stats().arrived.messages == messages);
}

#[test]
fn what_a_sub_filters_out_does_not_make_it_readable() {
    for &transport in ALL {
        let home = Home::new();
        let sub = home.of(Sub::builder()).recv_hwm(0).build().unwrap();
        sub.subscribe("a").unwrap();
        let publisher = careless_publisher(&home, transport, &sub);
        let poller = Poller::new();
        poller.add(&sub, 1, READABLE).unwrap();

        publisher.send("b").unwrap();
        until_arrived(&sub, 1);
        assert_eq!(told(&poller, QUIET), "");
        publisher.send("a1").unwrap();
        assert_eq!(told(&poller, PATIENCE), "1:r");
        assert_eq!(sub.try_recv().unwrap(), "a1");

        // However many they are.
        for _ in 0..5000 {
            publisher.send("b").unwrap();
        }
        until_arrived(&sub, 5002);
        assert_eq!(told(&poller, QUIET), "");
        for _ in 0..5000 {
            publisher.send("b").unwrap();
        }
        publisher.send("a2").unwrap();
        assert_eq!(told(&poller, PATIENCE), "1:r");
        assert_eq!(sub.try_recv().unwrap(), "a2");
        assert_eq!(told_now(&poller), "");
        assert_eq!(sub.stats().discarded.filtered, 10_001);

        // What is not wanted any more is as good as gone.
        publisher.send("a3").unwrap();
        assert_eq!(told(&poller, PATIENCE), "1:r");
        sub.unsubscribe("a").unwrap();
        assert_eq!(told_now(&poller), "");
        assert_eq!(sub.try_recv().unwrap_err(), TryRecvError::Empty);
    }
}

#[test]
fn what_a_conflating_sub_filters_out_takes_no_place() {
    for &transport in ALL {
        let home = Home::new();
        let sub = home.of(Sub::builder()).conflate(true).build().unwrap();
        sub.subscribe("a").unwrap();
        let publisher = careless_publisher(&home, transport, &sub);
        let poller = Poller::new();
        poller.add(&sub, 1, READABLE).unwrap();
        publisher.send("a1").unwrap();
        assert_eq!(told(&poller, PATIENCE), "1:r");
        publisher.send("b").unwrap();
        until_arrived(&sub, 2);
        until_told(&poller, "1:r");
        assert_eq!(sub.try_recv().unwrap(), "a1");
        assert_eq!(told_now(&poller), "");
        publisher.send("a2").unwrap();
        assert_eq!(told(&poller, PATIENCE), "1:r");
        publisher.send("a3").unwrap();
        until_arrived(&sub, 4);
        assert_eq!(sub.try_recv().unwrap(), "a3");
        assert_eq!(told(&poller, QUIET), "");
        let discarded = sub.stats().discarded;
        assert_eq!((discarded.filtered, discarded.conflated), (1, 1));
    }
}

#[test]
fn what_is_no_request_does_not_make_a_rep_readable() {
    for &transport in ALL {
        let home = Home::new();
        let rep = home.of(Rep::builder()).recv_hwm(0).build().unwrap();
        let dealer = home.of(Dealer::builder()).send_hwm(0).build().unwrap();
        dealer
            .connect(rep.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        let poller = Poller::new();
        poller.add(&rep, 1, both()).unwrap();
        for _ in 0..1000 {
            dealer.send("no envelope").unwrap();
        }
        until("they arrive", || rep.stats().arrived.messages == 1000);
        assert_eq!(told_now(&poller), "1:w");
        dealer.send("no envelope").unwrap();
        dealer.send(["", "request"]).unwrap();
        dealer.send(["", "another"]).unwrap();
        until_told(&poller, "1:rw");
        let request = rep.try_recv().unwrap();
        // One that is held is in nobody's way.
        until_told(&poller, "1:rw");
        let another = rep.try_recv().unwrap();
        assert_eq!(told_now(&poller), "1:w");
        another.reply("two").unwrap();
        request.reply("one").unwrap();
        assert_eq!(rep.stats().discarded.malformed, 1001);
    }
}

#[test]
fn a_raw_rep_is_not_readable_while_it_owes_a_reply() {
    for &transport in ALL {
        let home = Home::new();
        let rep = Socket::builder(SocketType::Rep).context(&home.context);
        let rep = rep.build().unwrap();
        let dealer = home.of(Dealer::builder()).build().unwrap();
        dealer
            .connect(rep.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        let poller = Poller::new();
        poller.add(&rep, 1, READABLE).unwrap();
        for text in ["one", "two", "three"] {
            dealer.send(["", text]).unwrap();
        }
        until("they arrive", || rep.stats().arrived.messages == 3);
        until_told(&poller, "1:r");
        assert_eq!(rep.try_recv().unwrap(), "one");
        assert_eq!(told_now(&poller), "");
        rep.send("reply").unwrap();
        assert_eq!(told_now(&poller), "1:r");
        assert_eq!(rep.try_recv().unwrap(), "two");
        assert_eq!(told_now(&poller), "");
        // In typed form it takes whatever is there.
        let rep = Rep::try_from(rep).unwrap();
        assert_eq!(told_now(&poller), "1:r");
        assert_eq!(*rep.try_recv().unwrap(), "three");
        assert_eq!(told_now(&poller), "");
    }
}

/// A REQ in a poller, connected to a ROUTER that answers as it is told to.
struct Asking {
    req: Req,
    router: Router,
    poller: Poller,
}

impl Asking {
    fn new(home: &Home, transport: Transport, req: zocket::Builder<Req>) -> Self {
        let req = home.of(req).build().unwrap();
        let router = home.of(Router::builder()).build().unwrap();
        let poller = Poller::new();
        poller.add(&req, 1, both()).unwrap();
        assert_eq!(told_now(&poller), "");
        req.connect(router.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        until_told(&poller, "1:w");
        Self {
            req,
            router,
            poller,
        }
    }

    /// Asks, and gives the request as it came.
    fn ask(&self, text: &str) -> (RoutingId, zocket::Message) {
        self.req.send(text).unwrap();
        self.router.recv_from_timeout(PATIENCE).unwrap()
    }
}

#[test]
fn a_req_is_readable_when_its_reply_is_there_and_writable_between() {
    for &transport in ALL {
        let home = Home::new();
        let asking = Asking::new(&home, transport, Req::builder());
        let Asking {
            req,
            router,
            poller,
        } = &asking;
        for text in ["one", "two"] {
            assert_eq!(told_now(poller), "1:w");
            let (id, request) = asking.ask(text);
            assert_eq!(told_now(poller), "");
            assert!(req.try_send("out of turn").is_err());
            // A probe, and what belongs to another request, are no replies.
            router.send_to(&id, "").unwrap();
            router.send_to(&id, ["abcd", "", "stale"]).unwrap();
            let stale = |req: &Req| req.stats().arrived.messages % 3 == 2;
            until("they arrive", || stale(req));
            assert_eq!(told(poller, QUIET), "");
            router.send_to(&id, request).unwrap();
            assert_eq!(told(poller, PATIENCE), "1:r");
            assert_eq!(req.try_recv().unwrap(), text);
            assert_eq!(told_now(poller), "1:w");
        }
        // No reply at all, but an outcome.
        let (id, _) = asking.ask("three");
        router.send_to(&id, ["no", "envelope"]).unwrap();
        assert_eq!(told(poller, PATIENCE), "1:r");
        assert_eq!(req.try_recv().unwrap_err(), TryRecvError::PeerLost);
        until_told(poller, "1:w");
    }
}

#[test]
fn a_req_hears_of_a_flood_of_stale_replies_what_it_needs() {
    for &transport in ALL {
        let home = Home::new();
        let builder = Req::builder().correlate(true).recv_hwm(0);
        let asking = Asking::new(&home, transport, builder);
        let (id, request) = asking.ask("it");
        for _ in 0..600 {
            asking.router.send_to(&id, ["abcd", "", "stale"]).unwrap();
        }
        until("they arrive", || asking.req.stats().arrived.messages == 600);
        assert_eq!(told(&asking.poller, QUIET), "");
        for _ in 0..600 {
            asking.router.send_to(&id, ["abcd", "", "stale"]).unwrap();
        }
        asking.router.send_to(&id, request).unwrap();
        assert_eq!(told(&asking.poller, PATIENCE), "1:r");
        assert_eq!(asking.req.try_recv().unwrap(), "it");
        assert_eq!(told_now(&asking.poller), "1:w");
    }
}

#[test]
fn a_req_whose_peer_is_lost_is_readable_and_then_writable_again() {
    for &transport in ALL {
        let home = Home::new();
        let asking = Asking::new(&home, transport, Req::builder());
        asking.ask("never answered");
        let Asking {
            req,
            router,
            poller,
        } = asking;
        assert_eq!(told_now(&poller), "");
        drop(router);
        assert_eq!(told(&poller, PATIENCE), "1:r");
        assert_eq!(req.try_recv().unwrap_err(), TryRecvError::PeerLost);
        // Over inproc nothing is connected again.
        let after = if transport == Transport::Inproc {
            ""
        } else {
            "1:w"
        };
        assert_eq!(told_now(&poller), after);
    }
}

#[test]
fn a_req_is_writable_after_a_request_that_was_given_up() {
    for &transport in ALL {
        let home = Home::new();
        for correlate in [false, true] {
            let builder = Req::builder().correlate(correlate);
            let Asking {
                req,
                router,
                poller,
            } = Asking::new(&home, transport, builder);
            let given_up = req.request_timeout("never answered", QUIET);
            assert!(given_up.is_err());
            assert_eq!(told(&poller, PATIENCE), "1:w");
            let (id, request) = router.recv_from_timeout(PATIENCE).unwrap();
            // Its late reply is none to the next request.
            let _ = router.send_to(&id, request);
            req.send("next").unwrap();
            let (id, request) = loop {
                let (id, request) = router.recv_from_timeout(PATIENCE).unwrap();
                if request
                    .frames()
                    .last()
                    .is_some_and(|frame| **frame == *b"next")
                {
                    break (id, request);
                }
            };
            router.send_to(&id, request).unwrap();
            assert_eq!(told(&poller, PATIENCE), "1:r");
            assert_eq!(req.try_recv().unwrap(), "next");
        }
    }
}

#[test]
fn a_relaxed_req_is_always_writable() {
    for &transport in ALL {
        let home = Home::new();
        let builder = Req::builder().relaxed(true).correlate(true);
        let asking = Asking::new(&home, transport, builder);
        asking.ask("one");
        assert_eq!(told_now(&asking.poller), "1:w");
        let (id, request) = asking.ask("two");
        asking.router.send_to(&id, request).unwrap();
        until_told(&asking.poller, "1:rw");
        assert_eq!(asking.req.try_recv().unwrap(), "two");
        assert_eq!(told_now(&asking.poller), "1:w");
    }
}

#[test]
fn an_xpub_is_readable_while_subscribers_have_said_something() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = home.of(XPub::builder()).build().unwrap();
        let xsub = home.of(XSub::builder()).build().unwrap();
        let poller = Poller::new();
        poller.add(&publisher, 1, both()).unwrap();
        poller.add(&xsub, 2, both()).unwrap();
        assert_eq!(told_now(&poller), "1:w 2:w");
        xsub.connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        publisher.wait_for_peers(1, PATIENCE).unwrap();
        assert_eq!(told_now(&poller), "1:w 2:w");
        xsub.subscribe("a").unwrap();
        until_told(&poller, "1:rw 2:w");
        assert!(matches!(
            publisher.try_recv().unwrap(),
            Upstream::Subscribe(topic) if *topic == *b"a"
        ));
        assert_eq!(told_now(&poller), "1:w 2:w");
        xsub.send("a message").unwrap();
        until_told(&poller, "1:rw 2:w");
        assert!(matches!(
            publisher.try_recv().unwrap(),
            Upstream::Message(_)
        ));
        publisher.send("anything").unwrap();
        publisher.send("a thing").unwrap();
        until_told(&poller, "1:w 2:rw");
        xsub.try_recv().unwrap();
        until_told(&poller, "1:w 2:rw");
        xsub.try_recv().unwrap();
        assert_eq!(told_now(&poller), "1:w 2:w");
        // The last subscription goes with its peer.
        drop(xsub);
        until_told(&poller, "1:rw");
        assert!(matches!(
            publisher.try_recv().unwrap(),
            Upstream::Unsubscribe(topic) if *topic == *b"a"
        ));
        assert_eq!(told_now(&poller), "1:w");
    }
}

#[test]
fn a_router_is_readable_when_a_message_is_there_and_always_writable() {
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder()).build().unwrap();
        let poller = Poller::new();
        poller.add(&router, 1, both()).unwrap();
        let here = router.bind(home.endpoint(transport)).unwrap();
        let dealers = [(); 3].map(|()| {
            let dealer = home.of(Dealer::builder()).build().unwrap();
            dealer.connect(&here).unwrap();
            dealer
        });
        router.wait_for_peers(3, PATIENCE).unwrap();
        assert_eq!(told_now(&poller), "1:w");
        for dealer in &dealers {
            dealer.send("hello").unwrap();
        }
        for _ in &dealers {
            until_told(&poller, "1:rw");
            router.try_recv_from().unwrap();
        }
        assert_eq!(told_now(&poller), "1:w");
    }
}

#[test]
fn a_type_is_not_waited_for_to_do_what_it_never_does() {
    let context = Context::builder().io_threads(0).build().unwrap();
    let poller = Poller::new();
    for socket_type in [
        SocketType::Req,
        SocketType::Rep,
        SocketType::Dealer,
        SocketType::Router,
        SocketType::Pub,
        SocketType::Sub,
        SocketType::XPub,
        SocketType::XSub,
        SocketType::Push,
        SocketType::Pull,
        SocketType::Pair,
    ] {
        let socket = Socket::builder(socket_type).context(&context);
        let socket = socket.build().unwrap();
        poller.add(&socket, 1, Interest::NONE).unwrap();
        let receives = !matches!(socket_type, SocketType::Pub | SocketType::Push);
        let sends = !matches!(socket_type, SocketType::Sub | SocketType::Pull);
        match poller.modify(&socket, READABLE) {
            Ok(()) => assert!(receives, "{socket_type}"),
            Err(error) => {
                assert!(matches!(error, PollError::NeverReadable(it) if it == socket_type));
                assert!(!receives, "{socket_type}");
            }
        }
        match poller.modify(&socket, WRITABLE) {
            Ok(()) => assert!(sends, "{socket_type}"),
            Err(error) => {
                assert!(matches!(error, PollError::NeverWritable(it) if it == socket_type));
                assert!(!sends, "{socket_type}");
            }
        }
        // Those that never wait for room; the others have no peer.
        let never_waits = matches!(
            socket_type,
            SocketType::Pub
                | SocketType::XPub
                | SocketType::XSub
                | SocketType::Router
                | SocketType::Rep
        );
        assert_eq!(told_now(&poller), if never_waits { "1:w" } else { "" });
        drop(socket);
        assert!(poller.is_empty());
    }
}

#[test]
fn a_socket_is_in_a_poller_once() {
    let home = Home::new();
    let poller = Poller::new();
    let pull = Arc::new(home.pull().build().unwrap());
    assert!(matches!(poller.remove(&pull), Err(PollError::Unknown)));
    assert!(matches!(
        poller.modify(&pull, READABLE),
        Err(PollError::Unknown)
    ));
    poller.add(&pull, 1, READABLE).unwrap();
    // By whatever way it is got at.
    for again in [
        poller.add(&pull, 2, READABLE),
        poller.add(&*pull, 2, READABLE),
    ] {
        assert!(matches!(again, Err(PollError::Known)), "{again:?}");
    }
    assert_eq!((poller.len(), poller.is_empty()), (1, false));
    let push = home.push().build().unwrap();
    push.connect(pull.bind("inproc://once").unwrap()).unwrap();
    push.send("x").unwrap();
    assert_eq!(told(&poller, PATIENCE), "1:r");
    poller.remove(&*pull).unwrap();
    assert_eq!(told_now(&poller), "");
    poller.add(&pull, 3, READABLE).unwrap();
    assert_eq!(told_now(&poller), "3:r");
    // It is the same socket in another form.
    let raw = Socket::from(Arc::into_inner(pull).unwrap());
    assert!(matches!(
        poller.add(&raw, 2, READABLE),
        Err(PollError::Known)
    ));
    assert_eq!(told_now(&poller), "3:r");
    assert_eq!(raw.try_recv().unwrap(), "x");
    assert_eq!(told_now(&poller), "");
    poller.remove(&raw).unwrap();
    assert!(poller.is_empty());
}

#[test]
fn a_socket_may_be_in_several_pollers() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let push = home.push().build().unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        let pollers = [Poller::new(), Poller::new()];
        for (key, poller) in pollers.iter().enumerate() {
            poller.add(&pull, key, READABLE).unwrap();
        }
        let waiters = pollers.map(|poller| {
            thread::spawn(move || {
                let said = told(&poller, PATIENCE);
                (poller, said)
            })
        });
        push.send("for whoever comes first").unwrap();
        let [a, b] = waiters.map(|waiter| waiter.join().unwrap());
        assert_eq!([&*a.1, &*b.1], ["0:r", "1:r"]);
        pull.try_recv().unwrap();
        for (poller, _) in [&a, &b] {
            assert_eq!(told_now(poller), "");
        }
        drop(a);
        push.send("for who is left").unwrap();
        assert_eq!(told(&b.0, PATIENCE), "1:r");
    }
}

#[test]
fn a_closed_socket_is_told_until_it_is_removed() {
    let home = Home::new();
    let poller = Poller::new();
    let sockets = [(); 3].map(|()| home.pair().build().unwrap());
    for (key, (socket, interest)) in sockets
        .iter()
        .zip([READABLE, WRITABLE, Interest::NONE])
        .enumerate()
    {
        poller.add(socket, key, interest).unwrap();
    }
    assert_eq!(told_now(&poller), "");
    for socket in &sockets {
        socket.close().unwrap();
    }
    for _ in 0..3 {
        assert_eq!(told(&poller, PATIENCE), "0:rc 1:wc");
    }
    assert_eq!(sockets[0].try_recv().unwrap_err(), TryRecvError::Closed);
    // One that was closed before it was added.
    poller.modify(&sockets[2], both()).unwrap();
    assert_eq!(told_now(&poller), "0:rc 1:wc 2:rwc");
    poller.remove(&sockets[0]).unwrap();
    assert_eq!(told_now(&poller), "1:wc 2:rwc");
    let [_zero, one, two] = sockets;
    drop(one);
    assert_eq!(told_now(&poller), "2:rwc");
    // Also while nothing was to be told of it.
    poller.modify(&two, Interest::NONE).unwrap();
    drop(two);
    assert_eq!(told_now(&poller), "");
    assert!(poller.is_empty());
}

#[test]
fn sockets_of_a_context_that_is_shut_down_are_told_as_closed() {
    let context = Context::new();
    let poller = Poller::new();
    let pull = Pull::builder().context(&context).build().unwrap();
    let push = Push::builder().context(&context).build().unwrap();
    let elsewhere = Home::new();
    let publisher = elsewhere.of(Pub::builder()).build().unwrap();
    poller.add(&pull, 1, READABLE).unwrap();
    poller.add(&push, 2, WRITABLE).unwrap();
    poller.add(&publisher, 3, WRITABLE).unwrap();
    assert_eq!(told_now(&poller), "3:w");
    poller.remove(&publisher).unwrap();
    let waiter = thread::spawn(move || {
        until_told(&poller, "1:rc 2:wc");
    });
    context.shutdown();
    waiter.join().unwrap();
    assert_eq!(pull.try_recv().unwrap_err(), TryRecvError::Terminated);
    assert_eq!(pull.recv().unwrap_err(), RecvError::Terminated);
}

/// Nobody can take it out any more, and closing takes as long as its linger.
#[test]
fn a_socket_that_is_being_dropped_is_not_told() {
    let home = Home::new();
    let poller = Poller::new();
    let push = home.push().send_hwm(1).linger(5 * QUIET).build().unwrap();
    push.connect(home.vacant(Transport::Ipc)).unwrap();
    push.send("nobody will take it").unwrap();
    poller.add(&push, 1, WRITABLE).unwrap();
    assert_eq!(told_now(&poller), "");
    let dropper = thread::spawn(move || drop(push));
    while !dropper.is_finished() {
        assert_eq!(told(&poller, QUIET / 10), "");
    }
    assert!(poller.is_empty());
}

#[test]
fn whatever_is_ready_has_its_turn() {
    const SOCKETS: usize = 2500;
    let context = Context::builder().io_threads(0).build().unwrap();
    let poller = Poller::new();
    // These are always writable.
    let sockets: Vec<Pub> = (0..SOCKETS)
        .map(|key| {
            let socket = Pub::builder().context(&context).build().unwrap();
            poller.add(&socket, key, WRITABLE).unwrap();
            socket
        })
        .collect();
    let mut told = vec![0; SOCKETS];
    let mut rounds = 0;
    while told.iter().sum::<usize>() < 3 * SOCKETS {
        let events = events(&poller, Duration::ZERO);
        assert!(events.len() <= 1024);
        for event in events {
            told[event.key()] += 1;
        }
        rounds += 1;
    }
    assert_eq!(rounds, (3 * SOCKETS).div_ceil(1024));
    // Nobody twice before everybody once.
    assert!(told.iter().all(|&times| times == 3 || times == 4));
    drop(sockets);
    assert!(poller.is_empty());
    assert_eq!(events(&poller, Duration::ZERO), []);
}

#[test]
fn a_notification_has_one_wait_return() {
    let home = Home::new();
    let poller = Poller::new();
    // Several before a wait has returned are as good as one.
    poller.notify();
    poller.notify();
    assert_eq!(told(&poller, PATIENCE), "");
    let began = Instant::now();
    assert_eq!(told(&poller, QUIET), "");
    assert!(began.elapsed() >= QUIET);
    // With what is ready, if anything.
    let publisher = home.of(Pub::builder()).build().unwrap();
    poller.add(&publisher, 1, WRITABLE).unwrap();
    poller.notify();
    assert_eq!(told(&poller, PATIENCE), "1:w");
    poller.remove(&publisher).unwrap();
    assert_eq!(told(&poller, QUIET), "");
    assert!(began.elapsed() >= 2 * QUIET);
}

#[test]
fn events_are_emptied_before_they_are_filled() {
    let home = Home::new();
    let poller = Poller::default();
    let publisher = home.of(Pub::builder()).build().unwrap();
    poller.add(&publisher, 1, WRITABLE).unwrap();
    let mut events = Vec::new();
    for _ in 0..2 {
        assert_eq!(poller.wait(&mut events, Duration::ZERO).unwrap(), 1);
        assert_eq!(events.len(), 1);
    }
    poller.remove(&publisher).unwrap();
    assert_eq!(poller.wait(&mut events, Duration::ZERO).unwrap(), 0);
    assert!(events.is_empty());
    assert_eq!(format!("{poller:?}"), "Poller(0 entries)");
    assert_eq!(format!("{:?}", both()), "READABLE | WRITABLE");
}
