#![allow(clippy::unwrap_used)]

use syncline_model::{ErrorKind, Position, TableName};

use super::{LAYOUT, Loaded, Place, Tick};

fn place() -> Place {
    let tables = [("t".to_owned(), Loaded { log: 3, at: 17, rules: 5 })].into();
    Place { capture: "c".into(), tick: Tick { number: 18, token: "x".into() }, tables, whole: false }
}

/// Stored at sinks: what is written today must be read for ever.
#[test]
fn a_position_is_written_like_this() {
    let position = place().position().unwrap();
    assert_eq!(
        (&*position.layout, &*position.at),
        ("follow/1", r#"{"capture":"c","tick":{"number":18,"token":"x"},"tables":{"t":{"log":3,"at":17,"rules":5}}}"#)
    );
    assert_eq!(Place::parse(&position).unwrap(), place());
    let whole = Place { whole: true, ..place() };
    let position = whole.position().unwrap();
    assert!(position.at.ends_with(r#""rules":5}},"whole":true}"#), "{}", position.at);
    assert_eq!(Place::parse(&position).unwrap(), whole);
}

#[test]
fn a_position_of_another_kind_is_refused() {
    for (layout, at) in [("snapshot/1", "t"), ("follow/2", "{}"), (LAYOUT, "t"), (LAYOUT, "{}")] {
        assert_eq!(
            Place::parse(&Position::new(layout, at)).unwrap_err().kind(),
            ErrorKind::PositionLost,
            "{layout} {at}"
        );
    }
}

#[test]
fn what_is_forgotten_is_known_and_not_loaded() {
    let mut place = place();
    place.forget(&TableName::bare("t"));
    assert_eq!(place.tables.get("t"), Some(&Loaded::AGAIN));
    let all = Place::forgotten([TableName::bare("t"), TableName::bare("u")]);
    assert!(all.capture.is_empty() && all.tables.values().all(|l| *l == Loaded::AGAIN) && all.tables.len() == 2);
}

fn at(tick: u64, tables: &[(&str, u64)]) -> Place {
    let tables = tables.iter().map(|(name, at)| ((*name).to_owned(), Loaded { log: 3, at: *at, rules: 5 })).collect();
    Place { capture: "c".into(), tick: Tick { number: tick, token: format!("of {tick}") }, tables, whole: false }
}

/// Of every table exactly what its lane had is at the sink: nothing of it is read twice, and nothing is left out.
#[test]
fn what_is_adopted_goes_on_where_it_is() {
    let mut behind = at(20, &[("u", 17)]);
    behind.adopt(&at(30, &[("t", 25)]));
    assert_eq!(behind, at(20, &[("u", 20), ("t", 30)]));
    let mut ahead = Place { whole: true, ..at(40, &[("u", 17), ("v", 44)]) };
    ahead.adopt(&at(30, &[("t", 35)]));
    assert_eq!(ahead, Place { whole: true, ..at(30, &[("u", 40), ("v", 44), ("t", 35)]) });
}

#[test]
fn what_is_not_loaded_is_not_adopted() {
    let mut place = at(20, &[("u", 17)]);
    let mut side = at(10, &[("t", 10)]);
    side.forget(&TableName::bare("again"));
    place.forget(&TableName::bare("again"));
    place.adopt(&Place { capture: "another".into(), ..side.clone() });
    assert_eq!(place.tick.number, 20, "ticks of another capture say nothing");
    assert!(!place.has(&TableName::bare("t")) && place.tables.contains_key("t"), "its rows are there, and unknown");
    place.adopt(&side);
    assert!(place.has(&TableName::bare("t")) && !place.has(&TableName::bare("again")));
    assert_eq!(place.tick.number, 10);
}
