//! DEALERs and a ROUTER that sends back what it gets: replies per second.
//!
//! One process has the ROUTER; another the clients, each in a thread of its own, which has
//! [`OUTSTANDING`] requests under way at any time.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use super::in_both_modes;
use crate::case::{Attempt, Case, FLOW, Figure, Length, Ran, Transport, Workload};
use crate::flow::{self, Span};
use crate::process::Crew;
use crate::side::{Echoes, Library, Libzmq, Receives, Result, Sends, Side, Socket, Zocket};
use crate::task::Task;
use crate::worker::Parent;

pub(super) const NAME: &str = "echo";

const SIZE: usize = 64;

const OUTSTANDING: u64 = 100;

#[derive(Clone, Copy, Debug)]
struct Echo {
    clients: u64,
}

pub(super) fn cases() -> Vec<Case> {
    let cases = [1, 16, 100]
        .map(|clients| in_both_modes(&format!("echo/tcp/{clients}"), &Echo { clients }));
    cases.into_iter().flatten().collect()
}

impl Workload for Echo {
    fn figures(&self) -> &'static [Figure] {
        FLOW
    }

    fn length(&self) -> Length {
        Length::Timed { first: 60_000 }
    }

    fn run(&self, attempt: &Attempt) -> std::result::Result<Ran, String> {
        let crew = Crew::new(NAME, attempt);
        let each = attempt.count / self.clients;
        let task = |role, core| {
            crew.task(role, core)
                .with("clients", self.clients)
                .with("count", each)
        };
        let endpoint = crew.endpoint(Transport::Tcp);
        let mut router = crew.start(&task("router", 1).at(&endpoint))?;
        let endpoint = router.word("at")?;
        let clients = crew.start(&task("clients", 0).at(&endpoint))?;
        let seconds = clients.number("took")?;
        router.tell()?;
        let usage = [clients.usage()?, router.usage()?].into_iter().sum();
        Ok(Ran::flow(each * self.clients, seconds, usage))
    }
}

pub(super) fn work(task: &Task, parent: &Parent) -> Result<()> {
    match task.side {
        Side::Zocket => work_with::<Zocket>(task, parent),
        Side::Libzmq => work_with::<Libzmq>(task, parent),
        other => Err(format!("{} does not do this", other.as_str()).into()),
    }
}

fn work_with<L: Library>(task: &Task, parent: &Parent) -> Result<()> {
    let (clients, count) = (task.number("clients")?, task.number("count")?);
    let context = L::context(1)?;
    match task.role.as_str() {
        "router" => {
            let mut router = L::router(&context)?;
            drop(context);
            parent.say(&format!("at {}", router.bind(&task.endpoint)?))?;
            for _ in 0..clients * count {
                router.echo(|data| black_box((data[0], data[data.len() - 1])))?;
            }
            parent.wait()
        }
        "clients" => {
            let spans = thread::scope(|scope| {
                let threads: Vec<_> = (0..clients)
                    .map(|_| {
                        scope.spawn(|| {
                            let mut dealer = L::dealer(&context)?;
                            dealer.connect(&task.endpoint)?;
                            exchange(&mut dealer, count)
                        })
                    })
                    .collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().map_err(|_| "a client panicked")?)
                    .collect::<Result<Vec<Span>>>()
            })?;
            let all = Span::of_all(&spans).ok_or("no clients")?;
            parent.say(&format!("took {}", all.length().as_secs_f64()))
        }
        other => Err(format!("no role {other}").into()),
    }
}

/// From the first request to the last reply.
fn exchange(dealer: &mut (impl Sends + Receives), count: u64) -> Result<Span> {
    let buffer = flow::buffer(SIZE);
    let mut look = flow::Look::new(SIZE);
    let first = Instant::now();
    for _ in 0..OUTSTANDING.min(count) {
        dealer.send(black_box(&buffer))?;
    }
    for number in 0..count {
        dealer.recv(|data| look.at(data))?;
        if number + OUTSTANDING < count {
            dealer.send(black_box(&buffer))?;
        }
    }
    look.end()?;
    Ok(Span {
        first,
        last: Instant::now(),
    })
}
