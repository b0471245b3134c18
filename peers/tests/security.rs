//! PLAIN, CURVE and ZAP with real libzmq, in both roles: that of pyzmq, which has CURVE.

use std::time::Duration;

use peers::pyzmq::{self, PyZmq, to_hex};
use peers::scratch::{Scratch, Transport};
use zocket::auth::{AllowedKeys, Passwords};
use zocket::curve::KeyPair;
use zocket::{
    Builder, Context, HandshakeFailure, Message, Monitor, MonitorEvent, Pull, Push, Rep, Router,
    Security, Socket, SocketType,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// libzmq's events.
const HANDSHAKE_SUCCEEDED: u32 = 0x1000;
const HANDSHAKE_FAILED_PROTOCOL: u32 = 0x2000;
const HANDSHAKE_FAILED_AUTH: u32 = 0x4000;

/// Who talks to whom, as (ours, theirs): every pair of types, each side in either role.
const PAIRS: &[(SocketType, &str)] = &[
    (SocketType::Push, "PULL"),
    (SocketType::Pull, "PUSH"),
    (SocketType::Req, "REP"),
    (SocketType::Rep, "REQ"),
    (SocketType::Dealer, "ROUTER"),
    (SocketType::Router, "DEALER"),
    (SocketType::Dealer, "DEALER"),
    (SocketType::Pub, "SUB"),
    (SocketType::Sub, "PUB"),
    (SocketType::XPub, "XSUB"),
    (SocketType::XSub, "XPUB"),
    (SocketType::Pair, "PAIR"),
];

/// What each side has: ours, and the options of theirs.
struct Sides {
    ours: Builder<Socket>,
    theirs: Vec<String>,
}

fn socket(kind: SocketType) -> Builder<Socket> {
    Socket::builder(kind).linger(Duration::ZERO)
}

fn bytes(name: &str, bytes: &[u8]) -> String {
    format!("{name}=:{}", to_hex(bytes))
}

fn plain(kind: SocketType, we_serve: bool) -> Sides {
    let (user, password) = ("admin", "secret");
    if we_serve {
        return Sides {
            ours: socket(kind)
                .security(Security::plain_server())
                .authenticator(Passwords::new().with(user, password)),
            theirs: vec![
                bytes("PLAIN_USERNAME", user.as_bytes()),
                bytes("PLAIN_PASSWORD", password.as_bytes()),
            ],
        };
    }
    Sides {
        ours: socket(kind).security(Security::plain_client(user, password)),
        theirs: vec![
            "PLAIN_SERVER=1".to_owned(),
            format!(
                "zap={},{}",
                to_hex(user.as_bytes()),
                to_hex(password.as_bytes())
            ),
        ],
    }
}

fn curve(kind: SocketType, we_serve: bool) -> Sides {
    let (ours, theirs) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let secret = bytes("CURVE_SECRETKEY", theirs.secret_key().as_bytes());
    let public = bytes("CURVE_PUBLICKEY", theirs.public_key().as_bytes());
    if we_serve {
        let server = bytes("CURVE_SERVERKEY", ours.public_key().as_bytes());
        return Sides {
            ours: socket(kind)
                .security(Security::curve_server(ours))
                .authenticator(AllowedKeys::new().with("them", theirs.public_key())),
            theirs: vec![secret, public, server],
        };
    }
    let zap = format!("zap={}", to_hex(ours.public_key().as_bytes()));
    Sides {
        ours: socket(kind).security(Security::curve_client(ours, theirs.public_key())),
        theirs: vec!["CURVE_SERVER=1".to_owned(), secret, public, zap],
    }
}

fn message(parts: &[Vec<u8>]) -> Message {
    parts.iter().cloned().collect()
}

/// One message each way, as far as the types have ways, of several frames and sizes.
fn talk(ours: &Socket, theirs: &mut PyZmq, kind: SocketType) {
    let body = vec![vec![1], vec![], vec![2; 300], vec![3; 100_000]];
    let recv = || ours.recv_timeout(PATIENCE).unwrap();
    match kind {
        SocketType::Push => {
            ours.send(message(&body)).unwrap();
            assert_eq!(theirs.recv(), body);
        }
        SocketType::Pull => {
            theirs.send(&body);
            assert_eq!(recv(), message(&body));
        }
        SocketType::Req => {
            theirs.echo(1);
            ours.send(message(&body)).unwrap();
            assert_eq!(recv(), message(&body));
        }
        SocketType::Rep | SocketType::Router => {
            theirs.send(&body);
            let received = recv();
            let id = usize::from(kind == SocketType::Router);
            assert_eq!(received.len(), body.len() + id);
            ours.send(received).unwrap();
            assert_eq!(theirs.recv(), body);
        }
        SocketType::Dealer | SocketType::Pair => {
            theirs.echo(1);
            ours.send(message(&body)).unwrap();
            assert_eq!(recv(), message(&body));
        }
        SocketType::Pub | SocketType::XPub => {
            // Until the subscription is here.
            if kind == SocketType::XPub {
                theirs.send(&[[1]]);
            }
            theirs.begin_recv();
            if kind == SocketType::XPub {
                assert_eq!(recv(), [1].as_slice());
            }
            ours.wait_for_subscribers(1, PATIENCE).unwrap();
            ours.send(message(&body)).unwrap();
            assert_eq!(theirs.received(), body);
        }
        SocketType::XSub => {
            ours.send([1].as_slice()).unwrap();
            assert_eq!(theirs.recv(), [[1]]);
            theirs.send(&body);
            assert_eq!(recv(), message(&body));
        }
        // A PUB of libzmq does not tell when it knows of the subscription.
        SocketType::Sub => loop {
            theirs.send(&body);
            if let Ok(received) = ours.recv_timeout(Duration::from_millis(100)) {
                assert_eq!(received, message(&body));
                return;
            }
        },
        _ => unreachable!("{kind} is none of those above"),
    }
}

fn all_pairs(sides: impl Fn(SocketType, bool) -> Sides) {
    if !pyzmq::is_here() {
        return;
    }
    for (number, &(kind, theirs)) in PAIRS.iter().enumerate() {
        for we_serve in [true, false] {
            // Who binds has nothing to do with who serves; over tcp, and over ipc.
            let we_bind = we_serve ^ (number % 2 == 0);
            let Sides {
                ours,
                theirs: mut options,
            } = sides(kind, we_serve);
            options.push("HEARTBEAT_IVL=50".to_owned());
            if theirs == "SUB" {
                options.push("SUBSCRIBE=:".to_owned());
            }
            let ours = ours
                .context(&Context::new())
                .heartbeat_interval(Duration::from_millis(50))
                .build()
                .unwrap();
            if kind == SocketType::Sub {
                ours.subscribe("").unwrap();
            }
            let scratch = Scratch::new();
            let here = if number % 3 == 0 {
                scratch.endpoint(Transport::Ipc)
            } else {
                "tcp://127.0.0.1:*".to_owned()
            };
            let mut theirs = if we_bind {
                let here = ours.bind(here).unwrap();
                PyZmq::start(theirs, "connect", &here.to_string(), &options)
            } else {
                let theirs = PyZmq::start(theirs, "bind", &here, &options);
                ours.connect(theirs.endpoint()).unwrap();
                theirs
            };
            talk(&ours, &mut theirs, kind);
            theirs.event(HANDSHAKE_SUCCEEDED);
            if we_serve {
                ours.wait_for_peers(1, PATIENCE).unwrap();
                assert!(ours.peers().iter().all(|peer| peer.user_id().is_some()));
            }
        }
    }
}

#[test]
fn plain_in_both_roles_for_every_pair() {
    all_pairs(plain);
}

#[test]
fn curve_in_both_roles_for_every_pair() {
    all_pairs(curve);
}

#[track_caller]
fn failure(monitor: &Monitor) -> HandshakeFailure {
    loop {
        match monitor.recv_timeout(PATIENCE).expect("a handshake fails") {
            MonitorEvent::HandshakeFailed { failure, .. } => return failure,
            MonitorEvent::HandshakeSucceeded { peer, .. } => panic!("{peer:?} was let in"),
            _ => {}
        }
    }
}

fn denied(status: u16) -> HandshakeFailure {
    HandshakeFailure::NotAuthenticated { status }
}

#[test]
fn who_is_not_let_in_is_told_so_on_either_side() {
    if !pyzmq::is_here() {
        return;
    }
    // Ours refuses.
    let keys = KeyPair::generate().unwrap();
    let stranger = KeyPair::generate().unwrap();
    let client = [
        bytes("CURVE_SECRETKEY", stranger.secret_key().as_bytes()),
        bytes("CURVE_PUBLICKEY", stranger.public_key().as_bytes()),
        bytes("CURVE_SERVERKEY", keys.public_key().as_bytes()),
    ];
    let pull = Pull::builder()
        .security(Security::curve_server(keys))
        .authenticator(AllowedKeys::new())
        .build()
        .unwrap();
    let events = pull.monitor();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap().to_string();
    let mut push = PyZmq::start("PUSH", "connect", &here, &client);
    assert_eq!(failure(&events), denied(400));
    assert_eq!(push.event(HANDSHAKE_FAILED_AUTH), 400);

    let pull = Pull::builder()
        .security(Security::plain_server())
        .authenticator(Passwords::new().with("admin", "secret"))
        .build()
        .unwrap();
    let events = pull.monitor();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap().to_string();
    let client = [
        bytes("PLAIN_USERNAME", b"admin"),
        bytes("PLAIN_PASSWORD", b"wrong"),
    ];
    let mut push = PyZmq::start("PUSH", "connect", &here, &client);
    assert_eq!(failure(&events), denied(400));
    // The ERROR of the RFC, which a libzmq, that misspells its own, does not know.
    push.event(HANDSHAKE_FAILED_PROTOCOL);

    // Theirs refuses.
    let server = ["PLAIN_SERVER=1".to_owned(), "zap=00,00".to_owned()];
    let mut pull = PyZmq::start("PULL", "bind", "tcp://127.0.0.1:*", &server);
    let push = Push::builder()
        .security(Security::plain_client("admin", "wrong"))
        .linger(Duration::ZERO)
        .build()
        .unwrap();
    let events = push.monitor();
    push.connect(pull.endpoint()).unwrap();
    assert_eq!(failure(&events), denied(400));
    assert_eq!(pull.event(HANDSHAKE_FAILED_AUTH), 400);
    // And is asked again.
    assert_eq!(failure(&events), denied(400));

    let keys = KeyPair::generate().unwrap();
    let server = [
        "CURVE_SERVER=1".to_owned(),
        bytes("CURVE_SECRETKEY", keys.secret_key().as_bytes()),
        bytes("CURVE_PUBLICKEY", keys.public_key().as_bytes()),
        "zap=00".to_owned(),
    ];
    let mut pull = PyZmq::start("PULL", "bind", "tcp://127.0.0.1:*", &server);
    let push = Push::builder()
        .security(Security::curve_client(stranger, keys.public_key()))
        .linger(Duration::ZERO)
        .build()
        .unwrap();
    let events = push.monitor();
    push.connect(pull.endpoint()).unwrap();
    assert_eq!(failure(&events), denied(400));
    assert_eq!(pull.event(HANDSHAKE_FAILED_AUTH), 400);
}

#[test]
fn s11_a_libzmq_with_another_mechanism_is_not_let_in() {
    if !pyzmq::is_here() {
        return;
    }
    let pull = Pull::builder()
        .security(Security::curve_server(KeyPair::generate().unwrap()))
        .build()
        .unwrap();
    let events = pull.monitor();
    let here = pull.bind("tcp://127.0.0.1:*").unwrap().to_string();
    let plain = [bytes("PLAIN_USERNAME", b"a"), bytes("PLAIN_PASSWORD", b"b")];
    for options in [&[][..], &plain] {
        let push = PyZmq::start("PUSH", "connect", &here, options);
        // Whoever is the first to see it hangs up.
        let failed = failure(&events);
        let (ours, theirs) = (HandshakeFailure::Protocol, HandshakeFailure::Lost);
        assert!(failed == ours || failed == theirs, "{failed:?}");
        drop(push);
    }
    assert!(pull.peers().is_empty());
}

/// A handler of ours is asked in the words in which a libzmq asks its own about the same client.
#[test]
fn a_zap_handler_is_asked_in_the_same_words() {
    if !pyzmq::is_here() {
        return;
    }
    let server = KeyPair::generate().unwrap();
    let client = KeyPair::generate().unwrap();
    let null = (Security::null(), Security::null(), vec![]);
    let plain = (
        Security::plain_server(),
        Security::plain_client("admin", "secret"),
        vec!["PLAIN_SERVER=1".to_owned()],
    );
    let curve = (
        Security::curve_server(server.clone()),
        Security::curve_client(client, server.public_key()),
        vec![
            "CURVE_SERVER=1".to_owned(),
            bytes("CURVE_SECRETKEY", server.secret_key().as_bytes()),
            bytes("CURVE_PUBLICKEY", server.public_key().as_bytes()),
        ],
    );
    for (ours, client, mut theirs) in [null, plain, curve] {
        theirs.extend([
            bytes("ZAP_DOMAIN", b"global"),
            bytes("ROUTING_ID", b"server"),
            "zap=00".to_owned(),
        ]);
        let ask = |here: &str| {
            let push = zocket::Dealer::builder()
                .security(client.clone())
                .linger(Duration::ZERO)
                .build()
                .unwrap();
            push.connect(here).unwrap();
            push
        };
        let mut router = PyZmq::start("ROUTER", "bind", "tcp://127.0.0.1:*", &theirs);
        let dealer = ask(router.endpoint());
        let expected = router.zap();
        drop(dealer);

        let context = Context::new();
        let handler = Rep::builder().context(&context).build().unwrap();
        handler.bind("inproc://zeromq.zap.01").unwrap();
        let router = Router::builder()
            .context(&context)
            .security(ours)
            .zap_domain("global")
            .routing_id("server")
            .build()
            .unwrap();
        let _dealer = ask(&router.bind("tcp://127.0.0.1:*").unwrap().to_string());
        let request = handler.recv_timeout(PATIENCE).unwrap();
        assert_eq!(*request, message(&expected));
    }
}
