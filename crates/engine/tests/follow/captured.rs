//! What the triggers record, and what arrives of it.

use super::{caught_up, followed, same};

/// F22, F25, F26: whatever way a row is changed, the sink's row becomes the same.
#[test]
fn every_way_to_change_a_row_arrives() {
    let folder = followed(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, v); INSERT INTO t VALUES (1,'a',1),(2,'b',2),(3,'c',3),(4,'d',4)",
    );
    caught_up(&folder);
    for sql in [
        "INSERT INTO t VALUES (10, 'j', x'00ff')",
        "UPDATE t SET v = 1.0 WHERE id = 1",
        "UPDATE t SET id = id + 100",
        "UPDATE t SET id = id - 100",
        "REPLACE INTO t VALUES (2, 'bb', NULL)",
        // Takes the rows 2 and 3 away, and no delete trigger fires.
        "REPLACE INTO t VALUES (2, 'c', 'two became three')",
        "INSERT OR IGNORE INTO t VALUES (1, 'z', 'never')",
        "INSERT INTO t VALUES (1, 'a', 'upserted') ON CONFLICT (id) DO UPDATE SET v = excluded.v",
        "UPDATE OR REPLACE t SET u = 'a' WHERE id = 4",
        "BEGIN; DELETE FROM t WHERE id = 10; SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; INSERT INTO t VALUES (11,'k',11); COMMIT",
        "BEGIN; DELETE FROM t; ROLLBACK",
        "UPDATE t SET v = 'twice' WHERE id = 11; UPDATE t SET v = 'and again' WHERE id = 11",
        "DELETE FROM t",
        "INSERT INTO t VALUES (1, 'a', 'new')",
    ] {
        folder.sql("a.db", sql);
        caught_up(&folder);
        same(&folder, &["t"]);
    }
    assert_eq!(folder.sql("b.db", "SELECT * FROM t"), "1|a|new");
}

/// An update that changes nothing writes nothing; one of them that changes case, storage or blanks does.
#[test]
fn only_what_changes_is_recorded() {
    let folder = followed("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE, b NUMERIC, c)");
    folder.sql("a.db", "INSERT INTO t VALUES (1, 'x', 1, 1)");
    caught_up(&folder);
    let recorded = |sql: &str| {
        folder.sql("a.db", sql);
        let recorded = folder.sql("a.db", "SELECT count(*) FROM syncline_outbox");
        caught_up(&folder);
        same(&folder, &["t"]);
        recorded
    };
    assert_eq!(recorded("UPDATE t SET a = 'x', b = 1.0, c = 1"), "0");
    assert_eq!(recorded("UPDATE t SET a = 'X'"), "1");
    assert_eq!(recorded("UPDATE t SET c = 1.0"), "1");
    assert_eq!(recorded("UPDATE t SET c = '1'"), "1");
    assert_eq!(recorded("UPDATE t SET c = x'31'"), "1");
    assert_eq!(recorded("UPDATE t SET c = NULL"), "1");
}

/// F28: a long text that an update leaves alone is neither recorded nor sent, and stays as it is.
#[test]
fn an_unchanged_long_column_is_left_out() {
    let folder = followed("CREATE TABLE t (id INTEGER PRIMARY KEY, long TEXT, n INT)");
    folder.sql("a.db", "INSERT INTO t VALUES (1, printf('%.*c', 1000000, 'x'), 1)");
    caught_up(&folder);
    folder.sql("a.db", "UPDATE t SET n = 2");
    assert_eq!(folder.sql("a.db", "SELECT o1 IS NULL AND n1 IS NULL FROM syncline_log_1"), "1");
    caught_up(&folder);
    same(&folder, &["t"]);
}

/// F112: numbers of the outbox never come twice, also when all of it was pruned.
#[test]
fn what_all_lanes_have_is_pruned_and_no_number_comes_twice() {
    let folder = followed("CREATE TABLE t (id INTEGER PRIMARY KEY)");
    caught_up(&folder);
    for id in 1..=3 {
        folder.sql("a.db", &format!("INSERT INTO t VALUES ({id})"));
        assert_eq!(folder.sql("a.db", "SELECT id FROM syncline_outbox"), id.to_string());
        caught_up(&folder);
        assert_eq!(folder.sql("a.db", "SELECT count(*) FROM syncline_outbox"), "0");
        assert_eq!(folder.sql("a.db", "SELECT count(*) FROM syncline_log_1"), "0");
    }
    same(&folder, &["t"]);
}

