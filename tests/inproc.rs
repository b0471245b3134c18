//! Sockets of one process find each other by name, whichever comes first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use support::Transport::Inproc;
use support::{Home, PATIENCE, QUIET, expect_numbers, next_of};
use zocket::{BindError, ConnectError, Context, TryRecvError, WaitError};

#[test]
fn connect_before_bind() {
    let home = Home::new();
    let name = home.endpoint(Inproc);
    let push = home.push().build().unwrap();
    let pull = home.pull().build().unwrap();
    push.connect(&name).unwrap();
    push.send("0").unwrap();
    assert_eq!(
        push.wait_for_peers(1, Duration::ZERO),
        Err(WaitError::Timeout { ready: 0 })
    );
    pull.bind(&name).unwrap();
    push.wait_for_peers(1, Duration::ZERO).unwrap();
    pull.wait_for_peers(1, Duration::ZERO).unwrap();
    push.send("1").unwrap();
    expect_numbers(&pull, 0..2);
}

#[test]
fn connecters_before_and_after() {
    const PEERS: usize = 10;
    let home = Home::new();
    let name = home.endpoint(Inproc);
    let pull = home.pull().build().unwrap();
    let mut pushes: Vec<_> = (0..2 * PEERS)
        .map(|_| home.push().build().unwrap())
        .collect();
    for push in &pushes[..PEERS] {
        push.connect(&name).unwrap();
        push.send("early").unwrap();
    }
    pull.bind(&name).unwrap();
    for push in &pushes[PEERS..] {
        push.connect(&name).unwrap();
        push.send("late").unwrap();
    }
    pull.wait_for_peers(2 * PEERS, Duration::ZERO).unwrap();
    let mut got: Vec<String> = (0..2 * PEERS)
        .map(|_| next_of(&pull)[0].to_str().unwrap().to_owned())
        .collect();
    got.sort();
    assert!(got[..PEERS].iter().all(|text| text == "early"));
    assert!(got[PEERS..].iter().all(|text| text == "late"));
    assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
    pushes.clear();
    assert_eq!(
        pull.wait_for_peers(1, Duration::ZERO),
        Err(WaitError::Timeout { ready: 0 })
    );
}

#[test]
fn bind_and_connect_at_the_same_time() {
    let home = Home::new();
    let barrier = Barrier::new(2);
    for round in 0..500_usize {
        let name = home.endpoint(Inproc);
        let push = home.push().build().unwrap();
        let pull = home.pull().build().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                barrier.wait();
                push.connect(&name).unwrap();
                push.send(round.to_string()).unwrap();
            });
            barrier.wait();
            pull.bind(&name).unwrap();
            assert_eq!(next_of(&pull), round.to_string());
        });
        pull.wait_for_peers(1, PATIENCE).unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
    }
}

#[test]
fn types_that_do_not_fit_are_refused_by_connect() {
    let home = Home::new();
    let name = home.endpoint(Inproc);
    let bound = home.push().build().unwrap();
    bound.bind(&name).unwrap();
    let push = home.push().build().unwrap();
    let pair = home.pair().build().unwrap();
    for error in [
        push.connect(&name).unwrap_err(),
        pair.connect(&name).unwrap_err(),
    ] {
        assert!(
            matches!(error, ConnectError::Incompatible { .. }),
            "{error}"
        );
        let text = error.to_string();
        assert!(text.contains("PUSH") && text.contains(&name), "{text}");
    }
    // Nothing is left of the attempt.
    assert!(push.try_send("nowhere").unwrap_err().is_full());
    assert!(push.disconnect(&name).is_err());
    assert!(bound.try_send("nobody").unwrap_err().is_full());
    let pull = home.pull().build().unwrap();
    pull.connect(&name).unwrap();
    bound.send("fits").unwrap();
    assert_eq!(next_of(&pull), "fits");
}

