//! The change columns: what is known about each change besides its row.

use std::sync::Arc;

use crate::cell::Cell;
use crate::change::Op;
use crate::column::ColumnData;
use crate::origin::Origin;
use crate::stamp::Stamp;

/// A column that is often the same for all rows (a snapshot has one operation and no transaction).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uniform<T> {
    /// The same for every row.
    One(T),
    /// One per row.
    Each(Vec<T>),
}

impl<T: Clone> Uniform<T> {
    /// The value of that row.
    ///
    /// # Panics
    /// Never for rows of the batch: [`Marks::fits`] was checked when the batch was made.
    #[must_use]
    #[allow(clippy::indexing_slicing)]
    pub fn get(&self, row: usize) -> T {
        match self {
            Self::One(value) => value.clone(),
            Self::Each(values) => values[row].clone(),
        }
    }

    fn picked(&self, rows: &[usize]) -> Self {
        match self {
            Self::One(value) => Self::One(value.clone()),
            Self::Each(values) => Self::Each(rows.iter().filter_map(|&row| values.get(row).cloned()).collect()),
        }
    }

    fn fits(&self, rows: usize) -> bool {
        matches!(self, Self::Each(values) if values.len() == rows) || matches!(self, Self::One(_))
    }
}

/// When a change was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// µs since 1970 UTC.
    pub us: i64,
    /// Whether this is the time of the commit; else that of the statement.
    pub commit: bool,
}

/// One bit per row and column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bits {
    width: usize,
    bytes: Vec<u8>,
}

impl Bits {
    /// No rows yet, of that many columns.
    #[must_use]
    pub fn new(columns: usize) -> Self {
        Self { width: columns.div_ceil(8), bytes: Vec::new() }
    }

    /// Bits from their stored form, `width` bytes per row.
    #[must_use]
    pub fn from_bytes(width: usize, bytes: Vec<u8>) -> Self {
        Self { width, bytes }
    }

    /// Bytes per row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Stored form: row after row, lowest bit first.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends a row.
    pub fn push(&mut self, columns: impl IntoIterator<Item = bool>) {
        let start = self.bytes.len();
        self.bytes.resize(start + self.width, 0);
        for (column, set) in columns.into_iter().enumerate() {
            if set && let Some(byte) = self.bytes.get_mut(start + column / 8) {
                *byte |= 1 << (column % 8);
            }
        }
    }

    /// Whether the bit is set.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> bool {
        column / 8 < self.width
            && self.bytes.get(row * self.width + column / 8).is_some_and(|byte| byte >> (column % 8) & 1 == 1)
    }

    /// One row in its stored form; empty beyond the end.
    #[must_use]
    pub fn row(&self, row: usize) -> &[u8] {
        self.bytes.get(row * self.width..(row + 1) * self.width).unwrap_or_default()
    }

    fn rows(&self) -> usize {
        self.bytes.len().checked_div(self.width).unwrap_or(0)
    }

    fn picked(&self, rows: &[usize]) -> Self {
        Self { width: self.width, bytes: rows.iter().flat_map(|&row| self.row(row)).copied().collect() }
    }

    fn projected(&self, columns: &[usize]) -> Self {
        let mut bits = Self::new(columns.len());
        for row in 0..self.rows() {
            bits.push(columns.iter().map(|&column| self.get(row, column)));
        }
        bits
    }
}

/// The change columns of one table's changes.
#[derive(Debug, Clone)]
pub struct Marks {
    /// `_op`.
    pub op: Uniform<Op>,
    /// `_ord` of the first row; later rows count up. Absent if `ords` names each.
    pub ord_first: u64,
    /// `_ord` where the rows are not consecutive.
    pub ords: Option<Vec<u64>>,
    /// `_origin`; absent before the fold gave one.
    pub origin: Uniform<Option<Origin>>,
    /// `_number`.
    pub number: Uniform<Option<u64>>,
    /// `_tx`; absent where the database cannot name it.
    pub tx: Uniform<Option<u64>>,
    /// `_stamp`.
    pub stamp: Uniform<Option<Stamp>>,
    /// `_base`: the stamp that the change replaced.
    pub base: Uniform<Option<Stamp>>,
    /// `_at`.
    pub at: Uniform<Option<At>>,
    /// `_by`: the session's user.
    pub by: Uniform<Option<Arc<str>>>,
    /// `_changed`: which columns the after image carries. Absent: all.
    pub carried: Option<Bits>,
    /// `_before_known`: which columns the before image holds. Absent: none.
    pub before_known: Option<Bits>,
    /// `_before`, one per column of the schema; empty if nothing is known.
    pub before: Vec<ColumnData>,
}

