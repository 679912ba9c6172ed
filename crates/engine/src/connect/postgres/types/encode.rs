//! From cells to what the server reads: binary fields, or its text form.
//!
//! Nothing is left to the server's kindness: what it would round, cut, pad or spell otherwise is refused here (I10).

use syncline_model::Cell;
use syncline_model::cell::Interval;
use syncline_model::temporal::{self, DAY_US};

use super::{DIGITS, Kind, moment, numeric};

/// Why a cell cannot be stored, in words without the value.
pub type Reason = &'static str;

const OTHER_KIND: Reason = "the column is of another type";
const NOT_SO: Reason = "the column's type has no such value, or would spell it otherwise";
const NUL: Reason = "PostgreSQL's text cannot hold the character NUL";
const NOT_UNICODE: Reason = "the text is not UTF-8";
const TOO_LONG: Reason = "the text is longer than the column takes";
const OUT_OF_RANGE: Reason = "the number is out of the column's range";

/// Appends the binary form of a cell that is not null.
pub fn binary(kind: Kind, cell: Cell<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
    match kind {
        Kind::Bool => out.push(u8::from(truth(cell)?)),
        Kind::Int(2) => out.extend_from_slice(&whole::<i16>(cell)?.to_be_bytes()),
        Kind::Int(4) => out.extend_from_slice(&whole::<i32>(cell)?.to_be_bytes()),
        Kind::Int(_) => out.extend_from_slice(&whole::<i64>(cell)?.to_be_bytes()),
        Kind::Oid => out.extend_from_slice(&whole::<u32>(cell)?.to_be_bytes()),
        Kind::Float4 => out.extend_from_slice(&single(cell)?.to_be_bytes()),
        Kind::Float8 => out.extend_from_slice(&double(cell)?.to_be_bytes()),
        Kind::Numeric(bounds) => return decimal(cell, bounds, out),
        Kind::Text(_) | Kind::Char(_) | Kind::Name | Kind::Json | Kind::Enum | Kind::Other => {
            out.extend_from_slice(text_of(kind, cell)?.as_bytes());
        }
        Kind::Jsonb => {
            out.push(1);
            out.extend_from_slice(text_of(kind, cell)?.as_bytes());
        }
        Kind::Bytea => out.extend_from_slice(bytes_of(cell)?),
        Kind::Date => out.extend_from_slice(&date(cell)?.to_be_bytes()),
        Kind::Time(digits) => out.extend_from_slice(&time(cell, digits)?.to_be_bytes()),
        Kind::Timestamp(digits) => out.extend_from_slice(&timestamp(cell, digits)?.to_be_bytes()),
        Kind::TimestampTz(digits) => out.extend_from_slice(&timestamptz(cell, digits)?.to_be_bytes()),
        Kind::Interval => {
            let Cell::Interval(Interval { months, days, us }) = cell else { return Err(OTHER_KIND) };
            out.extend_from_slice(&us.to_be_bytes());
            out.extend_from_slice(&days.to_be_bytes());
            out.extend_from_slice(&months.to_be_bytes());
        }
        Kind::Uuid => match cell {
            Cell::Uuid(id) => out.extend_from_slice(&id),
            _ => return Err(OTHER_KIND),
        },
    }
    Ok(())
}

