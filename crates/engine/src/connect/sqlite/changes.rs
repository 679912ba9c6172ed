//! Reading what was captured in an SQLite file.
//!
//! A tick is an id of the outbox: SQLite has one writer, so ids are in commit order, and the highest one that anybody
//! sees lies between two transactions. The tick's row is committed with `synchronous = FULL` before anything up to it is
//! shipped, which makes all before it durable too (F114).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row};
use syncline_model::change::{At, ChangeBuf, Op, TableBuilder};
use syncline_model::{CellBuf, Error, ErrorKind, Result, TableChanges};

use super::capture::ddl::BITS;
use super::capture::{self, Record};
use super::{Sqlite, catalog, failed, in_place, source, types};
use crate::capture::follow::{Captured, Piece, Tick, no_operation};
use crate::connector::{CaptureTable, Follow, LaneId, ReadSpec, Source};

/// Most ids that one transaction prunes, so that the application waits for it no longer than some milliseconds.
const PRUNED_MAX: u64 = 20_000;

/// How often a writer is looked for: soon after one, and when nothing has moved for a while.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(25));

/// How often it is looked whether the file still is the one that was opened.
const FILE_LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often a snapshot is begun anew because somebody wrote between it and its tick.
const SNAPSHOT_TRIES: u32 = 20;

/// What one lane reads of a file's changes.
pub struct Changes {
    sqlite: Sqlite,
    conn: Connection,
    lane: LaneId,
    incarnation: String,
    tables: Vec<Followed>,
    logs: Vec<u64>,
    /// The schema's version when capture was last verified.
    schema_version: i64,
    /// `PRAGMA data_version` before the newest tick: another number means that another connection has committed.
    seen: Option<i64>,
    kept: Kept,
    more_to_prune: bool,
    last_change: Instant,
    /// Which file was opened, and when it was last looked whether it still has its name (F43).
    file: String,
    file_seen: Instant,
    /// The open range: per table where it begins, where all end, and the id that was read last.
    after: Vec<u64>,
    upto: u64,
    at: u64,
}

/// What the lane has.
#[derive(Default)]
struct Kept {
    tick: u64,
    /// Whether anything was said of it yet.
    known: bool,
    /// Whether the file says so.
    written: bool,
}

/// A table that is followed.
pub(super) struct Followed {
    wanted: CaptureTable,
    record: Record,
    /// For each column that is read its place among those that are captured.
    places: Vec<usize>,
    select: String,
}

impl Changes {
    /// Opens what was captured of these tables.
    pub fn open(sqlite: &Sqlite, follow: &Follow) -> Result<Self> {
        let conn = sqlite.open(super::Access::Write)?;
        let cannot = |e| failed(e, "cannot read what was captured");
        conn.pragma_update(None, "synchronous", "FULL").map_err(cannot)?;
        let incarnation = capture::incarnation(&conn)?.ok_or_else(|| {
            Error::new(ErrorKind::Schema, "nothing captures this database's changes")
                .hint("`syncline install` shows what that takes, and does it")
        })?;
        if super::member::is_member(&conn)? {
            return Err(crate::sync::member::not_followed());
        }
        let schema_version = catalog::schema_version(&conn)?;
        let records = capture::verified(&conn, &follow.tables)?;
        let wanted = follow.tables.iter().cloned();
        let tables: Result<Vec<Followed>> =
            wanted.zip(records).map(|(wanted, record)| Followed::new(wanted, record)).collect();
        let tables = tables?;
        let logs = tables.iter().map(|t| t.record.log).collect();
        Ok(Self {
            sqlite: sqlite.clone(),
            conn,
            lane: follow.lane.clone(),
            incarnation,
            tables,
            logs,
            schema_version,
            seen: None,
            kept: Kept::default(),
            more_to_prune: false,
            last_change: Instant::now(),
            file: sqlite.identity(),
            file_seen: Instant::now(),
            after: Vec::new(),
            upto: 0,
            at: 0,
        })
    }

