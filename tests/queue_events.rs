//! Monitors hear of queues that are full, and of those that have room again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::time::Duration;

use support::{ALL, Home, PATIENCE, Transport, WIRE, fill, joined, next_of, until};
use zocket::{
    Builder, Dealer, Monitor, MonitorEvent, Pair, Pull, Push, Rep, Router, Sends, SocketKind,
};

/// The next event about a queue, by its name.
fn next_about_queues(monitor: &Monitor) -> (&'static str, MonitorEvent) {
    loop {
        let event = monitor.recv_timeout(PATIENCE).expect("an event");
        let name = match &event {
            MonitorEvent::SendQueueFull { .. } => "send full",
            MonitorEvent::SendQueueRelieved { .. } => "send relieved",
            MonitorEvent::RecvQueueFull { .. } => "recv full",
            MonitorEvent::RecvQueueRelieved { .. } => "recv relieved",
            _ => continue,
        };
        return (name, event);
    }
}

#[test]
fn a_queue_that_is_full_is_told_of_and_when_it_is_down_to_half() {
    for &transport in ALL {
        let home = Home::new();
        let there = home.vacant(transport);
        let push = home.push().send_hwm(10).build().unwrap();
        let monitor = push.monitor();
        let endpoint = push.connect(&there).unwrap();
        assert_eq!(fill(&push, 0), 10);
        // Once, however often it is tried.
        assert_eq!(fill(&push, 0), 0);
        let (name, event) = next_about_queues(&monitor);
        assert_eq!(name, "send full");
        assert_eq!(event.endpoint(), Some(&endpoint));
        assert!(event.peer().is_none(), "nobody is there");
        let pull = home.pull().build().unwrap();
        pull.bind(&there).unwrap();
        for _ in 0..10 {
            next_of(&pull);
        }
        let (name, event) = next_about_queues(&monitor);
        assert_eq!(name, "send relieved");
        assert_eq!(event.endpoint(), Some(&endpoint));
    }
}

#[test]
fn half_of_it_must_be_gone() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 5);
    let monitor = push.monitor();
    for _ in 0..3 {
        assert!(fill(&push, 0) > 0);
        let (name, event) = next_about_queues(&monitor);
        assert_eq!(
            (name, event.peer().unwrap().id()),
            ("send full", push.peers()[0].id())
        );
        (0..4).for_each(|_| drop(next_of(&pull)));
        assert!(monitor.try_recv().is_err());
        next_of(&pull);
        assert_eq!(next_about_queues(&monitor).0, "send relieved");
    }
}

/// Room for one message, and no patience at the end.
fn hasty<T: SocketKind + Sends>(builder: Builder<T>) -> Builder<T> {
    builder.send_hwm(1).linger(Duration::ZERO)
}

/// What a full peer does to a sender of this kind is told.
macro_rules! is_told {
    ($home:expr, $sender:ident, $receiver:ident, $send:expr) => {
        for &transport in ALL {
            let sender = hasty($home.of($sender::builder())).build().unwrap();
            let receiver = $home.of($receiver::builder()).recv_hwm(1).build().unwrap();
            meet!($home, transport, receiver, sender);
            let monitor = sender.monitor();
            let send: fn(&$sender) -> bool = $send;
            until("it is full", || !send(&sender));
            let (name, event) = next_about_queues(&monitor);
            assert_eq!(name, "send full");
            assert_eq!(event.peer().unwrap().id(), sender.peers()[0].id());
        }
    };
}

#[test]
fn of_every_kind_of_sender() {
    let home = Home::new();
    is_told!(home, Push, Pull, |it| it.try_send(vec![0; 100_000]).is_ok());
    is_told!(home, Pair, Pair, |it| it.try_send(vec![0; 100_000]).is_ok());
    is_told!(home, Dealer, Rep, |it| it
        .try_send(vec![0; 100_000])
        .is_ok());
}

#[test]
fn of_a_router_that_waits() {
    for &transport in ALL {
        let home = Home::new();
        let router = hasty(home.of(Router::builder())).mandatory(true);
        let router = router.build().unwrap();
        let dealer = home.of(Dealer::builder()).recv_hwm(1).routing_id("it");
        let dealer = dealer.build().unwrap();
        meet!(home, transport, router, dealer);
        let monitor = router.monitor();
        let id = "it".try_into().unwrap();
        until("it is full", || {
            router.try_send_to(&id, vec![0; 100_000]).is_err()
        });
        let (name, event) = next_about_queues(&monitor);
        assert_eq!(name, "send full");
        assert_eq!(event.peer().unwrap().routing_id(), Some(&id));
    }
}

#[test]
fn a_peer_that_is_not_read_is_told_of() {
    for &transport in WIRE {
        const MANY: usize = 20_000;
        let home = Home::new();
        let pull = home.pull().recv_hwm(10).build().unwrap();
        let monitor = pull.monitor();
        let push = home.push().send_hwm(0).build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        push.connect(&here).unwrap();
        for _ in 0..MANY {
            push.send(vec![0; 100]).unwrap();
        }
        let (name, event) = next_about_queues(&monitor);
        assert_eq!(name, "recv full");
        assert_eq!(event.endpoint(), Some(&here));
        assert_eq!(event.peer().unwrap().id(), pull.peers()[0].id());
        for _ in 0..MANY {
            next_of(&pull);
        }
        assert!(pull.try_recv().is_err());
        // In turns, and it ends as it began.
        let mut is_full = true;
        let mut turns = 0;
        until("it is read again", || {
            while let Ok(event) = monitor.try_recv() {
                match event {
                    MonitorEvent::RecvQueueFull { .. } => {
                        assert!(!std::mem::replace(&mut is_full, true));
                    }
                    MonitorEvent::RecvQueueRelieved { .. } => {
                        assert!(std::mem::replace(&mut is_full, false));
                        turns += 1;
                    }
                    _ => {}
                }
            }
            !is_full
        });
        assert!(turns > 0);
    }
}
