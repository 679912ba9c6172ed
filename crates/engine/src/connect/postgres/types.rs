//! PostgreSQL's types against logical types.
//!
//! A column's [`Kind`] says how its values travel: in the binary form of the few types that carry nearly all data, or in
//! the server's own text form for every other type there is or will be. What a cell cannot carry (infinity, years beyond
//! 9999 or before 1, NaN in a decimal, 24:00:00) is carried as text, spelled exactly as the server spells it.

pub mod decode;
pub mod encode;
mod moment;
mod numeric;

use syncline_model::LogicalType;

/// How values of a column travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `boolean`.
    Bool,
    /// `smallint`, `integer`, `bigint` by their bytes.
    Int(u8),
    /// `oid`.
    Oid,
    /// `real`.
    Float4,
    /// `double precision`.
    Float8,
    /// `numeric`, with precision and scale if it is bounded.
    Numeric(Option<(u16, i16)>),
    /// `text`, `varchar`, with the most characters if it is bounded.
    Text(Option<u32>),
    /// `char(n)`, always of `n` characters.
    Char(u32),
    /// `name`: at most 63 bytes, more are cut off.
    Name,
    /// `bytea`.
    Bytea,
    /// `date`.
    Date,
    /// `time`, with its digits after the second if they are fewer than six.
    Time(u8),
    /// `timestamp`.
    Timestamp(u8),
    /// `timestamptz`.
    TimestampTz(u8),
    /// `interval`; absent if fields or digits are cut off.
    Interval,
    /// `uuid`.
    Uuid,
    /// `json`.
    Json,
    /// `jsonb`.
    Jsonb,
    /// An enum, by its labels.
    Enum,
    /// Everything else, in the server's text form.
    Other,
}

impl Kind {
    /// Whether values travel in binary form.
    pub const fn is_binary(self) -> bool {
        !matches!(self, Self::Other)
    }
}

/// Digits after the second where a type says none.
const DIGITS: u8 = 6;

/// The kind of a type by its name in `pg_catalog` and its modifier.
pub fn kind(name: &str, modifier: i32) -> Kind {
    let chars = || u32::try_from(modifier - 4).ok();
    let digits = || u8::try_from(modifier).unwrap_or(DIGITS).min(DIGITS);
    match name {
        "bool" => Kind::Bool,
        "int2" => Kind::Int(2),
        "int4" => Kind::Int(4),
        "int8" => Kind::Int(8),
        "oid" => Kind::Oid,
        "float4" => Kind::Float4,
        "float8" => Kind::Float8,
        "numeric" => Kind::Numeric(numeric_bounds(modifier)),
        "text" => Kind::Text(None),
        "varchar" => Kind::Text(chars()),
        "bpchar" => chars().map_or(Kind::Text(None), Kind::Char),
        "name" => Kind::Name,
        "bytea" => Kind::Bytea,
        "date" => Kind::Date,
        "time" => Kind::Time(digits()),
        "timestamp" => Kind::Timestamp(digits()),
        "timestamptz" => Kind::TimestampTz(digits()),
        // Some intervals keep only some fields; the server itself cuts them.
        "interval" if modifier < 0 => Kind::Interval,
        "uuid" => Kind::Uuid,
        "json" => Kind::Json,
        "jsonb" => Kind::Jsonb,
        _ => Kind::Other,
    }
}

fn numeric_bounds(modifier: i32) -> Option<(u16, i16)> {
    let bits = modifier.checked_sub(4).filter(|bits| *bits >= 0)?;
    let precision = u16::try_from(bits >> 16 & 0xffff).ok()?;
    // Eleven bits with a sign.
    let scale = i16::try_from(((bits & 0x7ff) ^ 1024) - 1024).ok()?;
    Some((precision, scale))
}

/// What values of that kind mean; `labels` are an enum's.
pub fn logical(kind: Kind, labels: &[String]) -> LogicalType {
    let int = |bits, signed| LogicalType::Int { bits, signed };
    match kind {
        Kind::Bool => LogicalType::Bool,
        Kind::Int(bytes) => int(bytes * 8, true),
        Kind::Oid => int(32, false),
        Kind::Float4 => LogicalType::Float32,
        Kind::Float8 => LogicalType::Float64,
        Kind::Numeric(bounds) => {
            LogicalType::Decimal { precision: bounds.map(|(p, _)| p), scale: bounds.map(|(_, s)| s) }
        }
        Kind::Text(chars_max) => LogicalType::Text { chars_max },
        Kind::Char(chars) => LogicalType::Text { chars_max: Some(chars) },
        Kind::Name => LogicalType::Text { chars_max: Some(63) },
        Kind::Bytea => LogicalType::Bytes { bytes_max: None },
        Kind::Date => LogicalType::Date,
        Kind::Time(_) => LogicalType::Time,
        Kind::Timestamp(_) => LogicalType::Timestamp,
        Kind::TimestampTz(_) => LogicalType::TimestampTz,
        Kind::Interval => LogicalType::Interval,
        Kind::Uuid => LogicalType::Uuid,
        Kind::Json | Kind::Jsonb => LogicalType::Json,
        Kind::Enum => LogicalType::Enum { labels: labels.to_vec() },
        Kind::Other => LogicalType::Other,
    }
}

/// The type that a column from another brand gets.
pub fn declared(logical: &LogicalType) -> String {
    match logical {
        LogicalType::Bool => "boolean".into(),
        LogicalType::Int { bits, signed } => match (bits, signed) {
            (0..=16, true) | (0..=8, false) => "smallint".into(),
            (..=32, true) | (..=24, false) => "integer".into(),
            (_, true) | (..=32, false) => "bigint".into(),
            (_, false) => "numeric(20,0)".into(),
        },
        LogicalType::Float32 => "real".into(),
        LogicalType::Float64 => "double precision".into(),
        // Its own bounds; beyond them an unbounded one holds as much.
        LogicalType::Decimal { precision: Some(p @ 1..=1000), scale }
            if (0..=1000).contains(&scale.unwrap_or(0)) && i32::from(scale.unwrap_or(0)) <= i32::from(*p) =>
        {
            format!("numeric({p},{})", scale.unwrap_or(0))
        }
        LogicalType::Decimal { .. } => "numeric".into(),
        LogicalType::Text { chars_max: Some(n @ 1..=10_485_760) } => format!("varchar({n})"),
        LogicalType::Bytes { .. } => "bytea".into(),
        LogicalType::Date => "date".into(),
        LogicalType::Time => "time".into(),
        LogicalType::Timestamp => "timestamp".into(),
        LogicalType::TimestampTz => "timestamptz".into(),
        LogicalType::Interval => "interval".into(),
        LogicalType::Uuid => "uuid".into(),
        LogicalType::Json => "json".into(),
        LogicalType::Any
        | LogicalType::Text { .. }
        | LogicalType::Enum { .. }
        | LogicalType::Array(_)
        | LogicalType::Other => "text".into(),
    }
}

#[cfg(test)]
mod tests;
