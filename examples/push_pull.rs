//! PUSH and PULL: a pipeline that shares work out and collects the results.
//!
//! ```text
//!                   ┌─► worker 0 ─┐
//!   main ─► jobs ───┼─► worker 1 ─┼─► results ─► main
//!                   └─► worker 2 ─┘
//! ```
//!
//! The workers are threads here; with `tcp://` endpoints in place of `inproc://` they
//! can be anywhere, and nothing else changes.

use std::thread;
use std::time::Duration;

use zocket::{Frame, Pull, Push};

const WORKERS: usize = 3;
const JOBS: u64 = 30;

fn main() -> Result<(), zocket::Error> {
    let jobs = Push::new();
    jobs.bind("inproc://jobs")?;
    let results = Pull::new();
    results.bind("inproc://results")?;

    for worker in 0..WORKERS {
        thread::spawn(move || work(worker));
    }
    // Not needed for the work to be done, only for everybody to have a share of it.
    jobs.wait_for_peers(WORKERS, Duration::from_secs(10))?;

    // `send` blocks only while no worker has room for more.
    for n in 1..=JOBS {
        jobs.send(n.to_string())?;
    }
    let mut sum = 0;
    for _ in 0..JOBS {
        let result = results.recv()?;
        println!("worker {} says {}", text(&result[0]), text(&result[1]));
        sum += number(&result[1]);
    }
    println!("the squares of 1 to {JOBS} make {sum}");
    assert_eq!(sum, JOBS * (JOBS + 1) * (2 * JOBS + 1) / 6);
    // The workers wait for more to do until the program ends, which is now.
    Ok(())
}

/// One worker: squares numbers.
fn work(worker: usize) -> Result<(), zocket::Error> {
    let jobs = Pull::new();
    jobs.connect("inproc://jobs")?;
    let results = Push::new();
    results.connect("inproc://results")?;
    loop {
        let job = jobs.recv()?;
        let n = number(job.first());
        results.send([worker.to_string(), (n * n).to_string()])?;
    }
}

fn number(frame: &Frame) -> u64 {
    text(frame).parse().unwrap_or_default()
}

fn text(frame: &Frame) -> &str {
    frame.to_str().unwrap_or("?")
}
