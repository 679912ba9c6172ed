//! Peak memory at two sizes: it is bounded by configuration, not by the table (I13).

use super::measure::{self, Run};
use super::report::Report;
use super::{Setting, data, product};
use crate::failure::Result;

const WANTED: &str = "≤ 80 MB";

pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let log = setting.folder.file("log");
    for rows in &setting.rows {
        let (source, sink) = (setting.folder.file("source.db"), setting.folder.file("sink.db"));
        data::generate(&source, *rows)?;
        // One run of each: a peak hardly varies, and ten million rows take a while.
        if setting.yardstick_only {
            let yardstick =
                measure::run(data::sqlite3(&source).arg("SELECT count(*) FROM sales_order WHERE note > ''"), &log)?;
            report.line(*rows, "sqlite3 reads it all", megabytes(yardstick), "");
        } else {
            let copy = measure::run(&mut product::copy(&source, &sink), &log)?;
            report.line(*rows, "syncline copy", megabytes(copy), WANTED);
            let compare = measure::run(&mut product::compare(&source, &sink), &log)?;
            report.line(*rows, "syncline compare", megabytes(compare), WANTED);
        }
        data::remove(&source)?;
        data::remove(&sink)?;
    }
    Ok(())
}

fn megabytes(run: Run) -> String {
    format!("{:.1} MB in {:.1} s", run.peak_kib as f64 * 1024.0 / 1e6, run.wall_s)
}
