#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::{NetTable, net};
use crate::cell::{Cell, CellBuf};
use crate::change::tests::built;
use crate::change::{At, ChangeBatch, ChangeBuf, Op, TableChanges};
use crate::schema::{Column, LogicalType, TableName, TableSchema};

/// `id, a, b` with the key `id`, which is not the first column.
fn schema() -> Arc<TableSchema> {
    let int = LogicalType::Int { bits: 64, signed: true };
    let columns = ["a", "id", "b"].map(|name| Column::new(name, int.clone()));
    let mut table = TableSchema::new(TableName::bare("t"), columns.into());
    table.key = vec![1];
    Arc::new(table)
}

type Rows = BTreeMap<i64, [i64; 2]>;

fn int(value: i64) -> Option<CellBuf> {
    Some(value.into())
}

fn number(cell: Cell<'_>) -> i64 {
    match cell {
        Cell::Int(value) => value,
        other => panic!("{other:?}"),
    }
}

fn key(changes: &TableChanges, row: usize) -> i64 {
    number(changes.key_cells(row).next().unwrap())
}

/// What `change` does to the rows; an error if it does not find them as it must.
fn one(rows: &mut Rows, changes: &TableChanges, row: usize) -> Result<(), ()> {
    let id = key(changes, row);
    let after = |column: usize| changes.after(row, column).map(number);
    match changes.op(row) {
        Op::Insert if rows.contains_key(&id) => Err(()),
        Op::Insert => {
            rows.insert(id, [after(0).unwrap_or(-1), after(2).unwrap_or(-1)]);
            Ok(())
        }
        Op::Update => {
            let there = rows.get_mut(&id).ok_or(())?;
            *there = [after(0).unwrap_or(there[0]), after(2).unwrap_or(there[1])];
            Ok(())
        }
        Op::Delete => rows.remove(&id).map(drop).ok_or(()),
        other => panic!("{other:?}"),
    }
}

/// Deletes, what must not be there, updates, inserts.
fn by_set(rows: &mut Rows, table: &NetTable<'_>) -> Result<(), ()> {
    let each = |rows: &mut Rows, pick: for<'a> fn(&'a super::NetPart<'_>) -> &'a Vec<usize>| {
        table.parts.iter().try_for_each(|part| pick(part).iter().try_for_each(|&row| one(rows, &part.changes, row)))
    };
    each(rows, |part| &part.deletes)?;
    let absent =
        |part: &super::NetPart<'_>| part.absent.iter().all(|&row| !rows.contains_key(&key(&part.changes, row)));
    if !table.parts.iter().all(absent) {
        return Err(());
    }
    each(rows, |part| &part.updates)?;
    each(rows, |part| &part.inserts)
}

fn change() -> impl Strategy<Value = ChangeBuf> {
    let value = || prop::option::weighted(0.7, 0i64..5);
    let op = prop::sample::select(vec![Op::Insert, Op::Insert, Op::Update, Op::Update, Op::Delete]);
    (op, 0i64..6, value(), value(), any::<bool>(), any::<bool>()).prop_map(|(op, id, a, b, key_after, key_before)| {
        let row = |a: Option<i64>, b: Option<i64>| vec![a.and_then(int), int(id), b.and_then(int)];
        match op {
            Op::Insert if key_after => ChangeBuf::new(op, row(a.or(Some(7)), b.or(Some(7))), Vec::new()),
            Op::Insert => ChangeBuf::new(op, row(a, b), Vec::new()),
            Op::Delete => ChangeBuf::new(op, Vec::new(), row(a, b)),
            _ => {
                let (mut after, mut before) = (row(a, b), row(a.map(|_| 0), None));
                if !key_after {
                    after[1] = None;
                } else if !key_before {
                    before = Vec::new();
                }
                ChangeBuf::new(op, after, before)
            }
        }
    })
}

fn batch(changes: TableChanges) -> ChangeBatch {
    ChangeBatch { tables: vec![changes], ..ChangeBatch::default() }
}

