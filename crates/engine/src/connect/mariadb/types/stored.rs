//! What a column of the sink holds exactly, and how a cell is written for it.

use mysql_async::Value;
use syncline_model::decimal::Decimal;
use syncline_model::{Cell, temporal};

use super::Native;

/// A column of the sink as a place for values.
#[derive(Debug, Clone)]
pub struct Place {
    kind: Kind,
    nullable: bool,
    json: bool,
    /// Whether the server keeps its text in UTF-8 of up to four bytes, so that bytes are simply taken.
    utf8: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Int { least: i64, most: u64 },
    Year,
    Bit(u32),
    Float32,
    Float64,
    Decimal { whole: usize, scale: usize, signed: bool },
    Text { chars_max: Option<usize>, bytes_max: Option<usize>, blanks_lost: bool },
    Bytes { max: Option<usize>, exact: bool },
    Date,
    Time(u32),
    Moment(u32),
    Enum(Vec<String>),
    Set(Vec<String>),
    Uuid,
    Other,
}

/// How a value was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// No value.
    Null,
    /// Appended to the buffer.
    Value,
}

/// Why a cell has no exact place.
type Reason = &'static str;

const WRONG_KIND: Reason = "it is of another kind than the column";

impl Place {
    /// The place that a column of that type is.
    pub fn of(native: &Native, nullable: bool) -> Self {
        let size = |n: Option<u32>| n.and_then(|n| usize::try_from(n).ok());
        let int = |bits: u32| match native.unsigned {
            true => Kind::Int { least: 0, most: u64::MAX >> (64 - bits) },
            false => Kind::Int { least: i64::MIN >> (64 - bits), most: u64::MAX >> (65 - bits) },
        };
        let kind = match native.word.as_str() {
            "tinyint" => int(8),
            "smallint" => int(16),
            "mediumint" => int(24),
            "int" => int(32),
            "bigint" => int(64),
            "year" => Kind::Year,
            "bit" => Kind::Bit(native.length().unwrap_or(1)),
            "float" => Kind::Float32,
            "double" => Kind::Float64,
            "decimal" => {
                let digits = size(native.length()).unwrap_or(10);
                let scale = size(native.numbers.get(1).copied()).unwrap_or(0);
                Kind::Decimal { whole: digits.saturating_sub(scale), scale, signed: !native.unsigned }
            }
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "json" => Kind::Text {
                chars_max: size(native.length()),
                bytes_max: size(native.bytes_max()),
                blanks_lost: native.word == "char",
            },
            "binary" | "varbinary" => Kind::Bytes { max: size(native.length()), exact: native.word == "binary" },
            "tinyblob" | "blob" | "mediumblob" | "longblob" => {
                Kind::Bytes { max: size(native.bytes_max()), exact: false }
            }
            "date" => Kind::Date,
            "time" => Kind::Time(native.fraction()),
            "datetime" | "timestamp" => Kind::Moment(native.fraction()),
            "enum" => Kind::Enum(native.labels.clone()),
            "set" => Kind::Set(native.labels.clone()),
            "uuid" => Kind::Uuid,
            _ if matches!(native.logical(), syncline_model::LogicalType::Bytes { .. }) => {
                Kind::Bytes { max: None, exact: false }
            }
            _ => Kind::Other,
        };
        let utf8 = native.charset.as_deref().is_none_or(|c| c == "utf8mb4") && kind != Kind::Other;
        Self { kind, nullable, json: native.word == "json", utf8 }
    }

    /// Whether it takes JSON alone.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether `LOAD DATA` must convert the value, because the column keeps text in another form than it arrives in.
    pub fn converts(&self) -> bool {
        !self.utf8
    }

    /// Appends the cell as the server reads it from a file of bytes.
    ///
    /// # Errors
    /// Why the server would hold something else (I10).
    pub fn write(&self, cell: Cell<'_>, out: &mut Vec<u8>) -> Result<Written, Reason> {
        match (&self.kind, cell) {
            (_, Cell::Null) if self.nullable => return Ok(Written::Null),
            (_, Cell::Null) => return Err("the column takes no null"),
            (Kind::Bit(bits), Cell::Int(_) | Cell::UInt(_) | Cell::Bool(_)) => {
                let number = self.whole(cell)?;
                let bytes = number.to_be_bytes();
                out.extend_from_slice(bytes.get(8 - (*bits as usize).div_ceil(8).min(8)..).unwrap_or_default());
            }
            (Kind::Uuid, Cell::Uuid(id)) => out.extend_from_slice(&known_uuid(id)?),
            (Kind::Int { .. } | Kind::Year, _) => self.digits(cell, out)?,
            (Kind::Float32 | Kind::Float64, _) => write_float(self.float(cell)?, out),
            _ => self.text(cell, out)?,
        }
        Ok(Written::Value)
    }

