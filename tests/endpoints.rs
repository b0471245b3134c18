//! Where a socket is bound and connected, as it says and as it is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::net::TcpListener;
use std::time::Duration;

use support::Transport::{Inproc, Ipc, Tcp};
use support::{ALL, Home, PATIENCE, QUIET, WIRE, expect_numbers, next_of, until_alone};
use zocket::{BindError, ConnectError, Endpoint, TryRecvError, UnbindError, WaitError};

#[test]
fn bind_returns_what_it_got() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    assert_eq!(pull.last_endpoint(), None);
    let local = pull.bind("tcp://127.0.0.1:*").unwrap();
    assert_eq!(local.host().as_deref(), Some("127.0.0.1"));
    assert_ne!(local.port(), Some(0));
    assert!(!local.is_wildcard());
    assert_eq!(pull.last_endpoint(), Some(local.clone()));

    let any = pull.bind("tcp://*:*").unwrap();
    assert_eq!(
        any.to_string(),
        format!("tcp://0.0.0.0:{}", any.port().unwrap())
    );
    assert_ne!(any.port(), local.port());
    assert_eq!(pull.last_endpoint(), Some(any.clone()));

    let push = home.push().build().unwrap();
    let reach = format!("tcp://127.0.0.1:{}", any.port().unwrap());
    let connected = push.connect(&reach).unwrap();
    assert_eq!(connected.to_string(), reach);
    assert_eq!(push.last_endpoint(), Some(connected));
    push.send("hello").unwrap();
    assert_eq!(next_of(&pull), "hello");
}

#[test]
fn definite_endpoints_are_returned_as_they_are() {
    for &transport in ALL {
        let home = Home::new();
        let there = home.vacant(transport);
        let pull = home.pull().build().unwrap();
        assert_eq!(pull.bind(&there).unwrap().to_string(), there);
        assert_eq!(pull.last_endpoint().unwrap().to_string(), there);
    }
}

#[cfg(unix)]
#[test]
fn a_path_is_made_for_an_ipc_wildcard() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let here = pull.bind("ipc://*").unwrap();
    assert!(!here.is_wildcard());
    let push = home.push().build().unwrap();
    push.connect(&here).unwrap();
    push.send("hello").unwrap();
    assert_eq!(next_of(&pull), "hello");
    pull.unbind(&here).unwrap();
    assert!(here.path().is_none_or(|path| !path.exists()));
}

#[test]
fn unbind_takes_what_bind_returned_and_nothing_else() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    for wildcard in ["tcp://127.0.0.1:*", "tcp://*:*"] {
        let here = pull.bind(wildcard).unwrap();
        let neighbour = format!("tcp://127.0.0.2:{}", here.port().unwrap());
        for other in [wildcard, &neighbour, "inproc://never", "ipc:///never"] {
            let error = pull.unbind(other).unwrap_err();
            assert!(matches!(error, UnbindError::Unknown(_)), "{error}");
        }
        let error = pull.disconnect(&here).unwrap_err();
        assert!(matches!(error, UnbindError::Unknown(_)), "{error}");
        pull.unbind(&here).unwrap();
        let error = pull.unbind(&here).unwrap_err();
        assert!(matches!(error, UnbindError::Unknown(_)), "{error}");
    }
    let push = home.push().build().unwrap();
    let there = push.connect(home.vacant(Tcp)).unwrap();
    assert!(push.unbind(&there).is_err());
    push.disconnect(&there).unwrap();
    assert!(push.disconnect(&there).is_err());
}

#[test]
fn an_address_is_free_when_unbind_returns() {
    for &transport in ALL {
        let home = Home::new();
        let there = home.vacant(transport);
        let pull = home.pull().build().unwrap();
        let other = home.pull().build().unwrap();
        for _ in 0..500 {
            pull.bind(&there).unwrap();
            pull.unbind(&there).unwrap();
            other.bind(&there).unwrap();
            other.unbind(&there).unwrap();
        }
        pull.bind(&there).unwrap();
        let push = home.push().build().unwrap();
        push.connect(&there).unwrap();
        push.send("hello").unwrap();
        assert_eq!(next_of(&pull), "hello");
    }
}

