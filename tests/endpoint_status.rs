//! `endpoints()` says how each endpoint is doing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use support::{ALL, Home, PATIENCE, Transport, WIRE, until};
use zocket::{EndpointState, EndpointStatus, Monitor, MonitorEvent, Push, Req};

/// The only endpoint.
#[track_caller]
fn only(endpoints: Vec<EndpointStatus>) -> EndpointStatus {
    let [only] = <[EndpointStatus; 1]>::try_from(endpoints).unwrap();
    only
}

fn state(push: &Push) -> EndpointState {
    only(push.endpoints()).state
}

/// Waits until this has been told.
fn told(monitor: &Monitor, is_it: impl Fn(&MonitorEvent) -> bool) {
    while !is_it(&monitor.recv_timeout(PATIENCE).expect("it is told")) {}
}

#[test]
fn none_at_first_and_none_in_the_end() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let push = home.push().build().unwrap();
        assert!(pull.endpoints().is_empty());
        meet!(home, transport, pull, push);
        let here = pull.last_endpoint().unwrap();
        assert_eq!(only(pull.endpoints()).endpoint, here);
        assert_eq!(only(push.endpoints()).endpoint, here);
        push.disconnect(&here).unwrap();
        assert!(push.endpoints().is_empty());
        pull.unbind(&here).unwrap();
        assert!(pull.endpoints().is_empty());
        pull.bind(home.endpoint(transport)).unwrap();
        pull.close().unwrap();
        assert!(pull.endpoints().is_empty());
    }
}

/// Whoever has waited for a peer finds the endpoint connected.
#[test]
fn connected_as_soon_as_the_peer_counts() {
    for &transport in ALL {
        for _ in 0..20 {
            let home = Home::new();
            let pull = home.pull().build().unwrap();
            let push = home.push().build().unwrap();
            let here = pull.bind(home.endpoint(transport)).unwrap();
            push.connect(&here).unwrap();
            push.wait_for_peers(1, PATIENCE).unwrap();
            let status = only(push.endpoints());
            assert_eq!(status.state, EndpointState::Connected, "{transport:?}");
            assert_eq!((status.attempts, status.last_error), (0, None));
            let status = only(pull.endpoints());
            assert_eq!(status.state, EndpointState::Listening);
        }
    }
}

#[test]
fn who_finds_nobody_waits_and_counts() {
    for &transport in WIRE {
        let home = Home::new();
        let push = home.push().reconnect_interval(PATIENCE).build().unwrap();
        let monitor = push.monitor();
        let before = Instant::now();
        push.connect(home.vacant(transport)).unwrap();
        told(&monitor, |event| {
            matches!(event, MonitorEvent::RetryScheduled { .. })
        });
        let status = only(push.endpoints());
        let EndpointState::Waiting { until } = status.state else {
            panic!("{status:?}");
        };
        assert!(until > before && until < Instant::now() + 2 * PATIENCE);
        assert_eq!(status.attempts, 1);
        assert!(!status.last_error.unwrap().is_empty());
    }
}

/// What else can go wrong with an attempt: `connecter_meets_bad_peer.rs`.
#[test]
fn a_name_that_does_not_resolve_is_what_went_wrong() {
    let home = Home::new();
    let push = home.push().build().unwrap();
    let monitor = push.monitor();
    push.connect("tcp://no-such-host.invalid:1").unwrap();
    for attempts in 1..=3 {
        told(&monitor, |event| {
            matches!(event, MonitorEvent::RetryScheduled { .. })
        });
        let status = only(push.endpoints());
        assert!(status.attempts >= attempts, "{status:?}");
        assert!(!status.last_error.unwrap().is_empty());
        assert_ne!(status.state, EndpointState::Connected);
    }
}

#[test]
fn who_comes_back_is_connected_again_and_what_went_wrong_is_kept() {
    for &transport in WIRE {
        let home = Home::new();
        let there = home.vacant(transport);
        let push = home.push().build().unwrap();
        push.connect(&there).unwrap();
        until("it fails", || only(push.endpoints()).attempts > 1);
        let pull = home.pull().build().unwrap();
        pull.bind(&there).unwrap();
        push.wait_for_peers(1, PATIENCE).unwrap();
        let status = only(push.endpoints());
        assert_eq!(status.state, EndpointState::Connected);
        assert_eq!(status.attempts, 0);
        assert!(status.last_error.is_some());
        pull.close().unwrap();
        until("it is lost", || state(&push) != EndpointState::Connected);
        let again = home.pull().build().unwrap();
        until("the address can be bound", || again.bind(&there).is_ok());
        until("it is back", || state(&push) == EndpointState::Connected);
    }
}

