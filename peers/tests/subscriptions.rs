//! Subscriptions cross between zocket and libzmq in either direction: made before or after
//! connecting, taken back, of any length; what is subscribed to arrives and nothing else.

use std::{panic, thread};

use peers::end::{End, Parts, await_end_of, preceded, settle};
use peers::in_every_meeting;
use peers::libzmq::Kind;
use peers::meeting::Meeting;

in_every_meeting! {
    made_before_connecting
    made_after_connecting
    taken_back
    as_many_times_taken_back_as_made
    topics_of_every_length
    topics_that_begin_alike
    made_again_by_a_new_connection
}

const PAIRINGS: [(Kind, Kind); 4] = [
    (Kind::Pub, Kind::Sub),
    (Kind::Pub, Kind::XSub),
    (Kind::XPub, Kind::Sub),
    (Kind::XPub, Kind::XSub),
];

fn made_before_connecting(meeting: &Meeting) {
    for (publisher, subscriber) in PAIRINGS {
        let [publisher, subscriber] = meeting.ends(publisher, subscriber);
        eprintln!("{publisher:?}, {subscriber:?}");
        subscriber.subscribe(b"made before");
        let _joint = meeting.join(&publisher, &subscriber);
        await_subscription(&publisher, &subscriber, b"made before");
        passes(&publisher, &subscriber, &[b"made before", b"made before!"]);
        is_held_up(
            &publisher,
            &subscriber,
            b"made before",
            &[b"", b"made befor", b"ade before"],
        );
    }
}

fn made_after_connecting(meeting: &Meeting) {
    for (publisher, subscriber) in PAIRINGS {
        let (publisher, subscriber, _joint) = meeting.joined(publisher, subscriber);
        eprintln!("{publisher:?}, {subscriber:?}");
        subscriber.subscribe(b"after");
        await_subscription(&publisher, &subscriber, b"after");
        passes(&publisher, &subscriber, &[b"after", b"after!"]);
        subscriber.subscribe(b"later");
        settle(&publisher, &subscriber);
        passes(&publisher, &subscriber, &[b"later", b"after"]);
        is_held_up(&publisher, &subscriber, b"after", &[b"", b"afte", b"late"]);
    }
}

fn taken_back(meeting: &Meeting) {
    for (publisher, subscriber) in PAIRINGS {
        let [publisher, subscriber] = meeting.ends(publisher, subscriber);
        eprintln!("{publisher:?}, {subscriber:?}");
        for topic in [b"a", b"b", b"c"] {
            subscriber.subscribe(topic);
        }
        // Never seen by the publisher.
        subscriber.unsubscribe(b"c");
        let _joint = meeting.join(&publisher, &subscriber);
        settle(&publisher, &subscriber);
        passes(&publisher, &subscriber, &[b"a", b"b"]);
        is_held_up(&publisher, &subscriber, b"a", &[b"c"]);

        subscriber.unsubscribe(b"a");
        settle(&publisher, &subscriber);
        passes(&publisher, &subscriber, &[b"b"]);
        is_held_up(&publisher, &subscriber, b"b", &[b"a", b"c"]);

        subscriber.subscribe(b"a");
        // Was never made.
        subscriber.unsubscribe(b"nonsense");
        subscriber.unsubscribe(b"b");
        settle(&publisher, &subscriber);
        passes(&publisher, &subscriber, &[b"a"]);
        is_held_up(&publisher, &subscriber, b"a", &[b"b", b"c", b"nonsense"]);
    }
}

fn as_many_times_taken_back_as_made(meeting: &Meeting) {
    for (publisher, subscriber) in PAIRINGS {
        let (publisher, subscriber, _joint) = meeting.joined(publisher, subscriber);
        eprintln!("{publisher:?}, {subscriber:?}");
        subscriber.subscribe(b"other");
        for _ in 0..3 {
            subscriber.subscribe(b"a");
        }
        for _ in 0..2 {
            subscriber.unsubscribe(b"a");
            settle(&publisher, &subscriber);
            passes(&publisher, &subscriber, &[b"a"]);
        }
        subscriber.unsubscribe(b"a");
        settle(&publisher, &subscriber);
        is_held_up(&publisher, &subscriber, b"other", &[b"a"]);
    }
}

/// 245 bytes are the most that fit a subscription command with a short header.
fn topics_of_every_length(meeting: &Meeting) {
    let meeting = *meeting;
    // libzmq's trie calls itself for every byte of a topic.
    let roomy = thread::Builder::new().stack_size(64 << 20);
    let all = roomy.spawn(move || all_lengths(&meeting)).unwrap();
    if let Err(failure) = all.join() {
        panic::resume_unwind(failure);
    }
}

