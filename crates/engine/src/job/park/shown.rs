//! What is parked, for people and programs.

use serde_json::Value;
use syncline_model::{Result, TableName};

use super::held::{Held, Reach};
use super::written::{Contents, Written};
use crate::connector::Parked;

/// A parked change and what it has to do with others.
#[derive(Debug)]
pub struct Listed {
    /// The change.
    pub parked: Parked,
    /// The change that it waits for.
    pub waits_for: Option<u64>,
    /// How many wait behind it.
    pub waiting: u64,
}

/// The parked changes of one lane, in their order.
///
/// # Errors
/// [`syncline_model::ErrorKind::Corrupt`] if somebody else wrote there.
pub fn list(parked: Vec<Parked>) -> Result<Vec<Listed>> {
    let mut held = Held::default();
    let mut listed: Vec<Listed> = Vec::with_capacity(parked.len());
    for parked in parked {
        let reach = Reach::parse(&parked.holds)?;
        let waits_for = held.ahead_of(&TableName::bare(&parked.table), &reach);
        held.add(&parked.table, parked.ord, &reach);
        // Whoever waits, waits for all that stand before it.
        let mut ahead = waits_for;
        while let Some(ord) = ahead {
            let Ok(i) = listed.binary_search_by_key(&ord, |l| l.parked.ord) else { break };
            let Some(before) = listed.get_mut(i) else { break };
            before.waiting += 1;
            ahead = before.waits_for;
        }
        listed.push(Listed { parked, waits_for, waiting: 0 });
    }
    Ok(listed)
}

/// What a change does, in a word.
#[must_use]
pub fn word(op: &str) -> &'static str {
    match op {
        "I" => "insert",
        "U" => "update",
        "K" => "key change",
        "D" => "delete",
        "T" => "truncate",
        _ => "change",
    }
}

/// A parked row's key, its cells one after another.
#[must_use]
pub fn key(json: &str) -> String {
    let cells: Vec<Written> = serde_json::from_str(json).unwrap_or_default();
    cells.iter().map(value).collect::<Vec<_>>().join(", ")
}

fn value(written: &Written) -> String {
    let mut text = String::new();
    match written.cell() {
        Some(cell) => cell.as_cell().format(&mut text),
        None => text.push('?'),
    }
    text
}

/// A column of a parked change: name, value before, value after; a value that is not known or not carried is absent.
pub type ColumnShown = (String, Option<String>, Option<String>);

/// The columns of a parked change.
///
/// # Errors
/// [`syncline_model::ErrorKind::Corrupt`] if it is none.
pub fn columns(contents: &str) -> Result<Vec<ColumnShown>> {
    let contents = Contents::parse(contents)?;
    let mut names: Vec<&String> = contents.before.keys().chain(contents.after.keys()).collect();
    names.sort();
    names.dedup();
    let one = |name: &String| {
        let [before, after] = [&contents.before, &contents.after].map(|image| image.get(name).map(value));
        (name.clone(), before, after)
    };
    Ok(names.into_iter().map(one).collect())
}

/// JSON text as a document's part.
#[must_use]
pub fn value_of(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or(Value::Null)
}
