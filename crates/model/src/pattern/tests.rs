#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use insta::assert_snapshot;
use proptest::prelude::*;

use super::{Pattern, Selection, unmatched, winner};
use crate::schema::TableName;

fn table(text: &str) -> TableName {
    TableName::parse(text).unwrap()
}

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
}

fn matches(pattern: &str, name: &str, default: Option<&str>) -> bool {
    Pattern::parse(pattern).unwrap().matches(&table(name), default)
}

#[test]
fn a_pattern_without_a_schema_means_the_default_schema() {
    assert!(matches("orders", "orders", None));
    assert!(matches("orders", "orders", Some("public")));
    assert!(matches("orders", "public.orders", Some("public")));
    assert!(!matches("orders", "sales.orders", Some("public")));
    assert!(!matches("orders", "sales.orders", None));
    assert!(matches("public.orders", "orders", Some("public")));
    assert!(!matches("public.orders", "orders", None));
    assert!(!matches("*", "sales.orders", Some("public")));
    assert!(matches("*.*", "sales.orders", Some("public")));
    assert!(!matches("Orders", "orders", None));
}

#[test]
fn quotes_take_a_name_as_it_stands() {
    assert!(matches(r#""a.b""#, r#""a.b""#, None));
    assert!(!matches(r#""a.b""#, "a.b", None));
    assert!(!matches(r#""a*""#, "ab", None));
    assert!(matches(r#"s*."we ""say""""#, r#"shop."we ""say""""#, None));
}

#[test]
fn what_is_no_pattern_is_refused_with_the_reason() {
    let error = |text| Pattern::parse(text).unwrap_err().to_string();
    assert_snapshot!(error(""), @"`` is not a table pattern: a part is empty");
    assert_snapshot!(error("a."), @"`a.` is not a table pattern: a part is empty");
    assert_snapshot!(error("a.b.c"), @"`a.b.c` is not a table pattern: it has more than two parts");
    assert_snapshot!(error("\"a"), @r#"`"a` is not a table pattern: a quote is not closed"#);
    assert_snapshot!(TableName::parse("a*").unwrap_err(), @"`a*` is a pattern where one table must be named");
}

#[test]
fn the_most_specific_pattern_wins() {
    let pick = |texts: &[&str], name: &str| {
        let all = patterns(texts);
        winner(&all, &table(name), Some("main")).map(|i| i.map(|i| texts[i].to_owned()))
    };
    let won = |texts: &[&str], name: &str| pick(texts, name).unwrap().unwrap_or_else(|| "none".into());
    assert_eq!(won(&["*", "order*", "orders"], "orders"), "orders");
    assert_eq!(won(&["orders", "order*", "*"], "orders"), "orders");
    assert_eq!(won(&["*", "order*", "o*"], "orders"), "order*");
    assert_eq!(won(&["order*", "order?"], "orders"), "order?");
    assert_eq!(won(&["a*b*", "ab*"], "ab"), "ab*");
    assert_eq!(won(&["*.orders_all", "orders"], "orders"), "orders");
    assert_eq!(won(&["x*"], "orders"), "none");
    // A later, more specific pattern settles what two lesser ones leave open.
    assert_eq!(won(&["a*", "*a", "aba"], "aba"), "aba");
    assert_snapshot!(pick(&["a*", "x", "*a"], "aba").unwrap_err(), @"the table patterns `a*` and `*a` both mean table aba and neither is more specific");
    assert_snapshot!(pick(&["main.orders", "orders"], "orders").unwrap_err(), @"the table patterns `main.orders` and `orders` both mean table orders and neither is more specific");
}

#[test]
fn a_pattern_that_means_no_table_is_named_with_what_was_probably_meant() {
    let tables = [table("order"), table("shop.customers"), table("stock")];
    let said = |texts: &[&str]| {
        let found = unmatched(&patterns(texts), &tables, Some("main"));
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(said(&["order", "s*", "shop.*"]), "");
    assert_snapshot!(said(&["orders", "log_*", "shop.customer", "Stock", "entirely_else"]), @r"
    no such table orders; did you mean order?
    no table matches log_*
    no such table shop.customer; did you mean shop.customers?
    no such table Stock; did you mean stock?
    no such table entirely_else
    ");
}

#[test]
fn a_selection_weighs_what_it_excludes_against_what_it_includes() {
    let wants = |include: &[&str], exclude: &[&str], name: &str| {
        Selection { include: patterns(include), exclude: patterns(exclude) }.wants(&table(name), None)
    };
    assert!(wants(&[], &[], "orders"));
    assert!(wants(&["orders"], &[], "orders"));
    assert!(!wants(&["orders"], &[], "stock"));
    assert!(!wants(&[], &["orders"], "orders"));
    assert!(wants(&[], &["orders"], "stock"));
    assert!(!wants(&["*"], &["log_*"], "log_1"));
    assert!(wants(&["log_1", "*"], &["log_*"], "log_1"));
    assert!(!wants(&["orders"], &["orders"], "orders"));
    let some = Selection { include: patterns(&["orders", "x*"]), exclude: Vec::new() };
    assert_eq!(some.unmatched(&[table("orders")], None).len(), 1);
}

proptest! {
    /// Whatever a database calls a table: quoted, it names exactly that table.
    #[test]
    fn every_name_can_be_quoted(name in "\\PC{1,12}", other in "\\PC{1,12}") {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        prop_assert_eq!(TableName::parse(&quoted).unwrap(), TableName::bare(&name));
        let pattern = Pattern::parse(&quoted).unwrap();
        prop_assert_eq!(pattern.matches(&TableName::bare(&other), None), name == other);
    }

    #[test]
    fn the_winner_does_not_hang_on_the_order(texts in prop::collection::vec("[ab*?]{1,4}", 1..5), name in "[ab]{1,4}") {
        let forward: Vec<Pattern> = texts.iter().map(|t| Pattern::parse(t).unwrap()).collect();
        let backward: Vec<Pattern> = forward.iter().rev().cloned().collect();
        let table = TableName::bare(&name);
        let one = winner(&forward, &table, None).map(|i| i.map(|i| forward[i].clone()));
        let two = winner(&backward, &table, None).map(|i| i.map(|i| backward[i].clone()));
        match (one, two) {
            (Ok(one), Ok(two)) => prop_assert_eq!(one, two),
            (one, two) => prop_assert!(one.is_err() && two.is_err()),
        }
    }
}