/// The changes with their places, in which they do not stand.
fn numbered(all: &[ChangeBuf]) -> TableChanges {
    let mut all: Vec<ChangeBuf> =
        all.iter().enumerate().map(|(ord, change)| ChangeBuf { ord: ord as u64, ..change.clone() }).collect();
    all.reverse();
    built(&schema(), &all)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// I4: the net effect is what the changes come to one by one; and where one of them does not find its row as it must,
    /// the net effect is none, or does not either.
    #[test]
    fn the_net_effect_is_that_of_all_changes_one_by_one(
        all in prop::collection::vec(change(), 0..14),
        there in prop::collection::btree_map(0i64..6, [0i64..5, 0i64..5], 0..6),
    ) {
        let changes = numbered(&all);
        let batch = batch(changes.clone());
        let mut by_one = there.clone();
        let in_order = batch.in_order();
        let went = in_order.iter().try_for_each(|&(_, row)| one(&mut by_one, &changes, row));
        if let Some(tables) = net(&batch).unwrap() {
            let mut net_rows = there;
            let set = by_set(&mut net_rows, &tables[0]);
            prop_assert_eq!(set, went);
            prop_assert!(went.is_err() || net_rows == by_one, "{:?} is not {:?}", net_rows, by_one);
        } else {
            // Only for a change that fails, or an insert that leaves columns to defaults after a delete.
            let partial = all.iter().any(|c| c.op == Op::Insert && c.after.contains(&None));
            prop_assert!(went.is_err() || partial);
        }
    }

    #[test]
    fn no_key_comes_twice(all in prop::collection::vec(change(), 0..14)) {
        let batch = batch(numbered(&all));
        let Some(tables) = net(&batch).unwrap() else { return Ok(()) };
        let mut keys: Vec<i64> = Vec::new();
        for part in &tables[0].parts {
            let rows = [&part.deletes, &part.absent, &part.updates, &part.inserts];
            keys.extend(rows.into_iter().flatten().map(|&row| key(&part.changes, row)));
        }
        let all = keys.len();
        keys.sort_unstable();
        keys.dedup();
        prop_assert_eq!(keys.len(), all);
    }
}

fn merged(all: &[ChangeBuf]) -> Vec<ChangeBuf> {
    let batch = batch(numbered(all));
    let tables = net(&batch).unwrap().expect("it can be said");
    let part = tables[0].parts.get(1).expect("something was merged");
    (0..part.changes.rows()).map(|row| ChangeBuf::of(&part.changes, row)).collect()
}

fn made(op: Op, after: [Option<i64>; 3], before: [Option<i64>; 3], at: i64) -> ChangeBuf {
    let cells = |image: [Option<i64>; 3]| image.map(|value| value.and_then(int)).into();
    let change = ChangeBuf::new(op, cells(after), cells(before));
    ChangeBuf { at: Some(At { us: at, commit: false }), number: Some(at.unsigned_abs()), ..change }
}

/// The values that were set last, what was known first of the time before, and the marks of the last change.
#[test]
fn updates_are_merged() {
    let all = [
        made(Op::Update, [Some(2), None, None], [Some(1), Some(9), None], 100),
        made(Op::Update, [Some(3), None, Some(5)], [Some(2), Some(9), Some(4)], 200),
        made(Op::Update, [None, Some(9), Some(6)], [Some(3), Some(9), Some(5)], 300),
    ];
    let expected = made(Op::Update, [Some(3), Some(9), Some(6)], [Some(1), Some(9), Some(4)], 300);
    assert_eq!(merged(&all), [ChangeBuf { ord: 2, ..expected }]);
}

#[test]
fn what_came_and_went_is_looked_for() {
    let all = [
        made(Op::Insert, [Some(1), Some(9), Some(1)], [None; 3], 1),
        made(Op::Update, [Some(2), None, None], [Some(1), Some(9), None], 2),
        made(Op::Delete, [None; 3], [Some(2), Some(9), Some(1)], 3),
    ];
    let expected = made(Op::Delete, [None; 3], [None, Some(9), None], 3);
    assert_eq!(merged(&all), [ChangeBuf { ord: 2, ..expected }]);
}

#[test]
fn what_goes_and_comes_again_is_an_update_of_all_columns() {
    let all = [
        made(Op::Update, [Some(2), None, None], [Some(1), Some(9), None], 1),
        made(Op::Delete, [None; 3], [Some(2), Some(9), Some(5)], 2),
        made(Op::Insert, [Some(7), Some(9), Some(8)], [None; 3], 3),
    ];
    let expected = made(Op::Update, [Some(7), Some(9), Some(8)], [Some(1), Some(9), Some(5)], 3);
    assert_eq!(merged(&all), [ChangeBuf { ord: 2, ..expected }]);
}

#[test]
fn other_kinds_have_no_net_effect() {
    let good = made(Op::Insert, [Some(1), Some(1), Some(1)], [None; 3], 1);
    for odd in [
        made(Op::Key, [None, Some(2), None], [None, Some(1), None], 2),
        made(Op::Truncate, [None; 3], [None; 3], 2),
        made(Op::Snapshot, [Some(1), Some(2), Some(1)], [None; 3], 2),
        made(Op::Update, [None, Some(2), None], [None, Some(1), None], 2),
        made(Op::Delete, [None; 3], [Some(1), None, Some(1)], 2),
    ] {
        assert!(net(&batch(numbered(&[good.clone(), odd.clone()]))).unwrap().is_none(), "{odd:?}");
    }
    assert!(net(&batch(numbered(std::slice::from_ref(&good)))).unwrap().is_some());
    // One table in two pieces: which of two changes came first stands in neither.
    let twice = ChangeBatch {
        tables: vec![numbered(std::slice::from_ref(&good)), numbered(&[good])],
        ..ChangeBatch::default()
    };
    assert!(net(&twice).unwrap().is_none());
}
