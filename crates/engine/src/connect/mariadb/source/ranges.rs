//! A large table cut into ranges of its key, so that several connections read it.

use std::sync::atomic::{AtomicUsize, Ordering};

use mysql_async::Value;
use syncline_model::{LogicalType, Result, TableName};

use crate::connect::mariadb::catalog::Found;
use crate::connect::mariadb::session::{Session, text};
use crate::connect::mariadb::types::Native;
use crate::connect::mariadb::{name_of, quoted};

/// A table with fewer bytes is read sooner than several connections are at work on it.
pub const BYTES_MIN: u64 = 8 << 20;

/// Ranges for each connection: keys are not spread evenly, and who is done with a thin range takes the next one.
const RANGES_EACH: usize = 16;

/// The column that a table is cut by: the first of its primary key, if it is an integer.
pub fn column(found: &Found) -> Option<String> {
    let by_key = found.index_names.iter().any(|name| name == "PRIMARY");
    let column = found.schema.key_columns().next().filter(|_| by_key)?;
    // Bits are numbers to us, and bytes to the server's comparison.
    let whole = matches!(column.logical, LogicalType::Int { .. }) && Native::parse(&column.native).word != "bit";
    whole.then(|| quoted(&column.name))
}

/// The ranges of a table. Each is taken by one connection.
#[derive(Debug)]
pub struct Ranges {
    column: String,
    /// Where one range ends and the next one begins. The first and the last are open.
    cuts: Vec<i128>,
    taken: AtomicUsize,
}

impl Ranges {
    /// Cuts between the least and the largest key, which the session's snapshot knows.
    pub async fn of(session: &mut Session, table: &TableName, column: String, connections: usize) -> Result<Self> {
        let sql = format!("SELECT MIN({column}), MAX({column}) FROM {}", name_of(table));
        let rows = session.rows(&sql).await?;
        let end = |at: usize| rows.first().and_then(|row| text(row, at).parse().ok());
        let cuts = match (end(0), end(1)) {
            (Some(least), Some(most)) => cuts(least, most, connections * RANGES_EACH),
            _ => Vec::new(),
        };
        Ok(Self { column, cuts, taken: AtomicUsize::new(0) })
    }

    /// The next range that nobody has taken: its condition and the values in it.
    pub fn take(&self) -> Option<(String, Vec<Value>)> {
        let range = self.taken.fetch_add(1, Ordering::Relaxed);
        if range > self.cuts.len() {
            return None;
        }
        let from = range.checked_sub(1).and_then(|before| self.cuts.get(before)).map(|cut| (">=", *cut));
        let to = self.cuts.get(range).map(|cut| ("<", *cut));
        let ends: Vec<_> = from.into_iter().chain(to).collect();
        let parts: Vec<String> = ends.iter().map(|(sign, _)| format!("{} {sign} ?", self.column)).collect();
        let condition = if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) };
        Some((condition, ends.into_iter().map(|(_, cut)| bound(cut)).collect()))
    }
}

fn bound(cut: i128) -> Value {
    i64::try_from(cut).map(Value::Int).unwrap_or_else(|_| Value::UInt(u64::try_from(cut).unwrap_or(u64::MAX)))
}

/// Where to cut into so many ranges of the same width; fewer if there are not so many keys.
fn cuts(least: i128, most: i128, ranges: usize) -> Vec<i128> {
    let ranges = i128::try_from(ranges).unwrap_or(1);
    let mut cuts: Vec<i128> = (1..ranges).map(|i| least + (most - least) * i / ranges).collect();
    cuts.dedup();
    cuts.retain(|cut| *cut > least);
    cuts
}

#[cfg(test)]
mod tests;
