//! What only SQLite files have: storage classes, affinities, collations, triggers, generated columns.

use std::sync::Arc;

use rusqlite::types::Value;
use syncline::connect::memory::Memory;
use syncline::connector::{Connector, ReadOrder};
use syncline::job::WriteMode;
use syncline_model::mapping::Rule;
use syncline_model::{ErrorKind, TableSchema};

use crate::support::batches::{
    INT, NULL, TEXT, at, changes, crowd, image, insert, key_change, people, row, snapshot, table, unit, update,
};
use crate::support::jobs::{
    applied, copy_job, described, failure, position, read_all, rows_of, run_well, with_rule, write_spec,
};
use crate::support::place::{Decorated, InFile, InMemory, Place, quoted};

fn file() -> InFile {
    InFile::new(Decorated::BARE)
}

/// Types as people declare them, known and unknown ones, of every affinity.
const DECLARED: [&str; 36] = [
    "",
    "INT",
    "INTEGER",
    "TINYINT",
    "SMALLINT UNSIGNED",
    "BIGINT",
    "UNSIGNED BIG INT",
    "BOOL",
    "BOOLEAN",
    "REAL",
    "DOUBLE",
    "DOUBLE PRECISION",
    "FLOAT",
    "FLOATING POINT",
    "NUMERIC",
    "DECIMAL",
    "DECIMAL(10,2)",
    "NUMERIC(40,20)",
    "TEXT",
    "CLOB",
    "VARCHAR(3)",
    "NCHAR(55)",
    "CHARACTER VARYING(10)",
    "BLOB",
    "VARBINARY(2)",
    "DATE",
    "TIME",
    "DATETIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "TIMESTAMP WITH TIME ZONE",
    "UUID",
    "JSON",
    "MONEY",
    "STRING",
    "ANY",
];

