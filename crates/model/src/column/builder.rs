//! Appending cells to a column.

use arrow_array::builder::{BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, IntervalMonthDayNanoType, Time64MicrosecondType,
    TimestampMicrosecondType, UInt64Type,
};
use arrow_buffer::IntervalMonthDayNano;

use super::{COLUMN_BYTES_MAX, Carrier, ColumnData, mixed};
use crate::cell::Cell;
use crate::decimal::Decimal;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::LogicalType;

enum Inner {
    Bool(BooleanBuilder),
    Int(PrimitiveBuilder<Int64Type>),
    UInt(PrimitiveBuilder<UInt64Type>),
    Float32(PrimitiveBuilder<Float32Type>),
    Float64(PrimitiveBuilder<Float64Type>),
    Decimal(PrimitiveBuilder<Decimal128Type>, u8, u8),
    DecimalText(StringBuilder),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Date(PrimitiveBuilder<Date32Type>),
    Time(PrimitiveBuilder<Time64MicrosecondType>),
    Timestamp(PrimitiveBuilder<TimestampMicrosecondType>),
    TimestampTz(PrimitiveBuilder<TimestampMicrosecondType>),
    Interval(PrimitiveBuilder<IntervalMonthDayNanoType>),
    Uuid(FixedSizeBinaryBuilder),
    Mixed(BinaryBuilder),
}

/// Appends cells to one column; reused from batch to batch.
pub struct ColumnBuilder {
    inner: Inner,
    logical: LogicalType,
    scratch: Vec<u8>,
    bytes: usize,
    /// Upper bound of what the cells take in an array of any kind.
    stored: usize,
}

impl ColumnBuilder {
    /// An empty column of that logical type.
    #[must_use]
    pub fn new(logical: &LogicalType) -> Self {
        Self { inner: empty(logical, 0, 0), logical: logical.clone(), scratch: Vec::new(), bytes: 0, stored: 0 }
    }

    /// Appends one cell. A cell that the logical type cannot hold makes this column mixed until
    /// [`ColumnBuilder::finish`].
    ///
    /// # Errors
    /// [`ErrorKind::Value`] if the column would pass [`COLUMN_BYTES_MAX`]; [`ErrorKind::Bug`] if the cell is not
    /// canonical (see [`Cell::is_canonical`]), since it would come back as another one. Nothing is appended then.
    pub fn append(&mut self, cell: Cell<'_>) -> Result<()> {
        if !cell.is_canonical() {
            return Err(Error::new(ErrorKind::Bug, "a connector made a cell outside its kind's range")
                .at("cell", cell.kind_name()));
        }
        // A fixed decimal may be stored as text: a minus, a point, 39 digits; and a mixed value has its tag.
        let stored = self.stored + 1 + if let Cell::Decimal(Decimal::Fixed { .. }) = cell { 41 } else { cell.size() };
        if stored > COLUMN_BYTES_MAX {
            return Err(Error::new(ErrorKind::Value, "the values of one column of one batch pass 2 GiB"));
        }
        (self.stored, self.bytes) = (stored, self.bytes + cell.size());
        if !self.inner.append(cell, &mut self.scratch) {
            self.become_mixed();
            self.inner.append(cell, &mut self.scratch);
        }
        Ok(())
    }

    /// Whether an earlier value since the last [`ColumnBuilder::finish`] made this column mixed, or it always is.
    #[must_use]
    pub const fn is_mixed(&self) -> bool {
        matches!(self.inner, Inner::Mixed(_))
    }

    /// Bytes appended since the last [`ColumnBuilder::finish`].
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes the column and starts the next one, of its logical type again.
    pub fn finish(&mut self) -> ColumnData {
        let data = self.inner.finish();
        // An array takes its builder's memory along. The next batch is most likely as large as this one; to grow into it
        // again would copy every value about twice.
        self.inner = empty(&self.logical, data.len(), self.bytes);
        (self.bytes, self.stored) = (0, 0);
        data
    }

    fn become_mixed(&mut self) {
        let so_far = self.inner.finish();
        self.inner = Inner::Mixed(BinaryBuilder::new());
        for row in 0..so_far.len() {
            self.inner.append(so_far.cell(row), &mut self.scratch);
        }
    }
}

/// A builder with room for so many rows, and so many bytes of text or bytes.
fn empty(logical: &LogicalType, rows: usize, bytes: usize) -> Inner {
    let carrier = Carrier::of(logical);
    match carrier {
        Carrier::Bool => Inner::Bool(BooleanBuilder::with_capacity(rows)),
        Carrier::Int => Inner::Int(PrimitiveBuilder::with_capacity(rows)),
        Carrier::UInt => Inner::UInt(PrimitiveBuilder::with_capacity(rows)),
        Carrier::Float32 => Inner::Float32(PrimitiveBuilder::with_capacity(rows)),
        Carrier::Float64 => Inner::Float64(PrimitiveBuilder::with_capacity(rows)),
        Carrier::Decimal(precision, scale) => {
            let builder = PrimitiveBuilder::<Decimal128Type>::with_capacity(rows).with_data_type(carrier.data_type());
            Inner::Decimal(builder, precision, scale)
        }
        Carrier::DecimalText => Inner::DecimalText(StringBuilder::with_capacity(rows, bytes)),
        Carrier::Text => Inner::Text(StringBuilder::with_capacity(rows, bytes)),
        Carrier::Bytes => Inner::Bytes(BinaryBuilder::with_capacity(rows, bytes)),
        Carrier::Date => Inner::Date(PrimitiveBuilder::with_capacity(rows)),
        Carrier::Time => Inner::Time(PrimitiveBuilder::with_capacity(rows)),
        Carrier::Timestamp => Inner::Timestamp(PrimitiveBuilder::with_capacity(rows)),
        Carrier::TimestampTz => {
            Inner::TimestampTz(PrimitiveBuilder::with_capacity(rows).with_data_type(carrier.data_type()))
        }
        Carrier::Interval => Inner::Interval(PrimitiveBuilder::with_capacity(rows)),
        Carrier::Uuid => Inner::Uuid(FixedSizeBinaryBuilder::with_capacity(rows, 16)),
        Carrier::Mixed => Inner::Mixed(BinaryBuilder::with_capacity(rows, bytes)),
    }
}

