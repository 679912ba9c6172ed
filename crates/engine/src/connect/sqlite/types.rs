//! SQLite's storage against logical types.
//!
//! A declared type decides two things: the logical type (what the value means) and the affinity (what SQLite does
//! to a value on its way in; <https://www.sqlite.org/datatype3.html>). A stored value becomes a cell of the
//! logical type only if it comes back as the very same storage; anything else stays as it is stored.

use arrow_array::{Array, BinaryArray, Float64Array, Int64Array, StringArray};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use syncline_model::column::ColumnData;
use syncline_model::decimal::Decimal;
use syncline_model::temporal;
use syncline_model::{Cell, LogicalType};

/// What SQLite does to a value that is stored in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affinity {
    /// Numbers become text.
    Text,
    /// Numeric text becomes a number; whole floats become integers.
    Numeric,
    /// Numeric text and integers become floats.
    Real,
    /// Nothing.
    Blob,
}

/// The affinity of a declared type, by SQLite's own five rules. `strict` is the table's option.
pub fn affinity(declared: &str, strict: bool) -> Affinity {
    let upper = declared.to_ascii_uppercase();
    let has = |part: &str| upper.contains(part);
    if strict && upper == "ANY" {
        Affinity::Blob
    } else if has("INT") {
        Affinity::Numeric
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Affinity::Text
    } else if has("BLOB") || upper.trim().is_empty() {
        Affinity::Blob
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        Affinity::Real
    } else {
        Affinity::Numeric
    }
}

/// What a declared type means. Unknown words mean [`LogicalType::Any`]: nothing is assumed.
pub fn logical(declared: &str) -> LogicalType {
    let upper = declared.trim().to_ascii_uppercase();
    let (name, arguments) = match upper.split_once('(') {
        Some((name, rest)) => (name.trim(), rest.split(')').next().unwrap_or("")),
        None => (upper.as_str(), ""),
    };
    let mut numbers = arguments.split(',').map(|n| n.trim().parse::<u32>().ok());
    let (first, second) = (numbers.next().flatten(), numbers.next().flatten());
    let name = name.strip_suffix(" UNSIGNED").map_or((name, true), |name| (name, false));
    match name.0 {
        "TINYINT" => LogicalType::Int { bits: 8, signed: name.1 },
        "SMALLINT" | "INT2" => LogicalType::Int { bits: 16, signed: name.1 },
        "MEDIUMINT" => LogicalType::Int { bits: 24, signed: name.1 },
        // SQLite's integers are 64 bits and signed, whatever is declared.
        "INT" | "INTEGER" | "BIGINT" | "INT8" | "UNSIGNED BIG INT" => LogicalType::Int { bits: 64, signed: true },
        // PostgreSQL's words; nobody writes them who means anything else.
        "INT4" => LogicalType::Int { bits: 32, signed: name.1 },
        "FLOAT4" => LogicalType::Float32,
        "BOOL" | "BOOLEAN" => LogicalType::Bool,
        "REAL" | "DOUBLE" | "DOUBLE PRECISION" | "FLOAT" => LogicalType::Float64,
        "NUMERIC" | "DECIMAL" | "DEC" | DECIMAL_AS_TEXT => LogicalType::Decimal {
            precision: first.and_then(|n| u16::try_from(n).ok()),
            scale: first.and_then(|_| i16::try_from(second.unwrap_or(0)).ok()),
        },
        "TEXT" | "CLOB" => LogicalType::Text { chars_max: None },
        "VARCHAR" | "CHAR" | "CHARACTER" | "NCHAR" | "NVARCHAR" | "VARYING CHARACTER" | "CHARACTER VARYING"
        | "NATIVE CHARACTER" => LogicalType::Text { chars_max: first },
        "BLOB" | "BYTEA" | "BINARY" | "VARBINARY" => LogicalType::Bytes { bytes_max: first },
        "DATE" => LogicalType::Date,
        "TIME" => LogicalType::Time,
        "DATETIME" | "TIMESTAMP" => LogicalType::Timestamp,
        "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => LogicalType::TimestampTz,
        "UUID" => LogicalType::Uuid,
        "JSON" | JSON_AS_TEXT => LogicalType::Json,
        _ => LogicalType::Any,
    }
}

