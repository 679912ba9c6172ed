//! Changes: what happened to rows, in batches of bounded size.
//!
//! One type carries data everywhere. A [`ChangeBatch`] is a piece of a unit; per table it holds the after
//! images as columns and, beside them, the change columns of the design ([`Marks`]).

pub mod arrow;
pub mod build;
pub mod marks;
mod native;
pub mod net;

use std::sync::Arc;

use crate::cell::Cell;
use crate::column::ColumnData;
use crate::error::{Error, ErrorKind, Result};
use crate::position::Position;
use crate::schema::TableSchema;

pub use build::{ChangeBuf, TableBuilder};
pub use marks::{At, Bits, Marks, Uniform};
pub use native::NativeRows;

/// What a change does. The letter is what a change log stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// A new row.
    Insert,
    /// Other columns of a row.
    Update,
    /// An update that changes the key; sinks apply it as one statement.
    Key,
    /// A row is gone.
    Delete,
    /// All rows of the table are gone.
    Truncate,
    /// A row as a snapshot found it.
    Snapshot,
}

impl Op {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Insert, Self::Update, Self::Key, Self::Delete, Self::Truncate, Self::Snapshot];

    /// The letter that stands for it.
    #[must_use]
    pub const fn letter(self) -> u8 {
        match self.as_str().as_bytes() {
            [letter, ..] => *letter,
            [] => 0,
        }
    }

    /// The letter as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "I",
            Self::Update => "U",
            Self::Key => "K",
            Self::Delete => "D",
            Self::Truncate => "T",
            Self::Snapshot => "S",
        }
    }

    /// The operation of that letter.
    #[must_use]
    pub fn from_letter(letter: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.letter() == letter)
    }
}

/// The changes of one table within a batch.
#[derive(Debug, Clone)]
pub struct TableChanges {
    schema: Arc<TableSchema>,
    rows: usize,
    after: Vec<ColumnData>,
    marks: Marks,
}

impl TableChanges {
    /// Puts columns and marks together.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] if their numbers of columns or rows differ.
    pub fn new(schema: Arc<TableSchema>, rows: usize, after: Vec<ColumnData>, marks: Marks) -> Result<Self> {
        let columns = schema.columns.len();
        let rows_fit = after.iter().all(|c| c.len() == rows) && marks.fits(rows);
        if after.len() != columns || !marks.fits_columns(columns) || !rows_fit {
            return Err(Error::new(ErrorKind::Bug, "columns and marks of a batch differ in length")
                .at("table", schema.name.to_string()));
        }
        Ok(Self { schema, rows, after, marks })
    }

    /// The table, at the version that the bitmaps count.
    #[must_use]
    pub fn schema(&self) -> &Arc<TableSchema> {
        &self.schema
    }

    /// Number of changes.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The change columns.
    #[must_use]
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// The after images, one per column of the schema.
    #[must_use]
    pub fn columns(&self) -> &[ColumnData] {
        &self.after
    }

