//! Tens of thousands of subscriptions are matched as a look at each of them would, and when they
//! are cancelled their memory is free again, to the byte but for buffers that are used again.
//!
//! A binary of its own: it counts what its process has allocated.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod support;
mod topics;

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use support::{ALL, Home, PATIENCE, Transport};
use topics::{Publishes, publisher, settle, subscriber, xpub};
use zocket::{Pub, Sub, Upstream};

/// The system's allocator, with a count of what is in use.
struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

#[allow(unsafe_code, reason = "an allocator cannot be had without")]
// SAFETY: every call goes to the system's allocator as it came; counting does not touch memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`, which is the same there.
        let memory = unsafe { System.alloc(layout) };
        if !memory.is_null() {
            LIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and the memory is the system's.
        unsafe { System.dealloc(memory, layout) };
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `realloc`, and the memory is the system's.
        let moved = unsafe { System.realloc(memory, layout, size) };
        if !moved.is_null() {
            LIVE.fetch_add(size as isize - layout.size() as isize, Ordering::Relaxed);
        }
        moved
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// One test at a time: they share the count.
static ALONE: Mutex<()> = Mutex::new(());

/// What each connection may keep to use again: a buffer to read into and one to write from at each
/// end, of 64 KiB each at the most.
const KEPT: isize = 256 << 10;

/// How much that may differ from one time to another.
const WAVERS: isize = 64 << 10;

fn live() -> isize {
    LIVE.load(Ordering::Relaxed)
}

/// Waits until no more is in use than was before, but for kept buffers; threads may yet have to free
/// what they hold.
#[track_caller]
fn expect_as_before(what: &str, before: isize, kept: isize) {
    let deadline = Instant::now() + PATIENCE;
    while live() - before > kept {
        assert!(
            Instant::now() < deadline,
            "{what}: {} bytes more than before",
            live() - before
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A publisher and subscribers that nothing is lost between.
fn joined(home: &Home, transport: Transport, count: usize) -> (Pub, Vec<Sub>) {
    let publisher = publisher(home).send_hwm(0).build().unwrap();
    let here = publisher.bind(home.endpoint(transport)).unwrap();
    let subscribers: Vec<Sub> = (0..count)
        .map(|_| {
            let subscriber = subscriber(home).recv_hwm(0).build().unwrap();
            subscriber.connect(&here).unwrap();
            subscriber
        })
        .collect();
    publisher.wait_for_peers(count, PATIENCE).unwrap();
    (publisher, subscribers)
}

/// Of few letters, so that they often begin with each other; some long, some the same.
fn topic() -> impl Strategy<Value = Vec<u8>> {
    let letter = || prop_oneof![4 => b'a'..b'e', 1 => Just(0u8), 1 => Just(0xff)];
    prop_oneof![
        1 => prop::collection::vec(letter(), 1..4),
        20 => prop::collection::vec(letter(), 4..12),
        1 => prop::collection::vec(letter(), 60..300),
    ]
}

/// What to send: topics, beginnings of topics, topics with something after them, and others.
fn probes(topics: &[Vec<Vec<u8>>], picks: &[(usize, usize, u8)]) -> Vec<Vec<u8>> {
    let all: Vec<&Vec<u8>> = topics.iter().flatten().collect();
    picks
        .iter()
        .map(|&(pick, length, kind)| {
            let mut text = match all.len() {
                0 => Vec::new(),
                len => all[pick % len].clone(),
            };
            match kind {
                0 => text.truncate(length % (text.len() + 1)),
                1 => text.extend_from_slice(&pick.to_le_bytes()),
                2 => text.insert(0, b'z'),
                _ => {}
            }
            text
        })
        .collect()
}

const END: &str = "\u{1f}end";

/// Sends, and compares what each has received with what a look at each of its topics says.
fn compare(publisher: &Pub, subscribers: &[Sub], topics: &[Vec<Vec<u8>>], probes: &[Vec<u8>]) {
    for subscriber in subscribers {
        subscriber.subscribe(END).unwrap();
        settle(publisher, subscriber);
    }
    for probe in probes {
        publisher.send(probe.as_slice()).unwrap();
    }
    publisher.send(END).unwrap();
    for (subscriber, topics) in subscribers.iter().zip(topics) {
        let wanted = probes
            .iter()
            .filter(|probe| topics.iter().any(|topic| probe.starts_with(topic)));
        for probe in wanted {
            let message = subscriber.recv_timeout(PATIENCE).unwrap();
            assert_eq!(message.first()[..], probe[..]);
        }
        let message = subscriber.recv_timeout(PATIENCE).unwrap();
        assert_eq!(message, END);
        subscriber.unsubscribe(END).unwrap();
    }
}

fn subscribe_all(subscribers: &[Sub], topics: &[Vec<Vec<u8>>]) {
    for (subscriber, topics) in subscribers.iter().zip(topics) {
        for topic in topics {
            subscriber.subscribe(topic).unwrap();
        }
    }
}

/// In another order than they were made in.
fn cancel_all(publisher: &Pub, subscribers: &[Sub], topics: &[Vec<Vec<u8>>]) {
    for (subscriber, topics) in subscribers.iter().zip(topics) {
        for topic in topics.iter().skip(1).step_by(2) {
            subscriber.unsubscribe(topic).unwrap();
        }
        for topic in topics.iter().step_by(2).rev() {
            subscriber.unsubscribe(topic).unwrap();
        }
    }
    publisher.until_subscribers(0);
    // What was on its way when it was taken back.
    for subscriber in subscribers {
        while subscriber.try_recv().is_ok() {}
    }
}

/// Subscribes, compares and cancels, again and again, measuring from the second time on.
fn rounds(
    transport: Transport,
    times: usize,
    count: usize,
    topics: &[Vec<Vec<u8>>],
    probes: &[Vec<u8>],
) {
    let home = Home::new();
    let (publisher, subscribers) = joined(&home, transport, count);
    let total: usize = topics
        .iter()
        .map(|topics| topics.iter().collect::<BTreeSet<_>>().len())
        .sum();
    let never = live();
    let mut before = None;
    for round in 0..times {
        subscribe_all(&subscribers, topics);
        compare(&publisher, &subscribers, topics, probes);
        let held = live();
        cancel_all(&publisher, &subscribers, topics);
        let what = format!("{transport:?}, {count} subscribers, round {round}");
        expect_as_before(&what, never, KEPT * count as isize);
        match before {
            None => before = Some(live()),
            Some(before) => {
                // The count counts: a topic takes a few bytes on each side.
                let least = total as isize * 20;
                assert!(held - before > least, "{} for {total}", held - before);
                // Over inproc there is nothing that it could be kept in.
                let wavers = match transport {
                    Transport::Inproc => 4 << 10,
                    _ => WAVERS,
                };
                expect_as_before(&what, before, wavers * count as isize);
            }
        }
    }
}

fn any_topics(subscribers: usize, each: usize) -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    prop::collection::vec(prop::collection::vec(topic(), each), subscribers)
}

fn any_picks(count: usize) -> impl Strategy<Value = Vec<(usize, usize, u8)>> {
    prop::collection::vec((any::<usize>(), any::<usize>(), 0..5u8), count)
}

/// So many of each, made up; always the same, and not told whole where something is wrong with them.
fn large(subscribers: usize, each: usize, picks: usize) -> (Vec<Vec<Vec<u8>>>, Vec<Vec<u8>>) {
    let mut runner = TestRunner::new_with_rng(
        ProptestConfig::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &[31; 32]),
    );
    let all = (any_topics(subscribers, each), any_picks(picks));
    let (topics, picks) = all.new_tree(&mut runner).unwrap().current();
    let probes = probes(&topics, &picks);
    (topics, probes)
}

#[test]
fn ten_thousand_subscriptions_of_one_subscriber_come_and_go() {
    let _alone = ALONE.lock();
    let (topics, probes) = large(1, 10_000, 300);
    for &transport in ALL {
        rounds(transport, 3, 1, &topics, &probes);
    }
}

#[test]
fn a_hundred_thousand_subscriptions_at_one_publisher_come_and_go() {
    let _alone = ALONE.lock();
    let (topics, probes) = large(10, 10_000, 100);
    for &transport in ALL {
        rounds(transport, 2, 10, &topics, &probes);
    }
}

/// What is held after steps of subscribing and cancelling, by topic: how often.
type Held = BTreeMap<Vec<u8>, usize>;

fn after(steps: &[(bool, Vec<u8>)], subscriber: &Sub) -> Held {
    let mut held = Held::new();
    for (make, topic) in steps {
        if *make {
            subscriber.subscribe(topic).unwrap();
            *held.entry(topic.clone()).or_default() += 1;
        } else {
            subscriber.unsubscribe(topic).unwrap();
            if let Some(count) = held.get_mut(topic) {
                *count -= 1;
            }
            held.retain(|_, count| *count > 0);
        }
    }
    held
}

fn short_topic() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(0xff)], 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_steps_leave_what_counting_them_says(
        steps in prop::collection::vec(prop::collection::vec((any::<bool>(), short_topic()), 0..60), 1..4),
        texts in prop::collection::vec(short_topic(), 0..40),
        over in 0..ALL.len(),
    ) {
        let _alone = ALONE.lock();
        let home = Home::new();
        let (publisher, subscribers) = joined(&home, ALL[over], steps.len());
        // Topics that begin with nothing let everything through, also the signs of `settle`.
        let held: Vec<Held> = steps
            .iter()
            .zip(&subscribers)
            .map(|(steps, subscriber)| {
                let named: Vec<_> = steps.iter().filter(|(_, topic)| !topic.is_empty()).cloned().collect();
                after(&named, subscriber)
            })
            .collect();
        let topics: Vec<Vec<Vec<u8>>> = held.iter().map(|held| held.keys().cloned().collect()).collect();
        compare(&publisher, &subscribers, &topics, &texts);
        for (subscriber, held) in subscribers.iter().zip(held) {
            for (topic, count) in held {
                for _ in 0..count {
                    subscriber.unsubscribe(&topic).unwrap();
                }
            }
        }
        publisher.until_subscribers(0);
    }
}

