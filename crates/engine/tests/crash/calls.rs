//! Killed at a system call that changes a file: every write, truncation, sync and removal is a moment of its own.
//!
//! strace counts the calls of each thread by itself, so the n-th call of any thread is where the process dies.

use super::{JOB, ends_well, old_sink, remove_sink, rounds, whole, workshop};
use crate::support::binary::{SYNCLINE, ended, needs};

/// What changes a file, by any of its names.
const CALLS: &str = "write,pwrite64,ftruncate,fsync,fdatasync,unlink,unlinkat";

fn killed_at_call(mode: &str) {
    let folder = workshop(200, mode);
    let mut deaths = 0;
    // Close together where tables are created and first committed, then in steps; all of them in a long run.
    let mut call = 1;
    loop {
        if mode == "truncate" {
            old_sink(&folder)
        } else {
            remove_sink(&folder)
        }
        let inject = format!("inject={CALLS}:signal=KILL:when={call}");
        let trace = format!("trace={CALLS}");
        let arguments = ["-f", "-qqq", "-o", "/dev/null", "-e", &trace, "-e", &inject, SYNCLINE, JOB];
        let ran = ended(&mut folder.program(needs("/usr/bin/strace"), &arguments));
        assert!(!ran.err.contains("ptrace"), "strace cannot trace here (is ptrace allowed?): {}", ran.err);
        let what = format!("{mode}, killed at call {call}");
        if ran.code == Some(0) {
            break;
        }
        assert_eq!(ran.signal, Some(9), "{what}: exit {:?}: {}", ran.code, ran.err);
        deaths += 1;
        whole(&folder, &what);
        ends_well(&folder, &what);
        call += if rounds() > 1 || call < 12 { 1 } else { 9 };
    }
    assert!(deaths >= 12, "only {deaths} calls were struck");
}

#[test]
fn killed_at_any_call_of_a_first_copy() {
    killed_at_call("upsert");
}

#[test]
fn killed_at_any_call_of_a_replacement() {
    killed_at_call("truncate");
}
