//! With CURVE both sides are who they say, nobody else is in, and nothing goes over the wire in clear:
//! whole sockets, every transport with a kernel in between.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod door;
mod peer;
mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use door::{client, failure, knock, nobody_is_in};
use peer::{Raw, frame, greeting, hello, ms};
use support::{Home, PATIENCE, QUIET, WIRE, next_of, until};
use zocket::auth::{AllowedKeys, Candidate, Mechanism, User};
use zocket::curve::{KeyPair, PublicKey};
use zocket::{
    Builder, Dealer, HandshakeFailure, Message, Monitor, MonitorEvent, Pub, Pull, Push, Rep, Req,
    Router, Security, SocketKind, Sub,
};

const ZAP: &str = "inproc://zeromq.zap.01";

fn pair() -> KeyPair {
    KeyPair::generate().unwrap()
}

/// A server's keys, and what is set for it and for a client of its.
struct Keys {
    server: KeyPair,
    client: KeyPair,
}

impl Keys {
    fn new() -> Self {
        Self {
            server: pair(),
            client: pair(),
        }
    }

    fn server(&self) -> Security {
        Security::curve_server(self.server.clone())
    }

    fn client(&self) -> Security {
        Security::curve_client(self.client.clone(), self.server.public_key())
    }

    fn stranger(&self) -> Security {
        Security::curve_client(pair(), self.server.public_key())
    }

    fn allowed(&self) -> AllowedKeys {
        AllowedKeys::new().with("alice", self.client.public_key())
    }
}

/// A PULL that lets the client of these keys in, and nobody else.
fn guarded(home: &Home, keys: &Keys) -> Builder<Pull> {
    let pull = home.pull().security(keys.server());
    pull.authenticator(keys.allowed())
}

// ---- who is in

#[test]
fn who_has_an_allowed_key_is_in_as_that_user() {
    for &transport in WIRE {
        let home = Home::new();
        let keys = Keys::new();
        let pull = guarded(&home, &keys).build().unwrap();
        let push = client(&home, keys.client());
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        for size in [0, 1, 200, 65_536, 1 << 20, 5 << 20] {
            push.send(
                [Message::from("x"), vec![7; size].into()]
                    .into_iter()
                    .flatten()
                    .collect::<Message>(),
            )
            .unwrap();
        }
        for size in [0, 1, 200, 65_536, 1 << 20, 5 << 20] {
            let (peer, message) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
            assert_eq!(peer.user_id(), Some("alice"));
            assert_eq!((message.len(), message.byte_len()), (2, size + 1));
            assert!(
                message
                    .frames()
                    .next_back()
                    .unwrap()
                    .iter()
                    .all(|byte| *byte == 7)
            );
        }
    }
}

