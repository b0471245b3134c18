//! All queues of a context together hold no more than its budget, and nobody waits for ever for it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::thread;
use std::time::Duration;

use support::{ALL, Home, PATIENCE, QUIET, Transport, WIRE, next_of, until};
use zocket::{
    BuildError, Builder, Context, Dealer, Proxy, Pub, Pull, Push, Rep, Req, Router, SlowSubscriber,
    SocketKind, Sub,
};

const BUDGET: usize = 1 << 20;

fn context(budget: usize) -> Context {
    Context::builder().memory_budget(budget).build().unwrap()
}

fn home(budget: usize) -> Home {
    let mut home = Home::new();
    home.context = context(budget);
    home
}

/// A socket without high-water marks of its own, whose queue nobody waits for at the end.
fn unlimited<T: SocketKind + zocket::Sends>(builder: Builder<T>) -> Builder<T> {
    builder.send_hwm(0).linger(Duration::ZERO)
}

fn fill(push: &Push, bytes: usize) -> usize {
    (0..)
        .take_while(|_| push.try_send(vec![0; bytes]).is_ok())
        .count()
}

#[test]
fn sends_find_no_room_when_it_is_used_up_and_go_on_when_it_is_not() {
    let home = home(BUDGET);
    let (here, there) = (
        home.endpoint(Transport::Inproc),
        home.endpoint(Transport::Inproc),
    );
    let one = unlimited(home.push()).build().unwrap();
    let other = unlimited(home.push()).build().unwrap();
    one.connect(&here).unwrap();
    other.connect(&there).unwrap();
    let taken = fill(&one, 1000);
    // To within a step and a message.
    let nearly = BUDGET - BUDGET / 64 - 2000..BUDGET + BUDGET / 64 + 2000;
    assert!(nearly.contains(&(1000 * taken)), "{taken}");
    assert_eq!(home.context.memory_used(), 1000 * taken);
    // Not much is free of charge.
    assert!((1..10).contains(&fill(&other, 1000)));
    thread::scope(|scope| {
        let waits = scope.spawn(|| {
            for _ in 0..100 {
                other.send_timeout(vec![0; 1000], PATIENCE).unwrap();
            }
        });
        thread::sleep(QUIET);
        assert!(!waits.is_finished());
        // Nobody takes what `other` has queued.
        let pull = home.pull().recv_hwm(0).build().unwrap();
        pull.bind(&here).unwrap();
        for _ in 0..taken {
            assert_eq!(next_of(&pull).byte_len(), 1000);
        }
        assert!(pull.try_recv().is_err());
        waits.join().unwrap();
    });
}

#[test]
fn peers_are_not_read_any_further() {
    for &transport in WIRE {
        const COUNT: usize = 20_000;
        let away = Home::new();
        let home = home(BUDGET);
        let pulls: Vec<Pull> = (0..4)
            .map(|_| home.pull().recv_hwm(0).build().unwrap())
            .collect();
        let pushes: Vec<Push> = pulls
            .iter()
            .map(|pull| {
                let push = unlimited(away.push()).build().unwrap();
                push.connect(pull.bind(home.endpoint(transport)).unwrap())
                    .unwrap();
                push
            })
            .collect();
        for push in &pushes {
            for _ in 0..COUNT {
                push.send(vec![0; 500]).unwrap();
            }
        }
        until("it is used up", || {
            home.context.memory_used() >= BUDGET * 7 / 8
        });
        thread::sleep(QUIET);
        let used = home.context.memory_used();
        // And what one read brings, for each of them.
        assert!(used < BUDGET + 4 * (80 << 10), "{used}");
        assert_eq!(home.context.memory_budget(), Some(BUDGET));
        thread::scope(|scope| {
            for pull in &pulls {
                scope.spawn(|| {
                    for _ in 0..COUNT {
                        assert_eq!(next_of(pull).byte_len(), 500);
                    }
                });
            }
        });
        assert_eq!(home.context.memory_used(), 0);
    }
}

