//! Sending and receiving for tasks, on an executor that knows nothing of sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::collections::VecDeque;
use std::pin::pin;
use std::task::Poll;
use std::thread;

use support::tasks::{Alarm, block_on, poll};
use support::{ALL, Home, PATIENCE, Transport, fill, joined, next_of, until};
use zocket::{
    Dealer, Pair, Poller, Pub, Pull, Push, RecvError, Rep, Req, Router, SendFailure, Socket,
    SocketType, Sub, XPub, XSub,
};

#[test]
fn futures_can_travel() {
    fn assert_send<T: Send>(_: T) {}
    let id = "somebody".try_into().unwrap();
    assert_send(Push::new().send_async("x"));
    assert_send(Pub::new().send_async("x"));
    assert_send(XPub::new().send_async("x"));
    assert_send(XSub::new().send_async("x"));
    assert_send(Dealer::new().send_async("x"));
    assert_send(Pair::new().send_async("x"));
    assert_send(Req::new().send_async("x"));
    assert_send(Req::new().request_async("x"));
    assert_send(Router::new().send_to_async(&id, "x"));
    assert_send(Socket::new(SocketType::Pair).send_async("x"));
    assert_send(Pull::new().recv_async());
    assert_send(Sub::new().recv_async());
    assert_send(XPub::new().recv_async());
    assert_send(XSub::new().recv_async());
    assert_send(Dealer::new().recv_async());
    assert_send(Pair::new().recv_async());
    assert_send(Req::new().recv_async());
    assert_send(Rep::new().recv_async());
    assert_send(Router::new().recv_from_async());
    assert_send(Socket::new(SocketType::Pair).recv_async());
    assert_send(Push::new().reserve_async());
    assert_send(Router::new().reserve_to_async(&id));
    assert_send(Push::new().send_many_async(&mut VecDeque::new()));
    assert_send(Pull::new().recv_many_async(&mut VecDeque::new(), 1));
    assert_send(Router::new().recv_many_from_async(&mut VecDeque::new(), 1));
    assert_send(Pull::new().recv_from_peer_async());
    assert_send(Push::new().flush_async());
    assert_send(Poller::new().wait_async(&mut Vec::new()));
}

#[test]
fn recv_waits_and_is_woken() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1);
        let mut future = pin!(pull.recv_async());
        let alarm = Alarm::new();
        assert!(poll(future.as_mut(), &alarm).is_pending());
        assert_eq!(alarm.rung(), 0);
        push.send("hello").unwrap();
        until("the wake-up", || alarm.rung() == 1);
        let Poll::Ready(got) = poll(future.as_mut(), &alarm) else {
            panic!("woken for nothing");
        };
        assert_eq!(got.unwrap(), "hello");
    }
}

#[test]
fn send_waits_and_is_woken() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1);
    let full = fill(&push, 0);
    let mut future = pin!(push.send_async(full.to_string()));
    let alarm = Alarm::new();
    assert!(poll(future.as_mut(), &alarm).is_pending());
    assert_eq!(alarm.rung(), 0);
    support::expect_numbers(&pull, 0..1);
    until("the wake-up", || alarm.rung() == 1);
    assert!(matches!(poll(future.as_mut(), &alarm), Poll::Ready(Ok(()))));
    support::expect_numbers(&pull, 1..full + 1);
}

#[test]
fn tasks_on_two_threads_talk() {
    const MANY: usize = 5000;
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1);
        thread::scope(|scope| {
            scope.spawn(|| {
                block_on(async {
                    for number in 0..MANY {
                        push.send_async(number.to_string()).await.unwrap();
                    }
                });
            });
            block_on(async {
                for number in 0..MANY {
                    assert_eq!(pull.recv_async().await.unwrap(), number.to_string());
                }
            });
        });
    }
}

#[test]
fn tasks_and_threads_share_a_socket() {
    const RECEIVERS: usize = 4;
    const EACH: usize = 500;
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1);
        let mut got: Vec<usize> = thread::scope(|scope| {
            let receivers: Vec<_> = (0..RECEIVERS)
                .map(|receiver| {
                    let pull = &pull;
                    scope.spawn(move || {
                        (0..EACH)
                            .map(|_| match receiver % 2 {
                                0 => block_on(pull.recv_async()).unwrap(),
                                _ => next_of(pull),
                            })
                            .map(|message| message[0].to_str().unwrap().parse().unwrap())
                            .collect::<Vec<usize>>()
                    })
                })
                .collect();
            for sender in 0..2 {
                let push = &push;
                scope.spawn(move || {
                    for number in (0..RECEIVERS * EACH).skip(sender).step_by(2) {
                        match sender {
                            0 => block_on(push.send_async(number.to_string())).unwrap(),
                            _ => push.send_timeout(number.to_string(), PATIENCE).unwrap(),
                        }
                    }
                });
            }
            receivers
                .into_iter()
                .flat_map(|receiver| receiver.join().unwrap())
                .collect()
        });
        got.sort_unstable();
        assert!(got.into_iter().eq(0..RECEIVERS * EACH));
    }
}

