//! What is printed: a table for people, or one JSON object per case and line.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::case::{Case, Figure};
use crate::rounds::{Entry, Outcome, Plan};
use crate::side::{HWM, Side};
use crate::statistics::Spread;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    pub(crate) json: bool,
}

impl Report {
    /// What is compared, and how. Beside the results, so that JSON stays JSON.
    pub(crate) fn begin(self, plan: &Plan, version: &str) {
        eprintln!(
            "{} and libzmq {version}, {} rounds in turn; high-water marks {HWM} on both sides; \
             medians (least–most)",
            if plan.null { "libzmq" } else { "zocket" },
            plan.rounds
        );
        for rival in Side::rivals() {
            if let Some(setting) = rival.setting() {
                eprintln!("{}: {setting}", rival.as_str());
            }
        }
        if cfg!(debug_assertions) {
            eprintln!("this is a debug build: its numbers mean nothing");
        }
    }

    pub(crate) fn case(self, case: &Case, outcome: &Outcome) {
        let figures = case.workload.figures();
        if self.json {
            println!("{}", json(&case.name, figures, outcome));
        } else {
            print!("{}", table(&case.name, figures, outcome));
        }
        // Seen at once also where the output is a pipe.
        let _ = std::io::stdout().flush();
    }
}

fn spread(outcome: &Outcome, side: Side, figure: usize) -> Option<&Spread> {
    let entry = outcome.iter().find(|entry| entry.side == side)?;
    entry.figures.as_ref().ok()?.get(figure)
}

/// What zocket's median is, measured in another side's.
fn ratio(outcome: &Outcome, to: Side, figure: usize) -> Option<f64> {
    let ours = spread(outcome, Side::Zocket, figure)?.median;
    let theirs = spread(outcome, to, figure)?.median;
    (theirs > 0.0).then(|| ours / theirs)
}

/// One object: the first figure under the names of the sides, what else was measured behind it.
fn json(case: &str, figures: &[Figure], outcome: &Outcome) -> String {
    let first = &figures[0];
    let mut object = Object::default();
    object.text("case", case);
    object.text("figure", first.name);
    object.text("unit", first.unit);
    for side in [Side::Zocket, Side::Libzmq, Side::Raw] {
        let median = spread(outcome, side, 0).map(|spread| spread.median);
        object.number(side.as_str(), median);
    }
    for rival in Side::rivals() {
        if outcome.iter().any(|entry| entry.side == rival) {
            let median = spread(outcome, rival, 0).map(|spread| spread.median);
            object.number(rival.as_str(), median);
            let setting = format!("{}_setting", rival.as_str());
            object.text(&setting, rival.setting().unwrap_or_default());
        }
    }
    object.number("ratio", ratio(outcome, Side::Libzmq, 0));
    object.number("ratio_to_raw", ratio(outcome, Side::Raw, 0));
    for Entry { side, figures: of } in outcome {
        let side = side.as_str();
        match of {
            Err(error) => object.text(&format!("{side}_error"), error),
            Ok(of) => {
                object.number(&format!("{side}_min"), Some(of[0].least));
                object.number(&format!("{side}_max"), Some(of[0].most));
                for (figure, spread) in figures.iter().zip(of).skip(1) {
                    object.number(&format!("{side}_{}", figure.name), Some(spread.median));
                }
            }
        }
    }
    for (index, figure) in figures.iter().enumerate().skip(1) {
        let name = format!("{}_ratio", figure.name);
        object.number(&name, ratio(outcome, Side::Libzmq, index));
    }
    object.end()
}

/// A JSON object that is being written.
#[derive(Default)]
struct Object(String);

