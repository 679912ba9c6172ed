//! One column of a batch: an Arrow array read through cells, and the builder that appends cells to it.
//!
//! A column's array is chosen by its logical type. A cell that the type cannot hold (text in an integer column
//! of SQLite, a date of the year 44 BC) turns the column of that batch into [`ColumnData::Mixed`], where every
//! cell says its own kind. So nothing is bent, refused or lost on the way; a sink that cannot hold such a cell
//! names the row (I10).

mod builder;
pub mod mixed;

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, PrimitiveArray, StringArray};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};

use crate::cell::{Cell, Interval};
use crate::decimal::{Decimal, FIXED_SCALE_MAX};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::LogicalType;

pub use builder::ColumnBuilder;

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
    /// [`ErrorKind::Corrupt`] if the array is of another type, or holds what no cell can be: a mixed value of no
    /// known kind, a decimal that is none, a day or time outside its range.
    pub fn from_array(logical: &LogicalType, mixed: bool, array: &ArrayRef) -> Result<Self> {
        fn down<T: Array + Clone + 'static>(array: &ArrayRef) -> Result<T> {
            array.as_any().downcast_ref::<T>().cloned().ok_or_else(|| wrong_type(array))
        }
        let carrier = if mixed { Carrier::Mixed } else { Carrier::of(logical) };
        // More than the kind of array: also scale, width and zone.
        if *array.data_type() != carrier.data_type() {
            return Err(wrong_type(array));
        }
        let data = match carrier {
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
        };
        if (0..array.len()).all(|row| array.is_null(row) || data.holds_cell(row)) {
            Ok(data)
        } else {
            Err(Error::new(ErrorKind::Corrupt, "a column holds a value that its type does not have"))
        }
    }

    /// Whether what stands in that row, which is not null, is a cell.
    fn holds_cell(&self, row: usize) -> bool {
        match self {
            Self::Mixed(a) => mixed::decode(a.value(row)).is_some(),
            Self::DecimalText(a) => Decimal::from_text(a.value(row)).is_some(),
            Self::Decimal(a) => {
                a.value(row).unsigned_abs() < 10u128.checked_pow(u32::from(a.precision())).unwrap_or(u128::MAX)
            }
            Self::Interval(a) => a.value(row).nanoseconds % 1000 == 0,
            _ => self.cell(row).is_canonical(),
        }
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

fn wrong_type(array: &ArrayRef) -> Error {
    Error::new(ErrorKind::Corrupt, "a column's array is not of its logical type")
        .at("array", array.data_type().to_string())
}

/// The Arrow type that carries a logical type while none of its cells is irregular.
pub(crate) fn data_type(logical: &LogicalType) -> DataType {
    Carrier::of(logical).data_type()
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
    fn data_type(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::UInt => DataType::UInt64,
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(*precision, i8::try_from(*scale).unwrap_or(0)),
            Self::DecimalText | Self::Text => DataType::Utf8,
            Self::Bytes | Self::Mixed => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::Uuid => DataType::FixedSizeBinary(16),
        }
    }

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

#[cfg(test)]
mod tests;
