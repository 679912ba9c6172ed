//! What the nodes of a sync group agree on: which columns share a stamp, what a delete does, which constraints hold.

use std::collections::BTreeSet;

use crate::error::{Error, ErrorKind, Result};
use crate::schema::{TableName, TableSchema};

/// Which columns of a table share a stamp. They form a *register*; the newest value of each register wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Each column has its own, but for columns that only make sense together: those of one composite unique or foreign
    /// key, and these lists of names (F105).
    Column {
        /// Columns that one rule of the database binds together.
        together: Vec<Vec<String>>,
    },
    /// All columns of a row share one.
    Row,
}

/// What a delete does to a row that somebody else goes on changing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletes {
    /// The newest of delete and update wins. The tombstone keeps the last image, for an update may revive the row.
    Newest,
    /// The delete wins over every update; only a new insert brings the row back. No image is kept.
    Win,
}

/// The tables of a sync group.
#[derive(Debug, Clone)]
pub struct Group {
    tables: Vec<TableRules>,
}

/// What holds for one table.
#[derive(Debug, Clone)]
pub struct TableRules {
    pub(super) deletes: Deletes,
    pub(super) columns: usize,
    pub(super) key: Vec<usize>,
    /// Per register its columns.
    pub(super) registers: Vec<Vec<usize>>,
    pub(super) uniques: Vec<Vec<usize>>,
    pub(super) references: Vec<Reference>,
    places: Vec<Place>,
}

/// A foreign key within the group.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub columns: Vec<usize>,
    pub to: usize,
    pub to_columns: Vec<usize>,
}

/// Where a column's value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the key, at that position.
    Key(usize),
    /// In that register, at that position.
    Register(usize, usize),
    /// Nowhere: its database computes it.
    Computed,
}

impl Group {
    /// Works out what holds for the tables. Foreign keys to tables outside of the group are their databases' own affair.
    ///
    /// # Errors
    /// - [`ErrorKind::Schema`]: a table has no key.
    /// - [`ErrorKind::Config`]: `together` names a column that the table does not have or that is part of its key.
    pub fn new(tables: &[(TableSchema, Mode, Deletes)]) -> Result<Self> {
        let position = |name: &TableName| tables.iter().position(|(schema, _, _)| schema.name == *name);
        let rules = tables.iter().map(|(schema, mode, deletes)| {
            let references = references(schema, tables, position);
            table(schema, mode, *deletes, references).map_err(|err| err.at("table", schema.name.to_string()))
        });
        Ok(Self { tables: rules.collect::<Result<_>>()? })
    }

    /// The rules of the table at that position.
    #[must_use]
    pub fn table(&self, table: usize) -> Option<&TableRules> {
        self.tables.get(table)
    }

    /// All of them, in order.
    #[must_use]
    pub fn tables(&self) -> &[TableRules] {
        &self.tables
    }

    /// The lists of columns of a table by whose values its rows are [asked for](super::Ask): of unique indexes, of foreign
    /// keys, and where foreign keys point.
    #[must_use]
    pub fn asked(&self, table: usize) -> Vec<Vec<usize>> {
        let mut lists = BTreeSet::new();
        if let Some(rules) = self.tables.get(table) {
            lists.extend(rules.uniques.iter().cloned());
            lists.extend(rules.references.iter().map(|reference| reference.columns.clone()));
        }
        let pointing = self.tables.iter().flat_map(|rules| &rules.references).filter(|reference| reference.to == table);
        lists.extend(pointing.map(|reference| reference.to_columns.clone()));
        lists.into_iter().collect()
    }
}

impl TableRules {
    /// Number of registers.
    #[must_use]
    pub fn registers(&self) -> usize {
        self.registers.len()
    }

    /// The columns of a register, by rising position.
    #[must_use]
    pub fn columns(&self, register: usize) -> &[usize] {
        self.registers.get(register).map_or(&[], Vec::as_slice)
    }

    /// The columns of the key, in its order.
    #[must_use]
    pub fn key(&self) -> &[usize] {
        &self.key
    }

