//! The rows that were touched or found, by what they claim, refer to and offer.

use std::collections::{BTreeMap, BTreeSet};

use super::{Among, Ask, Ripple, RowKey, Rows, Stored, Touched};
use crate::error::Result;
use crate::merge::rank::Rank;
use crate::merge::row::{Cells, Register, RowState};
use crate::merge::rules::{Group, TableRules};
use crate::merge::state::rules;
use crate::merge::view::{Fate, Reason, claimed, values};

/// What binds a live row to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bonds {
    /// The rank of its claim.
    pub rank: Option<Rank>,
    /// By unique index, what it claims.
    pub claims: Vec<Option<Cells>>,
    /// By foreign key, what it refers to.
    pub refers: Vec<Option<Cells>>,
    /// By foreign key that points at its table, what others may refer to.
    pub offers: Vec<Option<Cells>>,
}

/// A foreign key: the table that has it, and its position there.
pub type Foreign = (usize, usize);

/// One row.
#[derive(Debug)]
pub struct Entry {
    row: Option<RowState>,
    /// What was known of it, where that is something else.
    touched: Option<Option<RowState>>,
    before: Option<Bonds>,
    after: Option<Bonds>,
    was: Option<Fate>,
    pub fate: Option<Fate>,
}

impl Entry {
    pub fn before(&self) -> Option<&Bonds> {
        if self.touched.is_some() { self.before.as_ref() } else { self.after.as_ref() }
    }

    pub fn after(&self) -> Option<&Bonds> {
        self.after.as_ref()
    }

    pub fn was_admitted(&self) -> bool {
        self.was.is_some_and(|fate| Among::Admitted.is(fate))
    }

    pub fn was_visible(&self) -> bool {
        self.was == Some(Fate::Visible)
    }

    /// Admits it or not. One that was admitted is as visible as it was, until its references are looked at.
    pub fn admit(&mut self, clash: Option<usize>) {
        self.fate = match clash {
            Some(unique) => Some(Fate::Parked(Reason::Unique(unique))),
            None if self.was_admitted() => self.was,
            None => Some(Fate::Visible),
        };
    }

    /// Leaves a live row what it was.
    pub fn keep(&mut self) {
        self.fate = self.was.or(self.fate);
    }

    pub fn is_admitted(&self) -> bool {
        self.fate.is_some_and(|fate| Among::Admitted.is(fate))
    }

    pub fn is_visible(&self) -> bool {
        self.fate == Some(Fate::Visible)
    }
}

/// All rows that are known of so far. Whatever was asked for is known whole.
pub struct Known<'a> {
    pub group: &'a Group,
    pub entries: BTreeMap<RowKey, Entry>,
    /// By table, the foreign keys that point at it.
    pointing: Vec<Vec<Foreign>>,
    /// Who claims or claimed a value, by table and unique index.
    claimants: BTreeMap<(usize, usize, Cells), BTreeSet<RowKey>>,
    /// Who refers or referred to a value.
    children: BTreeMap<(Foreign, Cells), BTreeSet<RowKey>>,
    /// Who offers or offered a value.
    parents: BTreeMap<(Foreign, Cells), BTreeSet<RowKey>>,
    asked: BTreeSet<Ask>,
    unasked: Vec<Ask>,
}

impl<'a> Known<'a> {
    pub fn new(group: &'a Group, touched: &BTreeMap<RowKey, Touched>) -> Result<Self> {
        let mut pointing = vec![Vec::new(); group.tables().len()];
        for (table, rules) in group.tables().iter().enumerate() {
            for (index, reference) in rules.references.iter().enumerate() {
                if let Some(pointing) = pointing.get_mut(reference.to) {
                    pointing.push((table, index));
                }
            }
        }
        let mut known = Self {
            group,
            entries: BTreeMap::new(),
            pointing,
            claimants: BTreeMap::new(),
            children: BTreeMap::new(),
            parents: BTreeMap::new(),
            asked: BTreeSet::new(),
            unasked: Vec::new(),
        };
        for (at, touched) in touched {
            let rules = rules(group, at.0)?;
            let entry = Entry {
                before: touched.before.as_ref().and_then(|row| known.bonds(rules, at, row)),
                after: touched.after.as_ref().and_then(|row| known.bonds(rules, at, row)),
                was: touched.fate,
                fate: touched.after.as_ref().and_then(|row| unbound(rules, row)),
                row: touched.after.clone(),
                touched: Some(touched.before.clone()),
            };
            known.put(at.clone(), entry);
        }
        Ok(known)
    }

    /// Asks for rows, once.
    pub fn ask(&mut self, table: usize, columns: &[usize], values: &Cells, among: Among) {
        let ask = Ask { table, columns: columns.to_vec(), values: values.clone(), among };
        if self.asked.insert(ask.clone()) {
            self.unasked.push(ask);
        }
    }

