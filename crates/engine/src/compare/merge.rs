//! Merging two streams of rows in key order.

use std::cmp::Ordering;
use std::sync::atomic;

use syncline_model::decimal::Decimal;
use syncline_model::{Cell, CellBuf, Error, ErrorKind, Result, TableChanges};

use super::moving::Moving;
use super::{Compared, Comparison, Difference, Kind, Pair, TableResult};
use crate::connector::{Budget, Read, Source};

/// Characters of a text, or bytes of anything else, that a listing keeps of a key's cell.
const SHOWN_MAX: usize = 200;

/// One side's rows of one table, in key order.
struct Rows<'s> {
    name: &'s str,
    source: &'s mut dyn Source,
    budget: Budget,
    batch: Option<TableChanges>,
    row: usize,
    ends: bool,
    rows: u64,
    last_key: Option<Vec<CellBuf>>,
}

impl<'s> Rows<'s> {
    fn new(name: &'s str, source: &'s mut dyn Source, budget: Budget) -> Self {
        Self { name, source, budget, batch: None, row: 0, ends: false, rows: 0, last_key: None }
    }

    /// The current row, if there is one in memory.
    fn here(&self) -> Option<(&TableChanges, usize)> {
        self.batch.as_ref().filter(|b| self.row < b.rows()).map(|b| (b, self.row))
    }

    /// Reads on until there is a row in memory or the table has ended.
    async fn fill(&mut self) -> Result<()> {
        while self.here().is_none() && !self.ends {
            match self.source.read(self.budget).await? {
                Read::Batch(batch) => {
                    self.ends = batch.ends.is_some();
                    self.row = 0;
                    self.keep_last_key();
                    self.batch = batch.tables.into_iter().next();
                    self.rows += self.batch.as_ref().map_or(0, |b| b.rows() as u64);
                    self.check_order().map_err(|e| e.at("connection", self.name))?;
                }
                Read::Idle | Read::Apart(_) | Read::Loaded => {}
                Read::End => return Err(Error::new(ErrorKind::Bug, "a source ended in the middle of a table")),
            }
        }
        Ok(())
    }

    fn keep_last_key(&mut self) {
        if let Some(batch) = &self.batch
            && let Some(last) = batch.rows().checked_sub(1)
        {
            self.last_key = Some(batch.key_cells(last).map(|c| c.to_owned()).collect());
        }
    }

    /// The database sorted; here is checked that it sorts as we do, and that no key comes twice. Keys are in order
    /// by value: databases that sort `1` and `1.0` as one do not take both under one unique key, and where they stand
    /// under a key that only a person called unique, they come in any order.
    fn check_order(&self) -> Result<()> {
        let Some(batch) = &self.batch else { return Ok(()) };
        let wrong = |order: Ordering| match order {
            Ordering::Equal => Error::new(ErrorKind::Constraint, "two rows have the same key")
                .hint("name a key that is unique with `--key TABLE=COLUMN,...`"),
            _ => {
                Error::new(ErrorKind::Unsupported, "the database sorts this table's keys in another way than by value")
            }
        };
        for row in 0..batch.rows() {
            let order = match row.checked_sub(1) {
                Some(before) => by_value(batch.key_cells(before), batch.key_cells(row)),
                None => match &self.last_key {
                    Some(last) => by_value(last.iter().map(CellBuf::as_cell), batch.key_cells(row)),
                    None => Ordering::Less,
                },
            };
            if order != Ordering::Less {
                return Err(wrong(order));
            }
        }
        Ok(())
    }
}

/// Compares one table; both sources stand at its beginning and end at its end.
pub async fn table(
    what: &Comparison,
    pair: &Pair,
    moving: &mut Moving,
    [a, b]: [&mut dyn Source; 2],
    compared: &Compared,
) -> Result<TableResult> {
    let mut result = pair.nothing_found();
    let (mut a, mut b) = (Rows::new(&what.a.name, a, what.budget), Rows::new(&what.b.name, b, what.budget));
    loop {
        let (filled_a, filled_b) = tokio::join!(a.fill(), b.fill());
        filled_a?;
        filled_b?;
        if a.here().is_none() && b.here().is_none() {
            break;
        }
        let before = a.row.max(b.row);
        merge_in_memory(pair, moving, [&mut a, &mut b], &mut result, what);
        compared.rows.fetch_add((a.row.max(b.row) - before) as u64, atomic::Ordering::Relaxed);
    }
    (result.rows_a, result.rows_b) = (a.rows, b.rows);
    Ok(result)
}

