//! `cargo xtask tidy`: our own rules, as far as a program can judge them.
//!
//! Each finding is one line with file and line. There is no list of exceptions: a rule that is wrong is changed here.

mod fragments;
mod leftovers;
mod links;
mod names;
mod proofs;
mod rust;
mod size;

use std::fmt;
use std::path::PathBuf;

use crate::failure::{Result, takes_nothing};
use crate::tree;
use rust::Source;

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub path: PathBuf,
    pub line: usize,
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.text)
    }
}

pub fn run(arguments: &[String]) -> Result<()> {
    takes_nothing("tidy", arguments)?;
    let root = tree::root();
    let paths = tree::files(&root)?;
    let mut sources = Vec::new();
    let mut pages = Vec::new();
    for path in &paths {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => sources.push(Source::new(path.clone(), &tree::read(&root.join(path))?)),
            Some("md") => pages.push((path.clone(), tree::read(&root.join(path))?)),
            _ => {}
        }
    }
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(sources.iter().flat_map(size::check));
    findings.extend(sources.iter().flat_map(leftovers::check));
    findings.extend(names::check(&sources));
    findings.extend(links::check(&pages, &paths));
    findings.extend(fragments::check(&paths));
    findings.extend(proofs::check(&pages, &sources));
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy: {} Rust files and {} pages are in order", sources.len(), pages.len());
        return Ok(());
    }
    Err(format!("tidy: {} findings", findings.len()).into())
}

#[cfg(test)]
mod tests;
