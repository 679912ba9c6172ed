//! Values: what goes in comes back, or is refused by name (I10, F76).

use std::sync::Arc;

use syncline::connector::ReadOrder;
use syncline_model::cell::Interval;
use syncline_model::column::ColumnBuilder;
use syncline_model::decimal::Decimal;
use syncline_model::temporal::{DATE_MAX, DATE_MIN, DAY_US, TIMESTAMP_MAX, TIMESTAMP_MIN};
use syncline_model::{Cell, CellBuf, ErrorKind, LogicalType};

use crate::support::batches::{BYTES, INT, NULL, TEXT, row, snapshot, table, unit};
use crate::support::jobs::{applied, described, read_all, rows_of, write_spec};
use crate::support::place::{Place, seen};

on_every_place! {
    every_value_comes_back_or_is_refused_by_name
    irregular_values_come_back_or_are_refused_by_name
    a_large_value_comes_back
}

fn decimal(text: &str) -> CellBuf {
    Cell::Decimal(Decimal::from_text(text).expect("a decimal")).to_owned()
}

fn cell(cell: Cell<'_>) -> CellBuf {
    cell.to_owned()
}

/// Every logical type with values of its own, among them its ends.
fn regular() -> Vec<(LogicalType, Vec<CellBuf>)> {
    let ints = |values: &[i64]| values.iter().map(|&v| v.into()).collect::<Vec<CellBuf>>();
    let int = |bits, signed| LogicalType::Int { bits, signed };
    let floats = [0.0, -0.0, 1.0, 0.1, -1.5e-300, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY];
    let times = |make: fn(i64) -> Cell<'static>, values: &[i64]| values.iter().map(|&v| cell(make(v))).collect();
    vec![
        (LogicalType::Bool, vec![cell(Cell::Bool(true)), cell(Cell::Bool(false))]),
        (int(8, true), ints(&[-128, 127])),
        (int(8, false), ints(&[0, 255])),
        (int(16, true), ints(&[-32_768, 32_767])),
        (int(24, true), ints(&[-8_388_608, 8_388_607])),
        (int(32, true), ints(&[i64::from(i32::MIN), i64::from(i32::MAX)])),
        (int(64, true), ints(&[i64::MIN, -1, 0, i64::MAX])),
        (int(64, false), vec![0.into(), cell(Cell::uint(u64::MAX))]),
        (LogicalType::Float32, [0.5, -0.0, f64::from(f32::MAX)].map(|v| cell(Cell::Float(v))).into()),
        (LogicalType::Float64, floats.map(|v| cell(Cell::Float(v))).into()),
        (LogicalType::Float64, vec![cell(Cell::Float(f64::NAN))]),
        (
            LogicalType::Decimal { precision: Some(10), scale: Some(2) },
            ["0.00", "-1.10", "99999999.99"].map(decimal).into(),
        ),
        (
            LogicalType::Decimal { precision: None, scale: None },
            vec![decimal(&"123456789".repeat(20)), decimal("-0.1")],
        ),
        (LogicalType::Text { chars_max: Some(40) }, row!["", "a", "it's \"quoted\"", "nul\0inside", "😀 é 表"]),
        (TEXT, row!["123", " 1e5 ", "NULL", "0x10", "-0", "inf", "1_000"]),
        (BYTES, row![b"", b"\x00\xff\x80", b"text"]),
        (LogicalType::Date, [DATE_MIN, -1, 0, 19_000, DATE_MAX].map(|v| cell(Cell::Date(v))).into()),
        (LogicalType::Time, times(Cell::Time, &[0, 1, 1_000, DAY_US - 1])),
        (LogicalType::Timestamp, times(Cell::Timestamp, &[TIMESTAMP_MIN, -1, 0, 1_700_000_000_123_456, TIMESTAMP_MAX])),
        (LogicalType::TimestampTz, times(Cell::TimestampTz, &[TIMESTAMP_MIN, 0, 1_700_000_000_100_000, TIMESTAMP_MAX])),
        (LogicalType::Interval, vec![cell(Cell::Interval(Interval { months: -1, days: 40, us: 1 }))]),
        (LogicalType::Uuid, [[0; 16], [0xff; 16], *b"0123456789abcdef"].map(|v| cell(Cell::Uuid(v))).into()),
        (LogicalType::Json, row!["{\"a\": 1, \"a\": 2 }", "null", "[]"]),
        (LogicalType::Enum { labels: vec!["new".into(), "old".into()] }, row!["new", "old"]),
        (LogicalType::Array(Box::new(INT)), row!["{1,2,NULL}"]),
        (LogicalType::Other, row!["(1,2)"]),
        (LogicalType::Any, row![1, 1.5, "1", b"1", "one", NULL]),
    ]
}

