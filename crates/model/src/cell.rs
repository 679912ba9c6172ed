//! A cell: one value of one column, borrowed from its batch.
//!
//! Every value has one canonical form. Equality, order, hash and [`Cell::canonical_bytes`] are all on that
//! form, so a value read by a snapshot and the same value read by a stream are the same cell.

mod coded;
mod owned;

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use crate::decimal::{Decimal, Utf8};
use crate::temporal;

pub use owned::CellBuf;

/// One value. What its column's logical type cannot hold is still a cell, of another variant.
#[derive(Debug, Clone, Copy)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// Whole number that fits 64 signed bits.
    Int(i64),
    /// Whole number above `i64::MAX`; smaller ones are always `Int` (see [`Cell::uint`]).
    UInt(u64),
    /// Single or double precision; singles are widened, which is exact.
    Float(f64),
    /// Exact decimal.
    Decimal(Decimal<'a>),
    /// Unicode text; also JSON, enum labels, arrays and other types in text form.
    Text(&'a str),
    /// Text of a database whose bytes are not Unicode (SQLite and MariaDB allow it).
    BadText(&'a [u8]),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Days since 1970-01-01, within years 0001 to 9999.
    Date(i32),
    /// µs since midnight, below 24:00.
    Time(i64),
    /// µs since 1970-01-01 00:00 without a zone, within years 0001 to 9999.
    Timestamp(i64),
    /// µs since 1970-01-01 00:00 UTC, within years 0001 to 9999.
    TimestampTz(i64),
    /// Months, days and µs, which do not convert into each other.
    Interval(Interval),
    /// 128 bits, big end first.
    Uuid([u8; 16]),
}

/// A span of time whose three parts do not convert into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// Months.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Microseconds.
    pub us: i64,
}

impl Interval {
    /// Appends it as ISO 8601 has it, each part with its own sign: `P1Y2M-3DT4H5M6.78S`, `PT0S`.
    pub fn format(&self, out: &mut String) {
        use std::fmt::Write as _;
        let start = out.len();
        out.push('P');
        let part = |value: i64, unit: char, out: &mut String| {
            if value != 0 {
                let _ = write!(out, "{value}{unit}");
            }
        };
        part(i64::from(self.months / 12), 'Y', out);
        part(i64::from(self.months % 12), 'M', out);
        part(i64::from(self.days), 'D', out);
        if self.us != 0 {
            out.push('T');
            let seconds = self.us / 1_000_000;
            part(seconds / 3600, 'H', out);
            part(seconds / 60 % 60, 'M', out);
            let (second, us) = (seconds % 60, self.us % 1_000_000);
            if second != 0 || us != 0 {
                let sign = if self.us < 0 { "-" } else { "" };
                let fraction = format!("{:06}", us.unsigned_abs());
                let fraction = fraction.trim_end_matches('0');
                let point = if fraction.is_empty() { "" } else { "." };
                let _ = write!(out, "{sign}{}{point}{fraction}S", second.unsigned_abs());
            }
        }
        if out.len() == start + 1 {
            out.push_str("T0S");
        }
    }
}

impl<'a> Cell<'a> {
    /// The one cell for an unsigned number.
    #[must_use]
    pub fn uint(value: u64) -> Self {
        i64::try_from(value).map_or(Self::UInt(value), Self::Int)
    }

    /// Whether there is no value.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether the cell keeps what its kind promises: days and times within their ranges, `UInt` above `i64::MAX`.
    /// Only such cells have one form each; columns take no others.
    #[must_use]
    pub const fn is_canonical(&self) -> bool {
        match *self {
            Self::UInt(v) => v > i64::MAX as u64,
            Self::Date(days) => days >= temporal::DATE_MIN && days <= temporal::DATE_MAX,
            Self::Time(us) => us >= 0 && us < temporal::DAY_US,
            Self::Timestamp(us) | Self::TimestampTz(us) => {
                us >= temporal::TIMESTAMP_MIN && us <= temporal::TIMESTAMP_MAX
            }
            _ => true,
        }
    }

    /// Bytes that the value takes in memory, for budgets.
    #[must_use]
    pub const fn size(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 1,
            Self::Text(text) | Self::Decimal(Decimal::Text(text)) => text.len() + 4,
            Self::Bytes(bytes) | Self::BadText(bytes) => bytes.len() + 4,
            Self::Decimal(_) | Self::Uuid(_) | Self::Interval(_) => 16,
            _ => 8,
        }
    }

    /// What kind of value this is, for messages that must not show the value itself (I15).
    #[must_use]
    pub const fn kind_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an integer",
            Self::UInt(_) => "an unsigned integer",
            Self::Float(_) => "a float",
            Self::Decimal(_) => "a decimal",
            Self::Text(_) => "text",
            Self::BadText(_) => "text that is not UTF-8",
            Self::Bytes(_) => "bytes",
            Self::Date(_) => "a date",
            Self::Time(_) => "a time",
            Self::Timestamp(_) => "a timestamp",
            Self::TimestampTz(_) => "a timestamptz",
            Self::Interval(_) => "an interval",
            Self::Uuid(_) => "a uuid",
        }
    }

    /// An owned copy.
    #[must_use]
    pub fn to_owned(&self) -> CellBuf {
        match *self {
            Self::Text(text) => CellBuf::Text(text.into()),
            Self::BadText(bytes) => CellBuf::BadText(bytes.into()),
            Self::Bytes(bytes) => CellBuf::Bytes(bytes.into()),
            Self::Decimal(Decimal::Text(text)) => CellBuf::Decimal(text.into()),
            Self::Null => CellBuf::Plain(Cell::Null),
            Self::Bool(v) => CellBuf::Plain(Cell::Bool(v)),
            Self::Int(v) => CellBuf::Plain(Cell::Int(v)),
            Self::UInt(v) => CellBuf::Plain(Cell::UInt(v)),
            Self::Float(v) => CellBuf::Plain(Cell::Float(v)),
            Self::Decimal(Decimal::Fixed { unscaled, scale }) => {
                CellBuf::Plain(Cell::Decimal(Decimal::Fixed { unscaled, scale }))
            }
            Self::Date(v) => CellBuf::Plain(Cell::Date(v)),
            Self::Time(v) => CellBuf::Plain(Cell::Time(v)),
            Self::Timestamp(v) => CellBuf::Plain(Cell::Timestamp(v)),
            Self::TimestampTz(v) => CellBuf::Plain(Cell::TimestampTz(v)),
            Self::Interval(v) => CellBuf::Plain(Cell::Interval(v)),
            Self::Uuid(v) => CellBuf::Plain(Cell::Uuid(v)),
        }
    }

    /// Appends the value as text, as `compare` shows it and as [`Cell::cmp`] orders unlike textual kinds.
    pub fn format(&self, out: &mut String) {
        use std::fmt::Write as _;
        let mut bytes = Vec::new();
        match *self {
            Self::Null => out.push_str("null"),
            Self::Bool(v) => out.push_str(if v { "true" } else { "false" }),
            Self::Text(text) => out.push_str(text),
            Self::Decimal(decimal) => decimal.format(out),
            Self::BadText(raw) => bytes.extend_from_slice(raw),
            Self::Date(days) => temporal::format_date(days, &mut bytes),
            Self::Time(us) => temporal::format_time(us, &mut bytes),
            Self::Timestamp(us) | Self::TimestampTz(us) => temporal::format_timestamp(us, &mut bytes),
            Self::Uuid(id) => {
                for (i, b) in id.iter().enumerate() {
                    let _ = write!(out, "{}{b:02x}", if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" });
                }
            }
            Self::Bytes(raw) => {
                out.push_str("0x");
                for b in raw {
                    let _ = write!(out, "{b:02x}");
                }
            }
            Self::Int(v) => {
                let _ = write!(out, "{v}");
            }
            Self::UInt(v) => {
                let _ = write!(out, "{v}");
            }
            Self::Float(v) => {
                let _ = write!(out, "{v:?}");
            }
            Self::Interval(v) => {
                v.format(out);
            }
        }
        out.push_str(&String::from_utf8_lossy(&bytes));
        if matches!(self, Self::TimestampTz(_)) {
            // Sorts before a fraction, so that the text order is the time order.
            out.push_str("+00:00");
        }
    }

    /// Appends the canonical form: equal cells, and only they, give equal bytes. Each form ends where it says,
    /// so the forms of several cells can follow one another.
    pub fn canonical_bytes(&self, out: &mut Vec<u8>) {
        fn sized(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
            out.push(tag);
            out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
            out.extend_from_slice(bytes);
        }
        fn fixed<const N: usize>(tag: u8, bytes: [u8; N], out: &mut Vec<u8>) {
            out.push(tag);
            out.extend_from_slice(&bytes);
        }
        match *self {
            Self::Null => out.push(0),
            Self::Bool(v) => fixed(1, [u8::from(v)], out),
            Self::Int(v) => fixed(2, v.to_be_bytes(), out),
            Self::UInt(v) => fixed(3, v.to_be_bytes(), out),
            Self::Float(v) => fixed(4, canonical_bits(v).to_be_bytes(), out),
            Self::Decimal(decimal) => {
                // The length comes first and is known last.
                sized(5, &[], out);
                let start = out.len();
                decimal.write_canonical(&mut Utf8(out));
                let length = (out.len() - start) as u64;
                if let Some(place) = out.get_mut(start - 8..start) {
                    place.copy_from_slice(&length.to_be_bytes());
                }
            }
            Self::Text(text) => sized(6, text.as_bytes(), out),
            Self::BadText(bytes) => sized(7, bytes, out),
            Self::Bytes(bytes) => sized(8, bytes, out),
            Self::Date(v) => fixed(9, v.to_be_bytes(), out),
            Self::Time(v) => fixed(10, v.to_be_bytes(), out),
            Self::Timestamp(v) => fixed(11, v.to_be_bytes(), out),
            Self::TimestampTz(v) => fixed(12, v.to_be_bytes(), out),
            Self::Interval(v) => {
                fixed(13, v.months.to_be_bytes(), out);
                out.extend_from_slice(&v.days.to_be_bytes());
                out.extend_from_slice(&v.us.to_be_bytes());
            }
            Self::Uuid(v) => fixed(14, v, out),
        }
    }

    /// Null, then numbers, then whatever databases carry as text, then bytes: the order in which SQLite sorts
    /// its storage classes, so that a column of mixed values has one order everywhere.
    const fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) | Self::Int(_) | Self::UInt(_) | Self::Float(_) | Self::Decimal(_) => 1,
            Self::Interval(_) => 2,
            Self::Bytes(_) => 4,
            _ => 3,
        }
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) => 2,
            Self::UInt(_) => 3,
            Self::Float(_) => 4,
            Self::Decimal(_) => 5,
            Self::Text(_) => 6,
            Self::BadText(_) => 7,
            Self::Bytes(_) => 8,
            Self::Date(_) => 9,
            Self::Time(_) => 10,
            Self::Timestamp(_) => 11,
            Self::TimestampTz(_) => 12,
            Self::Interval(_) => 13,
            Self::Uuid(_) => 14,
        }
    }

    /// Whether this is a number; true and false count as 1 and 0, as databases without a bool carry them.
    pub(crate) const fn is_number(&self) -> bool {
        self.rank() == 1
    }

    /// The number as a decimal, where that is cheap: all but doubles with a fraction or beyond 2^63.
    fn as_decimal(&self) -> Option<Decimal<'_>> {
        let whole = |unscaled| Some(Decimal::Fixed { unscaled, scale: 0 });
        match *self {
            Self::Bool(v) => whole(i128::from(v)),
            Self::Int(v) => whole(i128::from(v)),
            Self::UInt(v) => whole(i128::from(v)),
            Self::Decimal(decimal) => Some(decimal),
            #[allow(clippy::cast_possible_truncation)]
            Self::Float(v) if v.trunc() == v && v.abs() < 9.2e18 => whole(v as i128),
            _ => None,
        }
    }

    /// Plain decimal text of a finite number, exactly.
    fn exact_number(&self) -> Option<String> {
        match *self {
            // A double has at most 1,074 digits after the point.
            Self::Float(v) if v.is_finite() => Some(format!("{v:.1074}")),
            _ => {
                let mut text = String::new();
                self.as_decimal()?.format(&mut text);
                Some(text)
            }
        }
    }

    /// Orders two numbers by what they are worth, exactly; -0.0 is 0.
    pub(crate) fn cmp_numbers(&self, other: &Self) -> Ordering {
        // Beyond every finite number: -∞ below, ∞ and then NaN above.
        let beyond = |cell: &Self| match cell {
            Self::Float(v) if v.is_nan() => 2,
            Self::Float(v) if v.is_infinite() => {
                if *v > 0.0 {
                    1
                } else {
                    -1
                }
            }
            _ => 0,
        };
        beyond(self).cmp(&beyond(other)).then_with(|| {
            if let (Some(a), Some(b)) = (self.as_decimal(), other.as_decimal()) {
                return a.cmp(&b);
            }
            match (self.exact_number(), other.exact_number()) {
                (Some(a), Some(b)) => crate::decimal::cmp_text(&a, &b),
                _ => Ordering::Equal,
            }
        })
    }

    /// Orders by what the cells are worth: as [`Cell::cmp`], but cells that differ in kind alone (`1` and `1.0`, and
    /// `-0.0` and `0.0`) are equal.
    #[must_use]
    pub fn cmp_value(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())),
            // Where there is only one of the two, it stands for the other, in UTC.
            (Self::Timestamp(a), Self::TimestampTz(b)) | (Self::TimestampTz(a), Self::Timestamp(b)) => a.cmp(b),
            _ if self.kind() == other.kind() => self.cmp(other),
            _ => self.cmp_unlike(other),
        }
    }

    /// Orders keys of several cells as databases sort them: all cells by value first, and only keys that are equal
    /// in all of them by [`Cell::cmp`]. Comparing cell by cell would put `(1, 'b')` before `(1.0, 'a')`.
    pub fn cmp_keys<'b>(a: impl Iterator<Item = Cell<'b>>, b: impl Iterator<Item = Cell<'b>>) -> Ordering {
        let mut tie = Ordering::Equal;
        for (x, y) in a.zip(b) {
            let by_value = x.cmp_value(&y);
            if by_value != Ordering::Equal {
                return by_value;
            }
            // Equal values of one kind are equal cells, but for the two zeros.
            if tie == Ordering::Equal && (x.kind() != y.kind() || matches!(x, Cell::Float(_))) {
                tie = x.cmp(&y);
            }
        }
        tie
    }

    /// Orders two cells of unlike kinds by value.
    fn cmp_unlike(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank()).then_with(|| match self.rank() {
            1 => self.cmp_numbers(other),
            3 => self.text_bytes().cmp(&other.text_bytes()),
            _ => Ordering::Equal,
        })
    }

    fn text_bytes(&self) -> Vec<u8> {
        if let Self::BadText(bytes) = *self {
            return bytes.to_vec();
        }
        let mut text = String::new();
        self.format(&mut text);
        text.into_bytes()
    }
}

