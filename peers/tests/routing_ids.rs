//! A ROUTER knows its peers by the same ids as libzmq's would: announced, generated, given by the
//! ROUTER itself; a probe tells it of a peer at once, and two peers do not have one id.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::time::Duration;

use peers::end::{PATIENCE, Parts, hear_from_libzmq, message_of, parts_of, socket};
use peers::join::{Binder, Joins};
use peers::libzmq::{self, BytesOpt, Kind, Opt};
use peers::meeting::Link;
use peers::over_every_link;
use peers::scratch::{Scratch, Transport};
use zocket::{Dealer, Req, Router, RoutingId, SendFailure, TrySendError};

over_every_link! {
    our_router_knows_them_by_the_id_they_announce
    their_router_knows_us_by_the_id_we_announce
    our_router_generates_an_id_for_each
    their_router_generates_an_id_for_each
    our_probe_reaches_their_router
    their_probe_reaches_our_router
    our_mandatory_router_refuses_whom_it_does_not_know
    our_router_takes_an_id_once
    our_router_hands_an_id_over
    their_router_hands_an_id_over
}

const TRANSPORTS: [Transport; 2] = [Transport::Tcp, Transport::Ipc];

/// Ids of every kind that a peer may announce.
fn ids() -> Vec<Vec<u8>> {
    vec![
        b"a".to_vec(),
        b"worker-7".to_vec(),
        vec![1, 0, 255],
        vec![b'x'; 254],
        vec![b'y'; 255],
    ]
}

fn our_router_knows_them_by_the_id_they_announce(link: Link) {
    for id in ids() {
        for kind in [Kind::Dealer, Kind::Req, Kind::Router] {
            let router = Router::builder().routing_id("ours").build().unwrap();
            let other = socket(kind);
            other.set_bytes(BytesOpt::RoutingId, &id).unwrap();
            let _joint = link.join(&router, &other);
            // It may speak first; a REQ would not listen.
            let id = RoutingId::try_from(id.clone()).unwrap();
            if kind != Kind::Req {
                router.send_to(&id, "first").unwrap();
                assert_eq!(heard_from(&other).last().unwrap(), b"first");
            }
            let message: &[&str] = match kind {
                Kind::Router => &["ours", "", "hello"],
                Kind::Dealer => &["", "hello"],
                _ => &["hello"],
            };
            other.send(message).unwrap();
            let (from, heard) = router.recv_from_timeout(PATIENCE).unwrap();
            assert_eq!(from, id);
            assert_eq!(parts_of(&heard), [&b""[..], b"hello"]);
        }
    }
}

fn their_router_knows_us_by_the_id_we_announce(link: Link) {
    for id in ids() {
        let announced = || RoutingId::try_from(id.clone()).unwrap();
        let router = socket(Kind::Router);
        router.set_bytes(BytesOpt::RoutingId, b"theirs").unwrap();

        let dealer = Dealer::builder().routing_id(announced()).build().unwrap();
        let joint = link.join(&dealer, &router);
        dealer.send("hello").unwrap();
        assert_eq!(heard_from(&router), [&id[..], b"hello"]);
        router.send(&[&id[..], b"reply"]).unwrap();
        assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), "reply");
        drop((dealer, joint));

        let router = socket(Kind::Router);
        let req = Req::builder().routing_id(announced()).build().unwrap();
        let joint = link.join(&req, &router);
        req.send("hello").unwrap();
        assert_eq!(heard_from(&router), [&id[..], b"", b"hello"]);
        router.send(&[&id[..], b"", b"reply"]).unwrap();
        assert_eq!(req.recv_timeout(PATIENCE).unwrap(), "reply");
        drop((req, joint));

        let router = socket(Kind::Router);
        router.set_bytes(BytesOpt::RoutingId, b"theirs").unwrap();
        let ours = Router::builder().routing_id(announced()).build().unwrap();
        let _joint = link.join(&ours, &router);
        let theirs = RoutingId::try_from("theirs").unwrap();
        ours.send_to(&theirs, "hello").unwrap();
        assert_eq!(heard_from(&router), [&id[..], b"hello"]);
    }
}

