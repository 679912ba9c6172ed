//! Lanes in `syncline_position`: taken, shown, and taken away.

use std::collections::BTreeSet;

use mysql_async::{Row, Value};
use syncline_model::{Epoch, ErrorKind, Position, Result};

use super::ddl;
use super::session::{Session, bound, text, text_or_null};
use crate::capture::control::{Trouble, created, fenced};
use crate::connector::{LaneId, LaneState, Lease, WriteSpec};

/// The moment in UTC, as other lanes' states show it.
pub const NOW: &str = "CONCAT(REPLACE(UTC_TIMESTAMP(3), ' ', 'T'), 'Z')";

/// How often a lane is taken again if another one, finishing, takes the control table away meanwhile.
const TAKES_MAX: u32 = 5;

/// Takes the lane: raises its epoch, and gives that with its position and the tables that it created and has not finished.
pub async fn take(session: &mut Session, spec: &WriteSpec) -> Result<(Lease, BTreeSet<String>)> {
    let mut takes = 0;
    loop {
        takes += 1;
        session.run(ddl::CREATE_POSITION).await?;
        match take_once(session, spec).await {
            Err(e) if e.kind() == ErrorKind::NotFound && takes < TAKES_MAX => {}
            // A table of before lanes counted their changes. Another one may extend it at the same time.
            Err(e) if e.kind() == ErrorKind::Schema && takes < TAKES_MAX => {
                match session.run(ddl::EXTEND_POSITION).await {
                    Err(e) if e.kind() == ErrorKind::Denied => return Err(e),
                    _ => {}
                }
            }
            other => return other,
        }
    }
}

async fn take_once(session: &mut Session, spec: &WriteSpec) -> Result<(Lease, BTreeSet<String>)> {
    session.run("START TRANSACTION").await?;
    // An epoch is never used twice, though a finished copy takes its row away: the first one is the time in µs, which
    // outruns any counting up. Else who slept since would take a later copy's lease for its own (F09).
    let sql = format!(
        "INSERT INTO syncline_position (job, epoch, owner, changed_at) \
         VALUES (?, CAST(UNIX_TIMESTAMP(UTC_TIMESTAMP(6)) * 1000000 AS UNSIGNED), ?, {NOW}) \
         ON DUPLICATE KEY UPDATE epoch = epoch + 1, owner = VALUES(owner), changed_at = VALUES(changed_at)"
    );
    let job = bound(&spec.lane.0);
    session.run_with(&sql, vec![job.clone(), bound(&spec.owner)]).await?;
    if spec.restart {
        let forget = "UPDATE syncline_position SET layout = NULL, position = NULL WHERE job = ?";
        session.run_with(forget, vec![job.clone()]).await?;
    }
    let sql = "SELECT epoch, layout, position, created, trouble FROM syncline_position WHERE job = ?";
    let rows = session.rows_with(sql, vec![job]).await?;
    session.run("COMMIT").await?;
    let row = rows.first().ok_or_else(fenced)?;
    let created = created(text_or_null(row, 3).as_deref())?;
    let trouble = Trouble::read(text_or_null(row, 4).as_deref());
    let lease = Lease { epoch: Epoch(number(row, 0)), position: position(row, 1), trouble };
    Ok((lease, created))
}

pub fn number(row: &Row, column: usize) -> u64 {
    text(row, column).parse().unwrap_or(0)
}

fn position(row: &Row, first: usize) -> Option<Position> {
    Some(Position { layout: text_or_null(row, first)?, at: text_or_null(row, first + 1)? })
}

/// The lanes that keep their position in this database.
pub async fn lanes(session: &mut Session) -> Result<Vec<LaneState>> {
    // A table of before lanes counted their changes lacks the last columns until its next lane is taken.
    let sql = "SELECT job, epoch, owner, layout, position, changed_at, TIMESTAMPDIFF(MICROSECOND, \
            REPLACE(REPLACE(changed_at, 'T', ' '), 'Z', ''), UTC_TIMESTAMP(6)) AS age_us, lane.* \
        FROM syncline_position lane ORDER BY job";
    let named = |row: &Row, name: &str| {
        let column = row.columns_ref().iter().position(|column| column.name_str() == name)?;
        text_or_null(row, column)
    };
    match session.rows(sql).await {
        Ok(rows) => Ok(rows
            .iter()
            .map(|row| LaneState {
                lane: LaneId(text(row, 0)),
                epoch: Epoch(number(row, 1)),
                owner: text(row, 2),
                position: position(row, 3),
                changed_at: text(row, 5),
                age_s: text(row, 6).parse::<f64>().unwrap_or_default() / 1e6,
                changes: named(row, "changes").and_then(|n| n.parse().ok()).unwrap_or(0),
                trouble: Trouble::read(named(row, "trouble").as_deref()),
            })
            .collect()),
        // Who may not read it sees no lanes.
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::Denied) => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

/// Writes down what keeps the lane from getting on; null if nothing does.
pub async fn note(session: &mut Session, lane: &LaneId, epoch: Epoch, written: Option<&str>) -> Result<()> {
    let sql = "UPDATE syncline_position SET trouble = ? WHERE job = ? AND epoch = ?";
    let values = vec![written.map_or(Value::NULL, bound), bound(&lane.0), Value::UInt(epoch.0)];
    match session.run_with(sql, values).await {
        Ok(1) => Ok(()),
        // Who took over may have finished, and taken the table away.
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Err(fenced()),
    }
}

/// Takes another lane's row away within the open unit, if it still has that epoch; gives what it created and has not
/// finished.
pub async fn retire(session: &mut Session, lane: &LaneId, epoch: Epoch) -> Result<BTreeSet<String>> {
    let its = || vec![bound(&lane.0), Value::UInt(epoch.0)];
    let sql = "SELECT created FROM syncline_position WHERE job = ? AND epoch = ? FOR UPDATE";
    let rows = session.rows_with(sql, its()).await?;
    let row = rows.first().ok_or_else(fenced)?;
    session.run_with("DELETE FROM syncline_position WHERE job = ? AND epoch = ?", its()).await?;
    created(text_or_null(row, 0).as_deref())
}

/// Takes the lane's row away, and the control table with the last one; false if the lane is no longer ours.
pub async fn remove_trace(session: &mut Session, lane: &LaneId, epoch: Epoch) -> Result<bool> {
    let sql = "DELETE FROM syncline_position WHERE job = ? AND epoch = ?";
    let ours = match session.run_with(sql, vec![bound(&lane.0), Value::UInt(epoch.0)]).await {
        Ok(rows) => rows == 1,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    // Under its lock nobody else can take a lane between the look and the end. Who holds the table longer than we wait
    // puts it away later.
    if session.run("LOCK TABLES syncline_position WRITE").await.is_ok() {
        if let Ok(rows) = session.rows("SELECT 1 FROM syncline_position LIMIT 1").await
            && rows.is_empty()
        {
            let _ = session.run("DROP TABLE syncline_position").await;
        }
        session.run("UNLOCK TABLES").await?;
    }
    // What is set aside is a person's to drop, and there is nobody left who could have set anything aside.
    if let Err(e) = session.rows("SELECT 1 FROM syncline_position LIMIT 1").await
        && e.kind() == ErrorKind::NotFound
        && session.rows("SELECT 1 FROM syncline_parked LIMIT 1").await.is_ok_and(|rows| rows.is_empty())
    {
        let _ = session.run("DROP TABLE syncline_parked").await;
    }
    Ok(ours)
}
