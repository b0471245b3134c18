//! XPUB: tells of what its subscribers want, in the detail that was asked for, and of no more than
//! there is; may decide itself what they get.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;
mod topics;

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use peer::Raw;
use support::{ALL, Home, PATIENCE, Transport, WIRE, until};
use topics::{
    Publishes, as_text, block_on, cancel, expect, expect_nothing, frame, in_message, publisher,
    settle, subscribe, subscriber, told, told_nothing, xpub, xsub,
};
use zocket::{
    BuildError, Builder, Message, RecvError, Socket, SocketType, SubscribeError, Subscription,
    TryRecvError, TrySendError, Upstream, XPub, XSub,
};

/// An XPUB that is bound and subscribers that say everything twice if they are told to.
struct Scene {
    publisher: XPub,
    peers: Vec<XSub>,
    _home: Home,
}

impl Scene {
    fn new(
        transport: Transport,
        count: usize,
        set_up: impl FnOnce(Builder<XPub>) -> Builder<XPub>,
    ) -> Self {
        let home = Home::new();
        let publisher = set_up(xpub(&home)).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let peers: Vec<XSub> = (0..count)
            .map(|_| {
                let peer = xsub(&home).verbose_unsubscribe(true).build().unwrap();
                peer.connect(&here).unwrap();
                peer
            })
            .collect();
        publisher.wait_for_peers(count, PATIENCE).unwrap();
        for peer in &peers {
            peer.wait_for_peers(1, PATIENCE).unwrap();
        }
        Self {
            publisher,
            peers,
            _home: home,
        }
    }

    /// `+topic` or `-topic` of one peer, and all that is told of it.
    #[track_caller]
    fn says(&self, peer: usize, what: &str, expected: &[&str]) {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let peer = &self.peers[peer];
        match what.split_at(1) {
            ("+", topic) => peer.subscribe(topic).unwrap(),
            (_, topic) => peer.unsubscribe(topic).unwrap(),
        }
        // Something that is always told shows where it ends.
        let end = format!("end {}", NEXT.fetch_add(1, Ordering::Relaxed));
        peer.subscribe(&end).unwrap();
        peer.unsubscribe(&end).unwrap();
        for expected in expected {
            assert_eq!(told(&self.publisher), *expected, "{what}");
        }
        assert_eq!(told(&self.publisher), format!("+{end}"), "{what}");
        assert_eq!(told(&self.publisher), format!("-{end}"), "{what}");
    }

    #[track_caller]
    fn goes(&mut self, peer: usize, expected: &[&str]) {
        self.peers.remove(peer).close().unwrap();
        for expected in expected {
            assert_eq!(told(&self.publisher), *expected);
        }
        told_nothing(&self.publisher);
    }
}

#[test]
fn by_default_the_first_of_a_topic_and_the_last_taken_back_are_told() {
    for &transport in ALL {
        let mut scene = Scene::new(transport, 2, |it| it);
        scene.says(0, "+A", &["+A"]);
        scene.says(0, "+A", &[]);
        scene.says(1, "+A", &[]);
        scene.says(1, "+", &["+"]);
        // However often it has subscribed, it has the topic once.
        scene.says(0, "-A", &[]);
        scene.says(0, "-A", &[]);
        scene.says(1, "-A", &["-A"]);
        scene.says(0, "+A", &["+A"]);
        scene.says(0, "-A", &["-A"]);
        scene.says(0, "+B", &["+B"]);
        scene.says(0, "+C", &["+C"]);
        scene.says(1, "+C", &[]);
        scene.goes(0, &["-B"]);
        scene.goes(0, &["-", "-C"]);
    }
}

#[test]
fn verbose_tells_of_every_one_that_is_made() {
    for &transport in ALL {
        let mut scene = Scene::new(transport, 2, |it| it.verbose(true));
        scene.says(0, "+A", &["+A"]);
        scene.says(0, "+A", &["+A"]);
        scene.says(1, "+A", &["+A"]);
        scene.says(1, "-A", &[]);
        scene.says(0, "-A", &["-A"]);
        scene.says(0, "+B", &["+B"]);
        scene.says(0, "+C", &["+C"]);
        scene.says(1, "+C", &["+C"]);
        scene.goes(0, &["-B"]);
        scene.goes(0, &["-C"]);
    }
}

