#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::cmp::Ordering;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use insta::assert_snapshot;
use proptest::prelude::*;

use super::{Cell, CellBuf, Interval};
use crate::decimal::Decimal;
use crate::temporal::{DATE_MAX, DATE_MIN, DAY_US, TIMESTAMP_MAX, TIMESTAMP_MIN};

/// Numbers that sit side by side in the order but are of different kinds, so that ties are common.
fn number() -> impl Strategy<Value = CellBuf> {
    let near = prop_oneof![Just(0i64), Just(1), Just(-1), Just(i64::MAX), Just(i64::MIN), Just(1 << 53), any::<i64>()];
    let float = prop_oneof![
        Just(0.0),
        Just(-0.0),
        Just(1.0),
        Just(-1.0),
        Just(0.1),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(5e-324),
        Just(f64::MAX),
        Just(9.223_372_036_854_776e18),
        Just(9_007_199_254_740_992.0),
        Just(1.844_674_407_370_955_2e19),
        any::<f64>(),
    ];
    let text = prop_oneof![
        Just("0".to_owned()),
        Just("-0.00".to_owned()),
        Just("1.0".to_owned()),
        Just("0.1".to_owned()),
        Just("0.100000000000000005551115123125782702118158340454101562500".to_owned()),
        Just("9223372036854775808.0".to_owned()),
        Just(format!("1{}", "0".repeat(400))),
        "-?[0-9]{1,45}",
        "-?[0-9]{1,45}\\.[0-9]{1,45}",
    ];
    prop_oneof![
        any::<bool>().prop_map(|v| CellBuf::Plain(Cell::Bool(v))),
        near.prop_map(CellBuf::from),
        ((i64::MAX as u64)..=u64::MAX).prop_map(|v| CellBuf::Plain(Cell::uint(v))),
        float.prop_map(|v| CellBuf::Plain(Cell::Float(v))),
        ((-12i128..=12), 0u8..3)
            .prop_map(|(unscaled, scale)| { CellBuf::Plain(Cell::Decimal(Decimal::Fixed { unscaled, scale })) }),
        (any::<i128>(), 0u8..=38)
            .prop_map(|(unscaled, scale)| { CellBuf::Plain(Cell::Decimal(Decimal::Fixed { unscaled, scale })) }),
        text.prop_map(|text| CellBuf::Decimal(text.into())),
    ]
}

/// Any canonical cell; texts often look like the dates and times that they are ordered against.
pub(crate) fn cell() -> impl Strategy<Value = CellBuf> {
    let days = prop_oneof![Just(0), Just(1), Just(DATE_MIN), Just(DATE_MAX), DATE_MIN..=DATE_MAX];
    let time = prop_oneof![Just(0), Just(1), Just(500_000), Just(1_000_000), 0..DAY_US];
    let us = prop_oneof![
        Just(0),
        Just(1),
        Just(500_000),
        Just(TIMESTAMP_MIN),
        Just(TIMESTAMP_MAX),
        TIMESTAMP_MIN..=TIMESTAMP_MAX
    ];
    let text = prop_oneof![
        "[ab0-9 :.+-]{0,6}",
        "\\PC{0,6}",
        Just("1970-01-01".to_owned()),
        Just("1970-01-01 00:00:00".to_owned()),
        Just("00:00:00.500".to_owned()),
        Just("1970-01-01 00:00:00+00".to_owned()),
        Just("1970-01-01 00:00:00+0000".to_owned()),
        Just("1970-01-01 00:00:00+00:00".to_owned()),
    ];
    let bytes = || prop::collection::vec(any::<u8>(), 0..6);
    prop_oneof![
        1 => Just(CellBuf::NULL),
        6 => number(),
        3 => text.prop_map(|text| CellBuf::Text(text.into())),
        2 => prop_oneof![bytes(), Just(b"1970-01-01".to_vec())].prop_map(|b| CellBuf::BadText(b.into())),
        1 => bytes().prop_map(|b| CellBuf::Bytes(b.into())),
        1 => days.prop_map(|v| CellBuf::Plain(Cell::Date(v))),
        1 => time.prop_map(|v| CellBuf::Plain(Cell::Time(v))),
        1 => us.clone().prop_map(|v| CellBuf::Plain(Cell::Timestamp(v))),
        1 => us.prop_map(|v| CellBuf::Plain(Cell::TimestampTz(v))),
        1 => any::<(i32, i32, i64)>().prop_map(|(months, days, us)| {
            CellBuf::Plain(Cell::Interval(Interval { months, days, us }))
        }),
        1 => any::<[u8; 16]>().prop_map(|v| CellBuf::Plain(Cell::Uuid(v))),
    ]
}

