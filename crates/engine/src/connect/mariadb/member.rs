//! A MariaDB database as a member of a sync group.
//!
//! One session does everything, at READ COMMITTED. What was captured is taken by a tick of its own, which marks exactly what
//! it sees (F16, F17, F18). In a quiet transaction our triggers do nothing, for they look at a variable of the session, and
//! the server looks at no reference (I9, F74). Triggers of the application cannot be kept from firing, so a table that has
//! some is refused.

use std::sync::Arc;

use async_trait::async_trait;
use mysql_async::Value;
use syncline_model::change::ChangeBuf;
use syncline_model::merge::Cells;
use syncline_model::{CellBuf, ChangeBatch, Error, ErrorKind, Result, TableName, TableSchema};

use super::capture::ddl::QUIET;
use super::capture::{self, number};
use super::changes::rows::{Followed, Range};
use super::changes::tick;
use super::config::Settings;
use super::session::{Session, bound, text};
use super::source::as_read;
use super::types::{self, Native, Place, Reading};
use super::{catalog, quoted};
use crate::connector::CaptureTable;
use crate::sync::lists::{filled, padded};
use crate::sync::member::{Member, Row, Words, Writes};

/// Most rows that are updated one by one.
const UPDATES_MAX: usize = 8;

/// Bytes of captured changes that are read at a time.
const PIECE_BYTES: usize = 1 << 20;

/// The lane that stands for the member where what it has is pruned.
const LANE: &str = "sync";

/// One database.
pub struct MariadbMember {
    session: Session,
    tables: Vec<Table>,
    followed: Vec<Followed>,
    wanted: Vec<CaptureTable>,
    is_open: bool,
    is_quiet: bool,
}

/// A table that is read and written.
struct Table {
    schema: Arc<TableSchema>,
    sql: String,
    readings: Vec<Reading>,
    places: Vec<Place>,
    /// Its columns, quoted.
    names: Vec<String>,
    selected: String,
    /// Whether its key is its primary key.
    is_primary: bool,
}

impl MariadbMember {
    /// Logs in.
    pub async fn open(settings: &Settings) -> Result<Self> {
        let mut session = Session::open(settings).await?;
        tick::settle_session(&mut session).await?;
        if !session.server.mariadb {
            return Err(Error::new(ErrorKind::Unsupported, "MySQL cannot be a member of a sync group yet")
                .hint("MariaDB, PostgreSQL and SQLite can"));
        }
        let by_statement = session.server.variable("binlog_format").eq_ignore_ascii_case("STATEMENT");
        if session.server.is_on("log_bin") && by_statement {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the server's binary log holds statements, and READ COMMITTED is refused",
            )
            .hint("set binlog_format to ROW or MIXED at the server"));
        }
        // What a member of the same brand holds: the 30th of February. The columns' places refuse everything else.
        session.run("SET SESSION sql_mode = CONCAT(@@sql_mode, ',ALLOW_INVALID_DATES')").await?;
        // Rows are found by the primary key whatever the table's size, because each statement says so.
        session.run("SET SESSION innodb_lock_wait_timeout = 10, sql_safe_updates = 0").await?;
        Ok(Self {
            session,
            tables: Vec::new(),
            followed: Vec::new(),
            wanted: Vec::new(),
            is_open: false,
            is_quiet: false,
        })
    }

    fn table(&self, table: usize) -> Result<&Table> {
        self.tables.get(table).ok_or_else(|| Error::new(ErrorKind::Bug, "the member has no table of that number"))
    }

    async fn verify(&mut self) -> Result<()> {
        let records = capture::verified(&mut self.session, &self.wanted).await?;
        let followed = self.wanted.iter().cloned().zip(records);
        self.followed = followed.map(|(wanted, record)| Followed::new(wanted, record)).collect::<Result<_>>()?;
        Ok(())
    }

    async fn query(&mut self, table: usize, sql: &str, values: Vec<Value>) -> Result<Vec<Row>> {
        let found = self.session.rows_with(sql, values).await;
        let of = self.table(table)?;
        let found = found.map_err(|e| of.named(e))?;
        Ok(found.into_iter().map(|row| of.row(row)).collect())
    }

    /// Runs a statement that writes values, and makes sure that they were stored as they were given (I10).
    async fn execute(&mut self, table: usize, sql: &str, values: Vec<Value>) -> Result<()> {
        let done = self.session.run_with(sql, values).await;
        let of = self.table(table)?;
        done.map_err(|e| of.named(e))?;
        if self.session.conn().get_warnings() == 0 {
            return Ok(());
        }
        let rows = self.session.rows("SHOW WARNINGS").await?;
        let Some(first) = rows.first() else { return Ok(()) };
        // I15: the text beside the code quotes the value.
        let cause = format!("warning {}", text(first, 1));
        let of = self.table(table)?;
        Err(of.named(Error::new(ErrorKind::Value, "the member would alter a value").caused_by(cause)))
    }

    async fn take_captured(&mut self) -> Result<Vec<(usize, ChangeBuf)>> {
        // Who marks and who prunes holds this row; installing does too.
        self.session.rows("SELECT incarnation FROM syncline_node WHERE id = 1 FOR UPDATE").await?;
        let seen = tick::unmarked(&mut self.session).await?;
        let tick = tick::mark(&mut self.session, &seen).await?.number;
        let after = vec![tick.saturating_sub(1); self.followed.len()];
        let mut range = Range::new(&after, tick);
        let mut changes = Vec::new();
        loop {
            let piece = range.piece(&mut self.session, &self.followed, PIECE_BYTES).await?;
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
        // A trigger bends a value of a type that it does not know, and says nothing.
        if !changes.is_empty() {
            self.verify().await?;
        }
        let sql = "INSERT INTO syncline_lane (lane, tick, tables) VALUES (?, ?, '[]') \
             ON DUPLICATE KEY UPDATE tick = VALUES(tick)";
        self.session.run_with(sql, vec![bound(LANE), tick.into()]).await?;
        while tick::prune(&mut self.session).await? {}
        self.session.run_with("DELETE FROM syncline_lane WHERE lane = ?", vec![bound(LANE)]).await?;
        Ok(changes)
    }
}

