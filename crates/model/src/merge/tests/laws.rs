//! I6 and I7: what a node knows does not depend on order and duplicates.

use proptest::prelude::*;

use super::super::{Change, Deed, Deletes, State, view};
use super::{change, group, rank};
use crate::origin::Origin;

fn any_change() -> impl Strategy<Value = (Origin, Change)> {
    let deed = prop::sample::select(vec![Deed::Insert, Deed::Update, Deed::Update, Deed::Delete]);
    // Few stamps and origins, so that there are ties, even with oneself.
    (0u64..6, 0u64..3, 0usize..2, 0i64..3, deed, 0usize..3, 0i64..3).prop_map(
        |(millis, origin, table, id, deed, register, value)| {
            let registers = if table == 0 { 3 } else { 2 };
            let all: Vec<_> = (0..registers).map(|register| (register, value, None)).collect();
            let one = [(register % registers, value, None)];
            change(rank(millis, origin), table, id, deed, if deed == Deed::Update { &one } else { &all })
        },
    )
}

fn any_deletes() -> impl Strategy<Value = Deletes> {
    prop::sample::select(vec![Deletes::Newest, Deletes::Win])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn order_and_duplicates_do_not_matter(
        (deletes, changes, shuffled) in (any_deletes(), prop::collection::vec(any_change(), 0..12))
            .prop_flat_map(|(deletes, changes)| {
                let twice: Vec<_> = changes.iter().chain(&changes).cloned().collect();
                (Just(deletes), Just(changes), Just(twice).prop_shuffle())
            }),
    ) {
        let group = group(deletes);
        let one = super::state(&group, &changes);
        let other = super::state(&group, &shuffled);
        prop_assert_eq!(view(&group, &one), view(&group, &other));
        prop_assert_eq!(one, other);
    }

    #[test]
    fn states_join_like_their_changes(
        deletes in any_deletes(),
        a in prop::collection::vec(any_change(), 0..8),
        b in prop::collection::vec(any_change(), 0..8),
        c in prop::collection::vec(any_change(), 0..8),
    ) {
        let group = group(deletes);
        let of = |changes: &[_]| super::state(&group, changes);
        let join = |one: &State, other: &State| {
            let mut joined = one.clone();
            joined.join(&group, other).unwrap();
            joined
        };
        let (sa, sb, sc) = (of(&a), of(&b), of(&c));
        prop_assert_eq!(join(&sa, &sb), join(&sb, &sa));
        prop_assert_eq!(join(&join(&sa, &sb), &sc), join(&sa, &join(&sb, &sc)));
        prop_assert_eq!(join(&sa, &sa), sa.clone());
        let all: Vec<_> = a.into_iter().chain(b).collect();
        prop_assert_eq!(join(&sa, &sb), of(&all));
    }
}