fn bytes(cell: &CellBuf) -> Vec<u8> {
    let mut out = Vec::new();
    cell.as_cell().canonical_bytes(&mut out);
    out
}

/// Boxed: six strategies of cells by value are more than a test's stack holds.
fn two(of: impl Strategy<Value = CellBuf> + 'static) -> BoxedStrategy<Vec<CellBuf>> {
    let of = of.boxed();
    let small = prop_oneof![Just(Cell::Int(1)), Just(Cell::Float(1.0)), Just(Cell::Bool(true)), Just(Cell::Int(2))];
    let near = (small.clone(), small).prop_map(|(a, b)| vec![CellBuf::Plain(a), CellBuf::Plain(b)]);
    prop_oneof![near, (of.clone(), of).prop_map(|(a, b)| vec![a, b])].boxed()
}

fn cmp_keys(a: &[CellBuf], b: &[CellBuf]) -> Ordering {
    Cell::cmp_keys(a.iter().map(CellBuf::as_cell), b.iter().map(CellBuf::as_cell))
}

fn hash(cell: &CellBuf) -> u64 {
    let mut hasher = DefaultHasher::new();
    cell.hash(&mut hasher);
    hasher.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn equality_order_hash_and_bytes_agree((a, b) in prop_oneof![(cell(), cell()), (number(), number())]) {
        let same = a == b;
        prop_assert_eq!(same, a.cmp(&b) == Ordering::Equal);
        prop_assert_eq!(same, bytes(&a) == bytes(&b));
        prop_assert!(!same || hash(&a) == hash(&b));
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(&a, &a.clone());
    }

    #[test]
    fn the_order_is_transitive((a, b, c) in prop_oneof![(cell(), cell(), cell()), (number(), number(), number())]) {
        let mut three = [&a, &b, &c];
        three.sort();
        prop_assert!(three[0] <= three[1] && three[1] <= three[2] && three[0] <= three[2]);
        if a == b {
            prop_assert_eq!(a.cmp(&c), b.cmp(&c));
        }
    }

    #[test]
    fn values_sort_as_cells_do_but_for_ties((a, b, c) in prop_oneof![(cell(), cell(), cell()), (number(), number(), number())]) {
        let by_value = |x: &CellBuf, y: &CellBuf| x.as_cell().cmp_value(&y.as_cell());
        prop_assert!(by_value(&a, &b) == Ordering::Equal || by_value(&a, &b) == a.cmp(&b));
        prop_assert_eq!(by_value(&a, &b), by_value(&b, &a).reverse());
        if by_value(&a, &b) == Ordering::Equal {
            prop_assert_eq!(by_value(&a, &c), by_value(&b, &c));
        }
    }

    #[test]
    fn keys_have_one_order((a, b, c) in prop_oneof![
        (two(number()), two(number()), two(number())), (two(cell()), two(cell()), two(cell())),
    ]) {
        prop_assert_eq!(cmp_keys(&a, &b), cmp_keys(&b, &a).reverse());
        prop_assert_eq!(cmp_keys(&a, &b) == Ordering::Equal, a == b);
        let mut three = [&a, &b, &c];
        three.sort_by(|x, y| cmp_keys(x, y));
        prop_assert!(cmp_keys(three[0], three[1]).is_le() && cmp_keys(three[1], three[2]).is_le());
        prop_assert!(cmp_keys(three[0], three[2]).is_le());
    }

    #[test]
    fn no_canonical_form_begins_another(a in prop::collection::vec(cell(), 0..4), b in prop::collection::vec(cell(), 0..4)) {
        let joined = |cells: &[CellBuf]| cells.iter().flat_map(bytes).collect::<Vec<u8>>();
        prop_assert_eq!(joined(&a) == joined(&b), a == b);
        for (one, two) in a.iter().zip(&b) {
            prop_assert!(one == two || !bytes(two).starts_with(&bytes(one)));
        }
    }

    #[test]
    fn an_owned_copy_is_the_same_cell(a in cell()) {
        prop_assert_eq!(&a.as_cell().to_owned(), &a);
        prop_assert!(a.as_cell().is_canonical());
    }
}

