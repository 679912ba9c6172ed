//! Whether a table is captured as it is now.

use rusqlite::Connection;
use syncline_model::{Error, ErrorKind, Result, TableSchema};

use super::super::failed;
use super::Record;
use super::ddl::Triggers;

/// How a table's capture stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    InPlace,
    /// Nothing was missed, but its triggers must be made again: others run before them, or a filter needs more.
    Triggers,
}

/// Looks at a captured table; `kept` is what a lane needs kept of each column.
///
/// # Errors
/// [`ErrorKind::Schema`] with the difference, if changes may have been missed.
pub fn state(conn: &Connection, record: &Record, schema: &TableSchema, kept: &[bool]) -> Result<State> {
    if let Some(difference) = columns_differ(record, schema) {
        return Err(difference);
    }
    let there = triggers(conn, &schema.name.name)?;
    let replaced = triggers(conn, &format!("syncline_replaced_{}", record.log))?;
    let recorded = record.columns.iter().map(|c| c.kept).collect();
    for sql in Triggers::new(schema, recorded).all(record.log) {
        let name = sql.split_whitespace().nth(2).unwrap_or_default();
        match there.iter().chain(&replaced).find(|(n, _)| n == name) {
            Some((_, found)) if *found == sql => {}
            Some(_) => return Err(Error::new(ErrorKind::Schema, format!("trigger {name} was changed"))),
            None => return Err(Error::new(ErrorKind::Schema, format!("trigger {name} is missing"))),
        }
    }
    let keeps_enough = kept.iter().zip(&record.columns).all(|(needed, c)| c.kept || !needed);
    // The newest runs first.
    let newest_foreign = there.iter().rposition(|(n, sql)| !n.starts_with("syncline_") && is_after(sql));
    let oldest_of_ours = there.iter().position(|(n, sql)| n.starts_with("syncline_") && is_after(sql));
    let is_first = newest_foreign.zip(oldest_of_ours).is_none_or(|(foreign, ours)| foreign < ours);
    Ok(if keeps_enough && is_first { State::InPlace } else { State::Triggers })
}

/// The first difference between the columns as they were captured and as they are.
fn columns_differ(record: &Record, schema: &TableSchema) -> Option<Error> {
    let now = &schema.columns;
    if let Some(gone) = record.columns.iter().find(|c| !now.iter().any(|n| *n.name == c.name)) {
        let what = format!("column {} is gone or renamed since capture was installed", gone.name);
        return Some(Error::new(ErrorKind::Schema, what).of_columns());
    }
    if let Some(new) = now.iter().find(|n| !record.columns.iter().any(|c| c.name == *n.name)) {
        let what = format!("column {} was added since capture was installed", new.name);
        return Some(Error::new(ErrorKind::Schema, what).of_columns());
    }
    let other = record.columns.iter().zip(now).find(|(c, n)| c.name != *n.name || c.native != n.native)?;
    let what = format!("column {} has another type or place since capture was installed", other.1.name);
    Some(Error::new(ErrorKind::Schema, what))
}

/// The table's triggers with their texts, oldest first.
fn triggers(conn: &Connection, table: &str) -> Result<Vec<(String, String)>> {
    let cannot = |e| failed(e, "cannot read the triggers");
    let sql =
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE ORDER BY rowid";
    let mut stmt = conn.prepare_cached(sql).map_err(cannot)?;
    let rows = stmt.query_map([table], |r| Ok((r.get(0)?, r.get(1)?)));
    rows.and_then(Iterator::collect).map_err(cannot)
}

/// Whether a trigger runs after its change. Words in a comment may say so too, which only makes ours anew.
fn is_after(sql: &str) -> bool {
    let words = sql.split_whitespace().map(str::to_ascii_uppercase);
    words.take_while(|w| w != "BEGIN").all(|w| w != "BEFORE")
}
