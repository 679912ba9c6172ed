//! Writing into SQLite: a unit is one transaction of DDL, rows, position and epoch (I2, I3).

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Statement, config::DbConfig};
use syncline_model::change::{Op, Uniform};
use syncline_model::{ChangeBatch, Epoch, Error, ErrorKind, Position, Result, TableName, TableSchema};

use super::apply::TableSink;
use super::{catalog, ddl, failed, in_place, quoted};
use crate::capture::control::{Trouble, fenced, first_epoch};
use crate::capture::parked;
use crate::connector::{Added, FinishReport, LaneId, LaneState, Lease, Sink, WriteReport, WriteSpec};

/// An open sink.
pub struct Writer {
    lease: Lease,
    state: State,
}

struct State {
    conn: Connection,
    spec: WriteSpec,
    epoch: Epoch,
    in_unit: bool,
    /// What the open unit carries.
    changes: u64,
    /// Whether the lane has a position that somebody may want to continue from.
    has_position: bool,
    tables: HashMap<TableName, TableSink>,
    /// The schema's version when the tables were last looked at.
    schema_version: i64,
}

impl Writer {
    /// Takes the lane over: the epoch is raised, whoever held it is fenced.
    pub fn open(conn: Connection, spec: WriteSpec) -> Result<Self> {
        let cannot = |e| failed(e, "cannot take the lane");
        // The rows already hold what the source's triggers made of them (F74).
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).map_err(cannot)?;
        // Units are whole tables while they load; references are checked when the source has ended.
        conn.pragma_update(None, "foreign_keys", false).map_err(cannot)?;
        conn.execute_batch("BEGIN IMMEDIATE").map_err(cannot)?;
        conn.execute_batch(ddl::CREATE_POSITION).map_err(cannot)?;
        // Of before lanes counted their changes.
        if conn.prepare("SELECT changes FROM main.syncline_position").is_err() {
            conn.execute_batch(ddl::EXTEND_POSITION).map_err(cannot)?;
        }
        let lease = take(&conn, &spec).map_err(cannot)?;
        conn.execute_batch("COMMIT").map_err(cannot)?;
        if spec.add_columns {
            add_columns(&conn, &spec)?;
        }
        let mut tables = HashMap::new();
        for schema in &spec.tables {
            tables.insert(schema.name.clone(), TableSink::open(&conn, schema)?);
        }
        let has_position = lease.position.is_some();
        let schema_version = catalog::schema_version(&conn)?;
        let epoch = lease.epoch;
        let state = State { conn, spec, epoch, in_unit: false, changes: 0, has_position, tables, schema_version };
        Ok(Self { lease, state })
    }
}

/// Adds what the tables lack, all of it or nothing.
fn add_columns(conn: &Connection, spec: &WriteSpec) -> Result<()> {
    let cannot = |e| failed(e, "cannot add columns to the sink's tables");
    conn.execute_batch("BEGIN IMMEDIATE").map_err(cannot)?;
    // Looked at under the lock: somebody else may have added them since.
    let added = ddl::plan(Some(conn), spec).and_then(|plan| {
        let run = |a: &Added| conn.execute_batch(&a.statement).map_err(|e| cannot(e).at("table", a.table.to_string()));
        plan.added.iter().try_for_each(run)
    });
    conn.execute_batch(if added.is_ok() { "COMMIT" } else { "ROLLBACK" }).map_err(cannot)?;
    added
}

fn take(conn: &Connection, spec: &WriteSpec) -> rusqlite::Result<Lease> {
    conn.execute(
        "INSERT INTO syncline_position (job, epoch, owner, changed_at) \
         VALUES (?1, ?3, ?2, strftime('%Y-%m-%dT%H:%M:%fZ')) \
         ON CONFLICT (job) DO UPDATE SET epoch = epoch + 1, owner = excluded.owner, changed_at = excluded.changed_at",
        (&spec.lane.0, &spec.owner, first_epoch()),
    )?;
    if spec.restart {
        conn.execute("UPDATE syncline_position SET layout = NULL, position = NULL WHERE job = ?1", [&spec.lane.0])?;
    }
    let sql = "SELECT epoch, layout, position, trouble FROM syncline_position WHERE job = ?1";
    conn.query_row(sql, [&spec.lane.0], |r| {
        let trouble: Option<String> = r.get(3)?;
        Ok(Lease {
            epoch: Epoch(r.get(0)?),
            position: position(r.get(1)?, r.get(2)?),
            trouble: Trouble::read(trouble.as_deref()),
        })
    })
}

