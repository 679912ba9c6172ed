//! Surroundings that change, clash or deceive: each once lost or bent a row in silence, or ended wrongly (I10).

use crate::support::binary::{Folder, until};

fn folder(source: &str, sink: &str) -> Folder {
    let folder = Folder::new();
    folder.sql("a.db", source);
    if !sink.is_empty() {
        folder.sql("b.db", sink);
    }
    folder
}

#[test]
fn columns_of_the_sinks_own_survive_a_replacement() {
    let folder = folder(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z');",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, note TEXT, stars INT DEFAULT 5);
         INSERT INTO t VALUES (1, 'y', 'mine', 1), (2, 'x', 'other', 2);",
    );
    folder.syncline(&["copy", "a.db", "b.db"]).well();
    assert_eq!(
        folder.sql("b.db", "SELECT group_concat(id || u || ifnull(note, '-') || stars) FROM t"),
        "1xmine1,2yother2,3z-5"
    );
}

#[test]
fn a_surrogate_key_of_the_sinks_own_survives_a_replacement() {
    let folder = folder(
        "CREATE TABLE t (code TEXT NOT NULL PRIMARY KEY, v INT); INSERT INTO t VALUES ('a', 1), ('b', 2);",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, v INT); INSERT INTO t VALUES (77, 'a', 0);",
    );
    folder.syncline(&["copy", "a.db", "b.db"]).well();
    assert_eq!(folder.sql("b.db", "SELECT group_concat(id || code || v) FROM t"), "77a1,78b2");
}

#[test]
fn a_column_renamed_meanwhile_is_never_read_as_its_old_name() {
    let folder = folder(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1, 'x');",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);",
    );
    // Between describing and reading the copy waits for the sink, which somebody else is writing.
    let lock = rusqlite::Connection::open(folder.path("b.db")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let copy = folder.started(&["copy", "a.db", "b.db"]);
    // It looks at the sink when it has described the source.
    until("the sink", || copy.has_open(&folder.path("b.db")));
    folder.sql("a.db", "ALTER TABLE t RENAME COLUMN name TO fullname");
    lock.execute_batch("ROLLBACK").unwrap();
    let ran = copy.ends();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("changed while the job began") && ran.err.contains("column name"), "{}", ran.err);
    assert_eq!(folder.sql("b.db", "SELECT count(*) FROM t"), "0");
}

#[test]
fn a_table_that_was_done_and_is_gone_is_not_called_done() {
    let folder = folder(
        "CREATE TABLE a (id INTEGER PRIMARY KEY); INSERT INTO a VALUES (1);
         CREATE TABLE b (id INTEGER PRIMARY KEY); INSERT INTO b VALUES (1);",
        "",
    );
    drop(folder.paused_at(&["copy", "a.db", "b.db"], "unit_committed", 1).unwrap());
    folder.sql("b.db", "DROP TABLE a");
    let ran = folder.syncline(&["copy", "a.db", "b.db"]).exits(1);
    assert!(ran.err.contains("no longer at the sink") && ran.err.contains("--restart"), "{}", ran.err);
    folder.syncline(&["copy", "a.db", "b.db", "--restart"]).well();
    folder.syncline(&["compare", "a.db", "b.db"]).well();
}

#[test]
fn another_file_in_the_sources_place_does_not_continue_its_copy() {
    let tables = |n: u8| {
        format!(
            "CREATE TABLE a (id INTEGER PRIMARY KEY); INSERT INTO a VALUES ({n});
             CREATE TABLE b (id INTEGER PRIMARY KEY); INSERT INTO b VALUES ({n});"
        )
    };
    let folder = folder(&tables(1), "");
    drop(folder.paused_at(&["copy", "a.db", "b.db"], "unit_committed", 1).unwrap());
    folder.sql("new.db", &tables(2));
    std::fs::rename(folder.path("new.db"), folder.path("a.db")).unwrap();
    folder.syncline(&["copy", "a.db", "b.db"]).well();
    assert_eq!(folder.sql("b.db", "SELECT group_concat(id) FROM a"), "1,2", "all of the new source arrived");
}

