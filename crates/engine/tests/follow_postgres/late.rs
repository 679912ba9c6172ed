//! Commits that come late, out of order, or never: nothing is skipped, reordered or waited for (I14).

use syncline_rig::Brand;

use super::Followed;
use super::sessions::Session;
use crate::support::binary::until_answer;
use crate::support::servers::{Database, private_with};

const TABLE: &str =
    "CREATE TABLE t (k int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'old' FROM generate_series(1, 9) i;";

/// F16, F18: a number drawn early and committed late is neither skipped nor waited for.
#[test]
fn a_late_commit_is_not_skipped() {
    let f = Followed::new(TABLE);
    f.caught_up();
    let (mut a, mut b) = (Session::new(&f.from.url()), Session::new(&f.from.url()));
    a.run("BEGIN; UPDATE t SET v = 'late' WHERE k = 1;");
    b.run("UPDATE t SET v = 'early' WHERE k = 2;");
    f.caught_up();
    assert_eq!(f.to.sql("SELECT v FROM t WHERE k < 3 ORDER BY k;"), "old\nearly");
    a.run("COMMIT;");
    f.arrives(&["t"]);
    assert_eq!(f.to.sql("SELECT v FROM t WHERE k = 1;"), "late");
}

/// A lane that looks while a change is made and not committed has seen its number drawn; that it is committed shows in
/// nothing that comes after it. The newest transaction of all is named as open by no snapshot.
#[test]
fn the_last_commit_of_all_arrives() {
    let f = Followed::new(TABLE).one_sink();
    f.caught_up();
    let running = f.folder.started(&["run", "live", "--follow", "--quiet"]);
    let mut a = Session::new(&f.from.url());
    for k in 1..=9 {
        a.run(&format!("BEGIN; UPDATE t SET v = 'last' WHERE k = {k}; SELECT pg_sleep(0.1); COMMIT;"));
        until_answer("last", || f.to.sql(&format!("SELECT v FROM t WHERE k = {k};")));
    }
    running.signal("TERM");
    running.ends().exits(0);
}

/// F17: who waits for whom decides, not whose transaction began first.
#[test]
fn one_key_is_never_reordered() {
    let f = Followed::new(TABLE);
    f.caught_up();
    let url = f.from.url();
    let (mut a, mut b, mut c) = (Session::new(&url), Session::new(&url), Session::new(&url));
    a.run("BEGIN; SELECT pg_current_xact_id();");
    c.run("BEGIN; UPDATE t SET v = 'open' WHERE k = 9;");
    b.run("UPDATE t SET v = 'first' WHERE k = 3;");
    a.run("UPDATE t SET v = 'second' WHERE k = 3; COMMIT;");
    f.caught_up();
    assert_eq!(f.to.sql("SELECT v FROM t WHERE k = 3;"), "second");
    c.run("COMMIT;");
    f.arrives(&["t"]);
}

/// F19, F22: what is rolled back leaves gaps that nobody waits for, and no entries.
#[test]
fn what_is_rolled_back_never_was() {
    let f = Followed::new(TABLE);
    f.caught_up();
    f.from.sql(
        "BEGIN; UPDATE t SET v = 'gone'; ROLLBACK; \
         BEGIN; UPDATE t SET v = 'kept' WHERE k = 1; SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; \
         SAVEPOINT s2; INSERT INTO t VALUES (10, 'in a savepoint'); RELEASE s2; COMMIT;",
    );
    assert_eq!(f.from.sql("SELECT count(*) FROM syncline_log_1;"), "2");
    f.arrives(&["t"]);
}

/// F21: prepared, the server killed and started again, and only then committed: once.
#[test]
fn a_prepared_transaction_outlives_the_server() {
    let mut server = private_with(Brand::Postgres, &[("max_prepared_transactions", "5")]);
    let f = Followed::between(Database::on(server.address()), Database::postgres(), TABLE);
    f.caught_up();
    f.from.sql(
        "BEGIN; UPDATE t SET v = 'prepared' WHERE k = 1; INSERT INTO t VALUES (77, 'x'); PREPARE TRANSACTION 'p';",
    );
    f.from.sql("UPDATE t SET v = 'plain' WHERE k = 2;");
    f.arrives(&["t"]);
    server.kill().unwrap();
    server.restart().unwrap();
    f.from.sql("UPDATE t SET v = 'after' WHERE k = 3;");
    f.arrives(&["t"]);
    f.from.sql("COMMIT PREPARED 'p';");
    f.arrives(&["t"]);
    assert_eq!(f.to.sql("SELECT v FROM t WHERE k IN (1, 77) ORDER BY k;"), "prepared\nx");
}

/// F114: a commit that did not wait for the disk was read, and the server crashed. What was shipped is still there, and
/// numbers that come twice bring no confusion.
#[test]
fn nothing_is_shipped_that_a_crash_takes_back() {
    let settings = [("synchronous_commit", "off"), ("wal_writer_delay", "10s")];
    let mut server = private_with(Brand::Postgres, &settings);
    let f = Followed::between(Database::on(server.address()), Database::postgres(), TABLE);
    f.caught_up();
    for i in 100..104 {
        f.from.sql(&format!("INSERT INTO t VALUES ({i}, 'shipped');"));
        f.arrives(&["t"]);
        f.from.sql(&format!("INSERT INTO t VALUES ({i} + 100, 'a ghost, or not');"));
        server.kill().unwrap();
        server.restart().unwrap();
        f.arrives(&["t"]);
    }
    assert_eq!(f.to.sql("SELECT count(*) FROM t WHERE v = 'shipped';"), "4");
}

/// An idle source is not written to, and what is not captured wakes nobody.
#[test]
fn what_is_quiet_stays_quiet() {
    let f = Followed::new(&format!("{TABLE} CREATE TABLE other (k int);"));
    f.job("install: auto, tables: {t: {}}");
    f.caught_up();
    f.caught_up();
    let ticks = || f.from.sql("SELECT max(tick) FROM syncline_tick;");
    let before = ticks();
    let mut open = Session::new(&f.from.url());
    open.run("BEGIN; UPDATE t SET v = 'open';");
    f.from.sql("INSERT INTO other SELECT generate_series(1, 100);");
    f.from.sql("BEGIN; UPDATE t SET v = 'rolled back' WHERE false; ROLLBACK;");
    f.caught_up();
    assert_eq!(ticks(), before);
}
