//! Reading what was captured in a PostgreSQL database.
//!
//! A tick is a row with the server's own account of what was committed, `pg_current_snapshot()`. What lies between two
//! ticks is what the second sees and the first does not: whole transactions, those too that drew their numbers early and
//! committed late, or were prepared and outlived the server (I14, F16, F17, F21). The tick is committed before anything
//! up to it is shipped, and waits for the disk whatever the application's commits do; so all that it sees is durable
//! (F114).

mod prune;
pub mod rows;
pub mod seen;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use syncline_model::{Error, ErrorKind, Result};
use tokio_postgres::SimpleQueryMessage;

use super::capture::ddl::{Home, ORDER};
use super::capture::{self, Marks};
use super::session::{Session, failed};
use super::{Postgres, literal, source};
use crate::capture::follow::{Captured, Piece, Tick};
use crate::connector::{Follow, LaneId, ReadSpec, Source};
use prune::{PIECES_MAX, PRUNE_EVERY};
use rows::{Followed, Ranges, Reading};
use seen::Seen;

/// How often a writer is looked for: soon after one, and when nothing has moved for a while.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(25));

/// How often it is asked at most while transactions end that have most likely written to other tables.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// How often it is looked whether all tables are as they were, at most and at least; those that were written to are looked
/// at with each range.
const VERIFY_EVERY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// And never so often that it takes more than this part of the time: there may be thousands of them.
const VERIFY_SHARE: u32 = 100;

/// Serialises those who make ticks.
const TICK_LOCK: i64 = 0x5359_4e43_0002;

/// What one lane reads of a database's changes.
pub struct Changes {
    postgres: Postgres,
    /// For ticks and all that is written; entries are read by another.
    session: Session,
    reader: Session,
    home: Home,
    lane: LaneId,
    incarnation: String,
    tables: Vec<Followed>,
    logs: Vec<u64>,
    oids: Vec<u32>,
    /// What the catalogue said of the tables when capture was last verified.
    marks: Marks,
    /// When they are looked at again.
    verify_at: Instant,
    /// The newest tick that is known.
    newest: u64,
    /// What is known to be in ticks, or to be none of this lane's.
    looked: Option<Look>,
    /// When it was last asked whether there is anything new.
    asked: Instant,
    kept: Kept,
    more_to_prune: bool,
    pruned: Instant,
    last_change: Instant,
    reading: Option<Reading>,
}