#[test]
fn bytes_that_are_no_text_do_not_go_into_utf_16() {
    let folder = folder(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'ok'), (2, CAST(x'ff61' AS TEXT));",
        "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);",
    );
    let ran = folder.syncline(&["copy", "a.db", "b.db"]).exits(1);
    assert!(ran.err.contains("UTF-16") && ran.err.contains("row 2"), "{}", ran.err);
    assert_eq!(folder.sql("b.db", "SELECT count(*) FROM t"), "0");
}

#[test]
fn a_declared_type_is_a_type_and_nothing_more() {
    let folder = folder(
        r#"CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT, a "TEXT(1) AS (b)", c "INT(1) UNIQUE", d "TEXT DEFAULT (2)");
           INSERT INTO t VALUES (1, 'bb', 'aa', 3, NULL), (2, 'bb', 'cc', 3, 'x');"#,
        "",
    );
    folder.syncline(&["copy", "a.db", "b.db"]).well();
    assert_eq!(folder.sql("b.db", "SELECT group_concat(a || c || ifnull(d, '-')) FROM t"), "aa3-,cc3x");
    assert_eq!(folder.sql("b.db", "SELECT count(*) FROM pragma_index_list('t')"), "0");
}

#[test]
fn a_column_that_the_sink_computes_takes_no_value() {
    let folder = folder(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT); INSERT INTO t VALUES (1, 'x', 'y');",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT AS (upper(a)));",
    );
    let ran = folder.syncline(&["copy", "a.db", "b.db"]).exits(1);
    assert!(ran.err.contains("the sink computes column b by itself"), "{}", ran.err);
}

#[test]
fn a_hard_link_is_the_same_database() {
    let folder = folder("CREATE TABLE t (id INTEGER PRIMARY KEY);", "");
    std::fs::hard_link(folder.path("a.db"), folder.path("b.db")).unwrap();
    let ran = folder.syncline(&["copy", "--mode", "truncate", "a.db", "b.db"]).exits(2);
    assert!(ran.err.contains("the same database"), "{}", ran.err);
}

#[test]
fn references_in_another_case_are_references() {
    let folder = folder(
        "CREATE TABLE Parent (Id INTEGER PRIMARY KEY); CREATE TABLE achild (id INTEGER PRIMARY KEY, p REFERENCES parent (id));",
        "",
    );
    folder.syncline(&["copy", "a.db", "b.db"]).well();
    let found = folder.sql("b.db", r#"SELECT "table" || '.' || "to" FROM pragma_foreign_key_list('achild')"#);
    assert_eq!(found, "Parent.Id");
}

#[test]
fn two_copies_at_once_into_one_new_sink_do_not_mix() {
    let folder = folder("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a');", "");
    folder.sql("c.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v INT); INSERT INTO t VALUES (2, 7);");
    // One has planned to create the table; the other does so first.
    let first = folder.paused_at(&["copy", "a.db", "b.db"], "lane_taken", 1).unwrap();
    drop(first);
    let waiting = folder.paused_at(&["copy", "c.db", "b.db"], "source_opened", 1).unwrap();
    folder.syncline(&["copy", "a.db", "b.db"]).well();
    drop(waiting);
    let ran = folder.syncline(&["copy", "c.db", "b.db"]).exits(1);
    assert!(ran.err.contains("column v is INT"), "{}", ran.err);
}

#[test]
fn an_index_name_that_is_taken_is_found_before_any_row_moves() {
    let folder = folder(
        "CREATE TABLE a (id INTEGER PRIMARY KEY); INSERT INTO a VALUES (1);
         CREATE TABLE b (id INTEGER PRIMARY KEY, v INT); CREATE INDEX ix ON b (v);",
        "CREATE TABLE other (id INTEGER PRIMARY KEY, w INT); CREATE INDEX ix ON other (w);",
    );
    let refusal = folder.refuses(&["copy", "a.db", "b.db"]);
    assert!(refusal.contains("something called ix already"), "{refusal}");
}
