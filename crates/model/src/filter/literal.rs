//! A filter's literals: read from SQL, then made cells of their column's type, once.

use std::cmp::Ordering;

use sqlparser::ast::{DataType, Expr, UnaryOperator, Value};

use crate::cell::{Cell, CellBuf};
use crate::decimal::Decimal;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Column, LogicalType};
use crate::temporal::{DAY_US, TIMESTAMP_MAX, TIMESTAMP_MIN, parse_date, parse_time};

/// Most digits that an exponent may add to a number.
const EXPONENT_MAX: u32 = 400;

/// A literal as SQL says it, before its column gives it a type.
#[derive(Debug)]
pub(super) enum Raw {
    Null,
    Bool(bool),
    /// Plain decimal text.
    Number(String),
    Text(String),
    Bytes(Vec<u8>),
    Date(String),
    Time(String),
    Timestamp(String),
}

impl Raw {
    /// The literal; absent if the expression is anything else.
    pub(super) fn read(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Nested(inner) => Self::read(inner),
            Expr::UnaryOp { op, expr } => match (op, Self::read(expr)?) {
                (UnaryOperator::Plus, Self::Number(n)) => Some(Self::Number(n)),
                (UnaryOperator::Minus, Self::Number(n)) => {
                    Some(Self::Number(n.strip_prefix('-').map_or_else(|| format!("-{n}"), str::to_owned)))
                }
                _ => None,
            },
            Expr::Value(value) => match &value.value {
                Value::Null => Some(Self::Null),
                Value::Boolean(value) => Some(Self::Bool(*value)),
                Value::Number(text, _) => plain_number(text).map(Self::Number),
                Value::SingleQuotedString(text) => Some(Self::Text(text.clone())),
                Value::HexStringLiteral(hex) => unhex(hex).map(Self::Bytes),
                _ => None,
            },
            Expr::TypedString(typed) => {
                let Value::SingleQuotedString(text) = &typed.value.value else { return None };
                match typed.data_type {
                    DataType::Date => Some(Self::Date(text.clone())),
                    DataType::Time(..) => Some(Self::Time(text.clone())),
                    DataType::Timestamp(..) => Some(Self::Timestamp(text.clone())),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Bool(_) => "TRUE or FALSE",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Date(_) => "a date",
            Self::Time(_) => "a time",
            Self::Timestamp(_) => "a timestamp",
        }
    }
}

/// A literal of its column's type.
#[derive(Debug, Clone)]
pub(super) struct Literal {
    cell: CellBuf,
    /// A number's nearest float, of the column's width: what float cells are compared with.
    float: f64,
}

/// What comparing a cell with a literal gave.
pub(super) enum Compared {
    /// One of them is null.
    Null,
    /// The cell's place relative to the literal.
    Ordered(Ordering),
    /// Values of kinds that do not compare.
    Unlike,
}

impl Literal {
    /// The literal as a value of that column; `ordered` if it is used with `<` and the like.
    pub(super) fn new(raw: Raw, column: &Column, ordered: bool) -> Result<Self> {
        use LogicalType::{Array, Enum, Json, Other};
        if ordered && matches!(column.logical, Enum { .. } | Json | Array(_) | Other) && !matches!(raw, Raw::Null) {
            return Err(Error::new(
                ErrorKind::Config,
                format!("column {} is {}, which has no order that all databases share", column.name, column.logical),
            )
            .hint("use =, <>, IN or LIKE"));
        }
        Self::typed(&raw, column).map_err(|why| {
            let (name, logical, kind) = (&column.name, &column.logical, raw.name());
            Error::new(ErrorKind::Config, format!("column {name} is {logical} and cannot be compared with {kind}{why}"))
        })
    }