impl Table {
    fn named(&self, e: Error) -> Error {
        e.at("table", self.schema.name.to_string())
    }

    fn row(&self, row: mysql_async::Row) -> Row {
        let mut values = row.unwrap();
        values.iter_mut().for_each(types::spell_out);
        values.iter().zip(&self.readings).map(|(value, reading)| types::cell(*reading, value).to_owned()).collect()
    }

    fn values(&self, by: &[usize], cells: &[CellBuf]) -> Result<Vec<Value>> {
        let value = |(column, cell): (&usize, &CellBuf)| {
            let missing = || Error::new(ErrorKind::Bug, "a table has no column of that number");
            let place = self.places.get(*column).ok_or_else(missing)?;
            place.bind(cell.as_cell()).map_err(|reason| {
                let name = self.schema.columns.get(*column).map_or("?", |c| &c.name);
                let what = format!("the member cannot hold {} exactly: {reason}", cell.as_cell().kind_name());
                self.named(Error::new(ErrorKind::Value, what)).at("column", name)
            })
        };
        by.iter().zip(cells).map(value).collect()
    }

    /// The table's name with the index by which rows are found: to scan a small table whole, which the server finds cheaper,
    /// would mean to wait for whoever holds any of its rows.
    fn by_key(&self, by: &[usize]) -> String {
        let hint = if self.is_primary && self.schema.key.starts_with(by) { " FORCE INDEX (PRIMARY)" } else { "" };
        format!("{}{hint}", self.sql)
    }

    fn listed(&self, by: &[usize]) -> Vec<String> {
        by.iter().filter_map(|column| self.names.get(*column).cloned()).collect()
    }

    fn is_one_of(&self, by: &[usize], count: usize) -> String {
        let names = self.listed(by);
        let list: Vec<String> = by.iter().filter_map(|column| Some(self.places.get(*column)?.comparand())).collect();
        // One column by itself: the server finds no range in lists of one.
        let (names, list) = match names.as_slice() {
            [name] => (name.clone(), list.join(", ")),
            names => (format!("({})", names.join(", ")), format!("({})", list.join(", "))),
        };
        format!("{names} IN ({})", vec![list; count].join(", "))
    }
}

