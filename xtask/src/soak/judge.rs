//! The last word: what every database holds, by its own client, against the application's own log and against the source.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs;

use super::stage::{Base, Job, Kind, Stage};
use super::workload::{ACCOUNTS, BALANCE, Ledger};
use crate::failure::Result;
use crate::process;

const TABLES: [&str; 4] = ["account", "history", "item", "writer"];

/// A table as a database's own client prints it: its rows, in the order of keys.
pub type Rows = Vec<String>;

/// All tables of one job's source and sinks; how many rows were looked at.
pub fn judge(stage: &Stage, job: &Job, ledgers: &[Ledger]) -> Result<usize> {
    let mut rows = 0;
    for table in TABLES {
        let truth = dump(&job.from, table)?;
        let held = if table == "history" { history_holds(&truth, ledgers) } else { Ok(()) };
        held.and_then(|()| expected(table, ledgers).map_or(Ok(()), |wanted| same(table, &wanted, &truth)))
            .map_err(|text| kept(stage, &job.from, table, &truth, &text))?;
        rows += truth.len();
        for sink in &job.to {
            let found = dump(sink, table)?;
            same(table, &truth, &found).map_err(|text| {
                let _ = fs::write(stage.folder.join(format!("{}.{table}", job.from.name)), truth.join("\n"));
                kept(stage, sink, table, &found, &text)
            })?;
            rows += found.len();
        }
    }
    for sink in &job.to {
        compared(stage, job, sink)?;
    }
    Ok(rows)
}

/// The product's own comparison says so too.
fn compared(stage: &Stage, job: &Job, sink: &Base) -> Result<()> {
    process::output(&mut stage.syncline(&["compare", &job.from.name, &sink.name])).map(|_| ())
}

fn kept(stage: &Stage, base: &Base, table: &str, rows: &Rows, text: &str) -> String {
    let file = format!("{}.{table}", base.name);
    let _ = fs::write(stage.folder.join(&file), rows.join("\n"));
    format!("{}: {text}\n(all rows are in the folder's file {file})", base.name)
}

/// One text for one value, whatever the brand.
fn dump(base: &Base, table: &str) -> Result<Rows> {
    let sql = match (table, base.kind) {
        ("account", _) => "SELECT id, balance, n FROM account ORDER BY id",
        ("history", _) => "SELECT account, n, writer, seq, amount FROM history ORDER BY account, n",
        ("writer", _) => "SELECT id, seq FROM writer ORDER BY id",
        (_, Kind::Postgres) => {
            "SELECT place, id, coalesce((price * 100)::bigint::text, 'NULL'), \
             coalesce(upper(encode(convert_to(note, 'UTF8'), 'hex')), 'NULL') FROM item"
        }
        (_, Kind::Mariadb) => {
            "SELECT place, id, coalesce(CAST(price * 100 AS SIGNED), 'NULL'), coalesce(HEX(note), 'NULL') FROM item"
        }
        (_, Kind::Sqlite) => {
            "SELECT place, id, coalesce(CAST(round(price * 100) AS INTEGER), 'NULL'), \
             iif(note IS NULL, 'NULL', hex(note)) FROM item"
        }
    };
    let mut rows: Rows = base.asked(sql)?.lines().map(str::to_owned).collect();
    // Text is sorted by each brand in its own way.
    if table == "item" {
        rows.sort();
    }
    Ok(rows)
}

/// What the log says that a table holds; `history` has an order that only the source knows.
pub fn expected(table: &str, ledgers: &[Ledger]) -> Option<Rows> {
    match table {
        "account" => {
            let mut accounts: Vec<(i64, u64)> = (0..ACCOUNTS).map(|_| (BALANCE, 0)).collect();
            let mut moved = |id: u32, amount: i64| {
                if let Some((balance, n)) = accounts.get_mut(id as usize - 1) {
                    *balance += amount;
                    *n += 1;
                }
            };
            for transfer in ledgers.iter().flat_map(|ledger| &ledger.transfers) {
                moved(transfer.from, -transfer.amount);
                moved(transfer.to, transfer.amount);
            }
            let row = |(place, (balance, n)): (usize, (i64, u64))| format!("{}|{balance}|{n}", place + 1);
            Some(accounts.into_iter().enumerate().map(row).collect())
        }
        "writer" => {
            let row = |(place, ledger): (usize, &Ledger)| format!("{}|{}", place + 1, ledger.transfers.len());
            Some(ledgers.iter().enumerate().map(row).collect())
        }
        "item" => {
            let hex = |note: &String| note.bytes().map(|byte| format!("{byte:02X}")).collect::<String>();
            let items = ledgers.iter().flat_map(|ledger| &ledger.items);
            let mut rows: Rows = items
                .map(|((place, id), item)| {
                    let price = item.price.map_or("NULL".to_string(), |price| price.to_string());
                    let note = item.note.as_ref().map_or("NULL".to_string(), hex);
                    format!("{place}|{id}|{price}|{note}")
                })
                .collect();
            rows.sort();
            Some(rows)
        }
        _ => None,
    }
}

