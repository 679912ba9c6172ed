//! Reading what a member knows of rows: their ranks, and those that it does not show.
//!
//! The values of rows that are shown are in the application's tables and nowhere else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use syncline_model::merge::{Among, Ask, Cells, Fate, Group, Register, RowKey, RowState, Rows, Stored, TableRules};
use syncline_model::{CellBuf, Error, ErrorKind, Result};
use tokio::runtime::Handle;

use super::agreed::Agreed;
use super::coded::{self, Ranks};
use super::control::{self, CLAIM, HIDDEN, RANK, TABLES};
use super::member::{Member, Row, as_agreed};

/// A row that is not shown.
#[derive(Debug, Clone)]
pub struct Hidden {
    pub row: RowState,
    /// Absent if it is dead.
    pub fate: Option<Fate>,
}

/// A member's rows within a transaction.
pub struct Store<'a> {
    pub member: &'a mut dyn Member,
    pub group: &'a Group,
    pub agreed: &'a Agreed,
}

impl Store<'_> {
    pub fn rules(&self, table: usize) -> Result<&TableRules> {
        self.group.table(table).ok_or_else(|| Error::new(ErrorKind::Bug, "a row is of a table that the group has not"))
    }

    /// The rows of these keys as the application's tables show them.
    pub async fn shown(&mut self, keys: &BTreeSet<RowKey>, lock: bool) -> Result<BTreeMap<RowKey, Row>> {
        let mut found = BTreeMap::new();
        // In the order of tables and keys: whoever else locks several rows does so too.
        for (table, keys) in by_table(keys) {
            let columns = self.rules(table)?.key().to_vec();
            for row in self.member.find(TABLES + table, &columns, &keys, lock).await? {
                let row = self.agreed_row(table, row);
                found.insert((table, key(self.rules(table)?, &row)), row);
            }
        }
        Ok(found)
    }

    /// A row with its cells as the group knows them.
    pub fn agreed_row(&self, table: usize, row: Row) -> Row {
        match self.agreed.tables.get(table) {
            Some(agreed) => row.into_iter().zip(&agreed.columns).map(|(cell, (_, of))| as_agreed(cell, of)).collect(),
            None => row,
        }
    }

    /// The ranks of those rows that have any.
    pub async fn ranks(&mut self, keys: &BTreeSet<RowKey>) -> Result<HashMap<RowKey, Ranks>> {
        let mut found = HashMap::new();
        for row in self.member.find(RANK, &[0, 1], &places(keys.iter()), false).await? {
            let (table, key) = (control::place(&row, 0)?, coded::read_cells(control::bytes(&row, 2)?)?);
            let registers = self.rules(table)?.registers();
            found.insert((table, key), coded::read_ranks(control::bytes(&row, 3)?, registers)?);
        }
        Ok(found)
    }

    /// Those of these rows that are hidden.
    pub async fn hidden(&mut self, keys: &BTreeSet<RowKey>) -> Result<HashMap<RowKey, Hidden>> {
        let places = places(keys.iter());
        self.hidden_at(&places).await
    }

    async fn hidden_at(&mut self, places: &[Cells]) -> Result<HashMap<RowKey, Hidden>> {
        let rows = self.member.find(HIDDEN, &[0, 1], places, false).await?;
        let keys = rows.iter().map(|row| Ok((control::place(row, 0)?, coded::read_cells(control::bytes(row, 2)?)?)));
        let keys = keys.collect::<Result<Vec<RowKey>>>()?;
        let ranks = self.ranks(&keys.iter().cloned().collect()).await?;
        let mut found = HashMap::new();
        for (at, row) in keys.into_iter().zip(rows) {
            let rules = self.rules(at.0)?;
            let none = Ranks { inserted: None, deleted: None, registers: vec![None; rules.registers()] };
            let state = coded::read_image(control::bytes(&row, 4)?, ranks.get(&at).unwrap_or(&none), rules)?;
            found.insert(at, Hidden { row: state, fate: coded::read_fate(control::int(&row, 3)?)? });
        }
        Ok(found)
    }

    async fn read(&mut self, asked: &[Ask]) -> Result<Vec<Stored>> {
        let mut stored = Vec::new();
        let mut alike: BTreeMap<(usize, &[usize], Among), Vec<Cells>> = BTreeMap::new();
        for ask in asked {
            alike.entry((ask.table, &ask.columns, ask.among)).or_default().push(ask.values.clone());
        }
        for ((table, columns, among), values) in alike {
            if among == Among::Admitted {
                self.visible(table, columns, &values, &mut stored).await?;
            }
            let claims: Vec<Cells> = values.iter().map(|values| [claim(table, columns, values)].into()).collect();
            let places = self.member.find(CLAIM, &[2], &claims, false).await?;
            let places = places.into_iter().map(|row| row.into_iter().take(2).collect::<Cells>());
            let places: Vec<Cells> = places.collect::<BTreeSet<_>>().into_iter().collect();
            if places.is_empty() {
                continue;
            }
            for ((table, key), hidden) in self.hidden_at(&places).await? {
                if let Some(fate) = hidden.fate.filter(|fate| among.is(*fate)) {
                    stored.push(Stored { table, key, row: hidden.row, fate });
                }
            }
        }
        Ok(stored)
    }

    async fn visible(
        &mut self,
        table: usize,
        columns: &[usize],
        values: &[Cells],
        stored: &mut Vec<Stored>,
    ) -> Result<()> {
        let rows = self.member.find(TABLES + table, columns, values, false).await?;
        let rows: Vec<Row> = rows.into_iter().map(|row| self.agreed_row(table, row)).collect();
        let rules = self.rules(table)?;
        let keys: Vec<RowKey> = rows.iter().map(|row| (table, key(rules, row))).collect();
        let ranks = self.ranks(&keys.iter().cloned().collect()).await?;
        let rules = self.rules(table)?;
        for (at, row) in keys.into_iter().zip(rows) {
            let row = as_state(rules, ranks.get(&at), &row);
            stored.push(Stored { table, key: at.1, row, fate: Fate::Visible });
        }
        Ok(())
    }
}

