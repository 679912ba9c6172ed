//! One table's changes as one Arrow record batch, and back: what a change log stores as Parquet.
//!
//! First the after image, one column per column of the table under its own name, then the change columns
//! [`CHANGE_COLUMNS`] in their order. Change columns are found by position, never by name. If a table has a column
//! of the same name (whatever its case), the change column gets more underscores in front, so that a partner's
//! Parquet reader still finds every name once; the field's metadata [`ROLE`] says what it is in any case.
//!
//! The four states of F77 in a row: *null* is null with its bit set in `_changed`; *not carried* is null without
//! it (in an insert this means the sink's *default*); a *missing column* is not in the batch's schema at all.
//! In `_before` the bits are those of `_before_known`. Null in `_changed` means that all columns are carried, null
//! in `_before_known` that none is known.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{TimestampMicrosecondType, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray,
    UInt64Array, new_null_array,
};
use arrow_schema::{DataType, Field, Fields, Schema, TimeUnit};

use crate::change::{At, Bits, Marks, Op, TableChanges, Uniform};
use crate::column::{ColumnData, data_type};
use crate::error::{Error, ErrorKind, Result};
use crate::origin::Origin;
use crate::schema::{LogicalType, TableSchema};
use crate::stamp::Stamp;

/// The change columns, in their order after the table's own columns.
pub const CHANGE_COLUMNS: [&str; 13] = [
    "_op",
    "_ord",
    "_origin",
    "_number",
    "_tx",
    "_stamp",
    "_base",
    "_at",
    "_at_commit",
    "_by",
    "_changed",
    "_before_known",
    "_before",
];
/// Metadata of a change column's field: its name in [`CHANGE_COLUMNS`].
pub const ROLE: &str = "syncline.role";
/// Metadata `true` of a field whose cells say their own kinds (see [`crate::column::mixed::tag`]).
pub const MIXED: &str = "syncline.mixed";

impl TableChanges {
    /// These changes as one record batch.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] if Arrow refuses it, which it has no reason to.
    pub fn to_record_batch(&self) -> Result<RecordBatch> {
        let (schema, marks, rows) = (self.schema(), self.marks(), self.rows());
        let columns = schema.columns.len();
        let mut fields: Vec<Field> = (0..columns).filter_map(|c| field(schema, c, self.columns().get(c))).collect();
        let mut arrays: Vec<ArrayRef> = self.columns().iter().map(ColumnData::to_array).collect();
        let before = before_array(schema, marks, rows)?;
        for (name, array) in CHANGE_COLUMNS.into_iter().zip(mark_arrays(marks, rows, before)) {
            let mut free = name.to_owned();
            while schema.columns.iter().any(|c| c.name.eq_ignore_ascii_case(&free)) {
                free.insert(0, '_');
            }
            let nullable = !matches!(name, "_op" | "_ord");
            let metadata = [(ROLE.to_owned(), name.to_owned())];
            fields.push(Field::new(free, array.data_type().clone(), nullable).with_metadata(metadata));
            arrays.push(array);
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(refused)
    }

    /// The inverse of [`TableChanges::to_record_batch`]: the same changes, for a table of this schema.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if the batch is not one of this table's changes.
    pub fn from_record_batch(schema: Arc<TableSchema>, batch: &RecordBatch) -> Result<Self> {
        let columns = schema.columns.len();
        let fields = batch.schema_ref().fields();
        let own = fields.iter().take(columns).map(|f| f.name().as_str());
        let roles = fields.iter().skip(columns).map(|f| f.metadata().get(ROLE).map_or("", String::as_str));
        if !own.eq(schema.columns.iter().map(|c| &*c.name)) || !roles.eq(CHANGE_COLUMNS) {
            return Err(corrupt("a batch does not have the columns of its table's changes")
                .at("table", schema.name.to_string()));
        }
        let at = |e: Error| e.at("table", schema.name.to_string());
        let after = images(&schema, fields, batch.columns()).map_err(at)?;
        let marks = read_marks(&schema, batch.columns().get(columns..).unwrap_or_default(), batch.num_rows());
        Self::new(schema.clone(), batch.num_rows(), after, marks.map_err(at)?)
    }
}

fn corrupt(what: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, what)
}

fn refused(e: arrow_schema::ArrowError) -> Error {
    Error::new(ErrorKind::Bug, "changes do not form a record batch").caused_by(e)
}