/// Values that their column's type does not have (SQLite keeps them; a snapshot must carry them).
fn irregular() -> Vec<(LogicalType, Vec<CellBuf>)> {
    let bad = || CellBuf::BadText(b"bad \xff text".as_slice().into());
    let strays = || {
        row![i64::MAX, 0.5, -0.0, 1e300, 9_223_372_036_854_775_808.0, "stray", "", "12", b"\x00", f64::INFINITY, bad()]
    };
    let types = [
        LogicalType::Bool,
        LogicalType::Int { bits: 8, signed: true },
        INT,
        LogicalType::Float64,
        LogicalType::Decimal { precision: Some(4), scale: Some(2) },
        TEXT,
        LogicalType::Text { chars_max: Some(2) },
        BYTES,
        LogicalType::Date,
        LogicalType::Time,
        LogicalType::Timestamp,
        LogicalType::TimestampTz,
        LogicalType::Uuid,
        LogicalType::Json,
        LogicalType::Any,
    ];
    let mut all: Vec<_> = types.into_iter().map(|logical| (logical, strays())).collect();
    let days = ["0000-00-00", "2024-02-30", "-0044-03-15", "2024-1-1", "2024-01-01T00:00:00Z", "infinity", "24:00:00"];
    for logical in [LogicalType::Date, LogicalType::Time, LogicalType::Timestamp, LogicalType::TimestampTz] {
        all.push((logical, days.map(Into::into).into()));
    }
    all
}

async fn every_value_comes_back_or_is_refused_by_name(place: &dyn Place) {
    for (logical, values) in regular() {
        for value in values.into_iter().chain([NULL]) {
            came_back(&*place.another(), &logical, &value).await;
        }
    }
}

async fn irregular_values_come_back_or_are_refused_by_name(place: &dyn Place) {
    for (logical, values) in irregular() {
        // One by one, and all in one column, which then says each cell's own kind.
        for value in &values {
            came_back(&*place.another(), &logical, value).await;
        }
    }
}

/// Writes the value into a table that the place creates itself, and reads it with the place's own source.
async fn came_back(place: &dyn Place, logical: &LogicalType, value: &CellBuf) {
    let schema = Arc::new(table("t", &[("id", INT), ("v", logical.clone())], &["id"]));
    let connector = place.connector();
    let mut sink = connector.open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    let rows = [row![1, NULL], row![2, value.clone()]];
    match applied(&mut *sink, &unit(vec![snapshot(&schema, &rows)], "t")).await {
        Ok(_) => {
            let batches = read_all(&connector, &described(&connector).await, ReadOrder::Key, 1 << 20).await.unwrap();
            let read = rows_of(&batches, "t");
            assert_eq!(read[0], rows[0]);
            assert!(same(&read[1][1], value), "{value:?} in a column {logical} came back as {:?}", read[1][1]);
        }
        Err(e) => {
            assert_eq!(e.kind(), ErrorKind::Value, "{value:?} in a column {logical}: {e}");
            for place in [("table", "t".to_owned()), ("column", "v".to_owned())] {
                assert!(e.places().contains(&place), "{e} does not name its {}", place.0);
            }
            drop(sink);
            assert_eq!(seen(place, "t"), None);
            assert!(!holds(&connector, logical, value), "{value:?} in a column {logical} is refused: {e}");
        }
    }
}