/// A decimal column with the affinity of text: it keeps every digit.
const DECIMAL_AS_TEXT: &str = "DECIMALTEXT";

/// JSON with the affinity of text: `JSON` alone has that of numbers, and would make a number of the document `1.0`.
const JSON_AS_TEXT: &str = "JSONTEXT";

/// The declared type that a column from another brand gets; the inverse of [`logical`] as far as SQLite goes.
pub fn declared(logical: &LogicalType) -> String {
    match logical {
        LogicalType::Any => String::new(),
        LogicalType::Bool => "BOOLEAN".into(),
        LogicalType::Int { bits: 64, signed: false } => "UNSIGNED BIG INT".into(),
        LogicalType::Int { bits, signed } => {
            let name = match bits {
                8 => "TINYINT",
                16 => "SMALLINT",
                24 => "MEDIUMINT",
                32 => "INT4",
                _ => "INTEGER",
            };
            if *signed || *bits > 32 { name.into() } else { format!("{name} UNSIGNED") }
        }
        LogicalType::Float32 => "FLOAT4".into(),
        LogicalType::Float64 => "REAL".into(),
        LogicalType::Decimal { precision: Some(p @ ..=15), scale } => format!("DECIMAL({p},{})", scale.unwrap_or(0)),
        // SQLite's numbers keep 15 digits exactly; beyond them only text is the same decimal afterwards.
        LogicalType::Decimal { precision: Some(p), scale } => format!("{DECIMAL_AS_TEXT}({p},{})", scale.unwrap_or(0)),
        LogicalType::Decimal { .. } => DECIMAL_AS_TEXT.into(),
        LogicalType::Text { chars_max: Some(n) } => format!("VARCHAR({n})"),
        LogicalType::Bytes { bytes_max: Some(n) } => format!("BLOB({n})"),
        LogicalType::Bytes { .. } => "BLOB".into(),
        LogicalType::Date => "DATE".into(),
        LogicalType::Time => "TIME".into(),
        LogicalType::Timestamp => "DATETIME".into(),
        LogicalType::TimestampTz => "TIMESTAMPTZ".into(),
        LogicalType::Uuid => "UUID".into(),
        LogicalType::Json => JSON_AS_TEXT.into(),
        _ => "TEXT".into(),
    }
}

/// The cell of a stored value in a column of that logical type.
pub fn cell<'a>(logical: &LogicalType, stored: ValueRef<'a>) -> Cell<'a> {
    match stored {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(v) => match (logical, v) {
            (LogicalType::Bool, 0 | 1) => Cell::Bool(v == 1),
            (LogicalType::Decimal { .. }, _) => Cell::Decimal(Decimal::Fixed { unscaled: i128::from(v), scale: 0 }),
            _ => Cell::Int(v),
        },
        ValueRef::Real(v) => match logical {
            // A whole float would come back as an integer.
            LogicalType::Decimal { .. } if v.fract() != 0.0 => {
                Decimal::from_f64_short(v).map_or(Cell::Float(v), Cell::Decimal)
            }
            _ => Cell::Float(v),
        },
        ValueRef::Text(bytes) => text_cell(logical, bytes),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes),
    }
}

fn text_cell<'a>(logical: &LogicalType, bytes: &'a [u8]) -> Cell<'a> {
    let meant = match logical {
        LogicalType::Date => temporal::parse_date(bytes).map(Cell::Date),
        LogicalType::Time => temporal::parse_time(bytes).map(Cell::Time),
        LogicalType::Timestamp => temporal::parse_timestamp(bytes).map(Cell::Timestamp),
        LogicalType::TimestampTz => bytes.strip_suffix(UTC).and_then(temporal::parse_timestamp).map(Cell::TimestampTz),
        LogicalType::Uuid => parse_uuid(bytes).map(Cell::Uuid),
        LogicalType::Decimal { precision, scale } => precise(bytes, precision.and(*scale)).map(Cell::Decimal),
        _ => None,
    };
    meant.unwrap_or_else(|| std::str::from_utf8(bytes).map_or(Cell::BadText(bytes), Cell::Text))
}

