//! Proving that two databases hold the same rows: both are read in key order and merged, row by row and cell by cell.
//! Where a database would have to sort a table for that, sums of hashes come first, and only tables whose sums differ are
//! merged.
//!
//! Nothing is sampled: every row of both sides is looked at, and equality is that of cells. Streamed: one batch of each
//! side is in memory. Each side's order is checked while it is read, so a database that sorts in another way is an error
//! and never a wrong answer (F45).

mod merge;
mod moving;
mod sums;

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicU64};
use std::time::Duration;

use syncline_model::mapping::{Mapping, Rule};
use syncline_model::pattern::{Pattern, Selection, unmatched};
use syncline_model::{Cell, CellBuf, Error, ErrorKind, LogicalType, Result, TableName, TableSchema};

use tokio::time::Instant;

use self::moving::Moving;
use crate::connector::{Budget, Description, ReadOrder, ReadSpec, Source};
use crate::job::Endpoint;
use crate::job::prepare::rule_for;

/// What to compare.
#[derive(Debug)]
pub struct Comparison {
    /// One side.
    pub a: Endpoint,
    /// The other.
    pub b: Endpoint,
    /// Which tables.
    pub selection: Selection,
    /// Keys for tables that have none of their own.
    pub rules: Vec<(Pattern, Rule)>,
    /// Differences that are listed per table; all are counted.
    pub listed_max: usize,
    /// How long rows that differ are looked at again, because they may be on their way; zero: each row is looked at once.
    pub settle: Duration,
    /// How much is in memory at a time.
    pub budget: Budget,
}

/// How two rows of one key differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Only the first side has the row.
    OnlyA,
    /// Only the second side has the row.
    OnlyB,
    /// Both have it, with other values in these columns.
    Differs(Vec<Arc<str>>),
}

/// One row that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its key; long cells are cut.
    pub key: Vec<CellBuf>,
    /// For each cell of the key that was cut its whole length: characters of text, bytes of anything else.
    pub lengths: Vec<Option<usize>>,
    /// How it differs.
    pub kind: Kind,
}

/// What was found about one table.
#[derive(Debug, Clone)]
pub struct TableResult {
    /// The table.
    pub table: TableName,
    /// Names of the key's columns.
    pub key: Vec<Arc<str>>,
    /// Rows of the first side.
    pub rows_a: u64,
    /// Rows of the second side.
    pub rows_b: u64,
    /// Rows that only the first side has.
    pub only_a: u64,
    /// Rows that only the second side has.
    pub only_b: u64,
    /// Rows whose values differ.
    pub differ: u64,
    /// The first differences.
    pub listed: Vec<Difference>,
    /// Differences of structure: a table or column that only one side has.
    pub structure: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Every table of either side, by name.
    pub tables: Vec<TableResult>,
    /// What was selected and could not be compared, in words.
    pub notices: Vec<String>,
}

impl Found {
    /// Whether both sides hold the same, as far as they were compared.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(TableResult::is_equal)
    }
}

impl TableResult {
    /// Whether both sides hold the same.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        !self.differs() && self.structure.is_empty()
    }

    /// Whether there is a row that is not the same on both sides.
    fn differs(&self) -> bool {
        self.only_a + self.only_b + self.differ > 0
    }

    fn new(table: TableName) -> Self {
        Self {
            table,
            key: Vec::new(),
            rows_a: 0,
            rows_b: 0,
            only_a: 0,
            only_b: 0,
            differ: 0,
            listed: Vec::new(),
            structure: Vec::new(),
        }
    }
}

/// Rows compared so far, for the progress line.
#[derive(Debug, Default)]
pub struct Compared {
    /// Rows; those of a table that is read a second time count twice.
    pub rows: AtomicU64,
    /// Tables.
    pub tables: AtomicU64,
}

/// A table that both sides have.
struct Pair {
    name: TableName,
    a: Arc<TableSchema>,
    b: Arc<TableSchema>,
    /// For each column whether it means the same on both sides; else values are compared by what they are worth.
    alike: Vec<bool>,
    /// Somebody says that these columns tell rows apart; no database watches over it.
    key_is_named: bool,
    structure: Vec<String>,
}

impl Pair {
    /// What is known of it before a row was looked at.
    fn nothing_found(&self) -> TableResult {
        let mut result = TableResult::new(self.name.clone());
        result.structure.clone_from(&self.structure);
        result.key = self.a.key_columns().map(|c| c.name.clone()).collect();
        result
    }

    /// Whether that column's two cells are the same value.
    fn same(&self, column: usize, x: Cell<'_>, y: Cell<'_>) -> bool {
        x == y || self.alike.get(column) == Some(&false) && same_worth(x, y)
    }

