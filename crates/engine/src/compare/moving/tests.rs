#![allow(clippy::unwrap_used)]

use syncline_model::Cell;

use super::{KEYS_MAX, Moving};

fn counted(moving: &mut Moving, keys: &[i64]) -> Vec<i64> {
    keys.iter().copied().filter(|k| moving.counts([Cell::Int(*k)].into_iter())).collect()
}

#[test]
fn only_what_differed_each_time_counts() {
    let mut moving = Moving::default();
    assert_eq!(counted(&mut moving, &[1, 2, 3]), [1, 2, 3]);
    assert!(moving.again());
    assert_eq!(counted(&mut moving, &[2, 3, 4]), [2, 3]);
    assert!(moving.again());
    // Though it differs again: in between it did not.
    assert_eq!(counted(&mut moving, &[1, 3, 4]), [3]);
}

#[test]
fn a_key_is_the_same_in_the_types_of_either_side() {
    let mut moving = Moving::default();
    assert!(moving.counts([Cell::Int(7)].into_iter()));
    moving.again();
    let decimal = syncline_model::decimal::Decimal::Fixed { unscaled: 7, scale: 0 };
    assert!(moving.counts([Cell::Decimal(decimal)].into_iter()));
}

#[test]
fn cells_are_not_run_together() {
    let mut moving = Moving::default();
    assert!(moving.counts([Cell::Text("ab"), Cell::Text("c")].into_iter()));
    moving.again();
    assert!(!moving.counts([Cell::Text("a"), Cell::Text("bc")].into_iter()));
}

#[test]
fn too_many_keys_all_count() {
    let mut moving = Moving::default();
    let all = i64::try_from(KEYS_MAX).unwrap() + 1;
    for key in 0..all {
        assert!(moving.counts([Cell::Int(key)].into_iter()));
    }
    assert!(!moving.again());
}