/// The same cell, or its text where the place has no such type.
fn same(read: &CellBuf, written: &CellBuf) -> bool {
    let text = |cell: &CellBuf| {
        let mut text = String::new();
        cell.as_cell().format(&mut text);
        text
    };
    read == written
        || match (read.as_cell(), written.as_cell()) {
            // MariaDB has neither a bool nor moments that know their zone.
            (Cell::Int(a), Cell::Bool(b)) => a == i64::from(b),
            (Cell::Timestamp(a), Cell::TimestampTz(b)) => a == b,
            (Cell::Text(_), Cell::Interval(_)) | (Cell::Decimal(_), Cell::Int(_) | Cell::UInt(_)) => {
                text(read) == text(written)
            }
            // A decimal column reads a short float as the decimal that it stands for.
            (Cell::Decimal(_), Cell::Float(v)) => text(read).parse() == Ok(v),
            _ => false,
        }
        || matches!((read.as_cell(), written.as_cell()), (Cell::Float(a), Cell::Float(b)) if a.is_nan() && b.is_nan())
}

/// What must not be refused: memory holds everything, SQLite everything but NaN, integers above 63 bits, decimals
/// beyond a double, and what a column's affinity would alter. PostgreSQL holds what the type has, but for NUL in text.
fn holds(connector: &Arc<dyn syncline::connector::Connector>, logical: &LogicalType, value: &CellBuf) -> bool {
    let brand = format!("{connector:?}");
    if brand.contains("Postgres") {
        let mut column = ColumnBuilder::new(logical);
        column.append(value.as_cell()).unwrap();
        // Within the bounds, which a column of a batch does not know.
        let bounded = match (logical, value) {
            (LogicalType::Int { bits, signed: true }, CellBuf::Plain(Cell::Int(v))) => v >> (bits - 1) == v >> 63,
            (LogicalType::Text { chars_max: Some(max) }, CellBuf::Text(text)) => text.chars().count() <= *max as usize,
            (LogicalType::Json, CellBuf::Text(text)) => serde_json::from_str::<serde_json::Value>(text).is_ok(),
            _ => true,
        };
        let has_nul = matches!(value, CellBuf::Text(text) if text.contains('\0'));
        return *logical != LogicalType::Any && !column.finish().is_mixed() && bounded && !has_nul;
    }
    if brand.contains("Memory") {
        return true;
    }
    if brand.contains("Mariadb") {
        return mariadb_holds(logical, value);
    }
    matches!(value, CellBuf::Bytes(_) | CellBuf::Plain(Cell::Null | Cell::Bool(_) | Cell::Date(_) | Cell::Uuid(_)))
}

/// What a column that MariaDB creates for a logical type must not refuse: every value of the type, but for floats that
/// are no numbers; and no column holds decimals without bounds.
fn mariadb_holds(logical: &LogicalType, value: &CellBuf) -> bool {
    use LogicalType as L;
    match (logical, value.as_cell()) {
        (L::Decimal { precision: None, .. }, _) => false,
        (_, Cell::Null) | (L::Bool, Cell::Bool(_)) | (L::Bytes { .. }, Cell::Bytes(_)) => true,
        (L::Int { bits, signed: true }, Cell::Int(v)) => *bits == 64 || v.unsigned_abs() < 1 << (bits - 1),
        (L::Int { bits, signed: false }, Cell::Int(v)) => u64::try_from(v).is_ok_and(|v| *bits == 64 || v < 1 << bits),
        (L::Int { bits: 64, signed: false }, Cell::UInt(_)) => true,
        (L::Float64, Cell::Float(v)) => v.is_finite(),
        (L::Decimal { .. }, Cell::Decimal(_)) => true,
        (L::Text { chars_max }, Cell::Text(v)) => chars_max.is_none_or(|max| v.chars().count() <= max as usize),
        (L::Date, Cell::Date(_)) | (L::Time, Cell::Time(_)) | (L::Timestamp, Cell::Timestamp(_)) => true,
        (L::TimestampTz, Cell::TimestampTz(_)) | (L::Interval, Cell::Interval(_)) | (L::Uuid, Cell::Uuid(_)) => true,
        (L::Date, Cell::Text(v)) => matches!(v, "0000-00-00" | "2024-02-30"),
        (L::Time, Cell::Text(v)) => v == "24:00:00",
        (L::Array(_) | L::Other | L::Any, Cell::Text(_)) => true,
        _ => false,
    }
}

async fn a_large_value_comes_back(place: &dyn Place) {
    let megabytes = "0123456789abcdef".repeat(256 << 10);
    came_back(place, &TEXT, &megabytes.as_str().into()).await;
    came_back(&*place.another(), &BYTES, &CellBuf::Bytes(megabytes.as_bytes().into())).await;
}