/// Appends the text form of a cell that is not null, as the server's input takes it; exactly the same value.
pub fn text(kind: Kind, cell: Cell<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
    match (kind, cell) {
        (Kind::Bool, _) => out.push(if truth(cell)? { b't' } else { b'f' }),
        (Kind::Int(2), _) => return display(whole::<i16>(cell)?, out),
        (Kind::Int(4), _) => return display(whole::<i32>(cell)?, out),
        (Kind::Int(_), _) => return display(whole::<i64>(cell)?, out),
        (Kind::Oid, _) => return display(whole::<u32>(cell)?, out),
        (Kind::Float4, _) => return display(single(cell)?, out),
        (Kind::Float8, _) => return display(double(cell)?, out),
        (Kind::Numeric(bounds), _) => {
            decimal(cell, bounds, &mut Vec::new())?;
            let mut text = String::new();
            cell.format(&mut text);
            out.extend_from_slice(text.as_bytes());
        }
        (Kind::Bytea, _) => {
            out.extend_from_slice(b"\\x");
            bytes_of(cell)?.iter().try_for_each(|b| display(format_args!("{b:02x}"), out))?;
        }
        // The server's own spelling of what a cell cannot be.
        (Kind::Date, Cell::Text(text)) => date(cell).map(|_| out.extend_from_slice(text.as_bytes()))?,
        (Kind::Time(digits), Cell::Text(text)) => {
            time(cell, digits).map(|_| out.extend_from_slice(text.as_bytes()))?;
        }
        (Kind::Timestamp(digits), Cell::Text(text)) => {
            timestamp(cell, digits).map(|_| out.extend_from_slice(text.as_bytes()))?;
        }
        (Kind::TimestampTz(digits), Cell::Text(text)) => {
            timestamptz(cell, digits).map(|_| out.extend_from_slice(text.as_bytes()))?;
        }
        (Kind::Date, Cell::Date(days)) => temporal::format_date(days, out),
        (Kind::Time(digits), Cell::Time(us)) => {
            time(cell, digits)?;
            temporal::format_time(us, out);
        }
        (Kind::Timestamp(digits), Cell::Timestamp(us) | Cell::TimestampTz(us)) => {
            timestamp(cell, digits)?;
            temporal::format_timestamp(us, out);
        }
        (Kind::TimestampTz(digits), Cell::TimestampTz(us) | Cell::Timestamp(us)) => {
            timestamptz(cell, digits)?;
            temporal::format_timestamp(us, out);
            out.extend_from_slice(b"+00");
        }
        (Kind::Interval, Cell::Interval(Interval { months, days, us })) => {
            let sign = if us < 0 { "-" } else { "" };
            let clock = format!("{sign}{}", moment_of(us.unsigned_abs()));
            return display(format_args!("{months} mons {days} days {clock}"), out);
        }
        (Kind::Uuid, Cell::Uuid(_)) => {
            let mut text = String::new();
            cell.format(&mut text);
            out.extend_from_slice(text.as_bytes());
        }
        (Kind::Date | Kind::Time(_) | Kind::Timestamp(_) | Kind::TimestampTz(_) | Kind::Interval | Kind::Uuid, _) => {
            return Err(OTHER_KIND);
        }
        _ => out.extend_from_slice(text_of(kind, cell)?.as_bytes()),
    }
    Ok(())
}

/// Hours, minutes and seconds of a span.
fn moment_of(us: u64) -> String {
    let seconds = us / 1_000_000;
    format!("{}:{:02}:{:02}.{:06}", seconds / 3600, seconds / 60 % 60, seconds % 60, us % 1_000_000)
}

/// Appends one field of a text COPY, escaped.
pub fn escaped(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => out.push(*byte),
        }
    }
}

fn display(value: impl std::fmt::Display, out: &mut Vec<u8>) -> Result<(), Reason> {
    use std::io::Write as _;
    write!(out, "{value}").map_err(|_| OTHER_KIND)
}

fn truth(cell: Cell<'_>) -> Result<bool, Reason> {
    match cell {
        Cell::Bool(v) => Ok(v),
        Cell::Int(v @ (0 | 1)) => Ok(v == 1),
        Cell::Int(_) => Err("a boolean is 0 or 1"),
        _ => Err(OTHER_KIND),
    }
}

fn whole<T: TryFrom<i64> + TryFrom<u64>>(cell: Cell<'_>) -> Result<T, Reason> {
    match cell {
        Cell::Int(v) => T::try_from(v).map_err(|_| OUT_OF_RANGE),
        Cell::UInt(v) => T::try_from(v).map_err(|_| OUT_OF_RANGE),
        Cell::Bool(v) => T::try_from(i64::from(v)).map_err(|_| OUT_OF_RANGE),
        Cell::Decimal(v) => v
            .to_i64_exact()
            .and_then(|v| T::try_from(v).ok())
            .ok_or("the decimal is no whole number of the column's range"),
        _ => Err(OTHER_KIND),
    }
}

fn double(cell: Cell<'_>) -> Result<f64, Reason> {
    match cell {
        Cell::Float(v) => Ok(v),
        _ => Err(OTHER_KIND),
    }
}

#[allow(clippy::cast_possible_truncation)]
fn single(cell: Cell<'_>) -> Result<f32, Reason> {
    let value = double(cell)?;
    let single = value as f32;
    if value.is_nan() || f64::from(single).to_bits() == value.to_bits() {
        Ok(single)
    } else {
        Err("the float has more digits than the column keeps")
    }
}

