//! SQLite itself is the oracle: what it does to a value is what these functions must foresee.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;
use syncline_model::CellBuf;
use syncline_model::cell::Interval;
use syncline_model::temporal::{DATE_MAX, DATE_MIN, DAY_US, TIMESTAMP_MAX, TIMESTAMP_MIN};

use super::*;

/// One declared type for each affinity.
const EACH: [(&str, Affinity); 4] =
    [("TEXT", Affinity::Text), ("NUMERIC", Affinity::Numeric), ("REAL", Affinity::Real), ("", Affinity::Blob)];

/// What SQLite gives back for a value that it stored in a column so declared.
fn kept(conn: &Connection, declared: &str, value: ValueRef<'_>) -> Value {
    conn.execute_batch(&format!("CREATE TABLE t (v {declared})")).unwrap();
    conn.execute("INSERT INTO t VALUES (?1)", [Bound(value)]).unwrap();
    let kept = conn.query_row("SELECT v FROM t", [], |r| Ok(OfBytes(r.get_ref(0)?).into())).unwrap();
    conn.execute_batch("DROP TABLE t").unwrap();
    kept
}

/// A value by storage class and bytes; text that is not UTF-8 becomes a blob with a mark.
struct OfBytes<'a>(ValueRef<'a>);

impl From<OfBytes<'_>> for Value {
    fn from(value: OfBytes<'_>) -> Self {
        match value.0 {
            ValueRef::Text(text) if std::str::from_utf8(text).is_err() => Self::Blob([b"text ", text].concat()),
            other => Self::try_from(other).unwrap(),
        }
    }
}

/// The same storage class and the same bits.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Real(a), Value::Real(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        // Near-numbers, with every kind of blank that SQLite or Rust skips.
        "[ \t\n\u{b}\u{c}\r\u{a0}]{0,1}[-+]{0,2}[0-9]{0,3}[.,]{0,1}[0-9]{0,3}([eE][-+]{0,1}[0-9]{0,3}){0,1}[ \u{b}\0]{0,1}",
        "[0-9]{17,40}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,6}){0,1}){0,1}",
        Just("inf".to_owned()),
        Just("0x1F".to_owned()),
        ".{0,6}",
    ]
}

fn floats() -> impl Strategy<Value = f64> {
    let whole = any::<i64>().prop_map(|v| v as f64);
    let near = prop::sample::select(vec![
        0.0,
        -0.0,
        9_223_372_036_854_775_808.0,
        -9_223_372_036_854_775_808.0,
        9_223_372_036_854_774_784.0,
        4_503_599_627_370_496.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        f64::MAX,
        5e-324,
    ]);
    prop_oneof![any::<f64>(), whole, near, (-1000i32..1000).prop_map(|v| f64::from(v) / 8.0)]
}

fn cells() -> impl Strategy<Value = CellBuf> {
    let plain = |cell: Cell<'static>| CellBuf::Plain(cell);
    prop_oneof![
        texts().prop_map(|t| CellBuf::Text(t.into())),
        floats().prop_map(move |v| plain(Cell::Float(v))),
        any::<i64>().prop_map(CellBuf::from),
        any::<u64>().prop_map(move |v| plain(Cell::uint(v))),
        any::<bool>().prop_map(move |v| plain(Cell::Bool(v))),
        ("-{0,1}[0-9]{1,25}", "[0-9]{0,25}").prop_map(|(whole, rest)| {
            let text = if rest.is_empty() { whole } else { format!("{whole}.{rest}") };
            Cell::Decimal(Decimal::from_text(&text).unwrap()).to_owned()
        }),
        proptest::collection::vec(any::<u8>(), 0..6).prop_map(|b| CellBuf::Bytes(b.into())),
        proptest::collection::vec(any::<u8>(), 0..6).prop_map(|b| match String::from_utf8(b) {
            Ok(text) => CellBuf::Text(text.into()),
            Err(e) => CellBuf::BadText(e.into_bytes().into()),
        }),
        (DATE_MIN..=DATE_MAX).prop_map(move |v| plain(Cell::Date(v))),
        (0..DAY_US).prop_map(move |v| plain(Cell::Time(v))),
        (TIMESTAMP_MIN..=TIMESTAMP_MAX).prop_map(move |v| plain(Cell::Timestamp(v))),
        (TIMESTAMP_MIN..=TIMESTAMP_MAX).prop_map(move |v| plain(Cell::TimestampTz(v))),
        any::<[u8; 16]>().prop_map(move |v| plain(Cell::Uuid(v))),
        (any::<i32>(), any::<i32>(), any::<i64>())
            .prop_map(move |(months, days, us)| plain(Cell::Interval(Interval { months, days, us }))),
        Just(CellBuf::NULL),
    ]
}

