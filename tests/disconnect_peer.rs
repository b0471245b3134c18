//! `disconnect_peer` ends one connection, told by an event, and no other; who connected does so again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use support::{ALL, Home, PATIENCE, WIRE, until};
use zocket::{
    Dealer, DisconnectPeerError, Monitor, MonitorEvent, Pair, PeerInfo, Pull, RecvError, Rep, Req,
    Router, RoutingId, Socket, SocketType,
};

fn id(text: &str) -> RoutingId {
    RoutingId::try_from(text).unwrap()
}

/// The next peer to come, and those that left before.
fn next_to_come(monitor: &Monitor) -> (PeerInfo, Vec<(PeerInfo, String)>) {
    let mut left = Vec::new();
    loop {
        match monitor.recv_timeout(PATIENCE).unwrap() {
            MonitorEvent::HandshakeSucceeded { peer, .. } => return (peer, left),
            MonitorEvent::Disconnected { peer, reason, .. } => left.push((peer, reason)),
            _ => {}
        }
    }
}

#[test]
fn the_one_that_is_named_goes_and_may_come_back() {
    for &transport in ALL {
        let home = Home::new();
        let router = home.of(Router::builder()).build().unwrap();
        let here = router.bind(home.endpoint(transport)).unwrap();
        let monitor = router.monitor();
        let [noisy, quiet] = ["noisy", "quiet"].map(|name| {
            let dealer = home.of(Dealer::builder().routing_id(name)).build().unwrap();
            dealer.connect(&here).unwrap();
            next_to_come(&monitor);
            dealer
        });
        noisy.send("before").unwrap();
        let (first, message) = router.recv_from_peer_timeout(PATIENCE).unwrap();
        assert_eq!(message, "before");

        router.disconnect_peer(&id("noisy")).unwrap();
        let (again, left) = next_to_come(&monitor);
        let [(gone, reason)] = &left[..] else {
            panic!("{transport:?}: {left:?}")
        };
        assert_eq!(gone.id(), first.id());
        assert!(reason.contains("application"), "{reason}");
        assert_eq!(again.routing_id(), Some(&id("noisy")));
        assert_ne!(again.id(), first.id());

        // It is another now.
        assert_eq!(
            router.disconnect_peer(&first),
            Err(DisconnectPeerError::Unknown)
        );
        router.send_to(&id("noisy"), "again").unwrap();
        assert_eq!(noisy.recv_timeout(PATIENCE).unwrap(), "again");
        router.send_to(&id("quiet"), "still").unwrap();
        assert_eq!(quiet.recv_timeout(PATIENCE).unwrap(), "still");
        router.disconnect_peer(&again.id()).unwrap();
        assert_eq!(next_to_come(&monitor).1[0].0.id(), again.id());
    }
}

#[test]
fn what_it_has_sent_is_still_received() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let push = home.push().build().unwrap();
        let monitor = pull.monitor();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        let (peer, _) = next_to_come(&monitor);
        (0..10).for_each(|number: usize| push.send(number.to_string()).unwrap());
        until("all have arrived", || pull.stats().arrived.messages == 10);
        pull.disconnect_peer(&peer).unwrap();
        let (_, left) = next_to_come(&monitor);
        assert_eq!(left[0].0.id(), peer.id());
        support::expect_numbers(&pull, 0..10);
    }
}

#[test]
fn an_endpoint_that_was_connected_to_is_connected_again_with_its_queue() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let push = home.push().build().unwrap();
        let monitor = push.monitor();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        for round in 0..3 {
            let (peer, left) = next_to_come(&monitor);
            assert_eq!(left.len(), usize::from(round > 0));
            push.disconnect_peer(&peer).unwrap();
        }
        push.send("still").unwrap();
        assert_eq!(support::next_of(&pull), "still");
        assert_eq!(push.endpoints().len(), 1);
    }
}

