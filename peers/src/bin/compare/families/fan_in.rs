//! Four PUSH to one PULL: messages per second.
//!
//! One process has those that send, each in a thread of its own; another the one that receives.

use std::thread;

use super::in_both_modes;
use crate::case::{Attempt, Case, FLOW, Figure, Length, Ran, Transport, Workload};
use crate::flow;
use crate::process::Crew;
use crate::side::{HWM, Library, Libzmq, Result, Sends, Side, Socket, Zocket};
use crate::task::Task;
use crate::worker::Parent;

pub(super) const NAME: &str = "fan-in";

const SENDERS: u64 = 4;

#[derive(Clone, Copy, Debug)]
struct FanIn {
    size: usize,
    first: u64,
}

pub(super) fn cases() -> Vec<Case> {
    let cases = [(16, 400_000), (64, 400_000), (1024, 150_000)]
        .map(|(size, first)| in_both_modes(&format!("fan-in/tcp/{size}"), &FanIn { size, first }));
    cases.into_iter().flatten().collect()
}

impl Workload for FanIn {
    fn figures(&self) -> &'static [Figure] {
        FLOW
    }

    fn length(&self) -> Length {
        Length::Timed { first: self.first }
    }

    fn run(&self, attempt: &Attempt) -> std::result::Result<Ran, String> {
        let crew = Crew::new(NAME, attempt);
        let each = attempt.count / SENDERS;
        let task = |role, core| {
            crew.task(role, core)
                .with("size", self.size as u64)
                .with("count", each)
        };
        let endpoint = crew.endpoint(Transport::Tcp);
        let receiver = crew.start(&task("receiver", 1).at(&endpoint))?;
        let endpoint = receiver.word("at")?;
        let mut senders = crew.start(&task("senders", 0).at(&endpoint))?;
        senders.word("sent")?;
        let seconds = receiver.number("took")?;
        senders.tell()?;
        let usage = [senders.usage()?, receiver.usage()?].into_iter().sum();
        Ok(Ran::flow(each * SENDERS - 1, seconds, usage))
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
    let (size, count) = (task.size("size")?, task.number("count")?);
    let context = L::context(1)?;
    match task.role.as_str() {
        "senders" => {
            let senders = thread::scope(|scope| {
                let threads: Vec<_> = (0..SENDERS)
                    .map(|_| {
                        scope.spawn(|| {
                            let mut sender = L::push(&context, HWM)?;
                            sender.connect(&task.endpoint)?;
                            flow::send(&mut sender, size, count)?;
                            Ok(sender)
                        })
                    })
                    .collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().map_err(|_| "a sender panicked")?)
                    .collect::<Result<Vec<L::Push>>>()
            })?;
            drop(context);
            parent.say("sent")?;
            parent.wait()?;
            senders.into_iter().try_for_each(Sends::close)
        }
        "receiver" => {
            let mut receiver = L::pull(&context)?;
            parent.say(&format!("at {}", receiver.bind(&task.endpoint)?))?;
            let span = flow::receive(&mut receiver, size, count * SENDERS)?;
            parent.say(&format!("took {}", span.length().as_secs_f64()))
        }
        other => Err(format!("no role {other}").into()),
    }
}
