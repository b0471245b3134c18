//! A socket's descriptor: readable whenever a message can be received, and no longer when none can;
//! for loops that look at levels as for those that look at edges.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::event::{PollFd, PollFlags, Timespec};
use support::{ALL, Home, PATIENCE, QUIET, Transport, joined, send_until_taken, until};
use zocket::{
    Context, Dealer, Pub, Pull, Push, RecvError, Rep, Req, Router, Socket, SocketType, Sub,
    TryRecvError, XPub,
};

/// Whether it is readable, or becomes so in time.
fn is_readable(fd: BorrowedFd<'_>, timeout: Duration) -> bool {
    let timeout = Timespec::try_from(timeout).unwrap();
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    let ready = rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, Some(&timeout)));
    ready.unwrap() > 0 && fds[0].revents().contains(PollFlags::IN)
}

fn is_readable_now(socket: &impl AsFd) -> bool {
    is_readable(socket.as_fd(), Duration::ZERO)
}

/// Waits as an event loop does.
fn await_readable(socket: &impl AsFd) {
    assert!(is_readable(socket.as_fd(), PATIENCE), "not in {PATIENCE:?}");
}

#[test]
fn it_is_readable_until_a_try_form_was_empty() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1000);
        assert!(!is_readable_now(&pull));
        for _ in 0..3 {
            for text in ["a", "b", "c"] {
                push.send(text).unwrap();
            }
            for text in ["a", "b", "c"] {
                // Again and again: whoever waits for it is told of what is still there.
                await_readable(&pull);
                assert!(is_readable_now(&pull));
                assert_eq!(pull.try_recv().unwrap(), text);
            }
            assert_eq!(pull.try_recv().unwrap_err(), TryRecvError::Empty);
            assert!(!is_readable_now(&pull));
        }
    }
}

#[test]
fn it_is_readable_for_what_came_before_it_was_first_asked_for() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1000);
        push.send("early").unwrap();
        until("it arrives", || pull.stats().arrived.messages == 1);
        await_readable(&pull);
        assert_eq!(pull.try_recv().unwrap(), "early");
        assert!(!is_readable_now(&pull));
        // Whatever form takes it.
        push.send("late").unwrap();
        await_readable(&pull);
        assert_eq!(pull.recv().unwrap(), "late");
        assert!(!is_readable_now(&pull));
    }
}

#[test]
fn it_is_one_and_stays_the_same() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1000);
    let first = pull.descriptor().unwrap().as_raw_fd();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(pull.descriptor().unwrap().as_raw_fd(), first));
        }
    });
    assert_eq!(pull.as_fd().as_raw_fd(), first);
    assert_eq!(pull.as_raw_fd(), first);
    assert_ne!(push.as_raw_fd(), first);
    // In another form it is the same socket.
    let raw = Socket::from(pull);
    assert_eq!(raw.as_raw_fd(), first);
    push.send("x").unwrap();
    assert!(is_readable_now(&raw));
    assert_eq!(raw.try_recv().unwrap(), "x");
    assert!(!is_readable_now(&raw));
}

/// Asked for by many at once, while messages come: one is made, and it says what is so.
#[test]
fn it_may_be_asked_for_first_by_several_threads() {
    for _ in 0..50 {
        let home = Home::new();
        let (push, pull) = joined(&home, Transport::Inproc, 1000);
        let numbers = thread::scope(|scope| {
            scope.spawn(|| push.send("x").unwrap());
            let askers = [(); 3].map(|()| scope.spawn(|| pull.as_raw_fd()));
            askers.map(|asker| asker.join().unwrap())
        });
        assert!(numbers.iter().all(|number| *number == numbers[0]));
        assert!(is_readable_now(&pull));
    }
}

#[test]
fn a_closed_socket_is_readable() {
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1000);
        assert!(!is_readable_now(&pull));
        assert!(!is_readable_now(&push));
        pull.close().unwrap();
        assert!(is_readable_now(&pull));
        assert_eq!(pull.try_recv().unwrap_err(), TryRecvError::Closed);
        assert!(is_readable_now(&pull));
        // A type that never receives says this much.
        push.close().unwrap();
        assert!(is_readable_now(&push));
        // One that was closed before.
        let (_push, pull) = joined(&home, transport, 1000);
        pull.close().unwrap();
        assert!(is_readable_now(&pull));
    }
    let context = Context::new();
    let sub = Sub::builder().context(&context).build().unwrap();
    assert!(!is_readable_now(&sub));
    context.shutdown();
    assert!(is_readable_now(&sub));
    assert_eq!(sub.try_recv().unwrap_err(), TryRecvError::Terminated);
}