    /// The tables are captured as they were; asked whenever anybody has changed the schema.
    fn verify(&mut self) -> Result<()> {
        let version = catalog::schema_version(&self.conn)?;
        if version != self.schema_version {
            let wanted: Vec<_> = self.tables.iter().map(|t| t.wanted.clone()).collect();
            let records = capture::verified(&self.conn, &wanted)?;
            if records.iter().map(|r| r.log).ne(self.logs.iter().copied()) {
                return Err(Error::new(ErrorKind::Schema, "capture was installed anew meanwhile")
                    .hint("run the same command again; the table is loaded again"));
            }
            self.schema_version = version;
        }
        Ok(())
    }

    /// The file is still the one that was opened: in one that was put in its place the application's changes would go
    /// unseen (F43).
    fn same_file(&mut self) -> Result<()> {
        if self.file_seen.elapsed() > FILE_LOOK_EVERY {
            self.file_seen = Instant::now();
            if self.sqlite.identity() != self.file {
                return Err(Error::new(ErrorKind::PositionLost, "another file was put in the place of the database")
                    .hint("run the same command again; it looks at what the new file knows"));
            }
        }
        Ok(())
    }

    fn tick_now(&mut self) -> Result<Tick> {
        let cannot = |e| failed(e, "cannot take a tick");
        self.seen = Some(data_version(&self.conn).map_err(cannot)?);
        self.verify()?;
        let highest = highest_id(&self.conn).map_err(cannot)?;
        if let Some(tick) = newest_tick(&self.conn).map_err(cannot)?
            && tick.number >= highest
        {
            return Ok(tick);
        }
        self.last_change = Instant::now();
        self.within(|conn| tick_at(conn, highest))
    }

    /// A connection whose read transaction sees exactly what lies up to a tick.
    fn snapshot_at_tick(&mut self) -> Result<(Tick, Connection)> {
        let cannot = |e| failed(e, "cannot begin a snapshot");
        let journal = journal_mode(&self.conn)?;
        for _ in 0..SNAPSHOT_TRIES {
            let tick = self.tick_now()?;
            let conn = self.sqlite.open(super::Access::Read)?;
            source::begin(&conn)?;
            let highest = highest_id(&conn).map_err(cannot)?;
            if highest == tick.number {
                return Ok((tick, conn));
            }
            // Somebody wrote between. Only beside a write-ahead log can a tick be written while another reads.
            if journal == "wal" {
                return Ok((self.within(|conn| tick_at(conn, highest))?, conn));
            }
        }
        Err(Error::new(ErrorKind::Busy, "the source is written to without a pause, and no snapshot finds its tick")
            .hint("`PRAGMA journal_mode=WAL` lets readers and writers go on side by side"))
    }

    /// Runs something in a transaction that also writes down what the lane has, and prunes.
    fn within<T>(&mut self, act: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let cannot = |e| failed(e, "cannot write to the source");
        self.conn.execute_batch("BEGIN IMMEDIATE").map_err(cannot)?;
        let due = self.kept.known && (!self.kept.written || self.more_to_prune);
        let acted = act(&self.conn).and_then(|done| Ok((done, due && self.keep_and_prune()?)));
        // A commit that has to wait for a reader leaves the transaction open.
        match acted.and_then(|acted| self.conn.execute_batch("COMMIT").map(|()| acted)) {
            Ok((done, more)) => {
                (self.kept.written, self.more_to_prune) = (self.kept.known, more);
                Ok(done)
            }
            Err(e) => {
                let _ = self.conn.execute_batch("ROLLBACK");
                Err(cannot(e))
            }
        }
    }

