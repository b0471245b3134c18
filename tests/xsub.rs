//! XSUB: subscribes by what it sends, passes everything else on, and takes whatever comes.
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
use support::{ALL, Home, PATIENCE, QUIET, Transport, WIRE, until};
use topics::{
    Publishes, cancel, expect, frame, publisher, settle, subscribe, subscriber, told, told_nothing,
    xpub, xsub,
};
use zocket::{Message, RecvError, SocketType, TryRecvError, Upstream, XPub, XSub};

fn joined(home: &Home, transport: Transport) -> (XPub, XSub) {
    let publisher = xpub(home).verboser(true).build().unwrap();
    let subscriber = xsub(home).build().unwrap();
    subscriber
        .connect(publisher.bind(home.endpoint(transport)).unwrap())
        .unwrap();
    subscriber.wait_for_peers(1, PATIENCE).unwrap();
    (publisher, subscriber)
}

#[test]
fn it_subscribes_by_what_it_sends() {
    for &transport in ALL {
        let home = Home::new();
        let (publisher, subscriber) = joined(&home, transport);
        subscriber.send("\x01A").unwrap();
        assert_eq!(told(&publisher), "+A");
        subscriber.send_timeout("\x01", PATIENCE).unwrap();
        assert_eq!(told(&publisher), "+");
        subscriber.try_send("\x00").unwrap();
        assert_eq!(told(&publisher), "-");
        publisher.send("A1").unwrap();
        publisher.send("B1").unwrap();
        assert_eq!(subscriber.recv_timeout(PATIENCE).unwrap(), "A1");
        subscriber.send("\x00A").unwrap();
        assert_eq!(told(&publisher), "-A");
        publisher.send("A2").unwrap();
        assert_eq!(subscriber.recv_timeout(QUIET), Err(RecvError::Timeout));
        assert_eq!(
            subscriber.stats().accepted.messages,
            0,
            "none of them was a message"
        );
    }
}

#[test]
fn both_ways_to_subscribe_count_together() {
    for &transport in ALL {
        let home = Home::new();
        let (publisher, subscriber) = joined(&home, transport);
        subscriber.send("\x01A").unwrap();
        subscriber.subscribe("A").unwrap();
        assert_eq!(told(&publisher), "+A");
        assert_eq!(told(&publisher), "+A");
        subscriber.unsubscribe("A").unwrap();
        subscriber.send("\x00B").unwrap();
        told_nothing(&publisher);
        subscriber.send("\x00A").unwrap();
        assert_eq!(told(&publisher), "-A");
    }
}

#[test]
fn every_one_that_is_taken_back_is_told_if_so_set() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = xpub(&home).verboser(true).build().unwrap();
        let subscriber = xsub(&home).verbose_unsubscribe(true).build().unwrap();
        subscriber
            .connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        subscriber.wait_for_peers(1, PATIENCE).unwrap();
        for what in [
            "\x01A", "\x01A", "\x01B", "\x00A", "\x00A", "\x00A", "\x00C", "\x00B",
        ] {
            subscriber.send(what).unwrap();
        }
        for expected in ["+A", "+A", "+B", "-A", "-A", "-B"] {
            assert_eq!(told(&publisher), expected);
        }
        told_nothing(&publisher);
    }
}

#[test]
fn what_it_sends_else_goes_to_every_publisher() {
    let home = Home::new();
    let subscriber = xsub(&home).build().unwrap();
    let publishers: Vec<XPub> = ALL
        .iter()
        .map(|&transport| {
            let publisher = xpub(&home).build().unwrap();
            subscriber
                .connect(publisher.bind(home.endpoint(transport)).unwrap())
                .unwrap();
            publisher
        })
        .collect();
    subscriber.wait_for_peers(ALL.len(), PATIENCE).unwrap();
    let messages: [Message; 4] = [
        Message::from("text"),
        Message::new(),
        ["more", "", "frames"].into_iter().collect(),
        Message::from("\x02not a subscription"),
    ];
    for message in &messages {
        subscriber.send(message.clone()).unwrap();
    }
    for publisher in &publishers {
        for message in &messages {
            match publisher.recv_timeout(PATIENCE).unwrap() {
                Upstream::Message(heard) => assert_eq!(&heard, message),
                other => panic!("{other:?}"),
            }
        }
    }
    let accepted = subscriber.stats().accepted.messages;
    assert_eq!(accepted, (messages.len() * publishers.len()) as u64);
}

