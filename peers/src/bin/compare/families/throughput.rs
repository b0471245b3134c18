//! PUSH to PULL, one to one: messages per second.
//!
//! Over tcp and ipc a process that sends and one that receives; over inproc one with two threads.

use std::thread;

use super::in_both_modes;
use crate::case::{Attempt, Case, FLOW, Figure, Length, Placement, Ran, Transport, Workload};
use crate::flow;
use crate::process::Crew;
use crate::side::{Libzmq, Pipeline, Raw, Result, Sends, Side, Zocket};
use crate::task::Task;
use crate::worker::Parent;

pub(super) const NAME: &str = "throughput";

/// Each size with how many messages make a short first run: more than fill the queues at both ends.
const SIZES: [(usize, u64); 7] = [
    (16, 400_000),
    (64, 400_000),
    (256, 300_000),
    (1024, 150_000),
    (8192, 30_000),
    (65_536, 6_000),
    (1_048_576, 600),
];

/// What inproc is compared with: larger ones are a matter of allocation.
const INPROC_SIZES: [(usize, u64); 3] = [(16, 400_000), (64, 400_000), (256, 400_000)];

#[derive(Clone, Copy, Debug)]
struct Throughput {
    transport: Transport,
    size: usize,
    first: u64,
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for transport in [Transport::Tcp, Transport::Ipc] {
        for (size, first) in SIZES {
            let workload = Throughput {
                transport,
                size,
                first,
            };
            cases.extend(in_both_modes(&workload.name(), &workload));
        }
    }
    for (size, first) in INPROC_SIZES {
        let workload = Throughput {
            transport: Transport::Inproc,
            size,
            first,
        };
        cases.push(Case {
            name: workload.name(),
            placement: Placement::Free,
            workload: Box::new(workload),
        });
    }
    cases
}

impl Throughput {
    fn name(&self) -> String {
        format!("thr/{}/{}", self.transport.as_str(), self.size)
    }
}

impl Workload for Throughput {
    fn sides(&self) -> Vec<Side> {
        match self.transport {
            Transport::Tcp | Transport::Ipc => [Side::Zocket, Side::Libzmq, Side::Raw]
                .into_iter()
                .chain(Side::rivals())
                .collect(),
            Transport::Inproc => vec![Side::Zocket, Side::Libzmq],
        }
    }

    fn figures(&self) -> &'static [Figure] {
        FLOW
    }

    fn length(&self) -> Length {
        Length::Timed { first: self.first }
    }

    fn run(&self, attempt: &Attempt) -> std::result::Result<Ran, String> {
        let crew = Crew::new(NAME, attempt);
        if self.transport != Transport::Inproc {
            return between_two(&crew, self.transport, self.size, attempt.count);
        }
        let endpoint = crew.endpoint(self.transport);
        let both = crew.start(&task(&crew, "both", 0, self.size, attempt.count).at(&endpoint))?;
        let (seconds, usage) = (both.number("took")?, both.usage()?);
        Ok(Ran::flow(attempt.count - 1, seconds, usage))
    }
}

fn task(crew: &Crew, role: &str, core: usize, size: usize, count: u64) -> Task {
    crew.task(role, core)
        .with("size", size as u64)
        .with("count", count)
}

/// Has a process send to another one, whatever family they are of.
pub(super) fn between_two(
    crew: &Crew,
    transport: Transport,
    size: usize,
    count: u64,
) -> std::result::Result<Ran, String> {
    let task = |role, core| task(crew, role, core, size, count);
    let receiver = crew.start(&task("receiver", 1).at(&crew.endpoint(transport)))?;
    let endpoint = receiver.word("at")?;
    let mut sender = crew.start(&task("sender", 0).at(&endpoint))?;
    // The sender first: a sender that failed says more than a receiver that waits for it.
    sender.word("sent")?;
    let seconds = receiver.number("took")?;
    sender.tell()?;
    let usage = [sender.usage()?, receiver.usage()?].into_iter().sum();
    Ok(Ran::flow(count - 1, seconds, usage))
}

pub(super) fn work(task: &Task, parent: &Parent) -> Result<()> {
    match task.side {
        Side::Zocket => work_with::<Zocket>(task, parent),
        Side::Libzmq => work_with::<Libzmq>(task, parent),
        Side::Raw => work_with::<Raw>(task, parent),
        #[cfg(feature = "rivals")]
        Side::Rival(name) => crate::rivals::work(name, task, parent),
    }
}

pub(super) fn work_with<P: Pipeline>(task: &Task, parent: &Parent) -> Result<()> {
    let (size, count) = (task.size("size")?, task.number("count")?);
    let context = P::context()?;
    match task.role.as_str() {
        // It closes only when it is told so: libzmq, as a receiver over ipc, gives up what the
        // kernel still holds when the connection closes while its queue is full.
        "sender" => {
            let mut sender = P::sender(&context, &task.endpoint)?;
            drop(context);
            flow::send(&mut sender, size, count)?;
            sender.flush()?;
            parent.say("sent")?;
            parent.wait()?;
            sender.close()
        }
        "receiver" => {
            let (mut receiver, endpoint) = P::receiver(&context, &task.endpoint)?;
            parent.say(&format!("at {endpoint}"))?;
            let span = flow::receive(&mut receiver, size, count)?;
            parent.say(&format!("took {}", span.length().as_secs_f64()))
        }
        "both" => {
            let (mut receiver, endpoint) = P::receiver(&context, &task.endpoint)?;
            let mut sender = P::sender(&context, &endpoint)?;
            drop(context);
            let span = thread::scope(|scope| {
                let sending = scope.spawn(move || {
                    flow::send(&mut sender, size, count)?;
                    sender.close()
                });
                let span = flow::receive(&mut receiver, size, count)?;
                sending
                    .join()
                    .map_err(|_| "the sending thread panicked")??;
                Result::Ok(span)
            })?;
            parent.say(&format!("took {}", span.length().as_secs_f64()))
        }
        other => Err(format!("no role {other}").into()),
    }
}
