//! Writing into a database in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use syncline_model::change::Op;
use syncline_model::{
    CellBuf, ChangeBatch, Column, Epoch, Error, ErrorKind, Position, Result, TableChanges, TableName, TableSchema,
};
use tokio::sync::OwnedMutexGuard;

use super::{Memory, State, Table};
use crate::capture::control::Trouble;
use crate::capture::parked;
use crate::connector::{FinishReport, LaneId, LaneState, Lease, Sink, WriteReport, WriteSpec};

/// An open sink.
pub struct Writer {
    memory: Memory,
    spec: WriteSpec,
    lease: Lease,
    unit: Option<Unit>,
}

struct Unit {
    state: State,
    /// Whether the tables that the unit has come to were empty then.
    was_empty: BTreeMap<TableName, bool>,
    retired: Option<(LaneId, Epoch)>,
    changes: u64,
    _only_one: OwnedMutexGuard<()>,
}

impl Writer {
    pub fn open(memory: Memory, spec: WriteSpec) -> Self {
        let mut lease = Lease { epoch: Epoch(0), position: None, trouble: None };
        memory.swap(|state| {
            let lane = state.lanes.entry(spec.lane.clone()).or_insert_with(|| LaneState {
                lane: spec.lane.clone(),
                // Never used twice, though a finished copy takes its lane away (F09).
                epoch: Epoch(state.last_epoch),
                owner: String::new(),
                position: None,
                changed_at: String::new(),
                age_s: 0.0,
                changes: 0,
                trouble: None,
            });
            lane.epoch = lane.epoch.next();
            state.last_epoch = state.last_epoch.max(lane.epoch.0);
            lane.owner.clone_from(&spec.owner);
            if spec.restart {
                lane.position = None;
            }
            lease = Lease { epoch: lane.epoch, position: lane.position.clone(), trouble: lane.trouble.clone() };
            spec.tables.iter().filter(|_| spec.add_columns).for_each(|table| add_columns(state, table));
        });
        Self { memory, spec, lease, unit: None }
    }

    fn fenced(&self, state: &State) -> Result<()> {
        match state.lanes.get(&self.spec.lane) {
            Some(lane) if lane.epoch == self.lease.epoch => Ok(()),
            _ => Err(Error::new(ErrorKind::Fenced, "another process has taken this lane over")),
        }
    }
}

#[async_trait]
impl Sink for Writer {
    fn lease(&self) -> &Lease {
        &self.lease
    }

    async fn begin(&mut self, epoch: Epoch) -> Result<()> {
        self.unit = None;
        let only_one = self.memory.writer.clone().lock_owned().await;
        let state = self.memory.state();
        if epoch != self.lease.epoch {
            return Err(Error::new(ErrorKind::Fenced, "another process has taken this lane over"));
        }
        self.fenced(&state)?;
        self.unit = Some(Unit {
            state: (*state).clone(),
            was_empty: BTreeMap::new(),
            retired: None,
            changes: 0,
            _only_one: only_one,
        });
        Ok(())
    }

    async fn write(&mut self, batch: &ChangeBatch) -> Result<WriteReport> {
        let Some(unit) = &mut self.unit else {
            return Err(Error::new(ErrorKind::Bug, "a batch was written outside of a unit"));
        };
        if let Some(rows) = &batch.native {
            return Err(Error::new(ErrorKind::Bug, "memory takes no undecoded rows").at("form", rows.form));
        }
        let mut report = WriteReport::default();
        // A table of which nothing arrives is created all the same.
        for changes in &batch.tables {
            let empty = table(&mut unit.state, changes).rows.is_empty();
            unit.was_empty.entry(changes.schema().name.clone()).or_insert(empty);
        }
        for (t, row) in batch.in_order() {
            let Some(changes) = batch.tables.get(t) else { continue };
            let name = &changes.schema().name;
            if changes.op(row) == Op::Truncate {
                unit.was_empty.insert(name.clone(), true);
            }
            let was_empty = unit.was_empty.get(name) == Some(&true);
            let applied = apply(table(&mut unit.state, changes), was_empty, changes, row, &mut report);
            applied.map_err(|e| changes.refused(row, e))?;
        }
        unit.changes += parked::carried(batch);
        Ok(report)
    }

    async fn retire(&mut self, lane: &LaneId, epoch: Epoch) -> Result<()> {
        let Some(unit) = &mut self.unit else {
            return Err(Error::new(ErrorKind::Bug, "a lane was retired outside of a unit"));
        };
        unit.retired = Some((lane.clone(), epoch));
        Ok(())
    }

