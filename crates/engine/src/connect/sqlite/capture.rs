//! What is installed in an SQLite file so that its changes are found (I16).
//!
//! Per captured table: a change table `syncline_log_<n>` with the same columns, old and new, and triggers that write to it
//! in the application's own transaction. `syncline_outbox` gives the order over all tables; its ids are drawn by
//! AUTOINCREMENT, so that none comes twice (F112), and SQLite has one writer, so that they are in commit order.
//!
//! SQLite fires no delete trigger for a row that `REPLACE` removes. A trigger before the insert or update notes the rows
//! that stand in the way, and the one after it records those that are gone (F25).

pub mod ddl;
mod verify;

use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use syncline_model::{Column, Error, ErrorKind, LogicalType, Result, TableSchema};

use super::{catalog, failed, types};
use crate::capture::retained::{Retained, RetainedFor};
use crate::connector::{Backlog, CaptureTable, InstallPlan, LaneId};

/// A column of a captured table, as it was when capture was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    pub name: String,
    /// As declared.
    pub native: String,
    /// Whether an update keeps its old value even if it did not change.
    pub kept: bool,
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

/// The tables that are captured, by number; none if nothing was ever installed.
pub fn records(conn: &Connection) -> Result<Vec<Record>> {
    let cannot = |e| failed(e, "cannot read syncline_capture");
    if catalog::kind_of(conn, "syncline_capture")?.is_none() {
        return Ok(Vec::new());
    }
    let mut stmt = conn.prepare("SELECT log, name, columns FROM syncline_capture ORDER BY log").map_err(cannot)?;
    let rows = stmt.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get::<_, String>(2)?)));
    let rows: Vec<(u64, String, String)> = rows.and_then(Iterator::collect).map_err(cannot)?;
    let read = |(log, name, columns): (u64, String, String)| {
        let columns = serde_json::from_str(&columns).map_err(|_| {
            Error::new(ErrorKind::Corrupt, "syncline_capture.columns is no list of columns").at("table", name.clone())
        })?;
        Ok(Record { log, name, columns })
    };
    rows.into_iter().map(read).collect()
}

/// The random name of this installation, if there is one.
pub fn incarnation(conn: &Connection) -> Result<Option<String>> {
    if catalog::kind_of(conn, "syncline_node")?.is_none() {
        return Ok(None);
    }
    let read = conn.query_row("SELECT incarnation FROM syncline_node", [], |r| r.get(0)).optional();
    read.map_err(|e| failed(e, "cannot read syncline_node"))
}

/// What must run so that these tables are captured, and what stands against it.
pub fn plan(conn: &Connection, tables: &[CaptureTable]) -> Result<InstallPlan> {
    let mut plan = InstallPlan::default();
    let there = records(conn)?;
    if incarnation(conn)?.is_none() {
        plan.statements.extend(ddl::control());
    }
    // The triggers of a table that was renamed went along with it, and would record for nobody.
    for record in &there {
        if catalog::kind_of(conn, &record.name)?.is_none() {
            plan.notices.push(format!("{} is gone or renamed, and no longer captured", record.name));
            plan.statements.extend(ddl::drop_table(conn, record.log)?);
        }
    }
    let mut next = next_log(conn)?;
    for table in tables {
        let name = &*table.schema.name.name;
        let schema = match catalog::kind_of(conn, name)? {
            Some((own, kind)) if kind == "table" => catalog::structure(conn, &own)?,
            _ => {
                plan.obstacles.push(format!("{name} is not a table; only tables have triggers"));
                continue;
            }
        };
        if schema.columns.len() > ddl::COLUMNS_MAX {
            plan.obstacles.push(format!(
                "{name} has {} columns; capture keeps the old and the new row side by side, which SQLite has room for up to {}",
                schema.columns.len(),
                ddl::COLUMNS_MAX
            ));
            continue;
        }
        let mut kept = kept(&schema, table);
        let record = there.iter().find(|r| r.name.eq_ignore_ascii_case(name));
        match record.map(|r| (r, verify::state(conn, r, &schema, &kept))) {
            Some((_, Ok(verify::State::InPlace))) => {}
            Some((r, Ok(verify::State::Triggers))) => {
                // What other lanes need is kept too.
                kept.iter_mut().zip(&r.columns).for_each(|(kept, c)| *kept |= c.kept);
                plan.statements.extend(ddl::drop_triggers(conn, r.log)?);
                plan.statements.extend(ddl::Triggers::new(&schema, kept).again(r.log)?);
            }
            other => {
                if let Some((r, why)) = other {
                    let why = why.err().map_or_else(String::new, |e| format!(" ({})", e.what()));
                    plan.notices.push(format!("{name} is captured anew and will be loaded again{why}"));
                    plan.statements.extend(ddl::drop_table(conn, r.log)?);
                }
                plan.statements.extend(ddl::Triggers::new(&schema, kept).create(next)?);
                next += 1;
            }
        }
    }
    Ok(plan)
}

