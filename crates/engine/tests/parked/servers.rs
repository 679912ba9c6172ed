//! Sinks at servers, with a source in a file: the same by their own rules, locks and ways of loading.

use syncline_rig::Brand;

use crate::support::binary::{Folder, until_answer};
use crate::support::servers::Database;

/// A file `a.db` with a table of five columns and 20 rows, followed into the sink's own table.
fn parking(sink: &Database) -> Folder {
    let folder = Folder::new();
    folder.sql(
        "a.db",
        "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, u TEXT, s TEXT, w TEXT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) INSERT INTO t SELECT i, i, 'u' || i, 's', 'w' FROM n;
         CREATE TABLE quiet (id INTEGER PRIMARY KEY)",
    );
    sink.sql(
        "CREATE TABLE t (id bigint PRIMARY KEY, v bigint CHECK (v < 1000), u varchar(40) UNIQUE, s varchar(5), w varchar(400));",
    );
    folder.write(
        "syncline.yaml",
        &format!(
            "version: 1\nconnections: {{a: 'sqlite:a.db', b: '{}'}}\n\
             jobs: {{live: {{from: a, to: b, capture: trigger, install: auto, on_error: park}}}}\n",
            sink.url()
        ),
    );
    let ran = folder.syncline(&["run"]).exits(0);
    assert_eq!(ran.complaints(), "");
    folder
}

fn each(test: impl Fn(&Database)) {
    for brand in [Brand::Postgres, Brand::Mariadb] {
        test(&Database::shared(brand));
    }
}

/// The table's rows with their two first columns, as both ends print them alike.
#[track_caller]
fn same(folder: &Folder, sink: &Database) {
    let sum = "SELECT count(*) FROM t; SELECT sum(id) FROM t; SELECT sum(v * id) FROM t; SELECT count(DISTINCT u) FROM t; SELECT sum(length(s) * id) FROM t;";
    assert_eq!(sink.sql(sum), folder.sql("a.db", sum));
}

fn parked(sink: &Database) -> String {
    sink.sql("SELECT count(*) FROM syncline_parked; SELECT count(reason) FROM syncline_parked;").replace('\n', " ")
}

/// Inserts in bulk, updates and deletes with poison among them: a check, a unique key, a text that is too long, a value of
/// another type, a number beyond its range; then the sink is mended and all of it applied.
#[test]
fn poison_among_many_changes() {
    each(|sink| {
        let folder = parking(sink);
        folder.sql(
            "a.db",
            "WITH RECURSIVE n(i) AS (SELECT 101 UNION ALL SELECT i + 1 FROM n WHERE i < 160) INSERT INTO t SELECT i, i, 'u' || i, 's', 'w' FROM n;
             INSERT INTO t VALUES (201, 2000, 'check', 's', 'w'), (202, 2, 'u7', 's', 'w'), (203, 3, 'long', 'too long', 'w'), (204, 'four', 'type', 's', 'w');
             WITH RECURSIVE n(i) AS (SELECT 301 UNION ALL SELECT i + 1 FROM n WHERE i < 360) INSERT INTO t SELECT i, i, 'u' || i, 's', 'w' FROM n;
             UPDATE t SET v = 5000 WHERE id = 5; UPDATE t SET w = 'later' WHERE id IN (5, 6); DELETE FROM t WHERE id IN (8, 201);
             UPDATE t SET u = 'u7 is taken' WHERE id = 202; UPDATE t SET id = 1006 WHERE id = 6",
        );
        let ran = folder.syncline(&["run"]).exits(4);
        assert_eq!(ran.complaints(), "");
        // 201, its delete, 202, its update, 203, 204, 5 and its update.
        assert_eq!(parked(sink), "8 5");
        assert_eq!(sink.sql("SELECT count(*) FROM t;"), "139");
        assert_eq!(sink.sql("SELECT w FROM t WHERE id = 1006;"), "later");
        assert_eq!(sink.sql("SELECT v FROM t WHERE id = 5;"), "5");
        for reason in sink.sql("SELECT reason FROM syncline_parked WHERE reason IS NOT NULL;").lines() {
            assert!(!reason.contains("u7") && !reason.contains("2000") && !reason.contains("four"), "{reason}");
        }
        // The second run has its table already.
        folder.sql("a.db", "UPDATE t SET v = 4 WHERE id = 204; UPDATE t SET v = 11 WHERE id = 11");
        folder.syncline(&["run"]).exits(4);
        assert_eq!(parked(sink), "9 5");
        mend(sink);
        let retried = folder.syncline(&["parked", "retry", "live"]).exits(4);
        // The value of another type stays with its update, whatever the sink allows.
        assert!(retried.out.contains("204: ") || retried.out.contains("(204)"), "{}", retried.out);
        assert_eq!(parked(sink), "2 1");
        let first = sink.sql("SELECT min(ord) FROM syncline_parked;");
        folder.syncline(&["parked", "drop", "live", &first, "--yes"]).well();
        sink.sql("INSERT INTO t VALUES (204, 0, 'type', 's', 'w');");
        folder.syncline(&["parked", "retry", "live"]).well();
        assert_eq!(parked(sink), "0 0");
        same(&folder, sink);
        folder.syncline(&["run"]).exits(0);
        folder.syncline(&["uninstall"]).well();
        let ours = match sink.server().brand() {
            Brand::Postgres => "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'syncline%';",
            Brand::Mariadb => {
                "SELECT count(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE 'syncline%';"
            }
        };
        assert_eq!(sink.sql(ours), "0");
    });
}

