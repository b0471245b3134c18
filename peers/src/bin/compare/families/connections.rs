//! Connections on which nothing happens: the memory of each, and the time that making them takes.
//!
//! One process has a PULL that is bound, another a PUSH that connects many times. The memory is what
//! the process of the PULL grows by, for each; that of the PUSH stands beside it. The time goes from
//! the first connect to when the PULL knows all of its peers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::in_both_modes;
use crate::case::{Attempt, Case, Figure, Length, Ran, Transport, Workload};
use crate::process::Crew;
use crate::side::{AwaitsPeers, HWM, Library, Libzmq, Result, Side, Socket, Zocket};
use crate::task::Task;
use crate::usage;
use crate::worker::Parent;

pub(super) const NAME: &str = "connections";

const CONNECTIONS: u64 = 5_000;

/// Beyond one for each connection: what the process has besides.
const MORE_DESCRIPTORS: u64 = 200;

const FIGURES: &[Figure] = &[
    Figure {
        name: "bytes_each",
        unit: "bytes that the accepting process grows by for each connection",
    },
    Figure {
        name: "seconds",
        unit: "seconds until all are connected",
    },
    Figure {
        name: "connecting_bytes_each",
        unit: "bytes that the connecting process grows by for each connection",
    },
];

#[derive(Clone, Copy, Debug)]
struct Connections;

pub(super) fn cases() -> Vec<Case> {
    in_both_modes(&format!("connections/tcp/{CONNECTIONS}"), &Connections).into()
}

impl Workload for Connections {
    fn figures(&self) -> &'static [Figure] {
        FIGURES
    }

    fn length(&self) -> Length {
        Length::Fixed(CONNECTIONS)
    }

    fn run(&self, attempt: &Attempt) -> std::result::Result<Ran, String> {
        let crew = Crew::new(NAME, attempt);
        let task = |role, core| crew.task(role, core).with("count", attempt.count);
        let endpoint = crew.endpoint(Transport::Tcp);
        let mut server = crew.start(&task("server", 1).at(&endpoint))?;
        let endpoint = server.word("at")?;
        let mut clients = crew.start(&task("clients", 0).at(&endpoint))?;
        let began = clients.number("began")?;
        let seconds = server.number("complete")? - began;
        server.tell()?;
        let accepting = server.number("grew")?;
        clients.tell()?;
        let connecting = clients.number("grew")?;
        let each = |bytes: f64| bytes / attempt.count as f64;
        Ok(Ran {
            seconds,
            figures: vec![each(accepting), seconds, each(connecting)],
        })
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
    let count = task.number("count")?;
    usage::allow_descriptors(count + MORE_DESCRIPTORS)?;
    let context = L::context(1)?;
    let grown = match task.role.as_str() {
        "server" => {
            let mut server = L::pull(&context)?;
            let endpoint = server.bind(&task.endpoint)?;
            let before = usage::memory()?;
            server.await_peers(count, || parent.say(&format!("at {endpoint}")))?;
            parent.say(&format!("complete {}", now()?.as_secs_f64()))?;
            parent.wait()?;
            usage::memory()?.saturating_sub(before)
        }
        "clients" => {
            let clients = L::push(&context, HWM)?;
            let before = usage::memory()?;
            parent.say(&format!("began {}", now()?.as_secs_f64()))?;
            for _ in 0..count {
                clients.connect(&task.endpoint)?;
            }
            parent.wait()?;
            usage::memory()?.saturating_sub(before)
        }
        other => return Err(format!("no role {other}").into()),
    };
    parent.say(&format!("grew {grown}"))?;
    // Ended by the parent, with all that it has.
    parent.wait()
}

/// On a clock that both processes have, which an `Instant` cannot be taken over from.
#[allow(clippy::disallowed_methods)]
fn now() -> Result<Duration> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?)
}
