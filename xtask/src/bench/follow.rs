//! A followed SQLite file: how fast a backlog of changes reaches a sink of each brand, against the same changes as
//! statements by the brand's own program in one transaction.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ends::{Ends, SINK};
use super::measure::{self, Run};
use super::orders::WIDE;
use super::report::{Report, grouped, speed};
use super::servers::{self, path, shell, words};
use super::{Setting, data, product};
use crate::failure::Result;
use crate::process;

/// How many changes the application commits at a time.
const TRANSACTION: u64 = 1000;

/// One brand's end of the race.
struct Side<'a> {
    name: &'static str,
    job: &'static str,
    wanted: &'static str,
    /// The brand's own program, which reads statements from that file.
    statements: Box<dyn Fn(&Path) -> Command + 'a>,
    /// Brings the sink to where it holds nothing.
    empty: Box<dyn Fn() -> Result<()> + 'a>,
    /// What the sink's own program says of what is there.
    check: Box<dyn Fn() -> Result<String> + 'a>,
}

pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let ends = Ends::start(setting)?;
    for rows in &setting.rows {
        ends.fill("id", *rows)?;
        race(setting, &ends, *rows, report)?;
    }
    Ok(())
}

fn race(setting: &Setting, ends: &Ends, rows: u64, report: &mut Report) -> Result<()> {
    let sides = sides(ends);
    let config = config(setting, ends)?;
    for side in &sides {
        (side.empty)()?;
        process::output(&mut job(&config, side.job))?;
    }
    println!("bench: changing {} rows at the source, while nothing runs", grouped(rows));
    let changes = setting.folder.file("changes.sql");
    write_changes(&changes, rows, "+00:00", TRANSACTION)?;
    process::output(&mut read_by_sqlite3(&ends.source, &changes))?;
    let truth = super::orders::fingerprint_of_file(&ends.source)?;
    for side in &sides {
        let ours = once(setting, ends, &truth, side, &mut job(&config, side.job))?;
        let name = format!("into {}", side.name);
        report.line(rows, &name, format!("{}, {}", speed(rows, &[ours]), peak(ours)), side.wanted);
        // The same from the same rows: the sink is loaded by ourselves again, and then left to the brand's program.
        (side.empty)()?;
        process::output(&mut product::copy_urls(&before(ends), &url(ends, side.job)))?;
        let zone = if side.job == "sqlite" { "+00:00" } else { "" };
        write_changes(&changes, rows, zone, u64::MAX)?;
        let theirs = once(setting, ends, &truth, side, &mut (side.statements)(&changes))?;
        report.line(rows, &format!("{}: statements by its own program", side.name), speed(rows, &[theirs]), "");
        report.line(rows, &format!("{name}: ratio to them"), format!("{:.2}", theirs.wall_s / ours.wall_s), "");
    }
    Ok(())
}

fn once(setting: &Setting, ends: &Ends, truth: &str, side: &Side, command: &mut Command) -> Result<Run> {
    servers::settle(&ends.places())?;
    let servers: Vec<u32> = ends.places().iter().filter_map(|place| place.process()).collect();
    let run = measure::run_beside(command, &setting.folder.file("log"), &servers)?;
    let found = (side.check)()?;
    if found.trim() != truth.trim() {
        return Err(format!("{}: wanted and found are\n{truth}\n{found}", side.name).into());
    }
    Ok(run)
}

fn peak(run: Run) -> String {
    format!("peak {:.1} MB", run.peak_kib as f64 * 1024.0 / 1e6)
}

fn sides(ends: &Ends) -> [Side<'_>; 3] {
    [
        Side {
            name: "PostgreSQL",
            job: "postgres",
            wanted: "≥ 60 000 changes/s",
            statements: Box::new(|file| shell(&format!("{} < {}", words(&ends.postgres.client(SINK)), path(file)))),
            empty: Box::new(|| ends.postgres_sink(WIDE)),
            check: Box::new(|| ends.check_postgres()),
        },
        Side {
            name: "MariaDB",
            job: "mariadb",
            wanted: "≥ 60 000 changes/s",
            statements: Box::new(|file| shell(&format!("{} < {}", words(&ends.mariadb.client(SINK)), path(file)))),
            empty: Box::new(|| ends.mariadb_sink(WIDE)),
            check: Box::new(|| ends.check_mariadb()),
        },
        Side {
            name: "SQLite",
            job: "sqlite",
            wanted: "≥ 100 000 changes/s",
            statements: Box::new(|file| read_by_sqlite3(&ends.sink, file)),
            empty: Box::new(|| ends.sqlite_sink()),
            check: Box::new(|| ends.check_sqlite()),
        },
    ]
}

