//! A monitor tells what happens to endpoints, connections and peers: all of it, in order, once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;

use std::net::TcpListener;
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context as Cx, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use peer::Raw;
use support::tasks::{Alarm, block_on, poll};
use support::{ALL, Home, PATIENCE, Transport, WIRE, until};
use zocket::{
    Dealer, Endpoint, EndpointState, HandshakeFailure, Monitor, MonitorEvent, PeerInfo, Pub, Pull,
    Push, RecvError, Req, Router, RoutingId, Sub, TryRecvError, Unsent,
};

/// What an event is called.
fn name(event: &MonitorEvent) -> String {
    let text = format!("{event:?}");
    text.split(' ').next().unwrap().to_owned()
}

/// The next event of this name; what comes before it does not matter.
#[track_caller]
fn next(monitor: &Monitor, wanted: &str) -> MonitorEvent {
    let mut before = Vec::new();
    loop {
        match monitor.recv_timeout(PATIENCE) {
            Ok(event) if name(&event) == wanted => return event,
            Ok(event) => before.push(event),
            Err(error) => panic!("no {wanted} ({error}), but {before:#?}"),
        }
    }
}

/// The very next event, which must have this name.
#[track_caller]
fn now(monitor: &Monitor, wanted: &str) -> MonitorEvent {
    let event = monitor.recv_timeout(PATIENCE).expect(wanted);
    assert_eq!(name(&event), wanted, "{event:?}");
    event
}

/// The names of all that is left of a monitor whose socket is closed.
fn rest(monitor: &Monitor) -> Vec<String> {
    monitor.iter().map(|event| name(&event)).collect()
}

fn peer_of(event: &MonitorEvent) -> PeerInfo {
    event.peer().expect("it is about a peer").clone()
}

fn failure_of(event: &MonitorEvent) -> HandshakeFailure {
    match event {
        MonitorEvent::HandshakeFailed { failure, .. } => *failure,
        other => panic!("{other:?}"),
    }
}

// ---- a normal life

#[test]
fn a_life_is_told_on_both_sides_from_the_beginning_to_the_end() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let push = home.push().build().unwrap();
        let (bound, connected) = (pull.monitor(), push.monitor());
        let here = pull.bind(home.endpoint(transport)).unwrap();
        push.connect(&here).unwrap();
        push.send("hello").unwrap();
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "hello");
        push.close().unwrap();
        let mut told = Vec::new();
        while told.last().map(name).as_deref() != Some("Disconnected") {
            told.push(bound.recv_timeout(PATIENCE).unwrap());
        }
        pull.close().unwrap();
        told.extend(&bound);
        let names: Vec<String> = told.iter().map(name).collect();
        let wire = transport != Transport::Inproc;
        let mut expected = vec!["Listening", "Accepted", "HandshakeSucceeded"];
        expected.extend(["Disconnected", "Closed"]);
        expected.retain(|&name| wire || name != "Accepted");
        assert_eq!(names, expected, "{transport:?}: {told:#?}");
        for event in &told {
            assert_eq!(event.endpoint(), Some(&here), "{event:?}");
        }

        let told: Vec<MonitorEvent> = connected.collect();
        let names: Vec<String> = told.iter().map(name).collect();
        let mut expected = vec!["Connecting", "Connected", "HandshakeSucceeded"];
        expected.extend(["Disconnected", "Closed"]);
        expected.retain(|&name| wire || !name.starts_with("Connect"));
        assert_eq!(names, expected, "{transport:?}: {told:#?}");
        for event in &told {
            assert_eq!(event.endpoint(), Some(&here), "{event:?}");
        }
        let reason = told[told.len() - 2].reason().unwrap();
        assert!(reason.contains("let go of it"), "{reason}");
    }
}