#[test]
fn a_pub_discards_and_counts_messages() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = publisher(&home).build().unwrap();
        let subscriber = xsub(&home).build().unwrap();
        subscriber
            .connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        subscriber.wait_for_peers(1, PATIENCE).unwrap();
        for _ in 0..5000 {
            until("there is room", || {
                let full = subscriber.stats().dropped.full;
                subscriber.send(["for", "nobody"]).unwrap();
                subscriber.stats().dropped.full == full
            });
        }
        until("all is counted", || {
            publisher.stats().discarded.unexpected >= 5000
        });
        // It does not hold anything up.
        subscriber.subscribe("A").unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        publisher.send("A").unwrap();
        assert_eq!(subscriber.recv_timeout(PATIENCE).unwrap(), "A");
        until("nothing is on its way", || {
            publisher.stats().recv_queue.messages == 0
        });
        let stats = publisher.stats();
        assert_eq!(stats.arrived.messages, stats.discarded.total(), "{stats:?}");
    }
}

#[test]
fn a_publisher_without_room_misses_messages_but_no_subscription() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = xpub(&home).recv_hwm(5).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let subscriber = xsub(&home).send_hwm(5).build().unwrap();
        subscriber.connect(&here).unwrap();
        subscriber.wait_for_peers(1, PATIENCE).unwrap();
        let large = vec![b'x'; 100_000];
        while subscriber.stats().dropped.full < 10 {
            subscriber.send(large.as_slice()).unwrap();
        }
        for number in 0..5000 {
            subscriber.subscribe(number.to_string()).unwrap();
        }
        let (mut messages, mut subscriptions) = (0, 0);
        while subscriptions < 5000 {
            match publisher.recv_timeout(PATIENCE).unwrap() {
                Upstream::Message(_) => messages += 1,
                Upstream::Subscribe(_) => subscriptions += 1,
                other => panic!("{other:?}"),
            }
        }
        let stats = subscriber.stats();
        assert!(messages <= stats.accepted.messages - stats.dropped.full);
        assert!(messages > 0);
    }
}

#[test]
fn without_a_publisher_what_is_sent_is_for_nobody() {
    let home = Home::new();
    let subscriber = xsub(&home).build().unwrap();
    subscriber.send("nobody").unwrap();
    subscriber.send("\x01A").unwrap();
    let stats = subscriber.stats();
    assert_eq!((stats.accepted.messages, stats.dropped.unwanted), (1, 1));
    // The subscription is for whoever comes.
    let publisher = xpub(&home).build().unwrap();
    let here = publisher.bind(home.endpoint(Transport::Tcp)).unwrap();
    subscriber.connect(here).unwrap();
    assert_eq!(told(&publisher), "+A");
}

#[test]
fn frames_are_looked_through_for_subscriptions_unless_the_first_decides() {
    for &transport in ALL {
        for only_first in [false, true] {
            let home = Home::new();
            let publisher = xpub(&home).only_first_subscribe(true).build().unwrap();
            let subscriber = xsub(&home)
                .only_first_subscribe(only_first)
                .build()
                .unwrap();
            subscriber
                .connect(publisher.bind(home.endpoint(transport)).unwrap())
                .unwrap();
            subscriber.wait_for_peers(1, PATIENCE).unwrap();
            subscriber.send(["x", "\x01A", "y"]).unwrap();
            let mut heard = vec![told(&publisher)];
            if !only_first {
                heard.push(told(&publisher));
                heard.sort();
                assert_eq!(heard, ["+A", "=x|y"]);
            } else {
                assert_eq!(heard, ["=x|\u{1}A|y"]);
            }
            subscriber.send(["\x01B", "\x01C"]).unwrap();
            assert_eq!(told(&publisher), "+B");
            assert_eq!(told(&publisher), "+C");
        }
    }
}

#[test]
fn it_takes_what_it_has_not_asked_for_and_a_sub_does_not() {
    for &transport in WIRE {
        let home = Home::new();
        let xsub = xsub(&home).build().unwrap();
        let sub = subscriber(&home).build().unwrap();
        xsub.subscribe("A").unwrap();
        sub.subscribe("A").unwrap();
        for (here, takes_all) in [
            (xsub.bind(home.endpoint(transport)).unwrap(), true),
            (sub.bind(home.endpoint(transport)).unwrap(), false),
        ] {
            let mut raw = Raw::join(&here, "PUB");
            raw.say(&[frame(0, b"zzz"), frame(0, b""), frame(0, b"Aok")].concat());
            let expected: &[&str] = if takes_all {
                &["zzz", "", "Aok"]
            } else {
                &["Aok"]
            };
            for text in expected {
                let message = if takes_all {
                    xsub.recv_timeout(PATIENCE).unwrap()
                } else {
                    sub.recv_timeout(PATIENCE).unwrap()
                };
                assert_eq!(message, *text);
            }
        }
        assert_eq!(xsub.stats().discarded.filtered, 0);
        assert_eq!(sub.stats().discarded.filtered, 2);
    }
}

