//! Ticks: marking entries of the outbox, and removing those that every lane has.
//!
//! Entries are locked by their primary key alone. A list of ids locks these rows and no others. A range is taken only of
//! ids that follow each other without a gap, and without the last of them, which goes with the lists: where a scan ends, it
//! locks one row more, and that row must not be another's that has not committed. `sql_safe_updates` makes the server
//! fail rather than scan a table whole, which it finds cheaper where the table is small.

use mysql_async::prelude::Queryable as _;
use syncline_model::{Error, ErrorKind, Result};

use crate::capture::follow::Tick;
use crate::connect::mariadb::capture::number;
use crate::connect::mariadb::errors::failed;
use crate::connect::mariadb::session::{Session, text};

/// Most entries that one transaction prunes: others' ticks wait for it.
const PRUNED_MAX: usize = 10_000;

/// Ids in one list.
const LIST_MAX: usize = 500;

/// Ids that follow each other are a range from this many on.
const RANGE_MIN: u64 = 8;

/// Ids that follow each other, both ends included.
type Run = (u64, u64);

/// What the session is set to, besides what every session is.
pub async fn settle_session(session: &mut Session) -> Result<()> {
    // At READ COMMITTED no gap is ever locked. A server whose binary log holds statements refuses to write at it; then our
    // ids, all of which exist, lock no gaps either.
    let by_statement =
        session.server.is_on("log_bin") && session.server.variable("binlog_format").eq_ignore_ascii_case("STATEMENT");
    let level = if by_statement { "REPEATABLE READ" } else { "READ COMMITTED" };
    session.run(&format!("SET SESSION TRANSACTION ISOLATION LEVEL {level}")).await?;
    session.run("SET SESSION sql_safe_updates = 1").await?;
    if session.server.mariadb {
        // A long list stays one.
        session.run("SET SESSION in_predicate_conversion_threshold = 0").await?;
    }
    Ok(())
}

/// Whether anything was committed behind no tick yet, or others have made a tick after that one.
pub async fn is_due(session: &mut Session, after: u64) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM syncline_outbox FORCE INDEX (by_tick) WHERE tick IS NULL) \
         OR EXISTS (SELECT 1 FROM syncline_tick WHERE number > ?)";
    let answer = session.rows_with(sql, vec![after.into()]).await?;
    Ok(answer.first().is_some_and(|row| text(row, 0) == "1"))
}

/// The newest tick.
pub async fn newest(session: &mut Session) -> Result<Option<Tick>> {
    let rows = session.rows("SELECT number, token FROM syncline_tick ORDER BY number DESC LIMIT 1").await?;
    rows.first().map(|row| Ok(Tick { number: number(row, 0)?, token: text(row, 1) })).transpose()
}

/// See [`Captured::border`](crate::capture::follow::Captured::border).
pub async fn border(session: &mut Session, after: u64, newest: &Tick, changes_max: u64) -> Result<Tick> {
    if newest.number <= after + 1 {
        return Ok(newest.clone());
    }
    let full = "SELECT tick FROM syncline_outbox FORCE INDEX (by_tick) WHERE tick > ? AND tick <= ? \
         ORDER BY tick, id LIMIT 1 OFFSET ?";
    let full = session.rows_with(full, vec![after.into(), newest.number.into(), changes_max.into()]).await?;
    let Some(full) = full.first().map(|row| number(row, 0)).transpose()? else { return Ok(newest.clone()) };
    let sql = "SELECT number, token FROM syncline_tick WHERE number > ? AND number <= ? \
         ORDER BY number = ?, number DESC LIMIT 1";
    let rows = session.rows_with(sql, vec![after.into(), full.into(), full.into()]).await?;
    rows.first().map_or_else(|| Ok(newest.clone()), |row| Ok(Tick { number: number(row, 0)?, token: text(row, 1) }))
}

/// Makes sure that nothing after that tick was pruned.
pub async fn is_there(session: &mut Session, tick: u64) -> Result<()> {
    let there = session.rows_with("SELECT 1 FROM syncline_tick WHERE number = ?", vec![tick.into()]).await?;
    if !there.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::PositionLost, "what came after this lane's tick was removed meanwhile")
        .hint("`syncline resync JOB` loads the tables again"))
}

/// The entries behind no tick that the session sees now, by a plain read that waits for nobody.
pub async fn unmarked(session: &mut Session) -> Result<Vec<Run>> {
    let cannot = |e| failed(e, "cannot read the outbox");
    let sql = "SELECT id FROM syncline_outbox FORCE INDEX (by_tick) WHERE tick IS NULL ORDER BY id";
    let mut runs = Vec::new();
    let mut ids = session.conn().exec_iter(sql, ()).await.map_err(cannot)?;
    while let Some(row) = ids.next().await.map_err(cannot)? {
        extend(&mut runs, number(&row, 0)?);
    }
    Ok(runs)
}

