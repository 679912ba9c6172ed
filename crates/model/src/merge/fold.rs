//! Giving a node's own changes their numbers and stamps.

use super::rank::Rank;
use super::row::{Cells, Loss, Lost, RowState};
use super::rules::{Group, Place, TableRules};
use super::state::{RowLoss, State, rules};
use super::unit::{Change, Deed, Edit, Unit, Write};
use crate::cell::CellBuf;
use crate::change::{ChangeBuf, Op};
use crate::error::{Error, ErrorKind, Result};
use crate::origin::Origin;
use crate::stamp::{Clock, Stamp};

/// What a transaction of the application became.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded {
    /// What is to travel; absent if nothing changed in the end.
    pub unit: Option<Unit>,
    /// What it displaced without its user having seen it: values of rows that were parked when the user inserted
    /// another row of the same key.
    pub losses: Vec<RowLoss>,
}

/// Folds one captured transaction, its changes in the order in which they were made: each gets the next number after
/// `last` and a stamp, once, and `state` takes them in. All that the transaction captured must be there, or the unit
/// would not be whole (I3).
///
/// The stamp is at least the clock's and the time of the change, and greater than every stamp that it replaces (I8); the
/// ranks that it replaces are its base. An update writes only registers whose value differs.
///
/// # Errors
/// - [`ErrorKind::Bug`]: a change of a row that `state` says is not there, or of another kind than insert, update, key
///   change and delete; the caller has not folded or not locked what it should have.
pub fn fold(
    state: &mut State,
    group: &Group,
    origin: Origin,
    last: u64,
    clock: &mut Clock,
    captured: &[(usize, ChangeBuf)],
) -> Result<Folded> {
    let mut folded = Folded::default();
    let mut changes = Vec::with_capacity(captured.len());
    for (table, change) in captured {
        let edits = edits(state, group, *table, change)?;
        if edits.is_empty() {
            continue;
        }
        let at_ms = change.at.map_or(0, |at| u64::try_from(at.us / 1000).unwrap_or(0));
        let stamp = clock.tick(at_ms, replaced(state, &edits));
        let rank = Rank { stamp, origin };
        folded.losses.extend(edits.iter().flat_map(|edit| unseen(state, group, edit, rank)));
        let change = Change { number: last + 1 + changes.len() as u64, stamp, edits };
        state.apply(group, origin, &change)?;
        changes.push(change);
    }
    folded.unit = (!changes.is_empty()).then_some(Unit { origin, changes });
    Ok(folded)
}

/// What the change does to rows, with the ranks that it replaces.
fn edits(state: &State, group: &Group, table: usize, change: &ChangeBuf) -> Result<Vec<Edit>> {
    let rules = rules(group, table)?;
    let key = key(rules, change, change.op != Op::Insert)?;
    let row = state.row(table, &key);
    let live = || row.filter(|row| row.is_live(rules.deletes)).ok_or_else(not_there);
    let edit = |key: &Cells, deed: Deed, writes: Vec<Write>| Edit { table, key: key.clone(), deed, writes };
    let to = if change.op == Op::Key { self::key(rules, change, false)? } else { key.clone() };
    Ok(match change.op {
        Op::Insert => {
            let writes = insert(rules, None, change, row);
            vec![edit(&key, Deed::Insert, writes)]
        }
        Op::Key if to != key => {
            let writes = insert(rules, Some(live()?), change, state.row(table, &to));
            vec![edit(&key, Deed::Delete, delete(live()?)), edit(&to, Deed::Insert, writes)]
        }
        Op::Update | Op::Key => {
            let writes = update(rules, live()?, change);
            if writes.is_empty() { Vec::new() } else { vec![edit(&key, Deed::Update, writes)] }
        }
        Op::Delete => vec![edit(&key, Deed::Delete, delete(live()?))],
        Op::Truncate | Op::Snapshot => {
            return Err(Error::new(ErrorKind::Bug, "only changes of single rows can be folded"));
        }
    })
}

