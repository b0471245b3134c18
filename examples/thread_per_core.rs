//! One thread per core, with a socket each or one for all: two ways to share out the same work.
//!
//! ```text
//!                  ┌──► PULL, worker 1 ──┐                      ┌──► worker 1 ──┐
//!   jobs (PUSH) ───┼──► PULL, worker 2 ──┼──► results   jobs ──► PULL ──► worker 2 ──► results
//!                  └──► PULL, worker 3 ──┘    (PULL)            └──► worker 3 ──┘
//! ```
//!
//! With *a socket each* the jobs are dealt out in turn, to whoever has room. A worker knows what is
//! waiting for it alone, and no two ever meet; but one that is slow keeps what it was dealt. With
//! *one for all* whoever is free takes the next job, and nothing waits behind a slow one.
//!
//! The workers themselves are the same: a socket is used by reference, from any number of threads.

use std::thread;
use std::time::Instant;

use zocket::{Message, Pull, Push};

type Error = Box<dyn std::error::Error + Send + Sync>;

const JOBS: u64 = 64;

fn main() -> Result<(), Error> {
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let each = share_out("a socket each", cores, cores)?;
    let one = share_out("one for all", cores, 1)?;
    assert_eq!(each, one, "the same jobs have the same results");
    Ok(())
}

/// Has some workers, who use that many sockets, do all the jobs; the sum of the results.
fn share_out(name: &str, workers: usize, sockets: usize) -> Result<u64, Error> {
    let jobs = Push::builder().send_hwm(1).build()?;
    let jobs_at = jobs.bind(format!("inproc://{name}, jobs"))?;
    let results = Pull::new();
    let results_at = results.bind(format!("inproc://{name}, results"))?;

    let connected = || {
        // What is dealt out early waits for one worker: better little than much.
        let socket = Pull::builder().recv_hwm(1).build()?;
        socket.connect(&jobs_at)?;
        Ok::<_, Error>(socket)
    };
    let pulls: Vec<Pull> = (0..sockets)
        .map(|_| connected())
        .collect::<Result<_, _>>()?;
    // All workers give their results to this one.
    let push = Push::new();
    push.connect(&results_at)?;

    let start = Instant::now();
    thread::scope(|threads| {
        let workers: Vec<_> = (0..workers)
            .map(|n| {
                let (pull, push) = (&pulls[n % sockets], &push);
                threads.spawn(move || work(pull, push))
            })
            .collect();
        for job in 0..JOBS {
            jobs.send(job.to_string())?;
        }
        let mut sum = 0;
        for result in results.iter().take(JOBS as usize) {
            sum += number(&result)?;
        }
        // There are no more jobs: ends the workers' loops.
        for pull in &pulls {
            pull.close()?;
        }
        println!("{name}: {sum} after {:.0?}", start.elapsed());
        for (n, worker) in workers.into_iter().enumerate() {
            let done = worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            println!("  worker {n} has done {done} jobs");
        }
        Ok(sum)
    })
}

/// Does jobs until there are no more; how many those were.
fn work(jobs: &Pull, results: &Push) -> Result<u32, Error> {
    let mut done = 0;
    for job in jobs {
        let result = steps_to_one(number(&job)?);
        results.send(result.to_string())?;
        done += 1;
    }
    Ok(done)
}

/// Something that takes its time, and for some numbers longer than for others.
fn steps_to_one(job: u64) -> u64 {
    let first = job * 1_000 + 1;
    (first..first + 1_000 * (1 + job % 8))
        .map(|mut n| {
            let mut steps = 0;
            while n != 1 {
                n = if n.is_multiple_of(2) {
                    n / 2
                } else {
                    3 * n + 1
                };
                steps += 1;
            }
            steps
        })
        .sum()
}

fn number(message: &Message) -> Result<u64, Error> {
    Ok(message.first().to_str()?.parse()?)
}