    /// Writes down what the lane has, and removes a piece of what all lanes have; says whether there is more.
    fn keep_and_prune(&self) -> rusqlite::Result<bool> {
        let tables: Vec<&str> = self.tables.iter().map(|t| &*t.record.name).collect();
        let tables = serde_json::to_string(&tables).unwrap_or_default();
        self.conn
            .prepare_cached(
                "INSERT INTO syncline_lane (lane, tick, tables) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (lane) DO UPDATE SET tick = excluded.tick, tables = excluded.tables",
            )?
            .execute((&self.lane.0, self.kept.tick, tables))?;
        let all: u64 = self.conn.query_row("SELECT min(tick) FROM syncline_lane", [], |r| r.get(0))?;
        let oldest: Option<u64> = self.conn.query_row("SELECT min(id) FROM syncline_outbox", [], |r| r.get(0))?;
        // A lane's own tick must stay, to be known again.
        self.conn.prepare_cached("DELETE FROM syncline_tick WHERE number < ?1")?.execute([all])?;
        let Some(oldest) = oldest.filter(|oldest| *oldest <= all) else { return Ok(false) };
        let upto = all.min(oldest + PRUNED_MAX);
        let mut logs = self.conn.prepare_cached("SELECT log FROM syncline_capture")?;
        let logs: Vec<u64> = logs.query_map([], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
        for log in logs {
            self.conn.prepare_cached(&format!("DELETE FROM syncline_log_{log} WHERE id <= ?1"))?.execute([upto])?;
        }
        self.conn.prepare_cached("DELETE FROM syncline_outbox WHERE id <= ?1")?.execute([upto])?;
        Ok(upto < all)
    }

    fn piece(&mut self, bytes_max: usize) -> Result<Piece> {
        let cannot = |e| failed(e, "cannot read what was captured");
        let places: HashMap<u64, usize> = self.logs.iter().enumerate().map(|(i, log)| (*log, i)).collect();
        let mut builders: Vec<Option<TableBuilder>> = self.tables.iter().map(|_| None).collect();
        let sql = "SELECT id, log, at FROM syncline_outbox WHERE id > ?1 AND id <= ?2 ORDER BY id";
        let mut stmt = self.conn.prepare_cached(sql).map_err(cannot)?;
        let mut rows = stmt.query((self.at, self.upto)).map_err(cannot)?;
        let (mut bytes, mut last) = (0, true);
        while let Some(row) = rows.next().map_err(cannot)? {
            if bytes >= bytes_max {
                last = false;
                break;
            }
            let (id, log): (u64, u64) = (row.get(0).map_err(cannot)?, row.get(1).map_err(cannot)?);
            self.at = id;
            let Some(i) = places.get(&log).copied().filter(|i| self.after.get(*i).is_some_and(|after| id > *after))
            else {
                continue;
            };
            let (Some(table), Some(slot)) = (self.tables.get(i), builders.get_mut(i)) else { continue };
            let builder = slot.get_or_insert_with(|| TableBuilder::new(table.wanted.schema.clone()));
            let before = builder.bytes();
            let at = row.get::<_, f64>(2).map_err(cannot)?;
            builder.push(table.change(&self.conn, id, microseconds(at))?)?;
            // Besides its cells a change takes some room of its own.
            bytes += builder.bytes() - before + 200;
        }
        let tables: Result<Vec<TableChanges>> = builders.iter_mut().flatten().map(TableBuilder::finish).collect();
        Ok(Piece { tables: tables?, last })
    }
}

/// µs since 1970 of a Julian day, which SQLite counts in milliseconds.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn microseconds(julian_day: f64) -> i64 {
    ((julian_day - 2_440_587.5) * 86_400_000.0).round() as i64 * 1000
}

impl Followed {
    pub(super) fn new(wanted: CaptureTable, record: Record) -> Result<Self> {
        let place = |name: &str| {
            record.columns.iter().position(|c| c.name == name).ok_or_else(|| {
                Error::new(ErrorKind::Schema, "a column is not captured")
                    .at("table", record.name.clone())
                    .at("column", name)
                    .hint("`syncline install` brings it into place")
            })
        };
        let places = wanted.schema.columns.iter().map(|c| place(&c.name)).collect::<Result<Vec<_>>>()?;
        let bits = (0..record.columns.len().div_ceil(BITS)).map(|i| format!("c{i}"));
        let olds = places.iter().map(|p| format!("o{p}"));
        let news = places.iter().map(|p| format!("n{p}"));
        let columns: Vec<_> = bits.chain(olds).chain(news).collect();
        let select = format!("SELECT op, {} FROM syncline_log_{} WHERE id = ?1", columns.join(", "), record.log);
        Ok(Self { wanted, record, places, select })
    }

    /// The number of its change table.
    pub(super) fn log(&self) -> u64 {
        self.record.log
    }

