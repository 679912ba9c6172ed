//! Writing into MariaDB: a unit is one transaction of rows, position and epoch (I2, I3).
//!
//! What defines a table commits whatever is open on its connection, so it runs on a second one, beside the unit (F85).

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use mysql_async::Value;
use syncline_model::{ChangeBatch, Epoch, Error, ErrorKind, Op, Position, Result, TableName, TableSchema};

use super::apply::TableSink;
use super::config::Settings;
use super::lanes::{self, NOW, number, remove_trace, take};
use super::net::Net;
use super::session::{Session, bound};
use super::{catalog, ddl, name_of, quoted};
use crate::capture::control::{Trouble, fenced};
use crate::capture::{parked, snapshot};
use crate::connector::{Added, FinishReport, LaneId, Lease, Sink, WriteReport, WriteSpec};

/// An open sink.
pub struct Writer {
    lease: Lease,
    state: State,
}

struct State {
    settings: Settings,
    session: Session,
    /// For definitions, and for what must be durable before the unit is.
    side: Option<Session>,
    spec: WriteSpec,
    epoch: Epoch,
    in_unit: bool,
    /// What the open unit carries.
    changes: u64,
    /// Whether the lane has a position that somebody may want to continue from.
    has_position: bool,
    /// The tables that this lane created and that are not finished.
    created: BTreeSet<String>,
    tables: HashMap<TableName, TableSink>,
}

impl Writer {
    /// Takes the lane over: the epoch is raised, whoever held it is fenced.
    pub async fn open(settings: Settings, spec: WriteSpec) -> Result<Self> {
        let mut session = Session::open(&settings).await?;
        // Each statement sees what is committed, tables that were created beside the unit too. A server whose log is of
        // statements refuses that level.
        let by_statements = session.server.is_on("log_bin") && session.server.variable("binlog_format") == "STATEMENT";
        let level = if by_statements { "REPEATABLE READ" } else { "READ COMMITTED" };
        session.run(&format!("SET SESSION TRANSACTION ISOLATION LEVEL {level}")).await?;
        // Units are whole tables while they load; references are looked at when the source has ended.
        session.run("SET SESSION foreign_key_checks = 0").await?;
        // What a source of the same brand holds: the 30th of February. The columns' places refuse everything else.
        session.run("SET SESSION sql_mode = CONCAT(@@sql_mode, ',ALLOW_INVALID_DATES')").await?;
        let (lease, created) = take(&mut session, &spec).await?;
        if spec.add_columns {
            add_columns(&settings, &spec).await?;
        }
        let names: Vec<TableName> = spec.tables.iter().map(|t| t.name.clone()).collect();
        let there = catalog::tables(&mut session, &names).await?;
        let tables = spec.tables.iter().enumerate().map(|(number, schema)| {
            let found = there.iter().find(|f| f.schema.name == schema.name);
            (schema.name.clone(), TableSink::new(schema, number, found))
        });
        let tables = tables.collect();
        let (has_position, epoch) = (lease.position.is_some(), lease.epoch);
        let state = State {
            settings,
            session,
            side: None,
            spec,
            epoch,
            in_unit: false,
            changes: 0,
            has_position,
            created,
            tables,
        };
        Ok(Self { lease, state })
    }
}

/// Adds what the tables lack. Each statement commits by itself; what is left by one that fails is added by the next.
async fn add_columns(settings: &Settings, spec: &WriteSpec) -> Result<()> {
    let mut session = Session::open(settings).await?;
    let added = ddl::plan(&mut session, spec).await?.added;
    // Whoever reads a table meanwhile waits behind this one.
    session.run("SET SESSION lock_wait_timeout = 1").await?;
    for Added { table, statement, .. } in &added {
        session.define(statement).await.map_err(|e| e.at("table", table.to_string()))?;
    }
    session.end().await;
    Ok(())
}

#[async_trait]
impl Sink for Writer {
    fn lease(&self) -> &Lease {
        &self.lease
    }

