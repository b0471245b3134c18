//! What the performance tools have in common: their arguments and what they print, both
//! as those of libzmq's tools of the same names.

// Each tool uses a part of this.
#![allow(dead_code)]

use std::error::Error;
use std::process::{ExitCode, exit};
use std::time::Duration;

use zocket::Message;

/// `[<endpoint>] <message-size> <count>`
pub(crate) struct Arguments {
    /// Empty for the tools that run within one process.
    pub(crate) endpoint: String,
    /// Bytes in each message.
    pub(crate) size: usize,
    /// How many messages or round trips; at least one.
    pub(crate) count: u64,
}

impl Arguments {
    /// Those of a tool that talks to another process. With anything else on the command
    /// line, prints `usage` and exits with code 1.
    pub(crate) fn with_endpoint(usage: &str) -> Self {
        let given: Vec<String> = std::env::args().skip(1).collect();
        match given.as_slice() {
            [endpoint, size, count] => Self::parse(endpoint, size, count, usage),
            _ => refuse(usage),
        }
    }

    /// The same with a last argument that may switch encryption on, of which there is
    /// none yet: only `0` is taken.
    pub(crate) fn with_endpoint_and_curve(usage: &str) -> Self {
        let given: Vec<String> = std::env::args().skip(1).collect();
        match given.as_slice() {
            [endpoint, size, count] => Self::parse(endpoint, size, count, usage),
            [endpoint, size, count, curve] if curve == "0" => {
                Self::parse(endpoint, size, count, usage)
            }
            [_, _, _, _] => refuse("CURVE is not available yet"),
            _ => refuse(usage),
        }
    }

    /// Those of a tool that runs within one process. With anything else on the command
    /// line, prints `usage` and exits with code 1.
    pub(crate) fn without_endpoint(usage: &str) -> Self {
        let given: Vec<String> = std::env::args().skip(1).collect();
        match given.as_slice() {
            [size, count] => Self::parse("", size, count, usage),
            _ => refuse(usage),
        }
    }

    fn parse(endpoint: &str, size: &str, count: &str, usage: &str) -> Self {
        match (size.parse(), count.parse()) {
            (Ok(size), Ok(count)) if count > 0 => Self {
                endpoint: endpoint.to_owned(),
                size,
                count,
            },
            _ => refuse(usage),
        }
    }

    /// Fails unless `message` is of the size agreed on.
    pub(crate) fn check(&self, message: &Message) -> Result<(), Box<dyn Error>> {
        if message.byte_len() == self.size {
            Ok(())
        } else {
            Err("message of incorrect size received".into())
        }
    }

    pub(crate) fn print_throughput(&self, elapsed: Duration) {
        let throughput = self.count as f64 / at_least_1_us(elapsed).as_secs_f64();
        println!("mean throughput: {throughput:.0} [msg/s]");
        println!(
            "mean throughput: {:.3} [Mb/s]",
            throughput * self.size as f64 * 8.0 / 1e6
        );
    }

    /// A round trip is two messages, each of which has this latency.
    pub(crate) fn print_latency(&self, elapsed: Duration) {
        let latency = elapsed.as_secs_f64() * 1e6 / (self.count as f64 * 2.0);
        println!("average latency: {latency:.3} [us]");
    }
}

/// The exit code of a tool; says on stderr what went wrong, if anything.
pub(crate) fn finish(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn refuse(why: &str) -> ! {
    println!("{why}");
    exit(1)
}

fn at_least_1_us(elapsed: Duration) -> Duration {
    elapsed.max(Duration::from_micros(1))
}
