//! Sockets as streams and sinks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use futures::{Sink, SinkExt, Stream, StreamExt};
use support::tasks::{Alarm, block_on};
use support::{ALL, Home, PATIENCE, Transport, fill, joined, until};
use zocket::{
    Dealer, Message, Pub, Rep, Req, Router, RoutingId, SendFailure, Socket, SocketType, Sub,
    Upstream, XPub, XSub,
};

const MANY: usize = 1000;

fn poll_next<S: Stream + Unpin>(stream: &mut S, alarm: &Arc<Alarm>) -> Poll<Option<S::Item>> {
    let waker = Waker::from(alarm.clone());
    Pin::new(stream).poll_next(&mut Context::from_waker(&waker))
}

fn poll_ready<S: Sink<Message> + Unpin>(
    sink: &mut S,
    alarm: &Arc<Alarm>,
) -> Poll<Result<(), S::Error>> {
    let waker = Waker::from(alarm.clone());
    Pin::new(sink).poll_ready(&mut Context::from_waker(&waker))
}

#[test]
fn a_stream_is_forwarded_to_a_sink() {
    for &transport in ALL {
        let home = Home::new();
        let (first, from) = joined(&home, transport, 1);
        let (to, last) = joined(&home, transport, 1);
        let numbers = || (0..MANY).map(|n| Message::from(n.to_string()));
        thread::scope(|scope| {
            scope.spawn(|| {
                let all = futures::stream::iter(numbers()).map(Ok);
                block_on(all.forward(first.sink())).unwrap();
            });
            scope.spawn(|| {
                let some = from.stream().take(MANY).map(Ok);
                block_on(some.forward(to.sink())).unwrap();
            });
            let got: Vec<Message> = block_on(last.stream().take(MANY).collect());
            assert!(got.into_iter().eq(numbers()));
        });
        // The sink was closed, not the socket.
        assert_eq!(to.stats().accepted.messages, MANY as u64);
        to.send_timeout("open", PATIENCE).unwrap();
    }
}

#[test]
fn both_can_be_had_for_tasks_of_their_own() {
    fn assert_task<T: Send + Unpin + 'static>(it: T) -> T {
        it
    }
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1);
        let (push, pull) = (Arc::new(push), Arc::new(pull));
        let mut stream = assert_task(pull.clone().owned_stream());
        let mut sink = assert_task(push.clone().owned_sink());
        let sender = thread::spawn(move || block_on(sink.send("hello".into())).unwrap());
        assert_eq!(block_on(stream.next()).unwrap(), "hello");
        sender.join().unwrap();
        drop(pull);
        push.send("more").unwrap();
        assert_eq!(block_on(stream.next()).unwrap(), "more");
    }
}

#[test]
fn a_stream_ends_with_the_socket_or_the_context() {
    for terminate in [false, true] {
        let home = Home::new();
        let (_push, pull) = joined(&home, Transport::Inproc, 1);
        let alarm = Alarm::new();
        let mut stream = pull.stream();
        assert_eq!(poll_next(&mut stream, &alarm), Poll::Pending);
        if terminate {
            home.context.shutdown();
        } else {
            pull.close().unwrap();
        }
        assert_eq!(alarm.rung(), 1);
        assert_eq!(poll_next(&mut stream, &alarm), Poll::Ready(None));
        assert_eq!(poll_next(&mut stream, &alarm), Poll::Ready(None));
        assert!(pull.iter().next().is_none());
    }
}

#[test]
fn a_dropped_stream_passes_its_wake_up_on() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1);
        let (first, second) = (Alarm::new(), Alarm::new());
        let (mut dropped, mut waits) = (pull.stream(), pull.stream());
        assert_eq!(poll_next(&mut dropped, &first), Poll::Pending);
        assert_eq!(poll_next(&mut waits, &second), Poll::Pending);
        push.send("hello").unwrap();
        until("the first wake-up", || first.rung() == 1);
        assert_eq!(second.rung(), 0, "one message, one wake-up");
        drop(dropped);
        assert_eq!(second.rung(), 1);
        let got = poll_next(&mut waits, &second);
        assert_eq!(got, Poll::Ready(Some("hello".into())));
    }
}

#[test]
fn a_sink_waits_for_room_and_is_woken() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1);
    let full = fill(&push, 0);
    let (first, second) = (Alarm::new(), Alarm::new());
    let (mut dropped, mut waits) = (push.sink(), push.sink());
    for (sink, alarm, text) in [
        (
            &mut dropped as &mut (dyn Sink<Message, Error = _> + Unpin),
            &first,
            "dropped",
        ),
        (&mut waits, &second, "waits"),
    ] {
        let mut sink = sink;
        assert!(matches!(poll_ready(&mut sink, alarm), Poll::Ready(Ok(()))));
        Pin::new(&mut sink).start_send(text.into()).unwrap();
        assert!(poll_ready(&mut sink, alarm).is_pending());
        // Not asked whether it is ready: it comes back.
        let back = Pin::new(&mut sink).start_send("back".into()).unwrap_err();
        assert_eq!(back.into_message(), "back");
    }
    assert_eq!(push.stats().accepted.messages, full as u64);
    support::expect_numbers(&pull, 0..1);
    until("the first wake-up", || first.rung() == 1);
    assert_eq!(second.rung(), 0);
    drop(dropped);
    assert_eq!(second.rung(), 1, "it passes its wake-up on");
    assert!(matches!(
        poll_ready(&mut waits, &second),
        Poll::Ready(Ok(()))
    ));
    support::expect_numbers(&pull, 1..full);
    assert_eq!(support::next_of(&pull), "waits");
    assert!(pull.try_recv().is_err());
}