#[test]
fn verboser_tells_of_everything() {
    for &transport in ALL {
        let mut scene = Scene::new(transport, 2, |it| it.verboser(true));
        scene.says(0, "+A", &["+A"]);
        scene.says(0, "+A", &["+A"]);
        scene.says(1, "+A", &["+A"]);
        scene.says(1, "-A", &["-A"]);
        scene.says(0, "-A", &["-A"]);
        scene.says(0, "-A", &["-A"]);
        scene.says(0, "+B", &["+B"]);
        scene.says(0, "+C", &["+C"]);
        scene.says(1, "+C", &["+C"]);
        scene.goes(0, &["-B", "-C"]);
        scene.goes(0, &["-C"]);
    }
}

#[test]
fn verbosity_can_be_taken_back_before_it_is_built() {
    let scene = Scene::new(Transport::Inproc, 1, |it| it.verboser(true).verboser(false));
    scene.says(0, "+A", &["+A"]);
    scene.says(0, "+A", &[]);
}

#[test]
fn what_was_never_made_is_told_when_it_is_taken_back_by_nobody_who_has_it() {
    for &transport in WIRE {
        let home = Home::new();
        let publisher = xpub(&home).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let mut raw = Raw::join(&here, "SUB");
        let mut other = Raw::join(&here, "SUB");
        other.say(&subscribe("held"));
        assert_eq!(told(&publisher), "+held");
        raw.say(&[cancel("held"), cancel("never"), subscribe("x")].concat());
        assert_eq!(told(&publisher), "-never");
        assert_eq!(told(&publisher), "+x");
        publisher.send("held on").unwrap();
        assert_eq!(other.listen(9), frame(0, b"held on"));
    }
}

#[test]
fn events_say_whose_they_are() {
    for &transport in ALL {
        let scene = Scene::new(transport, 1, |it| it);
        scene.peers[0].subscribe("A").unwrap();
        let Upstream::Subscribe(event) = scene.publisher.recv_timeout(PATIENCE).unwrap() else {
            panic!("not a subscription");
        };
        assert_eq!(event.topic(), "A");
        let peer = event.peer();
        assert_eq!(peer.socket_type(), SocketType::XSub);
        assert_eq!(peer.address(), scene.publisher.peers()[0].address());
    }
}

#[test]
fn every_form_of_receiving_gives_events() {
    let scene = Scene::new(Transport::Inproc, 1, |it| {
        it.recv_timeout(Duration::from_millis(50))
    });
    let (publisher, peer) = (&scene.publisher, &scene.peers[0]);
    assert!(matches!(publisher.try_recv(), Err(TryRecvError::Empty)));
    assert!(matches!(publisher.recv(), Err(RecvError::Timeout)));
    for topic in ["a", "b", "c"] {
        peer.subscribe(topic).unwrap();
    }
    assert_eq!(as_text(&publisher.recv().unwrap()), "+a");
    assert_eq!(as_text(&publisher.try_recv().unwrap()), "+b");
    let rest: Vec<String> = publisher.iter().map(|event| as_text(&event)).collect();
    assert_eq!(rest, ["+c"]);
    publisher.close().unwrap();
    assert!(matches!(publisher.recv(), Err(RecvError::Closed)));
}

#[test]
fn messages_of_subscribers_are_received_whole_and_in_order() {
    for &transport in ALL {
        let scene = Scene::new(transport, 1, |it| it);
        let peer = &scene.peers[0];
        let messages: [Message; 4] = [
            Message::from("up"),
            ["", "\x01x", "\x00y", "z"].into_iter().skip(3).collect(),
            ["two", "", "three"].into_iter().collect(),
            Message::from(vec![9; 100_000]),
        ];
        for message in &messages {
            peer.send(message.clone()).unwrap();
        }
        for message in &messages {
            match scene.publisher.recv_timeout(PATIENCE).unwrap() {
                Upstream::Message(heard) => assert_eq!(&heard, message),
                other => panic!("{other:?}"),
            }
        }
        let stats = scene.publisher.stats();
        assert_eq!(stats.returned.messages, 4, "{stats:?}");
    }
}

/// A subscriber that sends and an XPUB that does not ask: at most two queues full wait, and go on
/// once it does.
#[test]
fn messages_that_nobody_asks_for_are_held_up() {
    const HWM: usize = 10;
    for &transport in ALL {
        let home = Home::new();
        let publisher = xpub(&home).recv_hwm(HWM).build().unwrap();
        let peer = xsub(&home).send_hwm(HWM).build().unwrap();
        peer.connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        publisher.wait_for_peers(1, PATIENCE).unwrap();
        peer.wait_for_peers(1, PATIENCE).unwrap();
        let large = vec![b'x'; 64 << 10];
        let mut sent: u64 = 0;
        while peer.stats().dropped.full == 0 {
            peer.send(large.as_slice()).unwrap();
            sent += 1;
            assert!(sent < 100_000, "{transport:?}: it never stops");
        }
        let whole = peer.stats().accepted.messages - peer.stats().dropped.total();
        assert_eq!(whole, sent - 1);
        for _ in 0..whole {
            assert!(matches!(
                publisher.recv_timeout(PATIENCE).unwrap(),
                Upstream::Message(message) if message == large.as_slice()
            ));
        }
        // And it goes on.
        until("there is room", || {
            peer.send("more").unwrap();
            publisher.try_recv().is_ok()
        });
    }
}

