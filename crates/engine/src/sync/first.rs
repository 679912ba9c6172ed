//! First contact: the members hold rows already when their group is made.
//!
//! Rows that are equal everywhere join in silence and cost nothing. What only some members have, or where they differ, one
//! of them asserts: as changes of its own that travel like all others. So nothing here writes to another member's tables.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use syncline_model::merge::{Group, RowKey};
use syncline_model::{Cell, Error, ErrorKind, Result, TableChanges, TableName, TableSchema};

use super::agreed::Agreed;
use super::member::{Row, as_agreed};
use super::store;
use crate::connector::{Budget, Read, ReadOrder, ReadSpec, Source};
use crate::job::Endpoint;

/// What was found of one table.
#[derive(Debug, Clone)]
pub struct Counts {
    /// The table.
    pub table: TableName,
    /// Rows that are the same everywhere.
    pub equal: u64,
    /// Rows that only some members have, the same there.
    pub missing: u64,
    /// Rows that differ.
    pub differ: u64,
}

/// What first contact would do.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// By table.
    pub tables: Vec<Counts>,
    /// By member, the rows that it asserts.
    pub asserted: BTreeMap<usize, Vec<RowKey>>,
}

impl Found {
    /// Rows that differ, in all tables.
    #[must_use]
    pub fn differ(&self) -> u64 {
        self.tables.iter().map(|t| t.differ).sum()
    }
}

/// Reads all tables of all members, each as it is now. Where rows differ, `winner` is right; if it does not have the row, or
/// nobody is, the first member that has it.
///
/// # Errors
/// What reading gives.
pub async fn look(
    members: &[(Endpoint, Vec<Arc<TableSchema>>)],
    agreed: &Agreed,
    group: &Group,
    winner: Option<usize>,
) -> Result<Found> {
    let mut found = Found::default();
    for (table, of) in agreed.tables.iter().enumerate() {
        let mut streams = Vec::with_capacity(members.len());
        for (endpoint, schemas) in members {
            let Some(schema) = schemas.get(table) else { continue };
            let spec =
                ReadSpec { tables: vec![schema.clone()], order: ReadOrder::Key, native: BTreeSet::new(), follow: None };
            let source = endpoint.connector.open_source(None, &spec).await?;
            let mut stream = Stream { source, batch: None, at: 0, ended: false, agreed: of, row: None };
            stream.advance().await?;
            streams.push(stream);
        }
        let mut counts = Counts { table: of.name.clone(), equal: 0, missing: 0, differ: 0 };
        while let Some(rows) = next(&mut streams, group, table).await? {
            let there: Vec<(usize, &Row)> =
                rows.iter().enumerate().filter_map(|(i, r)| Some((i, r.as_ref()?))).collect();
            let Some((first, row)) = there.first().copied() else { continue };
            let alike = there.iter().all(|(_, other)| *other == row);
            if alike && there.len() == members.len() {
                counts.equal += 1;
                continue;
            }
            let right = if alike { None } else { winner.filter(|winner| there.iter().any(|(i, _)| i == winner)) };
            if alike {
                counts.missing += 1
            } else {
                counts.differ += 1
            }
            let rules = group.table(table).ok_or_else(|| Error::new(ErrorKind::Bug, "the group has no such table"))?;
            found.asserted.entry(right.unwrap_or(first)).or_default().push((table, store::key(rules, row)));
        }
        found.tables.push(counts);
    }
    Ok(found)
}

/// A member's rows of one table in the order of their keys.
struct Stream<'a> {
    source: Box<dyn Source>,
    batch: Option<TableChanges>,
    at: usize,
    ended: bool,
    agreed: &'a super::agreed::Table,
    row: Option<Row>,
}

impl Stream<'_> {
    async fn advance(&mut self) -> Result<()> {
        loop {
            if let Some(batch) = self.batch.as_ref().filter(|batch| self.at < batch.rows()) {
                let columns = self.agreed.columns.iter().enumerate();
                let cells = columns.map(|(c, (_, of))| as_agreed(batch.cell(self.at, c).to_owned(), of));
                self.row = Some(cells.collect());
                self.at += 1;
                return Ok(());
            }
            if self.ended {
                self.row = None;
                return Ok(());
            }
            match self.source.read(Budget::default()).await? {
                Read::Batch(batch) => {
                    self.ended |= batch.ends.is_some();
                    (self.batch, self.at) = (batch.tables.into_iter().next(), 0);
                }
                Read::End => self.ended = true,
                _ => {}
            }
        }
    }
}

/// The row with the smallest key of each stream that has it; nothing when all have ended.
async fn next(streams: &mut [Stream<'_>], group: &Group, table: usize) -> Result<Option<Vec<Option<Row>>>> {
    let Some(rules) = group.table(table) else { return Ok(None) };
    let order = |a: &Row, b: &Row| {
        let cell = |row: &'_ Row, column: usize| row.get(column).map_or(Cell::Null, |c| c.as_cell()).to_owned();
        let keys = |row: &Row| rules.key().iter().map(|&c| cell(row, c)).collect::<Vec<_>>();
        let (a, b) = (keys(a), keys(b));
        Cell::cmp_keys(a.iter().map(|c| c.as_cell()), b.iter().map(|c| c.as_cell()))
    };
    let least = streams.iter().filter_map(|s| s.row.as_ref()).min_by(|a, b| order(a, b)).cloned();
    let Some(least) = least else { return Ok(None) };
    let mut rows = Vec::with_capacity(streams.len());
    for stream in streams {
        let is_it = stream.row.as_ref().is_some_and(|row| order(row, &least) == Ordering::Equal);
        rows.push(stream.row.take_if(|_| is_it));
        if is_it {
            stream.advance().await?;
        }
    }
    Ok(Some(rows))
}
