//! `cargo xtask round`: a shop of thirteen tables goes from PostgreSQL to MariaDB, on to SQLite and back to PostgreSQL,
//! with millions of rows, and is there what it was.
//!
//! The shop and what is asked of it are the test's (`crates/engine/tests/brands/`), which takes the same way with some
//! 20,000 rows. The servers fill and judge it; we only compare what they say.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use syncline_rig::Brand;

use crate::bench::compare_brands::said_equal;
use crate::bench::measure::{self, Run};
use crate::bench::report::grouped;
use crate::bench::servers::{self, Place};
use crate::bench::{Folder, data, machine, product};
use crate::failure::{Failure, Result};
use crate::{process, tree};

/// Rows unless `--rows` says otherwise.
const ROWS: u64 = 5_000_000;
/// Rows of the shop at scale 1, but for a few that are always the same.
const ROWS_OF_ONE: u64 = 22_500;

const FIRST: &str = "first";
const MIDDLE: &str = "middle";
const LAST: &str = "last";

pub fn run(arguments: &[String]) -> Result<()> {
    let rows = wanted(arguments)?;
    println!("round: building the product");
    process::run(&mut process::cargo(&["build", "--release", "--package", "syncline"]))?;
    let facts = machine::facts();
    let round = Round::start(rows)?;
    let truth = round.fill()?;
    let legs = round.go()?;
    round.judge(&truth)?;
    println!("\n{facts}\n\n| leg | rows | seconds | rows/s | peak memory |\n|---|---:|---:|---:|---:|");
    for (name, run) in legs {
        let per_second = grouped((truth.rows as f64 / run.wall_s) as u64);
        let memory = run.peak_kib as f64 * 1024.0 / 1e6;
        println!("| {name} | {} | {:.1} | {per_second} | {memory:.1} MB |", grouped(truth.rows), run.wall_s);
    }
    println!("\nround: all three brands hold the same rows, and the last PostgreSQL database holds those of the first");
    Ok(())
}

fn wanted(arguments: &[String]) -> Result<u64> {
    let usage = || Failure::Usage("usage: cargo xtask round [--rows N]".into());
    match arguments {
        [] => Ok(ROWS),
        [option, rows] if option == "--rows" => {
            rows.replace('_', "").parse().ok().filter(|rows| *rows > 0).ok_or_else(usage)
        }
        _ => Err(usage()),
    }
}

struct Round {
    scale: u64,
    postgres: Place,
    mariadb: Place,
    folder: Folder,
}

/// What the first database says of itself.
struct Truth {
    /// A line per table: its name, number of rows, and a sum that both servers can tell.
    sums: String,
    /// A line per table with a sum over every value as PostgreSQL shows it.
    every_row: String,
    rows: u64,
}

impl Round {
    fn start(rows: u64) -> Result<Round> {
        Ok(Round {
            scale: rows.div_ceil(ROWS_OF_ONE),
            postgres: Place::start(Brand::Postgres)?,
            mariadb: Place::start(Brand::Mariadb)?,
            folder: Folder::new("round")?,
        })
    }

    fn fill(&self) -> Result<Truth> {
        println!("round: filling the shop, {} times its smallest", self.scale);
        let began = Instant::now();
        self.postgres.anew(FIRST)?;
        self.mariadb.anew(MIDDLE)?;
        self.postgres.anew(LAST)?;
        let mut shop = self.postgres.client(FIRST);
        process::output(shop.arg(format!("--set=scale={}", self.scale)).arg(script("shop.sql")))?;
        self.postgres.execute(FIRST, "ANALYZE")?;
        let sums = self.sums_of_postgres(FIRST)?;
        let rows = counts(&sums)?.iter().map(|(_, rows)| rows).sum();
        println!("round: {} rows in {:.1} s", grouped(rows), began.elapsed().as_secs_f64());
        Ok(Truth { every_row: self.every_row(FIRST)?, sums, rows })
    }

