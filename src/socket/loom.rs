//! Models of two inproc sockets, each with a half that the other delivers to.

use std::collections::VecDeque;
use std::sync::Arc;

use loom::thread;

use super::core::{Core, Phase};
use super::pattern::Pattern;
use crate::context::{Context, Member as _};
use crate::error::{FlushFailure, RecvError};
use crate::message::Message;
use crate::monitor::MonitorEvent;
use crate::options::{Options, RouterNotify};
use crate::socket_type::SocketType;
use crate::waiting::Patience;

/// Two PAIR sockets that are joined.
fn pair(hwm: usize) -> (Arc<Core>, Arc<Core>) {
    let options = Options {
        send_hwm: hwm,
        recv_hwm: 0,
        ..Options::default()
    };
    let (a, b) = two(SocketType::Pair, SocketType::Pair, options);
    join(&a, &b);
    (a, b)
}

/// Two sockets that could be joined.
fn two(one: SocketType, other: SocketType, options: Options) -> (Arc<Core>, Arc<Core>) {
    let context = Context::builder().io_threads(0).build().unwrap();
    let socket = |it| Core::new(Pattern(it), options.clone(), context.clone());
    (socket(one), socket(other))
}

fn join(a: &Arc<Core>, b: &Arc<Core>) {
    a.bind("inproc://model".parse().unwrap()).unwrap();
    b.connect("inproc://model".parse().unwrap()).unwrap();
}

fn send(core: &Core, text: &'static str) {
    core.send(Message::from(text), || Patience::Forever)
        .unwrap();
}

fn recv(core: &Core) -> Result<Message, RecvError> {
    core.recv(|| Patience::Forever)
}

/// Each delivers to the other at the same time: no deadlock, nothing slept over.
#[test]
fn loom_two_sockets_deliver_to_each_other() {
    loom::model(|| {
        let (a, b) = pair(0);
        let other = thread::spawn({
            let b = b.clone();
            move || {
                send(&b, "from b");
                send(&b, "and more");
                assert_eq!(recv(&b).unwrap(), "from a");
            }
        });
        send(&a, "from a");
        assert_eq!(recv(&a).unwrap(), "from b");
        assert_eq!(recv(&a).unwrap(), "and more");
        other.join().unwrap();
        let _ = (a.close(None), b.close(None));
    });
}

/// One closes behind its message while the other is about to receive it: it still arrives.
#[test]
fn loom_a_closing_sender_is_still_heard() {
    loom::model(|| {
        let (a, b) = pair(0);
        let other = thread::spawn({
            let b = b.clone();
            move || assert_eq!(recv(&b).unwrap(), "last words")
        });
        send(&a, "last words");
        let _ = a.close(None);
        other.join().unwrap();
        let _ = b.close(None);
    });
}

/// One batch and several who take of it, not one by one: nobody sleeps while a message is there.
#[test]
fn loom_one_batch_for_two_who_take_many() {
    loom::model(|| {
        let (a, b) = pair(0);
        let take = |max| {
            let b = b.clone();
            move || {
                let mut queue = VecDeque::new();
                let got = b.recv_many(&mut queue, max, || Patience::Forever).unwrap();
                assert_eq!((queue.len(), got <= max), (got, true));
                got
            }
        };
        let (one, two) = (thread::spawn(take(1)), thread::spawn(take(2)));
        let mut batch: VecDeque<Message> = ["1", "2", "3"].map(Message::from).into();
        assert_eq!(a.send_many(&mut batch, || Patience::Forever), Ok(3));
        let got = one.join().unwrap() + two.join().unwrap();
        let mut rest = VecDeque::new();
        while got + rest.len() < 3 {
            b.recv_many(&mut rest, 3, || Patience::Forever).unwrap();
        }
        let _ = (a.close(None), b.close(None));
    });
}

/// What is sent as the socket ends is sent or refused, and counted if it is sent.
#[test]
fn loom_what_goes_past_the_half_ends_with_it() {
    loom::model(|| {
        let (a, b) = pair(0);
        send(&a, "first");
        assert_eq!(recv(&b).unwrap(), "first");
        let sender = thread::spawn({
            let a = a.clone();
            move || {
                let is_sent = |_: &usize| a.send("more".into(), || Patience::None).is_ok();
                (0..2).filter(is_sent).count() as u64
            }
        });
        a.terminate();
        assert!(a.send("late".into(), || Patience::None).is_err());
        let accepted = a.stats().accepted.messages;
        assert_eq!(accepted, 1 + sender.join().unwrap());
    });
}

