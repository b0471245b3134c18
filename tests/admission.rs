//! Who is not wanted is not let in: filters of addresses and of processes, and caps on connections.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;

use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

use peer::Raw;
use support::{Home, PATIENCE, Transport, WIRE, next_of, until, until_alone};
use zocket::{Endpoint, Monitor, MonitorEvent, Pull};

/// The reason why the next one that was not let in was not.
#[track_caller]
fn refusal(monitor: &Monitor) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match monitor.recv_timeout(left).expect("somebody is refused") {
            MonitorEvent::AcceptFailed { reason, .. } => return reason,
            MonitorEvent::HandshakeSucceeded { peer, .. } => panic!("{peer:?} was let in"),
            _ => {}
        }
    }
}

fn bind(pull: &Pull, endpoint: &str) -> SocketAddr {
    pull.bind(endpoint).unwrap().socket_addr().unwrap()
}

/// Whether this socket has nothing to say to who connects, and hangs up.
fn is_hung_up_on(to: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // Refused before the greeting: not a byte comes.
    matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_))
}

fn has_ipv6() -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        eprintln!("skipped: this system has no IPv6");
    }
    has
}

// ---- tcp addresses

#[test]
fn who_comes_from_another_network_is_refused_without_a_byte() {
    let home = Home::new();
    let pull = home.pull().tcp_accept_filter("10.0.0.0/8").build().unwrap();
    let monitor = pull.monitor();
    let to = bind(&pull, "tcp://127.0.0.1:*");
    assert!(is_hung_up_on(to));
    let reason = refusal(&monitor);
    assert!(reason.contains("127.0.0.1:"), "{reason}");
    assert!(
        reason.contains("in no network that may connect"),
        "{reason}"
    );
    until("it counts", || pull.endpoints()[0].attempts == 1);
    assert_eq!(pull.endpoints()[0].last_error.as_ref(), Some(&reason));
    // A good one is refused, too, and comes again.
    let push = home.push().build().unwrap();
    push.connect(format!("tcp://{to}")).unwrap();
    for _ in 0..2 {
        refusal(&monitor);
    }
}

#[test]
fn one_of_several_networks_is_enough() {
    let home = Home::new();
    let pull = home.pull();
    let pull = pull
        .tcp_accept_filter("10.0.0.0/8")
        .tcp_accept_filter("127.0.0.1")
        .build()
        .unwrap();
    let push = home.push().build().unwrap();
    push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    push.send("from home").unwrap();
    assert_eq!(next_of(&pull), "from home");
    // What is filtered is tcp.
    #[cfg(unix)]
    {
        push.connect(pull.bind(home.endpoint(Transport::Ipc)).unwrap())
            .unwrap();
        pull.wait_for_peers(2, PATIENCE).unwrap();
    }
    push.connect(pull.bind(home.endpoint(Transport::Inproc)).unwrap())
        .unwrap();
}

#[test]
fn an_ipv4_peer_of_an_ipv6_socket_is_an_ipv4_peer() {
    if !has_ipv6() {
        return;
    }
    let home = Home::new();
    for (network, over_v4) in [("127.0.0.0/8", true), ("::1", false)] {
        let pull = home.pull().ipv6(true).tcp_accept_filter(network);
        let pull = pull.build().unwrap();
        let monitor = pull.monitor();
        let port = bind(&pull, "tcp://*:*").port();
        let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
        let (good, bad) = if over_v4 { (v4, v6) } else { (v6, v4) };
        assert!(is_hung_up_on(bad), "{network}");
        refusal(&monitor);
        let push = home.push().build().unwrap();
        push.connect(format!("tcp://{good}")).unwrap();
        pull.wait_for_peers(1, PATIENCE).unwrap();
    }
}

// ---- ipc processes

#[cfg(target_os = "linux")]
mod processes {
    use rustix::process::{getegid, geteuid, getpid};
    use zocket::Builder;

    use super::*;

    fn mine() -> (u32, u32, u32) {
        let pid = u32::try_from(getpid().as_raw_nonzero().get()).unwrap();
        (pid, geteuid().as_raw(), getegid().as_raw())
    }

    /// Whether a peer in this process is let in.
    fn lets_us_in(set: impl Fn(Builder<Pull>) -> Builder<Pull>) -> bool {
        let home = Home::new();
        let pull = set(home.pull()).build().unwrap();
        let monitor = pull.monitor();
        let push = home.push().build().unwrap();
        push.connect(pull.bind(home.endpoint(Transport::Ipc)).unwrap())
            .unwrap();
        loop {
            match monitor
                .recv_timeout(PATIENCE)
                .expect("one way or the other")
            {
                MonitorEvent::HandshakeSucceeded { .. } => return true,
                MonitorEvent::AcceptFailed { reason, .. } => {
                    assert!(reason.contains("no filter lets its"), "{reason}");
                    assert!(reason.contains(&mine().0.to_string()), "{reason}");
                    return false;
                }
                _ => {}
            }
        }
    }

