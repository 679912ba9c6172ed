//! Results as a Markdown table.

use std::fmt;

use super::measure::{Run, median};

pub struct Report {
    name: &'static str,
    does: &'static str,
    rows: Vec<[String; 4]>,
}

impl Report {
    pub fn new(name: &'static str, does: &'static str) -> Report {
        Report { name, does, rows: Vec::new() }
    }

    /// A measured value, and what is wanted of it; empty where nothing is.
    pub fn line(&mut self, rows: u64, what: &str, value: String, wanted: &str) {
        println!("  {} rows, {what}: {value}", grouped(rows));
        self.rows.push([grouped(rows), what.to_string(), value, wanted.to_string()]);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}: {}\n", self.name, self.does)?;
        writeln!(f, "| rows | what | median | wanted |")?;
        write!(f, "|---:|---|---:|---|")?;
        for [rows, what, value, wanted] in &self.rows {
            write!(f, "\n| {rows} | {what} | {value} | {wanted} |")?;
        }
        Ok(())
    }
}

/// Several runs of one program in one line, each figure its own median.
pub fn speed(rows: u64, runs: &[Run]) -> String {
    let middle = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
    let wall_s = wall_s(runs);
    let per_second = grouped((rows as f64 / wall_s) as u64);
    let (cpu_s, others) = (middle(|run| run.cpu_s), middle(|run| run.others_cores));
    let servers = match middle(|run| run.servers_s) {
        spent if spent > 0.0 => format!(" and {spent:.2} of servers"),
        _ => String::new(),
    };
    format!("{per_second} rows/s, {wall_s:.2} s, {cpu_s:.2} CPU s{servers}, others {others:.1} cores")
}

pub fn wall_s(runs: &[Run]) -> f64 {
    median(runs.iter().map(|run| run.wall_s).collect())
}

/// 5000000 as 5 000 000.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
