//! What is installed in a MariaDB database so that its changes are found (I16).
//!
//! Per captured table: a change table `syncline_log_<n>` with columns of the same types, old and new, and three triggers
//! that write to it in the application's own transaction. `syncline_outbox` gives the order over all tables, and says of
//! each change behind which tick it lies; see [`super::changes`].
//!
//! Defining anything commits on this server, so a kill can leave half of it. Therefore the entry in `syncline_capture`
//! comes first and the triggers last, in that order, and whoever misses one of them makes the table anew under another
//! number. `syncline_node` is the last of the control tables and the first to go: without it nothing is installed.

pub mod ddl;
mod install;
mod obstacles;
mod verify;

use mysql_async::Value;
use serde::{Deserialize, Serialize};
use syncline_model::{Column, Error, ErrorKind, LogicalType, Result};

pub use self::install::{install, plan, removal, remove};
pub use self::obstacles::refused;
pub use self::verify::marks;
use super::catalog::{self, Found};
use super::session::{Session, text};
use super::types::Native;
use crate::capture::retained::{Retained, RetainedFor};
use crate::connector::{Backlog, CaptureTable, LaneId};

/// A column of a captured table, as it was when capture was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    pub name: String,
    /// As declared.
    pub native: String,
    /// Whether an update keeps its old value even if it did not change.
    pub kept: bool,
    /// Whether another row can stand against its new value.
    pub guarded: bool,
}

impl Captured {
    /// Whether what was captured by this is enough for one who wants that.
    fn is_enough(&self, wanted: &Self) -> bool {
        (self.kept || !wanted.kept) && (self.guarded || !wanted.guarded)
    }
}

/// A captured table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The number of its change table.
    pub log: u64,
    /// The table.
    pub name: String,
    pub columns: Vec<Captured>,
}

/// Whether there is such a table in the connection's database.
async fn is_there(session: &mut Session, table: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?";
    Ok(!session.rows_with(sql, vec![super::session::bound(table)]).await?.is_empty())
}

/// The tables that are captured, by number; none if nothing was ever installed.
pub async fn records(session: &mut Session) -> Result<Vec<Record>> {
    if !is_there(session, "syncline_capture").await? {
        return Ok(Vec::new());
    }
    let mut records = Vec::new();
    for row in session.rows("SELECT log, name, columns FROM syncline_capture ORDER BY log").await? {
        let name = text(&row, 1);
        let columns = serde_json::from_str(&text(&row, 2)).map_err(|_| {
            Error::new(ErrorKind::Corrupt, "syncline_capture.columns is no list of columns").at("table", name.clone())
        })?;
        records.push(Record { log: number(&row, 0)?, name, columns });
    }
    Ok(records)
}

/// A number of a row of ours.
pub fn number(row: &mysql_async::Row, column: usize) -> Result<u64> {
    let number = match row.as_ref(column) {
        Some(Value::UInt(v)) => Some(*v),
        Some(Value::Int(v)) => u64::try_from(*v).ok(),
        Some(Value::Bytes(digits)) => std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()),
        _ => None,
    };
    number.ok_or_else(|| Error::new(ErrorKind::Corrupt, "Syncline's own tables hold no number where one must be"))
}

/// The random name of this installation, if there is one.
pub async fn incarnation(session: &mut Session) -> Result<Option<String>> {
    if !is_there(session, "syncline_node").await? {
        return Ok(None);
    }
    Ok(session.rows("SELECT incarnation FROM syncline_node").await?.first().map(|row| text(row, 0)))
}

/// A lane that reads here.
pub struct Lane {
    pub lane: LaneId,
    /// What it has confirmed.
    pub tick: u64,
    /// The tables that it reads.
    pub tables: Vec<String>,
}

/// The lanes that read here.
pub async fn lanes(session: &mut Session) -> Result<Vec<Lane>> {
    if !is_there(session, "syncline_lane").await? {
        return Ok(Vec::new());
    }
    let rows = session.rows("SELECT lane, tick, tables FROM syncline_lane ORDER BY lane").await?;
    let lane = |row| {
        let tables = serde_json::from_str(&text(row, 2)).unwrap_or_default();
        Ok(Lane { lane: LaneId(text(row, 0)), tick: number(row, 1)?, tables })
    };
    rows.iter().map(lane).collect()
}

/// What waits for each lane.
pub async fn backlog(session: &mut Session) -> Result<Vec<Backlog>> {
    let sql = "SELECT COUNT(*), CAST(TIMESTAMPDIFF(MICROSECOND, MIN(at), UTC_TIMESTAMP(6)) AS SIGNED) \
         FROM syncline_outbox WHERE tick > ? OR tick IS NULL";
    let mut waiting = Vec::new();
    for lane in lanes(session).await? {
        let rows = session.rows_with(sql, vec![lane.tick.into()]).await?;
        let Some(row) = rows.first() else { continue };
        waiting.push(Backlog { lane: lane.lane, changes: number(row, 0)?, age_s: seconds(row, 1) });
    }
    Ok(waiting)
}