    /// The columns of each unique index besides the key.
    #[must_use]
    pub fn uniques(&self) -> &[Vec<usize>] {
        &self.uniques
    }

    /// The foreign keys within the group: columns, the table that they refer to, and the columns there.
    pub fn references(&self) -> impl Iterator<Item = (&[usize], usize, &[usize])> {
        self.references.iter().map(|reference| (&*reference.columns, reference.to, &*reference.to_columns))
    }

    /// What a delete does.
    #[must_use]
    pub fn deletes(&self) -> Deletes {
        self.deletes
    }

    pub(super) fn place(&self, column: usize) -> Place {
        self.places.get(column).copied().unwrap_or(Place::Computed)
    }
}

fn references(
    schema: &TableSchema,
    tables: &[(TableSchema, Mode, Deletes)],
    position: impl Fn(&TableName) -> Option<usize>,
) -> Vec<Reference> {
    let within = schema.foreign_keys.iter().filter_map(|foreign| {
        let to = position(&foreign.to)?;
        let (parent, _, _) = tables.get(to)?;
        let named = foreign.to_columns.iter().map(|name| parent.position(name));
        let to_columns =
            if foreign.to_columns.is_empty() { parent.key.clone() } else { named.collect::<Option<_>>()? };
        Some(Reference { columns: foreign.columns.clone(), to, to_columns })
    });
    within.collect()
}

fn table(schema: &TableSchema, mode: &Mode, deletes: Deletes, references: Vec<Reference>) -> Result<TableRules> {
    if schema.key.is_empty() {
        return Err(Error::new(ErrorKind::Schema, "the table has no key, so its rows cannot be told apart"));
    }
    let uniques: Vec<Vec<usize>> =
        schema.indexes.iter().filter(|index| index.unique).map(|index| index.columns.clone()).collect();
    let mut bound: Vec<Vec<usize>> = uniques.clone();
    bound.extend(references.iter().map(|reference| reference.columns.clone()));
    match mode {
        Mode::Row => bound.push((0..schema.columns.len()).collect()),
        Mode::Column { together } => {
            for names in together {
                bound.push(names.iter().map(|name| free_column(schema, name)).collect::<Result<_>>()?);
            }
        }
    }
    let registers = registers(schema, &bound);
    let mut places = vec![Place::Computed; schema.columns.len()];
    let mut put = |column: usize, place: Place| {
        if let Some(slot) = places.get_mut(column) {
            *slot = place;
        }
    };
    for (at, &column) in schema.key.iter().enumerate() {
        put(column, Place::Key(at));
    }
    for (register, columns) in registers.iter().enumerate() {
        for (at, &column) in columns.iter().enumerate() {
            put(column, Place::Register(register, at));
        }
    }
    let columns = schema.columns.len();
    Ok(TableRules { deletes, columns, key: schema.key.clone(), registers, uniques, references, places })
}

fn free_column(schema: &TableSchema, name: &str) -> Result<usize> {
    let column = schema.position(name).filter(|column| !schema.key.contains(column));
    column.ok_or_else(|| {
        Error::new(ErrorKind::Config, "a column that is to share its stamp is not there, or is part of the key")
            .at("column", name)
    })
}

/// Columns that are kept, put together where some list binds them, in the order of their first columns.
fn registers(schema: &TableSchema, bound: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let kept = |column: &usize| {
        !schema.key.contains(column) && schema.columns.get(*column).is_some_and(|column| !column.generated)
    };
    let mut registers: Vec<Vec<usize>> = (0..schema.columns.len()).filter(kept).map(|column| vec![column]).collect();
    for columns in bound {
        let (mut joined, apart): (Vec<_>, Vec<_>) =
            registers.into_iter().partition(|register| register.iter().any(|column| columns.contains(column)));
        registers = apart;
        if let Some(mut first) = (!joined.is_empty()).then(|| joined.remove(0)) {
            first.extend(joined.into_iter().flatten());
            first.sort_unstable();
            registers.push(first);
        }
        registers.sort_unstable();
    }
    registers
}