/// A receiver that is closed from another thread does not sleep on.
#[test]
fn loom_a_blocked_receiver_sees_the_end() {
    loom::model(|| {
        let (a, b) = pair(0);
        let other = thread::spawn({
            let b = b.clone();
            move || assert_eq!(recv(&b).unwrap_err(), RecvError::Closed)
        });
        let _ = b.close(None);
        other.join().unwrap();
        let _ = a.close(None);
    });
}

/// The peer that was asked closes just as its reply is waited for: there is an outcome in any case,
/// and the exchange is over.
#[test]
fn loom_a_request_whose_peer_leaves_has_an_outcome() {
    loom::model(|| {
        let (rep, req) = two(SocketType::Rep, SocketType::Req, Options::default());
        join(&rep, &req);
        send(&req, "request");
        let server = thread::spawn({
            let rep = rep.clone();
            move || {
                let (asker, _) = rep.recv_request(|| Patience::Forever).unwrap();
                rep.reply(asker.pipe, &asker.envelope, "reply".into())
                    .unwrap();
                let _ = rep.close(None);
            }
        });
        match recv(&req) {
            Ok(reply) => assert_eq!(reply, "reply"),
            Err(error) => assert_eq!(error, RecvError::PeerLost),
        }
        assert_eq!(recv(&req).unwrap_err(), RecvError::WrongState);
        server.join().unwrap();
        let _ = req.close(None);
    });
}

/// A sender waits for room at one peer of a ROUTER just as that makes some.
#[test]
fn loom_who_waits_for_one_peer_is_woken_by_it() {
    loom::model(|| {
        let options = Options {
            send_hwm: 1,
            recv_hwm: 1,
            mandatory: true,
            routing_id: crate::routing_id::RoutingId::new(b"peer"),
            ..Options::default()
        };
        let (router, dealer) = two(SocketType::Router, SocketType::Dealer, options);
        join(&router, &dealer);
        for _ in 0..2 {
            router
                .send_to(b"peer", "fills".into(), || Patience::None)
                .unwrap();
        }
        let reader = thread::spawn({
            let dealer = dealer.clone();
            move || {
                assert_eq!(recv(&dealer).unwrap(), "fills");
                assert_eq!(recv(&dealer).unwrap(), "fills");
            }
        });
        router
            .send_to(b"peer", "last".into(), || Patience::Forever)
            .unwrap();
        reader.join().unwrap();
        assert_eq!(recv(&dealer).unwrap(), "last");
        let _ = (router.close(None), dealer.close(None));
    });
}

/// A subscription is made just as the publisher is connected to: it is known there in any case.
#[test]
fn loom_a_subscription_made_while_joining_is_known() {
    loom::model(|| {
        let (publisher, subscriber) = two(SocketType::Pub, SocketType::Sub, Options::default());
        publisher.bind("inproc://model".parse().unwrap()).unwrap();
        let other = thread::spawn({
            let subscriber = subscriber.clone();
            move || subscriber.subscribe(b"topic", true).unwrap()
        });
        subscriber
            .connect("inproc://model".parse().unwrap())
            .unwrap();
        other.join().unwrap();
        send(&publisher, "topic: news");
        assert_eq!(recv(&subscriber).unwrap(), "topic: news");
        let _ = (publisher.close(None), subscriber.close(None));
    });
}

/// A name is bound just as a socket whose message waits for it is closed, with nobody to wait for
/// that: the message arrives, and the close comes to its end.
#[test]
fn loom_a_close_that_nobody_waits_for_ends() {
    loom::model(|| {
        let (a, b) = two(SocketType::Pair, SocketType::Pair, Options::default());
        b.connect("inproc://model".parse().unwrap()).unwrap();
        send(&b, "last words");
        let other = thread::spawn({
            let a = a.clone();
            move || {
                a.bind("inproc://model".parse().unwrap()).unwrap();
                assert_eq!(recv(&a).unwrap(), "last words");
            }
        });
        b.close_in_background(None);
        let closed = b.control.wait(
            || Patience::Forever,
            |control, _| (control.phase == Phase::Closed).then(|| control.unsent.clone()),
        );
        assert_eq!(closed.unwrap().messages, 0);
        other.join().unwrap();
        let _ = a.close(None);
    });
}

