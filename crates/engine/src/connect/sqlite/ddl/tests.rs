//! The statements that a sink runs, word for word.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use rusqlite::Connection;
use syncline_model::pattern::Selection;
use syncline_model::{Column, LogicalType, TableName};

use super::*;
use crate::connector::LaneId;

/// Tables as SQLite itself describes them.
fn described(sql: &str) -> Vec<TableSchema> {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(sql).unwrap();
    catalog::describe(&conn, &Selection::default()).unwrap().tables
}

fn spec(tables: Vec<TableSchema>) -> WriteSpec {
    let tables = tables.into_iter().map(std::sync::Arc::new).collect();
    WriteSpec {
        lane: LaneId("lane".into()),
        owner: "test".into(),
        tables,
        once: true,
        restart: false,
        add_columns: false,
    }
}

fn created(sql: &str) -> String {
    let tables = described(sql);
    let mut statements = Vec::new();
    for table in &tables {
        statements.push(create_table(table));
        statements.extend(create_indexes(table));
    }
    // They must be statements, and make tables like those that they came from.
    let again: Vec<_> = described(&statements.join(";"));
    assert_eq!(again, tables);
    statements.join("\n")
}

#[test]
fn a_plain_table() {
    insta::assert_snapshot!(
        created("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR(10) NOT NULL DEFAULT 'it''s', w)"),
        @r#"CREATE TABLE "t" ("id" INTEGER, "v" VARCHAR(10) NOT NULL DEFAULT ('it''s'), "w", PRIMARY KEY ("id"))"#
    );
}

#[test]
fn keys_and_options() {
    insta::assert_snapshot!(
        created(
            "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, v UNIQUE);
             CREATE TABLE b (x INT, y TEXT COLLATE NOCASE, PRIMARY KEY (y, x)) WITHOUT ROWID, STRICT;
             CREATE INDEX later ON a (v, id); CREATE UNIQUE INDEX one ON b (x)"
        ),
        @r#"
    CREATE TABLE "a" ("id" INTEGER PRIMARY KEY AUTOINCREMENT, "v", UNIQUE ("v"))
    CREATE INDEX "later" ON "a" ("v", "id")
    CREATE TABLE "b" ("x" INT NOT NULL, "y" TEXT NOT NULL COLLATE "NOCASE", PRIMARY KEY ("y", "x")) WITHOUT ROWID, STRICT
    CREATE UNIQUE INDEX "one" ON "b" ("x")
    "#
    );
}

#[test]
fn references() {
    insta::assert_snapshot!(
        created(
            "CREATE TABLE p (x INT, y INT, PRIMARY KEY (x, y));
             CREATE TABLE c (id INTEGER PRIMARY KEY, x INT, y INT, up INT REFERENCES c,
                 FOREIGN KEY (x, y) REFERENCES p (x, y) ON DELETE CASCADE ON UPDATE SET NULL)"
        ),
        @r#"
    CREATE TABLE "c" ("id" INTEGER, "x" INT, "y" INT, "up" INT, PRIMARY KEY ("id"), FOREIGN KEY ("up") REFERENCES "c", FOREIGN KEY ("x", "y") REFERENCES "p" ("x", "y") ON DELETE CASCADE ON UPDATE SET NULL)
    CREATE TABLE "p" ("x" INT, "y" INT, PRIMARY KEY ("x", "y"))
    "#
    );
}

