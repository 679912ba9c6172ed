//! Rows, changes and batches, written down shortly.

use std::sync::Arc;

use syncline_model::change::{ChangeBuf, Op, TableBuilder};
use syncline_model::{Cell, CellBuf, ChangeBatch, Column, LogicalType, Position, TableChanges, TableName, TableSchema};

/// A row, cell by cell.
pub type Row = Vec<CellBuf>;

/// A row image in which columns may be absent: not carried, or not known.
pub type Image = Vec<Option<CellBuf>>;

/// What a test writes where a cell is meant.
pub trait IntoCell {
    fn into_cell(self) -> CellBuf;
}

impl IntoCell for CellBuf {
    fn into_cell(self) -> CellBuf {
        self
    }
}

impl IntoCell for Cell<'_> {
    fn into_cell(self) -> CellBuf {
        self.to_owned()
    }
}

impl IntoCell for i64 {
    fn into_cell(self) -> CellBuf {
        self.into()
    }
}

impl IntoCell for i32 {
    fn into_cell(self) -> CellBuf {
        i64::from(self).into()
    }
}

impl IntoCell for f64 {
    fn into_cell(self) -> CellBuf {
        CellBuf::Plain(Cell::Float(self))
    }
}

impl IntoCell for &str {
    fn into_cell(self) -> CellBuf {
        self.into()
    }
}

impl IntoCell for String {
    fn into_cell(self) -> CellBuf {
        self.as_str().into()
    }
}

impl<const N: usize> IntoCell for &[u8; N] {
    fn into_cell(self) -> CellBuf {
        CellBuf::Bytes(self.as_slice().into())
    }
}

/// `row![1, "one", NULL]`.
macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$($crate::support::batches::IntoCell::into_cell($cell)),*] };
}

/// `image![1, _, "x"]`: `_` is a column that is not carried, or not known.
macro_rules! image {
    (@one _) => { None };
    (@one $cell:expr) => { Some($crate::support::batches::IntoCell::into_cell($cell)) };
    ($($cell:tt),* $(,)?) => { vec![$(image!(@one $cell)),*] };
}

pub(crate) use {image, row};

/// No value.
pub const NULL: CellBuf = CellBuf::NULL;

pub const INT: LogicalType = LogicalType::Int { bits: 64, signed: true };
pub const TEXT: LogicalType = LogicalType::Text { chars_max: None };
pub const BYTES: LogicalType = LogicalType::Bytes { bytes_max: None };

/// A table of no particular brand. Columns of the key are not nullable.
pub fn table(name: &str, columns: &[(&str, LogicalType)], key: &[&str]) -> TableSchema {
    let columns = columns.iter().map(|(name, logical)| Column::new(name, logical.clone())).collect();
    let mut table = TableSchema::new(TableName::bare(name), columns);
    for column in key {
        let place = table.position(column).expect("the key names a column");
        table.columns[place].nullable = false;
        table.key.push(place);
    }
    table
}

/// `id INTEGER, name TEXT` with the key `id`.
pub fn people(name: &str) -> Arc<TableSchema> {
    Arc::new(table(name, &[("id", INT), ("name", TEXT)], &["id"]))
}

/// Rows 1 to `n` for [`people`].
pub fn crowd(n: i64) -> Vec<Row> {
    (1..=n).map(|i| row![i, format!("name {i}")]).collect()
}

pub fn insert(after: Row) -> ChangeBuf {
    ChangeBuf::new(Op::Insert, after.into_iter().map(Some).collect(), Vec::new())
}

pub fn update(before: Image, after: Image) -> ChangeBuf {
    ChangeBuf::new(Op::Update, after, before)
}

pub fn key_change(before: Image, after: Image) -> ChangeBuf {
    ChangeBuf::new(Op::Key, after, before)
}

pub fn delete(before: Image) -> ChangeBuf {
    ChangeBuf::new(Op::Delete, Vec::new(), before)
}

pub fn truncate() -> ChangeBuf {
    ChangeBuf::new(Op::Truncate, Vec::new(), Vec::new())
}

/// Changes in the order in which they stand here.
pub fn changes(schema: &Arc<TableSchema>, all: Vec<ChangeBuf>) -> TableChanges {
    let ordered = all.into_iter().enumerate().map(|(ord, change)| ChangeBuf { ord: ord as u64, ..change });
    changes_as_numbered(schema, ordered.collect())
}

/// Changes whose `ord` says their place.
pub fn changes_as_numbered(schema: &Arc<TableSchema>, all: Vec<ChangeBuf>) -> TableChanges {
    let mut builder = TableBuilder::new(schema.clone());
    for change in all {
        builder.push(change).unwrap();
    }
    builder.finish().unwrap()
}

/// Snapshot rows.
pub fn snapshot(schema: &Arc<TableSchema>, rows: &[Row]) -> TableChanges {
    let mut builder = TableBuilder::new(schema.clone());
    for row in rows {
        builder.snapshot_row::<syncline_model::Error>(|i| Ok(row[i].as_cell())).unwrap();
    }
    builder.finish_snapshot(0).unwrap()
}

/// A whole unit in one batch, after which the source stands at `upto`.
pub fn unit(tables: Vec<TableChanges>, upto: &str) -> ChangeBatch {
    ChangeBatch { begins: true, ends: Some(at(upto)), tables, native: None }
}

/// A position that only tests make.
pub fn at(text: &str) -> Position {
    Position::new("test/1", text)
}
