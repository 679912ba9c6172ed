//! From the rows of a binary COPY to cells.

use std::ops::Range;

use syncline_model::cell::Interval;
use syncline_model::decimal::Decimal;
use syncline_model::temporal::DAY_US;
use syncline_model::{Cell, CellBuf, Error, ErrorKind, Result};

use super::numeric::Numeric;
use super::{Kind, moment, numeric};

/// The first bytes of a binary COPY.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// One field of a row.
#[derive(Debug)]
enum Field {
    Null,
    /// It stands there, and is a cell once it is asked for.
    Plain(usize, usize),
    Odd(Odd),
}

/// A value whose cell has to borrow what does not stand in the row.
#[derive(Debug)]
enum Odd {
    /// What no cell of the column's type can be, in the server's text form.
    Irregular(String),
    /// A decimal that is not one of the usual amounts.
    Fixed(Decimal<'static>),
    /// A decimal of many digits.
    Long(String),
}

impl Odd {
    fn cell(&self) -> Result<Cell<'_>> {
        Ok(match self {
            Self::Irregular(text) => Cell::Text(text),
            Self::Fixed(decimal) => Cell::Decimal(*decimal),
            Self::Long(text) => Cell::Decimal(Decimal::from_text(text).ok_or_else(damaged)?),
        })
    }
}

/// The reader of one COPY's rows. Its buffers are reused from row to row.
pub struct Rows {
    kinds: Vec<Kind>,
    fields: Vec<Field>,
    begun: bool,
    ended: bool,
}

fn damaged() -> Error {
    Error::new(ErrorKind::Corrupt, "the server sent a row that cannot be read")
}

impl Rows {
    /// For rows of these kinds.
    pub fn new(kinds: Vec<Kind>) -> Self {
        Self { fields: Vec::with_capacity(kinds.len()), kinds, begun: false, ended: false }
    }

    /// Whether the end was seen; a stream that stops before it is not complete.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Comes to the next row of the piece, after what stands before the first; false at the end of the piece.
    fn arrive(&mut self, data: &[u8], at: &mut usize) -> Result<bool> {
        if !self.begun {
            let head = data.get(*at..).and_then(|rest| rest.strip_prefix(SIGNATURE)).ok_or_else(damaged)?;
            let extension =
                head.get(4..8).and_then(|e| e.try_into().ok()).map(u32::from_be_bytes).ok_or_else(damaged)?;
            *at += SIGNATURE.len() + 8 + usize::try_from(extension).map_err(|_| damaged())?;
            self.begun = true;
        }
        if *at >= data.len() || self.ended {
            return Ok(false);
        }
        let count = take::<2>(data, at).map(i16::from_be_bytes)?;
        if count == -1 {
            self.ended = true;
            return Ok(false);
        }
        if usize::try_from(count).ok() != Some(self.kinds.len()) {
            return Err(damaged());
        }
        Ok(true)
    }

    /// Where the next row of the piece stands, undecoded.
    pub fn next_undecoded(&mut self, data: &[u8], at: &mut usize) -> Result<Option<Range<usize>>> {
        if !self.arrive(data, at)? {
            return Ok(None);
        }
        // With the number of its fields.
        let start = *at - 2;
        for _ in &self.kinds {
            let length = take::<4>(data, at).map(i32::from_be_bytes)?;
            *at = at.checked_add(usize::try_from(length).unwrap_or(0)).ok_or_else(damaged)?;
        }
        if *at > data.len() { Err(damaged()) } else { Ok(Some(start..*at)) }
    }

    /// Takes the next row of the piece; false at its end.
    pub fn next(&mut self, data: &[u8], at: &mut usize) -> Result<bool> {
        if !self.arrive(data, at)? {
            return Ok(false);
        }
        self.fields.clear();
        for kind in &self.kinds {
            let length = take::<4>(data, at).map(i32::from_be_bytes)?;
            let Ok(length) = usize::try_from(length) else {
                self.fields.push(Field::Null);
                continue;
            };
            let end = at.checked_add(length).ok_or_else(damaged)?;
            let bytes = data.get(*at..end).ok_or_else(damaged)?;
            self.fields.push(odd(*kind, bytes).map_or(Field::Plain(*at, end), Field::Odd));
            *at = end;
        }
        Ok(true)
    }

