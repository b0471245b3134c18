//! A promise: what a socket counts adds up at every odd end, too: whoever was refused, never came, or
//! left with something unread.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use support::{ALL, Home, PATIENCE, Transport, until};
use zocket::{
    Builder, Dealer, Message, Pair, Push, Rep, Req, Router, RoutingId, SocketKind, Stats,
    TryRecvError, XPub, XSub,
};

fn make<T: SocketKind>(builder: Builder<T>, home: &Home) -> T {
    let builder = builder
        .context(&home.context)
        .reconnect_interval(Duration::from_millis(10))
        .reconnect_interval_max(Duration::from_millis(50));
    builder.build().unwrap()
}

#[track_caller]
fn adds_up(stats: &Stats) {
    let left = stats.written.messages + stats.send_queue.messages + stats.dropped.total();
    assert_eq!(stats.accepted.messages, left, "{stats:?}");
    let came = stats.returned.messages + stats.recv_queue.messages + stats.discarded.total();
    assert_eq!(stats.arrived.messages, came, "{stats:?}");
}

#[test]
fn a_peer_that_waits_for_its_place_is_counted_once() {
    let home = Home::new();
    let hub = make(Pair::builder(), &home);
    let here = hub.bind(home.endpoint(Transport::Inproc)).unwrap();
    let mut first = make(Pair::builder(), &home);
    first.connect(&here).unwrap();
    // Each that leaves offers its place to those that wait, of whom one gets it.
    let mut waiting: Vec<Pair> = (0..4).map(|_| make(Pair::builder(), &home)).collect();
    for pair in &waiting {
        pair.connect(&here).unwrap();
    }
    loop {
        first.send("from the first").unwrap();
        hub.send("to the first").unwrap();
        assert_eq!(hub.recv_timeout(PATIENCE).unwrap(), "from the first");
        assert_eq!(first.recv_timeout(PATIENCE).unwrap(), "to the first");
        adds_up(&hub.stats());
        adds_up(&first.stats());
        first.close().unwrap();
        if waiting.is_empty() {
            break;
        }
        hub.wait_for_peers(1, PATIENCE).unwrap();
        let next = |pair: &Pair| !pair.peers().is_empty();
        until("one of them is the next", || waiting.iter().any(next));
        let place = waiting.iter().position(next).unwrap();
        first = waiting.swap_remove(place);
    }
}

#[test]
fn a_peer_whose_name_was_taken_gets_it_when_it_is_free() {
    for &transport in ALL {
        let home = Home::new();
        let router = make(Router::builder(), &home);
        let here = router.bind(home.endpoint(transport)).unwrap();
        let dealer = || make(Dealer::builder().routing_id("name"), &home);
        let (one, two) = (dealer(), dealer());
        let name = RoutingId::try_from("name").unwrap();
        one.connect(&here).unwrap();
        one.send("one").unwrap();
        let (_, message) = router.recv_from_timeout(PATIENCE).unwrap();
        assert_eq!(message, "one");

        two.connect(&here).unwrap();
        two.send("two").unwrap();
        router.send_to(&name, "to one").unwrap();
        assert_eq!(one.recv_timeout(PATIENCE).unwrap(), "to one");
        one.close().unwrap();

        if transport != Transport::Inproc {
            // What was sent to a connection that was refused then may be lost with it.
            two.wait_for_peers(1, PATIENCE).unwrap();
            until("the second is there", || {
                two.send("two").unwrap();
                router.stats().arrived.messages > 1
            });
        }
        let (id, message) = router.recv_from_timeout(PATIENCE).unwrap();
        assert_eq!(
            (&id, message),
            (&name, Message::from("two")),
            "{transport:?}"
        );
        router.send_to(&name, "to two").unwrap();
        assert_eq!(
            two.recv_timeout(PATIENCE).unwrap(),
            "to two",
            "{transport:?}"
        );
        adds_up(&router.stats());
    }
}

#[test]
fn what_nobody_came_for_is_dropped_when_it_is_given_up() {
    for &transport in ALL {
        let home = Home::new();
        let nowhere = home.vacant(transport);
        let push = make(Push::builder().linger(Duration::ZERO), &home);
        push.connect(&nowhere).unwrap();
        push.send("one").unwrap();
        push.disconnect(&nowhere).unwrap();
        until("it is dropped with the endpoint", || {
            push.stats().dropped.with_peer == 1
        });
        push.connect(&nowhere).unwrap();
        push.send("two").unwrap();
        assert_eq!(push.stats().send_queue.messages, 1);
        assert_eq!(push.close().unwrap_err().messages, 1);
        until("it is dropped with the socket", || {
            push.stats().dropped.with_peer == 2
        });
        let stats = push.stats();
        assert_eq!((stats.send_queue.messages, stats.accepted.messages), (0, 2));
    }
}

#[test]
fn what_subscribers_sent_is_unread_when_the_publisher_closes() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = make(XPub::builder(), &home);
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let subscriber = make(XSub::builder(), &home);
        subscriber.connect(&here).unwrap();
        publisher.wait_for_peers(1, PATIENCE).unwrap();
        subscriber.wait_for_peers(1, PATIENCE).unwrap();
        for _ in 0..3 {
            subscriber.send("upstream").unwrap();
        }
        until("they arrive", || publisher.stats().recv_queue.messages == 3);
        publisher.close().unwrap();
        let stats = publisher.stats();
        assert_eq!((stats.recv_queue.messages, stats.discarded.unread), (0, 3));
        adds_up(&stats);
    }
}

#[test]
fn a_reply_that_was_received_is_written() {
    for &transport in ALL {
        let home = Home::new();
        let rep = make(Rep::builder(), &home);
        let here = rep.bind(home.endpoint(transport)).unwrap();
        let req = make(Req::builder(), &home);
        req.connect(&here).unwrap();
        req.send("question").unwrap();
        rep.recv_timeout(PATIENCE).unwrap().reply("answer").unwrap();
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "answer");
        until("it is written", || rep.stats().written.messages == 1);
        assert_eq!(rep.stats().send_queue.messages, 0);
    }
}

/// Not a matter of counting, but found by it: the request went to a peer that was not quite there.
#[test]
fn nobody_is_lost_while_others_join() {
    const SERVERS: usize = 30;
    for &transport in ALL {
        let home = Home::new();
        let req = make(Req::builder(), &home);
        let here = req.bind(home.endpoint(transport)).unwrap();
        let done = AtomicBool::new(false);
        let servers: Vec<Rep> = (0..SERVERS).map(|_| make(Rep::builder(), &home)).collect();
        thread::scope(|threads| {
            let asking = threads.spawn(|| {
                let mut asked = 0;
                while !done.load(Ordering::Relaxed) || asked < SERVERS {
                    let reply = req.request_timeout("anybody?", PATIENCE);
                    if let Err(error) = reply {
                        return Err(format!("{transport:?}, after {asked}: {error}"));
                    }
                    asked += 1;
                }
                Ok(())
            });
            for server in &servers {
                server.connect(&here).unwrap();
                threads.spawn(move || {
                    for request in server {
                        let _ = request.reply("I am");
                    }
                });
            }
            let joined = req.wait_for_peers(SERVERS, PATIENCE);
            done.store(true, Ordering::Relaxed);
            let asked = asking.join().unwrap();
            for server in &servers {
                let _ = server.close();
            }
            joined.unwrap();
            asked.unwrap();
        });
        assert!(matches!(req.try_recv(), Err(TryRecvError::WrongState)));
    }
}