    #[test]
    fn one_that_matches_is_enough() {
        let (pid, uid, gid) = mine();
        let (other, another) = (uid + 1, gid + 1);
        assert!(lets_us_in(|it| it.ipc_allow_uid(uid)));
        assert!(lets_us_in(|it| it.ipc_allow_gid(gid)));
        assert!(lets_us_in(|it| it.ipc_allow_pid(pid)));
        assert!(lets_us_in(|it| it.ipc_allow_uid(other).ipc_allow_uid(uid)));
        assert!(lets_us_in(|it| it.ipc_allow_uid(other).ipc_allow_gid(gid)));
        assert!(lets_us_in(|it| it
            .ipc_allow_gid(another)
            .ipc_allow_pid(pid)));
        assert!(lets_us_in(|it| it));
    }

    #[test]
    fn one_that_matches_nothing_is_refused() {
        let (pid, uid, gid) = mine();
        assert!(!lets_us_in(|it| it.ipc_allow_uid(uid + 1)));
        assert!(!lets_us_in(|it| it.ipc_allow_gid(gid + 1)));
        assert!(!lets_us_in(|it| it.ipc_allow_pid(pid + 1)));
        let all = |it: Builder<Pull>| it.ipc_allow_uid(uid + 1).ipc_allow_gid(gid + 1);
        assert!(!lets_us_in(|it| all(it).ipc_allow_pid(pid + 1)));
    }

    #[test]
    fn tcp_does_not_mind() {
        let home = Home::new();
        let pull = home.pull().ipc_allow_uid(mine().1 + 1).build().unwrap();
        let push = home.push().build().unwrap();
        meet!(home, Transport::Tcp, pull, push);
    }

    /// Both sides know whose process is at the other end, over ipc.
    #[test]
    fn a_peer_is_known_by_its_process() {
        let home = Home::new();
        for &transport in support::ALL {
            let pull = home.pull().build().unwrap();
            let push = home.push().build().unwrap();
            meet!(home, transport, pull, push);
            for peer in pull.peers().into_iter().chain(push.peers()) {
                let who = peer.credentials().map(|who| (who.pid, who.uid, who.gid));
                let expected = (transport == Transport::Ipc).then(mine);
                assert_eq!(who, expected, "{transport:?}: {peer:?}");
            }
            push.send("hello").unwrap();
            let (peer, _) = pull.recv_from_peer().unwrap();
            assert_eq!(peer.credentials().is_some(), transport == Transport::Ipc);
        }
    }
}

// ---- caps

#[test]
fn a_socket_has_as_many_connections_as_it_may() {
    for &transport in WIRE {
        let home = Home::new();
        let pull = home.pull().max_connections(2).build().unwrap();
        let monitor = pull.monitor();
        // Of all its endpoints together.
        let one = pull.bind(home.endpoint(transport)).unwrap();
        let two = pull.bind(home.endpoint(transport)).unwrap();
        let pushes: Vec<_> = [&one, &two]
            .map(|there| {
                let push = home.push().build().unwrap();
                push.connect(there).unwrap();
                push
            })
            .into();
        pull.wait_for_peers(2, PATIENCE).unwrap();
        while let Ok(event) = monitor.try_recv() {
            assert!(!matches!(event, MonitorEvent::AcceptFailed { .. }));
        }
        let late = home.push().build().unwrap();
        late.connect(&one).unwrap();
        let reason = refusal(&monitor);
        assert!(reason.contains("limit of connections, 2"), "{reason}");
        until("it counts", || pull.endpoints()[0].attempts > 0);
        // There is room again when one goes.
        drop(pushes);
        late.send("at last").unwrap();
        assert_eq!(next_of(&pull), "at last");
    }
}

/// Those that have not said who they are count as well.
#[test]
fn a_silent_connection_takes_a_place_until_it_goes() {
    for &transport in WIRE {
        let home = Home::new();
        let pull = home.pull().max_connections(1).handshake_timeout(None);
        let pull = pull.build().unwrap();
        let monitor = pull.monitor();
        let here: Endpoint = pull.bind(home.endpoint(transport)).unwrap();
        let silent = Raw::connect(&here);
        while !matches!(
            monitor.recv_timeout(PATIENCE).unwrap(),
            MonitorEvent::Accepted { .. }
        ) {}
        let push = home.push().build().unwrap();
        push.connect(&here).unwrap();
        refusal(&monitor);
        drop(silent);
        pull.wait_for_peers(1, PATIENCE).unwrap();
    }
}

