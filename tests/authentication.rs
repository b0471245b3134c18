//! Who decides about peers decides alone: nobody is in before, and nothing of who is not ever arrives.
//! Each answer, in each form, of an authenticator of the application's own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod door;
mod peer;
mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use door::{client, denied, failure, knock, nobody_is_in};
use peer::{COMMAND, Raw, frame, greeting, ms, ready};
use support::{Home, PATIENCE, QUIET, Transport, WIRE, next_of, until};
use zocket::auth::{Addresses, Candidate, Mechanism, Passwords, User, Verdict};
use zocket::{Authenticator, Dealer, Endpoint, HandshakeFailure, Pull, Push, Router, Security};

fn admin() -> Security {
    Security::plain_client("admin", "secret")
}

fn server(home: &Home, authenticator: impl Authenticator) -> Pull {
    let pull = home.pull().security(Security::plain_server());
    pull.authenticator(authenticator).build().unwrap()
}

// ---- passwords

#[test]
fn who_knows_the_password_is_in_as_that_user() {
    for &transport in WIRE {
        let home = Home::new();
        let pull = server(&home, Passwords::new().with("admin", "secret"));
        let push = client(&home, admin());
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        push.send("hello").unwrap();
        let (peer, message) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
        assert_eq!(message, "hello");
        assert_eq!(peer.user_id(), Some("admin"));
        assert_eq!(pull.peers()[0].user_id(), Some("admin"));
        // The server proves nothing to the client.
        assert_eq!(push.peers()[0].user_id(), None);
    }
}

#[test]
fn s1_who_does_not_is_told_so_and_nothing_of_it_arrives() {
    let most = "p".repeat(255);
    for &transport in WIRE {
        let home = Home::new();
        let users = Passwords::new().with("admin", "secret").with("max", &most);
        let pull = server(&home, users.clone());
        let events = pull.monitor();
        let here = pull.bind(home.endpoint(transport)).unwrap();
        let wrong = [
            ("admin", "wrong"),
            ("admin", "secret\0"),
            ("admin", ""),
            ("Admin", "secret"),
            ("", "secret"),
            ("", ""),
            ("nobody", ""),
            (&*most, &*most),
        ];
        for (user, password) in wrong {
            let push = client(&home, Security::plain_client(user, password));
            let told = push.monitor();
            push.connect(&here).unwrap();
            push.send("let me in").unwrap();
            assert_eq!(failure(&events).0, denied(400), "{user:?}");
            assert_eq!(failure(&told).0, denied(400), "{user:?}");
        }
        nobody_is_in(&pull);
        // The longest that there can be, and the empty one.
        users.insert("nobody", "");
        for (user, password) in [("max", &*most), ("nobody", "")] {
            let push = client(&home, Security::plain_client(user, password));
            push.connect(&here).unwrap();
            push.send(user).unwrap();
            assert_eq!(pull.recv_timeout(PATIENCE).unwrap(), user);
        }
    }
}

#[test]
fn credentials_of_more_than_255_bytes_are_said_at_once() {
    let home = Home::new();
    let more = "x".repeat(256);
    for security in [
        Security::plain_client(&more, ""),
        Security::plain_client("", &more),
    ] {
        let error = home.push().security(security).build().unwrap_err();
        assert!(error.to_string().contains("255"), "{error}");
    }
}

#[test]
fn who_was_refused_tries_again_and_is_in_when_that_has_changed() {
    let home = Home::new();
    let users = Passwords::new();
    let pull = server(&home, users.clone());
    let events = pull.monitor();
    let push = knock(&home, &pull, admin());
    failure(&events);
    failure(&events);
    users.insert("admin", "secret");
    assert_eq!(next_of(&pull), "hello");
    // Who is in stays in.
    assert!(users.remove("admin"));
    push.send("still here").unwrap();
    assert_eq!(next_of(&pull), "still here");
}

#[test]
fn without_anybody_to_ask_plain_lets_nobody_in() {
    let home = Home::new();
    let pull = home.pull().security(Security::plain_server());
    let pull = pull.build().unwrap();
    let events = pull.monitor();
    let push = client(&home, admin());
    let told = push.monitor();
    push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    push.send("hello").unwrap();
    let (failed, reason) = failure(&events);
    assert_eq!(failed, denied(300));
    assert!(reason.contains("no ZAP handler"), "{reason}");
    // It is not told, and comes again.
    assert_eq!(failure(&told).0, HandshakeFailure::Lost);
    nobody_is_in(&pull);
}