    /// The cell as a bound value.
    ///
    /// # Errors
    /// As [`Place::write`].
    pub fn bind(&self, cell: Cell<'_>) -> Result<Value, Reason> {
        let mut bytes = Vec::new();
        Ok(match (&self.kind, cell) {
            (Kind::Bit(_), Cell::Int(_) | Cell::UInt(_) | Cell::Bool(_)) => Value::UInt(self.whole(cell)?),
            (Kind::Int { .. } | Kind::Year, Cell::Int(v)) => {
                self.digits(cell, &mut bytes)?;
                Value::Int(v)
            }
            (Kind::Int { .. } | Kind::Year, Cell::UInt(v)) => {
                self.digits(cell, &mut bytes)?;
                Value::UInt(v)
            }
            (Kind::Float32 | Kind::Float64, Cell::Float(_)) => Value::Double(self.float(cell)?),
            (Kind::Uuid, Cell::Uuid(id)) => {
                known_uuid(id)?;
                let mut text = String::new();
                cell.format(&mut text);
                Value::Bytes(text.into_bytes())
            }
            _ => match self.write(cell, &mut bytes)? {
                Written::Null => Value::NULL,
                Written::Value => Value::Bytes(bytes),
            },
        })
    }

    /// A key's value as SQL that compares exactly: a text bound for a decimal would be compared as a float.
    pub fn comparand(&self) -> String {
        match &self.kind {
            Kind::Decimal { whole, scale, .. } => format!("CAST(? AS DECIMAL({},{scale}))", whole + scale),
            _ => "?".into(),
        }
    }

    fn whole(&self, cell: Cell<'_>) -> Result<u64, Reason> {
        let number = match cell {
            Cell::Bool(v) => u64::from(v),
            Cell::UInt(v) => v,
            Cell::Int(v) => u64::try_from(v).map_err(|_| "a bit column holds no negative number")?,
            _ => return Err(WRONG_KIND),
        };
        match self.kind {
            Kind::Bit(bits) if bits < 64 && number >> bits != 0 => Err("it has more bits than the column"),
            _ => Ok(number),
        }
    }

    fn digits(&self, cell: Cell<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        const RANGE: Reason = "it is outside the column's range";
        let (least, most) = match self.kind {
            Kind::Int { least, most } => (least, most),
            _ => (0, 2155),
        };
        match cell {
            Cell::Bool(v) => out.push(b'0' + u8::from(v)),
            Cell::Int(v) => {
                let fits = v >= least && (v < 0 || v.unsigned_abs() <= most);
                if !fits || self.kind == Kind::Year && v != 0 && v < 1901 {
                    return Err(RANGE);
                }
                write_number(v.unsigned_abs(), v < 0, out);
            }
            Cell::UInt(v) if v <= most => write_number(v, false, out),
            Cell::UInt(_) => return Err(RANGE),
            // Unsigned integers of brands that have none.
            Cell::Decimal(v) => {
                let whole = v.unscaled_at(38, 0).ok_or(RANGE)?;
                let cell = i64::try_from(whole).map(Cell::Int).or_else(|_| u64::try_from(whole).map(Cell::UInt));
                return self.digits(cell.map_err(|_| RANGE)?, out);
            }
            _ => return Err(WRONG_KIND),
        }
        Ok(())
    }

    fn float(&self, cell: Cell<'_>) -> Result<f64, Reason> {
        let Cell::Float(v) = cell else { return Err(WRONG_KIND) };
        if !v.is_finite() {
            return Err("MariaDB has no infinity and no NaN");
        }
        #[allow(clippy::cast_possible_truncation)]
        if self.kind == Kind::Float32 && f64::from(v as f32).to_bits() != v.to_bits() {
            return Err("the column keeps single precision");
        }
        Ok(v)
    }

