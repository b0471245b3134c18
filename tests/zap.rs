//! A ZAP handler decides as it does for libzmq: it is asked in the same words, and one that is not
//! there, late, dead or lying lets nobody in and holds up nobody else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod door;
mod support;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use door::{client, denied, failure, knock, nobody_is_in};
use support::{Home, PATIENCE, Transport, WIRE, next_of, until};
use zocket::{Builder, Dealer, HandshakeFailure, Message, Pull, Rep, Router, Security};

const ZAP: &str = "inproc://zeromq.zap.01";

fn admin() -> Security {
    Security::plain_client("admin", "secret")
}

fn plain_server(home: &Home) -> Builder<Pull> {
    home.pull().security(Security::plain_server())
}

fn frames(frames: &[&[u8]]) -> Message {
    frames.iter().map(|frame| frame.to_vec()).collect()
}

/// A handler that answers each request, without its delimiter, with what this makes of it.
fn handler(home: &Home, answer: impl Fn(&Message) -> Message + Send + 'static) {
    let rep = home.of(Rep::builder()).build().unwrap();
    rep.bind(ZAP).unwrap();
    thread::spawn(move || {
        // Until the context is shut down, or the test ends.
        while let Ok(request) = rep.recv() {
            let reply = answer(&request);
            let _ = request.reply(reply);
        }
    });
}

fn ok(user: &str) -> Message {
    frames(&[b"1.0", b"1", b"200", b"OK", user.as_bytes(), b""])
}

// ---- the words

