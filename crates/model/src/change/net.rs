//! The net effect of a batch: at most one change per key, so that a sink may write them in another order than theirs.
//!
//! What a key's changes come to does not depend on other keys as long as no change moves a row to another key and none
//! empties the table (I4). So all deletes may come first, then all updates, then all inserts; and each of these in one
//! statement.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{ChangeBatch, ChangeBuf, Op, TableBuilder, TableChanges};
use crate::error::Result;
use crate::schema::{TableName, TableSchema};

/// What the changes of one table come to.
#[derive(Debug)]
pub struct NetTable<'a> {
    /// Changes that are alone with their key, as they stand in the batch; and after them those that were merged, if there
    /// are any. No key is in both.
    pub parts: Vec<NetPart<'a>>,
    /// Whether a row was deleted and came again, so that an update carries all of it. A sink that has columns of its own
    /// would keep what they hold, and not set them to their defaults.
    pub replaced: bool,
    /// How many changes the batch has for the table.
    pub changes: usize,
}

/// Changes by kind. Each names its row by [`TableChanges::key_cells`].
#[derive(Debug)]
pub struct NetPart<'a> {
    /// All of them.
    pub changes: Cow<'a, TableChanges>,
    /// Rows that go.
    pub deletes: Vec<usize>,
    /// Rows that came and went again. A delete each, which must find nothing: a row of that key stood in the way of the
    /// insert.
    pub absent: Vec<usize>,
    /// Rows that stay, with their last values.
    pub updates: Vec<usize>,
    /// Rows that come.
    pub inserts: Vec<usize>,
}

/// What the batch comes to, by table in its order; nothing if that cannot be said key by key, or if a key's changes do not
/// follow from each other. Then its changes are to be applied one by one.
///
/// # Errors
/// As [`TableBuilder::push`].
pub fn net(batch: &ChangeBatch) -> Result<Option<Vec<NetTable<'_>>>> {
    let names: BTreeSet<_> = batch.tables.iter().map(|t| &t.schema().name).collect();
    if batch.native.is_some() || names.len() < batch.tables.len() {
        return Ok(None);
    }
    batch.tables.iter().map(table).collect()
}

fn table(changes: &TableChanges) -> Result<Option<NetTable<'_>>> {
    let Some(chains) = chains(changes) else { return Ok(None) };
    let mut alone = NetPart::new(Cow::Borrowed(changes));
    let mut merged: Vec<(ChangeBuf, Effect)> = Vec::new();
    let mut replaced = false;
    for chain in chains {
        let Some(effect) = effect(changes, &chain) else { return Ok(None) };
        match chain[..] {
            [row] => alone.add(effect, row),
            _ => {
                replaced |= effect == Effect::Replace;
                merged.push((merge(changes, &chain, effect), effect));
            }
        }
    }
    let mut parts = vec![alone];
    if !merged.is_empty() {
        let mut builder = TableBuilder::new(changes.schema().clone());
        let effects: Vec<Effect> = merged.iter().map(|(_, effect)| *effect).collect();
        merged.into_iter().try_for_each(|(change, _)| builder.push(change))?;
        let mut part = NetPart::new(Cow::Owned(builder.finish()?));
        effects.into_iter().enumerate().for_each(|(row, effect)| part.add(effect, row));
        parts.push(part);
    }
    Ok(Some(NetTable { parts, replaced, changes: changes.rows() }))
}

/// What is done to rows of one table at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Rows go; what is not there is counted.
    Delete,
    /// Rows go that must not be there.
    Absent,
    /// Rows get other values.
    Update,
    /// Rows come.
    Insert,
}

/// Rows of one table to which the same is done; updates and inserts carry the same columns.
#[derive(Debug)]
pub struct Step<'a> {
    /// The table, by its place in the batch.
    pub table: usize,
    /// What is done.
    pub doing: Doing,
    /// The changes.
    pub changes: &'a TableChanges,
    /// Which of them; at least one.
    pub rows: Vec<usize>,
}

impl Step<'_> {
    /// Whether a sink that found or wrote so many rows held what the changes say.
    #[must_use]
    pub fn fits(&self, found: u64) -> bool {
        let rows = self.rows.len() as u64;
        match self.doing {
            Doing::Delete => found <= rows,
            Doing::Absent => found == 0,
            Doing::Update | Doing::Insert => found == rows,
        }
    }
}

/// All that is to be done, in an order in which rows find those that they refer to: deletes, children first; updates;
/// inserts, parents first. `names` are those of the tables, and `parents_first` are all tables of the lane in that order.
#[must_use]
pub fn steps<'a>(
    tables: &'a [NetTable<'a>],
    names: &[&TableName],
    parents_first: &[Arc<TableSchema>],
) -> Vec<Step<'a>> {
    let place = |&table: &usize| parents_first.iter().position(|t| Some(&&t.name) == names.get(table));
    let mut order: Vec<usize> = (0..tables.len()).collect();
    order.sort_by_key(|table| place(table).unwrap_or(usize::MAX));
    let parts = |table: usize| tables.get(table).into_iter().flat_map(|t| &t.parts).map(move |part| (table, part));
    let mut steps = Vec::new();
    for (table, part) in order.iter().rev().flat_map(|&table| parts(table)) {
        for (doing, rows) in [(Doing::Delete, &part.deletes), (Doing::Absent, &part.absent)] {
            steps.push(Step { table, doing, changes: &part.changes, rows: rows.clone() });
        }
    }
    for doing in [Doing::Update, Doing::Insert] {
        for (table, part) in order.iter().flat_map(|&table| parts(table)) {
            let rows = if doing == Doing::Update { &part.updates } else { &part.inserts };
            let mut groups: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
            for &row in rows {
                let carried = part.changes.marks().carried.as_ref().map_or(&[][..], |bits| bits.row(row));
                groups.entry(carried).or_default().push(row);
            }
            steps.extend(groups.into_values().map(|rows| Step { table, doing, changes: &part.changes, rows }));
        }
    }
    steps.retain(|step| !step.rows.is_empty());
    steps
}

