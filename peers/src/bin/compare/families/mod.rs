//! The families of cases: for each what its processes are and do.
//!
//! ```text
//!   all ─► the table of cases                  work ─► what a child process does
//!     ├── throughput     PUSH → PULL             ──┤
//!     ├── latency        REQ ⇄ REP               ──┤
//!     ├── publish        XPUB → SUBs             ──┤
//!     ├── fan_in         PUSHes → PULL           ──┤
//!     ├── echo           DEALERs ⇄ ROUTER        ──┤
//!     ├── connections    PUSH – PULL, many times ──┤
//!     ├── subscriptions  XPUB → SUB, many topics ──┤
//!     ├── backlog        PUSH                    ──┤
//!     └── curve          PUSH → PULL, REQs ⇄ REP ──┘
//! ```

mod backlog;
mod connections;
mod curve;
mod echo;
mod fan_in;
pub(crate) mod latency;
mod publish;
mod subscriptions;
mod throughput;

use crate::case::{Case, Placement, Workload};
use crate::side::Result;
use crate::task::Task;
use crate::worker::Parent;

/// Every case there is.
pub(crate) fn all() -> Vec<Case> {
    [
        throughput::cases(),
        latency::cases(),
        publish::cases(),
        fan_in::cases(),
        echo::cases(),
        connections::cases(),
        subscriptions::cases(),
        backlog::cases(),
        curve::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Does what a child process is told to.
pub(crate) fn work(task: &Task, parent: &Parent) -> Result<()> {
    match task.family.as_str() {
        throughput::NAME => throughput::work(task, parent),
        latency::NAME => latency::work(task, parent),
        publish::NAME => publish::work(task, parent),
        fan_in::NAME => fan_in::work(task, parent),
        echo::NAME => echo::work(task, parent),
        connections::NAME => connections::work(task, parent),
        subscriptions::NAME => subscriptions::work(task, parent),
        backlog::NAME => backlog::work(task, parent),
        curve::NAME | curve::HANDSHAKES => curve::work(task, parent),
        other => Err(format!("no family {other}").into()),
    }
}

/// One workload, pinned and free.
fn in_both_modes<W: Workload + Clone + 'static>(name: &str, workload: &W) -> [Case; 2] {
    [
        Case {
            name: name.to_owned(),
            placement: Placement::Pinned,
            workload: Box::new(workload.clone()),
        },
        Case {
            name: format!("{name}/free"),
            placement: Placement::Free,
            workload: Box::new(workload.clone()),
        },
    ]
}
