//! What a mapping makes of rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use insta::assert_snapshot;
use proptest::prelude::*;

use crate::cell::{Cell, CellBuf};
use crate::change::tests::{built, owned};
use crate::change::{ChangeBuf, Op, TableBuilder, TableChanges};
use crate::error::ErrorKind;
use crate::mapping::{Mapping, Rule};
use crate::schema::{Column, LogicalType, TableName, TableSchema};
use crate::stamp::Stamp;

/// t(id key, region, note); the sink has (number, note) of the rows with region 1.
fn mapping() -> Mapping {
    let int = |name| Column::new(name, LogicalType::Int { bits: 64, signed: true });
    let mut table = TableSchema::new(TableName::bare("t"), vec![int("id"), int("region"), int("note")]);
    table.key = vec![0];
    let rule = Rule {
        filter: Some("region = 1".into()),
        exclude: vec!["region".into()],
        columns: BTreeMap::from([("id".into(), "number".into())]),
        ..Rule::default()
    };
    Mapping::new(&table, &rule).unwrap()
}

type Image = [Option<i64>; 3];
/// -1 is null, to keep the tables below short.
fn image(of: Image) -> Vec<Option<CellBuf>> {
    of.iter().map(|c| c.map(|v| if v == -1 { CellBuf::NULL } else { CellBuf::from(v) })).collect()
}

fn change(op: Op, before: Image, after: Image) -> ChangeBuf {
    ChangeBuf { stamp: Some(Stamp::new(5, 0)), ord: 9, ..ChangeBuf::new(op, image(after), image(before)) }
}

