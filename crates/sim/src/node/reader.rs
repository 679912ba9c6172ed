//! What a transaction reads of its node's rows, as a connector does: visible ones from the application's tables, with whatever
//! users have committed there, parked ones from a table of their own.

use std::collections::BTreeMap;

use syncline_model::Result;
use syncline_model::merge::{
    Among, Ask, Cells, Fate, Group, Rank, Register, RowKey, RowState, Rows, State, Stored, TableRules, Touched,
};
use syncline_model::origin::Origin;
use syncline_model::stamp::Stamp;

use super::{Locks, Users};
use crate::database::{Database, Row, cell, has, key, key_number, number};
use crate::history::World;
use crate::setup::TABLES;
use crate::wrong::Wrong;

/// What a node shows and what it has parked, by table.
pub type Fates = Vec<BTreeMap<Cells, Fate>>;

/// The rows of a node within a transaction. What it answers with may be locked; between two answers users write.
pub struct Reader<'a> {
    pub world: &'a mut World,
    pub state: &'a State,
    pub fates: &'a Fates,
    pub database: &'a mut Database,
    pub locks: &'a mut Locks,
    pub users: &'a mut Users,
    /// Whether it was asked for rows that wait.
    pub waiting_asked: bool,
}

impl Rows for Reader<'_> {
    fn find(&mut self, asked: &[Ask]) -> Result<Vec<Stored>> {
        let mut found = Vec::new();
        for ask in asked.iter().filter(|ask| !self.is_forgotten(ask)) {
            let wanted: Vec<i64> = ask.values.iter().filter_map(number).collect();
            if ask.among == Among::Admitted {
                self.visible(ask, &wanted, &mut found);
            }
            self.parked(ask, &wanted, &mut found);
        }
        self.waiting_asked |= asked.iter().any(|ask| ask.among == Among::Waiting);
        self.world.counts.asked += 1;
        self.world.counts.read += found.len() as u64;
        if self.world.setup.locks_reads && !self.world.is(Wrong::LocksOnlyWhatItBrings) {
            self.locks.extend(found.iter().map(|stored| (stored.table, key_number(&stored.key))));
        }
        let raced = self.world.is(Wrong::FoldBeforeLock) || self.world.is(Wrong::LocksOnlyWhatItBrings);
        // Not always, so that some are left for the last moment.
        if !raced && self.users.left > 0 && self.world.chance.percent(40) {
            self.users.race(self.world, self.database, self.locks);
        }
        Ok(found)
    }
}

impl Reader<'_> {
    /// In the application's table.
    fn visible(&self, ask: &Ask, wanted: &[i64], found: &mut Vec<Stored>) {
        let Some(rules) = self.world.setup.group.table(ask.table) else { return };
        for (id, row) in self.database.table(ask.table) {
            if has(row, &ask.columns, wanted) {
                let key = key(*id);
                let row = shown(rules, self.state.row(ask.table, &key), row);
                found.push(Stored { table: ask.table, key, row, fate: Fate::Visible });
            }
        }
    }

    /// In the table of parked rows.
    fn parked(&self, ask: &Ask, wanted: &[i64], found: &mut Vec<Stored>) {
        let Some(rules) = self.world.setup.group.table(ask.table) else { return };
        let parked = self.fates.get(ask.table).into_iter().flatten();
        for (key, fate) in parked.filter(|(_, fate)| **fate != Fate::Visible && ask.among.is(**fate)) {
            if self.world.is(Wrong::HiddenParentsLeftOut) && ask.columns == [0] {
                continue;
            }
            let Some(row) = self.state.row(ask.table, key) else { continue };
            let cells = rules.cells(key, row);
            let cells: Option<Row> = cells.map(|cells| cells.iter().map(number).collect());
            if cells.is_some_and(|cells| has(&cells, &ask.columns, wanted)) {
                found.push(Stored { table: ask.table, key: key.clone(), row: row.clone(), fate: *fate });
            }
        }
    }

    /// What a node does not think of.
    fn is_forgotten(&self, ask: &Ask) -> bool {
        let Some(table) = TABLES.get(ask.table) else { return false };
        match self.world.wrong {
            Some(Wrong::ChildrenNotFollowed) => table.references.iter().any(|known| known.columns == ask.columns),
            Some(Wrong::WaitingNotLookedFor) => ask.among == Among::Waiting,
            Some(Wrong::OnlyDirectClashes) => {
                self.waiting_asked && table.uniques.iter().any(|known| *known == ask.columns)
            }
            _ => false,
        }
    }
}

/// A row of the application's table with its stamps. A row without any is one that was not folded yet.
fn shown(rules: &TableRules, known: Option<&RowState>, row: &Row) -> RowState {
    let unfolded = Rank { stamp: Stamp::ZERO, origin: Origin(0) };
    let registers = (0..rules.registers()).map(|at| {
        let value: Cells = rules.columns(at).iter().map(|column| cell(row.get(*column).copied().flatten())).collect();
        let rank = known.and_then(|row| row.registers.get(at)?.as_ref()).map_or(unfolded, |register| register.rank);
        Some(Register { rank, value })
    });
    let inserted = known.map_or(Some(unfolded), |row| row.inserted);
    RowState { inserted, deleted: known.and_then(|row| row.deleted), registers: registers.collect() }
}

/// What a transaction has touched, by what was known before and what is known now.
pub fn touched(
    world: &World,
    before: &BTreeMap<RowKey, Option<RowState>>,
    fates: &Fates,
    state: &State,
) -> BTreeMap<RowKey, Touched> {
    let touched = before.iter().map(|(at, before)| {
        let after = state.row(at.0, &at.1).cloned();
        let fate = fates.get(at.0).and_then(|fates| fates.get(&at.1)).copied();
        let before = if world.is(Wrong::OldValuesNotLookedAt) { after.clone() } else { before.clone() };
        (at.clone(), Touched { before, fate, after })
    });
    touched.collect()
}

/// What users are to see of a row with that fate.
pub fn wanted(group: &Group, state: &State, table: usize, key: &Cells, fate: Option<Fate>) -> Option<Row> {
    let row = state.row(table, key).filter(|_| fate == Some(Fate::Visible))?;
    let cells = group.table(table)?.cells(key, row)?;
    Some(cells.iter().map(number).collect())
}
