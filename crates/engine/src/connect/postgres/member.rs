//! A PostgreSQL database as a member of a sync group.
//!
//! One session does everything, at READ COMMITTED. What was captured is taken by what one snapshot sees of all change tables
//! together, so that transactions are whole and one that commits late is there the next time (I14, F16, F17). A quiet
//! transaction has the role of a replica: no trigger fires and no reference acts (I9, F74).

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use syncline_model::change::ChangeBuf;
use syncline_model::merge::Cells;
use syncline_model::{CellBuf, ChangeBatch, Error, ErrorKind, Result, TableName, TableSchema};
use tokio_postgres::Statement;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, ToSql, Type};

use super::capture::Marks;
use super::capture::ddl::Home;
use super::changes::rows::{Followed, Ranges, Reading};
use super::changes::seen::Seen;
use super::request::Param;
use super::session::{Session, failed};
use super::types::{Kind, decode, encode};
use super::{Postgres, capture, catalog, quoted};
use crate::connector::CaptureTable;
use crate::sync::lists::{filled, padded};
use crate::sync::member::{Member, Row, Words, Writes};

/// Which transaction has written to which change table.
const TOUCHED: &str = "syncline_touched";

/// Updates on their way at a time.
const UPDATES_MAX: usize = 256;

/// Bytes of captured changes that are read at a time.
const PIECE_BYTES: usize = 1 << 20;

/// One database.
pub struct PostgresMember {
    session: Session,
    home: Home,
    tables: Vec<Table>,
    followed: Vec<Followed>,
    wanted: Vec<CaptureTable>,
    /// What the catalogue said of the captured tables when capture was last verified.
    marks: Marks,
    oids: Vec<u32>,
    prepared: HashMap<String, Statement>,
    is_open: bool,
}

/// A table that is read and written.
struct Table {
    schema: Arc<TableSchema>,
    sql: String,
    kinds: Vec<Kind>,
    /// Its columns, quoted.
    names: Vec<String>,
}

/// A value as it arrives.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl PostgresMember {
    /// Logs in.
    pub async fn open(postgres: &Postgres) -> Result<Self> {
        let session = postgres.session().await?;
        let cannot = |e| failed(e, "cannot open the member");
        // Change tables come and go; what the planner knows of their size is always old.
        session.client.batch_execute("SET enable_seqscan = off; SET jit = off").await.map_err(cannot)?;
        let role = "BEGIN; SET LOCAL session_replication_role = replica; ROLLBACK";
        if let Err(e) = session.client.batch_execute(role).await {
            let denied = e.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE);
            let error = failed(e, "the login may not write without firing triggers");
            return Err(match denied {
                true => error.hint("as a superuser: GRANT SET ON PARAMETER session_replication_role TO the login's role (PostgreSQL 15 or later)"),
                false => error,
            });
        }
        let home = capture::home(&session).await?;
        Ok(Self {
            session,
            home,
            tables: Vec::new(),
            followed: Vec::new(),
            wanted: Vec::new(),
            marks: Marks::new(),
            oids: Vec::new(),
            prepared: HashMap::new(),
            is_open: false,
        })
    }

    fn table(&self, table: usize) -> Result<&Table> {
        self.tables.get(table).ok_or_else(|| Error::new(ErrorKind::Bug, "the member has no table of that number"))
    }

    /// The tables are captured as they are now; asked whenever anybody has changed one of them.
    async fn verify(&mut self) -> Result<()> {
        if self.wanted.is_empty() {
            return Ok(());
        }
        let marks = capture::marks(&self.session, &self.home, &self.oids).await?;
        let out_of_order = capture::order(&self.session, &self.home).await?.is_some();
        if self.followed.is_empty() || marks != self.marks || out_of_order {
            let verified = capture::verified(&self.session, &self.home, &self.wanted).await?;
            self.oids = verified.iter().map(|v| v.record.oid).collect();
            let followed = self.wanted.iter().cloned().zip(verified);
            self.followed = followed.map(|(wanted, v)| Followed::new(wanted, v)).collect::<Result<_>>()?;
            self.marks = capture::marks(&self.session, &self.home, &self.oids).await?;
        }
        Ok(())
    }

    /// The numbers of the change tables.
    fn logs(&self) -> String {
        self.followed.iter().map(|f| f.log().to_string()).collect::<Vec<_>>().join(", ")
    }

    async fn statement(&mut self, sql: &str) -> Result<Statement> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.session.client.prepare(sql).await.map_err(|e| failed(e, "cannot prepare a statement"))?;
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    async fn query(&mut self, table: usize, sql: &str, params: &[Param]) -> Result<Vec<Row>> {
        let statement = self.statement(sql).await?;
        let table = self.table(table)?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
        let found = self.session.client.query(&statement, &params).await;
        let found = found.map_err(|e| table.failed(e, "cannot read the member"))?;
        found.iter().map(|row| table.row(row)).collect()
    }

    async fn execute(&mut self, table: usize, sql: &str, params: &[Param]) -> Result<()> {
        let statement = self.statement(sql).await?;
        let table = self.table(table)?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
        let done = self.session.client.execute(&statement, &params).await;
        done.map(drop).map_err(|e| table.failed(e, "the member refused rows"))
    }

    async fn take_captured(&mut self) -> Result<Vec<(usize, ChangeBuf)>> {
        let cannot = |e| failed(e, "cannot read what was captured");
        let row = self.session.client.query_one("SELECT pg_catalog.pg_current_snapshot()::text", &[]).await;
        let condition = Seen::parse(row.map_err(cannot)?.get(0))?.all();
        let ranges: Ranges = (0..self.followed.len()).map(|i| (i, condition.clone())).collect();
        let mut reading = Reading::begin(&self.session, &self.home, &self.followed, &ranges).await?;
        let mut changes = Vec::new();
        loop {
            let piece = reading.next(&self.followed, PIECE_BYTES).await?;
            let batch = ChangeBatch { tables: piece.tables, ..ChangeBatch::default() };
            for (t, row) in batch.in_order() {
                let Some(table) = batch.tables.get(t) else { continue };
                let place = self.wanted.iter().position(|w| w.schema.name == table.schema().name);
                changes.extend(place.map(|place| (place, ChangeBuf::of(table, row))));
            }
            if piece.last {
                break;
            }
        }
        drop(reading);
        // Also where nothing is left of what a transaction has touched: it took it back to a savepoint.
        for followed in &self.followed {
            let sql = format!("DELETE FROM {} WHERE {condition}", self.home.log(followed.log()));
            self.session.client.batch_execute(&sql).await.map_err(cannot)?;
        }
        let sql = format!("DELETE FROM {} WHERE {condition} AND log IN ({})", self.home.of(TOUCHED), self.logs());
        self.session.client.batch_execute(&sql).await.map_err(cannot)?;
        Ok(changes)
    }
}

