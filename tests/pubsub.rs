//! PUB and SUB: to each subscriber a copy of what begins with something it has subscribed to.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod peer;
mod support;
mod topics;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use peer::Raw;
use support::{ALL, Home, PATIENCE, QUIET, Transport, WIRE, until};
use topics::{
    Publishes, expect, expect_nothing, frame, publisher, settle, subscribe, subscriber, told,
    told_nothing, xpub, xsub,
};
use zocket::{Message, Pub, RecvError, Sub, SubscribeError, Upstream, WaitError};

/// A PUB that is bound and a SUB that is connected to it.
fn joined(home: &Home, transport: Transport) -> (Pub, Sub) {
    let publisher = publisher(home).send_hwm(0).build().unwrap();
    let subscriber = subscriber(home).recv_hwm(0).build().unwrap();
    subscriber
        .connect(publisher.bind(home.endpoint(transport)).unwrap())
        .unwrap();
    publisher.wait_for_peers(1, PATIENCE).unwrap();
    (publisher, subscriber)
}

#[test]
fn either_side_may_bind_and_either_may_come_first() {
    for &transport in ALL {
        for publisher_binds in [true, false] {
            for binder_first in [true, false] {
                let home = Home::new();
                let publisher = publisher(&home).build().unwrap();
                let subscriber = subscriber(&home).build().unwrap();
                subscriber.subscribe("news").unwrap();
                let here = home.vacant(transport);
                for bind in [binder_first, !binder_first] {
                    match (bind, bind == publisher_binds) {
                        (true, true) => drop(publisher.bind(&here).unwrap()),
                        (true, false) => drop(subscriber.bind(&here).unwrap()),
                        (false, true) => drop(publisher.connect(&here).unwrap()),
                        (false, false) => drop(subscriber.connect(&here).unwrap()),
                    }
                }
                publisher.wait_for_subscribers(1, PATIENCE).unwrap();
                publisher.send("old").unwrap();
                publisher.send("news!").unwrap();
                expect(&subscriber, "news!");
                expect_nothing(&subscriber);
            }
        }
    }
}

#[test]
fn the_first_frame_decides_by_its_beginning() {
    for &transport in ALL {
        let home = Home::new();
        let (publisher, subscriber) = joined(&home, transport);
        subscriber.subscribe("ab").unwrap();
        subscriber.subscribe(b"\x00\xff").unwrap();
        settle(&publisher, &subscriber);
        let wanted: [Message; 4] = [
            Message::from("ab"),
            Message::from("abc"),
            ["ab", "zz", ""].into_iter().collect(),
            Message::from(&b"\x00\xff\x00"[..]),
        ];
        let unwanted: [Message; 6] = [
            Message::from(""),
            Message::from("a"),
            Message::from("b"),
            Message::from("Ab"),
            ["x", "ab"].into_iter().collect(),
            ["", "ab"].into_iter().collect(),
        ];
        for message in unwanted.iter().chain(&wanted).chain(&unwanted) {
            publisher.publish(message.clone());
        }
        for message in &wanted {
            assert_eq!(&subscriber.recv_timeout(PATIENCE).unwrap(), message);
        }
        expect_nothing(&subscriber);
    }
}

#[test]
fn the_empty_topic_is_for_all_messages() {
    for &transport in ALL {
        let home = Home::new();
        let (publisher, subscriber) = joined(&home, transport);
        subscriber.subscribe("").unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        let messages: [Message; 4] = [
            Message::new(),
            Message::from(&b"\x01not a subscription"[..]),
            ["", "", ""].into_iter().collect(),
            Message::from(vec![7; 1 << 20]),
        ];
        for message in &messages {
            publisher.publish(message.clone());
        }
        for message in &messages {
            assert_eq!(&subscriber.recv_timeout(PATIENCE).unwrap(), message);
        }
        subscriber.unsubscribe("").unwrap();
        publisher.until_subscribers(0);
    }
}

#[test]
fn without_a_subscription_nothing_is_received() {
    for &transport in ALL {
        let home = Home::new();
        let (publisher, subscriber) = joined(&home, transport);
        for _ in 0..100 {
            publisher.send("x").unwrap();
        }
        expect_nothing(&subscriber);
        let stats = publisher.stats();
        assert_eq!(stats.dropped.unwanted, 100, "{stats:?}");
        assert_eq!((stats.accepted.messages, stats.accepted.bytes), (100, 100));
        assert_eq!(subscriber.stats().arrived.messages, 0);
    }
}

