//! What SQLite allows and nobody expects: names, keys, options, references, sizes.

use crate::support::binary::{Folder, ended};
use crate::support::judge;

use super::Real;

/// Names that need quoting, or that mean something else somewhere.
const NAMES: &str = r#"
    CREATE TABLE "select" ("from" INTEGER PRIMARY KEY, "where" TEXT, "group by" TEXT, "" TEXT);
    INSERT INTO "select" VALUES (1, 'a', 'b', 'c'), (2, NULL, '', 'd');
    CREATE TABLE "a""b" ("c""d" TEXT PRIMARY KEY, "e'f" TEXT, "[g]" TEXT, "h`i" TEXT);
    INSERT INTO "a""b" VALUES ('1', '2', '3', '4'), ('5', NULL, '', '6');
    CREATE TABLE "naïve ☃" ("schlüssel 🔑" INTEGER PRIMARY KEY, "wért" TEXT);
    INSERT INTO "naïve ☃" VALUES (1, 'ä'), (2, '☃'), (3, '🎉');
    CREATE TABLE "two
lines" ("a
b" INTEGER PRIMARY KEY, v TEXT);
    INSERT INTO "two
lines" VALUES (1, 'x'), (2, 'y');
    CREATE TABLE "dots.and*globs?" (id INTEGER PRIMARY KEY, "main.x" TEXT);
    INSERT INTO "dots.and*globs?" VALUES (1, 'x'), (2, 'y');
    CREATE TABLE "12" ("34" INTEGER PRIMARY KEY, "null" TEXT, "true" TEXT);
    INSERT INTO "12" VALUES (1, 'x', 'y'), (2, NULL, 'z');
    CREATE TABLE excluded (id INTEGER PRIMARY KEY, v TEXT);
    INSERT INTO excluded VALUES (1, 'x'), (2, 'y');
    CREATE TABLE hidden_rowid (rowid TEXT, oid TEXT, _rowid_ TEXT PRIMARY KEY);
    INSERT INTO hidden_rowid VALUES ('a', 'b', 'c'), ('d', NULL, 'e');
    CREATE TABLE half_hidden (id INTEGER PRIMARY KEY, rowid TEXT);
    INSERT INTO half_hidden VALUES (7, 'a'), (9, 'b');
    CREATE TABLE sqlitex_mine (id INTEGER PRIMARY KEY);
    INSERT INTO sqlitex_mine VALUES (1), (2);
    CREATE TABLE "UPPER" ("ID" INTEGER PRIMARY KEY, "Mixed" TEXT);
    INSERT INTO "UPPER" VALUES (1, 'x'), (2, 'y');
"#;

