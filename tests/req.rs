//! REQ: asks its peers in turn, listens to the one it asked, and is never stuck with one that left.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::TcpListener;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use peer::{MORE, Raw, frame, greeting, vector};
use support::{ALL, Home, PATIENCE, QUIET, Transport, WIRE, until, until_alone, until_it_adds_up};
use zocket::{
    Dealer, Message, RecvError, Rep, Req, Router, RoutingId, SendFailure, TryRecvError,
    TrySendError,
};

fn joined(home: &Home, transport: Transport) -> (Req, Rep) {
    let rep = home.of(Rep::builder()).build().unwrap();
    let req = home.of(Req::builder()).build().unwrap();
    req.connect(rep.bind(home.endpoint(transport)).unwrap())
        .unwrap();
    req.wait_for_peers(1, PATIENCE).unwrap();
    (req, rep)
}

fn answer(rep: &Rep, expected: &str, reply: &str) {
    let request = rep.recv_timeout(PATIENCE).unwrap();
    assert_eq!(*request, expected);
    request.reply(reply).unwrap();
}

/// The id by which a ROUTER knows its only peer.
fn only_peer(router: &Router) -> RoutingId {
    router.wait_for_peers(1, PATIENCE).unwrap();
    let peers = router.peers();
    assert_eq!(peers.len(), 1);
    peers[0].routing_id().unwrap().clone()
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

// ---- whom it asks

#[test]
fn peers_are_asked_in_turn() {
    for &transport in ALL {
        let home = Home::new();
        let req = home.of(Req::builder()).build().unwrap();
        let reps: Vec<Rep> = (0..5)
            .map(|_| home.of(Rep::builder()).build().unwrap())
            .collect();
        for rep in &reps {
            req.connect(rep.bind(home.endpoint(transport)).unwrap())
                .unwrap();
        }
        req.wait_for_peers(5, PATIENCE).unwrap();
        for round in 0..4 {
            for (number, rep) in reps.iter().enumerate() {
                let request = format!("{round} {number}");
                req.send(request.as_str()).unwrap();
                answer(rep, &request, "yes");
                assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "yes", "{transport:?}");
            }
        }
    }
}

#[test]
fn peers_that_connect_to_it_are_asked_in_turn() {
    for &transport in ALL {
        let home = Home::new();
        let req = home.of(Req::builder()).build().unwrap();
        let here = req.bind(home.endpoint(transport)).unwrap();
        let reps: Vec<Rep> = (0..3)
            .map(|_| home.of(Rep::builder()).build().unwrap())
            .collect();
        for rep in &reps {
            rep.connect(&here).unwrap();
        }
        req.wait_for_peers(3, PATIENCE).unwrap();
        let mut asked = BTreeMap::new();
        for round in 0..9 {
            req.send(round.to_string()).unwrap();
            let mut got = None;
            until("the request arrives", || {
                got = reps
                    .iter()
                    .enumerate()
                    .find_map(|(number, rep)| rep.try_recv().ok().map(|it| (number, it)));
                got.is_some()
            });
            let (number, request) = got.unwrap();
            request.reply("").unwrap();
            assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "");
            asked.entry(number).or_insert_with(Vec::new).push(round % 3);
        }
        // Each has had the same place in every round.
        assert_eq!(asked.len(), 3, "{transport:?}");
        for places in asked.values() {
            assert!(places.iter().all(|place| *place == places[0]), "{asked:?}");
        }
    }
}

#[test]
fn without_a_peer_a_request_is_not_taken() {
    for &transport in ALL {
        let home = Home::new();
        let req = home.of(Req::builder()).build().unwrap();
        req.bind(home.endpoint(transport)).unwrap();
        let message = Message::from(["", "two"]);
        let full = req.try_send(message.clone()).unwrap_err();
        assert!(full.is_full());
        assert_eq!(
            full.into_message(),
            message,
            "as it was, without an envelope"
        );
        let error = req.send_timeout(message.clone(), QUIET).unwrap_err();
        assert!(error.is_timeout());
        assert_eq!(error.into_message(), message);
        // Nothing is under way.
        assert_eq!(req.try_recv(), Err(TryRecvError::WrongState));
    }
}

