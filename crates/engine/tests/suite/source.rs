//! What every source does.

use std::sync::Arc;

use syncline::connector::{Read, ReadOrder};
use syncline_model::pattern::{Pattern, Selection};
use syncline_model::{ChangeBatch, ErrorKind, Position, TableSchema};

use crate::support::batches::{INT, NULL, Row, TEXT, crowd, people, row, table};
use crate::support::jobs::{budget, described, drained, read_all, read_spec, rows_of};
use crate::support::place::Place;

on_every_place! {
    describes_tables_columns_and_key
    describes_only_what_is_wanted
    an_empty_table_is_a_unit
    a_batch_is_bounded_and_one_row_may_pass
    a_unit_begins_once_and_ends_once
    rows_of_a_unit_are_numbered_in_order
    tables_come_in_the_order_asked_for
    the_end_stays_the_end
    only_wanted_columns_are_read
    what_is_committed_later_is_not_in_the_snapshot
    key_order_of_negative_numbers
    key_order_of_text_is_by_bytes
    key_order_of_a_key_in_another_column_order
    key_order_is_refused_where_it_is_not_declared
    a_finished_table_is_not_read_again
    the_last_position_leaves_nothing_to_read
    a_position_of_another_layout_is_lost
    a_position_of_an_unknown_table_is_lost
    a_confirmed_position_may_be_confirmed_again
    a_missing_table_is_an_error_and_never_an_end
}

/// Two tables, `a` of 20 rows and `b` of 5.
fn seeded(place: &dyn Place) {
    for (name, rows) in [("a", 20), ("b", 5)] {
        place.create(&people(name));
        place.seed(name, &crowd(rows));
    }
}

/// Bytes of the rows before the last.
fn bytes_before_last(batch: &ChangeBatch) -> usize {
    let changes = &batch.tables[0];
    let rows = changes.rows().saturating_sub(1);
    (0..rows).flat_map(|row| (0..changes.columns().len()).map(move |c| changes.cell(row, c).size())).sum()
}

async fn describes_tables_columns_and_key(place: &dyn Place) {
    place.create(&table("pairs", &[("x", INT), ("y", TEXT), ("z", TEXT)], &["z", "x"]));
    let found = place.connector().describe(&Selection::default()).await.unwrap();
    let [pairs] = &found.tables[..] else { panic!("one table, not {:?}", found.tables) };
    let names: Vec<_> = pairs.columns.iter().map(|c| &*c.name).collect();
    assert_eq!((&*pairs.name.name, names, &pairs.key[..]), ("pairs", vec!["x", "y", "z"], &[2, 0][..]));
    assert_eq!((&pairs.columns[0].logical, &pairs.columns[1].logical), (&INT, &TEXT));
    assert_eq!(pairs.columns.iter().map(|c| c.nullable).collect::<Vec<_>>(), [false, true, false]);
    assert!(!found.identity.is_empty());
}

async fn describes_only_what_is_wanted(place: &dyn Place) {
    seeded(place);
    let wanted = Selection { include: Vec::new(), exclude: vec![Pattern::parse("a*").unwrap()] };
    let found = place.connector().describe(&wanted).await.unwrap();
    assert_eq!(found.tables.iter().map(|t| &*t.name.name).collect::<Vec<_>>(), ["b"]);
}

async fn an_empty_table_is_a_unit(place: &dyn Place) {
    place.create(&people("empty"));
    let connector = place.connector();
    let batches = read_all(&connector, &described(&connector).await, ReadOrder::Fastest, 1000).await.unwrap();
    let [batch] = &batches[..] else { panic!("one batch, not {}", batches.len()) };
    assert!(batch.begins && batch.ends.is_some());
    assert_eq!((batch.tables.len(), batch.rows(), &*batch.tables[0].schema().name.name), (1, 0, "empty"));
}

async fn a_batch_is_bounded_and_one_row_may_pass(place: &dyn Place) {
    place.create(&people("a"));
    let mut rows = crowd(20);
    rows.push(row![21, "x".repeat(5000)]);
    rows.push(row![22, "short"]);
    place.seed("a", &rows);
    let connector = place.connector();
    let tables = described(&connector).await;
    for bytes_max in [1, 50, 200] {
        let batches = read_all(&connector, &tables, ReadOrder::Key, bytes_max).await.unwrap();
        assert_eq!(rows_of(&batches, "a"), rows, "with {bytes_max} bytes");
        for batch in &batches {
            assert!(bytes_before_last(batch) < bytes_max, "a batch passed {bytes_max} bytes by more than one row");
        }
    }
}

