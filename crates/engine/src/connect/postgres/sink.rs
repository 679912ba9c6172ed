//! Writing into PostgreSQL: a unit is one transaction of DDL, rows, position and epoch (I2, I3).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use syncline_model::change::{Op, Uniform};
use syncline_model::{ChangeBatch, Epoch, Error, ErrorKind, Position, Result, TableName};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::apply::TableSink;
use super::net::Net;
use super::request::{self, REQUESTS_MAX, Request};
use super::session::{Session, failed, in_passing};
use super::{catalog, ddl, finish};
use crate::capture::control::{Trouble, created, fenced, first_epoch};
use crate::capture::{parked, snapshot};
use crate::connector::{Added, FinishReport, LaneId, LaneState, Lease, Sink, WriteReport, WriteSpec};

/// Serialises who creates and removes the control table. Any number; this one reads `syncline` on a telephone.
const CONTROL_LOCK: i64 = 79_625_463;

/// An open sink.
pub struct Writer {
    lease: Lease,
    state: State,
}

struct State {
    session: Arc<Session>,
    spec: WriteSpec,
    epoch: Epoch,
    in_unit: bool,
    /// What the open unit carries.
    changes: u64,
    /// Whether the lane has a position that somebody may want to continue from.
    has_position: bool,
    tables: HashMap<TableName, TableSink>,
    /// The table whose COPY is under way; it must end before anything else is asked of the session.
    loading: Option<TableName>,
    /// The tables that this lane created, also in runs before this one.
    created: BTreeSet<TableName>,
    /// Whether triggers and references are off for all that this session writes.
    is_replica: bool,
}

impl Writer {
    /// Takes the lane over: the epoch is raised, whoever held it is fenced.
    pub async fn open(session: Session, spec: WriteSpec) -> Result<Self> {
        // The rows already hold what the source's triggers made of them (F74).
        let is_replica = match session.client.batch_execute("SET session_replication_role = replica").await {
            Ok(()) => true,
            Err(e) if e.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => false,
            Err(e) => return Err(failed(e, "cannot take the lane")),
        };
        let (lease, created) = take(&session, &spec).await?;
        if spec.add_columns {
            add_columns(&session, &spec).await?;
        }
        let names: Vec<TableName> = spec.tables.iter().map(|t| t.name.clone()).collect();
        let mut there = catalog::tables(&session, &names).await?;
        let tables = spec
            .tables
            .iter()
            .map(|schema| (schema.name.clone(), TableSink::new(schema, there.remove(&schema.name), is_replica)));
        let tables = tables.collect();
        let has_position = lease.position.is_some();
        let session = Arc::new(session);
        let epoch = lease.epoch;
        let state = State {
            session,
            spec,
            epoch,
            in_unit: false,
            changes: 0,
            has_position,
            tables,
            loading: None,
            created,
            is_replica,
        };
        Ok(Self { lease, state })
    }
}

/// Adds what the tables lack, all of it or nothing.
async fn add_columns(session: &Session, spec: &WriteSpec) -> Result<()> {
    let cannot = |e| failed(e, "cannot add columns to the sink's tables");
    let added = ddl::plan(session, spec).await?.added;
    // Whoever reads a table meanwhile waits behind this one.
    session.client.batch_execute("BEGIN; SET LOCAL lock_timeout = '1s'").await.map_err(cannot)?;
    for Added { table, statement, .. } in &added {
        if let Err(e) = session.client.batch_execute(statement).await {
            let _ = session.client.batch_execute("ROLLBACK").await;
            return Err(cannot(e).at("table", table.to_string()));
        }
    }
    session.client.batch_execute("COMMIT").await.map_err(cannot)
}

