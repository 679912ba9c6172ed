#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow_array::types::Int64Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Int64Array, RecordBatch, StringArray, StructArray, UInt64Array,
    new_null_array,
};
use arrow_schema::{Field, Schema};
use insta::assert_snapshot;
use proptest::prelude::*;

use super::{CHANGE_COLUMNS, MIXED, ROLE};
use crate::cell::{Cell, CellBuf};
use crate::change::tests::{built, changes, owned};
use crate::change::{ChangeBuf, Op, TableBuilder, TableChanges, Uniform};
use crate::error::ErrorKind;
use crate::schema::{Column, LogicalType, TableName, TableSchema};

fn table() -> Arc<TableSchema> {
    let columns = vec![
        Column::new("_op", LogicalType::Int { bits: 64, signed: true }),
        Column::new("_Ord", LogicalType::Text { chars_max: None }),
    ];
    let mut table = TableSchema::new(TableName::bare("t"), columns);
    table.key = vec![0];
    Arc::new(table)
}

fn made() -> TableChanges {
    let text = |t: &str| Some(CellBuf::from(t));
    let int = |v| Some(CellBuf::from(v));
    built(
        &table(),
        &[
            ChangeBuf::new(Op::Update, vec![int(1), text("a")], vec![int(1), Some(CellBuf::NULL)]),
            ChangeBuf { ord: 5, ..ChangeBuf::new(Op::Insert, vec![Some(CellBuf::from("irregular")), None], vec![]) },
        ],
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn changes_come_back_from_a_record_batch((table, changes) in changes()) {
        let made = built(&table, &changes);
        let batch = made.to_record_batch().unwrap();
        let back = TableChanges::from_record_batch(table.clone(), &batch).unwrap();
        prop_assert_eq!(owned(&back), owned(&made));
        // Written again it is the same batch: nothing hides behind the cells.
        prop_assert_eq!(back.to_record_batch().unwrap(), batch);
    }

    /// Whatever a partner sends is refused or read, never a panic.
    #[test]
    fn batches_of_other_tables_are_refused((table, changes) in changes(), (other, _) in changes()) {
        let batch = built(&table, &changes).to_record_batch().unwrap();
        if let Err(e) = TableChanges::from_record_batch(other, &batch) {
            prop_assert_eq!(e.kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn shuffled_columns_are_refused((table, changes) in changes(), a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let batch = built(&table, &changes).to_record_batch().unwrap();
        let mut order: Vec<usize> = (0..batch.num_columns()).collect();
        let (a, b) = (a.index(order.len()), b.index(order.len()));
        order.swap(a, b);
        let result = TableChanges::from_record_batch(table, &batch.project(&order).unwrap());
        prop_assert_eq!(result.map(|_| ()).map_err(|e| e.kind()), if a == b { Ok(()) } else { Err(ErrorKind::Corrupt) });
        order.pop();
    }
}

#[test]
fn snapshots_come_back_as_compact_as_they_were() {
    let mut builder = TableBuilder::new(table());
    for id in 0..3 {
        builder.snapshot_row::<crate::Error>(|c| Ok(if c == 0 { Cell::Int(id) } else { Cell::Null })).unwrap();
    }
    let made = builder.finish_snapshot(7).unwrap();
    let back = TableChanges::from_record_batch(table(), &made.to_record_batch().unwrap()).unwrap();
    assert_eq!(owned(&back), owned(&made));
    assert_eq!(back.marks().op, Uniform::One(Op::Snapshot));
    assert_eq!((back.marks().ord_first, back.marks().ords.as_ref()), (7, None));
    assert!(back.marks().carried.is_none() && back.marks().before.is_empty());
}

/// The layout is a format: partners read it with their own tools.
#[test]
fn the_layout_is_pinned() {
    let batch = made().to_record_batch().unwrap();
    let fields = batch.schema_ref().fields().iter().map(|f| {
        let tag = |key| f.metadata().get(key).map_or(String::new(), |v| format!(" {key}={v}"));
        format!(
            "{}: {}{}{}{}",
            f.name(),
            f.data_type(),
            if f.is_nullable() { "" } else { " not null" },
            tag(ROLE),
            tag(MIXED)
        )
    });
    assert_snapshot!(fields.collect::<Vec<_>>().join("\n"), @r#"
    _op: Binary syncline.mixed=true
    _Ord: Utf8
    __op: Utf8 not null syncline.role=_op
    __ord: UInt64 not null syncline.role=_ord
    _origin: UInt64 syncline.role=_origin
    _number: UInt64 syncline.role=_number
    _tx: UInt64 syncline.role=_tx
    _stamp: UInt64 syncline.role=_stamp
    _base: UInt64 syncline.role=_base
    _at: Timestamp(µs, "UTC") syncline.role=_at
    _at_commit: Boolean syncline.role=_at_commit
    _by: Utf8 syncline.role=_by
    _changed: Binary syncline.role=_changed
    _before_known: Binary syncline.role=_before_known
    _before: Struct("_op": Int64, "_Ord": Utf8) syncline.role=_before
    "#);
}

/// The made batch with the array of one column exchanged.
fn with(column: &str, array: ArrayRef) -> RecordBatch {
    let batch = made().to_record_batch().unwrap();
    let schema = batch.schema_ref();
    let role = |wanted: &Arc<Field>| wanted.metadata().get(ROLE).is_some_and(|r| r == column);
    let fields = schema.fields();
    let at = fields.iter().position(role).or_else(|| fields.iter().position(|f| f.name() == column)).unwrap();
    let mut fields: Vec<Field> = schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
    fields[at] = fields[at].clone().with_data_type(array.data_type().clone());
    let mut arrays = batch.columns().to_vec();
    arrays[at] = array;
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

#[test]
fn bytes_that_are_not_changes_are_corrupt() {
    let numbers = |a: Vec<Option<u64>>| -> ArrayRef { Arc::new(UInt64Array::from(a)) };
    let binary = |a: Vec<Option<&[u8]>>| -> ArrayRef { Arc::new(BinaryArray::from(a)) };
    let texts = |a: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(a)) };
    let ints: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let before =
        |batch: &RecordBatch| batch.columns().last().unwrap().as_any().downcast_ref::<StructArray>().unwrap().clone();
    let good = before(&made().to_record_batch().unwrap());
    let half_known = StructArray::new(good.fields().clone(), good.columns().to_vec(), Some(vec![true, false].into()));
    let short = StructArray::from(vec![(good.fields()[0].clone(), good.columns()[0].clone())]);
    let cases = [
        ("_op", texts(vec![Some("U"), Some("X")])),
        ("_op", texts(vec![Some("U"), None])),
        ("_op", texts(vec![Some("UU"), Some("I")])),
        ("_op", ints.clone()),
        ("_ord", numbers(vec![Some(1), None])),
        ("_ord", ints.clone()),
        ("_origin", ints.clone()),
        ("_stamp", texts(vec![None, None])),
        ("_at", ints.clone()),
        ("_at_commit", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("_by", ints.clone()),
        ("_changed", binary(vec![Some(&[1, 1]), Some(&[1])])),
        ("_changed", binary(vec![Some(&[4]), Some(&[1])])),
        ("_changed", binary(vec![Some(&[]), Some(&[])])),
        ("_changed", ints.clone()),
        ("_before_known", ints.clone()),
        ("_before", Arc::new(half_known)),
        ("_before", Arc::new(short)),
        ("_before", ints.clone()),
        ("_Ord", ints),
        ("_op_after", binary(vec![Some(&[99]), None])),
    ];
    for (i, (column, array)) in cases.into_iter().enumerate() {
        let batch = if column == "_op_after" { first_column(array) } else { with(column, array) };
        let result = TableChanges::from_record_batch(table(), &batch);
        assert_eq!(result.map(|_| ()).map_err(|e| e.kind()), Err(ErrorKind::Corrupt), "case {i}: {column}");
    }
    for column in CHANGE_COLUMNS {
        TableChanges::from_record_batch(table(), &with(column, same(column))).unwrap();
    }
}

fn same(role: &str) -> ArrayRef {
    let batch = made().to_record_batch().unwrap();
    let at = batch.schema_ref().fields().iter().position(|f| f.metadata().get(ROLE).is_some_and(|r| r == role));
    batch.column(at.unwrap()).clone()
}

/// The table's own column `_op`, which is mixed in the made batch.
fn first_column(array: ArrayRef) -> RecordBatch {
    let batch = made().to_record_batch().unwrap();
    let mut arrays = batch.columns().to_vec();
    arrays[0] = array;
    RecordBatch::try_new(batch.schema(), arrays).unwrap()
}

#[test]
fn a_null_bitmap_among_others_means_all_carried_and_none_known() {
    let bits: ArrayRef = Arc::new(BinaryArray::from(vec![None, Some(&[0b10u8][..])]));
    let back = TableChanges::from_record_batch(table(), &with("_changed", bits.clone())).unwrap();
    assert_eq!([(0, 0), (0, 1), (1, 0), (1, 1)].map(|(r, c)| back.marks().carries(r, c)), [true, true, false, true]);
    let back = TableChanges::from_record_batch(table(), &with("_before_known", bits)).unwrap();
    assert_eq!([(0, 0), (0, 1), (1, 0)].map(|(r, c)| back.before(r, c).is_some()), [false, false, false]);
    assert_eq!(back.before(1, 1), Some(Cell::Null));
}

#[test]
fn a_batch_that_lacks_columns_is_corrupt() {
    let batch = made().to_record_batch().unwrap();
    for columns in 0..batch.num_columns() {
        let some: Vec<usize> = (0..columns).collect();
        let result = TableChanges::from_record_batch(table(), &batch.project(&some).unwrap());
        assert_eq!(result.map(|_| ()).map_err(|e| e.kind()), Err(ErrorKind::Corrupt), "{columns}");
    }
    assert!(
        new_null_array(batch.column(0).data_type(), 1)
            .as_any()
            .downcast_ref::<arrow_array::PrimitiveArray<Int64Type>>()
            .is_none()
    );
}
