//! One column of a batch: an Arrow array read through cells, and the builder that appends cells to it.
//!
//! A column's array is chosen by its logical type. A cell that the type cannot hold (text in an integer column
//! of SQLite, a date of the year 44 BC) turns the column of that batch into [`ColumnData::Mixed`], where every
//! cell says its own kind. So nothing is bent, refused or lost on the way; a sink that cannot hold such a cell
//! names the row (I10).

pub mod mixed;

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, PrimitiveArray, StringArray};
use arrow_buffer::IntervalMonthDayNano;
use arrow_schema::DataType;

use crate::cell::{Cell, Interval};
use crate::decimal::{Decimal, FIXED_SCALE_MAX};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::LogicalType;

/// Most bytes of text or bytes in one column of one batch: Arrow's offsets are 32-bit.
pub const COLUMN_BYTES_MAX: usize = i32::MAX as usize;

/// The cells of one column of one batch.
#[derive(Debug, Clone)]
pub enum ColumnData {
    /// Bool.
    Bool(BooleanArray),
    /// Every integer that fits 64 signed bits.
    Int(PrimitiveArray<Int64Type>),
    /// Unsigned 64-bit columns.
    UInt(PrimitiveArray<UInt64Type>),
    /// Singles.
    Float32(PrimitiveArray<Float32Type>),
    /// Doubles.
    Float64(PrimitiveArray<Float64Type>),
    /// Decimals of at most 38 digits with a fixed scale.
    Decimal(PrimitiveArray<Decimal128Type>),
    /// All other decimals, as plain text.
    DecimalText(StringArray),
    /// Text and what is carried in text form.
    Text(StringArray),
    /// Bytes.
    Bytes(BinaryArray),
    /// Days.
    Date(PrimitiveArray<Date32Type>),
    /// µs since midnight.
    Time(PrimitiveArray<Time64MicrosecondType>),
    /// µs without a zone.
    Timestamp(PrimitiveArray<TimestampMicrosecondType>),
    /// µs UTC.
    TimestampTz(PrimitiveArray<TimestampMicrosecondType>),
    /// Months, days, ns.
    Interval(PrimitiveArray<IntervalMonthDayNanoType>),
    /// 16 bytes.
    Uuid(FixedSizeBinaryArray),
    /// Cells of several kinds: one tag byte (see [`mixed::tag`]), then the value.
    Mixed(BinaryArray),
}