/// Values that copies are known to bend.
fn crooked() -> Vec<Value> {
    let mut all = vec![Value::Null];
    all.extend([0, 1, -1, 255, 256, 1 << 53, (1 << 53) + 1, i64::MAX, i64::MIN].map(Value::Integer));
    let reals = [
        0.0,
        -0.0,
        1.0,
        0.1,
        -1.5,
        1e15,
        1e17,
        1e300,
        5e-324,
        9_223_372_036_854_775_808.0,
        -9_223_372_036_854_775_808.0,
        9_223_372_036_854_774_784.0,
        f64::MAX,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    all.extend(reals.map(Value::Real));
    let texts = [
        "",
        " ",
        "abc",
        "12",
        " 12 ",
        "\u{b}12",
        "12\t",
        "012",
        "+1",
        "-0",
        "1.0",
        "1.50",
        ".5",
        "1.",
        "1e5",
        "1e400",
        "0x10",
        "1_000",
        "inf",
        "Infinity",
        "nan",
        "NULL",
        "true",
        "9223372036854775807",
        "9223372036854775808",
        "e5",
        "12345678901234567890123456789",
        "0.1000000000000000055511151231257827",
        "nul\0inside",
        "12\0",
        "\u{feff}bom",
        "é",
        "😀",
        "2024-02-29",
        "2023-02-29",
        "0000-00-00",
        "-0044-03-15",
        "10000-01-01",
        "2024-1-1",
        "2024-02-29 12:34:56",
        "2024-02-29T12:34:56Z",
        "2024-02-29 12:34:56.100",
        "2024-02-29 12:34:56.1",
        "2024-02-29 12:34:56.123456",
        "2024-02-29 12:34:56+00:00",
        "2024-02-29 12:34:56-00:00",
        "2024-02-29 12:34:56+02:00",
        "24:00:00",
        "12:34",
        "12:34:56.000",
        "23:59:60",
        "550e8400-e29b-41d4-a716-446655440000",
        "550E8400-E29B-41D4-A716-446655440000",
        "{\"a\": 1, \"a\": 2 }",
        "{not json",
    ];
    all.extend(texts.map(|t| Value::Text(t.into())));
    all.extend([&b""[..], b"\0", b"12", b"abc", b"\xff\xfe"].map(|b| Value::Blob(b.into())));
    all
}

/// One table per declared type, its rows every crooked value; also text that is not Unicode.
fn crooked_source() -> InFile {
    let from = file();
    let conn = from.open();
    for (i, declared) in DECLARED.iter().enumerate() {
        conn.execute_batch(&format!("CREATE TABLE t{i} (id INTEGER PRIMARY KEY, v {declared})")).unwrap();
        let mut stmt = conn.prepare(&format!("INSERT INTO t{i} (v) VALUES (?1)")).unwrap();
        for value in crooked() {
            stmt.execute([value]).unwrap();
        }
        let bad = ["ff", "6162ff", "c3", "eda080", "3132ff"];
        for hex in bad {
            conn.execute_batch(&format!("INSERT INTO t{i} (v) VALUES (CAST(x'{hex}' AS TEXT))")).unwrap();
        }
    }
    drop(conn);
    from
}

fn assert_same(from: &InFile, to: &InFile) {
    for (i, declared) in DECLARED.iter().enumerate() {
        let name = format!("t{i}");
        let (read, written) = (from.rows(&name).unwrap(), to.rows(&name).unwrap());
        assert_eq!(read.len(), written.len());
        for (read, written) in read.iter().zip(&written) {
            assert_eq!(read, written, "a column declared {declared:?}");
        }
    }
}

/// I10: storage class and bytes, whatever the declared type says.
#[tokio::test]
async fn every_stored_value_is_copied_as_it_is_stored() {
    let (from, to) = (crooked_source(), file());
    run_well(&copy_job(&from.connector(), &[&to.connector()])).await;
    assert_same(&from, &to);
    // Also where the rows replace others.
    run_well(&copy_job(&from.connector(), &[&to.connector()])).await;
    assert_same(&from, &to);
}

/// In memory every cell says its kind; on the way back it must become the same storage again.
#[tokio::test]
async fn every_stored_value_survives_a_stop_in_memory() {
    let (from, to) = (crooked_source(), file());
    let between: Arc<dyn Connector> = Arc::new(Memory::new("between"));
    run_well(&copy_job(&from.connector(), &[&between])).await;
    run_well(&copy_job(&between, &[&to.connector()])).await;
    assert_same(&from, &to);
}

/// Updates and deletes find their rows by every such value too.
#[tokio::test]
async fn changes_find_rows_by_any_stored_key() {
    for declared in ["", "INTEGER", "TEXT", "REAL", "DECIMAL(10,2)", "DATE", "UUID", "TIMESTAMPTZ"] {
        let from = file();
        from.execute(&format!("CREATE TABLE t (k {declared}, v, PRIMARY KEY (k)) WITHOUT ROWID"));
        let conn = from.open();
        for value in crooked().into_iter().filter(|v| *v != Value::Null) {
            // Values that are one to this column collide; the first stays.
            conn.execute("INSERT OR IGNORE INTO t VALUES (?1, 'old')", [value]).unwrap();
        }
        drop(conn);
        let connector = from.connector();
        let schema = described(&connector).await.remove(0);
        let read =
            rows_of(&read_all(&connector, std::slice::from_ref(&schema), ReadOrder::Key, 1 << 20).await.unwrap(), "t");
        assert!(read.len() > 20, "{declared}: {} keys", read.len());
        let to = file();
        run_well(&copy_job(&connector, &[&to.connector()])).await;
        let mut sink = to.connector().open_sink(&write_spec("lane", &[&schema])).await.unwrap();
        let all = read.iter().map(|r| update(vec![Some(r[0].clone())], vec![None, Some("new".into())])).collect();
        applied(&mut *sink, &unit(vec![changes(&schema, all)], "u")).await.unwrap();
        let updated = to.rows("t").unwrap();
        assert!(updated.iter().all(|r| r[1] == "new".into()), "{declared}: a row was not found");
        let all = read.iter().map(|r| crate::support::batches::delete(vec![Some(r[0].clone())])).collect();
        let report = applied(&mut *sink, &unit(vec![changes(&schema, all)], "u")).await.unwrap();
        assert_eq!((report.deletes_missing, to.rows("t").unwrap().len()), (0, 0), "{declared}");
    }
}

/// Whatever the table's own collation and types are, `compare` needs the order of cells.
#[tokio::test]
async fn key_order_is_that_of_cells_whatever_is_declared() {
    for declared in
        DECLARED.iter().map(|d| d.to_string()).chain(["TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM"].map(Into::into))
    {
        // WITHOUT ROWID, because the rowid holds only integers.
        let from = file();
        from.execute(&format!("CREATE TABLE t (k {declared}, PRIMARY KEY (k DESC)) WITHOUT ROWID"));
        let conn = from.open();
        for value in crooked().into_iter().filter(|v| *v != Value::Null) {
            conn.execute("INSERT OR IGNORE INTO t VALUES (?1)", [value]).unwrap();
        }
        conn.execute_batch("INSERT OR IGNORE INTO t VALUES ('a'), ('B'), ('c'), ('b '), ('A')").unwrap();
        drop(conn);
        let connector = from.connector();
        let tables = described(&connector).await;
        let read = rows_of(&read_all(&connector, &tables, ReadOrder::Key, 200).await.unwrap(), "t");
        assert!(read.len() > 20, "{declared}: {} keys", read.len());
        for pair in read.windows(2) {
            assert!(pair[0] < pair[1], "{declared}: {:?} came before {:?}", pair[0], pair[1]);
        }
    }
}

/// An integer column may hold text, and then its collation counts.
#[tokio::test]
async fn key_order_of_text_in_a_collated_integer_column() {
    let from = file();
    from.execute(
        "CREATE TABLE t (k INT COLLATE NOCASE PRIMARY KEY); INSERT INTO t VALUES ('a'), ('B'), ('c'), (2), (10)",
    );
    let connector = from.connector();
    let tables = described(&connector).await;
    let read = rows_of(&read_all(&connector, &tables, ReadOrder::Key, 200).await.unwrap(), "t");
    assert_eq!(read, [row![2], row![10], row!["B"], row!["a"], row!["c"]]);
}

/// F74: the rows already hold what the source's triggers made of them.
#[tokio::test]
async fn triggers_of_the_sink_do_not_fire() {
    let (from, to) = (file(), file());
    from.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a'), (2, 'b')");
    to.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE log (what); INSERT INTO t VALUES (1, 'old');
         CREATE TRIGGER i AFTER INSERT ON t BEGIN INSERT INTO log VALUES ('i'); END;
         CREATE TRIGGER u AFTER UPDATE ON t BEGIN INSERT INTO log VALUES ('u'); END;
         CREATE TRIGGER d AFTER DELETE ON t BEGIN INSERT INTO log VALUES ('d'); END;
         CREATE TRIGGER n BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'never'); END;",
    );
    run_well(&copy_job(&from.connector(), &[&to.connector()])).await;
    let replace = syncline::job::Job { mode: WriteMode::Truncate, ..copy_job(&from.connector(), &[&to.connector()]) };
    run_well(&replace).await;
    assert_eq!((to.rows("t").unwrap(), to.rows("log").unwrap().len()), (vec![row![1, "a"], row![2, "b"]], 0));
}

