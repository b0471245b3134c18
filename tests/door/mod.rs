//! What the tests of who is let in share.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

use std::time::Duration;

use zocket::{HandshakeFailure, Monitor, MonitorEvent, Pull, Push, Security, TryRecvError};

use crate::support::{Home, PATIENCE};

/// A PUSH that introduces itself so, and does not wait at its end for who has not let it in.
pub(crate) fn client(home: &Home, security: Security) -> Push {
    let push = home.push().security(security).linger(Duration::ZERO);
    push.build().unwrap()
}

/// A client that has connected there and sent "hello".
#[track_caller]
pub(crate) fn knock(home: &Home, pull: &Pull, security: Security) -> Push {
    let push = client(home, security);
    push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    push.send("hello").unwrap();
    push
}

/// The next handshake that fails, which must come before any that succeeds.
#[track_caller]
pub(crate) fn failure(monitor: &Monitor) -> (HandshakeFailure, String) {
    loop {
        match monitor.recv_timeout(PATIENCE).expect("a handshake fails") {
            MonitorEvent::HandshakeFailed {
                failure, reason, ..
            } => return (failure, reason),
            MonitorEvent::HandshakeSucceeded { peer, .. } => panic!("{peer:?} was let in"),
            _ => {}
        }
    }
}

pub(crate) fn denied(status: u16) -> HandshakeFailure {
    HandshakeFailure::NotAuthenticated { status }
}

#[track_caller]
pub(crate) fn nobody_is_in(pull: &Pull) {
    assert!(pull.peers().is_empty());
    assert!(matches!(pull.try_recv(), Err(TryRecvError::Empty)));
    assert_eq!(pull.stats().arrived.messages, 0);
}
