//! Which rows are admitted: the first claim to a value has it.

use std::collections::BTreeSet;

use super::known::{Bonds, Entry, Known};
use super::{Among, RowKey, Rows};
use crate::error::Result;
use crate::merge::rank::Rank;
use crate::merge::row::Cells;

/// A claim's place in the order of claims: the first wins.
type Turn<'a> = (Option<Rank>, &'a Cells);

/// Works out anew who is admitted, as far as the touched rows reach. Says which rows were worked out; every other row is
/// admitted or not as it was, and for the same reason.
///
/// A row is opened if, for one of its values, "somebody with an earlier claim has it" becomes true or ceases to be. Rows
/// that wait are looked for only where that can be: where the one who has a value is another, or has another turn.
pub fn admit(known: &mut Known, rows: &mut dyn Rows) -> Result<BTreeSet<RowKey>> {
    let claims = |bonds: Option<&Bonds>| bonds.map(|bonds| (bonds.rank, bonds.claims.clone()));
    let changed = |entry: &Entry| claims(entry.before()) != claims(entry.after());
    let mut open = BTreeSet::new();
    for (at, entry) in &mut known.entries {
        if changed(entry) {
            open.insert(at.clone());
        } else if entry.after().is_some() {
            entry.keep();
        }
    }
    loop {
        ask_for_holders(known, &open);
        known.find(rows)?;
        take_turns(known, &open);
        let (moved, opened) = moved(known, &open);
        for (table, unique, values) in moved {
            if let Some(columns) = known.group.table(table).and_then(|rules| rules.uniques.get(unique)) {
                known.ask(table, columns, &values, Among::Waiting);
            }
        }
        let found = known.find(rows)?;
        if !found && opened.is_empty() {
            return Ok(open);
        }
        open.extend(opened);
    }
}

/// Of a value at most one row was the holder, so where that one is known there is nothing to ask.
fn ask_for_holders(known: &mut Known, open: &BTreeSet<RowKey>) {
    let group = known.group;
    let mut wanted: Vec<Value> = Vec::new();
    for at in open {
        let claims = known.entries.get(at).and_then(Entry::after).into_iter().flat_map(|bonds| &bonds.claims);
        let claims = claims.enumerate().filter_map(|(unique, values)| Some((at.0, unique, values.clone()?)));
        wanted.extend(claims.filter(|(table, unique, values)| held_before(known, *table, *unique, values).is_none()));
    }
    for (table, unique, values) in wanted {
        if let Some(columns) = group.table(table).and_then(|rules| rules.uniques.get(unique)) {
            known.ask(table, columns, &values, Among::Admitted);
        }
    }
}

/// Admits open rows or not, each after those whose turn is before it.
fn take_turns(known: &mut Known, open: &BTreeSet<RowKey>) {
    let mut turns: Vec<(usize, Option<Rank>, &RowKey)> = Vec::new();
    for at in open {
        if let Some(bonds) = known.entries.get(at).and_then(Entry::after) {
            turns.push((at.0, bonds.rank, at));
        }
    }
    turns.sort_unstable();
    for (_, rank, at) in turns {
        let mut claims =
            known.entries.get(at).and_then(Entry::after).into_iter().flat_map(|bonds| &bonds.claims).enumerate();
        let clash = claims.position(|(unique, values)| {
            let turn = (rank, &at.1);
            values
                .as_ref()
                .is_some_and(|values| held_since(known, at.0, unique, values).is_some_and(|held| held < turn))
        });
        if let Some(entry) = known.entries.get_mut(at) {
            entry.admit(clash);
        }
    }
}

/// The turn of the first row that has the value now. Of open rows that is true of those whose turn has come.
fn held_since<'a>(known: &'a Known, table: usize, unique: usize, values: &Cells) -> Option<Turn<'a>> {
    first(known, table, unique, values, Entry::after, Entry::is_admitted)
}

fn held_before<'a>(known: &'a Known, table: usize, unique: usize, values: &Cells) -> Option<Turn<'a>> {
    first(known, table, unique, values, Entry::before, Entry::was_admitted)
}

fn first<'a>(
    known: &'a Known,
    table: usize,
    unique: usize,
    values: &Cells,
    bonds: fn(&Entry) -> Option<&Bonds>,
    admitted: fn(&Entry) -> bool,
) -> Option<Turn<'a>> {
    let claimants = known.claimants(table, unique, values).filter(|(_, entry)| admitted(entry));
    let turns = claimants.filter_map(|(at, entry)| {
        let bonds = bonds(entry)?;
        let claims = bonds.claims.get(unique)?.as_ref() == Some(values);
        claims.then_some((bonds.rank, &at.1))
    });
    turns.min()
}

type Value = (usize, usize, Cells);

/// Values whose holder is another or has another turn, and the rows that this tells something new.
fn moved(known: &Known, open: &BTreeSet<RowKey>) -> (BTreeSet<Value>, BTreeSet<RowKey>) {
    let mut values: BTreeSet<Value> = BTreeSet::new();
    for at in open {
        let Some(entry) = known.entries.get(at) else { continue };
        for bonds in [entry.before(), entry.after()].into_iter().flatten() {
            let claims = bonds.claims.iter().enumerate();
            values.extend(claims.filter_map(|(unique, values)| Some((at.0, unique, values.clone()?))));
        }
    }
    let mut opened = BTreeSet::new();
    values.retain(|(table, unique, values)| {
        let (before, since) = (held_before(known, *table, *unique, values), held_since(known, *table, *unique, values));
        for (at, entry) in known.claimants(*table, *unique, values).filter(|(at, _)| !open.contains(*at)) {
            let turn = entry.after().map(|bonds| (bonds.rank, &at.1));
            let earlier = |held: Option<Turn>| held.is_some() && held < turn;
            if earlier(before) != earlier(since) {
                opened.insert(at.clone());
            }
        }
        before != since
    });
    (values, opened)
}
