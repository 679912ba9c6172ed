#![allow(clippy::unwrap_used)]

use syncline_model::{ErrorKind, Position, TableName};

use super::{LAYOUT, Loaded, Place, Tick};

fn place() -> Place {
    let tables = [("t".to_owned(), Loaded { log: 3, at: 17, rules: 5 })].into();
    Place { capture: "c".into(), tick: Tick { number: 18, token: "x".into() }, tables }
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
