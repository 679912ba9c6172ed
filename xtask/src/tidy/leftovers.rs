//! What must not outlive the hour in which it was written.

use super::Finding;
use super::rust::{Source, line_of, words};

pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |line: usize, text: String| findings.push(Finding { path: source.path.clone(), line, text });
    for (at, word) in words(&source.code) {
        let after = source.code.get(at + word.len()..).unwrap_or("");
        let before = source.code.get(..at).unwrap_or("").trim_end();
        let line = || line_of(&source.code, at);
        match word {
            "todo" | "unimplemented" | "dbg" if after.starts_with('!') => found(line(), format!("`{word}!` is left")),
            "ignore" if before.ends_with("#[") => {
                found(line(), "a test that never runs: repair it or delete it".into())
            }
            _ => {}
        }
    }
    // These stand in comments, so the text is searched and not the code. Put together here, or this file would
    // find itself.
    let marks = [["FIX", "ME"].concat(), ["X", "XX"].concat(), ["TO", "DO"].concat(), ["HA", "CK"].concat()];
    for (number, line) in source.text.lines().enumerate() {
        for (_, word) in words(line) {
            if marks.iter().any(|mark| mark == word) {
                found(number + 1, format!("`{word}`: do it, or write down elsewhere that it is open"));
            }
        }
    }
    findings
}
