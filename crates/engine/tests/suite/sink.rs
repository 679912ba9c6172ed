//! What every sink does.

use std::sync::Arc;

use syncline::connector::{Sink, WriteSpec};
use syncline_model::change::{ChangeBuf, NativeRows};
use syncline_model::{ChangeBatch, Epoch, ErrorKind, Result, TableSchema};

use crate::support::batches::{
    INT, Image, NULL, Row, TEXT, at, changes, changes_as_numbered, crowd, delete, image, insert, key_change, people,
    row, snapshot, table, truncate, unit, update,
};
use crate::support::jobs::{applied, lane, position, write_spec};
use crate::support::place::{Place, seen};

on_every_place! {
    an_empty_unit_creates_the_table
    a_unit_is_seen_only_when_committed
    a_unit_of_several_batches_commits_as_one
    a_dropped_sink_leaves_nothing
    begin_takes_an_open_unit_back
    begin_takes_a_truncate_back
    begin_takes_a_load_back
    a_write_outside_of_a_unit_is_refused
    a_commit_outside_of_a_unit_is_refused
    a_table_that_was_not_announced_is_never_lost
    rows_in_a_form_of_others_are_never_lost
    data_and_position_commit_together
    lanes_keep_their_own_positions
    the_lane_is_shown_by_check
    inserts_updates_and_deletes
    a_key_change_moves_the_row
    a_chain_of_key_changes_swaps_two_rows
    a_direct_swap_of_keys_is_right_or_refused
    a_key_change_onto_a_row_is_refused
    changes_of_a_key_apply_in_order
    order_counts_over_all_tables
    a_truncate_empties_only_its_table
    null_and_not_carried_are_different
    an_update_without_a_before_image_finds_its_row
    an_update_of_a_missing_row_is_refused_by_table
    a_delete_of_a_missing_row_is_counted
    an_insert_of_a_row_that_is_there_is_refused
    duplicates_into_an_empty_table_are_refused
    duplicates_over_two_batches_are_refused
    a_snapshot_row_replaces_by_key
    a_key_without_a_value_is_refused
    once_leaves_no_trace
    a_kept_lane_remembers_its_position
    restart_forgets_the_position
    a_plan_changes_nothing
    a_plan_names_every_misfit
}

async fn opened(place: &dyn Place, tables: &[&Arc<TableSchema>]) -> Box<dyn Sink> {
    place.connector().open_sink(&write_spec("lane", tables)).await.unwrap()
}

async fn apply(sink: &mut dyn Sink, schema: &Arc<TableSchema>, all: Vec<ChangeBuf>) -> Result<()> {
    applied(sink, &unit(vec![changes(schema, all)], "later")).await.map(drop)
}

/// `t` with rows 1 to 3, and a sink that stands after them.
async fn filled(place: &dyn Place) -> (Arc<TableSchema>, Box<dyn Sink>) {
    let schema = people("t");
    let mut sink = opened(place, &[&schema]).await;
    applied(&mut *sink, &unit(vec![snapshot(&schema, &crowd(3))], "t")).await.unwrap();
    (schema, sink)
}

/// The changes are refused, and neither they nor anything else of their unit is there.
async fn refused(place: &dyn Place, all: Vec<ChangeBuf>, kind: ErrorKind) {
    let (schema, mut sink) = filled(place).await;
    let mut with_good_one = vec![insert(row![100, "in the same unit"])];
    with_good_one.extend(all);
    let error = apply(&mut *sink, &schema, with_good_one).await.expect_err("this must be refused");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.places().contains(&("table", "t".into())), "{error} names no table");
    drop(sink);
    assert_eq!(place.rows("t").unwrap(), crowd(3));
    assert_eq!(position(&place.connector(), "lane").await, Some(at("t")));
}

async fn an_empty_unit_creates_the_table(place: &dyn Place) {
    let schema = people("t");
    let mut sink = opened(place, &[&schema]).await;
    assert_eq!(place.rows("t"), None);
    applied(&mut *sink, &unit(vec![snapshot(&schema, &[])], "t")).await.unwrap();
    assert_eq!(place.rows("t"), Some(Vec::new()));
}

