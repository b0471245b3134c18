//! What is printed: a table for people, or one JSON object per case and line.

use std::io::Write;

use crate::cases::Case;
use crate::children::Placement;
use crate::rounds::{Measured, Outcome};
use crate::side::SideName;
use crate::statistics::Spread;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    pub(crate) json: bool,
}

impl Report {
    /// What was compared, and how. Beside the results, so that JSON stays JSON.
    pub(crate) fn begin(self, ours: SideName, version: &str, rounds: usize, placement: Placement) {
        let placement = match placement {
            Placement::Pinned => "sender on core 0, receiver on core 1 (inproc free)",
            Placement::Free => "not pinned",
        };
        eprintln!(
            "{} and libzmq {version}, {rounds} rounds in turn, {placement}",
            ours.as_str()
        );
        if cfg!(debug_assertions) {
            eprintln!("this is a debug build: its numbers mean nothing");
        }
        if !self.json {
            println!(
                "{:<18} {:>28} {:>28} {:>7}   CPU s per million",
                "PUSH to PULL", "zocket, messages/s", "libzmq, messages/s", "ratio"
            );
        }
    }

    pub(crate) fn case(self, case: &Case, outcome: &Outcome) {
        let Outcome { zocket, libzmq } = outcome;
        let ratio = zocket.rate.median / libzmq.rate.median;
        if self.json {
            println!(
                "{{\"case\":\"{}\",\"zocket\":{:.0},\"libzmq\":{:.0},\"ratio\":{ratio:.3},{},{}}}",
                case.name(),
                zocket.rate.median,
                libzmq.rate.median,
                more("zocket", zocket),
                more("libzmq", libzmq),
            );
        } else {
            println!(
                "{:<18} {:>28} {:>28} {ratio:>7.2}   {:.3} / {:.3}",
                case.name(),
                spread(&zocket.rate),
                spread(&libzmq.rate),
                zocket.cpu.median,
                libzmq.cpu.median,
            );
        }
        // Seen at once also where the output is a pipe.
        let _ = std::io::stdout().flush();
    }
}

fn more(side: &str, measured: &Measured) -> String {
    let Measured { rate, cpu } = measured;
    format!(
        "\"{side}_min\":{:.0},\"{side}_max\":{:.0},\"{side}_cpu_s_per_million\":{:.4}",
        rate.least, rate.most, cpu.median
    )
}

fn spread(rate: &Spread) -> String {
    format!(
        "{} ({}–{})",
        short(rate.median),
        short(rate.least),
        short(rate.most)
    )
}

/// Three digits and a unit.
fn short(rate: f64) -> String {
    match rate {
        1e7.. => format!("{:.1}M", rate / 1e6),
        1e6.. => format!("{:.2}M", rate / 1e6),
        1e4.. => format!("{:.0}k", rate / 1e3),
        1e3.. => format!("{:.2}k", rate / 1e3),
        _ => format!("{rate:.0}"),
    }
}