    /// Orders two keys: by what they are worth alone where a column of theirs means something else on the other side.
    fn cmp_keys<'c>(&self, a: impl Iterator<Item = Cell<'c>>, b: impl Iterator<Item = Cell<'c>>) -> Ordering {
        let alike = self.a.key.iter().all(|&c| self.alike.get(c) == Some(&true));
        if alike { Cell::cmp_keys(a, b) } else { merge::by_value(a, b) }
    }
}

/// Whether two cells of unlike columns are one value in the forms of two brands: `true` and 1, a date and its text, a
/// decimal and the double nearest to it.
fn same_worth(x: Cell<'_>, y: Cell<'_>) -> bool {
    let text = |cell: Cell<'_>| {
        let mut text = String::new();
        cell.format(&mut text);
        text
    };
    match (x, y) {
        (Cell::Interval(_), Cell::Text(_)) | (Cell::Text(_), Cell::Interval(_)) => text(x) == text(y),
        (Cell::Float(float), exact @ Cell::Decimal(_)) | (exact @ Cell::Decimal(_), Cell::Float(float)) => {
            text(exact).parse() == Ok(float)
        }
        _ => x.cmp_value(&y).is_eq(),
    }
}

/// Compares table after table.
///
/// # Errors
/// [`ErrorKind::NotFound`] for a table that was named and that neither side has, [`ErrorKind::Schema`] for a table
/// without a key, and what reading gives.
pub async fn compare(what: &Comparison, compared: &Arc<Compared>) -> Result<Found> {
    for side in [&what.a, &what.b] {
        if !side.connector.capabilities().key_order {
            return Err(Error::new(ErrorKind::Unsupported, "this connector cannot be read in key order")
                .at("connection", &*side.name));
        }
    }
    let Paired { only_one: mut results, pairs, notices } = pair_up(what).await?;
    let (equal, pairs) = sums::take_equal(what, pairs, compared).await?;
    results.extend(equal);
    let until = Instant::now() + what.settle;
    let mut looked_at: Vec<_> = pairs.into_iter().map(|pair| (pair, Moving::default())).collect();
    while !looked_at.is_empty() {
        let found = look(what, &mut looked_at, compared).await?;
        let left = until.saturating_duration_since(Instant::now());
        let mut again = Vec::new();
        for (result, (pair, mut moving)) in found.into_iter().zip(looked_at) {
            if !left.is_zero() && result.differs() && moving.again() {
                again.push((pair, moving));
            } else {
                compared.tables.fetch_add(1, atomic::Ordering::Relaxed);
                results.push(result);
            }
        }
        looked_at = again;
        if !looked_at.is_empty() {
            tokio::time::sleep(left.min(what.settle / LOOKS)).await;
        }
    }
    results.sort_by(|x, y| x.table.cmp(&y.table));
    Ok(Found { tables: results, notices })
}

/// How often rows that may be on their way are looked at within [`Comparison::settle`], if looking takes no time.
const LOOKS: u32 = 5;

/// Reads these tables of both sides, as each side is now.
async fn look(what: &Comparison, pairs: &mut [(Pair, Moving)], compared: &Compared) -> Result<Vec<TableResult>> {
    let open = |side: &Endpoint, tables: Vec<Arc<TableSchema>>| {
        let connector = side.connector.clone();
        let spec = ReadSpec { tables, order: ReadOrder::Key, native: BTreeSet::new(), follow: None };
        async move { connector.open_source(None, &spec).await }
    };
    let (a, b) = tokio::join!(
        open(&what.a, pairs.iter().map(|(p, _)| p.a.clone()).collect()),
        open(&what.b, pairs.iter().map(|(p, _)| p.b.clone()).collect()),
    );
    let (mut a, mut b): (Box<dyn Source>, Box<dyn Source>) = (a?, b?);
    let mut results = Vec::with_capacity(pairs.len());
    for (pair, moving) in pairs {
        let result = merge::table(what, pair, moving, [&mut *a, &mut *b], compared);
        results.push(result.await.map_err(|e| e.at("table", pair.name.to_string()))?);
    }
    Ok(results)
}

/// The tables of both sides.
struct Paired {
    only_one: Vec<TableResult>,
    pairs: Vec<Pair>,
    notices: Vec<String>,
}

