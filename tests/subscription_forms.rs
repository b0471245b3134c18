//! Subscriptions on the wire: publishers take both forms from anybody, subscribers speak the one
//! that the publisher's version knows, and topics of every length are framed as they should.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;
mod topics;

use peer::{Raw, vector};
use support::{Home, PATIENCE, QUIET, Transport, WIRE};
use topics::{
    cancel, frame, in_message, publisher, subscribe, subscriber, told, told_nothing, xpub, xsub,
};
use zocket::{Endpoint, SocketType, Upstream};

/// Around the limits of one byte of length for a message with one byte before the topic, and for
/// the two commands, and around the limits of two bytes.
const LENGTHS: [usize; 12] = [0, 1, 245, 246, 248, 249, 253, 254, 255, 256, 65_535, 65_536];

fn topic(length: usize) -> Vec<u8> {
    vec![b't'; length]
}

fn join(endpoint: &Endpoint, socket_type: &str, minor: u8) -> Raw {
    match minor {
        0 => Raw::join_3_0(endpoint, socket_type),
        _ => Raw::join(endpoint, socket_type),
    }
}

#[test]
fn a_publisher_takes_both_forms_from_anybody() {
    for &transport in WIRE {
        for minor in [0, 1] {
            for socket_type in ["SUB", "XSUB"] {
                let home = Home::new();
                let publisher = publisher(&home).build().unwrap();
                let here = publisher.bind(home.endpoint(transport)).unwrap();
                for subscribes in [subscribe("A"), in_message(true, "A")] {
                    for cancels in [cancel("A"), in_message(false, "A")] {
                        let mut raw = join(&here, socket_type, minor);
                        raw.say(&subscribes);
                        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
                        publisher.send("B").unwrap();
                        publisher.send("AB").unwrap();
                        assert_eq!(raw.listen(4), frame(0, b"AB"));
                        raw.say(&cancels);
                        topics::Publishes::until_subscribers(&publisher, 0);
                        publisher.send("AB").unwrap();
                        raw.say(&subscribes);
                        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
                        publisher.send("AC").unwrap();
                        assert_eq!(raw.listen(4), frame(0, b"AC"), "what was cancelled came");
                        drop(raw);
                        topics::Publishes::until_subscribers(&publisher, 0);
                    }
                }
            }
        }
    }
}

#[test]
fn an_xpub_tells_of_both_forms_alike() {
    for &transport in WIRE {
        for minor in [0, 1] {
            let home = Home::new();
            let publisher = xpub(&home).build().unwrap();
            let mut raw = join(
                &publisher.bind(home.endpoint(transport)).unwrap(),
                "SUB",
                minor,
            );
            raw.say(&vector(&format!("xpub_accepts_both_forms_from_3_{minor}")));
            let heard: Vec<String> = (0..4).map(|_| told(&publisher)).collect();
            assert_eq!(heard, ["+cmd.", "+msg.", "+gone.", "-gone."]);
        }
    }
}

#[test]
fn recorded_subscribers_are_understood() {
    for &transport in WIRE {
        for (name, expected) in [
            ("subscribe_A_to_3_1", &["+A"][..]),
            ("subscribe_empty_to_3_1", &["+"]),
            ("subscribe_cancel_to_3_1", &["+topic", "-topic"]),
            ("subscribe_twice_cancel_once_to_3_1", &["+A"]),
            ("subscribe_twice_cancel_twice_to_3_1", &["+A", "-A"]),
            (
                "subscriptions_queued_before_handshake_3_1",
                &["+b", "+a", "+ab", "+"],
            ),
            (
                "subscriptions_before_connect_3_1",
                &["+", "+a", "+ab", "+b"],
            ),
            ("subscribe_A_to_3_0", &["+A"]),
            ("subscribe_empty_to_3_0", &["+"]),
            ("subscribe_cancel_to_3_0", &["+topic", "-topic"]),
            ("subscribe_twice_cancel_once_to_3_0", &["+A"]),
            ("subscribe_twice_cancel_twice_to_3_0", &["+A", "-A"]),
            (
                "subscriptions_queued_before_handshake_3_0",
                &["+b", "+a", "+ab", "+"],
            ),
            (
                "xsub_user_messages_to_3_1",
                &["+A", "=hello up", "-A", "+B"],
            ),
            ("xpub_duplicate_subscription", &["+A", "-A"]),
            ("viol_message_to_xpub", &["=hi", "="]),
            // A frame of several that begins with 1 subscribes, too.
            ("xpub_subscribe_in_later_part", &["+T", "+U", "=x"]),
            ("xpub_cancel_unknown", &["-never", "+", "-"]),
        ] {
            let home = Home::new();
            let publisher = xpub(&home).build().unwrap();
            let mut raw = Raw::join(&publisher.bind(home.endpoint(transport)).unwrap(), "XSUB");
            raw.say(&vector(name));
            let mut heard = Vec::new();
            for _ in expected {
                heard.push(told(&publisher));
            }
            assert_eq!(heard, expected, "{name}");
            raw.say(&subscribe("last"));
            assert_eq!(told(&publisher), "+last", "{name}");
        }
    }
}

