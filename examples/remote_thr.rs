//! The sending half of the throughput test: a PUSH socket that connects, and sends.
//!
//! See `local_thr`, its other half.

mod support;

use std::error::Error;
use std::process::ExitCode;

use support::Arguments;
use zocket::Push;

fn main() -> ExitCode {
    let usage = "usage: remote_thr <connect-to> <message-size> <message-count> [<enable_curve>]";
    support::finish(run(&Arguments::with_endpoint_and_curve(usage)))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let push = Push::new();
    push.connect(&arguments.endpoint)?;

    // Each message is made anew, as a program that has something to say would.
    let payload = vec![0; arguments.size];
    for _ in 0..arguments.count {
        push.send(payload.as_slice())?;
    }
    // Waits until the last is on its way.
    push.close()?;
    Ok(())
}