    async fn begin(&mut self, epoch: Epoch) -> Result<()> {
        self.state.begin(epoch).await
    }

    async fn write(&mut self, batch: &ChangeBatch) -> Result<WriteReport> {
        self.state.write(batch).await
    }

    async fn retire(&mut self, lane: &LaneId, epoch: Epoch) -> Result<()> {
        self.state.retire(lane, epoch).await
    }

    async fn commit(&mut self, upto: &Position) -> Result<()> {
        self.state.commit(upto).await?;
        self.lease.trouble = None;
        Ok(())
    }

    async fn note(&mut self, trouble: Option<&Trouble>) -> Result<()> {
        self.state.note(trouble).await?;
        self.lease.trouble = trouble.cloned();
        Ok(())
    }

    async fn finish(&mut self) -> Result<FinishReport> {
        self.state.finish().await
    }
}

impl State {
    async fn begin(&mut self, epoch: Epoch) -> Result<()> {
        self.take_back().await?;
        // Outside of the unit, so that nobody who wants the control table waits for it.
        let sql = "SELECT epoch FROM syncline_position WHERE job = ?";
        match self.session.rows_with(sql, vec![bound(&self.spec.lane.0)]).await {
            Ok(rows) if rows.first().is_some_and(|r| number(r, 0) == epoch.0) && epoch == self.epoch => {}
            // Who took over may have finished, and taken the table away.
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => return Err(fenced()),
        }
        self.session.run("START TRANSACTION").await?;
        (self.in_unit, self.changes) = (true, 0);
        for table in self.tables.values_mut() {
            table.begin(&mut self.session).await?;
        }
        Ok(())
    }

    /// Takes the open unit back, if there is one.
    async fn take_back(&mut self) -> Result<()> {
        if self.in_unit {
            self.session.run("ROLLBACK").await?;
            self.in_unit = false;
        }
        Ok(())
    }

    async fn write(&mut self, batch: &ChangeBatch) -> Result<WriteReport> {
        if !self.in_unit {
            return Err(Error::new(ErrorKind::Bug, "a batch was written outside of a unit"));
        }
        if let Some(rows) = &batch.native {
            return Err(Error::new(ErrorKind::Bug, "MariaDB takes no undecoded rows").at("form", rows.form));
        }
        self.changes += parked::carried(batch);
        let mut report = WriteReport::default();
        for changes in &batch.tables {
            self.ensure(&changes.schema().name).await?;
        }
        let net = Net { session: &mut self.session, tables: &mut self.tables, order: &self.spec.tables };
        if net.apply(batch, &mut report).await? {
            return Ok(report);
        }
        for run in runs(batch) {
            let Some(changes) = batch.tables.get(run.table) else { continue };
            let Some(table) = self.tables.get_mut(&changes.schema().name) else { continue };
            let before = table.rows;
            let done =
                table.open_for_write(&mut self.session).await?.run(changes, run.op, &run.rows, &mut report).await;
            // The table counts the rows that it was given, the refused one included.
            let refused = usize::try_from(table.rows - before).unwrap_or(0).saturating_sub(1);
            done.map_err(|e| match run.rows.get(refused) {
                Some(row) => changes.refused(*row, e),
                None => e,
            })?;
        }
        Ok(report)
    }