/// Each committed move is there once, under an unbroken row of numbers, each account's in the order of each writer; and
/// nothing else is there.
pub fn history_holds(rows: &Rows, ledgers: &[Ledger]) -> std::result::Result<(), String> {
    let mut last_of_writer: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    let mut last = (0, 0);
    for row in rows {
        let wrong = |what: &str| Err(format!("history, row {row}: {what}"));
        let fields: Option<Vec<i64>> = row.split('|').map(|field| field.parse().ok()).collect();
        let Some(&[account, n, writer, seq, amount]) = fields.as_deref() else { return wrong("is no row") };
        let number = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
        let (account, n, writer, seq) = (number(account), number(n), number(writer), number(seq));
        let follows = if account == last.0 { last.1 + 1 } else { 1 };
        if n != follows {
            return wrong(&format!("comes where number {follows} was due"));
        }
        last = (account, n);
        let place = |n: u32| (n as usize).checked_sub(1);
        let ledger = place(writer).and_then(|place| ledgers.get(place));
        let transfer = ledger.zip(place(seq)).and_then(|(ledger, place)| ledger.transfers.get(place));
        let wanted = transfer.and_then(|transfer| match account {
            account if account == transfer.from => Some(-transfer.amount),
            account if account == transfer.to => Some(transfer.amount),
            _ => None,
        });
        match wanted {
            None => return wrong("never happened, says the log"),
            Some(wanted) if wanted != amount => return wrong(&format!("the log says {wanted}")),
            Some(_) => {}
        }
        let before = last_of_writer.insert((account, writer), seq).unwrap_or(0);
        if before >= seq {
            return wrong(&format!("comes behind {before} of the same writer: doubled, or out of order"));
        }
    }
    // Each at most once, so that their number says that none is missing.
    let wanted = 2 * ledgers.iter().map(|ledger| ledger.transfers.len()).sum::<usize>();
    if rows.len() != wanted {
        return Err(format!("history: {} rows, and the log has {wanted}", rows.len()));
    }
    Ok(())
}

/// How many columns at the beginning are the key.
fn key_columns(table: &str) -> usize {
    if matches!(table, "history" | "item") { 2 } else { 1 }
}

/// The first row that is lost, doubled or altered, by its key.
pub fn same(table: &str, wanted: &Rows, found: &Rows) -> std::result::Result<(), String> {
    if wanted == found {
        return Ok(());
    }
    let columns = key_columns(table);
    let key = |row: &String| row.split('|').take(columns).map(str::to_owned).collect::<Vec<_>>().join("|");
    let mut counts: BTreeMap<String, (Vec<&String>, Vec<&String>)> = BTreeMap::new();
    wanted.iter().for_each(|row| counts.entry(key(row)).or_default().0.push(row));
    found.iter().for_each(|row| counts.entry(key(row)).or_default().1.push(row));
    let (mut lost, mut doubled, mut altered, mut first) = (0, 0, 0, None);
    for (key, (wanted, found)) in &counts {
        let what = match wanted.len().cmp(&found.len()) {
            _ if wanted == found => continue,
            Ordering::Greater => {
                lost += 1;
                "lost"
            }
            Ordering::Less => {
                doubled += 1;
                "doubled, or never there"
            }
            Ordering::Equal => {
                altered += 1;
                "altered"
            }
        };
        first.get_or_insert_with(|| format!("{table}, key {key}: {what}\n  wanted {wanted:?}\n  found  {found:?}"));
    }
    let first = first.unwrap_or_else(|| format!("{table}: the rows are the same, in another order"));
    Err(format!("{first}\n{lost} rows lost, {doubled} doubled or never there, {altered} altered"))
}

#[cfg(test)]
mod tests;
