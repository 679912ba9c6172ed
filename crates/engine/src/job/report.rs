//! What a job did and is doing: one account that terminal, `--json` and logs read.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use syncline_model::mapping::Mapping;
use syncline_model::{ChangeBatch, Error, Op, Result, TableName};

use super::prepare::Prepared;
use crate::capture::parked;
use crate::connector::{FinishReport, WriteReport};

/// What all lanes of a job are doing.
#[derive(Debug, Clone)]
pub struct Progress {
    lanes: Vec<LaneProgress>,
}

impl Progress {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(prepared: &Prepared) -> Self {
        let lane = |name: &str| {
            let state = LaneState { tables: waiting(prepared), ..LaneState::default() };
            LaneProgress { name: name.into(), state: Arc::new(Mutex::new(state)) }
        };
        let away = prepared.away.iter().map(|away| &away.to);
        Self { lanes: prepared.lanes.iter().map(|l| &l.to).chain(away).map(|to| lane(&to.name)).collect() }
    }

    /// One per sink; those that were away when the job began come last.
    #[must_use]
    pub fn lanes(&self) -> Vec<LaneProgress> {
        self.lanes.clone()
    }
}

fn waiting(prepared: &Prepared) -> Vec<TableProgress> {
    let table = |m: &Arc<Mapping>| TableProgress {
        source: m.read.name.clone(),
        sink: m.write.name.clone(),
        rows_estimate: prepared.rows_estimates.get(&m.write.name).copied(),
        state: TableState::Waiting,
        rows: 0,
        bytes: 0,
        took: Duration::ZERO,
        began: None,
    };
    prepared.mappings.iter().map(table).collect()
}

/// What one lane is doing. Clones are the same account.
#[derive(Debug, Clone)]
pub struct LaneProgress {
    name: String,
    state: Arc<Mutex<LaneState>>,
}

#[derive(Debug, Default)]
struct LaneState {
    tables: Vec<TableProgress>,
    units_committed: u64,
    deletes_missing: u64,
    waiting: Option<String>,
    /// Changes of the open unit.
    in_unit: u64,
    /// Those among them that were set aside.
    parked_in_unit: u64,
    /// All that are set aside in the sink.
    parked: u64,
    /// Set when the tables are loaded.
    changes: Option<ChangesProgress>,
    /// The account of the side lane, while it runs.
    side: Option<LaneProgress>,
}

/// What a lane that follows has done since its tables are loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct ChangesProgress {
    /// Changes that were committed.
    pub changes: u64,
    /// Units that were committed.
    pub units: u64,
    /// Of these, changes that were set aside.
    pub parked: u64,
    /// All changes that are set aside in the sink now, as the lane knows it.
    pub parked_in_all: u64,
    /// Seconds from the newest committed change to its commit at the sink; absent before the first, and where the source
    /// does not say when a change was made.
    pub lag_s: Option<f64>,
}

/// Where a table stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TableState {
    /// Nothing of it was read yet.
    #[default]
    Waiting,
    /// Rows are moving.
    Running,
    /// Its unit is committed.
    Done,
    /// An earlier run, interrupted later, had committed it.
    DoneBefore,
}

/// What happened to one table.
#[derive(Debug, Clone, Serialize)]
pub struct TableProgress {
    /// Name at the source.
    #[serde(skip)]
    pub source: TableName,
    /// Name at the sink.
    #[serde(rename = "table", serialize_with = "as_text")]
    pub sink: TableName,
    /// Where it stands.
    pub state: TableState,
    /// Rows written in this run.
    pub rows: u64,
    /// Bytes of their cells in memory.
    pub bytes: u64,
    /// Rows that are expected, roughly.
    #[serde(skip)]
    pub rows_estimate: Option<u64>,
    /// Time since its first batch, up to its commit.
    #[serde(rename = "seconds", serialize_with = "as_seconds")]
    pub took: Duration,
    #[serde(skip)]
    began: Option<Instant>,
}

impl TableProgress {
    fn done(&mut self) {
        self.state = TableState::Done;
        self.took = self.began.map(|b| b.elapsed()).unwrap_or_default();
    }
}

/// Puts another account of one of the tables in its place.
fn replace(tables: &mut [TableProgress], table: TableProgress) {
    if let Some(own) = tables.iter_mut().find(|t| t.sink == table.sink) {
        *own = table;
    }
}

