//! Names that break whoever puts them into statements by hand (F79).

use std::sync::Arc;

use syncline_model::pattern::Pattern;

use crate::support::batches::{INT, Row, TEXT, row, table};
use crate::support::jobs::{copy_job, described, run_well};
use crate::support::place::Place;

on_every_place! {
    hostile_table_names_are_copied
    hostile_column_names_are_copied
    a_hostile_name_can_be_selected
    a_hostile_name_is_where_a_copy_continues
}

/// Quotes of every kind, separators, wildcards, statements, reserved words, more than 63 bytes, other scripts.
/// What the place takes for a name, up to the longest.
fn hostile(place: &dyn Place) -> Vec<String> {
    let mut names: Vec<String> = [
        "say \"hi\"",
        "it's",
        "back`tick",
        "[bracket]",
        "dot.ted",
        " leading and trailing ",
        "semi;colon",
        "x\"; DROP TABLE victim; --",
        "-- comment",
        "/* comment */",
        "select",
        "TABLE",
        "Mixed Case",
        "new\nline",
        "tab\tbed",
        "back\\slash",
        "%s ?1 $1 :a @b",
        "*",
        "?",
        "\"",
        "über",
        "表",
        "😀 smile",
        "rowid",
        "excluded",
        "1",
    ]
    .map(str::to_owned)
    .into();
    names.push("long ".repeat(40).chars().take(place.name_bytes_max()).collect());
    names.retain(|name| place.can_name(name));
    names
}

/// A source with one table of each name, rows in each, and a table that must survive.
fn source(place: &dyn Place) -> Vec<Row> {
    let rows = vec![row![1, "one"], row![2, "it's \"two\""]];
    for name in hostile(place) {
        place.create(&table(&name, &[("id", INT), ("v", TEXT)], &["id"]));
        place.seed(&name, &rows);
    }
    rows
}

async fn hostile_table_names_are_copied(place: &dyn Place) {
    let rows = source(place);
    let to = place.another();
    to.create(&table("victim", &[("id", INT)], &["id"]));
    let copy = copy_job(&place.connector(), &[&to.connector()]);
    run_well(&copy).await;
    // A second time into tables that are there, by another statement.
    run_well(&copy).await;
    for name in hostile(place) {
        assert_eq!(to.rows(&name).as_ref(), Some(&rows), "table {name}");
    }
    assert_eq!(to.rows("victim"), Some(Vec::new()));
}

async fn hostile_column_names_are_copied(place: &dyn Place) {
    let names = hostile(place);
    let mut columns: Vec<_> = names.iter().map(|name| (name.as_str(), TEXT)).collect();
    columns.push(("last", INT));
    // Two hostile columns are the key.
    place.create(&table("t", &columns, &[&names[7], &names[0]]));
    let rows = [1, 2].map(|i| {
        let mut row: Row = names.iter().map(|name| format!("{i} {name}").as_str().into()).collect();
        row.push(i64::from(i).into());
        row
    });
    place.seed("t", &rows);
    let to = place.another();
    let copy = copy_job(&place.connector(), &[&to.connector()]);
    run_well(&copy).await;
    run_well(&copy).await;
    assert_eq!(to.rows("t").unwrap(), rows);
}

async fn a_hostile_name_can_be_selected(place: &dyn Place) {
    let rows = source(place);
    for name in hostile(place) {
        let to = place.another();
        let mut copy = copy_job(&place.connector(), &[&to.connector()]);
        copy.selection.include = vec![Pattern::parse(&format!("\"{}\"", name.replace('"', "\"\""))).unwrap()];
        run_well(&copy).await;
        let copied: Vec<_> = described(&to.connector()).await.iter().map(|t| t.name.to_string()).collect();
        assert_eq!((copied, to.rows(&name).as_ref()), (vec![name], Some(&rows)));
    }
}

async fn a_hostile_name_is_where_a_copy_continues(place: &dyn Place) {
    source(place);
    let connector = place.connector();
    let tables = described(&connector).await;
    let spec = crate::support::jobs::read_spec(&tables, syncline::connector::ReadOrder::Fastest);
    for (i, table) in tables.iter().enumerate() {
        let at = syncline::capture::snapshot::after(&table.name);
        let mut source = connector.open_source(Some(at), &spec).await.unwrap();
        let rest = crate::support::jobs::drained(&mut *source, crate::support::jobs::budget(1 << 20)).await.unwrap();
        let read: Vec<Arc<_>> = rest.iter().map(|b| b.tables[0].schema().clone()).collect();
        assert_eq!(read, tables[i + 1..]);
    }
}