async fn a_unit_is_seen_only_when_committed(place: &dyn Place) {
    let schema = people("t");
    let mut sink = opened(place, &[&schema]).await;
    sink.begin(sink.lease().epoch).await.unwrap();
    sink.write(&unit(vec![snapshot(&schema, &crowd(3))], "t")).await.unwrap();
    assert_eq!(seen(place, "t"), None);
    sink.commit(&at("t")).await.unwrap();
    assert_eq!(place.rows("t").unwrap(), crowd(3));
}

async fn a_unit_of_several_batches_commits_as_one(place: &dyn Place) {
    let schema = people("t");
    let mut sink = opened(place, &[&schema]).await;
    sink.begin(sink.lease().epoch).await.unwrap();
    for rows in crowd(30).chunks(10) {
        let report = sink.write(&unit(vec![snapshot(&schema, rows)], "t")).await.unwrap();
        assert_eq!(report.rows, 10);
        assert_eq!(seen(place, "t"), None);
    }
    sink.commit(&at("t")).await.unwrap();
    assert_eq!(place.rows("t").unwrap(), crowd(30));
}

async fn a_dropped_sink_leaves_nothing(place: &dyn Place) {
    let (schema, mut sink) = filled(place).await;
    sink.begin(sink.lease().epoch).await.unwrap();
    sink.write(&unit(vec![changes(&schema, vec![insert(row![4, "new"]), delete(image![1, _])])], "no")).await.unwrap();
    drop(sink);
    assert_eq!(place.rows("t").unwrap(), crowd(3));
    assert_eq!(position(&place.connector(), "lane").await, Some(at("t")));
    // The lane can be taken at once.
    assert_eq!(opened(place, &[&schema]).await.lease().position, Some(at("t")));
}

async fn begin_takes_an_open_unit_back(place: &dyn Place) {
    let (a, b) = (people("a"), people("b"));
    let mut sink = opened(place, &[&a, &b]).await;
    let epoch = sink.lease().epoch;
    sink.begin(epoch).await.unwrap();
    // Also a table that the open unit created is taken back.
    sink.write(&unit(vec![snapshot(&a, &crowd(3)), snapshot(&b, &crowd(2))], "no")).await.unwrap();
    sink.begin(epoch).await.unwrap();
    sink.write(&unit(vec![snapshot(&a, &crowd(1))], "a")).await.unwrap();
    sink.commit(&at("a")).await.unwrap();
    assert_eq!((place.rows("a"), seen(place, "b")), (Some(crowd(1)), None));
    applied(&mut *sink, &unit(vec![snapshot(&b, &crowd(2))], "b")).await.unwrap();
    assert_eq!(place.rows("b"), Some(crowd(2)));
}

async fn begin_takes_a_truncate_back(place: &dyn Place) {
    let (schema, mut sink) = filled(place).await;
    sink.begin(sink.lease().epoch).await.unwrap();
    sink.write(&unit(vec![changes(&schema, vec![truncate()])], "no")).await.unwrap();
    // The rows are there again, and are replaced by key.
    applied(&mut *sink, &unit(vec![snapshot(&schema, &[row![1, "one"]])], "again")).await.unwrap();
    assert_eq!(place.rows("t").unwrap(), [row![1, "one"], row![2, "name 2"], row![3, "name 3"]]);
}

async fn begin_takes_a_load_back(place: &dyn Place) {
    let schema = people("t");
    let mut sink = opened(place, &[&schema]).await;
    let epoch = sink.lease().epoch;
    for rows in [5, 2] {
        sink.begin(epoch).await.unwrap();
        for row in crowd(rows) {
            sink.write(&unit(vec![snapshot(&schema, &[row])], "t")).await.unwrap();
        }
    }
    sink.commit(&at("t")).await.unwrap();
    assert_eq!(place.rows("t").unwrap(), crowd(2));
}

async fn a_write_outside_of_a_unit_is_refused(place: &dyn Place) {
    let (schema, mut sink) = filled(place).await;
    let error = sink.write(&unit(vec![changes(&schema, vec![delete(image![1, _])])], "no")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Bug);
    assert_eq!(place.rows("t").unwrap(), crowd(3));
}

