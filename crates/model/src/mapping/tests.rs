#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod rows;

use insta::assert_snapshot;

use super::{Mapping, Rule, check_targets, retarget_foreign_keys};
use crate::error::ErrorKind;
use crate::schema::{Column, ForeignKey, Index, LogicalType, TableName, TableSchema};

fn not_null(name: &str) -> Column {
    Column { nullable: false, ..Column::new(name, LogicalType::Int { bits: 64, signed: true }) }
}

/// orders(id key, region, customer → customers, note, code unique)
fn orders() -> TableSchema {
    let text = |name| Column::new(name, LogicalType::Text { chars_max: None });
    let columns = vec![not_null("id"), text("region"), not_null("customer"), text("note"), not_null("code")];
    let mut table = TableSchema::new(TableName::parse("shop.orders").unwrap(), columns);
    table.key = vec![0];
    let index = |name: Option<&str>, columns: &[usize], unique| Index {
        name: name.map(Into::into),
        columns: columns.into(),
        unique,
    };
    table.indexes =
        vec![index(Some("by_note"), &[3, 1], false), index(None, &[3, 4], true), index(Some("by_code"), &[4], true)];
    table.foreign_keys = vec![foreign(&[2], "customers", &[])];
    table.not_carried = vec!["1 check constraint".into()];
    table
}

fn foreign(columns: &[usize], to: &str, to_columns: &[&str]) -> ForeignKey {
    ForeignKey {
        columns: columns.into(),
        to: TableName::parse(to).unwrap(),
        to_columns: to_columns.iter().map(ToString::to_string).collect(),
        on_delete: None,
        on_update: None,
    }
}

fn rule(change: impl FnOnce(&mut Rule)) -> Rule {
    let mut rule = Rule::default();
    change(&mut rule);
    rule
}