// ---- manual

fn event(publisher: &XPub) -> Subscription {
    match publisher.recv_timeout(PATIENCE).unwrap() {
        Upstream::Subscribe(event) | Upstream::Unsubscribe(event) => event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn in_manual_mode_the_application_decides_who_gets_what() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = xpub(&home).manual(true).build().unwrap();
        let peer = xsub(&home).build().unwrap();
        peer.connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        peer.subscribe("A").unwrap();
        let asked = event(&publisher);
        assert_eq!(*asked, *b"A");
        publisher.until_subscribers(0);
        publisher.send("A").unwrap();
        assert!(asked.accept(["XA", "YA"]));
        publisher.until_subscribers(1);
        publisher.send("A").unwrap();
        publisher.send("XA").unwrap();
        publisher.send("YA!").unwrap();
        assert_eq!(peer.recv_timeout(PATIENCE).unwrap(), "XA");
        assert_eq!(peer.recv_timeout(PATIENCE).unwrap(), "YA!");
        peer.unsubscribe("A").unwrap();
        let taken_back = event(&publisher);
        publisher.send("XA").unwrap();
        assert_eq!(
            peer.recv_timeout(PATIENCE).unwrap(),
            "XA",
            "not decided yet"
        );
        assert!(taken_back.accept(["XA"]));
        publisher.send("XA").unwrap();
        publisher.send("YA?").unwrap();
        assert_eq!(peer.recv_timeout(PATIENCE).unwrap(), "YA?");
        assert!(taken_back.accept(["YA"]));
        publisher.until_subscribers(0);
    }
}

#[test]
fn in_manual_mode_everything_is_told_and_each_event_acts_for_its_peer() {
    for &transport in ALL {
        let mut scene = Scene::new(transport, 2, |it| it.manual(true));
        scene.says(0, "+A", &["+A"]);
        scene.says(0, "+A", &["+A"]);
        scene.says(1, "+A", &["+A"]);
        scene.says(1, "-A", &["-A"]);
        let (publisher, peers) = (&scene.publisher, &scene.peers);
        peers[0].subscribe("one").unwrap();
        let one = event(publisher);
        peers[1].subscribe("two").unwrap();
        let two = event(publisher);
        // In whatever order they are looked at.
        assert!(two.accept(["2"]));
        assert!(one.accept(["1"]));
        publisher.send("1").unwrap();
        publisher.send("2").unwrap();
        assert_eq!(peers[0].recv_timeout(PATIENCE).unwrap(), "1");
        assert_eq!(peers[1].recv_timeout(PATIENCE).unwrap(), "2");
        assert!(peers[0].try_recv().is_err() && peers[1].try_recv().is_err());
        peers[0].send("user message").unwrap();
        assert_eq!(told(publisher), "=user message");
        // With the peer goes what it got; what is told is what it had asked for.
        scene.goes(0, &["-A", "-one"]);
        assert!(!one.accept(["3"]), "it is gone");
        scene.publisher.until_subscribers(1);
        scene.goes(0, &["-two"]);
        scene.publisher.until_subscribers(0);
        scene.publisher.close().unwrap();
        assert!(!two.accept(["2"]));
        drop(scene.publisher);
        assert!(!two.accept(["2"]));
    }
}

#[test]
fn the_last_value_goes_to_who_has_subscribed_last() {
    for &transport in ALL {
        let scene = Scene::new(transport, 3, |it| it.manual_last_value(true));
        let publisher = &scene.publisher;
        for (number, peer) in scene.peers.iter().enumerate() {
            peer.subscribe("A").unwrap();
            assert!(event(publisher).accept(["A"]));
            publisher.send(format!("A last {number}")).unwrap();
            publisher.send(format!("A all {number}")).unwrap();
        }
        for (number, peer) in scene.peers.iter().enumerate() {
            let mut expected = vec![format!("A last {number}")];
            expected.extend((number..3).map(|later| format!("A all {later}")));
            for text in expected {
                assert_eq!(peer.recv_timeout(PATIENCE).unwrap(), text);
            }
            assert!(peer.try_recv().is_err());
        }
    }
}

