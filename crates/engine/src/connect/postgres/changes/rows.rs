//! Reading change tables: one COPY gives the entries of all of them in their order.
//!
//! The server sorts their numbers only and fetches each entry when its turn has come. So neither end holds more than one
//! of them, however many a range has, or how wide they are (I13).

use std::collections::HashMap;
use std::pin::Pin;

use futures_util::StreamExt as _;
use syncline_model::change::{At, ChangeBuf, Op, TableBuilder};
use syncline_model::{Cell, CellBuf, Error, ErrorKind, Result, TableChanges};
use tokio_postgres::CopyOutStream;

use super::super::capture::Verified;
use super::super::capture::ddl::{BITS, Home};
use super::super::session::{Session, failed};
use super::super::types::Kind;
use super::super::types::decode::{self, Rows};
use crate::capture::follow::{Piece, no_operation};
use crate::connector::CaptureTable;

/// A table that is followed.
pub struct Followed {
    pub wanted: CaptureTable,
    pub captured: Verified,
    /// For each column that is read its place among those that are captured.
    places: Vec<usize>,
    /// How the columns travel.
    kinds: Vec<Kind>,
}

/// What stands in an entry before the words of changed columns.
const HEAD: usize = 4;

impl Followed {
    pub fn new(wanted: CaptureTable, captured: Verified) -> Result<Self> {
        let record = &captured.record;
        let place = |name: &str| {
            record.columns.iter().position(|c| c.name == name).ok_or_else(|| {
                Error::new(ErrorKind::Schema, "a column is not captured")
                    .at("table", record.name.clone())
                    .at("column", name)
                    .hint("`syncline install` brings it into place")
            })
        };
        let places = wanted.schema.columns.iter().map(|c| place(&c.name)).collect::<Result<Vec<_>>>()?;
        let kinds = places.iter().map(|p| captured.kinds.get(*p).copied().unwrap_or(Kind::Other)).collect();
        Ok(Self { wanted, captured, places, kinds })
    }

    pub fn log(&self) -> u64 {
        self.captured.record.log
    }

    fn words(&self) -> usize {
        self.captured.record.columns.len().div_ceil(BITS)
    }

    /// The entry at a place of the change table as one value.
    fn entry(&self, home: &Home) -> String {
        let words = (0..self.words()).map(|i| format!("l.c{i}"));
        let columns = || self.places.iter().zip(&self.kinds);
        let image = |side: &str| {
            let one = |(place, kind): (&usize, &Kind)| {
                let long = self.captured.record.columns.get(*place).is_some_and(|c| c.long);
                let value = if long { format!("l.{side}{place}") } else { format!("(l.{side}).f{place}") };
                if kind.is_binary() { value } else { format!("{value}::text") }
            };
            columns().map(one).collect::<Vec<_>>()
        };
        let parts: Vec<_> = words.chain(image("o")).chain(image("n")).collect();
        format!(
            "WHEN {} THEN (SELECT pg_catalog.record_send(ROW(l.op, l.xid, l.at, l.by, {})) FROM {} l WHERE l.ctid = s.place)",
            self.log(),
            parts.join(", "),
            home.log(self.log())
        )
    }

    fn change(&self, id: u64, entry: &[u8]) -> Result<ChangeBuf> {
        let fields = fields(entry).ok_or_else(damaged)?;
        let field = |i: usize| fields.get(i).copied().ok_or_else(damaged);
        let eight = |i: usize| -> Result<[u8; 8]> { field(i)?.and_then(|b| b.try_into().ok()).ok_or_else(damaged) };
        let letter = field(0)?.and_then(|b| b.first()).ok_or_else(damaged)?;
        let mut change = match Op::from_letter(*letter) {
            Some(op @ (Op::Insert | Op::Update | Op::Delete | Op::Truncate)) => self.images(op, &field)?,
            _ if *letter != b'?' => return Err(no_operation(&self.wanted.schema.name.to_string())),
            _ => {
                return Err(Error::new(ErrorKind::Schema, "the table was written while it had other columns")
                    .at("table", self.wanted.schema.name.to_string())
                    .hint("`syncline install` captures it anew; it is then loaded again"));
            }
        };
        let (at, by) = (eight(2)?, field(3)?);
        change.ord = id;
        change.tx = Some(u64::from_be_bytes(eight(1)?));
        change.by = by.and_then(|b| std::str::from_utf8(b).ok()).map(Into::into);
        if let CellBuf::Plain(Cell::TimestampTz(us)) = decode::cell(Kind::TimestampTz(6), &at)? {
            change.at = Some(At { us, commit: false });
        }
        Ok(change)
    }