/// As a program would write it that knows of no proxy.
#[test]
fn a_forwarder_by_hand_passes_subscriptions_up_and_messages_down() {
    for &transport in ALL {
        let home = Home::new();
        let front = xsub(&home).build().unwrap();
        let back = xpub(&home).build().unwrap();
        let front_here = front.bind(home.endpoint(transport)).unwrap();
        let back_here = back.bind(home.endpoint(transport)).unwrap();
        let publisher = publisher(&home).build().unwrap();
        publisher.connect(&front_here).unwrap();
        let subscriber = subscriber(&home).build().unwrap();
        subscriber.connect(&back_here).unwrap();

        subscriber.subscribe("A").unwrap();
        match back.recv_timeout(PATIENCE).unwrap() {
            Upstream::Subscribe(topic) => front.send([b"\x01", &*topic].concat()).unwrap(),
            other => panic!("{other:?}"),
        }
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        publisher.send("B").unwrap();
        publisher.send(["A", "text"]).unwrap();
        back.send(front.recv_timeout(PATIENCE).unwrap()).unwrap();
        assert_eq!(
            *subscriber.recv_timeout(PATIENCE).unwrap().frames(),
            ["A", "text"]
        );
        assert_eq!(front.try_recv(), Err(TryRecvError::Empty), "B came");

        subscriber.unsubscribe("A").unwrap();
        match back.recv_timeout(PATIENCE).unwrap() {
            Upstream::Unsubscribe(topic) => front.unsubscribe(&*topic).unwrap(),
            other => panic!("{other:?}"),
        }
        publisher.until_subscribers(0);
    }
}

/// The same with sockets that speak raw messages: nothing has to be looked into.
#[test]
fn a_forwarder_of_raw_messages_needs_to_know_nothing() {
    for &transport in ALL {
        let home = Home::new();
        let front = topics::raw(&home, SocketType::XSub).build().unwrap();
        let back = topics::raw(&home, SocketType::XPub).build().unwrap();
        let publisher = publisher(&home).send_hwm(0).build().unwrap();
        publisher
            .connect(front.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        let subscriber = subscriber(&home).recv_hwm(0).build().unwrap();
        subscriber
            .connect(back.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                for message in front.iter() {
                    if back.send(message).is_err() {
                        break;
                    }
                }
            });
            scope.spawn(|| {
                for message in back.iter() {
                    if front.send(message).is_err() {
                        break;
                    }
                }
            });
            subscriber.subscribe("A").unwrap();
            settle(&publisher, &subscriber);
            for number in 0..500 {
                publisher.send(format!("A{number}")).unwrap();
                expect(&subscriber, &format!("A{number}"));
            }
            subscriber.unsubscribe("A").unwrap();
            publisher.until_subscribers(0);
            front.close().unwrap();
            back.close().unwrap();
        });
    }
}

#[test]
fn subscriptions_reach_a_publisher_that_comes_later_in_one_piece() {
    for &transport in WIRE {
        let home = Home::new();
        let subscriber = xsub(&home).verbose_unsubscribe(true).build().unwrap();
        for what in ["\x01A", "\x01A", "\x01B", "\x01C", "\x00B", "\x00A"] {
            subscriber.send(what).unwrap();
        }
        let here = subscriber.bind(home.endpoint(transport)).unwrap();
        let mut raw = Raw::join(&here, "XPUB");
        let expected = [subscribe("A"), subscribe("C")].concat();
        assert_eq!(raw.listen(expected.len()), expected);
        subscriber.send("\x00A").unwrap();
        assert_eq!(raw.listen(10), cancel("A"));
    }
}

#[test]
fn a_send_after_the_end_gives_the_message_back() {
    let home = Home::new();
    let subscriber = xsub(&home).build().unwrap();
    subscriber.close().unwrap();
    for message in ["\x01A", "text"] {
        let back = subscriber.send(message).unwrap_err().into_message();
        assert_eq!(back, message);
        let back = subscriber
            .send_timeout(message, Duration::ZERO)
            .unwrap_err()
            .into_message();
        assert_eq!(back, message);
    }
}
