//! The receiving half of the throughput test: a PULL socket that binds, and counts.
//!
//! Start it, then [`remote_thr`](../remote_thr/index.html) with the same numbers, of
//! this library or of libzmq:
//!
//! ```text
//! cargo run --release --example local_thr  -- tcp://127.0.0.1:5555 16 1000000
//! cargo run --release --example remote_thr -- tcp://127.0.0.1:5555 16 1000000
//! ```
//!
//! The clock runs from the first message to the last.

mod support;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use support::Arguments;
use zocket::Pull;

fn main() -> ExitCode {
    let usage = "usage: local_thr <bind-to> <message-size> <message-count> [<enable_curve>]";
    support::finish(run(&Arguments::with_endpoint_and_curve(usage)))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let pull = Pull::new();
    pull.bind(&arguments.endpoint)?;

    arguments.check(&pull.recv()?)?;
    let start = Instant::now();
    for _ in 1..arguments.count {
        arguments.check(&pull.recv()?)?;
    }
    let elapsed = start.elapsed();

    println!("message size: {} [B]", arguments.size);
    println!("message count: {}", arguments.count);
    arguments.print_throughput(elapsed);
    Ok(())
}