fn position(layout: Option<String>, at: Option<String>) -> Option<Position> {
    layout.zip(at).map(|(layout, at)| Position { layout, at })
}

/// The lanes that keep their position in this database.
pub fn lanes(conn: &Connection) -> Result<Vec<LaneState>> {
    let cannot = |e| failed(e, "cannot read syncline_position");
    if catalog::kind_of(conn, "syncline_position")?.is_none() {
        return Ok(Vec::new());
    }
    let mut stmt = conn
        .prepare("SELECT *, (julianday('now') - julianday(changed_at)) * 86400.0 FROM syncline_position ORDER BY job")
        .map_err(cannot)?;
    let age = stmt.column_count() - 1;
    // A table of before lanes counted their changes lacks the last columns until its next lane is taken.
    let counts = stmt.column_index("changes").is_ok();
    let rows = stmt.query_map([], |r| {
        let trouble: Option<String> = if counts { r.get("trouble")? } else { None };
        Ok(LaneState {
            lane: LaneId(r.get("job")?),
            epoch: Epoch(r.get("epoch")?),
            owner: r.get("owner")?,
            position: position(r.get("layout")?, r.get("position")?),
            changed_at: r.get("changed_at")?,
            age_s: r.get::<_, Option<f64>>(age)?.unwrap_or_default(),
            changes: if counts { r.get("changes")? } else { 0 },
            trouble: Trouble::read(trouble.as_deref()),
        })
    });
    rows.and_then(Iterator::collect).map_err(cannot)
}

#[async_trait]
impl Sink for Writer {
    fn lease(&self) -> &Lease {
        &self.lease
    }

    async fn begin(&mut self, epoch: Epoch) -> Result<()> {
        in_place(|| self.state.begin(epoch))
    }

    async fn write(&mut self, batch: &ChangeBatch) -> Result<WriteReport> {
        in_place(|| self.state.write(batch))
    }

    async fn retire(&mut self, lane: &LaneId, epoch: Epoch) -> Result<()> {
        in_place(|| self.state.retire(lane, epoch))
    }

    async fn commit(&mut self, upto: &Position) -> Result<()> {
        in_place(|| self.state.commit(upto))?;
        self.lease.trouble = None;
        Ok(())
    }

    async fn note(&mut self, trouble: Option<&Trouble>) -> Result<()> {
        in_place(|| self.state.note(trouble))?;
        self.lease.trouble = trouble.cloned();
        Ok(())
    }

    async fn finish(&mut self) -> Result<FinishReport> {
        in_place(|| self.state.finish())
    }
}

