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
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use support::{ALL, Home, PATIENCE, Transport};
use topics::{Publishes, publisher, settle, subscriber, xpub};
use zocket::{Message, Pub, Sub, Upstream};

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

/// Buffers that are kept to be used again, whose size depends on who was faster: of each connection
/// what it reads into, and a batch each way.
const KEPT: isize = 512 << 10;

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
fn compare(
    publisher: &Pub,
    subscribers: &[Sub],
    topics: &[Vec<Vec<u8>>],
    probes: &[Vec<u8>],
) -> Result<(), TestCaseError> {
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
            prop_assert_eq!(&message.first()[..], &probe[..]);
        }
        let message = subscriber.recv_timeout(PATIENCE).unwrap();
        prop_assert_eq!(&message, END);
        subscriber.unsubscribe(END).unwrap();
    }
    Ok(())
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

/// Subscribes, compares and cancels three times, measuring from the second time on.
fn rounds(
    transport: Transport,
    count: usize,
    topics: &[Vec<Vec<u8>>],
    probes: &[Vec<u8>],
) -> Result<(), TestCaseError> {
    let home = Home::new();
    let (publisher, subscribers) = joined(&home, transport, count);
    let total: usize = topics
        .iter()
        .map(|topics| topics.iter().collect::<BTreeSet<_>>().len())
        .sum();
    let mut before = None;
    for round in 0..3 {
        subscribe_all(&subscribers, topics);
        compare(&publisher, &subscribers, topics, probes)?;
        let held = live();
        cancel_all(&publisher, &subscribers, topics);
        match before {
            None => before = Some(live()),
            Some(before) => {
                // The count counts: a topic takes a few bytes on each side.
                let least = total as isize * 20;
                prop_assert!(held - before > least, "{} for {total}", held - before);
                expect_as_before(
                    &format!("{transport:?}, {count}, round {round}"),
                    before,
                    KEPT.min(total as isize),
                );
            }
        }
    }
    Ok(())
}

fn any_topics(subscribers: usize, each: usize) -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    prop::collection::vec(prop::collection::vec(topic(), each), subscribers)
}

fn any_picks(count: usize) -> impl Strategy<Value = Vec<(usize, usize, u8)>> {
    prop::collection::vec((any::<usize>(), any::<usize>(), 0..5u8), count)
}

/// A run of so many cases, each from other numbers, that does not try to make a failure smaller:
/// with so much in it that would take for ever.
fn large(cases: u32) -> TestRunner {
    let config = ProptestConfig {
        cases,
        max_shrink_iters: 0,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[31; 32]))
}

#[test]
fn ten_thousand_subscriptions_of_one_subscriber_come_and_go() {
    let _alone = ALONE.lock();
    for &transport in ALL {
        large(2)
            .run(&(any_topics(1, 10_000), any_picks(300)), |(topics, picks)| {
                let probes = probes(&topics, &picks);
                rounds(transport, 1, &topics, &probes)
            })
            .unwrap();
    }
}

#[test]
fn a_hundred_thousand_subscriptions_at_one_publisher_come_and_go() {
    let _alone = ALONE.lock();
    for &transport in ALL {
        large(1)
            .run(&(any_topics(10, 10_000), any_picks(100)), |(topics, picks)| {
                let probes = probes(&topics, &picks);
                rounds(transport, 10, &topics, &probes)
            })
            .unwrap();
    }
}