#[test]
fn a_send_that_waits_goes_to_the_peer_that_comes() {
    for &transport in ALL {
        let home = Home::new();
        let req = home.of(Req::builder()).build().unwrap();
        let here = req.bind(home.endpoint(transport)).unwrap();
        let rep = home.of(Rep::builder()).build().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                req.send_timeout("at last", PATIENCE).unwrap();
                assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "yes");
            });
            rep.connect(&here).unwrap();
            answer(&rep, "at last", "yes");
        });
    }
}

#[test]
fn a_request_waits_for_a_peer_that_is_not_there_yet() {
    for &transport in ALL {
        let home = Home::new();
        let there = home.vacant(transport);
        let req = home.of(Req::builder()).build().unwrap();
        req.connect(there.as_str()).unwrap();
        req.send("early").unwrap();
        assert_eq!(req.recv_timeout(QUIET), Err(RecvError::Timeout));
        let rep = home.of(Rep::builder()).build().unwrap();
        rep.bind(there.as_str()).unwrap();
        answer(&rep, "early", "late");
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "late");
    }
}

// ---- whose turn it is

#[test]
fn a_second_send_is_refused_and_changes_nothing() {
    for &transport in ALL {
        let home = Home::new();
        let (req, rep) = joined(&home, transport);
        for round in 0..3 {
            let request = format!("request {round}");
            req.send(request.as_str()).unwrap();
            let two = Message::from(["se", "cond"]);
            let error = req.send(two.clone()).unwrap_err();
            assert_eq!(error.reason, SendFailure::WrongState);
            assert_eq!(error.into_message(), two);
            let error = req.send_timeout(two.clone(), PATIENCE).unwrap_err();
            assert_eq!(error.reason, SendFailure::WrongState);
            assert!(matches!(
                req.try_send(two.clone()),
                Err(TrySendError::WrongState(message)) if message == two
            ));
            match poll_once(req.send_async(two.clone())) {
                Poll::Ready(Err(error)) => {
                    assert_eq!(error.reason, SendFailure::WrongState);
                    assert_eq!(error.into_message(), two);
                }
                other => panic!("{other:?}"),
            }
            answer(&rep, &request, "reply");
            assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "reply");
            // Not taken for requests anywhere.
            assert!(rep.try_recv().is_err());
        }
    }
}

#[test]
fn receiving_without_a_request_is_refused() {
    for &transport in ALL {
        let home = Home::new();
        let (req, rep) = joined(&home, transport);
        for _ in 0..3 {
            assert_eq!(req.recv(), Err(RecvError::WrongState));
            assert_eq!(req.recv_timeout(PATIENCE), Err(RecvError::WrongState));
            assert_eq!(req.try_recv(), Err(TryRecvError::WrongState));
            assert_eq!(
                poll_once(req.recv_async()),
                Poll::Ready(Err(RecvError::WrongState))
            );
            assert!(req.iter().next().is_none());
            req.send("request").unwrap();
            assert_eq!(req.try_recv(), Err(TryRecvError::Empty));
            answer(&rep, "request", "reply");
            assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "reply");
        }
    }
}

#[test]
fn a_time_out_leaves_the_exchange_as_it_is() {
    for &transport in ALL {
        let home = Home::new();
        let (req, rep) = joined(&home, transport);
        req.send("slow").unwrap();
        assert_eq!(req.recv_timeout(Duration::ZERO), Err(RecvError::Timeout));
        assert_eq!(req.recv_timeout(QUIET), Err(RecvError::Timeout));
        assert!(poll_once(req.recv_async()).is_pending());
        answer(&rep, "slow", "but sure");
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "but sure");
    }
}

// ---- to whom it listens