#[test]
fn the_last_value_for_who_is_gone_goes_to_all() {
    for &transport in ALL {
        let mut scene = Scene::new(transport, 2, |it| it.manual_last_value(true));
        for peer in &scene.peers {
            peer.subscribe("A").unwrap();
            assert!(event(&scene.publisher).accept(["A"]));
        }
        scene.goes(1, &["-A"]);
        scene.publisher.send("A1").unwrap();
        assert_eq!(scene.peers[0].recv_timeout(PATIENCE).unwrap(), "A1");
    }
}

// ---- welcome

#[test]
fn a_welcome_comes_first_for_those_who_want_it() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = xpub(&home)
            .welcome_message(["W", "elcome"])
            .build()
            .unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let sub = subscriber(&home).build().unwrap();
        sub.subscribe("W").unwrap();
        let other = subscriber(&home).build().unwrap();
        other.subscribe("X").unwrap();
        let xsub = xsub(&home).build().unwrap();
        for connect in [&sub, &other] {
            connect.connect(&here).unwrap();
        }
        xsub.connect(&here).unwrap();
        let welcome: Message = ["W", "elcome"].into_iter().collect();
        assert_eq!(sub.recv_timeout(PATIENCE).unwrap(), welcome);
        assert_eq!(xsub.recv_timeout(PATIENCE).unwrap(), welcome);
        publisher.until_subscribers(2);
        publisher.send("X").unwrap();
        expect(&other, "X");
        expect_nothing(&sub);
        // Once for each connection.
        sub.disconnect(&here).unwrap();
        publisher.until_subscribers(1);
        sub.connect(&here).unwrap();
        assert_eq!(sub.recv_timeout(PATIENCE).unwrap(), welcome);
        expect_nothing(&sub);
    }
}

#[test]
fn a_welcome_follows_the_handshake() {
    for &transport in WIRE {
        let home = Home::new();
        let publisher = xpub(&home).welcome_message("WELCOME!").build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        for _ in 0..3 {
            let mut raw = Raw::join(&here, "SUB");
            assert_eq!(raw.listen(10), frame(0, b"WELCOME!"));
        }
    }
}

// ---- nodrop

#[test]
fn with_nodrop_nothing_is_lost_to_a_subscriber_that_does_not_read() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = xpub(&home).nodrop(true).send_hwm(100).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let [slow, good] = [(); 2].map(|()| {
            let subscriber = subscriber(&home).recv_hwm(100).build().unwrap();
            subscriber.subscribe("n").unwrap();
            subscriber.connect(&here).unwrap();
            subscriber
        });
        publisher.wait_for_subscribers(2, PATIENCE).unwrap();
        let text = |number: usize| format!("n{number} {}", "x".repeat(10_000));
        let mut sent = 0;
        loop {
            match publisher.send_timeout(text(sent), Duration::from_millis(200)) {
                Ok(()) => sent += 1,
                Err(error) => {
                    assert!(error.is_timeout());
                    assert_eq!(error.into_message(), text(sent));
                    break;
                }
            }
            expect(&good, &text(sent - 1));
            assert!(sent < 100_000, "{transport:?}: it never stops");
        }
        if transport == Transport::Inproc {
            assert_eq!(sent, 200, "both queues");
        }
        assert!(matches!(
            publisher.try_send(text(sent)),
            Err(TrySendError::Full(_))
        ));
        // What the slow one does not want goes to the others.
        good.subscribe("other").unwrap();
        settle(&publisher, &good);
        publisher.try_send("other").unwrap();
        expect(&good, "other");
        thread::scope(|scope| {
            scope.spawn(|| publisher.send_timeout(text(sent), PATIENCE).unwrap());
            for number in 0..=sent {
                expect(&slow, &text(number));
            }
        });
        expect(&good, &text(sent));
        let stats = publisher.stats();
        assert_eq!(stats.dropped.full, 0, "{stats:?}");
    }
}

#[test]
fn a_subscriber_that_goes_no_longer_holds_up_a_nodrop_send() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = xpub(&home).nodrop(true).send_hwm(1).build().unwrap();
        let slow = subscriber(&home).recv_hwm(1).build().unwrap();
        slow.subscribe("").unwrap();
        slow.connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        let large = vec![b'x'; 1 << 20];
        while publisher
            .send_timeout(large.as_slice(), Duration::from_millis(200))
            .is_ok()
        {}
        thread::scope(|scope| {
            let sending = scope.spawn(|| publisher.send_timeout("waits", PATIENCE));
            slow.close().unwrap();
            sending.join().unwrap().unwrap();
        });
    }
}

// ---- limits