fn our_router_generates_an_id_for_each(link: Link) {
    let router = Router::new();
    let dealers = [(); 3].map(|()| socket(Kind::Dealer));
    let _joints = [0, 1, 2].map(|n: usize| link.join(&router, &dealers[n]));
    let mut ids = Vec::new();
    for (n, dealer) in dealers.iter().enumerate() {
        dealer.send(&[[n as u8]]).unwrap();
        let (id, message) = router.recv_from_timeout(PATIENCE).unwrap();
        assert_eq!((id.len(), id[0]), (5, 0), "{id:?}");
        assert_eq!(parts_of(&message), [[n as u8]]);
        assert!(!ids.contains(&id), "{id:?} is another's");
        ids.push(id);
    }
    for (n, id) in ids.iter().enumerate().rev() {
        router.send_to(id, format!("to {n}")).unwrap();
    }
    for (n, dealer) in dealers.iter().enumerate() {
        assert_eq!(heard_from(dealer), [format!("to {n}").as_bytes()]);
    }
}

fn their_router_generates_an_id_for_each(link: Link) {
    let router = socket(Kind::Router);
    let dealers = [(); 3].map(|()| Dealer::new());
    let _joints = [0, 1, 2].map(|n: usize| link.join(&dealers[n], &router));
    let mut ids = Vec::new();
    for (n, dealer) in dealers.iter().enumerate() {
        dealer.send(vec![n as u8]).unwrap();
        let heard = heard_from(&router);
        assert_eq!((heard.len(), heard[0].len(), heard[0][0]), (2, 5, 0));
        assert_eq!(heard[1], [n as u8]);
        assert!(!ids.contains(&heard[0]), "{heard:?} is another's");
        ids.push(heard[0].clone());
    }
    for (n, id) in ids.iter().enumerate().rev() {
        router
            .send(&[&id[..], format!("to {n}").as_bytes()])
            .unwrap();
    }
    for (n, dealer) in dealers.iter().enumerate() {
        assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), format!("to {n}"));
    }
}

fn our_probe_reaches_their_router(link: Link) {
    let router = || {
        let router = socket(Kind::Router);
        router.set_bytes(BytesOpt::RoutingId, b"theirs").unwrap();
        router
    };
    let dealer = Dealer::builder().probe_router(true).routing_id("us");
    probe_theirs(link, &dealer.build().unwrap(), &router());
    let req = Req::builder().probe_router(true).routing_id("us");
    probe_theirs(link, &req.build().unwrap(), &router());
    let ours = Router::builder().probe_router(true).routing_id("us");
    probe_theirs(link, &ours.build().unwrap(), &router());

    // Without an id, a probe tells the one that was generated.
    let dealer = Dealer::builder().probe_router(true).build().unwrap();
    let theirs = router();
    let _joint = link.join(&dealer, &theirs);
    let probe = heard_from(&theirs);
    assert_eq!((probe.len(), probe[0].len(), probe[1].len()), (2, 5, 0));
    theirs.send(&[&probe[0][..], b"found you"]).unwrap();
    assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), "found you");
}

fn probe_theirs(link: Link, ours: &impl Joins, theirs: &libzmq::Socket) {
    let _joint = link.join(ours, theirs);
    assert_eq!(heard_from(theirs), [&b"us"[..], b""]);
}

fn their_probe_reaches_our_router(link: Link) {
    for kind in [Kind::Dealer, Kind::Req, Kind::Router] {
        let router = Router::new();
        let theirs = socket(kind);
        theirs.set(Opt::ProbeRouter, 1).unwrap();
        theirs.set_bytes(BytesOpt::RoutingId, b"them").unwrap();
        let _joint = link.join(&router, &theirs);
        let (id, probe) = router.recv_from_timeout(PATIENCE).unwrap();
        assert_eq!((&*id, parts_of(&probe)), (&b"them"[..], vec![vec![]]));
        if kind == Kind::Dealer {
            router.send_to(&id, "found you").unwrap();
            assert_eq!(heard_from(&theirs), [b"found you"]);
        }
    }
}