#[test]
fn a_peer_is_told_with_its_address_its_type_and_its_routing_id() {
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder()).build().unwrap();
        let dealer = home.of(Dealer::builder()).routing_id("it").build().unwrap();
        let (bound, connected) = (router.monitor(), dealer.monitor());
        meet!(home, transport, router, dealer);
        let came = peer_of(&next(&bound, "HandshakeSucceeded"));
        assert_eq!(came.routing_id(), Some(&RoutingId::try_from("it").unwrap()));
        assert_eq!(came.socket_type(), zocket::SocketType::Dealer);
        assert_eq!(came.address(), router.peers()[0].address());
        let there = peer_of(&next(&connected, "HandshakeSucceeded"));
        assert_eq!(there.socket_type(), zocket::SocketType::Router);
        dealer.close().unwrap();
        let left = peer_of(&next(&bound, "Disconnected"));
        assert_eq!(left.routing_id(), came.routing_id());
        assert_eq!(left.address(), came.address());
    }
}

/// Who has been told of a peer finds it.
#[test]
fn what_is_told_is_so() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let monitor = pull.monitor();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        for _ in 0..20 {
            let push = home.push().build().unwrap();
            push.connect(&here).unwrap();
            next(&monitor, "HandshakeSucceeded");
            assert_eq!(pull.peers().len(), 1, "{transport:?}");
            push.close().unwrap();
            next(&monitor, "Disconnected");
            assert_eq!(pull.peers().len(), 0, "{transport:?}");
        }
    }
}

/// Nobody comes in before the endpoint is told of, and nobody leaves before it came.
#[test]
fn the_order_holds_when_many_come_at_once() {
    for &transport in ALL {
        let home = Arc::new(Home::new());
        for _ in 0..20 {
            let there = home.vacant(transport);
            let pull = home.pull().build().unwrap();
            let monitor = pull.monitor();
            let others: Vec<_> = (0..4)
                .map(|_| {
                    let (home, there) = (home.clone(), there.clone());
                    thread::spawn(move || {
                        let push = home.push().build().unwrap();
                        push.connect(&there).unwrap();
                        push.wait_for_peers(1, PATIENCE).unwrap();
                        push.close().unwrap();
                    })
                })
                .collect();
            pull.bind(&there).unwrap();
            for other in others {
                other.join().unwrap();
            }
            let (mut here, mut gone) = (0, 0);
            now(&monitor, "Listening");
            while gone < 4 {
                match monitor.recv_timeout(PATIENCE).unwrap() {
                    MonitorEvent::HandshakeSucceeded { .. } => here += 1,
                    MonitorEvent::Disconnected { .. } => gone += 1,
                    _ => {}
                }
                assert!(gone <= here, "{transport:?}");
            }
            assert_eq!(here, 4, "{transport:?}");
            pull.close().unwrap();
            assert_eq!(rest(&monitor), ["Closed"], "{transport:?}");
        }
    }
}

#[test]
fn unbind_and_disconnect_are_told() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let push = home.push().build().unwrap();
        meet!(home, transport, pull, push);
        let here = pull.last_endpoint().unwrap();
        let (bound, connected) = (pull.monitor(), push.monitor());
        push.disconnect(&here).unwrap();
        next(&connected, "Disconnected");
        now(&connected, "Closed");
        next(&bound, "Disconnected");
        pull.unbind(&here).unwrap();
        let closed = now(&bound, "Closed");
        assert_eq!(closed.endpoint(), Some(&here));
        push.close().unwrap();
        assert!(rest(&connected).is_empty());
    }
}

// ---- what goes wrong

#[test]
fn a_bind_that_fails_is_told() {
    for &transport in ALL {
        let home = Home::new();
        let first = home.pull().build().unwrap();
        let here = first.bind(home.endpoint(transport)).unwrap();
        let second = home.pull().build().unwrap();
        let monitor = second.monitor();
        let error = second.bind(&here).unwrap_err();
        let event = now(&monitor, "BindFailed");
        assert_eq!(event.endpoint(), Some(&here));
        assert_eq!(event.reason(), Some(error.to_string().as_str()));
        assert!(second.endpoints().is_empty());
        drop(second);
        assert!(rest(&monitor).is_empty());
    }
}