    async fn commit(&mut self, upto: &Position) -> Result<()> {
        let Some(mut unit) = self.unit.take() else {
            return Err(Error::new(ErrorKind::Bug, "a commit without an open unit"));
        };
        // A take-over does not wait for the open unit, so the lanes are those of now.
        let now = self.memory.state();
        (unit.state.lanes, unit.state.last_epoch) = (now.lanes.clone(), now.last_epoch);
        self.fenced(&unit.state)?;
        if let Some((lane, epoch)) = unit.retired
            && unit.state.lanes.remove(&lane).is_none_or(|gone| gone.epoch != epoch)
        {
            return Err(Error::new(ErrorKind::Fenced, "another process has taken the other lane over"));
        }
        if let Some(lane) = unit.state.lanes.get_mut(&self.spec.lane) {
            lane.position = Some(upto.clone());
            lane.changes += unit.changes;
            lane.trouble = None;
        }
        self.memory.swap(|state| *state = unit.state);
        self.lease.trouble = None;
        Ok(())
    }

    async fn note(&mut self, trouble: Option<&Trouble>) -> Result<()> {
        self.unit = None;
        let mut fenced = Ok(());
        self.memory.swap(|state| {
            fenced = self.fenced(state);
            if let (Ok(()), Some(lane)) = (&fenced, state.lanes.get_mut(&self.spec.lane)) {
                lane.trouble = trouble.cloned();
            }
        });
        fenced?;
        self.lease.trouble = trouble.cloned();
        Ok(())
    }

    async fn finish(&mut self) -> Result<FinishReport> {
        self.unit = None;
        if self.spec.once {
            let epoch = self.lease.epoch;
            self.memory.swap(|state| state.lanes.retain(|id, lane| *id != self.spec.lane || lane.epoch != epoch));
        }
        Ok(FinishReport::default())
    }
}

/// Adds what a table lacks.
fn add_columns(state: &mut State, wanted: &TableSchema) {
    let Some(table) = state.tables.get_mut(&wanted.name) else { return };
    let added = wanted.fit(&table.schema, Some(|a, b| a == b)).added;
    let (table, rows_wide) = (Arc::make_mut(table), added.len());
    let schema = Arc::make_mut(&mut table.schema);
    let columns = added.iter().filter_map(|&i| wanted.columns.get(i));
    schema.columns.extend(columns.map(|c| Column { nullable: true, default: None, ..c.clone() }));
    for row in table.rows.values_mut() {
        row.resize(row.len() + rows_wide, CellBuf::NULL);
    }
}

fn table<'a>(state: &'a mut State, changes: &TableChanges) -> &'a mut Table {
    let schema = changes.schema();
    let table = state
        .tables
        .entry(schema.name.clone())
        .or_insert_with(|| Arc::new(Table { schema: schema.clone(), rows: std::collections::BTreeMap::new() }));
    Arc::make_mut(table)
}

fn apply(
    table: &mut Table,
    was_empty: bool,
    changes: &TableChanges,
    row: usize,
    report: &mut WriteReport,
) -> Result<()> {
    let refuse = |kind, what: &str| Error::new(kind, what).at("table", table.schema.name.to_string());
    let places: Vec<_> = changes.schema().columns.iter().map(|c| table.schema.position(&c.name)).collect();
    let no_key = || refuse(ErrorKind::Value, "a key column without a value finds no row again");
    let key: Vec<CellBuf> = changes.key_cells(row).map(|c| c.to_owned()).collect();
    if changes.op(row) != Op::Truncate && key.contains(&CellBuf::NULL) {
        return Err(no_key());
    }
    let mut image = match changes.op(row) {
        Op::Truncate => {
            table.rows.clear();
            report.rows += 1;
            return Ok(());
        }
        Op::Delete => {
            report.deletes_missing += u64::from(table.rows.remove(&key).is_none());
            report.rows += 1;
            return Ok(());
        }
        // In a table that was empty, two snapshot rows with one key are an error and never quietly one row (I10).
        op @ (Op::Insert | Op::Snapshot) if (op == Op::Insert || was_empty) && table.rows.contains_key(&key) => {
            return Err(refuse(ErrorKind::Constraint, "a row with this key is already there"));
        }
        Op::Update | Op::Key => match table.rows.remove(&key) {
            Some(row) => row,
            None => return Err(refuse(ErrorKind::Constraint, "the row to update is not there")),
        },
        Op::Snapshot => table.rows.get(&key).cloned().unwrap_or_default(),
        Op::Insert => Vec::new(),
    };
    image.resize(table.schema.columns.len(), CellBuf::NULL);
    for (column, place) in places.into_iter().enumerate() {
        if let (Some(cell), Some(place)) = (changes.after(row, column), place.and_then(|p| image.get_mut(p))) {
            *place = cell.to_owned();
        }
    }
    let new_key = table.key_of(&image);
    if new_key.contains(&CellBuf::NULL) {
        return Err(no_key());
    }
    if table.rows.insert(new_key, image).is_some() && matches!(changes.op(row), Op::Key | Op::Update) {
        return Err(refuse(ErrorKind::Constraint, "a row with the new key is already there"));
    }
    report.rows += 1;
    Ok(())
}
