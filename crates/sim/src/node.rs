//! One node: its database, what it knows, and the two transactions of Syncline, fold and import.

mod reader;
mod show;
mod spoil;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use syncline_model::Error;
use syncline_model::merge::{
    Cells, Edit, Folded, Intake, Rank, RowKey, RowLoss, RowState, State, Unit, Vector, Verdict,
};
use syncline_model::origin::Origin;
use syncline_model::stamp::{Clock, Stamp};

use crate::database::{Captured, Database, key_number, keys};
use crate::history::World;
use crate::judge::{self, Broken, broken};
use crate::setup::{SKEW_MS_MAX, TABLES};
use crate::truth::place;
use crate::users;
use crate::wrong::Wrong;
use reader::Fates;

/// Rows that a transaction has locked, by table and key.
pub type Locks = BTreeSet<(usize, i64)>;

/// Users who try to get in while a transaction of Syncline runs.
#[derive(Debug)]
pub struct Users {
    /// How many of their transactions are left.
    left: u32,
    /// What had been seen when they wrote.
    saw: Vector,
    wall_ms: u64,
    /// Whether one of them committed since this was last asked.
    committed: bool,
}

impl Users {
    /// Lets them in for a moment; says whether one of them committed.
    fn race(&mut self, world: &mut World, database: &mut Database, locks: &Locks) -> bool {
        let mut raced = false;
        while self.left > 0 && world.chance.percent(60) {
            self.left -= 1;
            let committed = self.write(world, database, locks);
            world.counts.raced += u64::from(committed);
            raced |= committed;
        }
        self.committed |= raced;
        raced
    }

    /// One transaction; one that needs what is locked does not get in.
    fn write(&self, world: &mut World, database: &mut Database, locks: &Locks) -> bool {
        let statements = users::transaction(&mut world.chance, world.setup.tables, database);
        if statements.iter().flat_map(|statement| statement.rows()).any(|row| locks.contains(&row)) {
            return false;
        }
        let committed = database.transact(&statements, &self.saw, self.wall_ms);
        world.truth.transactions += u64::from(committed);
        committed
    }
}

/// A node of a sync group.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its place among the nodes of the history.
    pub at: usize,
    pub origin: Origin,
    /// Whether it belongs to the group at present.
    pub member: bool,
    pub database: Database,
    pub state: State,
    /// What it shows and what it has parked.
    fates: Fates,
    /// The rows that a transaction has changed so far, as they were.
    touched: BTreeMap<RowKey, Option<RowState>>,
    pub vector: Vector,
    pub clock: Clock,
    /// Units that other members may lack, in the order in which this node learned them.
    pub log: Vec<Arc<Unit>>,
    /// The other members, with what is known of what they have seen.
    pub members: BTreeMap<Origin, Vector>,
    /// By how much its clock is wrong.
    pub skew_ms: i64,
    /// Number of the last change applied, by origin; kept by the judge to see that each comes once and in order.
    pub applied: BTreeMap<Origin, u64>,
    /// The newest that its clock has been; kept by the judge.
    pub clock_high: Stamp,
    /// The exchange under way, by sending node. Lost in a crash.
    pub sessions: BTreeMap<usize, Session>,
}

/// An answer that is on its way.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: u64,
    /// The answer that is being taken in.
    pub answer: Option<u64>,
    /// The piece that comes next.
    pub next: usize,
    pub gate: Gate,
}

/// What of a delivery may be taken in, and by which moment that is judged.
#[derive(Debug, Clone)]
pub struct Gate {
    intake: Intake,
    asked_ms: u64,
}

impl Node {
    pub fn new(at: usize, origin: Origin, world: &World) -> Self {
        Self {
            at,
            origin,
            member: true,
            database: Database::new(world.setup.checked),
            state: State::new(&world.setup.group),
            fates: vec![BTreeMap::new(); TABLES.len()],
            touched: BTreeMap::new(),
            vector: Vector::default(),
            clock: Clock::default(),
            log: Vec::new(),
            members: BTreeMap::new(),
            skew_ms: 0,
            applied: BTreeMap::new(),
            clock_high: Stamp::ZERO,
            sessions: BTreeMap::new(),
        }
    }