#[test]
fn messages_to_a_pub_are_discarded_and_counted() {
    for &transport in WIRE {
        let home = Home::new();
        let publisher = publisher(&home).build().unwrap();
        let mut raw = Raw::join(&publisher.bind(home.endpoint(transport)).unwrap(), "SUB");
        raw.say(&vector("viol_message_to_pub"));
        raw.say(&in_message(true, "a"));
        raw.say(&subscribe("b"));
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        support::until("all is counted", || {
            publisher.stats().discarded.subscriptions == 1
        });
        let stats = publisher.stats();
        assert_eq!(stats.discarded.unexpected, 3, "{stats:?}");
        assert_eq!(stats.arrived.messages, 4);
        publisher.send("a").unwrap();
        assert_eq!(raw.listen(3), frame(0, b"a"));
    }
}

#[test]
fn what_is_published_is_framed_as_recorded() {
    for &transport in WIRE {
        let home = Home::new();
        let publisher = publisher(&home).build().unwrap();
        let mut raw = Raw::join(&publisher.bind(home.endpoint(transport)).unwrap(), "SUB");
        raw.say(&subscribe("ab"));
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        publisher.send(["abc", "zz"]).unwrap();
        publisher.send(["zz", "ab"]).unwrap();
        publisher.send(["ab", ""]).unwrap();
        let expected = vector("pub_multipart_prefix");
        assert_eq!(raw.listen(expected.len()), expected);
    }
}

#[test]
fn topics_of_all_lengths_are_understood_in_both_forms() {
    for &transport in WIRE {
        for minor in [0, 1] {
            let home = Home::new();
            let publisher = xpub(&home).build().unwrap();
            let here = publisher.bind(home.endpoint(transport)).unwrap();
            let mut raw = join(&here, "SUB", minor);
            for length in LENGTHS {
                for say in [subscribe, |topic| in_message(true, topic)] {
                    raw.say(&say(topic(length)));
                    match publisher.recv_timeout(PATIENCE).unwrap() {
                        Upstream::Subscribe(told) => assert_eq!(*told, *topic(length)),
                        other => panic!("{other:?}"),
                    }
                    let message = [topic(length), b"!".to_vec()].concat();
                    publisher.send(message.as_slice()).unwrap();
                    let expected = frame(0, &message);
                    assert_eq!(raw.listen(expected.len()), expected);
                    raw.say(&match length % 2 {
                        0 => cancel(topic(length)),
                        _ => in_message(false, topic(length)),
                    });
                    match publisher.recv_timeout(PATIENCE).unwrap() {
                        Upstream::Unsubscribe(told) => assert_eq!(*told, *topic(length)),
                        other => panic!("{other:?}"),
                    }
                }
            }
        }
    }
}

#[test]
fn a_topic_may_have_a_mebibyte_and_no_more() {
    const MOST: usize = 1 << 20;
    for &transport in WIRE {
        let home = Home::new();
        let publisher = xpub(&home).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let mut raw = Raw::join(&here, "SUB");
        raw.say(&subscribe(topic(MOST)));
        match publisher.recv_timeout(PATIENCE).unwrap() {
            Upstream::Subscribe(told) => assert_eq!(told.len(), MOST),
            other => panic!("{other:?}"),
        }
        raw.say(&cancel(topic(MOST)));
        match publisher.recv_timeout(PATIENCE).unwrap() {
            Upstream::Unsubscribe(told) => assert_eq!(told.len(), MOST),
            other => panic!("{other:?}"),
        }
        raw.say(&subscribe("short"));
        assert_eq!(told(&publisher), "+short");
        // Its length is enough to end it.
        raw.say(&subscribe(topic(MOST + 1))[..20]);
        assert!(raw.is_closed_within(PATIENCE));
        assert_eq!(told(&publisher), "-short");
    }
}

