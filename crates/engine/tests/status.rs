//! `syncline status` of jobs that follow, with the real program: lag, rate, what is wrong, since when, and the way out.

mod away;
mod moving;
mod older;
mod poison;

use serde_json::Value;

use crate::support::binary::{self, Folder, Ran};

/// A file `a.db` with one table of three rows, followed into `b.db` and `c.db`, all caught up.
fn followed(schema: &str, options: &str) -> Folder {
    let folder = Folder::new();
    folder.sql("a.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    folder.sql("b.db", schema);
    configured(&folder, &[("b", "sqlite:b.db"), ("c", "sqlite:c.db")], "sqlite:a.db", options);
    folder.syncline(&["run", "--quiet"]).well();
    folder
}

/// A configuration with one job `live` from `a` to these sinks.
fn configured(folder: &Folder, sinks: &[(&str, &str)], from: &str, options: &str) {
    let connections: String = sinks.iter().map(|(name, url)| format!(", {name}: '{url}'")).collect();
    let names: Vec<&str> = sinks.iter().map(|(name, _)| *name).collect();
    folder.write(
        "syncline.yaml",
        &format!(
            "version: 1\nconnections: {{a: '{from}'{connections}}}\njobs: {{live: {{from: a, to: [{}], capture: trigger, \
             install: auto{options}}}}}\n",
            names.join(", ")
        ),
    );
}

/// What `status` says of the job's lane to a sink, in its document.
#[track_caller]
fn lane_to(status: &Ran, sink: &str) -> Value {
    let document = status.json();
    let lanes = document["jobs"][0]["lanes"].as_array().unwrap_or_else(|| panic!("{document:#}"));
    lanes.iter().find(|lane| lane["sink"] == sink).unwrap_or_else(|| panic!("{document:#}")).clone()
}

/// Asks until the answer is as it should become.
#[track_caller]
fn until(folder: &Folder, what: &str, is_so: impl Fn(&Ran) -> bool) -> Ran {
    binary::seen(|| match folder.syncline(&["status", "--json"]) {
        last if is_so(&last) => Ok(last),
        last => Err(format!("{what} never came: {}{}", last.out, last.err)),
    })
}
