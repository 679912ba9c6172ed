#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use insta::assert_snapshot;
use proptest::prelude::*;

use super::{Column, Index, LogicalType, TableName, TableSchema};

/// Every logical type, bounds close enough together that one often holds another.
pub(crate) fn logical() -> impl Strategy<Value = LogicalType> {
    use LogicalType::*;
    let bound = || prop_oneof![Just(None), (1u32..4).prop_map(Some)];
    let leaf = prop_oneof![
        Just(Any),
        Just(Bool),
        Just(Float32),
        Just(Float64),
        Just(Date),
        Just(Time),
        Just(Timestamp),
        Just(TimestampTz),
        Just(Interval),
        Just(Uuid),
        Just(Json),
        Just(Other),
        (prop_oneof![Just(8u8), Just(16), Just(24), Just(32), Just(64)], any::<bool>())
            .prop_map(|(bits, signed)| Int { bits, signed }),
        (1u16..45, -3i16..45).prop_map(|(p, s)| Decimal { precision: Some(p), scale: Some(s) }),
        prop_oneof![Just(None), (0i16..4).prop_map(Some)].prop_map(|scale| Decimal { precision: None, scale }),
        (1u16..30).prop_map(|p| Decimal { precision: Some(p), scale: None }),
        bound().prop_map(|chars_max| Text { chars_max }),
        bound().prop_map(|bytes_max| Bytes { bytes_max }),
        prop::collection::vec("[ab]", 1..3).prop_map(|labels| Enum { labels }),
    ];
    leaf.prop_recursive(2, 4, 1, |inner| inner.prop_map(|of| Array(Box::new(of))))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn holds_is_reflexive_and_transitive(a in logical(), b in logical(), c in logical()) {
        prop_assert!(a.holds(&a));
        prop_assert!(!(a.holds(&b) && b.holds(&c)) || a.holds(&c), "{a} holds {b} holds {c}");
    }

    /// F76: whatever number the one type can have, the other has too.
    #[test]
    fn a_decimal_that_holds_another_has_all_its_digits(p in 1u16..40, s in -3i16..40, q in 1u16..40, r in -3i16..40) {
        let decimal = |p, s| LogicalType::Decimal { precision: Some(p), scale: Some(s) };
        let greatest = |p: u16, s: i16| i32::from(p) - i32::from(s);
        let all_digits = greatest(q, r) <= greatest(p, s) && r <= s;
        prop_assert_eq!(decimal(p, s).holds(&decimal(q, r)), all_digits);
    }
}

#[test]
fn what_holds_what() {
    use LogicalType::*;
    let int = |bits, signed| Int { bits, signed };
    let decimal = |p, s| Decimal { precision: Some(p), scale: Some(s) };
    for (own, from) in [
        (int(64, true), int(32, false)),
        (int(32, true), Bool),
        (decimal(10, 0), int(32, true)),
        (decimal(12, 2), decimal(10, 1)),
        (Float64, Float32),
        (Text { chars_max: None }, Json),
        (Text { chars_max: Some(5) }, Text { chars_max: Some(5) }),
        (Any, Interval),
        (decimal(1, 0), Bool),
        (decimal(20, 0), int(64, false)),
        (Decimal { precision: None, scale: None }, decimal(60, 30)),
    ] {
        assert!(own.holds(&from), "{own} should hold {from}");
    }
    for (own, from) in [
        (int(32, true), int(32, false)),
        (int(64, false), int(8, true)),
        (int(32, true), int(64, true)),
        (Bool, int(8, true)),
        (decimal(10, 2), int(32, true)),
        (decimal(10, 2), decimal(10, 3)),
        (decimal(12, -2), int(8, true)),
        (Float32, Float64),
        (Float64, int(32, true)),
        (Text { chars_max: Some(4) }, Text { chars_max: None }),
        (Timestamp, TimestampTz),
        (TimestampTz, Timestamp),
        (Json, Text { chars_max: None }),
        (Array(Box::new(int(64, true))), Array(Box::new(Bool))),
        (decimal(60, 30), Decimal { precision: None, scale: None }),
        (Decimal { precision: None, scale: Some(2) }, decimal(10, 3)),
    ] {
        assert!(!own.holds(&from), "{own} should not hold {from}");
    }
}

#[test]
fn what_takes_what() {
    use LogicalType::*;
    let text = |chars_max| Text { chars_max };
    let whole = |p| Decimal { precision: Some(p), scale: Some(0) };
    for (own, from) in [
        (Bool, Int { bits: 8, signed: true }),
        (Timestamp, TimestampTz),
        (TimestampTz, Timestamp),
        (text(Some(36)), Uuid),
        (text(None), Array(Box::new(Date))),
        (Int { bits: 64, signed: false }, whole(20)),
        (Float64, Float32),
    ] {
        assert!(own.takes(&from), "{own} should take {from}");
    }
    for (own, from) in [
        (Bool, Int { bits: 16, signed: true }),
        (Int { bits: 64, signed: false }, whole(21)),
        (Int { bits: 64, signed: true }, whole(19)),
        (Int { bits: 64, signed: false }, Decimal { precision: Some(20), scale: Some(1) }),
        (Int { bits: 32, signed: true }, Int { bits: 64, signed: true }),
        (text(Some(36)), Array(Box::new(Date))),
        (text(Some(4)), text(None)),
        (text(None), Bytes { bytes_max: None }),
        (text(None), Float64),
        (Uuid, text(None)),
        (Date, Timestamp),
        (Date, Any),
    ] {
        assert!(!own.takes(&from), "{own} should not take {from}");
    }
}