#[test]
fn what_goes_to_nobody_is_counted() {
    let home = Home::new();
    let publisher = publisher(&home).build().unwrap();
    publisher.bind(home.endpoint(Transport::Tcp)).unwrap();
    for _ in 0..5000 {
        publisher.send("nobody").unwrap();
    }
    let stats = publisher.stats();
    assert_eq!(stats.dropped.unwanted, 5000);
    assert_eq!(stats.dropped.total(), 5000);
    assert_eq!(stats.accepted.messages, 5000);
}

#[test]
fn every_subscriber_gets_what_it_wants_over_whatever_transport() {
    let home = Home::new();
    let publisher = publisher(&home).send_hwm(0).build().unwrap();
    let mut subscribers = Vec::new();
    for &transport in ALL {
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        for topics in [&["a"][..], &["b"], &["a", "ab", "b"], &[""], &[]] {
            let subscriber = subscriber(&home).recv_hwm(0).build().unwrap();
            for topic in topics {
                subscriber.subscribe(topic).unwrap();
            }
            subscriber.connect(&here).unwrap();
            subscribers.push((topics, subscriber));
        }
    }
    publisher
        .wait_for_peers(subscribers.len(), PATIENCE)
        .unwrap();
    publisher.until_subscribers(subscribers.len() / 5 * 4);
    for (topics, subscriber) in &subscribers {
        if !topics.is_empty() && !topics.contains(&"") {
            settle(&publisher, subscriber);
        }
    }
    // Those that want everything have got the signs as well.
    let own = |text: &Message| !text.first().starts_with(b"\x1f");
    const MANY: usize = 3000;
    let sent = |number: usize| format!("{}{number}", ["a", "ab", "b", "c"][number % 4]);
    for number in 0..MANY {
        publisher.send(sent(number)).unwrap();
    }
    for (topics, subscriber) in &subscribers {
        for number in 0..MANY {
            let text = sent(number);
            if topics.iter().any(|topic| text.starts_with(topic)) {
                let message = std::iter::repeat_with(|| subscriber.recv_timeout(PATIENCE).unwrap())
                    .find(own)
                    .unwrap();
                assert_eq!(message, text, "{topics:?}");
            }
        }
        assert!(subscriber.try_recv().is_err(), "one copy each: {topics:?}");
    }
}

/// Two answers to a ping show that all before the first was looked after.
fn ping(raw: &mut Raw) {
    for _ in 0..2 {
        raw.say(&frame(4, b"\x04PING\x00\x00ok"));
        assert_eq!(raw.listen(9), frame(4, b"\x04PONGok"));
    }
}

#[test]
fn subscriptions_are_applied_while_nobody_calls_the_publisher() {
    for &transport in WIRE {
        let home = Home::new();
        let publisher = publisher(&home).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let mut raw = Raw::join(&here, "SUB");
        raw.say(&subscribe("a"));
        ping(&mut raw);
        // The first call ever.
        publisher.send("abc").unwrap();
        assert_eq!(raw.listen(5), frame(0, b"abc"));

        // What is more than allowed is noticed at once, too.
        let strict = topics::publisher(&home)
            .max_subscriptions(10)
            .build()
            .unwrap();
        let here = strict.bind(home.endpoint(transport)).unwrap();
        let mut raw = Raw::join(&here, "SUB");
        for number in 0..11 {
            raw.say(&subscribe(number.to_string()));
        }
        assert!(raw.is_closed_within(PATIENCE));
    }
}

#[test]
fn a_topic_stays_until_it_was_taken_back_as_often_as_it_was_asked_for() {
    for &transport in ALL {
        let home = Home::new();
        let (publisher, subscriber) = joined(&home, transport);
        for _ in 0..3 {
            subscriber.subscribe("t").unwrap();
        }
        for _ in 0..2 {
            subscriber.unsubscribe("t").unwrap();
        }
        settle(&publisher, &subscriber);
        publisher.send("t1").unwrap();
        expect(&subscriber, "t1");
        subscriber.unsubscribe("t").unwrap();
        publisher.until_subscribers(0);
        publisher.send("t2").unwrap();
        expect_nothing(&subscriber);
        subscriber.subscribe("t").unwrap();
        publisher.wait_for_subscribers(1, PATIENCE).unwrap();
        publisher.send("t3").unwrap();
        expect(&subscriber, "t3");
    }
}

