//! Attempts to connect: how long one may take, and how long it is to the next.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::time::Duration;

use support::{Home, PATIENCE, WIRE};
use zocket::{Monitor, MonitorEvent};

/// The waits that are announced, and how many attempts were made before each.
fn waits(monitor: &Monitor) -> impl Iterator<Item = (Duration, u32)> {
    std::iter::from_fn(|| Some(monitor.recv_timeout(PATIENCE).expect("an event in time")))
        .filter_map(|event| match event {
            MonitorEvent::RetryScheduled { wait, attempts, .. } => Some((wait, attempts)),
            _ => None,
        })
}

/// Each wait is a part of an interval that doubles up to the longest.
#[test]
fn waits_are_within_an_interval_that_doubles_up_to_the_longest() {
    const FIRST: Duration = Duration::from_millis(2);
    const LONGEST: Duration = Duration::from_millis(16);
    for &transport in WIRE {
        let home = Home::new();
        let push = home
            .push()
            .reconnect_interval(FIRST)
            .reconnect_interval_max(LONGEST)
            .build()
            .unwrap();
        let monitor = push.monitor();
        push.connect(home.vacant(transport)).unwrap();
        let mut seen = Duration::ZERO;
        for (number, (wait, attempts)) in (1..=40).zip(waits(&monitor)) {
            assert_eq!(attempts, number, "{transport:?}");
            let doubled = FIRST * 2_u32.pow((number - 1).min(10));
            assert!(wait <= doubled.min(LONGEST), "{wait:?} after {number}");
            seen = seen.max(wait);
        }
        // Of so many at least one is in the upper half of the longest interval.
        assert!(seen > LONGEST / 2, "{seen:?}");
    }
}

/// With libzmq's defaults the interval stays as it is.
#[test]
fn without_a_longest_interval_it_stays_the_same() {
    const FIRST: Duration = Duration::from_millis(4);
    for &transport in WIRE {
        let home = Home::new();
        let push = home
            .push()
            .with_libzmq_defaults()
            .linger(Duration::ZERO)
            .reconnect_interval(FIRST)
            .build()
            .unwrap();
        let monitor = push.monitor();
        push.connect(home.vacant(transport)).unwrap();
        for (wait, _) in waits(&monitor).take(20) {
            assert!(wait <= FIRST, "{transport:?}: {wait:?}");
        }
    }
}

/// A listener whose queue is full lets nobody in, and tells nobody so.
#[cfg(target_os = "linux")]
#[test]
fn an_attempt_that_nobody_answers_ends_in_time() {
    use std::net::{Ipv4Addr, SocketAddr};

    use socket2::{Domain, Socket, Type};

    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let fill: Vec<Socket> = (0..4)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address.into());
            socket
        })
        .collect();
    let home = Home::new();
    let push = home
        .push()
        .connect_timeout(Duration::from_millis(50))
        .build()
        .unwrap();
    let monitor = push.monitor();
    push.connect(format!("tcp://{address}")).unwrap();
    let reason = loop {
        match monitor.recv_timeout(PATIENCE).expect("it ends") {
            MonitorEvent::ConnectFailed { reason, .. } => break reason,
            MonitorEvent::Connected { .. } => panic!("somebody was let in"),
            _ => {}
        }
    };
    assert!(reason.contains("timed out"), "{reason}");
    // Once there is room an attempt succeeds.
    drop(fill);
    listener.set_nonblocking(true).unwrap();
    loop {
        let _ = listener.accept();
        let event = monitor.recv_timeout(PATIENCE).expect("it is tried again");
        if matches!(event, MonitorEvent::Connected { .. }) {
            break;
        }
    }
}
