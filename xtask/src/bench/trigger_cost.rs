//! What the triggers of capture cost the application: the same statements on a file with them and on one without.

use std::fs;
use std::path::Path;

use super::follow::read_by_sqlite3;
use super::measure;
use super::report::Report;
use super::{Setting, data, product};
use crate::failure::Result;
use crate::process;

/// Rows that transactions of one row touch.
const SINGLE: u64 = 20_000;

/// Each in both files; `ROWS` stands for the number of rows there.
const BULK: [(&str, &str); 3] = [
    (
        "bulk insert",
        "INSERT INTO sales_order SELECT id + ROWS * 4, customer_id, reference, amount, quantity, note, ordered_at, \
         paid_at, ship_date, active FROM sales_order WHERE id <= ROWS",
    ),
    ("bulk update", "UPDATE sales_order SET amount = amount + 1, note = 'changed' WHERE id <= ROWS"),
    ("bulk delete", "DELETE FROM sales_order WHERE id > ROWS * 4"),
];

pub fn run(setting: &Setting, source: &Path, rows: u64, report: &mut Report) -> Result<()> {
    let (plain, captured) = (setting.folder.file("plain.db"), setting.folder.file("captured.db"));
    for file in [&plain, &captured] {
        data::remove(file)?;
        fs::copy(source, file).map_err(|err| format!("cannot copy {}: {err}", source.display()))?;
        process::output(data::sqlite3(file).arg("PRAGMA journal_mode=WAL"))?;
    }
    install(setting, &captured)?;
    let script = setting.folder.file("cost.sql");
    for (name, sql) in BULK {
        compare(setting, name, &format!("{};\n", sql.replace("ROWS", &rows.to_string())), rows, &script, report)?;
    }
    let of_one = |sql: &dyn Fn(u64) -> String| (1..=SINGLE).map(|i| format!("{};\n", sql(i))).collect::<String>();
    let update = of_one(&|i| format!("UPDATE sales_order SET amount = amount + 1, note = 'one {i}' WHERE id = {i}"));
    compare(setting, "transactions of one update", &update, SINGLE, &script, report)?;
    let insert = of_one(&|i| {
        format!(
            "INSERT INTO sales_order SELECT id + {}, customer_id, reference, amount, quantity, note, ordered_at, \
             paid_at, ship_date, active FROM sales_order WHERE id = {i}",
            rows * 8
        )
    });
    compare(setting, "transactions of one insert", &insert, SINGLE, &script, report)?;
    for file in [&plain, &captured] {
        data::remove(file)?;
    }
    Ok(())
}

fn install(setting: &Setting, captured: &Path) -> Result<()> {
    let config = setting.folder.file("cost.yaml");
    let text = format!(
        "version: 1\nconnections: {{from: 'sqlite:{}', to: 'sqlite:{}'}}\njobs: {{cost: {{from: from, to: to, capture: trigger}}}}\n",
        captured.display(),
        setting.folder.file("nowhere.db").display()
    );
    fs::write(&config, text).map_err(|err| format!("cannot write {}: {err}", config.display()))?;
    process::output(product::syncline().args(["install", "--config"]).arg(config)).map(drop)
}

fn compare(setting: &Setting, name: &str, sql: &str, rows: u64, script: &Path, report: &mut Report) -> Result<()> {
    let log = setting.folder.file("log");
    let text = format!("PRAGMA synchronous=NORMAL;\n{sql}");
    fs::write(script, text).map_err(|err| format!("cannot write {}: {err}", script.display()))?;
    let mut times = Vec::new();
    for file in ["plain.db", "captured.db"] {
        measure::settle()?;
        times.push(measure::run(&mut read_by_sqlite3(&setting.folder.file(file), script), &log)?.cpu_s);
    }
    let [plain, captured] = times[..] else { return Ok(()) };
    let each = (captured - plain) * 1e6 / rows as f64;
    let value = format!("{:.2} CPU s become {:.2}: {:.2} times, {each:.1} us a row", plain, captured, captured / plain);
    report.line(rows, &format!("triggers of SQLite, {name}"), value, "");
    Ok(())
}
