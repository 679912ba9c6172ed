//! What lanes have set aside in a file.

use rusqlite::Connection;
use syncline_model::Result;

use super::{catalog, failed};
use crate::capture::parked;
use crate::connector::{LaneId, Parked, ParkedQuery};

/// The changes that lanes have set aside in this database.
pub fn parked(conn: &Connection, query: &ParkedQuery) -> Result<Vec<Parked>> {
    let cannot = |e| failed(e, "cannot read syncline_parked");
    if catalog::kind_of(conn, parked::NAME)?.is_none() {
        return Ok(Vec::new());
    }
    let mut stmt = conn.prepare(&parked::select(query, "?1")).map_err(cannot)?;
    let lane = query.lane.iter().map(|lane| &lane.0);
    let rows = stmt.query_map(rusqlite::params_from_iter(lane), |r| {
        Ok(Parked {
            lane: LaneId(r.get(0)?),
            ord: r.get(1)?,
            table: r.get(2)?,
            key: r.get(3)?,
            op: r.get(4)?,
            holds: r.get(5)?,
            reason: r.get(6)?,
            parked_at: r.get(7)?,
            contents: r.get(8)?,
        })
    });
    rows.and_then(Iterator::collect).map_err(cannot)
}
