//! A snapshot of a database in memory: the committed state at the moment of opening.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use syncline_model::change::TableBuilder;
use syncline_model::{Cell, CellBuf, ChangeBatch, Position, Result, TableSchema};

use super::{State, Table, missing};
use crate::capture::snapshot;
use crate::connector::{Budget, Read, ReadSpec, Source};

/// An open snapshot.
pub struct Snapshot {
    tables: VecDeque<(Arc<TableSchema>, Arc<Table>)>,
    /// The last key that was read of the first table.
    after: Option<Vec<CellBuf>>,
    ord: u64,
}

impl Snapshot {
    pub fn open(state: &Arc<State>, at: Option<&Position>, spec: &ReadSpec) -> Result<Self> {
        let (_, remaining) = snapshot::remaining(at, &spec.tables)?;
        let tables = remaining.into_iter().map(|schema| {
            let table = state.tables.get(&schema.name).cloned().ok_or_else(|| missing(&schema.name))?;
            Ok((schema, table))
        });
        Ok(Self { tables: tables.collect::<Result<_>>()?, after: None, ord: 0 })
    }
}

#[async_trait]
impl Source for Snapshot {
    /// Rows come by key, whatever order was asked for.
    async fn read(&mut self, budget: Budget) -> Result<Read> {
        let Some((schema, table)) = self.tables.front() else { return Ok(Read::End) };
        let columns: Vec<Option<usize>> = schema.columns.iter().map(|c| table.schema.position(&c.name)).collect();
        let mut builder = TableBuilder::new(schema.clone());
        let begins = self.after.is_none();
        let mut rest = match &self.after {
            None => table.rows.range::<Vec<CellBuf>, _>(..),
            Some(after) => {
                table.rows.range::<Vec<CellBuf>, _>((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded))
            }
        };
        let mut last = None;
        while builder.bytes() < budget.bytes_max || builder.rows() == 0 {
            let Some((key, row)) = rest.next() else { break };
            builder.snapshot_row::<syncline_model::Error>(|i| {
                let cell = columns.get(i).copied().flatten().and_then(|c| row.get(c));
                Ok(cell.map_or(Cell::Null, CellBuf::as_cell))
            })?;
            last = Some(key.clone());
        }
        let done = rest.next().is_none();
        let changes = builder.finish_snapshot(self.ord)?;
        self.ord += changes.rows() as u64;
        let ends = done.then(|| snapshot::after(&schema.name));
        if done {
            self.tables.pop_front();
            (self.after, self.ord) = (None, 0);
        } else {
            self.after = last;
        }
        Ok(Read::Batch(ChangeBatch { begins, ends, tables: vec![changes], native: None }))
    }

    async fn confirm(&mut self, _upto: &Position) -> Result<()> {
        Ok(())
    }
}
