use super::super::{Deed, Deletes, Folded, Group, Lost, State, fold};
use super::{group, key, numbers, owner, rank, state, value};
use crate::cell::CellBuf;
use crate::change::{At, ChangeBuf, Op};
use crate::error::{ErrorKind, Result};
use crate::origin::Origin;
use crate::stamp::{Clock, Stamp};

const ME: Origin = Origin(9);

fn captured(op: Op, after: &[Option<i64>], before: &[Option<i64>], at_ms: i64) -> (usize, ChangeBuf) {
    let cells = |image: &[Option<i64>]| image.iter().map(|value| value.map(CellBuf::from)).collect();
    let at = Some(At { us: at_ms * 1000, commit: true });
    (0, ChangeBuf { at, ..ChangeBuf::new(op, cells(after), cells(before)) })
}

fn folded(group: &Group, state: &mut State, clock: &mut Clock, changes: &[(usize, ChangeBuf)]) -> Result<Folded> {
    fold(state, group, ME, 4, clock, changes)
}

/// I8: whatever the clocks say, a change is newer than what its user saw.
#[test]
fn a_change_is_newer_than_what_it_replaces() {
    let group = group(Deletes::Newest);
    let mut known = state(&group, &[owner(rank(100, 1), 1, [7, 8, 9])]);
    let mut clock = Clock::after(Stamp::new(50, 3));
    let update = captured(Op::Update, &[Some(1), None, Some(5), Some(9)], &[Some(1), Some(7), Some(8), Some(9)], 60);
    let unit = folded(&group, &mut known, &mut clock, &[update]).unwrap().unit.unwrap();
    assert_eq!((unit.first(), unit.last(), unit.newest()), (5, 5, Stamp::new(100, 1)));
    let edit = &unit.changes[0].edits[0];
    assert_eq!((edit.deed, edit.writes.len()), (Deed::Update, 1), "only the register whose value differs");
    assert_eq!((edit.writes[0].register, edit.writes[0].base), (1, Some(rank(100, 1))));
    assert_eq!(numbers(&group, &known, 0, 1), Some(vec![1, 7, 5, 9]));
    assert_eq!(clock.last(), Stamp::new(100, 1));
}

#[test]
fn the_time_of_the_change_counts_and_numbers_go_on() {
    let group = group(Deletes::Newest);
    let mut known = State::new(&group);
    let mut clock = Clock::default();
    let insert = |id| captured(Op::Insert, &[Some(id), Some(id), Some(0), Some(0)], &[], 60);
    let unit = folded(&group, &mut known, &mut clock, &[insert(1), insert(2)]).unwrap().unit.unwrap();
    let stamps: Vec<_> = unit.changes.iter().map(|change| (change.number, change.stamp)).collect();
    assert_eq!(stamps, [(5, Stamp::new(60, 0)), (6, Stamp::new(60, 1))]);
}

#[test]
fn what_changes_nothing_is_nothing() {
    let group = group(Deletes::Newest);
    let mut known = state(&group, &[owner(rank(1, 1), 1, [7, 8, 9])]);
    let mut clock = Clock::default();
    let same = captured(Op::Update, &[Some(1), Some(7), None, None], &[Some(1), Some(7), Some(8), Some(9)], 60);
    assert_eq!(folded(&group, &mut known, &mut clock, &[same]).unwrap(), Folded::default());
    assert_eq!(clock.last(), Stamp::ZERO, "and takes no stamp");
}

/// A key change is a delete and an insert of one stamp.
#[test]
fn a_row_that_moves_keeps_its_values() {
    let group = group(Deletes::Newest);
    let mut known = state(&group, &[owner(rank(1, 1), 1, [7, 8, 9])]);
    let moved = captured(Op::Key, &[Some(2), None, Some(5), None], &[Some(1), Some(7), Some(8), Some(9)], 60);
    let unit = folded(&group, &mut known, &mut Clock::default(), &[moved]).unwrap().unit.unwrap();
    let edits = &unit.changes[0].edits;
    assert_eq!(edits.iter().map(|edit| edit.deed).collect::<Vec<_>>(), [Deed::Delete, Deed::Insert]);
    assert!(edits[0].writes.iter().all(|write| write.base == Some(rank(1, 1))), "a delete says what it saw");
    assert_eq!([1, 2].map(|id| numbers(&group, &known, 0, id)), [None, Some(vec![2, 7, 5, 9])]);
}

/// I10: its user could not see the parked row, so its values are said to be lost.
#[test]
fn what_is_inserted_over_a_parked_row_says_so() {
    let group = group(Deletes::Newest);
    let mut known = state(&group, &[owner(rank(1, 1), 1, [7, 0, 0]), owner(rank(2, 2), 2, [7, 8, 9])]);
    let insert = captured(Op::Insert, &[Some(2), Some(6), Some(8), Some(0)], &[], 60);
    let folded = folded(&group, &mut known, &mut Clock::default(), &[insert]).unwrap();
    let lost: Vec<_> = folded.losses.iter().map(|loss| (loss.key.clone(), loss.loss.lost.clone())).collect();
    let of = |register, old| (key(2), Lost::Value { register, value: value(Some(old)) });
    assert_eq!(lost, [of(0, 7), of(2, 9)], "but for those that are equal");
}

#[test]
fn a_row_that_is_not_there_cannot_change() {
    let group = group(Deletes::Newest);
    let before = [Some(1), Some(7), Some(8), Some(9)];
    for op in [Op::Update, Op::Key, Op::Delete, Op::Truncate] {
        let change = captured(op, &[Some(2), Some(0), None, None], &before, 60);
        let err = folded(&group, &mut State::new(&group), &mut Clock::default(), &[change]).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Bug, "{op:?}");
    }
}
