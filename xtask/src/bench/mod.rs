//! `cargo xtask bench`: the product against a yardstick taken in the same run.
//!
//! A figure alone says as much about the machine as about us; a ratio to a known program on the same data in the
//! same minute can be compared over years. So nothing here fails for being slow: it reports, with what is wanted
//! beside it, as a table for `docs/benchmarks.md`.

mod brands;
mod capture;
mod compare;
pub mod compare_brands;
mod copy;
pub mod data;
mod ends;
mod follow;
mod live;
pub mod machine;
mod mariadb;
pub mod measure;
mod memory;
mod memory_brands;
mod orders;
mod postgres;
pub mod product;
mod race;
pub mod report;
pub mod servers;
mod tools;
mod unit;

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::failure::{Failure, Result};
use crate::{process, tree};
use report::Report;

/// How often each side runs, in turns; the median counts.
const RUNS: usize = 3;

struct Bench {
    name: &'static str,
    does: &'static str,
    /// Sizes in rows, unless `--rows` names one.
    rows: &'static [u64],
    run: fn(&Setting, &mut Report) -> Result<()>,
}

const BENCHES: &[Bench] = &[
    Bench { name: "copy", does: "rows/s of a copy, against INSERT … SELECT", rows: &[5_000_000], run: copy::run },
    Bench { name: "compare", does: "rows/s of comparing two equal databases", rows: &[5_000_000], run: compare::run },
    Bench { name: "memory", does: "peak memory of both", rows: &[1_000_000, 10_000_000], run: memory::run },
    Bench { name: "postgres", does: "PostgreSQL to PostgreSQL", rows: &[5_000_000], run: postgres::run },
    Bench { name: "mariadb", does: "MariaDB to and from PostgreSQL", rows: &[5_000_000], run: mariadb::run },
    Bench { name: "brands", does: "SQLite to and from the servers", rows: &[5_000_000], run: brands::run },
    Bench {
        name: "compare-brands",
        does: "comparing equal tables of two brands",
        rows: &[5_000_000],
        run: compare_brands::run,
    },
    Bench {
        name: "memory-brands",
        does: "peak memory of copies and comparisons between brands",
        rows: &[1_000_000, 20_000_000],
        run: memory_brands::run,
    },
    Bench { name: "follow", does: "changes/s of a backlog", rows: &[1_000_000], run: follow::run },
    Bench {
        name: "live",
        does: "commit to visible, idling, and many tables while a job follows",
        rows: &[10_000],
        run: live::run,
    },
    Bench {
        name: "capture",
        does: "what triggers cost the application, against the same statements without",
        rows: &[300_000],
        run: capture::run,
    },
    Bench { name: "unit", does: "CPU of units of one row", rows: &[50_000], run: unit::run },
];

/// What every bench gets to work with.
pub struct Setting {
    pub rows: Vec<u64>,
    /// Leave the product out: to look at the yardstick, or at the generator.
    pub yardstick_only: bool,
    pub folder: Folder,
}

/// A folder for data that goes when the bench ends, also by an error.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Result<Folder> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let path = tree::target().join("bench").join(format!("{name}-{since}-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|err| format!("cannot create {}: {err}", path.display()))?;
        Ok(Folder(path))
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(err) = fs::remove_dir_all(&self.0) {
            eprintln!("bench: cannot remove {}: {err}", self.0.display());
        }
    }
}

pub fn run(arguments: &[String]) -> Result<()> {
    let wanted = Wanted::parse(arguments)?;
    if !wanted.yardstick_only {
        println!("bench: building the product");
        process::run(&mut process::cargo(&["build", "--release", "--package", "syncline"]))?;
    }
    // Before the runs, so that the load is that of others.
    let facts = machine::facts();
    let mut reports = Vec::new();
    for bench in &wanted.benches {
        let rows = wanted.rows.map_or_else(|| bench.rows.to_vec(), |rows| vec![rows]);
        let folder = Folder::new(bench.name)?;
        let setting = Setting { rows, yardstick_only: wanted.yardstick_only, folder };
        let mut report = Report::new(bench.name, bench.does);
        (bench.run)(&setting, &mut report)?;
        reports.push(report);
    }
    println!("\n{facts}");
    for report in &reports {
        println!("\n{report}");
    }
    Ok(())
}

/// The median of each figure over several runs that print the same figures.
fn median_of(runs: &[Vec<(String, f64)>]) -> Vec<(String, f64)> {
    let figures = runs.first().map_or(&[][..], Vec::as_slice).iter().enumerate();
    let over_all = |i: usize| runs.iter().filter_map(|run| run.get(i)).map(|(_, figure)| *figure).collect();
    figures.map(|(i, (what, _))| (what.clone(), measure::median(over_all(i)))).collect()
}

struct Wanted {
    benches: Vec<&'static Bench>,
    rows: Option<u64>,
    yardstick_only: bool,
}

impl Wanted {
    fn parse(arguments: &[String]) -> Result<Wanted> {
        let mut wanted = Wanted { benches: Vec::new(), rows: None, yardstick_only: false };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--rows" => {
                    let rows = rest.next().and_then(|rows| rows.replace('_', "").parse().ok());
                    wanted.rows = Some(rows.filter(|rows| *rows > 0).ok_or_else(usage)?);
                }
                "--yardstick-only" => wanted.yardstick_only = true,
                name => wanted.benches.push(BENCHES.iter().find(|bench| bench.name == name).ok_or_else(usage)?),
            }
        }
        if wanted.benches.is_empty() {
            wanted.benches.extend(BENCHES);
        }
        Ok(wanted)
    }
}

fn usage() -> Failure {
    let mut text = "usage: cargo xtask bench [NAME]... [--rows N] [--yardstick-only]".to_string();
    for bench in BENCHES {
        text.push_str(&format!("\n  {:<16}{}", bench.name, bench.does));
    }
    Failure::Usage(text)
}