#[test]
fn a_refused_connection_is_tried_again() {
    for &transport in WIRE {
        let home = Home::new();
        let push = home.push().build().unwrap();
        let monitor = push.monitor();
        push.connect(home.vacant(transport)).unwrap();
        for expected in 1..=3 {
            now(&monitor, "Connecting");
            let failed = now(&monitor, "ConnectFailed");
            assert!(!failed.reason().unwrap().is_empty());
            match now(&monitor, "RetryScheduled") {
                MonitorEvent::RetryScheduled { wait, attempts, .. } => {
                    assert_eq!(attempts, expected);
                    assert!(wait <= Duration::from_millis(50), "{wait:?}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn without_a_retry_it_is_given_up() {
    for &transport in WIRE {
        let home = Home::new();
        let push = home.push().reconnect_interval(None).build().unwrap();
        let monitor = push.monitor();
        push.connect(home.vacant(transport)).unwrap();
        now(&monitor, "Connecting");
        now(&monitor, "ConnectFailed");
        now(&monitor, "GivenUp");
        assert_eq!(push.endpoints()[0].state, EndpointState::GivenUp);
        push.close().unwrap();
        now(&monitor, "Closed");
        assert!(rest(&monitor).is_empty());
    }
}

#[test]
fn a_name_that_does_not_resolve_is_told() {
    let home = Home::new();
    let push = home.push().build().unwrap();
    let monitor = push.monitor();
    let endpoint = push.connect("tcp://no-such-host.invalid:1").unwrap();
    let event = now(&monitor, "ResolveFailed");
    assert_eq!(event.endpoint(), Some(&endpoint));
    assert!(!event.reason().unwrap().is_empty());
    now(&monitor, "RetryScheduled");
}

#[test]
fn a_socket_of_the_wrong_type_is_told_on_both_sides() {
    for &transport in WIRE {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let req = home.of(Req::builder()).build().unwrap();
        let (bound, connected) = (pull.monitor(), req.monitor());
        req.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        next(&bound, "Accepted");
        let event = now(&bound, "HandshakeFailed");
        assert_eq!(failure_of(&event), HandshakeFailure::Protocol);
        next(&connected, "Connected");
        let event = now(&connected, "HandshakeFailed");
        assert!(
            matches!(
                failure_of(&event),
                HandshakeFailure::Protocol | HandshakeFailure::Lost
            ),
            "{event:?}"
        );
        now(&connected, "RetryScheduled");
    }
}

#[test]
fn over_inproc_too_if_the_wrong_one_was_there_first() {
    let home = Home::new();
    let there = home.endpoint(Transport::Inproc);
    let pull = home.pull().build().unwrap();
    let req = home.of(Req::builder()).build().unwrap();
    let (bound, connected) = (pull.monitor(), req.monitor());
    req.connect(&there).unwrap();
    pull.bind(&there).unwrap();
    now(&bound, "Listening");
    for monitor in [&bound, &connected] {
        let event = now(monitor, "HandshakeFailed");
        assert_eq!(failure_of(&event), HandshakeFailure::Protocol);
        assert!(event.reason().unwrap().contains("PULL"), "{event:?}");
    }
    assert_eq!(req.endpoints()[0].attempts, 1);
}

#[test]
fn a_silent_peer_fails_its_handshake() {
    for &transport in WIRE {
        let home = Home::new();
        let pull = home
            .pull()
            .handshake_timeout(Duration::from_millis(50))
            .build()
            .unwrap();
        let monitor = pull.monitor();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        let raw = Raw::connect(&here);
        next(&monitor, "Accepted");
        let event = now(&monitor, "HandshakeFailed");
        assert_eq!(failure_of(&event), HandshakeFailure::Timeout);
        drop(raw);
    }
}

#[test]
fn a_peer_that_speaks_something_else_is_told() {
    for &transport in WIRE {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let monitor = pull.monitor();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        let mut raw = Raw::connect(&here);
        raw.say(&[b'x'; 64]);
        next(&monitor, "Accepted");
        let event = now(&monitor, "HandshakeFailed");
        assert_eq!(failure_of(&event), HandshakeFailure::Protocol);
        // One that goes in the middle of it has broken nothing.
        let mut raw = Raw::connect(&here);
        raw.say(&peer::greeting()[..20]);
        next(&monitor, "Accepted");
        drop(raw);
        let event = now(&monitor, "HandshakeFailed");
        assert_eq!(failure_of(&event), HandshakeFailure::Lost);
    }
}

#[test]
fn a_peer_that_breaks_the_protocol_later_is_told_as_gone() {
    for &transport in WIRE {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let monitor = pull.monitor();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        let mut raw = Raw::join(&here, "PUSH");
        next(&monitor, "HandshakeSucceeded");
        raw.say(&[0xff; 9]);
        let event = now(&monitor, "Disconnected");
        assert!(!event.reason().unwrap().contains("closed"), "{event:?}");
        let raw = Raw::join(&here, "PUSH");
        next(&monitor, "HandshakeSucceeded");
        drop(raw);
        let event = now(&monitor, "Disconnected");
        assert!(event.reason().unwrap().contains("closed"), "{event:?}");
    }
}

#[test]
fn a_taken_routing_id_is_refused() {
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder()).build().unwrap();
        let first = home.of(Dealer::builder()).routing_id("it").build().unwrap();
        meet!(home, transport, router, first);
        let here = router.last_endpoint().unwrap();
        let second = home.of(Dealer::builder()).routing_id("it").build().unwrap();
        let (bound, connected) = (router.monitor(), second.monitor());
        second.connect(&here).unwrap();
        let event = next(&bound, "HandshakeFailed");
        assert_eq!(failure_of(&event), HandshakeFailure::Refused, "{event:?}");
        assert!(event.reason().unwrap().contains("routing id"), "{event:?}");
        if transport == Transport::Inproc {
            let event = now(&connected, "HandshakeFailed");
            assert_eq!(failure_of(&event), HandshakeFailure::Refused, "{event:?}");
        }
    }
}

#[test]
fn the_second_peer_of_a_pair_is_refused() {
    for &transport in ALL {
        let home = Home::new();
        let pair = home.pair().build().unwrap();
        let first = home.pair().build().unwrap();
        meet!(home, transport, pair, first);
        let here = pair.last_endpoint().unwrap();
        let second = home.pair().build().unwrap();
        let (bound, connected) = (pair.monitor(), second.monitor());
        second.connect(&here).unwrap();
        if transport == Transport::Inproc {
            for monitor in [&bound, &connected] {
                let event = now(monitor, "HandshakeFailed");
                assert_eq!(failure_of(&event), HandshakeFailure::Refused);
            }
        } else {
            let event = now(&bound, "AcceptFailed");
            assert!(event.reason().unwrap().contains("PAIR"), "{event:?}");
            next(&connected, "HandshakeFailed");
            next(&connected, "RetryScheduled");
        }
        // It has the place once that is free.
        first.close().unwrap();
        next(&bound, "Disconnected");
        next(&bound, "HandshakeSucceeded");
        next(&connected, "HandshakeSucceeded");
    }
}

#[test]
fn a_peer_that_comes_back_is_told() {
    for &transport in WIRE {
        let home = Home::new();
        let there = home.vacant(transport);
        let push = home.push().build().unwrap();
        let monitor = push.monitor();
        push.connect(&there).unwrap();
        for _ in 0..2 {
            let pull = home.pull().build().unwrap();
            until("the address can be bound", || pull.bind(&there).is_ok());
            next(&monitor, "HandshakeSucceeded");
            pull.close().unwrap();
            next(&monitor, "Disconnected");
            now(&monitor, "RetryScheduled");
        }
    }
}

#[test]
fn a_silent_connection_is_told_as_gone() {
    for &transport in WIRE {
        let home = Home::new();
        let pull = home
            .pull()
            .heartbeat_interval(Duration::from_millis(20))
            .heartbeat_timeout(Duration::from_millis(50))
            .build()
            .unwrap();
        let monitor = pull.monitor();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        let raw = Raw::join(&here, "PUSH");
        next(&monitor, "HandshakeSucceeded");
        let event = now(&monitor, "Disconnected");
        assert!(!event.reason().unwrap().contains("closed"), "{event:?}");
        drop(raw);
    }
}

#[test]
fn what_is_dropped_with_a_peer_is_told() {
    for &transport in WIRE {
        let home = Home::new();
        let dealer = home.of(Dealer::builder()).build().unwrap();
        let monitor = dealer.monitor();
        let here = dealer.bind(home.endpoint(transport)).unwrap();
        let raw = Raw::join(&here, "DEALER");
        next(&monitor, "HandshakeSucceeded");
        let message = vec![0; 1 << 16];
        while dealer.try_send(message.clone()).is_ok() {}
        drop(raw);
        next(&monitor, "SendQueueFull");
        next(&monitor, "Disconnected");
        match now(&monitor, "Dropped") {
            MonitorEvent::Dropped {
                messages, bytes, ..
            } => {
                assert!(messages > 0);
                assert_eq!(bytes, messages << 16);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Sends until the peer misses messages, has them read, and counts what it was told of.
fn drops_and_says_so(
    monitor: &Monitor,
    send: impl Fn(Vec<u8>),
    receives: impl Fn() -> bool,
    dropped: impl Fn() -> u64,
) {
    let message = vec![b'n'; 1 << 14];
    let mut told = 0;
    for _ in 0..2 {
        let started = loop {
            send(message.clone());
            match monitor.try_recv() {
                Err(TryRecvError::Empty) => {}
                event => break event.unwrap(),
            }
        };
        assert_eq!(name(&started), "DroppingStarted", "{started:?}");
        let ended = loop {
            receives();
            match monitor.try_recv() {
                Err(TryRecvError::Empty) => {}
                event => break event.unwrap(),
            }
        };
        match ended {
            MonitorEvent::DroppingEnded { messages, peer } => {
                assert!(messages > 0);
                assert_eq!(peer.address(), peer_of(&started).address());
                told += messages;
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(dropped(), told);
    }
    // One that leaves meanwhile is told as gone, and that is all.
    loop {
        send(message.clone());
        match monitor.try_recv() {
            Err(TryRecvError::Empty) => {}
            event => break assert_eq!(name(&event.unwrap()), "DroppingStarted"),
        }
    }
}

#[test]
fn a_publisher_tells_that_it_drops_messages_for_a_subscriber() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = home.of(Pub::builder()).send_hwm(10).build().unwrap();
        let sub = home.of(Sub::builder()).recv_hwm(10).build().unwrap();
        sub.subscribe("n").unwrap();
        meet!(home, transport, publisher, sub);
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        let monitor = publisher.monitor();
        drops_and_says_so(
            &monitor,
            |message| publisher.send(message).unwrap(),
            || sub.try_recv().is_ok(),
            || publisher.stats().dropped.full,
        );
        sub.close().unwrap();
        next(&monitor, "Disconnected");
    }
}

#[test]
fn a_router_tells_that_it_drops_messages_for_a_peer() {
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder()).send_hwm(10).build().unwrap();
        let dealer = home
            .of(Dealer::builder())
            .routing_id("it")
            .recv_hwm(10)
            .build()
            .unwrap();
        meet!(home, transport, router, dealer);
        let id = RoutingId::try_from("it").unwrap();
        let monitor = router.monitor();
        drops_and_says_so(
            &monitor,
            |message| router.send_to(&id, message).unwrap(),
            || dealer.try_recv().is_ok(),
            || router.stats().dropped.full,
        );
        dealer.close().unwrap();
        next(&monitor, "Disconnected");
    }
}

// ---- monitors

#[test]
fn one_that_nobody_reads_loses_events_and_holds_nobody_up() {
    const LIMIT: usize = 10_000;
    let home = Home::new();
    let pair = home.pair().build().unwrap();
    let other = home.pair().build().unwrap();
    let monitor = pair.monitor();
    let here = pair.bind(home.endpoint(Transport::Inproc)).unwrap();
    // Two events each, and the first.
    for _ in 0..LIMIT / 2 + 10 {
        other.connect(&here).unwrap();
        other.disconnect(&here).unwrap();
    }
    assert_eq!(monitor.lost(), 21);
    pair.close().unwrap();
    assert_eq!(monitor.lost(), 22);
    assert_eq!(rest(&monitor).len(), LIMIT);
    assert_eq!(monitor.try_recv().unwrap_err(), TryRecvError::Closed);
}

#[test]
fn each_of_several_gets_every_event() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let (one, other) = (pull.monitor(), pull.monitor());
    drop(pull.monitor());
    pull.bind(home.endpoint(Transport::Tcp)).unwrap();
    let late = pull.monitor();
    pull.close().unwrap();
    assert_eq!(rest(&one), ["Listening", "Closed"]);
    assert_eq!(rest(&other), ["Listening", "Closed"]);
    assert_eq!(rest(&late), ["Closed"]);
    assert_eq!(pull.monitor().recv().unwrap_err(), RecvError::Closed);
}

#[test]
fn it_outlives_its_socket_but_does_not_keep_it() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        let monitor = pull.monitor();
        drop(pull);
        let again = home.pull().build().unwrap();
        again.bind(&here).unwrap();
        assert_eq!(rest(&monitor), ["Closed"]);
        assert_eq!(monitor.recv().unwrap_err(), RecvError::Closed);
        assert_eq!(
            monitor.recv_timeout(PATIENCE).unwrap_err(),
            RecvError::Closed
        );
    }
}

type Ends = fn(Pull) -> Result<(), Unsent>;

#[test]
fn however_a_socket_ends_the_last_events_arrive() {
    let ends: [(&str, Ends); 4] = [
        ("close", |pull| pull.close()),
        ("drop", |pull| {
            drop(pull);
            Ok(())
        }),
        ("close_async", |pull| block_on(pull.close_async())),
        ("detach", |pull| {
            pull.detach();
            Ok(())
        }),
    ];
    for &transport in ALL {
        for (how, end) in ends {
            let home = Home::new();
            let pull = home.pull().build().unwrap();
            let push = home.push().build().unwrap();
            meet!(home, transport, pull, push);
            let monitor = pull.monitor();
            let reader = thread::spawn(move || rest(&monitor));
            end(pull).unwrap();
            let mut told = reader.join().unwrap();
            told.sort();
            assert_eq!(told, ["Closed", "Disconnected"], "{how} {transport:?}");
        }
    }
}

#[test]
fn the_end_of_a_context_is_told_to_the_end() {
    for &transport in ALL {
        for asynchronous in [false, true] {
            let home = Home::new();
            let pull = home.pull().build().unwrap();
            let push = home.push().build().unwrap();
            meet!(home, transport, pull, push);
            let (bound, connected) = (pull.monitor(), push.monitor());
            let readers = [bound, connected].map(|monitor| {
                thread::spawn(move || monitor.map(|e| name(&e)).collect::<Vec<_>>())
            });
            if asynchronous {
                block_on(home.context.terminate_async(PATIENCE)).unwrap();
            } else {
                home.context.terminate(PATIENCE).unwrap();
            }
            for reader in readers {
                let mut told = reader.join().unwrap();
                // The one whose peer went first may have begun to connect again.
                told.retain(|name| name == "Closed" || name == "Disconnected");
                told.sort();
                assert_eq!(told, ["Closed", "Disconnected"], "{transport:?}");
            }
        }
    }
}

#[test]
fn a_shutdown_ends_the_waiting_and_not_the_telling() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let monitor = Arc::new(pull.monitor());
    pull.bind(home.endpoint(Transport::Tcp)).unwrap();
    now(&monitor, "Listening");
    let readers = [(); 2].map(|()| {
        let monitor = monitor.clone();
        thread::spawn(move || monitor.recv().map(|event| name(&event)))
    });
    home.context.shutdown();
    for reader in readers {
        assert_eq!(reader.join().unwrap(), Err(RecvError::Terminated));
    }
    let late = pull.monitor();
    assert_eq!(late.recv().unwrap_err(), RecvError::Terminated);
    pull.close().unwrap();
    assert_eq!(rest(&monitor), ["Closed"]);
    assert_eq!(rest(&late), ["Closed"]);
    assert_eq!(monitor.recv().unwrap_err(), RecvError::Closed);
    let born = home.pull().build();
    if let Ok(born) = born {
        assert_eq!(born.monitor().recv().unwrap_err(), RecvError::Terminated);
    }
}

#[test]
fn it_waits_as_long_as_it_is_told_to() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let monitor = pull.monitor();
    assert_eq!(monitor.try_recv().unwrap_err(), TryRecvError::Empty);
    assert_eq!(
        monitor.recv_timeout(Duration::from_millis(10)).unwrap_err(),
        RecvError::Timeout
    );
    let reader = thread::spawn(move || monitor.recv().map(|event| name(&event)));
    pull.bind(home.endpoint(Transport::Inproc)).unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), "Listening");
}

