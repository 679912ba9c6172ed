//! Transactions that commit late, in another order than they drew their numbers, or never (F16 to F19, F21).

use syncline_rig::Brand;

use super::Pair;
use crate::support::binary::until;
use crate::support::servers::{Database, private};

const KEYS: &str = "CREATE TABLE t (k int PRIMARY KEY, v varchar(20)); INSERT INTO t SELECT seq, 'old' FROM seq_1_to_9";

/// F16: who drew the lower number commits after the higher one was read.
#[test]
fn a_late_commit_is_not_skipped() {
    let pair = Pair::new(KEYS);
    pair.caught_up();
    // What was read stays, as it does while another lane needs it.
    pair.from.sql("INSERT INTO syncline_lane VALUES ('witness', 0, '[]');");
    let (mut a, mut b) = (pair.session(), pair.session());
    a.says("BEGIN; UPDATE t SET v = 'late' WHERE k = 1");
    b.says("UPDATE t SET v = 'early' WHERE k = 2");
    pair.caught_up();
    assert_eq!(pair.to.sql("SELECT k, v FROM t WHERE v <> 'old';"), "2|early");
    b.says("UPDATE t SET v = 'later still' WHERE k = 3");
    pair.caught_up();
    a.says("COMMIT");
    pair.caught_up();
    pair.same(&["t"], "the late commit");
}

/// F17: a number that was drawn early by a transaction that changes a key late does not put its changes first.
#[test]
fn the_changes_of_a_key_keep_their_order() {
    for in_between in [false, true] {
        let pair = Pair::new(KEYS);
        pair.caught_up();
        let (mut a, mut b, mut c) = (pair.session(), pair.session(), pair.session());
        a.says("BEGIN; UPDATE t SET v = 'a' WHERE k = 1");
        c.says("BEGIN; UPDATE t SET v = 'c' WHERE k = 2");
        b.says("UPDATE t SET v = 'first' WHERE k = 3");
        if in_between {
            pair.caught_up();
        }
        a.says("UPDATE t SET v = 'second' WHERE k = 3; COMMIT");
        b.says("UPDATE t SET v = 'third' WHERE k = 1");
        pair.caught_up();
        assert_eq!(pair.to.sql("SELECT v FROM t WHERE k IN (1, 3);"), "third\nsecond");
        c.says("UPDATE t SET v = 'and c' WHERE k = 3; COMMIT");
        pair.caught_up();
        pair.same(&["t"], "all");
    }
}

/// A change waits for the lock of the one before it: its number is drawn when it has the lock.
#[test]
fn a_change_that_waited_comes_second() {
    let pair = Pair::new(KEYS);
    pair.caught_up();
    let (mut a, mut b) = (pair.session(), pair.session());
    a.says("BEGIN; UPDATE t SET v = 'first' WHERE k = 5");
    b.begins("UPDATE t SET v = 'second' WHERE k = 5");
    let waits =
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND INFO LIKE 'UPDATE%second%';";
    until("the second writer", || pair.from.sql(waits) == "1");
    a.says("UPDATE t SET v = 'more' WHERE k = 6; COMMIT");
    b.ended();
    pair.caught_up();
    pair.same(&["t"], "both");
}

/// Neither a tick nor what goes with it waits for a transaction that is open, however small the tables are; and it goes on
/// beside one that has read everything.
#[test]
fn nothing_waits_for_open_transactions() {
    let pair = Pair::new(KEYS);
    pair.caught_up();
    let (mut before, mut after, mut reader) = (pair.session(), pair.session(), pair.session());
    reader.says("SET tx_isolation = 'SERIALIZABLE'; BEGIN; SELECT COUNT(*) FROM t WHERE k > 100");
    for round in 1..4 {
        before.says(&format!("BEGIN; UPDATE t SET v = 'before {round}' WHERE k = 1"));
        pair.from.sql(&format!("UPDATE t SET v = 'between {round}' WHERE k BETWEEN 2 AND 2 + {round};"));
        after.says(&format!("BEGIN; UPDATE t SET v = 'after {round}' WHERE k = 9"));
        // Read, confirmed and removed between the two.
        pair.caught_up();
        assert_eq!(pair.from.sql("SELECT COUNT(*) FROM syncline_outbox;"), "0");
        before.says("COMMIT");
        after.says("ROLLBACK");
    }
    reader.says("COMMIT");
    pair.caught_up();
    pair.same(&["t"], "all rounds");
}

/// And no writer waits for us: what we hold while a lane is in the middle of something is never what it needs.
#[test]
fn no_writer_waits_for_a_lane() {
    let pair = Pair::new(KEYS);
    pair.caught_up();
    for step in syncline::job::step::Step::ALL {
        pair.from.sql("UPDATE t SET v = LEFT(RAND(), 20);");
        let Some(paused) = pair.folder.paused_at(&["run", "live"], step.name(), 1) else { continue };
        pair.from.sql("SET innodb_lock_wait_timeout = 20, lock_wait_timeout = 20; UPDATE t SET v = LEFT(UUID(), 20); INSERT INTO t VALUES (100, 'new'); DELETE FROM t WHERE k = 100;");
        paused.kill();
    }
    pair.caught_up();
    pair.same(&["t"], "all");
}

/// F19: nothing is remembered of numbers that never come.
#[test]
fn what_is_rolled_back_leaves_nothing() {
    let pair = Pair::new(KEYS);
    pair.caught_up();
    let mut session = pair.session();
    for round in 0..20 {
        session.says(&format!(
            "BEGIN; UPDATE t SET v = 'never'; ROLLBACK; UPDATE t SET v = '{round}' WHERE k = 1 + {round} MOD 9"
        ));
    }
    pair.caught_up();
    pair.same(&["t"], "all");
    let left = "SELECT (SELECT COUNT(*) FROM syncline_outbox) + (SELECT COUNT(*) FROM syncline_log_1), (SELECT COUNT(*) FROM syncline_tick);";
    assert_eq!(pair.from.sql(left), "0|1");
}

/// F21: a prepared transaction outlives a crash of the server, and arrives when it commits.
#[test]
fn a_prepared_transaction_arrives_after_a_crash() {
    let mut server = private(Brand::Mariadb);
    let pair = Pair::of(Database::on(server.address()), KEYS);
    pair.caught_up();
    let mut session = pair.session();
    session.says("XA START 'x'; UPDATE t SET v = 'prepared' WHERE k = 1; XA END 'x'; XA PREPARE 'x'");
    drop(session);
    pair.from.sql("UPDATE t SET v = 'other' WHERE k = 2;");
    pair.caught_up();
    server.kill().unwrap();
    server.restart().unwrap();
    pair.from.sql("UPDATE t SET v = 'after the crash' WHERE k = 3;");
    pair.caught_up();
    assert_eq!(pair.to.sql("SELECT v FROM t WHERE k < 4;"), "old\nother\nafter the crash");
    pair.from.sql("XA COMMIT 'x';");
    pair.caught_up();
    pair.same(&["t"], "XA COMMIT");
    assert_eq!(pair.from.sql("SELECT COUNT(*) FROM syncline_outbox;"), "0");
}
