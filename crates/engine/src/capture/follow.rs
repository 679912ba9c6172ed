//! Following a database: its snapshot first, then tick by tick what was captured since. The same for every brand that
//! captures by triggers; what differs is behind [`Captured`].
//!
//! A *tick* is a durable, numbered cut of what was captured: what lies between two ticks is a union of whole
//! transactions, and a transaction that commits late lies behind a later tick, whatever numbers its rows drew (I14, F16,
//! F17). The snapshot is taken at a tick too, so that of each table the changes up to that tick are in its rows and the
//! changes after it are not (F41).

mod place;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use syncline_model::change::{ChangeBuf, Op, TableBuilder};
use syncline_model::{ChangeBatch, Error, ErrorKind, Position, Result, TableChanges, TableName, TableSchema};
use tokio::time::Instant;

use crate::connector::{Apart, Budget, Follow, LaneId, Read, ReadSpec, Source};
pub use place::{LAYOUT, Loaded, Place, Tick};

/// How often a lane that reads quiet tables of a busy database says at its sink how far it got.
const QUIET_COMMIT_EVERY: Duration = Duration::from_secs(10);

/// Most changes of a unit that could as well end at an earlier tick. Who was away for long goes on in steps, and whoever is
/// stopped again and again gets on nevertheless.
const UNIT_CHANGES_MAX: u64 = 20_000;

/// How often a tick is made while a long unit is on its way, so that the next ones are shorter.
const TICK_EVERY: Duration = Duration::from_secs(1);

/// Changes of several tables, in order over all of them, and whether the range ends with them.
#[derive(Debug, Default)]
pub struct Piece {
    /// By table.
    pub tables: Vec<TableChanges>,
    /// Whether nothing of the range is left.
    pub last: bool,
}

/// What was captured in one database, as one lane reads it.
#[async_trait]
pub trait Captured: Send {
    /// Drawn at random when capture was installed: another one means that changes in between are unknown.
    fn incarnation(&self) -> &str;

    /// The number of each table's change table, in the order of the tables asked for.
    fn logs(&self) -> &[u64];

    /// The newest durable tick, made now if anything was committed after the one before (F114).
    async fn tick(&mut self) -> Result<Tick>;

    /// Where a unit ends that begins after a tick: the last one up to `newest` before which there are at most about
    /// `changes_max` changes, or else the next one.
    async fn border(&mut self, after: u64, newest: &Tick, changes_max: u64) -> Result<Tick>;

    /// Whether that tick is one of this database's, so that nothing after it was removed.
    async fn holds(&mut self, tick: &Tick) -> Result<bool>;

    /// Keeps all that comes after that tick for the lane, and nothing that every lane has.
    async fn keep(&mut self, tick: u64) -> Result<()>;

    /// Forgets another lane: nothing is kept for it any more.
    async fn release(&mut self, lane: &LaneId) -> Result<()>;

    /// Whether ticks can be made while a snapshot is read.
    async fn ticks_beside_a_snapshot(&mut self) -> Result<bool>;

    /// A snapshot of these tables, as of a new tick.
    async fn snapshot(&mut self, spec: &ReadSpec) -> Result<(Tick, Box<dyn Source>)>;

    /// Begins to read what lies after `after[i]` and up to `upto`, for the i-th of the tables asked for.
    async fn open(&mut self, after: &[u64], upto: &Tick) -> Result<()>;

    /// The next piece of the open range, of about `bytes_max`.
    async fn next(&mut self, bytes_max: usize) -> Result<Piece>;

    /// Makes durable what `keep` was told last, which else may wait for the next tick.
    async fn settle(&mut self) -> Result<()>;

    /// Waits at most that long until something may have been committed; false if nothing was, and then all is settled: an
    /// idle lane writes nothing.
    async fn wait(&mut self, wait_max: Duration) -> Result<bool>;
}

/// A source that follows.
pub struct Follower<C> {
    captured: C,
    /// The tables that were at the sink before.
    known: BTreeSet<String>,
    spec: ReadSpec,
    rules: Vec<u64>,
    side: Option<LaneId>,
    /// The tables that the side lane loads: nothing is read of them here.
    apart: Apart,
    /// Absent before the first snapshot is taken.
    place: Option<Place>,
    /// The newest tick that is known, and when it was asked for.
    newest: Tick,
    ticked: Instant,
    /// Where the unit ends that is read.
    upto: Tick,
    phase: Phase,
    /// The tick after which there is nothing to do.
    until: Option<u64>,
    last_unit: Instant,
    /// Whether the sink does not know yet that there was nothing for it up to where we are.
    owed: bool,
}

