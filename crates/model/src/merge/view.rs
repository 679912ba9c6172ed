//! What an application sees: a pure function of the state, the same on every node that knows the same.

use std::collections::{BTreeMap, BTreeSet};

use super::rank::Rank;
use super::row::{Cells, RowState};
use super::rules::{Group, Place, Reference, TableRules};
use super::state::State;
use crate::cell::CellBuf;

/// Whether a live row can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is in the table.
    Visible,
    /// It is set aside until the reason goes away.
    Parked(Reason),
}

/// Why a row is not in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// An earlier claim has its unique values: those of the unique index at that position.
    Unique(usize),
    /// The row that it refers to is not visible: by the first such foreign key, by position among those within the group.
    Reference(usize),
    /// Not every column is known yet: an update came before its insert.
    Incomplete,
}

type Fates = BTreeMap<Cells, Fate>;

/// The fate of every row that is not dead, by table and key.
///
/// - Live are rows that no delete holds down.
/// - By the rank of their unique values, then by key, each is admitted if its values are free: the first claim wins, a
///   later writer evicts nobody (F103). Null claims nothing.
/// - Then rows whose parent is not visible are taken out until no more are (F104). A row that waits for its parent keeps
///   its claim. Null refers to nothing. The reason is the first foreign key without a visible parent in the end: what
///   came first on the way there would depend on rows far away.
///
/// Values are compared as cells. Where a member's index is coarser (letters of either case are one), the databases would
/// disagree with each other and with this.
#[must_use]
pub fn view(group: &Group, state: &State) -> Vec<BTreeMap<Cells, Fate>> {
    let tables = group.tables().iter().enumerate();
    let mut fates: Vec<Fates> = tables.map(|(table, rules)| admitted(rules, state, table)).collect();
    let mut taken_out = BTreeSet::new();
    // Each round takes at least one row out, so it ends.
    while let Some(orphans) = orphans(group, state, &fates) {
        for (table, key, reference) in orphans {
            park(&mut fates, table, &key, reference);
            taken_out.insert((table, key));
        }
    }
    for (table, key, reference) in reasons(group, state, &fates, &taken_out) {
        park(&mut fates, table, &key, reference);
    }
    fates
}

fn park(fates: &mut [Fates], table: usize, key: &Cells, reference: usize) {
    if let Some(fate) = fates.get_mut(table).and_then(|fates| fates.get_mut(key)) {
        *fate = Fate::Parked(Reason::Reference(reference));
    }
}

fn admitted(rules: &TableRules, state: &State, table: usize) -> Fates {
    let mut fates = Fates::new();
    let mut live: Vec<(Option<Rank>, &Cells, &RowState)> = Vec::new();
    for (key, row) in state.rows(table).filter(|(_, row)| !row.is_dead(rules.deletes)) {
        if !row.is_complete() {
            fates.insert(key.clone(), Fate::Parked(Reason::Incomplete));
        } else if rules.uniques.is_empty() {
            fates.insert(key.clone(), Fate::Visible);
        } else {
            live.push((claimed(rules, row), key, row));
        }
    }
    live.sort_unstable_by_key(|(claimed, key, _)| (*claimed, *key));
    let mut taken: Vec<BTreeSet<Vec<&CellBuf>>> = vec![BTreeSet::new(); rules.uniques.len()];
    for (_, key, row) in live {
        let claims: Vec<_> = rules.uniques.iter().map(|columns| values(rules, key, row, columns)).collect();
        let clash = claims.iter().zip(&taken).position(|(claim, taken)| {
            let claim = claim.as_ref();
            claim.is_some_and(|claim| taken.contains(claim))
        });
        let fate = match clash {
            Some(unique) => Fate::Parked(Reason::Unique(unique)),
            None => {
                for (claim, taken) in claims.into_iter().zip(&mut taken) {
                    taken.extend(claim);
                }
                Fate::Visible
            }
        };
        fates.insert(key.clone(), fate);
    }
    fates
}

/// When the row came to claim what it claims: the newest rank of its unique values.
pub(super) fn claimed(rules: &TableRules, row: &RowState) -> Option<Rank> {
    let ranks = rules.uniques.iter().flatten().map(|&column| match rules.place(column) {
        Place::Register(register, _) => Some(row.registers.get(register)?.as_ref()?.rank),
        Place::Key(_) | Place::Computed => row.inserted,
    });
    ranks.max().flatten()
}

/// The values of those columns; absent if one of them is null.
pub(super) fn values<'a>(
    rules: &TableRules,
    key: &'a Cells,
    row: &'a RowState,
    columns: &[usize],
) -> Option<Vec<&'a CellBuf>> {
    let cells = columns.iter().map(|&column| rules.cell(key, row, column));
    cells.map(|cell| cell.filter(|cell| !cell.as_cell().is_null())).collect()
}

/// Visible rows whose parent is not, with the foreign key that says so; absent if there are none.
fn orphans(group: &Group, state: &State, fates: &[Fates]) -> Option<Vec<(usize, Cells, usize)>> {
    let mut orphans = Vec::new();
    for (table, rules) in group.tables().iter().enumerate() {
        if fates.get(table).is_none_or(BTreeMap::is_empty) {
            continue;
        }
        for (index, reference) in rules.references.iter().enumerate() {
            let parents = parents(group, state, fates, reference);
            for (key, row) in visible(state, fates, table) {
                let refers = values(rules, key, row, &reference.columns);
                if refers.is_some_and(|value| !parents.contains(&value)) {
                    orphans.push((table, key.clone(), index));
                }
            }
        }
    }
    (!orphans.is_empty()).then_some(orphans)
}

/// The first foreign key of each row that was taken out that has no visible parent.
fn reasons(
    group: &Group,
    state: &State,
    fates: &[Fates],
    taken_out: &BTreeSet<(usize, Cells)>,
) -> Vec<(usize, Cells, usize)> {
    let mut reasons = Vec::new();
    for (table, rules) in group.tables().iter().enumerate() {
        let first = (table, Cells::from([]));
        let mut open: Vec<&Cells> =
            taken_out.range(first..).take_while(|(of, _)| *of == table).map(|(_, key)| key).collect();
        for (index, reference) in rules.references.iter().enumerate() {
            if open.is_empty() {
                break;
            }
            let parents = parents(group, state, fates, reference);
            open.retain(|key| {
                let Some(row) = state.row(table, key) else { return false };
                let waits = values(rules, key, row, &reference.columns).is_some_and(|value| !parents.contains(&value));
                if waits {
                    reasons.push((table, Cells::clone(key), index));
                }
                !waits
            });
        }
    }
    reasons
}

fn parents<'a>(
    group: &Group,
    state: &'a State,
    fates: &'a [Fates],
    reference: &Reference,
) -> BTreeSet<Vec<&'a CellBuf>> {
    let Some(rules) = group.table(reference.to) else { return BTreeSet::new() };
    let rows = visible(state, fates, reference.to);
    rows.filter_map(|(key, row)| values(rules, key, row, &reference.to_columns)).collect()
}

fn visible<'a>(state: &'a State, fates: &'a [Fates], table: usize) -> impl Iterator<Item = (&'a Cells, &'a RowState)> {
    let fates = fates.get(table);
    state.rows(table).filter(move |(key, _)| fates.is_some_and(|fates| fates.get(*key) == Some(&Fate::Visible)))
}