#[tokio::test]
async fn generated_columns_of_the_sink_are_not_written() {
    let (from, to) = (file(), file());
    from.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b INT AS (a * 2)); INSERT INTO t (id, a) VALUES (1, 10), (2, 20)",
    );
    to.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b INT AS (a * 2) VIRTUAL, c INT AS (a * 3) STORED)");
    for _ in 0..2 {
        run_well(&copy_job(&from.connector(), &[&to.connector()])).await;
        assert_eq!(to.rows("t").unwrap(), [row![1, 10, 20, 30], row![2, 20, 40, 60]]);
    }
    let schema = described(&from.connector()).await.remove(0);
    let mut sink = to.connector().open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    let all = vec![
        update(image![1, _, _], image![_, 11, 5]),
        insert(row![3, 30, 5]),
        update(image![2, _, _], image![_, _, 5]),
    ];
    applied(&mut *sink, &unit(vec![changes(&schema, all)], "u")).await.unwrap();
    assert_eq!(to.rows("t").unwrap(), [row![1, 11, 22, 33], row![2, 20, 40, 60], row![3, 30, 60, 90]]);
}

/// A generated column of the source arrives as its value.
#[tokio::test]
async fn generated_columns_of_the_source_are_read() {
    let (from, to) = (file(), file());
    from.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b INT AS (a * 2) VIRTUAL, c AS (a * 3) STORED);
         INSERT INTO t (id, a) VALUES (1, 10)",
    );
    run_well(&copy_job(&from.connector(), &[&to.connector()])).await;
    assert_eq!(to.rows("t").unwrap(), [row![1, 10, 20, 30]]);
}

