//! The side lane: it loads tables beside the lane that follows the others.
//!
//! A table that joins a job later, or is loaded again, has a lane of its own for that: own connections, own row in
//! `syncline_position`, own place at the source, which keeps for it what it has not read (I1, F23). It loads, follows what
//! it has loaded until it has nearly caught up, and ends. Then the lane ends too, between two units, *adopts* the tables,
//! and opens again: their places become its own, and the side lane's row goes, in one transaction of the sink (I2).
//! Until then the sink shows the tables of each lane as the source had them together, and not those of both (I3).
//!
//! Only who has taken the lane runs its side lane, and each has an epoch of its own, so that a rival fences both (F08,
//! F09). Whatever dies: the side lane's row says how far it got. It goes on from there at the next start, with the load of
//! a table that was not complete from its beginning, and is adopted then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use syncline_model::{Error, ErrorKind, Position, Result, TableSchema};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::lane::{Ended, Shared, Tries, attempt};
use super::park::Parking;
use super::prepare::PreparedLane;
use super::report::LaneProgress;
use super::step::{Step, reached};
use crate::capture::follow::Place;
use crate::capture::parked;
use crate::connector::{Apart, Connector, FinishReport, Follow, ReadSpec, Sink, WritePlan, WriteSpec};

/// What is left after a round that took less is for the lane itself.
const ROUND_NEAR: Duration = Duration::from_secs(3);

/// A table that changes as fast as it is followed is adopted at last all the same.
const ROUNDS_MAX: u32 = 20;

/// The side lane of one lane, whether it runs or not. Dropped, it ends, and its open unit is taken back.
pub struct Side {
    shared: Arc<Shared>,
    /// The lane that it is beside.
    lane: PreparedLane,
    progress: LaneProgress,
    stop: watch::Receiver<bool>,
    running: JoinSet<Result<FinishReport>>,
    /// How it has ended, if it has and nobody has asked yet.
    pub outcome: Option<Result<()>>,
    report: FinishReport,
}

impl Side {
    pub fn new(
        shared: &Arc<Shared>,
        lane: &PreparedLane,
        progress: &LaneProgress,
        stop: &watch::Receiver<bool>,
    ) -> Self {
        Self {
            shared: shared.clone(),
            lane: lane.clone(),
            progress: progress.clone(),
            stop: stop.clone(),
            running: JoinSet::new(),
            outcome: None,
            report: FinishReport::default(),
        }
    }

    /// The side lane of the same lane, prepared anew; this one ends.
    pub fn anew(mut self, shared: &Arc<Shared>, lane: &PreparedLane) -> Self {
        self.forget();
        let mut report = std::mem::take(&mut self.report);
        report.notices.extend(lane.plan.notices.iter().cloned());
        Self { report, ..Self::new(shared, lane, &self.progress, &self.stop) }
    }

    pub fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// Starts to load these tables. What is asked for while it runs is asked for again when the lane has adopted.
    pub fn begin(&mut self, apart: Apart) {
        if self.is_running() || self.outcome.is_some() {
            return;
        }
        let Some(lane) = beside(&self.lane, &apart) else { return };
        let progress = self.progress.side(&apart.tables);
        let parks_as = self.lane.spec.lane.clone();
        let parking = Parking::new(parks_as, self.shared.0.parks, &lane.spec.tables);
        let begins = Begins { apart, anew: false };
        self.running.spawn(load(self.shared.clone(), lane, begins, parking, progress, self.stop.clone()));
    }

    /// Waits until it has ended; for ever if it does not run.
    pub async fn ended(&mut self) {
        let outcome = match self.running.join_next().await {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(Error::new(ErrorKind::Bug, "a side lane ended by a panic")),
            None => std::future::pending().await,
        };
        self.progress.joined();
        self.outcome = Some(outcome.map(|report| {
            self.report.rows_held.extend(report.rows_held);
            self.report.notices.extend(report.notices);
        }));
    }

    /// Makes what it has loaded the lane's own, if it has caught up; else only makes sure that the lane is still ours, and
    /// that it was not a rival of the lane by whom the side lane was fenced.
    ///
    /// By the very lease under which both have run: whoever took the lane since must not lose it to us again.
    pub async fn join(&self, mut lane: Ended, caught_up: bool) -> Result<()> {
        let Some(position) = lane.position else { return Ok(()) };
        let sink = &mut *lane.sink;
        if caught_up {
            let side = WriteSpec { lane: self.lane.spec.lane.side(), tables: Vec::new(), ..self.lane.spec.clone() };
            return adopt(&*self.lane.to.connector, sink, &side, &position).await;
        }
        sink.begin(sink.lease().epoch).await?;
        sink.commit(&position).await
    }

    /// Ends it, whatever it was about to do.
    pub fn forget(&mut self) {
        self.running = JoinSet::new();
        self.progress.joined();
        self.outcome = None;
    }

    /// What remained to be said of both lanes.
    pub fn told(&mut self, mut report: FinishReport) -> FinishReport {
        let own = std::mem::take(&mut self.report);
        report.rows_held.extend(own.rows_held);
        report.notices.extend(own.notices);
        report
    }
}

