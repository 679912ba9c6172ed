//! What one transaction knows and works out: folded, merged, and what follows from it. No database here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use syncline_model::change::{ChangeBuf, Op};
use syncline_model::merge::{
    Change, Deed, Edit, Fate, Group, Intake, Rank, Ripple, RowKey, RowLoss, RowState, State, Touched, Unit, Vector,
    Verdict, Write, fold,
};
use syncline_model::origin::Origin;
use syncline_model::stamp::Clock;
use syncline_model::{CellBuf, Error, ErrorKind, Result};

use super::coded::Ranks;
use super::member::Row;
use super::store::{self, Hidden};

/// What a member counts and knows of the others, as its last transaction left it.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// Raised by every transaction: who finds another one reads the rest anew.
    pub version: i64,
    pub clock: Clock,
    /// Of the newest unit in its log.
    pub seq: u64,
    /// What it has seen.
    pub vector: Vector,
    /// What it knows that the other members have seen.
    pub known: BTreeMap<Origin, Vector>,
}

/// What a transaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Changes of its own users that were folded.
    pub folded: u64,
    /// Changes of others that were taken in.
    pub taken: u64,
    /// Units that wait because their stamps lie too far in the future.
    pub held: u64,
    /// Values that were lost and written down.
    pub conflicts: u64,
    /// Rows of the application's tables that were written.
    pub written: u64,
}

impl Done {
    pub fn add(&mut self, other: Self) {
        self.folded += other.folded;
        self.taken += other.taken;
        self.held += other.held;
        self.conflicts += other.conflicts;
        self.written += other.written;
    }

    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// A row as it was before the transaction.
#[derive(Debug, Clone, Default)]
pub struct Before {
    pub row: Option<RowState>,
    pub fate: Option<Fate>,
}

impl Before {
    /// Whether something of it is kept among the hidden rows.
    pub fn is_hidden(&self) -> bool {
        self.row.is_some() && self.fate != Some(Fate::Visible)
    }
}

/// A transaction as far as it got.
pub struct Draft<'a> {
    group: &'a Group,
    origin: Origin,
    pub memory: Memory,
    pub state: State,
    pub before: BTreeMap<RowKey, Before>,
    /// Rows that others' changes, or assertions, are about.
    pub brought: BTreeSet<RowKey>,
    /// What was learned, in this order; own units too.
    pub learned: Vec<Unit>,
    pub losses: Vec<RowLoss>,
    pub done: Done,
}

impl<'a> Draft<'a> {
    pub fn new(group: &'a Group, origin: Origin, memory: Memory, brought: BTreeSet<RowKey>) -> Self {
        Self {
            group,
            origin,
            memory,
            state: State::new(group),
            before: BTreeMap::new(),
            brought,
            learned: Vec::new(),
            losses: Vec::new(),
            done: Done::default(),
        }
    }

    /// The rows that captured changes are about, each as it was before the first of them; nothing where it was not there.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a change that is not of single rows.
    pub fn images(&self, captured: &[(usize, ChangeBuf)]) -> Result<BTreeMap<RowKey, Option<Row>>> {
        let mut images: BTreeMap<RowKey, Option<Row>> = BTreeMap::new();
        for (table, change) in captured {
            let rules = self.group.table(*table).ok_or_else(strange)?;
            let whole = |cells: &[Option<CellBuf>]| cells.iter().cloned().collect::<Option<Row>>().ok_or_else(strange);
            match change.op {
                Op::Insert => {
                    let row = whole(&change.after)?;
                    images.entry((*table, store::key(rules, &row))).or_insert(None);
                }
                Op::Update | Op::Key | Op::Delete => {
                    let row = whole(&change.before)?;
                    if change.op == Op::Key {
                        let now = row.iter().zip(&change.after).map(|(old, new)| new.as_ref().unwrap_or(old).clone());
                        let now: Row = now.collect();
                        let moved = (*table, store::key(rules, &now));
                        images.entry((*table, store::key(rules, &row))).or_insert(Some(row));
                        images.entry(moved).or_insert(None);
                    } else {
                        images.entry((*table, store::key(rules, &row))).or_insert(Some(row));
                    }
                }
                Op::Truncate | Op::Snapshot => {
                    return Err(Error::new(ErrorKind::Unsupported, "a table of a sync group was emptied by TRUNCATE")
                        .hint("nobody recorded its rows; DELETE travels. The guide says how to make the group anew"));
                }
            }
        }
        Ok(images)
    }

    /// Loads what was known of rows: hidden ones from `hidden`, others from what the tables showed.
    pub fn load(
        &mut self,
        images: BTreeMap<RowKey, Option<Row>>,
        ranks: &HashMap<RowKey, Ranks>,
        hidden: &HashMap<RowKey, Hidden>,
    ) -> Result<()> {
        for (at, image) in images {
            let rules = self.group.table(at.0).ok_or_else(strange)?;
            let before = match (hidden.get(&at), image) {
                (Some(hidden), _) => Before { row: Some(hidden.row.clone()), fate: hidden.fate },
                (None, Some(row)) => {
                    let row = store::as_state(rules, ranks.get(&at), &row);
                    Before { row: Some(row), fate: Some(Fate::Visible) }
                }
                (None, None) => Before::default(),
            };
            if let Some(row) = &before.row {
                self.state.put(at.0, at.1.clone(), row.clone())?;
            }
            self.before.insert(at, before);
        }
        Ok(())
    }

