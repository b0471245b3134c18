//! The policies over pipe ends, by the number of peers or of topics: what grows with it is seen here.
//! Each figure is for one message (for the distributor one copy), the pipes' part included.
#![allow(missing_docs, reason = "criterion makes public functions")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use zocket::Message;
use zocket::parts::{Inward, Outward, Topics, stream};

const PEERS: [usize; 4] = [1, 10, 100, 1000];

/// Messages for each peer before their pipes are emptied, which is not measured.
const EACH: usize = 64;

/// One message to the next of many.
fn load_balance(c: &mut Criterion) {
    let mut group = c.benchmark_group("routing/load_balance");
    for peers in PEERS {
        let mut outward = Outward::balance(peers);
        let message = Message::from([7; 16]);
        measure(&mut group, peers, || {
            let began = Instant::now();
            outward.send(black_box(&message), EACH * peers);
            let took = began.elapsed();
            assert_eq!(outward.drain(), EACH * peers);
            took
        });
    }
}

/// One message to one of many by its name.
fn by_name(c: &mut Criterion) {
    let mut group = c.benchmark_group("routing/by_name");
    for peers in PEERS {
        let mut outward = Outward::names(peers);
        let message = Message::from([7; 16]);
        measure(&mut group, peers, || {
            let began = Instant::now();
            outward.send(black_box(&message), EACH * peers);
            let took = began.elapsed();
            assert_eq!(outward.drain(), EACH * peers);
            took
        });
    }
}

/// One message to all of many.
fn distribute(c: &mut Criterion) {
    for size in [64, 1024, 8192] {
        let mut group = c.benchmark_group(format!("routing/distribute/{size}"));
        for peers in PEERS {
            let mut outward = Outward::copying(peers);
            let message = Message::from(vec![7; size]);
            measure(&mut group, peers, || {
                let began = Instant::now();
                outward.send(black_box(&message), EACH);
                let took = began.elapsed();
                assert_eq!(outward.drain(), EACH * peers);
                took
            });
        }
    }
}

/// One message from the next of many.
fn fair_queue(c: &mut Criterion) {
    let mut group = c.benchmark_group("routing/fair_queue");
    let bytes = stream(&Message::from([7; 16]), EACH);
    for peers in PEERS {
        let mut inward = Inward::new(peers);
        measure(&mut group, peers, || {
            inward.deposit(&bytes);
            let began = Instant::now();
            assert_eq!(inward.recv(), EACH * peers);
            began.elapsed()
        });
    }
}

/// Those who want a message, by the number of topics they have.
fn matching(c: &mut Criterion) {
    let mut group = c.benchmark_group("routing/match");
    group.throughput(Throughput::Elements(1));
    for count in [10, 1000, 100_000] {
        let topics = Vec::from_iter((0..count).map(|number| format!("topic.{number:06}")));
        let subscriptions = Topics::new(&topics, 1);
        let mut next = 0;
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter_batched(
                || {
                    // Not in their order, which the cache would like too well.
                    next = (next + 7919) % count;
                    &topics[next]
                },
                |topic| assert_eq!(subscriptions.matching(black_box(topic.as_bytes())), 1),
                BatchSize::SmallInput,
            );
        });
    }
}

/// One figure for `peers`: what `once` took for [`EACH`] messages for each.
fn measure(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    peers: usize,
    mut once: impl FnMut() -> Duration,
) {
    group.throughput(Throughput::Elements((EACH * peers) as u64));
    group.bench_function(BenchmarkId::from_parameter(peers), |b| {
        b.iter_custom(|times| (0..times).map(|_| once()).sum());
    });
}

criterion_group!(
    benches,
    load_balance,
    by_name,
    distribute,
    fair_queue,
    matching
);
criterion_main!(benches);