fn shown(change: &ChangeBuf) -> String {
    let image = |of: &[Option<CellBuf>]| {
        let cell = |c: &Option<CellBuf>| {
            let mut text = String::new();
            c.as_ref().map_or(Cell::Text("."), CellBuf::as_cell).format(&mut text);
            text
        };
        of.iter().map(cell).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((change.stamp, change.ord), (Some(Stamp::new(5, 0)), 9));
    format!("{} ({}) -> ({})", change.op.as_str(), image(&change.before), image(&change.after))
}

/// What the sink sees of one change; beside another that is kept, so that one cannot hide behind the other.
fn seen(op: Op, before: Image, after: Image) -> String {
    let mapping = mapping();
    let rest = change(Op::Insert, [None; 3], [Some(100), Some(1), None]);
    let changes = built(&mapping.read, &[change(op, before, after), rest.clone()]);
    match mapping.apply(&changes) {
        Ok(made) => {
            assert!(Arc::ptr_eq(made.schema(), &mapping.write));
            let mut all = owned(&made);
            assert_eq!(all.pop().map(|c| c.op), Some(Op::Insert));
            all.iter().map(shown).collect::<Vec<_>>().join(", ")
        }
        Err(e) => {
            assert_eq!(e.kind(), ErrorKind::Unsupported);
            e.to_string()
        }
    }
}

const NONE: Image = [None; 3];
const fn all(id: i64, region: i64, note: i64) -> Image {
    [Some(id), Some(region), Some(note)]
}

#[test]
fn rows_inside_stay_and_rows_outside_are_left_out() {
    for op in [Op::Insert, Op::Snapshot] {
        assert_eq!(seen(op, NONE, all(1, 1, 7)), format!("{} (. .) -> (1 7)", op.as_str()));
        assert_eq!(seen(op, NONE, all(1, 2, 7)), "");
        assert_eq!(seen(op, NONE, all(1, -1, 7)), "");
    }
    assert_eq!(seen(Op::Update, all(1, 1, 6), all(1, 1, 7)), "U (1 6) -> (1 7)");
    assert_eq!(seen(Op::Update, all(1, 2, 6), all(1, 3, 7)), "");
    assert_eq!(seen(Op::Key, all(1, 1, 6), all(2, 1, 6)), "K (1 6) -> (2 6)");
    assert_eq!(seen(Op::Delete, all(1, 1, 6), NONE), "D (1 6) -> (. .)");
    assert_eq!(seen(Op::Delete, all(1, 2, 6), NONE), "");
    assert_eq!(seen(Op::Delete, NONE, all(1, 1, 6)), "D (. .) -> (1 6)");
    assert_eq!(seen(Op::Truncate, NONE, NONE), "T (. .) -> (. .)");
}

#[test]
fn leaving_is_a_delete_and_entering_an_insert() {
    assert_eq!(seen(Op::Update, all(1, 1, 6), all(1, 2, 7)), "D (1 6) -> (. .)");
    assert_eq!(seen(Op::Update, all(1, 1, 6), all(1, -1, 7)), "D (1 6) -> (. .)");
    assert_eq!(seen(Op::Update, all(1, 2, 6), all(1, 1, 7)), "I (. .) -> (1 7)");
    assert_eq!(seen(Op::Update, all(1, -1, 6), all(1, 1, 7)), "I (. .) -> (1 7)");
    // The old row goes under its old key, the new one comes under the new.
    assert_eq!(seen(Op::Key, all(1, 1, 6), all(2, 2, 7)), "D (1 6) -> (. .)");
    assert_eq!(seen(Op::Key, all(1, 2, 6), all(2, 1, 7)), "I (. .) -> (2 7)");
}

#[test]
fn what_an_image_leaves_out_is_taken_from_the_other_where_that_is_the_same() {
    // Not carried: unchanged, so the before image knows it.
    assert_eq!(seen(Op::Update, all(1, 1, 6), [Some(1), None, Some(7)]), "U (1 6) -> (1 7)");
    assert_eq!(seen(Op::Update, all(1, 2, 6), [Some(1), None, Some(7)]), "");
    assert_eq!(seen(Op::Update, all(1, 2, 6), [Some(1), Some(1), None]), "I (. .) -> (1 6)");
    assert_eq!(seen(Op::Update, all(1, 2, 6), [None, Some(1), None]), "I (. .) -> (1 6)");
    // An update does not change the key, so the after image knows it.
    assert_eq!(seen(Op::Update, [None, Some(1), None], all(1, 2, 7)), "D (1 .) -> (. .)");
}

#[test]
fn what_cannot_be_decided_stops_and_is_not_guessed() {
    // Carried and not known before: it may have changed. The after value must not stand in for it.
    assert_snapshot!(seen(Op::Update, [Some(1), None, None], all(1, 2, 7)), @"a change does not say whether the row belonged to the filter before it [table t]");
    assert_snapshot!(seen(Op::Update, [Some(1), None, None], all(1, 1, 7)), @"a change does not say whether the row belonged to the filter before it [table t]");
    assert_snapshot!(seen(Op::Update, [Some(1), None, None], [Some(1), None, Some(7)]), @"a change does not say whether the row belonged to the filter before it [table t]");
    assert_snapshot!(seen(Op::Delete, [Some(1), None, None], NONE), @"a change does not say whether the row belonged to the filter before it [table t]");
    assert_snapshot!(seen(Op::Insert, NONE, [Some(1), None, Some(7)]), @"a change does not say whether the row belonged to the filter after it [table t]");
    assert_snapshot!(seen(Op::Update, [Some(1), Some(2), None], [Some(1), Some(1), None]), @"a change brings a row into the filter and does not carry its column note [table t]");
    assert_snapshot!(seen(Op::Key, [None, Some(1), None], all(2, 2, 7)), @"a change takes a row out of the filter and does not name it [table t]");
}

#[test]
fn without_a_filter_nothing_is_looked_at_row_by_row() {
    let mut plain = mapping();
    plain.filter = None;
    let changes = built(&plain.read, &[change(Op::Update, [None; 3], [Some(1), None, None])]);
    let made = plain.apply(&changes).unwrap();
    assert_eq!(owned(&made).iter().map(shown).collect::<Vec<_>>(), ["U (. .) -> (1 .)"]);
    // The very arrays are shared.
    assert_eq!(
        made.columns()[1].array().to_data().buffers()[0].as_ptr(),
        changes.columns()[2].array().to_data().buffers()[0].as_ptr()
    );
}

#[test]
fn a_filtered_snapshot_keeps_its_order() {
    let mapping = mapping();
    let mut builder = TableBuilder::new(mapping.read.clone());
    for id in 0..6 {
        builder.snapshot_row::<crate::Error>(|c| Ok(if c == 1 { Cell::Int(id % 2) } else { Cell::Int(id) })).unwrap();
    }
    let made = mapping.apply(&builder.finish_snapshot(10).unwrap()).unwrap();
    let rows: Vec<(u64, CellBuf)> =
        (0..made.rows()).map(|r| (made.marks().ord(r), made.cell(r, 0).to_owned())).collect();
    assert_eq!(rows, [(11, 1), (13, 3), (15, 5)].map(|(ord, id)| (ord, CellBuf::from(id))));
}

#[test]
fn changes_of_another_table_are_a_bug() {
    for names in [&["id"][..], &["id", "note", "region"]] {
        let columns = names.iter().map(|name| Column::new(name, LogicalType::Any)).collect();
        let changes = built(&Arc::new(TableSchema::new(TableName::bare("t"), columns)), &[]);
        assert_eq!(mapping().apply(&changes).unwrap_err().kind(), ErrorKind::Bug);
    }
}

/// Applies changes to rows by key, as a sink would, refusing what does not fit.
fn apply(rows: &mut BTreeMap<CellBuf, Vec<CellBuf>>, changes: &TableChanges) {
    for row in 0..changes.rows() {
        let key: CellBuf = changes.key_cells(row).next().unwrap().to_owned();
        let mut new = rows.get(&key).cloned().unwrap_or_default();
        new.resize(changes.schema().columns.len(), CellBuf::NULL);
        for (c, cell) in new.iter_mut().enumerate() {
            if let Some(after) = changes.after(row, c) {
                *cell = after.to_owned();
            }
        }
        let now = new[changes.schema().key[0]].clone();
        match changes.op(row) {
            Op::Insert | Op::Snapshot => assert!(rows.insert(now, new).is_none(), "inserted twice"),
            Op::Update | Op::Key => {
                assert!(rows.remove(&key).is_some(), "updated without a row");
                assert!(rows.insert(now, new).is_none());
            }
            Op::Delete => assert!(rows.remove(&key).is_some(), "deleted without a row"),
            Op::Truncate => rows.clear(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// The law of the filter: filtering the changes gives what filtering the rows gives.
    #[test]
    fn the_sink_holds_exactly_the_rows_that_the_filter_keeps(
        steps in prop::collection::vec((0usize..6, 0i64..4, 0i64..4, -1i64..3, 0i64..3, any::<[bool; 3]>()), 1..40),
    ) {
        let mapping = mapping();
        let mut rows: BTreeMap<i64, Image> = BTreeMap::new();
        let mut changes = Vec::new();
        for (kind, id, to, region, note, leave_out) in steps {
            let new = all(id, region, note);
            match (kind, rows.get(&id).copied()) {
                (0, _) if note == 0 => {
                    rows.clear();
                    changes.push(change(Op::Truncate, NONE, NONE));
                }
                (_, None) => {
                    changes.push(change(Op::Insert, NONE, new));
                    rows.insert(id, new);
                }
                (1, Some(old)) => {
                    changes.push(change(Op::Delete, old, NONE));
                    rows.remove(&id);
                }
                (2, Some(old)) if !rows.contains_key(&to) => {
                    let new = all(to, region, note);
                    changes.push(change(Op::Key, old, new));
                    rows.remove(&id);
                    rows.insert(to, new);
                }
                (_, Some(old)) => {
                    // Unchanged columns may be left out of the after image.
                    let after = std::array::from_fn(|c| new[c].filter(|_| !leave_out[c] || new[c] != old[c]));
                    changes.push(change(Op::Update, old, after));
                    rows.insert(id, new);
                }
            }
        }
        let mut sink = BTreeMap::new();
        for some in changes.chunks(7) {
            apply(&mut sink, &mapping.apply(&built(&mapping.read, some)).unwrap());
        }
        let expected: BTreeMap<CellBuf, Vec<CellBuf>> = rows
            .into_values()
            .filter(|row| row[1] == Some(1))
            .map(|row| (CellBuf::from(row[0].unwrap()), vec![CellBuf::from(row[0].unwrap()), CellBuf::from(row[2].unwrap())]))
            .collect();
        prop_assert_eq!(sink, expected);
    }
}
