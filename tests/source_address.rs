//! `tcp://source:port;destination:port` connects from there, each time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use support::{Home, PATIENCE, Transport, next_of, until, until_alone};
use zocket::{BindError, Endpoint, EndpointErrorKind, Monitor, MonitorEvent, Pull};

/// Where the only peer of a PULL is connected from.
fn source_of_peer(pull: &Pull) -> SocketAddr {
    pull.wait_for_peers(1, PATIENCE).unwrap();
    pull.peers()[0].address().parse().unwrap()
}

/// Waits for an attempt that has failed; gives the reason.
fn why_it_failed(monitor: &Monitor) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match monitor.recv_timeout(left).expect("it fails") {
            MonitorEvent::ConnectFailed { reason, .. }
            | MonitorEvent::ResolveFailed { reason, .. } => return reason,
            _ => {}
        }
    }
}

/// Connects from `source` to a PULL; who that one sees, and that messages arrive.
fn seen_from(home: &Home, source: &str) -> SocketAddr {
    let pull = home.pull().build().unwrap();
    let here = pull.bind(home.endpoint(Transport::Tcp)).unwrap();
    let push = home.push().build().unwrap();
    let there = format!("tcp://{source};{}", &here.to_string()["tcp://".len()..]);
    let connected = push.connect(&there).unwrap();
    assert_eq!(connected, there.parse().unwrap());
    assert_eq!(push.endpoints()[0].endpoint, connected);
    push.send("from there").unwrap();
    assert_eq!(next_of(&pull), "from there");
    let seen = source_of_peer(&pull);
    push.disconnect(&there).unwrap();
    seen
}

/// Other loopback addresses than the first; not every system lets them be used without more ado.
#[test]
#[cfg(target_os = "linux")]
fn the_peer_sees_the_address_that_was_chosen() {
    let home = Home::new();
    for source in ["127.7.7.7:0", "127.7.7.7:*"] {
        let seen = seen_from(&home, source);
        assert_eq!(seen.ip().to_string(), "127.7.7.7");
        assert_ne!(seen.port(), 0);
    }
}

#[test]
fn a_host_and_anything_at_all_will_do() {
    let home = Home::new();
    for source in ["localhost:*", "*:*", "*:0"] {
        assert_eq!(seen_from(&home, source).ip().to_string(), "127.0.0.1");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_interface_stands_for_its_address() {
    let home = Home::new();
    assert_eq!(seen_from(&home, "lo:*").ip().to_string(), "127.0.0.1");
}

#[test]
fn every_connection_comes_from_the_port_that_was_chosen() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let here = pull.bind(home.vacant(Transport::Tcp)).unwrap();
    let source: Endpoint = home.vacant(Transport::Tcp).parse().unwrap();
    let source = source.socket_addr().unwrap();
    let push = home.push().build().unwrap();
    let to = &here.to_string()["tcp://".len()..];
    push.connect(format!("tcp://{source};{to}")).unwrap();
    assert_eq!(source_of_peer(&pull), source);
    // The connection that has ended lingers in the kernel, and is not in the way.
    for _ in 0..3 {
        pull.unbind(&here).unwrap();
        until_alone(|count, timeout| pull.wait_for_peers(count, timeout));
        until("it is bound again", || pull.bind(&here).is_ok());
        assert_eq!(source_of_peer(&pull), source);
    }
    push.send("still there").unwrap();
    assert_eq!(next_of(&pull), "still there");
}

/// Its last connection lingers in the kernel for a minute (TIME_WAIT), on the side that ended it: here.
#[test]
fn a_port_can_be_used_again_at_once() {
    let home = Home::new();
    let source: Endpoint = home.vacant(Transport::Tcp).parse().unwrap();
    let source = source.socket_addr().unwrap();
    for _ in 0..3 {
        let pull = home.pull().build().unwrap();
        let here = pull.bind(home.endpoint(Transport::Tcp)).unwrap();
        let to = &here.to_string()["tcp://".len()..];
        let push = home.push().build().unwrap();
        push.connect(format!("tcp://{source};{to}")).unwrap();
        push.send("from there").unwrap();
        assert_eq!(next_of(&pull), "from there");
        assert_eq!(source_of_peer(&pull), source);
        push.close().unwrap();
    }
}

#[test]
fn what_is_not_ours_is_told_and_tried_again() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let here = pull.bind(home.endpoint(Transport::Tcp)).unwrap();
    let to = &here.to_string()["tcp://".len()..];
    // An address kept for documentation: nobody has it. A port that somebody listens at.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    for source in ["192.0.2.1:0".to_owned(), taken.to_string()] {
        let push = home.push().build().unwrap();
        let monitor = push.monitor();
        let there = push.connect(format!("tcp://{source};{to}")).unwrap();
        for _ in 0..2 {
            let reason = why_it_failed(&monitor);
            assert!(reason.to_lowercase().contains("address"), "{reason}");
        }
        let status = &push.endpoints()[0];
        assert_eq!(status.endpoint, there);
        assert!(status.last_error.is_some());
    }
}

#[test]
fn a_source_of_the_other_family_is_told() {
    let home = Home::new();
    let push = home.push().build().unwrap();
    let monitor = push.monitor();
    push.connect("tcp://[::1]:0;127.0.0.1:9").unwrap();
    let reason = why_it_failed(&monitor);
    assert!(reason.contains("no address family in common"), "{reason}");
}

#[test]
fn bind_wants_no_source() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    match pull.bind("tcp://127.0.0.1:0;127.0.0.1:5555").unwrap_err() {
        BindError::Endpoint(error) => {
            assert_eq!(error.kind(), EndpointErrorKind::ConnectOnly);
            assert!(error.to_string().contains("source address"), "{error}");
        }
        other => panic!("{other}"),
    }
    assert!(pull.endpoints().is_empty());
}