/// The number that the next captured table gets: none is used twice.
fn next_log(conn: &Connection) -> Result<u64> {
    if catalog::kind_of(conn, "syncline_capture")?.is_none() {
        return Ok(1);
    }
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'syncline_capture'";
    let last: rusqlite::Result<Option<u64>> = conn.query_row(sql, [], |r| r.get(0)).optional();
    Ok(last.map_err(|e| failed(e, "cannot read syncline_capture"))?.unwrap_or(0) + 1)
}

/// Runs the plan in one transaction.
pub fn install(conn: &Connection, tables: &[CaptureTable]) -> Result<InstallPlan> {
    let cannot = |e| failed(e, "cannot install capture");
    conn.execute_batch("BEGIN IMMEDIATE").map_err(cannot)?;
    // Looked at under the lock: nobody changes a table between the look and the trigger.
    let installed = plan(conn, tables).and_then(|plan| {
        if plan.obstacles.is_empty() {
            plan.statements.iter().try_for_each(|sql| conn.execute_batch(sql)).map_err(cannot)?;
        }
        Ok(plan)
    });
    let end = if installed.is_ok() { "COMMIT" } else { "ROLLBACK" };
    conn.execute_batch(end).map_err(cannot)?;
    installed
}

/// What removes a lane and what only it needed; without a lane, everything.
pub fn removal(conn: &Connection, lane: Option<&LaneId>) -> Result<Vec<String>> {
    let others = match lane {
        Some(lane) => lanes(conn)?.into_iter().filter(|l| !l.lane.is_of(lane)).collect(),
        None => Vec::new(),
    };
    if others.is_empty() {
        return ddl::drop_all(conn);
    }
    let mut statements = Vec::new();
    for record in records(conn)? {
        if !others.iter().any(|l| l.tables.contains(&record.name)) {
            statements.extend(ddl::drop_table(conn, record.log)?);
        }
    }
    for gone in lanes(conn)?.iter().filter(|l| lane.is_some_and(|lane| l.lane.is_of(lane))) {
        statements.push(format!("DELETE FROM syncline_lane WHERE lane = '{}'", gone.lane.0.replace('\'', "''")));
    }
    Ok(statements)
}

