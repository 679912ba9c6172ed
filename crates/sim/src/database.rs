//! A node's database, as far as applications see it: rows, constraints, transactions, and capture by triggers.

use std::collections::{BTreeMap, BTreeSet};

use syncline_model::CellBuf;
use syncline_model::change::{At, ChangeBuf, Op};
use syncline_model::merge::{Cells, Vector};

use crate::setup::{A, B, OWNERS, Reference, SUM_MAX, TABLES, Table};

/// A row's cells: whole numbers or nulls.
pub type Row = Vec<Option<i64>>;

/// One change of one row, as a user asks for it.
#[derive(Debug, Clone)]
pub enum Statement {
    Insert(usize, Row),
    Update(usize, i64, Vec<(usize, Option<i64>)>),
    Move(usize, i64, i64),
    Delete(usize, i64),
}

impl Statement {
    /// The rows that it must lock.
    pub fn rows(&self) -> Vec<(usize, i64)> {
        match self {
            Self::Insert(table, row) => vec![(*table, row.first().copied().flatten().unwrap_or(0))],
            Self::Update(table, key, _) | Self::Delete(table, key) => vec![(*table, *key)],
            Self::Move(table, key, to) => vec![(*table, *key), (*table, *to)],
        }
    }
}

/// A committed transaction as the triggers captured it.
#[derive(Debug, Clone)]
pub struct Captured {
    pub changes: Vec<(usize, ChangeBuf)>,
    /// What was in the database when the user wrote. The database does not know this; the judge does.
    pub saw: Vector,
    /// Whether a user made it.
    pub by_user: bool,
}

/// Tables, and what was captured of them and not folded yet.
#[derive(Debug, Clone, Default)]
pub struct Database {
    tables: [BTreeMap<i64, Row>; TABLES.len()],
    pub outbox: Vec<Captured>,
    /// Whether the check `a + b <= SUM_MAX` is declared.
    pub checked: bool,
}

impl Database {
    pub fn new(checked: bool) -> Self {
        Self { checked, ..Self::default() }
    }

    pub fn table(&self, table: usize) -> &BTreeMap<i64, Row> {
        static NONE: BTreeMap<i64, Row> = BTreeMap::new();
        self.tables.get(table).unwrap_or(&NONE)
    }

    fn table_mut(&mut self, table: usize) -> Option<&mut BTreeMap<i64, Row>> {
        self.tables.get_mut(table)
    }

    /// Rows of what was captured and not folded yet.
    pub fn unfolded(&self) -> BTreeSet<(usize, i64)> {
        let changes = self.outbox.iter().flat_map(|captured| &captured.changes);
        changes.flat_map(|(table, change)| keys(change).map(|key| (*table, key_number(&key)))).collect()
    }

    /// A user's transaction: all of it and captured, or refused by a constraint and as if it had never been.
    pub fn transact(&mut self, statements: &[Statement], saw: &Vector, wall_ms: u64) -> bool {
        let before = self.tables.clone();
        let mut changes = Vec::new();
        for statement in statements {
            // A check is asked after each statement, as databases do; unique and foreign keys are deferred.
            match self.execute(statement).filter(|_| self.sums_are_sound()) {
                Some(change) => changes.extend(change),
                None => {
                    self.tables = before;
                    return false;
                }
            }
        }
        if !self.is_sound() {
            self.tables = before;
            return false;
        }
        let us = i64::try_from(wall_ms * 1000).unwrap_or(i64::MAX);
        for (_, change) in &mut changes {
            change.at = Some(At { us, commit: true });
        }
        if changes.is_empty() {
            return false;
        }
        self.outbox.push(Captured { changes, saw: saw.clone(), by_user: true });
        true
    }

    /// The change that it makes, or an empty one where it changes nothing; none where it fails.
    fn execute(&mut self, statement: &Statement) -> Option<Option<(usize, ChangeBuf)>> {
        match statement {
            Statement::Insert(table, row) => {
                let key = row.first().copied().flatten()?;
                let rows = self.table_mut(*table)?;
                if rows.contains_key(&key) {
                    return None;
                }
                rows.insert(key, row.clone());
                Some(captured(*table, None, Some(row)))
            }
            Statement::Update(table, key, values) => {
                let row = self.table_mut(*table)?.get_mut(key)?;
                let before = row.clone();
                for (column, value) in values {
                    *row.get_mut(*column)? = *value;
                }
                let after = row.clone();
                Some(captured(*table, Some(&before), Some(&after)))
            }
            Statement::Move(table, key, to) => {
                let rows = self.table_mut(*table)?;
                if rows.contains_key(to) {
                    return None;
                }
                let before = rows.remove(key)?;
                let mut after = before.clone();
                *after.first_mut()? = Some(*to);
                rows.insert(*to, after.clone());
                Some(captured(*table, Some(&before), Some(&after)))
            }
            Statement::Delete(table, key) => {
                let before = self.table_mut(*table)?.remove(key)?;
                Some(captured(*table, Some(&before), None))
            }
        }
    }