#[test]
fn types_that_do_not_fit_wait_for_one_that_does() {
    let home = Home::new();
    let name = home.endpoint(Inproc);
    let push = home.push().build().unwrap();
    push.connect(&name).unwrap();
    push.send("0").unwrap();
    let wrong = home.push().build().unwrap();
    wrong.bind(&name).unwrap();
    assert!(push.wait_for_peers(1, QUIET).is_err());
    assert!(wrong.try_send("nobody").unwrap_err().is_full());
    wrong.unbind(&name).unwrap();
    let pull = home.pull().build().unwrap();
    pull.bind(&name).unwrap();
    push.send("1").unwrap();
    expect_numbers(&pull, 0..2);
}

#[test]
fn a_name_is_taken_once() {
    let home = Home::new();
    let name = home.endpoint(Inproc);
    let first = home.pull().build().unwrap();
    let second = home.pull().build().unwrap();
    first.bind(&name).unwrap();
    for socket in [&first, &second] {
        let error = socket.bind(&name).unwrap_err();
        assert!(matches!(error, BindError::NameTaken(_)), "{error}");
    }
    drop(first);
    second.bind(&name).unwrap();
}

#[test]
fn unbind_frees_the_name_and_keeps_the_peers() {
    let home = Home::new();
    let name = home.endpoint(Inproc);
    let first = home.pull().build().unwrap();
    let second = home.pull().build().unwrap();
    first.bind(&name).unwrap();
    let old = home.push().build().unwrap();
    old.connect(&name).unwrap();
    old.send("0").unwrap();
    first.unbind(&name).unwrap();
    assert!(first.unbind(&name).is_err());

    second.bind(&name).unwrap();
    let new = home.push().build().unwrap();
    new.connect(&name).unwrap();
    new.send("new").unwrap();
    old.send("1").unwrap();
    assert_eq!(next_of(&second), "new");
    expect_numbers(&first, 0..2);
    assert_eq!(second.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(first.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn names_belong_to_a_context() {
    let (here, there) = (Home::new(), Home::new());
    let name = here.endpoint(Inproc);
    let ours = here.pull().build().unwrap();
    let theirs = there.pull().build().unwrap();
    ours.bind(&name).unwrap();
    theirs.bind(&name).unwrap();
    for (home, pull) in [(&here, &ours), (&there, &theirs)] {
        let push = home.push().build().unwrap();
        push.connect(&name).unwrap();
        push.send("hello").unwrap();
        assert_eq!(next_of(pull), "hello");
    }
    assert_eq!(ours.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(theirs.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn it_needs_no_thread() {
    let context = Context::builder().io_threads(0).build().unwrap();
    let pull = zocket::Pull::builder().context(&context).build().unwrap();
    let push = zocket::Push::builder().context(&context).build().unwrap();
    pull.bind("inproc://here").unwrap();
    push.connect("inproc://here").unwrap();
    push.send("hello").unwrap();
    assert_eq!(next_of(&pull), "hello");
    assert!(matches!(
        push.connect("tcp://127.0.0.1:1").unwrap_err(),
        ConnectError::NoIoThread(_)
    ));
}

#[test]
fn what_a_closing_connecter_left_arrives_within_its_linger() {
    let home = Home::new();
    let name = home.endpoint(Inproc);
    let push = home.push().linger(PATIENCE).build().unwrap();
    push.connect(&name).unwrap();
    for number in 0..10 {
        push.send(number.to_string()).unwrap();
    }
    thread::scope(|scope| {
        let closing = scope.spawn(|| push.close());
        // It is closed by now, and waits.
        support::until("the close", || {
            push.send_timeout("more", Duration::ZERO)
                .is_err_and(|error| !error.is_timeout())
        });
        let pull = home.pull().build().unwrap();
        pull.bind(&name).unwrap();
        assert_eq!(closing.join().unwrap(), Ok(()));
        for number in 0..10 {
            assert_eq!(next_of(&pull), number.to_string());
        }
        support::until_alone(|count, timeout| pull.wait_for_peers(count, timeout));
    });
}

#[test]
fn a_pair_that_closed_before_the_bind_makes_way_for_the_next() {
    let home = Home::new();
    let name = home.endpoint(Inproc);
    let first = home.pair().linger(PATIENCE).build().unwrap();
    first.connect(&name).unwrap();
    first.send("hello").unwrap();
    let bound = home.pair().build().unwrap();
    thread::scope(|scope| {
        let closing = scope.spawn(|| first.close());
        support::until("the close", || {
            first
                .send_timeout("more", Duration::ZERO)
                .is_err_and(|error| !error.is_timeout())
        });
        bound.bind(&name).unwrap();
        assert_eq!(closing.join().unwrap(), Ok(()));
    });
    assert_eq!(bound.recv_timeout(PATIENCE).unwrap(), "hello");
    let second = home.pair().build().unwrap();
    second.connect(&name).unwrap();
    bound.send("you").unwrap();
    assert_eq!(second.recv_timeout(PATIENCE).unwrap(), "you");
}

#[test]
fn whoever_closes_while_the_other_comes_is_no_peer() {
    let home = Home::new();
    let barrier = Barrier::new(2);
    for _ in 0..500 {
        // The bound one goes while the other connects …
        let name = home.endpoint(Inproc);
        let push = home.push().build().unwrap();
        let pull = home.pull().build().unwrap();
        pull.bind(&name).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                barrier.wait();
                pull.close().unwrap();
            });
            barrier.wait();
            let _ = push.connect(&name);
        });
        support::until_alone(|count, timeout| push.wait_for_peers(count, timeout));

        // … and the one that connected goes while the other binds.
        let name = home.endpoint(Inproc);
        let push = home.push().build().unwrap();
        let pull = home.pull().build().unwrap();
        push.connect(&name).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                barrier.wait();
                push.close().unwrap();
            });
            barrier.wait();
            pull.bind(&name).unwrap();
        });
        support::until_alone(|count, timeout| pull.wait_for_peers(count, timeout));
    }
}