#[test]
fn what_must_stay_apart_stays_apart_and_what_is_one_is_one() {
    let fixed = |unscaled, scale| CellBuf::Plain(Cell::Decimal(Decimal::Fixed { unscaled, scale }));
    let float = |v| CellBuf::Plain(Cell::Float(v));
    assert_eq!(fixed(110, 2), fixed(11, 1));
    assert_eq!(fixed(110, 2), CellBuf::Decimal("01.10".into()));
    assert_eq!(fixed(0, 0), CellBuf::Decimal("-0.000".into()));
    assert_eq!(float(f64::NAN), float(-f64::NAN));
    assert_ne!(float(0.0), float(-0.0));
    assert_ne!(CellBuf::from(1), float(1.0));
    assert_ne!(CellBuf::from(1), CellBuf::Plain(Cell::Bool(true)));
    assert_ne!(CellBuf::Text("a".into()), CellBuf::BadText(b"a"[..].into()));
    assert_eq!(Cell::uint(5), Cell::Int(5));
    assert!(CellBuf::from(i64::MAX) < CellBuf::Plain(Cell::uint(1 << 63)));
    // 2^53 + 1 is no double: the integer lies above it, though a cast would make them one.
    assert!(CellBuf::from((1 << 53) + 1) > float(9_007_199_254_740_992.0));
    assert!(float(0.1) > CellBuf::Decimal("0.1".into()));
    assert!(float(f64::NAN) > float(f64::INFINITY) && float(f64::INFINITY) > CellBuf::Decimal("9".repeat(400).into()));
}

#[test]
fn keys_sort_by_all_values_before_any_kind() {
    let key = |a: Cell<'static>, b: &str| vec![CellBuf::Plain(a), CellBuf::from(b)];
    let rising = [
        key(Cell::Int(1), "a"),
        key(Cell::Float(1.0), "a"),
        key(Cell::Int(1), "b"),
        key(Cell::Float(1.0), "b"),
        key(Cell::Bool(false), "c"),
    ];
    assert!(rising[..4].is_sorted_by(|a, b| cmp_keys(a, b).is_lt()));
    assert!(cmp_keys(&rising[4], &rising[0]).is_lt());
    assert_eq!(Cell::Float(-0.0).cmp_value(&Cell::Float(0.0)), Ordering::Equal);
    assert_eq!(Cell::Float(f64::NAN).cmp_value(&Cell::Float(f64::INFINITY)), Ordering::Greater);
    assert_eq!(Cell::Float(f64::NAN).cmp_value(&Cell::Float(-f64::NAN)), Ordering::Equal);
}

/// As SQLite sorts its storage classes; dates stand among the texts that look like them.
#[test]
fn unlike_kinds_have_the_order_of_their_text() {
    let rising = [
        Cell::Null,
        Cell::Float(f64::NEG_INFINITY),
        Cell::Int(-1),
        Cell::Bool(false),
        Cell::Decimal(Decimal::Text("0.5")),
        Cell::UInt(u64::MAX),
        Cell::Interval(Interval { months: 0, days: 0, us: 0 }),
        Cell::Text("1969"),
        Cell::Date(0),
        Cell::Timestamp(0),
        Cell::TimestampTz(0),
        Cell::Timestamp(500_000),
        Cell::Text("1971"),
        Cell::Uuid([0x20; 16]),
        Cell::BadText(b"\xff"),
        Cell::Bytes(b""),
    ];
    assert!(rising.is_sorted_by(|a, b| a < b));
}