fn strings(all: &[&str]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

fn renames(all: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    all.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect()
}

fn mapped(change: impl FnOnce(&mut Rule)) -> Mapping {
    Mapping::new(&orders(), &rule(change)).unwrap()
}

/// What matters of a schema, short.
fn shown(table: &TableSchema) -> String {
    let names = |of: &[usize]| of.iter().map(|&c| &*table.columns[c].name).collect::<Vec<_>>().join(" ");
    let columns = table.columns.iter().map(|c| &*c.name).collect::<Vec<_>>().join(" ");
    let indexes =
        table.indexes.iter().map(|i| format!("{}({})", if i.unique { "unique" } else { "index" }, names(&i.columns)));
    let foreign =
        table.foreign_keys.iter().map(|f| format!("({})->{}({})", names(&f.columns), f.to, f.to_columns.join(" ")));
    let rest = indexes.chain(foreign).collect::<Vec<_>>().join(" ");
    format!("{} [{columns}] key({}) {rest} lost: {}", table.name, names(&table.key), table.not_carried.join("; "))
}

#[test]
fn the_default_rule_changes_nothing() {
    let mapping = mapped(|_| ());
    assert_eq!(*mapping.read, orders());
    assert_eq!(*mapping.write, orders());
    assert!(!mapping.is_filtered());
    assert_eq!(mapping.filter_columns(), [] as [usize; 0]);
}

#[test]
fn columns_move_and_everything_that_counts_them_follows() {
    let mapping = mapped(|r| {
        r.to = Some("sale".into());
        r.columns = renames(&[("id", "number"), ("customer", "buyer")]);
        r.exclude = strings(&["region"]);
        r.filter = Some("region = 'EU'".into());
    });
    assert_snapshot!(shown(&mapping.read), @"shop.orders [id region customer note code] key(id) index(note region) unique(note code) unique(code) (customer)->customers() lost: 1 check constraint");
    assert_snapshot!(shown(&mapping.write), @"sale [number buyer note code] key(number) unique(note code) unique(code) (buyer)->customers() lost: 1 check constraint; index by_note");
    assert_eq!(mapping.filter_columns(), [1]);
    // A column that only the filter needs is read and not written; one that nobody needs is not read.
    let mapping = mapped(|r| {
        r.exclude = strings(&["region", "customer"]);
        r.filter = Some("note IS NULL".into());
        r.to = Some("a.\"b.c\"".into())
    });
    assert_snapshot!(shown(&mapping.read), @"shop.orders [id note code] key(id) unique(note code) unique(code) lost: 1 check constraint; index by_note; the foreign key to customers");
    assert_snapshot!(shown(&mapping.write), @"a.b.c [id note code] key(id) unique(note code) unique(code) lost: 1 check constraint; index by_note; the foreign key to customers");
    assert_eq!(mapping.write.name.name.as_ref(), "b.c");
}

#[test]
fn names_may_be_exchanged() {
    let mapping = mapped(|r| r.columns = renames(&[("region", "note"), ("note", "region")]));
    assert_snapshot!(shown(&mapping.write), @"shop.orders [id note customer region code] key(id) index(region note) unique(region code) unique(code) (customer)->customers() lost: 1 check constraint");
}

#[test]
fn the_key_is_the_rules_else_the_tables_else_a_unique_index() {
    let chosen = mapped(|r| r.key = strings(&["code", "customer"]));
    assert_snapshot!(shown(&chosen.write), @"shop.orders [id region customer note code] key(code customer) index(note region) unique(note code) unique(code) unique(id) (customer)->customers() lost: 1 check constraint");
    assert_eq!(chosen.read.key, [4, 2]);
    let mut keyless = orders();
    keyless.key = Vec::new();
    // (note, code) is unique too, but note may be null.
    assert_snapshot!(shown(&Mapping::new(&keyless, &Rule::default()).unwrap().write), @"shop.orders [id region customer note code] key(code) index(note region) unique(note code) (customer)->customers() lost: 1 check constraint");
    let e = Mapping::new(&keyless, &rule(|r| r.exclude = strings(&["code"]))).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Schema);
    assert_snapshot!(format!("{e}; {}", e.advice()), @"the table has no key, so its rows cannot be told apart [table shop.orders]; name one with `--key TABLE=COLUMN,...` or `key:`, or leave the table out with `--exclude`");
}

/// I10: what replaces rows by key must know whether two rows can have the same one.
#[test]
fn a_chosen_key_says_whether_the_source_keeps_it_unique() {
    let unique = |key: &[&str]| mapped(|r| r.key = strings(key)).write.key_unique;
    assert!(unique(&[]) && unique(&["id"]) && unique(&["code"]));
    assert!(!unique(&["region"]) && !unique(&["customer", "code"]));
    // note may be null, but no sink takes a row with a null in its key.
    assert!(unique(&["note", "code"]));
}

#[test]
fn a_wrong_rule_is_an_error_before_any_row_moves() {
    let error = |change: &dyn Fn(&mut Rule)| {
        let e = Mapping::new(&orders(), &rule(change)).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Config);
        e.to_string()
    };
    assert_snapshot!(error(&|r| r.exclude = strings(&["id"])), @"column id belongs to the key and cannot be left out [table shop.orders]");
    assert_snapshot!(error(&|r| { r.key = strings(&["code"]); r.exclude = strings(&["code"]) }), @"column code belongs to the key and cannot be left out [table shop.orders]");
    assert_snapshot!(error(&|r| r.exclude = strings(&["notes"])), @"table shop.orders has no column notes; did you mean note? [table shop.orders]");
    assert_snapshot!(error(&|r| r.exclude = strings(&["note", "note"])), @"column note is named twice [table shop.orders]");
    assert_snapshot!(error(&|r| r.columns = renames(&[("Regio", "x")])), @"table shop.orders has no column Regio; did you mean region? [table shop.orders]");
    assert_snapshot!(error(&|r| r.columns = renames(&[("region", "note")])), @"the columns region and note would both be named note [table shop.orders]");
    assert_snapshot!(error(&|r| r.columns = renames(&[("region", "")])), @"column region is given an empty name [table shop.orders]");
    assert_snapshot!(error(&|r| { r.columns = renames(&[("region", "x")]); r.exclude = strings(&["region"]) }), @"column region is renamed and left out at once [table shop.orders]");
    assert_snapshot!(error(&|r| r.key = strings(&["ids"])), @"table shop.orders has no column ids; did you mean id? [table shop.orders]");
    assert_snapshot!(error(&|r| r.key = strings(&["id", "id"])), @"column id is named twice [table shop.orders]");
    assert_snapshot!(error(&|r| r.filter = Some("regio = 'EU'".into())), @"table shop.orders has no column regio; did you mean region? [table shop.orders]");
    assert_snapshot!(error(&|r| r.to = Some("a*".into())), @"`a*` is a pattern where one table must be named [table shop.orders]");
    assert_snapshot!(error(&|r| r.to = Some(String::new())), @"`` is not a table pattern: a part is empty [table shop.orders]");
}