/// A decimal that was stored as text, if it would be stored as that text again: with just its type's decimals.
fn precise(text: &[u8], scale: Option<i16>) -> Option<Decimal<'_>> {
    let text = std::str::from_utf8(text).ok()?;
    let decimal = Decimal::from_text(text)?;
    let Some(scale) = scale else { return Some(decimal) };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let minus_zero = digits.len() < text.len() && digits.bytes().all(|c| matches!(c, b'0' | b'.'));
    let plain = (whole == "0" || !whole.starts_with('0')) && !minus_zero;
    (plain && usize::try_from(scale) == Ok(fraction.len())).then_some(decimal)
}

/// How a moment in UTC ends in text.
const UTC: &[u8] = b"+00:00";

fn parse_uuid(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let mut id = [0u8; 16];
    let mut nibbles = 0usize;
    for (i, &c) in text.iter().enumerate() {
        let value = match (i, c) {
            (8 | 13 | 18 | 23, b'-') => continue,
            (8 | 13 | 18 | 23, _) => return None,
            (_, b'0'..=b'9') => c - b'0',
            // Upper case would come back as lower case.
            (_, b'a'..=b'f') => c - b'a' + 10,
            _ => return None,
        };
        *id.get_mut(nibbles / 2)? |= if nibbles.is_multiple_of(2) { value << 4 } else { value };
        nibbles += 1;
    }
    Some(id)
}

/// A value ready to be bound.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a>(pub ValueRef<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0))
    }
}

/// The stored form of a cell in a column of that affinity, or why SQLite would store something else (I10).
///
/// `scratch` holds the text of values that SQLite keeps as text.
pub fn stored<'a>(cell: Cell<'a>, affinity: Affinity, scratch: &'a mut Vec<u8>) -> Result<Bound<'a>, &'static str> {
    scratch.clear();
    let bound = match cell {
        Cell::Null => return Ok(Bound(ValueRef::Null)),
        Cell::Bool(v) => ValueRef::Integer(i64::from(v)),
        Cell::Int(v) => ValueRef::Integer(v),
        Cell::UInt(_) => return Err("SQLite has no integers above 9223372036854775807"),
        Cell::Float(v) if v.is_nan() => return Err("SQLite stores NaN as null"),
        // A REAL column keeps whole floats as integers, which have no minus zero.
        Cell::Float(v) if affinity == Affinity::Real && v == 0.0 && v.is_sign_negative() => {
            return Err("a REAL column of SQLite stores -0.0 as 0.0; a column without a type would hold it");
        }
        Cell::Float(v) => ValueRef::Real(v),
        Cell::Decimal(v) => match affinity {
            // A column without a type keeps the number that a decimal column of SQLite would keep.
            Affinity::Numeric | Affinity::Blob => match (v.to_i64_exact(), v.to_f64_exact()) {
                (Some(whole), _) => return Ok(Bound(ValueRef::Integer(whole))),
                (None, Some(float)) => return Ok(Bound(ValueRef::Real(float))),
                _ if affinity == Affinity::Blob => return Ok(text(v, scratch)),
                _ => return Err("the decimal has more digits than SQLite's numbers keep; a TEXT column would hold it"),
            },
            Affinity::Real => return Err("the column stores floats, not exact decimals"),
            Affinity::Text => return Ok(text(v, scratch)),
        },
        Cell::Text(v) => ValueRef::Text(v.as_bytes()),
        Cell::BadText(v) => ValueRef::Text(v),
        Cell::Bytes(v) => ValueRef::Blob(v),
        Cell::Date(v) => {
            temporal::format_date(v, scratch);
            return Ok(Bound(ValueRef::Text(scratch)));
        }
        Cell::Time(v) => {
            temporal::format_time(v, scratch);
            return Ok(Bound(ValueRef::Text(scratch)));
        }
        Cell::Timestamp(v) => {
            temporal::format_timestamp(v, scratch);
            return Ok(Bound(ValueRef::Text(scratch)));
        }
        Cell::TimestampTz(v) => {
            temporal::format_timestamp(v, scratch);
            scratch.extend_from_slice(UTC);
            return Ok(Bound(ValueRef::Text(scratch)));
        }
        Cell::Interval(_) | Cell::Uuid(_) => {
            let mut text = String::new();
            cell.format(&mut text);
            scratch.extend_from_slice(text.as_bytes());
            return Ok(Bound(ValueRef::Text(scratch)));
        }
    };
    if keeps(affinity, bound) { Ok(Bound(bound)) } else { Err(ALTERED) }
}

