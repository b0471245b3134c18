//! What was sent is not lost by a drop, and a drop does not hang.
#![allow(clippy::unwrap_used)]

mod peer;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use peer::{PATIENCE, TempDir, eventually, ms, nobody, records};
use zocket::{Context, Pull, Push, SendFailure};

fn push(context: &Context, linger: impl Into<Option<Duration>>) -> Push {
    let push = Push::builder().context(context).linger(linger);
    push.build().unwrap()
}

fn nothing_is_lost(endpoint: &str, push_binds: bool) {
    const MESSAGES: u32 = 10_000;
    let context = Context::new();
    let pull = Pull::builder().context(&context).build().unwrap();
    let reader = |pull: Pull| {
        thread::spawn(move || {
            for n in 0..MESSAGES {
                let message = pull.recv_timeout(PATIENCE).unwrap();
                assert_eq!(message, n.to_string().as_str());
            }
            assert!(pull.try_recv().is_err());
        })
    };
    let reader = {
        let push = Push::builder().context(&context).build().unwrap();
        if push_binds {
            let here = push.bind(endpoint).unwrap();
            pull.connect(&here).unwrap();
        } else {
            let here = pull.bind(endpoint).unwrap();
            push.connect(&here).unwrap();
        }
        let reader = reader(pull);
        for n in 0..MESSAGES {
            push.send(n.to_string()).unwrap();
        }
        reader
    };
    reader.join().unwrap();
}

#[test]
fn a_dropped_socket_has_sent_everything_over_tcp() {
    nothing_is_lost("tcp://127.0.0.1:*", false);
    nothing_is_lost("tcp://127.0.0.1:*", true);
}

#[cfg(unix)]
#[test]
fn a_dropped_socket_has_sent_everything_over_ipc() {
    nothing_is_lost("ipc://*", false);
    nothing_is_lost("ipc://*", true);
}

#[test]
fn a_dropped_socket_has_sent_everything_over_inproc() {
    nothing_is_lost("inproc://all", false);
    nothing_is_lost("inproc://all", true);
}

#[test]
fn a_peer_that_comes_within_the_linger_gets_everything() {
    let dir = TempDir::new();
    let ipc = dir.ipc("late");
    for endpoint in [&nobody(), &ipc, "inproc://late"] {
        let context = Context::new();
        let push = push(&context, PATIENCE);
        push.connect(endpoint).unwrap();
        for n in 0..500 {
            push.send(n.to_string()).unwrap();
        }
        let closing = thread::spawn(move || push.close());
        let pull = Pull::builder().context(&context).build().unwrap();
        eventually("the address can be bound", || pull.bind(endpoint).is_ok());
        for n in 0..500 {
            let message = pull.recv_timeout(PATIENCE).unwrap();
            assert_eq!(message, n.to_string().as_str(), "{endpoint}");
        }
        assert_eq!(closing.join().unwrap(), Ok(()), "{endpoint}");
    }
}

#[test]
fn without_linger_a_drop_takes_no_time() {
    let dir = TempDir::new();
    let ipc = dir.ipc("nobody");
    for endpoint in [&nobody(), &ipc, "inproc://nobody"] {
        let push = push(&Context::new(), Duration::ZERO);
        push.connect(endpoint).unwrap();
        for _ in 0..100 {
            push.send("in vain").unwrap();
        }
        let began = Instant::now();
        drop(push);
        assert!(began.elapsed() < Duration::from_secs(2), "{endpoint}");
    }
}

