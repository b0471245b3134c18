//! The runs of one case: a short one for the length of the others, then all sides in turn.

use crate::case::{Attempt, Case, Length, Ran};
use crate::side::Side;
use crate::statistics::Spread;

/// How every case is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// How long a run is meant to take, in seconds: long beside what begins and ends it.
    pub(crate) run_seconds: f64,
    /// libzmq runs in the place of zocket, too: what chance alone comes to.
    pub(crate) null: bool,
}

/// What a case came to: one entry for each side that can do it.
pub(crate) type Outcome = Vec<Entry>;

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// In whose place it ran.
    pub(crate) side: Side,
    /// In the order of the workload's figures; or why there are none.
    pub(crate) figures: Result<Vec<Spread>, String>,
}

impl Plan {
    /// Runs one case. A side that fails does not run again, and has no figures.
    pub(crate) fn run(&self, case: &Case) -> Outcome {
        self.run_with(case, |attempt| case.workload.run(attempt))
    }

    fn run_with(
        &self,
        case: &Case,
        mut run: impl FnMut(&Attempt) -> Result<Ran, String>,
    ) -> Outcome {
        let mut turns: Vec<Turns> = (case.workload.sides().into_iter())
            .map(|side| Turns {
                side,
                attempt: Attempt {
                    side: if self.null && side == Side::Zocket {
                        Side::Libzmq
                    } else {
                        side
                    },
                    placement: case.placement,
                    count: 0,
                },
                runs: Ok(Vec::new()),
            })
            .collect();
        for turn in &mut turns {
            turn.attempt.count = match case.workload.length() {
                Length::Fixed(count) => count,
                Length::Timed { first } => {
                    turn.attempt.count = first;
                    match run(&turn.attempt) {
                        // At least as many as fill the queues of both ends a few times over.
                        Ok(short) => scaled(first, self.run_seconds / short.seconds).max(2 * first),
                        Err(error) => {
                            turn.runs = Err(error);
                            continue;
                        }
                    }
                }
            };
        }
        for _ in 0..self.rounds {
            for turn in &mut turns {
                turn.take(&mut run);
            }
        }
        let figures = case.workload.figures().len();
        turns.into_iter().map(|turn| turn.end(figures)).collect()
    }
}

fn scaled(count: u64, factor: f64) -> u64 {
    (count as f64 * factor) as u64
}

/// The runs of one side.
struct Turns {
    side: Side,
    attempt: Attempt,
    runs: Result<Vec<Vec<f64>>, String>,
}

impl Turns {
    fn take(&mut self, run: &mut impl FnMut(&Attempt) -> Result<Ran, String>) {
        if let Ok(runs) = &mut self.runs {
            match run(&self.attempt) {
                Ok(ran) => runs.push(ran.figures),
                Err(error) => self.runs = Err(error),
            }
        }
    }

    fn end(self, figures: usize) -> Entry {
        let figures = self.runs.map(|runs| {
            (0..figures)
                .map(|figure| Spread::of(runs.iter().map(|run| run[figure])))
                .collect()
        });
        Entry {
            side: self.side,
            figures,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Plan};
    use crate::case::{Attempt, Case, Figure, Length, Placement, Ran, Workload};
    use crate::side::Side;

    /// Takes a second for a thousand, and has no processes.
    struct Paper;

    impl Workload for Paper {
        fn sides(&self) -> Vec<Side> {
            vec![Side::Zocket, Side::Libzmq, Side::Raw]
        }

        fn figures(&self) -> &'static [Figure] {
            &[Figure {
                name: "count",
                unit: "",
            }]
        }

        fn length(&self) -> Length {
            Length::Timed { first: 100 }
        }

        fn run(&self, _: &Attempt) -> Result<Ran, String> {
            Err("nothing to run".to_owned())
        }
    }

    fn run(null: bool, mut each: impl FnMut(&Attempt) -> Result<f64, String>) -> Outcome {
        let case = Case {
            name: "paper".to_owned(),
            placement: Placement::Free,
            workload: Box::new(Paper),
        };
        let plan = Plan {
            rounds: 3,
            run_seconds: 2.0,
            null,
        };
        plan.run_with(&case, |attempt| {
            Ok(Ran {
                seconds: attempt.count as f64 / 1000.0,
                figures: vec![each(attempt)?],
            })
        })
    }

    #[test]
    fn the_sides_take_turns_after_a_short_run_each() {
        let mut order = Vec::new();
        run(false, |attempt| {
            order.push((attempt.side, attempt.count));
            Ok(1.0)
        });
        let [a, b, c] = [Side::Zocket, Side::Libzmq, Side::Raw];
        let short = [a, b, c].map(|side| (side, 100));
        let long = [a, b, c].map(|side| (side, 2000)).repeat(3);
        assert_eq!(order, [short.to_vec(), long].concat());
    }

    #[test]
    fn a_side_that_fails_has_no_figures_and_the_others_have() {
        let mut raw = 0;
        let outcome = run(false, |attempt| match attempt.side {
            Side::Libzmq => Err("no".to_owned()),
            Side::Raw => {
                raw += 1;
                if raw == 3 {
                    Err("late".to_owned())
                } else {
                    Ok(1.0)
                }
            }
            _ => Ok(attempt.count as f64),
        });
        let [zocket, libzmq, raw_entry] = outcome.as_slice() else {
            panic!("{outcome:?}");
        };
        assert_eq!(zocket.figures.as_ref().unwrap()[0].median, 2000.0);
        assert_eq!(libzmq.figures, Err("no".to_owned()));
        assert_eq!(raw_entry.figures, Err("late".to_owned()));
        assert_eq!(raw, 3, "it is not tried again");
    }

    #[test]
    fn null_is_libzmq_in_both_places() {
        let mut sides = Vec::new();
        let outcome = run(true, |attempt| {
            sides.push(attempt.side);
            Ok(1.0)
        });
        assert!(!sides.contains(&Side::Zocket));
        assert_eq!(outcome[0].side, Side::Zocket);
    }
}