    /// Makes sure that the table is there. The mark that it is this lane's comes before the table itself: whoever dies
    /// in between leaves a mark without a table, and never a table without the indexes that were put off.
    async fn ensure(&mut self, name: &TableName) -> Result<()> {
        let table = self.tables.get(name).ok_or_else(|| {
            Error::new(ErrorKind::Bug, "a batch names a table that the sink was not opened for")
                .at("table", name.to_string())
        })?;
        if table.exists() {
            return Ok(());
        }
        let at_table = |e: Error| e.at("table", name.to_string());
        let schema = table.schema().clone();
        let create = ddl::create_table(&schema, &self.session.server).map_err(|columns| {
            let (column, reason) = columns.into_iter().next().unwrap_or_else(|| ("?".into(), String::new()));
            at_table(Error::new(ErrorKind::Value, reason)).at("column", &*column)
        })?;
        self.created.insert(name.to_string());
        self.mark_created().await?;
        if let Err(e) = self.side().await?.define(&create.sql).await.map_err(at_table) {
            if e.kind() != ErrorKind::Schema {
                return Err(e);
            }
            let there = catalog::tables(self.side().await?, std::slice::from_ref(name)).await?;
            // Either another process has the lane by now; or one that had it was still on its way, and what it created is
            // looked at when the lane opens again.
            self.mark_created().await?;
            let raced = || at_table(Error::new(ErrorKind::Busy, "the table was created by somebody else meanwhile"));
            return Err(if there.is_empty() { e } else { raced() });
        }
        let side = self.side().await?;
        let found = catalog::tables(side, std::slice::from_ref(name)).await?;
        let found = found
            .first()
            .ok_or_else(|| at_table(Error::new(ErrorKind::Schema, "the table that was just created is not there")))?;
        if let Some(table) = self.tables.get_mut(name) {
            table.created(found);
        }
        Ok(())
    }

    /// Says durably which tables are this lane's.
    async fn mark_created(&mut self) -> Result<()> {
        let list = serde_json::to_string(&self.created).unwrap_or_default();
        let value = if self.created.is_empty() { Value::NULL } else { bound(&list) };
        let values = vec![value, bound(&self.spec.lane.0), Value::UInt(self.epoch.0)];
        let sql = "UPDATE syncline_position SET created = ? WHERE job = ? AND epoch = ?";
        match self.side().await?.run_with(sql, values).await {
            Ok(1) => Ok(()),
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
            _ => Err(fenced()),
        }
    }

    async fn side(&mut self) -> Result<&mut Session> {
        if self.side.is_none() {
            let mut side = Session::open(&self.settings).await?;
            side.run("SET SESSION foreign_key_checks = 0").await?;
            self.side = Some(side);
        }
        self.side.as_mut().ok_or_else(|| Error::new(ErrorKind::Bug, "the second connection is gone"))
    }

    async fn retire(&mut self, lane: &LaneId, epoch: Epoch) -> Result<()> {
        if !self.in_unit {
            return Err(Error::new(ErrorKind::Bug, "a lane was retired outside of a unit"));
        }
        self.created.extend(lanes::retire(&mut self.session, lane, epoch).await?);
        if !self.created.is_empty() {
            let list = serde_json::to_string(&self.created).unwrap_or_default();
            let values = vec![bound(&list), bound(&self.spec.lane.0), Value::UInt(self.epoch.0)];
            let sql = "UPDATE syncline_position SET created = ? WHERE job = ? AND epoch = ?";
            self.session.run_with(sql, values).await?;
        }
        Ok(())
    }

    async fn commit(&mut self, upto: &Position) -> Result<()> {
        if !self.in_unit {
            return Err(Error::new(ErrorKind::Bug, "a commit without an open unit"));
        }
        for table in self.tables.values_mut() {
            table.close(&mut self.session).await?;
        }
        let sql = format!(
            "UPDATE syncline_position SET layout = ?, position = ?, changes = changes + ?, trouble = NULL, \
             changed_at = {NOW} WHERE job = ? AND epoch = ?"
        );
        let own = [bound(&self.spec.lane.0), Value::UInt(self.epoch.0)];
        let values = [bound(&upto.layout), bound(&upto.at), Value::UInt(self.changes)].into_iter().chain(own).collect();
        match self.session.run_with(&sql, values).await {
            Ok(1) => {}
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {
                let _ = self.session.run("ROLLBACK").await;
                self.in_unit = false;
                return Err(fenced());
            }
        }
        // I2: data, position and epoch become durable here, together.
        self.session.run("COMMIT").await?;
        (self.in_unit, self.has_position) = (false, true);
        Ok(())
    }