fn our_mandatory_router_refuses_whom_it_does_not_know(link: Link) {
    let router = Router::builder().mandatory(true).build().unwrap();
    let nobody = RoutingId::try_from("nobody").unwrap();
    let peer = RoutingId::try_from("peer").unwrap();
    let dealer = socket(Kind::Dealer);
    dealer.set_bytes(BytesOpt::RoutingId, &peer).unwrap();
    let refused = router.send_to(&peer, "too soon").unwrap_err();
    assert_eq!(refused.reason, SendFailure::Unroutable);
    assert_eq!(refused.message, "too soon");
    let _joint = link.join(&router, &dealer);
    router.send_to(&peer, "now").unwrap();
    assert_eq!(heard_from(&dealer), [b"now"]);
    match router.try_send_to(&nobody, "lost") {
        Err(TrySendError::Unroutable(message)) => assert_eq!(message, "lost"),
        other => panic!("{other:?}"),
    }
}

/// The second to come with an id is refused until the first has left.
fn our_router_takes_an_id_once(link: Link) {
    let router = Router::builder()
        .reconnect_interval(Duration::from_millis(10))
        .reconnect_interval_max(Duration::from_millis(10))
        .build()
        .unwrap();
    let [first, second] = [(); 2].map(|()| same_id());
    let first_joint = link.join(&router, &first);
    first.send(&["from the first"]).unwrap();
    let (id, heard) = router.recv_from_timeout(PATIENCE).unwrap();
    assert_eq!(
        (&*id, heard.first().as_slice()),
        (&b"same"[..], &b"from the first"[..])
    );

    let scratch = Scratch::new();
    let events = second.monitor().unwrap();
    match link.binder {
        Binder::Zocket => {
            let here = router.bind(scratch.endpoint(link.transport)).unwrap();
            second.connect(&here.to_string()).unwrap();
        }
        Binder::Libzmq => {
            let here = second.bind(&scratch.endpoint(link.transport)).unwrap();
            router.connect(&*here).unwrap();
        }
    }
    // It is refused at least twice, for whoever connected tries again.
    for _ in 0..2 {
        while events.next(PATIENCE).unwrap().expect("it is refused") != libzmq::Event::Disconnected
        {
        }
    }
    for n in 0..10 {
        router.send_to(&id, format!("to the first {n}")).unwrap();
        assert_eq!(heard_from(&first), [format!("to the first {n}").as_bytes()]);
    }
    drop(first);
    if link.binder == Binder::Libzmq {
        // What is queued for an endpoint is kept over a loss, and the id with it.
        router.disconnect(&*first_joint.endpoint).unwrap();
    }
    // What it says while it is refused is lost, if it can say anything.
    let turn = Duration::from_millis(20);
    second.set_timeout(turn).unwrap();
    let heard = (0..PATIENCE.as_millis() / turn.as_millis()).find_map(|_| {
        let _ = second.send(&["from the second"]);
        router.recv_from_timeout(turn).ok()
    });
    let (id, heard) = heard.expect("the second is let in");
    assert_eq!(
        (&*id, heard.first().as_slice()),
        (&b"same"[..], &b"from the second"[..])
    );
}

fn our_router_hands_an_id_over(link: Link) {
    // Whoever had the id before shall not come back for it, nor be fetched back.
    let router = Router::builder().handover(true).reconnect_interval(None);
    let router = router.build().unwrap();
    let [first, second] = [(); 2].map(|()| same_id());
    first.set(Opt::ReconnectInterval, -1).unwrap();
    let _first_joint = link.join(&router, &first);
    first.send(&["from the first"]).unwrap();
    let (id, heard) = router.recv_from_timeout(PATIENCE).unwrap();
    assert_eq!(
        (&*id, parts_of(&heard)),
        (&b"same"[..], vec![b"from the first".to_vec()])
    );

    let _second_joint = link.join(&router, &second);
    second.send(&["from the second"]).unwrap();
    let (id, heard) = router.recv_from_timeout(PATIENCE).unwrap();
    assert_eq!(
        (&*id, parts_of(&heard)),
        (&b"same"[..], vec![b"from the second".to_vec()])
    );
    router.send_to(&id, "to the second").unwrap();
    assert_eq!(heard_from(&second), [b"to the second"]);
    assert!(!first.poll_readable(Duration::ZERO).unwrap());
}

