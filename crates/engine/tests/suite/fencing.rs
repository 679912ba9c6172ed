//! One lane, two processes: who was overtaken learns it and changes nothing (F08, F09).

use std::sync::Arc;
use std::time::Duration;

use syncline::connector::{LaneId, WriteSpec};
use syncline_model::{Epoch, ErrorKind, TableSchema};

use crate::support::batches::{at, changes, crowd, insert, people, row, snapshot, unit};
use crate::support::jobs::{applied, lane, position, write_spec};
use crate::support::place::{Place, seen};

on_every_place! {
    a_second_opening_raises_the_epoch
    a_fenced_begin_changes_nothing
    a_fenced_sink_stays_fenced
    a_take_over_within_a_unit_has_one_winner
    a_foreign_epoch_is_fenced
    another_lane_is_not_fenced
    a_fenced_finish_leaves_the_winner_alone
    a_lane_that_was_put_away_and_taken_anew_still_fences
    a_lane_is_retired_with_the_unit
    who_was_taken_over_is_not_retired
}

fn schema() -> Arc<TableSchema> {
    people("t")
}

async fn a_second_opening_raises_the_epoch(place: &dyn Place) {
    let schema = schema();
    let connector = place.connector();
    let mut spec = write_spec("lane", &[&schema]);
    let first = connector.open_sink(&spec).await.unwrap();
    spec.owner = "another".into();
    let second = connector.open_sink(&spec).await.unwrap();
    assert!(second.lease().epoch > first.lease().epoch);
    let shown = lane(&connector, "lane").await.unwrap();
    assert_eq!((shown.epoch, &*shown.owner), (second.lease().epoch, "another"));
}

async fn a_fenced_begin_changes_nothing(place: &dyn Place) {
    let schema = schema();
    let connector = place.connector();
    let mut first = connector.open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    let mut second = connector.open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    let epoch = first.lease().epoch;
    assert_eq!(first.begin(epoch).await.unwrap_err().kind(), ErrorKind::Fenced);
    // Not by the newer epoch either: it is not this sink's.
    assert_eq!(first.begin(second.lease().epoch).await.unwrap_err().kind(), ErrorKind::Fenced);
    assert_eq!(first.write(&unit(vec![snapshot(&schema, &crowd(1))], "no")).await.unwrap_err().kind(), ErrorKind::Bug);
    applied(&mut *second, &unit(vec![snapshot(&schema, &crowd(2))], "second")).await.unwrap();
    assert_eq!(place.rows("t").unwrap(), crowd(2));
}

async fn a_fenced_sink_stays_fenced(place: &dyn Place) {
    let schema = schema();
    let connector = place.connector();
    let mut first = connector.open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    applied(&mut *first, &unit(vec![snapshot(&schema, &crowd(2))], "first")).await.unwrap();
    let mut second = connector.open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    second.finish().await.unwrap();
    drop(second);
    for _ in 0..2 {
        let late = unit(vec![changes(&schema, vec![insert(row![3, "late"])])], "late");
        assert_eq!(applied(&mut *first, &late).await.unwrap_err().kind(), ErrorKind::Fenced);
    }
    assert_eq!(place.rows("t").unwrap(), crowd(2));
    assert_eq!(position(&connector, "lane").await, Some(at("first")));
}