#[test]
fn a_task_is_woken_and_one_that_gives_up_passes_it_on() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let monitor = pull.monitor();
    let mut first = Box::pin(monitor.recv_async());
    let mut second = Box::pin(monitor.recv_async());
    let (one, other) = (Alarm::new(), Alarm::new());
    assert!(poll(first.as_mut(), &one).is_pending());
    assert!(poll(second.as_mut(), &other).is_pending());
    pull.bind(home.endpoint(Transport::Inproc)).unwrap();
    assert_eq!((one.rung(), other.rung()), (1, 0));
    drop(first);
    assert_eq!(other.rung(), 1);
    assert_eq!(name(&block_on(second).unwrap()), "Listening");

    let mut last = pin!(monitor.recv_async());
    assert!(poll(last.as_mut(), &one).is_pending());
    pull.close().unwrap();
    assert_eq!(name(&block_on(last).unwrap()), "Closed");
    let end = block_on(monitor.recv_async());
    assert_eq!(end.unwrap_err(), RecvError::Closed);
}

/// Runs something when it is woken.
struct Does(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Wake for Does {
    fn wake(self: Arc<Self>) {
        let what = self.0.lock().unwrap().take();
        if let Some(what) = what {
            what();
        }
    }
}

/// A waker runs on the I/O thread that told of something, with no lock held: it may use everything.
#[test]
fn whoever_is_woken_on_an_io_thread_may_use_the_socket_and_does_not_wait() {
    for &transport in ALL {
        let home = Home::new();
        let pull = Arc::new(home.pull().build().unwrap());
        let push = home.push().build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        let monitor = Arc::new(pull.monitor());
        let (done, outcome) = mpsc::channel();
        let what = {
            let (pull, monitor) = (pull.clone(), monitor.clone());
            move || {
                let first = monitor.recv().map(|event| name(&event));
                let mut count = 0;
                while monitor.try_recv().is_ok() {
                    count += 1;
                }
                let seen = (pull.endpoints().len(), pull.peers().len(), count);
                drop(pull.monitor());
                let _ = pull.close();
                done.send((first, seen)).unwrap();
            }
        };
        let waker = Waker::from(Arc::new(Does(Mutex::new(Some(Box::new(what))))));
        let mut future = Box::pin(monitor.recv_async());
        let polled = future.as_mut().poll(&mut Cx::from_waker(&waker));
        assert!(polled.is_pending());
        push.connect(&here).unwrap();
        let (first, seen) = outcome.recv_timeout(PATIENCE).unwrap();
        assert!(first.is_ok(), "{first:?}");
        assert_eq!(seen.0, 1);
        next_or_end(&monitor);
    }
}

/// Reads to the end, with wakers that panic.
fn read_in_panic(monitor: &Monitor) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        let panics = Arc::new(Does(Mutex::new(Some(Box::new(|| panic!("on purpose"))))));
        let waker = Waker::from(panics.clone());
        let mut next = Box::pin(monitor.recv_async());
        match next.as_mut().poll(&mut Cx::from_waker(&waker)) {
            Poll::Ready(Ok(event)) => told.push(name(&event)),
            Poll::Ready(Err(_)) => return told,
            Poll::Pending => until("it is woken", || panics.0.lock().unwrap().is_none()),
        }
    }
}

