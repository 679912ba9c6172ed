//! `syncline compare` where keys, names and kinds of tables are unusual: what it skips it says, what is equal it finds.

use crate::support::binary::Folder;

/// The same SQL on both sides, compared.
#[track_caller]
fn equal(sql: &str, arguments: &[&str]) -> String {
    let folder = Folder::new();
    folder.sql("a.db", sql);
    folder.sql("b.db", sql);
    folder.syncline(&[&["compare", "a.db", "b.db"], arguments].concat()).well().out
}

#[track_caller]
fn different(a: &str, b: &str, arguments: &[&str]) -> String {
    let folder = Folder::new();
    folder.sql("a.db", a);
    folder.sql("b.db", b);
    folder.syncline(&[&["compare", "a.db", "b.db"], arguments].concat()).exits(3).out
}

const TABLE: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'x');";
const FTS: &str = "CREATE VIRTUAL TABLE f USING fts5(x);";
const NOT_COMPARED: &str = "not compared: f: a virtual table is kept by its module";

#[test]
fn what_is_not_compared_is_named() {
    let both = format!("{TABLE} {FTS} CREATE VIEW w AS SELECT 1;");
    let out = equal(&both, &[]);
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(
        lines[..2],
        [&*format!("note: {NOT_COMPARED}"), "note: not compared: w: a view holds no rows of its own"]
    );
    assert!(lines[2].starts_with("equal: 1 table, 1 row in"), "{out}");
    let document: serde_json::Value = serde_json::from_str(&equal(&both, &["--json"])).unwrap();
    assert_eq!(
        document["notices"],
        serde_json::json!([NOT_COMPARED, "not compared: w: a view holds no rows of its own"])
    );
    assert_eq!(document["equal"], true);
    assert!(!equal(&both, &["--table", "t"]).contains("note"));
}

#[test]
fn a_virtual_table_of_one_side_is_a_difference_and_a_view_is_none() {
    let out = different(&format!("{TABLE} {FTS}"), TABLE, &[]);
    assert!(out.contains(NOT_COMPARED) && out.contains("f: only a.db has this table"), "{out}");
    let out = different(TABLE, FTS, &["--table", "f"]);
    assert!(out.contains("f: only b.db has this table") && out.contains("different: 1 of 1 table"), "{out}");
    // An ordinary table of that name is something else.
    different(FTS, "CREATE TABLE f (id INTEGER PRIMARY KEY)", &[]);
    let folder = Folder::new();
    folder.sql("a.db", &format!("{TABLE} CREATE VIEW w AS SELECT 1"));
    folder.sql("b.db", TABLE);
    assert!(folder.syncline(&["compare", "a.db", "b.db"]).well().out.contains("not compared: w: a view"));
}

#[test]
fn keys_are_in_order_by_value_before_kind() {
    let table = "CREATE TABLE t (a, b, PRIMARY KEY (a, b)); INSERT INTO t VALUES (1, 'b'), (1.0, 'a'), (2, 'a')";
    equal(table, &[]);
    // Keys of one value and two kinds are two keys.
    let out = different(table, &table.replace("(1, 'b')", "(1.0, 'b')"), &[]);
    assert!(out.contains("a=1, b=\"b\": only in a.db\n  a=1.0, b=\"b\": only in b.db\n"), "{out}");
}

#[test]
fn rows_whose_keys_tie_by_value_have_the_same_key() {
    for rows in ["(1), (1.0)", "(1.0), (1)", "(-0.0), (0.0)"] {
        let folder = Folder::new();
        let sql = format!("CREATE TABLE t (a); INSERT INTO t VALUES {rows}");
        folder.sql("a.db", &sql);
        folder.sql("b.db", &sql);
        let said = folder.refuses(&["compare", "a.db", "b.db", "--key", "t=a"]);
        assert!(said.contains("two rows have the same key"), "{said}");
    }
}