#[test]
fn a_dropped_recv_passes_its_wake_up_on() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1);
        let (first, second) = (Alarm::new(), Alarm::new());
        let mut dropped = Box::pin(pull.recv_async());
        let mut waits = pin!(pull.recv_async());
        assert!(poll(dropped.as_mut(), &first).is_pending());
        assert!(poll(waits.as_mut(), &second).is_pending());
        push.send("hello").unwrap();
        until("the first wake-up", || first.rung() == 1);
        assert_eq!(second.rung(), 0, "one message, one wake-up");
        drop(dropped);
        assert_eq!(second.rung(), 1);
        let Poll::Ready(got) = poll(waits.as_mut(), &second) else {
            panic!("the message is gone");
        };
        assert_eq!(got.unwrap(), "hello");
    }
}

#[test]
fn a_dropped_send_passes_its_wake_up_on_and_sends_nothing() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1);
    assert_eq!(fill(&push, 0), 2);
    let (first, second) = (Alarm::new(), Alarm::new());
    let mut dropped = Box::pin(push.send_async("dropped"));
    let mut waits = pin!(push.send_async("2"));
    assert!(poll(dropped.as_mut(), &first).is_pending());
    assert!(poll(waits.as_mut(), &second).is_pending());
    support::expect_numbers(&pull, 0..1);
    until("the first wake-up", || first.rung() == 1);
    assert_eq!(second.rung(), 0);
    drop(dropped);
    assert_eq!(second.rung(), 1);
    assert!(matches!(poll(waits.as_mut(), &second), Poll::Ready(Ok(()))));
    support::expect_numbers(&pull, 1..3);
    assert!(pull.try_recv().is_err());
}

#[test]
fn a_future_never_polled_or_dropped_early_does_nothing() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1);
    drop(push.send_async("never"));
    drop(pull.recv_async());
    let alarm = Alarm::new();
    let mut early = Box::pin(pull.recv_async());
    assert!(poll(early.as_mut(), &alarm).is_pending());
    drop(early);
    push.send("hello").unwrap();
    assert_eq!(alarm.rung(), 0);
    assert_eq!(block_on(pull.recv_async()).unwrap(), "hello");
    assert!(pull.try_recv().is_err());
}

#[test]
fn only_the_last_waker_counts() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1);
    let (old, new) = (Alarm::new(), Alarm::new());
    let mut future = pin!(pull.recv_async());
    assert!(poll(future.as_mut(), &old).is_pending());
    assert!(poll(future.as_mut(), &new).is_pending());
    push.send("hello").unwrap();
    assert_eq!((old.rung(), new.rung()), (0, 1));
    assert!(poll(future.as_mut(), &new).is_ready());
}

#[test]
fn close_wakes_every_task() {
    const TASKS: usize = 3;
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let push = home.push().build().unwrap();
    let alarm = Alarm::new();
    let mut recvs: Vec<_> = (0..TASKS).map(|_| Box::pin(pull.recv_async())).collect();
    let mut sends: Vec<_> = (0..TASKS)
        .map(|_| Box::pin(push.send_async("mine")))
        .collect();
    for future in &mut recvs {
        assert!(poll(future.as_mut(), &alarm).is_pending());
    }
    for future in &mut sends {
        assert!(poll(future.as_mut(), &alarm).is_pending());
    }
    pull.close().unwrap();
    push.close().unwrap();
    assert_eq!(alarm.rung(), 2 * TASKS);
    for future in &mut recvs {
        let Poll::Ready(got) = poll(future.as_mut(), &alarm) else {
            panic!("woken for nothing");
        };
        assert_eq!(got, Err(RecvError::Closed));
    }
    for future in &mut sends {
        let Poll::Ready(Err(error)) = poll(future.as_mut(), &alarm) else {
            panic!("woken for nothing");
        };
        assert_eq!(error.reason, SendFailure::Closed);
        assert_eq!(error.into_message(), "mine");
    }
}

#[test]
fn shutdown_wakes_tasks_on_other_threads() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let push = home.push().build().unwrap();
    thread::scope(|scope| {
        let recv = scope.spawn(|| block_on(pull.recv_async()));
        let send = scope.spawn(|| block_on(push.send_async("mine")));
        home.context.shutdown();
        assert_eq!(recv.join().unwrap(), Err(RecvError::Terminated));
        let error = send.join().unwrap().unwrap_err();
        assert_eq!(error.reason, SendFailure::Terminated);
    });
}

#[test]
fn who_waits_for_a_message_is_not_woken_by_a_peer_that_has_none() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        let alarm = Alarm::new();
        let mut future = pin!(pull.recv_async());
        assert!(poll(future.as_mut(), &alarm).is_pending());
        let push = home.push().build().unwrap();
        push.connect(&here).unwrap();
        pull.wait_for_peers(1, PATIENCE).unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
        assert_eq!(alarm.rung(), 0, "{transport:?}");
        push.send("hello").unwrap();
        until("the message is there", || alarm.rung() == 1);
        assert!(poll(future.as_mut(), &alarm).is_ready());
    }
}
