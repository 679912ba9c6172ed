//! What a filter makes of changes.
//!
//! A filter is evaluated on the row before and after the change. What of these rows is known (F77):
//!
//! - a column that the after image does not carry did not change: its value is the same before and after, and the
//!   before image may know it;
//! - a column that the after image carries and the before image does not know may have changed: before the
//!   change it is unknown, and the after value does not stand in for it. Taking it would drop the update that
//!   moves a row out of the filter, and leave that row at the sink for good.
//!
//! A column that is not known is open, not null. If the filter's result depends on it, the change is refused.

use super::Mapping;
use crate::cell::Cell;
use crate::change::{ChangeBuf, Op, TableBuilder, TableChanges};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Filter;

/// What becomes of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Dropped,
    /// Becomes an insert of the whole row.
    Enters,
    /// Becomes a delete.
    Leaves,
}

pub(super) fn apply(mapping: &Mapping, filter: &Filter, changes: &TableChanges) -> Result<TableChanges> {
    let fates = (0..changes.rows()).map(|row| fate(filter, changes, row)).collect::<Result<Vec<_>>>()?;
    if fates.iter().all(|fate| *fate == Fate::Kept) {
        return changes.projected(&mapping.write, &mapping.columns);
    }
    let kept = || fates.iter().enumerate().filter(|(_, fate)| **fate != Fate::Dropped).map(|(row, _)| row);
    if fates.iter().all(|fate| matches!(fate, Fate::Kept | Fate::Dropped)) {
        let rows: Vec<usize> = kept().collect();
        return changes.projected(&mapping.write, &mapping.columns)?.picked(&rows);
    }
    let mut builder = TableBuilder::new(mapping.write.clone());
    for row in kept() {
        let mut change = match fates.get(row) {
            Some(Fate::Enters) => entering(mapping, changes, row)?,
            Some(Fate::Leaves) => leaving(changes, row)?,
            _ => ChangeBuf::of(changes, row),
        };
        for image in [&mut change.after, &mut change.before] {
            *image = mapping.columns.iter().map(|&c| image.get(c).cloned().flatten()).collect();
        }
        builder.push(change)?;
    }
    builder.finish()
}

fn fate(filter: &Filter, changes: &TableChanges, row: usize) -> Result<Fate> {
    let before = || filter.keeps(|column| before(changes, row, column)).ok_or_else(|| open(changes, "before"));
    let after = || filter.keeps(|column| after(changes, row, column)).ok_or_else(|| open(changes, "after"));
    let only = |kept| if kept { Fate::Kept } else { Fate::Dropped };
    Ok(match changes.op(row) {
        Op::Truncate => Fate::Kept,
        Op::Insert | Op::Snapshot => only(after()?),
        Op::Delete => only(before()?),
        Op::Update | Op::Key => match (before()?, after()?) {
            (true, true) => Fate::Kept,
            (false, false) => Fate::Dropped,
            (false, true) => Fate::Enters,
            (true, false) => Fate::Leaves,
        },
    })
}

fn open(changes: &TableChanges, when: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("a change does not say whether the row belonged to the filter {when} it"),
    )
    .at("table", changes.schema().name.to_string())
    .hint("let the source record whole rows (trigger capture, REPLICA IDENTITY FULL), or filter on other columns")
}

/// The value after the change, if it is known.
fn after<'c>(changes: &'c TableChanges, row: usize, column: usize) -> Option<Cell<'c>> {
    match changes.op(row) {
        // An insert that does not carry a column leaves it to the source's default.
        Op::Insert | Op::Snapshot => changes.after(row, column),
        _ => changes.after(row, column).or_else(|| changes.before(row, column)),
    }
}

/// The value before the change, if it is known.
fn before<'c>(changes: &'c TableChanges, row: usize, column: usize) -> Option<Cell<'c>> {
    match changes.op(row) {
        // A delete has no after image; what stands there names the row that went.
        Op::Delete => changes.before(row, column).or_else(|| changes.after(row, column)),
        _ => changes.before(row, column),
    }
}

/// An insert of the row as it is after the change.
fn entering(mapping: &Mapping, changes: &TableChanges, row: usize) -> Result<ChangeBuf> {
    let mut change = ChangeBuf::of(changes, row);
    for (column, (cell, definition)) in change.after.iter_mut().zip(&changes.schema().columns).enumerate() {
        *cell = after(changes, row, column).map(|cell| cell.to_owned());
        if cell.is_none() && !definition.generated && mapping.columns.contains(&column) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("a change brings a row into the filter and does not carry its column {}", definition.name),
            )
            .at("table", changes.schema().name.to_string())
            .hint(
                "let the source record whole rows (trigger capture, REPLICA IDENTITY FULL), or leave the column out",
            ));
        }
    }
    change.op = Op::Insert;
    change.before.fill(None);
    Ok(change)
}

/// A delete of the row as it was before the change.
fn leaving(changes: &TableChanges, row: usize) -> Result<ChangeBuf> {
    let mut change = ChangeBuf::of(changes, row);
    for &column in &changes.schema().key {
        let Some(cell) = change.before.get_mut(column).filter(|cell| cell.is_none()) else { continue };
        // Only an update of the key can have changed it.
        *cell = changes.after(row, column).filter(|_| change.op == Op::Update).map(|cell| cell.to_owned());
        if cell.is_none() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "a change takes a row out of the filter and does not name it",
            )
            .at("table", changes.schema().name.to_string())
            .hint("let the source record the old key (trigger capture, REPLICA IDENTITY FULL)"));
        }
    }
    change.op = Op::Delete;
    change.after.fill(None);
    Ok(change)
}