fn all_lengths(meeting: &Meeting) {
    for (publisher, subscriber) in PAIRINGS {
        let (publisher, subscriber, _joint) = meeting.joined(publisher, subscriber);
        eprintln!("{publisher:?}, {subscriber:?}");
        // The empty one, which covers every other, comes last: a SUB drops what it no longer wants
        // itself, so that nobody can tell when the publisher has given it up.
        for length in [1, 244, 245, 246, 247, 254, 255, 256, 65_536, 0] {
            let topic: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
            subscriber.subscribe(&topic);
            settle(&publisher, &subscriber);
            passes(
                &publisher,
                &subscriber,
                &[&topic, &[&topic[..], b"!"].concat()],
            );
            if let Some((_, shorter)) = topic.split_last() {
                is_held_up(&publisher, &subscriber, &topic, &[shorter]);
            }
            subscriber.subscribe(b"other");
            settle(&publisher, &subscriber);
            subscriber.unsubscribe(&topic);
            await_end_of(&topic, b"other", &publisher, &subscriber);
            is_held_up(&publisher, &subscriber, b"other", &[&topic]);
            subscriber.unsubscribe(b"other");
        }
    }
}

fn topics_that_begin_alike(meeting: &Meeting) {
    for (publisher, subscriber) in PAIRINGS {
        let (publisher, subscriber, _joint) = meeting.joined(publisher, subscriber);
        eprintln!("{publisher:?}, {subscriber:?}");
        for topic in [&b"a"[..], b"abc", b"abd", b"abcdef"] {
            subscriber.subscribe(topic);
        }
        settle(&publisher, &subscriber);
        // Each once, although several subscriptions match.
        passes(
            &publisher,
            &subscriber,
            &[b"a", b"ab", b"abc", b"abcdefg", b"abd"],
        );
        subscriber.unsubscribe(b"a");
        settle(&publisher, &subscriber);
        passes(
            &publisher,
            &subscriber,
            &[b"abc", b"abcdefg", b"abd", b"abde"],
        );
        is_held_up(&publisher, &subscriber, b"abd", &[b"a", b"ab", b"abb"]);
        subscriber.unsubscribe(b"abc");
        settle(&publisher, &subscriber);
        passes(&publisher, &subscriber, &[b"abcdef", b"abd"]);
        is_held_up(&publisher, &subscriber, b"abd", &[b"abc", b"abcde"]);
    }
}

/// The subscriber lives on, the publisher is another one at the same place.
fn made_again_by_a_new_connection(meeting: &Meeting) {
    for (publisher, subscriber) in PAIRINGS {
        let (first, subscriber, joint) = meeting.joined(publisher, subscriber);
        eprintln!("{first:?}, {subscriber:?}");
        subscriber.subscribe(b"a");
        subscriber.subscribe(b"b");
        settle(&first, &subscriber);
        passes(&first, &subscriber, &[b"a", b"b"]);
        subscriber.unsubscribe(b"b");
        drop(first);
        drop(joint);
        let [second, _] = meeting.ends(publisher, Kind::Pair);
        let _joint = meeting.join(&second, &subscriber);
        settle(&second, &subscriber);
        passes(&second, &subscriber, &[b"a"]);
        is_held_up(&second, &subscriber, b"a", &[b"b"]);
    }
}

/// Waits for the first subscription to arrive, by what the publisher itself tells of it where it
/// does.
fn await_subscription(publisher: &End, subscriber: &End, topic: &[u8]) {
    match publisher {
        End::Zocket(zocket) => zocket.wait_for_subscriber(),
        End::Libzmq(_, Kind::XPub) => assert_eq!(publisher.hear(), [preceded(1, topic)]),
        End::Libzmq(..) => settle(publisher, subscriber),
    }
}

/// What begins like that arrives, and once.
fn passes(publisher: &End, subscriber: &End, beginnings: &[&[u8]]) {
    for beginning in beginnings {
        for rest in [&[][..], &[&b"body"[..]], &[b"", b"", b"body"]] {
            let message: Parts = [beginning]
                .into_iter()
                .chain(rest)
                .map(|part| part.to_vec())
                .collect();
            publisher.say(&message);
            let heard = subscriber.hear();
            assert!(heard == message, "{heard:?} instead of {message:?}");
        }
    }
}

/// What begins like that does not arrive; what begins like `passing` does.
fn is_held_up(publisher: &End, subscriber: &End, passing: &[u8], beginnings: &[&[u8]]) {
    for beginning in beginnings {
        publisher.say(&[beginning]);
        publisher.say(&[beginning, passing]);
    }
    passes(publisher, subscriber, &[passing]);
}