#[test]
fn every_type_says_when_it_can_receive() {
    for &transport in ALL {
        let home = Home::new();
        // REQ: only a reply that was asked for; REP: only what can be answered.
        let req = home.of(Req::builder()).build().unwrap();
        let rep = Socket::builder(SocketType::Rep).context(&home.context);
        let rep = rep.build().unwrap();
        assert!(!is_readable_now(&req) && !is_readable_now(&rep));
        let here = rep.bind(home.endpoint(transport)).unwrap();
        req.connect(&here).unwrap();
        let other = home.of(Dealer::builder()).build().unwrap();
        other.connect(&here).unwrap();
        for _ in 0..3 {
            req.send("request").unwrap();
            await_readable(&rep);
            assert!(!is_readable_now(&req));
            assert_eq!(rep.try_recv().unwrap(), "request");
            let before = rep.stats().arrived.messages;
            other.send(["", "another"]).unwrap();
            until("it arrives", || rep.stats().arrived.messages > before);
            // It owes a reply first.
            assert!(!is_readable(rep.as_fd(), QUIET));
            rep.send("reply").unwrap();
            await_readable(&rep);
            assert_eq!(rep.try_recv().unwrap(), "another");
            rep.send("to the dealer").unwrap();
            await_readable(&req);
            assert_eq!(req.try_recv().unwrap(), "reply");
            assert!(!is_readable_now(&req) && !is_readable_now(&rep));
        }
        // The loss of who was asked is an outcome.
        req.send("request").unwrap();
        await_readable(&rep);
        drop(rep);
        await_readable(&req);
        assert_eq!(req.try_recv().unwrap_err(), TryRecvError::PeerLost);
        assert!(!is_readable_now(&req));

        // ROUTER and DEALER.
        let router = home.of(Router::builder()).build().unwrap();
        let dealer = home.of(Dealer::builder()).build().unwrap();
        assert!(!is_readable_now(&router) && !is_readable_now(&dealer));
        dealer
            .connect(router.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        router.wait_for_peers(1, PATIENCE).unwrap();
        assert!(!is_readable_now(&router));
        dealer.send("question").unwrap();
        await_readable(&router);
        let (id, _) = router.try_recv_from().unwrap();
        assert!(!is_readable_now(&router));
        router.send_to(&id, "answer").unwrap();
        await_readable(&dealer);
        dealer.try_recv().unwrap();
        assert!(!is_readable_now(&dealer));

        // XPUB: what its subscribers say; SUB: what it has subscribed to.
        let publisher = home.of(XPub::builder()).build().unwrap();
        let sub = home.of(Sub::builder()).build().unwrap();
        assert!(!is_readable_now(&publisher) && !is_readable_now(&sub));
        sub.connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        sub.subscribe("a").unwrap();
        await_readable(&publisher);
        publisher.try_recv().unwrap();
        assert!(!is_readable_now(&publisher));
        publisher.send("b").unwrap();
        publisher.send("a").unwrap();
        await_readable(&sub);
        // It is there, and then it is not wanted any more.
        sub.unsubscribe("a").unwrap();
        assert!(!is_readable_now(&sub));
        assert_eq!(sub.try_recv().unwrap_err(), TryRecvError::Empty);
        await_readable(&publisher);
    }
    let home = Home::new();
    let publisher = home.of(Pub::builder()).build().unwrap();
    let sub = home.of(Sub::builder()).build().unwrap();
    sub.subscribe("").unwrap();
    sub.connect(publisher.bind("inproc://pub").unwrap())
        .unwrap();
    publisher.wait_for_subscribers(1, PATIENCE).unwrap();
    assert!(!is_readable_now(&publisher));
    // A REP in typed form holds as many requests as come.
    let rep = home.of(Rep::builder()).build().unwrap();
    let dealer = home.of(Dealer::builder()).build().unwrap();
    dealer.connect(rep.bind("inproc://rep").unwrap()).unwrap();
    assert!(!is_readable_now(&rep));
    for _ in 0..2 {
        dealer.send("no envelope").unwrap();
        dealer.send(["", "request"]).unwrap();
    }
    let held = [(); 2].map(|()| {
        assert!(is_readable_now(&rep));
        rep.try_recv().unwrap()
    });
    assert!(!is_readable_now(&rep));
    drop(held);
}

/// Everything that is sent is taken by threads that look at the level, whoever comes first.
#[test]
fn several_threads_that_look_at_its_level_miss_nothing() {
    const MESSAGES: usize = 2000;
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1000);
        let count = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    loop {
                        await_readable(&pull);
                        match pull.try_recv() {
                            Ok(_) => drop(count.fetch_add(1, Ordering::SeqCst)),
                            Err(TryRecvError::Empty) => {}
                            Err(error) => return assert_eq!(error, TryRecvError::Closed),
                        }
                    }
                });
            }
            send_until_taken(&push, MESSAGES, &count);
            pull.close().unwrap();
        });
    }
}

