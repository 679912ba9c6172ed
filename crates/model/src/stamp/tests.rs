#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;

use super::{Clock, Stamp};
use crate::error::ErrorKind;

fn stamp() -> impl Strategy<Value = Stamp> {
    prop_oneof![
        any::<u64>().prop_map(Stamp::from_bits),
        (0u64..5, any::<u16>()).prop_map(|(millis, counter)| Stamp::new(millis, counter)),
        (0u64..5).prop_map(|millis| Stamp::new(millis, u16::MAX)),
    ]
    // The very last stamp has no next one; it lies in the year 10889.
    .prop_filter("no next stamp", |s| *s != Stamp::from_bits(u64::MAX))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// I8: a local change is stamped above everything that the node has seen and above what it replaces.
    #[test]
    fn a_tick_is_greater_than_all_before(last in stamp(), replaces in stamp(), now in prop_oneof![0u64..5, any::<u64>()]) {
        let mut clock = Clock::after(last);
        let given = clock.tick(now, replaces);
        prop_assert!(given > last && given > replaces);
        prop_assert!(given >= Stamp::new(now, 0));
        prop_assert_eq!(clock.last(), given);
    }

    #[test]
    fn receiving_never_turns_the_clock_back(last in stamp(), got in stamp(), now in prop_oneof![0u64..5, any::<u64>()], skew in 0u64..10) {
        let mut clock = Clock::after(last);
        match clock.receive(got, now, skew) {
            Ok(()) => {
                prop_assert_eq!(clock.last(), last.max(got));
                prop_assert!(got.millis() <= now.saturating_add(skew));
            }
            Err(e) => {
                prop_assert_eq!(e.kind(), ErrorKind::Value);
                prop_assert_eq!(clock.last(), last);
                prop_assert!(got.millis() > now + skew);
            }
        }
    }

    #[test]
    fn bits_keep_value_and_order(a in stamp(), b in stamp()) {
        prop_assert_eq!(Stamp::from_bits(a.to_bits()), a);
        prop_assert_eq!(Stamp::new(a.millis(), a.counter()), a);
        prop_assert_eq!(a.cmp(&b), (a.millis(), a.counter()).cmp(&(b.millis(), b.counter())));
        prop_assert!(a.next() > a);
    }
}

#[test]
fn a_full_counter_carries_and_nothing_wraps() {
    assert_eq!(Stamp::new(7, u16::MAX).next(), Stamp::new(8, 0));
    assert_eq!(Stamp::new(Stamp::MILLIS_MAX + 1, 3), Stamp::new(Stamp::MILLIS_MAX, 3));
    assert_eq!(Stamp::from_bits(u64::MAX).next(), Stamp::from_bits(u64::MAX));
    assert_eq!(Stamp::new(12, 3).to_string(), "12.3");
    assert_eq!(Stamp::default(), Stamp::ZERO);
}