impl Rows for Store<'_> {
    fn find(&mut self, asked: &[Ask]) -> Result<Vec<Stored>> {
        tokio::task::block_in_place(|| Handle::current().block_on(self.read(asked)))
    }
}

/// The key of a row.
pub fn key(rules: &TableRules, row: &[CellBuf]) -> Cells {
    rules.key().iter().filter_map(|&column| row.get(column).cloned()).collect()
}

/// A row of the application's table with its ranks; without any, nobody has touched it since the group was made.
pub fn as_state(rules: &TableRules, ranks: Option<&Ranks>, row: &[CellBuf]) -> RowState {
    let untouched;
    let ranks = match ranks {
        Some(ranks) => ranks,
        None => {
            untouched = Ranks::untouched(rules.registers());
            &untouched
        }
    };
    let registers = (0..rules.registers()).map(|at| {
        let value: Cells = rules.columns(at).iter().filter_map(|&column| row.get(column).cloned()).collect();
        let rank = ranks.registers.get(at).copied().flatten().unwrap_or(coded::UNTOUCHED);
        Some(Register { rank, value })
    });
    RowState { inserted: ranks.inserted, deleted: ranks.deleted, registers: registers.collect() }
}

/// What finds hidden rows that have these values in these columns.
pub fn claim(table: usize, columns: &[usize], values: &[CellBuf]) -> CellBuf {
    let mut bytes = Vec::with_capacity(64);
    for number in [table].iter().chain(columns) {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.push(0xff);
    coded::put_cells(values, &mut bytes);
    coded::digest(&bytes)
}

/// Tables and hashed keys, as the control tables have them.
pub fn places<'k>(keys: impl Iterator<Item = &'k RowKey>) -> Vec<Cells> {
    keys.map(|(table, key)| [control::at(*table), coded::hash(key)].into()).collect()
}

/// The keys of each table, in order.
pub fn by_table(keys: &BTreeSet<RowKey>) -> BTreeMap<usize, Vec<Cells>> {
    let mut tables: BTreeMap<usize, Vec<Cells>> = BTreeMap::new();
    for (table, key) in keys {
        tables.entry(*table).or_default().push(key.clone());
    }
    tables
}