enum Phase {
    /// Some tables are being loaded, as of that tick. Those in `again` are emptied first: rows may have gone unseen.
    Loading { from: Box<dyn Source>, at: Tick, again: BTreeSet<TableName> },
    /// The position must say that some tables are not loaded, before anybody touches their rows.
    Forgetting,
    /// Some tables are for the side lane, and nobody was told yet.
    Apart,
    /// All other tables are loaded, and nobody was told yet.
    Loaded,
    /// Between two units.
    Between,
    /// Within a unit; whether nothing of it was sent yet.
    Within { begins: bool },
    /// A piece of the unit may be lost: nothing more is read of it, by whoever repeats the call (I3). The lane opens again.
    Broken { kind: ErrorKind, because: String },
}

impl<C: Captured> Follower<C> {
    /// Continues after `at`, or from a snapshot.
    ///
    /// # Errors
    /// [`ErrorKind::PositionLost`] if what came after `at` is no longer known.
    pub async fn open(mut captured: C, at: Option<Position>, spec: ReadSpec, follow: &Follow) -> Result<Self> {
        let mut place = at.as_ref().map(Place::parse).transpose()?;
        // A table that left the job and comes back has missed changes.
        let asked: BTreeSet<String> = spec.tables.iter().map(|t| t.name.to_string()).collect();
        place.iter_mut().for_each(|p| p.forget_all_but(&asked));
        let known: BTreeSet<String> = place.iter().flat_map(|p| p.tables.keys().cloned()).collect();
        place = place.filter(|p| !p.capture.is_empty());
        if let Some(place) = &place {
            check(&mut captured, place).await?;
        }
        // From here on the source keeps what the lane has not read; the snapshot comes after.
        let newest = captured.tick().await?;
        if let Some(place) = place.as_ref().filter(|p| p.tables.values().any(|l| l.at > newest.number)) {
            return Err(lost(place, PUT_BACK));
        }
        captured.keep(place.as_ref().map_or(newest.number, |p| p.tick.number)).await?;
        if let Some(place) = &place {
            // A sink that was put back asks for what nobody kept for it until now: another lane may have let it go (F90).
            check(&mut captured, place).await?;
        }
        let mut follower = Self {
            until: follow.ends.then_some(newest.number),
            captured,
            known,
            spec,
            rules: follow.rules.clone(),
            side: follow.side.clone(),
            apart: Apart::default(),
            place,
            upto: newest.clone(),
            newest,
            ticked: Instant::now(),
            phase: Phase::Loaded,
            last_unit: Instant::now(),
            owed: false,
        };
        follower.load_what_is_missing().await?;
        Ok(follower)
    }

    /// The tables of which nothing is known, or not enough.
    fn missing(&self) -> Vec<Arc<TableSchema>> {
        let loaded = |name: &TableName| self.place.as_ref().and_then(|p| p.tables.get(&name.to_string()));
        let is_same = |l: &Loaded, log: u64, rules: u64| l.log == log && l.rules == rules;
        let tables = self.spec.tables.iter().zip(self.captured.logs().iter().zip(&self.rules));
        let missing = tables.filter(|(t, (log, rules))| !loaded(&t.name).is_some_and(|l| is_same(l, **log, **rules)));
        missing.map(|(t, _)| t.clone()).collect()
    }

    /// Loads what is missing, or leaves it to the side lane.
    async fn load_what_is_missing(&mut self) -> Result<()> {
        let missing = self.missing();
        if missing.is_empty() {
            // What it had is in our position, and kept for us by now.
            return match &self.side {
                Some(side) => self.captured.release(side).await,
                None => Ok(()),
            };
        }
        let again: BTreeSet<TableName> =
            missing.iter().map(|t| t.name.clone()).filter(|name| self.known.contains(&name.to_string())).collect();
        let goes_on = self.place.as_ref().is_some_and(|p| p.whole) && missing.len() < self.spec.tables.len();
        if goes_on && self.side.is_some() && self.captured.ticks_beside_a_snapshot().await? {
            self.apart = Apart { tables: missing.iter().map(|t| t.name.clone()).collect(), again };
            self.phase = if self.forgets() { Phase::Forgetting } else { Phase::Apart };
            return Ok(());
        }
        let spec = ReadSpec { tables: missing, follow: None, ..self.spec.clone() };
        let (at, from) = self.captured.snapshot(&spec).await?;
        // What was loaded before must come as far as these: until then the sink is in no state that the source had (I3).
        if at.number > self.newest.number {
            self.until = self.until.map(|until| until.max(at.number));
            self.newest = at.clone();
        }
        self.phase = Phase::Loading { from, at, again };
        Ok(())
    }