#[test]
fn to_take_back_what_was_not_asked_for_does_nothing() {
    for &transport in ALL {
        let home = Home::new();
        let (publisher, subscriber) = joined(&home, transport);
        subscriber.unsubscribe("t").unwrap();
        subscriber.unsubscribe("").unwrap();
        subscriber.subscribe("topic").unwrap();
        for unknown in ["", "t", "topi", "topics", "x"] {
            subscriber.unsubscribe(unknown).unwrap();
        }
        settle(&publisher, &subscriber);
        publisher.send("topic!").unwrap();
        expect(&subscriber, "topic!");
        // It has left no debt either.
        subscriber.subscribe("x").unwrap();
        settle(&publisher, &subscriber);
        publisher.send("x!").unwrap();
        expect(&subscriber, "x!");
    }
}

#[test]
fn waiting_for_subscribers_counts_peers_that_want_something() {
    for &transport in ALL {
        let home = Home::new();
        let publisher = publisher(&home).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        assert_eq!(publisher.wait_for_subscribers(0, Duration::ZERO), Ok(()));
        let all: Vec<Sub> = (0..3).map(|_| subscriber(&home).build().unwrap()).collect();
        for subscriber in &all {
            subscriber.connect(&here).unwrap();
        }
        publisher.wait_for_peers(3, PATIENCE).unwrap();
        let began = Instant::now();
        let timeout = publisher.wait_for_subscribers(1, QUIET);
        assert_eq!(timeout, Err(WaitError::Timeout { ready: 0 }));
        assert!(began.elapsed() >= QUIET);

        all[0].subscribe("a").unwrap();
        all[0].subscribe("b").unwrap();
        all[1].subscribe("a").unwrap();
        publisher.wait_for_subscribers(2, PATIENCE).unwrap();
        let timeout = publisher.wait_for_subscribers(3, QUIET);
        assert_eq!(timeout, Err(WaitError::Timeout { ready: 2 }));
        all[0].unsubscribe("a").unwrap();
        settle(&publisher, &all[0]);
        all[1].unsubscribe("a").unwrap();
        publisher.until_subscribers(1);
        all[2].subscribe("").unwrap();
        publisher.until_subscribers(2);
        all[2].close().unwrap();
        publisher.until_subscribers(1);
        all[0].disconnect(&here).unwrap();
        publisher.until_subscribers(0);
    }
}

#[test]
fn whoever_waits_for_subscribers_is_told_of_the_end() {
    let home = Home::new();
    let publisher = publisher(&home).build().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| publisher.wait_for_subscribers(1, PATIENCE));
        publisher.wait_for_subscribers(1, QUIET).unwrap_err();
        publisher.close().unwrap();
        assert_eq!(waiting.join().unwrap(), Err(WaitError::Closed));
    });
    let subscriber = subscriber(&home).build().unwrap();
    subscriber.close().unwrap();
    assert_eq!(subscriber.subscribe("x"), Err(SubscribeError::Closed));
    assert_eq!(subscriber.recv(), Err(RecvError::Closed));
    let subscriber = topics::subscriber(&home).build().unwrap();
    home.context.shutdown();
    assert_eq!(subscriber.subscribe("x"), Err(SubscribeError::Terminated));
}

#[test]
fn subscriptions_are_told_again_when_the_publisher_comes_back() {
    for &transport in ALL {
        let home = Home::new();
        let here = home.vacant(transport);
        let subscriber = subscriber(&home).build().unwrap();
        subscriber.connect(&here).unwrap();
        // A name within the process does not come back by itself.
        let connect_again = |transport, round| {
            if transport == Transport::Inproc && round > 0 {
                subscriber.connect(&here).unwrap();
            }
        };
        for number in 0..100 {
            subscriber.subscribe(format!("{number}.")).unwrap();
            subscriber.subscribe(format!("gone {number}.")).unwrap();
        }
        for round in 0..5 {
            let publisher = publisher(&home).build().unwrap();
            until("the address is free", || publisher.bind(&here).is_ok());
            connect_again(transport, round);
            publisher.wait_for_subscribers(1, PATIENCE).unwrap();
            settle(&publisher, &subscriber);
            for number in [0, 50, 99] {
                let text = format!("{number}.{round}");
                publisher.send(text.as_str()).unwrap();
                expect(&subscriber, &text);
            }
            if round == 0 {
                for number in 0..100 {
                    subscriber.unsubscribe(format!("gone {number}.")).unwrap();
                }
            } else {
                let before = publisher.stats().dropped.unwanted;
                publisher.send("gone 7.").unwrap();
                assert_eq!(publisher.stats().dropped.unwanted, before + 1);
            }
            publisher.close().unwrap();
            // What changes while nobody is there is told as well.
            subscriber.subscribe(format!("new {round}.")).unwrap();
        }
        let publisher = xpub(&home).build().unwrap();
        until("the address is free", || publisher.bind(&here).is_ok());
        connect_again(transport, 5);
        let expected: BTreeSet<String> = (0..100)
            .map(|number| format!("+{number}."))
            .chain((0..5).map(|round| format!("+new {round}.")))
            .collect();
        let heard: BTreeSet<String> = expected.iter().map(|_| told(&publisher)).collect();
        assert_eq!(heard, expected);
        told_nothing(&publisher);
    }
}

