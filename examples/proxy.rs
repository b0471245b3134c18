//! A proxy: many clients and many workers that know one address each.
//!
//! ```text
//!   client 0 ─┐                            ┌─► worker 0
//!   client 1 ─┼─► ROUTER ═ proxy ═ DEALER ─┼─► worker 1
//!   client 2 ─┘                            └─► worker 2
//! ```
//!
//! Clients and workers may come and go: the proxy shares the requests out among whoever is there,
//! and sees to it that each reply goes back to the client that asked.

use std::error::Error;
use std::thread;
use std::time::Duration;

use zocket::{Context, Dealer, Proxy, Rep, Req, Router};

const CLIENTS: usize = 3;
const WORKERS: usize = 3;
const REQUESTS: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    // Everything is in one context, so that all of it can be ended at once.
    let context = Context::new();
    let clients = Router::builder().context(&context).build()?;
    let front = clients.bind("tcp://127.0.0.1:*")?;
    let workers = Dealer::builder().context(&context).build()?;
    let back = workers.bind("tcp://127.0.0.1:*")?;

    let working: Vec<_> = (0..WORKERS)
        .map(|name| {
            let rep = Rep::builder().context(&context).build()?;
            rep.connect(&back)?;
            Ok(thread::spawn(move || work(name, &rep)))
        })
        .collect::<Result<_, zocket::Error>>()?;
    // Not needed for the work to be done, only for everybody to have a share of it.
    workers.wait_for_peers(WORKERS, Duration::from_secs(10))?;

    // From here on it moves messages in a thread of its own.
    let proxy = Proxy::new(clients, workers).spawn()?;

    let asking: Vec<_> = (0..CLIENTS)
        .map(|name| {
            let req = Req::builder().context(&context).build()?;
            req.connect(&front)?;
            Ok(thread::spawn(move || ask(name, &req)))
        })
        .collect::<Result<_, zocket::Error>>()?;
    for client in asking {
        client.join().map_err(|_| "a client panicked")??;
    }

    let counted = proxy.stop()?;
    println!(
        "{} requests went through, and {} replies",
        counted.backend.sent, counted.frontend.sent
    );
    assert_eq!(counted.backend.sent, (CLIENTS * REQUESTS) as u64);
    assert_eq!(counted.frontend.sent, (CLIENTS * REQUESTS) as u64);

    // The workers wait for the next request: this ends that.
    context.shutdown();
    for worker in working {
        worker.join().map_err(|_| "a worker panicked")?;
    }
    Ok(())
}

/// One client: asks, and prints what it is told.
fn ask(name: usize, req: &Req) -> Result<(), zocket::Error> {
    for number in 0..REQUESTS {
        let reply = req.request(format!("request {number} of client {name}"))?;
        println!("{}", String::from_utf8_lossy(reply.first()));
    }
    Ok(())
}

/// One worker: answers until there is nobody any more to answer.
fn work(name: usize, rep: &Rep) {
    for request in rep {
        let text = String::from_utf8_lossy(request.first());
        let reply = format!("worker {name} has done {text}");
        // Fails only when the socket is closed, and then the loop ends, too.
        let _ = request.reply(reply);
    }
}
