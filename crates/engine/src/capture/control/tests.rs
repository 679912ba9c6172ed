#![allow(clippy::unwrap_used)]

use syncline_model::{ErrorKind, TableName};

use super::{created, first_epoch};

#[test]
fn a_list_that_cannot_be_read_is_never_an_empty_one() {
    assert!(created::<String>(None).unwrap().is_empty());
    assert_eq!(created::<String>(Some(r#"["a","b"]"#)).unwrap().len(), 2);
    let named = serde_json::to_string(&[TableName::bare("t")]).unwrap();
    assert!(created::<TableName>(Some(&named)).unwrap().contains(&TableName::bare("t")));
    for damaged in ["", "[", "{}", "[1]"] {
        assert_eq!(created::<String>(Some(damaged)).unwrap_err().kind(), ErrorKind::Corrupt, "{damaged}");
    }
}

#[test]
fn epochs_begin_beyond_any_counting() {
    let year_2020_us = 1_577_836_800_000_000;
    assert!(first_epoch() > year_2020_us);
}
