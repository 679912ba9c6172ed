#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use syncline_model::schema::ForeignKey;
use syncline_model::{Column, LogicalType};

use super::*;

fn table(name: &str, columns: &[&str], to: Option<(&str, &[&str])>) -> Arc<TableSchema> {
    let columns = columns.iter().map(|name| Column::new(name, LogicalType::Any)).collect();
    let foreign_keys = to.map(|(to, to_columns)| ForeignKey {
        columns: vec![1],
        to: TableName::bare(to),
        to_columns: to_columns.iter().map(|c| c.to_string()).collect(),
        on_delete: None,
        on_update: None,
    });
    let table = TableSchema::new(TableName::bare(name), columns);
    Arc::new(TableSchema { key: vec![0], foreign_keys: foreign_keys.into_iter().collect(), ..table })
}

fn cells(cells: &[Option<i64>]) -> Vec<Option<CellBuf>> {
    cells.iter().map(|c| c.map(CellBuf::from)).collect()
}

fn change(op: Op, after: &[Option<i64>], before: &[Option<i64>]) -> ChangeBuf {
    ChangeBuf::new(op, cells(after), cells(before))
}

/// A parent, its children by key, and children by another column of it.
struct Family {
    parent: Arc<TableSchema>,
    child: Arc<TableSchema>,
    by_code: Arc<TableSchema>,
    shape: Shape,
}

fn family() -> Family {
    let parent = table("parent", &["id", "code"], None);
    let child = table("child", &["id", "parent"], Some(("parent", &[])));
    let by_code = table("by_code", &["id", "code"], Some(("parent", &["code"])));
    let shape = Shape::new(&[parent.clone(), child.clone(), by_code.clone()]);
    Family { parent, child, by_code, shape }
}

#[test]
fn old_and_new_key_are_held() {
    let Family { parent, shape, .. } = family();
    let reach = |c: &ChangeBuf| shape.reach(&parent, c);
    let moved = reach(&change(Op::Key, &[Some(2), None], &[Some(1), None]));
    let is = |reach: &Reach| reach.waits_for(&moved);
    assert!(is(&reach(&change(Op::Insert, &[Some(1), Some(9)], &[]))));
    assert!(is(&reach(&change(Op::Update, &[None, Some(9)], &[Some(2), None]))));
    assert!(is(&reach(&change(Op::Delete, &[], &[Some(2), Some(9)]))));
    assert!(!is(&reach(&change(Op::Delete, &[], &[Some(3), Some(9)]))));
    assert!(is(&reach(&change(Op::Key, &[Some(1), None], &[Some(3), None]))));
}

#[test]
fn children_wait_for_a_parent_that_is_not_there_yet() {
    let Family { parent, child, by_code, shape } = family();
    let born = shape.reach(&parent, &change(Op::Insert, &[Some(1), Some(10)], &[]));
    let altered = shape.reach(&parent, &change(Op::Update, &[None, Some(10)], &[Some(1), Some(11)]));
    let of_one = shape.reach(&child, &change(Op::Insert, &[Some(5), Some(1)], &[]));
    let of_code = shape.reach(&by_code, &change(Op::Insert, &[Some(5), Some(10)], &[]));
    let of_none = shape.reach(&child, &change(Op::Insert, &[Some(6), None], &[]));
    assert!(of_one.waits_for(&born) && of_code.waits_for(&born));
    assert!(!of_none.waits_for(&born));
    // The parent is there; only what it is called by others waits.
    assert!(!of_one.waits_for(&altered) && of_code.waits_for(&altered));
}

#[test]
fn a_parent_stays_while_a_child_that_leaves_it_is_parked() {
    let Family { parent, child, shape, .. } = family();
    let leaves = shape.reach(&child, &change(Op::Delete, &[], &[Some(5), Some(1)]));
    let goes = |id| shape.reach(&parent, &change(Op::Delete, &[], &[Some(id), Some(10)]));
    assert!(goes(1).waits_for(&leaves) && !goes(2).waits_for(&leaves));
}

#[test]
fn a_change_of_all_rows_holds_them_all() {
    let Family { parent, child, shape, .. } = family();
    let all = shape.reach(&parent, &change(Op::Truncate, &[], &[]));
    let one = shape.reach(&parent, &change(Op::Insert, &[Some(1), None], &[]));
    let other = shape.reach(&child, &change(Op::Insert, &[Some(1), None], &[]));
    assert!(one.waits_for(&all) && all.waits_for(&one) && !other.waits_for(&all));
    let mut held = Held::default();
    held.add("parent", 3, &all);
    assert_eq!(held.ahead_of(&parent.name, &one), Some(3));
    assert_eq!(held.ahead_of(&child.name, &other), None);
}

#[test]
fn what_is_held_is_found_and_freed_by_table() {
    let Family { parent, child, shape, .. } = family();
    let born = shape.reach(&parent, &change(Op::Insert, &[Some(1), Some(10)], &[]));
    let of_one = shape.reach(&child, &change(Op::Insert, &[Some(5), Some(1)], &[]));
    let later = shape.reach(&child, &change(Op::Update, &[None, Some(2)], &[Some(5), Some(1)]));
    let mut held = Held::default();
    assert_eq!(held.ahead_of(&parent.name, &born), None);
    held.add("parent", 1, &born);
    assert_eq!(held.ahead_of(&child.name, &of_one), Some(1));
    held.add("child", 2, &of_one);
    assert_eq!((held.ahead_of(&child.name, &later), held.count()), (Some(2), 2));
    assert_eq!(held.free(&parent.name), BTreeSet::from([1]));
    assert_eq!((held.ahead_of(&parent.name, &born), held.ahead_of(&child.name, &later)), (None, Some(2)));
    assert_eq!(held.free(&child.name), BTreeSet::from([2]));
    assert!(held.is_empty());
}

#[test]
fn what_a_change_holds_is_read_back() {
    let Family { parent, child, shape, .. } = family();
    for reach in [
        shape.reach(&parent, &change(Op::Key, &[Some(2), Some(3)], &[Some(1), Some(2)])),
        shape.reach(&child, &change(Op::Update, &[None, Some(3)], &[Some(1), Some(2)])),
        shape.reach(&parent, &change(Op::Truncate, &[], &[])),
    ] {
        assert_eq!(Reach::parse(&reach.written().unwrap()).unwrap(), reach);
    }
}
