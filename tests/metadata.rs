//! What a socket says of itself by `metadata` is known wherever its peers are, and bounded.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;

use peer::{COMMAND, Raw, frame, greeting};
use support::{ALL, Home, PATIENCE, Transport};
use zocket::{BuildError, MonitorEvent, PeerInfo, Pull, Push, Rep, Req};

#[track_caller]
fn expect_said(peer: &PeerInfo, said: &[(&str, &[u8])]) {
    let all: Vec<_> = peer.properties().collect();
    assert_eq!(all, said);
    for (name, value) in said {
        assert_eq!(peer.property(name), Some(*value));
        assert_eq!(peer.property(&name.to_ascii_lowercase()), Some(*value));
    }
    assert_eq!(peer.property("X-Nothing"), None);
    // What the protocol itself says has methods of its own.
    assert_eq!(peer.property("Socket-Type"), None);
    assert_eq!(peer.property("Identity"), None);
}

#[test]
fn each_side_knows_what_the_other_says() {
    for &transport in ALL {
        let home = Home::new();
        let rep = Rep::builder().metadata("X-Role", "oracle");
        let rep = home.of(rep).build().unwrap();
        let req = Req::builder()
            .routing_id("asks")
            .metadata("X-Version", "1.7")
            .metadata("X-Empty", "")
            .metadata("X-Bytes", [0, 255])
            .metadata("x-version", "ignored: no X");
        let wrong = home.of(req).build().unwrap_err();
        assert!(wrong.to_string().contains("metadata"), "{wrong}");
        let req = Req::builder()
            .routing_id("asks")
            .metadata("X-Version", "1.6")
            .metadata("X-Empty", "")
            .metadata("X-Bytes", [0, 255])
            .metadata("X-VERSION", "1.7");
        let req = home.of(req).build().unwrap();
        let said: [(&str, &[u8]); 3] = [
            ("X-Empty", b""),
            ("X-Bytes", &[0, 255]),
            ("X-VERSION", b"1.7"),
        ];
        let monitor = rep.monitor();
        req.connect(rep.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        req.send("who am I?").unwrap();
        let request = rep.recv_timeout(PATIENCE).unwrap();
        expect_said(request.peer(), &said);
        assert_eq!(rep.peers()[0].id(), request.peer().id());
        expect_said(&rep.peers()[0], &said);
        let joined = monitor.iter().find_map(|event| match event {
            MonitorEvent::HandshakeSucceeded { peer, .. } => Some(peer),
            _ => None,
        });
        let joined = joined.unwrap();
        assert_eq!(joined.id(), request.peer().id());
        expect_said(&joined, &said);
        req.wait_for_peers(1, PATIENCE).unwrap();
        expect_said(&req.peers()[0], &[("X-Role", b"oracle")]);
    }
}

#[test]
fn a_message_tells_it_and_whoever_comes_anew_says_it_anew() {
    for &transport in ALL {
        let home = Home::new();
        let pull = home.pull().build().unwrap();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        for number in ["1", "2"] {
            let push = home.push().metadata("X-Number", number).build().unwrap();
            push.connect(&here).unwrap();
            push.send("hello").unwrap();
            let (peer, _) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
            assert_eq!(peer.property("X-Number"), Some(number.as_bytes()));
        }
    }
}

#[test]
fn on_the_wire_it_stands_behind_what_libzmq_says() {
    let home = Home::new();
    let push = home.push().metadata("X-k", "v").build().unwrap();
    let here = push.bind(home.endpoint(Transport::Tcp)).unwrap();
    let mut raw = Raw::connect(&here);
    raw.say(&greeting());
    raw.listen(64);
    let ready = b"\x05READY\x0bSocket-Type\0\0\0\x04PUSH\x03X-k\0\0\0\x01v";
    assert_eq!(raw.next_frame(), (COMMAND, ready.to_vec()));
}

#[test]
fn names_that_cannot_be_and_too_much_are_refused_when_the_socket_is_built() {
    let home = Home::new();
    let refused = |name: &str, value: &[u8]| {
        let built = home.push().metadata(name, value).build();
        matches!(built, Err(BuildError::Invalid(wrong)) if wrong[0].starts_with("metadata"))
    };
    let longest = format!("X-{}", "n".repeat(253));
    assert!(!refused(&longest, b"v"));
    assert!(refused(&format!("{longest}n"), b"v"));
    for name in [
        "",
        "X-",
        "Key",
        "x-key",
        "X-a b",
        "X-a:b",
        "X-ä",
        "Socket-Type",
        "Identity",
    ] {
        assert!(refused(name, b"v"), "{name}");
    }
    assert!(!refused("X-k", &[0; 16 << 10][3..]));
    assert!(refused("X-k", &[0; 16 << 10]));
}

#[test]
fn of_what_a_peer_says_no_more_is_kept_than_a_handshake_may_have() {
    let home = Home::new();
    let pull = Pull::builder().context(&home.context).build().unwrap();
    let here = pull.bind(home.endpoint(Transport::Tcp)).unwrap();
    let ready = |size: u32| {
        let mut body = b"\x05READY\x0bSocket-Type\0\0\0\x04PUSH\x02X-".to_vec();
        body.extend_from_slice(&size.to_be_bytes());
        body.resize(body.len() + size as usize, b'v');
        // A name that is not text is no property that can be asked for.
        body.extend_from_slice(b"\x01\xff\0\0\0\0");
        [greeting(), frame(COMMAND, &body)].concat()
    };
    let mut raw = Raw::connect(&here);
    raw.say(&ready(60 << 10));
    pull.wait_for_peers(1, PATIENCE).unwrap();
    expect_said(&pull.peers()[0], &[("X-", &[b'v'; 60 << 10])]);

    let monitor = pull.monitor();
    let mut raw = Raw::connect(&here);
    raw.say(&ready(64 << 10));
    let failed = monitor.iter().find_map(|event| match event {
        MonitorEvent::HandshakeFailed { .. } => Some(()),
        _ => None,
    });
    assert_eq!(failed, Some(()));
    // It stays one that was asked for.
    let push = Push::builder().context(&home.context).build().unwrap();
    push.connect(&here).unwrap();
    pull.wait_for_peers(2, PATIENCE).unwrap();
}
