//! `compare` against an oracle that holds both sides in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use syncline::compare::{Compared, Comparison, Kind, TableResult, compare};
use syncline::connector::Connector;
use syncline_model::pattern::Selection;
use syncline_model::{CellBuf, ChangeBatch, ErrorKind, LogicalType, Result, TableSchema};

use crate::support::batches::{INT, NULL, Row, TEXT, at, crowd, people, row, snapshot, table};
use crate::support::jobs::{budget, endpoint};
use crate::support::lesser::Lesser;
use crate::support::place::{Decorated, InFile, InMemory, Place};
use crate::support::script::Script;

async fn compared(a: &Arc<dyn Connector>, b: &Arc<dyn Connector>, bytes_max: usize) -> Result<Vec<TableResult>> {
    let what = Comparison {
        a: endpoint("a", a),
        b: endpoint("b", b),
        selection: Selection::default(),
        rules: Vec::new(),
        listed_max: usize::MAX,
        settle: Duration::ZERO,
        budget: budget(bytes_max),
    };
    compare(&what, &Arc::new(Compared::default())).await.map(|found| found.tables)
}

/// Key to what stands under it.
type Side = BTreeMap<(i64, String), (Option<i64>, String)>;

fn schema() -> TableSchema {
    // The key's columns stand neither first nor in order.
    table("t", &[("n", INT), ("k2", TEXT), ("v", TEXT), ("k1", INT)], &["k1", "k2"])
}

fn filled(place: &dyn Place, side: &Side) -> Arc<dyn Connector> {
    place.create(&schema());
    let rows: Vec<Row> = side
        .iter()
        .map(|((k1, k2), (n, v))| row![n.map_or(NULL, CellBuf::from), k2.as_str(), v.as_str(), *k1])
        .collect();
    place.seed("t", &rows);
    place.connector()
}

/// What the oracle says about one key.
fn expected(a: &Side, b: &Side) -> Vec<(Row, Kind)> {
    let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let kind = |key| match (a.get(key), b.get(key)) {
        (Some(_), None) => Some(Kind::OnlyA),
        (None, Some(_)) => Some(Kind::OnlyB),
        (Some(x), Some(y)) if x != y => {
            let columns = [("n", x.0 != y.0), ("v", x.1 != y.1)];
            Some(Kind::Differs(columns.iter().filter(|c| c.1).map(|c| c.0.into()).collect()))
        }
        _ => None,
    };
    keys.into_iter().filter_map(|key| Some((row![key.0, key.1.as_str()], kind(key)?))).collect()
}

fn sides() -> impl Strategy<Value = (Side, Side)> {
    let key = (-3i64..4, "[aB\u{e9}]{0,2}");
    let value = (proptest::option::of(0i64..2), "[xy]{0,1}");
    let side = proptest::collection::btree_map(key.clone(), value.clone(), 0..20);
    // The second side is the first with some rows taken out, changed or added.
    let changed = proptest::collection::btree_map(key.clone(), value, 0..4);
    let gone = proptest::collection::vec(key, 0..4);
    (side, changed, gone).prop_map(|(a, changed, gone)| {
        let mut b = a.clone();
        b.extend(changed);
        gone.iter().for_each(|key| drop(b.remove(key)));
        (a, b)
    })
}

