//! The C library: what [`throughput`] and [`latency`] measure, between C programs, with ours in the
//! place of the system's libzmq.

use super::{in_both_modes, latency, throughput};
use crate::c_program::CProgram;
use crate::case::{Attempt, Case, FLOW, Figure, Length, Placement, Ran, Transport, Workload};
use crate::process::Crew;

/// What the names begin with.
const NAME: &str = "capi";

/// Of every message.
const SIZE: usize = 64;

const TRANSPORTS: [Transport; 3] = [Transport::Tcp, Transport::Ipc, Transport::Inproc];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for does in [Does::Flow, Does::Ask] {
        for transport in TRANSPORTS {
            let workload = CLibrary { does, transport };
            let short = if does == Does::Flow { "thr" } else { "lat" };
            let name = format!("{NAME}/{short}/{}/{SIZE}", transport.as_str());
            if transport == Transport::Inproc {
                cases.push(Case {
                    name,
                    placement: Placement::Free,
                    workload: Box::new(workload),
                });
            } else {
                cases.extend(in_both_modes(&name, &workload));
            }
        }
    }
    cases
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// PUSH to PULL.
    Flow,
    /// REQ to REP and back.
    Ask,
}

#[derive(Clone, Copy, Debug)]
struct CLibrary {
    does: Does,
    transport: Transport,
}

impl Workload for CLibrary {
    fn figures(&self) -> &'static [Figure] {
        match self.does {
            Does::Flow => FLOW,
            Does::Ask => latency::FIGURES,
        }
    }

    fn length(&self) -> Length {
        match self.does {
            Does::Flow => Length::Timed { first: 400_000 },
            Does::Ask => latency::LENGTH,
        }
    }

    fn run(&self, attempt: &Attempt) -> Result<Ran, String> {
        let program = CProgram::get()?;
        let crew = |family| Crew::new(family, attempt).of(program);
        let (transport, count) = (self.transport, attempt.count);
        match self.does {
            Does::Flow => throughput::run(&crew(throughput::NAME), transport, SIZE, count),
            Does::Ask => latency::run(&crew(latency::NAME), transport, count, |task| {
                task.with("size", SIZE as u64).with("count", count)
            }),
        }
    }
}