/// One bit pattern for all NaNs; -0.0 stays apart from 0.0, because a copy must keep it.
const fn canonical_bits(value: f64) -> u64 {
    // Written out: the standard library leaves the sign of its own NaN open.
    if value.is_nan() { 0x7ff8_0000_0000_0000 } else { value.to_bits() }
}

/// A total order: by rank, then by value, then by kind (so that `1`, `1.0` and `true` stay apart but stand
/// side by side).
impl Ord for Cell<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Bytes(a), Self::Bytes(b)) | (Self::BadText(a), Self::BadText(b)) => a.cmp(b),
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::UInt(a), Self::UInt(b)) => a.cmp(b),
            (Self::Decimal(a), Self::Decimal(b)) => a.cmp(b),
            (Self::Date(a), Self::Date(b)) => a.cmp(b),
            (Self::Time(a), Self::Time(b))
            | (Self::Timestamp(a), Self::Timestamp(b))
            | (Self::TimestampTz(a), Self::TimestampTz(b)) => a.cmp(b),
            (Self::Interval(a), Self::Interval(b)) => a.cmp(b),
            (Self::Uuid(a), Self::Uuid(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => {
                f64::from_bits(canonical_bits(*a)).total_cmp(&f64::from_bits(canonical_bits(*b)))
            }
            _ => self.cmp_unlike(other).then_with(|| self.kind().cmp(&other.kind())),
        }
    }
}

impl PartialOrd for Cell<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cell<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.kind() == other.kind() && self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Cell<'_> {}

impl Hash for Cell<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(self.kind());
        match *self {
            Self::Int(v) => state.write_i64(v),
            Self::Text(text) => text.hash(state),
            Self::Bytes(bytes) => bytes.hash(state),
            Self::Uuid(id) => state.write(&id),
            // The rarer keys go by their canonical form.
            _ => {
                let mut bytes = Vec::with_capacity(32);
                self.canonical_bytes(&mut bytes);
                state.write(&bytes);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
