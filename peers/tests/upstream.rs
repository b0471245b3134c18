//! What subscribers tell their publisher crosses between zocket and libzmq in either direction:
//! an XPUB hears of subscriptions as its options say, an XSUB says them and anything else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::time::Duration;

use peers::end::{
    PATIENCE, Parts, hear_from_libzmq, message_of, parts_of, parts_of_upstream, preceded, socket,
};
use peers::join::Binder;
use peers::libzmq::{self, BytesOpt, Kind, Opt};
use peers::meeting::{Joint, Link};
use peers::over_every_link;
use peers::scratch::Transport;
use zocket::{Pub, Sub, Upstream, XPub, XSub};

over_every_link! {
    our_xpub_hears_of_their_subscriptions
    their_xpub_hears_of_our_subscriptions
    our_xpub_hears_when_their_subscriber_leaves
    their_xpub_hears_when_our_subscriber_leaves
    our_xpub_hears_of_each_topic_once
    their_xpub_hears_of_each_topic_once
    our_verbose_xpub_hears_of_every_subscription
    their_verbose_xpub_hears_of_every_subscription
    our_verboser_xpub_hears_of_every_change
    their_verboser_xpub_hears_of_every_change
    our_xsub_says_raw_messages
    their_xsub_says_raw_messages
    our_manual_xpub_decides
    their_manual_xpub_decides
    our_xpub_welcomes
    their_xpub_welcomes
    our_pub_matches_inversely
    their_pub_matches_inversely
}

/// Long enough to believe that nothing comes.
const SOON: Duration = Duration::from_millis(200);

const TOPICS: [&[u8]; 6] = [b"a", b"", b"\x00", b"\x01\x01", &[7; 246], &[8; 300]];

fn our_xpub_hears_of_their_subscriptions(link: Link) {
    let xpub = XPub::new();
    let sub = socket(Kind::Sub);
    let _joint = link.join(&xpub, &sub);
    for topic in TOPICS {
        sub.set_bytes(BytesOpt::Subscribe, topic).unwrap();
        assert_eq!(heard_by(&xpub), [preceded(1, topic)]);
        xpub.wait_for_subscribers(1, PATIENCE).unwrap();
    }
    for topic in TOPICS {
        sub.set_bytes(BytesOpt::Unsubscribe, topic).unwrap();
        assert_eq!(heard_by(&xpub), [preceded(0, topic)]);
    }
}

fn their_xpub_hears_of_our_subscriptions(link: Link) {
    let sub = Sub::new();
    let xpub = socket(Kind::XPub);
    let _joint = link.join(&sub, &xpub);
    for topic in TOPICS {
        sub.subscribe(topic).unwrap();
        assert_eq!(heard_from(&xpub), [preceded(1, topic)]);
    }
    for topic in TOPICS {
        sub.unsubscribe(topic).unwrap();
        assert_eq!(heard_from(&xpub), [preceded(0, topic)]);
    }
}

fn our_xpub_hears_when_their_subscriber_leaves(link: Link) {
    let xpub = XPub::new();
    let (joints, [stays, leaves]) = joined_by_two_of_theirs(link, &xpub, Kind::Sub);
    stays.set_bytes(BytesOpt::Subscribe, b"both").unwrap();
    assert_eq!(heard_by(&xpub), [preceded(1, b"both")]);
    leaves.set_bytes(BytesOpt::Subscribe, b"both").unwrap();
    leaves.set_bytes(BytesOpt::Subscribe, b"one").unwrap();
    assert_eq!(heard_by(&xpub), [preceded(1, b"one")]);
    xpub.wait_for_subscribers(2, PATIENCE).unwrap();
    drop(leaves);
    if link.binder == Binder::Libzmq {
        // An endpoint is held ready for whoever comes back to it.
        assert!(xpub.recv_timeout(SOON).is_err());
        xpub.disconnect(&*joints[1].endpoint).unwrap();
    }
    assert_eq!(heard_by(&xpub), [preceded(0, b"one")]);
    // The other's is left alone.
    xpub.send("both").unwrap();
    assert_eq!(heard_from(&stays), [b"both"]);
    stays.set_bytes(BytesOpt::Unsubscribe, b"both").unwrap();
    assert_eq!(heard_by(&xpub), [preceded(0, b"both")]);
}

