//! Rows with their fates and with indexes, as a database has them; it counts what is read.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::view::values;
use super::super::super::{
    Ask, Cells, Change, Deed, Deletes, Edit, Fate, Group, Mode, Rank, Ripple, RowKey, RowState, Rows, State, Stored,
    Touched, Write, ripple, view,
};
use super::super::{key, table};
use crate::cell::{Cell, CellBuf};
use crate::error::Result;
use crate::origin::Origin;
use crate::schema::{ForeignKey, Index, TableName, TableSchema};

pub const CLAIMS: usize = 0;
pub const TREES: usize = 1;
pub const RINGS: usize = 2;
pub const LEAVES: usize = 3;

/// Two single uniques and a composite one; trees on trees and on rings, rings on the unique value of a tree; leaves on rings
/// and on the unique value of a claim.
pub fn shop(mode: &Mode, deletes: Deletes) -> Group {
    let unique = |table: &mut TableSchema, columns: &[usize]| {
        table.indexes.push(Index { name: None, columns: columns.to_vec(), unique: true });
    };
    let refers = |table: &mut TableSchema, column: usize, to: &str, to_column: &str| {
        table.foreign_keys.push(ForeignKey {
            columns: vec![column],
            to: TableName::bare(to),
            to_columns: vec![to_column.to_string()],
            on_delete: None,
            on_update: None,
        });
    };
    let mut claims = table("claims", &["id", "one", "two", "left", "right"]);
    unique(&mut claims, &[1]);
    unique(&mut claims, &[2]);
    unique(&mut claims, &[3, 4]);
    let mut trees = table("trees", &["id", "name", "on", "ring"]);
    unique(&mut trees, &[1]);
    refers(&mut trees, 2, "trees", "id");
    refers(&mut trees, 3, "rings", "id");
    let mut rings = table("rings", &["id", "tree"]);
    refers(&mut rings, 1, "trees", "name");
    let mut leaves = table("leaves", &["id", "ring", "claim", "x"]);
    refers(&mut leaves, 1, "rings", "id");
    refers(&mut leaves, 2, "claims", "one");
    Group::new(&[claims, trees, rings, leaves].map(|table| (table, mode.clone(), deletes))).unwrap()
}

fn writes(group: &Group, table: usize, cells: &[Option<i64>]) -> Vec<Write> {
    let rules = group.table(table).unwrap();
    let registers = (0..rules.registers()).map(|register| {
        let cell = |column: &usize| cells[column - 1].map_or(CellBuf::NULL, CellBuf::from);
        Write { register, value: rules.columns(register).iter().map(cell).collect(), base: None }
    });
    registers.collect()
}

/// A row with these cells after its key.
pub fn made(group: &Group, at: Rank, table: usize, id: i64, cells: &[Option<i64>]) -> (Origin, Change) {
    let edit = Edit { table, key: key(id), deed: Deed::Insert, writes: writes(group, table, cells) };
    (at.origin, Change { number: 1, stamp: at.stamp, edits: vec![edit] })
}

pub fn removed(group: &Group, at: Rank, table: usize, id: i64) -> (Origin, Change) {
    let (origin, mut change) = made(group, at, table, id, &[None; 4]);
    change.edits[0].deed = Deed::Delete;
    (origin, change)
}

type ByValues = BTreeMap<Vec<CellBuf>, BTreeSet<Cells>>;

pub struct Held {
    pub group: Group,
    state: State,
    fates: Vec<BTreeMap<Cells, Fate>>,
    /// By table and columns; made when first asked for.
    indexes: BTreeMap<(usize, Vec<usize>), ByValues>,
    /// Of the last step: rows answered, and times asked.
    pub read: usize,
    pub asked: usize,
}

impl Held {
    pub fn new(group: Group) -> Self {
        let (state, fates) = (State::new(&group), vec![BTreeMap::new(); group.tables().len()]);
        Self { group, state, fates, indexes: BTreeMap::new(), read: 0, asked: 0 }
    }

