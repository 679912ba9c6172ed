//! How far a snapshot got: the tables that are done.
//!
//! A snapshot reads its tables in one fixed order, each as one unit, so the last finished table says it all. An
//! interrupted table starts over.

use std::collections::BTreeMap;
use std::sync::Arc;

use syncline_model::{Column, Error, ErrorKind, Position, Result, TableName, TableSchema};

/// Layout of a snapshot's position: the name of the last table that is done.
const LAYOUT: &str = "snapshot/1";

/// The position after that table.
#[must_use]
pub fn after(table: &TableName) -> Position {
    Position::new(LAYOUT, table.to_string())
}

/// The tables that are still to be read after `at`, and the number of those before them.
///
/// # Errors
/// [`ErrorKind::PositionLost`] if the position is not one of a snapshot over these tables.
pub fn remaining(at: Option<&Position>, tables: &[Arc<TableSchema>]) -> Result<(usize, Vec<Arc<TableSchema>>)> {
    let Some(at) = at else { return Ok((0, tables.to_vec())) };
    let lost = |what: &str| {
        Error::new(ErrorKind::PositionLost, what)
            .at("position", at.at.clone())
            .hint("the tables changed since the copy that was interrupted; `--restart` forgets it and starts over")
    };
    if at.layout != LAYOUT {
        return Err(lost("the sink's position was written by another kind of source or a newer version"));
    }
    let done = tables.iter().position(|t| t.name.to_string() == at.at);
    let done = done.ok_or_else(|| lost("the sink's position names a table that is not part of this copy"))? + 1;
    Ok((done, tables.iter().skip(done).cloned().collect()))
}

/// Where the columns that were described stand in the table as it is now.
///
/// # Errors
/// [`ErrorKind::Schema`] if the table is gone, or a column of it is no longer what it was (F88).
pub fn same_as_described(described: &TableSchema, now: Option<&TableSchema>) -> Result<Vec<usize>> {
    let table = described.name.to_string();
    let now = now.ok_or_else(|| {
        Error::new(ErrorKind::Schema, "the table is no longer there")
            .at("table", table.clone())
            .hint("look at the source; another program dropped or renamed it while the job began")
    })?;
    let place = |c: &Column| {
        now.columns.iter().position(|n| n.name == c.name && n.native == c.native).ok_or_else(|| {
            Error::new(ErrorKind::Schema, "the table was changed while the job began")
                .at("table", table.clone())
                .at("column", &*c.name)
                .hint("run the same command again")
        })
    };
    described.columns.iter().map(place).collect()
}

/// What a sink says of a table that is done and has gone since: to skip it would report rows that nobody has (I10). A job
/// that follows is not a copy that could be started over.
#[must_use]
pub fn gone(table: &TableName, follows: bool) -> Error {
    let error = Error::new(ErrorKind::PositionLost, "a table that was done before is no longer at the sink")
        .at("table", table.to_string());
    match follows {
        true => error.hint(format!("`syncline resync JOB --table {table}` has it loaded again")),
        false => error.hint("`--restart` forgets the interrupted copy and starts over"),
    }
}

/// Sorts tables so that each follows those it refers to; what refers in a circle keeps its order by name.
#[must_use]
pub fn parents_first(tables: Vec<TableSchema>) -> Vec<TableSchema> {
    let mut waiting: BTreeMap<TableName, TableSchema> = tables.into_iter().map(|t| (t.name.clone(), t)).collect();
    let mut sorted = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let free = |t: &&TableSchema| t.foreign_keys.iter().all(|k| k.to == t.name || !waiting.contains_key(&k.to));
        // All that wait for nobody come at once, so that ten thousand tables take a few rounds.
        let mut next: Vec<TableName> = waiting.values().filter(free).map(|t| t.name.clone()).collect();
        if next.is_empty() {
            next.extend(waiting.keys().next().cloned());
        }
        sorted.extend(next.iter().filter_map(|name| waiting.remove(name)));
    }
    sorted
}

#[cfg(test)]
mod tests;
