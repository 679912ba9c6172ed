//! The changes of a range of ticks, in order.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use mysql_async::Value;
use syncline_model::change::{At, ChangeBuf, Op, TableBuilder};
use syncline_model::{Cell, CellBuf, Error, ErrorKind, Result, TableChanges};

use crate::capture::follow::{Piece, no_operation};
use crate::connect::mariadb::capture::{Record, ddl::BITS, number};
use crate::connect::mariadb::session::{Session, text};
use crate::connect::mariadb::source::as_read;
use crate::connect::mariadb::types::{self, Native, Reading};
use crate::connector::CaptureTable;

/// Most changes that are read at once.
const ENTRIES_MAX: usize = 1000;

/// What an entry counts besides the long values, whose bytes it says.
const ENTRY_BYTES: u64 = 200;

/// A table that is followed.
pub struct Followed {
    pub wanted: CaptureTable,
    pub record: Record,
    /// For each column that is read its place among those that are captured.
    places: Vec<usize>,
    readings: Vec<Reading>,
    select: String,
}

/// A place in the order of all changes: by tick, and by id within one. The later of two changes of one key has the later
/// tick, or within one tick the higher id.
type Place = (u64, u64);

/// An entry of the outbox.
struct Entry {
    place: Place,
    log: u64,
    at_us: i64,
    by: Arc<str>,
    bytes: u64,
}

/// How far an open range was read.
#[derive(Default)]
pub struct Range {
    /// Per table the tick after which it begins.
    after: Vec<u64>,
    /// The tick at which all end.
    upto: u64,
    at: Place,
    /// Changes before this one.
    ord: u64,
    by: Option<Arc<str>>,
}

impl Range {
    pub fn new(after: &[u64], upto: u64) -> Self {
        let first = after.iter().copied().min().unwrap_or(upto);
        Self { after: after.to_vec(), upto, at: (first, u64::MAX), ord: 0, by: None }
    }

    /// The next entries, and whether they are the last.
    async fn entries(&mut self, session: &mut Session) -> Result<(Vec<Entry>, bool)> {
        let sql = format!(
            "SELECT tick, id, log, at, who, bytes FROM syncline_outbox FORCE INDEX (by_tick) \
             WHERE tick = ? AND id > ? OR tick > ? AND tick <= ? ORDER BY tick, id LIMIT {ENTRIES_MAX}"
        );
        let (tick, id) = self.at;
        let rows = session.rows_with(&sql, vec![tick.into(), id.into(), tick.into(), self.upto.into()]).await?;
        let is_last = rows.len() < ENTRIES_MAX;
        let entries: Result<Vec<Entry>> = rows.iter().map(|row| self.entry(row)).collect();
        Ok((entries?, is_last))
    }

    fn entry(&mut self, row: &mysql_async::Row) -> Result<Entry> {
        let at_us = match row.as_ref(3).map(|at| types::cell(Reading::Timestamp, at)) {
            Some(Cell::Timestamp(us)) => us,
            _ => 0,
        };
        let by = text(row, 4);
        let by = match &self.by {
            Some(same) if **same == *by => same.clone(),
            _ => self.by.insert(by.into()).clone(),
        };
        Ok(Entry { place: (number(row, 0)?, number(row, 1)?), log: number(row, 2)?, at_us, by, bytes: number(row, 5)? })
    }

    /// The next piece of about that many bytes. What an entry says of its long values bounds what is read for it (I13).
    pub async fn piece(&mut self, session: &mut Session, tables: &[Followed], bytes_max: usize) -> Result<Piece> {
        let mut builders: Vec<Option<TableBuilder>> = tables.iter().map(|_| None).collect();
        let places: HashMap<u64, usize> = tables.iter().enumerate().map(|(i, t)| (t.record.log, i)).collect();
        let (mut bytes, mut is_last) = (0, false);
        while !is_last && bytes < bytes_max {
            let (mut entries, is_end) = self.entries(session).await?;
            let mut room = u64::try_from(bytes_max - bytes).unwrap_or(u64::MAX);
            let fit = entries.iter().position(|entry| {
                let is_full = room == 0;
                let mine = places.contains_key(&entry.log);
                room = room.saturating_sub(if mine { entry.bytes.saturating_add(ENTRY_BYTES) } else { 0 });
                is_full
            });
            is_last = is_end && fit.is_none();
            entries.truncate(fit.unwrap_or(entries.len()));
            let Some(upto) = entries.last().map(|entry| entry.place) else { break };
            let mut rows: Vec<Option<VecDeque<mysql_async::Row>>> = tables.iter().map(|_| None).collect();
            for entry in &entries {
                let Some(i) = places.get(&entry.log).copied() else { continue };
                let (Some(table), Some(slot), Some(after)) = (tables.get(i), rows.get_mut(i), self.after.get(i)) else {
                    continue;
                };
                if entry.place.0 <= *after {
                    continue;
                }
                if slot.is_none() {
                    *slot = Some(table.rows(session, self.at.max((*after, u64::MAX)), upto).await?.into());
                }
                let row = slot.as_mut().and_then(VecDeque::pop_front);
                self.ord += 1;
                let change = table.change(row, entry, self.ord)?;
                let Some(slot) = builders.get_mut(i) else { continue };
                let builder = slot.get_or_insert_with(|| TableBuilder::new(table.wanted.schema.clone()));
                let before = builder.bytes();
                builder.push(change)?;
                // Besides its cells a change takes some room of its own.
                bytes += builder.bytes() - before + 200;
            }
            self.at = upto;
        }
        let tables: Result<Vec<TableChanges>> = builders.iter_mut().flatten().map(TableBuilder::finish).collect();
        Ok(Piece { tables: tables?, last: is_last })
    }
}

