//! SQL's three-valued logic by its truth tables, on small whole numbers.

use proptest::prelude::*;

use crate::cell::Cell;
use crate::decimal::Decimal;
use crate::filter::Filter;
use crate::schema::{Column, LogicalType, TableName, TableSchema};

type Value = Option<i8>;
type Row = [Value; 4];

#[derive(Debug, Clone)]
enum Tree {
    Compare(usize, &'static str, Value, bool),
    Between(usize, bool, Value, Value),
    In(usize, bool, Vec<Value>),
    IsNull(usize, bool),
    Constant(Option<bool>),
    Not(Box<Tree>),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
}

/// A literal in one of the forms that mean the same number.
fn literal(value: Value, column: usize) -> String {
    match (value, column) {
        (None, _) => "NULL".into(),
        (Some(v), 0) => format!("{v}"),
        (Some(v), 1) => format!("{v}.00"),
        (Some(v), 2) => format!("{v}e0"),
        (Some(v), _) => format!("({v}0e-1)"),
    }
}

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

impl Tree {
    fn sql(&self) -> String {
        match self {
            Self::Compare(c, op, v, true) => format!("{} {op} c{c}", literal(*v, *c)),
            Self::Compare(c, op, v, false) => format!("c{c} {op} {}", literal(*v, *c)),
            Self::Between(c, negated, a, b) => {
                format!("c{c} {}BETWEEN {} AND {}", not(*negated), literal(*a, *c), literal(*b, *c))
            }
            Self::In(c, negated, all) => {
                let all: Vec<String> = all.iter().map(|v| literal(*v, *c)).collect();
                format!("c{c} {}IN ({})", not(*negated), all.join(", "))
            }
            Self::IsNull(c, negated) => format!("c{c} IS {}NULL", not(*negated)),
            Self::Constant(value) => value.map_or("NULL".into(), |v| v.to_string()),
            Self::Not(of) => format!("NOT ({})", of.sql()),
            Self::And(a, b) => format!("({}) AND ({})", a.sql(), b.sql()),
            Self::Or(a, b) => format!("({}) OR ({})", a.sql(), b.sql()),
        }
    }

    fn eval(&self, row: &Row) -> Option<bool> {
        let invert = |negated: bool, truth: Option<bool>| truth.map(|t| t != negated);
        match self {
            Self::Compare(c, op, v, flipped) => {
                let (a, b) = (row[*c]?, (*v)?);
                let (a, b) = if *flipped { (b, a) } else { (a, b) };
                Some(match *op {
                    "=" => a == b,
                    "<>" | "!=" => a != b,
                    "<" => a < b,
                    "<=" => a <= b,
                    ">" => a > b,
                    _ => a >= b,
                })
            }
            Self::Between(c, negated, a, b) => {
                let side = |op, v| Self::Compare(*c, op, v, false);
                invert(*negated, Self::And(Box::new(side(">=", *a)), Box::new(side("<=", *b))).eval(row))
            }
            Self::In(c, negated, all) => {
                let one = |v: &Value| Self::Compare(*c, "=", *v, false).eval(row);
                let found = if all.iter().any(|v| one(v) == Some(true)) {
                    Some(true)
                } else if all.iter().any(|v| one(v).is_none()) {
                    None
                } else {
                    Some(false)
                };
                invert(*negated, found)
            }
            Self::IsNull(c, negated) => Some(row[*c].is_none() != *negated),
            Self::Constant(value) => *value,
            Self::Not(of) => of.eval(row).map(|t| !t),
            Self::And(a, b) => match (a.eval(row), b.eval(row)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Or(a, b) => match (a.eval(row), b.eval(row)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
        }
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![1 => Just(None), 5 => (-2i8..3).prop_map(Some)]
}

fn tree() -> impl Strategy<Value = Tree> {
    let op = prop::sample::select(vec!["=", "<>", "!=", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        5 => (0usize..4, op, value(), any::<bool>()).prop_map(|(c, op, v, f)| Tree::Compare(c, op, v, f)),
        1 => (0usize..4, any::<bool>(), value(), value()).prop_map(|(c, n, a, b)| Tree::Between(c, n, a, b)),
        1 => (0usize..4, any::<bool>(), prop::collection::vec(value(), 1..4)).prop_map(|(c, n, all)| Tree::In(c, n, all)),
        1 => (0usize..4, any::<bool>()).prop_map(|(c, n)| Tree::IsNull(c, n)),
        1 => any::<Option<bool>>().prop_map(Tree::Constant),
    ];
    leaf.prop_recursive(4, 16, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|t| Tree::Not(Box::new(t))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Tree::And(Box::new(a), Box::new(b))),
            (inner.clone(), inner).prop_map(|(a, b)| Tree::Or(Box::new(a), Box::new(b))),
        ]
    })
}

/// The same number as a cell of each column's kind.
fn cell(value: Value, column: usize) -> Cell<'static> {
    let Some(v) = value else { return Cell::Null };
    match column {
        0 => Cell::Int(v.into()),
        1 => Cell::Decimal(Decimal::Fixed { unscaled: i128::from(v) * 100, scale: 2 }),
        2 => Cell::Float(v.into()),
        _ => {
            if v % 2 == 0 {
                Cell::Float(v.into())
            } else {
                Cell::Decimal(Decimal::Fixed { unscaled: v.into(), scale: 0 })
            }
        }
    }
}

fn table() -> TableSchema {
    let types = [
        LogicalType::Int { bits: 16, signed: true },
        LogicalType::Decimal { precision: Some(5), scale: Some(2) },
        LogicalType::Float64,
        LogicalType::Any,
    ];
    let columns = types.into_iter().enumerate().map(|(i, t)| Column::new(&format!("c{i}"), t)).collect();
    TableSchema::new(TableName::bare("t"), columns)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn filters_follow_the_truth_tables(tree in tree(), rows in prop::collection::vec([value(), value(), value(), value()], 8)) {
        let filter = Filter::parse(&tree.sql(), &table()).unwrap();
        for row in rows {
            prop_assert_eq!(filter.eval(|c| cell(row[c], c)), tree.eval(&row), "{} on {:?}", tree.sql(), row);
            prop_assert_eq!(filter.keeps(|c| Some(cell(row[c], c))), Some(tree.eval(&row) == Some(true)));
        }
    }

    /// What is decided without a cell is right whatever that cell is.
    #[test]
    fn missing_cells_are_never_guessed(tree in tree(), row in [value(), value(), value(), value()], missing in 0usize..4) {
        let filter = Filter::parse(&tree.sql(), &table()).unwrap();
        if let Some(kept) = filter.keeps(|c| (c != missing).then(|| cell(row[c], c))) {
            for other in [None, Some(-2), Some(-1), Some(0), Some(1), Some(2)] {
                let mut row = row;
                row[missing] = other;
                prop_assert_eq!(tree.eval(&row) == Some(true), kept, "{} on {:?}", tree.sql(), row);
            }
        }
        if !filter.columns().contains(&missing) {
            prop_assert!(filter.keeps(|c| (c != missing).then(|| cell(row[c], c))).is_some());
        }
    }

    #[test]
    fn any_text_is_a_filter_or_refused(text in prop_oneof!["\\PC{0,20}", "(c0|c1|=|<|AND|OR|NOT|IN|\\(|\\)|,|1|'a'|NULL|LIKE|IS| ){0,12}"]) {
        let _ = Filter::parse(&text, &table());
    }
}
