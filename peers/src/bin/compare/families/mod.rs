//! The families of cases: for each what its processes are and do.
//!
//! ```text
//!   all ─► the table of cases          work ─► what a child process does
//!     └── throughput   PUSH → PULL       ──┘
//! ```

mod throughput;

use crate::case::{Case, Placement, Workload};
use crate::side::Result;
use crate::task::Task;
use crate::worker::Parent;

/// Every case there is.
pub(crate) fn all() -> Vec<Case> {
    throughput::cases()
}

/// Does what a child process is told to.
pub(crate) fn work(task: &Task, parent: &Parent) -> Result<()> {
    match task.family.as_str() {
        throughput::NAME => throughput::work(task, parent),
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
