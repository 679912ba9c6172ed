//! What keeps a lane from getting on, and how much it has committed: kept by its sink.

use std::sync::Arc;

use syncline::capture::control::Trouble;
use syncline_model::{Error, ErrorKind, TableSchema};

use crate::support::batches::{at, changes, crowd, insert, people, row, snapshot, unit};
use crate::support::jobs::{applied, lane, position, write_spec};
use crate::support::place::{Place, seen};

on_every_place! {
    trouble_is_kept_until_a_unit_is_committed
    trouble_can_be_taken_back
    a_note_takes_the_open_unit_back
    who_is_fenced_notes_nothing
    changes_add_up_over_all_openings
}

fn schema() -> Arc<TableSchema> {
    people("t")
}

fn trouble(what: &str) -> Trouble {
    let error = Error::new(ErrorKind::Constraint, what).at("table", "t").hint("look at the row's 'quotes' → \\");
    Trouble::of(&error, true, None)
}

async fn noted(place: &dyn Place) -> Option<Trouble> {
    lane(&place.connector(), "lane").await.unwrap().trouble
}

async fn trouble_is_kept_until_a_unit_is_committed(place: &dyn Place) {
    let schema = schema();
    let connector = place.connector();
    let mut sink = connector.open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    assert_eq!((sink.lease().trouble.clone(), noted(place).await), (None, None));
    for what in ["a first error", "another one"] {
        sink.note(Some(&trouble(what))).await.unwrap();
        assert_eq!(sink.lease().trouble.as_ref().unwrap().what, what);
        assert_eq!(noted(place).await.unwrap().what, what);
    }
    let written = noted(place).await.unwrap();
    drop(sink);
    let mut sink = connector.open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    assert_eq!((sink.lease().trouble.as_ref(), noted(place).await.as_ref()), (Some(&written), Some(&written)));
    let epoch = sink.lease().epoch;
    sink.begin(epoch).await.unwrap();
    sink.write(&unit(vec![snapshot(&schema, &crowd(1))], "t")).await.unwrap();
    assert_eq!(noted(place).await, Some(written), "a unit that is open mends nothing");
    sink.commit(&at("t")).await.unwrap();
    assert_eq!((sink.lease().trouble.clone(), noted(place).await), (None, None));
}

async fn trouble_can_be_taken_back(place: &dyn Place) {
    let schema = schema();
    let mut sink = place.connector().open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    applied(&mut *sink, &unit(vec![snapshot(&schema, &crowd(2))], "t")).await.unwrap();
    sink.note(Some(&trouble("it passes"))).await.unwrap();
    sink.note(None).await.unwrap();
    assert_eq!((sink.lease().trouble.clone(), noted(place).await), (None, None));
    // It says nothing of where the lane is.
    assert_eq!(position(&place.connector(), "lane").await, Some(at("t")));
}

async fn a_note_takes_the_open_unit_back(place: &dyn Place) {
    let schema = schema();
    let mut sink = place.connector().open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    sink.begin(sink.lease().epoch).await.unwrap();
    sink.write(&unit(vec![snapshot(&schema, &crowd(2))], "no")).await.unwrap();
    sink.note(Some(&trouble("in the middle"))).await.unwrap();
    assert_eq!((seen(place, "t"), position(&place.connector(), "lane").await), (None, None));
    sink.commit(&at("no")).await.expect_err("the unit was taken back");
    applied(&mut *sink, &unit(vec![snapshot(&schema, &crowd(1))], "t")).await.unwrap();
    assert_eq!((place.rows("t"), noted(place).await), (Some(crowd(1)), None));
}

async fn who_is_fenced_notes_nothing(place: &dyn Place) {
    let schema = schema();
    let connector = place.connector();
    let mut first = connector.open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    let mut second = connector.open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    let late = trouble("of a process that slept");
    assert_eq!(first.note(Some(&late)).await.unwrap_err().kind(), ErrorKind::Fenced);
    assert_eq!(noted(place).await, None);
    second.note(Some(&trouble("of the winner"))).await.unwrap();
    for of_loser in [Some(&late), None] {
        assert_eq!(first.note(of_loser).await.unwrap_err().kind(), ErrorKind::Fenced);
    }
    assert_eq!(noted(place).await.unwrap().what, "of the winner");
}

async fn changes_add_up_over_all_openings(place: &dyn Place) {
    let schema = schema();
    let connector = place.connector();
    let total = async || lane(&connector, "lane").await.unwrap().changes;
    let mut sink = connector.open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    assert_eq!(total().await, 0);
    applied(&mut *sink, &unit(vec![snapshot(&schema, &crowd(3))], "t")).await.unwrap();
    assert_eq!(total().await, 3);
    // Of several batches, after a unit that was taken back.
    let batch = |id: i64| unit(vec![changes(&schema, vec![insert(row![id, "x"]), insert(row![id + 1, "y"])])], "u");
    let epoch = sink.lease().epoch;
    sink.begin(epoch).await.unwrap();
    sink.write(&batch(90)).await.unwrap();
    sink.begin(epoch).await.unwrap();
    for id in [10, 20] {
        sink.write(&batch(id)).await.unwrap();
    }
    assert_eq!(total().await, 3, "nothing of it is committed");
    sink.commit(&at("u")).await.unwrap();
    assert_eq!(total().await, 7);
    drop(sink);
    let mut sink = connector.open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    applied(&mut *sink, &batch(30)).await.unwrap();
    assert_eq!(total().await, 9);
    // A unit that only says where the lane is.
    applied(&mut *sink, &unit(Vec::new(), "v")).await.unwrap();
    assert_eq!(total().await, 9);
}
