#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod conflicts;
mod folds;
mod laws;
mod ripples;
mod rules;
mod vectors;
mod views;

use super::{Cells, Change, Deed, Deletes, Edit, Group, Mode, Rank, State, Unit, Write};
use crate::cell::CellBuf;
use crate::origin::Origin;
use crate::schema::{Column, ForeignKey, Index, LogicalType, TableName, TableSchema};
use crate::stamp::Stamp;

pub fn table(name: &str, columns: &[&str]) -> TableSchema {
    let int = LogicalType::Int { bits: 64, signed: true };
    let columns = columns.iter().map(|column| Column::new(column, int.clone())).collect();
    let mut table = TableSchema::new(TableName::bare(name), columns);
    table.key = vec![0];
    table
}

/// `owners(id, badge unique, a, b)` and `items(id, owner → owners, x)`, a stamp for each column.
pub fn group(deletes: Deletes) -> Group {
    let mut owners = table("owners", &["id", "badge", "a", "b"]);
    owners.indexes.push(Index { name: None, columns: vec![1], unique: true });
    let mut items = table("items", &["id", "owner", "x"]);
    items.foreign_keys.push(ForeignKey {
        columns: vec![1],
        to: TableName::bare("owners"),
        to_columns: Vec::new(),
        on_delete: None,
        on_update: None,
    });
    let mode = || Mode::Column { together: Vec::new() };
    Group::new(&[(owners, mode(), deletes), (items, mode(), deletes)]).unwrap()
}

pub fn key(id: i64) -> Cells {
    Cells::from([CellBuf::from(id)])
}

pub fn value(value: Option<i64>) -> Cells {
    Cells::from([value.map_or(CellBuf::NULL, CellBuf::from)])
}

pub fn rank(millis: u64, origin: u64) -> Rank {
    Rank { stamp: Stamp::new(millis, 0), origin: Origin(origin) }
}

/// A change of one row; writes are (register, value, base).
pub fn change(at: Rank, table: usize, id: i64, deed: Deed, writes: &[(usize, i64, Option<Rank>)]) -> (Origin, Change) {
    let writes = writes.iter().map(|(register, new, base)| {
        let value = if deed == Deed::Delete { Cells::from([]) } else { value(Some(*new)) };
        Write { register: *register, value, base: *base }
    });
    let edit = Edit { table, key: key(id), deed, writes: writes.collect() };
    (at.origin, Change { number: 1, stamp: at.stamp, edits: vec![edit] })
}

/// An insert of an owner with these values, over nothing.
pub fn owner(at: Rank, id: i64, values: [i64; 3]) -> (Origin, Change) {
    let writes: Vec<_> = values.into_iter().enumerate().map(|(register, value)| (register, value, None)).collect();
    change(at, 0, id, Deed::Insert, &writes)
}

pub fn item(at: Rank, id: i64, owner: i64) -> (Origin, Change) {
    change(at, 1, id, Deed::Insert, &[(0, owner, None), (1, 0, None)])
}

pub fn state(group: &Group, changes: &[(Origin, Change)]) -> State {
    let mut state = State::new(group);
    for (origin, change) in changes {
        state.apply(group, *origin, change).unwrap();
    }
    state
}

/// The numbers of a row; nothing if it is dead or not complete.
pub fn numbers(group: &Group, state: &State, table: usize, id: i64) -> Option<Vec<i64>> {
    let rules = group.table(table).unwrap();
    let row = state.row(table, &key(id)).filter(|row| row.is_live(rules.deletes()))?;
    let cells = rules.cells(&key(id), row)?;
    let number = |cell: &CellBuf| match cell.as_cell() {
        crate::cell::Cell::Int(value) => value,
        _ => -1,
    };
    Some(cells.iter().map(number).collect())
}

pub fn unit(origin: u64, first: u64, millis: &[u64]) -> Unit {
    let changes = millis.iter().zip(first..).map(|(millis, number)| Change {
        number,
        stamp: Stamp::new(*millis, 0),
        edits: Vec::new(),
    });
    Unit { origin: Origin(origin), changes: changes.collect() }
}
