//! `Socket`, whose type is known only at run time, in its raw form: REQ, REP, DEALER, ROUTER; and the
//! way from a typed socket to it and back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use support::{ALL, Home, PATIENCE, QUIET, Transport, until_alone};
use zocket::{
    BuildError, Dealer, Message, Pair, Pub, Pull, Push, RecvError, Rep, Req, Router, SendFailure,
    Socket, SocketType, Sub, SubscribeError, TryRecvError, TrySendError, XPub, XSub,
};

const TYPES: [SocketType; 11] = [
    SocketType::Pair,
    SocketType::Pub,
    SocketType::Sub,
    SocketType::Req,
    SocketType::Rep,
    SocketType::Dealer,
    SocketType::Router,
    SocketType::Pull,
    SocketType::Push,
    SocketType::XPub,
    SocketType::XSub,
];

fn socket(home: &Home, socket_type: SocketType) -> Socket {
    home.of(Socket::builder(socket_type)).build().unwrap()
}

fn joined(home: &Home, transport: Transport, bound: SocketType, other: SocketType) -> [Socket; 2] {
    let bound = socket(home, bound);
    let other = socket(home, other);
    other
        .connect(bound.bind(home.endpoint(transport)).unwrap())
        .unwrap();
    bound.wait_for_peers(1, PATIENCE).unwrap();
    other.wait_for_peers(1, PATIENCE).unwrap();
    [bound, other]
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn next(socket: &Socket) -> Message {
    socket.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn a_rep_strictly_alternates() {
    for &transport in ALL {
        let home = Home::new();
        let [rep, dealer] = joined(&home, transport, SocketType::Rep, SocketType::Dealer);
        for round in 0..3 {
            let reply = Message::from(["not", "yet"]);
            let error = rep.send(reply.clone()).unwrap_err();
            assert_eq!(error.reason, SendFailure::WrongState);
            assert_eq!(error.into_message(), reply);
            assert!(matches!(
                rep.try_send(reply.clone()),
                Err(TrySendError::WrongState(back)) if back == reply
            ));
            match poll_once(rep.send_async(reply.clone())) {
                Poll::Ready(Err(error)) => assert_eq!(error.into_message(), reply),
                other => panic!("{other:?}"),
            }

            dealer.send(["hop", "", "one", "two"]).unwrap();
            dealer.send(["hop", "", "next"]).unwrap();
            assert_eq!(next(&rep), Message::from(["one", "two"]));
            assert_eq!(rep.recv(), Err(RecvError::WrongState));
            assert_eq!(rep.recv_timeout(PATIENCE), Err(RecvError::WrongState));
            assert_eq!(rep.try_recv(), Err(TryRecvError::WrongState));
            assert_eq!(
                poll_once(rep.recv_async()),
                Poll::Ready(Err(RecvError::WrongState))
            );
            assert!(rep.iter().next().is_none());

            rep.send(["re", &round.to_string()]).unwrap();
            assert_eq!(
                next(&dealer),
                Message::from(["hop", "", "re", &round.to_string()])
            );
            assert_eq!(next(&rep), "next");
            rep.send("re").unwrap();
            assert_eq!(next(&dealer), Message::from(["hop", "", "re"]));
        }
    }
}

#[test]
fn the_reply_of_a_rep_to_one_that_is_gone_is_counted_and_it_goes_on() {
    for &transport in ALL {
        let home = Home::new();
        let rep = socket(&home, SocketType::Rep);
        let here = rep.bind(home.endpoint(transport)).unwrap();
        for count in 1..4 {
            let req = socket(&home, SocketType::Req);
            req.connect(&here).unwrap();
            req.send("question").unwrap();
            assert_eq!(next(&rep), "question");
            drop(req);
            until_alone(|count, timeout| rep.wait_for_peers(count, timeout));
            rep.send("answer").unwrap();
            assert_eq!(rep.stats().dropped.unroutable, count);
        }
    }
}

#[test]
fn a_req_strictly_alternates() {
    for &transport in ALL {
        let home = Home::new();
        let [rep, req] = joined(&home, transport, SocketType::Rep, SocketType::Req);
        for _ in 0..3 {
            assert_eq!(req.recv(), Err(RecvError::WrongState));
            assert_eq!(req.try_recv(), Err(TryRecvError::WrongState));
            req.send(["", "question"]).unwrap();
            let error = req.send("another").unwrap_err();
            assert_eq!(error.reason, SendFailure::WrongState);
            assert_eq!(error.into_message(), "another");
            assert_eq!(next(&rep), Message::from(["", "question"]));
            rep.send("answer").unwrap();
            assert_eq!(next(&req), "answer");
        }
        req.send("question").unwrap();
        assert_eq!(next(&rep), "question");
        rep.close().unwrap();
        assert_eq!(req.recv_timeout(PATIENCE), Err(RecvError::PeerLost));
    }
}

#[test]
fn a_router_has_the_id_in_front() {
    for &transport in ALL {
        let home = Home::new();
        let router = socket(&home, SocketType::Router);
        let here = router.bind(home.endpoint(transport)).unwrap();
        let named = home
            .of(Socket::builder(SocketType::Dealer).routing_id("name"))
            .build()
            .unwrap();
        named.connect(&here).unwrap();
        named.send(["a", ""]).unwrap();
        assert_eq!(next(&router), Message::from(["name", "a", ""]));
        router.send(["name", "", "b"]).unwrap();
        assert_eq!(next(&named), Message::from(["", "b"]));

        let req = socket(&home, SocketType::Req);
        req.connect(&here).unwrap();
        req.send("question").unwrap();
        let message = next(&router);
        let frames = message.frames();
        assert_eq!((frames[0].len(), frames[0][0]), (5, 0));
        assert_eq!(frames[1..], ["", "question"]);
        // What it received is what it has to send.
        router.send(message).unwrap();
        assert_eq!(next(&req), "question");

        router.send(["nobody", "lost"]).unwrap();
        assert_eq!(router.stats().dropped.unroutable, 1);
        let error = router.send("an id and no message").unwrap_err();
        assert_eq!(error.reason, SendFailure::Unroutable);
        assert_eq!(error.into_message(), "an id and no message");
    }
}

#[test]
fn a_mandatory_router_hands_back_the_id_too() {
    let home = Home::new();
    let router = home
        .of(Socket::builder(SocketType::Router)
            .mandatory(true)
            .send_hwm(1))
        .build()
        .unwrap();
    let here = router.bind(home.endpoint(Transport::Inproc)).unwrap();
    let message = Message::from(["name", "a", "b"]);
    let error = router.send(message.clone()).unwrap_err();
    assert_eq!(error.reason, SendFailure::Unroutable);
    assert_eq!(error.into_message(), message);
    match poll_once(router.send_async(message.clone())) {
        Poll::Ready(Err(error)) => assert_eq!(error.into_message(), message),
        other => panic!("{other:?}"),
    }
    let dealer = home
        .of(Socket::builder(SocketType::Dealer)
            .routing_id("name")
            .recv_hwm(1))
        .build()
        .unwrap();
    dealer.connect(&here).unwrap();
    for _ in 0..2 {
        router.send(message.clone()).unwrap();
    }
    let error = router.try_send(message.clone()).unwrap_err();
    assert!(error.is_full());
    assert_eq!(error.into_message(), message);
    let error = router.send_timeout(message.clone(), QUIET).unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.into_message(), message);
    // A task waits, and the message is whole when it goes.
    thread::scope(|scope| {
        let mut sending = pin!(router.send_async(message.clone()));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(sending.as_mut().poll(&mut cx).is_pending());
        let receiving = scope.spawn(|| [(); 2].map(|()| next(&dealer)));
        for received in receiving.join().unwrap() {
            assert_eq!(received, Message::from(["a", "b"]));
        }
        support::until("there is room", || {
            sending.as_mut().poll(&mut cx).is_ready()
        });
        assert_eq!(next(&dealer), Message::from(["a", "b"]));
    });
}

#[test]
fn what_a_type_cannot_do_is_refused() {
    let home = Home::new();
    for socket_type in TYPES {
        let socket = socket(&home, socket_type);
        assert_eq!(socket.socket_type(), socket_type);
        if matches!(socket_type, SocketType::Pull | SocketType::Sub) {
            let error = socket.send("x").unwrap_err();
            assert_eq!(error.reason, SendFailure::WrongState, "{socket_type}");
            assert!(matches!(
                socket.try_send("x"),
                Err(TrySendError::WrongState(_))
            ));
        }
        if matches!(socket_type, SocketType::Push | SocketType::Pub) {
            assert_eq!(socket.recv(), Err(RecvError::WrongState));
            assert_eq!(socket.try_recv(), Err(TryRecvError::WrongState));
        }
        if !matches!(socket_type, SocketType::Sub | SocketType::XSub) {
            for outcome in [socket.subscribe("x"), socket.unsubscribe("x")] {
                assert!(
                    matches!(outcome, Err(SubscribeError::NotASubscriber(it)) if it == socket_type)
                );
            }
        }
    }
}

#[test]
fn setters_that_do_not_apply_are_named_when_it_is_built() {
    for socket_type in TYPES {
        let built = Socket::builder(socket_type)
            .mandatory(true)
            .handover(true)
            .correlate(true)
            .relaxed(true)
            .routing_id("me")
            .probe_router(true)
            .build();
        let wrong = match built {
            Err(BuildError::Invalid(wrong)) => wrong.join("\n"),
            other => panic!("{other:?}"),
        };
        let identifies = matches!(
            socket_type,
            SocketType::Req | SocketType::Dealer | SocketType::Router
        );
        for (setter, applies) in [
            ("mandatory", socket_type == SocketType::Router),
            ("handover", socket_type == SocketType::Router),
            ("correlate", socket_type == SocketType::Req),
            ("relaxed", socket_type == SocketType::Req),
            ("routing_id", identifies),
            ("probe_router", identifies),
        ] {
            assert_eq!(
                wrong.contains(&format!("{setter}: ")),
                !applies,
                "{socket_type}: {wrong}"
            );
        }
    }
}

macro_rules! there_and_back {
    ($($name:ident: $type:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            let home = Home::new();
            let typed = home.of($type::builder()).build().unwrap();
            let here = typed.bind(home.endpoint(Transport::Inproc)).unwrap();
            let socket = Socket::from(typed);
            assert_eq!(socket.socket_type(), SocketType::$type);
            // It is the same one: bound where that was.
            assert_eq!(socket.last_endpoint().as_ref(), Some(&here));
            let socket = match SocketType::$type {
                SocketType::Push => Pull::try_from(socket).map(drop).unwrap_err(),
                _ => Push::try_from(socket).map(drop).unwrap_err(),
            };
            let typed = $type::try_from(socket).unwrap();
            assert_eq!(typed.last_endpoint().as_ref(), Some(&here));
            typed.unbind(&here).unwrap();
            let shared: Arc<Socket> = typed.into();
            assert_eq!(shared.socket_type(), SocketType::$type);
        }
    )*};
}

