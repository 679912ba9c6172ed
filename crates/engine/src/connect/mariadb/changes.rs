//! Reading what was captured in a MariaDB database.
//!
//! Ids of the outbox are drawn before their transactions commit, so one that commits late lies behind ids that were seen
//! already (F16). A tick is one short transaction: it reads the entries that are visible and behind no tick yet, and marks
//! exactly those by their primary key. What commits later is still unmarked then, whatever its ids are, and is found by
//! the next tick; what is rolled back is never seen; nothing is remembered of gaps, and nothing is given up (F18).
//!
//! Of one key the changes are in order: who changes a row second has waited for the first one to commit, so it draws a
//! higher id, and no tick sees the second change without the first (F17).
//!
//! Nobody who writes ever waits here. Entries are only added by others and only marked and removed by us, all who do so
//! hold the row of `syncline_node`, and they lock entries that are committed: never a gap, never one of an open
//! transaction (see [`tick`]).

pub mod rows;
pub mod tick;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use syncline_model::{Error, ErrorKind, Result, TableChanges, TableName};

use self::rows::{Followed, Range};
use super::config::Settings;
use super::session::{Session, bound, text};
use super::{capture, source};
use crate::capture::follow::{Captured, Piece, Tick};
use crate::connector::{Follow, LaneId, ReadSpec, Source};

/// How often a writer is looked for: soon after one, and when nothing has moved for a while.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));

/// How often it is made sure that the triggers are as they should be: while something moves, and while nothing does.
const VERIFY_EVERY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// What one lane reads of a database's changes.
pub struct Changes {
    settings: Settings,
    session: Session,
    lane: LaneId,
    incarnation: String,
    tables: Vec<Followed>,
    logs: Vec<u64>,
    verified: Instant,
    /// What the catalogue said of the tables' columns when they were as captured, and of which it was asked for the open range.
    marks: HashMap<String, String>,
    looked: BTreeSet<String>,
    /// The newest tick that is known.
    newest: u64,
    kept: Kept,
    more_to_prune: bool,
    last_change: Instant,
    range: Range,
}

/// What the lane has.
#[derive(Default)]
struct Kept {
    tick: u64,
    /// Whether anything was said of it yet.
    known: bool,
    /// Whether the database says so.
    written: bool,
}

impl Changes {
    /// Opens what was captured of these tables.
    pub async fn open(settings: &Settings, follow: &Follow) -> Result<Self> {
        let mut session = Session::open(settings).await?;
        tick::settle_session(&mut session).await?;
        let incarnation = capture::incarnation(&mut session).await?.ok_or_else(|| {
            Error::new(ErrorKind::Schema, "nothing captures this database's changes")
                .hint("`syncline install` shows what that takes, and does it")
        })?;
        if super::member::is_member(&mut session).await? {
            return Err(crate::sync::member::not_followed());
        }
        let names: Vec<_> = follow.tables.iter().map(|t| t.schema.name.clone()).collect();
        let marks = capture::marks(&mut session, &names).await?;
        let records = capture::verified(&mut session, &follow.tables).await?;
        let wanted = follow.tables.iter().cloned();
        let tables: Result<Vec<Followed>> =
            wanted.zip(records).map(|(wanted, record)| Followed::new(wanted, record)).collect();
        let tables = tables?;
        let logs = tables.iter().map(|t| t.record.log).collect();
        Ok(Self {
            settings: settings.clone(),
            session,
            lane: follow.lane.clone(),
            incarnation,
            tables,
            logs,
            verified: Instant::now(),
            marks,
            looked: BTreeSet::new(),
            newest: 0,
            kept: Kept::default(),
            more_to_prune: false,
            last_change: Instant::now(),
            range: Range::default(),
        })
    }