    fn images<'b>(&self, op: Op, field: &dyn Fn(usize) -> Result<Option<&'b [u8]>>) -> Result<ChangeBuf> {
        let (words, columns) = (self.words(), self.places.len());
        let cell = |at: usize, i: usize| -> Result<Option<CellBuf>> {
            let kind = self.kinds.get(i).copied().unwrap_or(Kind::Other);
            let bytes = field(HEAD + words + at)?;
            bytes.map_or(Ok(CellBuf::NULL), |bytes| decode::cell(kind, bytes)).map(Some)
        };
        let (old, new) = (|i: usize| cell(i, i), |i: usize| cell(columns + i, i));
        let all = 0..columns;
        match op {
            Op::Insert => return Ok(ChangeBuf::new(op, all.map(new).collect::<Result<_>>()?, Vec::new())),
            Op::Delete => return Ok(ChangeBuf::new(op, Vec::new(), all.map(old).collect::<Result<_>>()?)),
            Op::Truncate => return Ok(ChangeBuf::new(op, Vec::new(), Vec::new())),
            _ => {}
        }
        let (mut before, mut after, mut moves) = (Vec::new(), Vec::new(), false);
        for (i, place) in self.places.iter().enumerate() {
            let word = field(HEAD + place / BITS)?.and_then(|b| b.try_into().ok()).ok_or_else(damaged)?;
            let changed = u64::from_be_bytes(word) >> (place % BITS) & 1 == 1;
            let kept = changed || self.captured.record.columns.get(*place).is_some_and(|c| c.kept);
            before.push(if kept { old(i)? } else { None });
            after.push(if changed { new(i)? } else { None });
            moves |= changed && self.wanted.schema.key.contains(&i);
        }
        Ok(ChangeBuf::new(if moves { Op::Key } else { Op::Update }, after, before))
    }
}

fn damaged() -> Error {
    Error::new(ErrorKind::Corrupt, "the server sent a captured change that cannot be read")
}

/// The values of a row as `record_send` writes it: their number; of each its type, its length and its bytes.
fn fields(mut bytes: &[u8]) -> Option<Vec<Option<&[u8]>>> {
    let mut number = || {
        let (number, rest) = bytes.split_first_chunk::<4>()?;
        bytes = rest;
        Some(i32::from_be_bytes(*number))
    };
    let count = usize::try_from(number()?).ok()?;
    let mut fields = Vec::with_capacity(count.min(4096));
    let mut rest = bytes;
    for _ in 0..count {
        let length = i32::from_be_bytes(rest.get(4..8)?.try_into().ok()?);
        rest = rest.get(8..)?;
        let Ok(length) = usize::try_from(length) else {
            fields.push(None);
            continue;
        };
        fields.push(Some(rest.get(..length)?));
        rest = rest.get(length..)?;
    }
    Some(fields)
}

/// A range that is being read.
pub struct Reading {
    stream: Pin<Box<CopyOutStream>>,
    rows: Rows,
    /// By the numbers of change tables, the places of their tables among those that are followed.
    places: HashMap<u64, usize>,
}

/// Tables of a range and the conditions on their entries.
pub type Ranges = Vec<(usize, String)>;

impl Reading {
    /// Begins to read; the session is busy with it until its end.
    pub async fn begin(session: &Session, home: &Home, tables: &[Followed], ranges: &Ranges) -> Result<Self> {
        let ranges = || ranges.iter().filter_map(|(i, condition)| Some((tables.get(*i)?, condition)));
        let numbers: Vec<_> = ranges()
            .map(|(table, condition)| {
                let log = table.log();
                format!("SELECT id, {log}::bigint AS log, ctid AS place FROM {} WHERE {condition}", home.log(log))
            })
            .collect();
        let entries: Vec<_> = ranges().map(|(table, _)| table.entry(home)).collect();
        let sql = format!(
            "COPY (SELECT s.id, s.log, CASE s.log {} END FROM (SELECT * FROM ({}) u ORDER BY id OFFSET 0) s) \
             TO STDOUT (FORMAT binary)",
            entries.join(" "),
            numbers.join(" UNION ALL ")
        );
        let stream = session.client.copy_out(&sql).await.map_err(|e| failed(e, "cannot read what was captured"))?;
        let places = tables.iter().enumerate().map(|(i, t)| (t.log(), i)).collect();
        let rows = Rows::new(vec![Kind::Int(8), Kind::Int(8), Kind::Bytea]);
        Ok(Self { stream: Box::pin(stream), rows, places })
    }

    /// The next piece, of about `bytes_max`.
    pub async fn next(&mut self, tables: &[Followed], bytes_max: usize) -> Result<Piece> {
        let mut builders: Vec<Option<TableBuilder>> = tables.iter().map(|_| None).collect();
        let (mut bytes, mut last) = (0, true);
        while let Some(piece) = self.stream.next().await {
            let piece = piece.map_err(|e| failed(e, "cannot read what was captured"))?;
            let mut at = 0;
            while self.rows.next(&piece, &mut at)? {
                let (Cell::Int(id), Cell::Int(log)) = (self.rows.cell(&piece, 0)?, self.rows.cell(&piece, 1)?) else {
                    return Err(damaged());
                };
                let (id, log) = (u64::try_from(id).map_err(|_| damaged())?, u64::try_from(log).map_err(|_| damaged())?);
                let Some(i) = self.places.get(&log).copied() else { return Err(damaged()) };
                let (Some(table), Some(slot)) = (tables.get(i), builders.get_mut(i)) else { return Err(damaged()) };
                let Cell::Bytes(entry) = self.rows.cell(&piece, 2)? else { return Err(damaged()) };
                let builder = slot.get_or_insert_with(|| TableBuilder::new(table.wanted.schema.clone()));
                let before = builder.bytes();
                builder.push(table.change(id, entry)?)?;
                // Besides its cells a change takes some room of its own.
                bytes += builder.bytes() - before + 200;
            }
            if bytes >= bytes_max {
                last = false;
                break;
            }
        }
        if last && !self.rows.ended() {
            return Err(Error::new(ErrorKind::Unreachable, "the captured changes stopped before their end"));
        }
        let tables: Result<Vec<TableChanges>> = builders.iter_mut().flatten().map(TableBuilder::finish).collect();
        Ok(Piece { tables: tables?, last })
    }
}
