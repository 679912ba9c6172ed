//! Whole jobs: rules, filters and modes, from one place to another of its kind.

use std::collections::BTreeMap;

use syncline::job::report::TableState;
use syncline::job::{Job, WriteMode};
use syncline_model::ErrorKind;
use syncline_model::mapping::Rule;
use syncline_model::pattern::Pattern;

use crate::support::batches::{INT, NULL, TEXT, crowd, people, row, table};
use crate::support::jobs::{copy_job, failure, position, run, run_well, with_rule};
use crate::support::place::Place;
use crate::support::recorder::{Effects, Recorded, Refusal};

on_every_place! {
    everything_is_copied_as_it_is
    a_table_and_a_column_get_other_names
    an_excluded_column_stays_behind
    a_filter_chooses_rows_and_need_not_be_copied
    a_chosen_key_becomes_the_key
    two_tables_into_one_are_refused
    upsert_replaces_by_key_and_keeps_the_rest
    truncate_replaces_the_table_in_one_unit
    truncate_of_a_table_that_became_empty_empties_it
    a_copy_twice_is_a_copy_once
    a_kept_job_does_not_read_twice
    restart_reads_again
    a_table_without_a_key_is_refused_before_any_row_moves
    a_misfit_is_refused_before_any_row_moves
    a_place_onto_itself_is_refused
    the_report_counts_rows
}

fn two_tables(place: &dyn Place) {
    for (name, rows) in [("a", 12), ("b", 3)] {
        place.create(&people(name));
        place.seed(name, &crowd(rows));
    }
}

/// `orders`: number, region, note, amount.
fn orders(place: &dyn Place) {
    place.create(&table("orders", &[("no", INT), ("region", TEXT), ("note", TEXT), ("amount", INT)], &["no"]));
    let rows = [
        row![1, "EU", "first", 10],
        row![2, "US", "second", 20],
        row![3, NULL, "third", 30],
        row![4, "EU", NULL, NULL],
    ];
    place.seed("orders", &rows);
}

async fn carried(place: &dyn Place, rule: Rule) -> Box<dyn Place> {
    orders(place);
    let to = place.another();
    run_well(&with_rule(copy_job(&place.connector(), &[&to.connector()]), "orders", rule)).await;
    to
}

async fn everything_is_copied_as_it_is(place: &dyn Place) {
    two_tables(place);
    let to = place.another();
    run_well(&copy_job(&place.connector(), &[&to.connector()])).await;
    assert_eq!((to.rows("a"), to.rows("b")), (place.rows("a"), place.rows("b")));
    assert_eq!(to.rows("a").unwrap(), crowd(12));
}

async fn a_table_and_a_column_get_other_names(place: &dyn Place) {
    let rule = Rule {
        to: Some("sales".into()),
        columns: BTreeMap::from([("no".into(), "number".into()), ("note".into(), "remark".into())]),
        ..Rule::default()
    };
    let to = carried(place, rule).await;
    assert_eq!(to.rows("orders"), None);
    assert_eq!(to.rows("sales"), place.rows("orders"));
    let found = to.connector().describe(&Default::default()).await.unwrap();
    let names: Vec<_> = found.tables[0].columns.iter().map(|c| &*c.name).collect();
    assert_eq!((names, &found.tables[0].key[..]), (vec!["number", "region", "remark", "amount"], &[0][..]));
}

async fn an_excluded_column_stays_behind(place: &dyn Place) {
    let to = carried(place, Rule { exclude: vec!["note".into(), "region".into()], ..Rule::default() }).await;
    assert_eq!(to.rows("orders").unwrap(), [row![1, 10], row![2, 20], row![3, 30], row![4, NULL]]);
}

async fn a_filter_chooses_rows_and_need_not_be_copied(place: &dyn Place) {
    let filter = Some("region = 'EU' OR amount > 25".into());
    let to = carried(place, Rule { filter, exclude: vec!["region".into()], ..Rule::default() }).await;
    assert_eq!(to.rows("orders").unwrap(), [row![1, "first", 10], row![3, "third", 30], row![4, NULL, NULL]]);
}

async fn a_chosen_key_becomes_the_key(place: &dyn Place) {
    place.create(&table("t", &[("a", INT), ("b", TEXT)], &["a"]));
    place.seed("t", &[row![1, "x"], row![2, "y"]]);
    let to = place.another();
    let rule = Rule { key: vec!["b".into()], ..Rule::default() };
    run_well(&with_rule(copy_job(&place.connector(), &[&to.connector()]), "t", rule)).await;
    let found = to.connector().describe(&Default::default()).await.unwrap();
    assert_eq!(found.tables[0].key, [1]);
    assert_eq!(to.rows("t"), place.rows("t"));
}

async fn two_tables_into_one_are_refused(place: &dyn Place) {
    two_tables(place);
    let to = place.another();
    let rule = Rule { to: Some("b".into()), ..Rule::default() };
    let job = with_rule(copy_job(&place.connector(), &[&to.connector()]), "a", rule);
    assert_eq!(failure(&job).await.kind(), ErrorKind::Config);
    assert_eq!(to.rows("b"), None);
}

