//! What lanes have set aside in a database.

use syncline_model::Result;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::session::{Session, failed};
use crate::capture::parked;
use crate::connector::{LaneId, Parked, ParkedQuery};

/// The changes that lanes have set aside in this database.
pub async fn parked(session: &Session, query: &ParkedQuery) -> Result<Vec<Parked>> {
    let lane: Vec<&(dyn ToSql + Sync)> = query.lane.iter().map(|lane| &lane.0 as &(dyn ToSql + Sync)).collect();
    let rows = match session.client.query(&parked::select(query, "$1"), &lane).await {
        Ok(rows) => rows,
        Err(e) if e.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(Vec::new()),
        Err(e) => return Err(failed(e, "cannot read syncline_parked")),
    };
    let one = |row: &tokio_postgres::Row| Parked {
        lane: LaneId(row.get(0)),
        ord: u64::try_from(row.get::<_, i64>(1)).unwrap_or(0),
        table: row.get(2),
        key: row.get(3),
        op: row.get(4),
        holds: row.get(5),
        reason: row.get(6),
        parked_at: row.get(7),
        contents: row.get(8),
    };
    Ok(rows.iter().map(one).collect())
}
