//! What lanes have set aside in a database.

use mysql_async::Row;
use syncline_model::{ErrorKind, Result};

use super::lanes::number;
use super::session::{Session, bound, text, text_or_null};
use crate::capture::parked;
use crate::connector::{LaneId, Parked, ParkedQuery};

/// The changes that lanes have set aside in this database.
pub async fn parked(session: &mut Session, query: &ParkedQuery) -> Result<Vec<Parked>> {
    let lane = query.lane.iter().map(|lane| bound(&lane.0)).collect();
    let rows = match session.rows_with(&parked::select(query, "?"), lane).await {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let one = |row: &Row| Parked {
        lane: LaneId(text(row, 0)),
        ord: number(row, 1),
        table: text(row, 2),
        key: text(row, 3),
        op: text(row, 4),
        holds: text(row, 5),
        reason: text_or_null(row, 6),
        parked_at: text(row, 7),
        contents: text_or_null(row, 8),
    };
    Ok(rows.iter().map(one).collect())
}