#[test]
fn a_rep_is_asked_as_libzmq_asks_it() {
    for &transport in WIRE {
        let home = Home::new();
        let (tell, told) = mpsc::channel();
        handler(&home, move |request| {
            tell.send(request.clone()).unwrap();
            frames(&[
                b"1.0",
                b"1",
                b"200",
                b"OK",
                b"joe",
                b"\x06X-Role\0\0\0\x04boss",
            ])
        });
        let router = home
            .of(Router::builder())
            .security(Security::plain_server())
            .zap_domain("global")
            .build()
            .unwrap();
        let dealer = home.of(Dealer::builder()).security(admin());
        let dealer = dealer.routing_id("its own").build().unwrap();
        dealer
            .connect(router.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        dealer.send("hello").unwrap();
        let (peer, message) = router.recv_from_peer_timeout(PATIENCE).unwrap();
        assert_eq!(message.frames().next_back().unwrap(), &b"hello"[..]);
        assert_eq!(peer.user_id(), Some("joe"));
        assert_eq!(peer.user_property("x-role"), Some(&b"boss"[..]));
        let request: Message = told.recv_timeout(PATIENCE).unwrap();
        let request: Vec<&[u8]> = request.frames().map(|frame| &**frame).collect();
        // The routing id is that of the socket that asks, which a ROUTER here has not.
        let [
            b"1.0",
            b"1",
            b"global",
            address,
            b"",
            b"PLAIN",
            b"admin",
            b"secret",
        ] = request[..]
        else {
            panic!("{request:?}");
        };
        let expected = match transport {
            Transport::Tcp => "127.0.0.1",
            _ => "localhost:",
        };
        let address = String::from_utf8_lossy(address);
        assert!(address.starts_with(expected), "{address}");
    }
}

#[test]
fn a_router_is_asked_with_the_delimiter_and_may_answer_in_any_order() {
    let home = Home::new();
    let zap = home.of(Router::builder()).build().unwrap();
    zap.bind(ZAP).unwrap();
    let pull = plain_server(&home).build().unwrap();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    let first = client(&home, Security::plain_client("first", ""));
    first.connect(&here).unwrap();
    let (first_id, request) = zap.recv_from_timeout(PATIENCE).unwrap();
    let request: Vec<&[u8]> = request.frames().map(|frame| &**frame).collect();
    let expected: [&[u8]; 9] = [
        b"",
        b"1.0",
        b"1",
        b"",
        b"127.0.0.1",
        b"",
        b"PLAIN",
        b"first",
        b"",
    ];
    assert_eq!(request, expected);
    let second = client(&home, Security::plain_client("second", ""));
    second.connect(&here).unwrap();
    let (second_id, _) = zap.recv_from_timeout(PATIENCE).unwrap();
    for (id, user) in [(second_id, "2nd"), (first_id, "1st")] {
        let mut reply = ok(user);
        reply.push_front("");
        zap.send_to(&id, reply).unwrap();
        until("it is in", || {
            (pull.peers().iter()).any(|peer| peer.user_id() == Some(user))
        });
    }
}

#[test]
fn every_status_is_what_it_says() {
    for status in [300, 400, 500] {
        let home = Home::new();
        handler(&home, move |_| {
            frames(&[
                b"1.0",
                b"1",
                status.to_string().as_bytes(),
                b"not you",
                b"joe",
                b"",
            ])
        });
        let pull = plain_server(&home).build().unwrap();
        let events = pull.monitor();
        let push = client(&home, admin());
        let told = push.monitor();
        push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        push.send("hello").unwrap();
        let (failed, reason) = failure(&events);
        assert_eq!(failed, denied(status));
        assert!(reason.contains("not you"), "{reason}");
        let there = match status {
            300 => HandshakeFailure::Lost,
            _ => denied(status),
        };
        assert_eq!(failure(&told).0, there);
        nobody_is_in(&pull);
    }
}

// ---- when it is asked

#[test]
fn with_null_it_is_asked_where_there_is_a_domain() {
    let home = Home::new();
    let (tell, told) = mpsc::channel();
    handler(&home, move |request| {
        tell.send(request.clone()).unwrap();
        ok("joe")
    });
    let pull = home.pull().build().unwrap();
    let push = home.push().build().unwrap();
    push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    push.send("hello").unwrap();
    let (peer, _) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
    assert_eq!(peer.user_id(), None);
    assert!(told.try_recv().is_err());

    let pull = home.pull().zap_domain("global").build().unwrap();
    let push = home.push().build().unwrap();
    push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    push.send("hello").unwrap();
    let (peer, _) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
    assert_eq!(peer.user_id(), Some("joe"));
    let request: Message = told.recv_timeout(PATIENCE).unwrap();
    let expected: [&[u8]; 6] = [b"1.0", b"1", b"global", b"127.0.0.1", b"", b"NULL"];
    assert_eq!(request, frames(&expected));
}

#[test]
fn an_authenticator_is_asked_instead() {
    let home = Home::new();
    handler(&home, |_| ok("zap"));
    let pull = plain_server(&home)
        .authenticator(zocket::auth::Passwords::new().with("admin", "secret"))
        .build()
        .unwrap();
    let _push = knock(&home, &pull, admin());
    let (peer, _) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
    assert_eq!(peer.user_id(), Some("admin"));
}

#[test]
fn s4_without_a_handler_a_domain_lets_nobody_in_unless_it_is_not_enforced() {
    let home = Home::new();
    let pull = home.pull().zap_domain("global").build().unwrap();
    let events = pull.monitor();
    let _push = knock(&home, &pull, Security::null());
    let (failed, reason) = failure(&events);
    assert_eq!(failed, denied(300));
    assert!(reason.contains("no ZAP handler"), "{reason}");
    nobody_is_in(&pull);
    // It is asked once it is there.
    handler(&home, |_| ok("joe"));
    assert_eq!(next_of(&pull), "hello");

    // As libzmq has it by default.
    let other = Home::new();
    for builder in [
        other.pull().zap_enforce_domain(false),
        other.of(Pull::builder().with_libzmq_defaults()),
    ] {
        let pull = builder.zap_domain("global").build().unwrap();
        let push = client(&other, Security::null());
        push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        push.send("hello").unwrap();
        assert_eq!(next_of(&pull), "hello");
    }
    // A password is never taken on trust.
    let pull = plain_server(&other).zap_enforce_domain(false);
    let pull = pull.build().unwrap();
    let events = pull.monitor();
    let push = client(&other, admin());
    push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    assert_eq!(failure(&events).0, denied(300));
}

#[test]
fn what_asks_takes_no_place_of_the_applications_sockets() {
    let mut home = Home::new();
    home.context = zocket::Context::builder().max_sockets(3).build().unwrap();
    handler(&home, |_| ok("joe"));
    let pull = plain_server(&home).build().unwrap();
    let _push = knock(&home, &pull, admin());
    assert_eq!(next_of(&pull), "hello");
}

// ---- handlers that are no good

#[test]
fn s4_what_is_no_reply_lets_nobody_in() {
    let good: [&[u8]; 6] = [b"1.0", b"1", b"200", b"OK", b"joe", b""];
    let with = |place: usize, frame: &'static [u8]| {
        let mut all = good;
        all[place] = frame;
        frames(&all)
    };
    let mut long = good.to_vec();
    long.push(b"");
    for reply in [
        frames(&good[..3]),
        frames(&[b"garbage"]),
        frames(&long),
        with(0, b"2.0"),
        with(1, b"2"),
        with(2, b"200 "),
        with(2, b"199"),
        with(4, b"\xff"),
        with(5, b"\x02X"),
    ] {
        let home = Home::new();
        let answer = reply.clone();
        handler(&home, move |_| answer.clone());
        let pull = plain_server(&home).build().unwrap();
        let events = pull.monitor();
        let _push = knock(&home, &pull, admin());
        let (failed, reason) = failure(&events);
        assert_eq!(failed, denied(300), "{reply:?}");
        assert!(reason.contains("the ZAP handler: "), "{reason}");
        nobody_is_in(&pull);
    }
}