impl Inner {
    /// Appends the cell unless this array cannot hold it as it is.
    fn append(&mut self, cell: Cell<'_>, scratch: &mut Vec<u8>) -> bool {
        match (self, cell) {
            (Self::Int(b), Cell::Int(v)) => b.append_value(v),
            (Self::Text(b), Cell::Text(v)) => b.append_value(v),
            (Self::Float64(b), Cell::Float(v)) => b.append_value(v),
            (Self::Bytes(b), Cell::Bytes(v)) => b.append_value(v),
            (Self::Bool(b), Cell::Bool(v)) => b.append_value(v),
            (Self::Date(b), Cell::Date(v)) => b.append_value(v),
            (Self::Time(b), Cell::Time(v)) => b.append_value(v),
            (Self::Timestamp(b), Cell::Timestamp(v)) | (Self::TimestampTz(b), Cell::TimestampTz(v)) => {
                b.append_value(v);
            }
            (Self::UInt(b), Cell::UInt(v)) => b.append_value(v),
            (Self::UInt(b), Cell::Int(v)) => match u64::try_from(v) {
                Ok(v) => b.append_value(v),
                Err(_) => return false,
            },
            #[allow(clippy::cast_possible_truncation)]
            (Self::Float32(b), Cell::Float(v)) => {
                let single = v as f32;
                if f64::from(single).to_bits() != v.to_bits() && !v.is_nan() {
                    return false;
                }
                b.append_value(single);
            }
            (Self::Decimal(b, precision, scale), Cell::Decimal(v)) => {
                match v.unscaled_at(u16::from(*precision), *scale) {
                    Some(unscaled) => b.append_value(unscaled),
                    None => return false,
                }
            }
            (Self::DecimalText(b), Cell::Decimal(Decimal::Text(v))) => b.append_value(v),
            (Self::DecimalText(b), Cell::Decimal(v)) => {
                // Written into the column itself; the empty value then ends it.
                v.write(b);
                b.append_value("");
            }
            (Self::Interval(b), Cell::Interval(v)) => match v.us.checked_mul(1000) {
                Some(ns) => b.append_value(IntervalMonthDayNano::new(v.months, v.days, ns)),
                None => return false,
            },
            (Self::Uuid(b), Cell::Uuid(v)) => return b.append_value(v).is_ok(),
            (Self::Mixed(b), Cell::Null) => b.append_null(),
            (Self::Mixed(b), cell) => {
                scratch.clear();
                mixed::encode(cell, scratch);
                b.append_value(&scratch);
            }
            (any, Cell::Null) => any.append_null(),
            _ => return false,
        }
        true
    }

    fn append_null(&mut self) {
        match self {
            Self::Bool(b) => b.append_null(),
            Self::Int(b) => b.append_null(),
            Self::UInt(b) => b.append_null(),
            Self::Float32(b) => b.append_null(),
            Self::Float64(b) => b.append_null(),
            Self::Decimal(b, ..) => b.append_null(),
            Self::DecimalText(b) | Self::Text(b) => b.append_null(),
            Self::Bytes(b) | Self::Mixed(b) => b.append_null(),
            Self::Date(b) => b.append_null(),
            Self::Time(b) => b.append_null(),
            Self::Timestamp(b) | Self::TimestampTz(b) => b.append_null(),
            Self::Interval(b) => b.append_null(),
            Self::Uuid(b) => b.append_null(),
        }
    }

    fn finish(&mut self) -> ColumnData {
        match self {
            Self::Bool(b) => ColumnData::Bool(b.finish()),
            Self::Int(b) => ColumnData::Int(b.finish()),
            Self::UInt(b) => ColumnData::UInt(b.finish()),
            Self::Float32(b) => ColumnData::Float32(b.finish()),
            Self::Float64(b) => ColumnData::Float64(b.finish()),
            Self::Decimal(b, ..) => ColumnData::Decimal(b.finish()),
            Self::DecimalText(b) => ColumnData::DecimalText(b.finish()),
            Self::Text(b) => ColumnData::Text(b.finish()),
            Self::Bytes(b) => ColumnData::Bytes(b.finish()),
            Self::Date(b) => ColumnData::Date(b.finish()),
            Self::Time(b) => ColumnData::Time(b.finish()),
            Self::Timestamp(b) => ColumnData::Timestamp(b.finish()),
            Self::TimestampTz(b) => ColumnData::TimestampTz(b.finish()),
            Self::Interval(b) => ColumnData::Interval(b.finish()),
            Self::Uuid(b) => ColumnData::Uuid(b.finish()),
            Self::Mixed(b) => ColumnData::Mixed(b.finish()),
        }
    }
}