#[test]
fn who_wants_too_much_is_disconnected_and_others_go_on() {
    for &transport in WIRE {
        for by_bytes in [false, true] {
            let home = Home::new();
            let builder = xpub(&home);
            let publisher = if by_bytes {
                builder.max_subscription_bytes(1000)
            } else {
                builder.max_subscriptions(100)
            };
            let publisher = publisher.build().unwrap();
            let here = publisher.bind(home.endpoint(transport)).unwrap();
            let good = subscriber(&home).build().unwrap();
            good.subscribe("good").unwrap();
            good.connect(&here).unwrap();
            assert_eq!(told(&publisher), "+good");
            let goes_on = || {
                publisher.send("good").unwrap();
                expect(&good, "good");
            };
            let topic = |number: usize| format!("{number:010}");
            for form in [
                |topic: String| subscribe(topic),
                |topic| in_message(true, topic),
            ] {
                let mut bad = Raw::join(&here, "SUB");
                for number in 0..100 {
                    bad.say(&form(topic(number)));
                    assert_eq!(told(&publisher), format!("+{}", topic(number)));
                }
                goes_on();
                // What it has is not more if it is asked for again; nor is what it takes instead.
                for number in 0..100 {
                    bad.say(&form(topic(number)));
                }
                bad.say(&[cancel(topic(0)), form(topic(100)), form(topic(100))].concat());
                assert_eq!(told(&publisher), format!("-{}", topic(0)));
                assert_eq!(told(&publisher), format!("+{}", topic(100)));
                publisher.until_subscribers(2);
                bad.say(&form(topic(101)));
                bad.say(&form(topic(102)));
                assert!(bad.is_closed_within(PATIENCE));
                publisher.until_subscribers(1);
                for number in 1..101 {
                    assert_eq!(told(&publisher), format!("-{}", topic(number)));
                }
                goes_on();
            }
            told_nothing(&publisher);
        }
    }
}

#[test]
fn a_subscription_that_is_too_long_is_one_too_many() {
    for &transport in WIRE {
        for manual in [false, true] {
            let home = Home::new();
            let publisher = xpub(&home)
                .manual(manual)
                .max_subscription_bytes(1000)
                .build()
                .unwrap();
            let here = publisher.bind(home.endpoint(transport)).unwrap();
            let mut bad = Raw::join(&here, "SUB");
            bad.say(&subscribe([b'x'; 1000]));
            assert_eq!(event(&publisher).len(), 1000);
            bad.say(&subscribe(""));
            assert_eq!(told(&publisher), "+");
            bad.say(&subscribe("y"));
            assert!(bad.is_closed_within(PATIENCE));
        }
    }
}

// ---- nobody reads

/// How many events there are, and what they leave of it.
fn drain(publisher: &XPub) -> (usize, Vec<String>) {
    let mut held: Vec<String> = Vec::new();
    let mut count = 0;
    while let Ok(event) = publisher.try_recv() {
        count += 1;
        let text = as_text(&event);
        match text.split_at(1) {
            ("+", topic) => held.push(topic.to_owned()),
            (_, topic) => held.retain(|held| held != topic),
        }
    }
    held.sort();
    held.dedup();
    (count, held)
}

/// Two answers to a ping show that all before the first was looked after.
fn ping(raw: &mut Raw) {
    for _ in 0..2 {
        raw.say(&frame(4, b"\x04PING\x00\x00ok"));
        assert_eq!(raw.listen(9), frame(4, b"\x04PONGok"));
    }
}

const MODES: [fn(Builder<XPub>) -> Builder<XPub>; 4] = [
    |it| it,
    |it| it.verbose(true),
    |it| it.verboser(true),
    |it| it.manual(true),
];

#[test]
fn events_that_nobody_reads_stay_few_while_topics_come_and_go() {
    for (mode, set_up) in MODES.into_iter().enumerate() {
        let home = Home::new();
        let publisher = set_up(xpub(&home)).build().unwrap();
        let transport = WIRE[mode % WIRE.len()];
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let mut raw = Raw::join(&here, "SUB");
        raw.say(&subscribe("stays"));
        for thousand in 0..100 {
            let said: Vec<Vec<u8>> = (0..1000)
                .map(|number| format!("comes {thousand} {number}"))
                .map(|topic| [subscribe(&topic), cancel(&topic)].concat())
                .collect();
            raw.say(&said.concat());
        }
        raw.say(&subscribe("last"));
        ping(&mut raw);
        let (count, held) = drain(&publisher);
        assert!(count <= 10_000, "mode {mode}: {count} events");
        assert_eq!(held, ["last", "stays"], "mode {mode}");
    }
}

