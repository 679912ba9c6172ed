//! Asked to stop: promptly, with an exit code that says so, and the next run goes on.

use std::time::Duration;

use super::{ends_well, old_sink, whole, workshop};
use crate::support::binary::{Folder, Ran};
use crate::support::judge;

/// Longest that a person waits after asking, on a machine that has other things to do; on a quiet one it is five seconds.
const STOP_MAX: Duration = Duration::from_secs(60);

/// Starts the job, asks it to stop when its first table is under way, and gives how it ended.
fn stopped(folder: &Folder, arguments: &[&str], name: &str) -> Ran {
    let mut running = folder.started(arguments);
    while !folder.path("sink.db-journal").exists() && running.runs() {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(20));
    running.signal(name);
    running.ends_within(STOP_MAX)
}

fn stops(name: &str) {
    let folder = workshop(30_000, "upsert");
    let ran = stopped(&folder, &["run"], name);
    assert!(matches!(ran.code, Some(1 | 4)), "{ran:?}");
    assert!(ran.err.contains("error: stopped on request\n  → run the same command again; it continues\n"), "{ran:?}");
    whole(&folder, name);
    ends_well(&folder, name);
}

#[test]
fn sigterm_stops() {
    stops("TERM");
}

#[test]
fn sigint_stops() {
    stops("INT");
}

#[test]
fn a_stop_ends_all_jobs() {
    let folder = workshop(30_000, "upsert");
    folder.write(
        "syncline.yaml",
        "version: 1\nconnections: {new: 'sqlite:new.db', sink: 'sqlite:sink.db', other: 'sqlite:other.db'}\n\
         jobs:\n  a: {from: new, to: sink}\n  b: {from: new, to: other}\n",
    );
    let ran = stopped(&folder, &["run"], "TERM");
    assert!(matches!(ran.code, Some(1 | 4)), "{ran:?}");
    assert!(!folder.path("other.db").exists(), "the second job began after the stop");
}

#[test]
fn a_stop_in_a_replacement_leaves_old_or_new() {
    let folder = workshop(30_000, "truncate");
    old_sink(&folder);
    stopped(&folder, &["run"], "TERM");
    whole(&folder, "TERM");
    ends_well(&folder, "TERM");
    judge::no_trace(&folder.path("sink.db"));
}