fn their_xpub_hears_when_our_subscriber_leaves(link: Link) {
    let xpub = socket(Kind::XPub);
    let [stays, leaves] = [Sub::new(), Sub::new()];
    let _joints = [link.join(&stays, &xpub), link.join(&leaves, &xpub)];
    stays.subscribe("both").unwrap();
    assert_eq!(heard_from(&xpub), [preceded(1, b"both")]);
    leaves.subscribe("both").unwrap();
    leaves.subscribe("one").unwrap();
    assert_eq!(heard_from(&xpub), [preceded(1, b"one")]);
    drop(leaves);
    // One that connected waits for us to come back, and keeps what we subscribed to.
    if link.binder == Binder::Libzmq {
        assert_eq!(heard_from(&xpub), [preceded(0, b"one")]);
    }
    xpub.send(&["both"]).unwrap();
    assert_eq!(stays.recv_timeout(PATIENCE).unwrap(), "both");
    if link.binder == Binder::Libzmq {
        stays.unsubscribe("both").unwrap();
        assert_eq!(heard_from(&xpub), [preceded(0, b"both")]);
    }
}

/// Another subscriber, at the place where the first one was that our publisher connected to.
#[test]
fn our_xpub_takes_no_subscriber_for_another() {
    for transport in [Transport::Tcp, Transport::Ipc] {
        let xpub = XPub::builder()
            .reconnect_interval(Duration::from_millis(1))
            .build()
            .unwrap();
        let first = socket(Kind::XSub);
        let link = Link {
            transport,
            binder: Binder::Libzmq,
        };
        let joint = link.join(&xpub, &first);
        first.send(&[b"\x01old"]).unwrap();
        assert_eq!(heard_by(&xpub), [b"\x01old"]);
        drop(first);
        let second = socket(Kind::XSub);
        second.bind(&joint.endpoint).unwrap();
        second.send(&[b"\x01new"]).unwrap();
        // A new peer is heard only by a libzmq socket that is used.
        let mut upstream = Vec::new();
        while !upstream.contains(&b"\x01new".to_vec()) {
            assert!(!second.poll_readable(Duration::from_millis(10)).unwrap());
            if let Ok(event) = xpub.recv_timeout(Duration::from_millis(1)) {
                upstream.extend(parts_of_upstream(&event));
            }
        }
        for topic in ["old", "new"] {
            xpub.send(topic).unwrap();
        }
        assert_eq!(heard_from(&second), [b"new"]);
        assert_eq!(upstream, [b"\x00old", b"\x01new"]);
    }
}

fn our_xpub_hears_of_each_topic_once(link: Link) {
    let xpub = XPub::new();
    assert_eq!(heard_by_ours(link, &xpub), [&b"\x01a"[..], b"\x00a"]);
}

fn their_xpub_hears_of_each_topic_once(link: Link) {
    let xpub = socket(Kind::XPub);
    assert_eq!(heard_by_theirs(link, &xpub), [&b"\x01a"[..], b"\x00a"]);
}

fn our_verbose_xpub_hears_of_every_subscription(link: Link) {
    let xpub = XPub::builder().verbose(true).build().unwrap();
    assert_eq!(
        heard_by_ours(link, &xpub),
        [&b"\x01a"[..], b"\x01a", b"\x01a", b"\x00a"]
    );
}

fn their_verbose_xpub_hears_of_every_subscription(link: Link) {
    let xpub = socket(Kind::XPub);
    xpub.set(Opt::XPubVerbose, 1).unwrap();
    assert_eq!(
        heard_by_theirs(link, &xpub),
        [&b"\x01a"[..], b"\x01a", b"\x01a", b"\x00a"]
    );
}

fn our_verboser_xpub_hears_of_every_change(link: Link) {
    let xpub = XPub::builder().verboser(true).build().unwrap();
    assert_eq!(
        heard_by_ours(link, &xpub),
        [&b"\x01a"[..], b"\x01a", b"\x01a", b"\x00a", b"\x00a"]
    );
}

fn their_verboser_xpub_hears_of_every_change(link: Link) {
    let xpub = socket(Kind::XPub);
    xpub.set(Opt::XPubVerboser, 1).unwrap();
    assert_eq!(
        heard_by_theirs(link, &xpub),
        [&b"\x01a"[..], b"\x01a", b"\x01a", b"\x00a", b"\x00a"]
    );
}

