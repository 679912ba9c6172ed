#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::Arc;

use super::{ValueRules, is_zero_date};
use crate::cell::{Cell, CellBuf};
use crate::change::{ChangeBuf, Op, TableBuilder, TableChanges};
use crate::schema::{Column, LogicalType, TableName, TableSchema};

const TEXT: LogicalType = LogicalType::Text { chars_max: None };

/// One row of `(day date, at timestamp, note text, raw bytes)`, as an update with a before image.
fn row(cells: [Cell<'_>; 4]) -> TableChanges {
    let logical = [LogicalType::Date, LogicalType::Timestamp, TEXT, LogicalType::Bytes { bytes_max: None }];
    let columns = ["day", "at", "note", "raw"].iter().zip(logical).map(|(n, l)| Column::new(n, l)).collect();
    let mut builder = TableBuilder::new(Arc::new(TableSchema::new(TableName::bare("t"), columns)));
    let image: Vec<Option<CellBuf>> = cells.iter().map(|c| Some(c.to_owned())).collect();
    builder.push(ChangeBuf::new(Op::Update, image.clone(), image)).unwrap();
    builder.finish().unwrap()
}

fn ruled(rules: ValueRules, cells: [Cell<'_>; 4]) -> Vec<CellBuf> {
    let changes = rules.apply(row(cells)).unwrap();
    let after: Vec<CellBuf> = (0..4).map(|c| changes.after(0, c).unwrap().to_owned()).collect();
    let before: Vec<CellBuf> = (0..4).map(|c| changes.before(0, c).unwrap().to_owned()).collect();
    assert_eq!(after, before);
    assert_eq!(changes.op(0), Op::Update);
    after
}

const NULLS: ValueRules = ValueRules { zero_dates_null: true, nul_stripped: false };
const STRIP: ValueRules = ValueRules { zero_dates_null: false, nul_stripped: true };

#[test]
fn zero_dates_become_null_in_columns_of_dates_alone() {
    let zero = Cell::Text("0000-00-00");
    let cells = [zero, Cell::Text("2000-00-01 00:00:00"), zero, Cell::Bytes(b"0000-00-00")];
    let owned = cells.map(|c| c.to_owned());
    let ruled_cells = ruled(NULLS, cells);
    assert_eq!(ruled_cells[..2], [CellBuf::NULL, CellBuf::NULL]);
    assert_eq!(ruled_cells[2..], owned[2..]);
    assert_eq!(ruled(STRIP, cells), owned);
    assert_eq!(ruled(ValueRules::default(), cells), owned);
}

#[test]
fn other_values_that_are_no_dates_stay() {
    let cells = [Cell::Text("infinity"), Cell::Text("0044-02-01 BC"), Cell::Null, Cell::Null];
    assert_eq!(ruled(NULLS, cells), cells.map(|c| c.to_owned()));
    let cells = [Cell::Date(3), Cell::Timestamp(4), Cell::Text("a"), Cell::Bytes(b"\0")];
    assert_eq!(ruled(ValueRules { zero_dates_null: true, nul_stripped: true }, cells), cells.map(|c| c.to_owned()));
}

#[test]
fn nul_is_taken_out_of_text_alone() {
    let cells = [Cell::Null, Cell::Null, Cell::Text("\0a\0\0b\0"), Cell::Bytes(b"a\0")];
    let mut expected = cells.map(|c| c.to_owned());
    assert_eq!(ruled(NULLS, cells), expected);
    expected[2] = "ab".into();
    assert_eq!(ruled(STRIP, cells), expected);
}

#[test]
fn what_a_zero_date_is() {
    for zero in ["0000-00-00", "0000-00-00 00:00:00", "2000-00-01", "2000-01-00 12:00:00.5", "0000-01-01"] {
        assert!(is_zero_date(zero), "{zero}");
    }
    for other in ["2000-01-01", "", "0000", "0000-00", "0000-00-00-00", "00-00-00", "infinity", "0000-00-0a"] {
        assert!(!is_zero_date(other), "{other}");
    }
}
