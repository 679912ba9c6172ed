//! Rows by COPY: one goes on over the batches of a unit, and what the server says of it comes late.

use std::sync::Arc;

use syncline::connector::Sink;
use syncline_model::change::ChangeBuf;
use syncline_model::{ErrorKind, LogicalType, TableSchema};

use super::connector;
use crate::support::batches::{
    INT, Row, TEXT, at, changes, crowd, insert, people, row, snapshot, table, truncate, unit,
};
use crate::support::jobs::write_spec;
use crate::support::servers::Database;

/// Counts the COPYs into a table; a statement is one, whatever it brings.
const COUNTED: &str = "CREATE TABLE t (id bigint PRIMARY KEY, name text); CREATE TABLE copies (of text);
    CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO copies VALUES (TG_TABLE_NAME); RETURN NULL; END $$;
    CREATE TRIGGER counted AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION counted();
    ALTER TABLE t ENABLE ALWAYS TRIGGER counted;";

async fn opened(place: &Database, tables: &[&Arc<TableSchema>]) -> Box<dyn Sink> {
    let mut sink = connector(place).open_sink(&write_spec("lane", tables)).await.unwrap();
    sink.begin(sink.lease().epoch).await.unwrap();
    sink
}

async fn load(sink: &mut dyn Sink, schema: &Arc<TableSchema>, rows: &[Row]) {
    let report = sink.write(&unit(vec![snapshot(schema, rows)], "u")).await.unwrap();
    assert_eq!(report.rows, rows.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_batches_of_a_unit_are_one_copy() {
    let place = Database::postgres();
    place.sql(COUNTED);
    let schema = people("t");
    let mut sink = opened(&place, &[&schema]).await;
    for rows in crowd(50).chunks(5) {
        load(&mut *sink, &schema, rows).await;
    }
    sink.commit(&at("u")).await.unwrap();
    assert_eq!(place.sql("SELECT count(*) FROM copies; SELECT count(*), sum(id) FROM t"), "1\n50|1275");
}

/// Nobody hears of a refused row before a COPY ends, so it ends now and then.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_long_copy_is_ended_and_another_one_begun() {
    let place = Database::postgres();
    place.sql(COUNTED);
    let schema = people("t");
    let mut sink = opened(&place, &[&schema]).await;
    for id in 0..10 {
        load(&mut *sink, &schema, &[row![id, "x".repeat(4 << 20)]]).await;
    }
    sink.commit(&at("u")).await.unwrap();
    assert_eq!(place.sql("SELECT count(*) FROM copies; SELECT count(*), sum(length(name)) FROM t"), "3\n10|41943040");
}

/// Rows of `t`, of which one is refused; gives the error's row.
async fn refused_row(place: &Database, schema: &Arc<TableSchema>, before: Vec<ChangeBuf>, bad: Row) -> String {
    let mut sink = opened(place, &[schema]).await;
    if !before.is_empty() {
        load(&mut *sink, schema, &[row![100, "10.0.0.1"], row![101, "10.0.0.1"]]).await;
        sink.write(&unit(vec![changes(schema, before)], "u")).await.unwrap();
    }
    load(&mut *sink, schema, &[row![1, "10.0.0.1"], row![2, "10.0.0.2"]]).await;
    load(&mut *sink, schema, &[row![3, "10.0.0.3"], bad, row![5, "10.0.0.5"]]).await;
    load(&mut *sink, schema, &[row![6, "10.0.0.6"]]).await;
    let error = sink.commit(&at("u")).await.unwrap_err();
    assert!(error.places().contains(&("table", "t".into())), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    drop(sink);
    assert_eq!(place.sql("SELECT count(*) FROM t"), "0");
    let row = error.places().iter().find(|(what, _)| *what == "row").map(|(_, at)| at.to_string());
    row.unwrap_or_else(|| panic!("{error:?} names no row"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_row_of_a_batch_before_is_named() {
    let place = Database::postgres();
    place.sql("CREATE TABLE t (id bigint PRIMARY KEY, name text CHECK (name <> 'hunter2'))");
    let schema = people("t");
    assert_eq!(refused_row(&place, &schema, Vec::new(), row![4, "hunter2"]).await, "4 as read");
    // Changes between them end one COPY, and the next counts its lines anew.
    let others = vec![insert(row![102, "x"]), insert(row![103, "x"]), insert(row![104, "x"])];
    assert_eq!(refused_row(&place, &schema, others, row![4, "hunter2"]).await, "9 as read");
}

/// As text, where a type has no binary form of ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_row_of_a_text_copy_is_named() {
    let place = Database::postgres();
    place.sql("CREATE TABLE t (id bigint PRIMARY KEY, name inet)");
    let mut schema = table("t", &[("id", INT), ("name", LogicalType::Other)], &["id"]);
    schema.brand = "postgres".into();
    for (column, native) in schema.columns.iter_mut().zip(["bigint", "inet"]) {
        column.native = native.into();
    }
    let schema = Arc::new(schema);
    assert_eq!(refused_row(&place, &schema, Vec::new(), row![4, "hunter2"]).await, "4 as read");
    let emptied = vec![truncate()];
    assert_eq!(refused_row(&place, &schema, emptied, row![4, "hunter2"]).await, "7 as read");
}

/// One COPY at a time has the session for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn tables_and_changes_take_turns() {
    let place = Database::postgres();
    let (a, b) = (people("a"), Arc::new(table("b", &[("id", INT), ("v", TEXT)], &["id"])));
    place.sql("CREATE TABLE b (id bigint PRIMARY KEY, v text); INSERT INTO b VALUES (1, 'old'), (9, 'kept')");
    let mut sink = opened(&place, &[&a, &b]).await;
    for id in 1..5 {
        load(&mut *sink, &a, &[row![id, "a"]]).await;
        load(&mut *sink, &b, &[row![id, "b"]]).await;
        sink.write(&unit(vec![changes(&a, vec![insert(row![id + 10, "c"])])], "u")).await.unwrap();
    }
    sink.commit(&at("u")).await.unwrap();
    let sums = "SELECT count(*), sum(id) FROM a; SELECT string_agg(id || v, ' ' ORDER BY id) FROM b";
    assert_eq!(place.sql(sums), "8|60\n1b 2b 3b 4b 9kept");
}

/// A trigger that fires even so must not make rows vanish quietly (I10).
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rows_that_a_trigger_swallows_are_an_error() {
    let place = Database::postgres();
    place.sql(
        "CREATE TABLE t (id bigint PRIMARY KEY, name text);
         CREATE FUNCTION swallowed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
         CREATE TRIGGER swallowed BEFORE INSERT ON t FOR EACH ROW WHEN (new.id = 2) EXECUTE FUNCTION swallowed();
         ALTER TABLE t ENABLE ALWAYS TRIGGER swallowed",
    );
    let schema = people("t");
    let mut sink = opened(&place, &[&schema]).await;
    load(&mut *sink, &schema, &crowd(3)).await;
    let error = sink.commit(&at("u")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Constraint);
    assert!(error.advice().contains("trigger"), "{error:?}");
    drop(sink);
    assert_eq!(place.sql("SELECT count(*) FROM t"), "0");
}