/// Words that decide an affinity, words that only look so, and plain ones.
fn declared_types() -> impl Strategy<Value = String> {
    let words = [
        "INT", "CHAR", "CLOB", "TEXT", "BLOB", "REAL", "FLOA", "DOUB", "int", "Text", "PO", "X", "STRING", "NUM",
        "DATE", "BOOL",
    ];
    proptest::collection::vec(prop::sample::select(words.to_vec()), 0..4).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    /// I10: what is not refused is stored as it is.
    #[test]
    fn what_is_accepted_is_stored_unaltered(cell in cells()) {
        let conn = Connection::open_in_memory().unwrap();
        for (declared, affinity) in EACH {
            let mut scratch = Vec::new();
            if let Ok(bound) = stored(cell.as_cell(), affinity, &mut scratch) {
                let expected: Value = OfBytes(bound.0).into();
                let found = kept(&conn, declared, bound.0);
                prop_assert!(same(&found, &expected), "{cell:?} in {declared:?}: {expected:?} became {found:?}");
            }
        }
    }

    /// What SQLite holds in a column goes into a like column, as the same storage.
    #[test]
    fn what_a_column_holds_is_never_refused(cell in cells(), declared in prop_oneof![
        declared_types(),
        prop::sample::select(vec!["DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "UUID", "DECIMAL(10,2)", "BOOLEAN", "INT"]).prop_map(str::to_owned),
    ]) {
        let conn = Connection::open_in_memory().unwrap();
        let mut scratch = Vec::new();
        // Through a column without affinity every cell is some stored value.
        let Ok(value) = stored(cell.as_cell(), Affinity::Blob, &mut scratch) else { return Ok(()) };
        conn.execute_batch(&format!("CREATE TABLE t (v {declared})")).unwrap();
        conn.execute("INSERT INTO t VALUES (?1)", [value]).unwrap();
        let mut stmt = conn.prepare("SELECT v FROM t").unwrap();
        let mut rows = stmt.query([]).unwrap();
        let held = rows.next().unwrap().unwrap().get_ref(0).unwrap();
        let read = super::cell(&logical(&declared), held);
        let mut scratch = Vec::new();
        match stored(read, affinity(&declared, false), &mut scratch) {
            Ok(again) => {
                let (again, held): (Value, Value) = (OfBytes(again.0).into(), OfBytes(held).into());
                prop_assert!(same(&again, &held), "{held:?} in {declared:?} was read as {read:?} and became {again:?}");
            }
            Err(reason) => prop_assert!(false, "{held:?} in {declared:?} was read as {read:?} and refused: {reason}"),
        }
    }

    /// SQLite's five rules, seen from outside: what becomes of '12', of 12 and of 12.5.
    #[test]
    fn affinities_are_those_of_sqlite(declared in declared_types()) {
        let conn = Connection::open_in_memory().unwrap();
        let class = |value: ValueRef<'_>| kept(&conn, &declared, value).data_type().to_string();
        let found = [class(ValueRef::Text(b"12")), class(ValueRef::Integer(12))];
        let expected = match affinity(&declared, false) {
            Affinity::Text => ["Text", "Text"],
            Affinity::Numeric => ["Integer", "Integer"],
            Affinity::Real => ["Real", "Real"],
            Affinity::Blob => ["Text", "Integer"],
        };
        prop_assert_eq!(found, expected, "declared {}", declared);
    }
}

#[test]
fn a_strict_any_column_changes_nothing() {
    assert_eq!((affinity("ANY", true), affinity("ANY", false)), (Affinity::Blob, Affinity::Numeric));
}

#[test]
fn declared_types_mean_what_people_mean() {
    let int = |bits, signed| LogicalType::Int { bits, signed };
    let text = |chars_max| LogicalType::Text { chars_max };
    let decimal = |precision, scale| LogicalType::Decimal { precision, scale };
    let all = [
        ("integer", int(64, true)),
        ("tinyint(1)", int(8, true)),
        ("SMALLINT UNSIGNED", int(16, false)),
        // SQLite's integers have 64 bits and a sign, whatever is declared.
        ("INT UNSIGNED", int(64, true)),
        ("varchar(40)", text(Some(40))),
        (" TEXT ", text(None)),
        ("DECIMAL(10, 2)", decimal(Some(10), Some(2))),
        ("DECIMAL(10)", decimal(Some(10), Some(0))),
        ("NUMERIC", decimal(None, None)),
        ("blob(7)", LogicalType::Bytes { bytes_max: Some(7) }),
        ("datetime", LogicalType::Timestamp),
        ("timestamp with time zone", LogicalType::TimestampTz),
        ("MONEY", LogicalType::Any),
        ("", LogicalType::Any),
    ];
    for (declared, meant) in all {
        assert_eq!(logical(declared), meant, "{declared}");
    }
}

#[test]
fn what_a_type_is_declared_as_means_it_again() {
    let all = [
        LogicalType::Any,
        LogicalType::Bool,
        LogicalType::Int { bits: 8, signed: true },
        LogicalType::Int { bits: 16, signed: false },
        LogicalType::Int { bits: 24, signed: true },
        LogicalType::Int { bits: 64, signed: true },
        LogicalType::Float64,
        LogicalType::Decimal { precision: Some(12), scale: Some(3) },
        LogicalType::Decimal { precision: None, scale: None },
        LogicalType::Text { chars_max: None },
        LogicalType::Text { chars_max: Some(9) },
        LogicalType::Bytes { bytes_max: None },
        LogicalType::Bytes { bytes_max: Some(9) },
        LogicalType::Date,
        LogicalType::Time,
        LogicalType::Timestamp,
        LogicalType::TimestampTz,
        LogicalType::Uuid,
        LogicalType::Json,
    ];
    for meant in all {
        assert_eq!(logical(&declared(&meant)), meant);
    }
    // What SQLite has no word for must at least keep every value.
    for other in [LogicalType::Interval, LogicalType::Other, LogicalType::Enum { labels: vec!["a".into()] }] {
        assert_eq!(declared(&other), "TEXT");
    }
}

#[test]
fn a_value_becomes_a_cell_of_its_type_only_if_it_comes_back_the_same() {
    let read = |logical: LogicalType, text: &str| cell(&logical, ValueRef::Text(text.as_bytes())).to_owned();
    assert_eq!(read(LogicalType::Date, "2024-02-29"), CellBuf::Plain(Cell::Date(19_782)));
    for stray in ["2024-2-29", "2023-02-29", "2024-02-29 ", "+2024-02-29", "10000-01-01", ""] {
        assert_eq!(read(LogicalType::Date, stray), stray.into());
    }
    for stray in ["550E8400-e29b-41d4-a716-446655440000", "{550e8400-e29b-41d4-a716-446655440000}", "550e8400e29b"] {
        assert_eq!(read(LogicalType::Uuid, stray), stray.into());
    }
    for stray in ["2024-02-29 12:00:00Z", "2024-02-29 12:00:00+02:00", "2024-02-29 12:00:00"] {
        assert_eq!(read(LogicalType::TimestampTz, stray), stray.into());
    }
    assert_eq!(cell(&LogicalType::Bool, ValueRef::Integer(2)).to_owned(), 2.into());
    assert_eq!(cell(&LogicalType::Bool, ValueRef::Integer(1)).to_owned(), CellBuf::Plain(Cell::Bool(true)));
}

/// Straight from the array, and cell by cell: the same answer.
#[test]
fn the_short_way_agrees_with_the_long_one() {
    use syncline_model::column::ColumnBuilder;
    let columns: [(LogicalType, Vec<CellBuf>); 4] = [
        (LogicalType::Int { bits: 64, signed: true }, vec![1.into(), CellBuf::NULL, i64::MIN.into()]),
        (LogicalType::Float64, [0.5, -0.0, f64::NAN, 3.0].map(|v| CellBuf::Plain(Cell::Float(v))).into()),
        (LogicalType::Text { chars_max: None }, vec!["12".into(), "".into(), CellBuf::NULL]),
        (LogicalType::Bytes { bytes_max: None }, vec![CellBuf::Bytes(b"x".as_slice().into()), CellBuf::NULL]),
    ];
    for (logical, cells) in &columns {
        let mut builder = ColumnBuilder::new(logical);
        cells.iter().for_each(|c| builder.append(c.as_cell()).unwrap());
        let data = builder.finish();
        for (declared, affinity) in EACH {
            let short = Stored::of(&data, affinity);
            for row in 0..data.len() {
                let (mut one, mut other) = (Vec::new(), Vec::new());
                let said = |r: Result<Bound<'_>, &'static str>| r.map(|b| format!("{:?}", b.0)).map_err(str::to_owned);
                let (short, long) = (short.at(row, &mut one), stored(data.cell(row), affinity, &mut other));
                assert_eq!(said(short), said(long), "{logical} row {row} in {declared:?}");
            }
        }
    }
}