    /// Takes in changes, and says what they changed of what is seen: exactly what the views before and after differ in.
    pub fn step(&mut self, changes: &[(Origin, Change)]) -> Vec<(usize, i64, Option<Fate>)> {
        let mut touched: BTreeMap<RowKey, Touched> = BTreeMap::new();
        let before = self.state.clone();
        for (origin, change) in changes {
            self.state.apply(&self.group, *origin, change).unwrap();
            for edit in &change.edits {
                let at = (edit.table, edit.key.clone());
                let fate = self.fates[at.0].get(&at.1).copied();
                let row = |state: &State| state.row(at.0, &at.1).cloned();
                let (before, after) = (row(&before), row(&self.state));
                touched.insert(at, Touched { before, fate, after });
            }
        }
        let fates = view(&self.group, &self.state);
        let expected = self.differences(&before, &fates);
        (self.read, self.asked) = (0, 0);
        let group = self.group.clone();
        let found = ripple(&group, self, &touched).unwrap();
        assert_eq!(found, expected);
        self.fates = fates;
        self.indexes.clear();
        found.iter().map(|((table, key), ripple)| (*table, number(&key[0]), ripple.fate)).collect()
    }

    /// Takes a change in without looking at what follows.
    pub fn put(&mut self, (origin, change): &(Origin, Change)) {
        self.state.apply(&self.group, *origin, change).unwrap();
    }

    /// Makes all fates anew.
    pub fn look(&mut self) {
        self.fates = view(&self.group, &self.state);
    }

    pub fn fates_of(&self, table: usize) -> Vec<(i64, Fate)> {
        self.fates[table].iter().map(|(key, fate)| (number(&key[0]), *fate)).collect()
    }

    fn differences(&self, before: &State, fates: &[BTreeMap<Cells, Fate>]) -> BTreeMap<RowKey, Ripple> {
        let mut differences = BTreeMap::new();
        for (table, rules) in self.group.tables().iter().enumerate() {
            let keys: BTreeSet<&Cells> = self.fates[table].keys().chain(fates[table].keys()).collect();
            for key in keys {
                let (was, fate) = (self.fates[table].get(key).copied(), fates[table].get(key).copied());
                let cells = |state: &State| rules.cells(key, state.row(table, key)?);
                if was != fate || (fate == Some(Fate::Visible) && cells(before) != cells(&self.state)) {
                    let row = self.state.row(table, key).cloned();
                    differences.insert((table, key.clone()), Ripple { was, fate, row });
                }
            }
        }
        differences
    }
}

impl Rows for Held {
    fn find(&mut self, asked: &[Ask]) -> Result<Vec<Stored>> {
        self.asked += 1;
        let Self { group, state, fates, indexes, .. } = self;
        let mut found = Vec::new();
        for ask in asked {
            let rules = group.table(ask.table).unwrap();
            let index = indexes.entry((ask.table, ask.columns.clone())).or_insert_with(|| {
                let mut index = ByValues::new();
                for (key, row) in state.rows(ask.table) {
                    if let Some(values) = values(rules, key, row, &ask.columns) {
                        index.entry(values.into_iter().cloned().collect()).or_default().insert(key.clone());
                    }
                }
                index
            });
            for key in index.get(&ask.values.to_vec()).into_iter().flatten() {
                let row: &RowState = state.row(ask.table, key).unwrap();
                if let Some(fate) = fates[ask.table].get(key).copied().filter(|fate| ask.among.is(*fate)) {
                    found.push(Stored { table: ask.table, key: key.clone(), row: row.clone(), fate });
                }
            }
        }
        self.read += found.len();
        Ok(found)
    }
}

fn number(cell: &CellBuf) -> i64 {
    match cell.as_cell() {
        Cell::Int(value) => value,
        _ => -1,
    }
}