/// With a budget that is always used up, each peer still goes on, one message at a time.
#[test]
fn an_empty_queue_takes_one_message_whatever_is_left() {
    for &transport in ALL {
        const LARGE: usize = 20_000;
        let home = home(1);
        let hog = unlimited(home.push()).build().unwrap();
        hog.connect(home.vacant(Transport::Inproc)).unwrap();
        assert_eq!(fill(&hog, LARGE), 1);

        let (push, pull) = support::joined(&home, transport, 1000);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..200 {
                    push.send_timeout(vec![0; LARGE], PATIENCE).unwrap();
                }
            });
            for _ in 0..200 {
                assert_eq!(next_of(&pull).byte_len(), LARGE);
            }
        });
        let rep = home.of(Rep::builder()).build().unwrap();
        let req = home.of(Req::builder()).build().unwrap();
        meet!(home, transport, rep, req);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..50 {
                    let request = rep.recv_timeout(PATIENCE).unwrap();
                    let body = (*request).clone();
                    request.reply(body).unwrap();
                }
            });
            for _ in 0..50 {
                let reply = req.request_timeout(vec![0; LARGE], PATIENCE).unwrap();
                assert_eq!(reply.byte_len(), LARGE);
            }
        });
    }
}

/// What was received fills the budget, and has to be sent on before more is: that must not wait for
/// itself.
#[test]
fn one_who_sends_on_what_it_receives_does_not_wait_for_itself() {
    for &transport in ALL {
        const COUNT: usize = 3000;
        let home = home(64 << 10);
        let clients = home.of(Router::builder()).recv_hwm(0).build().unwrap();
        let workers = home.of(Dealer::builder()).send_hwm(0).build().unwrap();
        let client = home.of(Dealer::builder()).build().unwrap();
        let worker = home.of(Rep::builder()).build().unwrap();
        meet!(home, transport, clients, client);
        meet!(home, transport, workers, worker);
        let proxy = Proxy::new(clients, workers).spawn().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..COUNT {
                    let request = worker.recv_timeout(PATIENCE).unwrap();
                    let body = (*request).clone();
                    request.reply(body).unwrap();
                }
            });
            scope.spawn(|| {
                for _ in 0..COUNT {
                    let message = ["".into(), vec![7; 1000]];
                    client.send_timeout(message, PATIENCE).unwrap();
                }
            });
            // A reply for which there is no room is dropped, as at a high-water mark.
            let mut got = 0;
            while client.recv_timeout(10 * QUIET).is_ok() {
                got += 1;
            }
            assert!(got > 0);
        });
        proxy.stop().unwrap();
    }
}

#[test]
fn a_subscriber_misses_what_the_budget_has_no_room_for() {
    let home = home(BUDGET);
    let publisher = unlimited(home.of(Pub::builder())).build().unwrap();
    let sub = home.of(Sub::builder()).recv_hwm(0).build().unwrap();
    sub.subscribe("").unwrap();
    meet!(home, Transport::Inproc, publisher, sub);
    publisher.wait_for_subscribers(1, PATIENCE).unwrap();
    for _ in 0..3000 {
        publisher.send(vec![0; 1000]).unwrap();
    }
    let stats = publisher.stats();
    assert!(stats.dropped.full > 1000, "{stats:?}");
    for _ in 0..stats.send_queue.messages {
        sub.recv_timeout(PATIENCE).unwrap();
    }
    assert!(sub.try_recv().is_err());
    publisher.send("again").unwrap();
    assert_eq!(sub.recv_timeout(PATIENCE).unwrap(), "again");
}