    /// Forgets the tables that the side lane loads again; whether the position said anything else of one of them.
    fn forgets(&mut self) -> bool {
        let Some(place) = &mut self.place else { return false };
        let before = place.tables.clone();
        self.apart.again.iter().for_each(|name| place.forget(name));
        place.tables != before
    }

    /// The position with a table that was just loaded.
    fn loaded(&mut self, name: &TableName, at: Tick) -> Result<Position> {
        let mut tables = self.spec.tables.iter().zip(self.captured.logs().iter().zip(&self.rules));
        let found = tables.find(|(t, _)| t.name == *name).map(|(_, (log, rules))| (*log, *rules));
        let (log, rules) = found.ok_or_else(|| Error::new(ErrorKind::Bug, "a table was not asked for"))?;
        let capture = self.captured.incarnation().to_owned();
        let number = at.number;
        // What is still to be emptied stays known, should this be the last unit for now.
        let place = self.place.get_or_insert_with(|| Place::beginning(capture, at, &self.known));
        place.tables.insert(name.to_string(), Loaded { log, at: number, rules });
        let whole = self.missing().is_empty();
        let place = self.place.as_mut().ok_or_else(|| Error::new(ErrorKind::Bug, "there is no position"))?;
        place.whole |= whole;
        place.position()
    }

    /// One batch of a table that is being loaded, with our own position at its end.
    async fn load(&mut self, budget: Budget) -> Result<Read> {
        let Phase::Loading { from, at, again } = &mut self.phase else {
            return Err(Error::new(ErrorKind::Bug, "no table is being loaded"));
        };
        let mut batch = match from.read(budget).await? {
            Read::Batch(batch) => batch,
            Read::End => {
                self.phase = Phase::Between;
                return Ok(Read::Loaded);
            }
            other => return Ok(other),
        };
        let name = batch.tables.first().map(|t| t.schema().name.clone());
        let name = name.or_else(|| batch.native.as_ref().map(|n| n.schema.name.clone()));
        let name = name.ok_or_else(|| Error::new(ErrorKind::Bug, "a snapshot's batch names no table"))?;
        if batch.begins && again.contains(&name) {
            let schema = self.spec.tables.iter().find(|t| t.name == name);
            let schema = schema.ok_or_else(|| Error::new(ErrorKind::Bug, "a table was not asked for"))?;
            let mut emptied = TableBuilder::new(schema.clone());
            emptied.push(ChangeBuf::new(Op::Truncate, Vec::new(), Vec::new()))?;
            batch.tables.insert(0, emptied.finish()?);
        }
        if batch.ends.is_some() {
            let at = at.clone();
            batch.ends = Some(self.loaded(&name, at)?);
        }
        Ok(Read::Batch(batch))
    }

    /// One batch of changes.
    async fn changes(&mut self, begins: bool, budget: Budget) -> Result<Option<ChangeBatch>> {
        // Before a piece is taken, so that an error takes none away.
        if self.ticked.elapsed() >= TICK_EVERY {
            self.tick().await?;
        }
        let piece = match self.captured.next(budget.bytes_max).await {
            Ok(piece) => piece,
            Err(e) => {
                self.phase = Phase::Broken { kind: e.kind(), because: e.to_string() };
                return Err(e);
            }
        };
        let is_empty = begins && piece.last && piece.tables.is_empty();
        self.phase =
            if piece.last { Phase::Between } else { Phase::Within { begins: begins && piece.tables.is_empty() } };
        let mut ends = None;
        if piece.last
            && let Some(place) = &mut self.place
        {
            place.tick = self.upto.clone();
            ends = Some(place.position()?);
        }
        let at_end = self.until.is_some_and(|until| self.upto.number >= until);
        // The sink need not know at once that there was nothing for it.
        if is_empty && !at_end && self.last_unit.elapsed() < QUIET_COMMIT_EVERY
            || ends.is_none() && piece.tables.is_empty()
        {
            self.owed |= is_empty;
            return Ok(None);
        }
        (self.last_unit, self.owed) = (Instant::now(), false);
        Ok(Some(ChangeBatch { begins, ends, tables: piece.tables, native: None }))
    }

    async fn tick(&mut self) -> Result<()> {
        let began = Instant::now();
        self.newest = self.captured.tick().await?;
        self.ticked = Instant::now();
        tracing::trace!(tick = self.newest.number, us = micros(began), "tick");
        Ok(())
    }