fn table() -> TableSchema {
    let mut table = TableSchema::new(
        TableName::bare("orders"),
        vec![
            Column { nullable: false, ..Column::new("id", LogicalType::Int { bits: 32, signed: true }) },
            Column::new("name", LogicalType::Text { chars_max: Some(40) }),
        ],
    );
    table.key = vec![0];
    table
}

/// What SQLite declares binds nothing, so another brand looks at the values; its own brand may still rely on it.
#[test]
fn a_loose_declaration_binds_nothing_at_another_brand() {
    let source = |loose, brand: &str| {
        let mut source = table();
        source.columns[0].logical = LogicalType::Int { bits: 64, signed: true };
        source.columns[1].logical = LogicalType::Any;
        TableSchema { loose, brand: brand.into(), ..source }
    };
    let sink = TableSchema { brand: "postgres".into(), ..table() };
    let found = |source: TableSchema| source.misfits(&sink).len();
    assert_eq!((found(source(true, "sqlite")), found(source(false, "sqlite"))), (0, 2));
    assert_eq!(found(source(true, "postgres")), 2);
    let mut bytes = source(true, "sqlite");
    bytes.columns[1].logical = LogicalType::Bytes { bytes_max: None };
    assert_eq!(found(bytes), 1);
}

fn misfits(change: impl FnOnce(&mut TableSchema)) -> String {
    let mut sink = table();
    change(&mut sink);
    table().misfits(&sink).join("\n")
}

#[test]
fn what_fits_has_no_misfits() {
    assert_eq!(misfits(|_| ()), "");
    assert_eq!(misfits(|s| s.columns[0].logical = LogicalType::Int { bits: 64, signed: true }), "");
    assert_eq!(
        misfits(|s| {
            s.columns.reverse();
            s.key = vec![1]
        }),
        ""
    );
    assert_eq!(misfits(|s| s.columns.push(Column::new("extra", LogicalType::Bool))), "");
    let filled = |default: Option<&str>, generated| Column {
        nullable: false,
        default: default.map(Into::into),
        generated,
        ..Column::new("extra", LogicalType::Bool)
    };
    assert_eq!(misfits(|s| s.columns.push(filled(Some("0"), false))), "");
    assert_eq!(misfits(|s| s.columns.push(filled(None, true))), "");
    assert_eq!(misfits(|s| s.columns.push(Column { numbered: true, ..filled(None, false) })), "");
    // I10: a column that the sink computes takes a value only from a column that the source computes too.
    assert_eq!(
        misfits(|s| s.columns[1] = Column { generated: true, ..Column::new("name", LogicalType::Bool) }),
        "the sink computes column name by itself and would not keep its value"
    );
    // Two columns tell the same rows apart in either order.
    let mut wide = table();
    wide.key = vec![0, 1];
    let turned = TableSchema { key: vec![1, 0], ..wide.clone() };
    assert_eq!(wide.misfits(&turned), [""; 0]);
    // A unique index over the same columns tells rows apart as well as a primary key.
    assert_eq!(
        misfits(|s| {
            s.key = vec![1];
            s.indexes = vec![Index { name: None, columns: vec![0], unique: true }]
        }),
        ""
    );
}

#[test]
fn every_misfit_is_named() {
    assert_snapshot!(misfits(|s| { s.columns.remove(1); }), @"the sink has no column name");
    assert_snapshot!(misfits(|s| s.columns[0].logical = LogicalType::Int { bits: 16, signed: true }), @"column id is int32 at the source and int32 (int16) at the sink, which does not hold all of it");
    assert_snapshot!(misfits(|s| s.columns[1] = Column { native: "VARCHAR(20)".into(), ..Column::new("name", LogicalType::Text { chars_max: Some(20) }) }), @"column name is text(40) at the source and VARCHAR(20) (text(20)) at the sink, which does not hold all of it");
    assert_snapshot!(misfits(|s| s.columns[1].nullable = false), @"column name may be null at the source and may not at the sink");
    assert_snapshot!(misfits(|s| s.columns.push(Column { nullable: false, ..Column::new("extra", LogicalType::Bool) })), @"the sink's column extra needs a value that the source does not have");
    assert_snapshot!(misfits(|s| s.key = vec![0, 1]), @"the sink has no primary key or unique index over exactly (id)");
    assert_snapshot!(misfits(|s| { s.key = vec![]; s.indexes = vec![Index { name: None, columns: vec![0], unique: false }] }), @"the sink has no primary key or unique index over exactly (id)");
    assert_snapshot!(misfits(|s| s.columns[0].collation = Some("nocase".into())), @"key column id collates nocase at the sink and by bytes at the source: two keys could become one");
    let mut keyless = table();
    keyless.key = Vec::new();
    assert_snapshot!(keyless.misfits(&keyless).join("\n"), @"the source's table has no key");
}

#[test]
fn names_of_types() {
    use LogicalType::*;
    let names = [
        Any,
        Bool,
        Int { bits: 16, signed: true },
        Int { bits: 8, signed: false },
        Float32,
        Float64,
        Decimal { precision: Some(10), scale: Some(2) },
        Decimal { precision: None, scale: None },
        Text { chars_max: Some(40) },
        Text { chars_max: None },
        Bytes { bytes_max: Some(16) },
        Bytes { bytes_max: None },
        Enum { labels: vec!["a".into(), "b".into()] },
        Array(Box::new(Uuid)),
    ]
    .map(|t| t.to_string());
    assert_snapshot!(names.join(", "), @"any, bool, int16, uint8, float32, float64, decimal(10,2), decimal, text(40), text, bytes(16), bytes, enum of 2, array of uuid");
}