/// Runs [`removal`] in one transaction.
pub fn remove(conn: &Connection, lane: Option<&LaneId>) -> Result<Vec<String>> {
    let cannot = |e| failed(e, "cannot remove capture");
    conn.execute_batch("BEGIN IMMEDIATE").map_err(cannot)?;
    let removed = removal(conn, lane).and_then(|statements| {
        statements.iter().try_for_each(|sql| conn.execute_batch(sql)).map_err(cannot)?;
        Ok(statements)
    });
    let end = if removed.is_ok() { "COMMIT" } else { "ROLLBACK" };
    conn.execute_batch(end).map_err(cannot)?;
    removed
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
pub fn lanes(conn: &Connection) -> Result<Vec<Lane>> {
    let cannot = |e| failed(e, "cannot read syncline_lane");
    if catalog::kind_of(conn, "syncline_lane")?.is_none() {
        return Ok(Vec::new());
    }
    let mut stmt = conn.prepare("SELECT lane, tick, tables FROM syncline_lane ORDER BY lane").map_err(cannot)?;
    let rows = stmt.query_map([], |r| {
        let tables: String = r.get(2)?;
        Ok(Lane { lane: LaneId(r.get(0)?), tick: r.get(1)?, tables: serde_json::from_str(&tables).unwrap_or_default() })
    });
    rows.and_then(Iterator::collect).map_err(cannot)
}

/// What waits for each lane.
pub fn backlog(conn: &Connection) -> Result<Vec<Backlog>> {
    let cannot = |e| failed(e, "cannot read syncline_outbox");
    let sql = "SELECT count(*), (julianday('now') - min(at)) * 86400.0 FROM syncline_outbox WHERE id > ?1";
    let waiting = |lane: Lane| {
        let (changes, age_s) = conn.query_row(sql, [lane.tick], |r| Ok((r.get(0)?, r.get(1)?))).map_err(cannot)?;
        Ok(Backlog { lane: lane.lane, changes, age_s })
    };
    lanes(conn)?.into_iter().map(waiting).collect()
}

/// What is retained for the lanes, by the pages of the change tables.
pub fn retained(conn: &Connection) -> Result<Retained> {
    let cannot = |e| failed(e, "cannot look at what is retained");
    let lanes = lanes(conn)?;
    if lanes.is_empty() {
        return Ok(Retained::default());
    }
    let logs = records(conn)?.into_iter().map(|record| format!("syncline_log_{}", record.log));
    let bytes =
        std::iter::once("syncline_outbox".to_owned()).chain(logs).map(|name| pages(conn, &name).map_err(cannot));
    let bytes = bytes.sum::<Result<u64>>()?;
    let oldest = "SELECT (julianday('now') - at) * 86400.0 FROM syncline_outbox WHERE id > ?1 ORDER BY id LIMIT 1";
    let waits = |lane: Lane| {
        let age_s = conn.query_row(oldest, [lane.tick], |r| r.get(0)).optional().map_err(cannot)?;
        Ok(RetainedFor { lane: lane.lane, age_s })
    };
    let lanes = lanes.into_iter().map(waits).collect::<Result<_>>()?;
    Ok(Retained { bytes, estimated: false, lanes })
}

/// Bytes of the pages of a table that has no further indexes. To count them is to read them, and to find where they are is to
/// look through the whole schema; an empty table is spared both.
fn pages(conn: &Connection, table: &str) -> rusqlite::Result<u64> {
    let sql = match conn.query_row(&format!("SELECT EXISTS (SELECT 1 FROM {table})"), [], |r| r.get(0))? {
        true => "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name = ?1 AND aggregate = TRUE",
        false => "SELECT page_size FROM pragma_page_size WHERE ?1 IS NOT NULL",
    };
    conn.prepare_cached(sql)?.query_row([table], |r| r.get(0))
}

/// Whether an update that leaves the column alone leaves it out: it may be long.
fn may_be_long(column: &Column) -> bool {
    matches!(
        types::logical(&column.native),
        LogicalType::Text { chars_max: None }
            | LogicalType::Bytes { bytes_max: None }
            | LogicalType::Json
            | LogicalType::Any
    )
}

/// Per column of the table as it is, whether this lane needs its old value even if an update does not change it: key,
/// what a filter looks at, and what is short anyway.
fn kept(schema: &TableSchema, table: &CaptureTable) -> Vec<bool> {
    let is_key = |name: &str| table.schema.key_columns().any(|k| &*k.name == name);
    let own = |i: usize| schema.key.contains(&i);
    let columns = schema.columns.iter().enumerate();
    columns.map(|(i, c)| table.whole || own(i) || is_key(&c.name) || !may_be_long(c)).collect()
}

/// The columns of a table as they are recorded.
fn recorded(schema: &TableSchema, kept: &[bool]) -> Vec<Captured> {
    let columns = schema.columns.iter().zip(kept);
    columns.map(|(c, kept)| Captured { name: c.name.to_string(), native: c.native.clone(), kept: *kept }).collect()
}

/// Whether the tables that a lane reads are captured as they are now, and by which change tables.
///
/// # Errors
/// [`ErrorKind::Schema`] with the difference, if one is not.
pub fn verified(conn: &Connection, tables: &[CaptureTable]) -> Result<Vec<Record>> {
    let there = records(conn)?;
    let located = |table: &CaptureTable, e: Error| {
        e.at("table", table.schema.name.to_string())
            .hint("`syncline install` brings it into place; a table that is captured anew is loaded again")
    };
    let missing = |table: &CaptureTable, what: String| located(table, Error::new(ErrorKind::Schema, what));
    let mut found = Vec::with_capacity(tables.len());
    for table in tables {
        let name = &*table.schema.name.name;
        let record = there.iter().find(|r| r.name.eq_ignore_ascii_case(name));
        let record = record.ok_or_else(|| missing(table, "the table's changes are not captured".into()))?;
        if catalog::kind_of(conn, name)?.is_none() {
            return Err(missing(table, "the table is no longer there".into()));
        }
        let schema = catalog::structure(conn, name)?;
        match verify::state(conn, record, &schema, &kept(&schema, table)) {
            Ok(verify::State::InPlace) => found.push(record.clone()),
            Ok(verify::State::Triggers) => {
                let what =
                    "another trigger of the table would run before Syncline's, or a filter needs more than is kept";
                return Err(missing(table, what.into()));
            }
            Err(e) => return Err(located(table, e)),
        }
    }
    Ok(found)
}