async fn a_commit_outside_of_a_unit_is_refused(place: &dyn Place) {
    let (_, mut sink) = filled(place).await;
    sink.commit(&at("elsewhere")).await.expect_err("there is no unit to commit");
    drop(sink);
    assert_eq!(position(&place.connector(), "lane").await, Some(at("t")));
}

async fn a_table_that_was_not_announced_is_never_lost(place: &dyn Place) {
    let (schema, mut sink) = filled(place).await;
    let other = people("not announced");
    let both = unit(vec![changes(&schema, vec![delete(image![1, _])]), snapshot(&other, &crowd(2))], "both");
    match applied(&mut *sink, &both).await {
        Ok(_) => assert_eq!((place.rows("t").unwrap().len(), place.rows("not announced")), (2, Some(crowd(2)))),
        Err(e) => assert_eq!((e.kind(), place.rows("t").unwrap()), (ErrorKind::Bug, crowd(3))),
    }
}

async fn data_and_position_commit_together(place: &dyn Place) {
    let (schema, mut sink) = filled(place).await;
    let connector = place.connector();
    assert_eq!(position(&connector, "lane").await, Some(at("t")));
    sink.begin(sink.lease().epoch).await.unwrap();
    sink.write(&unit(vec![changes(&schema, vec![insert(row![4, "four"])])], "u2")).await.unwrap();
    sink.commit(&at("u2")).await.unwrap();
    assert_eq!(position(&connector, "lane").await, Some(at("u2")));
    assert_eq!(place.rows("t").unwrap().len(), 4);
}

async fn lanes_keep_their_own_positions(place: &dyn Place) {
    let (a, b) = (people("a"), people("b"));
    let connector = place.connector();
    for (name, schema) in [("first", &a), ("second", &b)] {
        let mut sink = connector.open_sink(&write_spec(name, &[schema])).await.unwrap();
        assert_eq!(sink.lease().position, None);
        applied(&mut *sink, &unit(vec![snapshot(schema, &crowd(2))], name)).await.unwrap();
        sink.finish().await.unwrap();
    }
    assert_eq!(position(&connector, "first").await, Some(at("first")));
    assert_eq!(position(&connector, "second").await, Some(at("second")));
}

async fn the_lane_is_shown_by_check(place: &dyn Place) {
    let (_, sink) = filled(place).await;
    let shown = lane(&place.connector(), "lane").await.unwrap();
    assert_eq!((shown.epoch, &*shown.owner, shown.position), (sink.lease().epoch, "test of lane", Some(at("t"))));
}

async fn inserts_updates_and_deletes(place: &dyn Place) {
    let (schema, mut sink) = filled(place).await;
    let all = vec![
        insert(row![4, "four"]),
        update(image![2, _], image![2, "two"]),
        delete(image![1, "name 1"]),
        update(image![4, "four"], image![4, "FOUR"]),
        insert(row![5, NULL]),
    ];
    let report = applied(&mut *sink, &unit(vec![changes(&schema, all)], "u")).await.unwrap();
    assert_eq!((report.rows, report.deletes_missing), (5, 0));
    assert_eq!(place.rows("t").unwrap(), [row![2, "two"], row![3, "name 3"], row![4, "FOUR"], row![5, NULL]]);
}

async fn a_key_change_moves_the_row(place: &dyn Place) {
    let (schema, mut sink) = filled(place).await;
    let all = vec![key_change(image![1, _], image![10, _]), key_change(image![2, "name 2"], image![20, "twenty"])];
    apply(&mut *sink, &schema, all).await.unwrap();
    assert_eq!(place.rows("t").unwrap(), [row![3, "name 3"], row![10, "name 1"], row![20, "twenty"]]);
}

async fn a_chain_of_key_changes_swaps_two_rows(place: &dyn Place) {
    let (schema, mut sink) = filled(place).await;
    let moves = [(1, 99), (2, 1), (99, 2)].map(|(from, to)| key_change(image![from, _], image![to, _]));
    apply(&mut *sink, &schema, moves.into()).await.unwrap();
    assert_eq!(place.rows("t").unwrap(), [row![1, "name 2"], row![2, "name 1"], row![3, "name 3"]]);
}