// ---- mechanisms and roles

#[test]
fn s3_two_servers_and_two_clients_do_not_come_together() {
    let home = Home::new();
    let clients = home.pull().security(admin()).build().unwrap();
    let events = clients.monitor();
    let push = client(&home, admin());
    push.connect(clients.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    assert_eq!(failure(&events).0, HandshakeFailure::Protocol);

    let servers = home
        .pull()
        .security(Security::plain_server())
        .authenticator(|candidate: Candidate| candidate.accept(User::anonymous()))
        .handshake_timeout(ms(200))
        .build()
        .unwrap();
    let events = servers.monitor();
    let push = client(&home, Security::plain_server());
    push.connect(servers.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    assert_eq!(failure(&events).0, HandshakeFailure::Timeout);
}

#[test]
fn the_server_may_be_the_one_that_connects() {
    let home = Home::new();
    let push = client(&home, admin());
    let pull = server(&home, Passwords::new().with("admin", "secret"));
    pull.connect(push.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    push.send("hello").unwrap();
    let (peer, _) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
    assert_eq!(peer.user_id(), Some("admin"));
}

/// As S11 and S14, for PLAIN: no claim of a peer makes a socket forget its mechanism.
#[test]
fn s14_no_other_mechanism_or_version_gets_in() {
    let home = Home::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    // Whoever is asked about would be in.
    let pull = server(&home, move |candidate: Candidate| {
        count.fetch_add(1, Ordering::SeqCst);
        candidate.accept(User::anonymous());
    });
    let events = pull.monitor();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    let message = frame(0, b"sneaky");
    let claims: [Vec<u8>; 6] = [
        [greeting(), ready("PUSH"), message.clone()].concat(),
        {
            let mut other = greeting();
            other[12..17].copy_from_slice(b"CURVE");
            [other, message.clone()].concat()
        },
        // NULL with the name of PLAIN's command, PLAIN with NULL's.
        {
            let mut plain = greeting();
            plain[12..17].copy_from_slice(b"PLAIN");
            [plain, ready("PUSH"), message.clone()].concat()
        },
        // ZMTP 2.0, 1.0 with and without a signature.
        [
            vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 8, 0, 0],
            message.clone(),
        ]
        .concat(),
        vec![1, 0, 7, 0, b's', b'n', b'e', b'a', b'k', b'y'],
        [
            vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 0, 8, 0, 0],
            message,
        ]
        .concat(),
    ];
    for claim in claims {
        let mut raw = Raw::connect(&here);
        raw.say(&claim);
        failure(&events);
        drop(raw);
    }
    nobody_is_in(&pull);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    assert_eq!(pull.stats().connections.now, 0);
}

#[test]
fn s2_what_comes_before_the_verdict_is_no_message() {
    let home = Home::new();
    let (ask, asked) = mpsc::channel();
    let pull = server(&home, move |candidate: Candidate| {
        ask.send(candidate).unwrap();
    });
    let events = pull.monitor();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    let mut raw = Raw::connect(&here);
    let mut plain = greeting();
    plain[12..17].copy_from_slice(b"PLAIN");
    let hello = frame(COMMAND, b"\x05HELLO\x05admin\x06secret");
    raw.say(&[plain, hello].concat());
    let candidate: Candidate = asked.recv_timeout(PATIENCE).unwrap();
    let mut initiate = b"\x08INITIATE\x0bSocket-Type\0\0\0\x04".to_vec();
    initiate.extend_from_slice(b"PUSH");
    raw.say(&frame(COMMAND, &initiate));
    raw.say(&frame(0, b"too early"));
    // PLAIN is in strict turns.
    assert_eq!(failure(&events).0, HandshakeFailure::Protocol);
    candidate.accept(User::new("admin"));
    thread::sleep(QUIET);
    nobody_is_in(&pull);
}

// ---- what an authenticator is told, and what it says

#[test]
fn it_knows_who_where_and_for_whom() {
    let home = Home::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let router = home
        .of(Router::builder())
        .security(Security::plain_server())
        .zap_domain("global")
        .authenticator(move |candidate: Candidate| {
            let text = format!("{candidate:?}");
            assert!(!text.contains("secret"), "{text}");
            sink.lock().unwrap().push((
                candidate.mechanism(),
                candidate.user().map(str::to_owned),
                candidate.password().map(<[u8]>::to_vec),
                candidate.domain().to_owned(),
                candidate.socket_addr(),
                candidate.endpoint().clone(),
                candidate.socket_type(),
            ));
            assert!(candidate.is_waiting());
            candidate.accept(
                User::new("root")
                    .with("X-Role", "boss")
                    .with("x-role", "king"),
            );
        })
        .build()
        .unwrap();
    let dealer = home.of(Dealer::builder()).security(admin());
    // What it says of itself counts for nothing where somebody else has the say.
    let dealer = dealer
        .metadata("X-Role", "emperor")
        .metadata("X-Own", "mine")
        .build()
        .unwrap();
    let here = router.bind("tcp://127.0.0.1:*").unwrap();
    dealer.connect(&here).unwrap();
    router.wait_for_peers(1, PATIENCE).unwrap();
    let peer = router.peers().remove(0);
    assert_eq!(peer.user_id(), Some("root"));
    assert_eq!(peer.user_property("X-Role"), Some(&b"king"[..]));
    assert_eq!(peer.user_property("X-Own"), None);
    assert_eq!(peer.property("X-Role"), None);
    assert_eq!(peer.property("X-Own"), Some(&b"mine"[..]));
    assert_eq!(
        peer.user_properties().collect::<Vec<_>>(),
        [("x-role", &b"king"[..])]
    );
    assert!(format!("{peer:?}").contains("root"));
    let seen = seen.lock().unwrap();
    let [(mechanism, user, password, domain, address, endpoint, socket_type)] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert_eq!(*mechanism, Mechanism::Plain);
    assert_eq!(user.as_deref(), Some("admin"));
    assert_eq!(password.as_deref(), Some(&b"secret"[..]));
    assert_eq!(domain, "global");
    assert_eq!(address.unwrap().to_string(), peer.address());
    assert_eq!(*endpoint, here);
    assert_eq!(socket_type.to_string(), "ROUTER");
}

#[cfg(target_os = "linux")]
#[test]
fn over_ipc_it_knows_whose_process_it_is() {
    let home = Home::new();
    let (ask, asked) = mpsc::channel();
    let pull = home
        .pull()
        .authenticator(move |candidate: Candidate| {
            ask.send(candidate.credentials().unwrap().pid).unwrap();
            candidate.accept(User::anonymous());
        })
        .build()
        .unwrap();
    let push = home.push().build().unwrap();
    push.connect(pull.bind(home.endpoint(Transport::Ipc)).unwrap())
        .unwrap();
    assert_eq!(asked.recv_timeout(PATIENCE).unwrap(), std::process::id());
}

#[test]
fn s16_nobody_says_of_himself_which_user_he_is() {
    let home = Home::new();
    for is_asked in [false, true] {
        let mut pull = home.pull();
        if is_asked {
            pull = pull.authenticator(|it: Candidate| {
                it.accept(User::anonymous().with("X-Group", "guests"));
            });
        }
        let pull = pull.build().unwrap();
        let here = pull.bind("tcp://127.0.0.1:*").unwrap();
        let mut body = b"\x05READY\x0bSocket-Type\0\0\0\x04PUSH".to_vec();
        for name in ["User-Id", "user-id", "X-GROUP"] {
            body.push(name.len() as u8);
            body.extend_from_slice(name.as_bytes());
            body.extend_from_slice(b"\0\0\0\x04root");
        }
        let mut raw = Raw::connect(&here);
        raw.say(&[greeting(), frame(COMMAND, &body)].concat());
        pull.wait_for_peers(1, PATIENCE).unwrap();
        raw.say(&frame(0, b"hello"));
        let (peer, _) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
        assert_eq!(peer.user_id(), None);
        assert_eq!(peer.property("User-Id"), None);
        let own = peer.property("X-Group");
        assert_eq!(own.is_none(), is_asked, "{own:?}");
        let given = peer.user_property("X-Group");
        assert_eq!(given, is_asked.then_some(&b"guests"[..]));
    }
}

#[test]
fn with_null_it_is_asked_about_everybody_on_both_sides() {
    for &transport in WIRE {
        let home = Home::new();
        let count = Arc::new(AtomicUsize::new(0));
        let counting = |count: &Arc<AtomicUsize>| {
            let count = count.clone();
            move |candidate: Candidate| {
                assert_eq!(candidate.mechanism(), Mechanism::Null);
                assert_eq!(candidate.user(), None);
                assert!(!candidate.has_password(""));
                count.fetch_add(1, Ordering::SeqCst);
                candidate.accept(User::new("somebody"));
            }
        };
        let pull = home.pull().authenticator(counting(&count)).build().unwrap();
        let push = home.push().authenticator(counting(&count)).build().unwrap();
        assert!(push.options().has_authenticator());
        push.connect(pull.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        push.send("hello").unwrap();
        let (peer, _) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
        assert_eq!(peer.user_id(), Some("somebody"));
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }
}

#[test]
fn every_answer_is_what_it_says() {
    let home = Home::new();
    // With NULL the peer speaks without waiting; what it is told must come through all the same.
    for security in [Security::null(), Security::plain_server()] {
        for (verdict, here, there) in [
            (Verdict::Refuse, denied(400), Some(denied(400))),
            (Verdict::Failed, denied(500), Some(denied(500))),
            (
                Verdict::RefuseForNow,
                denied(300),
                Some(HandshakeFailure::Lost),
            ),
        ] {
            let is_null = security.mechanism() == Mechanism::Null;
            let given = verdict.clone();
            let pull = home
                .pull()
                .security(security.clone())
                .authenticator(move |candidate: Candidate| candidate.answer(given.clone()))
                .build()
                .unwrap();
            let events = pull.monitor();
            let push = client(&home, if is_null { Security::null() } else { admin() });
            let told = push.monitor();
            push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
                .unwrap();
            push.send("hello").unwrap();
            let (failed, reason) = failure(&events);
            assert_eq!(failed, here, "{verdict:?}");
            assert!(reason.contains("is not let in"), "{reason}");
            assert_eq!(Some(failure(&told).0), there, "{verdict:?}");
            nobody_is_in(&pull);
            assert!(pull.stats().connections.handshakes_failed >= 1);
        }
    }
}

// ---- when it answers, and whether

#[test]
fn it_may_answer_later_and_from_anywhere() {
    let home = Home::new();
    let (ask, asked) = mpsc::channel();
    let pull = server(&home, move |candidate: Candidate| {
        ask.send(candidate).unwrap();
    });
    let _push = knock(&home, &pull, admin());
    let candidate: Candidate = asked.recv_timeout(PATIENCE).unwrap();
    thread::sleep(QUIET);
    nobody_is_in(&pull);
    thread::spawn(move || candidate.accept(User::new("late")));
    let (peer, message) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
    assert_eq!((peer.user_id(), message), (Some("late"), "hello".into()));
}

/// A PULL whose candidates have to wait for an answer, and cannot for long.
fn asking_in_vain(home: &Home) -> (Pull, mpsc::Receiver<Candidate>) {
    let (ask, asked) = mpsc::channel();
    let pull = home.pull().security(Security::plain_server());
    let pull = pull.authenticator(move |candidate: Candidate| ask.send(candidate).unwrap());
    (pull.handshake_timeout(ms(300)).build().unwrap(), asked)
}

#[test]
fn an_answer_that_comes_too_late_is_none() {
    let home = Home::new();
    let (pull, asked) = asking_in_vain(&home);
    let events = pull.monitor();
    let _push = knock(&home, &pull, admin());
    let late: Candidate = asked.recv_timeout(PATIENCE).unwrap();
    assert_eq!(failure(&events).0, HandshakeFailure::Timeout);
    assert!(!late.is_waiting());
    late.accept(User::new("late"));
    // Nor is it the answer to the next question of the same endpoint.
    let next: Candidate = asked.recv_timeout(PATIENCE).unwrap();
    thread::sleep(QUIET);
    nobody_is_in(&pull);
    next.refuse();
}

#[test]
fn of_a_connecting_endpoint_too() {
    let home = Home::new();
    let (pull, asked) = asking_in_vain(&home);
    let events = pull.monitor();
    let push = client(&home, admin());
    pull.connect(push.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    let late: Candidate = asked.recv_timeout(PATIENCE).unwrap();
    failure(&events);
    let next: Candidate = asked.recv_timeout(PATIENCE).unwrap();
    // One token for all its connections, and yet this is for one that is gone.
    late.accept(User::new("late"));
    thread::sleep(QUIET);
    nobody_is_in(&pull);
    drop(next);
}

#[test]
fn a_peer_that_leaves_meanwhile_is_not_waited_for() {
    let home = Home::new();
    let (ask, asked) = mpsc::channel();
    let pull = server(&home, move |candidate: Candidate| {
        ask.send(candidate).unwrap();
    });
    let events = pull.monitor();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    let push = client(&home, admin());
    push.connect(&here).unwrap();
    let candidate: Candidate = asked.recv_timeout(PATIENCE).unwrap();
    push.close().unwrap();
    assert_eq!(failure(&events).0, HandshakeFailure::Lost);
    until("it knows", || !candidate.is_waiting());
    candidate.accept(User::anonymous());
    nobody_is_in(&pull);
}

#[test]
fn one_that_is_dropped_or_panics_lets_nobody_in_and_goes_on() {
    let home = Home::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let call = calls.clone();
    let pull = server(&home, move |candidate: Candidate| {
        match call.fetch_add(1, Ordering::SeqCst) {
            n if n < 20 && n % 2 == 0 => drop(candidate),
            n if n < 20 => panic!("an authenticator panics, as it is to"),
            _ => candidate.accept(User::new("admin")),
        }
    });
    let events = pull.monitor();
    let _push = knock(&home, &pull, admin());
    for _ in 0..20 {
        let (failed, reason) = failure(&events);
        assert_eq!(failed, denied(300));
        assert!(reason.contains("gave no answer"), "{reason}");
    }
    assert_eq!(next_of(&pull), "hello");
    assert_eq!(calls.load(Ordering::SeqCst), 21);
}

/// Blocks for as long as somebody asks it to.
struct Gate(Arc<AtomicBool>);

impl Authenticator for Gate {
    fn authenticate(&self, candidate: Candidate) {
        if candidate.user() == Some("slow") {
            until("the gate opens", || self.0.load(Ordering::SeqCst));
        }
        candidate.accept(User::anonymous());
    }
}

#[test]
fn s4_one_that_blocks_holds_up_nobody_else() {
    let home = Home::new();
    let open = Arc::new(AtomicBool::new(false));
    let pull = server(&home, Gate(open.clone()));
    let here = pull.bind("tcp://127.0.0.1:*").unwrap();
    let slow: Vec<_> = (0..7)
        .map(|_| {
            let push = client(&home, Security::plain_client("slow", ""));
            push.connect(&here).unwrap();
            push
        })
        .collect();
    // Others of the same authenticator, while it has a thread left.
    let quick = client(&home, Security::plain_client("quick", ""));
    quick.connect(&here).unwrap();
    quick.send("same").unwrap();
    assert_eq!(next_of(&pull), "same");
    // One more, and it has none; that is its matter alone.
    let last = client(&home, Security::plain_client("slow", ""));
    last.connect(&here).unwrap();
    let other = server(&home, Passwords::new().with("admin", "secret"));
    let push = client(&home, admin());
    push.connect(other.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    push.send("other").unwrap();
    assert_eq!(next_of(&other), "other");
    // And messages of those who are in go on.
    quick.send("still").unwrap();
    assert_eq!(next_of(&pull), "still");
    open.store(true, Ordering::SeqCst);
    pull.wait_for_peers(9, PATIENCE).unwrap();
    drop((slow, last));
}

#[test]
fn the_end_of_a_socket_waits_for_no_verdict() {
    let home = Home::new();
    let (ask, asked) = mpsc::channel();
    let pull = server(&home, move |candidate: Candidate| {
        ask.send(candidate).unwrap();
    });
    let push = client(&home, admin());
    push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    let candidate: Candidate = asked.recv_timeout(PATIENCE).unwrap();
    pull.close().unwrap();
    until("it knows", || !candidate.is_waiting());
    candidate.accept(User::anonymous());
}

#[test]
fn what_is_let_go_of_is_dropped_with_no_lock_held() {
    struct Owner(mpsc::Sender<()>, Mutex<Option<Pull>>);
    impl Drop for Owner {
        fn drop(&mut self) {
            // It may use any socket, the last of another one's included.
            drop(self.1.lock().unwrap().take());
            let _ = self.0.send(());
        }
    }
    impl Authenticator for Owner {
        fn authenticate(&self, candidate: Candidate) {
            candidate.refuse();
        }
    }
    let home = Home::new();
    let (gone, dropped) = mpsc::channel();
    let inner = home.pull().build().unwrap();
    let pull = server(&home, Owner(gone.clone(), Mutex::new(Some(inner))));
    let passwords = Passwords::new().with("admin", "secret");
    pull.options().set_authenticator(passwords).unwrap();
    dropped.recv_timeout(PATIENCE).unwrap();
    // And the other one counts.
    let _push = knock(&home, &pull, admin());
    assert_eq!(next_of(&pull), "hello");
    let inner = home.pull().build().unwrap();
    let pull = server(&home, Owner(gone, Mutex::new(Some(inner))));
    drop(pull);
    dropped.recv_timeout(PATIENCE).unwrap();
}

// ---- several together

#[test]
fn and_asks_for_both_or_for_one() {
    let home = Home::new();
    let here = || Addresses::new().allow("127.0.0.0/8").unwrap();
    let elsewhere = || Addresses::new().deny("127.0.0.1").unwrap();
    let users = || Passwords::new().with("admin", "secret");
    let who = |candidate: Candidate| candidate.accept(User::new("who").with("X-Seen", "yes"));
    type Case = (Box<dyn Fn(&Home) -> Pull>, Option<Option<&'static str>>);
    let cases: Vec<Case> = vec![
        (
            Box::new(move |home| server(home, here().and(users()))),
            Some(Some("admin")),
        ),
        (
            Box::new(move |home| server(home, elsewhere().and(users()))),
            None,
        ),
        (
            Box::new(move |home| server(home, users().and(elsewhere()))),
            None,
        ),
        (
            Box::new(move |home| server(home, users().and(who))),
            Some(Some("admin")),
        ),
        (
            Box::new(move |home| server(home, elsewhere().or(users()))),
            Some(Some("admin")),
        ),
        (
            Box::new(move |home| server(home, here().or(users()))),
            Some(None),
        ),
        (
            Box::new(move |home| server(home, elsewhere().or(Passwords::new()))),
            None,
        ),
    ];
    for (number, (make, expected)) in cases.into_iter().enumerate() {
        let pull = make(&home);
        let events = pull.monitor();
        let _push = knock(&home, &pull, admin());
        match expected {
            Some(user) => {
                let (peer, _) = pull.recv_from_peer_timeout(PATIENCE).unwrap();
                assert_eq!(peer.user_id(), user, "{number}");
                let seen = peer.user_property("X-Seen").is_some();
                assert_eq!(seen, number == 3);
            }
            None => assert_eq!(failure(&events).0, denied(400), "{number}"),
        }
    }
    assert!(Addresses::new().allow("10.1.2.3/8").is_err());
    assert!(Addresses::new().deny("nowhere").is_err());
}

// ---- what is told of it

#[test]
fn s15_no_secret_is_to_be_seen() {
    let home = Home::new();
    let pull = server(&home, Passwords::new().with("admin", "xyzzy"));
    let push = client(&home, Security::plain_client("admin", "xyzzy"));
    let wrong = client(&home, Security::plain_client("admin", "plugh"));
    let (events, told) = (pull.monitor(), wrong.monitor());
    let here: Endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
    push.connect(&here).unwrap();
    pull.wait_for_peers(1, PATIENCE).unwrap();
    wrong.connect(&here).unwrap();
    let mut texts: Vec<String> = Vec::new();
    while texts
        .last()
        .is_none_or(|last| !last.contains("HandshakeFailed"))
    {
        texts.push(format!("{:?}", told.recv_timeout(PATIENCE).unwrap()));
    }
    texts.extend(std::iter::from_fn(|| events.try_recv().ok()).map(|it| format!("{it:?}")));
    texts.push(format!("{:?}", push.options()));
    texts.push(format!("{:?}", pull.options()));
    texts.push(format!("{:?} {:?}", push.options().security(), push));
    texts.push(format!(
        "{:?}",
        Push::builder().security(Security::plain_client("a", "xyzzy"))
    ));
    texts.push(format!("{:?}", Passwords::new().with("admin", "xyzzy")));
    texts.push(format!("{:?} {:?}", pull.peers(), pull.endpoints()));
    for text in texts {
        assert!(!text.contains("xyzzy") && !text.contains("plugh"), "{text}");
        // Nor as numbers.
        assert!(!text.contains("120, 121, 122, 122, 121"), "{text}");
    }
    assert_eq!(format!("{:?}", push.options().security()), "PLAIN client");
}