/// What is retained for the lanes, by the server's own statistics.
pub async fn retained(session: &mut Session) -> Result<Retained> {
    let lanes = lanes(session).await?;
    if lanes.is_empty() {
        return Ok(Retained::default());
    }
    let sql = "SELECT CAST(COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) AS UNSIGNED) FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA = DATABASE() AND (TABLE_NAME = 'syncline_outbox' OR TABLE_NAME LIKE 'syncline\\_log\\_%')";
    let bytes = session.rows(sql).await?.first().map_or(Ok(0), |row| number(row, 0))?;
    let oldest = "SELECT CAST(TIMESTAMPDIFF(MICROSECOND, MIN(at), UTC_TIMESTAMP(6)) AS SIGNED) FROM \
         ((SELECT at FROM syncline_outbox FORCE INDEX (by_tick) WHERE tick > ? ORDER BY tick, id LIMIT 1) UNION ALL \
          (SELECT at FROM syncline_outbox FORCE INDEX (by_tick) WHERE tick IS NULL ORDER BY id LIMIT 1)) AS oldest";
    let mut waits = Vec::new();
    for lane in lanes {
        let rows = session.rows_with(oldest, vec![lane.tick.into()]).await?;
        waits.push(RetainedFor { lane: lane.lane, age_s: rows.first().and_then(|row| seconds(row, 0)) });
    }
    Ok(Retained { bytes, estimated: true, lanes: waits })
}

/// A time in microseconds; absent for null.
fn seconds(row: &mysql_async::Row, column: usize) -> Option<f64> {
    match row.as_ref(column) {
        Some(Value::Int(us)) => Some(std::time::Duration::from_micros(u64::try_from(*us).unwrap_or(0)).as_secs_f64()),
        _ => None,
    }
}

/// Whether an update that leaves the column alone leaves it out: it may be long.
fn may_be_long(column: &Column) -> bool {
    let native = Native::parse(&column.native);
    !matches!(native.word.as_str(), "tinytext" | "tinyblob")
        && (native.is_unbounded()
            || matches!(column.logical, LogicalType::Json)
            || matches!(column.logical, LogicalType::Bytes { bytes_max: None }))
}

/// The columns of a table as it is, and what a lane wants of each: the old value of a key, of what a filter looks at, and of
/// what is short anyway.
fn wanted(found: &Found, table: &CaptureTable) -> Vec<Captured> {
    let schema = &found.schema;
    let is_key = |name: &str| table.schema.key_columns().any(|k| &*k.name == name);
    let refers = |i: usize| schema.foreign_keys.iter().any(|key| key.columns.contains(&i));
    let is_unique = |name: &str| found.odd_unique || found.unique.iter().flatten().any(|c| c == name);
    let column = |(i, c): (usize, &Column)| Captured {
        name: c.name.to_string(),
        native: c.native.clone(),
        kept: table.whole || schema.key.contains(&i) || is_key(&c.name) || !may_be_long(c),
        guarded: schema.key.contains(&i) || is_unique(&c.name) || refers(i),
    };
    schema.columns.iter().enumerate().map(column).collect()
}

/// Whether the tables that a lane reads are captured as they are now, and by which change tables.
///
/// # Errors
/// [`ErrorKind::Schema`] with the difference, if one is not.
pub async fn verified(session: &mut Session, tables: &[CaptureTable]) -> Result<Vec<Record>> {
    let located = |table: &CaptureTable, e: Error| {
        e.at("table", table.schema.name.to_string())
            .hint("`syncline install` brings it into place; a table that is captured anew is loaded again")
    };
    let missing = |table: &CaptureTable, what: String| located(table, Error::new(ErrorKind::Schema, what));
    let there = records(session).await?;
    let names: Vec<_> = tables.iter().map(|t| t.schema.name.clone()).collect();
    let found = catalog::tables(session, &names).await?;
    let triggers = verify::Triggers::read(session, &names).await?;
    let logs = verify::logs(session).await?;
    let mut verified = Vec::with_capacity(tables.len());
    for table in tables {
        let name = &*table.schema.name.name;
        let record = there.iter().find(|r| r.name == name);
        let record = record.ok_or_else(|| missing(table, "the table's changes are not captured".into()))?;
        let found = found.iter().find(|f| f.schema.name == table.schema.name);
        let found = found.ok_or_else(|| missing(table, "the table is no longer there".into()))?;
        match verify::state(&session.server, record, &found.schema, &wanted(found, table), triggers.of(name), &logs) {
            Ok(verify::State::InPlace) => verified.push(record.clone()),
            Ok(verify::State::Order) => {
                return Err(missing(table, "another trigger of the table would run before Syncline's".into()));
            }
            Err(e) => return Err(located(table, e)),
        }
    }
    Ok(verified)
}