impl Table {
    fn failed(&self, e: tokio_postgres::Error, what: &str) -> Error {
        failed(e, what).at("table", self.schema.name.to_string())
    }

    fn row(&self, row: &tokio_postgres::Row) -> Result<Row> {
        let cells = self.kinds.iter().enumerate().map(|(i, kind)| match row.get::<_, Raw<'_>>(i) {
            Raw(Some(bytes)) => decode::cell(*kind, bytes),
            Raw(None) => Ok(CellBuf::NULL),
        });
        cells.collect()
    }

    fn kind(&self, column: usize) -> Kind {
        self.kinds.get(column).copied().unwrap_or(Kind::Other)
    }

    fn param(&self, column: usize, cell: &CellBuf) -> Result<Param> {
        let kind = self.kind(column);
        if cell.as_cell().is_null() {
            return Ok(Param { kind, bytes: None });
        }
        let mut bytes = Vec::new();
        encode::binary(kind, cell.as_cell(), &mut bytes).map_err(|reason| {
            let name = self.schema.columns.get(column).map_or("?", |c| &c.name);
            let what = format!("the member cannot hold {} exactly: {reason}", cell.as_cell().kind_name());
            Error::new(ErrorKind::Value, what).at("table", self.schema.name.to_string()).at("column", name)
        })?;
        Ok(Param { kind, bytes: Some(bytes) })
    }

    fn params(&self, by: &[usize], cells: &[CellBuf]) -> Result<Vec<Param>> {
        by.iter().zip(cells).map(|(column, cell)| self.param(*column, cell)).collect()
    }

    /// The columns as they are read.
    fn selected(&self) -> String {
        let column = |(name, kind): (&String, &Kind)| match kind.is_binary() {
            true => name.clone(),
            false => format!("{name}::text"),
        };
        self.names.iter().zip(&self.kinds).map(column).collect::<Vec<_>>().join(", ")
    }

    fn listed(&self, by: &[usize]) -> Vec<String> {
        by.iter().filter_map(|column| self.names.get(*column).cloned()).collect()
    }

    /// The condition that the columns have one of so many lists of values.
    fn is_one_of(&self, by: &[usize], count: usize) -> String {
        let names = self.listed(by).join(", ");
        format!("({names}) IN ({})", places(by.len(), count))
    }
}

/// So many lists of so many parameters.
fn places(width: usize, count: usize) -> String {
    let list = |at: usize| {
        let list: Vec<String> = (1..=width).map(|i| format!("${}", at * width + i)).collect();
        format!("({})", list.join(", "))
    };
    (0..count).map(list).collect::<Vec<_>>().join(", ")
}