fn decimal(cell: Cell<'_>, bounds: Option<(u16, i16)>, out: &mut Vec<u8>) -> Result<(), Reason> {
    let value = match cell {
        Cell::Decimal(value) => value,
        Cell::Int(v) => syncline_model::decimal::Decimal::Fixed { unscaled: i128::from(v), scale: 0 },
        Cell::UInt(v) => syncline_model::decimal::Decimal::Fixed { unscaled: i128::from(v), scale: 0 },
        Cell::Bool(v) => syncline_model::decimal::Decimal::Fixed { unscaled: i128::from(v), scale: 0 },
        Cell::Text("Infinity" | "-Infinity") if bounds.is_some() => {
            return Err("a numeric with bounds has no infinity");
        }
        Cell::Text(text) if numeric::encode_special(text, out) => return Ok(()),
        _ => return Err(OTHER_KIND),
    };
    if let Some((precision, scale)) = bounds
        && !numeric::fits(value, precision, scale)
    {
        return Err("the decimal has more digits than the column keeps");
    }
    numeric::encode(value, out)
}

fn text_of(kind: Kind, cell: Cell<'_>) -> Result<&str, Reason> {
    let text = match cell {
        Cell::Text(text) => text,
        Cell::BadText(_) => return Err(NOT_UNICODE),
        _ => return Err(OTHER_KIND),
    };
    if text.contains('\0') {
        return Err(NUL);
    }
    let chars = |max: u32| text.len() <= max as usize || text.chars().count() <= max as usize;
    match kind {
        Kind::Text(Some(max)) if !chars(max) => Err(TOO_LONG),
        Kind::Char(max) if !chars(max) => Err(TOO_LONG),
        Kind::Char(max) if text.chars().count() < max as usize => {
            Err("char(n) would pad the text with blanks; varchar or text would hold it")
        }
        Kind::Name if text.len() > 63 => Err(TOO_LONG),
        _ => Ok(text),
    }
}

fn bytes_of(cell: Cell<'_>) -> Result<&[u8], Reason> {
    match cell {
        Cell::Bytes(bytes) => Ok(bytes),
        _ => Err(OTHER_KIND),
    }
}

fn date(cell: Cell<'_>) -> Result<i32, Reason> {
    match cell {
        Cell::Date(days) => Ok(moment::pg_date(days)),
        Cell::Text(text) => moment::parse_date(text).ok_or(NOT_SO),
        _ => Err(OTHER_KIND),
    }
}

fn time(cell: Cell<'_>, digits: u8) -> Result<i64, Reason> {
    let us = match cell {
        Cell::Time(us) => us,
        Cell::Text(text) => moment::parse_time(text).filter(|us| *us == DAY_US).ok_or(NOT_SO)?,
        _ => return Err(OTHER_KIND),
    };
    to_digits(us, digits)
}

fn timestamp(cell: Cell<'_>, digits: u8) -> Result<i64, Reason> {
    match cell {
        // A moment in UTC and a time without a zone stand for each other.
        Cell::Timestamp(us) | Cell::TimestampTz(us) => to_digits(moment::pg_timestamp(us), digits),
        Cell::Text(text) => irregular(text, "", digits),
        _ => Err(OTHER_KIND),
    }
}

fn timestamptz(cell: Cell<'_>, digits: u8) -> Result<i64, Reason> {
    match cell {
        Cell::TimestampTz(us) | Cell::Timestamp(us) => to_digits(moment::pg_timestamp(us), digits),
        Cell::Text(text) => irregular(text, "+00", digits),
        _ => Err(OTHER_KIND),
    }
}

fn irregular(text: &str, zone: &str, digits: u8) -> Result<i64, Reason> {
    match moment::parse_timestamp(text, zone).ok_or(NOT_SO)? {
        infinite @ (i64::MAX | i64::MIN) => Ok(infinite),
        us => to_digits(us, digits),
    }
}

/// The server would round what has more digits.
fn to_digits(us: i64, digits: u8) -> Result<i64, Reason> {
    let step = 10i64.pow(u32::from(DIGITS.saturating_sub(digits)));
    if us % step == 0 { Ok(us) } else { Err("the column keeps fewer digits of a second") }
}
