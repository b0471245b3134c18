//! Options of endpoints and connections that are changed on a living socket: they count for those
//! that come from then on, and those that are there go on as they were.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;

use std::net::{Ipv6Addr, TcpStream};
use std::time::Duration;

use peer::{MORE, Raw, frame, greeting, ms, ready, vector};
use support::{Home, PATIENCE, QUIET, Transport, WIRE};
use zocket::{Endpoint, EndpointState, Monitor, MonitorEvent, Pull, Push, ReconnectStop};

fn bound(home: &Home, transport: Transport) -> (Pull, Endpoint) {
    let pull = home.pull().heartbeat_interval(None).build().unwrap();
    let here = pull.bind(home.endpoint(transport)).unwrap();
    (pull, here)
}

/// The next event that is one of these.
fn event(monitor: &Monitor, is_it: impl Fn(&MonitorEvent) -> bool) -> MonitorEvent {
    loop {
        let event = monitor.recv_timeout(PATIENCE).expect("an event in time");
        if is_it(&event) {
            return event;
        }
    }
}

#[track_caller]
fn receives(pull: &Pull, len: usize) {
    assert_eq!(pull.recv_timeout(PATIENCE).unwrap().byte_len(), len);
}

// ---- what is taken from a peer

#[test]
fn the_largest_message() {
    for &transport in WIRE {
        let home = Home::new();
        let (pull, here) = bound(&home, transport);
        let mut old = Raw::join(&here, "PUSH");
        pull.wait_for_peers(1, PATIENCE).unwrap();
        pull.options().set_max_message_size(10).unwrap();
        let mut new = Raw::join(&here, "PUSH");
        new.say(&frame(0, &[0; 10]));
        receives(&pull, 10);
        new.say(&frame(0, &[0; 11]));
        assert!(new.is_closed_within(PATIENCE), "{transport:?}");
        old.say(&frame(0, &[0; 11]));
        receives(&pull, 11);
        pull.options().set_max_message_size(None).unwrap();
        let mut newest = Raw::join(&here, "PUSH");
        newest.say(&frame(0, &[0; 11]));
        receives(&pull, 11);
    }
}

#[test]
fn the_number_of_frames() {
    for &transport in WIRE {
        let home = Home::new();
        let (pull, here) = bound(&home, transport);
        let mut old = Raw::join(&here, "PUSH");
        pull.wait_for_peers(1, PATIENCE).unwrap();
        pull.options().set_max_frames(2).unwrap();
        let mut new = Raw::join(&here, "PUSH");
        let three = [frame(MORE, b"1"), frame(MORE, b"2"), frame(0, b"3")].concat();
        new.say(&three);
        assert!(new.is_closed_within(PATIENCE), "{transport:?}");
        old.say(&three);
        receives(&pull, 3);
    }
}

#[test]
fn the_time_for_a_handshake() {
    for &transport in WIRE {
        let home = Home::new();
        let (pull, here) = bound(&home, transport);
        let monitor = pull.monitor();
        let mut old = Raw::connect(&here);
        old.say(&greeting());
        old.listen(64);
        pull.options().set_handshake_timeout(ms(50)).unwrap();
        let mut new = Raw::connect(&here);
        new.say(&greeting());
        assert!(new.is_closed_within(PATIENCE), "{transport:?}");
        let failed = event(&monitor, |it| {
            matches!(it, MonitorEvent::HandshakeFailed { .. })
        });
        let MonitorEvent::HandshakeFailed { reason, .. } = failed else {
            unreachable!()
        };
        assert!(reason.contains("50 ms"), "{reason}");
        old.say(&ready("PUSH"));
        old.say(&frame(0, b"old"));
        receives(&pull, 3);
    }
}

// ---- what a peer is told