/// What others have used up does not cost a subscriber more than what comes needs.
#[test]
fn where_the_oldest_are_dropped_no_more_go_than_come() {
    let home = home(BUDGET);
    let publisher = unlimited(home.of(Pub::builder()));
    let publisher = publisher.slow_subscriber(SlowSubscriber::DropOldest);
    let publisher = publisher.build().unwrap();
    let sub = home.of(Sub::builder()).recv_hwm(0).build().unwrap();
    sub.subscribe("").unwrap();
    meet!(home, Transport::Inproc, publisher, sub);
    publisher.wait_for_subscribers(1, PATIENCE).unwrap();
    let text = |number: usize| format!("{number:01000}");
    for number in 0..100 {
        publisher.send(text(number)).unwrap();
    }
    let hog = unlimited(home.push()).build().unwrap();
    hog.connect(home.vacant(Transport::Inproc)).unwrap();
    fill(&hog, 1000);
    for number in 100..1000 {
        publisher.send(text(number)).unwrap();
    }
    let stats = publisher.stats();
    assert!(stats.dropped.displaced > 700, "{stats:?}");
    let kept = stats.send_queue.messages as usize;
    assert!(kept >= 100, "{stats:?}");
    for number in 1000 - kept..1000 {
        assert_eq!(sub.recv_timeout(PATIENCE).unwrap(), text(number));
    }
    assert!(sub.try_recv().is_err());
}

#[test]
fn a_socket_that_is_closed_gives_back_what_it_had() {
    for &transport in ALL {
        let home = home(BUDGET);
        let hog = unlimited(home.push()).build().unwrap();
        hog.connect(home.vacant(transport)).unwrap();
        fill(&hog, 1000);
        let next = unlimited(home.push()).build().unwrap();
        next.connect(home.vacant(Transport::Inproc)).unwrap();
        fill(&next, 1000);
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..100 {
                    next.send_timeout(vec![0; 1000], PATIENCE).unwrap();
                }
            });
            let _ = hog.close();
        });
        assert!(fill(&next, 1000) > 800);
    }
}

#[test]
fn without_a_budget_the_use_is_known_all_the_same() {
    let home = Home::new();
    assert_eq!(home.context.memory_budget(), None);
    let (push, pull) = support::joined(&home, Transport::Inproc, 1000);
    for _ in 0..100 {
        push.send(vec![0; 1000]).unwrap();
    }
    assert_eq!(home.context.memory_used(), 100_000);
    // What was received is not in a queue any more, told or not.
    for left in (0..100).rev() {
        next_of(&pull);
        assert_eq!(home.context.memory_used(), 1000 * left);
    }
}

#[test]
fn no_bytes_at_all_cannot_be() {
    match Context::builder().memory_budget(0).build() {
        Err(BuildError::Invalid(wrong)) => assert!(wrong[0].starts_with("memory_budget")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn where_the_oldest_are_dropped_as_many_bytes_go_as_come() {
    for &transport in ALL {
        let home = home(BUDGET);
        let publisher = home
            .of(Pub::builder())
            .slow_subscriber(SlowSubscriber::DropOldest)
            .linger(Duration::ZERO)
            .build()
            .unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let slow = home.of(Sub::builder()).recv_hwm(1).build().unwrap();
        slow.connect(&here).unwrap();
        slow.subscribe("").unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        // So many small ones wait that nobody will ever have dropped all.
        for _ in 0..50_000 {
            publisher.send("small").unwrap();
        }
        for _ in 0..100 {
            publisher.send(vec![0; 100_000]).unwrap();
        }
        let used = home.context.memory_used();
        assert!(used < 2 * BUDGET, "{used}");
    }
}

/// Whoever has received all there was need not look for more before others have the room.
#[test]
fn what_was_received_is_not_held_any_more() {
    for &transport in ALL {
        let home = home(BUDGET);
        let push = unlimited(home.push()).build().unwrap();
        let pull = home.pull().recv_hwm(0).build().unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        let count = 900;
        for _ in 0..count {
            push.send_timeout(vec![0; 1000], PATIENCE).unwrap();
        }
        until("all have arrived", || {
            pull.stats().arrived.messages == count
        });
        for _ in 0..count {
            pull.recv_timeout(PATIENCE).unwrap();
        }
        let other = unlimited(home.push()).build().unwrap();
        other.connect(home.vacant(Transport::Inproc)).unwrap();
        let taken = fill(&other, 1000);
        assert!(taken > 900, "{transport:?}: {taken}");
    }
}
