//! SUB: lets through what it has subscribed to, whatever its publishers send.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;
mod topics;

use std::thread;
use std::time::Duration;

use peer::Raw;
use support::{ALL, Home, PATIENCE, Transport, WIRE, until};
use topics::{expect, expect_nothing, frame, publisher, subscribe, subscriber};
use zocket::{Message, RecvError, Sub};

/// A SUB that is bound, and a publisher that sends whatever the test says.
fn with_raw_publisher(home: &Home, transport: Transport) -> (Sub, Raw) {
    let subscriber = subscriber(home).build().unwrap();
    let raw = Raw::join(&subscriber.bind(home.endpoint(transport)).unwrap(), "PUB");
    subscriber.wait_for_peers(1, PATIENCE).unwrap();
    (subscriber, raw)
}

#[test]
fn what_was_not_asked_for_is_passed_over_and_counted() {
    for &transport in WIRE {
        let home = Home::new();
        let (subscriber, mut raw) = with_raw_publisher(&home, transport);
        subscriber.subscribe("A").unwrap();
        subscriber.subscribe(b"\x00").unwrap();
        let wanted: [&[u8]; 3] = [b"A", b"Aok", b"\x00\x00"];
        let unwanted: [&[u8]; 4] = [b"zzz", b"", b"a", b"\x01"];
        for text in unwanted.iter().chain(&wanted).chain(&unwanted) {
            raw.say(&frame(0, text));
        }
        // Only the first frame counts.
        raw.say(&[frame(1, b"x"), frame(0, b"A")].concat());
        raw.say(&[frame(1, b"A"), frame(0, b"x")].concat());
        for text in wanted {
            assert_eq!(subscriber.recv_timeout(PATIENCE).unwrap(), text);
        }
        assert_eq!(
            *subscriber.recv_timeout(PATIENCE).unwrap().frames(),
            ["A", "x"]
        );
        assert_eq!(
            subscriber.recv_timeout(Duration::ZERO),
            Err(RecvError::Timeout)
        );
        let stats = subscriber.stats();
        assert_eq!(stats.discarded.filtered, 9, "{stats:?}");
        assert_eq!((stats.arrived.messages, stats.returned.messages), (13, 4));
    }
}

#[test]
fn however_much_is_passed_over_what_is_wanted_is_found() {
    const MANY: usize = 20_000;
    for &transport in WIRE {
        let home = Home::new();
        let (subscriber, mut raw) = with_raw_publisher(&home, transport);
        subscriber.subscribe("wanted").unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..3 {
                    raw.say(&frame(0, b"nobody asked").repeat(MANY));
                    raw.say(&frame(0, format!("wanted {round}").as_bytes()));
                }
            });
            expect(&subscriber, "wanted 0");
            until("it is found without waiting, too", || {
                subscriber
                    .try_recv()
                    .is_ok_and(|message| message == "wanted 1")
            });
            let last = subscriber.iter().next().unwrap();
            assert_eq!(last, "wanted 2");
        });
        assert_eq!(subscriber.stats().discarded.filtered, 3 * MANY as u64);
    }
}

#[test]
fn one_look_is_enough_to_find_what_is_wanted() {
    for &transport in WIRE {
        let home = Home::new();
        let (subscriber, mut raw) = with_raw_publisher(&home, transport);
        subscriber.subscribe("wanted").unwrap();
        raw.say(&frame(0, b"nobody asked").repeat(900));
        raw.say(&frame(0, b"wanted"));
        let (flags, subscription) = raw.next_frame();
        assert_eq!((flags, &*subscription), (4, &b"\x09SUBSCRIBEwanted"[..]));
        // It is counted before the socket is told; when the second of these is answered, it was.
        for _ in 0..2 {
            raw.say(b"\x04\x07\x04PING\0\0");
            assert_eq!(raw.next_frame(), (4, b"\x04PONG".to_vec()));
        }
        assert_eq!(subscriber.stats().arrived.messages, 901);
        assert_eq!(subscriber.try_recv().unwrap(), "wanted");
    }
}

#[test]
fn what_was_on_its_way_when_its_topic_was_taken_back_is_not_received() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = publisher(&home).build().unwrap();
        let subscriber = subscriber(&home).build().unwrap();
        subscriber
            .connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        subscriber.subscribe("A").unwrap();
        subscriber.subscribe("B").unwrap();
        topics::settle(&publisher, &subscriber);
        for text in ["A1", "B1", "A2", "B2"] {
            publisher.send(text).unwrap();
        }
        expect(&subscriber, "A1");
        subscriber.unsubscribe("A").unwrap();
        expect(&subscriber, "B1");
        expect(&subscriber, "B2");
        expect_nothing(&subscriber);
    }
}

#[test]
fn whoever_waits_is_not_woken_up_for_what_was_not_asked_for() {
    for &transport in WIRE {
        let home = Home::new();
        let (subscriber, mut raw) = with_raw_publisher(&home, transport);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| subscriber.recv_timeout(PATIENCE).unwrap());
            for _ in 0..100 {
                raw.say(&frame(0, b"unwanted"));
            }
            until("they are passed over", || {
                subscriber.stats().discarded.filtered == 100
            });
            assert!(!waiting.is_finished());
            // A subscription is in force for what comes after it.
            subscriber.subscribe("w").unwrap();
            assert_eq!(raw.listen(13), subscribe("w"));
            raw.say(&frame(0, b"wanted"));
            assert_eq!(waiting.join().unwrap(), "wanted");
        });
    }
}

#[test]
fn inverted_it_lets_through_what_does_not_match() {
    for &transport in WIRE {
        let home = Home::new();
        let subscriber = subscriber(&home).invert_matching(true).build().unwrap();
        subscriber.subscribe("no").unwrap();
        let here = subscriber.bind(home.endpoint(transport)).unwrap();
        let mut raw = Raw::join(&here, "PUB");
        for text in ["no", "yes", "nothing", "n"] {
            raw.say(&frame(0, text.as_bytes()));
        }
        expect(&subscriber, "yes");
        expect(&subscriber, "n");
        expect_nothing(&subscriber);
    }
}

#[test]
fn publishers_take_turns() {
    for &transport in ALL {
        let home = Home::new();
        let subscriber = subscriber(&home).build().unwrap();
        subscriber.subscribe("").unwrap();
        let here = subscriber.bind(home.endpoint(transport)).unwrap();
        let publishers: Vec<_> = (0..3)
            .map(|_| {
                let publisher = publisher(&home).build().unwrap();
                publisher.connect(&here).unwrap();
                publisher.wait_for_subscribers(1, PATIENCE).unwrap();
                publisher
            })
            .collect();
        for (name, publisher) in publishers.iter().enumerate() {
            for _ in 0..100 {
                publisher.send(name.to_string()).unwrap();
            }
        }
        until("all is there", || {
            subscriber.stats().arrived.messages == 300
        });
        for _ in 0..100 {
            let mut turn: Vec<Message> = (0..3)
                .map(|_| subscriber.recv_timeout(PATIENCE).unwrap())
                .collect();
            turn.sort_by_key(|message| message.first().to_vec());
            assert!(
                turn.iter().zip(["0", "1", "2"]).all(|(a, b)| *a == b),
                "{turn:?}"
            );
        }
    }
}
