//! What is lost, and what is none of it.

use super::super::{Deed, Deletes, Loss, Lost, State};
use super::{change, group, key, numbers, owner, rank, state, value};
use crate::merge::{Change, Group};
use crate::origin::Origin;

fn losses(group: &Group, state: &mut State, (origin, change): &(Origin, Change)) -> Vec<Loss> {
    let lost = state.apply(group, *origin, change).unwrap();
    assert!(lost.iter().all(|lost| lost.table == 0 && lost.key == key(1)));
    lost.into_iter().map(|lost| lost.loss).collect()
}

fn lost(register: usize, old: i64) -> Lost {
    Lost::Value { register, value: value(Some(old)) }
}

#[test]
fn an_ordinary_later_update_is_no_conflict() {
    let group = group(Deletes::Newest);
    let mut state = state(&group, &[owner(rank(1, 1), 1, [0, 0, 0])]);
    let update = change(rank(2, 2), 0, 1, Deed::Update, &[(1, 5, Some(rank(1, 1)))]);
    assert_eq!(losses(&group, &mut state, &update), []);
    assert_eq!(losses(&group, &mut state, &update), [], "nor is it one the second time");
    assert_eq!(numbers(&group, &state, 0, 1), Some(vec![1, 0, 5, 0]));
}

#[test]
fn different_columns_are_no_conflict() {
    let group = group(Deletes::Newest);
    let base = Some(rank(1, 1));
    let mut state = state(&group, &[owner(rank(1, 1), 1, [0, 0, 0])]);
    for (register, origin) in [(1, 2), (2, 3)] {
        let update = change(rank(2, origin), 0, 1, Deed::Update, &[(register, 7, base)]);
        assert_eq!(losses(&group, &mut state, &update), []);
    }
    assert_eq!(numbers(&group, &state, 0, 1), Some(vec![1, 0, 7, 7]));
}

/// F94: both orders end alike, and either node says what was lost.
#[test]
fn of_two_values_the_older_is_lost_in_either_order() {
    let group = group(Deletes::Newest);
    let base = Some(rank(1, 1));
    let older = change(rank(2, 2), 0, 1, Deed::Update, &[(1, 5, base)]);
    let newer = change(rank(3, 3), 0, 1, Deed::Update, &[(1, 6, base)]);
    let expected = Loss { lost: lost(1, 5), rank: rank(2, 2), by: rank(3, 3) };
    for (first, second) in [(&older, &newer), (&newer, &older)] {
        let mut state = state(&group, &[owner(rank(1, 1), 1, [0, 0, 0]), first.clone()]);
        assert_eq!(losses(&group, &mut state, second), std::slice::from_ref(&expected));
        assert_eq!(numbers(&group, &state, 0, 1), Some(vec![1, 0, 6, 0]));
    }
    let same = change(rank(4, 2), 0, 1, Deed::Update, &[(1, 6, base)]);
    let mut state = state(&group, &[owner(rank(1, 1), 1, [0, 0, 0]), newer]);
    assert_eq!(losses(&group, &mut state, &same), [], "two equal values lose nothing");
}

/// Two origins can have equal stamps: the base says whose it was.
#[test]
fn a_base_of_another_origin_is_another_base() {
    let group = group(Deletes::Newest);
    let mut state = state(&group, &[owner(rank(1, 1), 1, [0, 0, 0])]);
    let of_third = change(rank(2, 3), 0, 1, Deed::Update, &[(1, 5, Some(rank(1, 1)))]);
    losses(&group, &mut state, &of_third);
    let had_seen_another = change(rank(3, 2), 0, 1, Deed::Update, &[(1, 6, Some(rank(2, 2)))]);
    let expected = Loss { lost: lost(1, 5), rank: rank(2, 3), by: rank(3, 2) };
    assert_eq!(losses(&group, &mut state, &had_seen_another), [expected]);
}

/// F96, in every order: a delete against an update of before it, and one of after it.
#[test]
fn a_delete_meets_an_update() {
    let (base, all) =
        (Some(rank(1, 1)), [(0, 0, Some(rank(1, 1))), (1, 0, Some(rank(1, 1))), (2, 0, Some(rank(1, 1)))]);
    let insert = owner(rank(1, 1), 1, [7, 8, 9]);
    let delete = change(rank(5, 2), 0, 1, Deed::Delete, &all);
    let early = change(rank(4, 3), 0, 1, Deed::Update, &[(1, 5, base)]);
    let late = change(rank(6, 3), 0, 1, Deed::Update, &[(1, 5, base)]);

    let group_newest = group(Deletes::Newest);
    for (first, second) in [(&early, &delete), (&delete, &early)] {
        let mut state = state(&group_newest, &[insert.clone(), first.clone()]);
        let expected = Loss { lost: lost(1, 5), rank: rank(4, 3), by: rank(5, 2) };
        assert_eq!(losses(&group_newest, &mut state, second), [expected]);
        assert_eq!(numbers(&group_newest, &state, 0, 1), None);
    }
    for (first, second) in [(&late, &delete), (&delete, &late)] {
        let mut state = state(&group_newest, &[insert.clone(), first.clone()]);
        let expected = Loss { lost: Lost::Delete, rank: rank(5, 2), by: rank(6, 3) };
        assert_eq!(losses(&group_newest, &mut state, second), [expected]);
        assert_eq!(numbers(&group_newest, &state, 0, 1), Some(vec![1, 7, 5, 9]), "the tombstone kept the whole row");
    }

    let group_wins = group(Deletes::Win);
    for (first, second) in [(&late, &delete), (&delete, &late)] {
        let mut state = state(&group_wins, &[insert.clone(), first.clone()]);
        let expected = Loss { lost: lost(1, 5), rank: rank(6, 3), by: rank(5, 2) };
        assert_eq!(losses(&group_wins, &mut state, second), [expected]);
        assert_eq!(numbers(&group_wins, &state, 0, 1), None);
        let row = state.row(0, &key(1)).unwrap();
        let kept: Vec<bool> = row.registers.iter().map(Option::is_some).collect();
        assert_eq!(kept, [false, true, false], "what is older than the delete is erased");
    }
}

#[test]
fn two_deletes_and_a_new_insert_lose_nothing() {
    for deletes in [Deletes::Newest, Deletes::Win] {
        let group = group(deletes);
        let seen = [(0, 0, Some(rank(1, 1))), (1, 0, Some(rank(1, 1))), (2, 0, Some(rank(1, 1)))];
        let mut state = state(&group, &[owner(rank(1, 1), 1, [7, 8, 9])]);
        for origin in [2, 3] {
            let delete = change(rank(4, origin), 0, 1, Deed::Delete, &seen);
            assert_eq!(losses(&group, &mut state, &delete), []);
        }
        let again = owner(rank(5, 2), 1, [1, 2, 3]);
        assert_eq!(losses(&group, &mut state, &again), []);
        assert_eq!(numbers(&group, &state, 0, 1), Some(vec![1, 1, 2, 3]));
        // A delete of the former row, by somebody who knew of no other.
        let late = change(rank(3, 4), 0, 1, Deed::Delete, &seen);
        assert_eq!(losses(&group, &mut state, &late), []);
        assert_eq!(numbers(&group, &state, 0, 1), Some(vec![1, 1, 2, 3]));
    }
}
