//! Sums of hashes: whether two tables hold the same rows, in whatever order each side gives them.
//!
//! Where keys are text, each database orders them by rules of its own, and to get them in one order it sorts the whole
//! table. Most tables that are compared are equal; to see that takes no order. The sum of a keyed 128-bit hash of every
//! row is the same for the same rows, each as often; for other rows it is so with a chance of about 2⁻¹²⁸, whoever chose
//! them, since the key of the hash is drawn anew for each comparison (AdHash: Bellare and Micciancio, *A new paradigm
//! for collision-free hashing*, 1997; SipHash: Aumasson and Bernstein, 2012). Sums that differ decide nothing: then the
//! table is merged in key order, which also finds out how.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic;

use siphasher::sip128::{Hasher128 as _, SipHasher13};
use syncline_model::{Cell, Error, ErrorKind, LogicalType, Result, TableChanges, TableSchema};
use tokio::task::JoinSet;

use super::{Compared, Comparison, Pair, TableResult};
use crate::connector::{Budget, Read, ReadOrder, ReadSpec, Source};
use crate::job::Endpoint;

/// The rows of one side's table, as far as they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sum {
    rows: u64,
    hashes: u128,
}

/// A table that is summed, and for each of its columns whether it means the same on the other side.
type Summed = (Arc<TableSchema>, Arc<[bool]>);

/// Of the hash, drawn for one comparison.
type Key = (u64, u64);

/// Takes out the tables that sums show to be equal, and says what was found about them.
pub async fn take_equal(
    what: &Comparison,
    pairs: Vec<Pair>,
    compared: &Arc<Compared>,
) -> Result<(Vec<TableResult>, Vec<Pair>)> {
    // What is written to meanwhile has other sums all the time.
    let summable = |pair: &Pair| what.settle.is_zero() && !pair.key_is_named && sorts(pair);
    let (summed, mut left): (Vec<_>, Vec<_>) = pairs.into_iter().partition(summable);
    if summed.is_empty() {
        return Ok((Vec::new(), left));
    }
    let key = (RandomState::new().hash_one(0), RandomState::new().hash_one(0));
    let mut sides = JoinSet::new();
    for (number, side) in [&what.a, &what.b].into_iter().enumerate() {
        let table = |pair: &Pair| (if number == 0 { &pair.a } else { &pair.b }.clone(), Arc::from(&*pair.alike));
        let tables = summed.iter().map(table).collect();
        let (side, budget, compared) = (side.clone(), what.budget, compared.clone());
        sides.spawn(async move {
            let counted = (number == 0).then_some(&*compared);
            (number, side_sums(&side, tables, key, budget, counted).await)
        });
    }
    let mut sums = [Vec::new(), Vec::new()];
    while let Some(ended) = sides.join_next().await {
        let (number, found) = ended.map_err(|_| Error::new(ErrorKind::Bug, "a comparison ended by a panic"))?;
        if let Some(sums) = sums.get_mut(number) {
            *sums = found?;
        }
    }
    let [of_a, of_b] = sums;
    let mut equal = Vec::new();
    for ((pair, a), b) in summed.into_iter().zip(of_a).zip(of_b) {
        if a == b {
            compared.tables.fetch_add(1, atomic::Ordering::Relaxed);
            equal.push(TableResult { rows_a: a.rows, rows_b: b.rows, ..pair.nothing_found() });
        } else {
            tracing::info!(table = %pair.name, "sums differ, rows are read in key order");
            left.push(pair);
        }
    }
    Ok((equal, left))
}

/// Whether some side may have to sort this table to read it in key order: what is no number, moment or bytes has an order
/// of its own in each database.
fn sorts(pair: &Pair) -> bool {
    use LogicalType as T;
    let sorts = |of: &LogicalType| matches!(of, T::Any | T::Text { .. } | T::Json | T::Enum { .. } | T::Interval);
    pair.a.key_columns().chain(pair.b.key_columns()).any(|column| sorts(&column.logical))
}

async fn side_sums(
    side: &Endpoint,
    tables: Vec<Summed>,
    key: Key,
    budget: Budget,
    counted: Option<&Compared>,
) -> Result<Vec<Sum>> {
    let read = tables.iter().map(|(schema, _)| schema.clone()).collect();
    let spec = ReadSpec { tables: read, order: ReadOrder::Fastest, native: BTreeSet::new(), follow: None };
    let mut source = side.connector.open_source(None, &spec).await?;
    let mut sums = Vec::with_capacity(tables.len());
    for (schema, alike) in &tables {
        let sum = table_sum(&mut *source, alike, key, budget, counted).await;
        sums.push(sum.map_err(|e| e.at("connection", &*side.name).at("table", schema.name.to_string()))?);
    }
    Ok(sums)
}

/// Reads one table to its end.
async fn table_sum(
    source: &mut dyn Source,
    alike: &[bool],
    key: Key,
    budget: Budget,
    counted: Option<&Compared>,
) -> Result<Sum> {
    let mut sum = Sum::default();
    loop {
        match source.read(budget).await? {
            Read::Batch(batch) => {
                batch.tables.iter().for_each(|changes| sum.add(changes, alike, key));
                if let Some(compared) = counted {
                    compared.rows.fetch_add(batch.rows() as u64, atomic::Ordering::Relaxed);
                }
                if batch.ends.is_some() {
                    return Ok(sum);
                }
            }
            Read::Idle | Read::Apart(_) | Read::Loaded => {}
            Read::End => return Err(Error::new(ErrorKind::Bug, "a source ended in the middle of a table")),
        }
    }
}

impl Sum {
    fn add(&mut self, changes: &TableChanges, alike: &[bool], key: Key) {
        let mut bytes = Vec::new();
        for row in 0..changes.rows() {
            bytes.clear();
            for (column, alike) in changes.columns().iter().zip(alike) {
                let cell = column.cell(row);
                if *alike { cell } else { worth(cell) }.canonical_bytes(&mut bytes);
            }
            let mut hasher = SipHasher13::new_with_keys(key.0, key.1);
            hasher.write(&bytes);
            self.hashes = self.hashes.wrapping_add(hasher.finish128().as_u128());
        }
        self.rows += changes.rows() as u64;
    }
}

/// One form for the cells of unlike columns that are worth the same. Some that are have no form in common, such as a
/// date and its text: their sums differ, and the rows themselves are looked at. Two that are not never have one.
fn worth(cell: Cell<'_>) -> Cell<'_> {
    match cell {
        Cell::Bool(value) => Cell::Int(value.into()),
        Cell::TimestampTz(us) => Cell::Timestamp(us),
        Cell::Decimal(decimal) => decimal.to_i64_exact().map_or(cell, Cell::Int),
        _ => cell,
    }
}

#[cfg(test)]
mod tests;
