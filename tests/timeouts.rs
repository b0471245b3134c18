//! How long a call waits.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::time::{Duration, Instant};

use support::{ALL, Home, PATIENCE};
use zocket::{RecvError, TryRecvError, WaitError};

const TIMEOUT: Duration = Duration::from_millis(250);
/// A busy machine lets a thread wait for its turn.
const TOLERANCE: Duration = Duration::from_secs(2);

#[track_caller]
fn takes<T>(time: Duration, call: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = call();
    let took = start.elapsed();
    assert!(took >= time, "back after {took:?}, before {time:?}");
    assert!(took < time + TOLERANCE, "back after {took:?}");
    result
}

#[test]
fn recv_waits_as_long_as_it_may() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().recv_timeout(TIMEOUT).build().unwrap();
        let push = home.push().build().unwrap();
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        pull.wait_for_peers(1, PATIENCE).unwrap();
        assert_eq!(takes(TIMEOUT, || pull.recv()), Err(RecvError::Timeout));
        assert_eq!(takes(TIMEOUT, || pull.iter().next()), None);
        let twice = 2 * TIMEOUT;
        assert_eq!(
            takes(twice, || pull.recv_timeout(twice)),
            Err(RecvError::Timeout)
        );
        assert_eq!(
            takes(Duration::ZERO, || pull.recv_timeout(Duration::ZERO)),
            Err(RecvError::Timeout)
        );
        assert_eq!(
            takes(Duration::ZERO, || pull.try_recv()),
            Err(TryRecvError::Empty)
        );
        push.send("hello").unwrap();
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "hello");
    }
}

#[test]
fn send_waits_as_long_as_it_may() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().send_timeout(TIMEOUT).build().unwrap();
        push.bind(home.endpoint(transport)).unwrap();
        let twice = 2 * TIMEOUT;
        for error in [
            takes(TIMEOUT, || push.send("mine")).unwrap_err(),
            takes(twice, || push.send_timeout("mine", twice)).unwrap_err(),
            takes(Duration::ZERO, || push.send_timeout("mine", Duration::ZERO)).unwrap_err(),
        ] {
            assert!(error.is_timeout());
            assert_eq!(error.into_message(), "mine");
        }
        let error = takes(Duration::ZERO, || push.try_send("mine")).unwrap_err();
        assert!(error.is_full());
        assert_eq!(error.into_message(), "mine");
    }
}

#[test]
fn a_timeout_of_zero_never_waits() {
    let home = Home::new();
    let push = home.push().send_timeout(Duration::ZERO).build().unwrap();
    let pull = home.pull().recv_timeout(Duration::ZERO).build().unwrap();
    assert!(
        takes(Duration::ZERO, || push.send("x"))
            .unwrap_err()
            .is_timeout()
    );
    assert_eq!(
        takes(Duration::ZERO, || pull.recv()),
        Err(RecvError::Timeout)
    );
    push.connect(pull.bind("inproc://zero").unwrap()).unwrap();
    push.send("x").unwrap();
    assert_eq!(pull.recv().unwrap(), "x");
}

#[test]
fn a_longer_wait_ends_when_there_is_something() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().recv_timeout(Duration::MAX).build().unwrap();
        let push = home.push().send_timeout(Duration::MAX).build().unwrap();
        let here = push.bind(home.endpoint(transport)).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| push.send("waited").unwrap());
            pull.connect(&here).unwrap();
            assert_eq!(pull.recv().unwrap(), "waited");
        });
    }
}

#[test]
fn waiting_for_peers_ends_in_time() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        pull.wait_for_peers(0, Duration::ZERO).unwrap();
        assert_eq!(
            takes(TIMEOUT, || pull.wait_for_peers(1, TIMEOUT)),
            Err(WaitError::Timeout { ready: 0 })
        );
        let push = home.push().build().unwrap();
        push.connect(&here).unwrap();
        pull.wait_for_peers(1, PATIENCE).unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
        assert_eq!(
            takes(TIMEOUT, || pull.wait_for_peers(2, TIMEOUT)),
            Err(WaitError::Timeout { ready: 1 })
        );
    }
}
