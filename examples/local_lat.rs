//! The answering half of the latency test: binds, and sends back what it receives.
//!
//! Start it, then `remote_lat` with the same numbers:
//!
//! ```text
//! cargo run --release --example local_lat  -- tcp://127.0.0.1:5555 16 100000
//! cargo run --release --example remote_lat -- tcp://127.0.0.1:5555 16 100000
//! ```
//!
//! libzmq's tool of this name uses REP and REQ, which this library does not have yet.
//! Until it does, these two use PAIR, so they cannot be mixed with libzmq's.

mod support;

use std::error::Error;
use std::process::ExitCode;

use support::Arguments;
use zocket::Pair;

fn main() -> ExitCode {
    let usage = "usage: local_lat <bind-to> <message-size> <roundtrip-count>";
    support::finish(run(&Arguments::with_endpoint(usage)))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let pair = Pair::new();
    pair.bind(&arguments.endpoint)?;
    for _ in 0..arguments.count {
        let message = pair.recv()?;
        arguments.check(&message)?;
        pair.send(message)?;
    }
    // Waits until the last is on its way.
    pair.close()?;
    Ok(())
}
