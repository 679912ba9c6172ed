#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow_array::types::{Date32Type, Decimal128Type, IntervalMonthDayNanoType, Time64MicrosecondType};
use arrow_array::{ArrayRef, BinaryArray, Int64Array, PrimitiveArray, StringArray, TimestampMicrosecondArray};
use arrow_buffer::IntervalMonthDayNano;
use proptest::prelude::*;

use super::{ColumnBuilder, ColumnData, data_type, mixed};
use crate::cell::tests::cell;
use crate::cell::{Cell, CellBuf, Interval};
use crate::decimal::Decimal;
use crate::error::ErrorKind;
use crate::schema::LogicalType;
use crate::schema::tests::logical;
use crate::temporal::{DATE_MAX, DATE_MIN, DAY_US, TIMESTAMP_MAX, TIMESTAMP_MIN};

/// A cell that the type holds in its own array; most columns hold nothing else.
fn regular(of: &LogicalType) -> BoxedStrategy<CellBuf> {
    let plain = |cell: Cell<'static>| CellBuf::Plain(cell);
    let us = || TIMESTAMP_MIN..=TIMESTAMP_MAX;
    match of {
        LogicalType::Bool => any::<bool>().prop_map(|v| CellBuf::Plain(Cell::Bool(v))).boxed(),
        LogicalType::Int { bits: 64, signed: false } => {
            any::<u64>().prop_map(|v| CellBuf::Plain(Cell::uint(v))).boxed()
        }
        LogicalType::Int { .. } => any::<i64>().prop_map(CellBuf::from).boxed(),
        LogicalType::Float32 => any::<f32>().prop_map(|v| CellBuf::Plain(Cell::Float(f64::from(v)))).boxed(),
        LogicalType::Float64 => any::<f64>().prop_map(|v| CellBuf::Plain(Cell::Float(v))).boxed(),
        LogicalType::Decimal { .. } => prop_oneof![
            (-99_999i128..99_999, 0u8..6)
                .prop_map(move |(unscaled, scale)| plain(Cell::Decimal(Decimal::Fixed { unscaled, scale }))),
            r"-?[0-9]{1,30}(\.[0-9]{1,30})?".prop_map(|t| CellBuf::Decimal(t.into())),
        ]
        .boxed(),
        LogicalType::Bytes { .. } => {
            prop::collection::vec(any::<u8>(), 0..5).prop_map(|b| CellBuf::Bytes(b.into())).boxed()
        }
        LogicalType::Date => (DATE_MIN..=DATE_MAX).prop_map(move |v| plain(Cell::Date(v))).boxed(),
        LogicalType::Time => (0..DAY_US).prop_map(move |v| plain(Cell::Time(v))).boxed(),
        LogicalType::Timestamp => us().prop_map(move |v| plain(Cell::Timestamp(v))).boxed(),
        LogicalType::TimestampTz => us().prop_map(move |v| plain(Cell::TimestampTz(v))).boxed(),
        LogicalType::Interval => any::<(i32, i32, i32)>()
            .prop_map(|(months, days, us)| CellBuf::Plain(Cell::Interval(Interval { months, days, us: us.into() })))
            .boxed(),
        LogicalType::Uuid => any::<[u8; 16]>().prop_map(|v| CellBuf::Plain(Cell::Uuid(v))).boxed(),
        LogicalType::Any => cell().boxed(),
        _ => "\\PC{0,5}".prop_map(|t| CellBuf::Text(t.into())).boxed(),
    }
}

/// A column's type and cells for it: all regular, or any at all.
pub(crate) fn column() -> impl Strategy<Value = (LogicalType, Vec<CellBuf>)> {
    logical().prop_flat_map(|of| {
        let one = prop_oneof![6 => regular(&of), 1 => Just(CellBuf::NULL)];
        let cells = prop_oneof![
            3 => prop::collection::vec(one.clone(), 0..12),
            1 => prop::collection::vec(prop_oneof![one, cell()], 0..12),
        ];
        (Just(of), cells)
    })
}

fn appended(builder: &mut ColumnBuilder, cells: &[CellBuf]) -> ColumnData {
    for cell in cells {
        builder.append(cell.as_cell()).unwrap();
    }
    builder.finish()
}

fn read(data: &ColumnData) -> Vec<CellBuf> {
    (0..data.len()).map(|row| data.cell(row).to_owned()).collect()
}