/// Why a value that [`keeps`] does not like is refused.
pub const ALTERED: &str = "the column's affinity would change the value's type";

fn text<'a>(decimal: Decimal<'_>, scratch: &'a mut Vec<u8>) -> Bound<'a> {
    let mut text = String::new();
    decimal.format(&mut text);
    scratch.extend_from_slice(text.as_bytes());
    Bound(ValueRef::Text(scratch))
}

/// A batch's column on its way into a column of the sink: straight from the array where cell and storage are the same
/// thing, else cell by cell.
pub enum Stored<'a> {
    Int(&'a Int64Array),
    Float(&'a Float64Array, Affinity),
    Text(&'a StringArray),
    Bytes(&'a BinaryArray),
    Cells(&'a ColumnData, Affinity),
}

impl<'a> Stored<'a> {
    pub fn of(data: &'a ColumnData, affinity: Affinity) -> Self {
        match (data, affinity) {
            (ColumnData::Int(array), Affinity::Numeric | Affinity::Blob) => Self::Int(array),
            (ColumnData::Float64(array), Affinity::Real | Affinity::Blob) => Self::Float(array, affinity),
            (ColumnData::Text(array), Affinity::Text | Affinity::Blob) => Self::Text(array),
            (ColumnData::Bytes(array), _) => Self::Bytes(array),
            (data, affinity) => Self::Cells(data, affinity),
        }
    }

    /// The stored form of one row's cell; see [`stored`].
    pub fn at<'s>(&'s self, row: usize, scratch: &'s mut Vec<u8>) -> Result<Bound<'s>, &'static str> {
        let value = match self {
            Self::Int(array) if array.is_valid(row) => ValueRef::Integer(array.value(row)),
            Self::Float(array, affinity) if array.is_valid(row) => {
                return stored(Cell::Float(array.value(row)), *affinity, scratch);
            }
            Self::Text(array) if array.is_valid(row) => ValueRef::Text(array.value(row).as_bytes()),
            Self::Bytes(array) if array.is_valid(row) => ValueRef::Blob(array.value(row)),
            Self::Cells(data, affinity) => return stored(data.cell(row), *affinity, scratch),
            _ => ValueRef::Null,
        };
        Ok(Bound(value))
    }
}

/// 2^63, the first whole float that is no integer of SQLite's; on the negative side SQLite stops there too.
const INTEGERS_END: f64 = 9_223_372_036_854_775_808.0;

/// Whether a column of that affinity stores the value as it is.
pub fn keeps(affinity: Affinity, value: ValueRef<'_>) -> bool {
    match (affinity, value) {
        (Affinity::Blob, _) | (_, ValueRef::Null | ValueRef::Blob(_)) => true,
        (Affinity::Text, value) => matches!(value, ValueRef::Text(_)),
        (Affinity::Numeric | Affinity::Real, ValueRef::Text(text)) => !looks_numeric(text),
        (Affinity::Numeric, ValueRef::Real(v)) => v.fract() != 0.0 || v.abs() >= INTEGERS_END,
        (Affinity::Real, ValueRef::Integer(_)) => false,
        _ => true,
    }
}

/// Whether SQLite may take the text for a number; errs towards yes.
fn looks_numeric(text: &[u8]) -> bool {
    // SQLite stops at a NUL, and skips the vertical tab too, which Rust does not call a blank.
    let text = text.split(|c| *c == 0).next().unwrap_or_default();
    let blank = |c: &u8| matches!(c, b'\t'..=b'\r' | b' ');
    let end = text.iter().rposition(|c| !blank(c)).map_or(0, |last| last + 1);
    let text = text.get(text.iter().position(|c| !blank(c)).unwrap_or(end)..end).unwrap_or_default();
    // Most of what stands in such a column is a date, and no number goes on with a minus after a digit.
    let date = text.windows(2).any(|pair| matches!(pair, [b'0'..=b'9', b'-']));
    !date
        && text.iter().any(u8::is_ascii_digit)
        && text.iter().all(|c| c.is_ascii_digit() || matches!(c, b'+' | b'-' | b'.' | b'e' | b'E'))
        && !text.iter().filter(|c| **c == b'-').count().gt(&2)
        && std::str::from_utf8(text).is_ok_and(|t| t.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests;
