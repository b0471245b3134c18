//! What cannot be seen from the outside: a socket that is dropped is freed.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::core::Core;
use super::pattern::Pattern;
use crate::context::Context;
use crate::options::Options;
use crate::socket_type::SocketType;
use crate::waiting::Patience;

const PATIENCE: Duration = Duration::from_secs(30);

fn until_gone(what: &str, core: &Weak<Core>) {
    let deadline = Instant::now() + PATIENCE;
    while core.strong_count() > 0 {
        assert!(Instant::now() < deadline, "{what} is still there");
        std::thread::yield_now();
    }
}

/// Pipes are kept track of beyond their ends: nothing there may keep the socket.
#[test]
fn a_closed_socket_is_freed_with_pipes_that_ended_before_it() {
    for endpoint in ["inproc://freed", "tcp://127.0.0.1:*"] {
        for (one, other) in [
            (SocketType::Push, SocketType::Pull),
            (SocketType::Dealer, SocketType::Router),
            (SocketType::XSub, SocketType::XPub),
            (SocketType::Pair, SocketType::Pair),
        ] {
            for sender_first in [true, false] {
                let context = Context::new();
                let socket = |it| Core::new(Pattern(it), Options::default(), context.clone());
                let (sender, receiver) = (socket(one), socket(other));
                let here = receiver.bind(endpoint.parse().unwrap()).unwrap();
                sender.connect(here).unwrap();
                sender
                    .send_raw("message".into(), || Patience::from_now(PATIENCE))
                    .unwrap();
                receiver.recv_raw(|| Patience::from_now(PATIENCE)).unwrap();
                let cores = [Arc::downgrade(&sender), Arc::downgrade(&receiver)];
                let close = |core: Arc<Core>| {
                    core.close(Some(PATIENCE)).unwrap();
                    drop(core);
                };
                if sender_first {
                    close(sender);
                    // Its end is looked at by whoever receives.
                    let _ = receiver.recv_raw(|| Patience::from_now(Duration::from_millis(1)));
                    close(receiver);
                } else {
                    close(receiver);
                    close(sender);
                }
                for core in &cores {
                    until_gone(&format!("a {one} or {other} of {endpoint}"), core);
                }
            }
        }
    }
}

/// A request that is given up ends its pipe: at the server, too, where somebody else may be asking
/// on and on.
#[test]
fn what_a_requester_gave_up_does_not_keep_it() {
    let context = Context::new();
    let socket = |it| Core::new(Pattern(it), Options::default(), context.clone());
    let (req, rep) = (socket(SocketType::Req), socket(SocketType::Rep));
    let give_up = || {
        let serial = req.ask("anybody?".into(), || Patience::from_now(PATIENCE));
        req.abandon(serial.unwrap());
    };
    req.connect("inproc://given-up".parse().unwrap()).unwrap();
    // Before there is a server: it gets the last of these only.
    give_up();
    give_up();
    assert_eq!(req.stats().dropped.with_peer, 2);
    rep.bind("inproc://given-up".parse().unwrap()).unwrap();
    // And when there is one: what was asked is there to be read.
    give_up();
    give_up();
    for _ in 0..2 {
        rep.recv_request(|| Patience::from_now(PATIENCE)).unwrap();
    }
    let nothing_more = rep.recv_request(|| Patience::from_now(Duration::from_millis(1)));
    assert!(nothing_more.is_err());
    let stats = req.stats();
    assert_eq!(stats.accepted.messages, 4);
    assert_eq!((stats.written.messages, stats.send_queue.messages), (2, 0));

    let gone = Arc::downgrade(&req);
    req.close(Some(PATIENCE)).unwrap();
    drop(req);
    until_gone("the REQ", &gone);
    drop(rep);
}

/// Peers that come and go, and say nothing, leave nothing behind at a socket that nobody reads.
#[test]
fn silent_peers_leave_no_readers_behind() {
    let context = Context::new();
    let socket = |it| Core::new(Pattern(it), Options::default(), context.clone());
    let pull = socket(SocketType::Pull);
    for endpoint in ["inproc://silent", "tcp://127.0.0.1:*"] {
        let here = pull.bind(endpoint.parse().unwrap()).unwrap();
        for _ in 0..3 {
            let push = socket(SocketType::Push);
            push.connect(here.clone()).unwrap();
            pull.wait_for_peers(1, PATIENCE).unwrap();
            push.close(Some(PATIENCE)).unwrap();
            let deadline = Instant::now() + PATIENCE;
            while pull.inbound.peek(|half| !half.readers.is_empty()) {
                assert!(Instant::now() < deadline, "{endpoint}: a reader is left");
                std::thread::yield_now();
            }
        }
    }
}

/// A socket with one peer sends past its half: with peers that come and go it is the same messages
/// that arrive, and the same that are counted.
#[test]
fn what_goes_past_the_half_is_counted_and_shared() {
    let context = Context::new();
    let socket = |it| Core::new(Pattern(it), Options::default(), context.clone());
    let push = socket(SocketType::Push);
    let send = |text: String| {
        push.send(text.into(), || Patience::from_now(PATIENCE))
            .unwrap()
    };
    let here = push
        .bind("inproc://past-the-half".parse().unwrap())
        .unwrap();
    let mut sent = 0;
    // More than there are shortcuts, one after the other.
    for round in 0..12 {
        let pull = socket(SocketType::Pull);
        pull.connect(here.clone()).unwrap();
        for n in 0..5 {
            send(format!("{round} {n}"));
            let message = pull.recv(|| Patience::from_now(PATIENCE)).unwrap();
            assert_eq!(message, format!("{round} {n}"));
        }
        // Nobody takes the first meanwhile, so that the others follow it directly.
        (0..5).for_each(|n| send(format!("more {n}")));
        sent += 10;
        let other = socket(SocketType::Pull);
        other.connect(here.clone()).unwrap();
        push.wait_for_peers(2, PATIENCE).unwrap();
        (0..4).for_each(|n| send(format!("shared {n}")));
        sent += 4;
        let stats = [pull.stats(), other.stats()];
        assert_eq!(stats.map(|stats| stats.arrived.messages), [12, 2]);
        let stats = push.stats();
        assert_eq!(stats.accepted.messages, sent);
        assert_eq!(
            stats.accepted.messages,
            stats.written.messages + stats.send_queue.messages + stats.dropped.total()
        );
        for pull in [pull, other] {
            pull.close(Some(PATIENCE)).unwrap();
        }
        let deadline = Instant::now() + PATIENCE;
        while push.outbound.peek(|half| half.has_place(true).is_err()) {
            assert!(Instant::now() < deadline, "a peer that left is still there");
            std::thread::yield_now();
        }
    }
    push.close(Some(PATIENCE)).unwrap();
    let late = push.send("late".into(), || Patience::None);
    assert!(late.is_err());
    assert_eq!(push.stats().accepted.messages, sent);
}
