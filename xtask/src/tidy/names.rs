//! Names that say something, files that the compiler sees, and unit tests in files of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Finding;
use super::rust::{Source, line_of, words};

/// Names that say only that a file assists another one.
const EMPTY_NAMES: &[&str] =
    &["util", "utils", "common", "manager", "helper", "helpers", "misc", "shared", "core", "types", "base", "stuff"];

pub fn check(sources: &[Source]) -> Vec<Finding> {
    let declared: BTreeMap<&Path, BTreeSet<&str>> =
        sources.iter().map(|source| (source.path.as_path(), modules(source))).collect();
    let mut findings = Vec::new();
    for source in sources {
        let mut found = |line: usize, text: String| findings.push(Finding { path: source.path.clone(), line, text });
        let name = module(&source.path);
        if EMPTY_NAMES.contains(&name.as_str()) && !is_database_types(&source.path) {
            found(1, format!("`{name}` says nothing: name the file after what it holds"));
        }
        if !parents(&source.path).is_empty() {
            let known = parents(&source.path)
                .iter()
                .any(|parent| declared.get(parent.as_path()).is_some_and(|modules| modules.contains(name.as_str())));
            if !known {
                found(1, format!("no `mod {name};` declares this file: the compiler never sees it"));
            }
        }
        // A test edit then does not rebuild the library.
        if let Some(at) = inline_tests(source) {
            found(line_of(&source.code, at), "unit tests stand in a file of their own: `mod tests;`".into());
        }
    }
    findings
}

/// `connect/SYSTEM/types.rs` holds the types of that system, and is called the same in each.
fn is_database_types(path: &Path) -> bool {
    let connect = path.parent().and_then(Path::parent);
    path.ends_with("types.rs") && connect.is_some_and(|folder| folder.ends_with("connect"))
}

/// The module that a file is.
fn module(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().and_then(Path::file_name);
    if stem == "mod" { folder.unwrap_or_default().to_string_lossy().into_owned() } else { stem }
}

/// The files of which one must declare the module; none for a file that cargo itself finds.
fn parents(path: &Path) -> Vec<PathBuf> {
    let stem = path.file_stem().unwrap_or_default();
    let folder = path.parent().unwrap_or(Path::new(""));
    let folder = if stem == "mod" { folder.parent().unwrap_or(Path::new("")) } else { folder };
    let is_root =
        |folder: &Path| folder.file_name().is_some_and(|name| name == "src" || name == "tests" || name == "benches");
    let by_cargo = stem == "main" || stem == "lib" || stem == "build" || folder.ends_with("benches");
    if (is_root(folder) && by_cargo) || folder.file_name().is_none_or(|name| name == "bin" || name == "examples") {
        return Vec::new();
    }
    if !folder.components().any(|part| is_root(Path::new(part.as_os_str()))) {
        return Vec::new();
    }
    let mut parents = vec![folder.join("mod.rs"), folder.with_extension("rs")];
    if is_root(folder) {
        parents.extend([folder.join("lib.rs"), folder.join("main.rs")]);
    }
    parents
}

/// The modules that a file declares without a body.
fn modules(source: &Source) -> BTreeSet<&str> {
    let words = words(&source.code);
    let declared = words.windows(2).filter_map(|pair| match pair {
        [(_, "mod"), (at, name)] if follows(source, at + name.len()).starts_with(';') => Some(*name),
        _ => None,
    });
    declared.collect()
}

fn inline_tests(source: &Source) -> Option<usize> {
    let words = words(&source.code);
    words.windows(2).find_map(|pair| match pair {
        [(_, "mod"), (at, "tests")] if follows(source, at + "tests".len()).starts_with('{') => Some(*at),
        _ => None,
    })
}

fn follows(source: &Source, at: usize) -> &str {
    source.code.get(at..).unwrap_or("").trim_start()
}