/// A flush begins just as the receiver takes the last message: it ends.
#[test]
fn loom_a_flush_ends_with_the_last_message() {
    loom::model(|| {
        let (a, b) = pair(0);
        send(&a, "first");
        send(&a, "last");
        let receiver = thread::spawn({
            let b = b.clone();
            move || {
                assert_eq!(recv(&b).unwrap(), "first");
                assert_eq!(recv(&b).unwrap(), "last");
            }
        });
        a.flush(|| Patience::Forever).unwrap();
        receiver.join().unwrap();
        assert!(a.stats().send_queue.messages == 0);
        let _ = (a.close(None), b.close(None));
    });
}

/// Two flushes of one socket, the second of which waits for more: both end.
#[test]
fn loom_two_flushes_at_once() {
    loom::model(|| {
        let (a, b) = pair(0);
        send(&a, "first");
        let other = thread::spawn({
            let a = a.clone();
            move || {
                send(&a, "last");
                a.flush(|| Patience::Forever).unwrap();
            }
        });
        let receiver = thread::spawn({
            let b = b.clone();
            move || {
                assert_eq!(recv(&b).unwrap(), "first");
                assert_eq!(recv(&b).unwrap(), "last");
            }
        });
        a.flush(|| Patience::Forever).unwrap();
        other.join().unwrap();
        receiver.join().unwrap();
        let _ = (a.close(None), b.close(None));
    });
}

/// The socket is closed just as it is flushed: the flush says so, or that the peer has everything.
#[test]
fn loom_a_flush_sees_the_end() {
    loom::model(|| {
        let (a, b) = pair(0);
        send(&a, "unread");
        let flusher = thread::spawn({
            let a = a.clone();
            move || a.flush(|| Patience::Forever).unwrap_err()
        });
        let _ = a.close(None);
        let error = flusher.join().unwrap();
        assert_eq!(error.reason, FlushFailure::Closed);
        assert_eq!(error.unsent.messages, 1);
        assert_eq!(recv(&b).unwrap(), "unread");
        let _ = b.close(None);
    });
}

/// The peer goes just as it is waited for: what it did not take is not waited for any more.
#[test]
fn loom_a_flush_does_not_wait_for_who_is_gone() {
    loom::model(|| {
        let (a, b) = pair(0);
        send(&a, "unread");
        let peer = thread::spawn({
            let b = b.clone();
            move || drop(b.close(None))
        });
        a.flush(|| Patience::Forever).unwrap();
        peer.join().unwrap();
        assert_eq!(a.stats().dropped.with_peer, 1);
        let _ = a.close(None);
    });
}

/// A permit is dropped just as somebody waits for room: he has it.
#[test]
fn loom_a_dropped_permit_makes_room() {
    loom::model(|| {
        let options = Options {
            send_hwm: 1,
            recv_hwm: 1,
            ..Options::default()
        };
        let (a, b) = two(SocketType::Pair, SocketType::Pair, options);
        join(&a, &b);
        let kept = [(); 2].map(|()| a.reserve(|| Patience::None).unwrap());
        let waits = thread::spawn({
            let a = a.clone();
            move || {
                let permit = a.reserve(|| Patience::Forever).unwrap();
                permit.send("from a waiter").unwrap();
            }
        });
        let [one, other] = kept;
        drop(one);
        waits.join().unwrap();
        other.send("kept").unwrap();
        assert_eq!(recv(&b).unwrap(), "from a waiter");
        assert_eq!(recv(&b).unwrap(), "kept");
        let _ = (a.close(None), b.close(None));
    });
}

/// A permit is used just as its peer goes: the message has arrived, is counted, or comes back.
#[test]
fn loom_a_permit_whose_peer_leaves_loses_nothing() {
    loom::model(|| {
        let (a, b) = pair(0);
        let permit = a.reserve(|| Patience::None).unwrap();
        let peer = thread::spawn({
            let b = b.clone();
            move || drop(b.close(None))
        });
        let sent = permit.send("kept");
        peer.join().unwrap();
        let stats = a.stats();
        match sent {
            Ok(()) => assert_eq!((stats.accepted.messages, stats.dropped.with_peer), (1, 1)),
            Err(error) => {
                assert_eq!(error.into_message(), "kept");
                assert_eq!(stats.accepted.messages, 0);
            }
        }
        let _ = a.close(None);
    });
}

/// A receiver does not sleep through the end of its context.
#[test]
fn loom_a_blocked_receiver_sees_the_shutdown() {
    loom::model(|| {
        // One alone: a context goes through its sockets in an order that differs from run to run.
        let context = Context::builder().io_threads(0).build().unwrap();
        let pattern = Pattern(SocketType::Pair);
        let socket = Core::new(pattern, Options::default(), context.clone());
        let other = thread::spawn({
            let socket = socket.clone();
            move || assert_eq!(recv(&socket).unwrap_err(), RecvError::Terminated)
        });
        context.shutdown();
        other.join().unwrap();
        let _ = socket.close(None);
    });
}