    /// Each leg, and after it the product's own comparison of its two ends.
    fn go(&self) -> Result<Vec<(&'static str, Run)>> {
        let file = self.file().to_string_lossy().into_owned();
        let (first, middle, last) = (self.postgres.url(FIRST), self.mariadb.url(MIDDLE), self.postgres.url(LAST));
        let legs = [
            ("PostgreSQL to MariaDB", "compare these two", &first, &middle),
            ("MariaDB to SQLite", "compare these two", &middle, &file),
            ("SQLite to PostgreSQL", "compare these two", &file, &last),
        ];
        let mut done = Vec::new();
        for (copies, compares, from, to) in legs {
            done.push((copies, self.measured(copies, &mut product::copy_urls(from, to))?));
            done.push((compares, self.compared(from, to)?));
        }
        done.push(("compare the first and the last", self.compared(&first, &last)?));
        Ok(done)
    }

    fn compared(&self, one: &str, other: &str) -> Result<Run> {
        let run = self.measured("compare", &mut product::compare_urls(one, other))?;
        match said_equal(&self.log())?.as_str() {
            "equal" => Ok(run),
            said => Err(format!("compare does not say that they are equal:\n{said}").into()),
        }
    }

    fn measured(&self, name: &str, command: &mut Command) -> Result<Run> {
        servers::settle(&[&self.postgres, &self.mariadb])?;
        let working: Vec<u32> = [&self.postgres, &self.mariadb].iter().filter_map(|place| place.process()).collect();
        let run = measure::run_beside(command, &self.log(), &working)?;
        println!("round: {name}: {:.1} s, others {:.1} cores", run.wall_s, run.others_cores);
        Ok(run)
    }

    /// The databases' own programs say whether all of it arrived.
    fn judge(&self, truth: &Truth) -> Result<()> {
        println!("round: asking the databases");
        same("MariaDB", &truth.sums, &process::output(self.mariadb.client(MIDDLE).arg(source("sums.mariadb.sql")))?)?;
        same("the last PostgreSQL", &truth.sums, &self.sums_of_postgres(LAST)?)?;
        same("every value of the last PostgreSQL", &truth.every_row, &self.every_row(LAST)?)?;
        let file = self.file();
        same(
            "SQLite",
            "ok\n",
            &process::output(data::sqlite3(&file).arg("PRAGMA foreign_key_check; PRAGMA integrity_check"))?,
        )?;
        for (table, rows) in counts(&truth.sums)? {
            let table = if table == "Odd" { "Odd \"\"Name\"\".with dots" } else { &table };
            let found = process::output(data::sqlite3(&file).arg(format!("SELECT count(*) FROM \"{table}\"")))?;
            same(&format!("SQLite, {table}"), &rows.to_string(), &found)?;
        }
        Ok(())
    }

    fn sums_of_postgres(&self, database: &str) -> Result<String> {
        process::output(self.postgres.client(database).arg(script("sums.postgres.sql")))
    }

    /// Sorted by bytes, so that the same rows give the same sum in whatever order they lie.
    fn every_row(&self, database: &str) -> Result<String> {
        let sums = "SELECT place, count(*), md5(string_agg(md5(shown), '' ORDER BY shown COLLATE \"C\")) FROM every_row \
                    GROUP BY place ORDER BY place COLLATE \"C\"";
        process::output(self.postgres.client(database).arg(script("every_row.sql")).args(["--command", sums]))
    }

    fn file(&self) -> PathBuf {
        self.folder.file("middle.db")
    }

    fn log(&self) -> PathBuf {
        self.folder.file("log")
    }
}

/// An argument of psql.
fn script(name: &str) -> String {
    format!("--file={}", place(name).display())
}

/// An argument of mariadb.
fn source(name: &str) -> String {
    format!("--execute=source {}", place(name).display())
}

fn place(name: &str) -> PathBuf {
    tree::root().join(Path::new("crates/engine/tests/brands")).join(name)
}

/// Tables and rows of lines `TABLE|ROWS|SUM`.
fn counts(sums: &str) -> Result<Vec<(String, u64)>> {
    let of = |line: &str| {
        let mut words = line.split('|');
        Some((words.next()?.to_string(), words.next()?.parse().ok()?))
    };
    let counts: Option<Vec<_>> = sums.lines().map(of).collect();
    counts.ok_or_else(|| format!("these are no sums:\n{sums}").into())
}

fn same(whose: &str, wanted: &str, found: &str) -> Result<()> {
    if wanted.trim() == found.trim() {
        return Ok(());
    }
    Err(format!("{whose} holds something else; wanted and found are\n{}\n{}", wanted.trim(), found.trim()).into())
}