#[test]
fn what_is_queued_goes_out_on_the_next_connection() {
    for &transport in WIRE {
        let home = Home::new();
        let pull = home.pull().recv_hwm(1).build().unwrap();
        let push = home.push().send_hwm(0).build().unwrap();
        let monitor = push.monitor();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        let (peer, _) = next_to_come(&monitor);
        // More than the kernel takes.
        let number = 200;
        for n in 0..number {
            push.send([n.to_string(), "x".repeat(100_000)]).unwrap();
        }
        until("the kernel is full", || push.stats().written.messages > 0);
        push.disconnect_peer(&peer).unwrap();
        next_to_come(&monitor);
        // Those that the kernel had are lost with the connection; what comes last comes.
        let last = (number - 1).to_string();
        while pull.recv_timeout(PATIENCE).unwrap()[0] != *last {}
    }
}

#[test]
fn every_type_can_on_either_side() {
    use SocketType::{Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Sub, XPub, XSub};
    let couples = [
        (Push, Pull),
        (Pull, Push),
        (Pub, Sub),
        (Sub, Pub),
        (XPub, XSub),
        (XSub, XPub),
        (Req, Rep),
        (Rep, Req),
        (Dealer, Router),
        (Router, Dealer),
        (Router, Router),
        (Pair, Pair),
    ];
    for &transport in ALL {
        for (binds, connects) in couples {
            let home = Home::new();
            let bound = home.of(Socket::builder(binds)).build().unwrap();
            let here = bound.bind(home.endpoint(transport)).unwrap();
            let connecting = home.of(Socket::builder(connects)).build().unwrap();
            for one in [&bound, &connecting] {
                let monitor = one.monitor();
                if connecting.endpoints().is_empty() {
                    connecting.connect(&here).unwrap();
                }
                one.wait_for_peers(1, PATIENCE).unwrap();
                let peer = one.peers().pop().unwrap();
                one.disconnect_peer(&peer).unwrap();
                let gone = monitor.iter().find_map(|event| match event {
                    MonitorEvent::Disconnected { peer, .. } => Some(peer.id()),
                    _ => None,
                });
                assert_eq!(gone, Some(peer.id()), "{transport:?} {binds} {connects}");
                one.wait_for_peers(1, PATIENCE).unwrap();
                let again = one.peers().pop().unwrap();
                assert_ne!(again.id(), peer.id(), "{transport:?} {binds} {connects}");
                connecting.wait_for_peers(1, PATIENCE).unwrap();
            }
        }
    }
}

#[test]
fn who_waits_for_a_reply_of_it_is_told() {
    for &transport in ALL {
        let home = Home::new();
        let rep = home.of(Rep::builder()).build().unwrap();
        let req = home.of(Req::builder()).build().unwrap();
        req.connect(rep.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        req.wait_for_peers(1, PATIENCE).unwrap();
        req.send("asked").unwrap();
        let request = rep.recv_timeout(PATIENCE).unwrap();
        req.disconnect_peer(&req.peers()[0]).unwrap();
        assert_eq!(req.recv_timeout(PATIENCE), Err(RecvError::PeerLost));
        drop(request);
        req.wait_for_peers(1, PATIENCE).unwrap();
        req.send("again").unwrap();
        let request = rep.recv_timeout(PATIENCE).unwrap();
        assert_eq!(*request, "again");
        request.reply("yes").unwrap();
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "yes");
    }
}

#[test]
fn the_place_of_a_pair_is_free_for_another() {
    for &transport in ALL {
        let home = Home::new();
        let bound = home.pair().build().unwrap();
        let here = bound.bind(home.endpoint(transport)).unwrap();
        // It never comes again by itself.
        let first = home.of(Pair::builder()).reconnect_interval(None);
        let first = first.build().unwrap();
        first.connect(&here).unwrap();
        bound.wait_for_peers(1, PATIENCE).unwrap();
        let old = bound.peers().pop().unwrap();
        if transport == support::Transport::Inproc {
            first.disconnect(&here).unwrap();
        } else {
            bound.disconnect_peer(&old).unwrap();
        }
        let second = home.pair().build().unwrap();
        second.connect(&here).unwrap();
        second.wait_for_peers(1, PATIENCE).unwrap();
        second.send("here").unwrap();
        assert_eq!(bound.recv_timeout(PATIENCE).unwrap(), "here");
    }
}