/// A trigger of the application that touches the same row must not be recorded before the change that fired it, whether
/// it was there before ours or came later.
#[test]
fn triggers_of_the_application_come_after_ours() {
    let touch = "CREATE TRIGGER touch AFTER INSERT ON t BEGIN UPDATE t SET v = v || '!' WHERE id = NEW.id; END;";
    let folder = followed(&format!("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); {touch}"));
    caught_up(&folder);
    folder.sql("a.db", "INSERT INTO t VALUES (1, 'a')");
    caught_up(&folder);
    same(&folder, &["t"]);
    folder.sql("a.db", &touch.replace("touch", "later").replace('!', "?"));
    // Seen at the start, and mended because the job may install.
    caught_up(&folder);
    folder.sql("a.db", "INSERT INTO t VALUES (2, 'b')");
    caught_up(&folder);
    same(&folder, &["t"]);
    assert_eq!(folder.sql("b.db", "SELECT length(v) FROM t ORDER BY id"), "2\n3");
}

/// Leaving the filter is a delete, entering it an insert of the whole row.
#[test]
fn a_filter_is_applied_to_changes() {
    let folder = followed("CREATE TABLE t (id INTEGER PRIMARY KEY, region TEXT, note TEXT)");
    folder.write(
        "syncline.yaml",
        "version: 1\nconnections: {a: 'sqlite:a.db', b: 'sqlite:b.db'}\n\
         jobs: {live: {from: a, to: b, capture: trigger, install: auto, tables: {t: {where: \"region = 'EU'\"}}}}\n",
    );
    folder.sql("a.db", "INSERT INTO t VALUES (1,'EU','one'), (2,'US','two')");
    caught_up(&folder);
    folder.sql("a.db", "UPDATE t SET region = 'US' WHERE id = 1; UPDATE t SET region = 'EU' WHERE id = 2; INSERT INTO t VALUES (3,'US','three')");
    caught_up(&folder);
    assert_eq!(folder.sql("b.db", "SELECT * FROM t"), "2|EU|two");
    folder.sql("a.db", "UPDATE t SET note = 'kept' WHERE id = 2; DELETE FROM t WHERE id = 1");
    caught_up(&folder);
    assert_eq!(folder.sql("b.db", "SELECT * FROM t"), "2|EU|kept");
}

/// All that was installed goes again, and nothing else (I16).
#[test]
fn uninstall_removes_all_of_it() {
    let folder = followed("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    let schema = || {
        folder.sql("a.db", "SELECT type, name, sql FROM sqlite_schema WHERE name <> 'sqlite_sequence' ORDER BY name")
    };
    let before = schema();
    caught_up(&folder);
    assert_ne!(schema(), before);
    folder.syncline(&["uninstall"]).well();
    assert_eq!(schema(), before);
    assert_eq!(folder.sql("b.db", "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'syncline%'"), "0");
    folder.sql("a.db", "INSERT INTO t VALUES (1, 'after')");
    caught_up(&folder);
    same(&folder, &["t"]);
}

/// Without `install: auto` and without a person at a terminal nothing is installed.
#[test]
fn nothing_is_installed_unasked() {
    let folder = followed("CREATE TABLE t (id INTEGER PRIMARY KEY)");
    folder.write(
        "syncline.yaml",
        "version: 1\nconnections: {a: 'sqlite:a.db', b: 'sqlite:b.db'}\njobs: {live: {from: a, to: b, capture: trigger}}\n",
    );
    insta::assert_snapshot!(folder.refuses(&["run"]), @r"
    exit 2
    error: capture is not installed: 17 statements to run [source a, job live]
      → `syncline install --dry-run` shows them, `syncline install` runs them; or say `install: auto` in the job
    ");
    folder.syncline(&["install"]).well();
    caught_up(&folder);
    same(&folder, &["t"]);
}
