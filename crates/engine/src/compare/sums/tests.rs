#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::Arc;

use syncline_model::change::TableBuilder;
use syncline_model::decimal::Decimal;
use syncline_model::{Cell, Column, Error, LogicalType, TableName, TableSchema};

use super::Sum;

fn sum_of(alike: bool, rows: &[[Cell<'_>; 2]]) -> Sum {
    let columns = ["a", "b"].map(|name| Column::new(name, LogicalType::Any)).to_vec();
    let mut builder = TableBuilder::new(Arc::new(TableSchema::new(TableName::bare("t"), columns)));
    for row in rows {
        builder.snapshot_row(|i| Ok::<_, Error>(row[i])).unwrap();
    }
    let mut sum = Sum::default();
    sum.add(&builder.finish_snapshot(0).unwrap(), &[alike, alike], (1, 2));
    sum
}

const fn text(value: &str) -> Cell<'_> {
    Cell::Text(value)
}

#[test]
fn the_same_rows_in_any_order_have_one_sum() {
    let (x, y, z) = ([text("x"), Cell::Int(1)], [text("y"), Cell::Null], [text("z"), Cell::Float(0.5)]);
    assert_eq!(sum_of(true, &[x, y, z]), sum_of(true, &[z, x, y]));
}

#[test]
fn other_rows_have_another() {
    let (x, y) = ([text("x"), Cell::Int(1)], [text("y"), Cell::Int(2)]);
    let all = [
        sum_of(true, &[]),
        sum_of(true, &[x]),
        sum_of(true, &[x, y]),
        // How often a row is there counts.
        sum_of(true, &[x, x]),
        sum_of(true, &[x, x, y]),
        sum_of(true, &[x, y, y]),
        sum_of(true, &[x, x, y, y]),
        // Values under other keys.
        sum_of(true, &[[text("x"), Cell::Int(2)], [text("y"), Cell::Int(1)]]),
        // One value in the other column; a border between two columns.
        sum_of(true, &[[Cell::Int(1), text("x")]]),
        sum_of(true, &[[text("ab"), text("c")]]),
        sum_of(true, &[[text("a"), text("bc")]]),
        sum_of(true, &[[text("abc"), Cell::Null]]),
        sum_of(true, &[[text(""), Cell::Null]]),
        sum_of(true, &[[Cell::Null, text("")]]),
        // Kinds.
        sum_of(true, &[[text("x"), text("1")]]),
        sum_of(true, &[[text("x"), Cell::Bool(true)]]),
        sum_of(true, &[[text("x"), Cell::Decimal(Decimal::Fixed { unscaled: 10, scale: 1 })]]),
    ];
    for (i, sum) in all.iter().enumerate() {
        assert!(!all[..i].contains(sum), "{i}");
    }
}

#[test]
fn unlike_columns_count_what_values_are_worth() {
    let one = [Cell::Bool(true), Cell::TimestampTz(7)];
    let same = [
        [Cell::Int(1), Cell::Timestamp(7)],
        [Cell::Decimal(Decimal::Fixed { unscaled: 100, scale: 2 }), Cell::TimestampTz(7)],
    ];
    for other in same {
        assert_eq!(sum_of(false, &[one]), sum_of(false, &[other]));
        assert_ne!(sum_of(true, &[one]), sum_of(true, &[other]));
    }
    // A number and a moment are never worth the same, nor is half a number worth one.
    assert_ne!(sum_of(false, &[[Cell::Int(1), Cell::Int(7)]]), sum_of(false, &[one]));
    let half = [Cell::Decimal(Decimal::Fixed { unscaled: 15, scale: 1 }), Cell::Timestamp(7)];
    assert_ne!(sum_of(false, &[half]), sum_of(false, &[one]));
}