/// A peer misses a message just as it makes room: what monitors were told last is what is so.
#[test]
fn loom_that_messages_are_dropped_is_told_as_it_is() {
    loom::model(|| {
        let options = Options {
            send_hwm: 1,
            recv_hwm: 1,
            routing_id: crate::routing_id::RoutingId::new(b"peer"),
            ..Options::default()
        };
        let (router, dealer) = two(SocketType::Router, SocketType::Dealer, options);
        join(&router, &dealer);
        let send = |text| router.send_to(b"peer", Message::from(text), || Patience::None);
        send("1").unwrap();
        send("2").unwrap();
        let monitor = router.monitor();
        let reader = thread::spawn({
            let dealer = dealer.clone();
            move || {
                assert_eq!(recv(&dealer).unwrap(), "1");
                assert_eq!(recv(&dealer).unwrap(), "2");
            }
        });
        send("3").unwrap();
        reader.join().unwrap();
        let missed = router.outbound.peek(|half| half.dropped.full);
        let mut told = 0;
        let mut drops = false;
        while let Ok(event) = monitor.try_recv() {
            match event {
                MonitorEvent::DroppingStarted { .. } => {
                    assert!(!std::mem::replace(&mut drops, true));
                }
                MonitorEvent::DroppingEnded { messages, .. } => {
                    assert!(std::mem::replace(&mut drops, false));
                    told += messages;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(!drops, "there is room again");
        // One that was over before anything could be told is not told of.
        assert!(told == missed || told == 0, "{told} of {missed}");
        let _ = (router.close(None), dealer.close(None));
    });
}

/// A peer comes and goes while the socket is closed: it does not go before it has come, and the end is
/// told.
#[test]
fn loom_a_monitor_hears_it_in_order() {
    loom::model(|| {
        let (a, b) = two(SocketType::Pair, SocketType::Pair, Options::default());
        let monitor = a.monitor();
        a.bind("inproc://model".parse().unwrap()).unwrap();
        let other = thread::spawn(move || {
            b.connect("inproc://model".parse().unwrap()).unwrap();
            let _ = b.close(None);
        });
        let _ = a.close(None);
        other.join().unwrap();
        let (mut listens, mut there) = (false, false);
        for event in monitor {
            match event {
                MonitorEvent::Listening { .. } => listens = true,
                MonitorEvent::Closed { .. } => assert!(listens),
                MonitorEvent::HandshakeSucceeded { .. } => {
                    assert!(listens && !std::mem::replace(&mut there, true));
                }
                MonitorEvent::Disconnected { .. } => {
                    assert!(std::mem::replace(&mut there, false));
                }
                MonitorEvent::HandshakeFailed { .. } => assert!(!there),
                other => panic!("{other:?}"),
            }
        }
        assert!(!there, "it was not told as gone");
    });
}

/// Whoever waits for the next event while the socket is closed hears the last one, and the end.
#[test]
fn loom_who_waits_at_a_monitor_sees_the_end() {
    loom::model(|| {
        let (a, _) = two(SocketType::Pair, SocketType::Pair, Options::default());
        let monitor = a.monitor();
        a.bind("inproc://model".parse().unwrap()).unwrap();
        let reader = thread::spawn(move || {
            let last = monitor.last();
            assert!(
                matches!(last, Some(MonitorEvent::Closed { .. })),
                "{last:?}"
            );
        });
        let _ = a.close(None);
        reader.join().unwrap();
    });
}

/// How many messages a core takes that nobody reads.
fn room(core: &Core) -> usize {
    (0..)
        .take_while(|_| core.send("fills".into(), || Patience::None).is_ok())
        .count()
}

/// A mark is changed just as the pipe is made that it is for: it has the new one in any case.
#[test]
fn loom_a_mark_changed_while_joining_holds() {
    loom::model(|| {
        let options = Options {
            send_hwm: 1,
            recv_hwm: 1,
            ..Options::default()
        };
        let (a, b) = two(SocketType::Pair, SocketType::Pair, options);
        a.bind("inproc://model".parse().unwrap()).unwrap();
        let changer = thread::spawn({
            let a = a.clone();
            move || a.change_options(|options| options.send_hwm = 2).unwrap()
        });
        b.connect("inproc://model".parse().unwrap()).unwrap();
        changer.join().unwrap();
        assert_eq!(room(&a), 3);
        let _ = (a.close(None), b.close(None));
    });
}

/// Both ends change their marks at the same time: both count.
#[test]
fn loom_two_ends_change_their_marks() {
    loom::model(|| {
        let (a, b) = {
            let options = Options {
                send_hwm: 1,
                recv_hwm: 1,
                ..Options::default()
            };
            two(SocketType::Pair, SocketType::Pair, options)
        };
        join(&a, &b);
        let changer = thread::spawn({
            let b = b.clone();
            move || b.change_options(|options| options.recv_hwm = 2).unwrap()
        });
        a.change_options(|options| options.send_hwm = 3).unwrap();
        changer.join().unwrap();
        assert_eq!(room(&a), 5);
        let _ = (a.close(None), b.close(None));
    });
}

/// A sender is about to wait for room just as the mark grows: it has some.
#[test]
fn loom_a_mark_that_grows_wakes_who_waits() {
    loom::model(|| {
        let options = Options {
            send_hwm: 1,
            recv_hwm: 1,
            ..Options::default()
        };
        let (a, b) = two(SocketType::Pair, SocketType::Pair, options);
        join(&a, &b);
        assert_eq!(room(&a), 2);
        let waits = thread::spawn({
            let a = a.clone();
            move || send(&a, "one more")
        });
        b.change_options(|options| options.recv_hwm = 2).unwrap();
        waits.join().unwrap();
        let _ = (a.close(None), b.close(None));
    });
}

/// A message that the mark is changed beside is received, and so is the next one.
#[test]
fn loom_a_mark_that_shrinks_keeps_nobody_waiting() {
    loom::model(|| {
        let options = Options {
            send_hwm: 2,
            recv_hwm: 2,
            ..Options::default()
        };
        let (a, b) = two(SocketType::Pair, SocketType::Pair, options);
        join(&a, &b);
        assert_eq!(room(&a), 4);
        let reader = thread::spawn({
            let b = b.clone();
            move || {
                for _ in 0..4 {
                    assert_eq!(recv(&b).unwrap(), "fills");
                }
                assert_eq!(recv(&b).unwrap(), "one more");
            }
        });
        a.change_options(|options| options.send_hwm = 1).unwrap();
        send(&a, "one more");
        reader.join().unwrap();
        let _ = (a.close(None), b.close(None));
    });
}

/// The other end closes just as options are changed: both come to their end.
#[test]
fn loom_options_change_while_a_pipe_ends() {
    loom::model(|| {
        let (a, b) = pair(1);
        let changer = thread::spawn({
            let a = a.clone();
            move || a.change_options(|options| options.send_hwm = 0).unwrap()
        });
        let _ = b.close(None);
        changer.join().unwrap();
        let _ = a.close(None);
    });
}

/// A DEALER and a ROUTER that is told of those who come and go.
fn told() -> (Arc<Core>, Arc<Core>) {
    let options = Options {
        notify: RouterNotify::CONNECT | RouterNotify::DISCONNECT,
        ..Options::default()
    };
    two(SocketType::Dealer, SocketType::Router, options)
}

fn recv_from(router: &Core) -> Message {
    router.recv_from(|| Patience::Forever).unwrap().1
}

/// One that leaves is told of behind what it sent, once, whether that has been read by then or not.
#[test]
fn loom_that_a_peer_has_left_is_told_last() {
    loom::model(|| {
        let (dealer, router) = told();
        join(&router, &dealer);
        assert_eq!(recv_from(&router), "");
        send(&dealer, "last words");
        let other = thread::spawn({
            let router = router.clone();
            move || {
                assert_eq!(recv_from(&router), "last words");
                assert_eq!(recv_from(&router), "");
            }
        });
        let _ = dealer.close(None);
        other.join().unwrap();
        assert!(router.recv_from(|| Patience::None).is_err());
        let _ = router.close(None);
    });
}

/// One that comes is told of before what it has sent, to who waits for it on either side.
#[test]
fn loom_that_a_peer_has_come_is_told_first() {
    loom::model(|| {
        let (dealer, router) = told();
        router.connect("inproc://model".parse().unwrap()).unwrap();
        let other = thread::spawn({
            let router = router.clone();
            move || {
                assert_eq!(recv_from(&router), "");
                assert_eq!(recv_from(&router), "early");
            }
        });
        dealer.bind("inproc://model".parse().unwrap()).unwrap();
        send(&dealer, "early");
        other.join().unwrap();
        let _ = (dealer.close(None), router.close(None));
    });
}