#[test]
fn cells_outside_their_range_are_not_canonical() {
    for cell in [
        Cell::UInt(5),
        Cell::Date(DATE_MAX + 1),
        Cell::Date(DATE_MIN - 1),
        Cell::Time(-1),
        Cell::Time(DAY_US),
        Cell::Timestamp(TIMESTAMP_MAX + 1),
        Cell::TimestampTz(TIMESTAMP_MIN - 1),
    ] {
        assert!(!cell.is_canonical(), "{cell:?}");
    }
}

#[test]
fn the_text_form_of_every_kind() {
    let cells = [
        Cell::Null,
        Cell::Bool(true),
        Cell::Int(-7),
        Cell::UInt(u64::MAX),
        Cell::Float(0.1),
        Cell::Float(-0.0),
        Cell::Float(f64::NAN),
        Cell::Decimal(Decimal::Fixed { unscaled: -5, scale: 3 }),
        Cell::Text("ä"),
        Cell::BadText(b"a\xff"),
        Cell::Bytes(b"a\xff"),
        Cell::Date(DATE_MIN),
        Cell::Time(1_500_000),
        Cell::Timestamp(TIMESTAMP_MAX),
        Cell::TimestampTz(-1),
        Cell::Interval(Interval { months: 1, days: -2, us: 3 }),
        Cell::Interval(Interval { months: -25, days: 0, us: -14_706_780_000 }),
        Cell::Interval(Interval { months: 0, days: 0, us: 0 }),
        Cell::Uuid([0x1f; 16]),
    ];
    let shown: Vec<String> = cells
        .iter()
        .map(|cell| {
            let mut text = format!("{}: ", cell.kind_name());
            cell.format(&mut text);
            text
        })
        .collect();
    assert_snapshot!(shown.join("\n"), @r"
    null: null
    a bool: true
    an integer: -7
    an unsigned integer: 18446744073709551615
    a float: 0.1
    a float: -0.0
    a float: NaN
    a decimal: -0.005
    text: ä
    text that is not UTF-8: a�
    bytes: 0x61ff
    a date: 0001-01-01
    a time: 00:00:01.500
    a timestamp: 9999-12-31 23:59:59.999999
    a timestamptz: 1969-12-31 23:59:59.999999+00:00
    an interval: P1M-2DT0.000003S
    an interval: P-2Y-1MT-4H-5M-6.78S
    an interval: PT0S
    a uuid: 1f1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1f
    ");
}

proptest! {
    #[test]
    fn the_canonical_bytes_are_read_back(cells in prop::collection::vec(cell(), 0..5), cut in any::<prop::sample::Index>()) {
        let mut bytes = Vec::new();
        cells.iter().for_each(|cell| cell.as_cell().canonical_bytes(&mut bytes));
        let mut rest = &bytes[..];
        for cell in &cells {
            prop_assert_eq!(&CellBuf::from_canonical(&mut rest).unwrap(), cell);
        }
        prop_assert!(rest.is_empty());
        // Whatever is cut off is noticed.
        if !bytes.is_empty() {
            let mut short = &bytes[..cut.index(bytes.len())];
            let read = cells.iter().map_while(|_| CellBuf::from_canonical(&mut short)).count();
            prop_assert!(read < cells.len());
        }
    }
}

/// Stored in clocks and compare state: these bytes never change.
#[test]
fn the_canonical_bytes_are_pinned() {
    let hex = |cell: Cell<'_>| {
        let mut out = Vec::new();
        cell.canonical_bytes(&mut out);
        out.iter().map(|b| format!("{b:02x}")).collect::<String>()
    };
    assert_eq!(hex(Cell::Null), "00");
    assert_eq!(hex(Cell::Int(-2)), "02fffffffffffffffe");
    assert_eq!(hex(Cell::Float(f64::NAN)), "047ff8000000000000");
    assert_eq!(hex(Cell::Decimal(Decimal::Text("-001.50"))), "0500000000000000042d312e35");
    assert_eq!(hex(Cell::Decimal(Decimal::Fixed { unscaled: -150, scale: 2 })), "0500000000000000042d312e35");
    assert_eq!(hex(Cell::Text("ab")), "0600000000000000026162");
    assert_eq!(hex(Cell::Interval(Interval { months: 1, days: 2, us: 3 })), "0d00000001000000020000000000000003");
}