    fn text(&self, cell: Cell<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        match (&self.kind, cell) {
            (Kind::Text { chars_max, bytes_max, blanks_lost }, Cell::Text(v)) => {
                if chars_max.is_some_and(|max| v.len() > max && v.chars().count() > max)
                    || bytes_max.is_some_and(|max| v.len() > max)
                {
                    return Err("it is longer than the column");
                }
                if *blanks_lost && v.ends_with(' ') {
                    return Err("a CHAR column loses blanks at the end; VARCHAR keeps them");
                }
                out.extend_from_slice(v.as_bytes());
            }
            // What other brands have types for, in the one text form that it has.
            (
                Kind::Text { chars_max, .. },
                Cell::Interval(_)
                | Cell::Uuid(_)
                | Cell::Date(_)
                | Cell::Time(_)
                | Cell::Timestamp(_)
                | Cell::TimestampTz(_),
            ) => {
                let mut text = String::new();
                cell.format(&mut text);
                if chars_max.is_some_and(|max| text.len() > max) {
                    return Err("it is longer than the column");
                }
                out.extend_from_slice(text.as_bytes());
            }
            (Kind::Bytes { max, exact }, Cell::Bytes(v)) => {
                if max.is_some_and(|max| v.len() > max) {
                    return Err("it is longer than the column");
                }
                if *exact && max.is_some_and(|max| v.len() < max) {
                    return Err("a BINARY column fills short values with zero bytes; VARBINARY keeps them");
                }
                out.extend_from_slice(v);
            }
            (Kind::Decimal { .. }, _) => self.decimal(cell, out)?,
            (Kind::Date | Kind::Moment(_) | Kind::Time(_), _) => self.moment(cell, out)?,
            (Kind::Enum(labels), Cell::Text(v)) => {
                if v.is_empty() && !labels.iter().any(String::is_empty) {
                    return Err(
                        "it is none of the column's labels; an enum keeps the empty text only without strict mode",
                    );
                }
                if !labels.iter().any(|l| l == v) {
                    return Err("it is none of the column's labels");
                }
                out.extend_from_slice(v.as_bytes());
            }
            (Kind::Set(labels), Cell::Text(v)) => {
                if !is_set(v, labels) {
                    return Err("it is no set of the column's labels in their order");
                }
                out.extend_from_slice(v.as_bytes());
            }
            (Kind::Other, Cell::Text(v)) => out.extend_from_slice(v.as_bytes()),
            (_, Cell::BadText(_)) => return Err("MariaDB takes no text that is not valid in its character set"),
            _ => return Err(WRONG_KIND),
        }
        Ok(())
    }

    fn decimal(&self, cell: Cell<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        let Kind::Decimal { whole, scale, signed } = self.kind else { return Err(WRONG_KIND) };
        let start = out.len();
        match cell {
            Cell::Decimal(v) => write_decimal(v, out),
            Cell::UInt(v) => write_number(v, false, out),
            Cell::Int(v) => write_number(v.unsigned_abs(), v < 0, out),
            Cell::Bool(v) => out.push(b'0' + u8::from(v)),
            _ => return Err(WRONG_KIND),
        }
        fits(out.get(start..).unwrap_or_default(), whole, scale, signed)
    }

    /// Days and times, and what of them only MariaDB has.
    fn moment(&self, cell: Cell<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        match (&self.kind, cell) {
            (Kind::Date, Cell::Date(days)) => temporal::format_date(days, out),
            (Kind::Date, Cell::Text(v)) if is_partial_date(v.as_bytes()) => out.extend_from_slice(v.as_bytes()),
            (Kind::Moment(digits), Cell::Timestamp(us) | Cell::TimestampTz(us)) => {
                fraction_fits(us, *digits)?;
                temporal::format_timestamp(us, out);
            }
            (Kind::Moment(digits), Cell::Text(v)) => {
                let Some((day, time)) = v.split_once(' ') else { return Err(WRONG_KIND) };
                if !is_partial_date(day.as_bytes()) || !time_fits(time, *digits, 23) {
                    return Err(WRONG_KIND);
                }
                out.extend_from_slice(v.as_bytes());
            }
            (Kind::Time(digits), Cell::Time(us)) => {
                fraction_fits(us, *digits)?;
                temporal::format_time(us, out);
            }
            (Kind::Time(digits), Cell::Text(v)) if time_fits(v.strip_prefix('-').unwrap_or(v), *digits, 838) => {
                out.extend_from_slice(v.as_bytes());
            }
            _ => return Err(WRONG_KIND),
        }
        Ok(())
    }
}

