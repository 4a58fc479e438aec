//! What a command has to say, as words and as JSON, and how the program ends.

use serde_json::Value;

/// What is told at the end of a command.
#[derive(Debug)]
pub(crate) struct Answer {
    /// For a person.
    pub(crate) text: String,
    /// For a program: what `--json` prints in place of the text.
    pub(crate) json: Value,
    /// What is to be known besides, on standard error.
    pub(crate) notes: Vec<String>,
    /// How the program ends.
    pub(crate) end: End,
}

/// How the program ends, for whoever reads its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Done.
    Done,
    /// Done, and it found problems.
    Problems,
    /// It could not be done, or not to its end.
    NotDone,
}

impl Answer {
    /// An answer of a command that was done.
    pub(crate) fn done(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, notes: Vec::new(), end: End::Done }
    }

    /// The same answer with another end.
    #[must_use]
    pub(crate) fn ending(self, end: End) -> Self {
        Self { end, ..self }
    }

    /// The same answer with notes.
    #[must_use]
    pub(crate) fn with_notes(self, notes: Vec<String>) -> Self {
        Self { notes, ..self }
    }
}

impl End {
    /// The exit code, 2 being that of wrong use.
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Problems => 1,
            Self::NotDone => 3,
        }
    }
}

/// Rows in columns, each as wide as its widest cell; a cell of digits is aligned to the right.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| {
            let is_number = !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A text of others on one line of a terminal: what would move its cursor or change its colours is escaped.
pub(crate) fn plain(text: &str) -> String {
    let escaped = |character: char| {
        if character.is_control() { character.escape_default().to_string() } else { character.to_string() }
    };
    text.chars().map(escaped).collect()
}

/// `1 letter`, `2 letters`.
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_numbers_end_together() {
        let rows = [["REASON", "LETTERS"], ["no-route", "12"], ["-", "3"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "REASON    LETTERS\nno-route       12\n-               3\n");
    }

    #[test]
    fn nothing_of_others_moves_a_terminals_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb\nc é"), "a\\u{1b}[2Jb\\nc é");
    }
}
