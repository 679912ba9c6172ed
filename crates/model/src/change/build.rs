//! Building a table's changes: fast for snapshots, general for everything else.

use std::sync::Arc;

use crate::cell::{Cell, CellBuf};
use crate::change::{At, Bits, Marks, Op, TableChanges, Uniform};
use crate::column::ColumnBuilder;
use crate::error::{Error, ErrorKind, Result};
use crate::origin::Origin;
use crate::schema::TableSchema;
use crate::stamp::Stamp;

/// One change, owned: what the memory database keeps, and what tests write down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeBuf {
    /// What it does.
    pub op: Op,
    /// Its place among all changes of the batch.
    pub ord: u64,
    /// After image by column; `None` is *not carried*.
    pub after: Vec<Option<CellBuf>>,
    /// Before image by column; `None` is *not known*. May be shorter than the columns.
    pub before: Vec<Option<CellBuf>>,
    /// Where the change was first made.
    pub origin: Option<Origin>,
    /// That node's number for it.
    pub number: Option<u64>,
    /// Transaction, where the database names it.
    pub tx: Option<u64>,
    /// Its time.
    pub stamp: Option<Stamp>,
    /// The stamp that it replaced.
    pub base: Option<Stamp>,
    /// Wall-clock time.
    pub at: Option<At>,
    /// Session user.
    pub by: Option<Arc<str>>,
}

impl ChangeBuf {
    /// A change about which only its images are known.
    #[must_use]
    pub fn new(op: Op, after: Vec<Option<CellBuf>>, before: Vec<Option<CellBuf>>) -> Self {
        Self {
            op,
            ord: 0,
            after,
            before,
            origin: None,
            number: None,
            tx: None,
            stamp: None,
            base: None,
            at: None,
            by: None,
        }
    }

    /// The owned form of one row of a batch.
    #[must_use]
    pub fn of(changes: &TableChanges, row: usize) -> Self {
        let marks = changes.marks();
        let columns = changes.schema().columns.len();
        Self {
            op: changes.op(row),
            ord: marks.ord(row),
            after: (0..columns).map(|c| changes.after(row, c).map(|cell| cell.to_owned())).collect(),
            before: (0..columns).map(|c| changes.before(row, c).map(|cell| cell.to_owned())).collect(),
            origin: marks.origin.get(row),
            number: marks.number.get(row),
            tx: marks.tx.get(row),
            stamp: marks.stamp.get(row),
            base: marks.base.get(row),
            at: marks.at.get(row),
            by: marks.by.get(row),
        }
    }
}

/// Collects the changes of one table; reused from batch to batch.
pub struct TableBuilder {
    schema: Arc<TableSchema>,
    after: Vec<ColumnBuilder>,
    before: Vec<ColumnBuilder>,
    changes: Vec<ChangeBuf>,
    rows: usize,
    /// Counted along, since the budget is asked after every row.
    bytes: usize,
}

impl TableBuilder {
    /// No changes yet.
    #[must_use]
    pub fn new(schema: Arc<TableSchema>) -> Self {
        let columns = || schema.columns.iter().map(|c| ColumnBuilder::new(&c.logical)).collect();
        Self { after: columns(), before: columns(), schema, changes: Vec::new(), rows: 0, bytes: 0 }
    }

    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of cells so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends one snapshot row, asking for each column's cell in turn. After an error the rows so far are of no
    /// use.
    ///
    /// # Errors
    /// What `cell` answers, or [`ErrorKind::Value`] if a column grows beyond its limit.
    pub fn snapshot_row<'c, E: From<Error>>(
        &mut self,
        mut cell: impl FnMut(usize) -> Result<Cell<'c>, E>,
    ) -> Result<(), E> {
        for (i, column) in self.after.iter_mut().enumerate() {
            let cell = cell(i)?;
            self.bytes += cell.size();
            column.append(cell)?;
        }
        self.rows += 1;
        Ok(())
    }

    /// Appends any change. Columns missing at the end of an image are not carried, or not known.
    ///
    /// # Errors
    /// As [`TableBuilder::snapshot_row`]; [`ErrorKind::Bug`] if an image has more columns than the table.
    pub fn push(&mut self, mut change: ChangeBuf) -> Result<()> {
        if change.after.len() > self.after.len() || change.before.len() > self.before.len() {
            return Err(Error::new(ErrorKind::Bug, "a change has more columns than its table")
                .at("table", self.schema.name.to_string()));
        }
        change.after.resize(self.after.len(), None);
        change.before.resize(self.before.len(), None);
        for (columns, image) in [(&mut self.after, &change.after), (&mut self.before, &change.before)] {
            for (column, cell) in columns.iter_mut().zip(image) {
                let cell = cell.as_ref().map_or(Cell::Null, CellBuf::as_cell);
                self.bytes += cell.size();
                column.append(cell)?;
            }
        }
        self.changes.push(change);
        self.rows += 1;
        Ok(())
    }

    /// Takes the snapshot rows so far; the first is number `ord_first` of its batch.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] if other changes were pushed as well.
    pub fn finish_snapshot(&mut self, ord_first: u64) -> Result<TableChanges> {
        if !self.changes.is_empty() {
            return Err(Error::new(ErrorKind::Bug, "changes were pushed between the rows of a snapshot")
                .at("table", self.schema.name.to_string()));
        }
        let after = self.after.iter_mut().map(ColumnBuilder::finish).collect();
        TableChanges::new(self.schema.clone(), self.take_rows(), after, Marks::snapshot(ord_first))
    }

    /// Takes the changes so far.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] if snapshot rows were appended as well.
    pub fn finish(&mut self) -> Result<TableChanges> {
        fn each<T>(changes: &[ChangeBuf], get: impl Fn(&ChangeBuf) -> T) -> Uniform<T> {
            Uniform::Each(changes.iter().map(get).collect())
        }
        let changes = std::mem::take(&mut self.changes);
        let (mut carried, mut known) = (Bits::new(self.after.len()), Bits::new(self.after.len()));
        for change in &changes {
            carried.push(change.after.iter().map(Option::is_some));
            known.push(change.before.iter().map(Option::is_some));
        }
        let marks = Marks {
            op: each(&changes, |c| c.op),
            ord_first: 0,
            ords: Some(changes.iter().map(|c| c.ord).collect()),
            origin: each(&changes, |c| c.origin),
            number: each(&changes, |c| c.number),
            tx: each(&changes, |c| c.tx),
            stamp: each(&changes, |c| c.stamp),
            base: each(&changes, |c| c.base),
            at: each(&changes, |c| c.at),
            by: each(&changes, |c| c.by.clone()),
            carried: Some(carried),
            before_known: Some(known),
            before: self.before.iter_mut().map(ColumnBuilder::finish).collect(),
        };
        let after = self.after.iter_mut().map(ColumnBuilder::finish).collect();
        TableChanges::new(self.schema.clone(), self.take_rows(), after, marks)
    }

    /// The rows so far; the next batch begins with its whole budget.
    fn take_rows(&mut self) -> usize {
        self.bytes = 0;
        std::mem::take(&mut self.rows)
    }
}
