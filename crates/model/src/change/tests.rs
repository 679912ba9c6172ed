#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::sync::Arc;

use proptest::prelude::*;

use super::{At, Bits, ChangeBatch, ChangeBuf, Marks, Op, TableBuilder, TableChanges, Uniform};
use crate::cell::tests::cell;
use crate::cell::{Cell, CellBuf};
use crate::error::ErrorKind;
use crate::origin::Origin;
use crate::schema::tests::logical;
use crate::schema::{Column, LogicalType, TableName, TableSchema};
use crate::stamp::Stamp;

/// A table of up to ten columns of any type, some named like change columns, with a key.
pub(crate) fn table() -> impl Strategy<Value = Arc<TableSchema>> {
    (prop::collection::vec(logical(), 1..11), any::<prop::sample::Index>()).prop_map(|(types, key)| {
        let names = ["_op", "id", "_BEFORE", "__op", "a", "b", "c", "_x", "d", "e"];
        let columns = types.into_iter().zip(names).map(|(t, n)| Column::new(n, t)).collect();
        let mut table = TableSchema::new(TableName::bare("t"), columns);
        table.key = vec![key.index(table.columns.len())];
        Arc::new(table)
    })
}

prop_compose! {
    fn change(columns: usize)(
        op in prop::sample::select(Op::ALL.to_vec()),
        after in prop::collection::vec(prop::option::weighted(0.8, cell()), columns),
        before in prop_oneof![Just(Vec::new()), prop::collection::vec(prop::option::weighted(0.6, cell()), columns)],
        (ord, origin, number, tx) in (0u64..50, any::<Option<u64>>(), any::<Option<u64>>(), any::<Option<u64>>()),
        (stamp, base, at, by) in (any::<Option<u64>>(), any::<Option<u64>>(), any::<Option<(i64, bool)>>(), any::<Option<bool>>()),
    ) -> ChangeBuf {
        ChangeBuf {
            ord,
            origin: origin.map(Origin), number, tx,
            stamp: stamp.map(Stamp::from_bits), base: base.map(Stamp::from_bits),
            at: at.map(|(us, commit)| At { us, commit }),
            by: by.map(|b| if b { "ann" } else { "bob" }.into()),
            ..ChangeBuf::new(op, after, before)
        }
    }
}

/// A table and any changes to it.
pub(crate) fn changes() -> impl Strategy<Value = (Arc<TableSchema>, Vec<ChangeBuf>)> {
    table().prop_flat_map(|table| {
        let columns = table.columns.len();
        (Just(table), prop::collection::vec(change(columns), 0..6))
    })
}

pub(crate) fn built(table: &Arc<TableSchema>, changes: &[ChangeBuf]) -> TableChanges {
    let mut builder = TableBuilder::new(table.clone());
    changes.iter().for_each(|c| builder.push(c.clone()).unwrap());
    builder.finish().unwrap()
}

/// Every change as an owned one, its before image as long as the table is wide.
pub(crate) fn owned(changes: &TableChanges) -> Vec<ChangeBuf> {
    (0..changes.rows()).map(|row| ChangeBuf::of(changes, row)).collect()
}

pub(crate) fn padded(changes: &[ChangeBuf], columns: usize) -> Vec<ChangeBuf> {
    let mut changes = changes.to_vec();
    changes.iter_mut().for_each(|c| c.before.resize(columns, None));
    changes
}

fn two_columns() -> Arc<TableSchema> {
    let columns =
        vec![Column::new("id", LogicalType::Int { bits: 64, signed: true }), Column::new("a", LogicalType::Any)];
    let mut table = TableSchema::new(TableName::bare("t"), columns);
    table.key = vec![0];
    Arc::new(table)
}