#[test]
fn heartbeats() {
    for &transport in WIRE {
        let home = Home::new();
        let (pull, here) = bound(&home, transport);
        let options = pull.options();
        let mut old = Raw::join(&here, "PUSH");
        pull.wait_for_peers(1, PATIENCE).unwrap();
        options.set_heartbeat_interval(ms(10)).unwrap();
        options.set_heartbeat_ttl(ms(250)).unwrap();
        let mut new = Raw::join(&here, "PUSH");
        for _ in 0..3 {
            assert_eq!(new.listen(9), vector("ping_ttl_250ms"), "{transport:?}");
        }
        options.set_heartbeat_ttl(ms(1000)).unwrap();
        let mut newer = Raw::join(&here, "PUSH");
        assert_eq!(newer.listen(9), vector("ping_ttl_1000ms"));
        options.set_heartbeat_timeout(ms(50)).unwrap();
        let mut newest = Raw::join(&here, "PUSH");
        assert!(newest.is_closed_within(PATIENCE), "it is silent");
        assert!(old.listen_within(1, QUIET).is_empty(), "it is not asked");
    }
}

#[test]
fn metadata() {
    for &transport in support::ALL {
        let home = Home::new();
        let (pull, here) = bound(&home, transport);
        let push = home.push().metadata("X-One", "1").build().unwrap();
        push.options().set_metadata("X-Two", "2").unwrap();
        push.options().set_metadata("X-ONE", "uno").unwrap();
        let said = [("X-Two", "2"), ("X-ONE", "uno")];
        let said = said.map(|(name, value)| (name.to_owned(), value.into()));
        assert_eq!(push.options().metadata(), said);
        push.connect(&here).unwrap();
        push.send("hello").unwrap();
        let (peer, _) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
        assert_eq!(peer.property("X-One"), Some(&b"uno"[..]), "{transport:?}");
        assert_eq!(peer.property("X-Two"), Some(&b"2"[..]));
    }
}

// ---- who is let in

#[test]
fn caps_and_filters() {
    let home = Home::new();
    let (pull, here) = bound(&home, Transport::Tcp);
    let options = pull.options();
    let refused = || Raw::connect(&here).is_closed_within(PATIENCE);
    let mut old = Raw::join(&here, "PUSH");
    pull.wait_for_peers(1, PATIENCE).unwrap();
    options.set_max_connections(1).unwrap();
    assert!(refused(), "one is there");
    options.set_max_connections(None).unwrap();
    options.set_max_connections_per_address(1).unwrap();
    assert!(refused(), "one is there from this address");
    options.set_max_connections_per_address(None).unwrap();
    options
        .set_tcp_accept_filter(["10.0.0.0/8", "::2"])
        .unwrap();
    assert_eq!(options.tcp_accept_filter(), ["10.0.0.0/8", "::2/128"]);
    assert!(refused(), "this address is not among them");
    options.set_tcp_accept_filter([""; 0]).unwrap();
    options.set_max_pending_handshakes(1).unwrap();
    let monitor = pull.monitor();
    let mut pending = Raw::connect(&here);
    event(&monitor, |it| matches!(it, MonitorEvent::Accepted { .. }));
    assert!(refused(), "one is in its handshake");
    pending.handshake("PUSH");
    pull.wait_for_peers(2, PATIENCE).unwrap();
    options.set_max_pending_handshakes(2).unwrap();
    let mut new = Raw::join(&here, "PUSH");
    new.say(&frame(0, b"new"));
    receives(&pull, 3);
    old.say(&frame(0, b"was there"));
    receives(&pull, 9);
}

#[cfg(target_os = "linux")]
#[test]
fn processes_over_ipc() {
    let home = Home::new();
    let (pull, here) = bound(&home, Transport::Ipc);
    let options = pull.options();
    options.set_ipc_allow_uid([u32::MAX - 7]).unwrap();
    assert_eq!(options.ipc_allow_uid(), [u32::MAX - 7]);
    assert!(Raw::connect(&here).is_closed_within(PATIENCE));
    options.set_ipc_allow_pid([std::process::id()]).unwrap();
    let mut raw = Raw::join(&here, "PUSH");
    raw.say(&frame(0, b"in"));
    receives(&pull, 2);
    options.set_ipc_allow_pid([]).unwrap();
    options.set_ipc_allow_gid([u32::MAX - 7]).unwrap();
    options.set_ipc_allow_uid([]).unwrap();
    assert!(Raw::connect(&here).is_closed_within(PATIENCE));
    options.set_ipc_allow_gid([]).unwrap();
    Raw::join(&here, "PUSH");
}

// ---- connecting