#[test]
fn a_subscriber_whose_topics_come_and_go_is_known_by_those_that_stay() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = xpub(&home).build().unwrap();
        let subscriber = subscriber(&home).build().unwrap();
        subscriber
            .connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        publisher.wait_for_peers(1, PATIENCE).unwrap();
        subscriber.subscribe("stays").unwrap();
        for number in 0..100_000 {
            subscriber.subscribe(format!("comes {number}")).unwrap();
            subscriber.unsubscribe(format!("comes {number}")).unwrap();
        }
        settle(&publisher, &subscriber);
        publisher.send("stays").unwrap();
        expect(&subscriber, "stays");
        let (count, held) = drain(&publisher);
        assert!(count <= 10_000, "{transport:?}: {count} events");
        assert!(held.contains(&"stays".to_owned()), "{held:?}");
    }
}

#[test]
fn events_that_nobody_reads_stay_few_while_peers_come_and_go() {
    const ROUNDS: usize = 100;
    const EACH: usize = 200;
    for (mode, set_up) in MODES.into_iter().enumerate() {
        let home = Home::new();
        let publisher = set_up(xpub(&home)).build().unwrap();
        let here = publisher.bind(home.endpoint(Transport::Inproc)).unwrap();
        let stays = subscriber(&home).build().unwrap();
        stays.connect(&here).unwrap();
        for number in 0..EACH {
            stays.subscribe(number.to_string()).unwrap();
        }
        for _ in 0..ROUNDS {
            let comes = subscriber(&home).build().unwrap();
            comes.connect(&here).unwrap();
            for number in 0..EACH {
                comes.subscribe(number.to_string()).unwrap();
            }
        }
        until("they are gone", || publisher.stats().peers == 1);
        let (count, _) = drain(&publisher);
        assert!(count <= 10_000, "mode {mode}: {count} events");
    }
}

#[test]
fn events_that_nobody_reads_stay_few_while_a_peer_takes_back_what_it_never_had() {
    for set_up in MODES {
        let home = Home::new();
        let publisher = set_up(xpub(&home)).build().unwrap();
        let mut raw = Raw::join(
            &publisher.bind(home.endpoint(Transport::Tcp)).unwrap(),
            "SUB",
        );
        for thousand in 0..50 {
            let said: Vec<Vec<u8>> = (0..1000)
                .map(|number| cancel(format!("{thousand} {number}")))
                .collect();
            raw.say(&said.concat());
        }
        ping(&mut raw);
        let (count, _) = drain(&publisher);
        assert!(count <= 10_000, "{count} events");
    }
}

// ---- more

#[test]
fn peers_that_connect_and_disconnect_over_and_over_are_told_of_each_time() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = xpub(&home).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let subscriber = subscriber(&home).build().unwrap();
        subscriber.subscribe("t").unwrap();
        for round in 0..50 {
            subscriber.connect(&here).unwrap();
            assert_eq!(told(&publisher), "+t", "{transport:?}, round {round}");
            publisher.send("t").unwrap();
            expect(&subscriber, "t");
            subscriber.disconnect(&here).unwrap();
            assert_eq!(told(&publisher), "-t", "{transport:?}, round {round}");
        }
        told_nothing(&publisher);
    }
}

/// A publisher that connects keeps what it has for its peer, but not what that wanted once.
#[test]
fn who_comes_back_wants_what_it_says_then_and_nothing_else() {
    for &transport in WIRE {
        let home = Home::new();
        let here = home.vacant(transport);
        let publisher = xpub(&home).build().unwrap();
        publisher.connect(&here).unwrap();
        for round in 0..5 {
            let subscriber = subscriber(&home).build().unwrap();
            subscriber.subscribe(format!("{round}.")).unwrap();
            until("the address is free", || subscriber.bind(&here).is_ok());
            if round > 0 {
                assert_eq!(told(&publisher), format!("-{}.", round - 1));
            }
            assert_eq!(told(&publisher), format!("+{round}."));
            let unwanted = publisher.stats().dropped.unwanted;
            for other in 0..round {
                publisher.send(format!("{other}.")).unwrap();
            }
            let stats = publisher.stats();
            assert_eq!(stats.dropped.unwanted - unwanted, round, "{stats:?}");
            publisher.send(format!("{round}.")).unwrap();
            expect(&subscriber, &format!("{round}."));
        }
    }
}

