//! MariaDB's values against cells.
//!
//! Rows are read by the binary protocol: numbers and floats arrive as themselves, everything else as text or bytes. What
//! no cell of the column's logical type can be (zero and partial dates, times beyond a day) is carried as text.

mod native;
mod stored;

use std::fmt::Write as _;

use mysql_async::Value;
use syncline_model::decimal::Decimal;
use syncline_model::temporal::{DAY_US, days_from_civil};
use syncline_model::{Cell, LogicalType};

pub use native::{Native, full, is_by_bytes};
pub use stored::{Place, Written};

/// How a column's values become cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Numbers as they are.
    Number,
    /// Digits.
    Decimal,
    /// Text that should be UTF-8.
    Text,
    /// Bytes.
    Bytes,
    /// Big end first, up to eight bytes.
    Bit,
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// Without a zone.
    Timestamp,
    /// UTC, since the session is.
    TimestampTz,
    /// Text of 36 characters.
    Uuid,
}

impl Reading {
    /// How values of a column with this type are read.
    pub fn of(native: &Native, logical: &LogicalType) -> Self {
        match logical {
            _ if native.word == "bit" => Self::Bit,
            LogicalType::Int { .. } | LogicalType::Float32 | LogicalType::Float64 | LogicalType::Bool => Self::Number,
            LogicalType::Decimal { .. } => Self::Decimal,
            LogicalType::Bytes { .. } => Self::Bytes,
            LogicalType::Date => Self::Date,
            LogicalType::Time => Self::Time,
            LogicalType::Timestamp => Self::Timestamp,
            LogicalType::TimestampTz => Self::TimestampTz,
            LogicalType::Uuid => Self::Uuid,
            _ => Self::Text,
        }
    }
}

/// Replaces a date or time that no cell can be by its text, in the server's own form.
pub fn spell_out(value: &mut Value) {
    match *value {
        Value::Date(y, mo, d, h, mi, s, us) if !is_day(y, mo, d) => {
            let mut text = format!("{y:04}-{mo:02}-{d:02}");
            let _ = write!(text, " {h:02}:{mi:02}:{s:02}");
            fraction(&mut text, us);
            *value = Value::Bytes(text.into_bytes());
        }
        Value::Time(negative, days, h, mi, s, us) if negative || days > 0 => {
            let hours = days * 24 + u32::from(h);
            let mut text = format!("{}{hours:02}:{mi:02}:{s:02}", if negative { "-" } else { "" });
            fraction(&mut text, us);
            *value = Value::Bytes(text.into_bytes());
        }
        _ => {}
    }
}

fn fraction(text: &mut String, us: u32) {
    if us != 0 {
        let digits = format!("{us:06}");
        let _ = write!(text, ".{}", digits.trim_end_matches('0'));
    }
}

fn is_day(year: u16, month: u8, day: u8) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u8::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=9999).contains(&year) && day >= 1 && day <= days
}

/// The cell of a value that [`spell_out`] has seen.
pub fn cell(reading: Reading, value: &Value) -> Cell<'_> {
    match (reading, value) {
        (_, Value::NULL) => Cell::Null,
        (_, Value::Int(v)) => Cell::Int(*v),
        (_, Value::UInt(v)) => Cell::uint(*v),
        (_, Value::Float(v)) => Cell::Float(f64::from(*v)),
        (_, Value::Double(v)) => Cell::Float(*v),
        (Reading::Bytes, Value::Bytes(bytes)) => Cell::Bytes(bytes),
        (Reading::Bit, Value::Bytes(bytes)) => {
            Cell::uint(bytes.iter().take(8).fold(0, |sum, b| sum << 8 | u64::from(*b)))
        }
        (Reading::Decimal, Value::Bytes(bytes)) => decimal(bytes),
        (Reading::Uuid, Value::Bytes(bytes)) => uuid(bytes).map_or_else(|| text(bytes), Cell::Uuid),
        // Spelled out as a moment; a day has no time.
        (Reading::Date, Value::Bytes(bytes)) => text(bytes.split(|b| *b == b' ').next().unwrap_or_default()),
        (_, Value::Bytes(bytes)) => text(bytes),
        (_, Value::Date(y, mo, d, h, mi, s, us)) => {
            let day = days_from_civil(i32::from(*y), u32::from(*mo), u32::from(*d));
            let moment = i64::from(day) * DAY_US + of_day(*h, *mi, *s, *us);
            match reading {
                Reading::Date => Cell::Date(day),
                Reading::TimestampTz => Cell::TimestampTz(moment),
                _ => Cell::Timestamp(moment),
            }
        }
        (_, Value::Time(_, _, h, mi, s, us)) => Cell::Time(of_day(*h, *mi, *s, *us)),
    }
}

