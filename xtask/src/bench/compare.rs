//! Comparing two equal databases.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::measure;
use super::report::{Report, speed, wall_s};
use super::{RUNS, Setting, data, product};
use crate::failure::Result;

pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let log = setting.folder.file("log");
    for rows in &setting.rows {
        let (one, other) = (setting.folder.file("one.db"), setting.folder.file("other.db"));
        data::generate(&one, *rows)?;
        fs::copy(&one, &other).map_err(|err| format!("cannot copy {}: {err}", one.display()))?;
        let (mut yardstick, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            yardstick.push(measure::run(&mut joined(&one, &other), &log)?);
            expect_equal(&fs::read_to_string(&log).unwrap_or_default())?;
            if !setting.yardstick_only {
                ours.push(measure::run(&mut product::compare(&one, &other), &log)?);
            }
        }
        report.line(*rows, "sqlite3 join on the key", speed(*rows, &yardstick), "");
        if !setting.yardstick_only {
            report.line(*rows, "syncline compare", speed(*rows, &ours), "≥ 600 000 rows/s");
            report.line(*rows, "ratio to the join", format!("{:.2}", wall_s(&yardstick) / wall_s(&ours)), "");
        }
        data::remove(&one)?;
        data::remove(&other)?;
    }
    Ok(())
}

/// What a user would do without us: count the rows of one file that are not, column by column, in the other.
fn joined(one: &Path, other: &Path) -> Command {
    let other = other.to_string_lossy().replace('\'', "''");
    let columns =
        ["customer_id", "status", "amount", "discount", "created_at", "ship_date", "note", "payload", "active"];
    let same: Vec<String> = columns.iter().map(|column| format!("a.{column} IS b.{column}")).collect();
    let same = same.join(" AND ");
    let mut command = data::sqlite3(one);
    command.arg(format!(
        "ATTACH '{other}' AS other; SELECT count(*) - total({same}) FROM main.sales_order a \
         LEFT JOIN other.sales_order b USING (id)"
    ));
    command
}

fn expect_equal(printed: &str) -> Result<()> {
    match printed.trim().parse::<f64>() {
        Ok(0.0) => Ok(()),
        _ => Err(format!("the files should be equal, but sqlite3 counts `{}` differences", printed.trim()).into()),
    }
}
