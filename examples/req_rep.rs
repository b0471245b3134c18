//! REQ and REP: questions, and their answers.
//!
//! ```text
//!   client Ada ──┐
//!   client Ben ──┼──► server: two threads that share one socket
//!   client Cleo ─┘
//! ```
//!
//! A server whose answers take their time need not keep its other clients waiting: each request
//! can be answered whenever it is ready, by whichever thread has it.

use std::thread;
use std::time::Duration;

use zocket::{Endpoint, Error, Rep, Req};

const CLIENTS: [&str; 3] = ["Ada", "Ben", "Cleo"];
const SERVERS: usize = 2;
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Error> {
    let rep = Rep::new();
    let here = rep.bind("tcp://127.0.0.1:*")?;

    thread::scope(|threads| {
        let rep = &rep;
        let servers = (0..SERVERS).map(|n| threads.spawn(move || serve(n, rep)));
        let servers: Vec<_> = servers.collect();

        let here = &here;
        let clients = CLIENTS.map(|name| threads.spawn(move || ask(name, here)));
        let outcomes = clients.map(join);

        // Ends the servers' loops.
        rep.close()?;
        for server in servers {
            join(server)?;
        }
        outcomes.into_iter().collect::<Result<(), Error>>()
    })?;

    // Nobody answers here, and nobody waits for ever.
    let lonely = Req::new();
    lonely.connect("inproc://nobody-is-here")?;
    match lonely.request_timeout("anybody?", Duration::from_millis(200)) {
        Err(error) if error.is_timeout() => println!("nobody answers: {error}"),
        other => panic!("not a timeout: {other:?}"),
    }
    Ok(())
}

/// Answers until the socket is closed.
fn serve(server: usize, rep: &Rep) -> Result<(), Error> {
    for request in rep {
        let question = request.first().to_str().unwrap_or("?").to_owned();
        println!("server {server} is asked {question:?}");
        // If the client has gone meanwhile, that is no error.
        request.reply(question.to_uppercase())?;
    }
    Ok(())
}

fn ask(name: &str, server: &Endpoint) -> Result<(), Error> {
    let req = Req::new();
    req.connect(server)?;
    for n in 1..=3 {
        let question = format!("{name}'s question {n}");
        let answer = req.request_timeout(question.as_str(), PATIENCE)?;
        println!(
            "{name} is told {:?}",
            answer.first().to_str().unwrap_or("?")
        );
        assert_eq!(answer, question.to_uppercase());
    }
    Ok(())
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
