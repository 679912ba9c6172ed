//! The page of faults names tests, and these exist.
//!
//! A test that is renamed or goes away takes its proof along; the page would go on claiming it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Finding;
use super::rust::Source;

const PAGE: &str = "docs/faults.md";
/// The section whose rows are checked: a fault, and the tests that prove what we do about it.
const SECTION: &str = "## Proofs";
/// The section whose rows begin with a trap: tests, or in words why there is none.
const TRAPS: &str = "## Traps of home-made outboxes";

pub fn check(pages: &[(PathBuf, String)], sources: &[Source]) -> Vec<Finding> {
    let Some((_, text)) = pages.iter().find(|(path, _)| path == Path::new(PAGE)) else { return Vec::new() };
    let tests: BTreeSet<String> = sources
        .iter()
        .filter(|source| source.is_test())
        .flat_map(|source| source.functions().into_iter().map(|function| function.name))
        .collect();
    let mut findings = Vec::new();
    let mut found = |line, text: String| findings.push(Finding { path: PAGE.into(), line, text });
    let (mut told, mut proved, mut section) = (Vec::new(), BTreeSet::new(), "");
    for (number, line) in (1..).zip(text.lines()) {
        section = if line.starts_with("## ") { line } else { section };
        if section == TRAPS && line.starts_with("| T") {
            for name in quoted(line).filter(|name| !tests.contains(*name)) {
                found(number, format!("there is no test `{name}`"));
            }
            if quoted(line).next().is_none() && !line.contains("does not apply") {
                found(number, "the trap names no test, and not why it `does not apply`".into());
            }
        }
        let proofs = section == SECTION;
        let Some((fault, rest)) = row(line) else { continue };
        if !proofs {
            told.push((number, fault));
            continue;
        }
        proved.insert(fault);
        let named: Vec<&str> = quoted(rest).collect();
        for name in named.iter().filter(|name| !tests.contains(**name)) {
            found(number, format!("there is no test `{name}`"));
        }
        if named.is_empty() && !rest.contains("not yet: ") {
            found(number, format!("{fault} names no test, and not what it waits for (`not yet: …`)"));
        }
    }
    for (number, fault) in told.into_iter().filter(|(_, fault)| !proved.contains(fault)) {
        found(number, format!("{fault} has no row under `{SECTION}`"));
    }
    findings
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// A row of a table that begins with a fault: `| F01 | …`.
fn row(line: &str) -> Option<(&str, &str)> {
    let (fault, rest) = line.strip_prefix("| F")?.split_once(" |")?;
    let number = !fault.is_empty() && fault.bytes().all(|byte| byte.is_ascii_digit());
    number.then(|| (line.get(2..3 + fault.len()).unwrap_or(fault), rest))
}
