//! An SQLite file as a member of a sync group.
//!
//! One connection does everything. `BEGIN IMMEDIATE` keeps other writers out, so nothing needs a lock of its own, and what
//! was captured is all there is. Within a quiet transaction triggers are off for this connection, and references are not
//! looked at: the merge model has (I9, F74).

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use syncline_model::change::ChangeBuf;
use syncline_model::merge::Cells;
use syncline_model::{CellBuf, Error, ErrorKind, Result, TableSchema};

use super::capture;
use super::changes::{Followed, microseconds};
use super::types::{self, Affinity};
use super::{Access, Sqlite, catalog, failed, in_place, quoted};
use crate::connector::CaptureTable;
use crate::sync::member::{Member, Row, Words, Writes};

/// One file.
pub struct SqliteMember {
    conn: Connection,
    tables: Vec<Table>,
    followed: Vec<Followed>,
    wanted: Vec<CaptureTable>,
    /// The schema's version when capture was last verified.
    schema_version: i64,
}

/// A table that is read and written.
struct Table {
    schema: Arc<TableSchema>,
    affinities: Vec<Affinity>,
    /// Its columns, quoted.
    names: Vec<String>,
}

impl SqliteMember {
    pub fn open(sqlite: &Sqlite) -> Result<Self> {
        let conn = sqlite.open(Access::Write)?;
        let cannot = |e| failed(e, "cannot open the member");
        // What is sent on must survive here (F114).
        conn.pragma_update(None, "synchronous", "FULL").map_err(cannot)?;
        conn.pragma_update(None, "foreign_keys", false).map_err(cannot)?;
        Ok(Self { conn, tables: Vec::new(), followed: Vec::new(), wanted: Vec::new(), schema_version: -1 })
    }

    fn table(&self, table: usize) -> Result<&Table> {
        self.tables.get(table).ok_or_else(|| Error::new(ErrorKind::Bug, "the member has no table of that number"))
    }

    /// The tables are captured as they are now; asked whenever anybody has changed the schema.
    fn verify(&mut self) -> Result<()> {
        let version = catalog::schema_version(&self.conn)?;
        if version != self.schema_version && !self.wanted.is_empty() {
            let records = capture::verified(&self.conn, &self.wanted)?;
            let followed = self.wanted.iter().cloned().zip(records);
            self.followed = followed.map(|(wanted, record)| Followed::new(wanted, record)).collect::<Result<_>>()?;
            self.schema_version = version;
        }
        Ok(())
    }

    fn look(&mut self, tables: &[Arc<TableSchema>]) -> Result<()> {
        self.tables.clear();
        for schema in tables {
            let name = &*schema.name.name;
            let missing = |what: &str| Error::new(ErrorKind::Schema, what).at("table", name);
            if catalog::kind_of(&self.conn, name)?.is_none() {
                return Err(missing("the table is not there"));
            }
            let there = catalog::structure(&self.conn, name)?;
            let strict = there.options.iter().any(|o| o == "STRICT");
            let affinities = schema.columns.iter().map(|column| {
                let own = there.columns.iter().find(|own| own.name == column.name);
                own.map(|own| types::affinity(&own.native, strict)).ok_or_else(|| missing("a column is not there"))
            });
            let affinities = affinities.collect::<Result<_>>()?;
            let names = schema.columns.iter().map(|c| quoted(&c.name)).collect();
            self.tables.push(Table { schema: schema.clone(), affinities, names });
        }
        Ok(())
    }

    fn query(&self, table: &Table, rest: &str, by: &[usize], values: &[CellBuf], rows: &mut Vec<Row>) -> Result<()> {
        let cannot = |e| table.failed(e, "cannot read the member");
        let sql = format!("SELECT {} FROM main.{} {rest}", table.names.join(", "), quoted(&table.schema.name.name));
        let mut stmt = self.conn.prepare_cached(&sql).map_err(cannot)?;
        table.bind(&mut stmt, 1, by, values)?;
        let mut found = stmt.raw_query();
        while let Some(row) = found.next().map_err(cannot)? {
            let cells = table.schema.columns.iter().enumerate().map(|(i, column)| {
                let stored = row.get_ref(i).map_err(cannot)?;
                Ok(types::cell(&column.logical, stored).to_owned())
            });
            rows.push(cells.collect::<Result<Row>>()?);
        }
        Ok(())
    }

