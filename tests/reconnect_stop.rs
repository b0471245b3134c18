//! What ends an endpoint that is connected to, if it is told so; and what does not.
#![allow(clippy::unwrap_used)]

mod peer;
mod support;

use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use peer::{ms, records};
use support::{Home, PATIENCE, QUIET, WIRE, until};
use zocket::ReconnectStop::{AfterDisconnect, HandshakeFailed, Refused};
use zocket::{Endpoint, EndpointState, MonitorEvent, Pull, Push, ReconnectStop};

fn push(home: &Home, causes: &[ReconnectStop]) -> Push {
    let push = home.push().reconnect_stop(causes.iter().copied());
    push.build().unwrap()
}

/// Connects where nobody is, and waits until an attempt has failed.
fn connect_in_vain(push: &Push, endpoint: &str) {
    let monitor = push.monitor();
    push.connect(endpoint).unwrap();
    loop {
        if let MonitorEvent::RetryScheduled { .. } = monitor.recv_timeout(PATIENCE).unwrap() {
            return;
        }
    }
}

/// Binds where nobody is any more, or not yet.
fn pull_at(home: &Home, endpoint: &str) -> Pull {
    let pull = home.pull().build().unwrap();
    until("the address can be bound", || pull.bind(endpoint).is_ok());
    pull
}

/// The endpoint ends, with a record that says so and has all these in it, and takes its queue along.
fn ends(home: &Home, push: &Push, endpoint: &str, why: &str) {
    records::await_line(&["WARN", endpoint, why, "no further attempt"]);
    assert!(push.try_send("nobody is there").is_err());
    let statuses = push.endpoints();
    assert_eq!(statuses.len(), 1);
    assert_eq!(statuses[0].state, EndpointState::GivenUp);
    assert!(statuses[0].last_error.is_some());
    if !why.is_empty() {
        push.disconnect(endpoint).unwrap();
        assert!(push.endpoints().is_empty());
        assert!(push.disconnect(endpoint).is_err(), "it is forgotten");
    }
    if why.is_empty() {
        let pull = pull_at(home, endpoint);
        pull.wait_for_peers(1, QUIET).unwrap_err();
        // It may be connected to again.
        push.connect(endpoint).unwrap();
        assert_eq!(push.endpoints().len(), 1, "in its place");
        pull.wait_for_peers(1, PATIENCE).unwrap();
        push.send("again").unwrap();
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "again");
    }
}

#[test]
fn refused_ends_an_endpoint_where_nobody_listens() {
    records::collect();
    let home = Home::new();
    for &transport in WIRE {
        let endpoint = home.vacant(transport);
        let push = push(&home, &[Refused]);
        let monitor = push.monitor();
        push.connect(&*endpoint).unwrap();
        ends(&home, &push, &endpoint, "");
        let mut events = std::iter::from_fn(|| monitor.recv_timeout(PATIENCE).ok());
        assert!(events.any(|event| matches!(event, MonitorEvent::GivenUp { .. })));
    }
}

/// What was queued for it is gone, and accounted for.
#[test]
fn refused_ends_an_endpoint_once_its_listener_is_gone() {
    records::collect();
    let home = Home::new();
    for &transport in WIRE {
        let endpoint = home.vacant(transport);
        let pull = pull_at(&home, &endpoint);
        let push = push(&home, &[Refused]);
        push.connect(&*endpoint).unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
        pull.close().unwrap();
        ends(&home, &push, &endpoint, "");
        support::until_it_adds_up(|| push.stats());
    }
}

/// A file that nobody listens at is as good as none.
#[cfg(unix)]
#[test]
fn refused_ends_an_endpoint_with_a_stale_file() {
    records::collect();
    let home = Home::new();
    let endpoint = home.vacant(support::Transport::Ipc);
    let path = endpoint.strip_prefix("ipc://").unwrap();
    drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    let push = push(&home, &[Refused]);
    push.connect(&*endpoint).unwrap();
    ends(&home, &push, &endpoint, "");
}

#[test]
fn what_was_not_named_does_not_end_an_endpoint() {
    let home = Home::new();
    for &transport in WIRE {
        let endpoint = home.vacant(transport);
        let push = push(&home, &[HandshakeFailed, AfterDisconnect]);
        connect_in_vain(&push, &endpoint);
        push.send("queued").unwrap();
        let pull = pull_at(&home, &endpoint);
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "queued");
        pull.close().unwrap();
        let pull = pull_at(&home, &endpoint);
        push.wait_for_peers(1, PATIENCE).unwrap();
        pull.wait_for_peers(1, PATIENCE).unwrap();
    }
}

