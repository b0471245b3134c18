//! A future that is dropped before it is ready has taken nothing and sent nothing, whichever form it
//! is of, and whoever drops it: the caller, a timeout, a `select!`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::future::{Future, pending, ready};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use support::tasks::{Alarm, block_on, poll};
use support::{ALL, Home, PATIENCE, QUIET, Transport, until};
use zocket::{
    Dealer, Interest, Message, Poller, Pub, RecvError, Rep, Req, Router, Socket, SocketType, Sub,
    Upstream, XPub, XSub,
};

/// Some time that nothing happens in.
const MOMENT: Duration = Duration::from_millis(1);

fn tokio<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn text(number: usize) -> String {
    number.to_string()
}

fn number(bytes: impl AsRef<[u8]>) -> usize {
    let bytes = bytes.as_ref();
    std::str::from_utf8(bytes).unwrap().parse().unwrap()
}

/// Everything there is to be said of a form of receiving. `receive` makes a future that receives one
/// number, and `feed` has this number arrive.
fn receives<F>(receive: impl Fn() -> F, feed: impl Fn(usize))
where
    F: Future<Output = usize> + Send,
{
    let fed = Cell::new(0);
    let feed = || {
        feed(fed.get());
        fed.set(fed.get() + 1);
    };
    let got = Cell::new(0);
    let expect = |number: usize| {
        assert_eq!(number, got.get(), "each once and in order");
        got.set(got.get() + 1);
    };
    let next = || expect(block_on(receive()));

    // Never polled.
    drop(receive());
    feed();
    next();

    // Dropped before anything is there.
    let alarm = Alarm::new();
    let mut early = Box::pin(receive());
    assert!(poll(early.as_mut(), &alarm).is_pending());
    drop(early);
    feed();
    next();
    assert_eq!(alarm.rung(), 0, "not woken for what it does not wait for");

    // Dropped when it has been woken, and not yet polled again: the next has its wake-up.
    let (first, second) = (Alarm::new(), Alarm::new());
    let mut dropped = Box::pin(receive());
    let mut waits = pin!(receive());
    assert!(poll(dropped.as_mut(), &first).is_pending());
    assert!(poll(waits.as_mut(), &second).is_pending());
    feed();
    until("the wake-up", || first.rung() > 0);
    drop(dropped);
    until("the wake-up of the next", || second.rung() > 0);
    let Poll::Ready(received) = poll(waits.as_mut(), &second) else {
        panic!("it has been taken");
    };
    expect(received);

    tokio(async {
        // Dropped by a timeout, once and again.
        for _ in 0..3 {
            tokio::time::timeout(MOMENT, receive()).await.unwrap_err();
        }
        feed();
        expect(tokio::time::timeout(PATIENCE, receive()).await.unwrap());

        // Dropped by `select!`, which has polled it and takes the other branch.
        tokio::select! {
            biased;
            received = receive() => panic!("received {received}"),
            () = ready(()) => {}
        }
        feed();
        tokio::select! {
            biased;
            () = pending() => {}
            received = receive() => expect(received),
        }

        // Both of `join!`, one after the other.
        let (a, b, ()) = tokio::join!(receive(), receive(), async {
            feed();
            feed();
        });
        expect(a.min(b));
        expect(a.max(b));
    });
}