/// A sink that already holds rows of `a`: one that the source has too, and one that it has not.
fn with_old_rows(place: &dyn Place) -> Box<dyn Place> {
    let to = place.another();
    to.create(&people("a"));
    to.seed("a", &[row![1, "old"], row![99, "only here"]]);
    to
}

async fn upsert_replaces_by_key_and_keeps_the_rest(place: &dyn Place) {
    two_tables(place);
    let to = with_old_rows(place);
    run_well(&copy_job(&place.connector(), &[&to.connector()])).await;
    let mut expected = crowd(12);
    expected.push(row![99, "only here"]);
    assert_eq!(to.rows("a").unwrap(), expected);
}

fn truncating(job: Job) -> Job {
    Job { mode: WriteMode::Truncate, ..job }
}

async fn truncate_replaces_the_table_in_one_unit(place: &dyn Place) {
    two_tables(place);
    let to = with_old_rows(place);
    run_well(&truncating(copy_job(&place.connector(), &[&to.connector()]))).await;
    assert_eq!(to.rows("a").unwrap(), crowd(12));
    // A row that is refused leaves the old rows, not none.
    let to = with_old_rows(place);
    let refusing = Recorded::wrap(to.connector(), &Effects::default(), &Refusal::of("commit", 1));
    failure(&truncating(copy_job(&place.connector(), &[&refusing]))).await;
    assert_eq!(to.rows("a").unwrap(), [row![1, "old"], row![99, "only here"]]);
}

async fn truncate_of_a_table_that_became_empty_empties_it(place: &dyn Place) {
    place.create(&people("a"));
    let to = with_old_rows(place);
    run_well(&truncating(copy_job(&place.connector(), &[&to.connector()]))).await;
    assert_eq!(to.rows("a").unwrap(), Vec::<Vec<_>>::new());
}

async fn a_copy_twice_is_a_copy_once(place: &dyn Place) {
    two_tables(place);
    let to = place.another();
    let job = copy_job(&place.connector(), &[&to.connector()]);
    run_well(&job).await;
    place.seed("b", &[row![4, "new"]]);
    run_well(&job).await;
    assert_eq!((to.rows("a"), to.rows("b")), (place.rows("a"), place.rows("b")));
}

async fn a_kept_job_does_not_read_twice(place: &dyn Place) {
    two_tables(place);
    let to = place.another();
    let job = Job { once: false, ..copy_job(&place.connector(), &[&to.connector()]) };
    run_well(&job).await;
    place.seed("b", &[row![4, "new"]]);
    let report = run_well(&job).await;
    let states: Vec<_> = report.lanes[0].tables.iter().map(|t| (t.state, t.rows)).collect();
    assert_eq!(states, [(TableState::DoneBefore, 0), (TableState::DoneBefore, 0)]);
    assert_eq!(to.rows("b").unwrap(), crowd(3));
}

async fn restart_reads_again(place: &dyn Place) {
    two_tables(place);
    let to = place.another();
    let job = Job { once: false, ..copy_job(&place.connector(), &[&to.connector()]) };
    run_well(&job).await;
    place.seed("b", &[row![4, "new"]]);
    run_well(&Job { restart: true, ..job }).await;
    assert_eq!(to.rows("b"), place.rows("b"));
}

async fn a_table_without_a_key_is_refused_before_any_row_moves(place: &dyn Place) {
    two_tables(place);
    place.create(&table("keyless", &[("v", INT)], &[]));
    let to = place.another();
    let error = failure(&copy_job(&place.connector(), &[&to.connector()])).await;
    assert_eq!(error.kind(), ErrorKind::Schema);
    assert!(error.to_string().contains("keyless"), "{error}");
    assert_eq!(to.rows("a"), None);
    let left_out = Pattern::parse("keyless").unwrap();
    let mut job = copy_job(&place.connector(), &[&to.connector()]);
    job.selection.exclude.push(left_out);
    run_well(&job).await;
}

async fn a_misfit_is_refused_before_any_row_moves(place: &dyn Place) {
    two_tables(place);
    let to = place.another();
    to.create(&table("b", &[("id", INT)], &["id"]));
    let error = failure(&copy_job(&place.connector(), &[&to.connector()])).await;
    assert_eq!(error.kind(), ErrorKind::Schema);
    assert!(error.to_string().contains("name"), "{error}");
    assert_eq!((to.rows("a"), position(&to.connector(), "copy").await), (None, None));
}

async fn a_place_onto_itself_is_refused(place: &dyn Place) {
    two_tables(place);
    let error = run(&copy_job(&place.connector(), &[&place.connector()])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

async fn the_report_counts_rows(place: &dyn Place) {
    two_tables(place);
    let to = place.another();
    let report = run_well(&copy_job(&place.connector(), &[&to.connector()])).await;
    assert!(report.lanes[0].committed);
    let tables: Vec<_> = report.lanes[0].tables.iter().map(|t| (t.sink.to_string(), t.state, t.rows)).collect();
    assert_eq!(tables, [("a".into(), TableState::Done, 12), ("b".into(), TableState::Done, 3)]);
}