async fn a_unit_begins_once_and_ends_once(place: &dyn Place) {
    seeded(place);
    let connector = place.connector();
    let batches = read_all(&connector, &described(&connector).await, ReadOrder::Fastest, 100).await.unwrap();
    let of = |name: &str| batches.iter().filter(|b| &*b.tables[0].schema().name.name == name).collect::<Vec<_>>();
    for name in ["a", "b"] {
        let unit = of(name);
        let begins: Vec<_> = unit.iter().map(|b| b.begins).collect();
        let ends: Vec<_> = unit.iter().map(|b| b.ends.is_some()).collect();
        let at = |place: usize| (0..unit.len()).map(|i| i == place).collect::<Vec<_>>();
        assert_eq!((begins, ends), (at(0), at(unit.len() - 1)), "unit {name}");
    }
    assert!(of("a").len() > 3, "the unit must span batches, or this proves nothing");
}

async fn rows_of_a_unit_are_numbered_in_order(place: &dyn Place) {
    seeded(place);
    let connector = place.connector();
    let batches = read_all(&connector, &described(&connector).await, ReadOrder::Key, 100).await.unwrap();
    let ords = |name: &str| -> Vec<u64> {
        let changes = batches.iter().flat_map(|b| &b.tables).filter(|t| &*t.schema().name.name == name);
        changes.flat_map(|t| (0..t.rows()).map(|row| t.marks().ord(row)).collect::<Vec<_>>()).collect()
    };
    assert_eq!(ords("a"), (0..20).collect::<Vec<_>>());
    assert_eq!(ords("b"), (0..5).collect::<Vec<_>>());
}

async fn tables_come_in_the_order_asked_for(place: &dyn Place) {
    seeded(place);
    let connector = place.connector();
    let mut tables = described(&connector).await;
    tables.reverse();
    let batches = read_all(&connector, &tables, ReadOrder::Fastest, 1 << 20).await.unwrap();
    let order: Vec<_> = batches.iter().map(|b| b.tables[0].schema().name.to_string()).collect();
    assert_eq!(order, ["b", "a"]);
    assert_ne!(batches[0].ends, batches[1].ends);
}

async fn the_end_stays_the_end(place: &dyn Place) {
    place.create(&people("a"));
    let connector = place.connector();
    let spec = read_spec(&described(&connector).await, ReadOrder::Fastest);
    let mut source = connector.open_source(None, &spec).await.unwrap();
    assert_eq!(drained(&mut *source, budget(100)).await.unwrap().len(), 1);
    for _ in 0..3 {
        assert!(matches!(source.read(budget(100)).await.unwrap(), Read::End));
    }
}

async fn only_wanted_columns_are_read(place: &dyn Place) {
    place.create(&table("t", &[("a", INT), ("b", TEXT), ("c", TEXT)], &["a"]));
    place.seed("t", &[row![1, "b1", "c1"], row![2, NULL, "c2"]]);
    let connector = place.connector();
    let whole = described(&connector).await;
    // Other columns in another order.
    let mut narrow = TableSchema { columns: Vec::new(), ..(*whole[0]).clone() };
    narrow.columns = [2, 0].iter().map(|&c| whole[0].columns[c].clone()).collect();
    narrow.key = vec![1];
    let batches = read_all(&connector, &[Arc::new(narrow)], ReadOrder::Key, 1000).await.unwrap();
    assert_eq!(rows_of(&batches, "t"), vec![row!["c1", 1], row!["c2", 2]]);
}

async fn what_is_committed_later_is_not_in_the_snapshot(place: &dyn Place) {
    seeded(place);
    let connector = place.connector();
    let tables = described(&connector).await;
    let mut source = connector.open_source(None, &read_spec(&tables, ReadOrder::Key)).await.unwrap();
    let Read::Batch(first) = source.read(budget(50)).await.unwrap() else { panic!("a batch") };
    place.seed("a", &[row![1000, "late"]]);
    place.seed("b", &[row![1000, "late"]]);
    let mut batches = vec![first];
    batches.extend(drained(&mut *source, budget(50)).await.unwrap());
    assert_eq!(rows_of(&batches, "a"), crowd(20));
    assert_eq!(rows_of(&batches, "b"), crowd(5));
}

async fn in_key_order(place: &dyn Place) -> Vec<Row> {
    let connector = place.connector();
    let batches = read_all(&connector, &described(&connector).await, ReadOrder::Key, 60).await.unwrap();
    rows_of(&batches, "t")
}

async fn key_order_of_negative_numbers(place: &dyn Place) {
    place.create(&people("t"));
    place.seed("t", &[row![10, "a"], row![-1, "b"], row![2, "c"], row![-20, "d"], row![i64::MIN, "e"], row![0, "f"]]);
    let keys: Vec<_> = in_key_order(place).await.into_iter().map(|mut r| r.remove(0)).collect();
    assert_eq!(keys, row![i64::MIN, -20, -1, 0, 2, 10]);
}