impl State {
    fn begin(&mut self, epoch: Epoch) -> Result<()> {
        let cannot = |e| failed(e, "cannot begin a unit");
        self.take_back()?;
        self.conn.execute_batch("BEGIN IMMEDIATE").map_err(cannot)?;
        let sql = "SELECT epoch FROM syncline_position WHERE job = ?1";
        let there: rusqlite::Result<Option<u64>> = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut stmt| stmt.query_row([&self.spec.lane.0], |r| r.get(0)).optional());
        match there {
            Ok(Some(there)) if epoch == self.epoch && there == epoch.0 => {}
            other => {
                // Who took over may have finished, and taken the table away. Asked before others can bring it back.
                let gone = catalog::kind_of(&self.conn, "syncline_position");
                let _ = self.conn.execute_batch("ROLLBACK");
                let gone = gone?.is_none();
                return Err(other.map_or_else(|e| if gone { fenced() } else { cannot(e) }, |_| fenced()));
            }
        }
        (self.in_unit, self.changes) = (true, 0);
        let version = catalog::schema_version(&self.conn)?;
        for table in self.tables.values_mut() {
            // What a unit that was taken back created is not there.
            table.begin(&self.conn)?;
            if version != self.schema_version {
                table.look_again(&self.conn)?;
            }
        }
        self.schema_version = version;
        Ok(())
    }

    /// Takes the open unit back, if there is one.
    fn take_back(&mut self) -> Result<()> {
        if self.in_unit {
            self.conn.execute_batch("ROLLBACK").map_err(|e| failed(e, "cannot take the unit back"))?;
            self.in_unit = false;
        }
        Ok(())
    }

    fn write(&mut self, batch: &ChangeBatch) -> Result<WriteReport> {
        if !self.in_unit {
            return Err(Error::new(ErrorKind::Bug, "a batch was written outside of a unit"));
        }
        self.changes += parked::carried(batch);
        let mut report = WriteReport::default();
        if let [only] = &batch.tables[..]
            && only.marks().op == Uniform::One(Op::Snapshot)
        {
            self.table(&only.schema().name)?.load(only, &mut report)?;
            return Ok(report);
        }
        for table in &batch.tables {
            self.table(&table.schema().name)?;
        }
        for (t, row) in batch.in_order() {
            let Some(changes) = batch.tables.get(t) else { continue };
            let applied = self.table(&changes.schema().name)?.change(changes, row, &mut report);
            applied.map_err(|e| changes.refused(row, e))?;
        }
        if let Some(rows) = &batch.native {
            self.table(&rows.schema.name)?.load_native(rows, &mut report)?;
        }
        Ok(report)
    }

    /// The open table of that name, created if it is missing.
    fn table(&mut self, name: &TableName) -> Result<super::apply::Open<'_>> {
        let table = self.tables.get_mut(name).ok_or_else(|| {
            Error::new(ErrorKind::Bug, "a batch names a table that the sink was not opened for")
                .at("table", name.to_string())
        })?;
        table.open_for_write(&self.conn)
    }

    fn retire(&self, lane: &LaneId, epoch: Epoch) -> Result<()> {
        if !self.in_unit {
            return Err(Error::new(ErrorKind::Bug, "a lane was retired outside of a unit"));
        }
        let sql = "DELETE FROM syncline_position WHERE job = ?1 AND epoch = ?2";
        let gone = self.conn.prepare_cached(sql).and_then(|mut stmt| stmt.execute((&lane.0, epoch.0)));
        match gone.map_err(|e| failed(e, "cannot take a lane away"))? {
            1 => Ok(()),
            _ => Err(fenced()),
        }
    }

    fn commit(&mut self, upto: &Position) -> Result<()> {
        if !self.in_unit {
            return Err(Error::new(ErrorKind::Bug, "a commit without an open unit"));
        }
        let cannot = |e| failed(e, "cannot commit the unit");
        for table in self.tables.values_mut() {
            table.close(&self.conn)?;
        }
        let sql = "UPDATE syncline_position SET layout = ?3, position = ?4, \
                   changes = changes + ?5, trouble = NULL, changed_at = strftime('%Y-%m-%dT%H:%M:%fZ') \
                   WHERE job = ?1 AND epoch = ?2";
        let changes = i64::try_from(self.changes).unwrap_or(i64::MAX);
        let mine = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut stmt| stmt.execute((&self.spec.lane.0, self.epoch.0, &upto.layout, &upto.at, changes)))
            .map_err(cannot)?;
        if mine != 1 {
            return Err(fenced());
        }
        // I2: data, position and epoch become durable here, together.
        self.conn.execute_batch("COMMIT").map_err(cannot)?;
        (self.in_unit, self.has_position) = (false, true);
        self.schema_version = catalog::schema_version(&self.conn)?;
        Ok(())
    }

    fn note(&mut self, trouble: Option<&Trouble>) -> Result<()> {
        self.take_back()?;
        let cannot = |e| failed(e, "cannot note what is wrong");
        let written = trouble.map(Trouble::written).transpose()?;
        let sql = "UPDATE syncline_position SET trouble = ?3 WHERE job = ?1 AND epoch = ?2";
        let noted = self.conn.execute(sql, (&self.spec.lane.0, self.epoch.0, written));
        match noted {
            Ok(1) => Ok(()),
            // Who took over may have finished, and taken the table away.
            Err(e) if catalog::kind_of(&self.conn, "syncline_position")?.is_some() => Err(cannot(e)),
            _ => Err(fenced()),
        }
    }

    fn finish(&mut self) -> Result<FinishReport> {
        let mut report = FinishReport::default();
        let cannot = |e| failed(e, "cannot finish");
        self.take_back()?;
        for schema in &self.spec.tables {
            let name = schema.name.to_string();
            if self.tables.get(&schema.name).is_some_and(|t| t.held_rows_before()) {
                let sql = format!("SELECT count(*) FROM main.{}", quoted(&schema.name.name));
                report.rows_held.push((name.clone(), self.conn.query_row(&sql, [], |r| r.get(0)).map_err(cannot)?));
            }
            if let Some(orphans) = orphans(&self.conn, schema).map_err(cannot)? {
                report.notices.push(format!("{name}: {orphans} rows refer to rows that the sink does not hold"));
            }
        }
        if self.spec.once {
            if !self.remove_trace().map_err(cannot)? {
                return Err(fenced());
            }
            // There is nothing left to put away.
            self.has_position = true;
        }
        Ok(report)
    }

    /// A one-time copy leaves nothing of ours behind; false if the lane is no longer ours.
    fn remove_trace(&self) -> rusqlite::Result<bool> {
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        let there = "SELECT 1 FROM sqlite_schema WHERE name = 'syncline_position'";
        if !self.conn.prepare_cached(there)?.exists([])? {
            self.conn.execute_batch("ROLLBACK")?;
            return Ok(false);
        }
        let ours = self.conn.execute(
            "DELETE FROM syncline_position WHERE job = ?1 AND epoch = ?2",
            (&self.spec.lane.0, self.epoch.0),
        )?;
        if !self.conn.query_row("SELECT EXISTS (SELECT 1 FROM syncline_position)", [], |r| r.get::<_, bool>(0))? {
            self.conn.execute_batch("DROP TABLE syncline_position")?;
            // What is set aside is a person's to drop.
            let parked = "SELECT 1 FROM sqlite_schema WHERE name = 'syncline_parked'";
            if self.conn.prepare_cached(parked)?.exists([])?
                && !self.conn.prepare_cached("SELECT 1 FROM main.syncline_parked")?.exists([])?
            {
                self.conn.execute_batch("DROP TABLE main.syncline_parked")?;
            }
        }
        self.conn.execute_batch("COMMIT")?;
        Ok(ours == 1)
    }
}

/// A one-time copy that ends by an error before it committed anything leaves nothing of ours behind. A killed one
/// does; its next run puts it away.
impl Drop for State {
    fn drop(&mut self) {
        if self.spec.once && !self.has_position {
            // Nobody waits for this: a lock that lasts is somebody's who will put it away.
            let _ = self.conn.busy_timeout(Duration::from_millis(100));
            let _ = self.conn.execute_batch("ROLLBACK");
            let _ = self.remove_trace();
        }
    }
}

/// Rows whose foreign key finds no parent.
fn orphans(conn: &Connection, schema: &TableSchema) -> rusqlite::Result<Option<u64>> {
    if schema.foreign_keys.is_empty() {
        return Ok(None);
    }
    let mut stmt: Statement<'_> = conn.prepare("SELECT count(*) FROM pragma_foreign_key_check(?1)")?;
    // A parent table that is not part of the copy, or without its unique index, is a mismatch that SQLite reports as
    // an error; it says nothing about rows.
    Ok(stmt.query_row([&*schema.name.name], |r| r.get(0)).ok().filter(|n| *n > 0))
}