    /// One captured change.
    pub(super) fn change(&self, conn: &Connection, id: u64, at_us: i64) -> Result<ChangeBuf> {
        let cannot = |e| failed(e, "cannot read what was captured").at("table", self.record.name.clone());
        let mut stmt = conn.prepare_cached(&self.select).map_err(cannot)?;
        let change = stmt.query_row([id], |row| self.read(row)).optional().map_err(cannot)?;
        let change = change.ok_or_else(|| {
            Error::new(ErrorKind::PositionLost, "a captured change is gone before it was read")
                .at("table", self.record.name.clone())
                .hint("only Syncline may delete from its tables; `syncline resync JOB` loads the tables again")
        })?;
        let mut change = change.ok_or_else(|| no_operation(&self.record.name))?;
        (change.ord, change.at) = (id, Some(At { us: at_us, commit: false }));
        Ok(change)
    }

    /// Nothing if its operation does not exist.
    fn read(&self, row: &Row<'_>) -> rusqlite::Result<Option<ChangeBuf>> {
        let words = self.record.columns.len().div_ceil(BITS);
        let columns = &self.wanted.schema.columns;
        let cell = |at: usize, i: usize| -> rusqlite::Result<Option<CellBuf>> {
            let column = columns.get(i).map(|c| &c.logical);
            let Some(logical) = column else { return Ok(None) };
            Ok(Some(types::cell(logical, row.get_ref(1 + words + at)?).to_owned()))
        };
        let old = |i: usize| cell(i, i);
        let new = |i: usize| cell(columns.len() + i, i);
        let all = 0..columns.len();
        let op: String = row.get(0)?;
        match op.as_str() {
            "I" => {
                let after = all.map(new).collect::<rusqlite::Result<_>>()?;
                return Ok(Some(ChangeBuf::new(Op::Insert, after, Vec::new())));
            }
            "D" => {
                let before = all.map(old).collect::<rusqlite::Result<_>>()?;
                return Ok(Some(ChangeBuf::new(Op::Delete, Vec::new(), before)));
            }
            "U" => {}
            _ => return Ok(None),
        }
        let (mut before, mut after, mut moves) = (Vec::new(), Vec::new(), false);
        for (i, place) in self.places.iter().enumerate() {
            let word: i64 = row.get(1 + place / BITS)?;
            let changed = word >> (place % BITS) & 1 == 1;
            let kept = changed || self.record.columns.get(*place).is_some_and(|c| c.kept);
            before.push(if kept { old(i)? } else { None });
            after.push(if changed { new(i)? } else { None });
            moves |= changed && self.wanted.schema.key.contains(&i);
        }
        Ok(Some(ChangeBuf::new(if moves { Op::Key } else { Op::Update }, after, before)))
    }
}

fn journal_mode(conn: &Connection) -> Result<String> {
    conn.query_row("PRAGMA journal_mode", [], |r| r.get(0)).map_err(|e| failed(e, "cannot ask for the journal's mode"))
}

fn data_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("PRAGMA data_version")?.query_row([], |r| r.get(0))
}

/// The highest id that was ever drawn in what this connection sees, though its row may be pruned.
fn highest_id(conn: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'syncline_outbox'";
    Ok(conn.prepare_cached(sql)?.query_row([], |r| r.get(0)).optional()?.unwrap_or(0))
}

fn newest_tick(conn: &Connection) -> rusqlite::Result<Option<Tick>> {
    let sql = "SELECT number, token FROM syncline_tick ORDER BY number DESC LIMIT 1";
    let tick = |r: &Row<'_>| Ok(Tick { number: r.get(0)?, token: r.get(1)? });
    conn.prepare_cached(sql)?.query_row([], tick).optional()
}

/// See [`Captured::border`]: a tick's number is that of the last change before it.
fn border(conn: &Connection, after: u64, newest: &Tick, changes_max: u64) -> rusqlite::Result<Tick> {
    let sql = "SELECT number, token FROM syncline_tick \
         WHERE number <= max(?2, (SELECT min(number) FROM syncline_tick WHERE number > ?1)) ORDER BY number DESC LIMIT 1";
    let upto = after.saturating_add(changes_max).min(newest.number);
    let tick = |r: &Row<'_>| Ok(Tick { number: r.get(0)?, token: r.get(1)? });
    conn.prepare_cached(sql)?.query_row([after, upto], tick)
}

