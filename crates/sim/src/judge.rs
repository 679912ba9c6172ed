//! What must be true, checked without asking the code under test.

mod fates;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use syncline_model::CellBuf;
use syncline_model::merge::{Deed, Deletes, Edit, Group, Rank, RowState, State, Vector, view};
use syncline_model::stamp::Stamp;

use crate::database::{Captured, key, key_number, number};
use crate::node::Node;
use crate::setup::{Setup, TABLES};
use crate::truth::{Place, Truth};

pub use fates::fates;

/// A promise that a history broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The promise, by its number in the model and a few words.
    pub promise: &'static str,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise, self.what)
    }
}

/// The error that says so.
pub fn broken<T>(promise: &'static str, what: impl Into<String>) -> Result<T, Broken> {
    Err(Broken { promise, what: what.into() })
}

/// What an edit must have displaced unseen, by what its maker really saw.
pub fn losses(
    truth: &Truth,
    before: &RowState,
    after: &RowState,
    edit: &Edit,
    rank: Rank,
    deletes: Deletes,
) -> BTreeSet<Place> {
    let table = edit.table;
    let row = key_number(&edit.key);
    let mut lost = BTreeSet::new();
    let was_live = before.is_live(deletes);
    if edit.deed == Deed::Delete {
        if was_live && after.is_dead(deletes) {
            let registers = before.registers.iter().enumerate();
            let values = registers.filter_map(|(at, register)| register.as_ref().map(|register| (at, register.rank)));
            lost.extend(
                values.filter(|(_, value)| !truth.saw(rank, *value)).map(|(at, value)| (table, row, Some(at), value)),
            );
        } else if was_live && before.inserted < Some(rank) {
            lost.insert((table, row, None, rank));
        }
        return lost;
    }
    if after.is_dead(deletes) {
        return edit.writes.iter().map(|write| (table, row, Some(write.register), rank)).collect();
    }
    for write in &edit.writes {
        let Some(old) = before.registers.get(write.register).and_then(Option::as_ref) else { continue };
        if old.value == write.value || old.rank == rank {
            continue;
        }
        let displaced = after.registers.get(write.register).and_then(Option::as_ref).map(|new| new.rank) == Some(rank);
        if displaced && was_live && !truth.saw(rank, old.rank) {
            lost.insert((table, row, Some(write.register), old.rank));
        }
        if !displaced {
            lost.insert((table, row, Some(write.register), rank));
        }
    }
    if let Some(deleted) = before.deleted
        && before.is_dead(deletes)
        && edit.deed == Deed::Update
    {
        lost.insert((table, row, None, deleted));
    }
    lost
}

/// Values of parked rows that a transaction is about to insert over, so that they must be recorded.
pub fn hidden(group: &Group, state: &State, captured: &Captured) -> BTreeSet<Place> {
    let mut hidden = BTreeSet::new();
    let mut touched = BTreeSet::new();
    for (table, change) in &captured.changes {
        let value = |image: &[Option<CellBuf>], column: usize| image.get(column)?.as_ref().and_then(number);
        let (old, new) = (value(&change.before, 0), value(&change.after, 0));
        let inserted = new.filter(|new| old != Some(*new));
        let rules = group.table(*table);
        if let (Some(id), Some(rules)) = (inserted, rules)
            && !touched.contains(&(*table, id))
            && change.before.is_empty()
            && let Some(row) = state.row(*table, &key(id)).filter(|row| row.is_live(rules.deletes()))
            && let Some(cells) = rules.cells(&key(id), row)
        {
            let differs = |column: &usize| {
                let inserted = change.after.get(*column).map(|cell| cell.as_ref().and_then(number));
                cells.get(*column).map(number) != inserted
            };
            let registers = row.registers.iter().enumerate();
            let values = registers.filter_map(|(at, register)| Some((at, register.as_ref()?.rank)));
            let lost = values.filter(|(at, _)| rules.columns(*at).iter().any(differs));
            hidden.extend(lost.map(|(at, rank)| (*table, id, Some(at), rank)));
        }
        touched.extend([old, new].into_iter().flatten().map(|id| (*table, id)));
    }
    hidden
}

/// Whether nothing went back (P8).
pub fn not_back(before: &RowState, after: &RowState, deletes: Deletes) -> Result<(), Broken> {
    let registers = before.registers.iter().zip(&after.registers);
    let erased = |rank: Rank| deletes == Deletes::Win && Some(rank) <= after.deleted;
    let mut back = registers.filter(|(before, after)| match (before, after) {
        (Some(before), Some(after)) => before.rank > after.rank,
        (Some(before), None) => !erased(before.rank),
        _ => false,
    });
    if back.next().is_some() || before.deleted > after.deleted || before.inserted > after.inserted {
        return broken("P8 nothing goes back", format!("{before:?} became {after:?}"));
    }
    Ok(())
}

