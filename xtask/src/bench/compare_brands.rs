//! Comparing equal tables of two brands, by an integer key and by a text key.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use syncline_rig::Brand;

use super::ends::{Ends, SOURCE};
use super::orders::TABLE;
use super::race::{Race, Side};
use super::report::Report;
use super::{Setting, product, tools};
use crate::failure::Result;

const TWIN: &str = "twin";

/// The keys, what is wanted for each, and how the lines are called.
const KEYS: &[Key] = &[
    Key {
        column: "id",
        wanted: "≥ 500 000 rows/s",
        brand: Brand::Mariadb,
        reladiff: "integer key: reladiff, PostgreSQL and MariaDB",
        mariadb: "integer key: PostgreSQL and MariaDB",
        sqlite: "integer key: PostgreSQL and SQLite",
    },
    Key {
        column: "reference",
        wanted: "≥ 150 000 rows/s",
        // It takes no text of MariaDB for a key.
        brand: Brand::Postgres,
        reladiff: "text key: reladiff, PostgreSQL twice",
        mariadb: "text key: PostgreSQL and MariaDB",
        sqlite: "text key: PostgreSQL and SQLite",
    },
];

struct Key {
    column: &'static str,
    wanted: &'static str,
    /// What reladiff compares PostgreSQL with.
    brand: Brand,
    reladiff: &'static str,
    mariadb: &'static str,
    sqlite: &'static str,
}

pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let program = tools::reladiff()?;
    println!("bench: {}", tools::version(&program, "--version"));
    let ends = Ends::start(setting)?;
    let file = ends.source.to_string_lossy().into_owned();
    let (postgres, mariadb) = (ends.postgres.url(SOURCE), ends.mariadb.url(SOURCE));
    let nothing = || Ok(());
    for rows in &setting.rows {
        for key in KEYS {
            ends.fill(key.column, *rows)?;
            twin(&ends)?;
            let log = setting.folder.file("log");
            let (equal, same) = (|| said_equal(&log), || said_no_difference(&log));
            let against = [(key.reladiff, "≥ 2")];
            let sides = [
                Side::new(key.reladiff, &nothing, || reladiff(&program, &ends, key), &same),
                Side::new(key.mariadb, &nothing, || product::compare_urls(&postgres, &mariadb), &equal)
                    .ours(&against)
                    .wanted(key.wanted),
                Side::new(key.sqlite, &nothing, || product::compare_urls(&postgres, &file), &equal)
                    .ours(&against)
                    .wanted(key.wanted),
            ];
            Race::new(setting, *rows, "equal", &ends.places()).run(&sides, report)?;
        }
    }
    Ok(())
}

/// The same rows in a second database of PostgreSQL.
fn twin(ends: &Ends) -> Result<()> {
    ends.postgres.execute("postgres", &format!("DROP DATABASE IF EXISTS {TWIN}"))?;
    ends.postgres.execute("postgres", &format!("CREATE DATABASE {TWIN} TEMPLATE {SOURCE}")).map(drop)
}

/// Checksums of parts, made by the servers; as many at a time as there are processors.
fn reladiff(program: &Path, ends: &Ends, key: &Key) -> Command {
    let postgres = |database| ends.postgres.address().url(database).replace("postgres:", "postgresql:");
    let other = match key.brand {
        Brand::Postgres => postgres(TWIN),
        Brand::Mariadb => ends.mariadb.address().url(SOURCE).replace("mariadb:", "mysql:"),
    };
    let mut command = Command::new(program);
    command.args([&postgres(SOURCE), TABLE, &other, TABLE]);
    command.args(["--key-columns", key.column, "--columns", "%", "--stats", "--threads", "2"]);
    command
}

/// The command's own exit code says it, too.
pub fn said_equal(log: &PathBuf) -> Result<String> {
    let said = read(log)?;
    Ok(if said.lines().any(|line| line.starts_with("equal")) { "equal".into() } else { said })
}

fn said_no_difference(log: &PathBuf) -> Result<String> {
    let said = read(log)?;
    let none = |what: &str| said.lines().any(|line| line.starts_with("0 rows ") && line.contains(what));
    let all = ["exclusive to table A", "exclusive to table B", "updated"].into_iter().all(none);
    Ok(if all { "equal".into() } else { said })
}

fn read(log: &PathBuf) -> Result<String> {
    Ok(fs::read_to_string(log).map_err(|err| format!("cannot read {}: {err}", log.display()))?)
}
