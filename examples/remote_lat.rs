//! The asking half of the latency test: connects, and sends a message to and fro.
//!
//! See `local_lat`, its other half.

mod support;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use support::Arguments;
use zocket::{Message, Req};

fn main() -> ExitCode {
    let usage = "usage: remote_lat <connect-to> <message-size> <roundtrip-count>";
    support::finish(run(&Arguments::with_endpoint(usage)))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let req = Req::new();
    req.connect(&arguments.endpoint)?;

    let mut message = Message::from(vec![0; arguments.size]);
    let start = Instant::now();
    for _ in 0..arguments.count {
        req.send(message)?;
        message = req.recv()?;
        arguments.check(&message)?;
    }
    let elapsed = start.elapsed();

    println!("message size: {} [B]", arguments.size);
    println!("roundtrip count: {}", arguments.count);
    arguments.print_latency(elapsed);
    Ok(())
}