/// The field of a table's column. Always nullable: a cell that is not carried is null.
fn field(schema: &TableSchema, column: usize, data: Option<&ColumnData>) -> Option<Field> {
    let column = schema.columns.get(column)?;
    let kind = data.map_or_else(|| data_type(&column.logical), |data| data.array().data_type().clone());
    let mixed = data.map_or(column.logical == LogicalType::Any, ColumnData::is_mixed);
    let field = Field::new(&*column.name, kind, true);
    Some(if mixed { field.with_metadata([(MIXED.to_owned(), "true".to_owned())]) } else { field })
}

/// All nulls if no before image is known.
fn before_array(schema: &TableSchema, marks: &Marks, rows: usize) -> Result<ArrayRef> {
    let fields = (0..schema.columns.len()).filter_map(|c| field(schema, c, marks.before.get(c)));
    let fields: Fields = fields.collect();
    if marks.before.is_empty() || marks.before_known.is_none() {
        return Ok(new_null_array(&DataType::Struct(fields), rows));
    }
    let arrays = marks.before.iter().map(ColumnData::to_array).collect();
    Ok(Arc::new(StructArray::try_new_with_length(fields, arrays, None, rows).map_err(refused)?))
}

/// The arrays of [`CHANGE_COLUMNS`].
fn mark_arrays(marks: &Marks, rows: usize, before: ArrayRef) -> [ArrayRef; 13] {
    fn numbers<T: Clone>(of: &Uniform<Option<T>>, rows: usize, number: impl Fn(T) -> u64) -> ArrayRef {
        Arc::new((0..rows).map(|row| of.get(row).map(&number)).collect::<UInt64Array>())
    }
    let bits = |of: Option<&Bits>| -> ArrayRef {
        Arc::new((0..rows).map(|row| of.map(|bits| bits.row(row))).collect::<BinaryArray>())
    };
    let at = |row| marks.at.get(row);
    let known = marks.before_known.as_ref().filter(|_| !marks.before.is_empty());
    [
        Arc::new((0..rows).map(|row| Some(marks.op.get(row).as_str())).collect::<StringArray>()),
        Arc::new((0..rows).map(|row| Some(marks.ord(row))).collect::<UInt64Array>()),
        numbers(&marks.origin, rows, |origin: Origin| origin.0),
        numbers(&marks.number, rows, |number| number),
        numbers(&marks.tx, rows, |tx| tx),
        numbers(&marks.stamp, rows, Stamp::to_bits),
        numbers(&marks.base, rows, Stamp::to_bits),
        Arc::new(
            (0..rows).map(|row| at(row).map(|at| at.us)).collect::<TimestampMicrosecondArray>().with_timezone("UTC"),
        ),
        Arc::new((0..rows).map(|row| at(row).map(|at| at.commit)).collect::<BooleanArray>()),
        Arc::new((0..rows).map(|row| marks.by.get(row)).collect::<StringArray>()),
        bits(marks.carried.as_ref()),
        bits(known),
        before,
    ]
}

fn images(schema: &TableSchema, fields: &Fields, arrays: &[ArrayRef]) -> Result<Vec<ColumnData>> {
    let each = schema.columns.iter().zip(fields).zip(arrays);
    each.map(|((column, field), array)| {
        let mixed = field.metadata().get(MIXED).is_some_and(|value| value == "true");
        ColumnData::from_array(&column.logical, mixed, array).map_err(|e| e.at("column", column.name.to_string()))
    })
    .collect()
}

fn read_marks(schema: &TableSchema, arrays: &[ArrayRef], rows: usize) -> Result<Marks> {
    let [op, ord, origin, number, tx, stamp, base, at, at_commit, by, carried, known, before] = arrays else {
        return Err(corrupt("a batch lacks change columns"));
    };
    let before_known = read_bits(known, schema.columns.len(), rows, false)?;
    let ords = each(&numbers(ord)?).into_iter().collect::<Option<Vec<u64>>>();
    let ords = ords.ok_or_else(|| corrupt("a change has no order"))?;
    let ord_first = ords.first().copied().unwrap_or(0);
    let consecutive = ords.iter().enumerate().all(|(i, ord)| ord_first.checked_add(i as u64) == Some(*ord));
    Ok(Marks {
        op: read_ops(op)?,
        ord_first,
        ords: (!consecutive).then_some(ords),
        origin: uniform(each(&numbers(origin)?).into_iter().map(|n| n.map(Origin))),
        number: uniform(each(&numbers(number)?).into_iter()),
        tx: uniform(each(&numbers(tx)?).into_iter()),
        stamp: uniform(each(&numbers(stamp)?).into_iter().map(|n| n.map(Stamp::from_bits))),
        base: uniform(each(&numbers(base)?).into_iter().map(|n| n.map(Stamp::from_bits))),
        at: read_at(at, at_commit)?,
        by: read_by(by)?,
        carried: read_bits(carried, schema.columns.len(), rows, true)?,
        before: if before_known.is_some() { read_before(schema, before)? } else { Vec::new() },
        before_known,
    })
}