#[test]
fn two_tables_on_one_are_refused() {
    let mut other = orders();
    other.name = TableName::parse("shop.returns").unwrap();
    let one = Mapping::new(&orders(), &rule(|r| r.to = Some("sale".into()))).unwrap();
    let two = |to: &str| Mapping::new(&other, &rule(|r| r.to = Some(to.into()))).unwrap();
    check_targets(&[one.clone(), two("sales")]).unwrap();
    let e = check_targets(&[one, two("sale")]).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Config);
    assert_snapshot!(e, @"the tables shop.orders and shop.returns both go to table sale");
}

#[test]
fn foreign_keys_follow_their_tables_and_columns() {
    let mut customers = TableSchema::new(
        TableName::parse("shop.customers").unwrap(),
        vec![not_null("id"), not_null("nr"), not_null("mail")],
    );
    customers.key = vec![0];
    let mut source = orders();
    source.foreign_keys = vec![
        foreign(&[2], "customers", &[]),
        foreign(&[2], "shop.customers", &["nr"]),
        foreign(&[4], "customers", &["mail"]),
        foreign(&[4], "other.customers", &[]),
        foreign(&[4], "elsewhere", &[]),
        foreign(&[0], "orders", &["id"]),
    ];
    let seen = |customer_rule: Rule| {
        // Of the same name in another schema: not what a reference without a schema means.
        let namesake = TableSchema { name: TableName::parse("depot.customers").unwrap(), ..customers.clone() };
        let sale = rule(|r| {
            r.to = Some("sale".into());
            r.columns = renames(&[("id", "number")]);
        });
        let mut all = [
            Mapping::new(&namesake, &Rule::default()).unwrap(),
            Mapping::new(&source, &sale).unwrap(),
            Mapping::new(&customers, &customer_rule).unwrap(),
        ];
        retarget_foreign_keys(&mut all);
        shown(&all[1].write)
    };
    assert_snapshot!(seen(rule(|r| { r.to = Some("buyer".into()); r.columns = renames(&[("nr", "number")]); r.exclude = strings(&["mail"]) })), @"sale [number region customer note code] key(number) index(note region) unique(note code) unique(code) (customer)->buyer() (customer)->buyer(number) (number)->sale(number) lost: 1 check constraint; the foreign key to customers; the foreign key to other.customers; the foreign key to elsewhere");
    // Another key is chosen there: "the key" must be named now.
    assert_snapshot!(seen(rule(|r| r.key = strings(&["nr"]))), @"sale [number region customer note code] key(number) index(note region) unique(note code) unique(code) (customer)->shop.customers(id) (customer)->shop.customers(nr) (code)->shop.customers(mail) (number)->sale(number) lost: 1 check constraint; the foreign key to other.customers; the foreign key to elsewhere");
}