fn int(value: i64) -> Option<CellBuf> {
    Some(CellBuf::from(value))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn changes_come_out_as_they_went_in((table, changes) in changes()) {
        let made = built(&table, &changes);
        prop_assert_eq!(owned(&made), padded(&changes, table.columns.len()));
    }

    #[test]
    fn projecting_moves_columns_and_leaves_the_rest((table, changes) in changes(), picks in prop::collection::vec(any::<prop::sample::Index>(), 1..8)) {
        let picks: Vec<usize> = picks.iter().map(|p| p.index(table.columns.len())).collect();
        let made = built(&table, &changes);
        let columns = picks.iter().map(|&c| table.columns[c].clone()).collect();
        let narrow = Arc::new(TableSchema::new(TableName::bare("n"), columns));
        let projected = made.projected(&narrow, &picks).unwrap();
        for (row, (one, two)) in owned(&made).into_iter().zip(owned(&projected)).enumerate() {
            let moved = |image: &[Option<CellBuf>]| picks.iter().map(|&c| image[c].clone()).collect::<Vec<_>>();
            let expected = ChangeBuf { after: moved(&one.after), before: moved(&one.before), ..one };
            prop_assert_eq!(two, expected, "row {}", row);
        }
        prop_assert_eq!(projected.rows(), made.rows());
    }

    #[test]
    fn picking_rows_leaves_them_as_they_are((table, changes) in changes(), picks in prop::collection::vec(any::<prop::sample::Index>(), 0..5)) {
        prop_assume!(!changes.is_empty());
        let picks: Vec<usize> = picks.iter().map(|p| p.index(changes.len())).collect();
        let made = built(&table, &changes);
        let all = owned(&made);
        let picked = made.picked(&picks).unwrap();
        prop_assert_eq!(owned(&picked), picks.iter().map(|&r| all[r].clone()).collect::<Vec<_>>());
        prop_assert_eq!(made.picked(&[changes.len()]).unwrap_err().kind(), ErrorKind::Bug);
    }

    /// I4: over all tables in the order of the source.
    #[test]
    fn in_order_names_every_change_once_and_sorted(tables in prop::collection::vec(changes(), 0..4)) {
        let batch = ChangeBatch {
            begins: true, ends: None,
            tables: tables.iter().map(|(table, changes)| built(table, changes)).collect(),
            native: None,
        };
        let order = batch.in_order();
        let ords: Vec<u64> = order.iter().map(|&(t, r)| batch.tables[t].marks().ord(r)).collect();
        prop_assert!(ords.is_sorted());
        let mut once = order.clone();
        once.sort_unstable();
        once.dedup();
        prop_assert_eq!(once.len(), tables.iter().map(|(_, c)| c.len()).sum::<usize>());
        prop_assert_eq!(order.len(), batch.rows());
        // Changes of one table with one number stay in the order of the batch.
        for two in order.windows(2) {
            if let [(t, r), (u, s)] = two && t == u && batch.tables[*t].marks().ord(*r) == batch.tables[*u].marks().ord(*s) {
                prop_assert!(r < s);
            }
        }
    }

    #[test]
    fn bits_say_what_was_pushed(columns in 0usize..20, rows in prop::collection::vec(prop::collection::vec(any::<bool>(), 20), 0..5)) {
        let mut bits = Bits::new(columns);
        rows.iter().for_each(|row| bits.push(row.iter().copied().take(columns)));
        for (r, row) in rows.iter().enumerate() {
            for (c, set) in row.iter().chain(&[true; 4]).enumerate() {
                prop_assert_eq!(bits.get(r, c), c < columns && *set);
            }
            prop_assert_eq!(bits.row(r).len(), columns.div_ceil(8));
        }
        prop_assert!(!bits.get(rows.len(), 0));
        prop_assert_eq!(&Bits::from_bytes(bits.width(), bits.bytes().to_vec()), &bits);
    }
}

/// F77: null, not carried, missing and default are different states.
#[test]
fn four_states_of_a_cell_stay_distinct() {
    let table = two_columns();
    let made = built(
        &table,
        &[
            ChangeBuf::new(Op::Update, vec![int(1), Some(CellBuf::NULL)], vec![int(1), Some(CellBuf::NULL)]),
            ChangeBuf::new(Op::Update, vec![int(1), None], vec![int(1)]),
            ChangeBuf::new(Op::Insert, vec![int(1), None], vec![]),
        ],
    );
    assert_eq!(made.after(0, 1), Some(Cell::Null), "null");
    assert_eq!(made.after(1, 1), None, "not carried: an update left it as it was");
    assert_eq!((made.op(2), made.after(2, 1)), (Op::Insert, None), "default: an insert did not name it");
    assert_eq!(made.schema().position("b"), None, "missing: this version of the table does not have it");
    assert_eq!((made.before(0, 1), made.before(1, 1)), (Some(Cell::Null), None));
}

#[test]
fn the_key_is_the_one_under_which_the_sink_has_the_row() {
    let made = built(
        &two_columns(),
        &[
            ChangeBuf::new(Op::Insert, vec![int(1), None], vec![]),
            ChangeBuf::new(Op::Key, vec![int(2), None], vec![int(1)]),
            ChangeBuf::new(Op::Delete, vec![None, None], vec![int(3)]),
            ChangeBuf::new(Op::Delete, vec![int(4), None], vec![]),
            ChangeBuf::new(Op::Update, vec![int(5), None], vec![]),
            // A merge may complete an insert with the image of a row that it revives: its key is the new one.
            ChangeBuf::new(Op::Insert, vec![int(6), None], vec![int(7)]),
        ],
    );
    let keys: Vec<CellBuf> = (0..made.rows()).flat_map(|row| made.key_cells(row)).map(|c| c.to_owned()).collect();
    assert_eq!(keys, [1, 1, 3, 4, 5, 6].map(CellBuf::from));
}