async fn take(session: &Session, spec: &WriteSpec) -> Result<(Lease, BTreeSet<TableName>)> {
    let cannot = |e| failed(e, "cannot take the lane");
    let client = &session.client;
    let begin = format!("BEGIN; SELECT pg_catalog.pg_advisory_xact_lock({CONTROL_LOCK}); {}", ddl::CREATE_POSITION);
    client.batch_execute(&begin).await.map_err(cannot)?;
    // Asked first: even where nothing is missing, adding columns would wait for every other lane.
    if !client.query_one(ddl::COUNTS, &[]).await.map_err(cannot)?.get::<_, bool>(0) {
        client.batch_execute(ddl::EXTEND_POSITION).await.map_err(cannot)?;
    }
    let sql = "INSERT INTO syncline_position AS lane (job, epoch, owner, changed_at) VALUES ($1, $2, $3, now()) \
        ON CONFLICT (job) DO UPDATE SET epoch = lane.epoch + 1, owner = excluded.owner, changed_at = excluded.changed_at, \
            layout = CASE WHEN $4 THEN NULL ELSE lane.layout END, \
            position = CASE WHEN $4 THEN NULL ELSE lane.position END \
        RETURNING epoch, layout, position, created, trouble";
    let row =
        client.query_one(sql, &[&spec.lane.0, &first_epoch(), &spec.owner, &spec.restart]).await.map_err(cannot)?;
    client.batch_execute("COMMIT").await.map_err(cannot)?;
    let created = created(row.get::<_, Option<&str>>(3))?;
    let epoch = Epoch(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0));
    let trouble = Trouble::read(row.get(4));
    Ok((Lease { epoch, position: position(row.get(1), row.get(2)), trouble }, created))
}

fn position(layout: Option<String>, at: Option<String>) -> Option<Position> {
    layout.zip(at).map(|(layout, at)| Position { layout, at })
}

fn number(epoch: Epoch) -> i64 {
    i64::try_from(epoch.0).unwrap_or(i64::MAX)
}