fn their_router_hands_an_id_over(link: Link) {
    let router = socket(Kind::Router);
    router.set(Opt::RouterHandover, 1).unwrap();
    let dealer = || {
        let builder = Dealer::builder().routing_id("same");
        builder.reconnect_interval(None).build().unwrap()
    };
    let [first, second] = [dealer(), dealer()];
    let _first_joint = link.join(&first, &router);
    first.send("from the first").unwrap();
    assert_eq!(heard_from(&router), [&b"same"[..], b"from the first"]);
    let _second_joint = link.join(&second, &router);
    second.send("from the second").unwrap();
    assert_eq!(heard_from(&router), [&b"same"[..], b"from the second"]);
    router.send(&["same", "to the second"]).unwrap();
    assert_eq!(second.recv_timeout(PATIENCE).unwrap(), "to the second");
}

/// The id is the ROUTER's own name for its peer; it may speak at once.
#[test]
fn our_router_names_whom_it_connects_to() {
    for transport in TRANSPORTS {
        let scratch = Scratch::new();
        let dealer = socket(Kind::Dealer);
        dealer.set_bytes(BytesOpt::RoutingId, b"unheeded").unwrap();
        let here = dealer.bind(&scratch.endpoint(transport)).unwrap();
        let router = Router::builder().mandatory(true).build().unwrap();
        let named = RoutingId::try_from("named").unwrap();
        router.connect_routing_id(&*here, &named).unwrap();
        router.send_to(&named, ["to", "named"]).unwrap();
        assert_eq!(heard_from(&dealer), [&b"to"[..], b"named"]);
        dealer.send(&["reply"]).unwrap();
        let (id, reply) = router.recv_from_timeout(PATIENCE).unwrap();
        assert_eq!((id, parts_of(&reply)), (named, vec![b"reply".to_vec()]));
    }
}

#[test]
fn their_router_names_whom_it_connects_to() {
    for transport in TRANSPORTS {
        let scratch = Scratch::new();
        let dealer = Dealer::builder().routing_id("unheeded").build().unwrap();
        let here = dealer.bind(scratch.endpoint(transport)).unwrap();
        let router = socket(Kind::Router);
        router.set(Opt::RouterMandatory, 1).unwrap();
        router
            .set_bytes(BytesOpt::ConnectRoutingId, b"named")
            .unwrap();
        router.connect(&here.to_string()).unwrap();
        router.send(&["named", "to", "named"]).unwrap();
        let heard = dealer.recv_timeout(PATIENCE).unwrap();
        assert_eq!(parts_of(&heard), [&b"to"[..], b"named"]);
        dealer.send(message_of(&["reply"])).unwrap();
        assert_eq!(heard_from(&router), [&b"named"[..], b"reply"]);
    }
}

/// Another peer, at the place where the first one was that our ROUTER connected to.
#[test]
fn our_router_takes_no_peer_for_another() {
    for transport in TRANSPORTS {
        let router = Router::builder()
            .mandatory(true)
            .reconnect_interval(Duration::from_millis(1))
            .build()
            .unwrap();
        let [first, second] = ["first", "second"].map(|id| {
            let dealer = socket(Kind::Dealer);
            dealer
                .set_bytes(BytesOpt::RoutingId, id.as_bytes())
                .unwrap();
            dealer
        });
        let link = Link {
            transport,
            binder: Binder::Libzmq,
        };
        let joint = link.join(&router, &first);
        let [first_id, second_id] = ["first", "second"].map(|id| RoutingId::try_from(id).unwrap());
        router.send_to(&first_id, "to the first").unwrap();
        assert_eq!(heard_from(&first), [b"to the first"]);
        drop(first);
        second.bind(&joint.endpoint).unwrap();
        second.send(&["from the second"]).unwrap();
        let (id, heard) = router.recv_from_timeout(PATIENCE).unwrap();
        assert_eq!(
            (&id, parts_of(&heard)),
            (&second_id, vec![b"from the second".to_vec()])
        );
        router.send_to(&second_id, "to the second").unwrap();
        assert_eq!(heard_from(&second), [b"to the second"]);
        let refused = router.send_to(&first_id, "lost").unwrap_err();
        assert_eq!(refused.reason, SendFailure::Unroutable);
    }
}

fn same_id() -> libzmq::Socket {
    let dealer = socket(Kind::Dealer);
    dealer.set_bytes(BytesOpt::RoutingId, b"same").unwrap();
    dealer
}

fn heard_from(socket: &libzmq::Socket) -> Parts {
    hear_from_libzmq(socket, PATIENCE).expect("libzmq receives something")
}
