//! Which of the admitted rows are visible: the largest set in which every reference is answered.

use std::collections::BTreeSet;

use super::known::{Entry, Foreign, Known};
use super::{Among, RowKey, Rows};
use crate::error::Result;
use crate::merge::row::Cells;
use crate::merge::view::{Fate, Reason};

/// Works out anew which rows are visible, as far as the rows reach that were touched or `open`ed.
///
/// The set that is worked out grows until nothing is added, the rest being visible or hidden as it was:
/// - whoever refers to a value that is offered by a visible row only before or only now;
/// - the hidden parents of a row that could be visible if they were.
///
/// Then the result is the largest set over all rows. A larger one would differ in rows that were left out; each of these was
/// hidden for want of a value that is offered now, by a row of this set: visible, and then it would have joined by
/// the first rule; or hidden for want of a row left out, and then that one would have joined by the second.
pub fn show(known: &mut Known, rows: &mut dyn Rows, open: BTreeSet<RowKey>) -> Result<()> {
    let touched = known.touched().map(|(at, _)| at.clone()).chain(open);
    let mut again: BTreeSet<RowKey> =
        touched.filter(|at| known.entries.get(at).is_some_and(is_bound_otherwise)).collect();
    loop {
        ask_for_parents(known, &again);
        known.find(rows)?;
        hide_orphans(known, &again);
        let mut joining = hidden_parents(known, &again);
        let moved = moved(known, &again);
        for ((table, index), values) in &moved {
            if let Some(reference) = known.group.table(*table).and_then(|rules| rules.references.get(*index)) {
                known.ask(*table, &reference.columns, values, Among::Admitted);
            }
        }
        known.find(rows)?;
        for (foreign, values) in &moved {
            let children = known.children(*foreign, values).filter(|(_, entry)| entry.is_admitted());
            joining.extend(children.map(|(at, _)| at.clone()));
        }
        let size = again.len();
        again.extend(joining);
        if again.len() == size {
            return Ok(());
        }
    }
}

/// Whether something changed that matters to references.
fn is_bound_otherwise(entry: &Entry) -> bool {
    let before = entry.before().filter(|_| entry.was_admitted());
    let after = entry.after().filter(|_| entry.is_admitted());
    before.map(|bonds| (&bonds.refers, &bonds.offers)) != after.map(|bonds| (&bonds.refers, &bonds.offers))
}

/// What an admitted row refers to.
fn refers<'a>(at: &'a RowKey, entry: &'a Entry) -> impl Iterator<Item = (Foreign, &'a Cells)> {
    let bonds = entry.after().filter(|_| entry.is_admitted());
    let refers = bonds.into_iter().flat_map(|bonds| bonds.refers.iter().enumerate());
    refers.filter_map(|(index, values)| Some(((at.0, index), values.as_ref()?)))
}

fn ask_for_parents(known: &mut Known, again: &BTreeSet<RowKey>) {
    let group = known.group;
    let mut wanted: Vec<(Foreign, Cells)> = Vec::new();
    for at in again {
        let Some(entry) = known.entries.get(at) else { continue };
        wanted.extend(refers(at, entry).map(|(foreign, values)| (foreign, values.clone())));
    }
    for ((table, index), values) in wanted {
        if let Some(reference) = group.table(table).and_then(|rules| rules.references.get(index)) {
            known.ask(reference.to, &reference.to_columns, &values, Among::Admitted);
        }
    }
}

/// All of them are visible, but for those with a reference that no visible row answers; until no more are.
fn hide_orphans(known: &mut Known, again: &BTreeSet<RowKey>) {
    let set = |known: &mut Known, at: &RowKey, fate: Fate| {
        if let Some(entry) = known.entries.get_mut(at).filter(|entry| entry.is_admitted()) {
            entry.fate = Some(fate);
        }
    };
    again.iter().for_each(|at| set(known, at, Fate::Visible));
    loop {
        let orphans: Vec<&RowKey> = again
            .iter()
            .filter(|at| {
                known.entries.get(*at).is_some_and(|entry| entry.is_visible() && waits(known, at, entry).is_some())
            })
            .collect();
        if orphans.is_empty() {
            break;
        }
        orphans.into_iter().for_each(|at| set(known, at, Fate::Parked(Reason::Reference(0))));
    }
    // The reason is the first reference that is not answered in the end.
    for at in again {
        let waits = known.entries.get(at).filter(|entry| !entry.is_visible()).and_then(|entry| waits(known, at, entry));
        if let Some(index) = waits {
            set(known, at, Fate::Parked(Reason::Reference(index)));
        }
    }
}

/// The first reference without a visible parent.
fn waits(known: &Known, at: &RowKey, entry: &Entry) -> Option<usize> {
    let answered = |foreign, values| known.parents(foreign, values).any(|(_, parent)| parent.is_visible());
    refers(at, entry).find(|(foreign, values)| !answered(*foreign, values)).map(|((_, index), _)| index)
}

/// What must be worked out anew for rows that stay hidden: hidden parents, where each missing one has any.
fn hidden_parents(known: &Known, again: &BTreeSet<RowKey>) -> BTreeSet<RowKey> {
    let mut joining = BTreeSet::new();
    for at in again {
        let Some(entry) = known.entries.get(at).filter(|entry| !entry.is_visible()) else { continue };
        let mut parents = Vec::new();
        let mut possible = true;
        for (foreign, values) in refers(at, entry) {
            let candidates: Vec<_> =
                known.parents(foreign, values).filter(|(_, parent)| parent.is_admitted()).collect();
            possible &= !candidates.is_empty();
            if !candidates.iter().any(|(_, parent)| parent.is_visible()) {
                parents.extend(candidates.into_iter().map(|(at, _)| at.clone()));
            }
        }
        if possible {
            joining.extend(parents);
        }
    }
    joining
}

/// Values that visible rows among these offered only before, or offer only now.
fn moved(known: &Known, again: &BTreeSet<RowKey>) -> BTreeSet<(Foreign, Cells)> {
    let (mut before, mut now) = (BTreeSet::new(), BTreeSet::new());
    for at in again {
        let Some(entry) = known.entries.get(at) else { continue };
        let offered = |bonds| known.offers(at.0, bonds).map(|(foreign, values)| (foreign, values.clone()));
        before.extend(entry.before().filter(|_| entry.was_visible()).into_iter().flat_map(offered));
        now.extend(entry.after().filter(|_| entry.is_visible()).into_iter().flat_map(offered));
    }
    before.symmetric_difference(&now).cloned().collect()
}