#[test]
fn only_the_first_frame_makes_subscriptions_if_so_set() {
    for &transport in WIRE {
        for only_first in [false, true] {
            let home = Home::new();
            let publisher = xpub(&home)
                .only_first_subscribe(only_first)
                .build()
                .unwrap();
            let mut raw = Raw::join(&publisher.bind(home.endpoint(transport)).unwrap(), "XSUB");
            let parts = |parts: &[&[u8]]| {
                let last = parts.len() - 1;
                let frames = parts.iter().enumerate();
                let frames = frames.map(|(at, part)| frame(u8::from(at < last), part));
                frames.collect::<Vec<_>>().concat()
            };
            raw.say(&parts(&[b"x", b"\x01A", b"y"]));
            if only_first {
                assert_eq!(told(&publisher), "=x|\u{1}A|y");
            } else {
                assert_eq!(told(&publisher), "+A");
                assert_eq!(told(&publisher), "=x|y");
            }
            raw.say(&parts(&[b"\x01B", b"\x01C"]));
            assert_eq!(told(&publisher), "+B");
            assert_eq!(told(&publisher), "+C");
            raw.say(&subscribe("D"));
            assert_eq!(told(&publisher), "+D");
        }
    }
}

#[test]
fn messages_go_to_those_who_do_not_match_if_inverted() {
    for &transport in ALL {
        let home = Home::new();
        let by_pub = publisher(&home).invert_matching(true).build().unwrap();
        let by_xpub = xpub(&home).invert_matching(true).build().unwrap();
        for publisher in [&by_pub as &dyn Inverts, &by_xpub] {
            let here = publisher.binds(&home.endpoint(transport));
            let [a, b] = ["a", "b"].map(|topic| {
                let subscriber = subscriber(&home).invert_matching(true).build().unwrap();
                subscriber.subscribe(topic).unwrap();
                subscriber.connect(&here).unwrap();
                subscriber
            });
            publisher.wait(2);
            for text in ["ab", "ba", "c", "b"] {
                publisher.sends(text);
            }
            for text in ["ba", "c", "b"] {
                expect(&a, text);
            }
            for text in ["ab", "c"] {
                expect(&b, text);
            }
            expect_nothing(&a);
            expect_nothing(&b);
        }
    }
}

trait Inverts {
    fn binds(&self, here: &str) -> zocket::Endpoint;
    fn wait(&self, count: usize);
    fn sends(&self, text: &str);
}

macro_rules! inverts {
    ($($socket:ty)*) => {$(
        impl Inverts for $socket {
            fn binds(&self, here: &str) -> zocket::Endpoint {
                self.bind(here).unwrap()
            }

            fn wait(&self, count: usize) {
                self.wait_for_subscribers(count, PATIENCE).unwrap();
            }

            fn sends(&self, text: &str) {
                self.send(text).unwrap();
            }
        }
    )*};
}

inverts!(zocket::Pub XPub);

// ---- the form for those who do not know the type

#[test]
fn a_raw_xpub_speaks_as_libzmq_does() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = topics::raw(&home, SocketType::XPub).build().unwrap();
        let peer = xsub(&home).build().unwrap();
        peer.connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        peer.subscribe("topic").unwrap();
        assert_eq!(publisher.recv_timeout(PATIENCE).unwrap(), "\x01topic");
        publisher.send(["topic", "text"]).unwrap();
        assert_eq!(peer.recv_timeout(PATIENCE).unwrap().len(), 2);
        peer.send(["user", "message"]).unwrap();
        let message = publisher.recv_timeout(PATIENCE).unwrap();
        assert_eq!(*message.frames(), ["user", "message"]);
        peer.unsubscribe("topic").unwrap();
        assert_eq!(publisher.recv_timeout(PATIENCE).unwrap(), "\x00topic");
        let refused = publisher.subscribe("x");
        assert_eq!(
            refused,
            Err(SubscribeError::NotASubscriber(SocketType::XPub)),
            "not in manual mode"
        );
        let publisher = XPub::try_from(publisher).unwrap();
        peer.subscribe("again").unwrap();
        assert_eq!(told(&publisher), "+again");
    }
}

