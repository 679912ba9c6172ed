use super::super::{Deed, Deletes, Intake, State, Unit, Vector, Verdict};
use super::{change, group, key, owner, rank, state, unit};
use crate::ErrorKind;
use crate::origin::Origin;
use crate::stamp::{Clock, Stamp};

fn seen(all: &[(u64, u64)]) -> Vector {
    let mut vector = Vector::default();
    for (origin, number) in all {
        vector.advance(Origin(*origin), 1, *number, Stamp::new(*number, 0)).unwrap();
    }
    vector
}

#[test]
fn a_vector_never_passes_a_gap() {
    let mut vector = seen(&[(1, 3)]);
    let gap = vector.advance(Origin(1), 5, 6, Stamp::new(9, 0)).unwrap_err();
    assert_eq!(gap.kind(), ErrorKind::PositionLost);
    assert_eq!(vector, seen(&[(1, 3)]), "and is as it was");
    vector.advance(Origin(1), 2, 3, Stamp::new(3, 0)).unwrap();
    assert_eq!(vector.of(Origin(1)).number, 3);
    vector.advance(Origin(1), 4, 6, Stamp::new(9, 0)).unwrap();
    assert_eq!(vector.of(Origin(1)).number, 6);
    assert_eq!(vector.of(Origin(2)).number, 0);
}

#[test]
fn meet_and_join_go_origin_by_origin() {
    let (one, other) = (seen(&[(1, 3), (2, 5)]), seen(&[(1, 4), (3, 1)]));
    let meet = Vector::meet([&one, &other].into_iter());
    assert_eq!([1, 2, 3].map(|origin| meet.of(Origin(origin)).number), [3, 0, 0]);
    let mut join = one.clone();
    join.join(&other);
    assert_eq!(join, seen(&[(1, 4), (2, 5), (3, 1)]));
    assert!(join.covers_all(&one) && join.covers_all(&other) && !one.covers_all(&other));
    assert!(one.covers(rank(3, 1)) && !one.covers(rank(4, 1)));
    assert_eq!(Vector::meet(std::iter::empty()), Vector::default());
}

/// F99: that all have seen the delete does not do while a member's older change is still on its way.
#[test]
fn nothing_is_stable_while_a_member_knows_more() {
    let (own, ahead) = (seen(&[(1, 3)]), seen(&[(1, 3), (2, 1)]));
    assert_eq!(Vector::stable(&own, [&ahead].into_iter()), Vector::default());
    assert_eq!(Vector::stable(&ahead, [&ahead, &own].into_iter()).of(Origin(1)).number, 3);
}

#[test]
fn what_is_stable_is_released() {
    for deletes in [Deletes::Newest, Deletes::Win] {
        let group = group(deletes);
        let delete = |id| change(rank(5, 1), 0, id, Deed::Delete, &[]);
        let dead = [owner(rank(1, 1), 1, [0, 0, 0]), delete(1)];
        let again = [owner(rank(1, 1), 2, [0, 0, 0]), delete(2), owner(rank(6, 1), 2, [1, 1, 1])];
        let mut released = state(&group, &[dead.as_slice(), &again].concat());
        let before = released.clone();
        released.release(&group, &seen(&[(1, 4)]));
        assert_eq!(released, before, "not stable yet");
        released.release(&group, &seen(&[(1, 5)]));
        assert!(released.row(0, &key(1)).is_none());
        let row = released.row(0, &key(2)).unwrap();
        assert!(row.deleted.is_none() && row.is_live(deletes));
    }
}

/// Where deletes win, an update that came after the delete without having seen it waits for its own stability.
#[test]
fn a_dead_row_with_a_newer_update_is_kept() {
    let group = group(Deletes::Win);
    let update = change(rank(6, 2), 0, 1, Deed::Update, &[(1, 5, Some(rank(1, 1)))]);
    let delete = change(rank(5, 1), 0, 1, Deed::Delete, &[]);
    let mut state: State = state(&group, &[owner(rank(1, 1), 1, [0, 0, 0]), delete, update]);
    state.release(&group, &seen(&[(1, 5)]));
    assert!(state.row(0, &key(1)).is_some());
    state.release(&group, &seen(&[(1, 5), (2, 6)]));
    assert!(state.row(0, &key(1)).is_none());
}

fn judged(intake: &mut Intake, vector: &mut Vector, unit: &Unit) -> Verdict {
    intake.judge(vector, &mut Clock::default(), unit).unwrap()
}

/// I5 and F101.
#[test]
fn each_unit_comes_once_and_the_future_waits() {
    let mut vector = Vector::default();
    let mut clock = Clock::default();
    let mut intake = Intake::new(1000, 500);
    let judge = |intake: &mut Intake, vector: &mut Vector, clock: &mut Clock, unit| intake.judge(vector, clock, &unit);
    assert_eq!(judge(&mut intake, &mut vector, &mut clock, unit(1, 1, &[10, 11])).unwrap(), Verdict::New);
    assert_eq!(judge(&mut intake, &mut vector, &mut clock, unit(1, 1, &[10, 11])).unwrap(), Verdict::Known);
    assert_eq!(clock.last(), Stamp::new(11, 0));
    assert!(judge(&mut intake, &mut vector, &mut clock, unit(1, 4, &[12])).is_err(), "number 3 is missing");
    assert_eq!(judge(&mut intake, &mut vector, &mut clock, unit(2, 1, &[9, 1501])).unwrap(), Verdict::Held);
    assert_eq!(
        judge(&mut intake, &mut vector, &mut clock, unit(2, 3, &[12])).unwrap(),
        Verdict::Held,
        "its origin too"
    );
    assert_eq!(intake.held().collect::<Vec<_>>(), [Origin(2)]);
    assert_eq!((vector.of(Origin(2)).number, clock.last()), (0, Stamp::new(11, 0)));
    assert_eq!(judge(&mut intake, &mut vector, &mut clock, unit(3, 1, &[1500])).unwrap(), Verdict::New, "others go on");
    assert_eq!(judged(&mut Intake::new(1001, 500), &mut vector, &unit(2, 1, &[9, 1501])), Verdict::New);
}