    /// The after image's cell. *Not carried* reads as null here; ask [`TableChanges::after`] to tell them apart.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        self.after.get(column).map_or(Cell::Null, |c| c.cell(row))
    }

    /// The after image's cell, or nothing if this change does not carry the column (F77: *not carried* and *null*
    /// are different states).
    #[must_use]
    pub fn after(&self, row: usize, column: usize) -> Option<Cell<'_>> {
        self.marks.carries(row, column).then(|| self.cell(row, column))
    }

    /// The before image's cell, or nothing if it is not known.
    #[must_use]
    pub fn before(&self, row: usize, column: usize) -> Option<Cell<'_>> {
        self.marks.before(row, column)
    }

    /// The operation of that row.
    #[must_use]
    pub fn op(&self, row: usize) -> Op {
        self.marks.op.get(row)
    }

    /// The key under which the sink finds the row: the old key of K and D where it is known, else the carried one.
    pub fn key_cells(&self, row: usize) -> impl Iterator<Item = Cell<'_>> {
        self.schema.key.iter().map(move |&column| self.key_cell(row, column))
    }

    /// The cell of one column of that key.
    #[must_use]
    pub fn key_cell(&self, row: usize, column: usize) -> Cell<'_> {
        let old = matches!(self.op(row), Op::Key | Op::Delete | Op::Update);
        let before = if old { self.before(row, column) } else { None };
        before.unwrap_or_else(|| self.cell(row, column))
    }

    /// The sink's refusal of that row, named by its change. A snapshot's row is no change that could be set aside.
    #[must_use]
    pub fn refused(&self, row: usize, error: Error) -> Error {
        match row < self.rows && self.op(row) != Op::Snapshot {
            true => error.of_change(self.marks.ord(row)),
            false => error,
        }
    }

    /// The same changes under another schema: column `i` of the new one is column `columns[i]` of this one.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] if a position is out of range.
    pub fn projected(&self, schema: &Arc<TableSchema>, columns: &[usize]) -> Result<Self> {
        let after = columns.iter().filter_map(|&c| self.after.get(c).cloned()).collect();
        // The same columns in the same order keep their bitmaps.
        let same = columns.iter().copied().eq(0..self.after.len());
        let marks = if same { self.marks.clone() } else { self.marks.projected(columns) };
        Self::new(schema.clone(), self.rows, after, marks)
    }

    /// Only these rows, in this order.
    ///
    /// # Errors
    /// As [`ColumnBuilder::append`](crate::column::ColumnBuilder::append); [`ErrorKind::Bug`] if a row is out of
    /// range.
    pub fn picked(&self, rows: &[usize]) -> Result<Self> {
        if rows.iter().any(|&row| row >= self.rows) {
            return Err(Error::new(ErrorKind::Bug, "a row is picked that its batch does not have")
                .at("table", self.schema.name.to_string()));
        }
        let pick = |columns: &[ColumnData]| -> Result<Vec<ColumnData>> {
            let typed = columns.iter().zip(&self.schema.columns);
            typed.map(|(data, column)| data.picked(&column.logical, rows)).collect()
        };
        let marks = self.marks.picked(rows, pick(&self.marks.before)?);
        Self::new(self.schema.clone(), rows.len(), pick(&self.after)?, marks)
    }

    /// Bytes in memory, roughly; budgets count with it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let used = |c: &ColumnData| c.array().to_data().get_slice_memory_size().unwrap_or(0);
        self.after.iter().chain(&self.marks.before).map(used).sum()
    }
}

/// A bounded piece of a unit.
///
/// A unit is what a sink applies as one (I3); it may span batches. The first batch of a unit `begins` it, the last
/// `ends` it; both may be the same batch.
#[derive(Debug, Clone, Default)]
pub struct ChangeBatch {
    /// Whether a unit begins with this batch.
    pub begins: bool,
    /// Where the source stands after the unit, if the unit ends with this batch.
    pub ends: Option<Position>,
    /// The changes by table. `_ord` orders them over all tables.
    pub tables: Vec<TableChanges>,
    /// Rows in a brand's own form, which come after all of `tables`.
    pub native: Option<NativeRows>,
}

impl ChangeBatch {
    /// Number of changes.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.tables.iter().map(TableChanges::rows).sum::<usize>() + self.native.as_ref().map_or(0, |n| n.rows)
    }

    /// Bytes in memory, roughly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.tables.iter().map(TableChanges::bytes).sum::<usize>() + self.native.as_ref().map_or(0, |n| n.bytes.len())
    }

    /// All changes of `tables` as (table position, row) in the order in which the source made them (I4).
    #[must_use]
    pub fn in_order(&self) -> Vec<(usize, usize)> {
        let mut all: Vec<(u64, usize, usize)> = Vec::with_capacity(self.tables.iter().map(TableChanges::rows).sum());
        for (t, table) in self.tables.iter().enumerate() {
            all.extend((0..table.rows()).map(|row| (table.marks.ord(row), t, row)));
        }
        if !all.is_sorted() {
            all.sort_unstable();
        }
        all.into_iter().map(|(_, t, row)| (t, row)).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests;