fn mend(sink: &Database) {
    sink.sql(match sink.server().brand() {
        Brand::Postgres => {
            "ALTER TABLE t DROP CONSTRAINT t_v_check, DROP CONSTRAINT t_u_key, ALTER s TYPE varchar(50);"
        }
        Brand::Mariadb => "ALTER TABLE t MODIFY v bigint, DROP INDEX u, MODIFY s varchar(50);",
    });
}

/// U+0000 is no character of PostgreSQL's text, neither in the table nor where it is parked; it comes back all the same.
#[test]
fn a_text_that_postgres_does_not_have() {
    let sink = Database::postgres();
    let folder = parking(&sink);
    folder.sql("a.db", "UPDATE t SET w = 'a' || char(0) || 'b' WHERE id = 1; UPDATE t SET w = 'fine' WHERE id = 2; UPDATE t SET v = 7 WHERE id = 1");
    folder.syncline(&["run"]).exits(4);
    assert_eq!(parked(&sink), "2 1");
    assert_eq!(sink.sql("SELECT w FROM t WHERE id IN (1, 2) ORDER BY id;"), "w\nfine");
    let first = sink.sql("SELECT min(ord) FROM syncline_parked;");
    let shown = folder.syncline(&["parked", "show", "live", &first, "--json"]).well().json();
    assert_eq!(shown["change"]["after"]["w"]["text"], "a\0b");
}

/// A retry that has applied a row's changes and not committed holds a running lane that wants to park another one behind
/// them. When it dies, the lane parks it; when it commits, the lane applies it. Neither overtakes.
#[test]
fn a_lane_waits_for_a_retry_that_is_under_way() {
    each(|sink| {
        let folder = parking(sink);
        folder.sql("a.db", "UPDATE t SET v = 5000 WHERE id = 5; UPDATE t SET v = 50 WHERE id = 5");
        folder.syncline(&["run"]).exits(4);
        assert_eq!(parked(sink), "2 1");
        mend(sink);
        let retrying = folder.paused_or_ended(&["parked", "retry", "live"], ("batch_written", 1), &[]).unwrap();
        let running = folder.started(&["run", "live", "--follow"]);
        folder.sql("a.db", "PRAGMA busy_timeout = 20000; UPDATE t SET v = 51 WHERE id = 5");
        // Whoever reads the sink sees the lane wait for the lock, and nothing of the change.
        until_it_waits(sink);
        assert_eq!(sink.sql("SELECT v FROM t WHERE id = 5;"), "5");
        retrying.kill();
        until(sink, "SELECT count(*) FROM syncline_parked;", "3");
        assert_eq!(sink.sql("SELECT v FROM t WHERE id = 5;"), "5");
        folder.syncline(&["parked", "retry", "live"]).well();
        assert_eq!(sink.sql("SELECT v FROM t WHERE id = 5;"), "51");
        folder.sql("a.db", "PRAGMA busy_timeout = 20000; UPDATE t SET v = 52 WHERE id = 5");
        until(sink, "SELECT v FROM t WHERE id = 5;", "52");
        assert_eq!(parked(sink), "0 0");
        running.signal("TERM");
        assert_eq!(running.ends().code, Some(4));
        same(&folder, sink);
    });
}

#[track_caller]
fn until(sink: &Database, sql: &str, answer: &str) {
    until_answer(answer, || sink.sql(sql));
}

#[track_caller]
fn until_it_waits(sink: &Database) {
    let waits = match sink.server().brand() {
        Brand::Postgres => {
            "SELECT count(*) > 0 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.datname = current_database();"
        }
        Brand::Mariadb => {
            "SELECT IF(count(*) > 0, 't', 'f') FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND INFO LIKE 'UPDATE `syncline_parked`%';"
        }
    };
    until(sink, waits, "t");
}