/// Everything there is to be said of a form of sending. `send` makes a future that sends a number
/// where there is room for `room` of them, and `take` takes the oldest out at the other end.
fn sends<F, T, E>(room: usize, send: impl Fn(usize) -> F, take: impl Fn() -> usize)
where
    F: Future<Output = Result<T, E>> + Send,
    T: Debug,
    E: Debug,
{
    const NEVER: usize = 999_999;
    let alarm = Alarm::new();
    let sent = Cell::new(0);
    let send_next = || {
        sent.set(sent.get() + 1);
        send(sent.get() - 1)
    };
    let mut taken = Vec::new();

    // Never polled, and dropped before there is room.
    drop(send(NEVER));
    for _ in 0..room {
        assert!(poll(pin!(send_next()), &alarm).is_ready());
    }
    assert!(poll(pin!(send(NEVER)), &alarm).is_pending());

    // Dropped when it has been woken, and not yet polled again: the next has its wake-up.
    let (first, second) = (Alarm::new(), Alarm::new());
    let mut dropped = Box::pin(send(NEVER));
    let mut waits = pin!(send_next());
    assert!(poll(dropped.as_mut(), &first).is_pending());
    assert!(poll(waits.as_mut(), &second).is_pending());
    taken.push(take());
    until("the wake-up", || first.rung() > 0);
    drop(dropped);
    until("the wake-up of the next", || second.rung() > 0);
    assert!(poll(waits.as_mut(), &second).is_ready(), "it has been sent");
    assert_eq!(alarm.rung(), 0, "not woken for what it does not wait for");

    tokio(async {
        // Dropped by a timeout, once and again.
        for _ in 0..3 {
            let timeout = tokio::time::timeout(MOMENT, send(NEVER));
            timeout.await.unwrap_err();
        }

        // Dropped by `select!`, which has polled it and takes the other branch.
        tokio::select! {
            biased;
            _ = send(NEVER) => panic!("sent without room"),
            () = ready(()) => {}
        }

        // Beside a timeout, and with another in `join!`, once there is room.
        let (in_time, beside, ()) = tokio::join!(
            tokio::time::timeout(PATIENCE, send_next()),
            send_next(),
            async {
                for _ in 0..2 {
                    tokio::time::sleep(MOMENT).await;
                    taken.push(take());
                }
            }
        );
        in_time.unwrap().unwrap();
        beside.unwrap();
    });

    while taken.len() < sent.get() {
        taken.push(take());
    }
    taken.sort_unstable();
    assert!(taken.into_iter().eq(0..sent.get()), "each exactly once");
}

#[test]
fn receiving_on_pull_dealer_and_pair() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = (home.push().build().unwrap(), home.pull().build().unwrap());
        meet!(home, transport, pull, push);
        receives(
            || async { number(&pull.recv_async().await.unwrap()[0]) },
            |n| push.send(text(n)).unwrap(),
        );
        let dealer = || home.of(Dealer::builder()).build().unwrap();
        let (here, there) = (dealer(), dealer());
        meet!(home, transport, here, there);
        receives(
            || async { number(&here.recv_async().await.unwrap()[0]) },
            |n| there.send(text(n)).unwrap(),
        );
        let (here, there) = (home.pair().build().unwrap(), home.pair().build().unwrap());
        meet!(home, transport, here, there);
        receives(
            || async { number(&here.recv_async().await.unwrap()[0]) },
            |n| there.send(text(n)).unwrap(),
        );
    }
}

#[test]
fn receiving_many_at_once() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = (home.push().build().unwrap(), home.pull().build().unwrap());
        meet!(home, transport, pull, push);
        receives(
            || async {
                let mut queue = VecDeque::new();
                assert_eq!(pull.recv_many_async(&mut queue, 1).await, Ok(1));
                number(&queue[0][0])
            },
            |n| push.send(text(n)).unwrap(),
        );
        let router = home.of(Router::builder()).build().unwrap();
        let dealer = home.of(Dealer::builder()).build().unwrap();
        meet!(home, transport, router, dealer);
        receives(
            || async {
                let mut queue = VecDeque::new();
                let received = router.recv_many_from_async(&mut queue, 1).await;
                assert_eq!(received, Ok(1));
                number(&queue[0].1[0])
            },
            |n| dealer.send(text(n)).unwrap(),
        );
    }
}

#[test]
fn receiving_and_whom_it_is_from() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = (home.push().build().unwrap(), home.pull().build().unwrap());
        meet!(home, transport, pull, push);
        receives(
            || async { number(&pull.recv_from_peer_async().await.unwrap().1[0]) },
            |n| push.send(text(n)).unwrap(),
        );
    }
}

/// What is told to one who waits at a poller takes nothing; only then something is received.
#[test]
fn waiting_at_a_poller() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = (home.push().build().unwrap(), home.pull().build().unwrap());
        meet!(home, transport, pull, push);
        let poller = Poller::new();
        poller.add(&pull, 0, Interest::READABLE).unwrap();
        receives(
            || async {
                loop {
                    poller.wait_async(&mut Vec::new()).await.unwrap();
                    if let Ok(message) = pull.try_recv() {
                        return number(&message[0]);
                    }
                }
            },
            |n| push.send(text(n)).unwrap(),
        );
    }
}

#[test]
fn receiving_on_sub_and_xsub() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = home.of(Pub::builder()).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let sub = home.of(Sub::builder()).build().unwrap();
        let xsub = home.of(XSub::builder()).build().unwrap();
        sub.connect(&here).unwrap();
        sub.subscribe("").unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        receives(
            || async { number(&sub.recv_async().await.unwrap()[0]) },
            |n| publisher.send(text(n)).unwrap(),
        );
        xsub.connect(&here).unwrap();
        xsub.subscribe("").unwrap();
        publisher.wait_for_subscribers(2, PATIENCE).unwrap();
        receives(
            || async { number(&xsub.recv_async().await.unwrap()[0]) },
            |n| publisher.send(text(n)).unwrap(),
        );
    }
}