    /// Runs one statement for each list of cells; `by` are their columns.
    fn each<'c>(
        &self,
        table: &Table,
        sql: &str,
        by: &[usize],
        lists: impl Iterator<Item = &'c [CellBuf]>,
    ) -> Result<()> {
        let mut stmt = self.conn.prepare_cached(sql).map_err(|e| table.failed(e, "cannot write to the member"))?;
        for cells in lists {
            table.bind(&mut stmt, 1, by, cells)?;
            stmt.raw_execute().map_err(|e| table.failed(e, "the member refused a row"))?;
        }
        Ok(())
    }

    fn take_captured(&mut self) -> Result<Vec<(usize, ChangeBuf)>> {
        self.verify()?;
        let cannot = |e| failed(e, "cannot read what was captured");
        let logs: Vec<String> = self.followed.iter().map(|f| f.log().to_string()).collect();
        let logs = logs.join(", ");
        let mut changes = Vec::new();
        {
            let sql = format!("SELECT id, log, at FROM syncline_outbox WHERE log IN ({logs}) ORDER BY id");
            let mut stmt = self.conn.prepare_cached(&sql).map_err(cannot)?;
            let mut rows = stmt.query([]).map_err(cannot)?;
            while let Some(row) = rows.next().map_err(cannot)? {
                let (id, log): (u64, u64) = (row.get(0).map_err(cannot)?, row.get(1).map_err(cannot)?);
                let at: f64 = row.get(2).map_err(cannot)?;
                let Some(place) = self.followed.iter().position(|f| f.log() == log) else { continue };
                let Some(followed) = self.followed.get(place) else { continue };
                changes.push((place, followed.change(&self.conn, id, microseconds(at))?));
            }
        }
        if !changes.is_empty() {
            for followed in &self.followed {
                let sql = format!("DELETE FROM syncline_log_{}", followed.log());
                self.conn.execute_batch(&sql).map_err(cannot)?;
            }
            let sql = format!("DELETE FROM syncline_outbox WHERE log IN ({logs})");
            self.conn.execute_batch(&sql).map_err(cannot)?;
        }
        Ok(changes)
    }

    fn any_captured(&mut self) -> Result<bool> {
        self.verify()?;
        let cannot = |e| failed(e, "cannot look for changes");
        let logs: Vec<String> = self.followed.iter().map(|f| f.log().to_string()).collect();
        let sql = format!("SELECT 1 FROM syncline_outbox WHERE log IN ({})", logs.join(", "));
        self.conn.prepare_cached(&sql).and_then(|mut stmt| stmt.exists([])).map_err(cannot)
    }
}

impl Table {
    fn failed(&self, e: rusqlite::Error, what: &str) -> Error {
        failed(e, what).at("table", self.schema.name.to_string())
    }

    fn bind(&self, stmt: &mut rusqlite::Statement<'_>, first: usize, by: &[usize], cells: &[CellBuf]) -> Result<()> {
        let mut scratch = Vec::new();
        for (i, (column, cell)) in by.iter().zip(cells).enumerate() {
            let affinity = self.affinities.get(*column).copied().unwrap_or(Affinity::Blob);
            let bound = types::stored(cell.as_cell(), affinity, &mut scratch).map_err(|reason| {
                let name = self.schema.columns.get(*column).map_or("?", |c| &c.name);
                let kind = cell.as_cell().kind_name();
                Error::new(ErrorKind::Value, format!("the member cannot hold {kind} exactly: {reason}"))
                    .at("table", self.schema.name.to_string())
                    .at("column", name)
            })?;
            stmt.raw_bind_parameter(first + i, bound).map_err(|e| self.failed(e, "cannot bind a value"))?;
        }
        Ok(())
    }

    fn condition(&self, by: &[usize], first: usize) -> String {
        let names = by.iter().filter_map(|column| self.names.get(*column));
        let parts: Vec<String> = names.enumerate().map(|(i, name)| format!("{name} = ?{}", first + i)).collect();
        parts.join(" AND ")
    }

    fn all(&self) -> Vec<usize> {
        (0..self.names.len()).collect()
    }
}

#[async_trait]
impl Member for SqliteMember {
    fn words(&self) -> Words {
        Words { int: "INTEGER", hash: "BLOB", text: "TEXT", bytes: "BLOB", options: " WITHOUT ROWID" }
    }

    fn own(&self, name: &str) -> String {
        name.to_owned()
    }

    fn home(&self) -> Option<Arc<str>> {
        None
    }

    fn locks(&self) -> bool {
        false
    }

