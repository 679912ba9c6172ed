#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use syncline_model::TableName;

use super::{Begins, Place};
use crate::capture::follow::{Loaded, Tick};
use crate::connector::Apart;

fn names(names: &[&str]) -> BTreeSet<TableName> {
    names.iter().map(|name| TableName::bare(name)).collect()
}

fn had() -> Place {
    let tables = [("t".to_owned(), Loaded { log: 3, at: 17, rules: 5 })].into();
    Place { capture: "c".into(), tick: Tick { number: 18, token: "x".into() }, tables, whole: true }
}

fn began(had: Option<&Place>, again: &[&str], anew: bool) -> Place {
    let apart = Apart { tables: names(&["t", "u"]), again: names(again) };
    let had = had.map(|had| had.position().unwrap());
    Place::parse(&Begins { apart, anew }.after(had.as_ref()).unwrap()).unwrap()
}

/// A table that the sink holds rows of is known, and so emptied first; what was loaded already is not loaded again.
#[test]
fn a_side_lane_begins_where_it_was() {
    assert_eq!(began(None, &[], false), Place::forgotten([]));
    assert_eq!(began(None, &["u"], false), Place::forgotten([TableName::bare("u")]));
    let mut both = had();
    both.forget(&TableName::bare("u"));
    assert_eq!(began(Some(&had()), &["t", "u"], false), both);
}

#[test]
fn anew_it_empties_what_it_has_loaded() {
    assert_eq!(began(Some(&had()), &[], true), Place::forgotten([TableName::bare("t")]));
    assert_eq!(began(Some(&had()), &["u"], true), Place::forgotten([TableName::bare("t"), TableName::bare("u")]));
}