#[test]
fn a_sink_hands_back_what_was_not_sent() {
    let home = Home::new();
    let push = home.push().build().unwrap();
    let mut sink = push.sink();
    block_on(sink.feed("mine".into())).unwrap();
    push.close().unwrap();
    let error = block_on(sink.flush()).unwrap_err();
    assert_eq!(error.reason, SendFailure::Closed);
    assert_eq!(error.into_message(), "mine");
    assert!(block_on(sink.close()).is_ok(), "nothing is left in it");
    let error = block_on(sink.send("again".into())).unwrap_err();
    assert_eq!(error.into_message(), "again");
}

#[test]
fn requests_are_a_stream() {
    for &transport in ALL {
        let home = Home::new();
        let rep = home.of(Rep::builder()).build().unwrap();
        let req = home.of(Req::builder()).build().unwrap();
        req.connect(rep.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                block_on(rep.stream().take(2).for_each(async |request| {
                    let reply = format!("{}!", request[0].to_str().unwrap());
                    request.reply(reply).unwrap();
                }));
            });
            assert_eq!(block_on(req.request_async("one")).unwrap(), "one!");
            block_on(req.sink().send("two".into())).unwrap();
            assert_eq!(block_on(req.stream().next()).unwrap(), "two!");
            // As `iter()`: there is nothing to wait for.
            assert!(block_on(req.stream().next()).is_none());
        });
    }
}

#[test]
fn a_router_says_and_is_told_whose_they_are() {
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder().mandatory(true)).build().unwrap();
        let here = router.bind(home.endpoint(transport)).unwrap();
        let dealer = home.of(Dealer::builder().routing_id("it")).build().unwrap();
        dealer.connect(&here).unwrap();
        block_on(dealer.sink().send("hello".into())).unwrap();
        let (id, message) = block_on(router.stream().next()).unwrap();
        assert_eq!(id, RoutingId::new(b"it").unwrap());
        block_on(router.sink().send((id, message))).unwrap();
        assert_eq!(block_on(dealer.stream().next()).unwrap(), "hello");
        let nobody = RoutingId::new(b"nobody").unwrap();
        let error = block_on(router.sink().send((nobody, "lost".into()))).unwrap_err();
        assert_eq!(error.reason, SendFailure::Unroutable);
        assert_eq!(error.into_message(), "lost");
    }
}

#[test]
fn publishers_and_subscribers_have_them_too() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = home.of(XPub::builder()).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let sub = home.of(Sub::builder()).build().unwrap();
        let xsub = home.of(XSub::builder()).build().unwrap();
        sub.connect(&here).unwrap();
        xsub.connect(&here).unwrap();
        sub.subscribe("a").unwrap();
        block_on(xsub.sink().send("\x01b".into())).unwrap();
        let mut told: Vec<_> = block_on(publisher.stream().take(2).collect::<Vec<_>>())
            .into_iter()
            .map(|upstream| match upstream {
                Upstream::Subscribe(topic) => topic.to_vec(),
                other => panic!("{other:?}"),
            })
            .collect();
        told.sort();
        assert_eq!(told, [b"a", b"b"]);
        block_on(async {
            let mut sink = publisher.sink();
            for text in ["a1", "c", "b1"] {
                sink.feed(text.into()).await.unwrap();
            }
            sink.flush().await.unwrap();
        });
        assert_eq!(block_on(sub.stream().next()).unwrap(), "a1");
        assert_eq!(block_on(xsub.stream().next()).unwrap(), "b1");
    }
    let publisher = Pub::new();
    block_on(publisher.sink().send("to nobody".into())).unwrap();
    assert_eq!(publisher.stats().dropped.unwanted, 1);
}

#[test]
fn in_raw_form_too() {
    let home = Home::new();
    let of = |socket_type| home.of(Socket::builder(socket_type)).build().unwrap();
    let (router, dealer) = (of(SocketType::Router), of(SocketType::Dealer));
    dealer
        .connect(router.bind(home.endpoint(Transport::Inproc)).unwrap())
        .unwrap();
    block_on(dealer.sink().send("there and back".into())).unwrap();
    block_on(router.stream().take(1).map(Ok).forward(router.sink())).unwrap();
    assert_eq!(block_on(dealer.stream().next()).unwrap(), "there and back");
    assert!(block_on(of(SocketType::Push).stream().next()).is_none());
    let error = block_on(of(SocketType::Pull).sink().send("x".into())).unwrap_err();
    assert_eq!(error.reason, SendFailure::WrongState);
}