fn check(a: &dyn Place, b: &dyn Place, sides: &(Side, Side), bytes: usize) {
    let (in_a, in_b) = (filled(a, &sides.0), filled(b, &sides.1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let results = runtime.block_on(compared(&in_a, &in_b, bytes)).unwrap();
    let [result] = &results[..] else { panic!("one table, not {}", results.len()) };
    let expected = expected(&sides.0, &sides.1);
    let found: Vec<_> = result.listed.iter().map(|d| (d.key.clone(), d.kind.clone())).collect();
    assert_eq!(found, expected);
    let count = |of: fn(&Kind) -> bool| expected.iter().filter(|(_, kind)| of(kind)).count() as u64;
    let counts = (result.only_a, result.only_b, result.differ);
    let oracle = |k: &Kind| matches!(k, Kind::Differs(_));
    assert_eq!(counts, (count(|k| *k == Kind::OnlyA), count(|k| *k == Kind::OnlyB), count(oracle)));
    assert_eq!((result.rows_a, result.rows_b), (sides.0.len() as u64, sides.1.len() as u64));
    assert_eq!(result.is_equal(), expected.is_empty());
    assert_eq!(result.key.iter().map(|k| &**k).collect::<Vec<_>>(), ["k1", "k2"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Budgets from one row a batch to all rows in one.
    #[test]
    fn compares_as_the_oracle_does(sides in sides(), bytes in 1usize..200) {
        check(&InMemory::new(Decorated::BARE), &InMemory::new(Decorated::BARE), &sides, bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn compares_unlike_databases_as_the_oracle_does(sides in sides(), bytes in 1usize..200) {
        check(&InMemory::new(Decorated::BARE), &InFile::new(Decorated::BARE), &sides, bytes);
        check(&InFile::new(Decorated::BARE), &InFile::new(Decorated::BARE), &sides, bytes);
    }
}

/// The rows cut into batches at every set of places, empty batches too.
fn cuts(schema: &Arc<TableSchema>, rows: &[Row]) -> Vec<Vec<ChangeBatch>> {
    let mut all = Vec::new();
    for places in 0..1u32 << (rows.len() + 1) {
        let mut batches: Vec<Vec<Row>> = vec![Vec::new()];
        for (i, row) in rows.iter().enumerate() {
            if places >> i & 1 == 1 {
                batches.push(Vec::new());
            }
            batches.last_mut().unwrap().push(row.clone());
        }
        if places >> rows.len() & 1 == 1 {
            batches.push(Vec::new());
        }
        let last = batches.len() - 1;
        let batch = |(i, rows): (usize, Vec<Row>)| ChangeBatch {
            begins: i == 0,
            ends: (i == last).then(|| at("t")),
            tables: vec![snapshot(schema, &rows)],
            native: None,
        };
        all.push(batches.into_iter().enumerate().map(batch).collect());
    }
    all
}

/// Compares rows as they stand, cut in every way, with the sorted and unrepeated ones.
async fn crooked(rows: &[Row]) -> BTreeSet<Option<&'static str>> {
    let schema = people("t");
    let mut found = BTreeSet::new();
    let straight: BTreeMap<_, _> = rows.iter().map(|r| (r[0].clone(), r.clone())).collect();
    for batches in cuts(&schema, rows) {
        let b = InMemory::new(Decorated::BARE);
        b.create(&schema);
        b.seed("t", &straight.values().cloned().collect::<Vec<_>>());
        for swapped in [false, true] {
            let (a, b) = (Script::of(&[&schema], batches.clone()), b.connector());
            let (a, b) = if swapped { (b, a) } else { (a, b) };
            let outcome = compared(&a, &b, 30).await;
            found.insert(match outcome {
                Ok(results) => {
                    assert!(results[0].is_equal(), "{results:?}");
                    None
                }
                Err(e) => Some(e.kind().policy().name),
            });
        }
    }
    found
}

#[tokio::test]
async fn batches_may_be_cut_anywhere() {
    assert_eq!(crooked(&crowd(5)).await, BTreeSet::from([None]));
}

/// Else one of two rows would go unseen.
#[tokio::test]
async fn two_rows_of_one_key_are_an_error_wherever_the_batch_ends() {
    let rows = [row![1, "a"], row![2, "b"], row![2, "b"], row![3, "c"]];
    assert_eq!(crooked(&rows).await, BTreeSet::from([Some(ErrorKind::Constraint.policy().name)]));
}

/// Else rows that both sides have would count as differences, or differences would be passed over (F45).
#[tokio::test]
async fn another_order_is_an_error_wherever_the_batch_ends() {
    let unsupported = BTreeSet::from([Some(ErrorKind::Unsupported.policy().name)]);
    for keys in [[1, 3, 2, 4], [2, 1, 3, 4], [1, 2, 4, 3], [4, 3, 2, 1]] {
        let rows = keys.map(|k| row![k, "x"]);
        assert_eq!(crooked(&rows).await, unsupported, "{keys:?}");
    }
}

#[tokio::test]
async fn a_source_that_ends_within_a_table_is_an_error() {
    let schema = people("t");
    let half = ChangeBatch { begins: true, ends: None, tables: vec![snapshot(&schema, &crowd(2))], native: None };
    let b = InMemory::new(Decorated::BARE);
    b.create(&schema);
    b.seed("t", &crowd(2));
    let error = compared(&Script::of(&[&schema], vec![half]), &b.connector(), 30).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Bug);
}

fn two() -> (InMemory, InMemory) {
    (InMemory::new(Decorated::BARE), InMemory::new(Decorated::BARE))
}

#[tokio::test]
async fn a_table_of_one_side_is_a_difference() {
    let (a, b) = two();
    a.create(&people("both"));
    b.create(&people("both"));
    b.create(&people("only b"));
    let results = compared(&a.connector(), &b.connector(), 100).await.unwrap();
    let found: Vec<_> = results.iter().map(|r| (r.table.to_string(), r.is_equal(), r.structure.clone())).collect();
    let only = ("only b".to_owned(), false, vec!["only b has this table".to_owned()]);
    assert_eq!(found, [("both".to_owned(), true, Vec::new()), only]);
}

#[tokio::test]
async fn a_column_of_one_side_is_a_difference_and_the_others_are_compared() {
    let (a, b) = two();
    a.create(&table("t", &[("id", INT), ("x", TEXT), ("v", TEXT)], &["id"]));
    b.create(&table("t", &[("v", TEXT), ("id", INT)], &["id"]));
    a.seed("t", &[row![1, "x", "same"], row![2, "x", "one"]]);
    b.seed("t", &[row!["same", 1], row!["other", 2]]);
    let results = compared(&a.connector(), &b.connector(), 100).await.unwrap();
    assert_eq!(results[0].structure, ["only a has column x"]);
    assert_eq!((results[0].differ, results[0].only_a, results[0].only_b), (1, 0, 0));
    assert_eq!(results[0].listed[0].kind, Kind::Differs(vec!["v".into()]));
}

/// 0.0 and -0.0, null and empty, 1 and "1": a copy keeps them apart, so does `compare`.
#[tokio::test]
async fn unlike_values_are_differences() {
    let pairs = [row![0.0, -0.0], row![NULL, ""], row![1, "1"], row![1, 1.0], row!["a", b"a"], row!["a", "A"]];
    for pair in pairs {
        let (a, b) = two();
        for (place, cell) in [&a, &b].into_iter().zip(&pair) {
            place.create(&table("t", &[("id", INT), ("v", LogicalType::Any)], &["id"]));
            place.seed("t", &[row![1, cell.clone()]]);
        }
        let results = compared(&a.connector(), &b.connector(), 100).await.unwrap();
        assert_eq!(results[0].differ, 1, "{pair:?}");
    }
}

#[tokio::test]
async fn listing_ends_where_it_should_and_counting_does_not() {
    let (a, b) = two();
    a.create(&people("t"));
    b.create(&people("t"));
    a.seed("t", &crowd(30));
    let what = Comparison {
        a: endpoint("a", &a.connector()),
        b: endpoint("b", &b.connector()),
        selection: Selection::default(),
        rules: Vec::new(),
        listed_max: 3,
        settle: Duration::ZERO,
        budget: budget(50),
    };
    let results = compare(&what, &Arc::new(Compared::default())).await.unwrap();
    assert_eq!((results.tables[0].only_a, results.tables[0].listed.len()), (30, 3));
}

#[tokio::test]
async fn a_connector_that_does_not_sort_is_refused() {
    let (a, b) = two();
    a.create(&people("t"));
    b.create(&people("t"));
    let inner = b.connector();
    let declared = syncline::connector::Capabilities { key_order: false, ..inner.capabilities() };
    let lesser: Arc<dyn Connector> = Arc::new(Lesser { inner, declared });
    let error = compared(&a.connector(), &lesser, 100).await.unwrap_err();
    assert_eq!((error.kind(), error.places()), (ErrorKind::Unsupported, &[("connection", "b".to_owned())][..]));
}