/// Appends an id that is higher than all before it.
fn extend(runs: &mut Vec<Run>, id: u64) {
    match runs.last_mut() {
        Some((_, last)) if *last + 1 == id => *last = id,
        _ => runs.push((id, id)),
    }
}

/// Puts these entries behind a new tick; without any, the newest tick is good enough.
pub async fn mark(session: &mut Session, runs: &[Run]) -> Result<Tick> {
    let newest = newest(session).await?;
    if let Some(newest) = newest.as_ref().filter(|_| runs.is_empty()) {
        return Ok(newest.clone());
    }
    let tick = newest.map_or(0, |tick| tick.number) + 1;
    let marked =
        by_key(session, runs, &format!("UPDATE syncline_outbox FORCE INDEX (PRIMARY) SET tick = {tick}")).await?;
    let seen: u64 = runs.iter().map(|(first, last)| last - first + 1).sum();
    if marked != seen {
        return Err(Error::new(ErrorKind::Corrupt, "entries of the outbox are gone before they were read")
            .hint("only Syncline may delete from its tables; `syncline resync JOB` loads the tables again"));
    }
    let token = "INSERT INTO syncline_tick VALUES (?, MD5(CONCAT(UUID(), RAND())))";
    session.run_with(token, vec![tick.into()]).await?;
    let rows = session.rows_with("SELECT token FROM syncline_tick WHERE number = ?", vec![tick.into()]).await?;
    let token = rows.first().map(|row| text(row, 0)).unwrap_or_default();
    Ok(Tick { number: tick, token })
}

/// Runs a statement over these rows; answers how many there were.
async fn by_key(session: &mut Session, runs: &[Run], statement: &str) -> Result<u64> {
    let mut rows = 0;
    let mut listed = Vec::new();
    for (first, last) in runs {
        if last - first >= RANGE_MIN {
            let sql = format!("{statement} WHERE id >= {first} AND id < {last}");
            rows += changed(session, &sql).await?;
            listed.push(*last);
        } else {
            listed.extend(*first..=*last);
        }
        while listed.len() >= LIST_MAX {
            let rest = listed.split_off(LIST_MAX);
            rows += list(session, &listed, statement).await?;
            listed = rest;
        }
    }
    if !listed.is_empty() {
        rows += list(session, &listed, statement).await?;
    }
    Ok(rows)
}

async fn list(session: &mut Session, ids: &[u64], statement: &str) -> Result<u64> {
    let ids: Vec<_> = ids.iter().map(u64::to_string).collect();
    changed(session, &format!("{statement} WHERE id IN ({})", ids.join(", "))).await
}

async fn changed(session: &mut Session, sql: &str) -> Result<u64> {
    session.run(sql).await?;
    Ok(session.conn().affected_rows())
}

/// Removes a piece of what every lane has; says whether there is more.
pub async fn prune(session: &mut Session) -> Result<bool> {
    let all = session.rows("SELECT COALESCE(MIN(tick), 0) FROM syncline_lane").await?;
    let all = all.first().map_or(Ok(0), |row| number(row, 0))?;
    // A lane's own tick must stay, to be known again.
    session.run_with("DELETE FROM syncline_tick WHERE number < ?", vec![all.into()]).await?;
    let sql = format!(
        "SELECT id, log FROM syncline_outbox FORCE INDEX (by_tick) WHERE tick <= ? ORDER BY tick, id LIMIT {PRUNED_MAX}"
    );
    let rows = session.rows_with(&sql, vec![all.into()]).await?;
    let entries: Result<Vec<(u64, u64)>> = rows.iter().map(|row| Ok((number(row, 1)?, number(row, 0)?))).collect();
    let mut entries = entries?;
    let more = entries.len() == PRUNED_MAX;
    entries.sort_unstable();
    for of_log in entries.chunk_by(|a, b| a.0 == b.0) {
        let Some((log, _)) = of_log.first() else { continue };
        match by_key(session, &runs(of_log.iter().map(|e| e.1)), &format!("DELETE FROM syncline_log_{log}")).await {
            // The table was captured anew, and its changes went with their table.
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            other => drop(other?),
        }
    }
    entries.sort_unstable_by_key(|e| e.1);
    by_key(session, &runs(entries.iter().map(|e| e.1)), "DELETE FROM syncline_outbox").await?;
    Ok(more)
}

fn runs(ids: impl Iterator<Item = u64>) -> Vec<Run> {
    let mut runs = Vec::new();
    ids.for_each(|id| extend(&mut runs, id));
    runs
}
