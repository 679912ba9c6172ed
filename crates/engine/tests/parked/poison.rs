//! One change that the sink refuses, by every kind of rule, in the middle of others.

use super::{aside, parking, parks, runs, same};

/// What the sink's table says, what is done to row 3, and a word of the reason.
fn refused(sink: &str, change: &str, reason: &str) {
    let folder = parking(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, u, v INTEGER); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)",
        &format!("CREATE TABLE t ({sink})"),
    );
    folder.sql("a.db", &format!("UPDATE t SET v = 10 WHERE id = 1; {change}; UPDATE t SET v = 20 WHERE id = 2"));
    parks(&folder);
    assert_eq!(folder.sql("b.db", "SELECT id, v FROM t ORDER BY id"), "1|10\n2|20\n3|3", "{sink}");
    let why = folder.sql("b.db", "SELECT reason FROM syncline_parked");
    assert!(why.contains(reason) && !why.contains("poison") && why.lines().count() == 1, "{why}");
    // The next change of the row waits, however good it is; and the run that sets it aside says so.
    folder.sql("a.db", "UPDATE t SET v = 30, u = 'c' WHERE id = 3; UPDATE t SET v = 11 WHERE id = 1");
    parks(&folder);
    assert_eq!(folder.sql("b.db", "SELECT id, v FROM t ORDER BY id"), "1|11\n2|20\n3|3", "{sink}");
    assert_eq!(folder.sql("b.db", "SELECT count(*), count(reason) FROM syncline_parked"), "2|1");
    // Others go on without a word.
    folder.sql("a.db", "UPDATE t SET v = 12 WHERE id = 1");
    runs(&folder);
    assert_eq!(folder.sql("b.db", "SELECT v FROM t WHERE id = 1"), "12");
}

#[test]
fn a_check() {
    refused(
        "id INTEGER PRIMARY KEY, u, v INTEGER CHECK (v < 100)",
        "UPDATE t SET v = 666 WHERE id = 3",
        "CHECK constraint",
    );
}

#[test]
fn a_value_that_must_be() {
    refused(
        "id INTEGER PRIMARY KEY, u, v INTEGER CHECK (v IS NOT NULL)",
        "UPDATE t SET v = NULL WHERE id = 3",
        "CHECK constraint",
    );
}

/// A row without a key is no row that anything could wait for.
#[test]
fn a_key_without_a_value() {
    let folder = parking("CREATE TABLE t (id TEXT PRIMARY KEY, v)", "");
    folder.sql("a.db", "INSERT INTO t VALUES (NULL, 1), ('b', 2), (NULL, 3); UPDATE t SET v = 4");
    parks(&folder);
    assert_eq!(folder.sql("b.db", "SELECT * FROM t"), "b|4");
    assert_eq!(folder.sql("b.db", "SELECT count(reason) FROM syncline_parked WHERE row_key = '[]'"), "4");
}

#[test]
fn a_value_that_must_be_unique() {
    refused("id INTEGER PRIMARY KEY, u UNIQUE, v INTEGER", "UPDATE t SET u = 'b' WHERE id = 3", "UNIQUE constraint");
}

#[test]
fn a_type_of_a_strict_table() {
    let poison = "UPDATE t SET v = 'poison' WHERE id = 3";
    refused("id INTEGER PRIMARY KEY, u ANY, v INTEGER) STRICT; CREATE TABLE other (id", poison, "cannot store TEXT");
}

/// A database in UTF-16 would alter text that is no Unicode. What is parked of it comes back byte for byte.
#[test]
fn a_value_that_the_sink_would_alter() {
    let folder = parking(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a'), (2, 'b')",
        "PRAGMA encoding = 'UTF-16'; CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
    );
    folder.sql("a.db", "UPDATE t SET v = CAST(x'61ff00' AS TEXT) WHERE id = 1; UPDATE t SET v = 'c' WHERE id = 2");
    parks(&folder);
    assert_eq!(folder.sql("b.db", "SELECT v FROM t"), "a\nc");
    let why = folder.sql("b.db", "SELECT reason FROM syncline_parked");
    assert_eq!(
        why,
        "the sink cannot hold text that is not UTF-8 exactly: the sink keeps text in UTF-16 and would change it [column v]"
    );
    let shown = folder.syncline(&["parked", "show", "live", "1", "--json"]).well().json();
    assert_eq!(shown["change"]["after"]["v"]["bad_text"], "61ff00");
}

/// A whole unit of them, over several batches, with good ones between.
#[test]
fn many_in_one_unit() {
    let folder = parking(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE u (id INTEGER PRIMARY KEY, v)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v CHECK (v % 37 <> 0))",
    );
    folder.sql(
        "a.db",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) INSERT INTO t SELECT i, i FROM n;
         INSERT INTO u SELECT * FROM t; UPDATE t SET v = v + 1",
    );
    parks(&folder);
    assert_eq!(folder.sql("b.db", "SELECT count(*) FROM u"), "400");
    // 37, 74, … as they came, with the change after; and those before them, which became such by the change.
    assert_eq!(folder.sql("b.db", "SELECT count(*), count(reason) FROM syncline_parked"), "30|20");
    let good = "SELECT count(*) FROM t WHERE v = id + 1 AND id % 37 NOT IN (0, 36)";
    assert_eq!(folder.sql("b.db", good), folder.sql("a.db", good));
    folder.syncline(&["parked", "ls", "live"]).well();
}

/// A load is not a stream: it stops at the row, as ever, and nothing is set aside.
#[test]
fn a_load_stops() {
    let folder = crate::support::binary::Folder::new();
    folder.sql("a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 666)");
    folder.sql("b.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v CHECK (v < 100))");
    super::jobs(&folder, "on_error: park");
    let ran = folder.syncline(&["run"]).exits(1);
    assert!(ran.err.contains("CHECK constraint"), "{}", ran.err);
    assert_eq!(folder.sql("b.db", "SELECT count(*) FROM t"), "0");
}

/// A job that stops (the default) applies nothing of the unit and sets nothing aside.
#[test]
fn without_it_the_job_stops() {
    let folder = crate::support::binary::Folder::new();
    folder.sql("a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    folder.sql("b.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v CHECK (v < 100))");
    super::jobs(&folder, "on_error: stop");
    runs(&folder);
    folder.sql("a.db", "INSERT INTO t VALUES (1, 1), (2, 666)");
    folder.syncline(&["run"]).exits(1);
    assert_eq!(folder.sql("b.db", "SELECT count(*) FROM t"), "0");
    assert_eq!(folder.sql("b.db", "SELECT count(*) FROM sqlite_schema WHERE name = 'syncline_parked'"), "0");
    super::jobs(&folder, "on_error: park");
    parks(&folder);
    assert_eq!(folder.sql("b.db", "SELECT id FROM t"), "1");
    // Back again, it would let later changes overtake.
    super::jobs(&folder, "on_error: stop");
    folder.sql("a.db", "UPDATE t SET v = 2 WHERE id = 2");
    let ran = folder.syncline(&["run"]).exits(1);
    assert!(ran.err.contains("changes are parked, and this job no longer parks [parked 1"), "{}", ran.err);
    folder.sql("a.db", "UPDATE t SET v = 3 WHERE id = 1");
    folder.syncline(&["parked", "drop", "live", "--all", "--yes"]).well();
    folder.syncline(&["run"]).exits(1);
    assert_eq!(aside(&folder), "");
    folder.sql("b.db", "INSERT INTO t VALUES (2, 0)");
    runs(&folder);
    same(&folder, "t");
}
