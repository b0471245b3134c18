//! The latency test between two threads: a message goes to and fro.
//!
//! ```text
//! cargo run --release --example inproc_lat -- 16 100000
//! ```

mod support;

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use support::Arguments;
use zocket::{Message, Rep, Req};

fn main() -> ExitCode {
    let usage = "usage: inproc_lat <message-size> <roundtrip-count>";
    support::finish(run(&Arguments::without_endpoint(usage)))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let req = Req::new();
    req.bind("inproc://lat_test")?;
    println!("message size: {} [B]", arguments.size);
    println!("roundtrip count: {}", arguments.count);

    let count = arguments.count;
    let answerer = thread::spawn(move || answer(count));

    let mut message = Message::from(vec![0; arguments.size]);
    let start = Instant::now();
    for _ in 0..count {
        req.send(message)?;
        message = req.recv()?;
        arguments.check(&message)?;
    }
    let elapsed = start.elapsed();

    answerer
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    arguments.print_latency(elapsed);
    Ok(())
}

fn answer(count: u64) -> Result<(), zocket::Error> {
    let rep = Rep::new();
    rep.connect("inproc://lat_test")?;
    for request in rep.iter().take(count as usize) {
        let message = request.clone();
        request.reply(message)?;
    }
    Ok(())
}
