//! A ripple is the difference of the view before and after, and reads no more than it needs.

mod rows;

use proptest::prelude::*;

use super::super::{Deed, Deletes, Fate, Mode, Reason};
use super::rank;
use rows::{CLAIMS, Held, LEAVES, RINGS, TREES, made, removed, shop};

const VISIBLE: Fate = Fate::Visible;

fn clash(unique: usize) -> Fate {
    Fate::Parked(Reason::Unique(unique))
}

fn orphan(reference: usize) -> Fate {
    Fate::Parked(Reason::Reference(reference))
}

fn held(rows: &[(usize, i64, &[Option<i64>])]) -> Held {
    let mut held = Held::new(shop(&Mode::Column { together: Vec::new() }, Deletes::Newest));
    for (at, (table, id, cells)) in rows.iter().enumerate() {
        let change = made(&held.group, rank(1 + at as u64, 1), *table, *id, cells);
        held.step(&[change]);
    }
    held
}

#[test]
fn what_binds_no_row_to_another_reads_nothing() {
    let mut held = held(&[(LEAVES, 1, &[None, None, Some(1)])]);
    let change = made(&held.group, rank(9, 1), LEAVES, 1, &[None, None, Some(2)]);
    let ripples = held.step(&[change]);
    assert_eq!((ripples, held.asked, held.read), (vec![(LEAVES, 1, Some(VISIBLE))], 0, 0));
}

/// F103, over three indexes: each waits for the one before it, by another index.
#[test]
fn a_claim_given_up_goes_through_all_that_wait() {
    let mut held = held(&[
        (CLAIMS, 1, &[Some(1), None, None, None]),
        (CLAIMS, 2, &[Some(1), Some(2), None, None]),
        (CLAIMS, 3, &[None, Some(2), Some(3), Some(3)]),
        (CLAIMS, 4, &[None, None, Some(3), Some(3)]),
    ]);
    assert_eq!(held.fates_of(CLAIMS), [(1, VISIBLE), (2, clash(0)), (3, VISIBLE), (4, clash(2))]);
    let gone = removed(&held.group, rank(9, 1), CLAIMS, 1);
    let ripples = held.step(&[gone]);
    assert_eq!(
        ripples,
        [(CLAIMS, 1, None), (CLAIMS, 2, Some(VISIBLE)), (CLAIMS, 3, Some(clash(1))), (CLAIMS, 4, Some(VISIBLE))]
    );
    // An earlier claim that arrives late turns all of it back.
    let late = made(&held.group, rank(10, 1), CLAIMS, 1, &[Some(1), None, None, None]);
    assert_eq!(held.step(&[late]), [(CLAIMS, 1, Some(clash(0)))], "a new insert is a new claim");
    let other = made(&held.group, rank(0, 1), CLAIMS, 5, &[Some(1), None, None, None]);
    assert_eq!(held.step(&[other]).len(), 4);
    assert_eq!(held.fates_of(CLAIMS), [(1, clash(0)), (2, clash(0)), (3, VISIBLE), (4, clash(2)), (5, VISIBLE)]);
}

/// Of two values that others have, the reason is the first; it changes when that one becomes free.
#[test]
fn a_reason_changes_with_what_it_names() {
    let mut held = held(&[
        (CLAIMS, 1, &[Some(1), None, None, None]),
        (CLAIMS, 2, &[None, Some(2), None, None]),
        (CLAIMS, 3, &[Some(1), Some(2), None, None]),
        (LEAVES, 1, &[Some(7), Some(8), None]),
    ]);
    let gone = removed(&held.group, rank(9, 1), CLAIMS, 1);
    assert_eq!(held.step(&[gone]), [(CLAIMS, 1, None), (CLAIMS, 3, Some(clash(1)))]);
    assert_eq!(held.fates_of(LEAVES), [(1, orphan(0))]);
    let ring = made(&held.group, rank(10, 1), RINGS, 7, &[None]);
    assert_eq!(held.step(&[ring]), [(RINGS, 7, Some(VISIBLE)), (LEAVES, 1, Some(orphan(1)))]);
}

/// F104, where the foreign key points at a unique value that is not the key.
#[test]
fn who_refers_to_a_value_follows_it() {
    let mut held = held(&[
        (CLAIMS, 1, &[Some(1), None, None, None]),
        (LEAVES, 1, &[None, Some(1), None]),
        (LEAVES, 2, &[None, Some(2), None]),
    ]);
    let change = made(&held.group, rank(9, 1), CLAIMS, 1, &[Some(2), None, None, None]);
    let ripples = held.step(&[change]);
    assert_eq!(ripples, [(CLAIMS, 1, Some(VISIBLE)), (LEAVES, 1, Some(orphan(1))), (LEAVES, 2, Some(VISIBLE))]);
}

/// Another row takes the place of the one that had the value: whoever refers to it is not even read.
#[test]
fn a_value_that_stays_offered_wakes_nobody() {
    let mut held = held(&[
        (CLAIMS, 1, &[Some(1), None, None, None]),
        (CLAIMS, 2, &[Some(1), None, None, None]),
        (LEAVES, 1, &[None, Some(1), None]),
        (LEAVES, 2, &[None, Some(1), None]),
    ]);
    let gone = removed(&held.group, rank(9, 1), CLAIMS, 1);
    assert_eq!(held.step(&[gone]), [(CLAIMS, 1, None), (CLAIMS, 2, Some(VISIBLE))]);
    assert_eq!(held.read, 1, "the row that waited");
}