    /// The literal as a value of that column, or what about it does not fit.
    fn typed(raw: &Raw, column: &Column) -> Result<Self, &'static str> {
        use LogicalType::{Any, Array, Bool, Decimal, Enum, Float32, Float64, Int, Json, Other};
        let cell = |cell: CellBuf| Ok(Self { cell, float: f64::NAN });
        let plain = |value: Cell<'static>| cell(CellBuf::Plain(value));
        match (&column.logical, raw) {
            (_, Raw::Null) => plain(Cell::Null),
            (Any | Bool, Raw::Bool(value)) => plain(Cell::Bool(*value)),
            (Bool, Raw::Number(n)) if matches!(n.as_str(), "0" | "1") => plain(Cell::Bool(n == "1")),
            (Int { .. }, Raw::Bool(value)) => plain(Cell::Int(i64::from(*value))),
            (Any | Int { .. } | Decimal { .. } | Float32 | Float64, Raw::Number(n)) => Self::number(n, column),
            (Enum { labels }, Raw::Text(text)) if !labels.contains(text) => Err(" that is none of its labels"),
            (Any | LogicalType::Text { .. } | Json | Enum { .. } | Array(_) | Other, Raw::Text(text)) => {
                cell(CellBuf::Text(text.as_str().into()))
            }
            (Any | LogicalType::Bytes { .. }, Raw::Bytes(bytes)) => cell(CellBuf::Bytes(bytes.as_slice().into())),
            (LogicalType::Uuid, Raw::Text(text)) => plain(Cell::Uuid(uuid(text).ok_or(" that is no uuid")?)),
            (logical, Raw::Date(text) | Raw::Time(text) | Raw::Timestamp(text) | Raw::Text(text)) => {
                plain(temporal(logical, raw, text)?)
            }
            _ => Err(""),
        }
    }

    fn number(text: &str, column: &Column) -> Result<Self, &'static str> {
        let whole = Decimal::from_text(text).and_then(|d| d.unscaled_at(38, 0));
        let cell = match whole.map(|w| (i64::try_from(w), u64::try_from(w))) {
            Some((Ok(int), _)) => CellBuf::from(int),
            Some((_, Ok(uint))) => CellBuf::Plain(Cell::uint(uint)),
            _ => CellBuf::Decimal(text.into()),
        };
        let single = || text.parse::<f32>().map_or(f64::NAN, f64::from);
        let double = || text.parse().unwrap_or(f64::NAN);
        let float = if column.logical == LogicalType::Float32 { single() } else { double() };
        if matches!(column.logical, LogicalType::Float32 | LogicalType::Float64) && !float.is_finite() {
            return Err(" so great");
        }
        Ok(Self { cell, float })
    }

    pub(super) fn compare(&self, cell: &Cell<'_>) -> Compared {
        let own = self.cell.as_cell();
        match (cell, &own) {
            (Cell::Null, _) | (_, Cell::Null) => Compared::Null,
            (Cell::Float(value), _) if own.is_number() => {
                Compared::Ordered(value.partial_cmp(&self.float).unwrap_or(Ordering::Greater))
            }
            (Cell::BadText(bytes), Cell::Text(text)) => Compared::Ordered((*bytes).cmp(text.as_bytes())),
            _ if cell.is_number() && own.is_number() => Compared::Ordered(cell.cmp_numbers(&own)),
            _ if std::mem::discriminant(cell) == std::mem::discriminant(&own) => Compared::Ordered(cell.cmp(&own)),
            _ => Compared::Unlike,
        }
    }
}

