//! Removing what every lane has, in pieces, each a transaction of its own; nobody who writes waits for it.

use std::time::{Duration, Instant};

use syncline_model::Result;
use tokio_postgres::error::SqlState;

use super::Changes;
use super::seen::Seen;
use crate::connect::postgres::session::failed;

/// Most entries of a change table that one statement prunes.
const PIECE_MAX: u64 = 20_000;

/// How often a busy lane prunes, and how many pieces at a time.
pub const PRUNE_EVERY: Duration = Duration::from_secs(1);
pub const PIECES_MAX: u32 = 8;

impl Changes {
    /// Removes at most so many pieces.
    pub(super) async fn prune(&mut self, mut pieces: u32) -> Result<()> {
        let cannot = |e| failed(e, "cannot remove what every lane has");
        let (ticks, lanes) = (self.home.of("syncline_tick"), self.home.of("syncline_lane"));
        self.pruned = Instant::now();
        self.more_to_prune = false;
        // A lane's own tick must stay, to be known again.
        let sql = format!("DELETE FROM {ticks} WHERE tick < (SELECT min(tick) FROM {lanes})");
        self.session.client.batch_execute(&sql).await.map_err(cannot)?;
        let sql = format!("SELECT snapshot::text FROM {ticks} WHERE tick = (SELECT min(tick) FROM {lanes})");
        let Some(row) = self.session.client.query_opt(&sql, &[]).await.map_err(cannot)? else { return Ok(()) };
        let condition = Seen::parse(row.get(0))?.all();
        for log in self.touched(&condition).await? {
            let mut removed = Some(PIECE_MAX);
            while removed == Some(PIECE_MAX) {
                if pieces == 0 {
                    self.more_to_prune = true;
                    return Ok(());
                }
                pieces -= 1;
                removed = self.prune_piece(log, &condition).await?;
            }
            let mut sql = format!("DELETE FROM {} WHERE log = {log} AND {condition}", self.home.of("syncline_touched"));
            if removed.is_some() {
                // Another lane may be at work on some of them, and die.
                sql += &format!(" AND NOT EXISTS (SELECT FROM {} WHERE {condition})", self.home.log(log));
            }
            self.session.client.batch_execute(&sql).await.map_err(cannot)?;
        }
        Ok(())
    }

    /// How many entries went; none if the change table itself is gone, because its table was captured anew.
    async fn prune_piece(&self, log: u64, condition: &str) -> Result<Option<u64>> {
        let log = self.home.log(log);
        let sql = format!(
            "DELETE FROM {log} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {log} WHERE {condition} \
             LIMIT {PIECE_MAX} FOR UPDATE SKIP LOCKED))"
        );
        match self.session.client.execute(&sql, &[]).await {
            Err(e) if e.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(None),
            removed => removed.map(Some).map_err(|e| failed(e, "cannot remove what every lane has")),
        }
    }
}