#[async_trait]
impl Member for MariadbMember {
    fn words(&self) -> Words {
        Words {
            int: "BIGINT",
            hash: "VARBINARY(16)",
            text: "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            bytes: "LONGBLOB",
            options: " ENGINE=InnoDB ROW_FORMAT=DYNAMIC",
        }
    }

    fn own(&self, name: &str) -> String {
        name.to_owned()
    }

    fn home(&self) -> Option<Arc<str>> {
        None
    }

    fn locks(&self) -> bool {
        true
    }

    async fn now_ms(&mut self) -> Result<u64> {
        let rows = self.session.rows("SELECT CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS UNSIGNED)").await?;
        rows.first().map_or(Ok(0), |row| number(row, 0))
    }

    async fn has(&mut self, name: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?";
        Ok(!self.session.rows_with(sql, vec![bound(name)]).await?.is_empty())
    }

    async fn define(&mut self, statements: &[String]) -> Result<()> {
        for sql in statements {
            self.session.define(sql).await?;
        }
        Ok(())
    }

    async fn open(&mut self, tables: &[Arc<TableSchema>], _: usize, captured: &[CaptureTable]) -> Result<()> {
        let names: Vec<TableName> = tables.iter().map(|t| t.name.clone()).collect();
        let there = catalog::tables(&mut self.session, &names).await?;
        self.tables.clear();
        for schema in tables {
            let missing = |what: &str| Error::new(ErrorKind::Schema, what).at("table", schema.name.to_string());
            let found = there.iter().find(|found| found.schema.name == schema.name);
            let found = found.ok_or_else(|| missing("the table is not there"))?;
            let (mut readings, mut places, mut selected) = (Vec::new(), Vec::new(), Vec::new());
            for column in &schema.columns {
                let own = found.schema.columns.iter().find(|own| own.name == column.name);
                let own = own.ok_or_else(|| missing("a column is not there"))?;
                let native = Native::parse(&own.native);
                readings.push(Reading::of(&native, &own.logical));
                places.push(Place::of(&native, own.nullable));
                selected.push(as_read(own, quoted(&own.name)));
            }
            self.tables.push(Table {
                sql: quoted(&schema.name.name),
                schema: schema.clone(),
                readings,
                places,
                names: schema.columns.iter().map(|c| quoted(&c.name)).collect(),
                is_primary: found.index_names.iter().any(|name| name == "PRIMARY"),
                selected: selected.join(", "),
            });
        }
        self.wanted = captured.to_vec();
        if self.wanted.is_empty() { Ok(()) } else { self.verify().await }
    }

    async fn begin(&mut self, writes: Writes) -> Result<()> {
        let (quiet, checks) = if writes == Writes::Quiet { ("1", "0") } else { ("NULL", "1") };
        self.session.run(&format!("SET {QUIET} = {quiet}, SESSION foreign_key_checks = {checks}")).await?;
        (self.is_open, self.is_quiet) = (true, writes == Writes::Quiet);
        self.session.run("START TRANSACTION").await
    }

    async fn commit(&mut self) -> Result<()> {
        self.session.run("COMMIT").await?;
        self.is_open = false;
        Ok(())
    }

    async fn rollback(&mut self) {
        if std::mem::take(&mut self.is_open) {
            let _ = self.session.run("ROLLBACK").await;
        }
    }

    async fn run(&mut self, sql: &str) -> Result<u64> {
        self.session.run(sql).await?;
        Ok(self.session.conn().affected_rows())
    }

    async fn select(&mut self, table: usize, rest: &str) -> Result<Vec<Row>> {
        let of = self.table(table)?;
        let sql = format!("SELECT {} FROM {} {rest}", of.selected, of.sql);
        self.query(table, &sql, Vec::new()).await
    }

