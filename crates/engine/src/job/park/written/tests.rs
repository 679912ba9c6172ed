#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::Arc;

use proptest::prelude::*;
use syncline_model::cell::Interval;
use syncline_model::change::{At, ChangeBuf, Op};
use syncline_model::decimal::Decimal;
use syncline_model::origin::Origin;
use syncline_model::stamp::Stamp;
use syncline_model::{Cell, CellBuf, Column, ErrorKind, LogicalType, TableName, TableSchema};

use super::*;

/// The very same variant with the very same digits, which equality of cells alone would not ask for.
fn same(a: &CellBuf, b: &CellBuf) {
    assert_eq!(format!("{a:?}"), format!("{b:?}"));
}

fn back(cell: &CellBuf) -> CellBuf {
    let text = json(&Written::of(cell.as_cell())).unwrap();
    let written: Written = serde_json::from_str(&text).unwrap();
    written.cell().unwrap()
}

fn cells() -> Vec<CellBuf> {
    let plain = [
        Cell::Null,
        Cell::Bool(true),
        Cell::Bool(false),
        Cell::Int(i64::MIN),
        Cell::Int(i64::MAX),
        Cell::UInt(u64::MAX),
        Cell::Float(-0.0),
        Cell::Float(0.1),
        Cell::Float(f64::MIN_POSITIVE / 3.0),
        Cell::Float(f64::MAX),
        Cell::Float(f64::INFINITY),
        Cell::Float(f64::NEG_INFINITY),
        Cell::Float(f64::NAN),
        Cell::Decimal(Decimal::Fixed { unscaled: i128::MIN, scale: 38 }),
        Cell::Decimal(Decimal::Fixed { unscaled: 100, scale: 2 }),
        Cell::Decimal(Decimal::Fixed { unscaled: 1, scale: 0 }),
        Cell::Date(-719_162),
        Cell::Time(86_399_999_999),
        Cell::Timestamp(-1),
        Cell::TimestampTz(1),
        Cell::Interval(Interval { months: -1, days: 2, us: i64::MIN }),
        Cell::Uuid([0xab; 16]),
    ];
    let mut cells: Vec<CellBuf> = plain.iter().map(Cell::to_owned).collect();
    cells.push(CellBuf::Decimal("-0.100".into()));
    cells.push(CellBuf::Decimal("1".repeat(200).as_str().into()));
    cells.push(CellBuf::Text("a\0\"\\\u{1f600}\n".into()));
    cells.push(CellBuf::Text("".into()));
    cells.push(CellBuf::BadText([0xff, 0, b'a'].into()));
    cells.push(CellBuf::Bytes([].into()));
    cells.push(CellBuf::Bytes((0..=255).collect()));
    cells
}

#[test]
fn every_kind_of_cell_comes_back() {
    for cell in cells() {
        same(&back(&cell), &cell);
    }
}

proptest! {
    #[test]
    fn floats_come_back_bit_for_bit(bits: u64) {
        let CellBuf::Plain(Cell::Float(back)) = back(&CellBuf::Plain(Cell::Float(f64::from_bits(bits)))) else {
            panic!("no float");
        };
        prop_assert!(back.to_bits() == bits || back.is_nan() && f64::from_bits(bits).is_nan());
    }

    #[test]
    fn text_and_bytes_come_back(text: String, bytes: Vec<u8>) {
        same(&back(&CellBuf::Text(text.as_str().into())), &CellBuf::Text(text.as_str().into()));
        same(&back(&CellBuf::Bytes(bytes.as_slice().into())), &CellBuf::Bytes(bytes.as_slice().into()));
    }
}

fn schema(columns: &[&str]) -> TableSchema {
    let columns = columns.iter().map(|name| Column::new(name, LogicalType::Any)).collect();
    TableSchema { key: vec![0], ..TableSchema::new(TableName::bare("t"), columns) }
}

/// F77: null, not carried and a column that the table got since are three things.
#[test]
fn a_change_comes_back_with_all_that_is_known_of_it() {
    let change = ChangeBuf {
        ord: 7,
        origin: Some(Origin(u64::MAX)),
        number: Some(1),
        tx: Some(2),
        stamp: Some(Stamp::new(3, 4)),
        base: Some(Stamp::ZERO),
        at: Some(At { us: -5, commit: true }),
        by: Some(Arc::from("me")),
        ..ChangeBuf::new(Op::Key, vec![Some(2.into()), Some(CellBuf::NULL), None], vec![Some(1.into()), None, None])
    };
    let text = json(&Contents::of(&schema(&["id", "a", "b"]), &change)).unwrap();
    let contents = Contents::parse(&text).unwrap();
    assert_eq!(contents.change(&schema(&["id", "a", "b"])).unwrap(), change);
    let wider = contents.change(&schema(&["new", "a", "id"])).unwrap();
    assert_eq!(wider.after, [None, Some(CellBuf::NULL), Some(2.into())]);
    let gone = contents.change(&schema(&["id", "b"])).unwrap_err();
    assert_eq!((gone.kind(), gone.places()[1].1.as_str()), (ErrorKind::Schema, "a"));
}

#[test]
fn what_is_no_change_is_corrupt() {
    for text in [
        "",
        "{}",
        "[]",
        r#"{"op":"X","ord":1,"after":{},"before":{}}"#,
        r#"{"op":"I","ord":1,"after":{"id":{"uuid":"ab"}},"before":{}}"#,
        r#"{"op":"I","ord":1,"after":{"id":{"bytes":"abc"}},"before":{}}"#,
        r#"{"op":"I","ord":1,"after":{"id":{"bytes":"+1"}},"before":{}}"#,
        r#"{"op":"I","ord":1,"after":{"id":{"decimal":"1e5"}},"before":{}}"#,
        r#"{"op":"I","ord":1,"after":{"id":{"time":-1}},"before":{}}"#,
        r#"{"op":"I","ord":1,"after":{"id":{"strange":1}},"before":{}}"#,
    ] {
        let read = Contents::parse(text).and_then(|contents| contents.change(&schema(&["id"])));
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Corrupt, "{text}");
    }
}