impl ColumnData {
    /// The cell of that row; null beyond the end.
    #[must_use]
    pub fn cell(&self, row: usize) -> Cell<'_> {
        fn get<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, row: usize) -> Option<T::Native> {
            (row < array.len() && array.is_valid(row)).then(|| array.value(row))
        }
        let cell = match self {
            Self::Bool(a) => (row < a.len() && a.is_valid(row)).then(|| Cell::Bool(a.value(row))),
            Self::Int(a) => get(a, row).map(Cell::Int),
            Self::UInt(a) => get(a, row).map(Cell::uint),
            Self::Float32(a) => get(a, row).map(|v| Cell::Float(f64::from(v))),
            Self::Float64(a) => get(a, row).map(Cell::Float),
            Self::Decimal(a) => get(a, row).map(|unscaled| {
                Cell::Decimal(Decimal::Fixed { unscaled, scale: u8::try_from(a.scale()).unwrap_or(0) })
            }),
            Self::DecimalText(a) => valid(a, row).then(|| Cell::Decimal(Decimal::Text(a.value(row)))),
            Self::Text(a) => valid(a, row).then(|| Cell::Text(a.value(row))),
            Self::Bytes(a) => valid(a, row).then(|| Cell::Bytes(a.value(row))),
            Self::Date(a) => get(a, row).map(Cell::Date),
            Self::Time(a) => get(a, row).map(Cell::Time),
            Self::Timestamp(a) => get(a, row).map(Cell::Timestamp),
            Self::TimestampTz(a) => get(a, row).map(Cell::TimestampTz),
            Self::Interval(a) => get(a, row)
                .map(|v| Cell::Interval(Interval { months: v.months, days: v.days, us: v.nanoseconds / 1000 })),
            Self::Uuid(a) => valid(a, row).then(|| a.value(row).try_into().ok().map(Cell::Uuid)).flatten(),
            // What a builder wrote always decodes; foreign bytes are checked by `from_array`.
            Self::Mixed(a) => valid(a, row).then(|| mixed::decode(a.value(row))).flatten(),
        };
        cell.unwrap_or(Cell::Null)
    }

    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.array().len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The Arrow array.
    #[must_use]
    pub fn array(&self) -> &dyn Array {
        match self {
            Self::Bool(a) => a,
            Self::Int(a) => a,
            Self::UInt(a) => a,
            Self::Float32(a) => a,
            Self::Float64(a) => a,
            Self::Decimal(a) => a,
            Self::DecimalText(a) | Self::Text(a) => a,
            Self::Bytes(a) | Self::Mixed(a) => a,
            Self::Date(a) => a,
            Self::Time(a) => a,
            Self::Timestamp(a) | Self::TimestampTz(a) => a,
            Self::Interval(a) => a,
            Self::Uuid(a) => a,
        }
    }

    /// The Arrow array, shared.
    #[must_use]
    pub fn to_array(&self) -> ArrayRef {
        arrow_array::make_array(self.array().to_data())
    }

    /// Reads an array back that [`ColumnData::to_array`] made for a column of this logical type.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if the array is of another type, or a mixed value does not decode.
    pub fn from_array(logical: &LogicalType, mixed: bool, array: &ArrayRef) -> Result<Self> {
        fn down<T: Array + Clone + 'static>(array: &ArrayRef) -> Result<T> {
            array.as_any().downcast_ref::<T>().cloned().ok_or_else(|| {
                Error::new(ErrorKind::Corrupt, "a column's array is not of its logical type")
                    .at("array", array.data_type().to_string())
            })
        }
        if mixed {
            let array: BinaryArray = down(array)?;
            if array.iter().flatten().any(|value| mixed::decode(value).is_none()) {
                return Err(Error::new(ErrorKind::Corrupt, "a mixed column holds bytes of no known kind"));
            }
            return Ok(Self::Mixed(array));
        }
        Ok(match Carrier::of(logical) {
            Carrier::Bool => Self::Bool(down(array)?),
            Carrier::Int => Self::Int(down(array)?),
            Carrier::UInt => Self::UInt(down(array)?),
            Carrier::Float32 => Self::Float32(down(array)?),
            Carrier::Float64 => Self::Float64(down(array)?),
            Carrier::Decimal(..) => Self::Decimal(down(array)?),
            Carrier::DecimalText => Self::DecimalText(down(array)?),
            Carrier::Text => Self::Text(down(array)?),
            Carrier::Bytes => Self::Bytes(down(array)?),
            Carrier::Date => Self::Date(down(array)?),
            Carrier::Time => Self::Time(down(array)?),
            Carrier::Timestamp => Self::Timestamp(down(array)?),
            Carrier::TimestampTz => Self::TimestampTz(down(array)?),
            Carrier::Interval => Self::Interval(down(array)?),
            Carrier::Uuid => Self::Uuid(down(array)?),
            Carrier::Mixed => Self::Mixed(down(array)?),
        })
    }

    /// Whether the cells say their own kinds.
    #[must_use]
    pub const fn is_mixed(&self) -> bool {
        matches!(self, Self::Mixed(_))
    }

    /// A column of only these rows, for a column of this logical type.
    ///
    /// # Errors
    /// As [`ColumnBuilder::append`].
    pub fn picked(&self, logical: &LogicalType, rows: &[usize]) -> Result<Self> {
        let mut builder = ColumnBuilder::new(logical);
        rows.iter().try_for_each(|&row| builder.append(self.cell(row)))?;
        Ok(builder.finish())
    }
}

fn valid(array: &impl Array, row: usize) -> bool {
    row < array.len() && array.is_valid(row)
}

/// Which array a logical type is carried in.
enum Carrier {
    Bool,
    Int,
    UInt,
    Float32,
    Float64,
    Decimal(u8, u8),
    DecimalText,
    Text,
    Bytes,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    Mixed,
}