#[test]
fn only_the_peer_that_was_asked_is_listened_to() {
    for &transport in ALL {
        let home = Home::new();
        let req = home.of(Req::builder()).build().unwrap();
        let here = req.bind(home.endpoint(transport)).unwrap();
        let routers: Vec<Router> = (0..3)
            .map(|_| home.of(Router::builder().mandatory(true)).build().unwrap())
            .collect();
        for router in &routers {
            router.connect(&here).unwrap();
        }
        req.wait_for_peers(3, PATIENCE).unwrap();
        let ids: Vec<RoutingId> = routers.iter().map(only_peer).collect();
        for round in 0..12 {
            // Before it asks, everybody talks.
            for (router, id) in routers.iter().zip(&ids) {
                router.send_to(id, ["", "too early"]).unwrap();
            }
            until("all of it is there", || {
                req.stats().arrived.messages == 6 * round + 3
            });
            let request = format!("request {round}");
            req.send(request.as_str()).unwrap();
            let mut asked = None;
            until("the request arrives", || {
                asked = routers.iter().position(|router| {
                    router.try_recv_from().is_ok_and(|(_, message)| {
                        assert_eq!(message, Message::from(["", request.as_str()]));
                        true
                    })
                });
                asked.is_some()
            });
            let asked = asked.unwrap();
            // Then the others talk, and last the one that was asked.
            for other in (0..3).filter(|other| *other != asked) {
                routers[other]
                    .send_to(&ids[other], ["", "not asked"])
                    .unwrap();
            }
            until("all of it is there", || {
                req.stats().arrived.messages == 6 * round + 5
            });
            assert_eq!(req.try_recv(), Err(TryRecvError::Empty), "{transport:?}");
            routers[asked].send_to(&ids[asked], ["", "good"]).unwrap();
            assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "good", "{transport:?}");
        }
        assert!(req.stats().discarded.stale > 0);
        assert_eq!(req.stats().returned.messages, 12);
    }
}

#[test]
fn a_malformed_reply_ends_the_exchange_and_the_next_request_works_at_once() {
    let bad: [&[&str]; 4] = [
        &["no delimiter"],
        &["no", "delimiter"],
        &["no", "", "delimiter in front"],
        &["too", "", "late"],
    ];
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder()).build().unwrap();
        let req = home.of(Req::builder()).build().unwrap();
        req.connect(router.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        for (round, bad) in bad.iter().cycle().take(40).enumerate() {
            let request = format!("request {round}");
            req.send(request.as_str()).unwrap();
            let (id, message) = router.recv_from_timeout(PATIENCE).unwrap();
            assert_eq!(message, Message::from(["", request.as_str()]));
            router
                .send_to(&id, bad.iter().copied().collect::<Message>())
                .unwrap();
            // What comes after it is not taken for the next one's reply.
            router.send_to(&id, ["", "late"]).unwrap();
            assert_eq!(
                req.recv_timeout(PATIENCE),
                Err(RecvError::PeerLost),
                "{transport:?}"
            );
            req.send("good").unwrap();
            let (id, message) = router.recv_from_timeout(PATIENCE).unwrap();
            assert_eq!(message, Message::from(["", "good"]));
            router.send_to(&id, ["", "yes"]).unwrap();
            assert_eq!(
                req.recv_timeout(PATIENCE),
                Ok("yes".into()),
                "{transport:?} {round}"
            );
        }
        assert_eq!(req.stats().discarded.malformed, 40);
    }
}

// ---- peers that leave

#[test]
fn when_the_peer_that_was_asked_leaves_another_is_asked() {
    for &transport in ALL {
        let home = Home::new();
        // Over the wire an endpoint that is connected to takes requests while nobody is there.
        let req = home.of(Req::builder().immediate(true)).build().unwrap();
        let mut reps = Vec::new();
        for _ in 0..5 {
            let rep = home.of(Rep::builder()).build().unwrap();
            req.connect(rep.bind(home.endpoint(transport)).unwrap())
                .unwrap();
            reps.push(rep);
        }
        req.wait_for_peers(5, PATIENCE).unwrap();
        while reps.len() > 1 {
            req.send_timeout("are you there?", PATIENCE).unwrap();
            let mut asked = None;
            until("somebody is asked", || {
                asked = reps
                    .iter()
                    .enumerate()
                    .find_map(|(number, rep)| rep.try_recv().ok().map(|request| (number, request)));
                asked.is_some()
            });
            let (number, request) = asked.unwrap();
            reps.swap_remove(number).close().unwrap();
            assert_eq!(
                req.recv_timeout(PATIENCE),
                Err(RecvError::PeerLost),
                "{transport:?}"
            );
            assert_eq!(req.try_recv(), Err(TryRecvError::WrongState));
            drop(request);
        }
        req.send_timeout("and you?", PATIENCE).unwrap();
        answer(&reps[0], "and you?", "yes");
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "yes", "{transport:?}");
    }
}

