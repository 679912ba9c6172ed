//! Large tables in ranges of blocks, and further sessions that see the same snapshot and read them too.

use std::collections::HashMap;

use syncline_model::{Error, ErrorKind, Result};

use super::catalog::Table;
use super::config::Settings;
use super::session::{self, Session, failed};

/// The first version that reads a range of blocks without looking at the others.
const VERSION_MIN: u32 = 140_000;

/// Bytes of the smallest table that is read in ranges.
const SPLIT_MIN: i64 = 8 << 20;

/// Bytes of the smallest range: below, a COPY's beginning and end are felt.
const RANGE_MIN: i64 = 2 << 20;

/// Ranges for each session, so that those that are quicker take more and all end at about the same time.
const RANGES_EACH: i64 = 8;

/// What to do where others may not see the snapshot.
const ALONE: &str = "`connections=1` in the URL reads by one connection";

/// The further sessions, and the conditions of each table that is read in ranges, by its number in the catalogue.
#[derive(Default)]
pub struct Ranges {
    pub sessions: Vec<Session>,
    pub of: HashMap<u32, Vec<String>>,
}

/// Opens further sessions in the snapshot of `first`, if the settings want them and there is a table large enough.
///
/// A session that is not to be had is done without: what is read is the same with fewer.
pub async fn open(first: &Session, settings: &Settings, tables: &[&Table]) -> Result<Ranges> {
    if settings.connections() == 1 || first.version < VERSION_MIN {
        return Ok(Ranges::default());
    }
    let blocks = blocks(first, tables).await?;
    let large: Vec<&Table> = tables.iter().copied().filter(|t| blocks.contains_key(&t.oid)).collect();
    if large.is_empty() {
        return Ok(Ranges::default());
    }
    let locks: Vec<String> = large.iter().map(|t| t.sql_read()).collect();
    let export = "SELECT pg_catalog.pg_export_snapshot()";
    let cannot = |e| failed(e, "cannot show the snapshot to other connections").hint(ALONE);
    let snapshot: String = first.client.query_one(export, &[]).await.map_err(cannot)?.get(0);
    let sessions = joined(settings, &join(&snapshot, &locks)).await;
    let readers = i64::try_from(sessions.len() + 1).unwrap_or(1);
    let of = match readers {
        1 => HashMap::new(),
        readers => blocks.into_iter().map(|(oid, size)| (oid, conditions(size, readers))).collect(),
    };
    Ok(Ranges { sessions, of })
}

/// A table's size, in blocks of so many bytes.
#[derive(Clone, Copy)]
struct Size {
    blocks: i64,
    block: i64,
}

/// The sizes of those tables that are worth it. Another kind of storage than the usual may not know of blocks.
async fn blocks(session: &Session, tables: &[&Table]) -> Result<HashMap<u32, Size>> {
    let oids: Vec<u32> = tables.iter().filter(|t| t.relkind == "r").map(|t| t.oid).collect();
    let sql = "SELECT c.oid, pg_catalog.pg_relation_size(c.oid), pg_catalog.current_setting('block_size')::bigint \
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_am a ON a.oid = c.relam AND a.amname = 'heap' \
        WHERE c.oid = ANY($1)";
    let rows = session.client.query(sql, &[&oids]).await.map_err(|e| failed(e, "cannot ask for the tables' sizes"))?;
    let size = |row: &tokio_postgres::Row| {
        let (oid, bytes, block): (u32, Option<i64>, i64) = (row.get(0), row.get(1), row.get(2));
        let bytes = bytes.filter(|bytes| *bytes >= SPLIT_MIN)?;
        Some((oid, Size { blocks: bytes / block.max(1), block }))
    };
    Ok(rows.iter().filter_map(size).collect())
}

/// What takes a session into the snapshot. It holds the tables itself, before it sees that the first session still does:
/// a table that is emptied between would be read as empty (F88). It waits for nobody, since who waits for the first
/// session's lock would be waited for as well.
fn join(snapshot: &str, tables: &[String]) -> String {
    format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE {} IN ACCESS SHARE MODE NOWAIT; \
         SET TRANSACTION SNAPSHOT {}",
        tables.join(", "),
        super::literal(snapshot)
    )
}

/// The sessions that came; the first that does not come is the last that is asked.
async fn joined(settings: &Settings, join: &str) -> Vec<Session> {
    let mut sessions = Vec::new();
    while sessions.len() + 1 < settings.connections() {
        match one(settings, join).await {
            Ok(session) => sessions.push(session),
            Err(e) => {
                tracing::warn!(error = %e, connections = sessions.len() + 1, "the snapshot is read by fewer connections");
                break;
            }
        }
    }
    sessions
}

async fn one(settings: &Settings, join: &str) -> Result<Session> {
    let session = session::open(settings).await?;
    session
        .client
        .batch_execute(join)
        .await
        .map_err(|e| failed(e, "cannot read in the snapshot of another connection"))?;
    Ok(session)
}

/// Conditions that every row of a table meets one of. The first and the last are open: rows beyond the size that was
/// asked for are read all the same (I10).
fn conditions(size: Size, readers: i64) -> Vec<String> {
    let least = (RANGE_MIN / size.block.max(1)).max(1);
    let ranges = (size.blocks / least).clamp(2, readers * RANGES_EACH);
    let border = |i: i64| size.blocks / ranges * i + size.blocks % ranges * i / ranges;
    let from = |i: i64| format!("ctid >= '({},0)'::pg_catalog.tid", border(i));
    let below = |i: i64| format!("ctid < '({},0)'::pg_catalog.tid", border(i));
    let condition = |i: i64| match i {
        0 => format!(" WHERE {}", below(1)),
        i if i == ranges - 1 => format!(" WHERE {}", from(i)),
        i => format!(" WHERE {} AND {}", from(i), below(i + 1)),
    };
    (0..ranges).map(condition).collect()
}

/// A reader that ended by a panic.
pub fn lost() -> Error {
    Error::new(ErrorKind::Bug, "a reader of the table ended by a panic")
}

#[cfg(test)]
mod tests;
