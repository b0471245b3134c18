//! The answering half of the latency test: binds, and sends back what it receives.
//!
//! Start it, then `remote_lat` with the same numbers:
//!
//! ```text
//! cargo run --release --example local_lat  -- tcp://127.0.0.1:5555 16 100000
//! cargo run --release --example remote_lat -- tcp://127.0.0.1:5555 16 100000
//! ```
//!
//! Either half can be mixed with the other one of libzmq's.

mod support;

use std::error::Error;
use std::process::ExitCode;

use support::Arguments;
use zocket::Rep;

fn main() -> ExitCode {
    let usage = "usage: local_lat <bind-to> <message-size> <roundtrip-count>";
    support::finish(run(&Arguments::with_endpoint(usage)))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let rep = Rep::new();
    rep.bind(&arguments.endpoint)?;
    for _ in 0..arguments.count {
        let request = rep.recv()?;
        arguments.check(&request)?;
        let message = request.clone();
        request.reply(message)?;
    }
    // Waits until the last is on its way.
    rep.close()?;
    Ok(())
}