#[test]
fn connecting_until_the_handshake_is_complete() {
    let home = Home::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let push = home.push().handshake_timeout(None).build().unwrap();
    let monitor = push.monitor();
    push.connect(format!("tcp://{}", silent.local_addr().unwrap()))
        .unwrap();
    assert_eq!(state(&push), EndpointState::Connecting);
    told(&monitor, |event| {
        matches!(event, MonitorEvent::Connected { .. })
    });
    assert_eq!(state(&push), EndpointState::Connecting);
}

#[test]
fn over_inproc_from_a_name_that_nobody_has_to_a_peer_that_has_gone() {
    let home = Home::new();
    let there = home.endpoint(Transport::Inproc);
    let push = home.push().build().unwrap();
    push.connect(&there).unwrap();
    assert_eq!(state(&push), EndpointState::Connecting);
    let pull = home.pull().build().unwrap();
    pull.bind(&there).unwrap();
    assert_eq!(state(&push), EndpointState::Connected);
    pull.close().unwrap();
    let status = only(push.endpoints());
    assert_eq!(status.state, EndpointState::Ended);
    assert_eq!(status.last_error.as_deref(), Some("the peer left"));
}

#[test]
fn a_wrong_peer_is_what_went_wrong() {
    for &transport in ALL {
        let home = Home::new();
        let there = home.vacant(transport);
        let req = home.of(Req::builder()).build().unwrap();
        req.connect(&there).unwrap();
        let pull = home.pull().build().unwrap();
        pull.bind(&there).unwrap();
        until("it is known on both sides", || {
            let (ours, theirs) = (only(req.endpoints()), only(pull.endpoints()));
            assert_eq!(theirs.state, EndpointState::Listening);
            ours.attempts > 0 && ours.last_error.is_some() && theirs.last_error.is_some()
        });
    }
}

#[test]
fn a_listener_counts_whom_it_could_not_take_in() {
    for &transport in WIRE {
        let home = Home::new();
        let pair = home.pair().build().unwrap();
        let first = home.pair().build().unwrap();
        meet!(home, transport, pair, first);
        let second = home.pair().build().unwrap();
        second.connect(pair.last_endpoint().unwrap()).unwrap();
        until("it is refused", || only(pair.endpoints()).attempts > 0);
        let error = only(pair.endpoints()).last_error.unwrap();
        assert!(error.contains("PAIR"), "{error}");
    }
}

#[test]
fn each_of_several_has_its_own() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let push = home.push().build().unwrap();
    let there = home.vacant(Transport::Tcp);
    push.connect(&there).unwrap();
    push.connect(pull.bind(home.endpoint(Transport::Tcp)).unwrap())
        .unwrap();
    push.bind(home.endpoint(Transport::Tcp)).unwrap();
    push.wait_for_peers(1, PATIENCE).unwrap();
    until("the first fails", || push.endpoints()[0].attempts > 0);
    let states: Vec<EndpointState> = push.endpoints().iter().map(|it| it.state).collect();
    assert_ne!(states[0], EndpointState::Connected);
    assert_eq!(
        states[1..],
        [EndpointState::Connected, EndpointState::Listening]
    );
    assert!(push.endpoints()[0].last_error.is_some());
    assert!(push.close().is_ok());
    let none = Duration::ZERO;
    assert!(push.wait_for_peers(1, none).is_err());
}

/// Whoever was connected to has made room for one that cannot be talked to: it is not tried again, and
/// can be seen.
#[test]
fn over_inproc_one_that_came_to_nothing_can_be_seen() {
    let home = Home::new();
    let name = home.endpoint(Transport::Inproc);
    let pull = home.pull().build().unwrap();
    pull.bind(&name).unwrap();
    let push = home.push().build().unwrap();
    push.connect(&name).unwrap();
    let peer = push.peers().pop().unwrap();
    pull.unbind(&name).unwrap();
    let other = home.push().build().unwrap();
    other.bind(&name).unwrap();
    push.disconnect_peer(&peer).unwrap();
    let status = only(push.endpoints());
    assert_eq!(status.state, EndpointState::GivenUp);
    assert!(status.last_error.unwrap().contains("PUSH"));
    push.disconnect(&name).unwrap();
    assert!(push.endpoints().is_empty());
    assert!(push.disconnect(&name).is_err());
}
