//! Databases that are missing, locked, unwritable, or no databases.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use insta::assert_snapshot;

use crate::support::binary::{Folder, in_own_mounts, needs};
use crate::support::judge;

fn shop() -> Folder {
    let folder = Folder::new();
    folder.sql("shop.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b');");
    folder
}

#[test]
fn a_source_that_is_no_database() {
    let folder = shop();
    folder.write("text.db", "this is a text, and long enough to hold what would be the header of a database file\n");
    folder.write("empty.db", "");
    std::fs::create_dir(folder.path("folder.db")).unwrap();
    assert_snapshot!(folder.refuses(&["copy", "missing.db", "sink.db"]), @r"
    exit 2
    error: there is no such database file [connection missing.db]
      → check the path; only a sink is created when it is missing
    ");
    assert_snapshot!(folder.refuses(&["copy", "text.db", "sink.db"]), @r"
    exit 1
    error: cannot open the database [connection text.db]: file is not a database
      → check the file: is it an SQLite database? `sqlite3 FILE 'PRAGMA integrity_check'`
    ");
    assert_snapshot!(folder.refuses(&["copy", "empty.db", "sink.db"]), @r"
    exit 2
    error: there is no table to read [source empty.db]
      → check the name; `syncline check` lists what is there
    ");
    assert_snapshot!(folder.refuses(&["copy", "folder.db", "sink.db"]), @r"
    exit 2
    error: this is a folder, not a database file [connection folder.db]
      → check the name; `syncline check` lists what is there
    ");
    assert_snapshot!(folder.refuses(&["compare", "shop.db", "missing.db"]), @r"
    exit 2
    error: there is no such database file [connection missing.db]
      → check the path; only a sink is created when it is missing
    ");
    assert_snapshot!(folder.refuses(&["init", "missing.db", "sink.db"]), @r"
    exit 2
    error: there is no such database file [connection missing.db]
      → check the path; only a sink is created when it is missing
    ");
    assert_snapshot!(folder.refuses(&["status", "missing.db"]), @r"
    exit 2
    error: there is no such database file [connection missing.db]
      → check the path; only a sink is created when it is missing
    ");
}

#[test]
fn a_sink_that_is_no_database() {
    let folder = shop();
    folder.write("text.db", "this is a text, and long enough to hold what would be the header of a database file\n");
    std::fs::create_dir(folder.path("folder.db")).unwrap();
    assert_snapshot!(folder.refuses(&["copy", "shop.db", "text.db"]), @r"
    exit 1
    error: cannot open the database [connection text.db]: file is not a database
      → check the file: is it an SQLite database? `sqlite3 FILE 'PRAGMA integrity_check'`
    ");
    assert_snapshot!(folder.refuses(&["copy", "shop.db", "folder.db"]), @r"
    exit 2
    error: this is a folder, not a database file [connection folder.db]
      → check the name; `syncline check` lists what is there
    ");
    assert_snapshot!(folder.refuses(&["copy", "shop.db", "no/such/folder.db"]), @r"
    exit 2
    error: the folder of this database does not exist [connection no/such/folder.db]
      → create the folder, or name another file
    ");
    // One bad sink among several: nothing is written to the good one either.
    assert_snapshot!(folder.refuses(&["copy", "shop.db", "good.db", "text.db"]), @r"
    exit 1
    error: cannot open the database [connection text.db]: file is not a database
      → check the file: is it an SQLite database? `sqlite3 FILE 'PRAGMA integrity_check'`
    ");
}

#[test]
fn a_damaged_source() {
    let folder = shop();
    folder.sql("shop.db", "INSERT INTO t SELECT value, hex(randomblob(500)) FROM generate_series(10, 400);");
    let mut bytes = std::fs::read(folder.path("shop.db")).unwrap();
    // Pages in the middle are overwritten; the header and the schema stay.
    let middle = bytes.len() / 2;
    bytes[middle..middle + 40_000].fill(0x5a);
    std::fs::write(folder.path("shop.db"), bytes).unwrap();
    let ran = folder.syncline(&["copy", "shop.db", "sink.db"]).exits(1);
    assert_snapshot!(ran.err, @r"
    error: cannot read the table [table t, connection shop.db]: database disk image is malformed
      → check the file: is it an SQLite database? `sqlite3 FILE 'PRAGMA integrity_check'`
    ");
    assert_eq!(folder.sql("sink.db", "SELECT count(*) FROM sqlite_schema WHERE name = 't';"), "0");
}

#[test]
fn a_sink_that_may_not_be_written() {
    let folder = shop();
    std::fs::create_dir(folder.path("fixed")).unwrap();
    std::fs::copy(folder.path("shop.db"), folder.path("fixed/sink.db")).unwrap();
    let ran = in_own_mounts(
        &folder,
        "mount --bind fixed fixed && mount -o remount,bind,ro fixed || exit 99
         \"$SYNCLINE\" copy shop.db fixed/sink.db; echo $?
         \"$SYNCLINE\" copy shop.db fixed/new.db; echo $?
         \"$SYNCLINE\" compare shop.db fixed/sink.db -q; echo $?",
    );
    assert_snapshot!(ran.out, @r"
    1
    1
    0
    ");
    assert_snapshot!(ran.err, @r"
    error: the database can only be read [connection fixed/sink.db]
      → a sink needs the right to write its file and folder, on a drive that may be written
    error: cannot open the database [connection fixed/new.db]: unable to open database file: fixed/new.db
      → the folder must exist, and both must be yours to write
    ");
    judge::same(&folder.path("fixed/sink.db"), &folder.path("shop.db"));
}

/// Another program that holds the whole file locked. (Not this process: its locks would go with the first file that a
/// test looks into.)
fn locked(folder: &Folder, database: &str) -> Child {
    let mut program = folder.program(needs("/usr/bin/sqlite3"), &["-batch", database]);
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let held = b"BEGIN EXCLUSIVE; UPDATE t SET v = v || ' later'; SELECT 'held';\n";
    child.stdin.as_mut().unwrap().write_all(held).unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");
    child
}

/// Lets go after a while, with what it changed.
fn released_after(mut child: Child, wait: Duration) -> JoinHandle<()> {
    std::thread::spawn(move || {
        std::thread::sleep(wait);
        child.stdin.take().unwrap().write_all(b"COMMIT;\n").unwrap();
        assert!(child.wait().unwrap().success());
    })
}

#[test]
fn a_lock_is_waited_for() {
    let folder = shop();
    std::fs::copy(folder.path("shop.db"), folder.path("sink.db")).unwrap();
    let held = released_after(locked(&folder, "sink.db"), Duration::from_secs(2));
    let began = Instant::now();
    folder.syncline(&["copy", "shop.db", "sink.db"]).well();
    assert!(began.elapsed() > Duration::from_secs(1), "it did not wait");
    held.join().unwrap();
    judge::same(&folder.path("sink.db"), &folder.path("shop.db"));
}

#[test]
fn a_lock_that_stays_is_an_error() {
    let folder = shop();
    std::fs::copy(folder.path("shop.db"), folder.path("sink.db")).unwrap();
    let mut held = locked(&folder, "sink.db");
    assert_snapshot!(folder.refuses(&["copy", "shop.db", "sink.db"]), @r"
    exit 1
    error: cannot open the database [connection sink.db]: database is locked
      → another program holds a lock on this database; close it or wait
    ");
    held.kill().unwrap();
    held.wait().unwrap();
}

#[test]
fn a_source_that_is_written_meanwhile_is_waited_for() {
    let folder = shop();
    let held = released_after(locked(&folder, "shop.db"), Duration::from_secs(1));
    folder.syncline(&["copy", "shop.db", "sink.db"]).well();
    held.join().unwrap();
    judge::same(&folder.path("sink.db"), &folder.path("shop.db"));
}