impl Carrier {
    fn of(logical: &LogicalType) -> Self {
        match logical {
            LogicalType::Any => Self::Mixed,
            LogicalType::Bool => Self::Bool,
            LogicalType::Int { bits: 64, signed: false } => Self::UInt,
            LogicalType::Int { .. } => Self::Int,
            LogicalType::Float32 => Self::Float32,
            LogicalType::Float64 => Self::Float64,
            LogicalType::Decimal { precision: Some(p), scale } => {
                match (u8::try_from(*p), u8::try_from(scale.unwrap_or(0))) {
                    (Ok(p @ 1..=FIXED_SCALE_MAX), Ok(s)) if s <= p => Self::Decimal(p, s),
                    _ => Self::DecimalText,
                }
            }
            LogicalType::Decimal { .. } => Self::DecimalText,
            LogicalType::Text { .. }
            | LogicalType::Json
            | LogicalType::Enum { .. }
            | LogicalType::Array(_)
            | LogicalType::Other => Self::Text,
            LogicalType::Bytes { .. } => Self::Bytes,
            LogicalType::Date => Self::Date,
            LogicalType::Time => Self::Time,
            LogicalType::Timestamp => Self::Timestamp,
            LogicalType::TimestampTz => Self::TimestampTz,
            LogicalType::Interval => Self::Interval,
            LogicalType::Uuid => Self::Uuid,
        }
    }
}

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
}

impl ColumnBuilder {
    /// An empty column of that logical type.
    #[must_use]
    pub fn new(logical: &LogicalType) -> Self {
        Self { inner: empty(logical), logical: logical.clone(), scratch: Vec::new(), bytes: 0 }
    }

    /// Appends one cell. A cell that the logical type cannot hold makes this column mixed until
    /// [`ColumnBuilder::finish`].
    ///
    /// # Errors
    /// [`ErrorKind::Value`] if the column would pass [`COLUMN_BYTES_MAX`].
    pub fn append(&mut self, cell: Cell<'_>) -> Result<()> {
        self.bytes += cell.size();
        if self.bytes > COLUMN_BYTES_MAX {
            return Err(Error::new(ErrorKind::Value, "the values of one column of one batch pass 2 GiB"));
        }
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
        self.bytes = 0;
        let data = self.inner.finish();
        if data.is_mixed() {
            self.inner = empty(&self.logical);
        }
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

fn empty(logical: &LogicalType) -> Inner {
    match Carrier::of(logical) {
        Carrier::Bool => Inner::Bool(BooleanBuilder::new()),
        Carrier::Int => Inner::Int(PrimitiveBuilder::new()),
        Carrier::UInt => Inner::UInt(PrimitiveBuilder::new()),
        Carrier::Float32 => Inner::Float32(PrimitiveBuilder::new()),
        Carrier::Float64 => Inner::Float64(PrimitiveBuilder::new()),
        Carrier::Decimal(precision, scale) => {
            let builder = PrimitiveBuilder::<Decimal128Type>::new();
            Inner::Decimal(
                builder.with_data_type(DataType::Decimal128(precision, i8::try_from(scale).unwrap_or(0))),
                precision,
                scale,
            )
        }
        Carrier::DecimalText => Inner::DecimalText(StringBuilder::new()),
        Carrier::Text => Inner::Text(StringBuilder::new()),
        Carrier::Bytes => Inner::Bytes(BinaryBuilder::new()),
        Carrier::Date => Inner::Date(PrimitiveBuilder::new()),
        Carrier::Time => Inner::Time(PrimitiveBuilder::new()),
        Carrier::Timestamp => Inner::Timestamp(PrimitiveBuilder::new()),
        Carrier::TimestampTz => Inner::TimestampTz(PrimitiveBuilder::new().with_timezone_opt(Some(Arc::from("UTC")))),
        Carrier::Interval => Inner::Interval(PrimitiveBuilder::new()),
        Carrier::Uuid => Inner::Uuid(FixedSizeBinaryBuilder::new(16)),
        Carrier::Mixed => Inner::Mixed(BinaryBuilder::new()),
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
            (Self::Decimal(b, precision, scale), Cell::Decimal(v)) => match fixed_as_carried(v, *precision, *scale) {
                Some(unscaled) => b.append_value(unscaled),
                None => return false,
            },
            (Self::DecimalText(b), Cell::Decimal(v)) => {
                let mut text = String::new();
                v.format(&mut text);
                b.append_value(text);
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

/// The unscaled number, if the column's fixed scale does not take a carried digit away.
fn fixed_as_carried(value: Decimal<'_>, precision: u8, scale: u8) -> Option<i128> {
    value.unscaled_at(u16::from(precision), scale)
}

#[cfg(test)]
mod tests;