    async fn now_ms(&mut self) -> Result<u64> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    }

    async fn has(&mut self, name: &str) -> Result<bool> {
        in_place(|| Ok(catalog::kind_of(&self.conn, name)?.is_some()))
    }

    async fn define(&mut self, statements: &[String]) -> Result<()> {
        let sql = format!("BEGIN IMMEDIATE; {}; COMMIT", statements.join("; "));
        in_place(|| {
            self.conn.execute_batch(&sql).map_err(|e| {
                let _ = self.conn.execute_batch("ROLLBACK");
                failed(e, "cannot define Syncline's tables")
            })
        })
    }

    async fn open(&mut self, tables: &[Arc<TableSchema>], _: usize, captured: &[CaptureTable]) -> Result<()> {
        self.wanted = captured.to_vec();
        self.schema_version = -1;
        in_place(|| {
            self.look(tables)?;
            self.verify()
        })
    }

    async fn begin(&mut self, writes: Writes) -> Result<()> {
        in_place(|| {
            let cannot = |e| failed(e, "cannot begin");
            let triggers = writes == Writes::Aloud;
            self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, triggers).map_err(cannot)?;
            // Taken in while no transaction is open; a user's own change obeys the references.
            self.conn.pragma_update(None, "foreign_keys", triggers).map_err(cannot)?;
            self.conn.execute_batch("BEGIN IMMEDIATE").map_err(cannot)
        })
    }

    async fn commit(&mut self) -> Result<()> {
        in_place(|| self.conn.execute_batch("COMMIT").map_err(|e| failed(e, "cannot commit")))
    }

    async fn rollback(&mut self) {
        in_place(|| {
            if !self.conn.is_autocommit() {
                let _ = self.conn.execute_batch("ROLLBACK");
            }
        });
    }

    async fn run(&mut self, sql: &str) -> Result<u64> {
        let ran = in_place(|| self.conn.execute(sql, []));
        ran.map(|rows| rows as u64).map_err(|e| failed(e, "cannot write to Syncline's tables"))
    }

    async fn select(&mut self, table: usize, rest: &str) -> Result<Vec<Row>> {
        in_place(|| {
            let mut rows = Vec::new();
            self.query(self.table(table)?, rest, &[], &[], &mut rows)?;
            Ok(rows)
        })
    }

    async fn find(&mut self, table: usize, by: &[usize], values: &[Cells], _lock: bool) -> Result<Vec<Row>> {
        in_place(|| {
            let mut rows = Vec::new();
            let table = self.table(table)?;
            let rest = format!("WHERE {}", table.condition(by, 1));
            for values in values {
                match self.query(table, &rest, by, values, &mut rows) {
                    // What the column cannot hold no row has.
                    Err(e) if e.kind() == ErrorKind::Value => {}
                    other => other?,
                }
            }
            Ok(rows)
        })
    }

    async fn insert(&mut self, table: usize, rows: &[Row]) -> Result<()> {
        in_place(|| {
            let table = self.table(table)?;
            let values = vec!["?"; table.names.len()].join(", ");
            let sql = format!(
                "INSERT OR ABORT INTO main.{} ({}) VALUES ({values})",
                quoted(&table.schema.name.name),
                table.names.join(", ")
            );
            self.each(table, &sql, &table.all(), rows.iter().map(Vec::as_slice))
        })
    }

    async fn update(&mut self, table: usize, rows: &[Row]) -> Result<()> {
        in_place(|| {
            let table = self.table(table)?;
            let (key, all) = (&table.schema.key, table.all());
            let rest: Vec<usize> = all.into_iter().filter(|column| !key.contains(column)).collect();
            let names = rest.iter().filter_map(|column| table.names.get(*column)).enumerate();
            let sets: Vec<String> = names.map(|(i, name)| format!("{name} = ?{}", i + 1)).collect();
            if sets.is_empty() {
                return Ok(());
            }
            let condition = table.condition(key, rest.len() + 1);
            let name = quoted(&table.schema.name.name);
            let sql = format!("UPDATE OR ABORT main.{name} SET {} WHERE {condition}", sets.join(", "));
            let by: Vec<usize> = rest.iter().chain(key).copied().collect();
            let lists: Vec<Row> =
                rows.iter().map(|row| by.iter().filter_map(|column| row.get(*column).cloned()).collect()).collect();
            self.each(table, &sql, &by, lists.iter().map(Vec::as_slice))
        })
    }

    async fn remove(&mut self, table: usize, by: &[usize], values: &[Cells]) -> Result<()> {
        in_place(|| {
            let table = self.table(table)?;
            let name = quoted(&table.schema.name.name);
            let sql = format!("DELETE FROM main.{name} WHERE {}", table.condition(by, 1));
            self.each(table, &sql, by, values.iter().map(|values| &**values))
        })
    }

    async fn captured(&mut self) -> Result<Vec<(usize, ChangeBuf)>> {
        in_place(|| self.take_captured())
    }

    async fn is_captured(&mut self) -> Result<bool> {
        in_place(|| self.any_captured())
    }

    async fn end(self: Box<Self>) {}
}

/// Whether the file belongs to a sync group, whose members are not followed by jobs.
pub fn is_member(conn: &Connection) -> Result<bool> {
    Ok(catalog::kind_of(conn, "syncline_group")?.is_some())
}
