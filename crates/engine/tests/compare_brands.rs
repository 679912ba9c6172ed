//! `compare` between columns that mean the same in the types of two brands.

use std::sync::Arc;
use std::time::Duration;

use syncline::compare::{Compared, Comparison, Kind, TableResult, compare};
use syncline::connector::Connector;
use syncline_model::cell::Interval;
use syncline_model::decimal::Decimal;
use syncline_model::pattern::Selection;
use syncline_model::{Cell, CellBuf, ChangeBatch, LogicalType};

use crate::support::batches::{INT, Row, TEXT, at, row, snapshot, table};
use crate::support::jobs::{budget, endpoint};
use crate::support::script::Script;

/// A source of one table `t (k, v)` of those types, with these rows.
fn side(brand: &str, key: &LogicalType, value: &LogicalType, rows: &[Row]) -> Arc<dyn Connector> {
    let mut schema = table("t", &[("k", key.clone()), ("v", value.clone())], &["k"]);
    schema.brand = brand.into();
    let schema = Arc::new(schema);
    let tables = vec![snapshot(&schema, rows)];
    Script::of(&[&schema], vec![ChangeBatch { begins: true, ends: Some(at("t")), tables, native: None }])
}

async fn compared(a: Arc<dyn Connector>, b: Arc<dyn Connector>) -> TableResult {
    let what = Comparison {
        a: endpoint("a", &a),
        b: endpoint("b", &b),
        selection: Selection::default(),
        rules: Vec::new(),
        listed_max: 10,
        settle: Duration::ZERO,
        budget: budget(1000),
    };
    compare(&what, &Arc::new(Compared::default())).await.unwrap().tables.remove(0)
}

async fn equal(own: LogicalType, value: Cell<'_>, other: LogicalType, others: Cell<'_>) -> bool {
    let a = side("one", &INT, &own, &[row![1, value]]);
    let b = side("other", &INT, &other, &[row![1, others]]);
    compared(a, b).await.is_equal()
}

const fn decimal(unscaled: i128, scale: u8) -> Cell<'static> {
    Cell::Decimal(Decimal::Fixed { unscaled, scale })
}

#[tokio::test]
async fn one_value_in_the_forms_of_two_brands_is_equal() {
    use LogicalType::{Bool, Date, Float64, TimestampTz, Uuid};
    let int8 = || LogicalType::Int { bits: 8, signed: true };
    let exact = || LogicalType::Decimal { precision: Some(20), scale: Some(2) };
    let interval = Interval { months: 14, days: 3, us: 1_500_000 };
    let id = *b"\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f\x1f";
    let shown = "1f1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1f";
    assert!(equal(Bool, Cell::Bool(true), int8(), Cell::Int(1)).await);
    assert!(equal(LogicalType::Timestamp, Cell::Timestamp(5), TimestampTz, Cell::TimestampTz(5)).await);
    assert!(equal(Uuid, Cell::Uuid(id), TEXT, Cell::Text(shown)).await);
    assert!(equal(Date, Cell::Date(0), TEXT, Cell::Text("1970-01-01")).await);
    assert!(equal(LogicalType::Interval, Cell::Interval(interval), TEXT, Cell::Text("P1Y2M3DT1.5S")).await);
    assert!(equal(exact(), decimal(110, 2), Float64, Cell::Float(1.1)).await);
    assert!(equal(exact(), decimal(700, 2), INT, Cell::Int(7)).await);

    assert!(!equal(Bool, Cell::Bool(true), int8(), Cell::Int(2)).await);
    assert!(!equal(Date, Cell::Date(0), TEXT, Cell::Text("1970-01-02")).await);
    assert!(!equal(Date, Cell::Date(0), TEXT, Cell::Null).await);
    assert!(!equal(exact(), decimal(111, 2), Float64, Cell::Float(1.1)).await);
    assert!(!equal(LogicalType::Interval, Cell::Interval(interval), TEXT, Cell::Text("P1Y")).await);
}

/// Of one type, only the very same cell is equal.
#[tokio::test]
async fn like_columns_are_compared_exactly() {
    assert!(!equal(LogicalType::Float64, Cell::Float(0.0), LogicalType::Float64, Cell::Float(-0.0)).await);
    assert!(!equal(INT, Cell::Int(1), INT, Cell::Text("1")).await);
}

#[tokio::test]
async fn keys_in_the_forms_of_two_brands_meet() {
    let exact = LogicalType::Decimal { precision: Some(20), scale: Some(0) };
    let numbers = |keys: &[i64]| -> Vec<Row> { keys.iter().map(|k| row![*k, "v"]).collect() };
    let decimals: Vec<Row> = [-3, 2, 10].iter().map(|k| row![decimal(*k, 0), "v"]).collect();
    let result =
        compared(side("one", &INT, &TEXT, &numbers(&[-3, 2, 9])), side("other", &exact, &TEXT, &decimals)).await;
    assert_eq!((result.only_a, result.only_b, result.differ), (1, 1, 0));
    let found: Vec<_> = result.listed.iter().map(|d| (d.key.clone(), d.kind.clone())).collect();
    assert_eq!(found[0], (vec![CellBuf::from(9)], Kind::OnlyA));
    assert_eq!(found[1].1, Kind::OnlyB);
}