/// One value where all are the same.
fn uniform<T: PartialEq>(values: impl Iterator<Item = T>) -> Uniform<T> {
    let mut values: Vec<T> = values.collect();
    match values.split_first() {
        Some((first, rest)) if rest.iter().all(|value| value == first) => Uniform::One(values.swap_remove(0)),
        _ => Uniform::Each(values),
    }
}

fn numbers(array: &ArrayRef) -> Result<UInt64Array> {
    let numbers = array.as_primitive_opt::<UInt64Type>().cloned();
    numbers.ok_or_else(|| corrupt("a change column is not of numbers"))
}

fn each(array: &UInt64Array) -> Vec<Option<u64>> {
    array.iter().collect()
}

fn read_ops(array: &ArrayRef) -> Result<Uniform<Op>> {
    let texts = array.as_string_opt::<i32>().ok_or_else(|| corrupt("the operations are not text"))?;
    let ops = texts.iter().map(|text| match text.map(str::as_bytes) {
        Some([letter]) => Op::from_letter(*letter),
        _ => None,
    });
    let ops: Option<Vec<Op>> = ops.collect();
    Ok(uniform(ops.ok_or_else(|| corrupt("a change has no known operation"))?.into_iter()))
}

fn read_at(at: &ArrayRef, commit: &ArrayRef) -> Result<Uniform<Option<At>>> {
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let times = at.as_primitive_opt::<TimestampMicrosecondType>().filter(|_| *at.data_type() == utc);
    let (Some(times), Some(commits)) = (times, commit.as_boolean_opt()) else {
        return Err(corrupt("the times of changes are of another type"));
    };
    let both = times.iter().zip(commits.iter()).map(|pair| match pair {
        (Some(us), Some(commit)) => Some(Some(At { us, commit })),
        (None, None) => Some(None),
        _ => None,
    });
    let both: Option<Vec<Option<At>>> = both.collect();
    Ok(uniform(both.ok_or_else(|| corrupt("a change's time is only half there"))?.into_iter()))
}

/// Users repeat: one text is shared by the rows that name it.
fn read_by(array: &ArrayRef) -> Result<Uniform<Option<Arc<str>>>> {
    let texts = array.as_string_opt::<i32>().ok_or_else(|| corrupt("the users are not text"))?;
    let mut last: Option<Arc<str>> = None;
    Ok(uniform(texts.iter().map(|text| {
        let text = text?;
        if last.as_deref() != Some(text) {
            last = Some(text.into());
        }
        last.clone()
    })))
}

/// Absent if every row is null; among other rows a null stands for all bits `set` or none.
fn read_bits(array: &ArrayRef, columns: usize, rows: usize, set: bool) -> Result<Option<Bits>> {
    let wrong = || corrupt("a bitmap over the columns has another length or unknown bits");
    let array = array.as_binary_opt::<i32>().ok_or_else(wrong)?;
    if array.null_count() == rows {
        return Ok(None);
    }
    let mut bits = Bits::new(columns);
    for row in array {
        match row {
            None => bits.push((0..columns).map(|_| set)),
            Some(bytes) => {
                let known = |column: usize| bytes.get(column / 8).is_some_and(|byte| byte >> (column % 8) & 1 == 1);
                if bytes.len() != bits.width() || (columns..bytes.len() * 8).any(known) {
                    return Err(wrong());
                }
                bits.push((0..columns).map(known));
            }
        }
    }
    Ok(Some(bits))
}

fn read_before(schema: &TableSchema, array: &ArrayRef) -> Result<Vec<ColumnData>> {
    let wrong = || corrupt("the before images are not those of the table's columns");
    let before = array.as_struct_opt().filter(|before| before.null_count() == 0).ok_or_else(wrong)?;
    let names = before.fields().iter().map(|f| f.name().as_str());
    if !names.eq(schema.columns.iter().map(|c| &*c.name)) {
        return Err(wrong());
    }
    images(schema, before.fields(), before.columns())
}

#[cfg(test)]
mod tests;
