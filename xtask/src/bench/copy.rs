//! A copy of one table into a new file, against what SQLite itself needs for it.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::measure::{self, Run};
use super::report::{Report, grouped, speed, wall_s};
use super::{RUNS, Setting, data, product};
use crate::failure::Result;

/// One side of the race: its name, its command, and its runs.
struct Side {
    name: &'static str,
    command: fn(&Path, &Path) -> Command,
    runs: Vec<Run>,
}

pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    for rows in &setting.rows {
        let source = setting.folder.file("source.db");
        data::generate(&source, *rows)?;
        let truth = data::fingerprint(&source)?;
        let mut sides = vec![
            Side { name: "sqlite3 INSERT … SELECT *", command: whole, runs: Vec::new() },
            Side { name: "sqlite3 row by row", command: row_by_row, runs: Vec::new() },
        ];
        if !setting.yardstick_only {
            sides.push(Side { name: "syncline copy", command: product::copy, runs: Vec::new() });
        }
        for _ in 0..RUNS {
            for side in &mut sides {
                side.runs.push(once(setting, side, &source, *rows, &truth)?);
            }
        }
        tell(*rows, &sides, report);
        data::remove(&source)?;
    }
    Ok(())
}

fn once(setting: &Setting, side: &Side, source: &Path, rows: u64, truth: &str) -> Result<Run> {
    let sink = setting.folder.file("sink.db");
    data::remove(&sink)?;
    measure::settle()?;
    let run = measure::run(&mut (side.command)(source, &sink), &setting.folder.file("log"))?;
    let copied = data::fingerprint(&sink)?;
    if copied != truth {
        return Err(format!("{} did not copy all of it:\n{truth}{copied}", side.name).into());
    }
    let bytes = fs::metadata(&sink).map_or(0, |file| file.len());
    println!("  {}: {}, {} bytes", side.name, speed(rows, &[run]), grouped(bytes));
    data::remove(&sink)?;
    Ok(run)
}

fn tell(rows: u64, sides: &[Side], report: &mut Report) {
    for side in sides {
        report.line(rows, side.name, speed(rows, &side.runs), "");
    }
    let [whole, by_row, ours] = sides else { return };
    let ratio = |yardstick: &Side| format!("{:.2}", wall_s(&yardstick.runs) / wall_s(&ours.runs));
    report.line(rows, "ratio to INSERT … SELECT *", ratio(whole), "≥ 0.6");
    report.line(rows, "ratio to row by row", ratio(by_row), "");
}

/// The best that SQLite can do: between two equal tables it moves the bytes of a row without looking into them.
fn whole(source: &Path, sink: &Path) -> Command {
    insert(source, sink, "SELECT * FROM source.sales_order")
}

/// The same, but with every row taken apart and put together again, as any program outside SQLite has to.
fn row_by_row(source: &Path, sink: &Path) -> Command {
    let columns = "id, customer_id, status, amount, discount, created_at, ship_date, note, payload, active";
    insert(source, sink, &format!("SELECT {columns} FROM source.sales_order WHERE +id IS NOT NULL"))
}

/// One transaction with the default pragmas.
fn insert(source: &Path, sink: &Path, select: &str) -> Command {
    let source = source.to_string_lossy().replace('\'', "''");
    let mut command = data::sqlite3(sink);
    command.arg(format!(
        "ATTACH '{source}' AS source; BEGIN; {}; INSERT INTO sales_order {select}; COMMIT;",
        data::CREATE
    ));
    command
}