    /// The tables are captured as they were. A catalogue does not say when it changes, so it is asked now and then.
    async fn verify(&mut self, every: Duration) -> Result<()> {
        if self.verified.elapsed() < every {
            return Ok(());
        }
        let wanted: Vec<_> = self.tables.iter().map(|t| t.wanted.clone()).collect();
        let records = capture::verified(&mut self.session, &wanted).await?;
        if records.iter().map(|r| r.log).ne(self.logs.iter().copied()) {
            return Err(Error::new(ErrorKind::Schema, "capture was installed anew meanwhile")
                .hint("run the same command again; the table is loaded again"));
        }
        self.verified = Instant::now();
        Ok(())
    }

    /// The tables of these changes have the columns that their triggers know, or an error says which. Asked after the changes
    /// were made, for a trigger bends a value of another type to the one that it knows, and says nothing (I10).
    async fn unaltered(&mut self, changes: &[TableChanges]) -> Result<()> {
        let names = changes.iter().map(|t| t.schema().name.clone()).filter(|n| !self.looked.contains(&*n.name));
        let names: Vec<TableName> = names.collect();
        if names.is_empty() {
            return Ok(());
        }
        let marks = capture::marks(&mut self.session, &names).await?;
        if names.iter().any(|n| marks.get(&*n.name) != self.marks.get(&*n.name)) {
            self.verify(Duration::ZERO).await?;
        }
        self.marks.extend(marks);
        self.looked.extend(names.iter().map(|n| n.name.to_string()));
        Ok(())
    }

    /// Begins a transaction that no other tick, snapshot or pruning of this database goes on beside.
    async fn lock(&mut self) -> Result<()> {
        self.session.run("START TRANSACTION").await?;
        let node = self.session.rows("SELECT incarnation FROM syncline_node WHERE id = 1 FOR UPDATE").await?;
        if node.first().map(|row| text(row, 0)).as_deref() == Some(&*self.incarnation) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Schema, "capture was removed meanwhile").hint("`syncline install` installs it again"))
    }

    /// Ends it; what the lane has is written down along with it, and a piece of what all lanes have goes.
    async fn unlock<T>(&mut self, done: Result<T>) -> Result<T> {
        let due = self.kept.known && (!self.kept.written || self.more_to_prune);
        let kept = match (&done, due) {
            (Ok(_), true) => self.keep_and_prune().await,
            _ => Ok(false),
        };
        match done.and_then(|done| Ok((done, kept?))) {
            Ok((done, more)) => {
                self.session.run("COMMIT").await?;
                (self.kept.written, self.more_to_prune) = (self.kept.known, more);
                Ok(done)
            }
            Err(e) => {
                let _ = self.session.run("ROLLBACK").await;
                Err(e)
            }
        }
    }

    async fn tick_now(&mut self) -> Result<Tick> {
        self.verify(VERIFY_EVERY.0).await?;
        if !tick::is_due(&mut self.session, u64::MAX).await?
            && let Some(tick) = tick::newest(&mut self.session).await?
        {
            self.newest = tick.number;
            return Ok(tick);
        }
        self.last_change = Instant::now();
        let made = match self.lock().await {
            Ok(()) => self.mark_what_is_visible().await,
            Err(e) => Err(e),
        };
        let tick = self.unlock(made).await?;
        self.newest = tick.number;
        Ok(tick)
    }

    async fn mark_what_is_visible(&mut self) -> Result<Tick> {
        let seen = tick::unmarked(&mut self.session).await?;
        tick::mark(&mut self.session, &seen).await
    }

    /// A snapshot that sees exactly what lies up to a tick: what it sees unmarked becomes that tick, while nobody else
    /// makes one (F41).
    async fn snapshot_at_tick(&mut self, spec: &ReadSpec) -> Result<(Tick, source::Opened)> {
        let mut opened = source::open(&self.settings, None, ReadSpec { follow: None, ..spec.clone() }).await?;
        let seen = tick::unmarked(opened.session()?).await?;
        let tick = tick::mark(&mut self.session, &seen).await?;
        Ok((tick, opened))
    }

    /// Writes down what the lane has, and removes a piece of what all lanes have; says whether there is more.
    async fn keep_and_prune(&mut self) -> Result<bool> {
        let tables: Vec<&str> = self.tables.iter().map(|t| &*t.record.name).collect();
        let tables = serde_json::to_string(&tables).unwrap_or_default();
        let sql = "INSERT INTO syncline_lane (lane, tick, tables) VALUES (?, ?, ?) \
             ON DUPLICATE KEY UPDATE tick = VALUES(tick), tables = VALUES(tables)";
        let values = vec![bound(&self.lane.0), self.kept.tick.into(), bound(&tables)];
        self.session.run_with(sql, values).await?;
        tick::prune(&mut self.session).await
    }
}