    /// Opens the range of the next unit, if there is anything new.
    async fn advance(&mut self, wait_max: Duration) -> Result<bool> {
        let early = || Error::new(ErrorKind::Bug, "changes were asked for before the snapshot");
        let at = self.place.as_ref().ok_or_else(early)?.tick.number;
        if self.newest.number <= at {
            if !self.captured.wait(wait_max).await? {
                return Ok(false);
            }
            self.tick().await?;
            if self.newest.number <= at {
                return Ok(false);
            }
        }
        let place = self.place.as_ref().ok_or_else(early)?;
        // Tables of two moments meet in one unit (I3).
        let meet = place.tables.values().any(|l| l.at > at);
        self.upto = match meet {
            true => self.newest.clone(),
            false => self.captured.border(at, &self.newest, UNIT_CHANGES_MAX).await?,
        };
        let after = |name: &TableName| match self.apart.tables.contains(name) {
            true => self.upto.number,
            false => place.tables.get(&name.to_string()).map_or(0, |l| l.at).max(at),
        };
        let after: Vec<u64> = self.spec.tables.iter().map(|t| after(&t.name)).collect();
        let began = Instant::now();
        self.captured.open(&after, &self.upto).await?;
        tracing::trace!(upto = self.upto.number, us = micros(began), "range opened");
        self.phase = Phase::Within { begins: true };
        Ok(true)
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

const PUT_BACK: &str =
    "the source no longer knows this lane's tick: the source or the sink was put back to an earlier state";

fn lost(place: &Place, what: &str) -> Error {
    Error::new(ErrorKind::PositionLost, what)
        .at("tick", place.tick.number.to_string())
        .hint("`syncline resync JOB` loads the tables again; look at what changed before")
}

/// A change table holds what no trigger of ours writes: an operation that is none must not pass for an update.
pub fn no_operation(table: &str) -> Error {
    Error::new(ErrorKind::Corrupt, "a captured change has an operation that does not exist")
        .at("table", table)
        .hint("only Syncline may write to its tables; `syncline resync JOB` loads the tables again")
}

/// Whether the lane can go on where it was.
async fn check<C: Captured>(captured: &mut C, place: &Place) -> Result<()> {
    if place.capture != captured.incarnation() {
        return Err(lost(place, "capture was removed and installed again: changes between are unknown"));
    }
    if !captured.holds(&place.tick).await? {
        return Err(lost(place, PUT_BACK));
    }
    Ok(())
}

#[async_trait]
impl<C: Captured> Source for Follower<C> {
    async fn read(&mut self, budget: Budget) -> Result<Read> {
        loop {
            match self.phase {
                Phase::Loading { .. } => return self.load(budget).await,
                Phase::Forgetting => {
                    self.phase = Phase::Apart;
                    let ends = self.place.as_ref().map(Place::position).transpose()?;
                    return Ok(Read::Batch(ChangeBatch { begins: true, ends, tables: Vec::new(), native: None }));
                }
                Phase::Apart => {
                    self.phase = Phase::Loaded;
                    return Ok(Read::Apart(self.apart.clone()));
                }
                Phase::Loaded => {
                    self.phase = Phase::Between;
                    return Ok(Read::Loaded);
                }
                Phase::Broken { kind, ref because } => {
                    return Err(Error::new(kind, "the changes could not be read to the end").caused_by(because.clone()));
                }
                Phase::Within { begins } => {
                    if let Some(batch) = self.changes(begins, budget).await? {
                        return Ok(Read::Batch(batch));
                    }
                }
                Phase::Between => {
                    let done = self.place.as_ref().is_some_and(|p| self.until.is_some_and(|u| p.tick.number >= u));
                    if done {
                        return Ok(Read::End);
                    }
                    if self.owed && self.last_unit.elapsed() >= QUIET_COMMIT_EVERY {
                        // Else the source would keep for this lane what others wrote last, for as long as nobody writes.
                        (self.last_unit, self.owed) = (Instant::now(), false);
                        let ends = self.place.as_ref().map(Place::position).transpose()?;
                        return Ok(Read::Batch(ChangeBatch { begins: true, ends, tables: Vec::new(), native: None }));
                    }
                    if !self.advance(budget.wait_max).await? {
                        return Ok(Read::Idle);
                    }
                }
            }
        }
    }

    async fn confirm(&mut self, upto: &Position) -> Result<()> {
        let tick = Place::parse(upto)?.tick.number;
        self.captured.keep(tick).await?;
        // Nobody will ask again; but nobody writes beside a snapshot that is being read.
        let loads = matches!(self.phase, Phase::Loading { .. });
        if !loads && self.until.is_some_and(|until| tick >= until) { self.captured.settle().await } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