/// Text is put in order only where sums differ.
#[test]
fn equal_tables_with_a_text_key_are_not_read_in_order() {
    let rows = "CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('b', 1), ('a', 2), ('c', NULL);";
    let again = "sums differ, rows are read in key order table=t";
    let check = |other: &str, arguments: &[&str], reads_again: bool, differs: bool| {
        let folder = Folder::new();
        folder.sql("a.db", rows);
        folder.sql("b.db", other);
        let ran = folder.syncline(&[&["compare", "a.db", "b.db", "-v"], arguments].concat());
        let ran = ran.exits(if differs { 3 } else { 0 });
        assert_eq!(ran.err.contains(again), reads_again, "{other} {arguments:?}: {}", ran.err);
    };
    let (turned, changed) =
        (rows.replace("('b', 1), ('a', 2)", "('a', 2), ('b', 1)"), rows.replace("'b', 1", "'b', 2"));
    check(rows, &[], false, false);
    check(&turned, &[], false, false);
    check(&changed, &[], true, true);
    check(&rows.replace("('b', 1), ('a', 2)", "('b', 2), ('a', 1)"), &[], true, true);
    check(&rows.replace("('b', 1), ", ""), &[], true, true);
    // It would tell nothing of rows on their way, nor whether a key is one.
    check(&changed, &["--settle", "1ms"], false, true);
    check(rows, &["--key", "t=k"], false, false);
    check(&changed, &["--key", "t=k"], false, true);
}

#[test]
fn moments_sort_as_their_stored_text() {
    equal(
        "CREATE TABLE t (k TIMESTAMPTZ PRIMARY KEY);
         INSERT INTO t VALUES ('2020-01-01 00:00:00+0000'), ('2020-01-01 00:00:00+00:00'), ('2020-01-01 00:00:00+00'),
             ('2020-01-01 00:00:00.500+00:00'), ('2020-01-01 00:00:00'), ('2020-01-01 00:00:00+01:00')",
        &[],
    );
}

#[test]
fn text_in_an_integer_key_sorts_by_its_bytes_in_every_encoding() {
    let rows = "CREATE TABLE t (k INT PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1), ('Ā', 2), (5, 3), ('b', 4);
                CREATE TABLE alias (id INTEGER PRIMARY KEY); INSERT INTO alias VALUES (3), (-1), (20)";
    for encoding in ["UTF-16le", "UTF-16be"] {
        let wide = format!("PRAGMA encoding = '{encoding}'; {rows}");
        equal(&wide, &[]);
        let folder = Folder::new();
        folder.sql("a.db", &wide);
        folder.sql("b.db", rows);
        folder.syncline(&["compare", "a.db", "b.db"]).well();
    }
}

#[test]
fn long_keys_are_cut_in_listings() {
    let table = "CREATE TABLE t (k TEXT, b BLOB, PRIMARY KEY (k, b));";
    let filled = format!("{table} INSERT INTO t VALUES (printf('%.*c', 1000000, 'x') || 'é', zeroblob(1000000))");
    let out = different(&filled, table, &[]);
    assert!(out.len() < 1000, "{}", out.len());
    let key =
        format!("k=\"{}\"… (1,000,001 characters), b=0x{}… (1,000,000 bytes): only", "x".repeat(200), "0".repeat(400));
    assert!(out.contains(&key), "{out}");
    let document: serde_json::Value = serde_json::from_str(&different(&filled, table, &["--json"])).unwrap();
    let key = &document["tables"][0]["differences"][0]["key"];
    assert_eq!(key[0], format!("{}… (1,000,001 characters)", "x".repeat(200)));
    assert_eq!(key[1], format!("0x{}… (1,000,000 bytes)", "0".repeat(400)));
    // What fits is whole.
    let short = format!("{table} INSERT INTO t VALUES (printf('%.200c', 'x'), zeroblob(200))");
    assert!(!different(&short, table, &[]).contains('…'));
}

