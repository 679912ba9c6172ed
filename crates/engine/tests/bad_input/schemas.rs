//! Tables of the sink that do not fit: every reason at once, before anything is written.

use insta::assert_snapshot;

use crate::support::binary::Folder;
use crate::support::judge;

/// A source and a sink made of these statements.
fn two(source: &str, sink: &str) -> Folder {
    let folder = Folder::new();
    folder.sql("shop.db", source);
    folder.sql("sink.db", sink);
    folder
}

fn refused(source: &str, sink: &str) -> String {
    two(source, sink).refuses(&["copy", "shop.db", "sink.db"])
}

#[test]
fn columns() {
    let source = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, big INTEGER, note VARCHAR(40));
                  INSERT INTO t VALUES (1, NULL, 2, 'c');";
    assert_snapshot!(refused(source, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, big INTEGER);"), @r"
    exit 1
    error: the tables of sink.db do not fit; nothing was written
      t: the sink has no column note
      → change the sink's table, or map or exclude the column
    ");
    assert_snapshot!(refused(source, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, big SMALLINT, note VARCHAR(10));"), @r"
    exit 1
    error: the tables of sink.db do not fit; nothing was written
      t: column big is INTEGER (int64) at the source and SMALLINT (int16) at the sink, which does not hold all of it
      t: column note is VARCHAR(40) (text(40)) at the source and VARCHAR(10) (text(10)) at the sink, which does not hold all of it
      → change the sink's table, or map or exclude the column
    ");
    assert_snapshot!(refused(source, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL, big INTEGER, note TEXT);"), @r"
    exit 1
    error: the tables of sink.db do not fit; nothing was written
      t: column name may be null at the source and may not at the sink
      → change the sink's table, or map or exclude the column
    ");
    assert_snapshot!(
        refused(source, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, big INTEGER, note TEXT, more TEXT NOT NULL);"),
        @r"
    exit 1
    error: the tables of sink.db do not fit; nothing was written
      t: the sink's column more needs a value that the source does not have
      → change the sink's table, or map or exclude the column
    "
    );
}

#[test]
fn keys() {
    let source = "CREATE TABLE t (code TEXT PRIMARY KEY, name TEXT) WITHOUT ROWID; INSERT INTO t VALUES ('a', 'b');";
    assert_snapshot!(refused(source, "CREATE TABLE t (code TEXT, name TEXT PRIMARY KEY);"), @r"
    exit 1
    error: the tables of sink.db do not fit; nothing was written
      t: the sink has no primary key or unique index over exactly (code)
      → change the sink's table, or map or exclude the column
    ");
    assert_snapshot!(refused(source, "CREATE TABLE t (code TEXT, name TEXT);"), @r"
    exit 1
    error: the tables of sink.db do not fit; nothing was written
      t: the sink has no primary key or unique index over exactly (code)
      → change the sink's table, or map or exclude the column
    ");
    assert_snapshot!(refused(source, "CREATE TABLE t (code TEXT PRIMARY KEY COLLATE NOCASE, name TEXT);"), @r"
    exit 1
    error: the tables of sink.db do not fit; nothing was written
      t: key column code collates NOCASE at the sink and by bytes at the source: two keys could become one
      → change the sink's table, or map or exclude the column
    ");
    assert_snapshot!(
        refused(source, "CREATE TABLE t (code TEXT, name TEXT); CREATE UNIQUE INDEX i ON t(code) WHERE name IS NULL;"),
        @r"
    exit 1
    error: the tables of sink.db do not fit; nothing was written
      t: the sink has no primary key or unique index over exactly (code)
      → change the sink's table, or map or exclude the column
    "
    );
}

#[test]
fn other_things_of_that_name() {
    let source = "CREATE TABLE t (id INTEGER PRIMARY KEY);";
    assert_snapshot!(refused(source, "CREATE VIEW t AS SELECT 1 AS id;"), @r"
    exit 1
    error: the tables of sink.db do not fit; nothing was written
      t: t is a view at the sink, not a table of its own rows
      → change the sink's table, or map or exclude the column
    ");
    assert_snapshot!(refused(source, "CREATE VIRTUAL TABLE t USING fts5(id);"), @r"
    exit 1
    error: the tables of sink.db do not fit; nothing was written
      t: t is a virtual table at the sink, not a table of its own rows
      → change the sink's table, or map or exclude the column
    ");
}

#[test]
fn every_table_is_named_at_once() {
    let source = "CREATE TABLE a (id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE b (id INTEGER PRIMARY KEY, v TEXT);";
    let sink = "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY);";
    assert_snapshot!(refused(source, sink), @r"
    exit 1
    error: the tables of sink.db do not fit; nothing was written
      a: the sink has no column v
      b: the sink has no column v
      → change the sink's table, or map or exclude the column
    ");
}

#[test]
fn two_tables_in_one() {
    let folder = two(
        "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY);",
        "CREATE TABLE other (id INTEGER PRIMARY KEY);",
    );
    let job = |to: &str| {
        format!(
            "version: 1\nconnections: {{shop: 'sqlite:shop.db', sink: 'sqlite:sink.db'}}\n\
             jobs: {{j: {{from: shop, to: sink, tables: {{a: {{to: '{to}'}}, b: {{to: c}}}}}}}}\n"
        )
    };
    folder.write("syncline.yaml", &job("c"));
    assert_snapshot!(folder.refuses(&["run"]), @r"
    exit 2
    error: the tables a and b both go to table c [job j]
      → give one of them another name with `to:`, or leave it out
    ");
    folder.write("syncline.yaml", &job("C"));
    assert_snapshot!(folder.refuses(&["run"]), @r"
    exit 1
    error: the tables of sink do not fit; nothing was written
      C: another table has this name in other case, which is the same to SQLite; map one to another name
      c: another table has this name in other case, which is the same to SQLite; map one to another name [job j]
      → change the sink's table, or map or exclude the column
    ");
    folder.write("syncline.yaml", &job("sqlite_mine"));
    assert_snapshot!(folder.refuses(&["run"]), @r"
    exit 1
    error: the tables of sink do not fit; nothing was written
      sqlite_mine: this name is reserved; map the table to another name [job j]
      → change the sink's table, or map or exclude the column
    ");
    folder.write("syncline.yaml", &job("other.a"));
    assert_snapshot!(folder.refuses(&["run"]), @r"
    exit 1
    error: the tables of sink do not fit; nothing was written
      other.a: SQLite has no schemas; map the table to a plain name instead of other.a [job j]
      → change the sink's table, or map or exclude the column
    ");
}

#[test]
fn names_in_another_case_are_the_same_table() {
    let folder = two(
        "CREATE TABLE Customer (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO Customer VALUES (1, 'new');",
        "CREATE TABLE customer (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO customer VALUES (1, 'old');",
    );
    folder.syncline(&["copy", "shop.db", "sink.db"]).well();
    assert_eq!(folder.sql("sink.db", "SELECT * FROM customer;"), "1|new");
    assert_eq!(folder.sql("sink.db", "SELECT count(*) FROM sqlite_schema WHERE type = 'table';"), "1");
}

#[test]
fn equal_keys_that_are_not_the_same_become_the_same() {
    let folder = two(
        "CREATE TABLE n (k TEXT PRIMARY KEY COLLATE NOCASE, v); INSERT INTO n VALUES ('ABC', 1);
         CREATE TABLE a (k PRIMARY KEY, v); INSERT INTO a VALUES (1, 1);",
        "CREATE TABLE n (k TEXT PRIMARY KEY COLLATE NOCASE, v); INSERT INTO n VALUES ('abc', 0);
         CREATE TABLE a (k PRIMARY KEY, v); INSERT INTO a VALUES (1.0, 0);",
    );
    folder.syncline(&["copy", "shop.db", "sink.db"]).well();
    judge::same(&folder.path("sink.db"), &folder.path("shop.db"));
}

#[test]
fn a_table_called_excluded() {
    let folder = two(
        "CREATE TABLE excluded (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO excluded VALUES (1, 'new');",
        "CREATE TABLE excluded (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO excluded VALUES (1, 'old');",
    );
    folder.syncline(&["copy", "shop.db", "sink.db"]).well();
    judge::same(&folder.path("sink.db"), &folder.path("shop.db"));
}