#[test]
fn a_peer_that_is_lost_with_the_request_and_comes_back_is_asked_again() {
    for &transport in WIRE {
        let home = Home::new();
        let there = home.vacant(transport);
        let req = home.of(Req::builder()).build().unwrap();
        req.connect(there.as_str()).unwrap();
        for round in 0..5 {
            let rep = home.of(Rep::builder()).build().unwrap();
            rep.bind(there.as_str()).unwrap();
            let request = format!("request {round}");
            req.send(request.as_str()).unwrap();
            let lost = rep.recv_timeout(PATIENCE).unwrap();
            assert_eq!(*lost, request.as_str());
            rep.close().unwrap();
            assert_eq!(req.recv_timeout(PATIENCE), Err(RecvError::PeerLost));

            // At once, and before anybody is there.
            req.send("again").unwrap();
            let rep = home.of(Rep::builder()).build().unwrap();
            rep.bind(there.as_str()).unwrap();
            answer(&rep, "again", "yes");
            assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "yes");
            rep.close().unwrap();
            until_alone(|count, timeout| req.wait_for_peers(count, timeout));
        }
    }
}

#[test]
fn over_inproc_a_lost_peer_is_told_and_another_may_be_connected_to() {
    let home = Home::new();
    let (req, rep) = joined(&home, Transport::Inproc);
    req.send("gone").unwrap();
    drop(rep);
    assert_eq!(req.recv_timeout(PATIENCE), Err(RecvError::PeerLost));
    assert!(req.try_send("nobody").unwrap_err().is_full());
    let rep = home.of(Rep::builder()).build().unwrap();
    req.connect(rep.bind(home.endpoint(Transport::Inproc)).unwrap())
        .unwrap();
    req.send("hello").unwrap();
    answer(&rep, "hello", "world");
    assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "world");
}

#[test]
fn letting_go_of_the_endpoint_that_was_asked_ends_the_exchange() {
    for &transport in ALL {
        for binds in [false, true] {
            let home = Home::new();
            let req = home.of(Req::builder()).build().unwrap();
            let rep = home.of(Rep::builder()).build().unwrap();
            let here = if binds {
                let here = req.bind(home.endpoint(transport)).unwrap();
                rep.connect(&here).unwrap();
                here
            } else {
                let here = rep.bind(home.endpoint(transport)).unwrap();
                req.connect(&here).unwrap();
                here
            };
            if binds && transport == Transport::Inproc {
                // Only the name is freed: who is joined stays.
                continue;
            }
            req.send_timeout("question", PATIENCE).unwrap();
            let request = rep.recv_timeout(PATIENCE).unwrap();
            if binds {
                req.unbind(&here).unwrap();
            } else {
                req.disconnect(&here).unwrap();
            }
            assert_eq!(
                req.recv_timeout(PATIENCE),
                Err(RecvError::PeerLost),
                "{transport:?}, binds: {binds}"
            );
            drop(request);
        }

        // Of one where nobody ever was as well.
        let home = Home::new();
        let req = home.of(Req::builder().linger(QUIET)).build().unwrap();
        let there = home.vacant(transport);
        req.connect(there.as_str()).unwrap();
        req.send("question").unwrap();
        thread::scope(|scope| {
            let receiving = scope.spawn(|| req.recv_timeout(PATIENCE));
            req.disconnect(there.as_str()).unwrap();
            assert_eq!(receiving.join().unwrap(), Err(RecvError::PeerLost));
        });
        until_it_adds_up(|| req.stats());
    }
}

#[test]
fn a_waiting_receiver_is_woken_when_the_peer_is_lost() {
    for &transport in ALL {
        let home = Home::new();
        let (req, rep) = joined(&home, transport);
        req.send("request").unwrap();
        thread::scope(|scope| {
            let receiver = scope.spawn(|| req.recv_timeout(PATIENCE));
            drop(rep.recv_timeout(PATIENCE).unwrap());
            drop(rep);
            assert_eq!(receiver.join().unwrap(), Err(RecvError::PeerLost));
        });
    }
}

