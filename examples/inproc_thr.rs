//! The throughput test between two threads: a PUSH socket sends, a PULL socket counts.
//!
//! ```text
//! cargo run --release --example inproc_thr -- 16 1000000
//! ```
//!
//! The clock runs from the first message to the last.

mod support;

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use support::Arguments;
use zocket::{Pull, Push};

fn main() -> ExitCode {
    let usage = "usage: inproc_thr <message-size> <message-count>";
    support::finish(run(&Arguments::without_endpoint(usage)))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let pull = Pull::new();
    pull.bind("inproc://thr_test")?;
    println!("message size: {} [B]", arguments.size);
    println!("message count: {}", arguments.count);

    let (size, count) = (arguments.size, arguments.count);
    let sender = thread::spawn(move || send(size, count));

    arguments.check(&pull.recv()?)?;
    let start = Instant::now();
    for _ in 1..count {
        arguments.check(&pull.recv()?)?;
    }
    let elapsed = start.elapsed();

    sender
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    arguments.print_throughput(elapsed);
    Ok(())
}

fn send(size: usize, count: u64) -> Result<(), zocket::Error> {
    let push = Push::new();
    push.connect("inproc://thr_test")?;
    let payload = vec![0; size];
    for _ in 0..count {
        push.send(payload.as_slice())?;
    }
    Ok(())
}