/// mio looks at edges: who receives until nothing is left has one for whatever comes after that, also
/// while others receive in their own ways.
#[test]
fn a_loop_that_looks_at_edges_misses_nothing() {
    const MESSAGES: usize = 2000;
    for &transport in ALL {
        for others in [0, 2] {
            let home = Home::new();
            let (push, pull) = joined(&home, transport, 1000);
            let count = AtomicUsize::new(0);
            thread::scope(|scope| {
                for other in 0..others {
                    let (pull, count) = (&pull, &count);
                    scope.spawn(move || {
                        loop {
                            // One waits in it, the other comes by.
                            let outcome = if other == 0 {
                                pull.recv_timeout(Duration::from_micros(50))
                            } else {
                                thread::yield_now();
                                pull.try_recv().map_err(|error| match error {
                                    TryRecvError::Empty => RecvError::Timeout,
                                    _ => RecvError::Closed,
                                })
                            };
                            match outcome {
                                Ok(_) => drop(count.fetch_add(1, Ordering::SeqCst)),
                                Err(RecvError::Timeout) => {}
                                Err(error) => return assert_eq!(error, RecvError::Closed),
                            }
                            // The last ones are the loop's alone.
                            if count.load(Ordering::SeqCst) > MESSAGES - 100 {
                                return;
                            }
                        }
                    });
                }
                scope.spawn(|| edges(&pull, &count));
                for number in 0..MESSAGES {
                    push.send(number.to_string()).unwrap();
                    let taken = || count.load(Ordering::SeqCst) > number;
                    if number % 3 == 0 {
                        until("it is taken", taken);
                    }
                }
                let all = || count.load(Ordering::SeqCst) == MESSAGES;
                until("all of it is taken", all);
                pull.close().unwrap();
            });
        }
    }
}

fn edges(pull: &Pull, count: &AtomicUsize) {
    let mut poll = Poll::new().unwrap();
    let fd = pull.as_raw_fd();
    poll.registry()
        .register(&mut SourceFd(&fd), Token(0), Interest::READABLE)
        .unwrap();
    let mut events = Events::with_capacity(8);
    loop {
        match poll.poll(&mut events, Some(PATIENCE)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled.unwrap(),
        }
        assert!(!events.is_empty(), "no edge within {PATIENCE:?}");
        loop {
            match pull.try_recv() {
                Ok(_) => drop(count.fetch_add(1, Ordering::SeqCst)),
                Err(TryRecvError::Empty) => break,
                Err(error) => return assert_eq!(error, TryRecvError::Closed),
            }
        }
    }
}

/// tokio's own way to wait for a descriptor of somebody else's.
#[allow(
    deprecated,
    reason = "what is to be used instead is unsafe; the descriptor is the socket's for as long as that lives"
)]
#[test]
fn tokio_waits_for_it() {
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    const MESSAGES: usize = 300;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for &transport in ALL {
        let home = Home::new();
        let (push, pull) = joined(&home, transport, 1000);
        let pull = Arc::new(pull);
        let sender = thread::spawn(move || {
            for number in 0..MESSAGES {
                push.send(number.to_string()).unwrap();
                if number % 10 == 0 {
                    thread::yield_now();
                }
            }
            push
        });
        let receiving = async {
            let fd = AsyncFd::with_interest(pull.clone(), Interest::READABLE).unwrap();
            let mut count = 0;
            while count < MESSAGES {
                let mut ready = fd.readable().await.unwrap();
                match pull.try_recv() {
                    Ok(message) => {
                        assert_eq!(message, count.to_string());
                        count += 1;
                    }
                    Err(TryRecvError::Empty) => ready.clear_ready(),
                    Err(error) => panic!("{error}"),
                }
            }
        };
        let received = runtime.block_on(async { tokio::time::timeout(PATIENCE, receiving).await });
        received.unwrap();
        drop(sender.join().unwrap());
    }
}

/// The system has no descriptor for who never asks, and one for who does.
#[cfg(target_os = "linux")]
#[test]
fn it_costs_nothing_unless_it_is_asked_for_and_is_not_inherited() {
    use std::process::Command;

    // In a process of its own, where nobody else opens any.
    if std::env::var_os("ZOCKET_COUNTS_DESCRIPTORS").is_none() {
        let test = "it_costs_nothing_unless_it_is_asked_for_and_is_not_inherited";
        let output = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--test-threads=1"])
            .env("ZOCKET_COUNTS_DESCRIPTORS", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let context = Context::builder().io_threads(0).build().unwrap();
    let before = count();
    let sockets = [(); 100].map(|()| Pull::builder().context(&context).build().unwrap());
    let push = Push::builder().context(&context).build().unwrap();
    push.connect(sockets[0].bind("inproc://costs").unwrap())
        .unwrap();
    push.send("x").unwrap();
    sockets[0].try_recv().unwrap();
    assert_eq!(count(), before);
    for (number, socket) in sockets.iter().enumerate() {
        for _ in 0..2 {
            socket.descriptor().unwrap();
            assert_eq!(count(), before + number + 1);
        }
    }
    let number = sockets[0].as_raw_fd();
    let path = format!("/proc/self/fd/{number}");
    assert!(std::fs::symlink_metadata(&path).is_ok());
    let inherited = Command::new("test").args(["-e", &path]).status().unwrap();
    assert!(!inherited.success());
    drop((sockets, push));
    assert_eq!(count(), before);
}
