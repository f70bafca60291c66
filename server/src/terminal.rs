//! Floor 4: what the program says to the person or script that started it.
//!
//! Owns stdout and the one-line complaints on stderr. Never logs: that is [`crate::telemetry`].

use std::io::{self, Write as _};

/// Writes one line to stdout. A closed pipe (`charge admin users | head`) is no error.
pub fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Writes `text` to stdout as it is, for completions and manual pages.
pub fn pour(text: &[u8]) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text).and_then(|()| out.flush());
}

/// Writes `charge: <line>` to stderr, line breaks folded: one problem, one line.
pub fn complain(line: &str) {
    let folded = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = writeln!(io::stderr().lock(), "charge: {folded}");
}

/// Rows in columns as wide as they need, two spaces between, nothing at the ends of lines.
#[must_use]
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    //! The table; the writers are seen through the binary in `tests/cli.rs`.

    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".to_owned(), "long one".to_owned()], vec!["bcd".to_owned(), "x".to_owned()]];
        assert_eq!(table(&rows), "a    long one\nbcd  x");
        assert_eq!(table(&[]), "");
    }
}