#[test]
fn immediate() {
    for &transport in WIRE {
        let home = Home::new();
        let push = home.push().linger(Duration::ZERO).build().unwrap();
        push.options().set_immediate(true).unwrap();
        push.connect(home.vacant(transport)).unwrap();
        assert!(push.try_send("nobody is there").unwrap_err().is_full());
        push.options().set_immediate(false).unwrap();
        push.connect(home.vacant(transport)).unwrap();
        push.try_send("it waits for somebody").unwrap();
    }
}

fn in_vain(home: &Home, transport: Transport) -> (Push, Monitor) {
    let push = home.push().linger(Duration::ZERO).build().unwrap();
    let monitor = push.monitor();
    push.connect(home.vacant(transport)).unwrap();
    event(&monitor, |it| {
        matches!(it, MonitorEvent::RetryScheduled { .. })
    });
    (push, monitor)
}

#[test]
fn the_reconnect_interval() {
    for &transport in WIRE {
        let home = Home::new();
        let (push, monitor) = in_vain(&home, transport);
        // From a long time on the next wait is longer than those before can have been, sooner or later.
        push.options().set_reconnect_interval_max(ms(1)).unwrap();
        push.options().set_reconnect_interval(ms(200)).unwrap();
        event(
            &monitor,
            |it| matches!(it, MonitorEvent::RetryScheduled { wait, .. } if *wait > ms(50)),
        );
        push.options().set_reconnect_interval(None).unwrap();
        event(&monitor, |it| matches!(it, MonitorEvent::GivenUp { .. }));
        let state = push.endpoints()[0].state;
        assert_eq!(state, EndpointState::GivenUp, "{transport:?}");
    }
}

#[test]
fn what_stops_a_reconnect() {
    for &transport in WIRE {
        let home = Home::new();
        let (push, monitor) = in_vain(&home, transport);
        push.options()
            .set_reconnect_stop([ReconnectStop::Refused])
            .unwrap();
        event(&monitor, |it| matches!(it, MonitorEvent::GivenUp { .. }));
        let state = push.endpoints()[0].state;
        assert_eq!(state, EndpointState::GivenUp, "{transport:?}");
    }
}

// ---- what is the kernel's

#[test]
fn both_internets() {
    if std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("skipped: there is no IPv6 here");
        return;
    }
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let over_v6 = |here: &Endpoint| {
        let port = here.socket_addr().unwrap().port();
        TcpStream::connect((Ipv6Addr::LOCALHOST, port)).is_ok()
    };
    let old = pull.bind("tcp://*:*").unwrap();
    pull.options().set_ipv6(true).unwrap();
    let new = pull.bind("tcp://*:*").unwrap();
    assert!(over_v6(&new));
    assert!(!over_v6(&old));
}

/// A peer that reads nothing gets as much as the buffer of its connection holds: a change counts when
/// the connection is made again, too.
#[cfg(target_os = "linux")]
#[test]
fn the_size_of_buffers() {
    let home = Home::new();
    let there: Endpoint = home.endpoint(Transport::Ipc).parse().unwrap();
    let listener = std::os::unix::net::UnixListener::bind(there.path().unwrap()).unwrap();
    let push = home
        .push()
        .send_hwm(0)
        .linger(Duration::ZERO)
        .send_buffer(256 << 10)
        .build()
        .unwrap();
    push.connect(&there).unwrap();
    for _ in 0..1000 {
        push.send(vec![0; 10_000]).unwrap();
    }
    let join = || {
        let mut raw = Raw::Ipc(listener.accept().unwrap().0);
        raw.handshake("PULL");
        raw
    };
    let taken = || {
        support::until("some is written", || push.stats().written.messages > 0);
        assert!(push.flush(QUIET).is_err(), "it is full");
        push.stats().written.bytes
    };
    let old = join();
    let before = taken();
    push.options().set_send_buffer(8 << 10).unwrap();
    drop(old);
    let _new = join();
    let after = taken() - before;
    assert!(after < before / 2, "{before}, then {after}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_device() {
    let home = Home::new();
    let (pull, _) = bound(&home, Transport::Tcp);
    pull.options().set_bind_to_device("zt-no-such").unwrap();
    let refused = pull.bind("tcp://127.0.0.1:*").unwrap_err();
    assert!(pull.connect("tcp://127.0.0.1:1").is_err(), "{refused}");
    assert_eq!(
        pull.options().bind_to_device().as_deref(),
        Some("zt-no-such")
    );
}
