//! All rows of a sync group as one node knows them.

use std::collections::BTreeMap;

use super::rank::Rank;
use super::row::{Cells, Loss, RowState};
use super::rules::{Group, Place, TableRules};
use super::unit::Change;
use super::vector::Vector;
use crate::cell::CellBuf;
use crate::error::{Error, ErrorKind, Result};
use crate::origin::Origin;

/// Rows by table and key, dead ones included until they are [released](State::release).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    tables: Vec<BTreeMap<Cells, RowState>>,
}

/// What was lost, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowLoss {
    /// Position of the table in the group.
    pub table: usize,
    /// The row.
    pub key: Cells,
    /// What was lost, and to what.
    pub loss: Loss,
}

impl State {
    /// No rows.
    #[must_use]
    pub fn new(group: &Group) -> Self {
        Self { tables: vec![BTreeMap::new(); group.tables().len()] }
    }

    /// What is known of a row.
    #[must_use]
    pub fn row(&self, table: usize, key: &Cells) -> Option<&RowState> {
        self.tables.get(table)?.get(key)
    }

    /// Puts a row in place of what was known of it: how a caller loads what its database keeps.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] if the group has no such table.
    pub fn put(&mut self, table: usize, key: Cells, row: RowState) -> Result<()> {
        let rows = self.tables.get_mut(table).ok_or_else(|| no_such_table(table))?;
        rows.insert(key, row);
        Ok(())
    }

    /// The rows of a table in the order of their keys.
    pub fn rows(&self, table: usize) -> impl Iterator<Item = (&Cells, &RowState)> {
        self.tables.get(table).into_iter().flatten()
    }

    /// Takes in a change and says what was lost by it (see [`RowState::apply`]).
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] if it is about a table that the group does not have.
    pub fn apply(&mut self, group: &Group, origin: Origin, change: &Change) -> Result<Vec<RowLoss>> {
        let rank = Rank { stamp: change.stamp, origin };
        let mut losses = Vec::new();
        for edit in &change.edits {
            let rules = rules(group, edit.table)?;
            let row = self.row_mut(edit.table, &edit.key, rules)?;
            let lost = row.apply(edit, rank, rules.deletes);
            losses.extend(lost.into_iter().map(|loss| RowLoss { table: edit.table, key: edit.key.clone(), loss }));
        }
        Ok(losses)
    }

    /// Takes in all that another node knows: what a node that joins does. It must be known to every member before, or they
    /// might release what it has not seen yet.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] if the two are not of one group.
    pub fn join(&mut self, group: &Group, other: &Self) -> Result<()> {
        for (table, rows) in other.tables.iter().enumerate() {
            let rules = rules(group, table)?;
            for (key, row) in rows {
                self.row_mut(table, key, rules)?.join(row, rules.deletes);
            }
        }
        Ok(())
    }

    /// Forgets deletes that are causally stable ([`Vector::stable`]): dead rows altogether, and of others that they were
    /// once deleted. Nothing that is still to come can be older (F99).
    pub fn release(&mut self, group: &Group, stable: &Vector) {
        for (rows, rules) in self.tables.iter_mut().zip(group.tables()) {
            rows.retain(|_, row| {
                let Some(deleted) = row.deleted.filter(|deleted| stable.covers(*deleted)) else { return true };
                if row.is_dead(rules.deletes) {
                    // Where deletes win, an update may have come after the delete without having seen it, and may not be
                    // stable yet.
                    return !row.newest().is_none_or(|newest| newest <= deleted || stable.covers(newest));
                }
                row.deleted = None;
                true
            });
        }
    }

    fn row_mut(&mut self, table: usize, key: &Cells, rules: &TableRules) -> Result<&mut RowState> {
        let rows = self.tables.get_mut(table).ok_or_else(|| no_such_table(table))?;
        Ok(rows.entry(key.clone()).or_insert_with(|| RowState::unknown(rules.registers())))
    }
}

impl TableRules {
    /// A row's cells in the order of the table's columns; absent if a register is not known. What its database computes
    /// reads as null.
    #[must_use]
    pub fn cells(&self, key: &Cells, row: &RowState) -> Option<Vec<CellBuf>> {
        (0..self.columns).map(|column| self.cell(key, row, column).cloned()).collect()
    }

    pub(super) fn cell<'a>(&self, key: &'a Cells, row: &'a RowState, column: usize) -> Option<&'a CellBuf> {
        match self.place(column) {
            Place::Key(at) => key.get(at),
            Place::Register(register, at) => row.registers.get(register)?.as_ref()?.value.get(at),
            Place::Computed => Some(&CellBuf::NULL),
        }
    }
}

pub(super) fn rules(group: &Group, table: usize) -> Result<&TableRules> {
    group.table(table).ok_or_else(|| no_such_table(table))
}

fn no_such_table(table: usize) -> Error {
    Error::new(ErrorKind::Bug, "a change is about a table that its group does not have").at("table", table.to_string())
}