    /// Gives what users did its numbers and stamps (I8), as one unit of whole transactions (I3).
    pub fn fold(&mut self, captured: &[(usize, ChangeBuf)]) -> Result<()> {
        let last = self.memory.vector.of(self.origin).number;
        let folded = fold(&mut self.state, self.group, self.origin, last, &mut self.memory.clock, captured)?;
        self.losses.extend(folded.losses);
        match folded.unit {
            Some(unit) => self.learn_own(unit),
            None => Ok(()),
        }
    }

    fn learn_own(&mut self, unit: Unit) -> Result<()> {
        self.memory.vector.advance(self.origin, unit.first(), unit.last(), unit.newest())?;
        self.done.folded += unit.changes.len() as u64;
        self.learned.push(unit);
        Ok(())
    }

    /// Takes in what others made: each unit at most once, and none past a gap (I5). Of each register the newest stays,
    /// whatever comes when (I7).
    pub fn take_in(&mut self, gate: &mut Intake, units: &[Unit]) -> Result<()> {
        for unit in units {
            match gate.judge(&mut self.memory.vector, &mut self.memory.clock, unit)? {
                Verdict::Known => {}
                Verdict::Held => self.done.held += 1,
                Verdict::New => {
                    for change in &unit.changes {
                        let losses = self.state.apply(self.group, unit.origin, change)?;
                        self.losses.extend(losses);
                    }
                    self.done.taken += unit.changes.len() as u64;
                    // Passed on as it came, in the order in which it was learned.
                    self.learned.push(unit.clone());
                }
            }
        }
        Ok(())
    }

    /// Says of rows that they are as they are here: changes of this member's that write all of a row.
    pub fn assert(&mut self, keys: &[RowKey], now_ms: u64) -> Result<()> {
        let mut number = self.memory.vector.of(self.origin).number;
        let mut changes = Vec::new();
        for (table, key) in keys {
            let rules = self.group.table(*table).ok_or_else(strange)?;
            let Some(row) = self.state.row(*table, key).filter(|row| row.is_live(rules.deletes())) else { continue };
            let replaced = row.newest().max(row.deleted).map(|rank| rank.stamp).unwrap_or_default();
            let writes = row.registers.iter().enumerate().filter_map(|(register, old)| {
                let old = old.as_ref()?;
                Some(Write { register, value: old.value.clone(), base: Some(old.rank) })
            });
            let writes = writes.collect();
            let edit = Edit { table: *table, key: key.clone(), deed: Deed::Insert, writes };
            number += 1;
            let stamp = self.memory.clock.tick(now_ms, replaced);
            let change = Change { number, stamp, edits: vec![edit] };
            self.state.apply(self.group, self.origin, &change)?;
            changes.push(change);
        }
        if changes.is_empty() { Ok(()) } else { self.learn_own(Unit { origin: self.origin, changes }) }
    }

    /// The rows that were touched, for the ripple.
    pub fn touched(&self) -> BTreeMap<RowKey, Touched> {
        let touched = self.before.iter().map(|(at, before)| {
            let after = self.state.row(at.0, &at.1).cloned();
            (at.clone(), Touched { before: before.row.clone(), fate: before.fate, after })
        });
        touched.collect()
    }

    /// What becomes of the rows that were touched, or reached by that: fate and state.
    pub fn after(&self, ripples: &BTreeMap<RowKey, Ripple>) -> BTreeMap<RowKey, After> {
        let mut after = BTreeMap::new();
        for (at, before) in &self.before {
            let fate = ripples.get(at).map_or(before.fate, |ripple| ripple.fate);
            let row = self.state.row(at.0, &at.1).cloned();
            after.insert(at.clone(), After { fate, row, was_hidden: before.is_hidden() });
        }
        for (at, ripple) in ripples {
            after.entry(at.clone()).or_insert_with(|| After {
                fate: ripple.fate,
                row: ripple.row.clone(),
                was_hidden: ripple.was != Some(Fate::Visible),
            });
        }
        after
    }

    /// The rows whose tables may not show what they should. Of what only its own users touched, and what is where they left
    /// it, nothing is due: the table shows that, or what they have done since.
    pub fn compared(&self, after: &BTreeMap<RowKey, After>) -> BTreeSet<RowKey> {
        let due = after.iter().filter(|(at, after)| {
            let as_left = !matches!(after.fate, Some(Fate::Parked(_)));
            let by_users_alone = self.before.contains_key(*at) && !self.brought.contains(*at);
            !(by_users_alone && as_left)
        });
        due.map(|(at, _)| at.clone()).collect()
    }

    /// The newest rank that stands in a register, of a loss.
    pub fn winner(&self, loss: &RowLoss, register: usize) -> Option<(Rank, Vec<CellBuf>)> {
        let row = self.state.row(loss.table, &loss.key)?;
        let register = row.registers.get(register)?.as_ref()?;
        Some((register.rank, register.value.to_vec()))
    }
}

/// A row as the transaction leaves it.
#[derive(Debug, Clone)]
pub struct After {
    /// Absent if it is dead or unknown.
    pub fate: Option<Fate>,
    /// Absent if it is unknown.
    pub row: Option<RowState>,
    pub was_hidden: bool,
}

/// The rows that units are about.
pub fn rows_of(units: &[Unit]) -> BTreeSet<RowKey> {
    let edits = units.iter().flat_map(|unit| &unit.changes).flat_map(|change| &change.edits);
    edits.map(|edit| (edit.table, edit.key.clone())).collect()
}

fn strange() -> Error {
    Error::new(ErrorKind::Bug, "a captured change is not whole, or of a table that the group does not have")
}
