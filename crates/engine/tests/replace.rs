//! Rows that replace others where more than their key is unique (F72), and keys that the source does not keep unique.

use crate::support::binary::Folder;

const TABLE: &str = "CREATE TABLE person (id INTEGER PRIMARY KEY, badge TEXT UNIQUE, desk INTEGER, note TEXT);
    CREATE UNIQUE INDEX one_at_a_desk ON person (desk) WHERE desk > 0;";

/// Copies `source` rows over `sink` rows of the same table.
fn over(source: &str, sink: &str) -> Folder {
    let folder = Folder::new();
    folder.sql("shop.db", &format!("{TABLE} INSERT INTO person VALUES {source};"));
    folder.sql("sink.db", &format!("{TABLE} INSERT INTO person VALUES {sink};"));
    folder
}

#[test]
fn rows_exchange_their_unique_values() {
    let folder = over(
        "(1, 'b', 2, 'x'), (2, 'c', 3, 'y'), (3, 'a', 1, NULL), (4, 'd', 0, 'new')",
        "(1, 'a', 1, 'x'), (2, 'b', 2, 'y'), (3, 'c', 3, 'z'), (9, 'q', 0, 'only here')",
    );
    folder.syncline(&["copy", "shop.db", "sink.db"]).well();
    assert_eq!(folder.sql("sink.db", "SELECT group_concat(id || badge || desk) FROM person"), "1b2,2c3,3a1,4d0,9q0");
    assert_eq!(folder.sql("sink.db", "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'syncline%'"), "0");
}

#[test]
fn rows_exchange_their_unique_values_over_many_batches() {
    let folder = Folder::new();
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)";
    let filled =
        |badge: &str| format!("{TABLE} {numbers} INSERT INTO person SELECT i, {badge}, i, hex(zeroblob(40)) FROM n;");
    folder.sql("shop.db", &filled("60001 - i"));
    folder.sql("sink.db", &filled("i"));
    folder.syncline(&["copy", "shop.db", "sink.db"]).well();
    folder.syncline(&["compare", "shop.db", "sink.db"]).well();
}

#[test]
fn a_row_that_only_the_sink_has_is_never_pushed_aside() {
    let folder = over("(1, 'a', 1, 'x'), (2, 'q', 2, 'y')", "(1, 'a', 1, 'old'), (9, 'q', 9, 'only here')");
    let ran = folder.syncline(&["copy", "shop.db", "sink.db"]).exits(1);
    assert!(ran.err.contains("UNIQUE constraint failed: person.badge"), "{}", ran.err);
    assert!(ran.err.contains("only the sink has"), "{}", ran.err);
    assert_eq!(folder.sql("sink.db", "SELECT group_concat(id || note) FROM person"), "1old,9only here");
    folder.syncline(&["copy", "shop.db", "sink.db", "--mode", "truncate"]).well();
    folder.syncline(&["compare", "shop.db", "sink.db"]).well();
}

/// I10: of two rows with one key, none may take the other's place.
#[test]
fn a_key_that_comes_twice_is_refused_also_where_rows_are_replaced() {
    let folder = Folder::new();
    let table = "CREATE TABLE log (at TEXT NOT NULL, what TEXT);";
    folder.sql("shop.db", &format!("{table} INSERT INTO log VALUES ('10:00', 'a'), ('10:01', 'b'), ('10:01', 'c');"));
    folder.sql(
        "sink.db",
        "CREATE TABLE log (at TEXT NOT NULL PRIMARY KEY, what TEXT); INSERT INTO log VALUES ('10:00', 'old');",
    );
    let ran = folder.syncline(&["copy", "shop.db", "sink.db", "--key", "log=at"]).exits(1);
    assert!(ran.err.contains("a key comes twice"), "{}", ran.err);
    assert_eq!(folder.sql("sink.db", "SELECT group_concat(at || what) FROM log"), "10:00old");
}