#[test]
fn an_address_is_free_when_its_socket_is_gone() {
    for &transport in ALL {
        let home = Home::new();
        let there = home.vacant(transport);
        // Somebody who comes back each time, and may be in the middle of it at the end.
        let push = home.push().linger(Duration::ZERO).build().unwrap();
        push.connect(&there).unwrap();
        for round in 0..500 {
            let pull = home.pull().build().unwrap();
            pull.bind(&there).unwrap();
            let _ = push.try_send("on its way");
            if round % 2 == 0 {
                pull.close().unwrap();
            }
            drop(pull);
        }
    }
}

#[test]
fn an_address_is_free_with_a_peer_on_it_too() {
    for &transport in WIRE {
        let home = Home::new();
        let there = home.vacant(transport);
        let pull = home.pull().build().unwrap();
        let push = home.push().immediate(true).build().unwrap();
        push.connect(&there).unwrap();
        for round in 0..10 {
            pull.bind(&there).unwrap();
            push.wait_for_peers(1, PATIENCE).unwrap();
            push.send_timeout(round.to_string(), PATIENCE).unwrap();
            assert_eq!(next_of(&pull), round.to_string(), "{transport:?}");
            pull.unbind(&there).unwrap();
            until_alone(|count, timeout| push.wait_for_peers(count, timeout));
            until_alone(|count, timeout| pull.wait_for_peers(count, timeout));
        }
    }
}

#[test]
fn an_address_is_free_when_close_returns() {
    for &transport in ALL {
        let home = Home::new();
        let there = home.vacant(transport);
        let push = home.push().build().unwrap();
        push.connect(&there).unwrap();
        for round in 0..10 {
            if transport == Inproc {
                // A name is connected to once: when its owner goes, so does the connection.
                push.disconnect(&there).unwrap();
                push.connect(&there).unwrap();
            }
            let pull = home.pull().build().unwrap();
            pull.bind(&there).unwrap();
            push.wait_for_peers(1, PATIENCE).unwrap();
            push.send_timeout(round.to_string(), PATIENCE).unwrap();
            assert_eq!(next_of(&pull), round.to_string());
            pull.close().unwrap();
            until_alone(|count, timeout| push.wait_for_peers(count, timeout));
        }
    }
}

#[test]
fn what_accepted_peers_sent_before_unbind_stays_readable() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        let push = home.push().build().unwrap();
        push.connect(&here).unwrap();
        for number in 0..100 {
            push.send(number.to_string()).unwrap();
        }
        expect_numbers(&pull, 0..1);
        push.close().unwrap();
        until_alone(|count, timeout| pull.wait_for_peers(count, timeout));
        pull.unbind(&here).unwrap();
        expect_numbers(&pull, 1..100);
    }
}

#[test]
fn disconnect_stops_the_flow_after_what_was_queued() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        let push = home.push().build().unwrap();
        push.connect(&here).unwrap();
        for number in 0..100 {
            push.send(number.to_string()).unwrap();
        }
        push.disconnect(&here).unwrap();
        assert!(
            push.try_send("more").unwrap_err().is_full(),
            "{transport:?}"
        );
        expect_numbers(&pull, 0..100);
        until_alone(|count, timeout| pull.wait_for_peers(count, timeout));
        assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));

        push.connect(&here).unwrap();
        push.send("again").unwrap();
        assert_eq!(next_of(&pull), "again");
    }
}