/// Two trees that hold each other up over a ring, and a third that one of them stands on.
#[test]
fn a_circle_returns_as_a_whole() {
    let mut held =
        held(&[(TREES, 1, &[Some(1), None, None]), (TREES, 2, &[Some(2), None, Some(1)]), (RINGS, 1, &[Some(2)])]);
    let circle = made(&held.group, rank(5, 1), TREES, 2, &[Some(2), Some(1), Some(1)]);
    held.step(&[circle]);
    let gone = removed(&held.group, rank(9, 1), TREES, 1);
    let expected = [(TREES, 1, None), (TREES, 2, Some(orphan(0))), (RINGS, 1, Some(orphan(0)))];
    assert_eq!(held.step(&[gone]), expected);
    let back = made(&held.group, rank(10, 1), TREES, 1, &[Some(1), None, None]);
    let expected = [(TREES, 1, Some(VISIBLE)), (TREES, 2, Some(VISIBLE)), (RINGS, 1, Some(VISIBLE))];
    assert_eq!(held.step(&[back]), expected);
}

/// Leaves hang on rings, rings on trees, trees on one another.
#[test]
fn a_chain_goes_and_returns_with_its_first() {
    let mut held = held(&[
        (TREES, 1, &[Some(1), None, None]),
        (TREES, 2, &[Some(2), Some(1), None]),
        (RINGS, 1, &[Some(2)]),
        (LEAVES, 1, &[Some(1), None, None]),
    ]);
    let gone = removed(&held.group, rank(9, 1), TREES, 1);
    let expected =
        [(TREES, 1, None), (TREES, 2, Some(orphan(0))), (RINGS, 1, Some(orphan(0))), (LEAVES, 1, Some(orphan(0)))];
    assert_eq!(held.step(&[gone]), expected);
    let back = made(&held.group, rank(10, 1), TREES, 1, &[Some(1), None, None]);
    assert_eq!(held.step(&[back]).len(), 4);
}

/// What is read grows with what changes and clashes, and not with the table.
#[test]
fn of_a_hundred_thousand_rows_a_handful_is_read() {
    let mut held = Held::new(shop(&Mode::Column { together: Vec::new() }, Deletes::Newest));
    for id in 1..=100_000 {
        let cells = [Some(id), Some(id), Some(id), Some(id)];
        held.put(&made(&held.group, rank(1, 1), CLAIMS, id, &cells));
        held.put(&made(&held.group, rank(1, 1), TREES, id, &[Some(id), (id > 1).then_some(id / 2), None]));
    }
    held.look();
    let cells = [Some(70_000), Some(5), Some(5), Some(5)];
    let change = made(&held.group, rank(9, 1), CLAIMS, 5, &cells);
    let ripples = held.step(&[change]);
    assert_eq!((ripples, held.read), (vec![(CLAIMS, 5, Some(clash(0)))], 2), "the row that has the value, and itself");
    let change = made(&held.group, rank(10, 1), TREES, 99_999, &[Some(99_999), Some(3), None]);
    let ripples = held.step(&[change]);
    assert_eq!((ripples, held.read), (vec![(TREES, 99_999, Some(VISIBLE))], 1), "its new parent");
    assert!(held.asked <= 2, "asked {} times", held.asked);
}

fn any_cells() -> impl Strategy<Value = Vec<Option<i64>>> {
    prop::collection::vec(prop::option::weighted(0.8, 0i64..3), 4)
}

/// Stamp, origin, table, key, deed, cells after the key, and the register that an update writes.
type AnyChange = (u64, u64, usize, i64, Deed, Vec<Option<i64>>, usize);

fn any_step() -> impl Strategy<Value = Vec<AnyChange>> {
    let deed = prop::sample::select(vec![Deed::Insert, Deed::Insert, Deed::Update, Deed::Update, Deed::Delete]);
    let change = (0u64..12, 0u64..3, 0usize..4, 0i64..4, deed, any_cells(), 0usize..4);
    prop::collection::vec(change, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    /// Whatever changes arrive in whatever order: `step` compares with the view of all rows.
    #[test]
    fn a_ripple_is_the_difference_of_two_views(
        whole_rows in any::<bool>(),
        wins in any::<bool>(),
        steps in prop::collection::vec(any_step(), 1..16),
    ) {
        let mode = if whole_rows { Mode::Row } else { Mode::Column { together: Vec::new() } };
        let mut held = Held::new(shop(&mode, if wins { Deletes::Win } else { Deletes::Newest }));
        for step in steps {
            let changes = step.into_iter().map(|(millis, origin, table, id, deed, cells, register)| {
                let at = rank(millis, origin);
                match deed {
                    Deed::Insert => made(&held.group, at, table, id, &cells),
                    Deed::Delete => removed(&held.group, at, table, id),
                    Deed::Update => {
                        let (origin, mut change) = made(&held.group, at, table, id, &cells);
                        let edit = &mut change.edits[0];
                        edit.deed = Deed::Update;
                        let kept = register % edit.writes.len();
                        edit.writes = vec![edit.writes[kept].clone()];
                        (origin, change)
                    }
                }
            });
            let changes: Vec<_> = changes.collect();
            held.step(&changes);
        }
    }
}

#[test]
fn fates_are_of_one_kind() {
    use super::super::Among;
    let is = |fate| [Among::Admitted.is(fate), Among::Waiting.is(fate)];
    assert_eq!(is(VISIBLE), [true, false]);
    assert_eq!(is(orphan(0)), [true, false]);
    assert_eq!(is(clash(0)), [false, true]);
    assert_eq!(is(Fate::Parked(Reason::Incomplete)), [false, false]);
}
