//! What waits behind a parked change, and what does not (I4).

use super::{aside, heal, parking, parks, runs, same};

const CHECKED: &str = "(id INTEGER PRIMARY KEY, v CHECK (v < 100))";
const FREE: &str = "(id INTEGER PRIMARY KEY, v)";

/// Old and new key of a key change are held, in this unit and in later ones; a retry applies all in their order.
#[test]
fn a_row_that_moves_takes_its_place_with_it() {
    let folder = parking(
        &format!("CREATE TABLE t {FREE}; INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)"),
        &format!("CREATE TABLE t {CHECKED}"),
    );
    folder.sql(
        "a.db",
        "UPDATE t SET v = 666 WHERE id = 1; UPDATE t SET id = 10 WHERE id = 1; INSERT INTO t VALUES (1, 7)",
    );
    parks(&folder);
    folder.sql("a.db", "UPDATE t SET v = 8 WHERE id = 10; UPDATE t SET id = 20 WHERE id = 2; DELETE FROM t WHERE id = 10; INSERT INTO t VALUES (10, 9)");
    parks(&folder);
    assert_eq!(
        aside(&folder),
        "1|U|[{\"int\":1}]|0\n2|K|[{\"int\":1}]|1\n3|I|[{\"int\":1}]|1\n4|U|[{\"int\":10}]|1\n6|D|[{\"int\":10}]|1\n7|I|[{\"int\":10}]|1"
    );
    assert_eq!(folder.sql("b.db", "SELECT * FROM t ORDER BY id"), "1|1\n3|3\n20|2");
    // Still refused: all of it stays.
    let ran = folder.syncline(&["parked", "retry", "live"]).exits(1);
    assert!(ran.out.contains("6 changes stayed") && ran.out.contains("CHECK constraint"), "{}", ran.out);
    heal(&folder, "t", FREE);
    let ran = folder.syncline(&["parked", "retry", "live"]).well();
    assert!(ran.out.contains("6 changes applied at b, nothing of it is left"), "{}", ran.out);
    assert_eq!(aside(&folder), "");
    same(&folder, "t");
    runs(&folder);
    folder.sql("a.db", "UPDATE t SET v = 99");
    runs(&folder);
    same(&folder, "t");
}

/// Children of a parent that is not there wait for it, over two steps and by another column than the key; others do not.
#[test]
fn children_wait_for_their_parent() {
    let tables = |check: &str| {
        format!(
            "CREATE TABLE p (id INTEGER PRIMARY KEY, code UNIQUE, v {check});
             CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p);
             CREATE TABLE d (id INTEGER PRIMARY KEY, code REFERENCES p (code));
             CREATE TABLE e (id INTEGER PRIMARY KEY, c REFERENCES c)"
        )
    };
    let folder = parking(&tables(""), &tables("CHECK (v < 100)"));
    folder.sql(
        "a.db",
        "INSERT INTO p VALUES (1, 'one', 666), (2, 'two', 2); INSERT INTO c VALUES (11, 1), (12, 2), (13, NULL);
         INSERT INTO d VALUES (21, 'one'), (22, 'two'); INSERT INTO e VALUES (31, 11), (32, 12)",
    );
    parks(&folder);
    let all = "SELECT (SELECT group_concat(id) FROM p), (SELECT group_concat(id) FROM c), (SELECT group_concat(id) FROM d), (SELECT group_concat(id) FROM e)";
    assert_eq!(folder.sql("b.db", all), "2|12,13|22|32");
    assert_eq!(folder.sql("b.db", "SELECT count(*), count(reason) FROM syncline_parked"), "4|1");
    // The parent's own end waits behind its children's.
    folder.sql("a.db", "UPDATE c SET p = 2 WHERE id = 11; DELETE FROM d WHERE id = 21; DELETE FROM p WHERE id = 1");
    parks(&folder);
    assert_eq!(folder.sql("b.db", all), "2|12,13|22|32");
    folder
        .sql("b.db", "PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (v < 100)', '')");
    folder.syncline(&["parked", "retry", "live"]).well();
    for table in ["p", "c", "d", "e"] {
        same(&folder, table);
    }
    assert_eq!(aside(&folder), "");
}

