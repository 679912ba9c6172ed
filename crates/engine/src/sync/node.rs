//! One member of a group, and the one transaction of Syncline at it: fold and import.
//!
//! ```text
//! begin ─► group's row ─► lock what is brought ─► fold what is committed ─► merge ─► what follows ─► lock what is
//! to be written ─► has anybody committed since? begin again ─► write ─► keep ─► commit
//! ```
//!
//! The order is the one that the simulator proves (`crates/sim/src/node.rs`), and each decision is
//! [`syncline_model::merge`]'s: that is why members that know the same show the same (I6). The row of `syncline_group` lets one fold or import at a time in, whoever runs it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use syncline_model::change::ChangeBuf;
use syncline_model::merge::{Cells, Fate, Group, Intake, RowKey, Unit, Vector, ripple};
use syncline_model::origin::Origin;
use syncline_model::stamp::{Clock, Stamp};
use syncline_model::{CellBuf, Error, ErrorKind, Result};

use super::agreed::Agreed;
use super::coded;
use super::control::{self, GROUP, MEMBER, SEEN, TABLES, UNIT};
use super::draft::{After, Done, Draft, Memory, rows_of};
use super::keep;
use super::member::{Member, Row, Writes, as_agreed};
use super::step::{Step, reached};
use super::store::{self, Store};

/// How far a stamp may lie in the future: further, and its unit is held (F101).
pub const SKEW_MS_MAX: u64 = 5 * 60 * 1000;

/// How often a transaction begins again because somebody got in between.
const TRIES: u32 = 40;

/// How many of these tries a lock counts that was not given in time.
const WAITED: u32 = 8;

/// A member that is open.
pub struct Node {
    /// As the user calls it.
    pub name: Arc<str>,
    /// Its own id in the group.
    pub origin: Origin,
    pub(super) member: Box<dyn Member>,
    pub(super) group: Arc<Group>,
    pub(super) agreed: Arc<Agreed>,
    pub(super) memory: Memory,
    /// What the database has of what others have seen; `memory` may know more.
    pub(super) stored: BTreeMap<Origin, Vector>,
}

impl Node {
    /// A member whose tables are open.
    ///
    /// # Errors
    /// What reading can lead to.
    pub async fn open(
        name: Arc<str>,
        member: Box<dyn Member>,
        group: Arc<Group>,
        agreed: Arc<Agreed>,
        origin: Origin,
    ) -> Result<Self> {
        let (memory, stored) = (Memory { version: -1, ..Memory::default() }, BTreeMap::new());
        let mut node = Self { name, origin, member, group, agreed, memory, stored };
        node.refresh(false).await?;
        Ok(node)
    }

    /// What it has seen.
    pub fn vector(&self) -> &Vector {
        &self.memory.vector
    }

