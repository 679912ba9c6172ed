//! Rows that travel undecoded between two databases of one brand, and those that must not.

use syncline::job::Job;
use syncline_model::mapping::Rule;
use syncline_model::pattern::Pattern;
use syncline_model::{Error, ErrorKind};

use crate::support::jobs::{copy_job, failure, run_well};
use crate::support::place::{Decorated, InFile, InMemory, Place};
use crate::support::recorder::{Effects, Recorded, Refusal};

const SHOP: &str = "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price DECIMAL(10,2), sold DATE, pic BLOB);
    INSERT INTO item VALUES (1, 'nut', 1.5, '2024-02-29', x'00ff'), (2, '', 2, NULL, NULL), (-9, 'ü', 'dear', '?', x'');";

fn with(sql: &str) -> InFile {
    let place = InFile::new(Decorated::BARE);
    place.execute(sql);
    place
}

/// How the rows of a copy came; both ends hold the same afterwards, unless a rule says otherwise.
async fn came(from: &InFile, to: &dyn Place, rule: Rule) -> &'static str {
    let effects = Effects::default();
    let sink = Recorded::wrap(to.connector(), &effects, &Refusal::none());
    let verbatim = rule == Rule::default();
    let job = copy_job(&from.connector(), &[&sink]);
    run_well(&Job { rules: vec![(Pattern::parse("item").unwrap(), rule)], ..job }).await;
    if verbatim {
        assert_eq!(to.rows("item").unwrap().len(), from.rows("item").unwrap().len());
    }
    match effects.taken().contains("rows undecoded") {
        true => "undecoded",
        false => "as cells",
    }
}

fn rule(change: impl FnOnce(&mut Rule)) -> Rule {
    let mut rule = Rule::default();
    change(&mut rule);
    rule
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn into_a_new_file() {
    let (from, to) = (with(SHOP), InFile::new(Decorated::BARE));
    assert_eq!(came(&from, &to, Rule::default()).await, "undecoded");
    assert_eq!(to.rows("item"), from.rows("item"));
}

/// Through the stage, since a name is unique beside the key; and what only the sink has stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn into_a_table_that_holds_rows() {
    let there = "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE, price DECIMAL(10,2), sold DATE, pic BLOB, own TEXT);
        INSERT INTO item VALUES (1, 'bolt', 9, NULL, NULL, 'kept'), (7, 'seven', 7, '2020-01-01', NULL, 'kept');";
    let (from, to) = (with(SHOP), with(there));
    let effects = Effects::default();
    run_well(&copy_job(&from.connector(), &[&Recorded::wrap(to.connector(), &effects, &Refusal::none())])).await;
    assert!(effects.taken().contains("rows undecoded"));
    let rows = |place: &InFile, sql: &str| -> Vec<String> {
        let conn = place.open();
        let mut stmt = conn.prepare(sql).unwrap();
        stmt.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let five = "quote(id) || quote(name) || quote(price) || quote(sold) || quote(pic)";
    let all = rows(&from, &format!("SELECT {five} FROM item ORDER BY id"));
    assert_eq!(rows(&to, &format!("SELECT {five} FROM item WHERE id <> 7 ORDER BY id")), all);
    assert_eq!(rows(&to, "SELECT name || own FROM item WHERE own IS NOT NULL ORDER BY id"), ["nutkept", "sevenkept"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn as_cells_where_somebody_looks_at_a_row_or_types_differ() {
    let from = with(SHOP);
    let filtered = rule(|r| r.filter = Some("id > 0".into()));
    assert_eq!(came(&from, &InFile::new(Decorated::BARE), filtered).await, "as cells");
    let other = "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price, sold DATE, pic BLOB);";
    assert_eq!(came(&from, &with(other), Rule::default()).await, "as cells");
    assert_eq!(came(&from, &InMemory::new(Decorated::BARE), Rule::default()).await, "as cells");
    let renamed = rule(|r| r.columns = [("name".to_owned(), "title".to_owned())].into());
    assert_eq!(came(&from, &InFile::new(Decorated::BARE), renamed).await, "undecoded");
}

/// A source that was tampered with: its column holds what a column of that type never keeps.
async fn refused(source: &str, sink: &str) -> Error {
    let (from, to) = (with(source), with(sink));
    let error = failure(&copy_job(&from.connector(), &[&to.connector()])).await;
    assert_eq!(to.rows("t").unwrap_or_default(), [] as [Vec<_>; 0]);
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_value_that_the_column_would_alter_is_refused() {
    let tampered =
        "CREATE TABLE t (id INT PRIMARY KEY NOT NULL, n TEXT); INSERT INTO t VALUES (1, 'one'), (2, '0x'), (3, '012');
        PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'n TEXT', 'n INT') WHERE name = 't';";
    let error = refused(tampered, "").await;
    assert_eq!(error.kind(), ErrorKind::Value, "{error}");
    let places = error.places();
    assert!(places.contains(&("column", "n".into())) && places.contains(&("row", "3 as read".into())), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_key_without_a_value_is_refused() {
    let error = refused("CREATE TABLE t (id TEXT PRIMARY KEY); INSERT INTO t VALUES ('a'), (NULL);", "").await;
    assert_eq!(error.kind(), ErrorKind::Value, "{error}");
}