/// A look at what is committed.
#[derive(Debug, Clone)]
struct Look {
    /// The last number that was drawn, asked before the snapshot: whoever drew an earlier one had its transaction's number
    /// by then, because a row is written before its trigger runs.
    order: String,
    seen: Seen,
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
    pub async fn open(postgres: &Postgres, follow: &Follow) -> Result<Self> {
        let (session, reader) = (postgres.session().await?, postgres.session().await?);
        let cannot = |e| failed(e, "cannot set the session up");
        // Change tables come and go; what the planner knows of their size is always old.
        let settings = "SET enable_seqscan = off; SET jit = off";
        session.client.batch_execute(settings).await.map_err(cannot)?;
        reader.client.batch_execute(settings).await.map_err(cannot)?;
        let home = capture::home(&session).await?;
        let node = capture::node(&session, &home).await?.ok_or_else(|| {
            Error::new(ErrorKind::Schema, "nothing captures this database's changes")
                .hint("`syncline install` shows what that takes, and does it")
        })?;
        if super::member::is_member(&session, &home).await? {
            return Err(crate::sync::member::not_followed());
        }
        let verified = capture::verified(&session, &home, &follow.tables).await?;
        let oids: Vec<u32> = verified.iter().map(|v| v.record.oid).collect();
        let wanted = follow.tables.iter().cloned();
        let tables = wanted.zip(verified).map(|(wanted, v)| Followed::new(wanted, v)).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            postgres: postgres.clone(),
            session,
            reader,
            home,
            lane: follow.lane.clone(),
            incarnation: node.incarnation,
            logs: tables.iter().map(Followed::log).collect(),
            tables,
            oids,
            // Asked at the first tick, and then compared with what stands here: verified again.
            marks: Marks::new(),
            verify_at: Instant::now(),
            newest: 0,
            looked: None,
            asked: Instant::now(),
            kept: Kept::default(),
            more_to_prune: false,
            pruned: Instant::now(),
            last_change: Instant::now(),
            reading: None,
        })
    }

    /// All tables are captured as they were, or an error says which is not.
    async fn verify(&mut self) -> Result<()> {
        let began = Instant::now();
        let marks = capture::marks(&self.session, &self.home, &self.oids).await?;
        if self.marks.is_empty() || marks != self.marks || self.is_out_of_order().await? {
            let wanted: Vec<_> = self.tables.iter().map(|t| t.wanted.clone()).collect();
            let found = capture::verified(&self.session, &self.home, &wanted).await?;
            if found.iter().map(|v| v.record.log).ne(self.logs.iter().copied()) {
                return Err(Error::new(ErrorKind::Schema, "capture was installed anew meanwhile")
                    .hint("run the same command again; the table is loaded again"));
            }
            self.marks = marks;
        }
        let (at_most, at_least) = VERIFY_EVERY;
        self.verify_at = Instant::now() + (began.elapsed() * VERIFY_SHARE).clamp(at_most, at_least);
        Ok(())
    }

    /// The same of some tables, when changes of them are about to be carried: it is asked after those were made, so none
    /// is taken for a change of a table that was another by then (F36, I10). Costs by these tables alone.
    async fn unaltered(&mut self, tables: &[usize]) -> Result<()> {
        let oids: Vec<u32> = tables.iter().filter_map(|i| self.oids.get(*i).copied()).collect();
        let marks = capture::marks(&self.session, &self.home, &oids).await?;
        let is_same = |oid: &u32| marks.get(oid) == self.marks.get(oid);
        if !oids.iter().chain([&capture::OF_ALL]).all(is_same) || self.is_out_of_order().await? {
            self.verify().await?;
        }
        Ok(())
    }

    /// Numbers in another order say nothing of it themselves.
    async fn is_out_of_order(&self) -> Result<bool> {
        Ok(capture::order(&self.session, &self.home).await?.is_some())
    }

    async fn look(&self) -> Result<Look> {
        // A new sequence says the same number before and after it is first drawn.
        let order = format!("SELECT pg_catalog.concat(last_value, is_called) FROM {}", self.home.of(ORDER));
        let sql = format!("{order}; SELECT pg_catalog.pg_current_snapshot()");
        let answers = self.session.client.simple_query(&sql).await;
        let answers = answers.map_err(|e| failed(e, "cannot look for changes"))?;
        let mut values = answers.iter().filter_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        let order = values.next().unwrap_or_default().to_owned();
        Ok(Look { order, seen: Seen::parse(values.next().unwrap_or_default())? })
    }

    /// Whether a change of this lane's tables was committed between.
    async fn any_between(&self, first: &Seen, second: &Seen) -> Result<bool> {
        let Some(condition) = first.until(second) else { return Ok(false) };
        let touched = self.touched(&condition).await?;
        Ok(self.logs.iter().any(|log| touched.contains(log)))
    }

    /// The change tables that transactions which meet the condition have written to: what this costs depends on them, not on
    /// how many tables are captured.
    async fn touched(&self, condition: &str) -> Result<HashSet<u64>> {
        let sql = format!("SELECT DISTINCT log FROM {} WHERE {condition}", self.home.of("syncline_touched"));
        let rows = self.session.client.query(&sql, &[]).await.map_err(|e| failed(e, "cannot look for changes"))?;
        Ok(rows.iter().filter_map(|row| u64::try_from(row.get::<_, i64>(0)).ok()).collect())
    }

    /// Those of these ranges that have entries.
    async fn written_to(&self, mut ranges: Ranges) -> Result<Ranges> {
        // Most often one condition holds for all tables.
        let mut touched: HashMap<String, HashSet<u64>> = HashMap::new();
        for condition in ranges.iter().map(|(_, condition)| condition).collect::<HashSet<_>>() {
            touched.insert(condition.clone(), self.touched(condition).await?);
        }
        ranges.retain(|(i, condition)| {
            let log = self.logs.get(*i).zip(touched.get(condition));
            log.is_some_and(|(log, touched)| touched.contains(log))
        });
        Ok(ranges)
    }

    async fn newest_tick(&self) -> Result<Option<(Tick, Seen)>> {
        let sql = format!(
            "SELECT tick, token, snapshot::text FROM {} ORDER BY tick DESC LIMIT 1",
            self.home.of("syncline_tick")
        );
        let row = self.session.client.query_opt(&sql, &[]).await.map_err(|e| failed(e, "cannot read the ticks"))?;
        row.map(|row| Ok((tick_of(row.get(0), row.get(1)), Seen::parse(row.get(2))?))).transpose()
    }

    async fn tick_now(&mut self) -> Result<Tick> {
        let look = self.look().await?;
        if self.marks.is_empty() || self.verify_at <= Instant::now() {
            self.verify().await?;
        }
        let newest = self.newest_tick().await?;
        // Another lane may have made one since.
        if let Some((_, seen)) = newest.as_ref().filter(|(_, seen)| seen.reaches_beyond(&look.seen))
            && seen.reaches_beyond(&self.look().await?.seen)
        {
            return Err(numbers_went_back());
        }
        if let Some((tick, seen)) = newest
            && !self.any_between(&seen, &look.seen).await?
        {
            self.looked = Some(look);
            self.newest = tick.number;
            return Ok(tick);
        }
        self.last_change = Instant::now();
        self.begin_tick().await?;
        let made = self.make_tick("pg_catalog.pg_current_snapshot()").await;
        let (tick, seen) = self.end_tick(made).await?;
        self.newest = tick.number;
        self.looked = Some(Look { order: look.order, seen });
        if self.pruned.elapsed() > PRUNE_EVERY {
            self.prune(PIECES_MAX).await?;
        }
        Ok(tick)
    }

    /// Nobody else makes a tick until this transaction ends, and what the next statement sees has the newest one in it.
    async fn begin_tick(&self) -> Result<()> {
        let begin = format!("BEGIN; SELECT pg_catalog.pg_advisory_xact_lock({TICK_LOCK})");
        let begun = self.session.client.batch_execute(&begin).await.map_err(|e| failed(e, "cannot begin a tick"));
        if begun.is_err() {
            // The next call must find no transaction that has failed.
            let _ = self.session.client.batch_execute("ROLLBACK").await;
        }
        begun
    }

    async fn make_tick(&mut self, snapshot: &str) -> Result<(Tick, Seen)> {
        let ticks = self.home.of("syncline_tick");
        let sql = format!(
            "INSERT INTO {ticks} SELECT COALESCE(max(tick), 0) + 1, {snapshot}, \
             pg_catalog.left(pg_catalog.gen_random_uuid()::text, 8), (SELECT last_value FROM {}) FROM {ticks} \
             RETURNING tick, token, snapshot::text",
            self.home.of(ORDER)
        );
        let row = self.session.client.query_one(&sql, &[]).await.map_err(|e| failed(e, "cannot make a tick"))?;
        self.write_kept().await?;
        Ok((tick_of(row.get(0), row.get(1)), Seen::parse(row.get(2))?))
    }

    /// F114: the session waits for the disk at its commits.
    async fn end_tick<T>(&mut self, made: Result<T>) -> Result<T> {
        let end = if made.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = self.session.client.batch_execute(end).await.map_err(|e| failed(e, "cannot make a tick"));
        let made = made?;
        ended?;
        self.kept.written = self.kept.known;
        Ok(made)
    }

    /// Writes down what the lane has.
    async fn write_kept(&mut self) -> Result<()> {
        if !self.kept.known || self.kept.written {
            return Ok(());
        }
        let lanes = self.home.of("syncline_lane");
        let logs = serde_json::to_string(&self.logs).unwrap_or_default();
        let sql = format!(
            "INSERT INTO {lanes} VALUES ({}, {}, '{logs}') \
             ON CONFLICT (lane) DO UPDATE SET tick = excluded.tick, tables = excluded.tables",
            literal(&self.lane.0),
            self.kept.tick
        );
        self.more_to_prune = true;
        self.session.client.batch_execute(&sql).await.map_err(|e| failed(e, "cannot write down how far the lane got"))
    }
}

