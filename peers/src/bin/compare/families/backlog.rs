//! Messages that wait because nobody is there: the memory that each takes.
//!
//! A process with a PUSH whose peer is not there sends; what it grows by is divided by how many wait.

use std::hint::black_box;

use crate::case::{Attempt, Case, Figure, Length, Placement, Ran, Transport, Workload};
use crate::flow;
use crate::process::Crew;
use crate::side::{Library, Libzmq, Result, Sends, Side, Socket, Zocket};
use crate::task::Task;
use crate::usage;
use crate::worker::Parent;

pub(super) const NAME: &str = "backlog";

const MESSAGES: u32 = 1_000_000;

const SIZE: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Backlog;

pub(super) fn cases() -> Vec<Case> {
    vec![Case {
        name: format!("backlog/ipc/{SIZE}"),
        placement: Placement::Free,
        workload: Box::new(Backlog),
    }]
}

impl Workload for Backlog {
    fn figures(&self) -> &'static [Figure] {
        &[Figure {
            name: "bytes_each",
            unit: "bytes that the process grows by for each message that waits",
        }]
    }

    fn length(&self) -> Length {
        Length::Fixed(u64::from(MESSAGES))
    }

    fn run(&self, attempt: &Attempt) -> std::result::Result<Ran, String> {
        let crew = Crew::new(NAME, attempt);
        let endpoint = crew.endpoint(Transport::Ipc);
        let task = crew.task("sender", 0).at(&endpoint);
        let sender = crew.start(&task.with("count", attempt.count))?;
        let seconds = sender.number("took")?;
        let grown = sender.number("grew")?;
        Ok(Ran {
            seconds,
            figures: vec![grown / attempt.count as f64],
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
    let context = L::context(1)?;
    // More than there are: nobody waits.
    let mut sender = L::push(&context, 2 * MESSAGES)?;
    sender.connect(&task.endpoint)?;
    let buffer = flow::buffer(SIZE);
    let before = usage::memory()?;
    let start = std::time::Instant::now();
    for _ in 0..task.number("count")? {
        sender.send(black_box(&buffer))?;
    }
    let took = start.elapsed();
    let grown = usage::memory()?.saturating_sub(before);
    parent.say(&format!("took {}", took.as_secs_f64()))?;
    parent.say(&format!("grew {grown}"))?;
    // Ended by the parent: closed, it would wait for the peer.
    parent.wait()
}
