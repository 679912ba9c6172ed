//! What is parked is applied or dropped while the lane runs: nothing overtakes, and the lane goes on by itself.

use super::{aside, parking, parks, same};
use crate::support::binary::{Folder, Running, until_answer};

/// Asks until the answer is this.
#[track_caller]
fn until(folder: &Folder, database: &str, sql: &str, answer: &str) {
    until_answer(answer, || asked(folder, database, sql));
}

/// The answer, also where somebody closes the file just then, who holds it alone for that moment.
fn asked(folder: &Folder, database: &str, sql: &str) -> String {
    folder.sql(database, &format!(".timeout 20000\n{sql}"))
}

/// A change at the source by a program that waits for a lock.
fn patient(folder: &Folder, sql: &str) {
    folder.sql("a.db", &format!("PRAGMA busy_timeout = 20000; {sql}"));
}

fn following(check: &str) -> (Folder, Running) {
    let folder = parking(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE r (id INTEGER PRIMARY KEY)",
        &format!(
            "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v {check}); CREATE TABLE r (id INTEGER PRIMARY KEY, most)"
        ),
    );
    // So that there is something to ask for.
    folder.sql("a.db", "INSERT INTO t VALUES (99, 666); DELETE FROM t");
    parks(&folder);
    folder.syncline(&["parked", "drop", "live", "--all", "--yes"]).well();
    let running = folder.started(&["run", "live", "--follow"]);
    (folder, running)
}

#[test]
fn a_running_lane_notices_that_a_row_is_free() {
    let (folder, running) = following("CHECK (v < 100)");
    patient(&folder, "INSERT INTO t VALUES (1, 666); UPDATE t SET v = 5 WHERE id = 1");
    until(&folder, "b.db", "SELECT count(*) FROM syncline_parked", "2");
    folder.syncline(&["parked", "drop", "live", "3", "--yes"]).well();
    folder.sql("b.db", "PRAGMA busy_timeout = 20000; INSERT INTO t VALUES (1, 0)");
    patient(&folder, "UPDATE t SET v = 6 WHERE id = 1");
    // Behind a change that is no longer there it does not wait, but behind the next.
    until(&folder, "b.db", "SELECT group_concat(ord) FROM syncline_parked", "4,5");
    folder.syncline(&["parked", "retry", "live"]).well();
    assert_eq!(aside(&folder), "");
    patient(&folder, "UPDATE t SET v = 7 WHERE id = 1");
    until(&folder, "b.db", "SELECT v FROM t", "7");
    assert_eq!(aside(&folder), "");
    running.signal("TERM");
    let ran = running.ends().exits(4);
    assert!(!ran.out.contains("set aside at b;"), "nothing is left: {}", ran.out);
    same(&folder, "t");
}

/// The application hammers one row while it is retried again and again; in the end all of it is there.
#[test]
fn nothing_overtakes_while_it_is_retried() {
    let (folder, running) = following("CHECK (v <> 666)");
    patient(&folder, "INSERT INTO t VALUES (1, 0), (2, 0)");
    until(&folder, "b.db", "SELECT count(*) FROM t", "2");
    for round in 1..=15 {
        patient(&folder, &format!("UPDATE t SET v = 666 WHERE id = 1; UPDATE t SET v = {round} WHERE id = 1"));
        until(
            &folder,
            "b.db",
            &format!("SELECT (SELECT v FROM t WHERE id = 1) = {round} OR EXISTS (SELECT 1 FROM syncline_parked)"),
            "1",
        );
        let retrying = folder.started(&["parked", "retry", "live"]);
        for n in 1..=5 {
            patient(&folder, &format!("UPDATE t SET v = {round} * 10 + {n}; UPDATE t SET v = v + 1000"));
        }
        // The poison stays; without it the rest is free.
        assert!(matches!(retrying.ends().code, Some(0 | 1 | 4)));
        let heads =
            asked(&folder, "b.db", "SELECT group_concat(ord, ' ') FROM syncline_parked WHERE reason IS NOT NULL");
        if !heads.is_empty() {
            let ids: Vec<&str> = heads.split(' ').collect();
            folder.syncline(&[&["parked", "drop", "live", "--yes"][..], &ids].concat()).well();
        }
        folder.syncline(&["parked", "retry", "live"]).well();
    }
    patient(&folder, "INSERT INTO r VALUES (1)");
    until(&folder, "b.db", "SELECT count(*) FROM r", "1");
    folder.syncline(&["parked", "retry", "live"]).well();
    running.signal("TERM");
    let code = running.ends().code;
    assert_eq!(code, Some(4));
    same(&folder, "t");
    assert_eq!(aside(&folder), "");
}

/// Two who retry at once: one of them is fenced, and each change is applied once.
#[test]
fn two_retries_at_once_apply_each_change_once() {
    let folder = parking(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v CHECK (v < 100))",
    );
    folder.sql("a.db", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) INSERT INTO t SELECT i, 600 FROM n; UPDATE t SET v = 1");
    parks(&folder);
    super::heal(&folder, "t", "(id INTEGER PRIMARY KEY, v)");
    let both = [folder.started(&["parked", "retry", "live"]), folder.started(&["parked", "retry", "live"])];
    for ran in both.map(|r| r.ends()) {
        let fenced = ran.code == Some(1) && ran.err.contains("another process has taken this lane over");
        let met = ran.code == Some(1) && ran.err.contains("changes at this moment");
        assert!(ran.code == Some(0) || fenced || met, "{ran:?}");
    }
    folder.syncline(&["parked", "retry", "live"]).well();
    same(&folder, "t");
    assert_eq!(aside(&folder), "");
}