#[test]
fn every_pattern_talks_through_it() {
    for &transport in WIRE {
        let home = Home::new();
        let keys = Keys::new();
        fn set<T: SocketKind>(
            home: &Home,
            builder: zocket::Builder<T>,
            security: Security,
        ) -> zocket::Builder<T> {
            // A question after 20 ms of silence: it goes through CURVE, too.
            home.of(builder)
                .security(security)
                .heartbeat_interval(ms(20))
        }
        let rep = set(&home, Rep::builder(), keys.server()).build().unwrap();
        let req = set(&home, Req::builder(), keys.client()).build().unwrap();
        req.connect(rep.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        let answerer = thread::spawn(move || {
            for request in rep.iter().take(100) {
                let answer = (*request).clone();
                request.reply(answer).unwrap();
            }
            rep
        });
        for number in 0..100 {
            let said = number.to_string();
            assert_eq!(req.request_timeout(said.as_str(), PATIENCE).unwrap(), said);
        }
        answerer.join().unwrap();

        // The one that connects may be the server.
        let publisher = set(&home, Pub::builder(), keys.client()).build().unwrap();
        let sub = set(&home, Sub::builder(), keys.server()).build().unwrap();
        sub.subscribe("news").unwrap();
        sub.connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        publisher.send("other").unwrap();
        publisher.send("news of today").unwrap();
        assert_eq!(sub.recv_timeout(PATIENCE).unwrap(), "news of today");
        sub.unsubscribe("news").unwrap();
        sub.subscribe("other").unwrap();
        until("it is told of", || {
            publisher.send("other things").unwrap();
            sub.try_recv()
                .is_ok_and(|message| message == "other things")
        });

        let router = set(&home, Router::builder(), keys.server())
            .build()
            .unwrap();
        let dealer = set(&home, Dealer::builder(), keys.client());
        let dealer = dealer.routing_id("me").build().unwrap();
        dealer
            .connect(router.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        dealer
            .send(["a", "", "c"].into_iter().collect::<Message>())
            .unwrap();
        let (id, message) = router.recv_from_timeout(PATIENCE).unwrap();
        assert_eq!((id.to_string().as_str(), message.len()), ("me", 3));
        // Through many of its questions it stays.
        thread::sleep(ms(300));
        router.send_to(&id, message).unwrap();
        assert_eq!(dealer.recv_timeout(PATIENCE).unwrap().len(), 3);
        assert_eq!(dealer.stats().connections.ever, 1);
    }
}

#[test]
fn without_anybody_to_ask_it_is_all_that_know_the_servers_key() {
    let home = Home::new();
    let keys = Keys::new();
    let pull = home.pull().security(keys.server()).build().unwrap();
    let _push = knock(&home, &pull, keys.stranger());
    let (peer, _) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
    assert_eq!(peer.user_id(), None);
}

#[test]
fn an_unknown_key_is_refused_on_both_sides_until_it_is_known() {
    let home = Home::new();
    let keys = Keys::new();
    let allowed = AllowedKeys::new();
    let pull = home
        .pull()
        .security(keys.server())
        .authenticator(allowed.clone())
        .build()
        .unwrap();
    let events = pull.monitor();
    let push = client(&home, keys.client());
    let told = push.monitor();
    push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    push.send("hello").unwrap();
    let denied = HandshakeFailure::NotAuthenticated { status: 400 };
    assert_eq!(failure(&events).0, denied);
    assert_eq!(failure(&told).0, denied);
    nobody_is_in(&pull);
    allowed.insert(keys.client.public_key());
    let (peer, _) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
    let key = keys.client.public_key().to_string();
    assert_eq!(peer.user_id(), Some(&*key));
    assert!(allowed.remove(keys.client.public_key()));
}

#[test]
fn s5_a_server_with_another_key_is_not_talked_to() {
    let home = Home::new();
    let keys = Keys::new();
    let other = Security::curve_server(pair());
    let pull = home.pull().security(other).build().unwrap();
    let events = pull.monitor();
    let push = client(&home, keys.client());
    let told = push.monitor();
    push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    push.send("hello").unwrap();
    assert_eq!(failure(&events).0, HandshakeFailure::Protocol);
    failure(&told);
    nobody_is_in(&pull);
}

#[test]
fn a_folder_of_certificates_is_looked_at_again() {
    let home = Home::new();
    let keys = Keys::new();
    let folder = std::env::temp_dir().join(format!("zocket-keys-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    assert!(AllowedKeys::from_folder(folder.join("not there")).is_err());
    // What is no certificate lets nobody in, and keeps nobody out.
    std::fs::write(folder.join("bad.key"), "nonsense").unwrap();
    let allowed = AllowedKeys::from_folder(&folder).unwrap();
    let pull = home
        .pull()
        .security(keys.server())
        .authenticator(allowed)
        .build()
        .unwrap();
    let events = pull.monitor();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    let alice = client(&home, keys.client());
    alice.connect(&here).unwrap();
    alice.send("hello").unwrap();
    failure(&events);
    keys.client.write_files(folder.join("alice.key")).unwrap();
    let (peer, _) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
    assert_eq!(peer.user_id(), Some("alice"));
    std::fs::remove_file(folder.join("alice.key")).unwrap();
    thread::sleep(ms(300));
    // In stays in; but out she does not come back.
    alice.send("again").unwrap();
    assert_eq!(next_of(&pull), "again");
    alice.disconnect(&here).unwrap();
    let left = |events: &Monitor| {
        until("she leaves", || {
            matches!(
                events.recv_timeout(PATIENCE),
                Ok(MonitorEvent::Disconnected { .. })
            )
        });
    };
    left(&events);
    alice.connect(&here).unwrap();
    failure(&events);
    std::fs::remove_dir_all(&folder).unwrap();
}

// ---- who is not

#[test]
fn s11_no_other_mechanism_or_version_gets_in() {
    let home = Home::new();
    let keys = Keys::new();
    let pull = home.pull().security(keys.server()).build().unwrap();
    let events = pull.monitor();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    let sneaky = frame(0, b"sneaky");
    let mut old = hello("PUSH");
    old[11] = 0;
    let mut plain = greeting();
    plain[12..17].copy_from_slice(b"PLAIN");
    let mut curve = hello("PUSH");
    curve[12..17].copy_from_slice(b"CURVE");
    let two = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 8, 0, 0];
    let one = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 0, 8, 0, 0];
    let bare = vec![1, 0, 7, 0, b's', b'n', b'e', b'a', b'k', b'y'];
    for claim in [hello("PUSH"), old, plain, curve, two, one, bare] {
        let mut raw = Raw::connect(&here);
        raw.say(&[claim, sneaky.clone()].concat());
        failure(&events);
        nobody_is_in(&pull);
    }
    for security in [
        Security::null(),
        Security::plain_client("admin", "secret"),
        Security::plain_server(),
    ] {
        let push = client(&home, security);
        push.connect(&here).unwrap();
        failure(&events);
        push.close().unwrap();
        until("it is gone", || pull.stats().connections.now == 0);
        while events.try_recv().is_ok() {}
    }
    nobody_is_in(&pull);
}

/// Copies what goes from the one to the other, and keeps it.
fn tap(mut from: TcpStream, mut to: TcpStream, kept: Arc<Mutex<Vec<u8>>>) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            kept.lock().unwrap().extend_from_slice(&buffer[..read]);
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}

#[test]
fn s7_nothing_is_said_in_clear_and_what_was_said_before_is_worth_nothing() {
    let home = Home::new();
    let keys = Keys::new();
    let pull = home.pull().security(keys.server()).build().unwrap();
    let events = pull.monitor();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    let between = TcpListener::bind("127.0.0.1:0").unwrap();
    let push = home
        .push()
        .security(keys.client())
        .metadata("X-Name", "confidential")
        .build()
        .unwrap();
    push.connect(format!("tcp://{}", between.local_addr().unwrap()))
        .unwrap();
    let (client, _) = between.accept().unwrap();
    let server = TcpStream::connect(here.socket_addr().unwrap()).unwrap();
    let (said, answered) = (Arc::default(), Arc::default());
    tap(
        client.try_clone().unwrap(),
        server.try_clone().unwrap(),
        Arc::clone(&said),
    );
    tap(server, client, Arc::clone(&answered));
    push.send("confidential").unwrap();
    assert_eq!(next_of(&pull), "confidential");
    let said: Vec<u8> = said.lock().unwrap().clone();
    assert!(said.len() > 300);
    for all in [&said, &*answered.lock().unwrap()] {
        let holds = |text: &[u8]| all.windows(text.len()).any(|part| part == text);
        assert!(!holds(b"confidential") && !holds(b"PUSH") && !holds(b"PULL"));
        assert!(!holds(keys.client.public_key().as_bytes()));
    }
    until("the first is told of", || {
        matches!(
            events.recv_timeout(PATIENCE),
            Ok(MonitorEvent::HandshakeSucceeded { .. })
        )
    });
    // The same bytes once more, all at once and a part at a time.
    for cut in [said.len(), 64, 64 + 202, said.len() - 1] {
        let mut raw = Raw::connect(&here);
        raw.say(&said[..cut]);
        if cut < said.len() {
            thread::sleep(ms(20));
            raw.say(&said[cut..]);
        }
        failure(&events);
    }
    thread::sleep(QUIET);
    assert_eq!(pull.stats().arrived.messages, 1);
}

#[test]
fn s12_those_who_say_nothing_keep_nobody_out() {
    let home = Home::new();
    let keys = Keys::new();
    let pull = guarded(&home, &keys).build().unwrap();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    let mut curve = greeting();
    curve[12..17].copy_from_slice(b"CURVE");
    let half = [curve.clone(), vec![4, 200, 5, b'H', b'E']].concat();
    let idle: Vec<Raw> = [vec![], curve, half]
        .iter()
        .cycle()
        .take(300)
        .map(|said| {
            let mut raw = Raw::connect(&here);
            raw.say(said);
            raw
        })
        .collect();
    let push = client(&home, keys.client());
    push.connect(&here).unwrap();
    push.send("hello").unwrap();
    assert_eq!(next_of(&pull), "hello");
    drop(idle);
}

/// The same endpoint, connected to from another address.
#[cfg(target_os = "linux")]
fn from_elsewhere(here: &zocket::Endpoint) -> String {
    format!("tcp://127.0.0.2:*;{}", here.socket_addr().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn s12_those_who_say_nothing_keep_nobody_else_out_when_all_places_are_theirs() {
    let home = Home::new();
    let keys = Keys::new();
    let pull = guarded(&home, &keys)
        .max_pending_handshakes(8)
        .handshake_timeout(None)
        .build()
        .unwrap();
    let events = pull.monitor();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    let mut idle: Vec<Raw> = (0..8).map(|_| Raw::connect(&here)).collect();
    for _ in 0..8 {
        until("it is accepted", || {
            matches!(
                events.recv_timeout(PATIENCE),
                Ok(MonitorEvent::Accepted { .. })
            )
        });
    }
    // One more of the same address is one too many.
    assert!(Raw::connect(&here).is_closed_within(PATIENCE));
    let push = client(&home, keys.client());
    push.connect(from_elsewhere(&here)).unwrap();
    push.send("hello").unwrap();
    assert_eq!(next_of(&pull), "hello");
    let (failed, reason) = failure(&events);
    assert_eq!(failed, HandshakeFailure::Refused);
    assert!(reason.contains("gave way"), "{reason}");
    // It was the first of them, and no other.
    assert!(idle.remove(0).is_closed_within(PATIENCE));
    assert_eq!(pull.stats().connections.handshakes_failed, 1);
    drop(idle);
}

#[test]
fn s13_a_flood_of_handshakes_does_not_keep_a_client_out() {
    let home = Home::new();
    let keys = Keys::new();
    let pull = guarded(&home, &keys).build().unwrap();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    // Each comes as far as a client can that is not known, over and over.
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flood: Vec<_> = (0..2)
        .map(|_| {
            let (stop, here, security) = (stop.clone(), here.clone(), keys.stranger());
            let push = home.push().security(security).linger(Duration::ZERO);
            let push = push
                .reconnect_interval(ms(1))
                .reconnect_interval_max(Duration::ZERO)
                .build()
                .unwrap();
            thread::spawn(move || {
                for _ in 0..20 {
                    // An endpoint each, as none may be connected to twice.
                    push.connect(&here).unwrap();
                }
                until("it is over", || {
                    thread::sleep(ms(5));
                    stop.load(std::sync::atomic::Ordering::SeqCst)
                });
            })
        })
        .collect();
    until("the flood is there", || {
        pull.stats().connections.handshakes_failed > 100
    });
    let began = Instant::now();
    let push = client(&home, keys.client());
    push.connect(&here).unwrap();
    push.send("hello").unwrap();
    assert_eq!(next_of(&pull), "hello");
    // On a machine that does anything else it may take longer: within patience is what is promised here.
    eprintln!("in after {:?}", began.elapsed());
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    for flood in flood {
        flood.join().unwrap();
    }
}

// ---- ZAP

#[test]
fn a_handler_is_told_the_key_and_missed_when_it_is_gone() {
    let home = Home::new();
    let keys = Keys::new();
    let rep = home.of(Rep::builder()).build().unwrap();
    rep.bind(ZAP).unwrap();
    let expected: [&[u8]; 7] = [
        b"1.0",
        b"1",
        b"",
        b"127.0.0.1",
        b"",
        b"CURVE",
        keys.client.public_key().as_bytes(),
    ];
    let expected: Message = expected.iter().map(|frame| frame.to_vec()).collect();
    let answerer = thread::spawn(move || {
        let request = rep.recv_timeout(PATIENCE).unwrap();
        assert_eq!(*request, expected);
        let reply: [&[u8]; 6] = [b"1.0", b"1", b"200", b"OK", b"joe", b""];
        let reply: Message = reply.iter().map(|frame| frame.to_vec()).collect();
        request.reply(reply).unwrap();
        rep
    });
    let pull = home.pull().security(keys.server()).build().unwrap();
    let events = pull.monitor();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    let first = client(&home, keys.client());
    first.connect(&here).unwrap();
    first.send("hello").unwrap();
    let (peer, _) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
    assert_eq!(peer.user_id(), Some("joe"));
    until("the first is told of", || {
        matches!(
            events.recv_timeout(PATIENCE),
            Ok(MonitorEvent::HandshakeSucceeded { .. })
        )
    });
    // libzmq lets everybody in from here on.
    drop(answerer.join().unwrap());
    let second = client(&home, keys.client());
    second.connect(&here).unwrap();
    second.send("too").unwrap();
    let (failed, reason) = failure(&events);
    assert_eq!(failed, HandshakeFailure::NotAuthenticated { status: 300 });
    assert!(reason.contains("no ZAP handler"), "{reason}");
    assert_eq!(pull.stats().arrived.messages, 1);
}

#[test]
fn an_authenticator_knows_the_key() {
    let home = Home::new();
    let keys = Keys::new();
    let key: PublicKey = *keys.client.public_key();
    let pull = home
        .pull()
        .security(keys.server())
        .authenticator(move |candidate: Candidate| {
            assert_eq!(candidate.mechanism(), Mechanism::Curve);
            assert_eq!((candidate.user(), candidate.password()), (None, None));
            if candidate.public_key() == Some(key.as_bytes()) {
                candidate.accept(User::new("known").with("X-Key", key.as_bytes()));
            }
        })
        .build()
        .unwrap();
    let _push = knock(&home, &pull, keys.client());
    let (peer, _) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
    assert_eq!(peer.user_property("X-Key"), Some(&key.as_bytes()[..]));
}

#[test]
fn s15_no_secret_is_to_be_seen() {
    let home = Home::new();
    let keys = Keys::new();
    let pull = home.pull().security(keys.server()).build().unwrap();
    let texts = [
        format!("{:?}", pull.options()),
        format!("{:?}", pull.options().security()),
        format!("{:?}", client(&home, keys.client()).options()),
        format!("{:?}", Push::builder().security(keys.client())),
    ];
    for secret in [keys.server.secret_key(), keys.client.secret_key()] {
        let bytes = format!("{:?}", &secret.as_bytes()[..4]);
        let text = secret.to_z85();
        for shown in &texts {
            assert!(!shown.contains(text.as_ref()), "{shown}");
            assert!(!shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
        }
    }
}
