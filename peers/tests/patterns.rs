//! Every pairing of socket types that the protocol allows works with libzmq in either part:
//! messages of every shape arrive as they were sent, and the replies come back.

use peers::end::{End, Face, Parts, settle};
use peers::libzmq::Kind;
use peers::meeting::{Meeting, Zockets};
use peers::{in_every_meeting, over_every_link};

in_every_meeting! {
    push_to_pull
    pair_with_pair
    dealer_with_dealer
    req_with_rep
    req_with_router
    dealer_with_rep
    dealer_with_router
    announced_dealer_with_router
    announced_req_with_router
    pub_to_sub
    pub_to_xsub
    xpub_to_sub
    xpub_to_xsub
}

over_every_link! {
    router_with_router
}

fn push_to_pull(meeting: &Meeting) {
    let (push, pull, _joint) = meeting.joined(Kind::Push, Kind::Pull);
    for message in messages() {
        push.say(&message);
        assert_same(&pull.hear(), &message);
    }
}

fn pair_with_pair(meeting: &Meeting) {
    converse(meeting, Kind::Pair);
}

fn dealer_with_dealer(meeting: &Meeting) {
    converse(meeting, Kind::Dealer);
}

fn converse(meeting: &Meeting, kind: Kind) {
    let (first, second, _joint) = meeting.joined(kind, kind);
    for message in messages() {
        first.say(&message);
        assert_same(&second.hear(), &message);
        second.say(&answer_to(&message));
        assert_same(&first.hear(), &answer_to(&message));
    }
    // And all of it under way at once.
    for message in messages() {
        first.say(&message);
        second.say(&answer_to(&message));
    }
    for message in messages() {
        assert_same(&second.hear(), &message);
        assert_same(&first.hear(), &answer_to(&message));
    }
}

fn req_with_rep(meeting: &Meeting) {
    let (req, rep, _joint) = meeting.joined(Kind::Req, Kind::Rep);
    for message in messages() {
        req.say(&message);
        assert_same(&rep.hear(), &message);
        rep.say(&answer_to(&message));
        assert_same(&req.hear(), &answer_to(&message));
    }
}

fn req_with_router(meeting: &Meeting) {
    let (req, router, _joint) = meeting.joined(Kind::Req, Kind::Router);
    let mut known = None;
    for message in messages() {
        req.say(&message);
        let mut heard = router.hear();
        let id = heard.remove(0);
        assert_generated(&id);
        assert_eq!(known.get_or_insert(id.clone()), &id, "the id stays");
        assert_same(&heard, &after(&[b""], &message));
        router.say(&after(&[&id, b""], &answer_to(&message)));
        assert_same(&req.hear(), &answer_to(&message));
    }
}

fn dealer_with_rep(meeting: &Meeting) {
    let (dealer, rep, _joint) = meeting.joined(Kind::Dealer, Kind::Rep);
    let envelopes: [&[&[u8]]; 3] = [&[b""], &[b"hop", b""], &[b"hop 2", &[0; 300], b"hop", b""]];
    for message in messages() {
        for envelope in envelopes {
            dealer.say(&after(envelope, &message));
            assert_same(&rep.hear(), &message);
            rep.say(&answer_to(&message));
            assert_same(&dealer.hear(), &after(envelope, &answer_to(&message)));
        }
    }
}

fn dealer_with_router(meeting: &Meeting) {
    let (dealer, router, _joint) = meeting.joined(Kind::Dealer, Kind::Router);
    for message in messages() {
        dealer.say(&message);
        let mut heard = router.hear();
        let id = heard.remove(0);
        assert_generated(&id);
        assert_same(&heard, &message);
        router.say(&after(&[&id], &answer_to(&message)));
        assert_same(&dealer.hear(), &answer_to(&message));
    }
}

fn announced_dealer_with_router(meeting: &Meeting) {
    let id = &"d".repeat(255);
    let [dealer, router] = meeting.named_ends((Kind::Dealer, Some(id)), (Kind::Router, None));
    let _joint = meeting.join(&dealer, &router);
    for message in messages() {
        dealer.say(&message);
        assert_same(&router.hear(), &after(&[id.as_bytes()], &message));
        router.say(&after(&[id.as_bytes()], &answer_to(&message)));
        assert_same(&dealer.hear(), &answer_to(&message));
    }
}