impl<'a> NetPart<'a> {
    fn new(changes: Cow<'a, TableChanges>) -> Self {
        Self { changes, deletes: Vec::new(), absent: Vec::new(), updates: Vec::new(), inserts: Vec::new() }
    }

    fn add(&mut self, effect: Effect, row: usize) {
        match effect {
            Effect::Insert => self.inserts.push(row),
            Effect::Update | Effect::Replace => self.updates.push(row),
            Effect::Delete => self.deletes.push(row),
            Effect::Nothing => self.absent.push(row),
        }
    }
}

/// The rows of each key in the order of their changes; nothing if some change is of another kind, or has no whole key.
fn chains(changes: &TableChanges) -> Option<Vec<Vec<usize>>> {
    let mut rows: Vec<usize> = (0..changes.rows()).collect();
    rows.sort_by_key(|&row| changes.marks().ord(row));
    let mut places: BTreeMap<Key<'_>, usize> = BTreeMap::new();
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for row in rows {
        let fits = match changes.op(row) {
            Op::Insert | Op::Delete => true,
            Op::Update => keeps_its_key(changes, row),
            Op::Key | Op::Truncate | Op::Snapshot => false,
        };
        if !fits || changes.key_cells(row).any(|cell| cell.is_null()) {
            return None;
        }
        let place = *places.entry(Key { changes, row }).or_insert(chains.len());
        match chains.get_mut(place) {
            Some(chain) => chain.push(row),
            None => chains.push(vec![row]),
        }
    }
    Some(chains)
}

/// Whether both images of an update say the same key, as far as they say it.
fn keeps_its_key(changes: &TableChanges, row: usize) -> bool {
    let same = |&column: &usize| match (changes.before(row, column), changes.after(row, column)) {
        (Some(before), Some(after)) => before == after,
        _ => true,
    };
    changes.schema().key.iter().all(same)
}

/// A row's key, compared where it stands.
struct Key<'a> {
    changes: &'a TableChanges,
    row: usize,
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.changes.key_cells(self.row).cmp(other.changes.key_cells(other.row))
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key<'_> {}

/// What the changes of one key come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Insert,
    Update,
    /// An update that carries the whole row.
    Replace,
    Delete,
    Nothing,
}

/// Nothing if a change does not follow from the one before it.
fn effect(changes: &TableChanges, chain: &[usize]) -> Option<Effect> {
    let first = changes.op(*chain.first()?);
    let (mut there, mut again, mut last_insert) = (first != Op::Insert, false, None);
    for &row in chain {
        match (there, changes.op(row)) {
            (true, Op::Update) => {}
            (true, Op::Delete) => there = false,
            (false, Op::Insert) => (there, again, last_insert) = (true, chain.first() != Some(&row), Some(row)),
            _ => return None,
        }
    }
    let whole = |row: usize| (0..changes.schema().columns.len()).all(|c| changes.marks().carries(row, c));
    Some(match (first == Op::Insert, there) {
        (true, true) => Effect::Insert,
        (true, false) => Effect::Nothing,
        (false, false) => Effect::Delete,
        (false, true) if !again => Effect::Update,
        // What the insert left to the sink's defaults would stay as it was before.
        (false, true) => return last_insert.is_some_and(whole).then_some(Effect::Replace),
    })
}

/// One change in the place of several: what the last one says of its making, the values that were set last, and of the
/// image before what was known of the time before all of them.
fn merge(changes: &TableChanges, chain: &[usize], effect: Effect) -> ChangeBuf {
    let columns = changes.schema().columns.len();
    let mut merged = ChangeBuf::new(Op::Insert, vec![None; columns], vec![None; columns]);
    let mut written = vec![false; columns];
    for (i, &row) in chain.iter().enumerate() {
        let change = ChangeBuf::of(changes, row);
        let (before, base) = (std::mem::take(&mut merged.before), if i == 0 { change.base } else { merged.base });
        let mut after = std::mem::take(&mut merged.after);
        let known = before.into_iter().zip(change.before.iter()).zip(&written);
        let before = known.map(|((old, new), written)| old.or_else(|| new.clone().filter(|_| !written))).collect();
        if change.op == Op::Insert || change.op == Op::Delete {
            written.fill(true);
            after = vec![None; columns];
        }
        for (c, value) in change.after.iter().enumerate().filter(|(_, value)| value.is_some()) {
            if let (Some(slot), Some(written)) = (after.get_mut(c), written.get_mut(c)) {
                slot.clone_from(value);
                *written = true;
            }
        }
        merged = ChangeBuf { before, after, base, ..change };
    }
    merged.op = match effect {
        Effect::Insert => Op::Insert,
        Effect::Update | Effect::Replace => Op::Update,
        Effect::Delete | Effect::Nothing => Op::Delete,
    };
    // The key is what none of them changes.
    let last = chain.last().copied().unwrap_or_default();
    for (&column, cell) in changes.schema().key.iter().zip(changes.key_cells(last)) {
        if let Some(slot) = merged.before.get_mut(column).filter(|_| merged.op != Op::Insert) {
            *slot = Some(cell.to_owned());
        }
    }
    merged
}

#[cfg(test)]
mod tests;
