#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;
use syncline_model::schema::ForeignKey;

use super::*;

fn table(name: &str, refers_to: &[&str]) -> TableSchema {
    let mut table = TableSchema::new(TableName::bare(name), Vec::new());
    table.foreign_keys = refers_to
        .iter()
        .map(|to| ForeignKey {
            columns: Vec::new(),
            to: TableName::bare(to),
            to_columns: Vec::new(),
            on_delete: None,
            on_update: None,
        })
        .collect();
    table
}

fn names(tables: &[TableSchema]) -> Vec<String> {
    tables.iter().map(|t| t.name.to_string()).collect()
}

fn three() -> Vec<Arc<TableSchema>> {
    ["a", "b", "c"].map(|name| Arc::new(table(name, &[]))).into()
}

#[test]
fn a_position_leaves_the_tables_after_it() {
    let tables = three();
    let left = |at: Option<Position>| {
        let (done, rest) = remaining(at.as_ref(), &tables).unwrap();
        (done, rest.iter().map(|t| t.name.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(left(None), (0, vec!["a".into(), "b".into(), "c".into()]));
    assert_eq!(left(Some(after(&tables[0].name))), (1, vec!["b".into(), "c".into()]));
    assert_eq!(left(Some(after(&tables[2].name))), (3, Vec::new()));
}

#[test]
fn what_is_no_position_over_these_tables_is_lost() {
    let foreign = [Position::new("snapshot/2", "a"), Position::new("ticks/1", "a"), after(&TableName::bare("d"))];
    for at in foreign {
        assert_eq!(remaining(Some(&at), &three()).unwrap_err().kind(), ErrorKind::PositionLost);
    }
}

/// Stored in sinks: a later version must still read it.
#[test]
fn the_layout_is_for_ever() {
    let name = TableName { schema: Some("s".into()), name: "t".into() };
    assert_eq!(after(&name), Position { layout: "snapshot/1".into(), at: "s.t".into() });
}

#[test]
fn parents_come_first_and_names_decide_the_rest() {
    let tables = vec![table("c", &["b"]), table("b", &["d", "elsewhere"]), table("a", &["a"]), table("d", &[])];
    assert_eq!(names(&parents_first(tables)), ["a", "d", "b", "c"]);
}

#[test]
fn a_circle_keeps_its_order_by_name_and_holds_nobody() {
    let tables = vec![table("z", &["y"]), table("y", &["x"]), table("x", &["z"]), table("w", &["x"]), table("k", &[])];
    // A circle has no right order; whoever hangs on it still comes after as much of it as can be.
    let sorted = names(&parents_first(tables));
    assert_eq!(sorted[0], "k");
    let mut all = sorted.clone();
    all.sort();
    assert_eq!(all, ["k", "w", "x", "y", "z"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Each table refers to some that are numbered below it, so there is an order, and names do not give it away.
    #[test]
    fn no_table_comes_before_one_that_it_refers_to(
        refers in proptest::collection::vec(proptest::collection::vec(any::<prop::sample::Index>(), 0..3), 1..12),
        salt in any::<u64>(),
    ) {
        let name = |i: usize| format!("{:04}", (i as u64).wrapping_mul(salt | 1) % 9973);
        let tables: Vec<TableSchema> = refers
            .iter()
            .enumerate()
            .map(|(i, refers)| {
                let to: Vec<String> = if i == 0 { Vec::new() } else { refers.iter().map(|r| name(r.index(i))).collect() };
                table(&name(i), &to.iter().map(String::as_str).collect::<Vec<_>>())
            })
            .collect();
        let mut expected = names(&tables);
        expected.sort();
        prop_assume!(expected.windows(2).all(|pair| pair[0] != pair[1]));
        let sorted = parents_first(tables);
        for (i, table) in sorted.iter().enumerate() {
            for key in &table.foreign_keys {
                prop_assert!(sorted[..i].iter().any(|before| before.name == key.to), "{} before {}", table.name, key.to);
            }
        }
        let mut found = names(&sorted);
        found.sort();
        prop_assert_eq!(found, expected);
    }
}