#[test]
fn a_reply_that_came_before_its_sender_left_is_received() {
    for &transport in ALL {
        let home = Home::new();
        for _ in 0..20 {
            let (req, rep) = joined(&home, transport);
            req.send("request").unwrap();
            answer(&rep, "request", "last words");
            rep.close().unwrap();
            until_alone(|count, timeout| req.wait_for_peers(count, timeout));
            assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "last words");
        }
    }
}

/// Accepts one connection after the other, answers one request on each with what it said, and
/// closes it.
fn answer_once_each(listener: &TcpListener, connections: usize) {
    for _ in 0..connections {
        let (stream, _) = listener.accept().unwrap();
        let mut raw = Raw::Tcp(stream);
        raw.handshake("REP");
        let envelope = raw.listen(2);
        assert_eq!(envelope, [MORE, 0]);
        let header = raw.listen(2);
        let body = raw.listen(header[1].into());
        raw.say(&[envelope, frame(0, &body)].concat());
        if body == b"end" {
            return;
        }
    }
}

#[test]
fn peers_that_answer_and_leave_at_once_never_confuse_it() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = format!("tcp://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || answer_once_each(&listener, 10_000));
    let req = Req::builder()
        .context(&home.context)
        .reconnect_interval(Duration::from_millis(1))
        .reconnect_interval_max(Duration::from_millis(1))
        .build()
        .unwrap();
    req.connect(there.as_str()).unwrap();
    let mut round = 0;
    let mut lost = 0;
    loop {
        let request = if round < 500 {
            format!("request {round}")
        } else {
            "end".to_owned()
        };
        req.send_timeout(request.as_str(), PATIENCE).unwrap();
        match req.recv_timeout(PATIENCE) {
            Ok(reply) => assert_eq!(reply, request, "after {lost} losses"),
            // It went out on the connection that was being closed.
            Err(RecvError::PeerLost) => lost += 1,
            Err(error) => panic!("{error}"),
        }
        if request == "end" && server.is_finished() {
            break;
        }
        round += 1;
        assert!(round < 5000, "the end never arrives");
    }
    server.join().unwrap();
}

// ---- correlate and relaxed

/// A REQ that is connected to a listener of the test's.
fn connected_to_raw(
    home: &Home,
    set_up: impl FnOnce(zocket::Builder<Req>) -> zocket::Builder<Req>,
) -> (Req, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let req = set_up(home.of(Req::builder())).build().unwrap();
    req.connect(format!("tcp://{}", listener.local_addr().unwrap()))
        .unwrap();
    (req, listener)
}

fn accept(listener: &TcpListener, socket_type: &str) -> Raw {
    let (stream, _) = listener.accept().unwrap();
    let mut raw = Raw::Tcp(stream);
    raw.handshake(socket_type);
    raw
}

#[test]
fn on_the_wire_a_request_has_an_empty_frame_in_front() {
    let home = Home::new();
    let (req, listener) = connected_to_raw(&home, |req| req);
    let mut raw = accept(&listener, "REP");
    req.send("hello").unwrap();
    assert_eq!(raw.listen(9), b"\x01\x00\x00\x05hello\x00"[..9]);
    raw.say(b"\x01\x00\x00\x05world");
    assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "world");
    req.send(["", "a", ""]).unwrap();
    assert_eq!(raw.listen(9), *b"\x01\x00\x01\x00\x01\x01a\x00\x00");
    raw.say(b"\x01\x00\x01\x00\x00\x01b");
    assert_eq!(
        req.recv_timeout(PATIENCE).unwrap(),
        Message::from(["", "b"])
    );
}