/// The lanes that keep their position in this database.
pub async fn lanes(session: &Session) -> Result<Vec<LaneState>> {
    // A table of before lanes counted their changes lacks the last columns until its next lane is taken.
    let sql = "SELECT job, epoch, owner, layout, position, \
            pg_catalog.to_char(changed_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), \
            extract(epoch FROM pg_catalog.clock_timestamp() - changed_at)::float8, \
            (pg_catalog.to_jsonb(lane) ->> 'changes')::int8, pg_catalog.to_jsonb(lane) ->> 'trouble' \
        FROM syncline_position lane ORDER BY job";
    let rows = match session.client.query(sql, &[]).await {
        Ok(rows) => rows,
        Err(e) if e.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(Vec::new()),
        Err(e) => return Err(failed(e, "cannot read syncline_position")),
    };
    let lane = |row: &tokio_postgres::Row| LaneState {
        lane: LaneId(row.get(0)),
        epoch: Epoch(u64::try_from(row.get::<_, i64>(1)).unwrap_or(0)),
        owner: row.get(2),
        position: position(row.get(3), row.get(4)),
        changed_at: row.get(5),
        age_s: row.get(6),
        changes: row.get::<_, Option<i64>>(7).and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
        trouble: Trouble::read(row.get(8)),
    };
    Ok(rows.iter().map(lane).collect())
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
    async fn execute(&self, sql: &str, what: &str) -> Result<()> {
        self.session.client.batch_execute(sql).await.map_err(|e| failed(e, what))
    }

    /// Ends the COPY that is under way, unless it is that of `table`.
    async fn settle(&mut self, table: Option<&TableName>) -> Result<()> {
        match self.loading.take_if(|loading| Some(&*loading) != table) {
            Some(loading) => self.table(&loading)?.end_copy().await,
            None => Ok(()),
        }
    }

    /// Gives up the COPY that is under way, so that the unit can be taken back.
    fn give_up(&mut self) {
        if let Some(table) = self.loading.take().and_then(|loading| self.tables.get_mut(&loading)) {
            table.under = None;
        }
    }

    /// Takes the open unit back, if there is one.
    async fn take_back(&mut self) -> Result<()> {
        self.give_up();
        match std::mem::take(&mut self.in_unit) {
            true => self.execute("ROLLBACK", "cannot take the unit back").await,
            false => Ok(()),
        }
    }

    async fn begin(&mut self, epoch: Epoch) -> Result<()> {
        self.take_back().await?;
        // Asked outside of the unit's transaction, so that nobody who takes the lane over or puts it away waits for it.
        let sql = "SELECT epoch FROM syncline_position WHERE job = $1";
        match self.session.client.query_opt(sql, &[&self.spec.lane.0]).await {
            Ok(Some(row)) if epoch == self.epoch && row.get::<_, i64>(0) == number(epoch) => {}
            Ok(_) => return Err(fenced()),
            // Who took over may have finished, and taken the table away.
            Err(e) if e.code() == Some(&SqlState::UNDEFINED_TABLE) => return Err(fenced()),
            Err(e) => return Err(failed(e, "cannot begin a unit")),
        }
        self.execute("BEGIN", "cannot begin a unit").await?;
        (self.in_unit, self.changes) = (true, 0);
        self.tables.values_mut().for_each(TableSink::begin);
        Ok(())
    }

    async fn write(&mut self, batch: &ChangeBatch) -> Result<WriteReport> {
        if !self.in_unit {
            return Err(Error::new(ErrorKind::Bug, "a batch was written outside of a unit"));
        }
        self.changes += parked::carried(batch);
        let mut report = WriteReport::default();
        let session = self.session.clone();
        let load = snapshot_of(batch);
        self.settle(load).await?;
        // The table whose COPY goes on is open, and nothing may be asked meanwhile.
        if self.loading.is_none() {
            let native = batch.native.iter().map(|rows| &rows.schema.name);
            for name in batch.tables.iter().map(|changes| &changes.schema().name).chain(native) {
                self.table(name)?.open_for_write(&session).await?;
            }
        }
        match (load, &batch.tables[..]) {
            (Some(name), [only]) => {
                self.loading = Some(name.clone());
                self.table(name)?.load(&session, only, &mut report).await?;
            }
            (Some(_), _) => {}
            (None, _) => {
                let net = Net { session: &session, tables: &mut self.tables, order: &self.spec.tables };
                if !net.apply(batch, &mut report).await? {
                    self.apply(batch, &mut report).await?;
                }
            }
        }
        if let Some(rows) = &batch.native {
            self.loading = Some(rows.schema.name.clone());
            self.table(&rows.schema.name)?.load_native(&session, rows, &mut report).await?;
        }
        Ok(report)
    }

    /// Applies changes one by one in their order (I4), many on their way at a time.
    async fn apply(&mut self, batch: &ChangeBatch, report: &mut WriteReport) -> Result<()> {
        let session = self.session.clone();
        let mut requests: Vec<Request> = Vec::new();
        let mut owners: Vec<(usize, usize)> = Vec::new();
        for (t, row) in batch.in_order() {
            let Some(changes) = batch.tables.get(t) else { continue };
            let table = self.table(&changes.schema().name)?;
            if changes.op(row) == Op::Truncate {
                self.send(batch, &mut requests, &mut owners, report).await?;
                let order: Vec<TableName> = self.spec.tables.iter().map(|t| t.name.clone()).collect();
                let emptied = self.table(&changes.schema().name)?.truncate(&session, &order, report).await;
                emptied.map_err(|e| changes.refused(row, e))?;
                continue;
            }
            let request = table.request(&session, changes, row).await.map_err(|e| changes.refused(row, e))?;
            if let Some(request) = request {
                requests.push(request);
                owners.push((t, row));
            }
            if requests.len() >= REQUESTS_MAX {
                self.send(batch, &mut requests, &mut owners, report).await?;
            }
        }
        self.send(batch, &mut requests, &mut owners, report).await
    }

    /// Sends what has gathered and looks at the answers; the first change that failed is the one that is named.
    async fn send(
        &mut self,
        batch: &ChangeBatch,
        requests: &mut Vec<Request>,
        owners: &mut Vec<(usize, usize)>,
        report: &mut WriteReport,
    ) -> Result<()> {
        let session = self.session.clone();
        let answers = request::send(&session.client, requests).await;
        for ((request, owner), answer) in requests.iter().zip(owners.iter()).zip(answers) {
            let Some(changes) = batch.tables.get(owner.0) else { continue };
            let table = self.table(&changes.schema().name)?;
            table.answered(request, answer, report).map_err(|e| changes.refused(owner.1, e))?;
        }
        requests.clear();
        owners.clear();
        Ok(())
    }

    /// The table that these changes go to.
    fn table(&mut self, name: &TableName) -> Result<&mut TableSink> {
        self.tables.get_mut(name).ok_or_else(|| {
            Error::new(ErrorKind::Bug, "a batch names a table that the sink was not opened for")
                .at("table", name.to_string())
        })
    }

    async fn retire(&mut self, lane: &LaneId, epoch: Epoch) -> Result<()> {
        if !self.in_unit {
            return Err(Error::new(ErrorKind::Bug, "a lane was retired outside of a unit"));
        }
        self.settle(None).await?;
        let sql = "DELETE FROM syncline_position WHERE job = $1 AND epoch = $2 RETURNING created";
        let row = self.session.client.query_opt(sql, &[&lane.0, &number(epoch)]).await;
        let row = row.map_err(|e| failed(e, "cannot take a lane away"))?.ok_or_else(fenced)?;
        // Written down with the commit.
        self.created.extend(created::<TableName>(row.get(0))?);
        Ok(())
    }

    async fn commit(&mut self, upto: &Position) -> Result<()> {
        if !self.in_unit {
            return Err(Error::new(ErrorKind::Bug, "a commit without an open unit"));
        }
        self.settle(None).await?;
        let session = self.session.clone();
        let mut created = self.created.clone();
        for (name, table) in &mut self.tables {
            if table.close(&session).await? {
                created.insert(name.clone());
            }
        }
        let list = serde_json::to_string(&created)
            .map_err(|e| Error::new(ErrorKind::Bug, "the list of created tables cannot be written").caused_by(e))?;
        let list = Some(list).filter(|_| !created.is_empty());
        let cannot = |e| failed(e, "cannot commit the unit");
        let sql = "UPDATE syncline_position SET layout = $3, position = $4, created = $5, changes = changes + $6, \
            trouble = NULL, changed_at = now() WHERE job = $1 AND epoch = $2";
        let changes = i64::try_from(self.changes).unwrap_or(i64::MAX);
        let values: [&(dyn ToSql + Sync); 6] =
            [&self.spec.lane.0, &number(self.epoch), &upto.layout, &upto.at, &list, &changes];
        mine(session.client.execute(sql, &values).await, "cannot commit the unit")?;
        // I2: data, position and epoch become durable here, together.
        session.client.batch_execute("COMMIT").await.map_err(cannot)?;
        (self.in_unit, self.has_position, self.created) = (false, true, created);
        Ok(())
    }

    async fn note(&mut self, trouble: Option<&Trouble>) -> Result<()> {
        self.take_back().await?;
        let written = trouble.map(Trouble::written).transpose()?;
        let sql = "UPDATE syncline_position SET trouble = $3 WHERE job = $1 AND epoch = $2";
        let values: [&(dyn ToSql + Sync); 3] = [&self.spec.lane.0, &number(self.epoch), &written];
        mine(self.session.client.execute(sql, &values).await, "cannot note what is wrong")
    }

    async fn finish(&mut self) -> Result<FinishReport> {
        let mut report = FinishReport::default();
        self.take_back().await?;
        let written: Vec<TableName> =
            self.tables.iter().filter(|(_, t)| t.was_opened()).map(|(name, _)| name.clone()).collect();
        let there = catalog::tables(&self.session, &written).await?;
        if let Some(gone) = written.iter().find(|name| !there.contains_key(name)) {
            return Err(snapshot::gone(gone, !self.spec.once));
        }
        finish::complete(&self.session, &self.spec, &self.created, self.is_replica, &mut report).await?;
        for schema in &self.spec.tables {
            if self.tables.get(&schema.name).is_some_and(TableSink::held_rows_before) {
                let sql = format!("SELECT count(*) FROM {}", ddl::table_sql(&schema.name));
                let rows = self.session.client.query_one(&sql, &[]).await.map_err(|e| failed(e, "cannot finish"))?;
                report.rows_held.push((schema.name.to_string(), u64::try_from(rows.get::<_, i64>(0)).unwrap_or(0)));
            }
        }
        if self.spec.once {
            if !remove_trace(&self.session, &self.spec.lane, self.epoch).await? {
                return Err(fenced());
            }
            // There is nothing left to put away.
            self.has_position = true;
        } else if !self.created.is_empty() {
            let sql = "UPDATE syncline_position SET created = NULL WHERE job = $1 AND epoch = $2";
            let mine = self.session.client.execute(sql, &[&self.spec.lane.0, &number(self.epoch)]).await;
            if mine.map_err(|e| failed(e, "cannot finish"))? != 1 {
                return Err(fenced());
            }
            self.created.clear();
        }
        Ok(report)
    }
}