    async fn note(&mut self, trouble: Option<&Trouble>) -> Result<()> {
        self.take_back().await?;
        let written = trouble.map(Trouble::written).transpose()?;
        lanes::note(&mut self.session, &self.spec.lane, self.epoch, written.as_deref()).await
    }

    async fn finish(&mut self) -> Result<FinishReport> {
        let mut report = FinishReport::default();
        self.take_back().await?;
        let written: Vec<TableName> =
            self.tables.iter().filter(|(_, t)| t.was_opened()).map(|(name, _)| name.clone()).collect();
        let there = catalog::tables(&mut self.session, &written).await?;
        if let Some(gone) = written.iter().find(|name| !there.iter().any(|t| t.schema.name == **name)) {
            return Err(snapshot::gone(gone, !self.spec.once));
        }
        self.build_what_was_put_off(&mut report).await?;
        for schema in &self.spec.tables {
            let name = schema.name.to_string();
            if self.tables.get(&schema.name).is_some_and(TableSink::held_rows_before) {
                let rows = self.session.rows(&format!("SELECT count(*) FROM {}", name_of(&schema.name))).await?;
                report.rows_held.push((name.clone(), rows.first().map_or(0, |r| number(r, 0))));
            }
            let orphans = orphans(&mut self.session, schema, &self.spec).await?;
            if orphans > 0 {
                report.notices.push(format!("{name}: {orphans} rows refer to rows that the sink does not hold"));
            }
        }
        if self.spec.once {
            if !remove_trace(&mut self.session, &self.spec.lane, self.epoch).await? {
                return Err(fenced());
            }
            // There is nothing left to put away.
            self.has_position = true;
        } else if !self.created.is_empty() {
            self.created.clear();
            self.mark_created().await?;
        }
        Ok(report)
    }

    /// Indexes and references of the tables that this lane created. May be repeated: what is there already is left.
    async fn build_what_was_put_off(&mut self, report: &mut FinishReport) -> Result<()> {
        let tables: Vec<_> =
            self.spec.tables.iter().filter(|t| self.created.contains(&t.name.to_string())).cloned().collect();
        let names: Vec<TableName> = tables.iter().map(|t| t.name.clone()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let all = self.spec.tables.clone();
        let server = self.session.server.clone();
        let there = catalog::tables(self.side().await?, &names).await?;
        for table in &tables {
            let Some(found) = there.iter().find(|f| f.schema.name == table.name) else { continue };
            let has: Vec<String> = found.index_names.clone();
            if let Some(parts) = ddl::indexes(table, &server, &has) {
                let sql = ddl::alter(table, &[parts]);
                let at_table = |e: Error| e.at("table", table.name.to_string());
                self.side().await?.alter(&sql).await.map_err(at_table)?;
            }
        }
        for table in &tables {
            let Some(found) = there.iter().find(|f| f.schema.name == table.name) else { continue };
            if !found.schema.foreign_keys.is_empty() {
                continue;
            }
            for part in ddl::foreign_keys(table, &all) {
                // Without it rows are as they are at the source; so this is said and stops nothing.
                if let Err(e) = self.side().await?.define(&ddl::alter(table, &[part])).await {
                    if e.kind() != ErrorKind::Schema && e.kind() != ErrorKind::Denied {
                        return Err(e);
                    }
                    report.notices.push(format!("{}: a foreign key was not created: {e}", table.name));
                }
            }
        }
        Ok(())
    }
}

/// A one-time copy that ends by an error before it committed anything leaves nothing of ours behind. A killed one does;
/// its next run puts it away.
impl Drop for State {
    fn drop(&mut self) {
        if !self.spec.once || self.has_position {
            return;
        }
        let (settings, lane, epoch) = (self.settings.clone(), self.spec.lane.clone(), self.epoch);
        let left = std::mem::take(&mut self.created);
        let names: Vec<TableName> =
            self.spec.tables.iter().map(|t| t.name.clone()).filter(|n| left.contains(&n.to_string())).collect();
        let id = self.session.id();
        // A connection and a runtime of their own: this may be the end of the runtime, and the unit's connection may be in
        // the middle of a statement.
        let thread = std::thread::Builder::new().name("mariadb-trace".into()).spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            let _ = runtime.block_on(put_away(settings, id, names, lane, epoch));
        });
        let _ = thread.map(std::thread::JoinHandle::join);
    }
}