#[test]
fn receiving_on_xpub() {
    for &transport in ALL {
        let home = Home::new();
        let xpub = home.of(XPub::builder()).build().unwrap();
        let sub = home.of(Sub::builder()).build().unwrap();
        meet!(home, transport, xpub, sub);
        receives(
            || async {
                match xpub.recv_async().await.unwrap() {
                    Upstream::Subscribe(topic) => number(&*topic),
                    other => panic!("{other:?}"),
                }
            },
            |n| sub.subscribe(text(n)).unwrap(),
        );
    }
}

#[test]
fn receiving_on_rep_and_router() {
    for &transport in ALL {
        let home = Home::new();
        let rep = home.of(Rep::builder()).build().unwrap();
        let dealer = home.of(Dealer::builder()).build().unwrap();
        meet!(home, transport, rep, dealer);
        receives(
            || async {
                let request = rep.recv_async().await.unwrap();
                let asked = number(&request[0]);
                request.reply(text(asked)).unwrap();
                asked
            },
            |n| dealer.send(["", &text(n)]).unwrap(),
        );
        let router = home.of(Router::builder()).build().unwrap();
        let dealer = home.of(Dealer::builder()).build().unwrap();
        meet!(home, transport, router, dealer);
        receives(
            || async { number(&router.recv_from_async().await.unwrap().1[0]) },
            |n| dealer.send(text(n)).unwrap(),
        );
    }
}

#[test]
fn receiving_in_raw_form() {
    for &transport in ALL {
        let home = Home::new();
        let raw = |socket_type| home.of(Socket::builder(socket_type)).build().unwrap();

        let (pull, push) = (raw(SocketType::Pull), raw(SocketType::Push));
        meet!(home, transport, pull, push);
        receives(
            || async { number(&pull.recv_async().await.unwrap()[0]) },
            |n| push.send(text(n)).unwrap(),
        );
        let (router, dealer) = (raw(SocketType::Router), raw(SocketType::Dealer));
        meet!(home, transport, router, dealer);
        receives(
            || async { number(&router.recv_async().await.unwrap()[1]) },
            |n| dealer.send(text(n)).unwrap(),
        );
        let (rep, dealer) = (raw(SocketType::Rep), raw(SocketType::Dealer));
        meet!(home, transport, rep, dealer);
        receives(
            || async {
                let asked = number(&rep.recv_async().await.unwrap()[0]);
                // Before this, nobody may receive another one.
                rep.send(text(asked)).unwrap();
                asked
            },
            |n| dealer.send(["", &text(n)]).unwrap(),
        );
        let (xpub, sub) = (raw(SocketType::XPub), raw(SocketType::Sub));
        meet!(home, transport, xpub, sub);
        receives(
            || async { number(&xpub.recv_async().await.unwrap()[0][1..]) },
            |n| sub.subscribe(text(n)).unwrap(),
        );
    }
}

/// What a pair of sockets over inproc has room for, each with a high-water mark of one.
const ROOM: usize = 2;

fn number_of(message: Result<Message, RecvError>) -> usize {
    number(&message.unwrap()[0])
}

#[test]
fn sending_on_push_dealer_and_pair() {
    let home = Home::new();
    let push = home.push().send_hwm(1).build().unwrap();
    let pull = home.pull().recv_hwm(1).build().unwrap();
    meet!(home, Transport::Inproc, pull, push);
    sends(
        ROOM,
        |n| push.send_async(text(n)),
        || number_of(pull.recv_timeout(PATIENCE)),
    );
    let dealer = || {
        let builder = home.of(Dealer::builder()).send_hwm(1).recv_hwm(1);
        builder.build().unwrap()
    };
    let (here, there) = (dealer(), dealer());
    meet!(home, Transport::Inproc, here, there);
    sends(
        ROOM,
        |n| here.send_async(text(n)),
        || number_of(there.recv_timeout(PATIENCE)),
    );
    let pair = || home.pair().send_hwm(1).recv_hwm(1).build().unwrap();
    let (here, there) = (pair(), pair());
    meet!(home, Transport::Inproc, here, there);
    sends(
        ROOM,
        |n| here.send_async(text(n)),
        || number_of(there.recv_timeout(PATIENCE)),
    );
}