    pub(super) fn store(&mut self) -> Store<'_> {
        Store { member: &mut *self.member, group: &self.group, agreed: &self.agreed }
    }

    /// Reads what it counts and knows, if somebody else has changed it. With `lock` nobody changes it until the transaction
    /// ends.
    pub(super) async fn refresh(&mut self, lock: bool) -> Result<()> {
        let one: Cells = [CellBuf::from(1)].into();
        let rows = self.member.find(GROUP, &[0], &[one], lock).await?;
        let row = rows.first().ok_or_else(|| gone(&self.name))?;
        if control::int(row, 3)? != self.origin.0.cast_signed() {
            return Err(gone(&self.name));
        }
        let version = control::int(row, 6)?;
        if version == self.memory.version {
            return Ok(());
        }
        let clock = Clock::after(Stamp::from_bits(control::count(row, 4)?));
        let mut memory = Memory { version, clock, seq: control::count(row, 5)?, ..Memory::default() };
        for row in self.member.select(MEMBER, "").await? {
            let origin = origin(&row, 0)?;
            if origin != self.origin {
                memory.known.insert(origin, Vector::default());
            }
        }
        for row in self.member.select(SEEN, "").await? {
            let (who, origin) = (origin(&row, 0)?, origin(&row, 1)?);
            let (number, stamp) = (control::count(&row, 2)?, Stamp::from_bits(control::count(&row, 3)?));
            let vector = if who == self.origin { Some(&mut memory.vector) } else { memory.known.get_mut(&who) };
            if let Some(vector) = vector {
                vector.advance(origin, 1, number, stamp)?;
            }
        }
        self.stored.clone_from(&memory.known);
        // What was told since is not forgotten.
        for (origin, vector) in &mut memory.known {
            self.memory.known.get(origin).into_iter().for_each(|told| vector.join(told));
        }
        self.memory = memory;
        Ok(())
    }

    /// A gate for a delivery that is asked for now.
    pub async fn gate(&mut self) -> Result<Intake> {
        Ok(Intake::new(self.member.now_ms().await?, SKEW_MS_MAX))
    }

    /// Folds what its users did, if they did anything.
    pub async fn fold(&mut self) -> Result<Done> {
        // Another process may have been here.
        let name = self.name.clone();
        let at = |e: Error| e.at("member", &*name);
        self.refresh(false).await.map_err(at)?;
        if !self.member.is_captured().await.map_err(at)? {
            return Ok(Done::default());
        }
        let mut gate = self.gate().await.map_err(at)?;
        self.transact(&mut gate, &[], &[]).await
    }

    /// Takes in units, in one transaction.
    pub async fn import(&mut self, gate: &mut Intake, units: &[Unit]) -> Result<Done> {
        self.transact(gate, units, &[]).await
    }

    /// Says of these rows, as changes of its own, that they are as they are here.
    pub async fn assert(&mut self, keys: &[RowKey]) -> Result<Done> {
        let mut gate = self.gate().await?;
        self.transact(&mut gate, &[], keys).await
    }

    async fn transact(&mut self, gate: &mut Intake, units: &[Unit], asserted: &[RowKey]) -> Result<Done> {
        let mut locks = BTreeSet::new();
        let mut tries = 0;
        loop {
            tries += 1;
            let mut tried = gate.clone();
            let outcome = self.attempt(&mut tried, units, asserted, &mut locks).await;
            if !matches!(outcome, Ok(Some(_))) {
                self.member.rollback().await;
            }
            match outcome {
                Ok(Some((memory, done))) => {
                    self.memory = memory;
                    *gate = tried;
                    return Ok(done);
                }
                Ok(None) if tries < TRIES => {}
                Ok(None) => {
                    return Err(Error::new(ErrorKind::Busy, "the tables are written to without a pause")
                        .at("member", &*self.name));
                }
                // Somebody was faster, or waited for us while we waited for them.
                Err(e) if may_pass(&e) && tries < TRIES => {
                    // A lock that is not given has been waited for already.
                    tries += if e.kind() == ErrorKind::Busy { WAITED } else { 0 };
                    tracing::debug!(error = %e, tries, "an import begins again");
                    tokio::time::sleep(Duration::from_millis(5 * u64::from(tries))).await;
                }
                Err(e) => return Err(e.at("member", &*self.name)),
            }
        }
    }

    /// One try; nothing if users have written what it should have known.
    async fn attempt(
        &mut self,
        gate: &mut Intake,
        units: &[Unit],
        asserted: &[RowKey],
        locks: &mut BTreeSet<RowKey>,
    ) -> Result<Option<(Memory, Done)>> {
        let now_ms = self.member.now_ms().await?;
        self.member.begin(Writes::Quiet).await?;
        self.refresh(true).await?;
        let (group, origin) = (self.group.clone(), self.origin);
        let seen = self.memory.vector.clone();
        let is_new = |unit: &&Unit| seen.of(unit.origin).number < unit.last();
        let units: Vec<Unit> = units.iter().filter(is_new).cloned().collect();
        let brought: BTreeSet<RowKey> = rows_of(&units).into_iter().chain(asserted.iter().cloned()).collect();
        locks.extend(brought.iter().cloned());
        let mut shown = self.store().shown(locks, true).await?;
        reached(Step::Locked);
        // Only now: what was committed before a row was locked is folded before it is merged (F110).
        let captured = self.captured().await?;
        let mut draft = Draft::new(&group, origin, self.memory.clone(), brought);
        let mut images = draft.images(&captured)?;
        for at in &draft.brought {
            images.entry(at.clone()).or_insert_with(|| shown.remove(at));
        }
        let keys: BTreeSet<RowKey> = images.keys().cloned().collect();
        let ranks = self.store().ranks(&keys).await?;
        let hidden = self.store().hidden(&keys).await?;
        draft.load(images, &ranks, &hidden)?;
        draft.fold(&captured)?;
        draft.take_in(gate, &units)?;
        draft.assert(asserted, now_ms)?;
        if draft.learned.is_empty() && captured.is_empty() {
            // Nothing was written, unless what was captured came to nothing.
            self.member.commit().await?;
            return Ok(Some((draft.memory, draft.done)));
        }
        let ripples = ripple(&group, &mut self.store(), &draft.touched())?;
        let after = draft.after(&ripples);
        reached(Step::Merged);
        if !self.show(&mut draft, &after, locks).await? {
            return Ok(None);
        }
        reached(Step::Shown);
        keep::keep(self, &mut draft, &after, &ranks, now_ms).await?;
        self.member.commit().await?;
        reached(Step::Committed);
        Ok(Some((draft.memory, draft.done)))
    }

    /// What users did since the last fold, with cells as the group knows them.
    async fn captured(&mut self) -> Result<Vec<(usize, ChangeBuf)>> {
        let mut captured = self.member.captured().await?;
        for (table, change) in &mut captured {
            let Some(agreed) = self.agreed.tables.get(*table) else { continue };
            for image in [&mut change.before, &mut change.after] {
                for (cell, (_, logical)) in image.iter_mut().zip(&agreed.columns) {
                    *cell = cell.take().map(|cell| as_agreed(cell, logical));
                }
            }
        }
        Ok(captured)
    }

    /// Writes what the tables should show and do not; false if somebody has committed what is not folded.
    async fn show(
        &mut self,
        draft: &mut Draft<'_>,
        after: &BTreeMap<RowKey, After>,
        locks: &mut BTreeSet<RowKey>,
    ) -> Result<bool> {
        let compared = draft.compared(after);
        let there = self.store().shown(&compared, true).await?;
        let writes = self.due_writes(&compared, &there, after);
        self.hold_parents(&writes, &there).await?;
        // All answers were of folded rows, and what is to be written stays as it was found: only now is that sure.
        if self.member.is_captured().await? {
            locks.extend(compared);
            return Ok(false);
        }
        draft.done.written += writes.values().map(Due::rows).sum::<u64>();
        for (table, due) in &writes {
            let key = self.group.table(*table).map(|rules| rules.key().to_vec()).unwrap_or_default();
            let gone: Vec<Cells> = due.removes.iter().chain(&due.moved).cloned().collect();
            if !gone.is_empty() {
                self.member.remove(TABLES + table, &key, &gone).await?;
            }
        }
        for (table, due) in &writes {
            if !due.updates.is_empty() {
                self.member.update(TABLES + table, &due.updates).await?;
            }
            if !due.inserts.is_empty() {
                self.member.insert(TABLES + table, &due.inserts).await?;
            }
        }
        Ok(true)
    }

    /// What is to be written, by table.
    fn due_writes(
        &self,
        compared: &BTreeSet<RowKey>,
        there: &BTreeMap<RowKey, Row>,
        after: &BTreeMap<RowKey, After>,
    ) -> BTreeMap<usize, Due> {
        let mut writes: BTreeMap<usize, Due> = BTreeMap::new();
        for at in compared {
            let Some(rules) = self.group.table(at.0) else { continue };
            let wanted = after.get(at).filter(|after| after.fate == Some(Fate::Visible));
            let wanted = wanted.and_then(|after| rules.cells(&at.1, after.row.as_ref()?));
            match (there.get(at), wanted) {
                (None, Some(row)) => writes.entry(at.0).or_default().inserts.push(row),
                (Some(old), Some(row)) if *old != row => {
                    let due = writes.entry(at.0).or_default();
                    // Values that must be unique change hands, and databases look at each row by itself.
                    if rules.uniques().iter().flatten().any(|&column| old.get(column) != row.get(column)) {
                        due.moved.push(at.1.clone());
                        due.inserts.push(row);
                    } else {
                        due.updates.push(row);
                    }
                }
                (Some(_), None) => writes.entry(at.0).or_default().removes.push(at.1.clone()),
                _ => {}
            }
        }
        writes
    }

    /// Locks the rows that rows to be written refer to: the database does not look at references in a quiet transaction, so
    /// a user could delete one of them meanwhile.
    async fn hold_parents(&mut self, writes: &BTreeMap<usize, Due>, there: &BTreeMap<RowKey, Row>) -> Result<()> {
        if !self.member.locks() {
            return Ok(());
        }
        let group = self.group.clone();
        for (table, due) in writes {
            let Some(rules) = group.table(*table) else { continue };
            for (columns, to, to_columns) in rules.references() {
                let values = |row: &Row| -> Option<Cells> {
                    let cells = columns.iter().map(|&column| row.get(column).filter(|cell| !cell.as_cell().is_null()));
                    cells.map(Option::<&CellBuf>::cloned).collect::<Option<Vec<_>>>().map(Into::into)
                };
                let changed = due.inserts.iter().chain(&due.updates).filter(|row| {
                    let old = there.get(&(*table, store::key(rules, row)));
                    old.and_then(values) != values(row)
                });
                let wanted: BTreeSet<Cells> = changed.filter_map(values).collect();
                if !wanted.is_empty() {
                    let wanted: Vec<Cells> = wanted.into_iter().collect();
                    self.member.find(TABLES + to, to_columns, &wanted, true).await?;
                }
            }
        }
        Ok(())
    }

    /// Units after that one of its log that a member with this vector lacks, and where the log was read to: none of the
    /// receiver's own making, and none that it has seen (I9).
    pub async fn due(&mut self, to: Origin, vector: &Vector, after: u64) -> Result<(Vec<Unit>, u64)> {
        let rest = format!("WHERE seq > {after} ORDER BY seq LIMIT {UNITS_MAX}");
        let (mut units, mut upto, mut changes) = (Vec::new(), after, 0);
        for row in self.member.select(UNIT, &rest).await? {
            if changes >= CHANGES_MAX {
                break;
            }
            upto = control::count(&row, 0)?;
            let origin = origin(&row, 1)?;
            if origin == to || vector.of(origin).number >= control::count(&row, 2)? {
                continue;
            }
            let unit = coded::read_unit(origin, control::bytes(&row, 4)?)?;
            changes += unit.changes.len();
            units.push(unit);
        }
        Ok((units, upto))
    }

    /// Notes what a member says about who has seen what.
    pub fn learn(&mut self, origin: Origin, vector: &Vector, known: &BTreeMap<Origin, Vector>) {
        for (origin, vector) in known.iter().chain([(&origin, vector)]) {
            if let Some(known) = self.memory.known.get_mut(origin) {
                known.join(vector);
            }
        }
    }

    /// Ends its connection.
    pub async fn end(self) {
        self.member.end().await;
    }

    /// The rows that it does not show although they are alive, by table.
    pub async fn parked(&mut self) -> Result<u64> {
        Ok(self.member.select(control::HIDDEN, "WHERE fate > 1").await?.len() as u64)
    }
}