/// Ends the unit's connection, so that its locks go, and removes what the lane created and left empty.
async fn put_away(settings: Settings, id: u32, names: Vec<TableName>, lane: LaneId, epoch: Epoch) -> Result<()> {
    let mut session = Session::open(&settings).await?;
    let _ = session.run(&format!("KILL CONNECTION {id}")).await;
    session.run("SET SESSION lock_wait_timeout = 1, foreign_key_checks = 0").await?;
    for name in names {
        let table = name_of(&name);
        // Under these locks nobody can put a row in, or take the lane over, between the look and the end. Whoever has taken
        // it over writes into this very table.
        if session.run(&format!("LOCK TABLES syncline_position WRITE, {table} WRITE")).await.is_ok() {
            let mine = "SELECT 1 FROM syncline_position WHERE job = ? AND epoch = ?";
            let mine = session.rows_with(mine, vec![bound(&lane.0), Value::UInt(epoch.0)]).await;
            let rows = session.rows(&format!("SELECT 1 FROM {table} LIMIT 1")).await;
            if mine.is_ok_and(|mine| !mine.is_empty()) && rows.is_ok_and(|rows| rows.is_empty()) {
                let _ = session.run(&format!("DROP TABLE {table}")).await;
            }
            session.run("UNLOCK TABLES").await?;
        }
    }
    remove_trace(&mut session, &lane, epoch).await?;
    session.end().await;
    Ok(())
}

/// Changes of one table and one kind that follow one another.
struct Run {
    table: usize,
    op: Op,
    rows: Vec<usize>,
}

/// The batch's changes in their order (I4), cut where table or kind changes.
fn runs(batch: &ChangeBatch) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (table, row) in batch.in_order() {
        let Some(op) = batch.tables.get(table).map(|t| t.op(row)) else { continue };
        match runs.last_mut() {
            Some(run) if run.table == table && run.op == op => run.rows.push(row),
            _ => runs.push(Run { table, op, rows: vec![row] }),
        }
    }
    runs
}

/// Rows whose foreign key finds no parent.
async fn orphans(session: &mut Session, schema: &TableSchema, spec: &WriteSpec) -> Result<u64> {
    let mut orphans = 0;
    for key in &schema.foreign_keys {
        let to = ddl::referred(key, &spec.tables);
        let from = key.columns.iter().filter_map(|&c| schema.columns.get(c)).map(|c| quoted(&c.name));
        let pairs: Vec<(String, String)> = from.zip(to.iter().map(|c| quoted(c))).collect();
        let given: Vec<_> = pairs.iter().map(|(from, _)| format!("c.{from} IS NOT NULL")).collect();
        let same: Vec<_> = pairs.iter().map(|(from, to)| format!("p.{to} = c.{from}")).collect();
        let sql = format!(
            "SELECT count(*) FROM {} c WHERE {} AND NOT EXISTS (SELECT 1 FROM {} p WHERE {})",
            name_of(&schema.name),
            given.join(" AND "),
            name_of(&key.to),
            same.join(" AND ")
        );
        match session.rows(&sql).await {
            Ok(rows) => orphans += rows.first().map_or(0, |r| number(r, 0)),
            // A parent that is not part of the copy says nothing about rows.
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::Schema | ErrorKind::Denied) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(orphans)
}