    /// The cell of that column of the row that [`Rows::next`] took from `data`.
    pub fn cell<'c>(&'c self, data: &'c [u8], column: usize) -> Result<Cell<'c>> {
        match self.fields.get(column).ok_or_else(damaged)? {
            Field::Null => Ok(Cell::Null),
            Field::Plain(start, end) => {
                let kind = self.kinds.get(column).ok_or_else(damaged)?;
                plain(*kind, data.get(*start..*end).ok_or_else(damaged)?).ok_or_else(damaged)
            }
            Field::Odd(odd) => odd.cell(),
        }
    }
}

/// The cell of one value in its binary form.
pub fn cell(kind: Kind, bytes: &[u8]) -> Result<CellBuf> {
    match odd(kind, bytes) {
        Some(odd) => Ok(odd.cell()?.to_owned()),
        None => Ok(plain(kind, bytes).ok_or_else(damaged)?.to_owned()),
    }
}

fn take<const N: usize>(data: &[u8], at: &mut usize) -> Result<[u8; N]> {
    let bytes = data.get(*at..*at + N).and_then(|b| b.try_into().ok()).ok_or_else(damaged)?;
    *at += N;
    Ok(bytes)
}

fn i32s(bytes: &[u8]) -> Option<i32> {
    bytes.try_into().ok().map(i32::from_be_bytes)
}

fn i64s(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_be_bytes)
}

/// What [`plain`] has no cell for. What is damaged is left to it.
fn odd(kind: Kind, bytes: &[u8]) -> Option<Odd> {
    let irregular = |text: String| Some(Odd::Irregular(text));
    match kind {
        // Most are not, which is quickly seen.
        Kind::Numeric(_) if numeric::is_short(bytes) => None,
        Kind::Numeric(_) => match numeric::decode(bytes)? {
            Numeric::Fixed(decimal) => Some(Odd::Fixed(decimal)),
            Numeric::Long(text) => Some(Odd::Long(text)),
            Numeric::Special(text) => irregular(text.into()),
        },
        Kind::Date => {
            i32s(bytes).filter(|days| moment::date(*days).is_none()).map(moment::date_text).and_then(irregular)
        }
        Kind::Time(_) => i64s(bytes).filter(|us| *us >= DAY_US).map(moment::time_text).and_then(irregular),
        Kind::Timestamp(_) | Kind::TimestampTz(_) => {
            let zone = if matches!(kind, Kind::Timestamp(_)) { "" } else { "+00" };
            let us = i64s(bytes).filter(|us| moment::timestamp(*us).is_none())?;
            irregular(moment::timestamp_text(us, zone))
        }
        _ => None,
    }
}

/// The cell of a value that is not [`odd`]; nothing if it is damaged.
fn plain(kind: Kind, bytes: &[u8]) -> Option<Cell<'_>> {
    Some(match kind {
        Kind::Bool => Cell::Bool(*bytes.first()? != 0),
        Kind::Int(2) => Cell::Int(i64::from(i16::from_be_bytes(bytes.try_into().ok()?))),
        Kind::Int(4) => Cell::Int(i64::from(i32s(bytes)?)),
        Kind::Int(_) => Cell::Int(i64s(bytes)?),
        Kind::Oid => Cell::Int(i64::from(u32::from_be_bytes(bytes.try_into().ok()?))),
        Kind::Float4 => Cell::Float(f64::from(f32::from_be_bytes(bytes.try_into().ok()?))),
        Kind::Float8 => Cell::Float(f64::from_be_bytes(bytes.try_into().ok()?)),
        Kind::Numeric(_) => Cell::Decimal(numeric::short(bytes)?),
        Kind::Text(_) | Kind::Char(_) | Kind::Name | Kind::Json | Kind::Enum | Kind::Other => text(bytes),
        // Its binary form is its text after a version.
        Kind::Jsonb => text(bytes.strip_prefix(&[1])?),
        Kind::Bytea => Cell::Bytes(bytes),
        Kind::Date => Cell::Date(moment::date(i32s(bytes)?)?),
        Kind::Time(_) => Cell::Time(i64s(bytes)?),
        Kind::Timestamp(_) => Cell::Timestamp(moment::timestamp(i64s(bytes)?)?),
        Kind::TimestampTz(_) => Cell::TimestampTz(moment::timestamp(i64s(bytes)?)?),
        Kind::Interval => {
            let (us, rest) = bytes.split_at_checked(8)?;
            let (days, months) = rest.split_at_checked(4)?;
            Cell::Interval(Interval { months: i32s(months)?, days: i32s(days)?, us: i64s(us)? })
        }
        Kind::Uuid => Cell::Uuid(bytes.try_into().ok()?),
    })
}

fn text(bytes: &[u8]) -> Cell<'_> {
    std::str::from_utf8(bytes).map_or(Cell::BadText(bytes), Cell::Text)
}
