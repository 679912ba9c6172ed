//! Row filters: the `where` of a configuration, one small typed grammar.
//!
//! A filter is never sent to a database as text (I11): it is evaluated here, on the before and the after image,
//! so it means the same for every brand:
//!
//! - SQL's three-valued logic: a comparison with null is *unknown*, and only *true* keeps a row.
//! - Text compares by its bytes; case, accents and trailing spaces count, whatever the column's collation.
//! - Numbers compare by value, whatever their kind. A literal compared with a float is first rounded to the
//!   nearest float, as databases do, so that `price = 0.1` finds what was stored as 0.1. NaN equals NaN and lies
//!   above every other number.
//! - A cell of another kind than its column's type (text in an integer column of SQLite) differs from every
//!   literal, and its order is unknown.
//! - `LIKE` has no escape character unless `ESCAPE` names one.
//!
//! Absent on purpose: arithmetic, functions, comparisons between two columns.

mod literal;
mod parse;

use std::cmp::Ordering;

use crate::cell::Cell;
use crate::error::Result;
use crate::schema::TableSchema;
use crate::wildcard::Wildcards;
use literal::Literal;

/// Longest accepted filter text.
pub const FILTER_BYTES_MAX: usize = 16 * 1024;
/// Most names, keywords and operators of a filter; the values in an `IN` list do not count.
pub const FILTER_WORDS_MAX: usize = 1500;

/// How deep parentheses and operators may nest. Without optimisation the parser takes 70 KB of stack for each level,
/// and a thread may have no more than 2 MiB.
pub const FILTER_DEPTH_MAX: usize = 16;

/// A condition on the columns of one table.
#[derive(Debug, Clone)]
pub struct Filter {
    condition: Condition,
    columns: Vec<usize>,
}

impl Filter {
    /// Reads a condition and checks it against the table. Names without quotes are found whatever their case,
    /// if only one column is meant.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the text is not a condition of this grammar, names a
    /// column that is not there, or compares a column with a literal that its type cannot hold.
    pub fn parse(text: &str, schema: &TableSchema) -> Result<Self> {
        let condition = parse::condition(text, schema)?;
        let mut columns = Vec::new();
        condition.columns(&mut columns);
        columns.sort_unstable();
        columns.dedup();
        Ok(Self { condition, columns })
    }

    /// Positions of the columns that the filter looks at, ascending.
    #[must_use]
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Whether a row satisfies the filter; absent is SQL's *unknown*, which does not keep the row.
    pub fn eval<'c>(&self, cell: impl Fn(usize) -> Cell<'c>) -> Option<bool> {
        // With every cell at hand both ends of the span are the same.
        match self.condition.span(&|column| Some(cell(column))).low {
            Truth::False => Some(false),
            Truth::Unknown => None,
            Truth::True => Some(true),
        }
    }

    /// Whether a row of which only some cells are at hand is kept; absent if that depends on a cell that is not.
    ///
    /// Not at hand is not null (F77): null makes a comparison unknown, a missing cell leaves it open.
    pub fn keeps<'c>(&self, cell: impl Fn(usize) -> Option<Cell<'c>>) -> Option<bool> {
        let span = self.condition.span(&cell);
        match (span.low == Truth::True, span.high == Truth::True) {
            (true, _) => Some(true),
            (_, false) => Some(false),
            (false, true) => None,
        }
    }
}

/// In the order in which AND takes the least and OR the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Truth {
    False,
    Unknown,
    True,
}

impl Truth {
    const fn of(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }

    const fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }
}

/// The least and the greatest truth that are possible with the cells at hand.
#[derive(Debug, Clone, Copy)]
struct Span {
    low: Truth,
    high: Truth,
}

impl Span {
    const OPEN: Self = Self { low: Truth::False, high: Truth::True };

    const fn exactly(truth: Truth) -> Self {
        Self { low: truth, high: truth }
    }
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }

    /// The comparison with its sides exchanged.
    const fn flipped(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::NotEqual => Self::NotEqual,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }

    fn of(self, cell: &Cell<'_>, literal: &Literal) -> Truth {
        match literal.compare(cell) {
            literal::Compared::Null => Truth::Unknown,
            literal::Compared::Ordered(order) => Truth::of(self.holds(order)),
            literal::Compared::Unlike => match self {
                Self::Equal => Truth::False,
                Self::NotEqual => Truth::True,
                _ => Truth::Unknown,
            },
        }
    }
}

#[derive(Debug, Clone)]
enum Condition {
    Constant(Truth),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    IsNull(usize),
    /// A column that is itself true or false.
    IsTrue(usize),
    Compare(usize, Comparison, Literal),
    In(usize, Vec<Literal>),
    Like(usize, Wildcards),
}

impl Condition {
    fn columns(&self, found: &mut Vec<usize>) {
        match self {
            Self::Constant(_) => {}
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.columns(found)),
            Self::Not(part) => part.columns(found),
            Self::IsNull(column)
            | Self::IsTrue(column)
            | Self::Compare(column, ..)
            | Self::In(column, _)
            | Self::Like(column, _) => found.push(*column),
        }
    }

    fn span<'c>(&self, cell: &dyn Fn(usize) -> Option<Cell<'c>>) -> Span {
        let with = |column: usize, truth: &dyn Fn(Cell<'c>) -> Truth| {
            cell(column).map_or(Span::OPEN, |cell| Span::exactly(truth(cell)))
        };
        match self {
            Self::Constant(truth) => Span::exactly(*truth),
            Self::All(parts) => parts.iter().fold(Span::exactly(Truth::True), |sum, part| {
                let span = part.span(cell);
                Span { low: sum.low.min(span.low), high: sum.high.min(span.high) }
            }),
            Self::Any(parts) => parts.iter().fold(Span::exactly(Truth::False), |sum, part| {
                let span = part.span(cell);
                Span { low: sum.low.max(span.low), high: sum.high.max(span.high) }
            }),
            Self::Not(part) => {
                let span = part.span(cell);
                Span { low: span.high.not(), high: span.low.not() }
            }
            Self::IsNull(column) => with(*column, &|cell| Truth::of(cell.is_null())),
            Self::IsTrue(column) => with(*column, &|cell| match cell {
                Cell::Bool(value) => Truth::of(value),
                _ => Truth::Unknown,
            }),
            Self::Compare(column, comparison, literal) => with(*column, &|cell| comparison.of(&cell, literal)),
            Self::In(column, literals) => with(*column, &|cell| {
                literals.iter().map(|l| Comparison::Equal.of(&cell, l)).max().unwrap_or(Truth::False)
            }),
            Self::Like(column, pattern) => with(*column, &|cell| match cell {
                Cell::Text(text) => Truth::of(pattern.matches(text)),
                _ => Truth::Unknown,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