#[test]
fn sending_many_at_once() {
    let home = Home::new();
    let push = home.push().send_hwm(1).build().unwrap();
    let pull = home.pull().recv_hwm(1).build().unwrap();
    meet!(home, Transport::Inproc, pull, push);
    let push = &push;
    sends(
        ROOM,
        |n| async move {
            let mut queue = VecDeque::from([Message::from(text(n))]);
            push.send_many_async(&mut queue).await
        },
        || number_of(pull.recv_timeout(PATIENCE)),
    );
}

#[test]
fn sending_with_a_permit() {
    let home = Home::new();
    let push = home.push().send_hwm(1).build().unwrap();
    let pull = home.pull().recv_hwm(1).build().unwrap();
    meet!(home, Transport::Inproc, pull, push);
    let push = &push;
    sends(
        ROOM,
        |n| async move { push.reserve_async().await.unwrap().send(text(n)) },
        || number_of(pull.recv_timeout(PATIENCE)),
    );
    let router = home.of(Router::builder()).mandatory(true).send_hwm(1);
    let router = &router.build().unwrap();
    let dealer = home.of(Dealer::builder()).recv_hwm(1).routing_id("d");
    let dealer = dealer.build().unwrap();
    meet!(home, Transport::Inproc, router, dealer);
    let id = &"d".try_into().unwrap();
    sends(
        ROOM,
        |n| async move { router.reserve_to_async(id).await.unwrap().send(text(n)) },
        || number_of(dealer.recv_timeout(PATIENCE)),
    );
}

#[test]
fn sending_to_one_of_a_routers_peers() {
    let home = Home::new();
    let router = home.of(Router::builder()).mandatory(true).send_hwm(1);
    let router = router.build().unwrap();
    let dealer = home.of(Dealer::builder()).recv_hwm(1).routing_id("d");
    let dealer = dealer.build().unwrap();
    meet!(home, Transport::Inproc, router, dealer);
    let id = "d".try_into().unwrap();
    sends(
        ROOM,
        |n| router.send_to_async(&id, text(n)),
        || number_of(dealer.recv_timeout(PATIENCE)),
    );
}

#[test]
fn sending_on_publishers_that_drop_nothing() {
    let home = Home::new();
    let subscriber = || {
        let sub = home.of(Sub::builder()).recv_hwm(1).build().unwrap();
        sub.subscribe("").unwrap();
        sub
    };
    let publisher = home.of(Pub::builder()).nodrop(true).send_hwm(1);
    let (publisher, sub) = (publisher.build().unwrap(), subscriber());
    meet!(home, Transport::Inproc, publisher, sub);
    publisher.wait_for_subscribers(1, PATIENCE).unwrap();
    sends(
        ROOM,
        |n| publisher.send_async(text(n)),
        || number_of(sub.recv_timeout(PATIENCE)),
    );
    let publisher = home.of(XPub::builder()).nodrop(true).send_hwm(1);
    let (publisher, sub) = (publisher.build().unwrap(), subscriber());
    meet!(home, Transport::Inproc, publisher, sub);
    publisher.wait_for_subscribers(1, PATIENCE).unwrap();
    sends(
        ROOM,
        |n| publisher.send_async(text(n)),
        || number_of(sub.recv_timeout(PATIENCE)),
    );
}

#[test]
fn sending_in_raw_form() {
    let home = Home::new();
    let push = Socket::builder(SocketType::Push).send_hwm(1);
    let pull = Socket::builder(SocketType::Pull).recv_hwm(1);
    let (push, pull) = (
        home.of(push).build().unwrap(),
        home.of(pull).build().unwrap(),
    );
    meet!(home, Transport::Inproc, pull, push);
    sends(
        ROOM,
        |n| push.send_async(text(n)),
        || number_of(pull.recv_timeout(PATIENCE)),
    );
    let router = Socket::builder(SocketType::Router).send_hwm(1);
    let dealer = home.of(Dealer::builder()).recv_hwm(1).routing_id("d");
    let (router, dealer) = (
        home.of(router).mandatory(true).build().unwrap(),
        dealer.build().unwrap(),
    );
    meet!(home, Transport::Inproc, router, dealer);
    sends(
        ROOM,
        |n| router.send_async(Message::from(["d", &text(n)])),
        || number_of(dealer.recv_timeout(PATIENCE)),
    );
}