#[test]
fn with_correlate_a_number_stands_before_that_and_counts_up() {
    let home = Home::new();
    let (req, listener) = connected_to_raw(&home, |req| req.correlate(true));
    let mut raw = accept(&listener, "ROUTER");
    let mut last = None;
    for _ in 0..5 {
        req.send("hello").unwrap();
        let said = raw.listen(15);
        assert_eq!(said[..2], [MORE, 4]);
        assert_eq!(said[6..], *b"\x01\x00\x00\x05hello");
        let id: [u8; 4] = said[2..6].try_into().unwrap();
        let number = u32::from_be_bytes(id);
        if let Some(last) = last.replace(number) {
            assert_eq!(number, u32::wrapping_add(last, 1));
        }

        // Nothing of this is the reply.
        let wrong = number.wrapping_add(1).to_be_bytes();
        let stale = number.wrapping_sub(1).to_be_bytes();
        for id in [&wrong[..], &stale] {
            raw.say(&[frame(MORE, id), frame(MORE, b""), frame(0, b"wrong")].concat());
        }
        raw.say(&[frame(MORE, b""), frame(0, b"no id")].concat());
        raw.say(&frame(0, b""));
        raw.say(&[frame(MORE, &id), frame(MORE, b""), frame(0, b"right")].concat());
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "right");
    }
    assert_eq!(req.stats().discarded.stale, 20);
    assert_eq!(req.stats().discarded.malformed, 0);
}

#[test]
fn a_rep_keeps_the_number_of_a_correlated_request() {
    for &transport in ALL {
        let home = Home::new();
        let rep = home.of(Rep::builder()).build().unwrap();
        let req = home.of(Req::builder().correlate(true)).build().unwrap();
        req.connect(rep.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        for round in 0..20 {
            req.send(round.to_string()).unwrap();
            answer(&rep, &round.to_string(), "reply");
            assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "reply");
        }
    }
}

#[test]
fn relaxed_may_ask_again_and_a_late_reply_is_not_taken() {
    for &transport in ALL {
        for correlate in [true, false] {
            let home = Home::new();
            let rep = home.of(Rep::builder()).build().unwrap();
            let req = home
                .of(Req::builder().relaxed(true).correlate(correlate))
                .build()
                .unwrap();
            req.connect(rep.bind(home.endpoint(transport)).unwrap())
                .unwrap();
            for round in 0..30 {
                req.send_timeout("first", PATIENCE).unwrap();
                let first = rep.recv_timeout(PATIENCE).unwrap();
                assert_eq!(*first, "first");
                let second = format!("second {round}");
                req.send_timeout(second.as_str(), PATIENCE).unwrap();
                let request = rep.recv_timeout(PATIENCE).unwrap();
                assert_eq!(*request, second.as_str());
                first.reply("late").unwrap();
                request.reply("in time").unwrap();
                assert_eq!(
                    req.recv_timeout(PATIENCE).unwrap(),
                    "in time",
                    "{transport:?}, correlate: {correlate}"
                );
                assert_eq!(req.try_recv(), Err(TryRecvError::WrongState));
            }
        }
    }
}

#[test]
fn relaxed_goes_on_to_the_next_peer() {
    for &transport in ALL {
        for correlate in [true, false] {
            let home = Home::new();
            let req = home
                .of(Req::builder().relaxed(true).correlate(correlate))
                .build()
                .unwrap();
            let reps: Vec<Rep> = (0..3)
                .map(|_| home.of(Rep::builder()).build().unwrap())
                .collect();
            for rep in &reps {
                req.connect(rep.bind(home.endpoint(transport)).unwrap())
                    .unwrap();
            }
            req.wait_for_peers(3, PATIENCE).unwrap();
            let mut held = Vec::new();
            let mut asked = vec![0; 3];
            for round in 0..3 {
                req.send_timeout(round.to_string(), PATIENCE).unwrap();
                until("somebody is asked", || {
                    reps.iter().enumerate().any(|(number, rep)| {
                        rep.try_recv().is_ok_and(|request| {
                            assert_eq!(*request, round.to_string());
                            asked[number] += 1;
                            held.push(request);
                            true
                        })
                    })
                });
            }
            if correlate {
                assert_eq!(asked, [1, 1, 1], "{transport:?}");
            }
            // Only the last one counts.
            for request in held {
                let reply = format!("reply to {}", request.first().to_str().unwrap());
                request.reply(reply).unwrap();
            }
            assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "reply to 2");
        }
    }
}

// ---- what it says of itself

/// All that a REQ, DEALER or ROUTER says until its READY is complete.
fn introduction(raw: &mut Raw, socket_type: &str) -> Vec<u8> {
    raw.say(&greeting());
    raw.say(&peer::ready(socket_type));
    raw.listen(64);
    let header = raw.listen(2);
    let body = raw.listen(header[1].into());
    [header, body].concat()
}

