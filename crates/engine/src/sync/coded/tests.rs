#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use syncline_model::merge::{Group, Mode};
use syncline_model::{Cell, Column, LogicalType, TableName, TableSchema};

use super::*;

fn rank(stamp: u64, origin: u64) -> Rank {
    Rank { stamp: Stamp::from_bits(stamp), origin: Origin(origin) }
}

fn cells_of(cells: &[CellBuf]) -> Cells {
    cells.iter().cloned().collect()
}

#[test]
fn ranks_come_back() {
    for of in [
        Ranks::untouched(3),
        Ranks { inserted: None, deleted: Some(rank(7, 1)), registers: vec![None, Some(rank(5, 2)), Some(rank(7, 1))] },
        Ranks { inserted: Some(rank(u64::MAX, u64::MAX)), deleted: None, registers: Vec::new() },
    ] {
        assert_eq!(read_ranks(&ranks(&of), of.registers.len()).unwrap(), of);
    }
}

#[test]
fn a_unit_comes_back() {
    let write = |register, value: &[CellBuf], base| Write { register, value: cells_of(value), base };
    let edit = |deed, writes| Edit { table: 3, key: cells_of(&[CellBuf::from(1), CellBuf::from("k")]), deed, writes };
    let values = [CellBuf::NULL, CellBuf::from("ä"), CellBuf::Plain(Cell::Float(-0.0)), CellBuf::Decimal("1.5".into())];
    let of = Unit {
        origin: Origin(9),
        changes: vec![
            Change {
                number: 1,
                stamp: Stamp::new(5, 1),
                edits: vec![edit(Deed::Insert, vec![write(0, &values, None)])],
            },
            Change {
                number: 2,
                stamp: Stamp::new(5, 2),
                edits: vec![edit(Deed::Delete, vec![write(1, &[], Some(rank(4, 4)))]), edit(Deed::Update, Vec::new())],
            },
        ],
    };
    assert_eq!(read_unit(Origin(9), &unit(&of)).unwrap(), of);
}

#[test]
fn an_image_comes_back() {
    let columns = ["id", "a", "b"].map(|name| Column::new(name, LogicalType::Text { chars_max: None }));
    let mut schema = TableSchema::new(TableName::bare("t"), columns.to_vec());
    schema.key = vec![0];
    let mode = Mode::Column { together: Vec::new() };
    let group = Group::new(&[(schema, mode, syncline_model::merge::Deletes::Newest)]).unwrap();
    let rules = group.table(0).unwrap();
    let register = |text: &str| Some(Register { rank: rank(3, 1), value: cells_of(&[CellBuf::from(text)]) });
    let row = RowState { inserted: None, deleted: Some(rank(9, 9)), registers: [None, register("x")].into() };
    assert_eq!(read_image(&image(&row), &Ranks::of(&row), rules).unwrap(), row);
}

#[test]
fn fates_come_back() {
    use Reason::{Incomplete, Reference, Unique};
    let parked = [Incomplete, Unique(0), Unique(7), Reference(0), Reference(3)].map(|r| Some(Fate::Parked(r)));
    for of in parked.into_iter().chain([None, Some(Fate::Visible)]) {
        assert_eq!(read_fate(fate(of)).unwrap(), of);
    }
}

#[test]
fn damage_is_an_error() {
    let whole = ranks(&Ranks::untouched(2));
    for end in 0..whole.len() {
        assert!(read_ranks(&whole[..end], 2).is_err(), "{end}");
    }
    let mut other = whole;
    other[0] = 2;
    assert!(read_ranks(&other, 2).is_err(), "another form");
    assert!(read_fate(5).is_err());
}