/// F77: an insert that does not carry a column leaves it to the sink's default; a null is a null.
#[tokio::test]
async fn a_column_that_is_not_carried_gets_the_default() {
    let to = file();
    to.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT DEFAULT 'd', b TEXT NOT NULL DEFAULT 'e')");
    let schema = Arc::new(table("t", &[("id", INT), ("a", TEXT), ("b", TEXT)], &["id"]));
    let mut sink = to.connector().open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    let mut partly = insert(row![1]);
    partly.after = image![1, _, _];
    let mut null = insert(row![2]);
    null.after = image![2, NULL, _];
    applied(&mut *sink, &unit(vec![changes(&schema, vec![partly, null, insert(row![3, "a", "b"])])], "u"))
        .await
        .unwrap();
    assert_eq!(to.rows("t").unwrap(), [row![1, "d", "e"], row![2, NULL, "e"], row![3, "a", "b"]]);
}

/// SQLite's own lock keeps a second writer out; the check in the commit does not rely on it.
#[tokio::test]
async fn a_commit_checks_the_epoch_in_its_own_transaction() {
    let to = file();
    let schema = people("t");
    let control = Arc::new(table("syncline_position", &[("job", TEXT), ("epoch", INT)], &["job"]));
    let mut sink = to.connector().open_sink(&write_spec("lane", &[&schema, &control])).await.unwrap();
    sink.begin(sink.lease().epoch).await.unwrap();
    let raised = update(image!["lane", _], image![_, (i64::MAX)]);
    sink.write(&unit(vec![changes(&schema, vec![insert(row![1, "one"])]), changes(&control, vec![raised])], "u"))
        .await
        .unwrap();
    assert_eq!(sink.commit(&at("u")).await.unwrap_err().kind(), ErrorKind::Fenced);
    drop(sink);
    assert_eq!((to.rows("t"), position(&to.connector(), "lane").await), (None, None));
}

/// To SQLite `A` and `a` are one table; two sources in it would be one (F79).
#[tokio::test]
async fn names_that_differ_only_in_case_are_refused() {
    let two = InMemory::new(Decorated::BARE);
    for (name, rows) in [("A", 1), ("a", 2)] {
        two.create(&people(name));
        two.seed(name, &crowd(rows));
    }
    let (empty, with_one) = (file(), file());
    with_one.create(&people("a"));
    for to in [&empty, &with_one] {
        assert_eq!(failure(&copy_job(&two.connector(), &[&to.connector()])).await.kind(), ErrorKind::Schema);
    }
    assert_eq!((empty.rows("a"), with_one.rows("a")), (None, Some(Vec::new())));
    let columns = InMemory::new(Decorated::BARE);
    columns.create(&table("t", &[("id", INT), ("v", TEXT), ("V", TEXT)], &["id"]));
    columns.seed("t", &[row![1, "small", "large"]]);
    assert_eq!(failure(&copy_job(&columns.connector(), &[&empty.connector()])).await.kind(), ErrorKind::Schema);
}

/// Also in another case: the names are SQLite's or our own.
#[tokio::test]
async fn reserved_names_are_refused() {
    for name in ["sqlite_t", "SQLite_t", "syncline_position", "Syncline_Position", "SYNCLINE_log"] {
        let from = InMemory::new(Decorated::BARE);
        from.create(&table(name, &[("job", TEXT), ("epoch", INT), ("owner", TEXT), ("changed_at", TEXT)], &["job"]));
        from.seed(name, &[row!["x", 1, "o", "c"]]);
        let to = file();
        let error = failure(&copy_job(&from.connector(), &[&to.connector()])).await;
        assert_eq!(error.kind(), ErrorKind::Schema);
        assert!(error.to_string().contains("reserved"), "{name}: {error}");
        assert!(!to.path().exists(), "{name} was refused too late");
    }
}

#[tokio::test]
async fn references_follow_a_renamed_parent() {
    let (from, to) = (file(), file());
    from.execute(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY); INSERT INTO parent VALUES (1);
         CREATE TABLE child (id INTEGER PRIMARY KEY, p INT REFERENCES parent); INSERT INTO child VALUES (1, 1)",
    );
    let rule = Rule { to: Some("eltern".into()), ..Rule::default() };
    run_well(&with_rule(copy_job(&from.connector(), &[&to.connector()]), "parent", rule)).await;
    // With references on, the sink's own application can write.
    to.execute("PRAGMA foreign_keys = ON; INSERT INTO child VALUES (2, 1)");
    let dangling = to.open().execute_batch("PRAGMA foreign_keys = ON; INSERT INTO child VALUES (3, 77)");
    assert!(dangling.is_err());
}