async fn key_order_of_text_is_by_bytes(place: &dyn Place) {
    place.create(&table("t", &[("k", TEXT), ("v", INT)], &["k"]));
    let words = ["b", "B", "a", "é", "", "Z", "ab", "😀", "~", "a b"];
    place.seed("t", &words.map(|w| row![w, 1]));
    let mut sorted = words;
    sorted.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    assert_eq!(in_key_order(place).await, sorted.map(|w| row![w, 1]));
}

async fn key_order_of_a_key_in_another_column_order(place: &dyn Place) {
    place.create(&table("t", &[("x", INT), ("y", TEXT), ("z", INT)], &["z", "x"]));
    place.seed("t", &[row![1, "p", 2], row![2, "q", 1], row![-1, "r", 2], row![3, "s", -5]]);
    let sorted = [row![3, "s", -5], row![2, "q", 1], row![-1, "r", 2], row![1, "p", 2]];
    assert_eq!(in_key_order(place).await, sorted);
}

async fn key_order_is_refused_where_it_is_not_declared(place: &dyn Place) {
    seeded(place);
    let connector = place.connector();
    let tables = described(&connector).await;
    let read = read_all(&connector, &tables, ReadOrder::Key, 1000).await;
    if connector.capabilities().key_order {
        assert!(rows_of(&read.unwrap(), "a").is_sorted());
    } else {
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

async fn a_finished_table_is_not_read_again(place: &dyn Place) {
    seeded(place);
    let connector = place.connector();
    let tables = described(&connector).await;
    let all = read_all(&connector, &tables, ReadOrder::Fastest, 1 << 20).await.unwrap();
    let spec = read_spec(&tables, ReadOrder::Fastest);
    let mut source = connector.open_source(all[0].ends.clone(), &spec).await.unwrap();
    let rest = drained(&mut *source, budget(1 << 20)).await.unwrap();
    assert_eq!((rows_of(&rest, "a").len(), rows_of(&rest, "b").len()), (0, 5));
}

async fn the_last_position_leaves_nothing_to_read(place: &dyn Place) {
    seeded(place);
    let connector = place.connector();
    let tables = described(&connector).await;
    let all = read_all(&connector, &tables, ReadOrder::Fastest, 1 << 20).await.unwrap();
    let spec = read_spec(&tables, ReadOrder::Fastest);
    let mut source = connector.open_source(all[1].ends.clone(), &spec).await.unwrap();
    assert!(drained(&mut *source, budget(1000)).await.unwrap().is_empty());
}

async fn lost(place: &dyn Place, at: Position) {
    seeded(place);
    let connector = place.connector();
    let spec = read_spec(&described(&connector).await, ReadOrder::Fastest);
    let refused = connector.open_source(Some(at), &spec).await.err().expect("the position must be refused");
    assert_eq!(refused.kind(), ErrorKind::PositionLost);
}

async fn a_position_of_another_layout_is_lost(place: &dyn Place) {
    lost(place, Position::new("snapshot/999", "a")).await;
}

async fn a_position_of_an_unknown_table_is_lost(place: &dyn Place) {
    let known = read_position(place).await;
    lost(&*place.another(), Position::new(&known.layout, "no such table")).await;
}

/// A position as the place makes it.
async fn read_position(place: &dyn Place) -> Position {
    place.create(&people("other"));
    let connector = place.connector();
    let batches = read_all(&connector, &described(&connector).await, ReadOrder::Fastest, 1000).await.unwrap();
    batches[0].ends.clone().unwrap()
}

async fn a_confirmed_position_may_be_confirmed_again(place: &dyn Place) {
    seeded(place);
    let connector = place.connector();
    let spec = read_spec(&described(&connector).await, ReadOrder::Fastest);
    let mut source = connector.open_source(None, &spec).await.unwrap();
    let batches = drained(&mut *source, budget(1 << 20)).await.unwrap();
    for batch in &batches {
        for _ in 0..2 {
            source.confirm(batch.ends.as_ref().unwrap()).await.unwrap();
        }
    }
}

async fn a_missing_table_is_an_error_and_never_an_end(place: &dyn Place) {
    seeded(place);
    let connector = place.connector();
    let mut tables = described(&connector).await;
    tables.insert(1, people("gone"));
    let read = read_all(&connector, &tables, ReadOrder::Fastest, 1000).await;
    let kind = read.expect_err("a table that is not there").kind();
    assert!(matches!(kind, ErrorKind::NotFound | ErrorKind::Schema), "{kind:?}");
}