/// The side lane's own half of a prepared lane. It knows no other tables: who empties one of its tables must not take rows of
/// others along that nobody writes anew.
fn beside(lane: &PreparedLane, apart: &Apart) -> Option<PreparedLane> {
    fn picked<T: Clone>(of: &[T], wanted: &[usize]) -> Vec<T> {
        wanted.iter().filter_map(|i| of.get(*i)).cloned().collect()
    }
    let follow = lane.read.follow.as_ref()?;
    let wanted: Vec<usize> =
        (0..).zip(&lane.read.tables).filter(|(_, t)| apart.tables.contains(&t.name)).map(|(i, _)| i).collect();
    let follow = Follow {
        tables: picked(&follow.tables, &wanted),
        rules: picked(&follow.rules, &wanted),
        lane: follow.side.clone()?,
        side: None,
        ends: true,
    };
    let read = ReadSpec { tables: picked(&lane.read.tables, &wanted), follow: Some(follow), ..lane.read.clone() };
    let all = &lane.spec.tables;
    let own = picked(all, &wanted).into_iter().map(|t| referring(t, all));
    let tables = own.chain(all.iter().filter(|t| parked::is_own(t)).cloned()).collect();
    let spec = WriteSpec { lane: lane.spec.lane.side(), tables, restart: false, ..lane.spec.clone() };
    // The lane itself has added what was to add.
    let plan = WritePlan { added: Vec::new(), ..lane.plan.clone() };
    Some(PreparedLane { to: lane.to.clone(), read, spec, plan })
}

/// The table with all its references spelled out: one without columns means the key of a table that the side lane may not know.
fn referring(table: Arc<TableSchema>, all: &[Arc<TableSchema>]) -> Arc<TableSchema> {
    if table.foreign_keys.iter().all(|k| !k.to_columns.is_empty()) {
        return table;
    }
    let mut spelled = (*table).clone();
    for key in spelled.foreign_keys.iter_mut().filter(|k| k.to_columns.is_empty()) {
        let to = all.iter().find(|t| t.name == key.to);
        key.to_columns = to.iter().flat_map(|t| t.key_columns()).map(|c| c.name.to_string()).collect();
    }
    Arc::new(spelled)
}

/// Loads, and follows until it has nearly caught up or is stopped.
async fn load(
    shared: Arc<Shared>,
    mut lane: PreparedLane,
    mut begins: Begins,
    mut parking: Parking,
    progress: LaneProgress,
    mut stop: watch::Receiver<bool>,
) -> Result<FinishReport> {
    let (unused, _) = watch::channel(Apart::default());
    let mut tries = Tries::default();
    let mut report = FinishReport::default();
    for _ in 0..ROUNDS_MAX {
        let began = Instant::now();
        begins.anew = false;
        let finished = loop {
            let ended = attempt(&shared, &mut lane, &mut parking, &progress, Some(&begins), (&stop, &unused));
            match ended.await {
                Ok(ended) => break ended.finished,
                // It is only about these tables, and they can be read again.
                Err(failed) if failed.error.kind() == ErrorKind::PositionLost && !begins.anew => begins.anew = true,
                Err(failed) => tries.again(failed, &shared.0, &mut parking, &progress, &mut stop).await?,
            }
        };
        report.rows_held.extend(finished.rows_held);
        report.notices.extend(finished.notices);
        if *stop.borrow() || began.elapsed() < ROUND_NEAR {
            break;
        }
    }
    reached(Step::CaughtUp);
    Ok(report)
}

/// How a side lane begins.
pub struct Begins {
    apart: Apart,
    /// Whatever it has loaded before is emptied, and loaded again.
    anew: bool,
}

impl Begins {
    /// The position from which it goes on that had got so far before.
    pub fn after(&self, had: Option<&Position>) -> Result<Position> {
        let had = had.map(Place::parse).transpose()?;
        let mut place = Place::forgotten(self.apart.again.iter().cloned());
        match had {
            Some(had) if self.anew => place.forget_those_of(&had),
            // What it has loaded already is not to be loaded again.
            Some(had) => place = Place { tables: place.tables.into_iter().chain(had.tables).collect(), ..had },
            None => {}
        }
        place.position()
    }
}

/// Makes what a side lane has the own of a lane that is at that position. Whoever still runs the side lane is fenced before
/// its position is read, so that nothing of it comes after; but not by somebody whose own lane was taken.
async fn adopt(to: &dyn Connector, sink: &mut dyn Sink, side: &WriteSpec, position: &Position) -> Result<()> {
    let epoch = sink.lease().epoch;
    let mut place = Place::parse(position)?;
    sink.begin(epoch).await?;
    let its = to.open_sink(side).await?.lease().clone();
    if let Some(had) = &its.position {
        place.adopt(&Place::parse(had)?);
    }
    sink.retire(&side.lane, its.epoch).await?;
    // I2: places and the end of the row they come from are one transaction.
    sink.commit(&place.position()?).await?;
    reached(Step::Adopted);
    Ok(())
}

#[cfg(test)]
mod tests;