/// The cells with their decimals as carried: equality alone would not see a lost scale.
fn shown(cells: &[CellBuf]) -> Vec<String> {
    cells
        .iter()
        .map(|c| {
            let mut s = String::new();
            c.as_cell().format(&mut s);
            s
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// I10: whatever goes into a column comes out, also after another batch, also irregular.
    #[test]
    fn cells_come_out_as_they_went_in((of, cells) in column(), more in prop::collection::vec(cell(), 0..4)) {
        let mut builder = ColumnBuilder::new(&of);
        let first = appended(&mut builder, &cells);
        prop_assert_eq!(&read(&first), &cells);
        prop_assert_eq!(first.cell(cells.len()), Cell::Null);
        prop_assert_eq!(builder.bytes(), 0);
        prop_assert_eq!(builder.is_mixed(), of == LogicalType::Any);
        let second = appended(&mut builder, &more);
        prop_assert_eq!(&read(&second), &more);
        let third = appended(&mut builder, &cells);
        prop_assert_eq!(&read(&third), &cells);
        prop_assert_eq!(third.array().data_type(), first.array().data_type());
        // An earlier column is not touched by a later one.
        prop_assert_eq!(&read(&first), &cells);
    }

    #[test]
    fn an_array_is_read_back_as_the_same_column((of, cells) in column()) {
        let data = appended(&mut ColumnBuilder::new(&of), &cells);
        let back = ColumnData::from_array(&of, data.is_mixed(), &data.to_array()).unwrap();
        prop_assert_eq!(&read(&back), &cells);
        prop_assert_eq!(shown(&read(&back)), shown(&read(&data)));
        if !data.is_mixed() {
            prop_assert_eq!(data.array().data_type(), &data_type(&of));
        }
        let rows: Vec<usize> = (0..cells.len()).rev().step_by(2).collect();
        let picked: Vec<CellBuf> = rows.iter().map(|&r| cells[r].clone()).collect();
        prop_assert_eq!(read(&data.picked(&of, &rows).unwrap()), picked);
    }

    #[test]
    fn an_array_of_another_type_is_refused((of, cells) in column(), other in logical()) {
        let data = appended(&mut ColumnBuilder::new(&of), &cells);
        let expected = data_type(&other) == *data.array().data_type();
        let result = ColumnData::from_array(&other, false, &data.to_array());
        match result {
            Ok(back) => { prop_assert!(expected); prop_assert_eq!(back.len(), cells.len()); }
            Err(e) => prop_assert_eq!(e.kind(), ErrorKind::Corrupt),
        }
    }

    #[test]
    fn a_mixed_value_comes_back(a in cell()) {
        let mut bytes = Vec::new();
        mixed::encode(a.as_cell(), &mut bytes);
        match mixed::decode(&bytes) {
            Some(back) => prop_assert_eq!(&back.to_owned(), &a),
            None => prop_assert!(a.as_cell().is_null()),
        }
    }

    /// Whatever bytes a partner sends: refused, or a cell that says the same again.
    #[test]
    fn any_bytes_are_a_mixed_value_or_refused(tag in 0u8..17, rest in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20), prop::collection::vec(any::<u8>(), 8), prop::collection::vec(any::<u8>(), 4),
        prop::collection::vec(prop_oneof![Just(0u8), Just(1)], 1),
    ]) {
        let bytes = [vec![tag], rest].concat();
        if let Some(cell) = mixed::decode(&bytes) {
            prop_assert!(cell.is_canonical());
            let mut again = Vec::new();
            mixed::encode(cell, &mut again);
            prop_assert_eq!(mixed::decode(&again), Some(cell));
            // Nothing is written in two ways.
            prop_assert_eq!(again, bytes);
        }
    }
}

#[test]
fn a_column_becomes_mixed_only_for_what_it_cannot_hold() {
    let becomes = |of: LogicalType, cell: Cell<'_>| {
        let mut builder = ColumnBuilder::new(&of);
        builder.append(cell).unwrap();
        builder.is_mixed()
    };
    let int = LogicalType::Int { bits: 64, signed: true };
    let decimal = || LogicalType::Decimal { precision: Some(5), scale: Some(2) };
    let fixed = |unscaled, scale| Cell::Decimal(Decimal::Fixed { unscaled, scale });
    assert!(!becomes(int.clone(), Cell::Int(1)) && !becomes(int.clone(), Cell::Null));
    assert!(becomes(int.clone(), Cell::Text("1")) && becomes(int, Cell::uint(1 << 63)));
    assert!(!becomes(LogicalType::Int { bits: 64, signed: false }, Cell::Int(1)));
    assert!(becomes(LogicalType::Int { bits: 64, signed: false }, Cell::Int(-1)));
    assert!(!becomes(LogicalType::Float32, Cell::Float(0.5)) && becomes(LogicalType::Float32, Cell::Float(0.1)));
    assert!(!becomes(decimal(), fixed(15, 1)) && !becomes(decimal(), Cell::Decimal(Decimal::Text("1.500"))));
    assert!(becomes(decimal(), fixed(1, 3)) && becomes(decimal(), fixed(100_000, 2)));
    assert!(becomes(LogicalType::Text { chars_max: None }, Cell::BadText(b"\xff")));
    assert!(becomes(LogicalType::Interval, Cell::Interval(Interval { months: 0, days: 0, us: i64::MAX })));
    assert!(!becomes(LogicalType::Decimal { precision: None, scale: None }, Cell::Decimal(Decimal::Text("1.500"))));
}