/// The tick of that number, made if nobody has made it.
fn tick_at(conn: &Connection, number: u64) -> rusqlite::Result<Tick> {
    conn.prepare_cached("INSERT OR IGNORE INTO syncline_tick VALUES (?1, lower(hex(randomblob(4))))")?
        .execute([number])?;
    let token = conn.prepare_cached("SELECT token FROM syncline_tick WHERE number = ?1")?;
    let token = { token }.query_row([number], |r| r.get(0))?;
    Ok(Tick { number, token })
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
        in_place(|| self.tick_now())
    }

    async fn border(&mut self, after: u64, newest: &Tick, changes_max: u64) -> Result<Tick> {
        in_place(|| border(&self.conn, after, newest, changes_max)).map_err(|e| failed(e, "cannot read the ticks"))
    }

    async fn holds(&mut self, tick: &Tick) -> Result<bool> {
        let sql = "SELECT token FROM syncline_tick WHERE number = ?1";
        let token: rusqlite::Result<Option<String>> =
            in_place(|| self.conn.query_row(sql, [tick.number], |r| r.get(0)).optional());
        Ok(token.map_err(|e| failed(e, "cannot read the ticks"))?.is_some_and(|token| token == tick.token))
    }

    async fn keep(&mut self, tick: u64) -> Result<()> {
        let first = !self.kept.known;
        self.kept = Kept { tick, known: true, written: false };
        // Later on it goes along with the next tick.
        if first { in_place(|| self.within(|_| Ok(()))) } else { Ok(()) }
    }

    async fn release(&mut self, lane: &LaneId) -> Result<()> {
        // Looked first: an idle lane writes nothing.
        let there = "SELECT 1 FROM syncline_lane WHERE lane = ?1";
        let there = in_place(|| self.conn.prepare_cached(there).and_then(|mut stmt| stmt.exists([&lane.0])));
        if there.map_err(|e| failed(e, "cannot look for a lane"))? {
            let gone = |conn: &Connection| conn.execute("DELETE FROM syncline_lane WHERE lane = ?1", [&lane.0]);
            in_place(|| self.within(gone))?;
            self.more_to_prune = true;
        }
        Ok(())
    }

    async fn ticks_beside_a_snapshot(&mut self) -> Result<bool> {
        Ok(in_place(|| journal_mode(&self.conn))? == "wal")
    }

    async fn snapshot(&mut self, spec: &ReadSpec) -> Result<(Tick, Box<dyn Source>)> {
        in_place(|| {
            let (tick, conn) = self.snapshot_at_tick()?;
            Ok((tick, Box::new(source::of_snapshot(conn, None, spec.clone())?) as Box<dyn Source>))
        })
    }

    async fn open(&mut self, after: &[u64], upto: &Tick) -> Result<()> {
        (self.after, self.upto) = (after.to_vec(), upto.number);
        self.at = after.iter().copied().min().unwrap_or(upto.number);
        Ok(())
    }

    async fn next(&mut self, bytes_max: usize) -> Result<Piece> {
        in_place(|| self.piece(bytes_max))
    }

    async fn settle(&mut self) -> Result<()> {
        while !self.kept.written || self.more_to_prune {
            in_place(|| self.within(|_| Ok(())))?;
        }
        Ok(())
    }

    async fn wait(&mut self, wait_max: Duration) -> Result<bool> {
        let cannot = |e| failed(e, "cannot look for changes");
        let until = Instant::now() + wait_max;
        loop {
            if self.seen != Some(in_place(|| data_version(&self.conn)).map_err(cannot)?) {
                return Ok(true);
            }
            self.settle().await?;
            self.same_file()?;
            if Instant::now() >= until {
                return Ok(false);
            }
            let (soon, late) = LOOK_AGAIN;
            let calm = self.last_change.elapsed() > Duration::from_secs(1);
            tokio::time::sleep(if calm { late } else { soon }).await;
        }
    }
}
