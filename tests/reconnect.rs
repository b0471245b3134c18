//! A connection that is lost comes back, and with it what was queued: in order, and once.
#![allow(clippy::unwrap_used)]

mod peer;

use std::thread;
use std::time::Duration;

use peer::{PATIENCE, TempDir, eventually, ms, nobody};
use zocket::{Builder, Context, EndpointState, Pull, Push};

fn quick(push: Builder<Push>) -> Builder<Push> {
    push.reconnect_interval(ms(10))
        .reconnect_interval_max(ms(100))
}

fn pull(endpoint: &str) -> Pull {
    let pull = Pull::builder().context(&Context::new()).build().unwrap();
    eventually("the address can be bound", || pull.bind(endpoint).is_ok());
    pull
}

fn number(message: &zocket::Message) -> u64 {
    message.first().to_str().unwrap().parse().unwrap()
}

fn goes_on(endpoint: &str) {
    const ROUNDS: u64 = 5;
    let push = quick(Push::builder().context(&Context::new()));
    let push = push.send_hwm(100).build().unwrap();
    push.connect(endpoint).unwrap();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let sender = thread::spawn(move || {
        let mut next = 0;
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            if push.send_timeout(next.to_string(), ms(20)).is_ok() {
                next += 1;
            }
        }
        (push, next)
    });
    let mut last = None;
    for _ in 0..ROUNDS {
        let pull = pull(endpoint);
        for _ in 0..500 {
            let n = number(&pull.recv_timeout(PATIENCE).unwrap());
            assert!(last.is_none_or(|last| n > last), "{n} after {last:?}");
            last = Some(n);
        }
        pull.close().unwrap();
    }
    drop(stop);
    let pull = pull(endpoint);
    let (push, next) = sender.join().unwrap();
    // What was on its way when a server closed is lost; what is sent to a new one is not.
    pull.wait_for_peers(1, PATIENCE).unwrap();
    push.send(next.to_string()).unwrap();
    while last != Some(next) {
        let n = number(&pull.recv_timeout(PATIENCE).unwrap());
        assert!(last.is_none_or(|last| n > last), "{n} after {last:?}");
        last = Some(n);
    }
    push.close().unwrap();
    assert!(pull.try_recv().is_err());
}

#[test]
fn a_push_goes_on_without_duplicates_in_order_over_tcp() {
    goes_on(&nobody());
}

#[cfg(unix)]
#[test]
fn a_push_goes_on_without_duplicates_in_order_over_ipc() {
    goes_on(&TempDir::new().ipc("restarted"));
}

#[test]
fn what_was_not_sent_survives_the_reconnect() {
    let dir = TempDir::new();
    for endpoint in [&nobody(), &dir.ipc("restarted")] {
        let push = quick(Push::builder().context(&Context::new()));
        let push = push.send_hwm(0).build().unwrap();
        push.connect(&**endpoint).unwrap();
        for round in 0..4 {
            let first = pull(endpoint);
            push.wait_for_peers(1, PATIENCE).unwrap();
            first.close().unwrap();
            eventually("the loss is seen", || {
                push.wait_for_peers(1, Duration::ZERO).is_err()
            });
            for n in 0..2000 {
                push.send((round * 2000 + n).to_string()).unwrap();
            }
            let second = pull(endpoint);
            for n in 0..2000 {
                let message = second.recv_timeout(PATIENCE).unwrap();
                assert_eq!(number(&message), round * 2000 + n);
            }
            second.close().unwrap();
            eventually("the loss is seen", || {
                push.wait_for_peers(1, Duration::ZERO).is_err()
            });
        }
    }
}

#[test]
fn a_pull_that_connects_comes_back_as_well() {
    let dir = TempDir::new();
    for endpoint in [&nobody(), &dir.ipc("restarted")] {
        let pull = Pull::builder()
            .context(&Context::new())
            .reconnect_interval(ms(10))
            .reconnect_interval_max(ms(100))
            .build()
            .unwrap();
        pull.connect(&**endpoint).unwrap();
        for round in 0..3 {
            let push = Push::builder().context(&Context::new()).build().unwrap();
            eventually("the address can be bound", || {
                push.bind(&**endpoint).is_ok()
            });
            pull.wait_for_peers(1, PATIENCE).unwrap();
            for n in 0..100 {
                push.send(format!("{round}.{n}")).unwrap();
            }
            push.close().unwrap();
            for n in 0..100 {
                let message = pull.recv_timeout(PATIENCE).unwrap();
                assert_eq!(message, format!("{round}.{n}").as_str());
            }
            eventually("the loss is seen", || {
                pull.wait_for_peers(1, Duration::ZERO).is_err()
            });
        }
    }
}

#[test]
fn without_an_interval_it_never_comes_back() {
    let endpoint = nobody();
    let first = pull(&endpoint);
    let push = Push::builder()
        .context(&Context::new())
        .reconnect_interval(None);
    let push = push.linger(ms(0)).build().unwrap();
    push.connect(&*endpoint).unwrap();
    push.wait_for_peers(1, PATIENCE).unwrap();
    first.close().unwrap();
    eventually("the loss is seen", || {
        push.wait_for_peers(1, Duration::ZERO).is_err()
    });
    let second = pull(&endpoint);
    second.wait_for_peers(1, ms(500)).unwrap_err();
    // The endpoint is given up, and with it its queue.
    assert!(push.try_send("nobody is there").is_err());
    assert_eq!(push.endpoints()[0].state, EndpointState::GivenUp);
    push.disconnect(&*endpoint).unwrap();
    assert!(push.endpoints().is_empty());
}

#[test]
fn all_of_thirty_come_back_after_every_restart() {
    const CONNECTERS: usize = 30;
    let endpoint = nobody();
    let context = Context::new();
    let pushes: Vec<Push> = (0..CONNECTERS)
        .map(|_| {
            let push = quick(Push::builder().context(&context)).build().unwrap();
            push.connect(&*endpoint).unwrap();
            push
        })
        .collect();
    for round in 0..5 {
        let pull = pull(&endpoint);
        pull.wait_for_peers(CONNECTERS, PATIENCE).unwrap();
        for (n, push) in pushes.iter().enumerate() {
            push.wait_for_peers(1, PATIENCE).unwrap();
            push.send(format!("{round}.{n}")).unwrap();
        }
        let mut got: Vec<_> = (0..CONNECTERS)
            .map(|_| {
                let message = pull.recv_timeout(PATIENCE).unwrap();
                message.first().to_str().unwrap().to_owned()
            })
            .collect();
        let mut sent: Vec<_> = (0..CONNECTERS).map(|n| format!("{round}.{n}")).collect();
        got.sort();
        sent.sort();
        assert_eq!(got, sent);
        pull.close().unwrap();
        for push in &pushes {
            eventually("the loss is seen", || {
                push.wait_for_peers(1, Duration::ZERO).is_err()
            });
        }
    }
}
