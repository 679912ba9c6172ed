//! Printing: results on standard output, everything else on standard error.
//!
//! Whoever reads the output may go away early (`| head`); that is no error of ours, so failed prints are ignored.

use std::borrow::Cow;
use std::io::{IsTerminal, Write as _, stderr, stdout};

use serde_json::{Value, json};
use syncline_model::Error;

/// Where a command prints.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    pub fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Whether a person watches: then there is a moving progress line.
    pub fn watched(self) -> bool {
        !self.json && !self.quiet && stderr().is_terminal()
    }

    /// Whether plain progress lines are wanted.
    pub fn talks(self) -> bool {
        !self.json && !self.quiet
    }

    /// A line of the result, for people.
    pub fn line(self, text: impl AsRef<str>) {
        if self.talks() {
            let _ = writeln!(stdout(), "{}", plain(text.as_ref()));
        }
    }

    /// A line beside the result.
    pub fn aside(self, text: impl AsRef<str>) {
        if self.talks() {
            let _ = writeln!(stderr(), "{}", plain(text.as_ref()));
        }
    }

    /// The result, for programs. Its fields are documented in the guide and stay.
    pub fn document(self, document: &Value) {
        if self.json {
            let _ = writeln!(stdout(), "{document:#}");
        }
    }

    /// An error: what, where, and what to do next.
    pub fn error(self, error: &Error, exit_code: u8) {
        self.document(&json!({ "error": error_fields(error), "exit_code": exit_code }));
        self.failure(error);
    }

    /// One of several errors, where the document names it elsewhere.
    pub fn failure(self, error: &Error) {
        let _ = writeln!(stderr(), "{}", plain(&format!("error: {error}\n  → {}", error.advice())));
    }
}

/// Text without what a terminal takes for a command: a database may call its tables anything. Line ends are our own.
fn plain(text: &str) -> Cow<'_, str> {
    let command = |c: char| c.is_control() && c != '\n';
    if !text.contains(command) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match command(c) {
            true => plain.extend(c.escape_debug()),
            false => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

/// An error as `--json` shows it.
pub fn error_fields(error: &Error) -> Value {
    let at: serde_json::Map<_, _> = error.places().iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
    json!({
        "kind": error.kind().policy().name,
        "what": error.what(),
        "at": at,
        "text": error.to_string(),
        "advice": error.advice(),
    })
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// One of them, or several.
pub fn counted(number: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// Lines up columns: the first `left` to the left, the others to the right.
pub fn lined_up(rows: &[Vec<String>], left: usize) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let mut line = String::from(" ");
        for (c, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let fill = " ".repeat(width - cell.chars().count());
            let (before, after) =
                if c < left { (cell.as_str(), fill.as_str()) } else { (fill.as_str(), cell.as_str()) };
            line.push_str(if c == 0 { " " } else { "  " });
            line.push_str(before);
            line.push_str(after);
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