/// What is queued for it would be waited for as long as the linger lasts, which here is for ever.
#[test]
fn one_that_was_let_go_of_with_its_endpoint_goes_at_once() {
    for &transport in WIRE {
        for push_binds in [true, false] {
            let home = Home::new();
            let pull = home.pull().recv_hwm(1).build().unwrap();
            let push = home.push().send_hwm(0).linger(None).build().unwrap();
            let monitor = push.monitor();
            let here = if push_binds {
                let here = push.bind(home.endpoint(transport)).unwrap();
                pull.connect(&here).unwrap();
                here
            } else {
                let here = pull.bind(home.endpoint(transport)).unwrap();
                push.connect(&here).unwrap();
                here
            };
            let (peer, _) = next_to_come(&monitor);
            // More than the kernel takes.
            (0..200).for_each(|_| push.send(vec![7; 100_000]).unwrap());
            until("the kernel is full", || push.stats().written.messages > 0);
            if push_binds {
                push.unbind(&here).unwrap();
            } else {
                push.disconnect(&here).unwrap();
            }
            push.disconnect_peer(&peer).unwrap();
            let gone = monitor.iter().find_map(|event| match event {
                MonitorEvent::Disconnected { peer, reason, .. } => Some((peer.id(), reason)),
                _ => None,
            });
            let (id, reason) = gone.unwrap();
            assert_eq!(id, peer.id());
            assert!(reason.contains("application"), "{reason}");
            push.options().set_linger(Duration::ZERO).unwrap();
        }
    }
}

/// A waker of the other side runs between its news that we have come and ours that it is there.
#[test]
fn one_that_is_about_to_be_told_of_can_be_disconnected() {
    struct Disconnects {
        connects: Dealer,
        first: Mutex<Option<PeerInfo>>,
    }

    impl Wake for Disconnects {
        fn wake(self: Arc<Self>) {
            if let Some(peer) = self.connects.peers().pop() {
                self.connects.disconnect_peer(&peer).unwrap();
                *self.first.lock().unwrap() = Some(peer);
            }
        }
    }

    let home = Home::new();
    let bound = home.of(Dealer::builder()).build().unwrap();
    let here = bound
        .bind(home.endpoint(support::Transport::Inproc))
        .unwrap();
    let monitor = bound.monitor();
    let disconnects = Arc::new(Disconnects {
        connects: home.of(Dealer::builder()).build().unwrap(),
        first: Mutex::new(None),
    });
    let waker = Waker::from(disconnects.clone());
    let mut comes = pin!(monitor.recv_async());
    assert!(
        comes
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    disconnects.connects.connect(&here).unwrap();
    let first = disconnects.first.lock().unwrap().take().unwrap();
    let now = disconnects.connects.peers();
    assert!(now.iter().all(|peer| peer.id() != first.id()), "{now:?}");
    disconnects.connects.send("here").unwrap();
    assert_eq!(bound.recv_timeout(PATIENCE).unwrap(), "here");
    assert_eq!((bound.peers().len(), now.len()), (1, 1));
}

#[test]
fn nobody_is_disconnected_by_a_name_that_is_no_peers() {
    let home = Home::new();
    let (one, other) = (home.pull(), home.pull());
    let (one, other) = (one.build().unwrap(), other.build().unwrap());
    let push = home.push().build().unwrap();
    push.connect(one.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    one.wait_for_peers(1, PATIENCE).unwrap();
    let peer = one.peers().pop().unwrap();
    let unknown = Err(DisconnectPeerError::Unknown);
    assert_eq!(other.disconnect_peer(&peer), unknown);
    assert_eq!(one.disconnect_peer(&id("nobody")), unknown);
    assert_eq!(push.disconnect_peer(&peer.id()), unknown);
    assert_eq!(one.wait_for_peers(1, Duration::ZERO), Ok(()));
    one.close().unwrap();
    let closed = Err(DisconnectPeerError::Closed);
    assert_eq!(one.disconnect_peer(&peer), closed);
    let pull = Pull::builder().context(&home.context).build().unwrap();
    home.context.shutdown();
    let terminated = Err(DisconnectPeerError::Terminated);
    assert_eq!(pull.disconnect_peer(&peer), terminated);
}
