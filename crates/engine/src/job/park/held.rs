//! Which rows a parked change holds back, and which changes wait behind it (I4).
//!
//! A change waits if it is of the same row, under its old key or its new one; if it refers to a row that a parked change
//! would make; or if it takes away a row that a parked change refers to. Everything else goes on (F75).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use syncline_model::change::{ChangeBuf, Op};
use syncline_model::{CellBuf, Result, TableName, TableSchema};

use super::written::{Written, corrupt, json};

/// Some columns of a table with one value each: a row's key, or what a reference points to. Without columns: all rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spot {
    table: String,
    columns: Vec<String>,
    cells: Vec<CellBuf>,
}

/// What one change is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// The rows that it changes.
    pub rows: Vec<Spot>,
    /// What others may refer to once it is applied.
    pub makes: Vec<Spot>,
    /// What others may refer to until it is applied.
    pub takes: Vec<Spot>,
    /// What it refers to, before or after.
    pub needs: Vec<Spot>,
}

/// As it is stored: table, columns, cells.
type WrittenSpot = (String, Vec<String>, Vec<Written>);

#[derive(Serialize, Deserialize)]
struct WrittenReach {
    rows: Vec<WrittenSpot>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    makes: Vec<WrittenSpot>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    takes: Vec<WrittenSpot>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    needs: Vec<WrittenSpot>,
}

impl Spot {
    fn all(table: &TableName) -> Self {
        Self { table: table.to_string(), columns: Vec::new(), cells: Vec::new() }
    }

    fn written(&self) -> WrittenSpot {
        let cells = self.cells.iter().map(|c| Written::of(c.as_cell())).collect();
        (self.table.clone(), self.columns.clone(), cells)
    }

    fn read((table, columns, cells): WrittenSpot) -> Result<Self> {
        let cells: Option<Vec<CellBuf>> = cells.iter().map(Written::cell).collect();
        Ok(Self { table, columns, cells: cells.ok_or_else(corrupt)? })
    }
}

impl Reach {
    /// The row's key as it is before the change, for people: a JSON list.
    ///
    /// # Errors
    /// Never in practice.
    pub fn key(&self) -> Result<String> {
        let cells = self.rows.first().map(|spot| spot.cells.as_slice()).unwrap_or_default();
        json(&cells.iter().map(|c| Written::of(c.as_cell())).collect::<Vec<_>>())
    }

    /// As the sink keeps it.
    ///
    /// # Errors
    /// Never in practice.
    pub fn written(&self) -> Result<String> {
        let all = |spots: &[Spot]| spots.iter().map(Spot::written).collect();
        let written = WrittenReach {
            rows: all(&self.rows),
            makes: all(&self.makes),
            takes: all(&self.takes),
            needs: all(&self.needs),
        };
        json(&written)
    }

    /// The inverse of [`Reach::written`].
    ///
    /// # Errors
    /// [`syncline_model::ErrorKind::Corrupt`] if it is none.
    pub fn parse(text: &str) -> Result<Self> {
        let written: WrittenReach = serde_json::from_str(text).map_err(|_| corrupt())?;
        let all = |spots: Vec<WrittenSpot>| spots.into_iter().map(Spot::read).collect::<Result<_>>();
        Ok(Self {
            rows: all(written.rows)?,
            makes: all(written.makes)?,
            takes: all(written.takes)?,
            needs: all(written.needs)?,
        })
    }

    /// Whether it is about all rows of its table.
    #[must_use]
    pub fn is_of_all_rows(&self) -> bool {
        self.rows.iter().any(|spot| spot.columns.is_empty())
    }

    /// Whether the later change must wait for the earlier one.
    #[must_use]
    pub fn waits_for(&self, earlier: &Self) -> bool {
        let meet = |a: &[Spot], b: &[Spot]| a.iter().any(|spot| b.contains(spot));
        let all = |reach: &Self, of: &Self| {
            let is_all = |spot: &&Spot| spot.columns.is_empty();
            reach.rows.iter().filter(is_all).any(|all| of.rows.iter().any(|spot| spot.table == all.table))
        };
        meet(&self.rows, &earlier.rows)
            || meet(&self.needs, &earlier.makes)
            || meet(&self.takes, &earlier.needs)
            || all(self, earlier)
            || all(earlier, self)
    }
}

/// Which columns of which tables tell rows apart for others.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    tables: HashMap<TableName, Arc<TableSchema>>,
    /// The columns of each table that some other table refers to.
    referred: HashMap<TableName, BTreeSet<Vec<String>>>,
}

impl Shape {
    /// Of the tables that a job writes.
    #[must_use]
    pub fn new(tables: &[Arc<TableSchema>]) -> Self {
        let tables: HashMap<_, _> = tables.iter().map(|t| (t.name.clone(), t.clone())).collect();
        let mut shape = Self { tables, referred: HashMap::new() };
        for table in shape.tables.values() {
            for (to, columns, _) in shape.references(table) {
                shape.referred.entry(to).or_default().insert(columns);
            }
        }
        shape
    }

    /// The references of a table to others of the job: where to, which columns there, which own ones.
    fn references(&self, table: &TableSchema) -> Vec<(TableName, Vec<String>, Vec<usize>)> {
        let mut references = Vec::new();
        for key in &table.foreign_keys {
            let Some(parent) = self.tables.get(&key.to) else { continue };
            let columns: Vec<String> = match key.to_columns.is_empty() {
                true => parent.key_columns().map(|c| c.name.to_string()).collect(),
                false => key.to_columns.clone(),
            };
            if columns.len() == key.columns.len() {
                references.push((key.to.clone(), columns, key.columns.clone()));
            }
        }
        references
    }

