#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;
use rusqlite::types::{Value, ValueRef};

use super::{append, take};

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_filter("NaN equals nothing", |v| !v.is_nan()).prop_map(Value::Real),
        ".{0,40}".prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Blob),
    ]
}

proptest! {
    #[test]
    fn values_come_back_in_order(values in prop::collection::vec(value(), 0..20)) {
        let mut bytes = Vec::new();
        values.iter().for_each(|v| append(ValueRef::from(v), &mut bytes).unwrap());
        let mut rest = &bytes[..];
        for value in &values {
            prop_assert_eq!(take(&mut rest).unwrap(), ValueRef::from(value));
        }
        prop_assert!(rest.is_empty());
    }

    /// Bytes that end early are noticed, never read beyond.
    #[test]
    fn a_cut_value_is_no_value(value in value(), cut in 1..10usize) {
        let mut bytes = Vec::new();
        append(ValueRef::from(&value), &mut bytes).unwrap();
        bytes.truncate(bytes.len().saturating_sub(cut));
        prop_assert!(take(&mut &bytes[..]).is_none());
    }
}

#[test]
fn an_unknown_class_is_no_value() {
    assert!(take(&mut &[9u8, 0, 0][..]).is_none());
}

#[test]
fn text_that_is_no_unicode_stays_as_it_is() {
    let mut bytes = Vec::new();
    append(ValueRef::Text(b"\xff\0a"), &mut bytes).unwrap();
    assert_eq!(take(&mut &bytes[..]), Some(ValueRef::Text(b"\xff\0a")));
}