/// References in a circle and to itself, checked at the end only.
#[tokio::test]
async fn circles_of_references_are_copied() {
    let (from, to) = (file(), file());
    from.execute(
        "PRAGMA foreign_keys = OFF; CREATE TABLE a (id INTEGER PRIMARY KEY, b INT REFERENCES b); CREATE TABLE b (id INTEGER PRIMARY KEY, a INT REFERENCES a);
         CREATE TABLE c (id INTEGER PRIMARY KEY, up INT REFERENCES c);
         INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1); INSERT INTO c VALUES (1, 2), (2, 1)",
    );
    let report = run_well(&copy_job(&from.connector(), &[&to.connector()])).await;
    assert_eq!(report.lanes[0].outcome.as_ref().unwrap().notices, Vec::<String>::new());
    for name in ["a", "b", "c"] {
        assert_eq!(to.rows(name), from.rows(name));
    }
}

#[tokio::test]
async fn rows_without_a_parent_are_named() {
    let (from, to) = (file(), file());
    from.execute(
        "PRAGMA foreign_keys = OFF; CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (id INTEGER PRIMARY KEY, p INT REFERENCES p);
         INSERT INTO c VALUES (1, 7), (2, NULL), (3, 8)",
    );
    let report = run_well(&copy_job(&from.connector(), &[&to.connector()])).await;
    let notices = &report.lanes[0].outcome.as_ref().unwrap().notices;
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].starts_with("c: 2 rows"), "{notices:?}");
}

/// A table may say that rows with a key twice are to be dropped; Syncline must not let it (I10).
#[tokio::test]
async fn a_sink_that_would_drop_rows_refuses_them() {
    for clause in ["IGNORE", "REPLACE"] {
        let to = file();
        to.execute(&format!(
            "CREATE TABLE t (id INTEGER NOT NULL, name TEXT, PRIMARY KEY (id) ON CONFLICT {clause}, UNIQUE (name) ON CONFLICT {clause})"
        ));
        let schema = people("t");
        let rows = [vec![row![1, "a"], row![1, "b"]], vec![row![1, "a"], row![2, "a"]]];
        for rows in &rows {
            let mut sink = to.connector().open_sink(&write_spec("lane", &[&schema])).await.unwrap();
            let error = applied(&mut *sink, &unit(vec![snapshot(&schema, rows)], "t")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Constraint);
        }
        let mut sink = to.connector().open_sink(&write_spec("lane", &[&schema])).await.unwrap();
        applied(&mut *sink, &unit(vec![snapshot(&schema, &[row![1, "a"], row![2, "b"]])], "t")).await.unwrap();
        for change in
            [update(image![2, _], image![_, "a"]), key_change(image![2, _], image![1, _]), insert(row![2, "c"])]
        {
            let error = applied(&mut *sink, &unit(vec![changes(&schema, vec![change])], "u")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Constraint);
        }
        drop(sink);
        assert_eq!(to.rows("t").unwrap(), [row![1, "a"], row![2, "b"]]);
    }
}

/// Two keys that the sink takes for one are replaced whole, key included.
#[tokio::test]
async fn a_key_that_only_its_collation_matches_is_replaced_whole() {
    let (from, to) = (file(), file());
    from.execute("CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v); INSERT INTO t VALUES ('KEY', 'new')");
    to.execute("CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v); INSERT INTO t VALUES ('key', 'old')");
    run_well(&copy_job(&from.connector(), &[&to.connector()])).await;
    assert_eq!(to.rows("t"), from.rows("t"));
}

fn sql_of(place: &InFile, name: &str) -> String {
    place.open().query_row("SELECT sql FROM sqlite_schema WHERE name = ?1", [name], |r| r.get(0)).unwrap()
}