fn url(ends: &Ends, job: &str) -> String {
    match job {
        "postgres" => ends.postgres.url(SINK),
        "mariadb" => ends.mariadb.url(SINK),
        _ => ends.sink.to_string_lossy().into_owned(),
    }
}

/// The rows as they were before the changes.
fn before(ends: &Ends) -> String {
    ends.mariadb.url(super::ends::SOURCE)
}

fn config(setting: &Setting, ends: &Ends) -> Result<PathBuf> {
    let file = setting.folder.file("follow.yaml");
    let mut text = format!("version: 1\nconnections:\n  source: \"sqlite:{}\"\n", ends.source.display());
    let mut jobs = String::new();
    for job in ["postgres", "mariadb", "sqlite"] {
        let url = url(ends, job);
        let url = if job == "sqlite" { format!("sqlite:{url}") } else { url };
        text.push_str(&format!("  to_{job}: \"{url}\"\n"));
        jobs.push_str(&format!("  {job}: {{from: source, to: to_{job}, capture: trigger, install: auto}}\n"));
    }
    fs::write(&file, format!("{text}jobs:\n{jobs}"))
        .map_err(|err| format!("cannot write {}: {err}", file.display()))?;
    Ok(file)
}

fn job(config: &Path, name: &str) -> Command {
    let mut command = product::syncline();
    command.args(["run", name, "--config"]).arg(config);
    command
}

pub fn read_by_sqlite3(database: &Path, file: &Path) -> Command {
    let mut command = data::sqlite3(database);
    command.arg(format!(".read '{}'", file.display()));
    command
}

/// Half of the changes are updates of two kinds, three of ten are inserts, two of ten are deletes; all are mixed. No row
/// that is deleted is changed before, and every change finds its row.
fn write_changes(file: &Path, rows: u64, zone: &str, transaction: u64) -> Result<()> {
    let cannot = |err| format!("cannot write {}: {err}", file.display());
    let mut out = std::io::BufWriter::new(fs::File::create(file).map_err(cannot)?);
    let (mut inserts, mut deletes, mut updates) = (0, 0, 0);
    let kept = (rows - rows / 5).max(1);
    for i in 0..rows {
        if i % transaction == 0 {
            writeln!(out, "{}BEGIN;", if i > 0 { "COMMIT;\n" } else { "" }).map_err(cannot)?;
        }
        let n = i * 7919 % 1_000_003;
        let line = match i % 10 {
            1 | 5 | 7 => {
                inserts += 1;
                let id = rows + inserts;
                format!(
                    "INSERT INTO sales_order VALUES ({id}, {n}, 'SO-{id:09}', {}.{:02}, {}, 'Kundin {n} läutet', \
                     '2011-11-14 22:{:02}:20.123', '2011-12-01 00:{:02}:00.456{zone}', '2011-11-14', '{}');",
                    n % 9000,
                    n % 100,
                    n % 1000,
                    n % 60,
                    n % 60,
                    n % 2
                )
            }
            3 | 9 => {
                deletes += 1;
                format!("DELETE FROM sales_order WHERE id = {};", deletes * 5)
            }
            _ => {
                updates += 1;
                let u = updates * 7919 % kept;
                let id = u / 4 * 5 + u % 4 + 1;
                let set = match updates % 2 {
                    0 => format!("amount = {}.{:02}, quantity = {}", n % 9000, n % 100, n % 999),
                    _ => format!("note = 'neu {n}', paid_at = '2012-01-01 00:00:{:02}.789{zone}'", n % 60),
                };
                format!("UPDATE sales_order SET {set} WHERE id = {id};")
            }
        };
        writeln!(out, "{line}").map_err(cannot)?;
    }
    writeln!(out, "COMMIT;").map_err(cannot)?;
    Ok(())
}