/// Makes sure that a statement has found the lane's row by its epoch. Who took over may have finished, and taken the table
/// away.
fn mine(found: std::result::Result<u64, tokio_postgres::Error>, what: &str) -> Result<()> {
    match found {
        Ok(1) => Ok(()),
        Err(e) if e.code() != Some(&SqlState::UNDEFINED_TABLE) => Err(failed(e, what)),
        _ => Err(fenced()),
    }
}

/// The table whose snapshot rows are all that the batch holds.
fn snapshot_of(batch: &ChangeBatch) -> Option<&TableName> {
    match (&batch.tables[..], &batch.native) {
        ([], Some(rows)) => Some(&rows.schema.name),
        ([only], None) if only.marks().op == Uniform::One(Op::Snapshot) => Some(&only.schema().name),
        _ => None,
    }
}

/// A one-time copy leaves nothing of ours behind; false if the lane is no longer ours.
async fn remove_trace(session: &Session, lane: &LaneId, epoch: Epoch) -> Result<bool> {
    let cannot = |e| failed(e, "cannot put the lane's trace away");
    let client = &session.client;
    client
        .batch_execute(&format!("BEGIN; SELECT pg_catalog.pg_advisory_xact_lock({CONTROL_LOCK})"))
        .await
        .map_err(cannot)?;
    let sql = "DELETE FROM syncline_position WHERE job = $1 AND epoch = $2";
    let ours = match client.execute(sql, &[&lane.0, &number(epoch)]).await {
        Ok(ours) => ours,
        Err(e) => {
            client.batch_execute("ROLLBACK").await.map_err(cannot)?;
            return if e.code() == Some(&SqlState::UNDEFINED_TABLE) { Ok(false) } else { Err(cannot(e)) };
        }
    };
    let others = client.query_one("SELECT EXISTS (SELECT 1 FROM syncline_position)", &[]).await.map_err(cannot)?;
    if ours == 1 && !others.get::<_, bool>(0) {
        client.batch_execute("DROP TABLE syncline_position").await.map_err(cannot)?;
        let parked = "SELECT pg_catalog.to_regclass('syncline_parked') IS NOT NULL";
        // What is set aside is a person's to drop.
        if client.query_one(parked, &[]).await.map_err(cannot)?.get(0)
            && client.query_opt("SELECT 1 FROM syncline_parked LIMIT 1", &[]).await.map_err(cannot)?.is_none()
        {
            client.batch_execute("DROP TABLE syncline_parked").await.map_err(cannot)?;
        }
    }
    client.batch_execute("COMMIT").await.map_err(cannot)?;
    Ok(ours == 1)
}

/// A one-time copy that ends by an error before it committed anything leaves nothing of ours behind. A killed one
/// does; its next run puts it away.
impl Drop for State {
    fn drop(&mut self) {
        self.give_up();
        if self.spec.once && !self.has_position && !self.session.client.is_closed() {
            let (session, lane, epoch) = (self.session.clone(), self.spec.lane.clone(), self.epoch);
            in_passing(async move {
                let _ = session.client.batch_execute("ROLLBACK").await;
                let _ = remove_trace(&session, &lane, epoch).await;
            });
        }
    }
}