#[test]
fn s4_one_that_never_answers_costs_the_handshake_its_time_and_others_nothing() {
    let home = Home::new();
    let zap = home.of(Router::builder()).build().unwrap();
    zap.bind(ZAP).unwrap();
    let pull = plain_server(&home)
        .handshake_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let events = pull.monitor();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    let slow = client(&home, Security::plain_client("slow", ""));
    slow.connect(&here).unwrap();
    let (late, _) = zap.recv_from_timeout(PATIENCE).unwrap();
    assert_eq!(failure(&events).0, HandshakeFailure::Timeout);
    // Too late, and for nobody.
    let mut reply = ok("late");
    reply.push_front("");
    zap.send_to(&late, reply).unwrap();
    nobody_is_in(&pull);
    slow.close().unwrap();
    // Others are answered meanwhile, and after that.
    let push = client(&home, admin());
    push.connect(&here).unwrap();
    push.send("hello").unwrap();
    loop {
        let (id, request) = zap.recv_from_timeout(PATIENCE).unwrap();
        if request.frames().any(|frame| **frame == *b"admin") {
            let mut reply = ok("admin");
            reply.push_front("");
            zap.send_to(&id, reply).unwrap();
            break;
        }
    }
    assert_eq!(next_of(&pull), "hello");
}

#[test]
fn s4_one_that_dies_with_a_request_ends_the_handshake_at_once() {
    let home = Home::new();
    let zap = home.of(Router::builder()).build().unwrap();
    zap.bind(ZAP).unwrap();
    let pull = plain_server(&home).handshake_timeout(None).build().unwrap();
    let events = pull.monitor();
    let _push = knock(&home, &pull, admin());
    zap.recv_from_timeout(PATIENCE).unwrap();
    drop(zap);
    let (failed, reason) = failure(&events);
    assert_eq!(failed, denied(300));
    assert!(reason.contains("without a reply"), "{reason}");
    nobody_is_in(&pull);
    // Another takes its place, and is asked.
    handler(&home, |_| ok("joe"));
    assert_eq!(next_of(&pull), "hello");
}

#[test]
fn s4_what_cannot_be_asked_lets_nobody_in() {
    let home = Home::new();
    let unfit = home.pull().build().unwrap();
    unfit.bind(ZAP).unwrap();
    let pull = plain_server(&home).build().unwrap();
    let events = pull.monitor();
    let _push = knock(&home, &pull, admin());
    let (failed, reason) = failure(&events);
    assert_eq!(failed, denied(300));
    assert!(reason.contains("REQ cannot talk to the PULL"), "{reason}");
    nobody_is_in(&pull);
}

#[test]
fn s12_requests_of_those_who_left_do_not_heap_up_at_a_handler_that_does_not_read() {
    let home = Home::new();
    let zap = home.of(Router::builder()).build().unwrap();
    zap.bind(ZAP).unwrap();
    let pull = plain_server(&home).build().unwrap();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    let failed = || pull.stats().connections.handshakes_failed;
    let waiting = || zap.stats().recv_queue.messages;
    for _ in 0..300 {
        let (known, queued) = (failed(), waiting());
        let push = client(&home, admin());
        push.connect(&here).unwrap();
        until("it is asked about, or refused", || {
            waiting() > queued || failed() > known
        });
        push.close().unwrap();
        until("it is gone", || failed() > known);
    }
    assert!((100..=256).contains(&waiting()), "{} wait", waiting());
    // At work again, it is asked again.
    let push = client(&home, admin());
    push.connect(&here).unwrap();
    push.send("hello").unwrap();
    thread::spawn(move || {
        while let Ok((id, _)) = zap.recv_from() {
            let mut reply = ok("admin");
            reply.push_front("");
            let _ = zap.send_to(&id, reply);
        }
    });
    assert_eq!(next_of(&pull), "hello");
}