#[async_trait]
impl Captured for Changes {
    fn incarnation(&self) -> &str {
        &self.incarnation
    }

    fn logs(&self) -> &[u64] {
        &self.logs
    }

    async fn tick(&mut self) -> Result<Tick> {
        self.tick_now().await
    }

    async fn border(&mut self, after: u64, newest: &Tick, changes_max: u64) -> Result<Tick> {
        tick::border(&mut self.session, after, newest, changes_max).await
    }

    async fn holds(&mut self, tick: &Tick) -> Result<bool> {
        let sql = "SELECT token FROM syncline_tick WHERE number = ?";
        let there = self.session.rows_with(sql, vec![tick.number.into()]).await?;
        Ok(there.first().is_some_and(|row| text(row, 0) == tick.token))
    }

    async fn keep(&mut self, tick: u64) -> Result<()> {
        let first = !self.kept.known;
        self.kept = Kept { tick, known: true, written: false };
        if !first {
            // Goes along with the next tick.
            return Ok(());
        }
        let there = match self.lock().await {
            // Else another lane might have pruned it since it was looked for.
            Ok(()) => tick::is_there(&mut self.session, tick).await,
            Err(e) => Err(e),
        };
        let kept = self.unlock(there).await;
        self.kept.known = kept.is_ok();
        kept
    }

    async fn release(&mut self, lane: &LaneId) -> Result<()> {
        let gone = self.session.run_with("DELETE FROM syncline_lane WHERE lane = ?", vec![bound(&lane.0)]).await?;
        self.more_to_prune |= gone > 0;
        Ok(())
    }

    async fn ticks_beside_a_snapshot(&mut self) -> Result<bool> {
        Ok(true)
    }

    async fn snapshot(&mut self, spec: &ReadSpec) -> Result<(Tick, Box<dyn Source>)> {
        let taken = match self.lock().await {
            Ok(()) => self.snapshot_at_tick(spec).await,
            Err(e) => Err(e),
        };
        let (tick, opened) = self.unlock(taken).await?;
        self.newest = self.newest.max(tick.number);
        Ok((tick, Box::new(opened.begin())))
    }

    async fn open(&mut self, after: &[u64], upto: &Tick) -> Result<()> {
        self.range = Range::new(after, upto.number);
        self.looked.clear();
        Ok(())
    }

    async fn next(&mut self, bytes_max: usize) -> Result<Piece> {
        let piece = self.range.piece(&mut self.session, &self.tables, bytes_max).await?;
        self.unaltered(&piece.tables).await?;
        Ok(piece)
    }

    async fn settle(&mut self) -> Result<()> {
        while !self.kept.written || self.more_to_prune {
            let locked = self.lock().await;
            self.unlock(locked).await?;
        }
        Ok(())
    }

    async fn wait(&mut self, wait_max: Duration) -> Result<bool> {
        let until = Instant::now() + wait_max;
        loop {
            if tick::is_due(&mut self.session, self.newest).await? {
                return Ok(true);
            }
            self.settle().await?;
            self.verify(VERIFY_EVERY.1).await?;
            if Instant::now() >= until {
                return Ok(false);
            }
            let (soon, late) = LOOK_AGAIN;
            let calm = self.last_change.elapsed() > Duration::from_secs(1);
            tokio::time::sleep(if calm { late } else { soon }).await;
        }
    }
}