/// A subscriber that goes takes all it had with it; so does one that the publisher leaves.
#[test]
fn who_goes_leaves_nothing_behind() {
    let _alone = ALONE.lock();
    let (topics, _) = large(1, 10_000, 0);
    for &transport in ALL {
        let home = Home::new();
        let publisher = publisher(&home).build().unwrap();
        let here = publisher.bind(home.endpoint(transport)).unwrap();
        let mut before = 0;
        for round in 0..4 {
            let subscriber = subscriber(&home).build().unwrap();
            subscriber.connect(&here).unwrap();
            subscribe_all(std::slice::from_ref(&subscriber), &topics);
            settle(&publisher, &subscriber);
            subscriber.close().unwrap();
            drop(subscriber);
            publisher.until_subscribers(0);
            if round < 2 {
                before = live();
            } else {
                let what = format!("{transport:?}, round {round}");
                expect_as_before(&what, before, WAVERS);
            }
        }
    }
}

/// The events of an XPUB are gone once they are read.
#[test]
fn events_leave_nothing_behind() {
    let _alone = ALONE.lock();
    let (topics, _) = large(1, 10_000, 0);
    let distinct = topics[0].iter().collect::<BTreeSet<_>>().len();
    for &transport in ALL {
        let home = Home::new();
        let publisher = xpub(&home).build().unwrap();
        let subscriber = subscriber(&home).build().unwrap();
        subscriber
            .connect(publisher.bind(home.endpoint(transport)).unwrap())
            .unwrap();
        let mut before = 0;
        for round in 0..3 {
            for subscribe in [true, false] {
                for topic in &topics[0] {
                    if subscribe {
                        subscriber.subscribe(topic).unwrap();
                    } else {
                        subscriber.unsubscribe(topic).unwrap();
                    }
                }
                for _ in 0..distinct {
                    let event = publisher.recv_timeout(PATIENCE).unwrap();
                    assert_eq!(matches!(event, Upstream::Subscribe(_)), subscribe);
                }
            }
            publisher.until_subscribers(0);
            if round == 0 {
                before = live();
            } else {
                let what = format!("{transport:?}, round {round}");
                expect_as_before(&what, before, WAVERS);
            }
        }
    }
}
