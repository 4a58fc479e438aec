//! The table, for a terminal and for a document.

use std::fmt::Write as _;
use std::path::Path;

use super::machine::Machine;
use crate::local::LocalError;

/// What stands around the table in a document that holds more than the table.
const BEGIN: &str = "<!-- figures: written by `make bench` -->";
const END: &str = "<!-- end of figures -->";

/// What a figure has to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// Below this.
    Below(f64),
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// At most this, and so many times below the peer.
    BelowAndTimesUnder(f64, f64),
    /// There for comparison.
    None,
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is.
    pub figure: String,
    /// Of what.
    pub unit: &'static str,
    /// This project's.
    pub ours: f64,
    /// The peer's, where the peer has one.
    pub peer: Option<f64>,
    /// What it has to be.
    pub target: Target,
}

impl Row {
    /// A figure that only this project has.
    pub fn alone(figure: impl Into<String>, unit: &'static str, ours: f64, target: Target) -> Self {
        Self { figure: figure.into(), unit, ours, peer: None, target }
    }

    /// A figure beside the peer's.
    pub fn beside(figure: impl Into<String>, unit: &'static str, ours: f64, peer: f64, target: Target) -> Self {
        Self { figure: figure.into(), unit, ours, peer: Some(peer), target }
    }

    fn ratio(&self) -> Option<f64> {
        self.peer.map(|peer| peer / self.ours).filter(|ratio| ratio.is_finite())
    }

    fn reached(&self) -> Option<bool> {
        Some(match self.target {
            Target::Below(limit) => self.ours < limit,
            Target::AtMost(limit) => self.ours <= limit,
            Target::AtLeast(limit) => self.ours >= limit,
            Target::BelowAndTimesUnder(limit, times) => {
                self.ours < limit && self.ratio().is_some_and(|ratio| ratio >= times)
            }
            Target::None => return None,
        })
    }

    fn cells(&self) -> [String; 6] {
        let target = match self.target {
            Target::Below(limit) => format!("< {}", figure(limit)),
            Target::AtMost(limit) => format!("≤ {}", figure(limit)),
            Target::AtLeast(limit) => format!("≥ {}", figure(limit)),
            Target::BelowAndTimesUnder(limit, times) => format!("< {}, ≥ {times}×", figure(limit)),
            Target::None => String::new(),
        };
        let reached = match self.reached() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        };
        [
            if self.unit.is_empty() { self.figure.clone() } else { format!("{}, {}", self.figure, self.unit) },
            figure(self.ours),
            self.peer.map(figure).unwrap_or_default(),
            self.ratio().map(|ratio| format!("{}×", figure(ratio))).unwrap_or_default(),
            target,
            reached.to_owned(),
        ]
    }
}

/// Three digits that matter, and no more than two behind the point.
fn figure(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "–".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// All figures of one run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The figures.
    pub rows: Vec<Row>,
    /// Where and when.
    pub machine: Machine,
}

const HEADINGS: [&str; 6] = ["figure", "ours", "peer", "peer ÷ ours", "target", "reached"];

impl Report {
    /// As aligned columns.
    pub fn text(&self) -> String {
        let cells: Vec<_> = self.rows.iter().map(Row::cells).collect();
        let headings = HEADINGS.map(str::to_owned);
        let all = || std::iter::once(&headings).chain(&cells);
        let widths: Vec<_> =
            (0..HEADINGS.len()).map(|column| all().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
        let mut text = String::new();
        for row in all() {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column];
                let _ = if column == 0 { write!(line, "{cell:<width$}") } else { write!(line, "  {cell:>width$}") };
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
        let _ = writeln!(text, "\n{}", self.machine);
        text
    }

    /// As a Markdown table.
    pub fn markdown(&self) -> String {
        let mut text = format!("| {} |\n| --- | ---: | ---: | ---: | ---: | --- |\n", HEADINGS.join(" | "));
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.cells().join(" | "));
        }
        let _ = writeln!(text, "\n{}", self.machine);
        text
    }

    /// The figures that have to be something, for a document that is not about figures.
    #[must_use]
    pub fn with_targets(&self) -> Self {
        let rows = self.rows.iter().filter(|row| row.target != Target::None).cloned().collect();
        Self { rows, machine: self.machine.clone() }
    }

    /// Puts the Markdown table between the marks of a document, or makes a document of it where there is none.
    ///
    /// # Errors
    /// [`LocalError::System`] where the document can't be read or written, or has no marks.
    pub fn write_into(&self, path: &Path) -> Result<(), LocalError> {
        let table = format!("{BEGIN}\n{}{END}", self.markdown());
        let document = match std::fs::read_to_string(path) {
            Ok(before) => between_marks(&before, &table).ok_or_else(|| {
                let missing = std::io::Error::other(format!("it has no `{BEGIN}` before an `{END}`"));
                LocalError::system(format!("write figures into {}", path.display()))(missing)
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => format!("# Figures\n\n{table}\n"),
            Err(error) => return Err(LocalError::system(format!("read {}", path.display()))(error)),
        };
        std::fs::write(path, document).map_err(LocalError::system(format!("write {}", path.display())))
    }
}

fn between_marks(document: &str, table: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{table}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_names_the_peer_takes_both() {
        let row = |ours, peer| Row::beside("init", "ms", ours, peer, Target::BelowAndTimesUnder(25.0, 20.0));
        assert_eq!(row(10.0, 300.0).reached(), Some(true));
        assert_eq!(row(10.0, 100.0).reached(), Some(false));
        assert_eq!(row(30.0, 900.0).reached(), Some(false));
    }

    #[test]
    fn a_figure_shows_three_digits() {
        assert_eq!([figure(1234.5), figure(12.34), figure(0.123)], ["1234", "12.3", "0.12"]);
    }

    #[test]
    fn a_table_replaces_what_stands_between_the_marks_and_nothing_else() {
        let document = format!("# A\n{BEGIN}\nold\n{END}\nrest");
        let table = format!("{BEGIN}\nnew\n{END}");
        assert_eq!(between_marks(&document, &table), Some(format!("# A\n{table}\nrest")));
        assert_eq!(between_marks("# A", &table), None);
    }
}