    /// Finds what was asked for since; says whether there was anything.
    pub fn find(&mut self, rows: &mut dyn Rows) -> Result<bool> {
        if self.unasked.is_empty() {
            return Ok(false);
        }
        self.unasked.sort_unstable();
        let asked = std::mem::take(&mut self.unasked);
        for Stored { table, key, row, fate } in rows.find(&asked)? {
            let rules = rules(self.group, table)?;
            let at = (table, key);
            if self.entries.contains_key(&at) {
                continue;
            }
            let after = self.bonds(rules, &at, &row);
            let entry = Entry { row: Some(row), touched: None, before: None, after, was: Some(fate), fate: Some(fate) };
            self.put(at, entry);
        }
        Ok(true)
    }

    pub fn claimants(&self, table: usize, unique: usize, values: &Cells) -> impl Iterator<Item = (&RowKey, &Entry)> {
        let claimants = self.claimants.get(&(table, unique, values.clone()));
        self.entries_of(claimants)
    }

    pub fn children(&self, foreign: Foreign, values: &Cells) -> impl Iterator<Item = (&RowKey, &Entry)> {
        let children = self.children.get(&(foreign, values.clone()));
        self.entries_of(children)
    }

    /// Rows that offer that value now.
    pub fn parents(&self, foreign: Foreign, values: &Cells) -> impl Iterator<Item = (&RowKey, &Entry)> {
        let parents = self.parents.get(&(foreign, values.clone()));
        self.entries_of(parents).filter(move |(at, entry)| {
            let offers = entry.after().into_iter().flat_map(|bonds| self.offers(at.0, bonds));
            offers.into_iter().any(|(of, offered)| of == foreign && offered == values)
        })
    }

    /// What a row of that table offers, by foreign key.
    pub fn offers<'b>(&'b self, table: usize, bonds: &'b Bonds) -> impl Iterator<Item = (Foreign, &'b Cells)> {
        let pointing = self.pointing.get(table).into_iter().flatten();
        pointing.zip(&bonds.offers).filter_map(|(foreign, values)| Some((*foreign, values.as_ref()?)))
    }

    /// The rows that the transaction touched.
    pub fn touched(&self) -> impl Iterator<Item = (&RowKey, &Entry)> {
        self.entries.iter().filter(|(_, entry)| entry.touched.is_some())
    }

    pub fn differences(self) -> BTreeMap<RowKey, Ripple> {
        let differs = |entry: &Entry| entry.was != entry.fate || (entry.is_visible() && shows_otherwise(entry));
        let differing = self.entries.into_iter().filter(|(_, entry)| differs(entry));
        differing.map(|(at, entry)| (at, Ripple { was: entry.was, fate: entry.fate, row: entry.row })).collect()
    }

    fn entries_of<'b>(&'b self, keys: Option<&'b BTreeSet<RowKey>>) -> impl Iterator<Item = (&'b RowKey, &'b Entry)> {
        keys.into_iter().flatten().filter_map(|at| Some((at, self.entries.get(at)?)))
    }

    /// Nothing for a row that is dead or not complete: it claims nothing, and nobody sees it.
    fn bonds(&self, rules: &TableRules, (table, key): &RowKey, row: &RowState) -> Option<Bonds> {
        if !row.is_live(rules.deletes) {
            return None;
        }
        let cells = |columns: &[usize]| -> Option<Cells> {
            let values = values(rules, key, row, columns)?;
            Some(values.into_iter().cloned().collect())
        };
        let offers = self.pointing.get(*table).into_iter().flatten().map(|(of, index)| {
            let reference = self.group.table(*of)?.references.get(*index)?;
            cells(&reference.to_columns)
        });
        Some(Bonds {
            rank: claimed(rules, row),
            claims: rules.uniques.iter().map(|columns| cells(columns)).collect(),
            refers: rules.references.iter().map(|reference| cells(&reference.columns)).collect(),
            offers: offers.collect(),
        })
    }

    fn put(&mut self, at: RowKey, entry: Entry) {
        for bonds in [&entry.before, &entry.after].into_iter().flatten() {
            for (unique, values) in bonds.claims.iter().enumerate() {
                if let Some(values) = values {
                    self.claimants.entry((at.0, unique, values.clone())).or_default().insert(at.clone());
                }
            }
            for (index, values) in bonds.refers.iter().enumerate() {
                if let Some(values) = values {
                    self.children.entry(((at.0, index), values.clone())).or_default().insert(at.clone());
                }
            }
            for (foreign, values) in self.pointing.get(at.0).into_iter().flatten().zip(&bonds.offers) {
                if let Some(values) = values {
                    self.parents.entry((*foreign, values.clone())).or_default().insert(at.clone());
                }
            }
        }
        self.entries.insert(at, entry);
    }
}

/// The fate of a row as far as no other row has a say.
fn unbound(rules: &TableRules, row: &RowState) -> Option<Fate> {
    if row.is_dead(rules.deletes) {
        None
    } else if row.is_complete() {
        Some(Fate::Visible)
    } else {
        Some(Fate::Parked(Reason::Incomplete))
    }
}

/// Whether the values of a touched row are others; its key is what it was.
fn shows_otherwise(entry: &Entry) -> bool {
    let Some(Some(before)) = &entry.touched else { return false };
    let Some(now) = &entry.row else { return false };
    let value = |register: &Option<Register>| register.as_ref().map(|register| register.value.clone());
    before.registers.iter().map(value).ne(now.registers.iter().map(value))
}
