//! The bytes of a mixed column's values: one tag byte, then the value.

use crate::cell::{Cell, Interval};
use crate::decimal::{Decimal, Utf8};

/// First byte of each value of a mixed column. Stored in change logs, so numbers never change.
pub mod tag {
    /// 1 byte, 0 or 1.
    pub const BOOL: u8 = 1;
    /// 8 bytes, little end first, as all numbers here.
    pub const INT: u8 = 2;
    /// 8 bytes.
    pub const UINT: u8 = 3;
    /// 8 bytes, the double's bits.
    pub const FLOAT: u8 = 4;
    /// Plain decimal text.
    pub const DECIMAL: u8 = 5;
    /// UTF-8.
    pub const TEXT: u8 = 6;
    /// Bytes that should have been UTF-8.
    pub const BAD_TEXT: u8 = 7;
    /// Bytes.
    pub const BYTES: u8 = 8;
    /// 4 bytes, days.
    pub const DATE: u8 = 9;
    /// 8 bytes, µs.
    pub const TIME: u8 = 10;
    /// 8 bytes, µs.
    pub const TIMESTAMP: u8 = 11;
    /// 8 bytes, µs UTC.
    pub const TIMESTAMPTZ: u8 = 12;
    /// 4 bytes months, 4 bytes days, 8 bytes µs.
    pub const INTERVAL: u8 = 13;
    /// 16 bytes.
    pub const UUID: u8 = 14;
}

/// Appends one value; null has no bytes, it is the array's own null.
pub(super) fn encode(cell: Cell<'_>, out: &mut Vec<u8>) {
    fn put(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
        out.push(tag);
        out.extend_from_slice(bytes);
    }
    match cell {
        Cell::Null => {}
        Cell::Bool(v) => put(tag::BOOL, &[u8::from(v)], out),
        Cell::Int(v) => put(tag::INT, &v.to_le_bytes(), out),
        Cell::UInt(v) => put(tag::UINT, &v.to_le_bytes(), out),
        Cell::Float(v) => put(tag::FLOAT, &v.to_le_bytes(), out),
        Cell::Decimal(v) => {
            out.push(tag::DECIMAL);
            v.write(&mut Utf8(out));
        }
        Cell::Text(v) => put(tag::TEXT, v.as_bytes(), out),
        Cell::BadText(v) => put(tag::BAD_TEXT, v, out),
        Cell::Bytes(v) => put(tag::BYTES, v, out),
        Cell::Date(v) => put(tag::DATE, &v.to_le_bytes(), out),
        Cell::Time(v) => put(tag::TIME, &v.to_le_bytes(), out),
        Cell::Timestamp(v) => put(tag::TIMESTAMP, &v.to_le_bytes(), out),
        Cell::TimestampTz(v) => put(tag::TIMESTAMPTZ, &v.to_le_bytes(), out),
        Cell::Interval(v) => {
            put(tag::INTERVAL, &v.months.to_le_bytes(), out);
            out.extend_from_slice(&v.days.to_le_bytes());
            out.extend_from_slice(&v.us.to_le_bytes());
        }
        Cell::Uuid(v) => put(tag::UUID, &v, out),
    }
}

/// The cell of one value, or nothing if the bytes are not such a value.
pub(super) fn decode(value: &[u8]) -> Option<Cell<'_>> {
    let (&kind, rest) = value.split_first()?;
    let eight = || rest.try_into().ok().map(i64::from_le_bytes);
    let cell = match kind {
        tag::BOOL => Cell::Bool(match rest {
            [0] => false,
            [1] => true,
            _ => return None,
        }),
        tag::INT => Cell::Int(eight()?),
        tag::UINT => Cell::UInt(u64::from_le_bytes(rest.try_into().ok()?)),
        tag::FLOAT => Cell::Float(f64::from_le_bytes(rest.try_into().ok()?)),
        tag::DECIMAL => Cell::Decimal(Decimal::from_text(std::str::from_utf8(rest).ok()?)?),
        tag::TEXT => Cell::Text(std::str::from_utf8(rest).ok()?),
        tag::BAD_TEXT => Cell::BadText(rest),
        tag::BYTES => Cell::Bytes(rest),
        tag::DATE => Cell::Date(i32::from_le_bytes(rest.try_into().ok()?)),
        tag::TIME => Cell::Time(eight()?),
        tag::TIMESTAMP => Cell::Timestamp(eight()?),
        tag::TIMESTAMPTZ => Cell::TimestampTz(eight()?),
        tag::INTERVAL => {
            let (months, rest) = rest.split_first_chunk::<4>()?;
            let (days, rest) = rest.split_first_chunk::<4>()?;
            Cell::Interval(Interval {
                months: i32::from_le_bytes(*months),
                days: i32::from_le_bytes(*days),
                us: i64::from_le_bytes(rest.try_into().ok()?),
            })
        }
        tag::UUID => Cell::Uuid(rest.try_into().ok()?),
        _ => return None,
    };
    cell.is_canonical().then_some(cell)
}