    /// What an import writes: a row, or none. The mark in its transaction keeps the triggers from capturing it.
    pub fn write(&mut self, table: usize, key: i64, row: Option<Row>) {
        let Some(rows) = self.table_mut(table) else { return };
        match row {
            Some(row) => rows.insert(key, row),
            None => rows.remove(&key),
        };
    }

    /// The same without the mark.
    pub fn write_captured(&mut self, table: usize, key: i64, row: Option<Row>, saw: &Vector, wall_ms: u64) {
        let before = self.table(table).get(&key).cloned();
        let change = captured(table, before.as_ref(), row.as_ref());
        self.write(table, key, row);
        let us = i64::try_from(wall_ms * 1000).unwrap_or(i64::MAX);
        let changes: Vec<_> = change
            .into_iter()
            .map(|(table, change)| (table, ChangeBuf { at: Some(At { us, commit: true }), ..change }))
            .collect();
        if !changes.is_empty() {
            self.outbox.push(Captured { changes, saw: saw.clone(), by_user: false });
        }
    }

    /// Whether every constraint holds.
    pub fn is_sound(&self) -> bool {
        let sound = |(rows, table): (&BTreeMap<i64, Row>, &Table)| {
            let unique = |columns: &&[usize]| {
                let mut taken: Vec<_> = rows.values().filter_map(|row| values(row, columns)).collect();
                taken.sort_unstable();
                taken.is_sorted_by(|one, next| one < next)
            };
            let answered = |reference: &Reference| {
                let parents = self.table(reference.to);
                rows.values().filter_map(|row| values(row, reference.columns)).all(|wanted| match &*wanted {
                    [key] if reference.to_columns == [0] => parents.contains_key(key),
                    wanted => parents.values().any(|parent| has(parent, reference.to_columns, wanted)),
                })
            };
            rows.is_empty() || (table.uniques.iter().all(unique) && table.references.iter().all(answered))
        };
        self.tables.iter().zip(&TABLES).all(sound) && self.sums_are_sound()
    }

    fn sums_are_sound(&self) -> bool {
        let value = |row: &Row, column: usize| row.get(column).copied().flatten().unwrap_or(0);
        !self.checked || self.table(OWNERS).values().all(|row| value(row, A) + value(row, B) <= SUM_MAX)
    }
}

/// What a trigger captures: both images, of the new one the key and what changed.
fn captured(table: usize, before: Option<&Row>, after: Option<&Row>) -> Option<(usize, ChangeBuf)> {
    let cells = |row: &Row| row.iter().map(|value| Some(cell(*value))).collect::<Vec<_>>();
    let op = match (before, after) {
        (None, None) => return None,
        (None, Some(_)) => Op::Insert,
        (Some(_), None) => Op::Delete,
        (Some(before), Some(after)) if before == after => return None,
        (Some(before), Some(after)) if before.first() != after.first() => Op::Key,
        (Some(_), Some(_)) => Op::Update,
    };
    let changed = after.map(|after| match before {
        Some(before) => {
            let pairs = after.iter().zip(before).enumerate();
            pairs.map(|(column, (new, old))| (column == 0 || new != old).then(|| cell(*new))).collect()
        }
        None => cells(after),
    });
    Some((table, ChangeBuf::new(op, changed.unwrap_or_default(), before.map(cells).unwrap_or_default())))
}

/// The values of those columns; absent if one of them is null.
pub fn values(row: &[Option<i64>], columns: &[usize]) -> Option<Vec<i64>> {
    columns.iter().map(|column| row.get(*column).copied().flatten()).collect()
}

/// Whether a row has those values, none of them null, in those columns.
pub fn has(row: &[Option<i64>], columns: &[usize], wanted: &[i64]) -> bool {
    columns.iter().zip(wanted).all(|(column, wanted)| row.get(*column) == Some(&Some(*wanted)))
}

/// The keys of the row before and after a change.
pub fn keys(change: &ChangeBuf) -> impl Iterator<Item = Cells> {
    let keys = [change.before.first(), change.after.first()];
    keys.into_iter().flatten().flatten().filter_map(number).map(key)
}

pub fn cell(value: Option<i64>) -> CellBuf {
    value.map_or(CellBuf::NULL, CellBuf::from)
}

/// The number in a cell.
pub fn number(cell: &CellBuf) -> Option<i64> {
    match cell.as_cell() {
        syncline_model::Cell::Int(value) => Some(value),
        _ => None,
    }
}

/// The key of a row whose key is that number.
pub fn key(value: i64) -> Cells {
    Cells::from([CellBuf::from(value)])
}

/// The number that a key is.
pub fn key_number(key: &Cells) -> i64 {
    key.first().and_then(number).unwrap_or(0)
}