#[test]
fn an_interval_keeps_its_three_parts() {
    let cell = CellBuf::Plain(Cell::Interval(Interval { months: -1, days: 2, us: -1_500_001 }));
    let data = appended(&mut ColumnBuilder::new(&LogicalType::Interval), std::slice::from_ref(&cell));
    assert!(!data.is_mixed());
    assert_eq!(read(&data), [cell]);
}

#[test]
fn a_cell_out_of_range_is_a_bug_and_leaves_the_column_as_it_was() {
    let mut builder = ColumnBuilder::new(&LogicalType::Date);
    builder.append(Cell::Date(1)).unwrap();
    assert_eq!(builder.append(Cell::Date(i32::MAX)).unwrap_err().kind(), ErrorKind::Bug);
    assert_eq!(builder.append(Cell::UInt(7)).unwrap_err().kind(), ErrorKind::Bug);
    assert_eq!(read(&builder.finish()), [CellBuf::Plain(Cell::Date(1))]);
}

#[test]
fn arrays_that_hold_what_no_cell_can_be_are_corrupt() {
    let refused = |of: LogicalType, mixed: bool, array: ArrayRef| {
        let result = ColumnData::from_array(&of, mixed, &array);
        assert_eq!(result.map(|_| ()).map_err(|e| e.kind()), Err(ErrorKind::Corrupt), "{of}");
    };
    let decimal = || LogicalType::Decimal { precision: Some(5), scale: Some(2) };
    let decimals = |v: i128, p, s| -> ArrayRef {
        Arc::new(PrimitiveArray::<Decimal128Type>::from(vec![v]).with_precision_and_scale(p, s).unwrap())
    };
    ColumnData::from_array(&decimal(), false, &decimals(99_999, 5, 2)).unwrap();
    refused(decimal(), false, decimals(100_000, 5, 2));
    refused(decimal(), false, decimals(1, 5, 3));
    refused(decimal(), false, decimals(1, 5, -2));
    refused(LogicalType::Decimal { precision: None, scale: None }, false, Arc::new(StringArray::from(vec!["1x"])));
    refused(LogicalType::Date, false, Arc::new(PrimitiveArray::<Date32Type>::from(vec![i32::MAX])));
    refused(LogicalType::Time, false, Arc::new(PrimitiveArray::<Time64MicrosecondType>::from(vec![-1])));
    refused(LogicalType::Timestamp, false, Arc::new(TimestampMicrosecondArray::from(vec![i64::MIN])));
    refused(LogicalType::TimestampTz, false, Arc::new(TimestampMicrosecondArray::from(vec![0])));
    refused(LogicalType::Timestamp, false, Arc::new(TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC")));
    let ns = IntervalMonthDayNano::new(0, 0, 1);
    refused(LogicalType::Interval, false, Arc::new(PrimitiveArray::<IntervalMonthDayNanoType>::from(vec![ns])));
    refused(LogicalType::Any, false, Arc::new(BinaryArray::from_vec(vec![b""])));
    refused(LogicalType::Bool, true, Arc::new(BinaryArray::from_vec(vec![&[mixed::tag::BOOL, 2]])));
    refused(LogicalType::Bool, true, Arc::new(Int64Array::from(vec![1])));
    refused(LogicalType::Bool, false, Arc::new(Int64Array::from(vec![1])));
}

/// Stored in change logs: these bytes never change.
#[test]
fn the_bytes_of_mixed_values_are_pinned() {
    let hex = |cell: Cell<'_>| {
        let mut out = Vec::new();
        mixed::encode(cell, &mut out);
        out.iter().map(|b| format!("{b:02x}")).collect::<String>()
    };
    let cells = [
        Cell::Bool(true),
        Cell::Int(-2),
        Cell::UInt(u64::MAX),
        Cell::Float(1.0),
        Cell::Decimal(Decimal::Fixed { unscaled: -150, scale: 2 }),
        Cell::Text("ab"),
        Cell::BadText(b"\xff"),
        Cell::Bytes(b"\x00"),
        Cell::Date(1),
        Cell::Time(1),
        Cell::Timestamp(1),
        Cell::TimestampTz(1),
        Cell::Interval(Interval { months: 1, days: 2, us: 3 }),
        Cell::Uuid([7; 16]),
    ];
    insta::assert_snapshot!(cells.map(hex).join("\n"), @r"
    0101
    02feffffffffffffff
    03ffffffffffffffff
    04000000000000f03f
    052d312e3530
    066162
    07ff
    0800
    0901000000
    0a0100000000000000
    0b0100000000000000
    0c0100000000000000
    0d01000000020000000300000000000000
    0e07070707070707070707070707070707
    ");
}