#[tokio::test]
async fn the_created_table_is_like_its_source() {
    let (from, to) = (file(), file());
    from.execute(
        "CREATE TABLE w (a TEXT COLLATE NOCASE, b INT DEFAULT (1 + 1), c NOT NULL DEFAULT 'x', PRIMARY KEY (b, a)) WITHOUT ROWID, STRICT"
            .replace("c NOT NULL", "c ANY NOT NULL")
            .as_str(),
    );
    from.execute(
        "CREATE TABLE s (id INTEGER PRIMARY KEY AUTOINCREMENT, u TEXT UNIQUE); CREATE INDEX later ON s (u, id)",
    );
    from.execute("INSERT INTO w (a, b) VALUES ('x', 1); INSERT INTO s (u) VALUES ('u')");
    run_well(&copy_job(&from.connector(), &[&to.connector()])).await;
    let like = |place: &InFile| -> Vec<TableSchema> {
        let runtime = std::thread::scope(|s| {
            s.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                runtime.block_on(place.connector().describe(&Default::default())).unwrap().tables
            })
            .join()
        });
        runtime.unwrap()
    };
    assert_eq!(like(&from), like(&to));
    assert!(sql_of(&to, "w").ends_with("WITHOUT ROWID, STRICT"), "{}", sql_of(&to, "w"));
    assert!(sql_of(&to, "s").contains("AUTOINCREMENT"));
    assert_eq!(to.rows("w").unwrap(), [row!["x", 1, "x"]]);
}

#[tokio::test]
async fn rows_that_were_there_before_are_counted() {
    let (from, to) = (file(), file());
    for place in [&from, &to] {
        place.create(&people("a"));
        place.create(&people("b"));
    }
    from.seed("a", &crowd(3));
    from.seed("b", &crowd(3));
    to.seed("a", &[row![1, "old"], row![50, "only here"]]);
    let report = run_well(&copy_job(&from.connector(), &[&to.connector()])).await;
    assert_eq!(report.lanes[0].outcome.as_ref().unwrap().rows_held, [("a".to_owned(), 4)]);
}

#[tokio::test]
async fn text_of_another_encoding_is_copied() {
    let (from, to) = (file(), file());
    from.open().execute_batch("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (k TEXT PRIMARY KEY); INSERT INTO t VALUES ('é😀'), ('a'), ('ﬀ')").unwrap();
    run_well(&copy_job(&from.connector(), &[&to.connector()])).await;
    let rows = [row!["a"], row!["é😀"], row!["ﬀ"]];
    let mut copied = to.rows("t").unwrap();
    copied.sort();
    let mut expected = rows.to_vec();
    expected.sort();
    assert_eq!(copied, expected);
}

#[tokio::test]
async fn what_is_no_database_is_named() {
    let missing = file();
    assert_eq!(missing.connector().check().await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(missing.connector().describe(&Default::default()).await.unwrap_err().kind(), ErrorKind::NotFound);
    let garbage = file();
    std::fs::write(garbage.path(), "not a database, but long enough to be taken for one at first sight ".repeat(40))
        .unwrap();
    assert_eq!(garbage.connector().check().await.unwrap_err().kind(), ErrorKind::Corrupt);
    let from = file();
    from.create(&people("t"));
    assert_eq!(failure(&copy_job(&from.connector(), &[&garbage.connector()])).await.kind(), ErrorKind::Corrupt);
    assert!(!missing.path().exists(), "a source was created");
}

/// Views and virtual tables are left out by name, never copied by accident.
#[tokio::test]
async fn what_holds_no_rows_of_its_own_is_skipped() {
    let from = file();
    from.execute("CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE VIEW v AS SELECT * FROM t");
    from.execute("CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES ('words')");
    let found = from.connector().describe(&Default::default()).await.unwrap();
    let names = |all: Vec<&syncline_model::TableName>| all.into_iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(found.tables.iter().map(|t| &t.name).collect()), ["t"]);
    assert_eq!(names(found.skipped.iter().map(|s| &s.0).collect()), ["f", "v"]);
}

/// A table whose rows change while its cursor is open is read as it was.
#[tokio::test]
async fn a_table_that_is_dropped_meanwhile_is_read_to_its_end() {
    let from = file();
    from.create(&people("t"));
    from.execute("PRAGMA journal_mode = WAL");
    from.seed("t", &crowd(50));
    let connector = from.connector();
    let spec = crate::support::jobs::read_spec(&described(&connector).await, ReadOrder::Key);
    let mut source = connector.open_source(None, &spec).await.unwrap();
    from.execute(&format!("DROP TABLE {}", quoted("t")));
    let batches = crate::support::jobs::drained(&mut *source, crate::support::jobs::budget(100)).await.unwrap();
    assert_eq!(rows_of(&batches, "t"), crowd(50));
}
