//! The statements that make a table of the sink.

use std::fmt::Write as _;
use std::sync::Arc;

use syncline_model::schema::{ForeignKey, Index};
use syncline_model::{Column, LogicalType, TableSchema};

use crate::connect::mariadb::session::Server;
use crate::connect::mariadb::types::{self, Native};
use crate::connect::mariadb::{name_of, quoted};

/// Most bytes of an index.
const INDEX_BYTES_MAX: u32 = 3072;

/// Bytes of a row beyond which long text is kept apart from it; the server's limit is 65,535.
const ROW_BYTES_MAX: u64 = 60_000;

/// How a table is created.
#[derive(Debug)]
pub struct Created {
    /// The statement.
    pub sql: String,
    /// What is worth knowing of it.
    pub notices: Vec<String>,
}

/// `CREATE TABLE` with its primary key; everything else follows after the load.
///
/// # Errors
/// Every column for which the server has no type, with the reason.
pub fn create_table(table: &TableSchema, server: &Server) -> Result<Created, Vec<(Arc<str>, String)>> {
    let same_brand = table.brand == server.brand();
    let (mut parts, mut problems, mut notices) = (Vec::new(), Vec::new(), Vec::new());
    for (i, column) in table.columns.iter().enumerate() {
        let declared = match declared(table, i, server, &mut notices) {
            Ok(declared) => declared,
            Err(reason) => {
                problems.push((column.name.clone(), reason));
                continue;
            }
        };
        let mut part = format!("{} {declared}", quoted(&column.name));
        part.push_str(if column.nullable && !table.key.contains(&i) { " NULL" } else { " NOT NULL" });
        // A counter must be the first column of a key.
        let counts = column.numbered && table.key.first() == Some(&i) && is_whole(column);
        if counts && !part.contains("AUTO_INCREMENT") {
            part.push_str(" AUTO_INCREMENT");
        }
        if column.numbered && !counts {
            notices.push(format!(
                "the counter of column {} is not created: it is not the first column of the key, or no whole number",
                column.name
            ));
        }
        if same_brand
            && !counts
            && let Some(default) = &column.default
        {
            match default_clause(default, server) {
                Some(clause) => part.push_str(&clause),
                None => {
                    notices.push(format!("the default of column {} is not created: it needs a sequence", column.name))
                }
            }
        }
        parts.push(part);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if !table.key.is_empty() {
        parts.push(format!("PRIMARY KEY ({})", names(table, &table.key)));
    }
    let by_bytes = server.by_bytes();
    let sql = format!(
        "CREATE TABLE {} ({}) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {by_bytes}",
        name_of(&table.name),
        parts.join(", ")
    );
    Ok(Created { sql, notices })
}

/// The types that columns from another brand get.
pub fn made(table: &TableSchema, server: &Server) -> Vec<(Arc<str>, Native)> {
    if table.brand == server.brand() {
        return Vec::new();
    }
    let wide = row_bytes(table) > ROW_BYTES_MAX;
    let one = |(i, column): (usize, &Column)| {
        let declared = foreign(table, i, server, wide, &mut Vec::new()).ok()?;
        Some((column.name.clone(), Native::parse(&declared)))
    };
    table.columns.iter().enumerate().filter_map(one).collect()
}

fn is_whole(column: &Column) -> bool {
    matches!(column.logical, LogicalType::Int { .. })
}

/// A default of the same brand, or nothing if it cannot be carried.
fn default_clause(default: &str, server: &Server) -> Option<String> {
    let lower = default.to_ascii_lowercase();
    if lower.contains("nextval(") || lower.contains("next value") {
        return None;
    }
    let literal = lower.starts_with(['\'', '-']) || lower.starts_with(|c: char| c.is_ascii_digit());
    let known =
        literal || ["null", "current_timestamp", "b'", "x'", "_", "true", "false"].iter().any(|k| lower.starts_with(k));
    Some(match known || !server.mariadb && lower.starts_with('(') {
        true => format!(" DEFAULT {default}"),
        false => format!(" DEFAULT ({default})"),
    })
}

/// The type that a column gets.
///
/// # Errors
/// Why the server has none for it.
pub fn declared(table: &TableSchema, i: usize, server: &Server, notices: &mut Vec<String>) -> Result<String, String> {
    let Some(column) = table.columns.get(i) else { return Ok(String::new()) };
    let wide = row_bytes(table) > ROW_BYTES_MAX;
    if table.brand != server.brand() {
        return foreign(table, i, server, wide, notices);
    }
    let own = Native::parse(&column.native);
    // Text without a length cannot be a key as a whole.
    match own.is_unbounded() && keys(table).any(|key| key.contains(&i)) {
        true => foreign(table, i, server, wide, notices).map(|declared| own.collated(&declared)),
        false => Ok(column.native.clone()),
    }
}

/// The type of a column from another brand.
fn foreign(
    table: &TableSchema,
    i: usize,
    server: &Server,
    wide: bool,
    notices: &mut Vec<String>,
) -> Result<String, String> {
    let Some(column) = table.columns.get(i) else { return Ok(String::new()) };
    // In a key or unique index the whole value must be part of it.
    let shares = keys(table).filter(|key| key.contains(&i)).map(|key| share(table, key)).min();
    let mut logical = column.logical.clone();
    if let Some(bytes) = shares {
        let chars = bytes / 4;
        match &mut logical {
            LogicalType::Text { chars_max } if chars_max.is_none_or(|n| n > chars) => *chars_max = Some(chars),
            other @ (LogicalType::Any | LogicalType::Other | LogicalType::Array(_)) => {
                *other = LogicalType::Text { chars_max: Some(chars) };
            }
            LogicalType::Bytes { bytes_max } if bytes_max.is_none_or(|n| n > bytes) => *bytes_max = Some(bytes),
            _ => return types::declared(&logical, true, server),
        }
        if logical != column.logical {
            notices.push(format!(
                "column {} is in a key, which holds {bytes} bytes of it; a longer value is refused by name",
                column.name
            ));
        }
        return types::declared(&logical, true, server);
    }
    if wide && long_bytes(&logical) > 1024 {
        match &mut logical {
            LogicalType::Text { chars_max } => *chars_max = None,
            LogicalType::Bytes { bytes_max } => *bytes_max = None,
            _ => {}
        }
    }
    types::declared(&logical, false, server)
}

/// The primary key and the unique indexes.
fn keys(table: &TableSchema) -> impl Iterator<Item = &Vec<usize>> {
    std::iter::once(&table.key).chain(table.indexes.iter().filter(|i| i.unique).map(|i| &i.columns))
}

/// Bytes that each column without a small size of its own has in that key.
fn share(table: &TableSchema, key: &[usize]) -> u32 {
    let sizes = || key.iter().filter_map(|&c| table.columns.get(c)).map(|c| long_bytes(&c.logical));
    let small: u64 = sizes().filter(|bytes| *bytes <= 256).sum();
    let large = sizes().filter(|bytes| *bytes > 256).count().max(1) as u64;
    let share = u64::from(INDEX_BYTES_MAX).saturating_sub(small) / large;
    u32::try_from(share / 4 * 4).unwrap_or(INDEX_BYTES_MAX).max(4)
}

fn row_bytes(table: &TableSchema) -> u64 {
    table.columns.iter().map(|c| long_bytes(&c.logical)).filter(|bytes| *bytes < u64::from(u32::MAX)).sum()
}

/// Most bytes of a value, where it is text or bytes; else a few.
fn long_bytes(logical: &LogicalType) -> u64 {
    match logical {
        LogicalType::Text { chars_max: Some(n) } => u64::from(*n) * 4 + 2,
        LogicalType::Bytes { bytes_max: Some(n) } => u64::from(*n) + 2,
        LogicalType::Text { .. }
        | LogicalType::Bytes { .. }
        | LogicalType::Any
        | LogicalType::Other
        | LogicalType::Array(_)
        | LogicalType::Json => u64::MAX >> 16,
        LogicalType::Interval => 256,
        LogicalType::Decimal { .. } => 32,
        _ => 16,
    }
}

/// The parts of the one `ALTER TABLE` that adds indexes, without those whose names are there already.
pub fn indexes(table: &TableSchema, server: &Server, there: &[String]) -> Option<String> {
    let mut taken: Vec<String> = there.to_vec();
    let mut parts = Vec::new();
    for (n, index) in table.indexes.iter().enumerate() {
        let name = index_name(index, n);
        if taken.iter().any(|t| t.eq_ignore_ascii_case(&name)) {
            continue;
        }
        let kind = if index.unique { "UNIQUE INDEX" } else { "INDEX" };
        parts.push(format!("ADD {kind} {} ({})", quoted(&name), index_columns(table, index, server)));
        taken.push(name);
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Its own name, cut to what the server takes; a constraint without one is numbered.
fn index_name(index: &Index, n: usize) -> String {
    let own = index.name.clone().filter(|name| !name.eq_ignore_ascii_case("PRIMARY"));
    let name = own.unwrap_or_else(|| format!("unique_{}", n + 1));
    let name: String = name.chars().take(64).collect();
    name.trim_end_matches(' ').to_owned()
}

/// An index that is not unique takes the beginning of long text; what is in a key too can be shorter than that already.
fn index_columns(table: &TableSchema, index: &Index, server: &Server) -> String {
    let same_brand = table.brand == server.brand();
    let most = 760 / index.columns.len().max(1);
    let made = if same_brand { Vec::new() } else { made(table, server) };
    let is_short = |column: &Column| {
        let own = made.iter().find(|(name, _)| *name == column.name).and_then(|(_, made)| made.length());
        own.and_then(|n| usize::try_from(n).ok()).is_some_and(|n| n <= most)
    };
    let columns: Vec<String> = index
        .columns
        .iter()
        .filter_map(|&c| table.columns.get(c))
        .map(|column| {
            let mut part = quoted(&column.name);
            let long = long_bytes(&column.logical) > u64::from(INDEX_BYTES_MAX) / index.columns.len().max(1) as u64;
            if !same_brand && !index.unique && long && !is_short(column) {
                let _ = write!(part, "({most})");
            }
            part
        })
        .collect();
    columns.join(", ")
}

/// The parts that add the references, one each.
pub fn foreign_keys(table: &TableSchema, all: &[Arc<TableSchema>]) -> Vec<String> {
    let part = |key: &ForeignKey| {
        let to: Vec<_> = referred(key, all).iter().map(|c| quoted(c)).collect();
        let columns = names(table, &key.columns);
        let mut part = format!("ADD FOREIGN KEY ({columns}) REFERENCES {} ({})", name_of(&key.to), to.join(", "));
        for (when, action) in [("DELETE", &key.on_delete), ("UPDATE", &key.on_update)] {
            if let Some(action) = action.as_deref().filter(|a| !a.eq_ignore_ascii_case("SET DEFAULT")) {
                let _ = write!(part, " ON {when} {action}");
            }
        }
        part
    };
    table.foreign_keys.iter().map(part).collect()
}

/// The columns that a reference means: where it names none, the key of its table.
pub fn referred(key: &ForeignKey, all: &[Arc<TableSchema>]) -> Vec<String> {
    if !key.to_columns.is_empty() {
        return key.to_columns.clone();
    }
    let parent = all.iter().find(|t| t.name == key.to);
    parent.map(|t| t.key_columns().map(|c| c.name.to_string()).collect()).unwrap_or_default()
}

fn names(table: &TableSchema, columns: &[usize]) -> String {
    let names: Vec<_> = columns.iter().filter_map(|&c| table.columns.get(c)).map(|c| quoted(&c.name)).collect();
    names.join(", ")
}