fn our_xsub_says_raw_messages(link: Link) {
    let xsub = XSub::new();
    let xpub = socket(Kind::XPub);
    let _joint = link.join(&xsub, &xpub);
    xsub.send(&b"\x01a"[..]).unwrap();
    assert_eq!(heard_from(&xpub), [b"\x01a"]);
    for message in upstream_messages() {
        xsub.send(message_of(&message)).unwrap();
        assert_eq!(heard_from(&xpub), message);
    }
    // The subscription stands.
    xpub.send(&["a", "1"]).unwrap();
    assert_eq!(
        parts_of(&xsub.recv_timeout(PATIENCE).unwrap()),
        [b"a", b"1"]
    );
    xsub.send(&b"\x00a"[..]).unwrap();
    assert_eq!(heard_from(&xpub), [b"\x00a"]);
}

fn their_xsub_says_raw_messages(link: Link) {
    let xpub = XPub::new();
    let xsub = socket(Kind::XSub);
    let _joint = link.join(&xpub, &xsub);
    xsub.send(&[b"\x01a"]).unwrap();
    assert_eq!(heard_by(&xpub), [b"\x01a"]);
    for message in upstream_messages() {
        xsub.send(&message).unwrap();
        assert_eq!(heard_by(&xpub), message);
    }
    xpub.send(["a", "1"]).unwrap();
    assert_eq!(heard_from(&xsub), [b"a", b"1"]);
    xsub.send(&[b"\x00a"]).unwrap();
    assert_eq!(heard_by(&xpub), [b"\x00a"]);
}

fn our_manual_xpub_decides(link: Link) {
    let xpub = XPub::builder().manual(true).build().unwrap();
    let xsub = socket(Kind::XSub);
    let _joint = link.join(&xpub, &xsub);
    xsub.send(&[b"\x01wanted"]).unwrap();
    match xpub.recv_timeout(PATIENCE).unwrap() {
        Upstream::Subscribe(subscription) => {
            assert_eq!(&*subscription, b"wanted");
            assert!(subscription.accept(["given", "and more"]));
        }
        other => panic!("{other:?}"),
    }
    for topic in [
        "wanted",
        "given",
        "wanted again",
        "and more",
        "and less",
        "given!",
    ] {
        xpub.send(topic).unwrap();
    }
    for topic in ["given", "and more", "given!"] {
        assert_eq!(heard_from(&xsub), [topic.as_bytes()]);
    }
}

fn their_manual_xpub_decides(link: Link) {
    let xpub = socket(Kind::XPub);
    xpub.set(Opt::XPubManual, 1).unwrap();
    let xsub = XSub::new();
    let _joint = link.join(&xsub, &xpub);
    xsub.subscribe("wanted").unwrap();
    assert_eq!(heard_from(&xpub), [b"\x01wanted"]);
    for topic in [&b"given"[..], b"and more"] {
        xpub.set_bytes(BytesOpt::Subscribe, topic).unwrap();
    }
    for topic in [
        "wanted",
        "given",
        "wanted again",
        "and more",
        "and less",
        "given!",
    ] {
        xpub.send(&[topic]).unwrap();
    }
    for topic in ["given", "and more", "given!"] {
        assert_eq!(xsub.recv_timeout(PATIENCE).unwrap(), topic);
    }
}

fn our_xpub_welcomes(link: Link) {
    let xpub = XPub::builder().welcome_message("welcome!").build().unwrap();
    let sub = socket(Kind::Sub);
    sub.set_bytes(BytesOpt::Subscribe, b"w").unwrap();
    let _joint = link.join(&xpub, &sub);
    assert_eq!(heard_from(&sub), [b"welcome!"]);
    xpub.wait_for_subscribers(1, PATIENCE).unwrap();
    xpub.send("work").unwrap();
    assert_eq!(heard_from(&sub), [b"work"]);
}