/// Other loopback addresses than the first can be used on Linux only, without more ado.
#[test]
#[cfg(target_os = "linux")]
fn an_address_has_as_many_connections_as_it_may() {
    let home = Home::new();
    let pull = home.pull().max_connections_per_address(2).build().unwrap();
    let to = bind(&pull, "tcp://127.0.0.1:*");
    let from = |source: &str| {
        let push = home.push().build().unwrap();
        push.connect(format!("tcp://{source}:*;{to}")).unwrap();
        push
    };
    let _one = from("127.3.3.1");
    let two = from("127.3.3.1");
    pull.wait_for_peers(2, PATIENCE).unwrap();
    let monitor = pull.monitor();
    let late = from("127.3.3.1");
    let reason = refusal(&monitor);
    assert!(reason.starts_with("127.3.3.1:"), "{reason}");
    assert!(
        reason.contains("that origin is at its limit of connections, 2"),
        "{reason}"
    );
    // Somebody else is not held up.
    let _other = from("127.3.3.2");
    pull.wait_for_peers(3, PATIENCE).unwrap();
    two.close().unwrap();
    late.wait_for_peers(1, PATIENCE).unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_user_has_as_many_connections_as_it_may() {
    let home = Home::new();
    let pull = home.pull().max_connections_per_address(1).build().unwrap();
    let here = pull.bind(home.endpoint(Transport::Ipc)).unwrap();
    let one = home.push().build().unwrap();
    one.connect(&here).unwrap();
    pull.wait_for_peers(1, PATIENCE).unwrap();
    let monitor = pull.monitor();
    let two = home.push().build().unwrap();
    two.connect(&here).unwrap();
    let reason = refusal(&monitor);
    assert!(
        reason.contains("that origin is at its limit of connections, 1"),
        "{reason}"
    );
    // Another transport, another origin.
    let three = home.push().build().unwrap();
    three
        .connect(pull.bind(home.endpoint(Transport::Tcp)).unwrap())
        .unwrap();
    pull.wait_for_peers(2, PATIENCE).unwrap();
}

#[test]
fn so_many_handshakes_are_under_way_at_most() {
    for &transport in WIRE {
        let home = Home::new();
        let pull = home
            .pull()
            .max_pending_handshakes(2)
            .handshake_timeout(None);
        let pull = pull.build().unwrap();
        let monitor = pull.monitor();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        // Those that are through do not count.
        let done = home.push().build().unwrap();
        done.connect(&here).unwrap();
        pull.wait_for_peers(1, PATIENCE).unwrap();
        let silent = [Raw::connect(&here), Raw::connect(&here)];
        let push = home.push().build().unwrap();
        push.connect(&here).unwrap();
        let reason = refusal_after_handshake(&monitor);
        assert!(reason.contains("2 handshakes are under way"), "{reason}");
        drop(silent);
        pull.wait_for_peers(2, PATIENCE).unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn at_the_limit_who_has_most_gives_way() {
    let home = Home::new();
    let pull = home.pull().max_pending_handshakes(3);
    let pull = pull.handshake_timeout(None).build().unwrap();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    let mut silent: Vec<Raw> = (0..3).map(|_| Raw::connect(&here)).collect();
    let from_elsewhere = format!("tcp://127.0.0.2:*;{}", here.socket_addr().unwrap());
    // Each of these is through before the next one comes: one place is enough for them.
    for n in 1..=5 {
        let push = home.push().build().unwrap();
        push.connect(&from_elsewhere).unwrap();
        pull.wait_for_peers(1, PATIENCE).unwrap();
        push.send(n.to_string()).unwrap();
        assert_eq!(next_of(&pull), n.to_string());
        push.close().unwrap();
    }
    // The oldest had to go, and nobody else.
    assert!(silent.remove(0).is_closed_within(PATIENCE));
    assert_eq!(pull.stats().connections.handshakes_failed, 1);
    for raw in &mut silent {
        raw.handshake("PUSH");
    }
    pull.wait_for_peers(2, PATIENCE).unwrap();
}

#[track_caller]
fn refusal_after_handshake(monitor: &Monitor) -> String {
    while !matches!(
        monitor.recv_timeout(PATIENCE).unwrap(),
        MonitorEvent::HandshakeSucceeded { .. }
    ) {}
    refusal(monitor)
}

/// However they come and go, no place is lost.
#[test]
fn no_place_is_lost_over_many_comings_and_goings() {
    for &transport in WIRE {
        let home = Home::new();
        let pull = home.pull().max_connections(1).build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        for _ in 0..50 {
            let push = home.push().build().unwrap();
            push.connect(&here).unwrap();
            push.wait_for_peers(1, PATIENCE).unwrap();
            push.close().unwrap();
        }
        until_alone(|count, timeout| pull.wait_for_peers(count, timeout));
    }
}