/// What is fine of several things is applied; what is not stays, with what hangs on it and nothing else.
#[test]
fn a_retry_applies_what_it_can() {
    let tables = |check: &str| {
        format!(
            "CREATE TABLE p (id INTEGER PRIMARY KEY, v {check}); CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p, v {check})"
        )
    };
    let folder = parking(&tables(""), &tables("CHECK (v < 100)"));
    folder.sql(
        "a.db",
        "INSERT INTO p VALUES (1, 150), (2, 666), (3, 160); INSERT INTO c VALUES (11, 1, 1), (12, 2, 2), (13, 3, 666), (14, 3, 4);
         UPDATE c SET v = 170 WHERE id = 11; UPDATE p SET v = 3 WHERE id = 2",
    );
    parks(&folder);
    assert_eq!(folder.sql("b.db", "SELECT count(*) FROM syncline_parked"), "9");
    folder.sql(
        "b.db",
        "PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = replace(sql, '(v < 100)', '(v < 200)')",
    );
    let ran = folder.syncline(&["parked", "retry", "live"]).exits(4);
    assert!(ran.out.contains("5 changes applied at b, 4 changes stayed"), "{}", ran.out);
    assert_eq!(folder.sql("b.db", "SELECT * FROM p; SELECT * FROM c"), "1|150\n3|160\n11|1|170\n14|3|4");
    assert_eq!(aside(&folder), "2|I|[{\"int\":2}]|0\n5|I|[{\"int\":12}]|1\n6|I|[{\"int\":13}]|1\n9|U|[{\"int\":2}]|1");
    // One table alone, and what hangs together with it.
    folder.sql("b.db", "PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = replace(sql, '(v < 200)', '(1)')");
    folder.syncline(&["parked", "retry", "live", "--table", "p"]).well();
    assert_eq!(aside(&folder), "6|I|[{\"int\":13}]|1");
    folder.syncline(&["parked", "retry", "live"]).well();
    same(&folder, "p");
    same(&folder, "c");
}

/// What waited behind a change that was dropped goes on waiting until it is retried.
#[test]
fn dropping_a_change_frees_nothing_by_itself() {
    let folder = parking(&format!("CREATE TABLE t {FREE}"), &format!("CREATE TABLE t {CHECKED}"));
    folder.sql("a.db", "INSERT INTO t VALUES (1, 666); UPDATE t SET v = 7");
    parks(&folder);
    folder.syncline(&["parked", "drop", "live", "1", "--yes"]).well();
    folder.sql("a.db", "UPDATE t SET v = 8");
    parks(&folder);
    assert_eq!(aside(&folder), "2|U|[{\"int\":1}]|1\n3|U|[{\"int\":1}]|1");
    let listed = folder.syncline(&["parked", "ls"]).well().out;
    assert!(listed.contains("waits for retry") && listed.contains("waits behind 2"), "{listed}");
    // The row is not there.
    folder.syncline(&["parked", "retry", "live"]).exits(1);
    folder.sql("b.db", "INSERT INTO t VALUES (1, 0)");
    folder.syncline(&["parked", "retry", "live"]).well();
    same(&folder, "t");
}

/// Rows that are loaded again are newer than whatever was set aside of them.
#[test]
fn a_table_that_is_loaded_again_forgets_what_was_parked() {
    let folder = parking(
        &format!("CREATE TABLE t {FREE}; CREATE TABLE u {FREE}"),
        &format!("CREATE TABLE t {CHECKED}; CREATE TABLE u {CHECKED}"),
    );
    folder.sql("a.db", "INSERT INTO t VALUES (1, 666), (2, 2); INSERT INTO u VALUES (5, 666)");
    parks(&folder);
    folder.sql("a.db", "UPDATE t SET v = 7 WHERE id = 1");
    folder.syncline(&["resync", "live", "--table", "t"]).well();
    runs(&folder);
    same(&folder, "t");
    assert_eq!(aside(&folder), "3|I|[{\"int\":5}]|0");
    folder.sql("a.db", "UPDATE t SET v = 8 WHERE id = 1");
    runs(&folder);
    same(&folder, "t");
}