#[test]
fn control_characters_are_never_printed() {
    let rename = |name: &str| name.replace("ESC", "\u{1b}[2J\u{9b}\r");
    let a = rename(
        "CREATE TABLE \"tESC\" (\"kESC\" PRIMARY KEY, \"vESC\", \"wESC\"); CREATE TABLE \"uESC\" (id INTEGER PRIMARY KEY);
         CREATE VIEW \"xESC\" AS SELECT 1; INSERT INTO \"tESC\" VALUES (CAST(x'1b5b324aff' AS TEXT), 1, 2), ('aESC', 3, 4);",
    );
    let b = rename(
        "CREATE TABLE \"tESC\" (\"kESC\" PRIMARY KEY, \"vESC\");
         INSERT INTO \"tESC\" VALUES (CAST(x'1b5b324aff' AS TEXT), 2);",
    );
    let out = different(&a, &b, &[]);
    assert!(!out.chars().any(|c| c.is_control() && c != '\n'), "{out:?}");
    let name = "\\u{1b}[2J\\u{9b}\\r";
    for part in [
        format!("t{name}: 2 rows in a.db"),
        format!("only a.db has column w{name}"),
        format!("k{name}=\\u{{1b}}[2J\u{fffd}: differs in v{name}"),
        format!("k{name}=\"a{name}\": only in a.db"),
        format!("u{name}: only a.db has this table"),
        format!("not compared: x{name}"),
    ] {
        assert!(out.contains(&part), "{part} is not in {out}");
    }
}

/// Also where a name is part of an error, which goes to standard error.
#[test]
fn control_characters_of_names_are_never_printed_in_errors() {
    let folder = Folder::new();
    folder.sql("a.db", "CREATE TABLE \"\u{1b}[2Jt\" (id INTEGER, v);");
    for command in [&["copy", "a.db", "b.db"][..], &["compare", "a.db", "a.db"], &["copy", "a.db", "b.db", "--json"]] {
        let ran = folder.syncline(command);
        assert_ne!(ran.code, Some(0));
        assert!(ran.err.contains("\\u{1b}[2Jt"), "{ran:?}");
        assert!(!ran.err.contains('\u{1b}') && !ran.out.contains('\u{1b}'), "{ran:?}");
    }
}

/// Rows that arrive while it looks again are no differences; those that stay different are.
#[test]
fn rows_that_settle_are_not_different() {
    let folder = Folder::new();
    let rows = "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z');";
    folder.sql("a.db", rows);
    folder.sql("b.db", rows);
    folder.sql("b.db", "PRAGMA journal_mode = WAL; DELETE FROM t WHERE id = 1; UPDATE t SET v = 'old' WHERE id > 1;");
    let running = folder.started(&["compare", "a.db", "b.db", "--settle", "8s", "--json"]);
    std::thread::sleep(std::time::Duration::from_millis(1300));
    folder.sql("b.db", "INSERT INTO t VALUES (1, 'x'); UPDATE t SET v = 'y' WHERE id = 2;");
    let ran = running.ends();
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let found: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let table = &found["tables"][0];
    assert_eq!((&table["only_a"], &table["only_b"], &table["differ"]), (&0.into(), &0.into(), &1.into()), "{found}");
    assert_eq!(table["differences"][0]["key"][0], 3);
    // Equal databases are not waited for.
    folder.syncline(&["compare", "a.db", "a.db", "--settle", "1h"]).well();
}

/// Decimals of many digits are kept as text, and sort by their value all the same.
#[test]
fn decimals_kept_as_text_are_keys() {
    let keys = ["-100.00", "-9.50", "0.00", "9.99", "10.00", "100.00", "123456789012345678.01"];
    let rows: Vec<String> = keys.iter().map(|k| format!("('{k}', '{k}')")).collect();
    let sql = format!(
        "CREATE TABLE t (k DECIMALTEXT(20,2) PRIMARY KEY NOT NULL, v); INSERT INTO t VALUES {};",
        rows.join(", ")
    );
    equal(&sql, &[]);
    let out = different(&sql, &sql.replace("('9.99', '9.99'), ", ""), &[]);
    assert!(out.contains("k=9.99: only in a.db") && out.contains("7 rows in a.db, 6 rows in b.db"), "{out}");
}