#[test]
fn hostile_names_stay_names() {
    insta::assert_snapshot!(
        created(r#"CREATE TABLE "x""; DROP TABLE y; --" ("select" INT, "a""b" TEXT, PRIMARY KEY ("a""b"))"#),
        @r#"CREATE TABLE "x""; DROP TABLE y; --" ("select" INT, "a""b" TEXT, PRIMARY KEY ("a""b"))"#
    );
}

/// Another brand's words mean nothing here; its logical types do.
#[test]
fn a_table_of_another_brand() {
    let mut table = TableSchema::new(
        TableName::bare("t"),
        vec![
            Column {
                native: "bigserial".into(),
                nullable: false,
                ..Column::new("id", LogicalType::Int { bits: 64, signed: true })
            },
            Column {
                native: "timestamptz".into(),
                default: Some("now()".into()),
                ..Column::new("at", LogicalType::TimestampTz)
            },
            Column { collation: Some("de-x-icu".into()), ..Column::new("v", LogicalType::Text { chars_max: Some(5) }) },
        ],
    );
    table.brand = "postgres".into();
    table.key = vec![0];
    table.options = vec!["UNLOGGED".into()];
    insta::assert_snapshot!(
        create_table(&table),
        @r#"CREATE TABLE "t" ("id" INTEGER NOT NULL, "at" TIMESTAMPTZ, "v" VARCHAR(5), PRIMARY KEY ("id"))"#
    );
}

/// Elsewhere each table names its indexes for itself, perhaps as another table is called; and only the rowid counts on.
#[test]
fn indexes_and_counters_of_another_brand() {
    let mut table = described("CREATE TABLE t (id INT4 NOT NULL PRIMARY KEY, u UNSIGNED BIG INT)").remove(0);
    table.brand = "mariadb".into();
    table.columns[0].numbered = true;
    table.indexes = vec![Index { name: Some("u".into()), columns: vec![1], unique: true }];
    assert_eq!(create_indexes(&table), [r#"CREATE UNIQUE INDEX "t_u_idx" ON "t" ("u")"#]);
    assert!(create_table(&table).starts_with(r#"CREATE TABLE "t" ("id" INTEGER NOT NULL, "#));
    let mut other = table.clone();
    other.name = TableName::bare("T_U_IDX");
    let reason = "its index t_u_idx has the name of another table or index of this copy";
    assert_eq!(misfits("", vec![table, other]), [("t".to_owned(), reason.to_owned())]);
}

fn misfits(there: &str, tables: Vec<TableSchema>) -> Vec<(String, String)> {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(there).unwrap();
    let plan = plan(Some(&conn), &spec(tables)).unwrap();
    plan.misfits.into_iter().map(|m| (m.table, m.reason)).collect()
}

fn named(name: &str) -> TableSchema {
    let mut table = described("CREATE TABLE t (id INTEGER PRIMARY KEY)").remove(0);
    table.name = TableName::bare(name);
    table
}

#[test]
fn names_that_cannot_be_tables_are_misfits() {
    for name in ["", "sqlite_stat1", "SQLITE_x", "syncline_position", "Syncline_x"] {
        let found = misfits("", vec![named(name)]);
        assert!(found.len() == 1 && found[0].1.contains("reserved"), "{name}: {found:?}");
    }
    let mut elsewhere = named("t");
    elsewhere.name.schema = Some("public".into());
    assert!(misfits("", vec![elsewhere])[0].1.contains("no schemas"));
    assert_eq!(misfits("", vec![named("t"), named("T"), named("u")]).len(), 2);
    assert_eq!(misfits("CREATE VIEW v AS SELECT 1", vec![named("v")]).len(), 1);
    // Not the whole prefix, or no prefix.
    assert_eq!(misfits("", vec![named("sqlite"), named("my_sqlite_x"), named("synclin\u{e9}_")]), []);
}

#[test]
fn the_plan_lists_what_would_run_and_what_is_lost() {
    let tables = described(
        "CREATE TABLE new (id INTEGER PRIMARY KEY, v INT CHECK (v > 0)); CREATE INDEX some ON new (v) WHERE v > 1;
         CREATE TABLE old (id INTEGER PRIMARY KEY)",
    );
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(
        "CREATE TABLE OLD (id INTEGER PRIMARY KEY); CREATE TRIGGER audit AFTER INSERT ON old BEGIN SELECT 1; END",
    )
    .unwrap();
    let plan = plan(Some(&conn), &spec(tables)).unwrap();
    let shown = [plan.statements, plan.notices].concat().join("\n");
    assert_eq!(plan.misfits, []);
    insta::assert_snapshot!(shown, @r#"
    CREATE TABLE IF NOT EXISTS syncline_position (job TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL, owner TEXT NOT NULL, layout TEXT, position TEXT, changed_at TEXT NOT NULL, changes INTEGER NOT NULL DEFAULT 0, trouble TEXT)
    CREATE TABLE "new" ("id" INTEGER, "v" INT, PRIMARY KEY ("id"))
    new: not created at the sink: index some (partial, over an expression, or with a collation of its own)
    new: not created at the sink: 1 check constraint
    old: the sink's triggers (audit) do not fire for what Syncline writes
    "#);
}