/// Finds out which tables both sides have, and in which columns.
async fn pair_up(what: &Comparison) -> Result<Paired> {
    let (a, b) = tokio::join!(what.a.connector.describe(&what.selection), what.b.connector.describe(&what.selection));
    let (a, b) = (a?, b?);
    let names: BTreeSet<TableName> = a.tables.iter().chain(&b.tables).map(|t| t.name.clone()).collect();
    let only_a = kept_by_one(&a, &b);
    let only_b = kept_by_one(&b, &a);
    let all: Vec<_> = names.iter().chain(&only_a).chain(&only_b).cloned().collect();
    let known: Vec<_> = a.names.iter().chain(&b.names).cloned().collect();
    let others = what.selection.exclude.iter().chain(what.rules.iter().map(|(pattern, _)| pattern));
    let mut mistakes = what.selection.unmatched(&known, None);
    mistakes.extend(what.selection.unmatched(&all, None));
    mistakes.extend(unmatched(others, &known, None));
    if let Some(unmatched) = mistakes.into_iter().next() {
        return Err(Error::new(ErrorKind::NotFound, unmatched.to_string())
            .hint(format!("neither {} nor {} has it", what.a.name, what.b.name)));
    }
    if all.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "there is no table to compare on either side"));
    }
    let (mut only_one, mut pairs) = (Vec::new(), Vec::new());
    let mut only = |name: TableName, side: &str| {
        let mut result = TableResult::new(name);
        result.structure.push(format!("only {side} has this table"));
        only_one.push(result);
    };
    for name in only_a {
        only(name, &what.a.name);
    }
    for name in only_b {
        only(name, &what.b.name);
    }
    for name in names {
        let find = |side: &[TableSchema]| side.iter().find(|t| t.name == name).cloned();
        match (find(&a.tables), find(&b.tables)) {
            (Some(in_a), Some(in_b)) => pairs.push(pair(what, name, &in_a, &in_b)?),
            (in_a, _) => only(name, if in_a.is_some() { &what.a.name } else { &what.b.name }),
        }
    }
    let skipped: BTreeSet<_> = a.skipped.iter().chain(&b.skipped).collect();
    let notices = skipped.into_iter().map(|(name, reason)| format!("not compared: {name}: {reason}")).collect();
    Ok(Paired { only_one, pairs, notices })
}

/// What holds rows, is no table that can be read, and is there on one side alone: a virtual table. A view holds none.
fn kept_by_one(here: &Description, there: &Description) -> Vec<TableName> {
    let holds_rows = |reason: &str| !reason.starts_with("a view");
    let kept = |side: &Description, name: &TableName| side.skipped.iter().any(|(n, r)| n == name && holds_rows(r));
    // An ordinary table of that name on the other side is reported as that side's own.
    let table = |name: &TableName| there.tables.iter().any(|t| t.name == *name);
    let names = here.skipped.iter().map(|(name, _)| name);
    names.filter(|n| kept(here, n) && !kept(there, n) && !table(n)).cloned().collect()
}

/// Both sides' schemas with the columns that both have, in the order of the first.
fn pair(what: &Comparison, name: TableName, a: &TableSchema, b: &TableSchema) -> Result<Pair> {
    let rule = rule_for(&what.rules, &name)?;
    let keyed = Mapping::new(a, &rule)?.read;
    let able = |side: &Endpoint| side.connector.capabilities().as_stored;
    let as_stored = a.brand == b.brand && able(&what.a) && able(&what.b);
    let column = |of: &TableSchema, name: &str| of.position(name).and_then(|i| of.columns.get(i)).cloned();
    let common = |from: &TableSchema| -> Vec<_> {
        let pairs = a.columns.iter().filter_map(|c| Some((column(from, &c.name)?, c, column(b, &c.name)?)));
        let read = pairs.map(|(mut own, in_a, in_b)| {
            // Two columns of one brand that mean different things are compared as they are stored.
            if as_stored && in_a.logical != in_b.logical {
                own.logical = LogicalType::Any;
            }
            own
        });
        read.collect()
    };
    let with_key = |schema: &TableSchema| -> Result<Arc<TableSchema>> {
        let mut narrowed = TableSchema::new(schema.name.clone(), common(schema));
        narrowed.brand.clone_from(&schema.brand);
        for column in keyed.key_columns() {
            narrowed.key.push(narrowed.position(&column.name).ok_or_else(|| {
                Error::new(ErrorKind::Schema, format!("key column {} is missing on one side", column.name))
                    .at("table", name.to_string())
            })?);
        }
        Ok(Arc::new(narrowed))
    };
    let (read_a, read_b) = (with_key(a)?, with_key(b)?);
    let alike = read_a.columns.iter().zip(&read_b.columns).map(|(a, b)| a.logical == b.logical).collect();
    let structure = structure(what, a, b);
    Ok(Pair { a: read_a, b: read_b, alike, key_is_named: !rule.key.is_empty(), structure, name })
}

/// Columns that only one side has.
fn structure(what: &Comparison, a: &TableSchema, b: &TableSchema) -> Vec<String> {
    let lacks = |has: &TableSchema, other: &TableSchema, side: &str| -> Vec<String> {
        let only = has.columns.iter().filter(|c| other.position(&c.name).is_none());
        only.map(|c| format!("only {side} has column {}", c.name)).collect()
    };
    let mut found = lacks(a, b, &what.a.name);
    found.extend(lacks(b, a, &what.b.name));
    found
}