/// Databases that check keys at the end of a statement record a swap as two changes (F26, F72).
async fn a_direct_swap_of_keys_is_right_or_refused(place: &dyn Place) {
    let (schema, mut sink) = filled(place).await;
    let swap = [(1, 2), (2, 1)].map(|(from, to)| key_change(image![from, _], image![to, _]));
    match apply(&mut *sink, &schema, swap.into()).await {
        Ok(()) => assert_eq!(place.rows("t").unwrap(), [row![1, "name 2"], row![2, "name 1"], row![3, "name 3"]]),
        Err(e) => assert_eq!((e.kind(), place.rows("t").unwrap()), (ErrorKind::Constraint, crowd(3))),
    }
}

async fn a_key_change_onto_a_row_is_refused(place: &dyn Place) {
    refused(place, vec![key_change(image![1, _], image![3, _])], ErrorKind::Constraint).await;
}

async fn changes_of_a_key_apply_in_order(place: &dyn Place) {
    let (schema, mut sink) = filled(place).await;
    let mut all = vec![
        delete(image![1, _]),
        insert(row![1, "again"]),
        update(image![1, _], image![1, "and again"]),
        delete(image![1, _]),
        insert(row![1, "last"]),
    ];
    // The place says the order, not where the change stands in the batch (I4).
    for (ord, change) in all.iter_mut().enumerate() {
        change.ord = ord as u64;
    }
    all.reverse();
    applied(&mut *sink, &unit(vec![changes_as_numbered(&schema, all)], "u")).await.unwrap();
    assert_eq!(place.rows("t").unwrap()[0], row![1, "last"]);
}

async fn order_counts_over_all_tables(place: &dyn Place) {
    let (a, b) = (people("a"), people("b"));
    let mut sink = opened(place, &[&a, &b]).await;
    let numbered = |schema: &Arc<TableSchema>, all: Vec<(u64, ChangeBuf)>| {
        changes_as_numbered(schema, all.into_iter().map(|(ord, change)| ChangeBuf { ord, ..change }).collect())
    };
    let in_a = vec![(0, insert(row![1, "a"])), (3, delete(image![1, _])), (4, insert(row![1, "a again"]))];
    let in_b = vec![(1, insert(row![1, "b"])), (2, truncate()), (5, insert(row![2, "b"]))];
    applied(&mut *sink, &unit(vec![numbered(&b, in_b), numbered(&a, in_a)], "u")).await.unwrap();
    assert_eq!(place.rows("a").unwrap(), [row![1, "a again"]]);
    assert_eq!(place.rows("b").unwrap(), [row![2, "b"]]);
}

async fn a_truncate_empties_only_its_table(place: &dyn Place) {
    let (a, b) = (people("a"), people("b"));
    let mut sink = opened(place, &[&a, &b]).await;
    applied(&mut *sink, &unit(vec![snapshot(&a, &crowd(3)), snapshot(&b, &crowd(3))], "u1")).await.unwrap();
    apply(&mut *sink, &a, vec![truncate(), insert(row![9, "nine"])]).await.unwrap();
    assert_eq!((place.rows("a").unwrap(), place.rows("b").unwrap()), (vec![row![9, "nine"]], crowd(3)));
}

/// F77: null, not carried, and a value are different states of an update's column; the before image changes none.
async fn null_and_not_carried_are_different(place: &dyn Place) {
    let schema = Arc::new(table("t", &[("id", INT), ("a", TEXT), ("b", TEXT), ("c", TEXT)], &["id"]));
    let mut sink = opened(place, &[&schema]).await;
    let rows: Vec<Row> = (1..=4).map(|i| row![i, "a", "b", "c"]).collect();
    applied(&mut *sink, &unit(vec![snapshot(&schema, &rows)], "t")).await.unwrap();
    let before = |id: i32| -> Image { image![id, "another a", NULL, _] };
    let all = vec![
        update(before(1), image![_, NULL, _, _]),
        update(before(2), image![_, _, "B", NULL]),
        update(before(3), image![3, _, _, _]),
        update(before(4), image![_, _, _, _]),
    ];
    apply(&mut *sink, &schema, all).await.unwrap();
    let expected = [row![1, NULL, "b", "c"], row![2, "a", "B", NULL], row![3, "a", "b", "c"], row![4, "a", "b", "c"]];
    assert_eq!(place.rows("t").unwrap(), expected);
}

