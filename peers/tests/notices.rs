//! What a ROUTER is told of libzmq's peers that come and go, what they are told first, what they know
//! of us by our metadata, and that one that is disconnected comes back.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use peers::end::{PATIENCE, Parts, hear_from_libzmq, parts_of, socket};
use peers::join::Binder;
use peers::libzmq::{self, BytesOpt, Kind, Opt};
use peers::meeting::Link;
use peers::over_every_link;
use zocket::{Dealer, Push, Router, RouterNotify, RoutingId};

over_every_link! {
    our_router_is_told_of_their_dealers
    their_sockets_get_our_hello_first
    they_know_our_metadata
    one_that_we_disconnect_comes_back
    our_dealer_is_told_that_theirs_is_gone
}

fn named(kind: Kind, id: &str) -> libzmq::Socket {
    let socket = socket(kind);
    socket
        .set_bytes(BytesOpt::RoutingId, id.as_bytes())
        .unwrap();
    socket
}

fn heard_from(socket: &libzmq::Socket) -> Parts {
    hear_from_libzmq(socket, PATIENCE).expect("libzmq receives something")
}

#[track_caller]
fn expect_from(router: &Router, id: &str, message: &str) {
    let (from, heard) = router.recv_from_timeout(PATIENCE).unwrap();
    assert_eq!((&*from, heard), (id.as_bytes(), message.into()));
}

fn our_router_is_told_of_their_dealers(link: Link) {
    let router = Router::builder()
        .notify(RouterNotify::CONNECT | RouterNotify::DISCONNECT)
        .disconnect_message("bye")
        .build()
        .unwrap();
    let theirs = named(Kind::Dealer, "theirs");
    let joint = link.join(&router, &theirs);
    expect_from(&router, "theirs", "");
    theirs.send(&["hello"]).unwrap();
    expect_from(&router, "theirs", "hello");
    drop(theirs);
    expect_from(&router, "theirs", "");
    // It had connected here, or else it is to be connected to again.
    if link.binder == Binder::Zocket {
        expect_from(&router, "theirs", "bye");
    }
    drop(joint);
}

fn their_sockets_get_our_hello_first(link: Link) {
    let theirs = named(Kind::Router, "theirs");
    let ours = Dealer::builder()
        .routing_id("ours")
        .hello_message(["hello", "there"])
        .build()
        .unwrap();
    let _joint = link.join(&ours, &theirs);
    ours.send("first").unwrap();
    assert_eq!(heard_from(&theirs), [&b"ours"[..], b"hello", b"there"]);
    assert_eq!(heard_from(&theirs), [&b"ours"[..], b"first"]);

    let theirs = named(Kind::Dealer, "theirs");
    let ours = Router::builder().hello_message("hello").build().unwrap();
    let _joint = link.join(&ours, &theirs);
    assert_eq!(heard_from(&theirs), [b"hello"]);
}

fn they_know_our_metadata(link: Link) {
    let theirs = socket(Kind::Pull);
    let ours = Push::builder()
        .metadata("X-Version", "1.7")
        .metadata("X-Empty", "")
        .build()
        .unwrap();
    let _joint = link.join(&ours, &theirs);
    ours.send("hello").unwrap();
    let parts = theirs.recv().unwrap();
    assert_eq!(parts[0].property("X-Version").as_deref(), Some("1.7"));
    assert_eq!(parts[0].property("X-Empty").as_deref(), Some(""));
    assert_eq!(parts[0].property("Socket-Type").as_deref(), Some("PUSH"));
    assert_eq!(parts[0].property("X-Other"), None);
}

fn one_that_we_disconnect_comes_back(link: Link) {
    let router = Router::builder().mandatory(true).build().unwrap();
    let theirs = named(Kind::Dealer, "theirs");
    theirs.set(Opt::ReconnectInterval, 1).unwrap();
    let _joint = link.join(&router, &theirs);
    let id = RoutingId::try_from("theirs").unwrap();
    router.wait_for_peers(1, PATIENCE).unwrap();
    let before = router.peers().pop().unwrap();
    let monitor = router.monitor();
    router.disconnect_peer(&id).unwrap();
    let again = monitor.iter().find_map(|event| match event {
        zocket::MonitorEvent::HandshakeSucceeded { peer, .. } => Some(peer),
        _ => None,
    });
    assert_ne!(again.unwrap().id(), before.id());
    router.send_to(&id, "again").unwrap();
    assert_eq!(heard_from(&theirs), [b"again"]);
}

fn our_dealer_is_told_that_theirs_is_gone(link: Link) {
    let dealer = Dealer::builder().hiccup_message("hic").build().unwrap();
    let theirs = named(Kind::Dealer, "theirs");
    let _joint = link.join(&dealer, &theirs);
    theirs.send(&["hello"]).unwrap();
    let heard = dealer.recv_timeout(PATIENCE).unwrap();
    assert_eq!(parts_of(&heard), [b"hello"]);
    drop(theirs);
    if link.binder == Binder::Libzmq {
        assert_eq!(dealer.recv_timeout(PATIENCE).unwrap(), "hic");
    } else {
        // It had connected here: that is no connection of ours.
        let quiet = std::time::Duration::from_millis(100);
        assert!(dealer.recv_timeout(quiet).is_err());
    }
}
