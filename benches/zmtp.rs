//! Bytes and messages, without a pipe: encode, scan, cut. Each figure is for one message.
#![allow(missing_docs, reason = "criterion makes public functions")]

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use zocket::Message;
use zocket::parts::{Encoding, Receiving, stream};

const SIZES: [usize; 5] = [16, 64, 256, 1024, 8192];

/// Messages of one batch.
const BATCH: usize = 64;

/// A message onto a batch.
fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("zmtp/encode");
    group.throughput(Throughput::Elements(BATCH as u64));
    for size in SIZES {
        let message = Message::from(vec![7; size]);
        let mut encoding = Encoding::default();
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| encoding.encode(black_box(&message), BATCH));
        });
    }
    let frames = Message::from(["name", "", "0123456789abcdef"]);
    let mut encoding = Encoding::default();
    group.bench_function("3 frames", |b| {
        b.iter(|| encoding.encode(black_box(&frames), BATCH));
    });
    group.finish();

    let mut group = c.benchmark_group("zmtp/encode_once");
    group.throughput(Throughput::Elements(BATCH as u64));
    for size in SIZES {
        let message = Message::from(vec![7; size]);
        let mut encoding = Encoding::default();
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| encoding.encode_once(black_box(&message), BATCH));
        });
    }
}

/// Received bytes into a run: the headers are looked at, and the bytes copied once instead of read.
fn scan(c: &mut Criterion) {
    let mut group = c.benchmark_group("zmtp/scan");
    for size in SIZES {
        let bytes = stream(&Message::from(vec![7; size]), BATCH);
        group.throughput(Throughput::Elements(BATCH as u64));
        let mut receiving = Receiving::default();
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| {
                let scanned = receiving.scan(black_box(&bytes));
                receiving.forget();
                scanned
            });
        });
    }
}

/// Messages out of a run.
fn cut(c: &mut Criterion) {
    let mut group = c.benchmark_group("zmtp/cut");
    for size in SIZES {
        let bytes = stream(&Message::from(vec![7; size]), BATCH);
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter_batched_ref(
                || {
                    let mut receiving = Receiving::default();
                    receiving.scan(&bytes);
                    receiving
                },
                |receiving| assert_eq!(receiving.cut(), BATCH),
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, encode, scan, cut);
criterion_main!(benches);
