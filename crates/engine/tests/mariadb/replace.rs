//! Writing into tables that hold rows.

use crate::support::binary::Folder;
use crate::support::servers::Database;

#[test]
fn rows_replace_by_key_and_what_is_only_the_sinks_stays() {
    let (place, folder) = (Database::mariadb(), Folder::new());
    folder.sql(
        "lite.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code VARCHAR(10), v VARCHAR(20)); \
         INSERT INTO t VALUES (1, 'b', 'new'), (2, 'a', 'new'), (3, 'c', 'new');",
    );
    // The codes of 1 and 2 are exchanged; row by row they would stand in each other's way (F72).
    place.sql(
        "CREATE TABLE t (id bigint PRIMARY KEY, code varchar(10) UNIQUE, v varchar(20), own varchar(10) DEFAULT 'mine', \
         touched timestamp NULL DEFAULT NULL ON UPDATE current_timestamp()); \
         INSERT INTO t (id, code, v, own) VALUES (1, 'a', 'old', 'kept 1'), (2, 'b', 'old', 'kept 2'), (9, 'z', 'old', 'only');",
    );
    folder.syncline(&["copy", "sqlite:lite.db", &place.url()]).exits(0);
    let rows = "1|b|new|kept 1\n2|a|new|kept 2\n3|c|new|mine\n9|z|old|only";
    assert_eq!(place.sql("SELECT id, code, v, own FROM t ORDER BY id;"), rows);
    assert_eq!(place.sql("SHOW TABLES;"), "t");
}

/// `REPLACE`, or `ON DUPLICATE KEY UPDATE` by the wrong index, would swallow the sink's row 9 (I10).
#[test]
fn another_unique_key_never_swallows_a_row() {
    let (place, folder) = (Database::mariadb(), Folder::new());
    folder.sql(
        "lite.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, code VARCHAR(10)); INSERT INTO t VALUES (1, 'z'), (2, 'y');",
    );
    place.sql("CREATE TABLE t (id bigint PRIMARY KEY, code varchar(10) UNIQUE); INSERT INTO t VALUES (9, 'z');");
    let ran = folder.syncline(&["copy", "sqlite:lite.db", &place.url()]);
    assert!(ran.err.contains("constraint code") && ran.err.contains("table t"), "{}", ran.err);
    assert_eq!(place.sql("SELECT id, code FROM t;"), "9|z");
}

/// Two keys that the sink takes for one.
#[test]
fn keys_that_differ_in_case_alone_are_refused() {
    let (place, folder) = (Database::mariadb(), Folder::new());
    folder.sql("lite.db", "CREATE TABLE t (k VARCHAR(10) PRIMARY KEY); INSERT INTO t VALUES ('A'), ('a');");
    place.sql("CREATE TABLE t (k varchar(10) COLLATE utf8mb4_general_ci PRIMARY KEY);");
    let ran = folder.syncline(&["copy", "sqlite:lite.db", &place.url()]);
    assert!(ran.err.contains("two keys could become one"), "{}", ran.err);
    // A table that Syncline creates itself keeps both.
    place.sql("DROP TABLE t;");
    folder.syncline(&["copy", "sqlite:lite.db", &place.url()]).exits(0);
    folder.syncline(&["copy", "sqlite:lite.db", &place.url()]).exits(0);
    assert_eq!(place.sql("SELECT k FROM t ORDER BY BINARY k;"), "A\na");
}

#[test]
fn an_index_that_was_put_off_is_built_also_by_the_next_run() {
    for (step, times) in [("unit_begun", 1), ("batch_written", 1), ("unit_committed", 1)] {
        let (place, folder) = (Database::mariadb(), Folder::new());
        folder.sql(
            "lite.db",
            "CREATE TABLE p (id INTEGER PRIMARY KEY, code VARCHAR(10) UNIQUE); \
             CREATE TABLE t (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p(id), v TEXT); CREATE INDEX by_v ON t (v); \
             INSERT INTO p VALUES (1, 'a'); INSERT INTO t VALUES (1, 1, 'x'), (2, 7, 'orphan');",
        );
        let copy = ["copy", "sqlite:lite.db", &place.url()];
        folder.paused_at(&copy, step, times).expect("it pauses").kill();
        let ran = folder.syncline(&copy).exits(0);
        assert!(format!("{}{}", ran.out, ran.err).contains("1 rows refer to rows"), "{}{}", ran.out, ran.err);
        let indexes = "SELECT TABLE_NAME, NON_UNIQUE, COLUMN_NAME FROM information_schema.STATISTICS \
                       WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1, 3;";
        assert_eq!(place.sql(indexes), "p|0|code\np|0|id\nt|0|id\nt|1|p\nt|1|v", "{step}");
        let references = "SELECT count(*) FROM information_schema.REFERENTIAL_CONSTRAINTS \
                          WHERE CONSTRAINT_SCHEMA = DATABASE();";
        assert_eq!(place.sql(references), "1", "{step}");
        assert_eq!(place.sql("SHOW TABLES;"), "p\nt", "{step}");
    }
}