#[async_trait]
impl Member for PostgresMember {
    fn words(&self) -> Words {
        Words { int: "bigint", hash: "bytea", text: "text", bytes: "bytea", options: "" }
    }

    fn own(&self, name: &str) -> String {
        self.home.of(name)
    }

    fn home(&self) -> Option<Arc<str>> {
        // The default schema, whose tables are called without it.
        None
    }

    fn locks(&self) -> bool {
        true
    }

    async fn now_ms(&mut self) -> Result<u64> {
        let sql = "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::int8";
        let row = self.session.client.query_one(sql, &[]).await.map_err(|e| failed(e, "cannot ask for the time"))?;
        Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0))
    }

    async fn has(&mut self, name: &str) -> Result<bool> {
        let sql = "SELECT pg_catalog.to_regclass($1) IS NOT NULL";
        let row = self.session.client.query_one(sql, &[&self.home.of(name)]).await;
        Ok(row.map_err(|e| failed(e, "cannot look for Syncline's tables"))?.get(0))
    }

    async fn define(&mut self, statements: &[String]) -> Result<()> {
        let sql = format!("BEGIN; {}; COMMIT", statements.join("; "));
        let defined = self.session.client.batch_execute(&sql).await;
        if defined.is_err() {
            let _ = self.session.client.batch_execute("ROLLBACK").await;
        }
        defined.map_err(|e| failed(e, "cannot define Syncline's tables"))
    }

    async fn open(&mut self, tables: &[Arc<TableSchema>], _: usize, captured: &[CaptureTable]) -> Result<()> {
        let names: Vec<TableName> = tables.iter().map(|t| t.name.clone()).collect();
        let there = catalog::tables(&self.session, &names).await?;
        self.tables.clear();
        self.prepared.clear();
        for schema in tables {
            let missing = |what: &str| Error::new(ErrorKind::Schema, what).at("table", schema.name.to_string());
            let own = there.get(&schema.name).ok_or_else(|| missing("the table is not there"))?;
            let kinds = schema.columns.iter().map(|column| {
                let own = own.schema.columns.iter().zip(&own.kinds).find(|(own, _)| own.name == column.name);
                own.map(|(_, kind)| *kind).ok_or_else(|| missing("a column is not there"))
            });
            self.tables.push(Table {
                schema: schema.clone(),
                sql: if own.relkind == "p" || own.has_children { own.sql_read() } else { own.sql() },
                kinds: kinds.collect::<Result<_>>()?,
                names: schema.columns.iter().map(|c| quoted(&c.name)).collect(),
            });
        }
        self.wanted = captured.to_vec();
        self.followed.clear();
        self.verify().await
    }

    async fn begin(&mut self, writes: Writes) -> Result<()> {
        let begin = match writes {
            Writes::Quiet => "BEGIN; SET LOCAL session_replication_role = replica",
            Writes::Aloud => "BEGIN",
        };
        self.is_open = true;
        self.session.client.batch_execute(begin).await.map_err(|e| failed(e, "cannot begin"))
    }

    async fn commit(&mut self) -> Result<()> {
        self.session.client.batch_execute("COMMIT").await.map_err(|e| failed(e, "cannot commit"))?;
        self.is_open = false;
        Ok(())
    }

    async fn rollback(&mut self) {
        if std::mem::take(&mut self.is_open) {
            let _ = self.session.client.batch_execute("ROLLBACK").await;
        }
    }

    async fn run(&mut self, sql: &str) -> Result<u64> {
        let ran = self.session.client.execute(sql, &[]).await;
        ran.map_err(|e| failed(e, "cannot write to Syncline's tables"))
    }

    async fn select(&mut self, table: usize, rest: &str) -> Result<Vec<Row>> {
        let of = self.table(table)?;
        let sql = format!("SELECT {} FROM {} {rest}", of.selected(), of.sql);
        let found = self.session.client.query(&sql, &[]).await;
        let found = found.map_err(|e| of.failed(e, "cannot read the member"))?;
        found.iter().map(|row| of.row(row)).collect()
    }

    async fn find(&mut self, table: usize, by: &[usize], values: &[Cells], lock: bool) -> Result<Vec<Row>> {
        let of = self.table(table)?;
        let mut lists = Vec::with_capacity(values.len());
        for cells in values {
            match of.params(by, cells) {
                // What the column cannot hold no row has.
                Err(e) if e.kind() == ErrorKind::Value => {}
                other => lists.push(other?),
            }
        }
        let mut rows = Vec::new();
        let mut lists = lists.into_iter().peekable();
        while lists.peek().is_some() {
            let size = padded(lists.len(), by.len());
            let of = self.table(table)?;
            let mut sql = format!("SELECT {} FROM {} WHERE {}", of.selected(), of.sql, of.is_one_of(by, size));
            if lock {
                sql.push_str(&format!(" ORDER BY {} FOR UPDATE", of.listed(&of.schema.key).join(", ")));
            }
            let mut params: Vec<Param> = lists.by_ref().take(size).flatten().collect();
            // The rest are the last ones again.
            while params.len() < size * by.len() {
                let at = params.len() - by.len();
                let again = params.get(at).map(|p| Param { kind: p.kind, bytes: p.bytes.clone() });
                params.extend(again);
            }
            rows.extend(self.query(table, &sql, &params).await?);
        }
        Ok(rows)
    }

    async fn insert(&mut self, table: usize, mut rows: &[Row]) -> Result<()> {
        while !rows.is_empty() {
            let of = self.table(table)?;
            let width = of.names.len();
            let size = filled(rows.len(), width);
            let (now, rest) = rows.split_at(size);
            let all: Vec<usize> = (0..width).collect();
            let params = now.iter().map(|row| of.params(&all, row)).collect::<Result<Vec<_>>>()?;
            let params: Vec<Param> = params.into_iter().flatten().collect();
            let into = of.sql.strip_prefix("ONLY ").unwrap_or(&of.sql);
            let (names, values) = (of.names.join(", "), places(width, size));
            let sql = format!("INSERT INTO {into} ({names}) OVERRIDING SYSTEM VALUE VALUES {values}");
            self.execute(table, &sql, &params).await?;
            rows = rest;
        }
        Ok(())
    }

    async fn update(&mut self, table: usize, rows: &[Row]) -> Result<()> {
        let of = self.table(table)?;
        let key = of.schema.key.clone();
        let rest: Vec<usize> = (0..of.names.len()).filter(|column| !key.contains(column)).collect();
        if rest.is_empty() {
            return Ok(());
        }
        let equals = |by: &[usize], first: usize| -> Vec<String> {
            of.listed(by).iter().enumerate().map(|(i, name)| format!("{name} = ${}", first + i)).collect()
        };
        let (sets, condition) = (equals(&rest, 1).join(", "), equals(&key, rest.len() + 1).join(" AND "));
        let sql = format!("UPDATE {} SET {sets} WHERE {condition}", of.sql);
        let statement = self.statement(&sql).await?;
        let of = self.table(table)?;
        let by: Vec<usize> = rest.iter().chain(&key).copied().collect();
        for rows in rows.chunks(UPDATES_MAX) {
            let lists = rows.iter().map(|row| {
                let cells: Row = by.iter().filter_map(|column| row.get(*column).cloned()).collect();
                of.params(&by, &cells)
            });
            let lists = lists.collect::<Result<Vec<_>>>()?;
            let (client, statement) = (&self.session.client, &statement);
            let sent = lists.iter().map(|params| async move {
                let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
                client.execute(statement, &params).await
            });
            try_join_all(sent).await.map_err(|e| of.failed(e, "the member refused a row"))?;
        }
        Ok(())
    }

    async fn remove(&mut self, table: usize, by: &[usize], values: &[Cells]) -> Result<()> {
        let mut rest = values;
        while !rest.is_empty() {
            let of = self.table(table)?;
            let size = padded(rest.len(), by.len());
            let (now, later) = rest.split_at(size.min(rest.len()));
            let lists = now.iter().chain(std::iter::repeat_n(now.last(), size - now.len()).flatten());
            let params = lists.map(|cells| of.params(by, cells)).collect::<Result<Vec<_>>>()?;
            let params: Vec<Param> = params.into_iter().flatten().collect();
            let sql = format!("DELETE FROM {} WHERE {}", of.sql, of.is_one_of(by, size));
            self.execute(table, &sql, &params).await?;
            rest = later;
        }
        Ok(())
    }

    async fn captured(&mut self) -> Result<Vec<(usize, ChangeBuf)>> {
        self.verify().await?;
        if self.is_captured().await? { self.take_captured().await } else { Ok(Vec::new()) }
    }

    async fn is_captured(&mut self) -> Result<bool> {
        if self.followed.is_empty() {
            return Ok(false);
        }
        let sql = format!("SELECT EXISTS (SELECT FROM {} WHERE log IN ({}))", self.home.of(TOUCHED), self.logs());
        let row = self.session.client.query_one(&sql, &[]).await.map_err(|e| failed(e, "cannot look for changes"))?;
        Ok(row.get(0))
    }

    async fn end(self: Box<Self>) {}
}

/// Whether the database belongs to a sync group, whose members are not followed by jobs.
pub async fn is_member(session: &Session, home: &Home) -> Result<bool> {
    let name = home.of("syncline_group");
    let row = session.client.query_one("SELECT pg_catalog.to_regclass($1) IS NOT NULL", &[&name]).await;
    Ok(row.map_err(|e| failed(e, "cannot look for Syncline's tables"))?.get(0))
}
