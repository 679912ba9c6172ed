//! Rows that the sink refuses or cannot hold: named by table, column and row, never by value (I10, I15).

use insta::assert_snapshot;

use crate::support::binary::Folder;
use crate::support::judge;

/// Copies into an existing sink that refuses a row. Whatever was there stays; the value appears nowhere.
fn refused(source: &str, sink: &str) -> String {
    let folder = Folder::new();
    folder.sql("shop.db", source);
    folder.sql("sink.db", sink);
    std::fs::copy(folder.path("sink.db"), folder.path("before.db")).unwrap();
    let ran = folder.syncline(&["-vvv", "copy", "shop.db", "sink.db"]).exits(1);
    judge::same(&folder.path("sink.db"), &folder.path("before.db"));
    assert!(!ran.err.contains("hunter2") && !ran.out.contains("hunter2"), "a value was shown: {}", ran.err);
    ran.err.lines().skip_while(|line| !line.starts_with("error:")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_null_in_a_key() {
    let source = "CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT); INSERT INTO t VALUES ('a', 'b'), (NULL, 'hunter2');";
    assert_snapshot!(refused(source, "CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT);"), @r"
    error: the sink cannot hold null exactly: a key column without a value finds no row again [table t, column k, row 2 as read, connection sink.db]
      → change the value at the source, or the column's type at the sink
    ");
}

#[test]
fn a_value_that_the_column_would_change() {
    let source = "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'hunter2'), (2, '007');";
    assert_snapshot!(refused(source, "CREATE TABLE t (id INTEGER PRIMARY KEY, v NUMERIC);"), @r"
    error: the tables of sink.db do not fit; nothing was written
      t: column v is any at the source and NUMERIC (decimal) at the sink, which does not hold all of it
      → change the sink's table, or map or exclude the column
    ");
    let source =
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, x'68756e74657232'), (2, 'a');";
    assert_snapshot!(refused(source, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT) STRICT;"), @r"
    error: the sink refused a change [table t, row 1 as read, connection sink.db]: cannot store BLOB value in TEXT column t.v
      → look at the row named here, on both sides
    ");
}

#[test]
fn a_rule_of_the_sink() {
    let source = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'hunter2');";
    assert_snapshot!(refused(source, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT CHECK (length(v) < 3));"), @r"
    error: the sink refused a change [table t, row 2 as read, connection sink.db]: CHECK constraint failed: length(v) < 3
      → look at the row named here, on both sides
    ");
    let taken = "INSERT INTO t VALUES (7, 'hunter2');";
    assert_snapshot!(refused(source, &format!("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE); {taken}")), @r"
    error: the sink refused the rows of a table [table t, connection sink.db]: UNIQUE constraint failed: t.v
      → a row that only the sink has stands in the way, or a key comes twice; mode truncate replaces the table
    ");
    // A table may ask SQLite to drop rows in silence; we do not.
    for silent in ["IGNORE", "REPLACE"] {
        let sink = format!("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE ON CONFLICT {silent}); {taken}");
        assert!(refused(source, &sink).starts_with("error: the sink refused the rows of a table [table t"));
    }
}