    /// What a change of that table is about.
    #[must_use]
    pub fn reach(&self, schema: &TableSchema, change: &ChangeBuf) -> Reach {
        if change.op == Op::Truncate {
            return Reach { rows: vec![Spot::all(&schema.name)], ..Reach::default() };
        }
        let carried = |image: &[Option<CellBuf>], column: usize| image.get(column).cloned().flatten();
        let old = |c: usize| carried(&change.before, c);
        let new = |c: usize| match change.op {
            Op::Delete => None,
            _ => carried(&change.after, c),
        };
        let spot =
            |table: &TableName, columns: &[String], places: &[usize], cell: &dyn Fn(usize) -> Option<CellBuf>| {
                let cells: Option<Vec<CellBuf>> = places.iter().map(|c| cell(*c)).collect();
                // A reference with a null refers to nothing.
                let cells = cells.filter(|cells| !cells.contains(&CellBuf::NULL))?;
                Some(Spot { table: table.to_string(), columns: columns.to_vec(), cells })
            };
        // What of the columns a change does not carry stays as it was; and what was is not always known.
        let (was, is) = (|c: usize| old(c).or_else(|| carried(&change.after, c)), |c: usize| new(c).or_else(|| old(c)));
        let mut reach = Reach::default();
        let key: Vec<String> = schema.key_columns().map(|c| c.name.to_string()).collect();
        reach.rows.extend(spot(&schema.name, &key, &schema.key, &was));
        reach.rows.extend(spot(&schema.name, &key, &schema.key, &is).filter(|new| !reach.rows.contains(new)));
        for columns in self.referred.get(&schema.name).into_iter().flatten() {
            let places: Vec<usize> = columns.iter().filter_map(|c| schema.position(c)).collect();
            let before = spot(&schema.name, columns, &places, &old).filter(|_| change.op != Op::Insert);
            let after = spot(&schema.name, columns, &places, &is).filter(|_| change.op != Op::Delete);
            if before != after {
                // An update that does not carry all of them changes none of them, as far as is known.
                let changes = matches!(change.op, Op::Insert | Op::Delete) || places.iter().any(|c| new(*c).is_some());
                reach.makes.extend(after.filter(|_| changes));
                reach.takes.extend(before.filter(|_| changes));
            }
        }
        for (to, columns, places) in self.references(schema) {
            for cell in [&old as &dyn Fn(usize) -> Option<CellBuf>, &is] {
                let needed = spot(&to, &columns, &places, cell);
                reach.needs.extend(needed.filter(|spot| !reach.needs.contains(spot)));
            }
        }
        reach
    }
}

/// The parked changes of a lane, by what they hold back.
#[derive(Debug, Default)]
pub struct Held {
    rows: HashMap<Spot, BTreeSet<u64>>,
    makes: HashMap<Spot, BTreeSet<u64>>,
    needs: HashMap<Spot, BTreeSet<u64>>,
    /// The changes of each table, and among them the ones that are about all of its rows.
    tables: HashMap<String, BTreeSet<u64>>,
    whole: HashMap<String, BTreeSet<u64>>,
}

impl Held {
    /// Whether nothing is parked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// The first parked change that this one waits for, if it waits.
    #[must_use]
    pub fn ahead_of(&self, table: &TableName, reach: &Reach) -> Option<u64> {
        fn find(spots: &[Spot], held: &HashMap<Spot, BTreeSet<u64>>) -> Option<u64> {
            spots.iter().find_map(|spot| held.get(spot)?.first()).copied()
        }
        if self.is_empty() {
            return None;
        }
        find(&reach.rows, &self.rows)
            .or_else(|| find(&reach.needs, &self.makes))
            .or_else(|| find(&reach.takes, &self.needs))
            .or_else(|| self.whole(table))
            .or_else(|| match reach.rows.first() {
                Some(spot) if spot.columns.is_empty() => self.tables.get(&spot.table)?.first().copied(),
                _ => None,
            })
    }

    /// The first parked change of all rows of that table.
    #[must_use]
    pub fn whole(&self, table: &TableName) -> Option<u64> {
        self.whole.get(&table.to_string())?.first().copied()
    }

    /// The change is parked too.
    pub fn add(&mut self, table: &str, ord: u64, reach: &Reach) {
        let all = [(&reach.rows, &mut self.rows), (&reach.makes, &mut self.makes), (&reach.needs, &mut self.needs)];
        for (spots, held) in all {
            for spot in spots {
                held.entry(spot.clone()).or_default().insert(ord);
            }
        }
        if reach.is_of_all_rows() {
            self.whole.entry(table.to_owned()).or_default().insert(ord);
        }
        self.tables.entry(table.to_owned()).or_default().insert(ord);
    }

    /// Nothing of that table is parked any more; gives what was.
    pub fn free(&mut self, table: &TableName) -> BTreeSet<u64> {
        let gone = self.tables.remove(&table.to_string()).unwrap_or_default();
        for held in [&mut self.rows, &mut self.makes, &mut self.needs] {
            held.values_mut().for_each(|ords| ords.retain(|ord| !gone.contains(ord)));
            held.retain(|_, ords| !ords.is_empty());
        }
        self.whole.remove(&table.to_string());
        gone
    }

    /// How many changes are parked.
    #[must_use]
    pub fn count(&self) -> usize {
        self.tables.values().map(BTreeSet::len).sum()
    }
}

#[cfg(test)]
mod tests;
