//! What users do: small transactions on what they see.

use crate::chance::Chance;
use crate::database::{Database, Row, Statement};
use crate::setup::{ITEMS, OWNERS, TABLES};

/// Keys of a table; few, so that users meet.
const KEYS: u64 = 4;
/// Values of a unique column; fewer than keys, so that they clash.
const CLAIMS: u64 = 3;
/// Values of one of two columns that are unique together.
const CLAIMS_OF_TWO: u64 = 2;
/// Values of other columns.
const VALUES: u64 = 8;

/// A transaction of one to three statements.
pub fn transaction(chance: &mut Chance, tables: usize, database: &Database) -> Vec<Statement> {
    let count = if chance.percent(70) { 1 } else { 2 + chance.below(2) };
    (0..count).map(|_| statement(chance, tables, database)).collect()
}

fn statement(chance: &mut Chance, tables: usize, database: &Database) -> Statement {
    let table = match chance.below(100) {
        below if tables > 2 => usize::try_from(below).unwrap_or(0) % tables,
        0..=64 => OWNERS,
        _ => ITEMS,
    };
    let key = id(chance);
    let Some(row) = database.table(table).get(&key) else {
        return Statement::Insert(table, row(chance, table, key, database));
    };
    match chance.below(20) {
        0..=4 => Statement::Delete(table, key),
        5 => Statement::Move(table, key, id(chance)),
        6 => {
            Statement::Update(table, key, (1..row.len()).map(|column| (column, value(chance, table, column))).collect())
        }
        _ => {
            let column = 1 + chance.index(row.len() - 1);
            Statement::Update(table, key, vec![(column, value(chance, table, column))])
        }
    }
}

fn row(chance: &mut Chance, table: usize, key: i64, database: &Database) -> Row {
    let Some(description) = TABLES.get(table) else { return Row::new() };
    let mut row: Row = (0..description.columns.len()).map(|column| value(chance, table, column)).collect();
    if let Some(first) = row.first_mut() {
        *first = Some(key);
    }
    for reference in description.references {
        // Mostly a row that exists, so that most inserts are not refused.
        if chance.percent(80) {
            let parents = database.table(reference.to);
            let parent = parents.values().nth(chance.index(parents.len()));
            for (column, to) in reference.columns.iter().zip(reference.to_columns) {
                if let Some(slot) = row.get_mut(*column) {
                    *slot = parent.and_then(|parent| parent.get(*to).copied().flatten());
                }
            }
        }
    }
    row
}

fn value(chance: &mut Chance, table: usize, column: usize) -> Option<i64> {
    let limit = limit(table, column);
    (!chance.percent(15)).then(|| i64::try_from(chance.below(limit)).unwrap_or(0))
}

/// How many values a column takes: what refers as many as where it points.
fn limit(table: usize, column: usize) -> u64 {
    let Some(description) = TABLES.get(table) else { return VALUES };
    if column == 0 {
        return KEYS;
    }
    if let Some(reference) = description.references.iter().find(|reference| reference.columns == [column]) {
        return reference.to_columns.first().map_or(VALUES, |to| self::limit(reference.to, *to));
    }
    match description.uniques.iter().find(|columns| columns.contains(&column)) {
        Some([_]) => CLAIMS,
        Some(_) => CLAIMS_OF_TWO,
        None => VALUES,
    }
}

fn id(chance: &mut Chance) -> i64 {
    i64::try_from(chance.below(KEYS)).unwrap_or(0)
}