#[test]
fn a_raw_manual_xpub_subscribes_for_the_peer_it_heard_last() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = topics::raw(&home, SocketType::XPub)
            .manual(true)
            .build()
            .unwrap();
        // Nobody was heard yet.
        publisher.subscribe("x").unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let [one, two] = ["1", "2"].map(|topic| {
            let peer = topics::raw(&home, SocketType::Sub).build().unwrap();
            peer.connect(&here).unwrap();
            peer.subscribe("").unwrap();
            assert_eq!(publisher.recv_timeout(PATIENCE).unwrap(), "\x01");
            publisher.subscribe(topic).unwrap();
            publisher.subscribe("both").unwrap();
            peer
        });
        publisher.wait_for_subscribers(2, PATIENCE).unwrap();
        for text in ["0", "1", "2", "both"] {
            publisher.send(text).unwrap();
        }
        for (peer, own) in [(&one, "1"), (&two, "2")] {
            assert_eq!(peer.recv_timeout(PATIENCE).unwrap(), own);
            assert_eq!(peer.recv_timeout(PATIENCE).unwrap(), "both");
        }
        one.unsubscribe("").unwrap();
        assert_eq!(publisher.recv_timeout(PATIENCE).unwrap(), "\x00");
        publisher.unsubscribe("1").unwrap();
        publisher.unsubscribe("both").unwrap();
        publisher.send("1").unwrap();
        publisher.send("both").unwrap();
        assert_eq!(two.recv_timeout(PATIENCE).unwrap(), "both");
        assert_eq!(one.try_recv(), Err(TryRecvError::Empty));
    }
}

// ---- tasks

#[test]
fn a_task_is_woken_by_what_a_subscriber_says() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = xpub(&home).build().unwrap();
        let peer = xsub(&home).build().unwrap();
        peer.connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        thread::scope(|scope| {
            let heard = scope
                .spawn(|| [(); 2].map(|()| as_text(&block_on(publisher.recv_async()).unwrap())));
            assert!(publisher.try_recv().is_err());
            peer.wait_for_peers(1, PATIENCE).unwrap();
            block_on(peer.send_async("\x01A")).unwrap();
            block_on(peer.send_async("text")).unwrap();
            assert_eq!(heard.join().unwrap(), ["+A", "=text"]);
            block_on(publisher.send_async("A!")).unwrap();
            assert_eq!(block_on(peer.recv_async()).unwrap(), "A!");
        });
    }
}

#[test]
fn a_task_that_may_drop_nothing_is_woken_when_there_is_room() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = xpub(&home).nodrop(true).send_hwm(2).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let [a, b] = ["a", "b"].map(|topic| {
            let subscriber = subscriber(&home).recv_hwm(2).build().unwrap();
            subscriber.subscribe(topic).unwrap();
            subscriber.connect(&here).unwrap();
            subscriber
        });
        publisher.wait_for_subscribers(2, PATIENCE).unwrap();
        const MANY: usize = 300;
        let text = |name: &str, number: usize| format!("{name}{number} {}", "x".repeat(50_000));
        thread::scope(|scope| {
            for (name, subscriber) in [("a", &a), ("b", &b)] {
                let publisher = &publisher;
                scope.spawn(move || {
                    for number in 0..MANY {
                        block_on(publisher.send_async(text(name, number))).unwrap();
                    }
                });
                scope.spawn(move || {
                    for number in 0..MANY {
                        let message = block_on(subscriber.recv_async()).unwrap();
                        assert_eq!(message, text(name, number));
                    }
                });
            }
        });
        assert_eq!(publisher.stats().dropped.total(), 0);
    }
}

#[test]
fn what_does_not_apply_is_refused() {
    let home = Home::new();
    let wrong = |built: Result<Socket, BuildError>| match built {
        Err(BuildError::Invalid(wrong)) => wrong.len(),
        other => panic!("{other:?}"),
    };
    for socket_type in [
        SocketType::Pub,
        SocketType::Sub,
        SocketType::XSub,
        SocketType::Push,
    ] {
        let builder = topics::raw(&home, socket_type)
            .verbose(true)
            .verboser(true)
            .manual(true)
            .manual_last_value(true)
            .welcome_message("x");
        assert_eq!(wrong(builder.build()), 5, "{socket_type}");
    }
    let builder = topics::raw(&home, SocketType::Sub)
        .nodrop(true)
        .max_subscriptions(1)
        .max_subscription_bytes(1)
        .only_first_subscribe(true)
        .verbose_unsubscribe(true);
    assert_eq!(wrong(builder.build()), 5);
    for socket_type in [SocketType::Pub, SocketType::Push, SocketType::Pair] {
        let socket = topics::raw(&home, socket_type).build().unwrap();
        let refused = Err(SubscribeError::NotASubscriber(socket_type));
        assert_eq!(socket.subscribe("x"), refused);
        assert_eq!(socket.unsubscribe("x"), refused);
    }
    let sub = topics::raw(&home, SocketType::Sub).build().unwrap();
    assert!(matches!(
        sub.try_send("x"),
        Err(TrySendError::WrongState(_))
    ));
    let publisher = topics::raw(&home, SocketType::Pub).build().unwrap();
    assert!(matches!(publisher.recv(), Err(RecvError::WrongState)));
}
