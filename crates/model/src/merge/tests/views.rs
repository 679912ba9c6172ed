//! V(S): unique and foreign keys.

use super::super::{Deed, Deletes, Fate, Group, Reason, State, view};
use super::{change, group, item, key, owner, rank, state};

fn fate(group: &Group, state: &State, table: usize, id: i64) -> Option<Fate> {
    view(group, state)[table].get(&key(id)).copied()
}

const CLASH: Option<Fate> = Some(Fate::Parked(Reason::Unique(0)));
const ORPHAN: Option<Fate> = Some(Fate::Parked(Reason::Reference(0)));
const VISIBLE: Option<Fate> = Some(Fate::Visible);

/// F103: the first claim has the value, whichever came first here; the other returns when it is free.
#[test]
fn the_first_claim_wins_and_the_other_returns() {
    let group = group(Deletes::Newest);
    let (first, second) = (owner(rank(1, 1), 1, [7, 0, 0]), owner(rank(2, 2), 2, [7, 0, 0]));
    for order in [[first.clone(), second.clone()], [second.clone(), first.clone()]] {
        let mut state = state(&group, &order);
        assert_eq!([1, 2].map(|id| fate(&group, &state, 0, id)), [VISIBLE, CLASH]);
        // Another column of the first row says nothing of its claim.
        let update = change(rank(3, 1), 0, 1, Deed::Update, &[(1, 5, Some(rank(1, 1)))]);
        state.apply(&group, update.0, &update.1).unwrap();
        assert_eq!([1, 2].map(|id| fate(&group, &state, 0, id)), [VISIBLE, CLASH]);
        let delete = change(rank(4, 1), 0, 1, Deed::Delete, &[]);
        state.apply(&group, delete.0, &delete.1).unwrap();
        assert_eq!([1, 2].map(|id| fate(&group, &state, 0, id)), [None, VISIBLE]);
    }
}

/// Equal stamps: the origin decides, then the key.
#[test]
fn equal_claims_have_one_winner() {
    let group = group(Deletes::Newest);
    let one = state(&group, &[owner(rank(1, 2), 1, [7, 0, 0]), owner(rank(1, 1), 2, [7, 0, 0])]);
    assert_eq!([1, 2].map(|id| fate(&group, &one, 0, id)), [CLASH, VISIBLE]);
    let same = state(&group, &[owner(rank(1, 1), 2, [7, 0, 0]), owner(rank(1, 1), 1, [7, 0, 0])]);
    assert_eq!([1, 2].map(|id| fate(&group, &same, 0, id)), [VISIBLE, CLASH]);
}

#[test]
fn null_claims_nothing() {
    let group = group(Deletes::Newest);
    let null = |id, origin| {
        let (by, mut change) = owner(rank(1, origin), id, [0, 0, 0]);
        change.edits[0].writes[0].value = super::value(None);
        (by, change)
    };
    let state = state(&group, &[null(1, 1), null(2, 2)]);
    assert_eq!([1, 2].map(|id| fate(&group, &state, 0, id)), [VISIBLE, VISIBLE]);
}

/// F104: an item waits while its owner is deleted or parked, and comes back with it.
#[test]
fn items_wait_for_their_owner() {
    let group = group(Deletes::Newest);
    let mut known = state(&group, &[item(rank(1, 1), 9, 1)]);
    assert_eq!(fate(&group, &known, 1, 9), ORPHAN);
    let steps = [
        (owner(rank(2, 1), 1, [7, 0, 0]), VISIBLE),
        // An earlier claim to the badge arrives late and parks the owner.
        (owner(rank(1, 2), 2, [7, 0, 0]), ORPHAN),
        (change(rank(3, 2), 0, 2, Deed::Delete, &[]), VISIBLE),
        (change(rank(4, 2), 0, 1, Deed::Delete, &[]), ORPHAN),
    ];
    for ((origin, change), expected) in steps {
        known.apply(&group, origin, &change).unwrap();
        assert_eq!(fate(&group, &known, 1, 9), expected, "after {change:?}");
    }
}

#[test]
fn an_update_before_its_insert_waits_visibly() {
    let group = group(Deletes::Newest);
    let mut known = state(&group, &[change(rank(2, 2), 0, 1, Deed::Update, &[(1, 5, Some(rank(1, 1)))])]);
    assert_eq!(fate(&group, &known, 0, 1), Some(Fate::Parked(Reason::Incomplete)));
    let (origin, insert) = owner(rank(1, 1), 1, [7, 8, 9]);
    known.apply(&group, origin, &insert).unwrap();
    assert_eq!(super::numbers(&group, &known, 0, 1), Some(vec![1, 7, 5, 9]));
}