/// An XSUB never waits: only what was never polled was not sent.
#[test]
fn sending_on_an_xsub() {
    let home = Home::new();
    let xpub = home.of(XPub::builder()).build().unwrap();
    let xsub = home.of(XSub::builder()).build().unwrap();
    meet!(home, Transport::Inproc, xpub, xsub);
    drop(xsub.send_async("never"));
    assert!(poll(pin!(xsub.send_async("at once")), &Alarm::new()).is_ready());
    assert!(matches!(xpub.recv(), Ok(Upstream::Message(it)) if it == "at once"));
    assert!(xpub.try_recv().is_err());
}

#[test]
fn a_request_without_anybody_to_ask() {
    for &transport in ALL {
        let home = Home::new();
        let req = home.of(Req::builder()).build().unwrap();
        let rep = home.of(Rep::builder()).build().unwrap();
        let here = rep.bind(home.endpoint(transport)).unwrap();
        let alarm = Alarm::new();
        drop(req.request_async("never"));
        drop(req.send_async("never"));
        assert!(poll(pin!(req.request_async("never")), &alarm).is_pending());
        assert!(poll(pin!(req.send_async("never")), &alarm).is_pending());
        tokio(async {
            tokio::time::timeout(MOMENT, req.request_async("never"))
                .await
                .unwrap_err();
        });

        // One that is dropped after it was woken makes way for the next.
        let (first, second) = (Alarm::new(), Alarm::new());
        let mut dropped = Box::pin(req.request_async("never"));
        let mut waits = pin!(req.request_async("question"));
        assert!(poll(dropped.as_mut(), &first).is_pending());
        assert!(poll(waits.as_mut(), &second).is_pending());
        req.connect(&here).unwrap();
        until("the wake-up", || first.rung() > 0);
        drop(dropped);
        until("its turn", || second.rung() > 0);
        assert!(poll(waits.as_mut(), &second).is_pending(), "no reply yet");
        let request = rep.recv_timeout(PATIENCE).unwrap();
        assert_eq!(*request, "question");
        request.reply("answer").unwrap();
        assert_eq!(block_on(waits).unwrap(), "answer");
        assert_eq!(alarm.rung(), 0);
        assert_eq!(req.stats().accepted.messages, 1);
        assert_eq!(rep.recv_timeout(QUIET).unwrap_err(), RecvError::Timeout);
    }
}

/// Whether the reply is there or not when a request is dropped, the next one gets its own.
#[test]
fn a_request_that_waits_for_its_reply() {
    for &transport in ALL {
        for correlate in [true, false] {
            let home = Home::new();
            let req = home.of(Req::builder()).correlate(correlate);
            let req = req.build().unwrap();
            let rep = home.of(Rep::builder()).build().unwrap();
            meet!(home, transport, rep, req);
            let ask = |question: &'static str, answered: bool| {
                let alarm = Alarm::new();
                let mut future = Box::pin(req.request_async(question));
                let mut request = None;
                // The connection may have to be made anew first.
                until("the request", || {
                    assert!(poll(future.as_mut(), &alarm).is_pending());
                    request = rep.try_recv().ok();
                    request.is_some()
                });
                let request = request.unwrap();
                assert_eq!(*request, question);
                if answered {
                    let heard = alarm.rung();
                    request.reply("too late").unwrap();
                    until("the reply", || alarm.rung() > heard);
                    drop(future);
                } else {
                    drop(future);
                    let _ = request.into_message();
                }
            };
            ask("first", true);
            ask("second", false);
            std::thread::scope(|threads| {
                threads.spawn(|| {
                    let request = rep.recv_timeout(PATIENCE).unwrap();
                    assert_eq!(*request, "third");
                    request.reply("in time").unwrap();
                });
                assert_eq!(block_on(req.request_async("third")).unwrap(), "in time");
            });
        }
    }
}

/// The two halves of a request, taken apart: the reply stays for who asks for it again.
#[test]
fn receiving_a_reply() {
    for &transport in ALL {
        let home = Home::new();
        let req = home.of(Req::builder()).build().unwrap();
        let rep = home.of(Rep::builder()).build().unwrap();
        meet!(home, transport, rep, req);
        let alarm = Alarm::new();
        block_on(req.send_async("question")).unwrap();
        drop(req.recv_async());
        assert!(poll(pin!(req.recv_async()), &alarm).is_pending());
        let mut woken = Box::pin(req.recv_async());
        assert!(poll(woken.as_mut(), &alarm).is_pending());
        let request = rep.recv_timeout(PATIENCE).unwrap();
        request.reply("answer").unwrap();
        until("the wake-up", || alarm.rung() > 0);
        drop(woken);
        assert_eq!(block_on(req.recv_async()).unwrap(), "answer");
    }
}