    /// Its own idea of the time.
    pub fn wall_ms(&self, world: &World) -> u64 {
        world.now_ms.saturating_add_signed(self.skew_ms)
    }

    /// A user's transaction. Says whether it was committed.
    pub fn user(&mut self, world: &mut World) -> bool {
        self.users(world, 1).write(world, &mut self.database, &Locks::new())
    }

    fn users(&self, world: &World, left: u32) -> Users {
        Users { left, saw: self.vector.clone(), wall_ms: self.wall_ms(world), committed: false }
    }

    /// Folds what was captured, and shows what follows from it.
    pub fn fold(&mut self, world: &mut World, racing: u32) -> Result<(), Broken> {
        if self.database.outbox.is_empty() {
            return Ok(());
        }
        let mut gate = self.gate(world);
        self.import(world, &mut gate, &[], racing)
    }

    /// A gate for a delivery that is asked for now.
    pub fn gate(&self, world: &World) -> Gate {
        let asked_ms = self.wall_ms(world);
        let skew_ms_max = if world.is(Wrong::FutureTakenIn) { 1 << 40 } else { SKEW_MS_MAX };
        Gate { intake: Intake::new(asked_ms, skew_ms_max), asked_ms }
    }

    /// Takes in units, in one transaction: lock the rows; fold what was committed until then; merge; find what follows, and
    /// lock what is to be written; begin again if somebody wrote meanwhile; write. While it runs, `racing` transactions of users try to
    /// get in between.
    pub fn import(
        &mut self,
        world: &mut World,
        gate: &mut Gate,
        units: &[Arc<Unit>],
        racing: u32,
    ) -> Result<(), Broken> {
        let limit_ms = gate.asked_ms.saturating_add(SKEW_MS_MAX);
        let brought = rows_of(units);
        let mut locks = brought.clone();
        let mut users = self.users(world, racing);
        if world.is(Wrong::FoldBeforeLock) {
            self.fold_outbox(world, &brought)?;
            users.race(world, &mut self.database, &Locks::new());
        } else {
            users.race(world, &mut self.database, &locks);
            self.fold_outbox(world, &brought)?;
        }
        let mut folded = self.clock.last();
        loop {
            let spare = (users.left > 0).then(|| self.clone());
            self.take_in(world, &mut gate.intake, units)?;
            self.spoil_state(world)?;
            let done = self.show_within(world, &mut locks, &mut users)?;
            let Some(spare) = spare.filter(|_| !done) else { break };
            let database = std::mem::take(&mut self.database);
            *self = Self { database, ..spare };
            self.fold_outbox(world, &brought)?;
            folded = self.clock.last();
            world.counts.repeated += 1;
        }
        // Own changes may be stamped by a clock that is wrong; what is taken in may not push it any further.
        judge::clock(self, folded, limit_ms)?;
        self.clock_high = self.clock.last();
        judge::whole(&world.truth, &self.vector)?;
        if world.setup.churn && world.chance.percent(50) {
            self.release(world)?;
        }
        for _ in 0..users.left {
            self.user(world);
        }
        Ok(())
    }

    fn fold_outbox(&mut self, world: &mut World, brought: &Locks) -> Result<(), Broken> {
        for captured in std::mem::take(&mut self.database.outbox) {
            let (now, later) = if world.is(Wrong::FoldsOnlyWhatItBrings) && !brought.is_empty() {
                spoil::split(captured, brought)
            } else {
                (Some(captured), None)
            };
            if let Some(captured) = now {
                self.fold_one(world, &captured)?;
            }
            self.database.outbox.extend(later);
        }
        Ok(())
    }

