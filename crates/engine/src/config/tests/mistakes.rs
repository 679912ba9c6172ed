//! Every mistake is named with its place and, where there is one, the word that was meant.

use super::*;

#[test]
fn unknown_keys_at_every_level() {
    insta::assert_snapshot!(mistake("version: 1\nconections: {}\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: {url: 'sqlite:a', pasword: x}\n"), @"");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night:\n    from: shop\n    to: laptop\n    tabels:\n      orders: {{}}\n")), @"");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night:\n    from: shop\n    to: laptop\n    tables:\n      orders:\n        wher: a = 1\n")), @"");
    insta::assert_snapshot!(mistake("version: 1\nzzz: {}\n"), @"");
}

#[test]
fn wrong_types() {
    insta::assert_snapshot!(mistake("version: 1\nconnections: 5\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: 5\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: [a]\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: {url: {a: b}}\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop:\n"), @"");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shop, to: {{a: b}}}}\n")), @"");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shop, to: laptop, tables: [orders]}}\n")), @"");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shop, to: laptop, tables: {{a: {{key: id}}}}}}\n")), @"");
    insta::assert_snapshot!(mistake("- version: 1\n"), @"");
}

#[test]
fn missing_and_unknown_versions() {
    insta::assert_snapshot!(mistake("connections: {}\n"), @"");
    insta::assert_snapshot!(mistake("version: 2\nnew_key: {}\n"), @"");
    insta::assert_snapshot!(mistake("version: \"1.0\"\n"), @"");
    insta::assert_snapshot!(mistake("verison: 1\n"), @"");
    insta::assert_snapshot!(mistake("version: [1]\n"), @"");
}

#[test]
fn missing_keys() {
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: {password: x}\n"), @"");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shop}}\n")), @"");
}

#[test]
fn keys_that_are_written_twice() {
    insta::assert_snapshot!(mistake("version: 1\nversion: 1\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: sqlite:a\n  shop: sqlite:b\n"), @"");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, tables: {{t: {{}}, t: {{}}}}}}\n")), @"");
}

#[test]
fn connections_that_are_not_there() {
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shp, to: laptop}}\n")), @"");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shop, to: [laptop, archive]}}\n")), @"");
    insta::assert_snapshot!(mistake("version: 1\njobs:\n  night: {from: shop, to: laptop}\n"), @"");
}

#[test]
fn sinks_that_make_no_sense() {
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shop, to: shop}}\n")), @"");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shop, to: []}}\n")), @"");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shop, to: [laptop, laptop]}}\n")), @"");
}

#[test]
fn words_that_are_not_known_or_not_yet() {
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, capture: triger}}\n")), @"");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, capture: trigger}}\n")), @"");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, mode: replace}}\n")), @"");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, batch_bytes_max: 2 MB}}\n")), @"");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, batch_bytes_max: 1}}\n")), @"");
}

#[test]
fn names_that_would_be_paths() {
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop.db: sqlite:a\n"), @"");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  a/b: {{from: shop, to: laptop}}\n")), @"");
}

#[test]
fn patterns() {
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n:\n    from: shop\n    to: laptop\n    tables:\n      a.b.c: {{}}\n")), @"");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n:\n    from: shop\n    to: laptop\n    tables:\n      a: {{}}\n      '\"a\"': {{}}\n")), @"");
}

#[test]
fn files_that_are_not_yaml() {
    insta::assert_snapshot!(mistake(""), @"");
    insta::assert_snapshot!(mistake("# nothing yet\n\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n\tshop: sqlite:a\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\nconnections: {shop: sqlite:a\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: 'sqlite:a\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n shop: sqlite:a\n   b: c\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\n---\nversion: 1\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\nconnections: *all\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\nconnections: !all {}\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  a: &a {url: 'sqlite:a'}\n  b: {<<: *a}\n"), @"");
    let error = parse::parse(Path::new("syncline.yaml"), b"version: 1\nconnections:\n  \xe4: x\n").unwrap_err();
    insta::assert_snapshot!(shown(&error), @"");
}

#[test]
fn a_byte_order_mark_moves_no_column() {
    assert!(plan("\u{feff}version: 1").is_ok());
    assert_eq!(mistake("\u{feff}verison: 1"), mistake("verison: 1"));
}

#[test]
fn references_that_lead_nowhere() {
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop:\n    url: sqlite:a\n    password: ${SHOP_PASSWORD}\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: \"sqlite:${file:missing.txt}\"\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: \"sqlite:${A\"\n"), @"");
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: \"sqlite:${A B}\"\n"), @"");
}