impl Object {
    fn name(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.quote(name);
        self.0.push(':');
    }

    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        self.quote(text);
    }

    fn number(&mut self, name: &str, number: Option<f64>) {
        self.name(name);
        self.0.push_str(&number.map_or("null".to_owned(), digits));
    }

    fn quote(&mut self, text: &str) {
        self.0.push('"');
        for character in text.chars() {
            match character {
                '"' | '\\' => self.0.extend(['\\', character]),
                control if control < ' ' => {
                    let _ = write!(self.0, "\\u{:04x}", u32::from(control));
                }
                other => self.0.push(other),
            }
        }
        self.0.push('"');
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// As many as mean something.
fn digits(number: f64) -> String {
    match number.abs() {
        1000.0.. => format!("{number:.0}"),
        1.0.. => format!("{number:.3}"),
        _ => format!("{number:.5}"),
    }
}

/// A line for the first figure, and one for each of the others.
fn table(case: &str, figures: &[Figure], outcome: &Outcome) -> String {
    let mut lines = format!("{case}\n");
    for (index, figure) in figures.iter().enumerate() {
        let _ = write!(lines, "    {:<18}", figure.name);
        for (place, entry) in outcome.iter().enumerate() {
            if place > 0 && place % 3 == 0 {
                let _ = write!(lines, "\n{:<22}", "");
            }
            let cell = match &entry.figures {
                Ok(figures) if index == 0 => with_spread(&figures[0]),
                Ok(figures) => short(figures[index].median),
                Err(_) => "failed".to_owned(),
            };
            let _ = write!(lines, " {} {cell:<20}", entry.side.as_str());
        }
        if let Some(ratio) = ratio(outcome, Side::Libzmq, index) {
            let _ = write!(lines, " {ratio:>6.2} × libzmq");
        }
        if let Some(ratio) = ratio(outcome, Side::Raw, index) {
            let _ = write!(lines, " {ratio:>6.2} × raw");
        }
        lines.truncate(lines.trim_end().len());
        lines.push('\n');
    }
    lines
}

fn with_spread(spread: &Spread) -> String {
    let [median, least, most] = [spread.median, spread.least, spread.most].map(short);
    format!("{median} ({least}–{most})")
}

/// Three digits and a unit.
pub(crate) fn short(number: f64) -> String {
    match number {
        1e7.. => format!("{:.1}M", number / 1e6),
        1e6.. => format!("{:.2}M", number / 1e6),
        1e4.. => format!("{:.0}k", number / 1e3),
        1e3.. => format!("{:.2}k", number / 1e3),
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        1.0.. => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{json, short, table};
    use crate::case::Figure;
    use crate::rounds::{Entry, Outcome};
    use crate::side::Side;
    use crate::statistics::Spread;

    const FIGURES: &[Figure] = &[
        Figure {
            name: "rate",
            unit: "messages/s",
        },
        Figure {
            name: "cpu",
            unit: "s",
        },
    ];

    fn entry(side: Side, rate: f64, cpu: f64) -> Entry {
        let figures = [rate, cpu].map(|median| Spread {
            least: median / 2.0,
            median,
            most: median * 2.0,
        });
        Entry {
            side,
            figures: Ok(figures.to_vec()),
        }
    }

    fn failed(side: Side) -> Entry {
        Entry {
            side,
            figures: Err("said \"no\"\n".to_owned()),
        }
    }

    #[test]
    fn an_object_has_every_number() {
        let outcome = vec![
            entry(Side::Zocket, 3e6, 0.25),
            entry(Side::Libzmq, 1e6, 0.5),
            entry(Side::Raw, 6e6, 0.125),
        ];
        assert_eq!(
            json("thr/tcp/16", FIGURES, &outcome),
            "{\"case\":\"thr/tcp/16\",\"figure\":\"rate\",\"unit\":\"messages/s\",\
             \"zocket\":3000000,\"libzmq\":1000000,\"raw\":6000000,\
             \"ratio\":3.000,\"ratio_to_raw\":0.50000,\
             \"zocket_min\":1500000,\"zocket_max\":6000000,\"zocket_cpu\":0.25000,\
             \"libzmq_min\":500000,\"libzmq_max\":2000000,\"libzmq_cpu\":0.50000,\
             \"raw_min\":3000000,\"raw_max\":12000000,\"raw_cpu\":0.12500,\
             \"cpu_ratio\":0.50000}"
        );
    }

    #[test]
    fn a_side_that_failed_is_no_number() {
        let outcome: Outcome = vec![entry(Side::Zocket, 3e6, 0.25), failed(Side::Libzmq)];
        let line = json("x", FIGURES, &outcome);
        for part in [
            "\"libzmq\":null",
            "\"raw\":null",
            "\"ratio\":null",
            "\"cpu_ratio\":null",
            "\"libzmq_error\":\"said \\\"no\\\"\\u000a\"",
        ] {
            assert!(line.contains(part), "{line}");
        }
        let lines = table("x", FIGURES, &outcome);
        assert!(lines.contains("libzmq failed"), "{lines}");
        assert!(!lines.contains('×'), "{lines}");
    }

    #[test]
    fn a_table_has_both_ratios() {
        let outcome = vec![
            entry(Side::Zocket, 3e6, 0.25),
            entry(Side::Libzmq, 1e6, 0.5),
            entry(Side::Raw, 6e6, 0.125),
        ];
        let lines = table("x", FIGURES, &outcome);
        assert!(lines.contains("3.00M (1.50M–6.00M)"), "{lines}");
        assert!(lines.contains("3.00 × libzmq   0.50 × raw"), "{lines}");
        assert!(lines.contains("0.50 × libzmq   2.00 × raw"), "{lines}");
    }

    #[test]
    fn three_digits() {
        let numbers = [0.0312, 2.5, 25.0, 250.0, 2500.0, 25_000.0, 2.5e6, 2.5e7];
        let shown = [
            "0.031", "2.50", "25.0", "250", "2.50k", "25k", "2.50M", "25.0M",
        ];
        assert_eq!(numbers.map(short), shown);
    }
}