/// Whoever only watches cannot break anything.
#[test]
fn a_waker_that_panics_costs_nothing() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let push = home.push().build().unwrap();
        let readers = [pull.monitor(), push.monitor()]
            .map(|monitor| thread::spawn(move || read_in_panic(&monitor)));
        meet!(home, transport, pull, push);
        push.send("hello").unwrap();
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "hello");
        push.close().unwrap();
        support::until_alone(|n, timeout| pull.wait_for_peers(n, timeout));
        pull.close().unwrap();
        for reader in readers {
            let mut told = reader.join().unwrap();
            told.retain(|name| name != "Listening" && name != "Accepted");
            told.retain(|name| name != "Connecting" && name != "Connected");
            assert_eq!(told, ["HandshakeSucceeded", "Disconnected", "Closed"]);
        }
    }
}

/// Reads to the end.
fn next_or_end(monitor: &Monitor) {
    while monitor.recv_timeout(PATIENCE).is_ok() {}
    assert_eq!(monitor.try_recv().unwrap_err(), TryRecvError::Closed);
}

/// Every type has one.
#[test]
fn of_any_socket() {
    let home = Home::new();
    let sub = home.of(Sub::builder()).build().unwrap();
    let socket = zocket::Socket::from(sub);
    let monitor = socket.monitor();
    let here: Endpoint = socket.bind(home.endpoint(Transport::Inproc)).unwrap();
    assert_eq!(now(&monitor, "Listening").endpoint(), Some(&here));
    assert_eq!(format!("{monitor:?}"), "Monitor(0 events, 0 lost)");
}

/// Nobody answers on a listener whose queue is all it has.
#[test]
fn a_connection_that_stands_is_told_before_the_handshake() {
    let home = Home::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let push: Push = home
        .push()
        .handshake_timeout(Duration::from_millis(50))
        .build()
        .unwrap();
    let monitor = push.monitor();
    push.connect(format!("tcp://{}", silent.local_addr().unwrap()))
        .unwrap();
    now(&monitor, "Connecting");
    now(&monitor, "Connected");
    let event = now(&monitor, "HandshakeFailed");
    assert_eq!(failure_of(&event), HandshakeFailure::Timeout);
    now(&monitor, "RetryScheduled");
    // What is under way when the socket lets go of it has failed, too.
    now(&monitor, "Connecting");
    now(&monitor, "Connected");
    push.close().unwrap();
    let last: Vec<MonitorEvent> = monitor.collect();
    assert_eq!(name(last.last().unwrap()), "Closed", "{last:?}");
}