fn announced_req_with_router(meeting: &Meeting) {
    let [req, router] = meeting.named_ends((Kind::Req, Some("r")), (Kind::Router, None));
    let _joint = meeting.join(&req, &router);
    for message in messages() {
        req.say(&message);
        assert_same(&router.hear(), &after(&[b"r", b""], &message));
        router.say(&after(&[b"r", b""], &answer_to(&message)));
        assert_same(&req.hear(), &answer_to(&message));
    }
}

fn router_with_router(link: peers::meeting::Link) {
    for face in Face::ALL {
        let meeting = Meeting {
            link,
            zockets: Zockets::First,
            face,
        };
        eprintln!("{meeting:?}");
        let [ours, theirs] =
            meeting.named_ends((Kind::Router, Some("ours")), (Kind::Router, Some("theirs")));
        let _joint = meeting.join(&ours, &theirs);
        // Ours begins, since it knows that its peer is there.
        for message in messages() {
            ours.say(&after(&[b"theirs"], &message));
            assert_same(&theirs.hear(), &after(&[b"ours"], &message));
            theirs.say(&after(&[b"ours"], &answer_to(&message)));
            assert_same(&ours.hear(), &after(&[b"theirs"], &answer_to(&message)));
        }
    }
}

fn pub_to_sub(meeting: &Meeting) {
    publish(meeting, Kind::Pub, Kind::Sub);
}

fn pub_to_xsub(meeting: &Meeting) {
    publish(meeting, Kind::Pub, Kind::XSub);
}

fn xpub_to_sub(meeting: &Meeting) {
    publish(meeting, Kind::XPub, Kind::Sub);
}

fn xpub_to_xsub(meeting: &Meeting) {
    publish(meeting, Kind::XPub, Kind::XSub);
}

fn publish(meeting: &Meeting, publisher: Kind, subscriber: Kind) {
    let (publisher, subscriber, _joint) = meeting.joined(publisher, subscriber);
    let deliver = |publisher: &End, subscriber: &End, message: &Parts| {
        publisher.say(message);
        assert_same(&subscriber.hear(), message);
    };
    subscriber.subscribe(b"topic");
    settle(&publisher, &subscriber);
    for message in messages() {
        deliver(&publisher, &subscriber, &after(&[b"topic"], &message));
        publisher.say(&after(&[b"tropic"], &message));
    }
    subscriber.subscribe(b"");
    settle(&publisher, &subscriber);
    for message in messages() {
        deliver(&publisher, &subscriber, &message);
    }
}

/// What a ROUTER calls a peer that has no id of its own.
fn assert_generated(id: &[u8]) {
    assert_eq!((id.len(), id[0]), (5, 0), "a generated id: {id:?}");
}

/// Messages of every shape: empty frames in every place, sizes around every border that matters
/// to either library, and many frames.
fn messages() -> Vec<Parts> {
    let mut messages: Vec<Parts> = [
        &[""] as &[_],
        &["a"],
        &["", ""],
        &["", "a"],
        &["a", ""],
        &["", "", "a", "", ""],
        &["a", "b", "c"],
    ]
    .iter()
    .map(|parts| parts.iter().map(|part| part.as_bytes().to_vec()).collect())
    .collect();
    messages.extend(
        [33, 34, 70, 71, 255, 256, 8_191, 8_192, 65_536, 300_000].map(|size| vec![pattern(size)]),
    );
    messages.push((0..300).map(|index| pattern(index % 3 * 40)).collect());
    messages.push(vec![pattern(300), Vec::new(), pattern(100_000), pattern(1)]);
    messages
}

/// Something else of another shape.
fn answer_to(message: &Parts) -> Parts {
    message
        .iter()
        .rev()
        .cloned()
        .chain([b"!".to_vec()])
        .collect()
}

fn after(envelope: &[&[u8]], message: &Parts) -> Parts {
    let envelope = envelope.iter().map(|part| part.to_vec());
    envelope.chain(message.iter().cloned()).collect()
}

/// Bytes in which a piece that is moved or missing shows: they repeat after a prime number.
fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index % 251) as u8).collect()
}

/// Without printing everything when it fails.
fn assert_same(found: &Parts, sent: &Parts) {
    let sizes = |parts: &Parts| parts.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(found), sizes(sent), "the sizes of the frames");
    for (index, (found, sent)) in found.iter().zip(sent).enumerate() {
        assert!(
            found == sent,
            "frame {index} arrived changed: it begins {:?} instead of {:?}",
            &found[..found.len().min(20)],
            &sent[..sent.len().min(20)],
        );
    }
}
