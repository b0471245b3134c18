//! A service on tokio: several tasks answer requests, and come to an end in good order.
//!
//! ```text
//!   client Ada ──┐                 ┌── task 1: recv_async, work, reply
//!   client Ben ──┼──► REP (tcp) ───┼── task 2
//!   client Cleo ─┘                 └── task 3
//! ```
//!
//! The library knows nothing of tokio: its futures run on any executor. They may be dropped at any
//! point, by `select!` or by a timeout, and nothing is lost by that, so a loop like the one below
//! needs no care. When the service is to stop, its tasks take no more requests, finish those that
//! they have, and then the socket is closed, which waits until the last reply is on its way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use zocket::{Endpoint, Error, Rep, Req, Request};

const CLIENTS: [&str; 3] = ["Ada", "Ben", "Cleo"];
const WORKERS: usize = 3;

/// A client waits no longer than this.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Error> {
    let rep = Arc::new(Rep::new());
    let here = rep.bind("tcp://127.0.0.1:*")?;

    // In a service that runs for long this would be sent by `tokio::signal::ctrl_c`.
    let (stop, stopping) = watch::channel(false);
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        workers.spawn(work(number, rep.clone(), stopping.clone()));
    }

    let mut clients = JoinSet::new();
    for name in CLIENTS {
        clients.spawn(ask(name, here.clone()));
    }
    for outcome in clients.join_all().await {
        outcome?;
    }

    stop.send_replace(true);
    let answered: u32 = workers.join_all().await.into_iter().sum();
    println!("{answered} requests were answered");
    if let Err(unsent) = rep.close_async().await {
        eprintln!("{unsent}");
    }
    Ok(())
}

/// Answers requests until the service is to stop; how many those were.
async fn work(number: usize, rep: Arc<Rep>, mut stopping: watch::Receiver<bool>) -> u32 {
    let mut answered = 0;
    loop {
        let request = tokio::select! {
            request = rep.recv_async() => request,
            // The request that would have come is still there for another task.
            _ = stopping.wait_for(|stop| *stop) => return answered,
        };
        match request {
            Ok(request) => answer(number, request).await,
            Err(error) => {
                eprintln!("worker {number}: {error}");
                return answered;
            }
        }
        answered += 1;
    }
}

/// Takes its time, without keeping the other tasks, or the other clients, waiting.
async fn answer(number: usize, request: Request) {
    let question = request.first().to_str().unwrap_or("?").to_owned();
    println!("worker {number} is asked {question:?}");
    sleep(Duration::from_millis(question.len() as u64)).await;
    if let Err(error) = request.reply(question.to_uppercase()) {
        eprintln!("worker {number}: {error}");
    }
}

async fn ask(name: &str, service: Endpoint) -> Result<(), Error> {
    let req = Req::new();
    req.connect(&service)?;
    // Whoever is in too much of a hurry ends this exchange, and may ask again at once.
    let hasty = timeout(
        Duration::from_millis(1),
        req.request_async("what is the time?"),
    );
    match hasty.await {
        Ok(answer) => println!("{name} is told at once: {:?}", answer?),
        Err(_) => println!("{name} has no time to wait"),
    }
    for n in 1..=3 {
        let question = format!("{name}'s question {n}");
        let answer = timeout(PATIENCE, req.request_async(question.as_str()))
            .await
            .map_err(|_| Error::Timeout)??;
        println!(
            "{name} is told {:?}",
            answer.first().to_str().unwrap_or("?")
        );
        assert_eq!(answer, question.to_uppercase());
    }
    Ok(())
}