fn write_number(mut number: u64, negative: bool, out: &mut Vec<u8>) {
    if negative {
        out.push(b'-');
    }
    let start = out.len();
    loop {
        out.push(b'0' + u8::try_from(number % 10).unwrap_or(0));
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.get_mut(start..).unwrap_or_default().reverse();
}

/// In the fewest digits that read back as the same double.
fn write_float(value: f64, out: &mut Vec<u8>) {
    use std::io::Write as _;
    let _ = write!(out, "{value:e}");
}

fn write_decimal(value: Decimal<'_>, out: &mut Vec<u8>) {
    if let Decimal::Fixed { unscaled, scale: 0 } = value
        && let Ok(number) = u64::try_from(unscaled.unsigned_abs())
    {
        return write_number(number, unscaled < 0, out);
    }
    if let Decimal::Fixed { unscaled, scale } = value
        && let Ok(number) = u64::try_from(unscaled.unsigned_abs())
        && let Some(power) = 10u64.checked_pow(u32::from(scale))
    {
        write_number(number / power, unscaled < 0, out);
        out.push(b'.');
        let start = out.len();
        write_number(number % power + power, false, out);
        // The power was added for the zeros in front.
        out.remove(start);
        return;
    }
    let mut text = String::new();
    value.format(&mut text);
    out.extend_from_slice(text.as_bytes());
}

fn fits(digits: &[u8], whole: usize, scale: usize, signed: bool) -> Result<(), Reason> {
    let (negative, digits) = match digits.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, digits),
    };
    let point = digits.iter().position(|b| *b == b'.').unwrap_or(digits.len());
    let (before, after) = digits.split_at_checked(point).unwrap_or((digits, &[]));
    let before = before.iter().skip_while(|b| **b == b'0').count();
    let after = after.iter().rposition(|b| !matches!(b, b'0' | b'.')).unwrap_or(0);
    match () {
        () if before > whole => Err("it has more digits before the point than the column"),
        () if after > scale => Err("it has more digits after the point than the column"),
        () if negative && !signed && (before > 0 || after > 0) => Err("the column takes no negative number"),
        () => Ok(()),
    }
}

fn fraction_fits(us: i64, digits: u32) -> Result<(), Reason> {
    match us % 10i64.pow(6 - digits.min(6)) {
        0 => Ok(()),
        _ => Err("the column keeps fewer digits of the second"),
    }
}

/// A day that no calendar has, but MariaDB: year, month or day zero.
fn is_partial_date(text: &[u8]) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return false };
    if ![y1, y2, y3, y4, m1, m2, d1, d2].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let two = |a: u8, b: u8| (a - b'0') * 10 + (b - b'0');
    let (month, day) = (two(m1, m2), two(d1, d2));
    let zero_year = [y1, y2, y3, y4] == *b"0000";
    month <= 12 && day <= 31 && (month == 0 || day == 0 || zero_year || temporal::parse_date(text).is_none())
}

/// `HH:MM:SS[.f]` with hours up to that number and no more digits of the second.
fn time_fits(text: &str, digits: u32, hours_max: u32) -> bool {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let parts: Vec<Option<u32>> = clock.split(':').map(|p| p.parse().ok()).collect();
    let [Some(hours), Some(minutes), Some(seconds)] = parts[..] else { return false };
    let whole = clock.bytes().all(|b| b.is_ascii_digit() || b == b':');
    whole
        && hours <= hours_max
        && minutes < 60
        && seconds < 60
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && fraction.len() <= digits as usize
}

/// Labels in the column's order, each once, as the server itself writes a set.
fn is_set(text: &str, labels: &[String]) -> bool {
    let mut labels = labels.iter();
    text.is_empty() || text.split(',').all(|one| labels.any(|label| label == one))
}

/// The server keeps a UUID's bytes in an order that depends on its version and variant, and refuses as text what it could
/// not tell apart then: version 8 and above with variant 0, such as half of all MD5 sums. As bytes it takes them and
/// gives others back (I10; seen on 10.11.19).
fn known_uuid(id: [u8; 16]) -> Result<[u8; 16], Reason> {
    let (version, variant) = (id[6] >> 4, id[8] >> 7);
    match version < 8 || variant != 0 {
        true => Ok(id),
        false => Err("MariaDB's uuid takes no version 8 or above with variant 0; a char(36) column holds it"),
    }
}