/// A SUB or XSUB that is bound, and a scripted publisher that has joined it.
fn with_raw_publisher(
    home: &Home,
    transport: Transport,
    socket_type: SocketType,
    minor: u8,
) -> (zocket::Socket, Raw) {
    let subscriber = topics::raw(home, socket_type).build().unwrap();
    let here = subscriber.bind(home.endpoint(transport)).unwrap();
    let raw = join(&here, "PUB", minor);
    subscriber.wait_for_peers(1, PATIENCE).unwrap();
    (subscriber, raw)
}

#[test]
fn a_subscriber_speaks_the_form_of_its_publisher() {
    for &transport in WIRE {
        for socket_type in [SocketType::Sub, SocketType::XSub] {
            for minor in [0, 1] {
                let home = Home::new();
                let (subscriber, mut raw) =
                    with_raw_publisher(&home, transport, socket_type, minor);
                let mut says = |name: &str| {
                    let expected = vector(&format!("{name}_to_3_{minor}"));
                    assert_eq!(raw.listen(expected.len()), expected, "{socket_type} {name}");
                };
                subscriber.subscribe("A").unwrap();
                says("subscribe_A");
                subscriber.subscribe("").unwrap();
                says("subscribe_empty");
                subscriber.subscribe("topic").unwrap();
                subscriber.unsubscribe("topic").unwrap();
                says("subscribe_cancel");
                subscriber.unsubscribe("A").unwrap();
                subscriber.unsubscribe("unknown").unwrap();
                subscriber.subscribe("A").unwrap();
                subscriber.subscribe("A").unwrap();
                subscriber.unsubscribe("A").unwrap();
                let last = match minor {
                    0 => in_message(false, "A"),
                    _ => cancel("A"),
                };
                let twice = vector(&format!("subscribe_twice_cancel_once_to_3_{minor}"));
                let expected = [last, twice].concat();
                assert_eq!(raw.listen(expected.len()), expected);
                raw.say(&frame(0, b"AB"));
                assert_eq!(subscriber.recv_timeout(PATIENCE).unwrap(), "AB");
            }
        }
    }
}

#[test]
fn topics_of_all_lengths_are_framed_in_both_forms() {
    for &transport in WIRE {
        for minor in [0, 1] {
            let home = Home::new();
            let (subscriber, mut raw) =
                with_raw_publisher(&home, transport, SocketType::Sub, minor);
            for length in LENGTHS {
                let topic = topic(length);
                let (begin, end) = match minor {
                    0 => (in_message(true, &topic), in_message(false, &topic)),
                    _ => (subscribe(&topic), cancel(&topic)),
                };
                subscriber.subscribe(&topic).unwrap();
                assert_eq!(raw.listen(begin.len()), begin, "{length} to 3.{minor}");
                raw.say(&frame(0, &topic));
                let message = subscriber.recv_timeout(PATIENCE).unwrap();
                assert_eq!(message.first()[..], topic[..]);
                subscriber.unsubscribe(&topic).unwrap();
                assert_eq!(raw.listen(end.len()), end, "{length} to 3.{minor}");
            }
        }
    }
}

/// As recorded, but for the one length at which the recorded peer breaks the protocol.
#[test]
fn long_topics_are_framed_as_recorded() {
    for length in [245, 246, 254, 255, 256] {
        for minor in [0, 1] {
            let home = Home::new();
            let (subscriber, mut raw) =
                with_raw_publisher(&home, Transport::Tcp, SocketType::Sub, minor);
            let mut expected = vector(&format!("subscribe_{length}_to_3_{minor}"));
            if (length, minor) == (255, 0) {
                assert_eq!(
                    expected[0], 0,
                    "eight bytes of length, and no flag for them"
                );
                expected[0] = 2;
            }
            subscriber.subscribe(topic(length)).unwrap();
            assert_eq!(
                raw.listen(expected.len()),
                expected,
                "{length} to 3.{minor}"
            );
        }
    }
}