    fn fold_one(&mut self, world: &mut World, captured: &Captured) -> Result<(), Broken> {
        let group = world.setup.group.clone();
        let hidden = judge::hidden(&group, &self.state, captured);
        for (table, change) in &captured.changes {
            keys(change).for_each(|key| self.touch(*table, &key));
        }
        let Folded { unit, losses } = self.fold_or_spoil(world, captured).map_err(inner)?;
        let losses = if world.is(Wrong::ParkedOverwritten) { Vec::new() } else { losses };
        let recorded: BTreeSet<_> = losses.iter().map(place).filter(|place| hidden.contains(place)).collect();
        if let Some(missing) = hidden.difference(&recorded).next() {
            return broken("I10 nothing is lost quietly", format!("a parked value was overwritten: {missing:?}"));
        }
        world.counts.hidden += losses.len() as u64;
        world.truth.record(&losses);
        let Some(unit) = unit.filter(|unit| unit.changes.len() == captured.changes.len()) else {
            let what = format!("{} captured changes did not all become changes", captured.changes.len());
            return broken("P1 every change is made once", what);
        };
        self.vector.advance(self.origin, unit.first(), unit.last(), unit.newest()).map_err(inner)?;
        self.applied.insert(self.origin, unit.last());
        world.truth.fold(&unit, &captured.saw);
        world.trace.note(&[1, self.at as u64, unit.last(), unit.newest().to_bits()]);
        world.counts.units += 1;
        self.log.push(Arc::new(unit));
        if world.truth.units > world.truth.transactions {
            return broken("P7 no echo: what is sent is what users did", format!("node {} made one more", self.at));
        }
        Ok(())
    }

    fn take_in(&mut self, world: &mut World, intake: &mut Intake, units: &[Arc<Unit>]) -> Result<(), Broken> {
        for unit in units {
            let verdict = if world.is(Wrong::VectorPastGap) {
                self.judge_past_gap(intake, unit)
            } else {
                intake.judge(&mut self.vector, &mut self.clock, unit)
            };
            match verdict {
                Ok(Verdict::New) => self.apply(world, unit)?,
                Ok(Verdict::Known) => world.counts.known += 1,
                Ok(Verdict::Held) => {
                    world.counts.held += 1;
                    if world.is(Wrong::HeldCountsAsSeen) {
                        let noted = self.vector.advance(unit.origin, unit.first(), unit.last(), unit.newest());
                        noted.map_err(inner)?;
                    }
                }
                // The rest of the delivery rests on it; it is asked for again.
                Err(_) => {
                    world.counts.gaps += 1;
                    self.sessions.clear();
                    break;
                }
            }
        }
        Ok(())
    }

    fn apply(&mut self, world: &mut World, unit: &Arc<Unit>) -> Result<(), Broken> {
        let applied = self.applied.entry(unit.origin).or_default();
        if unit.first() != *applied + 1 && !world.is(Wrong::VectorPastGap) {
            let what = format!("number {} of {} after {applied}", unit.first(), unit.origin);
            return broken("P2 changes of an origin come once and in order", what);
        }
        *applied = unit.last();
        let group = world.setup.group.clone();
        for change in &unit.changes {
            let change = &*self.spoil_base(world, change);
            let rank = Rank { stamp: change.stamp, origin: unit.origin };
            if !world.truth.made.contains_key(&rank) {
                return broken("I9 a change travels unaltered", format!("nobody made {rank}"));
            }
            change.edits.iter().for_each(|edit| self.touch(edit.table, &edit.key));
            self.spoil_ties(world, rank, &change.edits)?;
            let before: Vec<RowState> = change.edits.iter().map(|edit| self.row(world, edit)).collect();
            let losses = self.state.apply(&group, unit.origin, change).map_err(inner)?;
            let losses = spoil::losses(world, rank, losses);
            let mut expected = BTreeSet::new();
            for (edit, before) in change.edits.iter().zip(&before) {
                let after = self.row(world, edit);
                let deletes = group.table(edit.table).map(|rules| rules.deletes());
                let Some(deletes) = deletes else { continue };
                judge::not_back(before, &after, deletes)?;
                world.counts.revived += u64::from(before.is_dead(deletes) && !after.is_dead(deletes));
                expected.extend(judge::losses(&world.truth, before, &after, edit, rank, deletes));
            }
            self.compare_losses(world, rank, &expected, &losses)?;
            world.truth.record(&losses);
        }
        world.counts.deliveries += 1;
        world.trace.note(&[2, self.at as u64, unit.origin.0, unit.last(), unit.newest().to_bits()]);
        self.log.push(spoil::forwarded(world, &mut self.clock, unit));
        Ok(())
    }

