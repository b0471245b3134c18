//! The outcome as a drawing (SVG): for each case a bar for each side.
//!
//! ```text
//!   thr/tcp/16        zocket ██████████████──┤        17.7M
//!   messages/s        libzmq ██████─┤                 8.04M
//! ```
//!
//! Bars of one case are drawn to the scale of its largest number; across cases they mean nothing. A
//! line goes from the least to the most.

use std::fmt::Write;

use crate::report::short;
use crate::rounds::{Entry, Outcome};
use crate::side::Side;

/// What is drawn of a case.
pub(crate) struct Row {
    pub(crate) case: String,
    pub(crate) unit: &'static str,
    pub(crate) outcome: Outcome,
}

const BAR: f64 = 12.0;
const GAP: f64 = 10.0;
/// Where the names of the sides end and the bars begin.
const LEFT: f64 = 380.0;
const WIDTH: f64 = 520.0;
/// For the numbers behind the bars.
const RIGHT: f64 = 160.0;
const MARGIN: f64 = 16.0;

pub(crate) fn draw(title: &str, rows: &[Row]) -> String {
    let mut drawing = Drawing {
        svg: String::new(),
        y: MARGIN,
    };
    drawing.text(MARGIN, "start", "bold", title);
    drawing.y += BAR + GAP;
    for row in rows {
        drawing.row(row);
    }
    let (width, height) = (LEFT + WIDTH + RIGHT, drawing.y + MARGIN);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{}</svg>\n",
        drawing.svg
    )
}

struct Drawing {
    svg: String,
    /// The top of what comes next.
    y: f64,
}

impl Drawing {
    fn row(&mut self, row: &Row) {
        let most = (row.outcome.iter())
            .filter_map(|entry| Some(entry.figures.as_ref().ok()?[0].most))
            .fold(0.0, f64::max);
        let scale = if most > 0.0 { WIDTH / most } else { 0.0 };
        for (index, entry) in row.outcome.iter().enumerate() {
            match index {
                0 => self.text(MARGIN, "start", "bold", &row.case),
                1 => self.text(MARGIN, "start", "normal", row.unit),
                _ => {}
            }
            self.bar(entry, scale);
            self.y += BAR + 2.0;
        }
        self.y += GAP;
    }

    fn bar(&mut self, entry: &Entry, scale: f64) {
        self.text(LEFT - 6.0, "end", "normal", entry.side.as_str());
        let Ok(figures) = &entry.figures else {
            self.text(LEFT + 4.0, "start", "normal", "failed");
            return;
        };
        let spread = figures[0];
        let [least, median, most] =
            [spread.least, spread.median, spread.most].map(|number| number * scale);
        let (y, colour) = (self.y, colour(entry.side));
        let _ = writeln!(
            self.svg,
            "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{median:.1}\" height=\"{BAR}\" \
             fill=\"{colour}\"/>"
        );
        let middle = y + BAR / 2.0;
        let (from, to) = (LEFT + least, LEFT + most);
        let _ = writeln!(
            self.svg,
            "<path d=\"M{from:.1} {middle:.1}H{to:.1}\" stroke=\"black\"/>"
        );
        self.text(to + 6.0, "start", "normal", &short(spread.median));
    }

    fn text(&mut self, x: f64, anchor: &str, weight: &str, text: &str) {
        let y = self.y + BAR - 2.0;
        let text = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let _ = writeln!(
            self.svg,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" \
             font-weight=\"{weight}\">{text}</text>"
        );
    }
}

fn colour(side: Side) -> &'static str {
    match side {
        Side::Zocket => "#c0392b",
        Side::Libzmq => "#2e6da4",
        Side::Raw => "#999999",
        #[cfg(feature = "rivals")]
        Side::Rival(_) => "#6a9f58",
    }
}

#[cfg(test)]
mod tests {
    use super::{LEFT, Row, WIDTH, draw};
    use crate::rounds::Entry;
    use crate::side::Side;
    use crate::statistics::Spread;

    fn entry(side: Side, median: f64) -> Entry {
        Entry {
            side,
            figures: Ok(vec![Spread {
                least: median,
                median,
                most: median,
            }]),
        }
    }

    #[test]
    fn bars_are_to_the_scale_of_the_largest() {
        let row = Row {
            case: "thr/<x>".to_owned(),
            unit: "messages/s",
            outcome: vec![entry(Side::Zocket, 4e6), entry(Side::Libzmq, 1e6)],
        };
        let svg = draw("a & b", &[row]);
        for (part, why) in [
            (
                format!("width=\"{WIDTH:.1}\""),
                "the largest is as wide as can be",
            ),
            (
                format!("width=\"{:.1}\"", WIDTH / 4.0),
                "the other a quarter",
            ),
            ("4.00M".to_owned(), "the number stands behind"),
            ("thr/&lt;x&gt;".to_owned(), "text is text"),
            ("a &amp; b".to_owned(), "also in the title"),
            (format!("x=\"{LEFT}\""), "they begin together"),
        ] {
            assert!(svg.contains(&part), "{why}: {svg}");
        }
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }

    #[test]
    fn a_side_that_failed_has_no_bar() {
        let failed = Entry {
            side: Side::Libzmq,
            figures: Err("no".to_owned()),
        };
        let row = Row {
            case: "x".to_owned(),
            unit: "",
            outcome: vec![failed],
        };
        let svg = draw("", &[row]);
        assert!(svg.contains(">failed<"));
        assert_eq!(svg.matches("<rect").count(), 1, "the paper alone");
    }
}
