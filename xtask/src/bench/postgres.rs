//! PostgreSQL to PostgreSQL, against the two programs that people use for it.
//!
//! The target table is the same on both sides of a race: its key is either there before the rows come, or built when
//! they are in. The product has no form without a key; that yardstick says only what the key costs.

use std::process::Command;

use syncline_rig::Brand;

use super::orders::{self, OWN, Shape, TABLE};
use super::race::{Race, Side};
use super::report::Report;
use super::servers::{self, Place, shell, words};
use super::{Setting, measure, product, tools};
use crate::failure::Result;

const SOURCE: &str = "source";
const INDEXED: &str = "indexed";
const SINK: &str = "sink";

const KEYLESS: &str = "psql to psql, no key";
const AFTER: &str = "psql to psql, key after";
const BEFORE: &str = "psql to psql, key before";

pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let place = Place::start(Brand::Postgres)?;
    for rows in &setting.rows {
        orders::generate(&place, SOURCE, OWN, *rows)?;
        let truth = orders::fingerprint(&place, SOURCE)?;
        one_connection(&place, &Race::new(setting, *rows, &truth, &[&place]), setting, report)?;
        with_indexes(&place, setting, *rows, report)?;
    }
    Ok(())
}

/// One table with its primary key.
fn one_connection(place: &Place, race: &Race, setting: &Setting, report: &mut Report) -> Result<()> {
    let (source, sink) = (place.url(SOURCE), place.url(SINK));
    let job = product::filtered_job(setting, &source, &sink)?;
    let (copy, cells) = (|| product::copy_urls(&source, &sink), || product::run_job(&job));
    let empty = || place.anew(SINK);
    let prepared = || create(place, OWN);
    let keyless = || create(place, Shape { key: None, ..OWN });
    let check = || orders::fingerprint(place, SINK);
    let sides = [
        Side::new(KEYLESS, &keyless, || piped(place, "", "", ""), &check),
        Side::new(AFTER, &empty, || key_after(place), &check),
        Side::new("syncline undecoded, key after", &empty, copy, &check).ours(&[(AFTER, "≥ 0.9"), (KEYLESS, "")]),
        Side::new("syncline through cells, key after", &empty, cells, &check).ours(&[(AFTER, "≥ 0.75"), (KEYLESS, "")]),
        Side::new(BEFORE, &prepared, || piped(place, "", "", ""), &check),
        Side::new("syncline undecoded, key before", &prepared, copy, &check).ours(&[(BEFORE, "≥ 0.9")]),
        Side::new("syncline through cells, key before", &prepared, cells, &check).ours(&[(BEFORE, "≥ 0.75")]),
    ];
    race.run(&sides, report)
}

fn create(place: &Place, shape: Shape) -> Result<()> {
    place.anew(SINK)?;
    place.execute(SINK, &orders::create_postgres(shape)).map(drop)
}

/// Table, rows and key in one transaction, as the product does it; so the rows are written as frozen ones.
fn key_after(place: &Place) -> Command {
    let create = orders::create_postgres(Shape { key: None, ..OWN });
    piped(place, &create, ", FREEZE", &format!("ALTER TABLE {TABLE} ADD PRIMARY KEY (id)"))
}

fn piped(place: &Place, before: &str, options: &str, after: &str) -> Command {
    let out = place.statement(SOURCE, &format!("COPY {TABLE} TO STDOUT (FORMAT binary)"));
    let mut into = place.client(SINK);
    into.arg("--single-transaction");
    let load = format!("COPY {TABLE} FROM STDIN (FORMAT binary{options})");
    for sql in [before, &load, after].into_iter().filter(|sql| !sql.is_empty()) {
        into.args(["--command", sql]);
    }
    shell(&format!("{} | {}", words(&out), words(&into)))
}

/// A whole database: the table with its key, a unique constraint and two indexes, all of it built at the sink.
fn with_indexes(place: &Place, setting: &Setting, rows: u64, report: &mut Report) -> Result<()> {
    let program = tools::pgcopydb()?;
    println!("bench: {}", tools::version(&program, "--version"));
    place.execute("postgres", &format!("DROP DATABASE IF EXISTS {INDEXED}"))?;
    place.execute("postgres", &format!("CREATE DATABASE {INDEXED} TEMPLATE {SOURCE}"))?;
    let more = format!(
        "ALTER TABLE {TABLE} ADD UNIQUE (reference); CREATE INDEX ON {TABLE} (customer_id); \
         CREATE INDEX ON {TABLE} (ordered_at)"
    );
    place.execute(INDEXED, &more)?;
    let truth = with_number_of_indexes(place, INDEXED)?;
    let (source, sink) = (place.url(INDEXED), place.url(SINK));
    let empty = || place.anew(SINK);
    let check = || with_number_of_indexes(place, SINK);
    let notes = setting.folder.file("pgcopydb");
    let theirs = |jobs: &str| {
        let mut command = Command::new(&program);
        command.args(["clone", "--restart", "--source", &source, "--target", &sink, "--dir"]).arg(&notes);
        command.args(["--table-jobs", jobs, "--index-jobs", jobs]);
        // One table is read by several connections only if it is told to be large.
        if jobs != "1" {
            command.args(["--split-tables-larger-than", "16MB"])
        } else {
            &mut command
        };
        command
    };
    let (one, two) = ("pgcopydb, 1 job", "pgcopydb, 2 jobs");
    let wanted = [(one, "≥ 1"), (two, "≥ 1")];
    let sides = [
        Side::new(one, &empty, || theirs("1"), &check),
        Side::new(two, &empty, || theirs("2"), &check),
        Side::new("syncline with indexes", &empty, || product::copy_urls(&source, &sink), &check).ours(&wanted),
    ];
    Race::new(setting, rows, &truth, &[place]).run(&sides, report)?;
    // pgcopydb ends with this and cannot be told to leave it out.
    let mut vacuum = place.statement(SINK, &format!("VACUUM ANALYZE {TABLE}"));
    servers::settle(&[place])?;
    let run = measure::run(&mut vacuum, &setting.folder.file("log"))?;
    report.line(rows, "VACUUM ANALYZE alone, which pgcopydb adds", format!("{:.2} s", run.wall_s), "");
    Ok(())
}

fn with_number_of_indexes(place: &Place, database: &str) -> Result<String> {
    let count = "SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'";
    Ok(format!("{}{} indexes", orders::fingerprint(place, database)?, place.execute(database, count)?.trim()))
}