#[test]
fn snapshots_are_built_without_marks_per_row() {
    let mut builder = TableBuilder::new(two_columns());
    for start in [10u64, 20] {
        for id in 0..3 {
            builder.snapshot_row::<crate::Error>(|c| Ok(if c == 0 { Cell::Int(id) } else { Cell::Text("x") })).unwrap();
        }
        assert_eq!(builder.rows(), 3);
        assert!(builder.bytes() > 0);
        let made = builder.finish_snapshot(start).unwrap();
        assert_eq!((made.rows(), made.op(2), made.marks().ord(2)), (3, Op::Snapshot, start + 2));
        assert_eq!(made.after(2, 0), Some(Cell::Int(2)));
        assert_eq!(made.before(2, 0), None);
        assert!(made.bytes() > 0);
        assert_eq!(made.picked(&[3]).unwrap_err().kind(), ErrorKind::Bug);
    }
    assert_eq!(builder.rows(), 0);
}

#[test]
fn what_does_not_fit_together_is_a_bug() {
    let table = two_columns();
    let bug =
        |result: crate::Result<TableChanges>| assert_eq!(result.map(|_| ()).map_err(|e| e.kind()), Err(ErrorKind::Bug));
    let made = built(&table, &[ChangeBuf::new(Op::Insert, vec![int(1)], vec![])]);
    let of = |change: &dyn Fn(&mut Marks)| {
        let mut marks = made.marks().clone();
        change(&mut marks);
        TableChanges::new(table.clone(), 1, made.columns().to_vec(), marks)
    };
    of(&|_| ()).unwrap();
    bug(of(&|m| m.op = Uniform::Each(vec![])));
    bug(of(&|m| m.ords = Some(vec![1, 2])));
    bug(of(&|m| m.carried = Some(Bits::new(2))));
    bug(of(&|m| m.carried = Some(Bits::from_bytes(2, vec![1, 1]))));
    bug(of(&|m| m.before.truncate(1)));
    bug(of(&|m| m.by = Uniform::Each(vec![None, None])));
    bug(TableChanges::new(table.clone(), 1, made.columns()[..1].to_vec(), made.marks().clone()));
    bug(TableChanges::new(table.clone(), 2, made.columns().to_vec(), Marks::snapshot(0)));
    bug(made.projected(&table, &[0, 7]));
    let mut builder = TableBuilder::new(table.clone());
    let wide = ChangeBuf::new(Op::Insert, vec![int(1), None, int(3)], vec![]);
    assert_eq!(builder.push(wide).unwrap_err().kind(), ErrorKind::Bug);
    builder.push(ChangeBuf::new(Op::Insert, vec![int(1)], vec![])).unwrap();
    bug(builder.finish_snapshot(0));
}

#[test]
fn budgets_count_both_images() {
    let big = || Some(CellBuf::Text("x".repeat(100_000).into()));
    let made = built(&two_columns(), &[ChangeBuf::new(Op::Update, vec![int(1), big()], vec![int(1), big()])]);
    assert!(made.bytes() > 200_000, "I13: {}", made.bytes());
}

/// A budget that is not given back makes every later batch a batch of one row.
#[test]
fn a_batch_that_was_taken_gives_its_bytes_back() {
    let mut builder = TableBuilder::new(two_columns());
    builder.snapshot_row::<crate::Error>(|_| Ok(Cell::Int(1))).unwrap();
    assert!(builder.bytes() > 0);
    builder.finish_snapshot(0).unwrap();
    assert_eq!((builder.rows(), builder.bytes()), (0, 0));
    builder.push(ChangeBuf::new(Op::Insert, vec![int(1), int(2)], Vec::new())).unwrap();
    builder.finish().unwrap();
    assert_eq!((builder.rows(), builder.bytes()), (0, 0));
}

#[test]
fn letters_name_operations() {
    assert_eq!(Op::ALL.map(Op::as_str).join(""), "IUKDTS");
    for op in Op::ALL {
        assert_eq!(Op::from_letter(op.letter()), Some(op));
    }
    assert_eq!(Op::from_letter(b'X'), None);
}