/// The date or time that the text says, of the column's kind; else what about it does not fit.
fn temporal(logical: &LogicalType, raw: &Raw, text: &str) -> Result<Cell<'static>, &'static str> {
    const NO_DATE: &str = " that is not of the form 2026-01-31 12:30:00.5";
    let date = || parse_date(text.trim().as_bytes()).map(Cell::Date).ok_or(NO_DATE);
    let time = || time_of_day(text.trim()).map(Cell::Time).ok_or(NO_DATE);
    match (logical, raw) {
        (LogicalType::Date, Raw::Date(_) | Raw::Text(_)) | (LogicalType::Any, Raw::Date(_)) => date(),
        (LogicalType::Time, Raw::Time(_) | Raw::Text(_)) | (LogicalType::Any, Raw::Time(_)) => time(),
        (LogicalType::Timestamp | LogicalType::TimestampTz | LogicalType::Any, Raw::Timestamp(_))
        | (LogicalType::Timestamp | LogicalType::TimestampTz, Raw::Date(_) | Raw::Text(_)) => {
            match (logical, moment(text).ok_or(NO_DATE)?) {
                (LogicalType::Timestamp, (_, true)) => Err(" with a zone: the column has none"),
                (LogicalType::TimestampTz, (_, false)) => Err(" without a zone: append Z, +00 or another offset"),
                (_, (us, true)) => Ok(Cell::TimestampTz(us)),
                (_, (us, false)) => Ok(Cell::Timestamp(us)),
            }
        }
        _ => Err(""),
    }
}

/// Writes a number's exponent out; absent if that would make it unreasonably long.
fn plain_number(text: &str) -> Option<String> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let exponent: i32 = exponent.parse().ok().filter(|e: &i32| e.unsigned_abs() <= EXPONENT_MAX)?;
    let shift = exponent.unsigned_abs() as usize;
    let (mut whole, mut fraction) = (whole.to_owned(), fraction.to_owned());
    if exponent >= 0 {
        fraction.push_str(&"0".repeat(shift.saturating_sub(fraction.len())));
        whole.push_str(&fraction.drain(..shift).collect::<String>());
    } else {
        whole.insert_str(0, &"0".repeat(shift.saturating_sub(whole.len())));
        fraction.insert_str(0, &whole.split_off(whole.len() - shift));
    }
    let text = match (whole.is_empty(), fraction.trim_end_matches('0')) {
        (true, "") => "0".to_owned(),
        (false, "") => whole,
        (true, fraction) => format!("0.{fraction}"),
        (false, fraction) => format!("{whole}.{fraction}"),
    };
    Decimal::from_text(&text)?;
    Some(text)
}

/// µs since midnight of `HH:MM:SS` with up to six digits of a fraction.
fn time_of_day(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let seconds = parse_time(whole.as_bytes()).filter(|_| whole.len() == 8)?;
    let us = match fraction {
        None => 0,
        Some(digits) if (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{digits:0<6}").parse().ok()?
        }
        Some(_) => return None,
    };
    Some(seconds + us)
}

/// µs since 1970 of a date or a timestamp, and whether it named a zone (then UTC).
fn moment(text: &str) -> Option<(i64, bool)> {
    let text = text.trim();
    let (date, rest) = text.split_at_checked(10)?;
    let midnight = i64::from(parse_date(date.as_bytes())?) * DAY_US;
    let Some(rest) = rest.strip_prefix([' ', 'T']) else {
        return rest.is_empty().then_some((midnight, false));
    };
    let end = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(end)?;
    let local = midnight + time_of_day(time.trim_end())?;
    let us = if zone.is_empty() { local } else { local - offset(zone)? };
    (TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(&us).then_some((us, !zone.is_empty()))
}

/// µs east of UTC of `Z`, `+HH`, `+HHMM` or `+HH:MM`.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits: String = zone.chars().skip(1).filter(|c| *c != ':').collect();
    let shape = matches!((zone.len(), zone.find(':')), (3 | 5, None) | (6, Some(3)));
    if !shape || !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i64 = format!("{digits:0<4}").parse().ok()?;
    let (hours, minutes) = (number / 100, number % 100);
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000_000)
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    let dashes: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    (dashes == [8, 13, 18, 23]).then(|| unhex(&text.replace('-', "")))??.try_into().ok()
}

fn unhex(hex: &str) -> Option<Vec<u8>> {
    let nibbles: Vec<u8> =
        hex.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    nibbles.chunks(2).map(|pair| if let [high, low] = pair { Some(high << 4 | low) } else { None }).collect()
}