/// A place with one writer at a time lets the second one wait for the unit; another takes the lane at once and the
/// unit fails. Either way one of them wins wholly.
async fn a_take_over_within_a_unit_has_one_winner(place: &dyn Place) {
    let schema = schema();
    let connector = place.connector();
    let mut first = connector.open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    let epoch = first.lease().epoch;
    first.begin(epoch).await.unwrap();
    first.write(&unit(vec![snapshot(&schema, &crowd(2))], "first")).await.unwrap();
    let second = tokio::spawn({
        let (connector, spec) = (connector.clone(), write_spec("lane", &[&schema]));
        async move { connector.open_sink(&spec).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let committed = first.commit(&at("first")).await;
    let second = second.await.unwrap().unwrap();
    let expected = match committed {
        Ok(()) => (Some(at("first")), Some(crowd(2))),
        Err(e) => {
            assert_eq!(e.kind(), ErrorKind::Fenced);
            (None, None)
        }
    };
    assert_eq!((second.lease().position.clone(), seen(place, "t")), expected);
    assert!(second.lease().epoch > epoch);
    assert_eq!(first.begin(epoch).await.unwrap_err().kind(), ErrorKind::Fenced);
}

async fn a_foreign_epoch_is_fenced(place: &dyn Place) {
    let schema = schema();
    let mut sink = place.connector().open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    let mine = sink.lease().epoch;
    for epoch in [mine.next(), Epoch(0)] {
        assert_eq!(sink.begin(epoch).await.unwrap_err().kind(), ErrorKind::Fenced);
    }
    applied(&mut *sink, &unit(vec![snapshot(&schema, &crowd(1))], "t")).await.unwrap();
}

async fn another_lane_is_not_fenced(place: &dyn Place) {
    let schema = schema();
    let connector = place.connector();
    let mut first = connector.open_sink(&write_spec("first", &[&schema])).await.unwrap();
    let _second = connector.open_sink(&write_spec("second", &[&schema])).await.unwrap();
    applied(&mut *first, &unit(vec![snapshot(&schema, &crowd(1))], "t")).await.unwrap();
}

async fn a_fenced_finish_leaves_the_winner_alone(place: &dyn Place) {
    let schema = schema();
    let connector = place.connector();
    let once = WriteSpec { once: true, ..write_spec("lane", &[&schema]) };
    let mut first = connector.open_sink(&once).await.unwrap();
    let mut second = connector.open_sink(&once).await.unwrap();
    let _ = first.finish().await;
    applied(&mut *second, &unit(vec![snapshot(&schema, &crowd(1))], "second")).await.unwrap();
    assert_eq!(position(&connector, "lane").await, Some(at("second")));
}

/// A one-time copy removes its lane; whoever slept through two of them must not wake up as the third.
async fn a_lane_that_was_put_away_and_taken_anew_still_fences(place: &dyn Place) {
    let schema = schema();
    let connector = place.connector();
    let once = WriteSpec { once: true, ..write_spec("lane", &[&schema]) };
    let mut sleeper = connector.open_sink(&once).await.unwrap();
    let mut second = connector.open_sink(&once).await.unwrap();
    second.finish().await.unwrap();
    drop(second);
    // No copy takes less.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let _third = connector.open_sink(&once).await.unwrap();
    let epoch = sleeper.lease().epoch;
    assert_eq!(sleeper.begin(epoch).await.unwrap_err().kind(), ErrorKind::Fenced);
}

/// Two lanes with a committed unit each; the second retires the first.
async fn two_lanes(place: &dyn Place) -> [Box<dyn syncline::connector::Sink>; 2] {
    let schema = schema();
    let connector = place.connector();
    let mut first = connector.open_sink(&write_spec("lane+load", &[&schema])).await.unwrap();
    applied(&mut *first, &unit(vec![snapshot(&schema, &crowd(2))], "its")).await.unwrap();
    let mut second = connector.open_sink(&write_spec("lane", &[&schema])).await.unwrap();
    applied(&mut *second, &unit(Vec::new(), "old")).await.unwrap();
    [first, second]
}

async fn a_lane_is_retired_with_the_unit(place: &dyn Place) {
    let [mut first, mut second] = two_lanes(place).await;
    let connector = place.connector();
    let (side, epoch) = (LaneId("lane+load".into()), first.lease().epoch);
    // Taken back, nothing has happened.
    second.begin(second.lease().epoch).await.unwrap();
    second.retire(&side, epoch).await.unwrap();
    second.begin(second.lease().epoch).await.unwrap();
    second.commit(&at("same")).await.unwrap();
    assert_eq!(position(&connector, "lane+load").await, Some(at("its")));
    second.begin(second.lease().epoch).await.unwrap();
    second.retire(&side, epoch).await.unwrap();
    second.commit(&at("new")).await.unwrap();
    assert_eq!(
        (lane(&connector, "lane+load").await.is_none(), position(&connector, "lane").await),
        (true, Some(at("new")))
    );
    // Whoever ran it learns it.
    assert_eq!(first.begin(epoch).await.unwrap_err().kind(), ErrorKind::Fenced);
}

async fn who_was_taken_over_is_not_retired(place: &dyn Place) {
    let [first, mut second] = two_lanes(place).await;
    let connector = place.connector();
    let rival = connector.open_sink(&write_spec("lane+load", &[&schema()])).await.unwrap();
    second.begin(second.lease().epoch).await.unwrap();
    let retired = second.retire(&LaneId("lane+load".into()), first.lease().epoch).await;
    let fenced = match retired {
        Ok(()) => second.commit(&at("new")).await,
        refused => refused,
    };
    assert_eq!(fenced.unwrap_err().kind(), ErrorKind::Fenced);
    assert_eq!(lane(&connector, "lane+load").await.unwrap().epoch, rival.lease().epoch);
    assert_eq!(position(&connector, "lane").await, Some(at("old")));
}
