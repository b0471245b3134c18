//! DEALER and ROUTER: many talk to one, which knows each by its name.
//!
//! ```text
//!                         ┌── worker-0 (DEALER)
//!   dispatcher (ROUTER) ──┼── worker-1
//!                         └── worker-2
//! ```
//!
//! A worker that has nothing to do says so, and gets the next job: unlike PUSH, which shares out
//! evenly, this gives those more to do who are faster.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use zocket::{Dealer, Endpoint, Error, Message, Router};

const WORKERS: usize = 3;
const JOBS: usize = 30;
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Error> {
    // With `mandatory` a job for a worker that is gone is an error rather than gone with it.
    let router = Router::builder().mandatory(true).build()?;
    let here = router.bind("tcp://127.0.0.1:*")?;

    thread::scope(|threads| {
        let here = &here;
        let workers: Vec<_> = (0..WORKERS)
            .map(|n| threads.spawn(move || work(n, here)))
            .collect();
        let done = dispatch(&router);
        for worker in workers {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        done
    })
}

/// Gives every job to whoever is free, and then tells everybody to go home.
fn dispatch(router: &Router) -> Result<(), Error> {
    let mut jobs = 1..=JOBS;
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    let mut sum = 0;
    let mut at_work = WORKERS;
    while at_work > 0 {
        // What comes says who sent it, so that there can be an answer.
        let (worker, message) = router.recv_from_timeout(PATIENCE)?;
        if let Some(result) = number(&message) {
            println!("{worker} says {result}");
            *done.entry(worker.to_string()).or_default() += 1;
            sum += result;
        }
        match jobs.next() {
            Some(job) => router.send_to(&worker, job.to_string())?,
            None => {
                router.send_to(&worker, "go home")?;
                at_work -= 1;
            }
        }
    }
    for (worker, jobs) in &done {
        println!("{worker} has done {jobs} jobs");
    }
    println!("the squares of 1 to {JOBS} make {sum}");
    assert_eq!(sum, JOBS * (JOBS + 1) * (2 * JOBS + 1) / 6);
    Ok(())
}

/// One worker: squares numbers, some faster than others.
fn work(n: usize, dispatcher: &Endpoint) -> Result<(), Error> {
    // Without an id of its own it would be given one, which works as well.
    let dealer = Dealer::builder()
        .routing_id(format!("worker-{n}"))
        .build()?;
    dealer.connect(dispatcher)?;
    dealer.send("ready")?;
    loop {
        let job = dealer.recv_timeout(PATIENCE)?;
        let Some(number) = number(&job) else {
            return Ok(());
        };
        thread::sleep(Duration::from_millis(1 + 5 * n as u64)); // hard work
        dealer.send((number * number).to_string())?;
    }
}

fn number(message: &Message) -> Option<usize> {
    message.first().to_str().ok()?.parse().ok()
}