/// Goes on until one side needs its next batch.
fn merge_in_memory(
    pair: &Pair,
    moving: &mut Moving,
    [a, b]: [&mut Rows<'_>; 2],
    result: &mut TableResult,
    what: &Comparison,
) {
    loop {
        let order = match (a.here(), b.here()) {
            (Some((x, i)), Some((y, j))) => pair.cmp_keys(x.key_cells(i), y.key_cells(j)),
            (Some(_), None) if b.ends => Ordering::Less,
            (None, Some(_)) if a.ends => Ordering::Greater,
            _ => return,
        };
        let found = match order {
            Ordering::Less => a.here().map(|(x, i)| (x, i, Kind::OnlyA)),
            Ordering::Greater => b.here().map(|(y, j)| (y, j, Kind::OnlyB)),
            Ordering::Equal => match (a.here(), b.here()) {
                (Some((x, i)), Some((y, j))) if !same_row(pair, x, i, y, j) => {
                    Some((x, i, Kind::Differs(differing(pair, x, i, y, j))))
                }
                _ => None,
            },
        };
        if let Some((changes, row, kind)) = found
            && (what.settle.is_zero() || moving.counts(changes.key_cells(row)))
        {
            match kind {
                Kind::OnlyA => result.only_a += 1,
                Kind::OnlyB => result.only_b += 1,
                Kind::Differs(_) => result.differ += 1,
            }
            if result.listed.len() < what.listed_max {
                let (key, lengths) = changes.key_cells(row).map(shortened).unzip();
                result.listed.push(Difference { key, lengths, kind });
            }
        }
        a.row += usize::from(order != Ordering::Greater);
        b.row += usize::from(order != Ordering::Less);
    }
}

pub(super) fn by_value<'c>(a: impl Iterator<Item = Cell<'c>>, b: impl Iterator<Item = Cell<'c>>) -> Ordering {
    a.zip(b).map(|(x, y)| x.cmp_value(&y)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// The cell as a listing keeps it, and its length if that was cut: one key may be larger than memory allows for many
/// (I13).
fn shortened(cell: Cell<'_>) -> (CellBuf, Option<usize>) {
    let characters =
        |text: &str| text.char_indices().nth(SHOWN_MAX).and_then(|(at, _)| text.get(..at)).map(str::to_owned);
    match cell {
        Cell::Text(text) => {
            if let Some(start) = characters(text) {
                return (CellBuf::Text(start.into()), Some(text.chars().count()));
            }
        }
        Cell::Decimal(Decimal::Text(text)) => {
            if let Some(start) = characters(text) {
                return (CellBuf::Decimal(start.trim_end_matches('.').into()), Some(text.len()));
            }
        }
        Cell::Bytes(bytes) | Cell::BadText(bytes) => {
            if let Some((start, [_, ..])) = bytes.split_at_checked(SHOWN_MAX) {
                let start = match cell {
                    Cell::Bytes(_) => CellBuf::Bytes(start.into()),
                    _ => CellBuf::BadText(start.into()),
                };
                return (start, Some(bytes.len()));
            }
        }
        _ => {}
    }
    (cell.to_owned(), None)
}

fn same_row(pair: &Pair, x: &TableChanges, i: usize, y: &TableChanges, j: usize) -> bool {
    let mut columns = x.columns().iter().zip(y.columns()).enumerate();
    columns.all(|(c, (x, y))| pair.same(c, x.cell(i), y.cell(j)))
}

fn differing(pair: &Pair, x: &TableChanges, i: usize, y: &TableChanges, j: usize) -> Vec<std::sync::Arc<str>> {
    let columns = x.schema().columns.iter().enumerate();
    columns.filter(|(c, _)| !pair.same(*c, x.cell(i, *c), y.cell(j, *c))).map(|(_, c)| c.name.clone()).collect()
}