#[test]
fn no_subscription_is_lost_to_a_high_water_mark() {
    const MANY: usize = 10_000;
    for &transport in ALL {
        let home = Home::new();
        let here = home.vacant(transport);
        let sub = subscriber(&home).recv_hwm(1).build().unwrap();
        let xsub = xsub(&home).recv_hwm(1).send_hwm(1).build().unwrap();
        sub.connect(&here).unwrap();
        xsub.connect(&here).unwrap();
        for number in 0..MANY {
            sub.subscribe(format!("sub {number}")).unwrap();
            if number % 2 == 0 {
                xsub.subscribe(format!("xsub {number}")).unwrap();
            } else {
                xsub.send(format!("\x01xsub {number}")).unwrap();
            }
        }
        let publisher = xpub(&home).recv_hwm(1).send_hwm(1).build().unwrap();
        publisher.bind(&here).unwrap();
        let mut heard = BTreeSet::new();
        while heard.len() < 2 * MANY {
            match publisher.recv_timeout(PATIENCE).unwrap() {
                Upstream::Subscribe(topic) => assert!(heard.insert(topic.to_vec()), "twice"),
                other => panic!("{other:?}"),
            }
        }
        for number in 0..MANY {
            assert!(heard.contains(format!("sub {number}").as_bytes()));
            assert!(heard.contains(format!("xsub {number}").as_bytes()));
        }
        publisher.send("sub 9999").unwrap();
        expect(&sub, "sub 9999");
    }
}

#[test]
fn one_publisher_may_go_and_the_others_go_on() {
    let home = Home::new();
    let subscriber = subscriber(&home).build().unwrap();
    let publishers: Vec<Pub> = ALL
        .iter()
        .map(|&transport| {
            let publisher = publisher(&home).build().unwrap();
            subscriber
                .connect(publisher.bind(home.endpoint(transport)).unwrap())
                .unwrap();
            publisher
        })
        .collect();
    subscriber.subscribe("n").unwrap();
    for (gone, publisher) in publishers.iter().enumerate() {
        for publisher in &publishers[gone..] {
            publisher.wait_for_subscribers(1, PATIENCE).unwrap();
            publisher.send("news").unwrap();
            expect(&subscriber, "news");
        }
        publisher.close().unwrap();
    }
    expect_nothing(&subscriber);
}

#[test]
fn topics_come_and_go_one_by_one() {
    let topics = ["topic", "topic/a", "topic/b", "other", "o"];
    for &transport in ALL {
        let home = Home::new();
        let (publisher, subscriber) = joined(&home, transport);
        let mut held: Vec<&str> = Vec::new();
        let check = |held: &[&str]| {
            settle(&publisher, &subscriber);
            for text in topics {
                publisher.send(text).unwrap();
            }
            for text in topics {
                if held.iter().any(|topic| text.starts_with(topic)) {
                    expect(&subscriber, text);
                }
            }
            assert!(subscriber.try_recv().is_err());
        };
        for topic in topics {
            subscriber.subscribe(topic).unwrap();
            held.push(topic);
            check(&held);
        }
        while let Some(topic) = held.pop() {
            subscriber.unsubscribe(topic).unwrap();
            check(&held);
        }
    }
}

#[test]
fn many_messages_arrive_in_order_while_subscriptions_change() {
    const MANY: usize = 20_000;
    for &transport in ALL {
        let home = Home::new();
        let (publisher, subscriber) = joined(&home, transport);
        subscriber.subscribe("n").unwrap();
        settle(&publisher, &subscriber);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..MANY {
                    publisher.send(format!("n{number}")).unwrap();
                }
            });
            scope.spawn(|| {
                for number in 0..MANY / 4 {
                    subscriber.subscribe(format!("other {number}")).unwrap();
                    subscriber.unsubscribe(format!("other {number}")).unwrap();
                }
            });
            for number in 0..MANY {
                expect(&subscriber, &format!("n{number}"));
            }
        });
        let stats = publisher.stats();
        assert_eq!(stats.dropped.full, 0);
        assert_eq!(
            stats.accepted.messages,
            stats.written.messages + stats.send_queue.messages + stats.dropped.total(),
            "{stats:?}"
        );
    }
}