#[test]
fn what_nobody_came_for_is_unsent() {
    let home = Home::new();
    let name = home.endpoint(Inproc);
    for linger in [Duration::ZERO, QUIET] {
        let push = home.push().linger(linger).build().unwrap();
        push.connect(&name).unwrap();
        for _ in 0..3 {
            push.send("12345").unwrap();
        }
        let unsent = push.close().unwrap_err();
        assert_eq!((unsent.messages, unsent.bytes), (3, 15));
        assert_eq!(unsent.endpoints.len(), 1);
        assert_eq!(unsent.endpoints[0].endpoint, name);
        assert_eq!(push.close().unwrap_err(), unsent, "the same end");
    }
    // Nothing of it is left for whoever comes later.
    let pull = home.pull().build().unwrap();
    pull.bind(&name).unwrap();
    assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn an_idle_connecter_closes_at_once() {
    let home = Home::new();
    let push = home.push().linger(None).build().unwrap();
    push.connect(home.endpoint(Inproc)).unwrap();
    push.close().unwrap();
}

#[test]
fn what_a_sender_sent_before_it_closed_stays_readable() {
    let home = Home::new();
    let name = home.endpoint(Inproc);
    let pull = home.pull().build().unwrap();
    pull.bind(&name).unwrap();
    let push = home.push().linger(Duration::ZERO).build().unwrap();
    push.connect(&name).unwrap();
    for number in 0..1000 {
        push.send(number.to_string()).unwrap();
    }
    push.close().unwrap();
    expect_numbers(&pull, 0..1000);
    assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_receiver_that_closes_is_noticed() {
    let home = Home::new();
    let name = home.endpoint(Inproc);
    let pull = home.pull().build().unwrap();
    pull.bind(&name).unwrap();
    let push = home.push().build().unwrap();
    push.connect(&name).unwrap();
    push.send("lost").unwrap();
    pull.close().unwrap();
    assert!(push.try_send("nobody").unwrap_err().is_full());
    assert!(push.send_timeout("nobody", QUIET).unwrap_err().is_timeout());
    push.close().unwrap();
}