/// What must be true when all is quiet and every node has heard of everything.
pub fn quiet(setup: &Setup, truth: &Truth, nodes: &[Node]) -> Result<(), Broken> {
    let Some((first, others)) = nodes.split_first() else { return Ok(()) };
    if truth.units != truth.transactions {
        let what = format!("{} units of {} transactions", truth.units, truth.transactions);
        return broken("P7 no echo: what is sent is what users did", what);
    }
    let rows = |node: &Node| -> Vec<_> {
        let known = setup.group.tables().iter().enumerate().flat_map(|(table, rules)| {
            let live = node.state.rows(table).filter(|(_, row)| !row.is_dead(rules.deletes()));
            live.map(move |(key, row)| (table, key.clone(), row.inserted, row.registers.clone()))
        });
        known.collect()
    };
    let expected = rows(first);
    for node in others {
        if !node.vector.covers_all(&first.vector) || !first.vector.covers_all(&node.vector) {
            return broken("P1 every change arrives everywhere", format!("nodes {} and {}", first.at, node.at));
        }
        let found = rows(node);
        if found != expected {
            let what = format!("node {} knows {expected:?}, node {} knows {found:?}", first.at, node.at);
            return broken("P5 same changes, same state", what);
        }
        for table in 0..TABLES.len() {
            if first.database.table(table) != node.database.table(table) {
                let (one, other) = (first.database.table(table), node.database.table(table));
                let what = format!("node {} shows {one:?}, node {} shows {other:?}", first.at, node.at);
                return broken("P5 same changes, same rows", what);
            }
        }
    }
    fates(&setup.group, &first.state, &view(&setup.group, &first.state))?;
    causal(truth)?;
    accounted(setup, truth, first)
}

/// P6: a change made after seeing another one of the same register has the greater rank.
fn causal(truth: &Truth) -> Result<(), Broken> {
    let mut writers: BTreeMap<(usize, i64, usize), Vec<Rank>> = BTreeMap::new();
    for (rank, made) in &truth.made {
        for edit in &made.edits {
            for write in &edit.writes {
                writers.entry((edit.table, key_number(&edit.key), write.register)).or_default().push(*rank);
            }
        }
    }
    for (place, ranks) in &writers {
        // By rising rank: nobody may have seen a later one.
        for (at, rank) in ranks.iter().enumerate() {
            if let Some(later) = ranks.iter().skip(at + 1).find(|later| truth.saw(*rank, **later)) {
                let what = format!("{rank} had seen {later} of {place:?} and is older");
                return broken("P6 what was seen is overwritten by what follows", what);
            }
        }
    }
    Ok(())
}

/// I10: whatever users wrote is there, or was replaced by somebody who had seen it, or stands in a conflict list.
fn accounted(setup: &Setup, truth: &Truth, node: &Node) -> Result<(), Broken> {
    let mut edits: BTreeMap<(usize, i64), Vec<(Rank, &Edit)>> = BTreeMap::new();
    for (rank, made) in truth.made.iter().filter(|(rank, _)| node.vector.covers(**rank)) {
        for edit in &made.edits {
            edits.entry((edit.table, key_number(&edit.key))).or_default().push((*rank, edit));
        }
    }
    for ((table, id), edits) in &edits {
        let deletes = setup.group.table(*table).map_or(Deletes::Newest, |rules| rules.deletes());
        let row = node.state.row(*table, &key(*id)).filter(|row| !row.is_dead(deletes));
        for (rank, edit) in edits {
            let recorded = |register: Option<usize>| truth.recorded.contains(&(*table, *id, register, *rank));
            if edit.deed == Deed::Delete {
                let newer = |(other, edit): &(Rank, &Edit)| other > rank && edit.deed != Deed::Update;
                if row.is_some() && !recorded(None) && !edits.iter().any(newer) {
                    return broken(
                        "I10 nothing is lost quietly",
                        format!("the delete {rank} of row {id} of table {table}"),
                    );
                }
                continue;
            }
            for write in &edit.writes {
                let register = write.register;
                let holds =
                    row.and_then(|row| row.registers.get(register)?.as_ref()).is_some_and(|now| now.rank == *rank);
                let answered = |(other, edit): &(Rank, &Edit)| {
                    let same = edit.writes.iter().find(|write| write.register == register);
                    same.is_some_and(|same| {
                        truth.saw(*other, *rank)
                            || (other != rank && edit.deed != Deed::Delete && same.value == write.value)
                    })
                };
                if !holds && !recorded(Some(register)) && !edits.iter().any(answered) {
                    let what = format!("register {register} of row {id} of table {table}, written by {rank}");
                    return broken("I10 nothing is lost quietly", what);
                }
            }
        }
    }
    Ok(())
}

/// P8 for a node's clock, and F101: what was taken in after the fold did not push it past `limit_ms`.
pub fn clock(node: &Node, folded: Stamp, limit_ms: u64) -> Result<(), Broken> {
    let (high, now) = (node.clock_high, node.clock.last());
    if now < high {
        return broken("P8 nothing goes back", format!("the clock of node {} from {high} to {now}", node.at));
    }
    if now > folded && now.millis() > limit_ms {
        return broken("F101 a stamp from the future is held", format!("the clock of node {} is at {now}", node.at));
    }
    Ok(())
}

/// I3: whatever a node shows, it shows whole transactions.
pub fn whole(truth: &Truth, vector: &Vector) -> Result<(), Broken> {
    if truth.is_whole(vector) { Ok(()) } else { broken("P3 units stay whole", format!("{vector:?}")) }
}