impl Marks {
    /// The marks of snapshot rows, in the order in which they were read.
    #[must_use]
    pub fn snapshot(ord_first: u64) -> Self {
        Self {
            op: Uniform::One(Op::Snapshot),
            ord_first,
            ords: None,
            origin: Uniform::One(None),
            number: Uniform::One(None),
            tx: Uniform::One(None),
            stamp: Uniform::One(None),
            base: Uniform::One(None),
            at: Uniform::One(None),
            by: Uniform::One(None),
            carried: None,
            before_known: None,
            before: Vec::new(),
        }
    }

    /// `_ord` of that row.
    #[must_use]
    pub fn ord(&self, row: usize) -> u64 {
        match &self.ords {
            Some(ords) => ords.get(row).copied().unwrap_or(u64::MAX),
            None => self.ord_first.saturating_add(row as u64),
        }
    }

    /// Whether the after image carries that column.
    #[must_use]
    pub fn carries(&self, row: usize, column: usize) -> bool {
        self.carried.as_ref().is_none_or(|bits| bits.get(row, column))
    }

    /// The before image's cell, or nothing if it is not known.
    #[must_use]
    pub fn before(&self, row: usize, column: usize) -> Option<Cell<'_>> {
        let known = self.before_known.as_ref().is_some_and(|bits| bits.get(row, column));
        known.then(|| self.before.get(column).map(|c| c.cell(row)))?
    }

    /// Whether every column has that many rows.
    #[must_use]
    pub fn fits(&self, rows: usize) -> bool {
        let bits = |b: &Option<Bits>| b.as_ref().is_none_or(|b| b.width == 0 || b.rows() == rows);
        self.op.fits(rows)
            && self.ords.as_ref().is_none_or(|o| o.len() == rows)
            && self.origin.fits(rows)
            && self.number.fits(rows)
            && self.tx.fits(rows)
            && self.stamp.fits(rows)
            && self.base.fits(rows)
            && self.at.fits(rows)
            && self.by.fits(rows)
            && bits(&self.carried)
            && bits(&self.before_known)
            && self.before.iter().all(|c| c.len() == rows)
    }

    /// Whether bitmaps and before image are those of that many columns.
    #[must_use]
    pub fn fits_columns(&self, columns: usize) -> bool {
        let bits = |b: &Option<Bits>| b.as_ref().is_none_or(|b| b.width == columns.div_ceil(8));
        bits(&self.carried) && bits(&self.before_known) && (self.before.is_empty() || self.before.len() == columns)
    }

    /// The marks of only these rows, whose before image is `before`.
    #[must_use]
    pub(super) fn picked(&self, rows: &[usize], before: Vec<ColumnData>) -> Self {
        Self {
            op: self.op.picked(rows),
            ord_first: 0,
            ords: Some(rows.iter().map(|&row| self.ord(row)).collect()),
            origin: self.origin.picked(rows),
            number: self.number.picked(rows),
            tx: self.tx.picked(rows),
            stamp: self.stamp.picked(rows),
            base: self.base.picked(rows),
            at: self.at.picked(rows),
            by: self.by.picked(rows),
            carried: self.carried.as_ref().map(|bits| bits.picked(rows)),
            before_known: self.before_known.as_ref().map(|bits| bits.picked(rows)),
            before,
        }
    }

    /// The marks after the columns were picked anew.
    #[must_use]
    pub fn projected(&self, columns: &[usize]) -> Self {
        Self {
            carried: self.carried.as_ref().map(|bits| bits.projected(columns)),
            before_known: self.before_known.as_ref().map(|bits| bits.projected(columns)),
            before: columns.iter().filter_map(|&c| self.before.get(c).cloned()).collect(),
            ..self.clone()
        }
    }
}