/// Keys of every kind.
const KEYS: &str = r#"
    CREATE TABLE k_composite (b TEXT, a INTEGER, v TEXT, PRIMARY KEY (a, b));
    INSERT INTO k_composite VALUES ('x', 1, '1'), ('y', 1, '2'), ('x', 2, '3'), ('', 0, '4');
    CREATE TABLE k_without_rowid (b TEXT, a REAL, v TEXT, PRIMARY KEY (b DESC, a)) WITHOUT ROWID;
    INSERT INTO k_without_rowid VALUES ('x', 1.5, '1'), ('y', -1, '2'), ('x', 1e300, '3'), ('☃', 0, '4');
    CREATE TABLE k_only (a INTEGER, b BLOB, PRIMARY KEY (a, b)) WITHOUT ROWID;
    INSERT INTO k_only VALUES (1, x'00'), (1, x''), (2, x'ff00'), (-9223372036854775808, x'01');
    CREATE TABLE k_nocase (code TEXT COLLATE NOCASE PRIMARY KEY, v TEXT);
    INSERT INTO k_nocase VALUES ('ab', '1'), ('AC', '2'), ('a-b', '3'), ('ß', '4'), ('SS', '5'), ('Z', '6'), ('a', '7');
    CREATE TABLE k_rtrim (code TEXT COLLATE RTRIM PRIMARY KEY, v TEXT);
    INSERT INTO k_rtrim VALUES ('a  ', '1'), ('b', '2'), (' b', '3');
    CREATE TABLE k_untyped (k PRIMARY KEY, v);
    INSERT INTO k_untyped VALUES (1, 1), (2.5, 2.5), ('1', '1'), (x'31', x'31'), ('a', NULL), (-3, 'x'), (1e300, 0), ('', x'');
    CREATE TABLE k_unique (a TEXT NOT NULL UNIQUE, b INTEGER);
    INSERT INTO k_unique VALUES ('x', 1), ('y', 2), ('z', NULL);
    CREATE TABLE k_date (d DATE PRIMARY KEY, v TEXT);
    INSERT INTO k_date VALUES ('2026-01-31', 'a'), ('2026-1-31', 'b'), ('never', 'c'), (20260131, 'd'), ('0001-01-01', 'e'),
        ('2026-01-31 10:00', 'f'), ('9999-12-31', 'g'), ('2026', 'h');
    CREATE TABLE k_moment (d TIMESTAMP PRIMARY KEY, v TEXT);
    INSERT INTO k_moment VALUES ('2026-01-31 10:00:00', 'a'), ('2026-01-31T10:00:00', 'b'), ('2026-01-31 10:00:00.5', 'c'),
        ('2026-01-31 10:00', 'd'), (1769853600, 'e'), ('2026-01-31 10:00:00Z', 'f');
    CREATE TABLE k_uuid (d UUID PRIMARY KEY, v TEXT);
    INSERT INTO k_uuid VALUES ('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'a'), ('6BA7B811-9DAD-11D1-80B4-00C04FD430C8', 'b'),
        ('7ba7b810-9dad-11d1-80b4-00c04fd430c8', 'c'), ('6', 'd'), ('zz', 'e');
    CREATE TABLE k_decimal (d DECIMAL(10,2) PRIMARY KEY, v TEXT);
    INSERT INTO k_decimal VALUES (10, 'a'), (9.5, 'b'), (100.25, 'c'), (-1, 'd'), ('x', 'e'), (0.1, 'f');
    CREATE TABLE k_bool (d BOOLEAN PRIMARY KEY, v TEXT);
    INSERT INTO k_bool VALUES (0, 'a'), (1, 'b'), (2, 'c'), ('t', 'd'), (-1, 'e'), (0.5, 'f');
    CREATE TABLE k_desc (id INTEGER PRIMARY KEY DESC, v TEXT);
    INSERT INTO k_desc VALUES (5, 'a'), (3, 'b'), (9, 'c');
    CREATE TABLE k_invalid (t TEXT PRIMARY KEY, v TEXT);
    INSERT INTO k_invalid VALUES (CAST(x'ff' AS TEXT), 'a'), ('é', 'b'), (CAST(x'c3' AS TEXT), 'c'), ('a' || char(0) || 'b', 'd'),
        ('a', 'e'), ('😀', 'f'), (char(0xffff), 'g');
"#;

/// Options, generated columns, indexes, defaults, references.
const STRUCTURE: &str = r#"
    CREATE TABLE s_strict (id INTEGER PRIMARY KEY, i INT, r REAL, t TEXT, b BLOB, a ANY) STRICT;
    INSERT INTO s_strict VALUES (1, 1, 1.0, '1', x'31', '007'), (2, NULL, 2, '', x'', 1.0), (3, -1, 1e-300, 'x', NULL, 1);
    CREATE TABLE s_strict_any (k ANY PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID;
    INSERT INTO s_strict_any VALUES (1, '1'), ('1', 1), (2.5, 2.0), (x'', '');
    CREATE TABLE s_generated (id INTEGER PRIMARY KEY, a INTEGER, b AS (a * 2), c TEXT AS ('x' || a) STORED, d INT);
    INSERT INTO s_generated (id, a, d) VALUES (1, 10, 1), (2, NULL, 2), (3, 7, 3);
    CREATE INDEX i_generated ON s_generated(b);
    CREATE TABLE s_auto (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT);
    INSERT INTO s_auto VALUES (5, 'a'), (100, 'b'), (1000, 'c');
    DELETE FROM s_auto WHERE id = 1000;
    CREATE TABLE s_defaults (id INTEGER PRIMARY KEY, a TEXT DEFAULT 'it''s', b TEXT DEFAULT "quoted", c DEFAULT bare,
        d INTEGER DEFAULT -1, e DEFAULT (1 + 2), f DEFAULT CURRENT_TIMESTAMP, g DEFAULT NULL, h BLOB DEFAULT x'00',
        i REAL DEFAULT 1e3, j DEFAULT TRUE, k TEXT DEFAULT ('a' || 'b') NOT NULL);
    INSERT INTO s_defaults (id) VALUES (1), (2), (3);
    CREATE TABLE s_checked (id INTEGER PRIMARY KEY, v INTEGER CHECK (v > 0), CHECK (v < 1000));
    INSERT INTO s_checked VALUES (1, 1), (2, 999);
    CREATE TABLE s_indexed (id INTEGER PRIMARY KEY, a TEXT, b TEXT, UNIQUE (a, b));
    INSERT INTO s_indexed VALUES (1, 'x', 'y'), (2, 'x', NULL), (3, 'x', NULL), (4, NULL, NULL);
    CREATE INDEX "an ""index""" ON s_indexed(b DESC, a COLLATE NOCASE);
    CREATE UNIQUE INDEX partly ON s_indexed(a) WHERE id > 3;
    CREATE INDEX by_expression ON s_indexed(lower(a));
    CREATE TABLE r_self (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES r_self(id) ON DELETE CASCADE);
    INSERT INTO r_self VALUES (1, 3), (2, 1), (3, 2), (4, NULL), (5, 99);
    CREATE TABLE r_hen (id INTEGER PRIMARY KEY, egg INTEGER REFERENCES r_egg ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE r_egg (id INTEGER PRIMARY KEY, hen INTEGER NOT NULL REFERENCES r_hen(id));
    INSERT INTO r_hen VALUES (1, 1), (2, 3), (3, NULL);
    INSERT INTO r_egg VALUES (1, 2), (3, 1);
    CREATE TABLE r_pair (a TEXT, b INTEGER, FOREIGN KEY (a, b) REFERENCES k_composite(b, a), PRIMARY KEY (a, b));
    INSERT INTO r_pair VALUES ('x', 1), ('nobody', 7);
    CREATE TABLE r_nowhere (id INTEGER PRIMARY KEY, x REFERENCES no_such_table(y));
    INSERT INTO r_nowhere VALUES (1, 2), (2, NULL);
    CREATE TABLE e_empty (id INTEGER PRIMARY KEY, v TEXT);
    CREATE TABLE e_empty_key (a TEXT, b TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
    CREATE TABLE e_one (id INTEGER PRIMARY KEY);
    INSERT INTO e_one VALUES (-5), (9223372036854775807);
    CREATE VIEW w_broken AS SELECT * FROM was_dropped;
    CREATE VIEW w_good AS SELECT * FROM s_checked;
    CREATE VIRTUAL TABLE f_text USING fts5(words);
    INSERT INTO f_text VALUES ('some words');
    CREATE TRIGGER t_source AFTER INSERT ON s_checked BEGIN DELETE FROM s_checked; END;
"#;

/// As many columns as SQLite takes.
fn wide() -> String {
    let columns: Vec<_> = (1..2000).map(|c| format!("c{c} INTEGER")).collect();
    let values = |row: u32| (1..2000).map(|c| (c * row).to_string()).collect::<Vec<_>>().join(",");
    let mut sql = format!("CREATE TABLE wide (id INTEGER PRIMARY KEY, {});\n", columns.join(", "));
    for row in 1..=4 {
        sql.push_str(&format!("INSERT INTO wide VALUES ({row}, {});\n", values(row)));
    }
    sql
}

/// All of it in one file.
fn nasty(folder: &Folder) {
    folder.sql("nasty.db", NAMES);
    folder.sql("nasty.db", KEYS);
    folder.sql("nasty.db", STRUCTURE);
    folder.sql("nasty.db", &wide());
    folder.sql("nasty.db", super::nasty_values::VALUES);
}

/// Rows that are there, but not as the source has them.
const STALE: &str = r#"
    UPDATE "select" SET "where" = 'stale'; UPDATE "a""b" SET "e'f" = 'stale'; UPDATE excluded SET v = 'stale';
    UPDATE k_nocase SET code = lower(code) || '', v = 'stale'; UPDATE k_untyped SET v = 'stale';
    UPDATE k_rtrim SET code = rtrim(code); UPDATE k_without_rowid SET v = 'stale'; UPDATE s_generated SET a = 99;
    UPDATE k_date SET v = 'stale'; UPDATE wide SET c1999 = -1; UPDATE r_self SET parent = NULL;
    UPDATE s_strict SET a = 'stale'; UPDATE v_text SET t = 'stale'; UPDATE v_numbers SET untyped = 'stale';
"#;

#[test]
fn a_nasty_database() {
    let folder = Folder::new();
    nasty(&folder);
    Real { file: "nasty.db", keyless: &[], keys: &[], stale: STALE, tables_least: 45 }.proves(&folder);
}

#[test]
fn a_nasty_database_by_a_job() {
    let folder = Folder::new();
    nasty(&folder);
    folder.syncline(&["init", "nasty.db", "sink.db"]).well();
    folder.syncline(&["check"]).well();
    folder.syncline(&["plan"]).well();
    folder.syncline(&["run"]).well();
    judge::same(&folder.path("sink.db"), &folder.path("nasty.db"));
    folder.syncline(&["status"]).well();
    folder.syncline(&["run"]).well();
    judge::same(&folder.path("sink.db"), &folder.path("nasty.db"));
}

#[test]
fn other_encodings_and_settings() {
    for settings in [
        "PRAGMA encoding = 'UTF-16le';",
        "PRAGMA encoding = 'UTF-16be';",
        "PRAGMA page_size = 512;",
        "PRAGMA auto_vacuum = 1;",
    ] {
        let folder = Folder::new();
        folder.sql(
            "shop.db",
            &format!(
                "{settings} PRAGMA journal_mode = WAL;
                 CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT);
                 INSERT INTO t VALUES ('ä', 'naïve ☃'), ('😀', ''), ('z', NULL), (char(0xffff), '1');"
            ),
        );
        folder.syncline(&["copy", "shop.db", "sink.db"]).well();
        folder.syncline(&["compare", "shop.db", "sink.db"]).well();
        // The program cannot attach a database of another encoding; so both are asked apart.
        let rows = "SELECT quote(k), typeof(v), quote(v) FROM t ORDER BY v IS NULL, length(v);";
        assert_eq!(folder.sql("sink.db", rows), folder.sql("shop.db", rows), "{settings}");
    }
}

#[test]
fn a_sink_that_others_read_and_write() {
    let folder = Folder::new();
    nasty(&folder);
    folder.sql("sink.db", "PRAGMA journal_mode = WAL; CREATE TABLE theirs (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO theirs VALUES (1, 'x');");
    let writer = std::thread::spawn({
        let mut program = folder.program(crate::support::binary::needs("/usr/bin/sqlite3"), &["sink.db"]);
        program.arg(".timeout 20000").arg(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO theirs SELECT i, 'x' FROM n;",
        );
        move || ended(&mut program)
    });
    folder.syncline(&["copy", "nasty.db", "sink.db"]).well();
    writer.join().unwrap().exits(0);
    assert_eq!(folder.sql("sink.db", "SELECT count(*) FROM theirs;"), "5000");
    judge::same_but(&folder.path("sink.db"), &folder.path("nasty.db"), &[]);
}
