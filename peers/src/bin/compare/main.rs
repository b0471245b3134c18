//! zocket and libzmq side by side: PUSH to PULL, messages per second.
//!
//! ```text
//! cargo run --release -p peers --bin compare -- --quick [--json] [--case PART] [--rounds N] [--free]
//! ```
//!
//! The two take turns (A B A B …), each run in processes of its own: for tcp and ipc a sender and
//! a receiver, for inproc one with two threads. Both have default options and one I/O thread.
//! The receiver takes the rate from its first message to its last. Pinned, which is the default,
//! the sender's process has core 0 and the receiver's core 1; `--free` leaves it to the system.
//! On a shared machine only the ratio within one run means something, and `--null`, libzmq in
//! both places, shows how far from 1 chance alone takes it.
//!
//! ```text
//!   main ─► cases ─► rounds ─► children ─► worker ─► side (zocket | libzmq)
//!     │                │      (processes)    └─────► pinning
//!     └─► report ◄─ statistics
//! ```

mod cases;
mod children;
mod pinning;
mod report;
mod rounds;
mod side;
mod statistics;
mod worker;

use std::process::ExitCode;

use peers::libzmq;

use crate::cases::CASES;
use crate::children::Placement;
use crate::report::Report;
use crate::rounds::Plan;
use crate::side::SideName;

const USAGE: &str = "compare [--quick] [--json] [--case PART] [--rounds N] [--free] [--null]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((first, task)) if first == worker::FLAG => worker::run(task),
        _ => Settings::parse(&arguments).and_then(|settings| compare(&settings)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug)]
struct Settings {
    json: bool,
    case: String,
    rounds: usize,
    placement: Placement,
    /// What runs in the place of zocket.
    ours: SideName,
}

impl Settings {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut settings = Self {
            json: false,
            case: String::new(),
            rounds: 15,
            placement: Placement::Pinned,
            ours: SideName::Zocket,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} wants a value"))
            };
            match argument.as_str() {
                "--quick" => settings.rounds = 5,
                "--json" => settings.json = true,
                "--case" => settings.case = value()?.clone(),
                "--rounds" => {
                    settings.rounds = value()?.parse().map_err(|_| "--rounds wants a number")?
                }
                "--free" => settings.placement = Placement::Free,
                "--null" => settings.ours = SideName::Libzmq,
                _ => return Err(format!("what is {argument}?\n{USAGE}")),
            }
        }
        if settings.rounds == 0 {
            return Err("at least one round".to_owned());
        }
        if settings.placement == Placement::Pinned && !pinning::is_possible() {
            return Err("no two cores to pin to: try --free".to_owned());
        }
        Ok(settings)
    }
}

/// Every case that was asked for; a case that fails does not keep the others from running.
fn compare(settings: &Settings) -> Result<(), String> {
    let report = Report {
        json: settings.json,
    };
    report.begin(
        settings.ours,
        &libzmq::version(),
        settings.rounds,
        settings.placement,
    );
    let plan = Plan {
        ours: settings.ours,
        rounds: settings.rounds,
        placement: settings.placement,
    };
    let mut ran = 0;
    let mut failed = Vec::new();
    for case in CASES
        .iter()
        .filter(|case| case.name().contains(&settings.case))
    {
        ran += 1;
        match plan.run(case) {
            Ok(outcome) => report.case(case, &outcome),
            Err(error) => {
                eprintln!("compare: {}: {error}", case.name());
                failed.push(case.name());
            }
        }
    }
    match (ran, failed.as_slice()) {
        (0, _) => Err(format!("no case has {:?} in its name", settings.case)),
        (_, []) => Ok(()),
        (_, failed) => Err(format!("failed: {}", failed.join(", "))),
    }
}