async fn an_update_without_a_before_image_finds_its_row(place: &dyn Place) {
    let (schema, mut sink) = filled(place).await;
    apply(&mut *sink, &schema, vec![update(Vec::new(), image![2, "two"])]).await.unwrap();
    assert_eq!(place.rows("t").unwrap()[1], row![2, "two"]);
}

async fn an_update_of_a_missing_row_is_refused_by_table(place: &dyn Place) {
    refused(place, vec![update(image![7, _], image![_, "seven"])], ErrorKind::Constraint).await;
}

async fn a_delete_of_a_missing_row_is_counted(place: &dyn Place) {
    let (schema, mut sink) = filled(place).await;
    let all = vec![delete(image![7, _]), delete(image![1, _]), delete(image![1, _])];
    let report = applied(&mut *sink, &unit(vec![changes(&schema, all)], "u")).await.unwrap();
    assert_eq!((report.rows, report.deletes_missing), (3, 2));
    assert_eq!(place.rows("t").unwrap().len(), 2);
}

async fn an_insert_of_a_row_that_is_there_is_refused(place: &dyn Place) {
    refused(place, vec![insert(row![2, "name 2"])], ErrorKind::Constraint).await;
}

/// I10: two source rows with one key would quietly become one.
async fn duplicates_into_an_empty_table_are_refused(place: &dyn Place) {
    let schema = people("t");
    let mut sink = opened(place, &[&schema]).await;
    let rows = [row![1, "one"], row![2, "two"], row![1, "another one"]];
    let error = applied(&mut *sink, &unit(vec![snapshot(&schema, &rows)], "t")).await.expect_err("two rows of one key");
    assert_eq!(error.kind(), ErrorKind::Constraint);
    drop(sink);
    assert_eq!(seen(place, "t"), None);
}

async fn duplicates_over_two_batches_are_refused(place: &dyn Place) {
    let schema = people("t");
    place.create(&schema);
    let mut sink = opened(place, &[&schema]).await;
    sink.begin(sink.lease().epoch).await.unwrap();
    let batch =
        |row: Row| ChangeBatch { begins: false, ends: None, tables: vec![snapshot(&schema, &[row])], native: None };
    sink.write(&batch(row![1, "one"])).await.unwrap();
    // A sink may say it when the unit ends, too.
    let written = sink.write(&batch(row![1, "another one"])).await.map(drop);
    let ended = match written {
        Ok(()) => sink.commit(&at("t")).await,
        refused => refused,
    };
    assert_eq!(ended.expect_err("two rows of one key").kind(), ErrorKind::Constraint);
    drop(sink);
    assert_eq!((place.rows("t"), position(&place.connector(), "lane").await), (Some(Vec::new()), None));
}

/// What a sink cannot read is an error, and never nothing.
async fn rows_in_a_form_of_others_are_never_lost(place: &dyn Place) {
    let schema = people("t");
    let mut sink = opened(place, &[&schema]).await;
    let rows = NativeRows { schema: schema.clone(), form: "nobody/1", rows: 2, bytes: vec![0u8; 4].into() };
    let batch = ChangeBatch { native: Some(rows), ..unit(Vec::new(), "t") };
    let error = applied(&mut *sink, &batch).await.expect_err("rows that the sink cannot read");
    assert_eq!(error.kind(), ErrorKind::Bug);
    drop(sink);
    assert_eq!(place.rows("t"), None);
}

async fn a_snapshot_row_replaces_by_key(place: &dyn Place) {
    let schema = people("t");
    place.create(&schema);
    place.seed("t", &[row![1, "old"], row![9, "stays"]]);
    let mut sink = opened(place, &[&schema]).await;
    applied(&mut *sink, &unit(vec![snapshot(&schema, &crowd(2))], "t")).await.unwrap();
    assert_eq!(place.rows("t").unwrap(), [row![1, "name 1"], row![2, "name 2"], row![9, "stays"]]);
}