    async fn find(&mut self, table: usize, by: &[usize], values: &[Cells], lock: bool) -> Result<Vec<Row>> {
        let of = self.table(table)?;
        let mut lists = Vec::with_capacity(values.len());
        for cells in values {
            match of.values(by, cells) {
                // What the column cannot hold no row has.
                Err(e) if e.kind() == ErrorKind::Value => {}
                other => lists.push(other?),
            }
        }
        let mut rows = Vec::new();
        let mut rest = &lists[..];
        while let Some(last) = rest.last() {
            let size = padded(rest.len(), by.len());
            let of = self.table(table)?;
            let mut sql = format!("SELECT {} FROM {} WHERE {}", of.selected, of.by_key(by), of.is_one_of(by, size));
            if lock {
                sql.push_str(&format!(" ORDER BY {} FOR UPDATE", of.listed(&of.schema.key).join(", ")));
            }
            let (now, later) = rest.split_at(size.min(rest.len()));
            let params = now.iter().chain(std::iter::repeat_n(last, size - now.len())).flatten().cloned().collect();
            rows.extend(self.query(table, &sql, params).await?);
            rest = later;
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
            let values = now.iter().map(|row| of.values(&all, row)).collect::<Result<Vec<_>>>()?;
            let list = format!("({})", vec!["?"; width].join(", "));
            let lists = vec![list; size].join(", ");
            let sql = format!("INSERT INTO {} ({}) VALUES {lists}", of.sql, of.names.join(", "));
            self.execute(table, &sql, values.into_iter().flatten().collect()).await?;
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
        // Many rows go and come again: each update by itself would be a way to the server and back. Nothing looks at that in a
        // quiet transaction, and a row has no columns but those that are written.
        if self.is_quiet && rows.len() > UPDATES_MAX {
            let keys: Vec<Cells> =
                rows.iter().map(|row| key.iter().filter_map(|c| row.get(*c).cloned()).collect()).collect();
            self.remove(table, &key, &keys).await?;
            return self.insert(table, rows).await;
        }
        let sets: Vec<String> = of.listed(&rest).iter().map(|name| format!("{name} = ?")).collect();
        let sql = format!("UPDATE {} SET {} WHERE {}", of.by_key(&key), sets.join(", "), of.is_one_of(&key, 1));
        let by: Vec<usize> = rest.iter().chain(&key).copied().collect();
        for row in rows {
            let cells: Row = by.iter().filter_map(|column| row.get(*column).cloned()).collect();
            let values = self.table(table)?.values(&by, &cells)?;
            self.execute(table, &sql, values).await?;
        }
        Ok(())
    }

    async fn remove(&mut self, table: usize, by: &[usize], values: &[Cells]) -> Result<()> {
        let mut rest = values;
        while let Some(last) = rest.last() {
            let size = padded(rest.len(), by.len());
            let of = self.table(table)?;
            let (now, later) = rest.split_at(size.min(rest.len()));
            let lists = now.iter().chain(std::iter::repeat_n(last, size - now.len()));
            let params = lists.map(|cells| of.values(by, cells)).collect::<Result<Vec<_>>>()?;
            let sql = format!("DELETE {0} FROM {1} WHERE {2}", of.sql, of.by_key(by), of.is_one_of(by, size));
            self.execute(table, &sql, params.into_iter().flatten().collect()).await?;
            rest = later;
        }
        Ok(())
    }

    async fn captured(&mut self) -> Result<Vec<(usize, ChangeBuf)>> {
        if !self.is_captured().await? {
            return Ok(Vec::new());
        }
        // Entries are locked by their ids alone, or not at all: see `tick`.
        self.session.run("SET SESSION sql_safe_updates = 1").await?;
        let taken = self.take_captured().await;
        self.session.run("SET SESSION sql_safe_updates = 0").await?;
        taken
    }

    async fn is_captured(&mut self) -> Result<bool> {
        if self.followed.is_empty() {
            return Ok(false);
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM syncline_outbox FORCE INDEX (by_tick) WHERE tick IS NULL)";
        let rows = self.session.rows(sql).await?;
        Ok(rows.first().is_some_and(|row| text(row, 0) == "1"))
    }

    async fn end(self: Box<Self>) {
        self.session.end().await;
    }
}

/// Whether the database belongs to a sync group, whose members are not followed by jobs.
pub async fn is_member(session: &mut Session) -> Result<bool> {
    let sql =
        "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'syncline_group'";
    Ok(!session.rows(sql).await?.is_empty())
}
