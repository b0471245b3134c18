//! What one message costs, part by part, with nobody else in the way.
#![allow(missing_docs, reason = "criterion makes public functions")]
#![allow(
    clippy::expect_used,
    reason = "a benchmark that cannot go on should stop"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use zocket::{Context, Message, Pair};

const SIZES: [usize; 4] = [16, 64, 1024, 65_536];

/// A message from the application's own buffer.
fn message(c: &mut Criterion) {
    let mut group = c.benchmark_group("message");
    for size in SIZES {
        let buffer = vec![7; size];
        group.throughput(Throughput::Elements(1));
        group.bench_with_input(
            BenchmarkId::new("from_slice", size),
            &buffer,
            |b, buffer| {
                b.iter(|| Message::from(black_box(&buffer[..])));
            },
        );
    }
}

/// One `send` and one `recv` on a pipe with nothing in it, in one thread: two halves, one lane.
fn inproc(c: &mut Criterion) {
    let mut group = c.benchmark_group("inproc");
    for size in SIZES {
        let (a, b) = joined("inproc://bench");
        let buffer = vec![7; size];
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("send_recv", size), |bencher| {
            bencher.iter(|| {
                a.send(&buffer[..]).expect("the peer has room");
                black_box(b.recv().expect("it has just been sent"))
            });
        });
    }
}

/// There and back over tcp, through the I/O thread four times.
fn tcp_round_trip(c: &mut Criterion) {
    let (a, b) = joined("tcp://127.0.0.1:*");
    // Ends with the process: a peer that leaves is no error to who waits for another.
    std::thread::spawn(move || {
        while let Ok(message) = b.recv() {
            if b.send(message).is_err() {
                break;
            }
        }
    });
    c.bench_function("tcp/round_trip/16", |bencher| {
        bencher.iter(|| {
            a.send([7; 16]).expect("the peer has room");
            black_box(a.recv().expect("the echo answers"))
        });
    });
    a.close().expect("nothing is on its way");
}

fn joined(endpoint: &str) -> (Pair, Pair) {
    let context = Context::new();
    let pair = || {
        Pair::builder()
            .context(&context)
            .build()
            .expect("the defaults are good")
    };
    let (a, b) = (pair(), pair());
    let here = a.bind(endpoint).expect("the endpoint is free");
    b.connect(&here).expect("the endpoint is good");
    a.wait_for_peers(1, Duration::from_secs(10))
        .expect("the peer comes");
    (a, b)
}

criterion_group!(benches, message, inproc, tcp_round_trip);
criterion_main!(benches);
