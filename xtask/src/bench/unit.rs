//! What a unit of one row costs in CPU, by a program of the product's own: `crates/engine/benches/unit.rs`.

use super::report::Report;
use super::{Setting, median_of};
use crate::failure::Result;
use crate::process;

/// What is wanted of each line that the program prints, by how the line begins.
const WANTED: &[(&str, &str)] = &[("loop and decorators", "≤ 50 us"), ("our own share into SQLite", "≤ 50 us")];

pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    for units in &setting.rows {
        let count = units.to_string();
        let mut runs: Vec<Vec<(String, f64)>> = Vec::new();
        for _ in 0..super::RUNS {
            let arguments = ["bench", "--package", "syncline", "--bench", "unit", "--", &count];
            runs.push(process::output(&mut process::cargo(&arguments))?.lines().filter_map(figure).collect());
        }
        for (what, us) in median_of(&runs) {
            let wanted = WANTED.iter().find(|(begins, _)| what.starts_with(begins)).map_or("", |(_, wanted)| wanted);
            report.line(*units, &what, format!("{us:.1} us of CPU a unit"), wanted);
        }
    }
    Ok(())
}

/// `what: 1.2 us` as its parts.
fn figure(line: &str) -> Option<(String, f64)> {
    let (what, figure) = line.rsplit_once(": ")?;
    Some((what.to_owned(), figure.strip_suffix(" us")?.parse().ok()?))
}
