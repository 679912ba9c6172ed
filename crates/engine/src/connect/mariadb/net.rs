//! The net effect of a batch in a few statements for all its rows (I4).
//!
//! Rows to delete, and rows to update by the columns that they carry, are loaded into a temporary table with the sink's own
//! key and types, so that keys are equal there exactly when the sink's are; then one statement takes them to their places.
//! Each says how many rows it found. If that is not what the changes say, or anything is refused, all of the batch is taken
//! back and its changes are applied one by one, so that the one that fails is known by name.

use std::collections::HashMap;
use std::sync::Arc;

use syncline_model::change::net::{Doing, Step, net, steps};
use syncline_model::error::Retry;
use syncline_model::{ChangeBatch, Op, Result, TableName, TableSchema};

use super::apply::{TableSink, Target};
use super::load::{Load, unaltered};
use super::session::Session;
use super::{name_of, quoted, stage};
use crate::connector::WriteReport;

/// Batches with fewer changes go one by one: to open stages would take longer.
const CHANGES_MIN: usize = 64;

/// Fewer rows of one kind go one by one.
const ROWS_MIN: usize = 24;

/// What the sink's tables are told at once.
pub struct Net<'a> {
    /// The unit's connection.
    pub session: &'a mut Session,
    /// The tables that are open.
    pub tables: &'a mut HashMap<TableName, TableSink>,
    /// All tables of the lane, parents first.
    pub order: &'a [Arc<TableSchema>],
}

impl Net<'_> {
    /// Applies the batch; false if nothing of it was done, and it is to be applied change by change.
    pub async fn apply(mut self, batch: &ChangeBatch, report: &mut WriteReport) -> Result<bool> {
        if batch.rows() < CHANGES_MIN {
            return Ok(false);
        }
        let Some(net) = net(batch)? else { return Ok(false) };
        let names: Vec<&TableName> = batch.tables.iter().map(|t| &t.schema().name).collect();
        let mut before = Vec::with_capacity(names.len());
        for (name, table) in names.iter().zip(&net) {
            match self.tables.get(*name) {
                Some(sink) if sink.takes_net(table.replaced) => before.push(sink.rows),
                _ => return Ok(false),
            }
        }
        let steps = steps(&net, &names, self.order);
        self.session.run("SAVEPOINT syncline_net").await?;
        let outcome = self.run(&steps, &names).await;
        let done = matches!(outcome, Ok(Some(_)));
        // Loads count rows by themselves; what counts is what the batch has.
        for ((name, table), before) in names.iter().zip(&net).zip(before) {
            if let Some(sink) = self.tables.get_mut(*name) {
                sink.rows = before + if done { table.changes as u64 } else { 0 };
            }
        }
        let why = match outcome {
            Ok(Some(missing)) => {
                self.session.run("RELEASE SAVEPOINT syncline_net").await?;
                report.rows += batch.rows() as u64;
                report.deletes_missing += missing;
                return Ok(true);
            }
            Err(e) if e.retry() != Retry::Never => return Err(e),
            Err(e) => e.to_string(),
            Ok(None) => "rows were not found as the changes say".into(),
        };
        tracing::debug!(why, "a batch is taken back, and goes change by change");
        self.session.run("ROLLBACK TO SAVEPOINT syncline_net").await?;
        for sink in names.iter().filter_map(|name| self.tables.get(*name)) {
            stage::close(self.session, &sink.net_stage()).await?;
        }
        Ok(false)
    }

    /// How many rows to delete were missing; nothing if rows were not found as they must be.
    async fn run(&mut self, steps: &[Step<'_>], names: &[&TableName]) -> Result<Option<u64>> {
        let mut missing = 0;
        for step in steps {
            let Some(sink) = names.get(step.table).and_then(|name| self.tables.get_mut(*name)) else { continue };
            let found = Doer { session: self.session, sink, step }.run().await?;
            if !step.fits(found) {
                return Ok(None);
            }
            if step.doing == Doing::Delete {
                missing += (step.rows.len() as u64).saturating_sub(found);
            }
        }
        Ok(Some(missing))
    }
}

/// One step at one table.
struct Doer<'a> {
    session: &'a mut Session,
    sink: &'a mut TableSink,
    step: &'a Step<'a>,
}

impl Doer<'_> {
    /// Answers how many rows it found or wrote.
    async fn run(self) -> Result<u64> {
        let (rows, changes) = (&self.step.rows, self.step.changes);
        let first = rows.first().copied().unwrap_or_default();
        let set = match self.step.doing {
            Doing::Update => self.sink.carried_targets(changes, first),
            _ => Vec::new(),
        };
        let small = rows.len() < ROWS_MIN;
        match self.step.doing {
            Doing::Update if small || set.is_empty() => self.one_by_one(Op::Update).await,
            Doing::Update => {
                let sets: Vec<_> = set.iter().map(|c| format!("t.{0} = s.{0}", c.name)).collect();
                let sets = sets.join(", ");
                let columns: Vec<Target> = self.sink.key_targets().into_iter().chain(set).collect();
                let update = |stage: &str, table: &str, same_key: &str| {
                    format!("UPDATE {stage} s STRAIGHT_JOIN {table} t ON {same_key} SET {sets}")
                };
                self.staged(&columns, update).await
            }
            Doing::Delete | Doing::Absent if small => self.one_by_one(Op::Delete).await,
            Doing::Delete | Doing::Absent => {
                let delete = |stage: &str, table: &str, same_key: &str| {
                    format!("DELETE t FROM {stage} s STRAIGHT_JOIN {table} t ON {same_key}")
                };
                let columns = self.sink.key_targets();
                self.staged(&columns, delete).await
            }
            Doing::Insert => self.one_by_one(Op::Insert).await,
        }
    }

    /// As changes are applied otherwise. Inserts go many at a time even so.
    async fn one_by_one(self, op: Op) -> Result<u64> {
        let mut report = WriteReport::default();
        let open = self.sink.open_for_write(self.session).await?;
        open.run(self.step.changes, op, &self.step.rows, &mut report).await?;
        Ok(report.rows - report.deletes_missing)
    }

    /// Loads the rows and runs a statement, given stage, table, and the condition that keys are the same. The stage's rows
    /// are few, so they come first.
    async fn staged(self, columns: &[Target], statement: impl FnOnce(&str, &str, &str) -> String) -> Result<u64> {
        let Doer { session, sink, step } = self;
        let (stage, table) = (sink.net_stage(), name_of(&sink.schema().name));
        let names: Vec<String> = columns.iter().map(|t| t.name.clone()).collect();
        let key: Vec<String> = columns.iter().filter(|t| t.in_key).map(|t| t.name.clone()).collect();
        stage::open(session, &stage, &table, &names, &key).await?;
        let into = quoted(&stage);
        let load = Load {
            session: &mut *session,
            table: &mut *sink,
            into: &into,
            columns,
            changes: step.changes,
            rows: &step.rows,
        };
        load.run().await?;
        let same_key: Vec<_> = key.iter().map(|k| format!("t.{k} = s.{k}")).collect();
        let sql = statement(&into, &table, &same_key.join(" AND "));
        session.run(&sql).await.map_err(|e| sink.named(e))?;
        let found = session.conn().affected_rows();
        unaltered(session, sink).await?;
        stage::close(session, &stage).await?;
        Ok(found)
    }
}