    /// What was noticed as lost is what was lost: no conflict is missed, and an ordinary later update is none.
    fn compare_losses(
        &self,
        world: &mut World,
        rank: Rank,
        expected: &BTreeSet<crate::truth::Place>,
        losses: &[RowLoss],
    ) -> Result<(), Broken> {
        let found: BTreeSet<_> = losses.iter().map(place).collect();
        world.counts.conflicts += found.len() as u64;
        if let Some(missed) = expected.difference(&found).next() {
            let what = format!("node {} took in {rank} and missed {missed:?}", self.at);
            return broken("conflicts: every lost value can be looked up", what);
        }
        if let Some(invented) = found.difference(expected).next() {
            let what = format!("node {} took in {rank} and wrote down {invented:?}", self.at);
            return broken("conflicts: an ordinary later update is none", what);
        }
        Ok(())
    }

    fn row(&self, world: &World, edit: &Edit) -> RowState {
        let registers = world.setup.group.table(edit.table).map_or(0, |rules| rules.registers());
        let row = self.state.row(edit.table, &edit.key).cloned();
        row.unwrap_or_else(|| RowState::unknown(registers))
    }

    /// Notes that a row is about to change.
    fn touch(&mut self, table: usize, key: &Cells) {
        let state = &self.state;
        self.touched.entry((table, key.clone())).or_insert_with(|| state.row(table, key).cloned());
    }

    /// Forgets what nobody can need any more.
    pub fn release(&mut self, world: &mut World) -> Result<(), Broken> {
        let stable = match world.wrong {
            Some(Wrong::TombstoneReleasedEarly) => self.vector.clone(),
            Some(Wrong::ReleasedByVectorsAlone) => Vector::meet(self.members.values()),
            _ => Vector::stable(&self.vector, self.members.values()),
        };
        let covered = |row: &RowState| row.deleted.is_some_and(|deleted| stable.covers(deleted));
        if (0..TABLES.len()).any(|table| self.state.rows(table).any(|(_, row)| covered(row))) {
            let before = self.state.clone();
            self.state.release(&world.setup.group, &stable);
            self.released(world, &before)?;
        }
        let passed = match world.wrong {
            Some(Wrong::LogPrunedEarly) => self.members.values().fold(Vector::default(), |mut all, vector| {
                all.join(vector);
                all
            }),
            _ => Vector::meet(self.members.values()),
        };
        self.log.retain(|unit| passed.of(unit.origin).number < unit.last());
        Ok(())
    }

    /// What a crash takes: everything that was not committed.
    pub fn crash(&mut self, world: &mut World) {
        world.counts.crashes += 1;
        self.sessions.clear();
        if world.is(Wrong::ClockInMemory) {
            self.clock = Clock::after(Stamp::ZERO);
        }
    }
}

fn rows_of(units: &[Arc<Unit>]) -> Locks {
    let edits = units.iter().flat_map(|unit| &unit.changes).flat_map(|change| &change.edits);
    edits.map(|edit| (edit.table, key_number(&edit.key))).collect()
}

/// The model refuses what the history brought it.
fn inner(err: Error) -> Broken {
    Broken { promise: "the model takes in what the nodes bring", what: err.to_string() }
}