/// Most units, and changes, of one import.
const UNITS_MAX: usize = 500;
const CHANGES_MAX: usize = 4000;

/// What is to be written to one table.
#[derive(Default)]
struct Due {
    removes: Vec<Cells>,
    /// Rows that are removed and inserted again.
    moved: Vec<Cells>,
    inserts: Vec<Row>,
    updates: Vec<Row>,
}

impl Due {
    fn rows(&self) -> u64 {
        (self.removes.len() + self.inserts.len() + self.updates.len()) as u64
    }
}

/// An origin in one of the control tables.
pub fn origin(row: &Row, column: usize) -> Result<Origin> {
    Ok(Origin(control::int(row, column)?.cast_unsigned()))
}

/// An origin for one of the control tables.
pub fn origin_cell(origin: Origin) -> CellBuf {
    CellBuf::from(origin.0.cast_signed())
}

/// A key for a person.
pub fn key_text(key: &[CellBuf]) -> String {
    let mut text = String::new();
    for (at, cell) in key.iter().enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        cell.as_cell().format(&mut text);
    }
    text
}

fn may_pass(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Constraint | ErrorKind::Busy)
}

fn gone(name: &str) -> Error {
    Error::new(
        ErrorKind::PositionLost,
        "the member is not what it was: its group was made anew, or the database put back",
    )
    .at("member", name)
    .hint("run the same command again; it looks at what the member knows")
}