there_and_back! {
    pair_there_and_back: Pair,
    pub_there_and_back: Pub,
    sub_there_and_back: Sub,
    req_there_and_back: Req,
    rep_there_and_back: Rep,
    dealer_there_and_back: Dealer,
    router_there_and_back: Router,
    push_there_and_back: Push,
    pull_there_and_back: Pull,
    xpub_there_and_back: XPub,
    xsub_there_and_back: XSub,
}

#[test]
fn what_is_under_way_survives_the_conversion() {
    for &transport in ALL {
        let home = Home::new();
        let rep = home.of(Rep::builder()).build().unwrap();
        let req = home.of(Req::builder()).build().unwrap();
        req.connect(rep.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        req.send("question").unwrap();
        let request = rep.recv_timeout(PATIENCE).unwrap();
        let req = Socket::from(req);
        let rep = Socket::from(rep);
        // The typed request is not what the raw form owes an answer to.
        let error = rep.send("answer").unwrap_err();
        assert_eq!(error.reason, SendFailure::WrongState);
        request.reply("answer").unwrap();
        assert_eq!(next(&req), "answer");
        let req = Req::try_from(req).unwrap();
        thread::scope(|scope| {
            let asking = scope.spawn(|| req.request_timeout("again", PATIENCE));
            assert_eq!(next(&rep), "again");
            rep.send("yes").unwrap();
            assert_eq!(asking.join().unwrap().unwrap(), "yes");
        });
    }
}

#[test]
fn closing_ends_every_form() {
    for socket_type in TYPES {
        let home = Home::new();
        let socket = socket(&home, socket_type);
        socket.close().unwrap();
        if !matches!(socket_type, SocketType::Pull | SocketType::Sub) {
            let error = socket.send(["a", "b"]).unwrap_err();
            assert_eq!(error.reason, SendFailure::Closed, "{socket_type}");
            assert_eq!(error.into_message(), Message::from(["a", "b"]));
        }
        if !matches!(socket_type, SocketType::Push | SocketType::Pub) {
            assert_eq!(socket.recv(), Err(RecvError::Closed), "{socket_type}");
            assert_eq!(socket.try_recv(), Err(TryRecvError::Closed));
        }
    }
}
