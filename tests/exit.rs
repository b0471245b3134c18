//! A program that sends and returns from `main` has sent; and it ends in time if nobody is there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use support::parts::{self, Part};
use support::{ALL, Home, PATIENCE, Transport, WIRE, expect_numbers, joined};
use zocket::{FlushFailure, Pull, Push, TryRecvError};

/// Enough to fill every queue on the way a thousand times over.
const MANY: u32 = 1_000_000;

/// With the defaults, in the context of the process: as `main` of the shortest program would.
#[test]
#[ignore = "a part, played in a process of its own"]
fn sends_and_returns() {
    let Some(arguments) = parts::arguments() else {
        return;
    };
    let [endpoint, messages] = <[String; 2]>::try_from(arguments).unwrap();
    let push = Push::new();
    push.connect(endpoint).unwrap();
    for number in 0..messages.parse::<u32>().unwrap() {
        push.send(&number.to_le_bytes()[..]).unwrap();
    }
    parts::say("sent");
}

/// As many messages of seven bytes, to nobody.
#[test]
#[ignore = "a part, played in a process of its own"]
fn sends_to_nobody_and_returns() {
    let Some(arguments) = parts::arguments() else {
        return;
    };
    let [endpoint, messages, linger] = <[String; 3]>::try_from(arguments).unwrap();
    parts::log_to_stderr();
    let push = match linger.parse() {
        Ok(linger) => (Push::builder().linger(Duration::from_millis(linger)))
            .build()
            .unwrap(),
        Err(_) => Push::new(),
    };
    push.connect(endpoint).unwrap();
    for _ in 0..messages.parse::<u32>().unwrap() {
        push.send("7 bytes").unwrap();
    }
    parts::say("sent");
}

#[test]
fn every_message_of_a_process_that_sent_and_returned_arrives() {
    for &transport in WIRE {
        let home = Home::new();
        let pull = Pull::builder().context(&home.context).build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap().to_string();
        let sender = Part::play("sends_and_returns", &[&here, &MANY.to_string()]);
        for number in 0..MANY {
            let message = pull.recv_timeout(PATIENCE).expect("a message in time");
            assert_eq!(message, number.to_le_bytes()[..], "{transport:?}");
        }
        let (status, errors) = sender.end();
        assert!(status.success(), "{errors}");
        assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
    }
}

/// The reader begins when the sender is about to end: what it gets was in the sender's hands, or in
/// the kernel's.
#[test]
fn what_nobody_has_read_yet_when_main_returns_arrives_as_well() {
    const MESSAGES: u32 = 500;
    for &transport in WIRE {
        let home = Home::new();
        let there = home.vacant(transport);
        let mut sender = Part::play("sends_and_returns", &[&there, &MESSAGES.to_string()]);
        sender.hear_of("sent");
        let pull = home.pull().build().unwrap();
        pull.bind(&there).unwrap();
        let (status, errors) = sender.end();
        assert!(status.success(), "{errors}");
        for number in 0..MESSAGES {
            let message = pull.recv_timeout(PATIENCE).expect("a message in time");
            assert_eq!(message, number.to_le_bytes()[..], "{transport:?}");
        }
    }
}

/// How long it took from the last message to the end of the process, and what was logged.
fn send_to_nobody(endpoint: &str, messages: usize, linger: &str) -> (Duration, String) {
    let messages = messages.to_string();
    let mut sender = Part::play(
        "sends_to_nobody_and_returns",
        &[endpoint, &messages, linger],
    );
    sender.hear_of("sent");
    let began = Instant::now();
    let (status, errors) = sender.end();
    assert!(status.success(), "{errors}");
    (began.elapsed(), errors)
}

#[test]
fn with_nobody_there_a_process_ends_within_its_linger_and_logs_what_was_left() {
    /// For what a busy machine adds.
    const SLACK: Duration = Duration::from_secs(10);
    let home = Home::new();
    thread::scope(|scope| {
        for &transport in WIRE {
            for (linger, is) in [("default", 5000), ("300", 300), ("0", 0)] {
                let there = home.vacant(transport);
                scope.spawn(move || {
                    let is = Duration::from_millis(is);
                    let (took, log) = send_to_nobody(&there, 10, linger);
                    assert!(took < is + SLACK, "{linger}: {took:?}");
                    // A little of it may be over when this is told of the last message.
                    let least = is.saturating_sub(Duration::from_millis(200));
                    assert!(took >= least, "{linger}: {took:?}");
                    let said = format!("10 messages (70 bytes) were not sent: 10 to {there}");
                    let warnings = log.lines().filter(|line| line.starts_with("WARN"));
                    let found: Vec<_> = warnings.filter(|line| line.contains(&said)).collect();
                    assert_eq!(found.len(), 1, "{said}; but: {log}");
                });
            }
        }
    });
}

/// Over inproc the receiver is in the same process: a flush waits for what it takes, one by one;
/// after the close of the sender it still has the rest.
#[test]
fn over_inproc_flush_and_close_say_what_the_receiver_got() {
    let home = Home::new();
    let (push, pull) = joined(&home, Transport::Inproc, 1000);
    for number in 0..100 {
        push.send(number.to_string()).unwrap();
    }
    for got in 0..10 {
        let error = push.flush(Duration::ZERO).unwrap_err();
        assert_eq!(error.reason, FlushFailure::Timeout);
        assert_eq!(error.unsent.messages, 100 - got);
        assert_eq!(push.stats().written.messages, got as u64);
        expect_numbers(&pull, got..got + 1);
    }
    thread::scope(|scope| {
        let flush = scope.spawn(|| push.flush(PATIENCE));
        expect_numbers(&pull, 10..100);
        assert_eq!(flush.join().unwrap(), Ok(()));
    });
    for number in 100..200 {
        push.send(number.to_string()).unwrap();
    }
    assert_eq!(push.close(), Ok(()), "the receiver has them");
    expect_numbers(&pull, 100..200);
    assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));

    // Nobody has these.
    let push = home.push().linger(Duration::ZERO).build().unwrap();
    let there = home.vacant(Transport::Inproc);
    push.connect(&there).unwrap();
    push.send("12345").unwrap();
    let unsent = push.close().unwrap_err();
    assert_eq!((unsent.messages, unsent.bytes), (1, 5));
    assert_eq!(unsent.endpoints[0].endpoint, there);
}

/// The same in threads of one process: the receivers outlive their senders.
#[test]
fn a_thread_that_sends_and_ends_has_sent() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        let sender = thread::spawn(move || {
            let push = home.push().build().unwrap();
            push.connect(&here).unwrap();
            for number in 0..20_000 {
                push.send(number.to_string()).unwrap();
            }
            drop(push);
            home
        });
        expect_numbers(&pull, 0..20_000);
        sender.join().unwrap();
    }
}