#[test]
fn a_receiver_that_disconnects_gets_no_more() {
    for &transport in ALL {
        let home = Home::new();
        let push = home.push().build().unwrap();
        let here = push.bind(home.endpoint(transport)).unwrap();
        let pull = home.pull().build().unwrap();
        pull.connect(&here).unwrap();
        push.send_timeout("hello", PATIENCE).unwrap();
        assert_eq!(next_of(&pull), "hello");
        pull.disconnect(&here).unwrap();
        until_alone(|count, timeout| push.wait_for_peers(count, timeout));
        assert!(push.try_send("nobody").unwrap_err().is_full());
        assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn a_taken_address_is_refused() {
    for &transport in ALL {
        let home = Home::new();
        let first = home.pull().build().unwrap();
        let second = home.pull().build().unwrap();
        let here = first.bind(home.endpoint(transport)).unwrap();
        for socket in [&first, &second] {
            let error = socket.bind(&here).unwrap_err();
            match transport {
                Inproc => assert!(matches!(error, BindError::NameTaken(_)), "{error}"),
                Tcp | Ipc => assert!(matches!(error, BindError::Io { .. }), "{error}"),
            }
            assert!(error.to_string().contains(&here.to_string()), "{error}");
        }
        assert_eq!(second.last_endpoint(), None);
        assert!(second.unbind(&here).is_err());
        // The first still works.
        let push = home.push().build().unwrap();
        push.connect(&here).unwrap();
        push.send("hello").unwrap();
        assert_eq!(next_of(&first), "hello");
    }
    let foreign = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let error = pull
        .bind(format!("tcp://{}", foreign.local_addr().unwrap()))
        .unwrap_err();
    assert!(matches!(error, BindError::Io { .. }), "{error}");
}

#[test]
fn what_is_no_endpoint_is_said_at_once() {
    let home = Home::new();
    let pull = home.pull().build().unwrap();
    let nowhere = [
        "",
        "tcp",
        "tcp://",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:",
        "tcp://127.0.0.1:99999",
        "tcp://127.0.0.1:-1",
        "tcp://127.0.0.1:1x",
        "udp://127.0.0.1:1",
        "TCP//127.0.0.1:1",
        "ipc://",
        "inproc://",
    ];
    for text in nowhere {
        assert!(
            matches!(pull.bind(text).unwrap_err(), BindError::Endpoint(_)),
            "{text}"
        );
        assert!(
            matches!(pull.connect(text).unwrap_err(), ConnectError::Endpoint(_)),
            "{text}"
        );
        assert!(
            matches!(pull.unbind(text).unwrap_err(), UnbindError::Endpoint(_)),
            "{text}"
        );
        assert!(
            matches!(pull.disconnect(text).unwrap_err(), UnbindError::Endpoint(_)),
            "{text}"
        );
    }
    for text in [
        format!("ipc:///{}", "x".repeat(107)),
        format!("inproc://{}", "x".repeat(257)),
    ] {
        assert!(pull.bind(&text).is_err(), "{text}");
        assert!(pull.connect(&text).is_err(), "{text}");
    }
    for text in ["tcp://*:5555", "tcp://127.0.0.1:*", "ipc://*"] {
        assert!(
            matches!(pull.connect(text).unwrap_err(), ConnectError::Endpoint(_)),
            "{text}"
        );
    }
    assert_eq!(pull.last_endpoint(), None);
}

#[test]
fn connecting_twice_makes_two() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        let push = home.push().build().unwrap();
        push.connect(&here).unwrap();
        push.connect(&here).unwrap();
        pull.wait_for_peers(2, PATIENCE).unwrap();
        push.wait_for_peers(2, PATIENCE).unwrap();
        for number in 0..10 {
            push.send(number.to_string()).unwrap();
        }
        let mut got: Vec<_> = (0..10)
            .map(|_| next_of(&pull)[0].to_str().unwrap().to_owned())
            .collect();
        got.sort();
        assert!(got.into_iter().eq((0..10).map(|number| number.to_string())));
        push.disconnect(&here).unwrap();
        until_alone(|count, timeout| pull.wait_for_peers(count, timeout));
        assert!(push.try_send("nobody").unwrap_err().is_full());
    }
}

#[test]
fn bind_after_connect_delivers_what_was_queued() {
    for &transport in ALL {
        let home = Home::new();
        let there = home.vacant(transport);
        let push = home.push().build().unwrap();
        push.connect(&there).unwrap();
        for number in 0..500 {
            push.send(number.to_string()).unwrap();
        }
        assert_eq!(
            push.wait_for_peers(1, QUIET),
            Err(WaitError::Timeout { ready: 0 })
        );
        let pull = home.pull().build().unwrap();
        pull.bind(&there).unwrap();
        for number in 500..1000 {
            push.send_timeout(number.to_string(), PATIENCE).unwrap();
        }
        expect_numbers(&pull, 0..1000);
    }
}

#[test]
fn a_closed_socket_has_no_endpoints() {
    for &transport in ALL {
        let home = Home::new();
        let there: Endpoint = home.vacant(transport).parse().unwrap();
        let pull = home.pull().build().unwrap();
        pull.bind(&there).unwrap();
        pull.close().unwrap();
        assert!(matches!(pull.bind(&there), Err(BindError::Closed)));
        assert!(matches!(pull.connect(&there), Err(ConnectError::Closed)));
        assert!(matches!(pull.unbind(&there), Err(UnbindError::Closed)));
        assert!(matches!(pull.disconnect(&there), Err(UnbindError::Closed)));
        assert_eq!(
            pull.wait_for_peers(0, Duration::ZERO),
            Err(WaitError::Closed)
        );
        home.pull().build().unwrap().bind(&there).unwrap();
    }
}