#[test]
fn handshake_failed_ends_an_endpoint_whose_peer_does_not_fit() {
    records::collect();
    let home = Home::new();
    for &transport in WIRE {
        let other = home.push().build().unwrap();
        let endpoint = other.bind(home.endpoint(transport)).unwrap().to_string();
        let push = push(&home, &[HandshakeFailed]);
        push.connect(&*endpoint).unwrap();
        ends(&home, &push, &endpoint, "PUSH");
    }
}

#[test]
fn handshake_failed_ends_an_endpoint_whose_peer_hangs_up() {
    records::collect();
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    let push = push(&home, &[HandshakeFailed]);
    push.connect(&*endpoint).unwrap();
    drop(listener.accept().unwrap());
    ends(&home, &push, &endpoint, "connection lost");
}

#[test]
fn handshake_failed_ends_an_endpoint_whose_peer_says_nothing() {
    records::collect();
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    let push = home.push().handshake_timeout(ms(20));
    let push = push.reconnect_stop([HandshakeFailed]).build().unwrap();
    push.connect(&*endpoint).unwrap();
    let _silent = listener.accept().unwrap();
    ends(&home, &push, &endpoint, "handshake");
}

/// The linger outlasts the patience: only the disconnect ends it.
#[test]
fn after_disconnect_nothing_is_tried_for_what_is_queued() {
    let home = Home::new();
    for &transport in WIRE {
        let endpoint = home.vacant(transport);
        let push = |causes: &[ReconnectStop]| {
            let push = home
                .push()
                .linger(2 * PATIENCE)
                .reconnect_stop(causes.to_vec());
            let push = push.build().unwrap();
            connect_in_vain(&push, &endpoint);
            push.send(format!("{causes:?}")).unwrap();
            push.disconnect(&*endpoint).unwrap();
            push
        };
        let given_up = push(&[AfterDisconnect]);
        let patient = push(&[]);
        until("it is dropped", || {
            given_up.stats().send_queue.messages == 0
        });
        support::until_it_adds_up(|| given_up.stats());
        assert_eq!(given_up.stats().dropped.total(), 1);
        let pull = pull_at(&home, &endpoint);
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "[]");
        assert!(pull.recv_timeout(QUIET).is_err());
        patient.close().unwrap();
        given_up.close().unwrap();
    }
}

/// The next attempt, an hour away, is not waited for.
#[test]
fn after_disconnect_the_end_comes_at_once() {
    let home = Home::new();
    for &transport in WIRE {
        let hour = Duration::from_secs(60 * 60);
        let push = home.push().linger(2 * PATIENCE).reconnect_interval(hour);
        let push = push.reconnect_stop([AfterDisconnect]).build().unwrap();
        let endpoint = home.vacant(transport);
        connect_in_vain(&push, &endpoint);
        push.send("in vain").unwrap();
        push.disconnect(&*endpoint).unwrap();
        until("it is dropped", || push.stats().dropped.total() == 1);
    }
}

/// A socket that closes has its linger, whatever is said of disconnecting.
#[test]
fn after_disconnect_is_not_after_close() {
    let home = Home::new();
    for &transport in WIRE {
        let endpoint = home.vacant(transport);
        let push = push(&home, &[AfterDisconnect]);
        connect_in_vain(&push, &endpoint);
        push.send("last words").unwrap();
        push.detach();
        let pull = pull_at(&home, &endpoint);
        assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), "last words");
    }
}

/// Between the loss and the end of the endpoint the application may let go of it: here in a waker, which
/// runs on the I/O thread.
#[test]
fn one_that_is_let_go_of_as_it_is_given_up_is_closed() {
    struct LetsGo(Push, Endpoint);

    impl Wake for LetsGo {
        fn wake(self: Arc<Self>) {
            let Self(push, here) = &*self;
            if push.peers().is_empty() {
                push.disconnect(here).unwrap();
            }
        }
    }

    for &transport in WIRE {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let push = home.push().reconnect_interval(None).build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        push.connect(&here).unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
        let (monitor, told) = (push.monitor(), push.monitor());
        let waker = Waker::from(Arc::new(LetsGo(push, here)));
        let mut lost = pin!(told.recv_async());
        let mut context = Context::from_waker(&waker);
        assert!(lost.as_mut().poll(&mut context).is_pending());
        pull.close().unwrap();
        let mut closed = 0;
        while closed == 0 {
            let event = monitor.recv_timeout(PATIENCE).unwrap();
            closed += usize::from(matches!(event, MonitorEvent::Closed { .. }));
        }
    }
}