/// After a dump was loaded into another server, its transactions begin to count anew, and nothing that they write would
/// ever lie behind the ticks that came with the dump (F12, F91).
fn numbers_went_back() -> Error {
    let what = "this database was loaded from a dump: its transactions have smaller numbers than those of its ticks";
    Error::new(ErrorKind::PositionLost, what)
        .hint("`syncline uninstall`, and run the job again: capture is installed anew and the tables are loaded again")
}

fn tick_of(number: i64, token: String) -> Tick {
    Tick { number: u64::try_from(number).unwrap_or(0), token }
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
        if newest.number <= after + 1 {
            return Ok(newest.clone());
        }
        let (ticks, upto) = (self.home.of("syncline_tick"), newest.number);
        // What was drawn between is not exactly what was committed between, and good enough.
        let sql = format!(
            "WITH full_at AS (SELECT tick FROM {ticks} WHERE tick > {after} AND tick <= {upto} \
             AND drawn > (SELECT drawn + {changes_max} FROM {ticks} WHERE tick = {after}) ORDER BY tick LIMIT 1) \
             SELECT tick, token FROM {ticks} WHERE tick > {after} AND tick <= COALESCE((SELECT tick FROM full_at), {upto}) \
             ORDER BY tick = (SELECT tick FROM full_at), tick DESC LIMIT 1"
        );
        let row = self.session.client.query_one(&sql, &[]).await.map_err(|e| failed(e, "cannot read the ticks"))?;
        Ok(tick_of(row.get(0), row.get(1)))
    }

    async fn holds(&mut self, tick: &Tick) -> Result<bool> {
        let sql = format!("SELECT token FROM {} WHERE tick = {}", self.home.of("syncline_tick"), tick.number);
        let row = self.session.client.query_opt(&sql, &[]).await.map_err(|e| failed(e, "cannot read the ticks"))?;
        Ok(row.is_some_and(|row| row.get::<_, &str>(0) == tick.token))
    }

    async fn keep(&mut self, tick: u64) -> Result<()> {
        let first = !self.kept.known;
        self.kept = Kept { tick, known: true, written: false };
        // Later on it goes along with the next tick.
        if first { self.settle().await } else { Ok(()) }
    }

    async fn release(&mut self, lane: &LaneId) -> Result<()> {
        let sql = format!("DELETE FROM {} WHERE lane = $1", self.home.of("syncline_lane"));
        let gone = self.session.client.execute(&sql, &[&lane.0]).await;
        self.more_to_prune |= gone.map_err(|e| failed(e, "cannot forget a lane"))? > 0;
        Ok(())
    }

    async fn ticks_beside_a_snapshot(&mut self) -> Result<bool> {
        Ok(true)
    }

    async fn snapshot(&mut self, spec: &ReadSpec) -> Result<(Tick, Box<dyn Source>)> {
        let cannot = |e| failed(e, "cannot begin a snapshot");
        let session = self.postgres.session().await?;
        // Waits for locks, if it must, before it keeps others waiting.
        source::begin(&session, &spec.tables).await?;
        self.begin_tick().await?;
        let made = async {
            let sql = "SELECT pg_catalog.pg_current_snapshot()::text";
            let seen: String = session.client.query_one(sql, &[]).await.map_err(cannot)?.get(0);
            self.make_tick(&format!("'{seen}'::pg_catalog.pg_snapshot")).await
        };
        let made = made.await;
        let (tick, _) = self.end_tick(made).await?;
        Ok((tick, Box::new(source::begun(session, &self.postgres.settings, None, spec.clone()).await?)))
    }

    async fn open(&mut self, after: &[u64], upto: &Tick) -> Result<()> {
        let mut numbers: Vec<i64> = after.iter().chain([&upto.number]).filter_map(|t| i64::try_from(*t).ok()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let sql = format!("SELECT tick, snapshot::text FROM {} WHERE tick = ANY($1)", self.home.of("syncline_tick"));
        let rows =
            self.session.client.query(&sql, &[&numbers]).await.map_err(|e| failed(e, "cannot read the ticks"))?;
        let mut seen: HashMap<u64, Seen> = HashMap::new();
        for row in &rows {
            seen.insert(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0), Seen::parse(row.get(1))?);
        }
        let of = |tick: &u64| {
            seen.get(tick).ok_or_else(|| {
                Error::new(ErrorKind::PositionLost, "a tick is gone before what came after it was read")
                    .at("tick", tick.to_string())
                    .hint("only Syncline may delete from its tables; `syncline resync JOB` loads the tables again")
            })
        };
        let end = of(&upto.number)?;
        let mut ranges: Ranges = Vec::new();
        for (i, after) in after.iter().enumerate() {
            ranges.extend(of(after)?.until(end).map(|condition| (i, condition)));
        }
        let ranges = self.written_to(ranges).await?;
        let tables: Vec<usize> = ranges.iter().map(|(i, _)| *i).collect();
        self.reading = None;
        if !tables.is_empty() {
            self.unaltered(&tables).await?;
            self.reading = Some(Reading::begin(&self.reader, &self.home, &self.tables, &ranges).await?);
        }
        Ok(())
    }

    async fn next(&mut self, bytes_max: usize) -> Result<Piece> {
        match &mut self.reading {
            Some(reading) => reading.next(&self.tables, bytes_max).await,
            None => Ok(Piece { tables: Vec::new(), last: true }),
        }
    }

    async fn settle(&mut self) -> Result<()> {
        if !self.kept.written {
            self.session.client.batch_execute("BEGIN").await.map_err(|e| failed(e, "cannot begin"))?;
            let written = self.write_kept().await;
            self.end_tick(written).await?;
        }
        while self.more_to_prune {
            self.prune(PIECES_MAX).await?;
        }
        Ok(())
    }

    async fn wait(&mut self, wait_max: Duration) -> Result<bool> {
        let until = Instant::now() + wait_max;
        loop {
            let look = self.look().await?;
            let Some(looked) = &self.looked else { return Ok(true) };
            // One that had drawn its number may have been so new that no snapshot named it as open. That it is over shows only
            // in that the snapshots go on, as they do for whatever else is written to the server.
            let goes_on = look.seen.reaches_beyond(&looked.seen) && self.asked.elapsed() > ASK_AGAIN;
            if looked.order != look.order || looked.seen.any_ended(&look.seen) || goes_on {
                self.asked = Instant::now();
                if self.any_between(&looked.seen, &look.seen).await? {
                    return Ok(true);
                }
                self.looked = Some(look);
            }
            let calm = self.last_change.elapsed() > Duration::from_secs(1);
            let over = Instant::now() >= until;
            // The next change should not wait for commits that are in no hurry.
            if calm || over {
                self.settle().await?;
            }
            // A column that was added may hold values that nobody wrote.
            if self.verify_at <= Instant::now() {
                self.verify().await?;
                // What others wrote is kept until this lane, too, stands behind it.
                if self.newest_tick().await?.is_some_and(|(tick, _)| tick.number > self.newest) {
                    return Ok(true);
                }
            }
            if over {
                return Ok(false);
            }
            let (soon, late) = LOOK_AGAIN;
            tokio::time::sleep(if calm { late } else { soon }).await;
        }
    }
}