fn as_text<S: serde::Serializer>(name: &TableName, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.collect_str(name)
}

fn as_seconds<S: serde::Serializer>(took: &Duration, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_f64((took.as_secs_f64() * 1000.0).round() / 1000.0)
}

impl LaneProgress {
    /// The sink's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tables as they stand now, those of the side lane too.
    #[must_use]
    pub fn tables(&self) -> Vec<TableProgress> {
        let (mut tables, side) = self.with(|s| (s.tables.clone(), s.side.clone()));
        for table in tables.iter_mut().filter(|t| t.state == TableState::Running) {
            table.took = table.began.map(|b| b.elapsed()).unwrap_or_default();
        }
        side.iter().flat_map(Self::tables).for_each(|table| replace(&mut tables, table));
        tables
    }

    /// Why the lane waits, or its side lane, if one does.
    #[must_use]
    pub fn waits_for(&self) -> Option<String> {
        let (waiting, side) = self.with(|s| (s.waiting.clone(), s.side.clone()));
        waiting.or_else(|| side.and_then(|side| side.waits_for()))
    }

    /// The account of a side lane that loads these tables, shown as part of this one until it is joined.
    pub(super) fn side(&self, tables: &BTreeSet<TableName>) -> Self {
        self.joined();
        let mut own = self.with(|s| s.tables.clone());
        own.retain(|t| tables.contains(&t.source));
        own.iter_mut().for_each(|t| t.state = TableState::Waiting);
        let state = LaneState { tables: own, ..LaneState::default() };
        let side = Self { name: self.name.clone(), state: Arc::new(Mutex::new(state)) };
        self.with(|s| s.side = Some(side.clone()));
        side
    }

    /// The side lane has ended: what it did is this lane's.
    pub(super) fn joined(&self) {
        let Some(side) = self.with(|s| s.side.take()) else { return };
        let tables = side.tables();
        let (units, missing, carried) = side.with(|s| (s.units_committed, s.deletes_missing, s.changes));
        self.with(|s| {
            tables.into_iter().for_each(|table| replace(&mut s.tables, table));
            s.units_committed += units;
            s.deletes_missing += missing;
            if let (Some(changes), Some(carried)) = (&mut s.changes, carried) {
                changes.changes += carried.changes;
                changes.units += carried.units;
                changes.parked += carried.parked;
            }
        });
    }

    /// The job was prepared anew: its tables may stand in another order, and others may have joined.
    pub(super) fn prepared_again(&self, prepared: &Prepared) {
        self.joined();
        self.with(|s| {
            let before = std::mem::replace(&mut s.tables, waiting(prepared));
            before.into_iter().for_each(|table| replace(&mut s.tables, table));
        });
    }

    pub(super) fn units_committed(&self) -> u64 {
        self.with(|s| s.units_committed)
    }

    /// The lane was opened; an earlier run has done the first tables.
    pub(super) fn opened(&self, done: &[bool], parked: usize) {
        self.with(|s| {
            (s.waiting, s.in_unit, s.parked_in_unit) = (None, 0, 0);
            s.parked = parked as u64;
            if let Some(changes) = &mut s.changes {
                changes.parked_in_all = s.parked;
            }
            for (table, done) in s.tables.iter_mut().zip(done) {
                match table.state {
                    TableState::Waiting if *done => table.state = TableState::DoneBefore,
                    // Its commit happened, and only the answer was lost (F03).
                    TableState::Running if *done => {
                        table.done();
                        s.units_committed += 1;
                    }
                    TableState::Running => table.state = TableState::Waiting,
                    _ => {}
                }
            }
        });
    }

    /// All tables are loaded; what follows are changes.
    pub(super) fn loaded(&self) {
        self.with(|s| {
            s.changes.get_or_insert_default().parked_in_all = s.parked;
            s.waiting = None;
        });
    }

    /// What was done since the tables are loaded; absent before.
    #[must_use]
    pub fn changes(&self) -> Option<ChangesProgress> {
        self.with(|s| s.changes)
    }

    pub(super) fn unit_begun(&self, batch: &ChangeBatch) {
        if self.changes().is_some() {
            return;
        }
        self.each(batch, |table| {
            // An interrupted unit starts over.
            (table.rows, table.bytes) = (0, 0);
            table.state = TableState::Running;
            table.began = Some(Instant::now());
        });
    }