impl Followed {
    pub fn new(wanted: CaptureTable, record: Record) -> Result<Self> {
        let place = |name: &str| {
            record.columns.iter().position(|c| c.name == name).ok_or_else(|| {
                Error::new(ErrorKind::Schema, "a column is not captured")
                    .at("table", record.name.clone())
                    .at("column", name)
                    .hint("`syncline install` brings it into place")
            })
        };
        let columns = &wanted.schema.columns;
        let places = columns.iter().map(|c| place(&c.name)).collect::<Result<Vec<_>>>()?;
        let readings = columns.iter().map(|c| Reading::of(&Native::parse(&c.native), &c.logical)).collect();
        let bits = (0..record.columns.len().div_ceil(BITS)).map(|i| format!("l.c{i}"));
        let side = |side: &str| -> Vec<String> {
            columns.iter().zip(&places).map(|(c, p)| as_read(c, format!("l.{side}{p}"))).collect()
        };
        let columns: Vec<_> = bits.chain(side("o")).chain(side("n")).collect();
        let select = format!(
            "SELECT STRAIGHT_JOIN l.id, l.op, {} FROM syncline_outbox AS e FORCE INDEX (by_tick) \
             JOIN syncline_log_{} AS l ON l.id = e.id",
            columns.join(", "),
            record.log
        );
        Ok(Self { wanted, record, places, readings, select })
    }

    /// The table's rows after one place and up to another.
    async fn rows(&self, session: &mut Session, after: Place, upto: Place) -> Result<Vec<mysql_async::Row>> {
        // Both forms are ranges of the index, however large a tick is.
        let (condition, values) = match after.0 == upto.0 {
            true => ("e.tick = ? AND e.id > ? AND e.id <= ?", vec![after.0, after.1, upto.1]),
            false => (
                "e.tick = ? AND e.id > ? OR e.tick > ? AND e.tick < ? OR e.tick = ? AND e.id <= ?",
                vec![after.0, after.1, after.0, upto.0, upto.0, upto.1],
            ),
        };
        let sql = format!("{} WHERE {condition} ORDER BY e.tick, e.id", self.select);
        let rows = session.rows_with(&sql, values.into_iter().map(Value::from).collect()).await;
        rows.map_err(|e| e.at("table", self.record.name.clone()))
    }

    /// One captured change.
    fn change(&self, row: Option<mysql_async::Row>, entry: &Entry, ord: u64) -> Result<ChangeBuf> {
        let gone = || {
            Error::new(ErrorKind::PositionLost, "a captured change is gone before it was read")
                .at("table", self.record.name.clone())
                .hint("only Syncline may delete from its tables; `syncline resync JOB` loads the tables again")
        };
        let row = row.ok_or_else(gone)?;
        if number(&row, 0)? != entry.place.1 {
            return Err(gone());
        }
        let mut change = self.read(row)?;
        change.ord = ord;
        change.at = Some(At { us: entry.at_us, commit: false });
        change.by = Some(entry.by.clone());
        Ok(change)
    }

    fn read(&self, row: mysql_async::Row) -> Result<ChangeBuf> {
        let words = self.record.columns.len().div_ceil(BITS);
        let bits: Vec<u64> = (0..words)
            .map(|i| if row.as_ref(2 + i) == Some(&Value::NULL) { Ok(0) } else { number(&row, 2 + i) })
            .collect::<Result<_>>()?;
        let op = text(&row, 1);
        let mut values = row.unwrap();
        values.iter_mut().skip(2 + words).for_each(types::spell_out);
        let columns = self.places.len();
        let cell = |at: usize, i: usize| -> Option<CellBuf> {
            let value = values.get(2 + words + at + i)?;
            Some(types::cell(*self.readings.get(i)?, value).to_owned())
        };
        let old = |i: usize| cell(0, i);
        let new = |i: usize| cell(columns, i);
        let all = 0..columns;
        match op.as_str() {
            "I" => return Ok(ChangeBuf::new(Op::Insert, all.map(new).collect(), Vec::new())),
            "D" => return Ok(ChangeBuf::new(Op::Delete, Vec::new(), all.map(old).collect())),
            "U" => {}
            _ => return Err(no_operation(&self.record.name)),
        }
        let (mut before, mut after, mut moves) = (Vec::new(), Vec::new(), false);
        for (i, place) in self.places.iter().enumerate() {
            let changed = bits.get(place / BITS).is_some_and(|word| word >> (place % BITS) & 1 == 1);
            let kept = changed || self.record.columns.get(*place).is_some_and(|c| c.kept);
            before.push(if kept { old(i) } else { None });
            after.push(if changed { new(i) } else { None });
            moves |= changed && self.wanted.schema.key.contains(&i);
        }
        Ok(ChangeBuf::new(if moves { Op::Key } else { Op::Update }, after, before))
    }
}
