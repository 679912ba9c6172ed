#![allow(clippy::unwrap_used)]

use syncline_model::{Column, LogicalType, TableName, TableSchema};

use super::super::BRAND;
use super::{fits, without_bounds};

fn table(logical: LogicalType, native: &str) -> TableSchema {
    let id = Column { nullable: false, ..Column::new("id", LogicalType::Int { bits: 32, signed: true }) };
    let value = Column { native: native.into(), ..Column::new("v", logical) };
    let mut table = TableSchema::new(TableName::bare("t"), vec![id, value]);
    (table.brand, table.key) = (BRAND.into(), vec![0]);
    table
}

#[test]
fn bounds_are_left_out() {
    for (native, plain) in [
        ("numeric(10,2)", "numeric"),
        ("timestamp(3) without time zone", "timestamp without time zone"),
        ("integer", "integer"),
        ("odd)(", "odd)("),
    ] {
        assert_eq!(without_bounds(native), plain);
    }
}

/// An array, a range or a row of types that are somebody's own names them by numbers that another database does not know.
#[test]
fn only_types_that_every_database_knows_pass() {
    let array = |of| LogicalType::Array(Box::new(of));
    for (logical, native, passes) in [
        (LogicalType::Enum { labels: vec!["a".into()] }, "mood", true),
        (LogicalType::Other, "inet", true),
        (LogicalType::Other, "bit varying(5)", true),
        (array(LogicalType::Date), "date[]", true),
        (array(LogicalType::Text { chars_max: Some(9) }), "character varying(9)[]", true),
        (array(LogicalType::Enum { labels: Vec::new() }), "mood[]", false),
        (LogicalType::Other, "some_row", false),
        (LogicalType::Other, "money", false),
        (LogicalType::Other, "hstore", false),
    ] {
        assert_eq!(fits(&table(logical, native), None), passes, "{native}");
    }
}

#[test]
fn a_table_that_is_there_must_have_the_very_types() {
    let int = || LogicalType::Int { bits: 32, signed: true };
    let (source, mut there) = (table(int(), "integer"), table(int(), "integer"));
    assert!(fits(&source, Some(&there)));
    there.columns.swap(0, 1);
    assert!(fits(&source, Some(&there)));
    there.columns.iter_mut().for_each(|c| c.generated = true);
    assert!(!fits(&source, Some(&there)));
    assert!(!fits(&source, Some(&table(int(), "bigint"))));
    let mut nullable = source.clone();
    nullable.columns.iter_mut().for_each(|c| c.nullable = true);
    assert!(!fits(&nullable, None), "a null in a key would pass");
    assert!(!fits(&TableSchema { brand: "sqlite".into(), ..source }, None));
}
