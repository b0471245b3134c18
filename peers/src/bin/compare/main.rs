//! zocket beside libzmq, and beside the system's own sockets: what both do, and what it takes.
//!
//! ```text
//! cargo run --release -p peers --bin compare -- --quick [--json] [--plot FILE] [--list] [--case PART]…
//! ```
//!
//! The sides take turns (A B C A B C …), each run in processes of its own: for tcp and ipc one at
//! each end, for inproc one with two threads. All have default options, the same high-water marks
//! and one I/O thread (but where a case is about two). Each tcp and ipc case runs with each process pinned to a core of its own
//! (`thr/tcp/16`), and left to the system (`thr/tcp/16/free`); inproc is left to the system. On a
//! shared machine only the ratio within one run means something, and `--null`, libzmq in zocket's
//! place too, shows how far from 1 chance alone takes it.
//!
//! With the feature `rivals` the other Rust libraries stand beside them, in throughput and latency,
//! each in the setting that its own documents call its best.
//!
//! ```text
//!   main ─► settings                            a child process:
//!     │                                           worker ─► families ─► side (zocket | libzmq | raw)
//!     ├──► families ─► case   the table             │          └─► flow   rivals (a feature)
//!     │       └─────► process ─ task ─────────────► └─► usage
//!     └──► rounds ──► report, plot
//!            └─ statistics ─┘
//! ```

mod case;
mod families;
mod flow;
mod plot;
mod process;
mod report;
#[cfg(feature = "rivals")]
mod rivals;
mod rounds;
mod settings;
mod side;
mod statistics;
mod task;
mod usage;
mod worker;

use std::process::ExitCode;

use peers::{libzmq, sodium};

use crate::case::Placement;
use crate::plot::Row;
use crate::report::Report;
use crate::settings::Settings;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((first, task)) if first == task::FLAG => worker::run(task),
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

/// Every case that was asked for; a case that fails does not keep the others from running.
fn compare(settings: &Settings) -> Result<(), String> {
    let cases = settings.choose(families::all())?;
    if settings.list {
        for case in &cases {
            println!("{}", case.name);
        }
        return Ok(());
    }
    let is_pinned = |case: &case::Case| case.placement == Placement::Pinned;
    if cases.iter().any(is_pinned) && !usage::can_be_pinned() {
        return Err("no two cores to pin to: try --case /free".to_owned());
    }
    let report = Report {
        json: settings.json,
    };
    report.begin(&settings.plan, &libzmq::version());
    if cases.iter().any(|case| case.name.starts_with("curve")) {
        let version = sodium::version().unwrap_or_else(|error| error);
        eprintln!("CURVE: {version}");
    }
    let mut failed = Vec::new();
    let mut rows = Vec::new();
    for case in &cases {
        let outcome = settings.plan.run(case);
        report.case(case, &outcome);
        for entry in &outcome {
            if let Err(error) = &entry.figures {
                eprintln!("compare: {}: {error}", case.name);
                failed.push(format!("{} of {}", case.name, entry.side.as_str()));
            }
        }
        rows.push(Row {
            case: case.name.clone(),
            unit: case.workload.figures()[0].unit,
            outcome,
        });
    }
    if let Some(path) = &settings.plot {
        let title = format!("zocket and libzmq {}", libzmq::version());
        std::fs::write(path, plot::draw(&title, &rows))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("failed: {}", failed.join(", ")))
    }
}
