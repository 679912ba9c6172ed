//! Whether what is visible and what is parked is exactly what the constraints say.

use std::collections::{BTreeMap, BTreeSet};

use syncline_model::merge::{Cells, Fate, Group, Rank, Reason, State};

use super::{Broken, broken};
use crate::database::{Row, has, number, values};
use crate::setup::TABLES;

const PROMISE: &str = "P5 the visible rows are a function of the state";

/// A row that is live.
struct Live<'a> {
    claim: Option<Rank>,
    key: &'a Cells,
    row: Row,
    fate: Fate,
}

/// Whether the first claim to a value has it, rows without a visible parent wait, as many as can be are visible, each
/// reason is the first one, and nothing is parked without a reason.
pub fn fates(group: &Group, state: &State, fates: &[BTreeMap<Cells, Fate>]) -> Result<(), Broken> {
    let mut tables: Vec<Vec<Live>> = Vec::new();
    for table in 0..TABLES.len() {
        tables.push(live(group, state, table, fates.get(table))?);
    }
    let mut expected = Vec::new();
    for (table, live) in tables.iter().enumerate() {
        expected.push(admitted(table, live));
    }
    loop {
        let parked = expected.clone();
        for (table, live) in tables.iter().enumerate() {
            for (at, live) in live.iter().enumerate() {
                let Some(fate) = expected.get_mut(table).and_then(|fates| fates.get_mut(at)) else { continue };
                if !matches!(fate, Fate::Parked(Reason::Unique(_)))
                    && let Some(reference) = waits(&tables, &parked, table, &live.row)
                {
                    *fate = Fate::Parked(Reason::Reference(reference));
                }
            }
        }
        if parked == expected {
            break;
        }
    }
    for (table, (live, expected)) in tables.iter().zip(&expected).enumerate() {
        if let Some((live, fate)) = live.iter().zip(expected).find(|(live, fate)| live.fate != **fate) {
            let what = format!("row {:?} of table {table} is {:?} and should be {fate:?}", live.row, live.fate);
            return broken(PROMISE, what);
        }
    }
    Ok(())
}

/// The live rows of a table, by their claims.
fn live<'a>(
    group: &Group,
    state: &'a State,
    table: usize,
    fates: Option<&BTreeMap<Cells, Fate>>,
) -> Result<Vec<Live<'a>>, Broken> {
    let (Some(rules), Some(description)) = (group.table(table), TABLES.get(table)) else { return Ok(Vec::new()) };
    let claims = |at: &usize| {
        let columns = rules.columns(*at);
        description.uniques.iter().any(|unique| unique.iter().any(|column| columns.contains(column)))
    };
    let mut rows = Vec::new();
    for (key, row) in state.rows(table) {
        let fate = fates.and_then(|fates| fates.get(key)).copied();
        let cells = rules.cells(key, row).filter(|_| row.is_live(rules.deletes()));
        let (Some(cells), Some(fate)) = (cells, fate) else {
            let waits = !row.is_dead(rules.deletes()) && !row.is_complete();
            if fate == waits.then_some(Fate::Parked(Reason::Incomplete)) {
                continue;
            }
            return broken(PROMISE, format!("row {key:?} of table {table} is {fate:?}"));
        };
        let claim = (0..rules.registers()).filter(claims).filter_map(|at| row.registers.get(at)?.as_ref());
        let claim = claim.map(|register| register.rank).max();
        rows.push(Live { claim, key, row: cells.iter().map(number).collect(), fate });
    }
    let (held, known) =
        (fates.map_or(0, BTreeMap::len), state.rows(table).filter(|(_, row)| !row.is_dead(rules.deletes())));
    if held != known.count() {
        return broken(PROMISE, format!("table {table} has fates of rows that are not there"));
    }
    rows.sort_unstable_by_key(|live| (live.claim, live.key));
    Ok(rows)
}

/// By their turn, who has what they claim; as if nobody had a parent.
fn admitted(table: usize, live: &[Live]) -> Vec<Fate> {
    let uniques = TABLES.get(table).map_or(&[][..], |table| table.uniques);
    let mut taken: BTreeSet<(usize, Vec<i64>)> = BTreeSet::new();
    let fates = live.iter().map(|live| {
        let claims = uniques.iter().enumerate().filter_map(|(at, columns)| Some((at, values(&live.row, columns)?)));
        let claims: Vec<_> = claims.collect();
        match claims.iter().find(|claim| taken.contains(*claim)) {
            Some((unique, _)) => Fate::Parked(Reason::Unique(*unique)),
            None => {
                taken.extend(claims);
                Fate::Visible
            }
        }
    });
    fates.collect()
}

/// The first reference of a row that no visible row answers.
fn waits(tables: &[Vec<Live>], fates: &[Vec<Fate>], table: usize, row: &Row) -> Option<usize> {
    TABLES.get(table)?.references.iter().position(|reference| {
        let Some(wanted) = values(row, reference.columns) else { return false };
        let parents = tables.get(reference.to).into_iter().flatten().zip(fates.get(reference.to).into_iter().flatten());
        let mut visible = parents.filter(|(_, fate)| **fate == Fate::Visible);
        !visible.any(|(parent, _)| has(&parent.row, reference.to_columns, &wanted))
    })
}