async fn a_key_without_a_value_is_refused(place: &dyn Place) {
    refused(place, vec![insert(row![NULL, "nobody"])], ErrorKind::Value).await;
    refused(&*place.another(), vec![delete(image![NULL, _])], ErrorKind::Value).await;
    refused(&*place.another(), vec![update(image![NULL, _], image![_, "x"])], ErrorKind::Value).await;
    refused(&*place.another(), vec![key_change(image![1, _], image![NULL, _])], ErrorKind::Value).await;
    // And in a snapshot, which takes another path.
    let (empty, schema) = (place.another(), people("t"));
    let mut sink = opened(&*empty, &[&schema]).await;
    let snapshot = unit(vec![snapshot(&schema, &[row![1, "one"], row![NULL, "nobody"]])], "t");
    assert_eq!(applied(&mut *sink, &snapshot).await.unwrap_err().kind(), ErrorKind::Value);
}

async fn finished(place: &dyn Place, spec: &WriteSpec) -> Epoch {
    let mut sink = place.connector().open_sink(spec).await.unwrap();
    applied(&mut *sink, &unit(vec![snapshot(&spec.tables[0], &crowd(2))], "t")).await.unwrap();
    sink.finish().await.unwrap();
    sink.lease().epoch
}

async fn once_leaves_no_trace(place: &dyn Place) {
    let schema = people("t");
    finished(place, &WriteSpec { once: true, ..write_spec("lane", &[&schema]) }).await;
    let connector = place.connector();
    assert!(connector.check().await.unwrap().lanes.is_empty());
    let there = connector.describe(&Default::default()).await.unwrap().tables;
    assert_eq!(there.iter().map(|t| t.name.to_string()).collect::<Vec<_>>(), ["t"]);
    assert_eq!(place.rows("t").unwrap(), crowd(2));
    assert_eq!(opened(place, &[&schema]).await.lease().position, None);
}

async fn a_kept_lane_remembers_its_position(place: &dyn Place) {
    let schema = people("t");
    let first = finished(place, &write_spec("lane", &[&schema])).await;
    let sink = opened(place, &[&schema]).await;
    assert_eq!(sink.lease().position, Some(at("t")));
    assert!(sink.lease().epoch > first);
}

async fn restart_forgets_the_position(place: &dyn Place) {
    let (schema, sink) = filled(place).await;
    let before = sink.lease().epoch;
    drop(sink);
    let spec = WriteSpec { restart: true, ..write_spec("lane", &[&schema]) };
    let sink = place.connector().open_sink(&spec).await.unwrap();
    assert_eq!(sink.lease().position, None);
    assert!(sink.lease().epoch > before);
    drop(sink);
    assert_eq!(position(&place.connector(), "lane").await, None);
    assert_eq!(place.rows("t").unwrap(), crowd(3));
}

async fn a_plan_changes_nothing(place: &dyn Place) {
    let (there, new) = (people("there"), people("new"));
    place.create(&there);
    let plan = place.connector().plan(&write_spec("lane", &[&there, &new])).await.unwrap();
    assert_eq!(plan.misfits, []);
    assert!(plan.statements.iter().any(|s| s.contains("new")) && !plan.statements.iter().any(|s| s.contains("there")));
    assert_eq!((place.rows("there"), place.rows("new")), (Some(Vec::new()), None));
    assert!(place.connector().check().await.unwrap().lanes.is_empty());
}

async fn a_plan_names_every_misfit(place: &dyn Place) {
    place.create(&table("t", &[("id", INT), ("name", INT)], &["id"]));
    place.create(&table("u", &[("id", INT)], &["id"]));
    let plan = place.connector().plan(&write_spec("lane", &[&people("t"), &people("u")])).await.unwrap();
    let tables: Vec<_> = plan.misfits.iter().map(|m| &*m.table).collect();
    assert_eq!(tables, ["t", "u"]);
    assert!(plan.misfits[0].reason.contains("column name"), "{}", plan.misfits[0].reason);
    assert!(plan.misfits[1].reason.contains("no column name"), "{}", plan.misfits[1].reason);
}
