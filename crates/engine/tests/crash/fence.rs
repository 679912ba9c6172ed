//! Two copies of one job: whoever was overtaken commits nothing more (F08, F09).

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{JOB, workshop};
use crate::support::binary::{Folder, PATIENCE, Running};
use crate::support::judge;

/// Many small tables: many moments between two units.
const MANY: usize = 1000;

fn many(folder: &Folder, file: &str, value: &str) {
    let mut sql = String::from("BEGIN;");
    for t in 0..MANY {
        sql.push_str(&format!(
            "CREATE TABLE IF NOT EXISTS t{t:03} (id INTEGER PRIMARY KEY, v TEXT);
             INSERT OR REPLACE INTO t{t:03} VALUES (1, '{value}'), (2, '{value}');"
        ));
    }
    folder.sql(file, &(sql + "COMMIT;"));
}

/// Starts the job and stops it (SIGSTOP) between two units, when it holds the lane but no lock.
fn held_between_units(folder: &Folder) -> Running {
    let running = folder.started(&[JOB]);
    let began = Instant::now();
    let tables_done = |conn: &Connection| -> rusqlite::Result<usize> {
        conn.query_row("SELECT count(*) FROM sqlite_schema WHERE name LIKE 't%'", [], |r| r.get(0))
    };
    while began.elapsed() < PATIENCE {
        running.freeze();
        if folder.path("sink.db").exists() {
            let conn = Connection::open(folder.path("sink.db")).unwrap();
            conn.busy_timeout(Duration::ZERO).unwrap();
            if conn.execute_batch("BEGIN EXCLUSIVE; ROLLBACK").is_ok() {
                let done = tables_done(&conn).unwrap();
                assert!(done < MANY, "the job was over before it could be stopped");
                if done > 0 {
                    return running;
                }
            }
        }
        running.signal("CONT");
    }
    panic!("the job could not be stopped between two units");
}

/// Lets a stopped job go on; it must find out that it was overtaken.
#[track_caller]
fn finds_itself_fenced(running: Running) {
    running.signal("CONT");
    let ran = running.ends();
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.err.contains("another process has taken this lane over"), "{ran:?}");
}

fn many_tables() -> Folder {
    let folder = workshop(2, "upsert");
    std::fs::remove_file(folder.path("new.db")).unwrap();
    // So that the source can be written while it is read.
    folder.sql("new.db", "PRAGMA journal_mode = WAL;");
    many(&folder, "new.db", "first");
    folder
}

#[test]
fn an_overtaken_job_commits_nothing() {
    let folder = many_tables();
    let first = held_between_units(&folder);
    // The source goes on: what the first job holds of it is old now.
    many(&folder, "new.db", "second");
    folder.syncline(&[JOB, "--restart"]).exits(0);
    judge::same(&folder.path("sink.db"), &folder.path("new.db"));
    finds_itself_fenced(first);
    judge::same(&folder.path("sink.db"), &folder.path("new.db"));
    judge::no_trace(&folder.path("sink.db"));
}

#[test]
fn a_job_is_not_mistaken_for_a_later_one() {
    let folder = many_tables();
    let first = held_between_units(&folder);
    many(&folder, "new.db", "second");
    // The second finishes and leaves no trace; the third begins as if it were the first ever.
    folder.syncline(&[JOB, "--restart"]).exits(0);
    let third = folder.paused_at(&[JOB], "unit_committed", 3).unwrap();
    finds_itself_fenced(first);
    judge::same(&folder.path("sink.db"), &folder.path("new.db"));
    third.kill();
    folder.syncline(&[JOB]).exits(0);
    judge::same(&folder.path("sink.db"), &folder.path("new.db"));
    judge::no_trace(&folder.path("sink.db"));
}

#[test]
fn many_copies_at_once_end_with_the_right_rows() {
    let folder = workshop(300, "upsert");
    let running: Vec<_> = (0..4).map(|_| folder.started(&[JOB])).collect();
    for one in running {
        let ran = one.ends();
        // Done, or overtaken; nothing else, and never a crash.
        let overtaken = ran.err.contains("another process has taken this lane over");
        assert!(ran.code == Some(0) || matches!(ran.code, Some(1 | 4)) && overtaken, "{ran:?}");
    }
    super::ends_well(&folder, "four at once");
}

/// F11: what another version of the program has noted is not guessed at, and nothing is touched.
#[test]
fn a_position_of_another_version_is_refused() {
    let folder = workshop(200, "upsert");
    folder.paused_at(&[JOB], "unit_committed", 2).expect("it pauses").kill();
    // By the sqlite3 program, which also takes back what the killed one left open.
    folder.sql("sink.db", "UPDATE syncline_position SET layout = 'snapshot/2'");
    let noted = "SELECT layout, position FROM syncline_position; SELECT name FROM sqlite_schema ORDER BY name";
    let before = folder.sql("sink.db", noted);
    let ran = folder.syncline(&[JOB]).exits(1);
    assert!(ran.err.contains("a newer version"), "{ran:?}");
    assert_eq!(folder.sql("sink.db", noted), before);
    folder.sql("sink.db", "UPDATE syncline_position SET layout = 'snapshot/1'");
    folder.syncline(&[JOB]).exits(0);
    judge::same(&folder.path("sink.db"), &folder.path("new.db"));
}
