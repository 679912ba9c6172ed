//! What users do: small transactions on what they see.

use crate::chance::Chance;
use crate::database::{Database, Row, Statement};
use crate::setup::{B, BADGE, ITEMS, OWNER, OWNERS, X};

/// Keys of a table; few, so that users meet.
const KEYS: u64 = 4;
/// Values of a badge; fewer than keys, so that they clash.
const BADGES: u64 = 3;
/// Values of other columns.
const VALUES: u64 = 8;

/// A transaction of one to three statements.
pub fn transaction(chance: &mut Chance, database: &Database) -> Vec<Statement> {
    let count = if chance.percent(70) { 1 } else { 2 + chance.below(2) };
    (0..count).map(|_| statement(chance, database)).collect()
}

fn statement(chance: &mut Chance, database: &Database) -> Statement {
    let table = if chance.percent(65) { OWNERS } else { ITEMS };
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
    let last = if table == OWNERS { B } else { X };
    let mut row: Row = (0..=last).map(|column| value(chance, table, column)).collect();
    if let Some(first) = row.first_mut() {
        *first = Some(key);
    }
    if table == ITEMS && chance.percent(80) {
        // An owner that exists, so that most inserts are not refused.
        let owners = database.table(OWNERS);
        let owner = owners.keys().nth(chance.index(owners.len())).copied();
        if let Some(slot) = row.get_mut(OWNER) {
            *slot = owner;
        }
    }
    row
}

fn value(chance: &mut Chance, table: usize, column: usize) -> Option<i64> {
    let limit = match (table, column) {
        (OWNERS, BADGE) => BADGES,
        (ITEMS, OWNER) => KEYS,
        _ => VALUES,
    };
    (!chance.percent(15)).then(|| i64::try_from(chance.below(limit)).unwrap_or(0))
}

fn id(chance: &mut Chance) -> i64 {
    i64::try_from(chance.below(KEYS)).unwrap_or(0)
}