/// The key of the row before the change where that is known, or after it.
fn key(rules: &TableRules, change: &ChangeBuf, before: bool) -> Result<Cells> {
    let cells = rules.key.iter().map(|&column| {
        let old = change.before.get(column).cloned().flatten();
        let new = change.after.get(column).cloned().flatten();
        if before { old.or(new) } else { new.or(old) }
    });
    let key: Option<Vec<CellBuf>> = cells.collect();
    key.map(Into::into).ok_or_else(|| Error::new(ErrorKind::Bug, "a change was captured without its key"))
}

/// All registers, of what the change carries and else of the row that it moves.
fn insert(rules: &TableRules, moved: Option<&RowState>, change: &ChangeBuf, there: Option<&RowState>) -> Vec<Write> {
    let registers = rules.registers.iter().enumerate();
    let writes = registers.map(|(register, _)| Write {
        register,
        value: value(rules, register, moved, change),
        base: there.and_then(|row| rank(row, register)),
    });
    writes.collect()
}

/// The registers whose value differs.
fn update(rules: &TableRules, row: &RowState, change: &ChangeBuf) -> Vec<Write> {
    let registers = rules.registers.iter().enumerate();
    let writes = registers.filter_map(|(register, columns)| {
        let carried = columns.iter().any(|&column| change.after.get(column).is_some_and(Option::is_some));
        let value = carried.then(|| value(rules, register, Some(row), change))?;
        let differs = row.registers.get(register)?.as_ref().is_none_or(|old| old.value != value);
        differs.then(|| Write { register, value, base: rank(row, register) })
    });
    writes.collect()
}

/// What its maker saw.
fn delete(row: &RowState) -> Vec<Write> {
    let registers = row.registers.iter().enumerate();
    let seen = |(register, _)| Write { register, value: Cells::from([]), base: rank(row, register) };
    registers.map(seen).collect()
}

fn value(rules: &TableRules, register: usize, row: Option<&RowState>, change: &ChangeBuf) -> Cells {
    let columns = rules.registers.get(register).map_or(&[][..], Vec::as_slice);
    let old = row.and_then(|row| row.registers.get(register)?.as_ref());
    let cells = columns.iter().map(|&column| {
        let carried = change.after.get(column).cloned().flatten();
        let kept = || match rules.place(column) {
            Place::Register(_, at) => old.and_then(|old| old.value.get(at)).cloned(),
            _ => None,
        };
        carried.or_else(kept).unwrap_or(CellBuf::NULL)
    });
    cells.collect()
}

fn rank(row: &RowState, register: usize) -> Option<Rank> {
    Some(row.registers.get(register)?.as_ref()?.rank)
}

/// The newest stamp that the edits must be greater than.
fn replaced(state: &State, edits: &[Edit]) -> Stamp {
    let rows = edits.iter().filter_map(|edit| state.row(edit.table, &edit.key));
    let ranks = rows.flat_map(|row| [row.newest(), row.deleted]);
    ranks.flatten().map(|rank| rank.stamp).max().unwrap_or(Stamp::ZERO)
}

/// The values of a live row that the user could not see, since it was parked, and over which one was inserted.
fn unseen(state: &State, group: &Group, edit: &Edit, by: Rank) -> Vec<RowLoss> {
    let deletes = group.table(edit.table).map(TableRules::deletes);
    let row = state.row(edit.table, &edit.key).filter(|row| deletes.is_some_and(|deletes| row.is_live(deletes)));
    let Some(row) = row.filter(|_| edit.deed == Deed::Insert) else { return Vec::new() };
    let lost = edit.writes.iter().filter_map(|write| {
        let old = row.registers.get(write.register)?.as_ref().filter(|old| old.value != write.value)?;
        let lost = Lost::Value { register: write.register, value: old.value.clone() };
        Some(RowLoss { table: edit.table, key: edit.key.clone(), loss: Loss { lost, rank: old.rank, by } })
    });
    lost.collect()
}

fn not_there() -> Error {
    Error::new(ErrorKind::Bug, "a change was captured of a row that is not there")
}