#[test]
fn all_is_told_once_the_handshake_is_complete_and_again_after_a_reconnect() {
    for &transport in WIRE {
        for minor in [0, 1] {
            let home = Home::new();
            let subscriber = subscriber(&home).build().unwrap();
            for topic in ["b", "a", "a", "ab", "", "gone"] {
                subscriber.subscribe(topic).unwrap();
            }
            subscriber.unsubscribe("gone").unwrap();
            let here = subscriber.bind(home.endpoint(transport)).unwrap();
            // In the order of their bytes, each once.
            let mut raw = join(&here, "XPUB", minor);
            let expected = vector(&format!("subscriptions_before_connect_3_{minor}"));
            assert_eq!(raw.listen(expected.len()), expected);
            drop(raw);
            subscriber.unsubscribe("ab").unwrap();
            let mut raw = join(&here, "PUB", minor);
            let expected = vector(&format!("subscriptions_after_reconnect_3_{minor}"));
            assert_eq!(raw.listen(expected.len()), expected);
            // Nothing is left over.
            subscriber.subscribe("next").unwrap();
            let next = match minor {
                0 => in_message(true, "next"),
                _ => subscribe("next"),
            };
            assert_eq!(raw.listen(next.len()), next);
        }
    }
}

#[test]
fn each_publisher_is_told_in_its_own_form() {
    let home = Home::new();
    let subscriber = subscriber(&home).build().unwrap();
    let here = subscriber.bind(home.endpoint(Transport::Tcp)).unwrap();
    let mut old = join(&here, "PUB", 0);
    let mut new = join(&here, "PUB", 1);
    subscriber.wait_for_peers(2, PATIENCE).unwrap();
    for topic in ["one", "two"] {
        subscriber.subscribe(topic).unwrap();
        assert_eq!(old.listen(6), in_message(true, topic));
        assert_eq!(new.listen(15), subscribe(topic));
    }
}

#[test]
fn an_xsub_sends_what_is_no_subscription_as_it_is() {
    for &transport in WIRE {
        for minor in [0, 1] {
            let home = Home::new();
            let subscriber = xsub(&home).build().unwrap();
            let here = subscriber.bind(home.endpoint(transport)).unwrap();
            let mut raw = join(&here, "XPUB", minor);
            subscriber.wait_for_peers(1, PATIENCE).unwrap();
            subscriber.send("hello up").unwrap();
            subscriber.send(["\x02x", ""]).unwrap();
            subscriber.send("").unwrap();
            let expected = [
                frame(0, b"hello up"),
                frame(peer::MORE, b"\x02x"),
                frame(0, b""),
                frame(0, b""),
            ]
            .concat();
            assert_eq!(raw.listen(expected.len()), expected);
            subscriber.send("\x01A").unwrap();
            subscriber.send("\x00A").unwrap();
            let expected = match minor {
                0 => [in_message(true, "A"), in_message(false, "A")],
                _ => [subscribe("A"), cancel("A")],
            }
            .concat();
            assert_eq!(raw.listen(expected.len()), expected);
        }
    }
}

#[test]
fn commands_that_are_for_publishers_are_nothing_to_others() {
    for (socket_type, other) in [
        (SocketType::Pull, "PUSH"),
        (SocketType::Dealer, "ROUTER"),
        (SocketType::Pair, "PAIR"),
        (SocketType::Sub, "PUB"),
    ] {
        let home = Home::new();
        let socket = topics::raw(&home, socket_type).build().unwrap();
        if socket_type == SocketType::Sub {
            socket.subscribe("h").unwrap();
        }
        let here = socket.bind(home.endpoint(Transport::Tcp)).unwrap();
        let mut raw = Raw::join(&here, other);
        raw.say(&[subscribe("A"), cancel("A"), frame(0, b"hi")].concat());
        assert_eq!(socket.recv_timeout(PATIENCE).unwrap(), "hi");
    }
}

#[test]
fn a_command_with_more_ends_the_connection_and_nothing_else() {
    for &transport in WIRE {
        let home = Home::new();
        let publisher = xpub(&home).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let mut good = Raw::join(&here, "SUB");
        good.say(&subscribe("good"));
        assert_eq!(told(&publisher), "+good");
        let mut bad = Raw::join(&here, "SUB");
        bad.say(&vector("xpub_subscribe_with_more"));
        assert!(bad.is_closed_within(PATIENCE));
        let mut late = Raw::join(&here, "SUB");
        let with_more = vector("xpub_subscribe_with_more");
        late.say(&[subscribe("late"), with_more, subscribe("never")].concat());
        assert_eq!(told(&publisher), "+late", "what came before it is good");
        assert!(late.is_closed_within(PATIENCE));
        assert_eq!(told(&publisher), "-late");
        told_nothing(&publisher);
        publisher.send("good news").unwrap();
        assert_eq!(good.listen(11), frame(0, b"good news"));
        assert!(!good.is_closed_within(QUIET));
    }
}
