//! The runs of one case: a short one for the length of the others, then both sides in turn.

use crate::cases::Case;
use crate::children::{self, Placement, Run};
use crate::side::SideName;
use crate::statistics::Spread;

/// How long a run is meant to take, in seconds: long beside what begins and ends it.
const RUN_SECONDS: f64 = 0.7;

/// How every case is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// What runs in the place of zocket.
    pub(crate) ours: SideName,
    pub(crate) rounds: usize,
    pub(crate) placement: Placement,
}

/// What a case came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) zocket: Measured,
    pub(crate) libzmq: Measured,
}

/// What one side came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Messages per second.
    pub(crate) rate: Spread,
    /// CPU seconds per million messages.
    pub(crate) cpu: Spread,
}

impl Plan {
    /// Runs one case.
    pub(crate) fn run(&self, case: &Case) -> Result<Outcome, String> {
        let sides = [self.ours, SideName::Libzmq];
        let mut counts = [0; 2];
        for (count, side) in counts.iter_mut().zip(sides) {
            let short = children::run(case, side, case.first_run, self.placement)?;
            // At least as many as fill the queues of both ends a few times over.
            *count = ((short.rate * RUN_SECONDS) as u64).max(2 * case.first_run);
        }
        let mut runs: [Vec<Run>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..self.rounds {
            for index in [0, 1] {
                runs[index].push(children::run(
                    case,
                    sides[index],
                    counts[index],
                    self.placement,
                )?);
            }
        }
        let [zocket, libzmq] = runs.map(|runs| Measured {
            rate: Spread::of(runs.iter().map(|run| run.rate)),
            cpu: Spread::of(runs.iter().map(|run| run.cpu)),
        });
        Ok(Outcome { zocket, libzmq })
    }
}