fn their_xpub_welcomes(link: Link) {
    let xpub = socket(Kind::XPub);
    xpub.set_bytes(BytesOpt::XPubWelcomeMessage, b"welcome!")
        .unwrap();
    let sub = Sub::new();
    sub.subscribe("w").unwrap();
    let _joint = link.join(&sub, &xpub);
    // libzmq takes the new connection in when it is used.
    assert_eq!(heard_from(&xpub), [b"\x01w"]);
    assert_eq!(sub.recv_timeout(PATIENCE).unwrap(), "welcome!");
    xpub.send(&["work"]).unwrap();
    assert_eq!(sub.recv_timeout(PATIENCE).unwrap(), "work");
}

fn our_pub_matches_inversely(link: Link) {
    let publisher = Pub::builder().invert_matching(true).build().unwrap();
    let sub = socket(Kind::Sub);
    sub.set(Opt::InvertMatching, 1).unwrap();
    sub.set_bytes(BytesOpt::Subscribe, b"a").unwrap();
    let _joint = link.join(&publisher, &sub);
    publisher.wait_for_subscribers(1, PATIENCE).unwrap();
    for topic in ["a", "b", "ab", "", "ba"] {
        publisher.send(topic).unwrap();
    }
    for topic in ["b", "", "ba"] {
        assert_eq!(heard_from(&sub), [topic.as_bytes()]);
    }
}

fn their_pub_matches_inversely(link: Link) {
    let xpub = socket(Kind::XPub);
    xpub.set(Opt::InvertMatching, 1).unwrap();
    let sub = Sub::builder().invert_matching(true).build().unwrap();
    sub.subscribe("a").unwrap();
    let _joint = link.join(&sub, &xpub);
    assert_eq!(heard_from(&xpub), [b"\x01a"]);
    for topic in ["a", "b", "ab", "", "ba"] {
        xpub.send(&[topic]).unwrap();
    }
    for topic in ["b", "", "ba"] {
        assert_eq!(sub.recv_timeout(PATIENCE).unwrap(), topic);
    }
}

/// Two of theirs joined to one of ours.
fn joined_by_two_of_theirs(
    link: Link,
    xpub: &XPub,
    kind: Kind,
) -> ([Joint; 2], [libzmq::Socket; 2]) {
    let subs = [socket(kind), socket(kind)];
    let joints = [link.join(xpub, &subs[0]), link.join(xpub, &subs[1])];
    xpub.wait_for_peers(2, PATIENCE).unwrap();
    (joints, subs)
}

fn heard_by_ours(link: Link, xpub: &XPub) -> Vec<Vec<u8>> {
    let (_joints, subs) = joined_by_two_of_theirs(link, xpub, Kind::XSub);
    changes(
        |who, message| subs[who].send(&[message]).unwrap(),
        || heard_by(xpub),
    )
}

fn heard_by_theirs(link: Link, xpub: &libzmq::Socket) -> Vec<Vec<u8>> {
    let subs = [XSub::new(), XSub::new()];
    let _joints = [link.join(&subs[0], xpub), link.join(&subs[1], xpub)];
    changes(
        |who, message| subs[who].send(message).unwrap(),
        || heard_from(xpub),
    )
}

/// What a publisher hears when two subscribe to one topic, the second of them twice, and then
/// take it all back.
fn changes(tell: impl Fn(usize, &'static [u8]), hear: impl Fn() -> Parts) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    for (who, change) in [
        (0, b"\x01a"),
        (1, b"\x01a"),
        (1, b"\x01a"),
        (1, b"\x00a"),
        (1, b"\x00a"),
        (0, b"\x00a"),
    ] {
        tell(who, change);
        // What is heard before this follows from the change.
        tell(who, b"done");
        loop {
            let heard = hear();
            if heard == [b"done"] {
                break;
            }
            events.extend(heard);
        }
    }
    events
}

fn heard_by(xpub: &XPub) -> Parts {
    parts_of_upstream(&xpub.recv_timeout(PATIENCE).unwrap())
}

fn heard_from(socket: &libzmq::Socket) -> Parts {
    hear_from_libzmq(socket, PATIENCE).expect("libzmq receives something")
}

/// Messages that are not subscriptions: they do not begin with a 0 or a 1.
fn upstream_messages() -> Vec<Parts> {
    [
        &[&b"hello"[..]] as &[&[u8]],
        &[b""],
        &[b"two", b"frames"],
        &[b"", b"", b"x"],
        &[&[2; 300]],
    ]
    .iter()
    .map(|parts| parts.iter().map(|part| part.to_vec()).collect())
    .collect()
}
