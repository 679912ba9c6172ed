//! Reading the canonical form back.

use super::{Cell, CellBuf, Interval};

impl CellBuf {
    /// Takes one cell's [canonical form](Cell::canonical_bytes) off the front of `bytes`; nothing if they are no such
    /// form. The cell is equal to the one that was written: a decimal may have lost zeros at its end.
    #[must_use]
    pub fn from_canonical(bytes: &mut &[u8]) -> Option<Self> {
        let tag = fixed::<1>(bytes)?;
        Some(match tag[0] {
            0 => Self::NULL,
            1 => Self::Plain(Cell::Bool(fixed::<1>(bytes)? == [1])),
            2 => Self::Plain(Cell::Int(i64::from_be_bytes(fixed(bytes)?))),
            3 => Self::Plain(Cell::UInt(u64::from_be_bytes(fixed(bytes)?))),
            4 => Self::Plain(Cell::Float(f64::from_bits(u64::from_be_bytes(fixed(bytes)?)))),
            5 => Self::Decimal(text(bytes)?),
            6 => Self::Text(text(bytes)?),
            7 => Self::BadText(sized(bytes)?.into()),
            8 => Self::Bytes(sized(bytes)?.into()),
            9 => Self::Plain(Cell::Date(i32::from_be_bytes(fixed(bytes)?))),
            10 => Self::Plain(Cell::Time(i64::from_be_bytes(fixed(bytes)?))),
            11 => Self::Plain(Cell::Timestamp(i64::from_be_bytes(fixed(bytes)?))),
            12 => Self::Plain(Cell::TimestampTz(i64::from_be_bytes(fixed(bytes)?))),
            13 => Self::Plain(Cell::Interval(Interval {
                months: i32::from_be_bytes(fixed(bytes)?),
                days: i32::from_be_bytes(fixed(bytes)?),
                us: i64::from_be_bytes(fixed(bytes)?),
            })),
            14 => Self::Plain(Cell::Uuid(fixed(bytes)?)),
            _ => return None,
        })
    }
}

fn fixed<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

fn sized<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(u64::from_be_bytes(fixed(bytes)?)).ok()?;
    let (first, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(first)
}

fn text(bytes: &mut &[u8]) -> Option<Box<str>> {
    std::str::from_utf8(sized(bytes)?).ok().map(Into::into)
}
