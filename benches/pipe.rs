//! The border between threads, crossed by one thread: a batch out, a run in. Each figure is for one
//! message; the smaller the batch, the more of it is the crossing.
#![allow(missing_docs, reason = "criterion makes public functions")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use zocket::Message;
use zocket::parts::{Inflow, Pipe, stream};

const BATCHES: [usize; 3] = [1, 16, 256];

/// Written one by one, taken whole.
fn out(c: &mut Criterion) {
    for (name, over_inproc) in [("session", false), ("inproc", true)] {
        let mut group = c.benchmark_group(format!("pipe/to_{name}/16"));
        let message = Message::from([7; 16]);
        for batch in BATCHES {
            let mut pipe = Pipe::new(over_inproc);
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_function(BenchmarkId::from_parameter(batch), |b| {
                b.iter(|| {
                    pipe.write(black_box(&message), batch);
                    assert_eq!(pipe.take(), batch);
                });
            });
        }
    }
}

/// Scanned and handed over whole, read one by one.
fn inward(c: &mut Criterion) {
    let mut group = c.benchmark_group("pipe/from_session/16");
    for batch in BATCHES {
        let bytes = stream(&Message::from([7; 16]), batch);
        let mut inflow = Inflow::default();
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(BenchmarkId::from_parameter(batch), |b| {
            b.iter(|| {
                inflow.deposit(black_box(&bytes));
                assert_eq!(inflow.read(), batch);
            });
        });
    }
}

criterion_group!(benches, out, inward);
criterion_main!(benches);