    pub(super) fn written(&self, batch: &ChangeBatch, report: WriteReport) {
        self.with(|s| s.deletes_missing += report.deletes_missing);
        if self.changes().is_some() {
            let (carried, parked) = (parked::carried(batch), parked::set_aside(batch));
            self.with(|s| {
                s.in_unit += carried;
                s.parked_in_unit += parked;
            });
            return;
        }
        for changes in &batch.tables {
            // The step that empties a table is not a row.
            if changes.rows() == 1 && changes.op(0) == Op::Truncate {
                continue;
            }
            self.one(&changes.schema().name, |table| {
                table.rows += changes.rows() as u64;
                table.bytes += changes.bytes() as u64;
            });
        }
        if let Some(rows) = &batch.native {
            self.one(&rows.schema.name, |table| {
                table.rows += rows.rows as u64;
                table.bytes += rows.bytes.len() as u64;
            });
        }
    }

    pub(super) fn unit_committed(&self, batch: &ChangeBatch, parked: usize) {
        self.with(|s| {
            s.units_committed += 1;
            s.parked = parked as u64;
        });
        if self.changes().is_none() {
            self.each(batch, TableProgress::done);
            return;
        }
        let newest =
            batch.tables.iter().filter_map(|t| t.marks().at.get(t.rows().checked_sub(1)?)).map(|at| at.us).max();
        self.with(|s| {
            let in_unit = std::mem::take(&mut s.in_unit);
            let parked_in_unit = std::mem::take(&mut s.parked_in_unit);
            if let Some(changes) = &mut s.changes {
                changes.changes += in_unit;
                changes.parked += parked_in_unit;
                changes.parked_in_all = s.parked;
                changes.units += 1;
                changes.lag_s = newest.map(lag_s).or(changes.lag_s);
            }
        });
    }

    pub(super) fn waiting(&self, error: &Error) {
        self.with(|s| s.waiting = Some(error.to_string()));
    }

    pub(super) fn finished(&self) {
        self.with(|s| s.waiting = None);
    }

    fn each(&self, batch: &ChangeBatch, change: impl Fn(&mut TableProgress)) {
        let native = batch.native.iter().map(|rows| &rows.schema.name);
        for name in batch.tables.iter().map(|t| &t.schema().name).chain(native) {
            self.one(name, &change);
        }
    }

    fn one(&self, name: &TableName, change: impl Fn(&mut TableProgress)) {
        self.with(|s| s.tables.iter_mut().filter(|t| t.sink == *name).for_each(change));
    }

    fn with<T>(&self, f: impl FnOnce(&mut LaneState) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Seconds since that moment, µs since 1970. A clock that runs behind the source's has no negative lag.
#[allow(clippy::cast_precision_loss)]
fn lag_s(at_us: i64) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    ((now - at_us as f64 / 1e6).max(0.0) * 1000.0).round() / 1000.0
}

/// What a job did.
#[derive(Debug)]
pub struct JobReport {
    /// What is worth knowing and stopped nothing.
    pub notices: Vec<String>,
    /// One per sink.
    pub lanes: Vec<LaneReport>,
    /// Whether somebody asked for the end before it came.
    pub stopped: bool,
}

/// What one lane did.
#[derive(Debug)]
pub struct LaneReport {
    /// The sink's name.
    pub name: String,
    /// The tables.
    pub tables: Vec<TableProgress>,
    /// What is worth knowing about this sink and stopped nothing.
    pub notices: Vec<String>,
    /// What came after the tables were loaded; absent if they were not, and for a one-time copy.
    pub changes: Option<ChangesProgress>,
    /// Deletes of rows that were not there.
    pub deletes_missing: u64,
    /// Whether anything was committed in this run.
    pub committed: bool,
    /// How it ended.
    pub outcome: Result<FinishReport>,
}

impl LaneReport {
    pub(super) fn new(progress: &LaneProgress, notices: Vec<String>, outcome: Result<FinishReport>) -> Self {
        Self {
            name: progress.name.clone(),
            tables: progress.tables(),
            notices,
            changes: progress.changes(),
            deletes_missing: progress.with(|s| s.deletes_missing),
            committed: progress.units_committed() > 0,
            outcome,
        }
    }
}