#[test]
fn close_says_exactly_what_was_left() {
    let dir = TempDir::new();
    let ipc = dir.ipc("nobody");
    for endpoint in [&nobody(), &ipc, "inproc://nobody"] {
        let linger = ms(300);
        let push = push(&Context::new(), linger);
        push.connect(endpoint).unwrap();
        for _ in 0..10 {
            push.send("seven b").unwrap();
            push.send(["two", "parts"]).unwrap();
        }
        let began = Instant::now();
        let unsent = push.close().unwrap_err();
        let took = began.elapsed();
        assert!(took >= linger, "{endpoint}: {took:?}");
        assert!(took < Duration::from_secs(10), "{endpoint}: {took:?}");
        assert_eq!((unsent.messages, unsent.bytes), (20, 150), "{endpoint}");
        assert_eq!(unsent.endpoints.len(), 1, "{endpoint}");
        let left = &unsent.endpoints[0];
        assert_eq!(left.endpoint, endpoint);
        assert_eq!((left.messages, left.bytes), (20, 150), "{endpoint}");
        // Again is the same, and takes no time.
        let began = Instant::now();
        assert_eq!(push.close().unwrap_err(), unsent);
        assert!(began.elapsed() < linger);
        drop(push);
        assert_eq!(records::count(&unsent.to_string()), 0, "said already");
    }
}

#[test]
fn with_nothing_to_send_a_close_does_not_linger() {
    for endpoint in [&nobody(), "inproc://nobody"] {
        let push = push(&Context::new(), None);
        push.connect(endpoint).unwrap();
        push.close().unwrap();
        let pull = Pull::builder().context(&Context::new()).linger(None);
        let pull = pull.build().unwrap();
        pull.connect(endpoint).unwrap();
        pull.close().unwrap();
    }
}

#[test]
fn a_drop_logs_what_was_left() {
    records::collect();
    for endpoint in [nobody(), format!("inproc://left-{}", std::process::id())] {
        let push = push(&Context::new(), ms(50));
        push.connect(&*endpoint).unwrap();
        push.send("left behind").unwrap();
        drop(push);
        let line = records::await_line(&[&endpoint, "1 messages (11 bytes) were not sent"]);
        assert!(line.starts_with("WARN"), "{line}");
    }
}

#[test]
fn a_reader_that_stalls_keeps_a_close_no_longer_than_the_linger() {
    let dir = TempDir::new();
    let ipc = dir.ipc("stalled");
    for endpoint in ["tcp://127.0.0.1:*", &ipc] {
        let pull = Pull::builder().context(&Context::new()).recv_hwm(1);
        let pull = pull.build().unwrap();
        let here = pull.bind(endpoint).unwrap();
        let push = push(&Context::new(), ms(300));
        push.connect(&here).unwrap();
        let body = vec![b'x'; 1 << 20];
        let mut sent = 0;
        while push.send_timeout(body.as_slice(), ms(200)).is_ok() && sent < 64 {
            sent += 1;
        }
        let began = Instant::now();
        let unsent = push.close().unwrap_err();
        assert!(began.elapsed() >= ms(300));
        assert!(began.elapsed() < Duration::from_secs(10));
        assert!(unsent.messages > 0 && unsent.messages <= sent + 1);
        assert_eq!(unsent.bytes, unsent.messages << 20);
        // What was with the kernel arrives, whole messages only.
        for _ in 0..sent - unsent.messages {
            assert_eq!(pull.recv_timeout(PATIENCE).unwrap().byte_len(), 1 << 20);
        }
    }
}

#[test]
fn close_in_one_thread_while_others_send() {
    let context = Context::new();
    let pull = Pull::builder().context(&context).build().unwrap();
    let push = Arc::new(push(&context, PATIENCE));
    push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let push = push.clone();
            thread::spawn(move || {
                for sent in 0.. {
                    if let Err(error) = push.send("more") {
                        assert_eq!(error.reason, SendFailure::Closed);
                        assert_eq!(error.message, "more");
                        return sent;
                    }
                }
                0
            })
        })
        .collect();
    for _ in 0..1000 {
        pull.recv_timeout(PATIENCE).unwrap();
    }
    let closing = {
        let push = push.clone();
        thread::spawn(move || push.close())
    };
    let sent: usize = senders.into_iter().map(|t| t.join().unwrap()).sum();
    for _ in 1000..sent {
        pull.recv_timeout(PATIENCE).unwrap();
    }
    assert_eq!(closing.join().unwrap(), Ok(()));
    assert!(pull.try_recv().is_err(), "more came than was sent");
    assert_eq!(push.close(), Ok(()));
}
