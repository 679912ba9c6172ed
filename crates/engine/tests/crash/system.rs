//! A system that refuses: syncs that fail, writes without room, no files and no memory to be had (F04, F05, F06, F07).

use std::collections::BTreeSet;

use super::{JOB, TABLES, ends_well, old_sink, remove_sink, whole, workshop};
use crate::support::binary::{Folder, Ran, SYNCLINE, ended, needs};
use crate::support::judge;

/// Runs the job below strace; what strace saw comes with it.
fn traced(folder: &Folder, options: &[&str]) -> (Ran, String) {
    let mut arguments = vec!["-f", "-qqq", "-y", "-s", "0", "-o", "trace"];
    arguments.extend(options);
    arguments.extend([SYNCLINE, JOB]);
    let ran = ended(&mut folder.program(needs("/usr/bin/strace"), &arguments));
    assert!(!ran.err.contains("ptrace"), "strace cannot trace here (is ptrace allowed?): {}", ran.err);
    (ran, std::fs::read_to_string(folder.path("trace")).unwrap())
}

/// What a run may come to that had to do without something: all of it done, or one error and nothing half.
fn is_survived(folder: &Folder, ran: &Ran, what: &str) {
    if ran.code == Some(0) {
        judge::same(&folder.path("sink.db"), &folder.path("new.db"));
        return;
    }
    assert!(matches!(ran.code, Some(1 | 4)), "{what}: {ran:?}");
    assert_eq!(ran.err.matches("error:").count(), 1, "{what}: {ran:?}");
    assert!(!ran.err.contains("please report"), "{what}: {ran:?}");
    let new = whole(folder, what);
    assert_eq!(ran.code, Some(if new > 0 { 4 } else { 1 }), "{what}: {new} tables are new: {ran:?}");
    ends_well(folder, what);
}

/// Lets one call after the other fail, each in a run of its own.
fn each_fails_once(mode: &str, calls: &str, error: &str, at_least: u32) {
    let folder = workshop(200, mode);
    let mut struck = 0;
    for call in 1.. {
        if mode == "truncate" {
            old_sink(&folder)
        } else {
            remove_sink(&folder)
        }
        let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:error={error}:when={call}"));
        let (ran, seen) = traced(&folder, &["-e", &trace, "-e", &inject]);
        if !seen.contains("(INJECTED)") {
            assert_eq!(ran.code, Some(0), "{ran:?}");
            break;
        }
        struck += 1;
        is_survived(&folder, &ran, &format!("{mode}, {error} at call {call}"));
    }
    assert!(struck >= at_least, "only {struck} calls failed");
}

/// What could not be synced is lost, and never taken for written because the next sync goes well.
#[test]
fn a_sync_that_fails_is_survived() {
    each_fails_once("upsert", "fsync,fdatasync", "EIO", 12);
    each_fails_once("truncate", "fsync,fdatasync", "EIO", 12);
}

#[test]
fn a_write_that_finds_no_room_is_survived() {
    each_fails_once("truncate", "pwrite64", "ENOSPC", 20);
}

/// A file that the calls of a trace name, as far as it is the sink's.
fn file(line: &str) -> Option<&str> {
    let (_, name) = line.split_once("/sink.db").map(|(_, rest)| line.split_at(line.len() - rest.len()))?;
    Some(if name.starts_with("-journal") { "journal" } else { "database" })
}

/// The power may go at any moment: the journal is on the disk before the database is touched, and the database before
/// the journal goes, which is the commit.
#[test]
fn what_counts_is_on_the_disk_first() {
    for mode in ["upsert", "truncate"] {
        let folder = workshop(3000, mode);
        let (ran, seen) = traced(&folder, &["-e", "trace=pwrite64,ftruncate,fsync,fdatasync,unlink"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let (mut unsynced, mut commits) = (BTreeSet::new(), 0);
        for line in seen.lines() {
            let Some(file) = file(line) else { continue };
            if line.contains("sync(") {
                unsynced.remove(file);
            } else if line.contains("unlink(") {
                assert!(unsynced.is_empty(), "{mode}: committed with {unsynced:?} not on the disk: {line}");
                commits += 1;
            } else {
                assert!(file == "journal" || !unsynced.contains("journal"), "{mode}: written too early: {line}");
                unsynced.insert(file);
            }
        }
        assert!(commits > TABLES && unsynced.is_empty(), "{mode}: {commits} commits, {unsynced:?}");
    }
}

/// Runs the job within a limit.
fn limited(folder: &Folder, limit: &str) -> Ran {
    ended(&mut folder.program(needs("/usr/bin/prlimit"), &[limit, "--core=0", SYNCLINE, JOB]))
}

#[test]
fn too_few_files_are_an_error_and_nothing_is_half() {
    let folder = workshop(200, "upsert");
    let mut refused = 0;
    for files in 3..24 {
        remove_sink(&folder);
        let ran = limited(&folder, &format!("--nofile={files}"));
        // The system could not even load it.
        if ran.code == Some(127) {
            continue;
        }
        refused += u32::from(ran.code != Some(0));
        is_survived(&folder, &ran, &format!("{files} files"));
    }
    assert!((5..20).contains(&refused), "{refused} limits were felt");
}

/// The process may die of it; then it is as if it had been killed.
#[test]
fn too_little_memory_is_survived() {
    let folder = workshop(20_000, "upsert");
    let mut failed = 0;
    for mb in [8, 16, 20, 24, 28, 32, 40, 48, 64, 150] {
        remove_sink(&folder);
        let what = format!("{mb} MB");
        let ran = limited(&folder, &format!("--as={}", mb * 1_000_000));
        failed += u32::from(ran.code != Some(0));
        whole(&folder, &what);
        ends_well(&folder, &what);
        assert!(mb < 150 || ran.code == Some(0), "{what}: {ran:?}");
    }
    assert!(failed >= 2, "{failed} limits were felt");
}
