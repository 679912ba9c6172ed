//! Links and paths in pages lead somewhere.
//!
//! Web addresses are not followed: a check must not depend on the network.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::Finding;

/// Endings by which a word in backticks is taken for a file of ours.
const ENDINGS: &[&str] = &[".rs", ".md", ".toml", ".sql", ".sh", ".json", ".py", ".yaml", ".yml"];

pub fn check(pages: &[(PathBuf, String)], paths: &[PathBuf]) -> Vec<Finding> {
    let known: BTreeSet<&Path> = paths.iter().flat_map(|path| path.ancestors()).collect();
    let mut findings = Vec::new();
    for (path, text) in pages {
        let folder = path.parent().unwrap_or(Path::new(""));
        // A decision is never rewritten, so the files it names may go.
        let immutable = path.starts_with("docs/decisions");
        for (number, line) in prose(text) {
            let mut found = |text: String| findings.push(Finding { path: path.clone(), line: number, text });
            for link in links(line) {
                if let Some(wrong) = broken(link, path, folder, &known, pages) {
                    found(wrong);
                }
            }
            for name in quoted(line).filter(|_| !immutable) {
                if looks_like_a_file(name) && !exists(name, folder, &known) {
                    found(format!("there is no file `{name}`"));
                }
            }
        }
    }
    findings
}

/// The lines outside fenced blocks, with their numbers.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((number + 1, line));
        }
    }
    lines
}

/// What stands in the round brackets of `[text](link)`, or behind `[name]:` at the start of a line.
fn links(line: &str) -> Vec<&str> {
    let outside: Vec<&str> = line.split("](").skip(1).collect();
    let inline = outside.iter().filter_map(|rest| rest.split(')').next());
    let named = line.strip_prefix('[').and_then(|rest| rest.split_once("]:")).map(|(_, link)| link.trim());
    inline.filter_map(|link| link.split_whitespace().next()).chain(named).collect()
}

/// The words in single backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn broken(
    link: &str,
    page: &Path,
    folder: &Path,
    known: &BTreeSet<&Path>,
    pages: &[(PathBuf, String)],
) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let path = if file.is_empty() { Some(page.to_path_buf()) } else { plain(&folder.join(file)) };
    let Some(path) = path.filter(|path| known.contains(path.as_path())) else {
        return Some(format!("the link `{link}` leads nowhere"));
    };
    let (_, text) = pages.iter().find(|(page, _)| !heading.is_empty() && *page == path)?;
    let headings: BTreeSet<String> = prose(text).iter().filter_map(|(_, line)| anchor(line)).collect();
    (!headings.contains(heading)).then(|| format!("the link `{link}` names a heading that is not there"))
}

/// The name under which a heading can be linked to.
fn anchor(line: &str) -> Option<String> {
    let title = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?;
    let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    Some(kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect())
}

fn looks_like_a_file(name: &str) -> bool {
    let ours = ENDINGS.iter().any(|ending| name.len() > ending.len() && name.ends_with(ending));
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "./_-".contains(c));
    // A bare `name.yaml` is somebody's configuration; a bare `name.rs` is ours.
    ours && plain && !name.starts_with('/') && (name.contains('/') || name.ends_with(".rs"))
}

/// Pages name files from the root, from beside themselves, or by the last parts of their path.
fn exists(name: &str, folder: &Path, known: &BTreeSet<&Path>) -> bool {
    let beside = plain(&folder.join(name)).is_some_and(|path| known.contains(path.as_path()));
    beside || known.iter().any(|path| path.ends_with(name.trim_start_matches("./")))
}

/// The path without `.` and `..`; none if it leaves the repository.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                if !plain.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    Some(plain)
}