fn of_day(hour: u8, minute: u8, second: u8, us: u32) -> i64 {
    i64::from(u32::from(hour) * 3600 + u32::from(minute) * 60 + u32::from(second)) * 1_000_000 + i64::from(us)
}

fn text(bytes: &[u8]) -> Cell<'_> {
    std::str::from_utf8(bytes).map_or(Cell::BadText(bytes), Cell::Text)
}

/// ZEROFILL shows zeros in front, which are not part of the number.
fn decimal(bytes: &[u8]) -> Cell<'_> {
    let Ok(mut digits) = std::str::from_utf8(bytes) else { return Cell::BadText(bytes) };
    while let Some(rest) = digits.strip_prefix('0').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        digits = rest;
    }
    Decimal::from_text(digits).map_or(Cell::Text(digits), Cell::Decimal)
}

fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    let mut id = [0u8; 16];
    let mut nibbles = 0usize;
    for &c in text.iter().filter(|c| **c != b'-') {
        let value = char::from(c).to_digit(16).and_then(|v| u8::try_from(v).ok())?;
        *id.get_mut(nibbles / 2)? |= if nibbles.is_multiple_of(2) { value << 4 } else { value };
        nibbles += 1;
    }
    (nibbles == 32).then_some(id)
}

/// The type that a column from another brand gets. `in_key` says that an index needs its length bounded.
///
/// # Errors
/// Why the server has no type that holds all its values.
pub fn declared(logical: &LogicalType, in_key: bool, server: &super::session::Server) -> Result<String, String> {
    use LogicalType as L;
    let by_bytes = server.by_bytes();
    let as_text = |word: String| format!("{word} CHARACTER SET utf8mb4 COLLATE {by_bytes}");
    let scale_max = if server.mariadb { 38 } else { 30 };
    Ok(match logical {
        L::Bool => "tinyint(1)".into(),
        L::Int { bits, signed } => {
            let word = match bits {
                0..=8 => "tinyint",
                9..=16 => "smallint",
                17..=24 => "mediumint",
                25..=32 => "int",
                _ => "bigint",
            };
            format!("{word}{}", if *signed { "" } else { " unsigned" })
        }
        L::Float32 => "float".into(),
        L::Float64 => "double".into(),
        L::Decimal { precision: Some(p), scale } => {
            let scale = scale.unwrap_or(0);
            if *p > 65 || !(0..=scale_max).contains(&scale) || u16::try_from(scale).is_ok_and(|s| s > *p) {
                return Err(format!("a decimal here has at most 65 digits, {scale_max} of them after the point"));
            }
            format!("decimal({p},{scale})")
        }
        L::Decimal { .. } => {
            return Err(
                "a decimal here needs bounds; create the table with a decimal(p,s) that holds all values".into()
            );
        }
        L::Text { chars_max: Some(n) } if *n <= if in_key { 768 } else { 16_383 } => as_text(format!("varchar({n})")),
        L::Text { .. } | L::Any | L::Array(_) | L::Other if in_key => as_text("varchar(768)".into()),
        L::Text { .. } | L::Any | L::Array(_) | L::Other => as_text("longtext".into()),
        L::Bytes { bytes_max: Some(n) } if *n <= if in_key { 3072 } else { 65_535 } => format!("varbinary({n})"),
        L::Bytes { .. } if in_key => "varbinary(3072)".into(),
        L::Bytes { .. } => "longblob".into(),
        L::Date => "date".into(),
        L::Time => "time(6)".into(),
        L::Timestamp | L::TimestampTz => "datetime(6)".into(),
        L::Interval => as_text("varchar(64)".into()),
        L::Uuid if server.is_mariadb(10, 7) => "uuid".into(),
        L::Uuid => "char(36) CHARACTER SET ascii COLLATE ascii_bin".into(),
        L::Json => "json".into(),
        L::Enum { labels } => {
            as_text(format!("enum({})", labels.iter().map(|l| literal(l)).collect::<Vec<_>>().join(",")))
        }
    })
}

/// A text as SQL; the session's mode takes backslashes for escapes.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