#[test]
fn ready_tells_the_identity() {
    for (id, value) in [(None, &b""[..]), (Some("me"), b"me")] {
        let home = Home::new();
        let (_req, listener) = connected_to_raw(&home, |req| match id {
            Some(id) => req.routing_id(id),
            None => req,
        });
        let mut raw = Raw::Tcp(listener.accept().unwrap().0);
        let ready = introduction(&mut raw, "ROUTER");
        let identity = [
            b"\x08Identity\0\0\0".as_slice(),
            &[value.len() as u8],
            value,
        ]
        .concat();
        assert!(
            ready
                .windows(identity.len())
                .any(|window| window == identity),
            "{ready:?}"
        );
    }
}

#[test]
fn a_probe_goes_out_right_after_the_handshake_and_on_every_connection() {
    let home = Home::new();
    let (req, listener) = connected_to_raw(&home, |req| req.probe_router(true));
    // Waiting already, and still not the first.
    req.send("hello").unwrap();
    let mut raw = accept(&listener, "ROUTER");
    assert_eq!(
        raw.listen(11),
        *b"\x00\x00\x01\x00\x00\x05hello"[..11].to_vec()
    );
    drop(raw);
    let mut raw = accept(&listener, "ROUTER");
    assert_eq!(raw.listen(2), [0, 0]);
    assert_eq!(req.recv_timeout(PATIENCE), Err(RecvError::PeerLost));
    req.send("again").unwrap();
    assert_eq!(raw.listen(9), b"\x01\x00\x00\x05again");
    raw.say(b"\x01\x00\x00\x02hi");
    assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "hi");
}

// ---- recorded violations

#[test]
fn recorded_replies_that_are_none_cost_their_sender_the_connection() {
    let home = Home::new();
    let (req, listener) = connected_to_raw(&home, |req| req);
    let mut raw = accept(&listener, "REP");
    for (count, name) in [
        "viol_req_reply_no_delimiter",
        "viol_req_reply_no_delimiter_multi",
    ]
    .into_iter()
    .enumerate()
    {
        req.send("request").unwrap();
        raw.listen(11);
        raw.say(&vector(name));
        assert_eq!(
            req.recv_timeout(PATIENCE),
            Err(RecvError::PeerLost),
            "{name}"
        );
        assert!(raw.is_closed_within(PATIENCE), "{name}");
        assert_eq!(req.stats().discarded.malformed, count as u64 + 1);
        // It comes back, and may do better.
        raw = accept(&listener, "REP");
        req.send("request").unwrap();
        assert_eq!(raw.listen(11), b"\x01\x00\x00\x07request");
        raw.say(&vector("viol_req_reply_ok_multi"));
        assert_eq!(
            req.recv_timeout(PATIENCE).unwrap(),
            Message::from(["a", "b"])
        );
    }
}

#[test]
fn recorded_replies_to_something_else_are_passed_over() {
    for (correlate, name, stale) in [
        (false, "viol_req_reply_4byte_then_delim", 1),
        (false, "viol_req_reply_delimiter_only", 1),
        (true, "viol_req_reply_wrong_correlate", 1),
        (false, "viol_subscribe_cmd_to_req", 0),
    ] {
        let home = Home::new();
        let (req, listener) = connected_to_raw(&home, |req| req.correlate(correlate));
        let mut raw = accept(&listener, "REP");
        req.send("request").unwrap();
        let envelope = raw.listen(if correlate { 8 } else { 2 });
        raw.listen(9);
        raw.say(&vector(name));
        raw.say(&[envelope, frame(0, b"reply")].concat());
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "reply", "{name}");
        assert_eq!(req.stats().discarded.stale, stale, "{name}");
        assert_eq!(req.stats().discarded.malformed, 0, "{name}");
    }
}

#[test]
fn what_a_dealer_says_is_nothing_to_a_req() {
    // They do not talk to each other at all.
    let home = Home::new();
    let req = home.of(Req::builder()).build().unwrap();
    let name = home.endpoint(Transport::Inproc);
    req.bind(name.as_str()).unwrap();
    let dealer = home.of(Dealer::builder()).build().unwrap();
    assert!(dealer.connect(name.as_str()).is_err());
}
