//! Licences, sources and bans of the dependencies, by `deny.toml`.
//!
//! cargo-deny does this best, but building it takes longer than building us. Where it is not installed our own
//! reading of the same file is used instead; one of the two always runs, and the output says which.

use std::collections::{BTreeMap, BTreeSet};

use crate::failure::Result;
use crate::{process, tree};

pub fn check() -> Result<()> {
    if process::succeeds(&mut process::cargo(&["deny", "--version"])) {
        println!("licences: by cargo-deny");
        return process::run(&mut process::cargo(&[
            "deny",
            "check",
            "--hide-inclusion-graph",
            "bans",
            "licenses",
            "sources",
        ]));
    }
    println!("licences: by our own check, cargo-deny is not installed");
    let root = tree::root();
    let rules = Rules::read(&tree::read(&root.join("deny.toml"))?)?;
    let packages = packages()?;
    let locked = lock(&tree::read(&root.join("Cargo.lock"))?);
    let mut wrong = rules.licences_refused(&packages);
    wrong.extend(rules.sources_refused(&locked));
    wrong.extend(rules.names_refused(&locked));
    wrong.extend(wildcards(&tree::read(&root.join("Cargo.toml"))?));
    for (name, versions) in doubles(&locked) {
        println!("warning: {name} is in the tree {} times: {}", versions.len(), versions.join(", "));
    }
    if wrong.is_empty() {
        println!("licences: {} packages, {} in the lock file, all allowed", packages.len(), locked.len());
        return Ok(());
    }
    Err(wrong.join("\n").into())
}

/// What `deny.toml` says, as far as our own check knows it.
pub struct Rules {
    pub licences: BTreeSet<String>,
    pub names: BTreeSet<String>,
    pub sources: BTreeSet<String>,
}

impl Rules {
    /// A rule that cannot be found is an error: an empty list would allow or refuse everything.
    pub fn read(text: &str) -> Result<Rules> {
        Ok(Rules {
            licences: strings(text, "licenses", "allow")?,
            names: strings(text, "bans", "deny")?,
            sources: strings(text, "sources", "allow-registry")?,
        })
    }

    pub fn licences_refused(&self, packages: &BTreeMap<String, String>) -> Vec<String> {
        let refused = packages.iter().filter(|(_, licence)| !allowed(licence, &self.licences));
        refused
            .map(|(package, licence)| format!("{package}: licence `{licence}` is not allowed by deny.toml"))
            .collect()
    }

    pub fn sources_refused(&self, locked: &[Locked]) -> Vec<String> {
        let foreign = |locked: &&Locked| {
            let source = locked.source.as_deref();
            source.is_some_and(|source| !self.sources.contains(source.trim_start_matches("registry+")))
        };
        let line = |locked: &Locked| {
            format!("{}: source `{}` is not allowed", locked.name, locked.source.as_deref().unwrap_or(""))
        };
        locked.iter().filter(foreign).map(line).collect()
    }

    pub fn names_refused(&self, locked: &[Locked]) -> Vec<String> {
        let refused = locked.iter().filter(|locked| self.names.contains(&locked.name));
        refused.map(|locked| format!("{} {} is banned by deny.toml", locked.name, locked.version)).collect()
    }
}

/// The strings of a list `key = ["…", …]` in a section of a TOML file, which may span lines and hold comments.
fn strings(text: &str, section: &str, key: &str) -> Result<BTreeSet<String>> {
    let header = format!("[{section}]");
    let mut lines = text.lines().map(str::trim).skip_while(|line| *line != header).skip(1);
    let opens = |line: &&str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
    let first = lines.by_ref().take_while(|line| !line.starts_with('[')).find(opens);
    let Some(first) = first else {
        return Err(format!("deny.toml: there is no `{key}` in {header}").into());
    };
    let mut found = BTreeSet::new();
    for line in std::iter::once(first).chain(lines.take_while(|line| !line.starts_with('['))) {
        let code = line.split('#').next().unwrap_or("");
        found.extend(code.split('"').skip(1).step_by(2).map(str::to_string));
        if code.contains(']') {
            return Ok(found);
        }
    }
    Err(format!("deny.toml: the list `{key}` in {header} does not end").into())
}

/// Every package that is compiled for any platform, for us or for our tests, with its licence. Our own too.
fn packages() -> Result<BTreeMap<String, String>> {
    let format = ["--prefix", "none", "--format", "{p}|{l}"];
    let mut tree = process::cargo(&["tree", "--workspace", "--target", "all", "--edges", "normal,build,dev"]);
    let text = process::output(tree.args(format))?;
    let packages = text.lines().filter(|line| !line.is_empty()).map(|line| {
        let (package, licence) = line.split_once('|').unwrap_or((line, ""));
        // A package met a second time carries a mark at the end of its line, others a note behind the version.
        let package: Vec<&str> = package.split_whitespace().take(2).collect();
        (package.join(" "), licence.trim_end_matches("(*)").trim().to_string())
    });
    Ok(packages.collect())
}

/// Whether an SPDX expression can be met with the allowed licences. `/` is an old way to write OR.
pub fn allowed(expression: &str, licences: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let verdict = either(&words, &mut at, licences);
    verdict && at == words.len()
}

fn either(words: &[&str], at: &mut usize, licences: &BTreeSet<String>) -> bool {
    let mut verdict = both(words, at, licences);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        // The right side is always read, so that the position moves past it.
        verdict |= both(words, at, licences);
    }
    verdict
}

fn both(words: &[&str], at: &mut usize, licences: &BTreeSet<String>) -> bool {
    let mut verdict = single(words, at, licences);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        verdict &= single(words, at, licences);
    }
    verdict
}

fn single(words: &[&str], at: &mut usize, licences: &BTreeSet<String>) -> bool {
    let word = words.get(*at);
    // Moves past a missing word too: the expression is then never read to its exact end.
    *at += 1;
    let Some(word) = word else { return false };
    if *word == "(" {
        let verdict = either(words, at, licences);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return verdict && closed;
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1).unwrap_or(&"");
        *at += 2;
        return licences.contains(&format!("{word} WITH {exception}"));
    }
    licences.contains(*word)
}

/// One package of the lock file; our own have no source.
pub struct Locked {
    pub name: String,
    pub version: String,
    pub source: Option<String>,
}

pub fn lock(text: &str) -> Vec<Locked> {
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
        Some(line.trim_matches('"').to_string())
    };
    let package = |block: &str| {
        Some(Locked { name: value(block, "name")?, version: value(block, "version")?, source: value(block, "source") })
    };
    text.split("[[package]]").skip(1).filter_map(package).collect()
}

/// Packages that are in the tree in several versions, with the versions.
pub fn doubles(locked: &[Locked]) -> BTreeMap<&str, Vec<&str>> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in locked {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    versions
}

/// Dependencies of the workspace that take any version.
pub fn wildcards(manifest: &str) -> Vec<String> {
    let any = |line: &&str| line.split_once('=').is_some_and(|(_, value)| value.contains("\"*\""));
    manifest.lines().filter(any).map(|line| format!("Cargo.toml: `{}` takes any version", line.trim())).collect()
}

#[cfg(test)]
mod tests;
