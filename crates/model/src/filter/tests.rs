#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod oracle;

use insta::assert_snapshot;

use super::Filter;
use crate::cell::Cell;
use crate::decimal::Decimal;
use crate::error::ErrorKind;
use crate::schema::{Column, LogicalType, TableName, TableSchema};

fn table() -> TableSchema {
    use LogicalType::*;
    let columns = [
        ("id", Int { bits: 32, signed: true }),
        ("big", Int { bits: 64, signed: false }),
        ("price", Decimal { precision: Some(10), scale: Some(2) }),
        ("ratio", Float64),
        ("single", Float32),
        ("region", Text { chars_max: None }),
        ("paid", Bool),
        ("day", Date),
        ("at", Timestamp),
        ("seen", TimestampTz),
        ("clock", Time),
        ("uid", Uuid),
        ("raw", Bytes { bytes_max: None }),
        ("kind", Enum { labels: vec!["new".into(), "old".into()] }),
        ("doc", Json),
        ("anything", Any),
        ("span", Interval),
        ("Order By", Text { chars_max: None }),
        ("Twin", Bool),
        ("twin", Bool),
    ];
    TableSchema::new(TableName::bare("orders"), columns.into_iter().map(|(n, t)| Column::new(n, t)).collect())
}

fn parse(text: &str) -> Filter {
    Filter::parse(text, &table()).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// What the filter says about a row in which that column has this cell and all others are null.
fn says(text: &str, column: &str, cell: Cell<'_>) -> Option<bool> {
    let position = table().position(column).unwrap();
    parse(text).eval(|c| if c == position { cell } else { Cell::Null })
}

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

#[test]
fn numbers_compare_by_value_whatever_their_kind() {
    let decimal = |text| Cell::Decimal(Decimal::from_text(text).unwrap());
    assert_eq!(says("price = 1.5", "price", decimal("1.50")), YES);
    assert_eq!(says("price > 1.499999999999999999999999999999999999999999", "price", decimal("1.50")), YES);
    assert_eq!(says("price = 15e-1", "price", decimal("1.50")), YES);
    assert_eq!(says("price = .5", "price", decimal("0.50")), YES);
    assert_eq!(says("price = 1.5", "price", Cell::Float(1.5)), YES);
    assert_eq!(says("id < 1.5", "id", Cell::Int(1)), YES);
    assert_eq!(says("id = -5", "id", Cell::Int(-5)), YES);
    assert_eq!(says("id = - -5", "id", Cell::Int(5)), YES);
    assert_eq!(says("id < 1e30", "id", Cell::Int(i64::MAX)), YES);
    assert_eq!(says("big = 18446744073709551615", "big", Cell::UInt(u64::MAX)), YES);
    assert_eq!(says("big > 9223372036854775807", "big", Cell::UInt(1 << 63)), YES);
    assert_eq!(says("id = 9007199254740993", "id", Cell::Int((1 << 53) + 1)), YES);
    assert_eq!(says("id = 9007199254740993", "id", Cell::Int(1 << 53)), NO);
    assert_eq!(says("id = TRUE", "id", Cell::Int(1)), YES);
    assert_eq!(says("paid = 1", "paid", Cell::Bool(true)), YES);
}

#[test]
fn floats_compare_with_the_nearest_float() {
    assert_eq!(says("ratio = 0.1", "ratio", Cell::Float(0.1)), YES);
    assert_eq!(says("single = 0.1", "single", Cell::Float(f64::from(0.1f32))), YES);
    assert_eq!(says("single = 0.1", "single", Cell::Float(0.1)), NO);
    assert_eq!(says("anything = 0.1", "anything", Cell::Float(0.1)), YES);
    assert_eq!(says("anything = 0.1", "anything", Cell::Decimal(Decimal::Text("0.10"))), YES);
    assert_eq!(says("ratio = 0", "ratio", Cell::Float(-0.0)), YES);
    assert_eq!(says("ratio > 1e308", "ratio", Cell::Float(f64::NAN)), YES);
    assert_eq!(says("ratio > 1e308", "ratio", Cell::Float(f64::INFINITY)), YES);
    assert_eq!(says("ratio = 1", "ratio", Cell::Int(1)), YES);
}

#[test]
fn text_compares_by_its_bytes() {
    assert_eq!(says("region = 'EU'", "region", Cell::Text("EU")), YES);
    assert_eq!(says("region = 'EU'", "region", Cell::Text("eu")), NO);
    assert_eq!(says("region = 'EU'", "region", Cell::Text("EU ")), NO);
    assert_eq!(says("region = 'it''s'", "region", Cell::Text("it's")), YES);
    assert_eq!(says("region < 'b'", "region", Cell::Text("Z")), YES);
    assert_eq!(says("'b' > region", "region", Cell::Text("a")), YES);
    assert_eq!(says("region = 'a'", "region", Cell::BadText(b"a\xff")), NO);
    assert_eq!(says("region < 'b'", "region", Cell::BadText(b"a\xff")), YES);
    assert_eq!(says("REGION = 'EU'", "region", Cell::Text("EU")), YES);
    assert_eq!(says("\"Order By\" = 'x'", "Order By", Cell::Text("x")), YES);
    assert_eq!(says("doc = '{}' AND kind IS NULL", "doc", Cell::Text("{}")), YES);
}

#[test]
fn cells_of_another_kind_differ_and_have_no_order() {
    for cell in [Cell::Text("5"), Cell::Bytes(b"5"), Cell::Date(5)] {
        assert_eq!(says("id = 5", "id", cell), NO);
        assert_eq!(says("id <> 5", "id", cell), YES);
        assert_eq!(says("id < 5", "id", cell), None);
        assert_eq!(says("id IN (4, 5)", "id", cell), NO);
    }
    assert_eq!(says("paid", "paid", Cell::Int(1)), None);
    assert_eq!(says("region LIKE '%'", "region", Cell::BadText(b"\xff")), None);
    assert_eq!(says("day < DATE '2026-01-01'", "day", Cell::Text("0000-00-00")), None);
}

#[test]
fn dates_and_times_in_every_accepted_form() {
    let day = Cell::Date(20_484);
    let at = 20_484 * 86_400_000_000i64 + 45_000_500_000;
    for text in ["day = DATE '2026-01-31'", "day = '2026-01-31'", "day BETWEEN '2026-01-31' AND DATE '2026-01-31'"] {
        assert_eq!(says(text, "day", day), YES, "{text}");
    }
    for text in
        ["at = TIMESTAMP '2026-01-31 12:30:00.5'", "at = '2026-01-31T12:30:00.500000'", "at > DATE '2026-01-31'"]
    {
        assert_eq!(says(text, "at", Cell::Timestamp(at)), YES, "{text}");
    }
    for zoned in ["12:30:00.5Z", "14:30:00.5+02", "14:30:00.5+0200", "14:30:00.5 +02:00", "07:00:00.5-05:30"] {
        let text = format!("seen = TIMESTAMP '2026-01-31 {zoned}'");
        assert_eq!(says(&text, "seen", Cell::TimestampTz(at)), YES, "{text}");
    }
    assert_eq!(says("clock >= '12:30:00.5'", "clock", Cell::Time(45_000_500_000)), YES);
    assert_eq!(says("clock < TIME '12:30:01'", "clock", Cell::Time(45_000_500_000)), YES);
    assert_eq!(says("anything = DATE '2026-01-31'", "anything", day), YES);
    assert_eq!(says("uid = '1F1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1f'", "uid", Cell::Uuid([0x1f; 16])), YES);
    assert_eq!(says("raw = X'00ff'", "raw", Cell::Bytes(&[0, 255])), YES);
}

#[test]
fn like_matches_whole_texts_and_escapes_only_where_asked() {
    let like = |condition: &str, text: &str| says(&format!("region {condition}"), "region", Cell::Text(text));
    assert_eq!(like("LIKE 'a%'", "abc"), YES);
    assert_eq!(like("LIKE 'a%'", "Abc"), NO);
    assert_eq!(like("LIKE 'a_c'", "aäc"), YES);
    assert_eq!(like("LIKE 'a'", "ab"), NO);
    assert_eq!(like("NOT LIKE '%b%'", "abc"), NO);
    assert_eq!(like("LIKE 'a\\%'", "a\\x"), YES);
    assert_eq!(like("LIKE 'a!%' ESCAPE '!'", "a%"), YES);
    assert_eq!(like("LIKE 'a!%' ESCAPE '!'", "ab"), NO);
    assert_eq!(like("LIKE '!!!_' ESCAPE '!'", "!_"), YES);
    assert_eq!(like("LIKE NULL", "a"), None);
    assert_eq!(says("region NOT LIKE 'a'", "id", Cell::Int(1)), None);
}

#[test]
fn null_makes_a_comparison_unknown() {
    assert_eq!(says("id = 1", "region", Cell::Text("x")), None);
    assert_eq!(says("id = NULL", "id", Cell::Int(1)), None);
    assert_eq!(says("NOT (id = 1)", "region", Cell::Null), None);
    assert_eq!(says("id IN (1, NULL)", "id", Cell::Int(1)), YES);
    assert_eq!(says("id IN (2, NULL)", "id", Cell::Int(1)), None);
    assert_eq!(says("id NOT IN (2, NULL)", "id", Cell::Int(1)), None);
    assert_eq!(says("id NOT IN (2, 3)", "id", Cell::Int(1)), YES);
    assert_eq!(says("id NOT BETWEEN 5 AND NULL", "id", Cell::Int(1)), YES);
    assert_eq!(says("id IS NULL AND region IS NOT NULL", "region", Cell::Text("")), YES);
    assert_eq!(says("id = 1 OR region = 'x'", "region", Cell::Text("x")), YES);
    assert_eq!(says("id = 1 AND region = 'y'", "region", Cell::Text("x")), NO);
    assert_eq!(says("TRUE", "id", Cell::Null), YES);
    assert_eq!(says("NULL", "id", Cell::Null), None);
    assert_eq!(says("paid AND NOT paid OR paid", "paid", Cell::Bool(true)), YES);
}

#[test]
fn the_columns_that_a_filter_looks_at() {
    assert_eq!(parse("region = 'a' OR id = 1 AND (region IS NULL OR NOT id IN (3))").columns(), [0, 5]);
    assert_eq!(parse("TRUE").columns(), [] as [usize; 0]);
}

/// F77: what is not at hand is not null.
#[test]
fn a_missing_cell_leaves_the_answer_open_only_if_it_matters() {
    let keeps = |text: &str| parse(text).keeps(|c| if c == 0 { Some(Cell::Int(1)) } else { None });
    assert_eq!(keeps("id = 1"), YES);
    assert_eq!(keeps("region = 'x'"), None);
    assert_eq!(keeps("region IS NULL"), None);
    assert_eq!(keeps("id = 2 AND region = 'x'"), NO);
    assert_eq!(keeps("id = 1 OR region = 'x'"), YES);
    assert_eq!(keeps("NOT (id = 2 AND region = 'x')"), YES);
    assert_eq!(keeps("NOT region = 'x'"), None);
    // Unknown does not keep a row, and no value of region changes that.
    assert_eq!(keeps("id = NULL AND region = 'x'"), NO);
}

fn error(text: &str) -> String {
    let e = Filter::parse(text, &table()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Config, "{text}");
    assert!(!e.advice().is_empty());
    e.to_string()
}

#[test]
fn columns_that_are_not_there_are_named_with_what_was_meant() {
    assert_snapshot!(error("regiom = 'EU'"), @"table orders has no column regiom; did you mean region?");
    assert_snapshot!(error("entirely_else = 'EU'"), @"table orders has no column entirely_else");
    assert_snapshot!(error("\"REGION\" = 'EU'"), @"table orders has no column REGION; did you mean region?");
    // Two columns differ only in case: without quotes it is not clear which one is meant.
    assert_snapshot!(error("TWIN"), @"table orders has no column TWIN; did you mean Twin?");
    assert_snapshot!(error("orders.region = 'EU'"), @"a filter names columns without their table");
    assert_snapshot!(error("region = \"EU\""), @"a filter compares a column with a literal, not with another column");
}

#[test]
fn literals_that_a_column_cannot_hold_are_refused_at_once() {
    let refusals = [
        "id = 'x'",
        "id = '1'",
        "id = DATE '2026-01-01'",
        "region = 5",
        "region = TRUE",
        "paid = 2",
        "paid = 'yes'",
        "day = TIMESTAMP '2026-01-31 00:00:00'",
        "day = '31.1.2026'",
        "day = '2026-02-30'",
        "at = '2026-01-31 00:00:00Z'",
        "seen = '2026-01-31 00:00:00'",
        "seen = DATE '2026-01-31'",
        "seen = '2026-01-31 00:00:00+19'",
        "seen = '2026-01-31 00:00:00+12::5'",
        "at = '2026-01-31 00:00:00.1234567'",
        "clock = '24:00:00'",
        "uid = 'x'",
        "uid = '1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f'",
        "raw = 'x'",
        "raw = X'0'",
        "kind = 'odd'",
        "kind < 'old'",
        "doc > '{}'",
        "span = '1 day'",
        "single = 1e39",
        "ratio = 1e399",
        "id LIKE '1%'",
        "id IN (1, 'x')",
        "id BETWEEN 1 AND 'x'",
        "id = 1e401",
        "id = 1e-2147483648",
    ];
    let all: Vec<String> = refusals.iter().map(|text| format!("{text}: {}", error(text))).collect();
    assert_snapshot!(all.join("\n"), @r"
    id = 'x': column id is int32 and cannot be compared with text
    id = '1': column id is int32 and cannot be compared with text
    id = DATE '2026-01-01': column id is int32 and cannot be compared with a date
    region = 5: column region is text and cannot be compared with a number
    region = TRUE: column region is text and cannot be compared with TRUE or FALSE
    paid = 2: column paid is bool and cannot be compared with a number
    paid = 'yes': column paid is bool and cannot be compared with text
    day = TIMESTAMP '2026-01-31 00:00:00': column day is date and cannot be compared with a timestamp
    day = '31.1.2026': column day is date and cannot be compared with text that is not of the form 2026-01-31 12:30:00.5
    day = '2026-02-30': column day is date and cannot be compared with text that is not of the form 2026-01-31 12:30:00.5
    at = '2026-01-31 00:00:00Z': column at is timestamp and cannot be compared with text with a zone: the column has none
    seen = '2026-01-31 00:00:00': column seen is timestamptz and cannot be compared with text without a zone: append Z, +00 or another offset
    seen = DATE '2026-01-31': column seen is timestamptz and cannot be compared with a date without a zone: append Z, +00 or another offset
    seen = '2026-01-31 00:00:00+19': column seen is timestamptz and cannot be compared with text that is not of the form 2026-01-31 12:30:00.5
    seen = '2026-01-31 00:00:00+12::5': column seen is timestamptz and cannot be compared with text that is not of the form 2026-01-31 12:30:00.5
    at = '2026-01-31 00:00:00.1234567': column at is timestamp and cannot be compared with text that is not of the form 2026-01-31 12:30:00.5
    clock = '24:00:00': column clock is time and cannot be compared with text that is not of the form 2026-01-31 12:30:00.5
    uid = 'x': column uid is uuid and cannot be compared with text that is no uuid
    uid = '1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f': column uid is uuid and cannot be compared with text that is no uuid
    raw = 'x': column raw is bytes and cannot be compared with text
    raw = X'0': a filter's comparison needs a column on one side and a literal on the other
    kind = 'odd': column kind is enum of 2 and cannot be compared with text that is none of its labels
    kind < 'old': column kind is enum of 2, which has no order that all databases share
    doc > '{}': column doc is json, which has no order that all databases share
    span = '1 day': column span is interval and cannot be compared with text
    single = 1e39: column single is float32 and cannot be compared with a number so great
    ratio = 1e399: column ratio is float64 and cannot be compared with a number so great
    id LIKE '1%': LIKE needs text, and column id is not text
    id IN (1, 'x'): column id is int32 and cannot be compared with text
    id BETWEEN 1 AND 'x': column id is int32 and cannot be compared with text
    id = 1e401: a filter's comparison needs a column on one side and a literal on the other
    id = 1e-2147483648: a filter's comparison needs a column on one side and a literal on the other
    ");
}

#[test]
fn everything_else_of_sql_is_refused() {
    let refusals = [
        "",
        "id",
        "id =",
        "id = 1 id",
        "id = 1; DROP TABLE orders",
        "id + 1 = 2",
        "id = 1 + 1",
        "abs(id) = 1",
        "id = (SELECT 1)",
        "id IN (SELECT 1)",
        "EXISTS (SELECT 1)",
        "CASE WHEN TRUE THEN TRUE END",
        "id::text = '1'",
        "CAST(id AS text) = '1'",
        "region ILIKE 'a'",
        "region SIMILAR TO 'a'",
        "region ~ 'a'",
        "region || 'a' = 'b'",
        "id IS TRUE",
        "id IS DISTINCT FROM 1",
        "1 = 1",
        "'x'",
        "id = ?",
        "id = $1",
        "id = -'1'",
        "id = -NULL",
        "*",
        "(id, big) = (1, 2)",
        "id = ANY(1)",
        "region LIKE region",
        "region LIKE 'a!' ESCAPE '!'",
        "region LIKE 'a!b' ESCAPE '!'",
        "region LIKE 'a' ESCAPE 'ab'",
        "region LIKE 'a' ESCAPE ''",
        "id XOR 1",
        "id = id",
        "id = 1 AND id",
        "NOT 5",
        "id = X'0'",
        "id = INTERVAL '1 day'",
        "id = 'unclosed",
        "raw = B'0'",
    ];
    let all: Vec<String> = refusals.iter().map(|text| format!("{text}: {}", error(text))).collect();
    assert_snapshot!(all.join("\n"), @r"
    : the filter is not a condition: sql parser error: Expected: an expression, found: EOF
    id: column id stands alone where a condition is wanted
    id =: the filter is not a condition: sql parser error: Expected: an expression, found: EOF
    id = 1 id: the filter goes on after the end of its condition
    id = 1; DROP TABLE orders: the filter goes on after the end of its condition
    id + 1 = 2: a filter's comparison needs a column on one side and a literal on the other
    id = 1 + 1: a filter's comparison needs a column on one side and a literal on the other
    abs(id) = 1: a filter's comparison needs a column on one side and a literal on the other
    id = (SELECT 1): a filter's comparison needs a column on one side and a literal on the other
    id IN (SELECT 1): the filter holds something that is not allowed in a filter
    EXISTS (SELECT 1): the filter holds something that is not allowed in a filter
    CASE WHEN TRUE THEN TRUE END: the filter holds something that is not allowed in a filter
    id::text = '1': a filter's comparison needs a column on one side and a literal on the other
    CAST(id AS text) = '1': a filter's comparison needs a column on one side and a literal on the other
    region ILIKE 'a': the filter holds something that is not allowed in a filter
    region SIMILAR TO 'a': the filter holds something that is not allowed in a filter
    region ~ 'a': a filter has no operator ~
    region || 'a' = 'b': a filter's comparison needs a column on one side and a literal on the other
    id IS TRUE: the filter holds something that is not allowed in a filter
    id IS DISTINCT FROM 1: the filter holds something that is not allowed in a filter
    1 = 1: a filter's comparison needs a column on one side and a literal on the other
    'x': a filter's literal stands alone where a condition is wanted
    id = ?: a filter's comparison needs a column on one side and a literal on the other
    id = $1: a filter's comparison needs a column on one side and a literal on the other
    id = -'1': a filter's comparison needs a column on one side and a literal on the other
    id = -NULL: a filter's comparison needs a column on one side and a literal on the other
    *: the filter is not a condition: sql parser error: Expected: an expression, found: * at Line: 1, Column: 1
    (id, big) = (1, 2): a filter's comparison needs a column on one side and a literal on the other
    id = ANY(1): the filter holds something that is not allowed in a filter
    region LIKE region: LIKE needs a pattern in single quotes
    region LIKE 'a!' ESCAPE '!': after the ESCAPE character LIKE needs %, _ or that character again
    region LIKE 'a!b' ESCAPE '!': after the ESCAPE character LIKE needs %, _ or that character again
    region LIKE 'a' ESCAPE 'ab': ESCAPE needs one character in quotes
    region LIKE 'a' ESCAPE '': ESCAPE needs one character in quotes
    id XOR 1: a filter has no operator XOR
    id = id: a filter compares a column with a literal, not with another column
    id = 1 AND id: column id stands alone where a condition is wanted
    NOT 5: a filter's literal stands alone where a condition is wanted
    id = X'0': a filter's comparison needs a column on one side and a literal on the other
    id = INTERVAL '1 day': a filter's comparison needs a column on one side and a literal on the other
    id = 'unclosed: the filter is not a condition: sql parser error: Unterminated string literal at Line: 1, Column: 6
    raw = B'0': a filter's comparison needs a column on one side and a literal on the other
    ");
}

#[test]
fn long_and_deep_filters_have_a_limit_and_not_the_stack() {
    let long = format!("id = 1{} OR id IN ({}7)", " OR id=2".repeat(490), "3, ".repeat(3000));
    assert_eq!(says(&long, "id", Cell::Int(2)), YES);
    assert_eq!(says(&long, "id", Cell::Int(7)), YES);
    error(&format!("id{}", " IS NULL".repeat(740)));
    error(&format!("id{}", "=1".repeat(1490)));
    error(&format!("id{}", " = id".repeat(740)));
    error(&format!("{}TRUE", "NOT ".repeat(1490)));
    error(&format!("{}TRUE{}", "(".repeat(8000), ")".repeat(8000)));
    error(&format!("id = {}1", "- ".repeat(1490)));
    error(&format!("id = 1{}", "(1)".repeat(5000)));
    assert_snapshot!(error(&format!("id{}", "=1".repeat(8000))), @"a filter has more than 1500 words and operators");
    assert_snapshot!(error(&format!("{}TRUE{}", "(".repeat(16), ")".repeat(16))), @"a filter nests deeper than 16");
    parse(&format!("{}TRUE{}", "(".repeat(14), ")".repeat(14)));
    parse(&format!("{}id = 1{}", "id = 2 AND (id = 3 OR ".repeat(4), ")".repeat(4)));
    assert_snapshot!(error(&"x".repeat(16 * 1024 + 1)), @"a filter is longer than 16384 bytes");
}

#[test]
fn a_filter_is_not_moved_by_the_order_of_its_columns() {
    let mut turned = table();
    turned.columns.reverse();
    let filter = Filter::parse("id = 1", &turned).unwrap();
    assert_eq!(filter.columns(), [turned.columns.len() - 1]);
    assert_eq!(filter.eval(|_| Cell::Int(1)), YES);
}
